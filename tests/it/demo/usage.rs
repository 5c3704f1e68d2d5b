//! Goal: usage records, windows, dates and scopes are the real server's. Method: field by field
//! against the recorded records of the same type, and the recorded traps of the parameters.

use std::collections::{BTreeMap, BTreeSet};

use billow::demo::cloudstack::Settings;
use billow::demo::seed::DAY;
use serde_json::Value;

use super::cloud::{Cloud, START, instant, recorded};

/// Types of a record and the order-free set of its fields with their JSON types.
fn shape(row: &Value) -> BTreeMap<String, &'static str> {
    let kind = |value: &Value| match value {
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        _ => "array",
    };
    let fields = row.as_object().expect("a record").iter();
    fields.map(|(field, value)| (field.clone(), kind(value))).collect()
}

fn type_of(row: &Value) -> u64 {
    row["usagetype"].as_u64().expect("a type")
}

#[tokio::test]
async fn every_type_occurs_with_the_recorded_fields() {
    let cloud = Cloud::start().await;
    let mut real: BTreeMap<u64, BTreeSet<BTreeMap<String, &str>>> = BTreeMap::new();
    let days = ["18.all", "19.all", "20.all", "21.all", "21.all.read-again-after-volume-migration"];
    for day in days {
        let text = recorded(&format!("usage-daily/day-{day}.json"));
        let json: Value = serde_json::from_str(&text).expect("recorded JSON");
        for row in json["listusagerecordsresponse"]["usagerecord"].as_array().expect("rows") {
            real.entry(type_of(row)).or_default().insert(shape(row));
        }
    }
    let mut own = BTreeSet::new();
    for row in cloud.usage(START, START + 30 * DAY, &[]).await {
        let number = type_of(&row);
        own.insert(number);
        // Nobody could record an uploaded volume.
        if let Some(shapes) = real.get(&number) {
            assert!(shapes.contains(&shape(&row)), "{row}");
        }
    }
    let all: BTreeSet<u64> = (1..=14).chain(21..=31).collect();
    assert_eq!(own, all);
}

#[tokio::test]
async fn a_record_lies_inside_the_asked_span_or_is_not_returned() {
    let cloud = Cloud::start().await;
    let day = START + 9 * DAY;
    let whole = cloud.usage(day, day + DAY, &[]).await.len();
    assert!(whole > 50, "{whole}");
    let slices = cloud.usage(day, day + DAY - 1, &[]).await;
    assert!(slices.iter().all(|row| [25, 27].contains(&type_of(row))), "{slices:?}");
    let late = cloud.usage(day + 1, day + DAY, &[]).await;
    assert!(late.iter().all(|row| [25, 27].contains(&type_of(row))), "{late:?}");
    for forms in [
        ("2026-10-10", "2026-10-10"),
        ("2026-10-10 00:00:00", "2026-10-10 23:59:59"),
        ("2026-10-10T00:00:00", "2026-10-10T23:59:59"),
        ("2026-10-10T00:00:00Z", "2026-10-10T23:59:59Z"),
        ("2026-10-10T00:00:00+00:00", "2026-10-10T23:59:59+00:00"),
        ("2026-10-10T02:00:00+0200", "2026-10-11T01:59:59+0200"),
        ("2026-10-10T00:00:00.000+0000", "2026-10-10T23:59:59.999+0000"),
    ] {
        let dates = [("startdate", forms.0), ("enddate", forms.1)];
        let answer = cloud.call("cloud-admin", "listUsageRecords", &dates).await;
        let count = answer.inner()["count"].as_u64();
        assert_eq!(count, u64::try_from(whole).ok(), "{forms:?}: {:.200}", answer.text);
    }
}

#[tokio::test]
async fn pages_are_cut_as_recorded() {
    let cloud = Cloud::start().await;
    let dates = [("startdate", "2026-10-10"), ("enddate", "2026-10-10")];
    let page = async |number: &str, size: &str| {
        let mut parameters = dates.to_vec();
        parameters.extend([("page", number), ("pagesize", size)]);
        cloud.call("cloud-admin", "listUsageRecords", &parameters).await
    };
    let count = page("1", "500").await.inner()["count"].clone();
    let first = page("1", "20").await.rows();
    let second = page("2", "20").await.rows();
    assert_eq!((first.len(), second.len()), (20, 20));
    assert_ne!(first, second);
    assert_eq!(page("0", "20").await.rows(), first);
    for (number, size) in [("1000", "20"), ("1", "0")] {
        let answer = page(number, size).await;
        assert_eq!(answer.inner(), serde_json::json!({ "count": count }), "{number} of {size}");
    }
    let future = [("startdate", "2027-01-01"), ("enddate", "2027-01-02")];
    let empty = cloud.call("cloud-admin", "listUsageRecords", &future).await;
    assert_eq!(empty.text, "{\"listusagerecordsresponse\":{}}");
}

