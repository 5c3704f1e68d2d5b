//! Goal: what a real server answered, repeated, changed and cut, is counted once, and what it did
//! is told. Method: its recorded answers through the real parser, read in several ways.

use std::collections::BTreeSet;

use billow::finding::FindingState;
use billow::finding::decision::{Decision, decide};
use billow::money::Exact;
use billow::period::Span;
use serde_json::Value;

use super::world::{World, amounts, billed, page, span};
use crate::on_both_engines;

fn recorded(name: &str) -> Vec<Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/recorded/cloudstack")
        .join(name);
    let text = std::fs::read_to_string(&path).expect("a recorded answer");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    answer["listusagerecordsresponse"]["usagerecord"].as_array().expect("rows").clone()
}

fn bytes(name: &str) -> Vec<Vec<u8>> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/recorded/cloudstack")
        .join(name);
    vec![std::fs::read(path).expect("a recorded answer")]
}

fn owners(rows: &[Value]) -> Vec<String> {
    let ids: BTreeSet<String> = rows
        .iter()
        .filter_map(|row| row["projectid"].as_str().or_else(|| row["accountid"].as_str()))
        .map(str::to_owned)
        .collect();
    ids.into_iter().collect()
}

fn window1() -> Span {
    span("2026-11-22T16:10:00Z", "2026-11-22T16:20:00Z")
}

fn window2() -> Span {
    span("2026-11-22T16:20:00Z", "2026-11-22T16:30:00Z")
}

fn day(day: u8) -> Span {
    let from = format!("2026-11-{day}T00:00:00Z");
    span(&from, &format!("2026-11-{}T00:00:00Z", day + 1))
}

/// A fixed shuffle, other page cuts, and the other form of dates.
fn disguised(mut rows: Vec<Value>, seed: u64) -> Vec<Vec<u8>> {
    let mut state = seed;
    for index in (1..rows.len()).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).expect("fits") % (index + 1);
        rows.swap(index, other);
    }
    for row in &mut rows {
        for field in ["startdate", "enddate"] {
            let text =
                row[field].as_str().expect("a date").replace('T', "'T'").replace("+0000", "+00:00");
            row[field] = Value::String(text);
        }
        let quantity = row["rawusage"].as_str().expect("a quantity").replace('.', ",");
        row["rawusage"] = Value::String(quantity);
    }
    let cut = 17 + usize::try_from(seed % 40).expect("fits");
    rows.chunks(cut).map(page).collect()
}

const FIRST: &str = "usage-10min-real-time/window1.all.json";
const SECOND: &str = "usage-10min-real-time/window1.all.read-again-after-window2.json";
const THIRD: &str = "usage-10min-real-time/window1.all.read-again-after-window3.json";
const OTHER: &str = "usage-10min-real-time/window2.all.json";
const OTHER_AGAIN: &str = "usage-10min-real-time/window2.all.read-again-after-window3.json";

/// 105, then 210, then 315 records of one window: nothing that was there is added again.
async fn read_in_turn(world: &World) {
    let first = world.read(window1(), bytes(FIRST)).await;
    assert_eq!((first.rows, first.records, first.duplicates), (105, 105, 0));
    world.read(window2(), bytes(OTHER)).await;
    let second = world.read(window1(), bytes(SECOND)).await;
    assert_eq!((second.rows, second.records), (210, 1), "the bucket's record came late");
    let third = world.read(window1(), bytes(THIRD)).await;
    assert_eq!((third.rows, third.records), (315, 0));
    world.read(window2(), bytes(OTHER_AGAIN)).await;
}

