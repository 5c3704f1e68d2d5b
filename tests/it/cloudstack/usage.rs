//! Goal: every recorded row becomes the right neutral record, and odd ones are kept as such.
//! Method: whole recorded windows, and tables of single rows.

use std::collections::{BTreeMap, BTreeSet};

use billow::collect::record::{RecordKind, UsageRecord, attribute};
use billow::meter::meter_of;
use billow::money::Exact;
use billow::orchestrator::cloudstack::CloudStack;
use billow::orchestrator::{Orchestrator, OrchestratorError, ParsedRecord, RawPage};
use billow::period::Span;
use serde_json::{Value, json};

use super::support::{adapter, recorded};

fn any() -> CloudStack {
    adapter("http://127.0.0.1:9/client/api", "key", "secret")
}

fn page(body: Vec<u8>) -> RawPage {
    RawPage { request: "command=listUsageRecords".to_owned(), page: 1, body }
}

fn parse(body: Vec<u8>) -> Vec<ParsedRecord> {
    any().parse_usage(&page(body)).expect("a page")
}

fn file(path: &str) -> Vec<UsageRecord> {
    let parsed = parse(recorded(path));
    parsed.into_iter().map(|row| row.outcome.expect("a record")).collect()
}

/// A row of a running machine, with some fields changed; `null` takes one away.
fn row(changes: Value) -> ParsedRecord {
    let mut row = json!({
        "accountid": "a", "account": "A", "domainid": "d", "zoneid": "z", "usagetype": 1,
        "rawusage": "24", "usageid": "vm", "virtualmachineid": "vm", "offeringid": "o",
        "description": "vm running time (ServiceOffering: 1) (Template: 2)", "cpunumber": 2,
        "startdate": "2026-11-19T00:00:00+0000", "enddate": "2026-11-19T23:59:59+0000",
    });
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            row.as_object_mut().expect("an object").remove(name);
        } else {
            row[name] = value.clone();
        }
    }
    let answer = json!({ "listusagerecordsresponse": { "count": 1, "usagerecord": [row] } });
    parse(answer.to_string().into_bytes()).remove(0)
}

fn record(changes: Value) -> UsageRecord {
    row(changes).outcome.expect("a record")
}

/// Key of a record as it is stored, without its quantity.
fn key(record: &UsageRecord) -> (String, String, String, i64, i64, String) {
    (
        record.owner.id.clone(),
        record.meter.clone(),
        record.resource.clone(),
        record.span.from,
        record.span.until,
        record.identity.clone(),
    )
}

const WINDOWS: [(&str, usize); 16] = [
    ("usage-10min-real-time/window1.all.json", 105),
    ("usage-10min-real-time/window1.all.oldformat.json", 105),
    ("usage-10min-real-time/window1.all.read-again-after-window2.json", 210),
    ("usage-10min-real-time/window1.all.read-again-after-window3.json", 315),
    ("usage-10min-real-time/window2.all.json", 112),
    ("usage-10min-real-time/window2.all.read-again-after-window3.json", 222),
    ("usage-10min-real-time/window3.all.json", 91),
    ("usage-daily/day-18.all.json", 2),
    ("usage-daily/day-19.all.json", 142),
    ("usage-daily/day-19.all.oldformat.json", 142),
    ("usage-daily/day-19.all.read-again-after-day-20.json", 142),
    ("usage-daily/day-19.all.read-again-after-late-events.json", 271),
    ("usage-daily/day-20.all.json", 145),
    ("usage-daily/day-20.all.read-again-after-late-events.json", 287),
    ("usage-daily/day-21.all.json", 121),
    ("usage-daily/day-21.all.read-again-after-volume-migration.json", 121),
];

#[test]
fn every_recorded_row_is_a_record_of_a_known_meter() {
    let mut meters = BTreeSet::new();
    for (path, rows) in WINDOWS {
        let body = recorded(path);
        let stated: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(stated["listusagerecordsresponse"]["count"], rows, "{path}");
        let records = file(path);
        assert_eq!(records.len(), rows, "{path}");
        for record in records {
            assert!(meter_of(&record.meter).is_some(), "{path}: {}", record.meter);
            assert_eq!(record.identity.len(), 32, "{path}");
            assert!(!record.span.is_empty(), "{path}");
            meters.insert(record.meter);
        }
    }
    // All types of 1 to 14, 21 to 25 and 27 to 31 occur.
    assert_eq!(meters.len(), 24, "{meters:?}");
}

