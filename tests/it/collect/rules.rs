//! Goal: each rule finds what it is for, once, and nothing else. Method: a table of answers made
//! by hand, read through the real parser; boundaries on both sides.

use billow::collect::job::CollectRequest;
use billow::collect::job::collect;
use billow::finding::FindingState;
use billow::finding::decision::{Decision, decide};
use billow::jobs::lease;
use billow::orchestrator::InventoryItem;
use billow::period::Span;
use serde_json::{Value, json};

use super::world::{World, billed, page, seconds, span};
use crate::on_both_engines;

pub const OWNER: &str = "acme";

/// A row of a whole day, `changes` laid over it.
pub fn row(kind: i64, resource: &str, hours: &str, changes: Value) -> Value {
    let mut row = json!({
        "account": "acme", "accountid": OWNER, "zoneid": "z1", "usagetype": kind,
        "usageid": resource, "rawusage": hours, "description": "text", "tags": [],
        "startdate": "2026-11-19T00:00:00+0000", "enddate": "2026-11-19T23:59:59+0000",
    });
    for (key, value) in changes.as_object().expect("an object") {
        row[key] = value.clone();
    }
    row
}

pub fn day() -> Span {
    span("2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z")
}

pub fn network(hours: &str) -> Value {
    row(
        30,
        "",
        hours,
        json!({ "usageid": null,
        "description": "Network usage for network ID: 7, network offering: 3" }),
    )
}

pub fn late(kind: i64, resource: &str, hours: &str) -> Value {
    row(kind, resource, hours, json!({ "startdate": "2026-11-19T20:00:00+0000" }))
}

pub fn machine(id: &str, created: &str, removed: Option<&str>) -> InventoryItem {
    InventoryItem {
        owner: OWNER.to_owned(),
        meter: "vm_allocated".to_owned(),
        resource: id.to_owned(),
        name: id.to_owned(),
        created: Some(seconds(created)),
        removed: removed.map(seconds),
    }
}

/// Reads the rows twice, the second time cut into pages of one; gives what is open and counts.
#[track_caller]
fn check(
    name: &str,
    rows: Vec<Value>,
    inventory: Vec<InventoryItem>,
) -> std::pin::Pin<Box<dyn Future<Output = (Vec<String>, Vec<String>)>>> {
    let name = name.to_owned();
    Box::pin(async move {
        let world = World::new(crate::support::db::sqlite().await);
        world.show(|shown| shown.inventory = inventory);
        world.read(day(), vec![page(&rows)]).await;
        let before = world.open().await;
        let billable = world.billable(&[OWNER.to_owned()]).await;
        let pages = rows.iter().map(|row| page(std::slice::from_ref(row))).collect();
        world.read(day(), pages).await;
        assert_eq!(world.open().await, before, "{name}: read again");
        let again = world.billable(&[OWNER.to_owned()]).await;
        assert_eq!(billed(&again), billed(&billable), "{name}: read again");
        let mut quantities: Vec<String> =
            billable.iter().map(|one| format!("{} {}", one.key.meter, one.quantity)).collect();
        quantities.sort();
        (before.into_keys().collect(), quantities)
    })
}

async fn expect(name: &str, rows: Vec<Value>, rules: &[&str], counted: &[&str]) {
    let (found, quantities) = check(name, rows, Vec::new()).await;
    assert_eq!(found, rules, "{name}");
    assert_eq!(quantities, counted, "{name}");
}

#[tokio::test]
async fn quantities_and_windows() {
    let vm = |hours: &str| row(1, "vm1", hours, json!({}));
    expect("plain", vec![vm("24")], &[], &["vm_running 24"]).await;
    expect("a float's noise", vec![vm("24.000002")], &[], &["vm_running 24.000002"]).await;
    expect("one second over", vec![vm("24.000277")], &[], &["vm_running 24.000277"]).await;
    expect("two seconds over", vec![vm("24.000556")], &["longer_than_window"], &[]).await;
    expect("negative", vec![vm("-1")], &["rejected_record"], &[]).await;
    let nics = row(13, "", "48", json!({ "virtualmachineid": "vm1", "offeringid": "n" }));
    expect("two interfaces", vec![nics], &[], &["network_interface 48"]).await;
    let bytes = row(4, "r1", "99999999999999", json!({}));
    expect("bytes", vec![bytes], &[], &["network_sent 99999999999999"]).await;
    let unknown = row(99, "x", "5", json!({}));
    expect("unknown type", vec![unknown], &[], &["cloudstack_type_99 5"]).await;
    let other = row(1, "vm1", "12", json!({ "offeringid": "large" }));
    let small = row(1, "vm1", "12", json!({ "offeringid": "small" }));
    let both = &["vm_running 12", "vm_running 12"];
    expect("a change of offering is legal", vec![other.clone(), small], &[], both).await;
    let small = row(1, "vm1", "13", json!({ "offeringid": "small" }));
    expect("more than a day of both", vec![other, small], &["overlap"], &["vm_running 13"]).await;
}