on_both_engines! {
    async fn a_window_repeated_by_the_server_counts_once(db: Db) {
        let world = World::new(db);
        read_in_turn(&world).await;
        let owners = owners(&recorded(THIRD));
        assert_eq!(world.billable(&owners).await.len(), 106 + 112);
        assert_eq!(world.findings("repeated_window").await.len(), 2);
        assert_eq!(world.findings("copy_or_part").await.len(), 0);
        // The bucket's counter had been set up anew: a doubt, not a second record.
        let changed = world.findings("changed_on_reread").await;
        assert!(changed.iter().all(|finding| finding.meter == "bucket"), "{changed:?}");
        assert_eq!(changed.len(), 2);
        assert!(changed.iter().all(|finding| finding.state == FindingState::Open));
        // Again, to the byte: nothing at all.
        let again = world.read(window1(), bytes(THIRD)).await;
        assert_eq!((again.records, again.findings), (0, 0));
    }
}

on_both_engines! {
    async fn the_same_bill_when_the_first_read_is_the_one_with_315_records(db: Db) {
        let world = World::new(crate::support::db::sqlite().await);
        read_in_turn(&world).await;
        let owners = owners(&recorded(THIRD));
        let expected = amounts(&world.billable(&owners).await);

        let late = World::new(db);
        let all = late.read(window1(), bytes(THIRD)).await;
        assert_eq!((all.rows, all.records), (315, 106));
        late.read(window2(), bytes(OTHER_AGAIN)).await;
        assert_eq!(amounts(&late.billable(&owners).await), expected);
        assert_eq!(late.open().await, world.open().await);
        // One VPN user was deleted between the readings: late, it has no id any more.
        let nameless = late.all(&owners).await;
        let nameless = nameless.iter().filter(|record| record.key.resource.is_empty());
        assert_eq!(nameless.map(|one| one.key.meter.as_str()).collect::<Vec<_>>(), ["vpn_user"; 2]);
        // Reading the smaller answer after the greater one changes nothing either.
        late.read(window1(), bytes(FIRST)).await;
        assert_eq!(amounts(&late.billable(&owners).await), expected);
    }
}

/// Shuffled, in other pages, in the other date form, with a decimal comma: the same records.
#[tokio::test]
async fn order_pages_and_dates_do_not_matter() {
    let world = World::new(crate::support::db::sqlite().await);
    read_in_turn(&world).await;
    let owners = owners(&recorded(THIRD));
    let expected = amounts(&world.billable(&owners).await);
    for seed in 1..6 {
        let other = World::new(crate::support::db::sqlite().await);
        for (window, names) in [
            (window1(), vec![THIRD]),
            (window2(), vec![OTHER_AGAIN]),
            (window1(), vec![SECOND, FIRST]),
        ] {
            for name in names {
                other.read(window, disguised(recorded(name), seed)).await;
            }
        }
        assert_eq!(amounts(&other.billable(&owners).await), expected, "seed {seed}");
        assert_eq!(other.open().await, world.open().await, "seed {seed}");
        let again = other.read(window1(), disguised(recorded(THIRD), seed + 100)).await;
        assert_eq!((again.records, again.findings), (0, 0), "seed {seed}");
    }
}

const DAY_19: &str = "usage-daily/day-19.all.json";
const DAY_19_LATE: &str = "usage-daily/day-19.all.read-again-after-late-events.json";
const DAY_20: &str = "usage-daily/day-20.all.json";
const DAY_20_LATE: &str = "usage-daily/day-20.all.read-again-after-late-events.json";
const DAY_21: &str = "usage-daily/day-21.all.json";
const DAY_21_MOVED: &str = "usage-daily/day-21.all.read-again-after-volume-migration.json";

async fn read_days(world: &World) -> Vec<String> {
    world.read(day(19), bytes(DAY_19)).await;
    world.read(day(20), bytes(DAY_20)).await;
    let owners = owners(&[recorded(DAY_19), recorded(DAY_20), recorded(DAY_21)].concat());
    let before = billed(&world.billable(&owners).await);
    world.read(day(19), bytes(DAY_19_LATE)).await;
    world.read(day(20), bytes(DAY_20_LATE)).await;
    assert_eq!(billed(&world.billable(&owners).await), before, "late events add nothing");
    world.read(day(21), bytes(DAY_21)).await;
    owners
}