#[test]
fn each_row_of_a_single_read_is_a_key_of_its_own_but_for_parts_of_networks() {
    for path in [
        "usage-10min-real-time/window1.all.json",
        "usage-10min-real-time/window1.all.oldformat.json",
        "usage-daily/day-19.all.json",
        "usage-daily/day-19.all.oldformat.json",
        "usage-daily/day-20.all.json",
        "usage-daily/day-21.all.json",
    ] {
        let mut seen = BTreeMap::new();
        for row in parse(recorded(path)) {
            let additive = row.additive;
            let record = row.outcome.expect("a record");
            assert_eq!(additive, record.meter == "network", "{path}");
            let before = seen.insert(key(&record), record.quantity.clone());
            assert!(before.is_none() || additive, "{path}: {record:?} and {before:?}");
        }
    }
}

#[test]
fn windows_read_again_have_no_new_records_but_of_what_is_read_at_job_time() {
    let first = parse(recorded("usage-10min-real-time/window1.all.json"));
    let disguises: BTreeSet<_> = first.iter().filter_map(|row| row.disguise.clone()).collect();
    let keys: BTreeSet<_> =
        first.iter().map(|row| key(row.outcome.as_ref().expect("a record"))).collect();
    let mut lost = BTreeSet::new();
    for again in ["window2", "window3"] {
        let path = format!("usage-10min-real-time/window1.all.read-again-after-{again}.json");
        for row in parse(recorded(&path)) {
            let record = row.outcome.expect("a record");
            if record.resource.is_empty() {
                assert!(row.disguise.is_some_and(|one| disguises.contains(&one)), "{again}");
                lost.insert(record.meter);
            } else {
                let new = !keys.contains(&key(&record));
                assert!(!new || record.meter == "bucket", "{again}: {record:?}");
            }
        }
    }
    // The VPN user was deleted for good between the readings.
    assert_eq!(lost, BTreeSet::from(["vpn_user".to_owned()]));
}

#[test]
fn rules_and_users_that_lose_their_id_are_known_by_their_number() {
    for (number, text, other) in [
        (6, "Volume Id: 15 usage time (Template: 111)", "Volume Id: 1 usage time"),
        (9, "Snapshot Id:2 Size:(0 bytes) 0", "Snapshot Id:3 Size:(0 bytes) 0"),
        (10, "Security Group: 14 for Vm : 21 usage time", "Security Group: 1 for Vm : 21"),
        (11, "Load Balancing Policy: 3 usage time", "Load Balancing Policy: 4 usage time"),
        (12, "Port Forwarding Rule: 1 usage time", "Port Forwarding Rule: 2 usage time"),
        (14, "VPN User: anna, Id: 1 usage time", "VPN User: anna, Id: 2 usage time"),
        (24, "disk I/O write (bytes) for Vm: 8 and Volume: 7", "Vm: 8 and Volume: 8"),
    ] {
        let made = |id: Value, text: &str| {
            row(json!({ "usagetype": number, "usageid": id, "description": text }))
        };
        let first = made(json!("uuid"), text);
        let again = made(Value::Null, text);
        assert!(first.disguise.is_some(), "type {number}");
        assert_eq!(first.disguise, again.disguise, "type {number}");
        let resource = again.outcome.expect("a record").resource;
        assert_eq!(resource.is_empty(), number != 14, "type {number}");
        assert_ne!(first.disguise, made(Value::Null, other).disguise, "type {number}");
    }
}

#[test]
fn a_volume_that_lost_its_id_is_known_by_its_disguise() {
    let first = parse(recorded("usage-daily/day-21.all.json"));
    let again = parse(recorded("usage-daily/day-21.all.read-again-after-volume-migration.json"));
    let mut lost = 0;
    for (first, again) in first.iter().zip(&again) {
        assert_eq!(first.disguise, again.disguise, "row {}", first.index);
        let (first, again) = (first.outcome.as_ref(), again.outcome.as_ref());
        let (first, again) = (first.expect("a record"), again.expect("a record"));
        if first.resource != again.resource {
            assert_eq!(again.resource, "");
            assert_eq!(first.quantity, again.quantity);
            lost += 1;
        }
    }
    assert_eq!(lost, 6);
    // Whoever shares a disguise in one read is the same volume.
    let mut volumes: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for row in &first {
        if let (Some(disguise), Ok(record)) = (&row.disguise, &row.outcome) {
            volumes.entry(disguise.clone()).or_default().insert(record.resource.clone());
        }
    }
    assert!(!volumes.is_empty());
    assert!(volumes.values().all(|ids| ids.len() == 1), "{volumes:?}");
}