#[tokio::test]
async fn rows_that_are_no_records() {
    for (name, changes, text) in [
        ("words", json!({ "rawusage": "a lot" }), "rawusage"),
        ("no quantity", json!({ "rawusage": null }), "rawusage is missing"),
        ("no start", json!({ "startdate": null }), "startdate is missing"),
        ("a strange date", json!({ "enddate": "yesterday" }), "enddate"),
        ("backwards", json!({ "enddate": "2026-11-18T00:00:00+0000" }), "before startdate"),
        ("nobody's", json!({ "accountid": null }), "accountid"),
    ] {
        let world = World::new(crate::support::db::sqlite().await);
        let rows = vec![row(1, "vm1", "24", changes), row(1, "vm2", "24", json!({}))];
        let report = world.read(day(), vec![page(&rows)]).await;
        assert_eq!((report.records, report.quarantined), (1, 1), "{name}");
        let found = world.findings("rejected_record").await;
        assert!(found[0].message.contains(text), "{name}: {}", found[0].message);
        let owner = if name == "nobody's" { "" } else { OWNER };
        assert_eq!(found[0].owner.id, owner, "{name}");
    }
}

#[tokio::test]
async fn copies_and_parts() {
    let vm = row(1, "vm1", "24", json!({}));
    let parts = vec![network("4"), network("0.5"), vm.clone()];
    let counted = &["network 0.5", "network 4", "vm_running 24"];
    expect("parts are added", parts.clone(), &[], counted).await;
    let twice = [parts.clone(), parts.clone()].concat();
    expect("repeated by the server", twice, &[], counted).await;
    let equal = vec![network("4"), network("4"), vm.clone()];
    let counted = &["network 4", "vm_running 24"];
    expect("equal parts or copies", equal.clone(), &["copy_or_part"], counted).await;
    let twice = [equal.clone(), equal.clone()].concat();
    expect("repeated with equal parts", twice, &["copy_or_part"], counted).await;
    let twin = row(6, "v1", "20", json!({ "virtualmachineid": "vm1" }));
    let volume = row(6, "v1", "24", json!({}));
    let counted = &["volume 20", "volume 24"];
    expect("an attachment's record is no overlap", vec![twin, volume], &[], counted).await;
    let first = row(29, "b1", "100", json!({}));
    let other = row(29, "b1", "200", json!({}));
    let rows = vec![other.clone(), first.clone(), first];
    expect("two levels", rows, &["changed_on_reread"], &["bucket 100"]).await;
    let _ = other;
}

#[tokio::test]
async fn fragments() {
    for (name, all, part, rules, corrected) in [
        ("agrees", "24", "4", &[][..], ""),
        ("agrees where it must", "23.84", "3.84", &[], ""),
        ("less than it must", "23.84", "2", &["fragment"], "21.84"),
        ("a second less", "24", "3.999723", &[], ""),
        ("two seconds less", "24", "3.999444", &["fragment"], "23.999444"),
        ("not in the window at all", "1", "2", &["fragment"], "2"),
        ("may be", "8", "3", &[], ""),
    ] {
        let world = World::new(crate::support::db::sqlite().await);
        world.read(day(), vec![page(&[row(1, "vm1", all, json!({}))])]).await;
        let rows = [row(1, "vm1", all, json!({})), late(1, "vm1", part)];
        let report = world.read(day(), vec![page(&rows)]).await;
        assert_eq!(report.records, 0, "{name}");
        let found: Vec<String> = world.open().await.into_keys().collect();
        assert_eq!(found, rules, "{name}");
        if let [finding] = world.findings("fragment").await.as_slice() {
            assert_eq!(finding.detail["corrected"], corrected, "{name}");
        }
    }
    let part = row(
        30,
        "",
        "4",
        json!({ "usageid": null, "startdate": "2026-11-19T20:00:00+0000",
        "description": "Network usage for network ID: 7, network offering: 3" }),
    );
    let rows = vec![network("8"), network("16"), part];
    expect("of parts", rows, &[], &["network 16", "network 8"]).await;
    let grown = vec![row(1, "vm1", "24", json!({})), late(1, "vm1", "4"), {
        let mut other = late(1, "vm1", "2");
        other["offeringid"] = json!("large");
        other
    }];
    expect("of another offering", grown, &["fragment"], &["vm_running 24"]).await;
    let sent = vec![row(4, "r1", "1000", json!({})), late(4, "r1", "1000")];
    expect("bytes that are in the whole", sent, &[], &["network_sent 1000"]).await;
    let sent = vec![row(4, "r1", "1000", json!({})), late(4, "r1", "1001")];
    expect("bytes beyond the whole", sent, &["fragment"], &["network_sent 1000"]).await;
}