on_both_engines! {
    async fn late_events_are_a_finding_with_the_corrected_quantity(db: Db) {
        let world = World::new(db);
        let owners = read_days(&world).await;
        assert_eq!(world.findings("repeated_part").await.len(), 1);
        let fragments = world.findings("fragment").await;
        let running: Vec<_> =
            fragments.iter().filter(|finding| finding.meter == "vm_running").collect();
        let [web1] = running.as_slice() else { panic!("{running:?}") };
        assert_eq!(web1.state, FindingState::Open);
        assert_eq!(web1.detail["reported"], "23.84");
        assert_eq!(web1.detail["fragment"], "2");
        assert_eq!(web1.detail["corrected"], "21.84");
        // The bucket's level is the only other one that differs.
        let others: Vec<&str> = fragments.iter().map(|one| one.meter.as_str()).collect();
        assert_eq!(others.len(), 2, "{others:?}");
        assert!(others.contains(&"bucket"));

        let hours = |records: &[billow::collect::record::StoredRecord]| {
            let of = records.iter().filter(|record| {
                record.key.resource == web1.resource
                    && record.key.meter == "vm_running"
                    && record.key.from == day(19).from
            });
            of.map(|record| record.quantity.clone()).collect::<Vec<Exact>>()
        };
        assert_eq!(hours(&world.billable(&owners).await), ["23.84".parse::<Exact>().expect("")]);
        let reason = "the stop was seen";
        decide(&world.app, &web1.id, Decision::Release, reason).await.expect("release");
        assert_eq!(hours(&world.billable(&owners).await), ["21.84".parse::<Exact>().expect("")]);
        // Reading all of it again, in other pages, neither adds nor doubts again.
        let count = world.open().await;
        let again = world.read(day(19), disguised(recorded(DAY_19_LATE), 7)).await;
        assert_eq!((again.records, again.findings), (0, 0));
        assert_eq!(world.open().await, count);
        let twice = decide(&world.app, &web1.id, Decision::Reject, "changed my mind").await;
        assert!(twice.expect_err("decided").to_string().contains("already"));
    }
}

on_both_engines! {
    async fn the_same_days_when_first_read_after_the_late_events(db: Db) {
        let world = World::new(crate::support::db::sqlite().await);
        let owners = read_days(&world).await;
        let late = World::new(db);
        for (window, name) in [(day(19), DAY_19_LATE), (day(20), DAY_20_LATE), (day(21), DAY_21)] {
            late.read(window, disguised(recorded(name), 3)).await;
        }
        let expected = amounts(&world.billable(&owners).await);
        assert_eq!(amounts(&late.billable(&owners).await), expected);
        assert_eq!(late.open().await, world.open().await);
    }
}

on_both_engines! {
    async fn records_that_lost_their_id_are_known_by_the_rest(db: Db) {
        let world = World::new(db);
        let owners = owners(&recorded(DAY_21));
        world.read(day(21), bytes(DAY_21)).await;
        let before = billed(&world.all(&owners).await);
        let moved = world.read(day(21), bytes(DAY_21_MOVED)).await;
        assert_eq!((moved.rows, moved.records), (121, 0));
        assert_eq!(billed(&world.all(&owners).await), before);
        let told = world.findings("lost_id").await;
        assert_eq!(told.len(), 1);
        assert!(told[0].message.starts_with("records came again without the id of their resource"));
        // When they are first seen without it, they are kept without it, each of them.
        let first = World::new(crate::support::db::sqlite().await);
        let read = first.read(day(21), bytes(DAY_21_MOVED)).await;
        assert_eq!((read.rows, read.records), (121, 121));
    }
}

on_both_engines! {
    async fn a_live_scale_that_lost_allocated_time_is_told(db: Db) {
        let world = World::new(db);
        world.read(day(20), bytes(DAY_20)).await;
        let found = world.findings("running_beyond_allocated").await;
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(one.detail["running"], "23.800001");
        assert_eq!(one.detail["allocated"], "8.4");
        assert_eq!(world.findings("overlap").await.len(), 0);
        assert_eq!(world.findings("longer_than_window").await.len(), 0);
    }
}