#[test]
fn both_formats_tell_the_same_but_for_names_and_what_only_one_has() {
    let new = file("usage-daily/day-19.all.json");
    let old = file("usage-daily/day-19.all.oldformat.json");
    for (new, old) in new.iter().zip(&old) {
        assert_eq!((&new.owner, &new.meter, new.span), (&old.owner, &old.meter, old.span));
        assert_eq!((&new.quantity, new.kind), (&old.quantity, old.kind));
        if new.meter != "vpn_user" {
            assert_eq!(new.resource, old.resource, "{}", new.meter);
        }
        if new.meter != "vm_snapshot" {
            assert_eq!(new.identity, old.identity, "{}", new.meter);
        }
    }
}

#[test]
fn types_have_their_resources_kinds_and_attributes() {
    let records = file("usage-daily/day-20.all.json");
    let of = |meter: &str| records.iter().find(|r| r.meter == meter).expect("a record");
    let has = |meter: &str, key: &str| of(meter).attributes.get(key).cloned();
    assert_eq!(of("network_sent").kind, RecordKind::Delta);
    assert_eq!(of("bucket").kind, RecordKind::Gauge);
    assert_eq!(of("bucket").quantity, Exact::int(2_147_483_771));
    assert_eq!(has("bucket", attribute::ZONE), None);
    assert_eq!(of("network").resource, "network:211");
    assert_eq!(of("vpc").resource, "vpc:1");
    assert_eq!(has("ip_address", attribute::NAME).as_deref(), Some("203.0.113.12"));
    assert_eq!(has("backup", attribute::OFFERING_NAME).as_deref(), Some("Gold backup"));
    let gold = "c2149f3c-128d-47f2-8f02-4e9ab902cd6f";
    assert_eq!(has("backup", attribute::OFFERING).as_deref(), Some(gold));
    assert_eq!(has("backup", attribute::NAME).as_deref(), Some("web1"));
    assert_eq!(has("vm_snapshot", attribute::OFFERING), None);
    let project = "701ee3ab-409d-4073-9005-90d068773ac2";
    assert!(records.iter().any(|r| r.owner.id == project && r.meter == "vm_running"));
    let old = file("usage-daily/day-19.all.oldformat.json");
    let vpn = old.iter().find(|r| r.meter == "vpn_user").expect("a VPN user");
    assert_eq!(vpn.resource, "vpn_user:1");
    assert_eq!(vpn.attributes.get(attribute::NAME).map(String::as_str), Some("vpnalice"));
}

#[test]
fn rows_equal_in_every_field_are_told_apart_by_internal_numbers() {
    for (number, one, other) in [
        (14, "VPN User: anna, Id: 1 usage time", "VPN User: anna, Id: 2 usage time"),
        (25, "VMSnapshot Id: 1 Usage: VM Id: 8 Volume Id: 7", "… Volume Id: 8"),
        (6, "Volume Id: 15 usage time", "Volume Id: 16 usage time"),
        (21, "disk I/O read for Vm: 8 and Volume: 7", "disk I/O read for Vm: 8 and Volume: 9"),
        (30, "Network usage for network ID: 211, network offering: 7", "network ID: 212, …"),
    ] {
        let made = |text: &str| {
            let id = if number == 25 { json!("snapshot") } else { Value::Null };
            record(json!({ "usagetype": number, "usageid": id, "description": text }))
        };
        assert_ne!(key(&made(one)), key(&made(other)), "type {number}");
        assert_eq!(key(&made(one)), key(&made(one)), "type {number}");
    }
}

#[test]
fn names_domains_and_the_written_usage_are_no_part_of_a_key() {
    let plain = record(json!({}));
    let renamed = record(json!({
        "account": "B", "domainid": "e", "name": "new", "usage": "x", "osdisplayname": "y",
    }));
    assert_eq!(key(&plain), key(&renamed));
    for change in [
        json!({ "offeringid": "p" }),
        json!({ "cpunumber": 3 }),
        json!({ "zoneid": "y" }),
        json!({ "usagetype": 2 }),
        json!({ "usageid": "other" }),
        json!({ "accountid": "b" }),
        json!({ "enddate": "2026-11-19T22:59:59+0000" }),
    ] {
        assert_ne!(key(&plain), key(&record(change.clone())), "{change}");
    }
}

#[test]
fn dates_of_every_form_mean_the_same_instant() {
    let expected = Span::new(1_795_046_400, 1_795_046_400 + 86_400);
    for (from, last) in [
        ("2026-11-19T00:00:00+0000", "2026-11-19T23:59:59+0000"),
        ("2026-11-19'T'00:00:00+00:00", "2026-11-19'T'23:59:59+00:00"),
        ("2026-11-19T00:00:00Z", "2026-11-19T23:59:59Z"),
        ("2026-11-18T21:00:00-0300", "2026-11-19T20:59:59-03:00"),
        ("2026-11-19T05:30:00+0530", "2026-11-20T05:29:59+05:30"),
        ("2026-11-19T00:00:00.000+0000", "2026-11-19T23:59:59.000+0000"),
    ] {
        let made = record(json!({ "startdate": from, "enddate": last }));
        assert_eq!(made.span, expected, "{from}");
    }
}