#[tokio::test]
async fn inventory() {
    let vm = |id: &str, hours: &str| row(2, id, hours, json!({ "name": id }));
    let cases: [(&str, Vec<Value>, InventoryItem, &[&str]); 6] = [
        ("there", vec![vm("vm1", "24")], machine("vm1", "2026-11-01T00:00:00Z", None), &[]),
        (
            "no record",
            vec![vm("vm1", "24")],
            machine("vm2", "2026-11-19T00:00:00Z", None),
            &["gap"],
        ),
        ("made later", vec![vm("vm1", "24")], machine("vm2", "2026-11-19T00:00:01Z", None), &[]),
        (
            "removed within",
            vec![vm("vm1", "24")],
            machine("vm2", "2026-11-01T00:00:00Z", Some("2026-11-19T23:00:00Z")),
            &[],
        ),
        (
            "removed before",
            vec![vm("vm1", "24")],
            machine("vm1", "2026-11-01T00:00:00Z", Some("2026-11-18T12:00:00Z")),
            &["ghost"],
        ),
        (
            "removed a moment before",
            vec![vm("vm1", "0.01")],
            machine("vm1", "2026-11-01T00:00:00Z", Some("2026-11-18T23:59:00Z")),
            &[],
        ),
    ];
    for (name, rows, item, rules) in cases {
        let (found, counted) = check(name, rows, vec![item]).await;
        assert_eq!(found, rules, "{name}");
        assert_eq!(counted.is_empty(), rules == ["ghost"], "{name}");
    }
}

on_both_engines! {
    async fn merged_machines_are_held_and_the_other_one_is_named(db: Db) {
        let world = World::new(db);
        let rows = [
            row(1, "vm-112", "48", json!({ "name": "big" })),
            row(2, "vm-112", "24", json!({ "name": "big" })),
            row(2, "vm-1121", "24", json!({ "name": "small" })),
        ];
        world.read(day(), vec![page(&rows)]).await;
        let found = world.findings("longer_than_window").await;
        assert!(found[0].message.contains("small (vm-1121)"), "{}", found[0].message);
        assert_eq!(world.billable(&[OWNER.to_owned()]).await.len(), 2);
        decide(&world.app, &found[0].id, Decision::Release, "checked").await.expect("release");
        assert_eq!(world.billable(&[OWNER.to_owned()]).await.len(), 3, "released, it counts");
    }
}

on_both_engines! {
    async fn corrections_are_proposed_and_taken_by_a_person(db: Db) {
        let world = World::new(db);
        let owners = [OWNER.to_owned()];
        world.read(day(), vec![page(&[row(1, "vm1", "20", json!({}))])]).await;
        world.read(day(), vec![page(&[row(1, "vm1", "21", json!({}))])]).await;
        world.read(day(), vec![page(&[row(1, "vm1", "22", json!({}))])]).await;
        let found = world.findings("changed_on_reread").await;
        assert_eq!(found.len(), 2);
        assert_eq!(world.billable(&owners).await[0].quantity.to_string(), "20");
        let of = |later: &str| {
            found.iter().find(|one| one.detail["later"] == later).expect("it").id.clone()
        };
        decide(&world.app, &of("22"), Decision::Release, "seen in the events").await.expect("22");
        assert_eq!(world.billable(&owners).await[0].quantity.to_string(), "22");
        decide(&world.app, &of("21"), Decision::Reject, "replaced").await.expect("21");
        // All three are known quantities now: read in any form, they doubt nothing.
        for hours in ["20", "21", "22"] {
            let rows = [row(1, "vm1", hours, json!({})), row(1, "vm2", hours, json!({}))];
            world.read(day(), vec![page(&rows)]).await;
        }
        let open: usize = world.open().await.values().sum();
        assert_eq!(open, 2, "those of vm2 alone");
        let reasonless = decide(&world.app, &of("21"), Decision::Release, " ").await;
        assert!(reasonless.expect_err("a reason").to_string().contains("needs a reason"));
    }
}