#[tokio::test]
async fn scopes_are_the_recorded_ones() {
    let cloud = Cloud::start().await;
    let world = cloud.simulator.world();
    let alpine = world.domains.iter().find(|one| one.name == "alpine").expect("a domain");
    let thames = world.domains.iter().find(|one| one.name == "thames").expect("a domain");
    let child = world.accounts.iter().find(|one| one.name == "Montclair Vins").expect("one");
    let harbour = world.accounts.iter().find(|one| one.name == "Harbour Logistics").expect("one");
    let dates = [("startdate", "2026-10-10"), ("enddate", "2026-10-10")];
    let count = async |user: &str, more: &[(&str, &str)]| {
        let mut parameters = dates.to_vec();
        parameters.extend_from_slice(more);
        let answer = cloud.call(user, "listUsageRecords", &parameters).await;
        (answer.status, answer.inner()["count"].as_u64().unwrap_or(0))
    };
    let all = count("cloud-admin", &[]).await.1;
    let (own, id) = (child.ids.uuid.as_str(), alpine.ids.uuid.as_str());
    // An account without its domain is ignored: everything comes back.
    assert_eq!(count("cloud-admin", &[("account", "Montclair Vins")]).await.1, all);
    let named = [("account", "Montclair Vins"), ("domainid", id)];
    let wine = count("cloud-admin", &named).await.1;
    assert!(wine > 0 && wine < all);
    assert_eq!(count("cloud-admin", &[("accountid", own)]).await.1, wine);
    // A domain admin sees nothing without recursion, and children by name and domain only.
    assert_eq!(count("alpine-admin", &[]).await, (200, 0));
    assert_eq!(count("alpine-admin", &[("isrecursive", "true")]).await.1, wine);
    assert_eq!(count("alpine-admin", &[("accountid", own)]).await, (200, 0));
    assert_eq!(count("alpine-admin", &named).await.1, wine);
    let foreign = harbour.ids.uuid.as_str();
    assert_eq!(count("alpine-admin", &[("accountid", foreign)]).await.0, 531);
    let elsewhere = [("domainid", thames.ids.uuid.as_str()), ("isrecursive", "true")];
    assert_eq!(count("alpine-admin", &elsewhere).await.0, 531);
    assert_eq!(count("auditor", &[]).await.1, all);
    assert_eq!(count("billow", &[]).await.1, all);
    let project = world.projects[0].ids.uuid.as_str();
    assert!(count("cloud-admin", &[("projectid", project)]).await.1 > 0);
    assert_eq!(count("cloud-admin", &[("projectid", "-1")]).await.0, 431);
    assert_eq!(count("cloud-admin", &[("projectid", project), ("accountid", own)]).await.0, 431);
}

#[tokio::test]
async fn windows_close_by_the_clouds_clock() {
    let cloud = Cloud::start().await;
    for (at, last) in [
        (START + DAY, "2026-09-30T23:59:59+0000"),
        (START + DAY + 14 * 60, "2026-09-30T23:59:59+0000"),
        (START + DAY + 15 * 60, "2026-10-01T23:59:59+0000"),
        (START + 3 * DAY, "2026-10-02T23:59:59+0000"),
    ] {
        cloud.clock.set(at);
        let answer = cloud.call("cloud-admin", "listUsageServerMetrics", &[]).await;
        let metrics = answer.inner()["usageMetrics"].clone();
        assert_eq!(metrics["lastsuccessfuljob"], last, "at {}", instant(at));
    }
    cloud.clock.set(START + 2 * DAY);
    assert!(cloud.usage(START + DAY, START + 2 * DAY, &[]).await.is_empty());
}

#[tokio::test]
async fn locale_and_version_change_the_forms() {
    let mut settings = Settings::usual();
    settings.forms.quoted_dates = true;
    settings.forms.decimal_comma = true;
    let cloud = Cloud::with(settings).await;
    let rows = cloud.usage(START + 9 * DAY, START + 10 * DAY, &[]).await;
    assert_eq!(rows[0]["startdate"], "2026-10-10'T'00:00:00+00:00");
    let comma = |row: &Value| row["rawusage"].as_str().is_some_and(|text| text.contains(','));
    let point = |row: &Value| row["rawusage"].as_str().is_some_and(|text| text.contains('.'));
    assert!(rows.iter().any(comma) && !rows.iter().any(point));
}

#[tokio::test]
async fn old_descriptions_have_internal_numbers() {
    let cloud = Cloud::start().await;
    let old = [("oldformat", "true"), ("type", "1")];
    let rows = cloud.usage(START + 9 * DAY, START + 10 * DAY, &old).await;
    let text = rows[0]["description"].as_str().expect("a description");
    assert!(text.contains(" running time (ServiceOffering: "), "{text}");
    let new = cloud.usage(START + 9 * DAY, START + 10 * DAY, &[("type", "1")]).await;
    let text = new[0]["description"].as_str().expect("a description");
    assert!(text.starts_with("Running VM usage for "), "{text}");
    let tags = [("includetags", "true"), ("type", "1")];
    let rows = cloud.usage(START + 9 * DAY, START + 10 * DAY, &tags).await;
    assert_eq!(rows[0]["tags"][0]["key"], "cost-centre");
}

#[tokio::test]
async fn ids_find_the_records_that_the_real_server_finds() {
    let cloud = Cloud::start().await;
    let world = cloud.simulator.world();
    let machine = world.machines[0].ids.uuid.as_str();
    let found = async |kind: &str, id: &str| {
        let more = [("type", kind), ("usageid", id)];
        cloud.usage(START + 9 * DAY, START + 10 * DAY, &more).await.len()
    };
    assert_eq!(found("1", machine).await, 1);
    assert_eq!(found("6", machine).await, 0);
    let volume = world.volumes[0].ids.uuid.as_str();
    assert_eq!(found("6", volume).await, 2);
    for (kind, id) in [
        ("29", &world.buckets[0].ids.uuid),
        ("27", &world.machine_snapshots[0].ids.uuid),
        ("14", &world.vpn_users[0].ids.uuid),
    ] {
        assert_eq!(found(kind, id).await, 0, "type {kind} is never found by id");
    }
}