#[test]
fn quantities_keep_every_digit() {
    for (written, expected) in [
        (json!("24"), "24"),
        (json!("23.959999"), "23.959999"),
        (json!("23,959999"), "23.959999"),
        (json!("24.000002"), "24.000002"),
        (json!("0.000556"), "0.000556"),
        (json!("5000000000"), "5000000000"),
        (json!("12345678901234567890.123456"), "12345678901234567890.123456"),
        (json!(24), "24"),
    ] {
        let made = record(json!({ "rawusage": written }));
        assert_eq!(made.quantity.to_string(), expected, "{written}");
    }
    // A number without quotes has its digits too, beyond what a float could hold.
    let body = r#"{"listusagerecordsresponse":{"count":1,"usagerecord":[{"accountid":"a",
        "usagetype":4,"rawusage":9007199254740993.123456,"size":123456789012345678901,
        "startdate":"2026-11-19T00:00:00+0000","enddate":"2026-11-19T23:59:59+0000"}]}}"#;
    let made = parse(body.as_bytes().to_vec()).remove(0).outcome.expect("a record");
    assert_eq!(made.quantity.to_string(), "9007199254740993.123456");
    assert_eq!(made.attributes[attribute::SIZE_BYTES], "123456789012345678901");
}

#[test]
fn odd_rows_are_kept_with_what_is_known_of_them() {
    for (change, owner, named) in [
        (json!({ "rawusage": null }), true, "rawusage"),
        (json!({ "rawusage": "many" }), true, "many"),
        (json!({ "rawusage": "-1" }), true, "-1"),
        (json!({ "rawusage": "1e3" }), true, "1e3"),
        (json!({ "startdate": null }), true, "startdate"),
        (json!({ "enddate": "yesterday" }), true, "yesterday"),
        (json!({ "enddate": "2026-11-19T23:59:59+1€" }), true, "enddate"),
        (json!({ "enddate": "2026-11-18T23:59:59+0000" }), true, "enddate"),
        (json!({ "accountid": null }), false, "accountid"),
        (json!({ "usagetype": null }), true, "usagetype"),
        (json!({ "usagetype": "one" }), true, "usagetype"),
    ] {
        let rejected = row(change.clone()).outcome.expect_err("no record");
        assert_eq!(rejected.owner.is_some(), owner, "{change}");
        assert!(rejected.reason.contains(named), "{change}: {}", rejected.reason);
    }
}

#[test]
fn an_unknown_type_is_kept_under_its_number() {
    let made = record(json!({ "usagetype": 99, "description": "something new" }));
    assert_eq!(made.meter, "cloudstack_type_99");
    assert_eq!(made.kind, RecordKind::Delta);
    assert_eq!(made.attributes[attribute::DESCRIPTION], "something new");
}

#[test]
fn pages_that_are_none_are_refused_and_empty_ones_are_empty() {
    for body in [
        "",
        "<html>proxy</html>",
        "null",
        "[]",
        "{}",
        r#"{"listusagerecordsresponse":{"errorcode":431,"uuidList":[],"errortext":"no"}}"#,
        r#"{"listusagerecordsresponse":{"count":1,"usagerecord":[{"accountid":"a""#,
    ] {
        let refused = any().parse_usage(&page(body.as_bytes().to_vec()));
        assert!(matches!(refused, Err(OrchestratorError::Malformed { .. })), "{body:?}");
    }
    for path in ["paging.past-the-end.json", "paging.pagesize-0.json", "dates.future.json"] {
        assert_eq!(parse(recorded(&format!("usage-parameters/{path}"))), Vec::new(), "{path}");
    }
}

#[test]
fn the_servers_own_words_about_a_row_can_be_shown() {
    let page = page(recorded("usage-daily/day-19.all.json"));
    let adapter = any();
    for row in adapter.parse_usage(&page).expect("a page") {
        let raw = adapter.raw_record(&page, row.index).expect("the row");
        let raw: Value = serde_json::from_str(&raw).expect("JSON of one row");
        let record = row.outcome.expect("a record");
        assert_eq!(raw["rawusage"].as_str().expect("text"), record.quantity.to_string());
        let owner = raw.get("projectid").or(raw.get("accountid")).expect("an owner");
        assert_eq!(owner, record.owner.id.as_str());
    }
    assert_eq!(adapter.raw_record(&page, 142), None);
}