on_both_engines! {
    async fn a_round_reads_whole_windows_and_goes_on_after_an_outage(db: Db) {
        let world = World::new(db);
        let days = |from: u8, until: u8| -> Vec<Span> {
            (from..until)
                .map(|day| {
                    let text = |day: u8| format!("2026-11-{day:02}T00:00:00Z");
                    span(&text(day), &text(day + 1))
                })
                .collect()
        };
        world.show(|shown| {
            shown.windows.insert(day(), vec![page(&[row(1, "vm1", "24", json!({}))])]);
            shown.broken = days(20, 21);
        });
        let error = world.collect().await.expect_err("the 20th is broken");
        assert!(error.to_string().contains("not available (HTTP 503)"), "{error:#}");
        let state = world.state().await.expect("a state");
        assert_eq!(state.collected_until, seconds("2026-11-20T00:00:00Z"));
        assert!(state.last_error.is_some_and(|text| text.contains("503")));
        world.show(|shown| {
            shown.broken.clear();
            shown.asked.clear();
        });
        let report = world.collect().await.expect("all well");
        assert_eq!((report.windows, report.records, report.duplicates), (4, 0, 1));
        assert_eq!(report.lag_seconds, 86_400);
        let asked = world.source.shown.lock().expect("lock").asked.clone();
        assert_eq!(asked, days(18, 22), "the 22nd is not closed yet");
        let state = world.state().await.expect("a state");
        assert_eq!(state.collected_until, seconds("2026-11-22T00:00:00Z"));
        assert_eq!(state.last_error, None);

        let held = lease::take(&world.app.db, "collect:cs1", "another one").await.expect("lease");
        let error = world.collect().await.expect_err("held");
        assert!(error.to_string().contains("another one"), "{error:#}");
        lease::release(&world.app.db, held).await.expect("release");
        let again = CollectRequest {
            from: Some(seconds("2026-11-19T00:00:00Z")),
            until: Some(seconds("2026-11-19T12:00:00Z")),
        };
        let source = world.source.as_ref();
        let report = collect(&world.app, source, again, &|_| {}).await.expect("span");
        assert_eq!(report.windows, 0, "half a window is none");
        assert_eq!(report.collected_until, seconds("2026-11-22T00:00:00Z"));
    }
}

/// Days in the zone of the server's windows: 25 and 23 hours where the clock changes.
#[tokio::test]
async fn windows_follow_the_zone() {
    let world = World::new(crate::support::db::sqlite().await);
    world.show(|shown| {
        shown.zone = "Europe/Berlin".to_owned();
        shown.closed_until = seconds("2026-10-26T23:00:00Z");
    });
    let request = CollectRequest { from: Some(seconds("2026-10-23T22:00:00Z")), until: None };
    collect(&world.app, world.source.as_ref(), request, &|_| {}).await.expect("collect");
    let asked = world.source.shown.lock().expect("lock").asked.clone();
    let hours: Vec<i64> = asked.iter().map(|window| window.seconds() / 3_600).collect();
    assert_eq!(hours, [24, 25, 24]);
}

/// Hours one by one, but for the whole days among them where there are any.
#[tokio::test]
async fn whole_long_windows_are_read_at_once() {
    let world = World::new(crate::support::db::sqlite().await);
    for (until, expected) in [
        ("2026-10-22T03:00:00Z", vec![1, 1, 24, 24, 1, 1, 1]),
        ("2026-10-21T00:00:00Z", vec![1, 1, 24]),
        ("2026-10-20T23:00:00Z", vec![1; 25]),
    ] {
        world.show(|shown| {
            shown.asked.clear();
            shown.window_seconds = 3_600;
            shown.bulk_seconds = Some(86_400);
            shown.closed_until = seconds(until);
        });
        let request = CollectRequest { from: Some(seconds("2026-10-19T22:00:00Z")), until: None };
        collect(&world.app, world.source.as_ref(), request, &|_| {}).await.expect("collect");
        let asked = world.source.shown.lock().expect("lock").asked.clone();
        let hours: Vec<i64> = asked.iter().map(|window| window.seconds() / 3_600).collect();
        assert!(asked.windows(2).all(|pair| pair[0].until == pair[1].from), "{asked:?}");
        assert_eq!(hours, expected, "until {until}");
    }
}

on_both_engines! {
    async fn decisions_are_audited_and_bitemporal(db: Db) {
        let world = World::new(db);
        world.read(day(), vec![page(&[row(1, "vm1", "30", json!({}))])]).await;
        let before = jiff::Timestamp::from_second(seconds("2026-11-24T00:00:00Z")).expect("time");
        world.clock.set(before);
        let finding = world.findings("longer_than_window").await.remove(0);
        decide(&world.app, &finding.id, Decision::Release, "two machines").await.expect("release");
        let known = |at: &str| world.billable_at(OWNER, seconds(at));
        assert_eq!(known("2026-11-23T12:00:00Z").await.len(), 0, "as it was known then");
        assert_eq!(known("2026-11-24T12:00:00Z").await.len(), 1);
        let released = world.findings("longer_than_window").await.remove(0);
        assert_eq!(released.state, FindingState::Released);
    }
}
