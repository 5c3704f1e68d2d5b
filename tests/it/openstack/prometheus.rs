//! Goal: of samples of Prometheus every unit is read once, under whatever labels it came. Method: a
//! real Prometheus that kept what Ceilometer's exporter and publisher tell, and series drawn at
//! random.

use std::collections::BTreeMap;

use billow::collect::record::{RecordKind, UsageRecord, attribute};
use billow::config::{Counter, TelemetryConfig, TelemetryStore};
use billow::money::Exact;
use billow::orchestrator::openstack::OpenStack;
use billow::orchestrator::{Orchestrator, OrchestratorError, RawPage, RawWindow};
use billow::period::Span;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{Cloud, body, config, ok, status};
use super::telemetry::total;
use crate::support::prometheus::{Prometheus, Series};

/// Midnight of 20 November 2026 UTC.
const DAY: i64 = 1_795_132_800;
const HOUR: i64 = 3_600;
const WEB: &str = "1f8f2dd8-2c11-4a6e-8d70-0b5f3f1b6d01";

fn telemetry(address: &str, meters: &[Counter]) -> TelemetryConfig {
    TelemetryConfig {
        store: TelemetryStore::Prometheus,
        meters: meters.to_vec(),
        endpoint: Some(address.to_owned()),
        ..TelemetryConfig::default()
    }
}

fn adapter(telemetry: TelemetryConfig) -> OpenStack {
    let mut config = config("http://127.0.0.1:9/v3");
    config.telemetry = Some(telemetry);
    OpenStack::new(&config).expect("an adapter")
}

/// The nth hour of the day.
fn hour(n: i64) -> Span {
    Span::new(DAY + n * HOUR, DAY + (n + 1) * HOUR)
}

fn after_midnight(seconds: f64) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let day = DAY as f64;
    day + seconds
}

/// Samples at seconds after midnight.
fn samples<'a>(all: &[(f64, &'a str)]) -> Vec<(f64, &'a str)> {
    all.iter().map(|(at, value)| (after_midnight(*at), *value)).collect()
}

/// An interface's series as Ceilometer's exporter names it.
fn interface(tap: &str, more: &str) -> String {
    format!(
        "ceilometer_network_outgoing_bytes{{network=\"bytes\",publisher=\"ceilometer\",\
         type=\"outgoing\",counter=\"network.outgoing.bytes\",project=\"alpha\",user=\"u\",\
         unit=\"B\",resource=\"instance-00000001-{WEB}-{tap}\",vm_instance=\"f00\",\
         resource_name=\"web:1:{tap}\",server_group=\"none\"{more}}}"
    )
}

async fn read(adapter: &OpenStack, window: Span) -> (RawWindow, Vec<Result<UsageRecord, String>>) {
    let raw = adapter.fetch_usage(window).await.expect("a window");
    let rows = raw.pages.iter().flat_map(|page| adapter.parse_usage(page).expect("a page"));
    let outcomes = rows.map(|row| row.outcome.map_err(|bad| bad.reason)).collect();
    (raw, outcomes)
}

/// Seconds after midnight and quantity.
fn short(record: &UsageRecord) -> (i64, String) {
    (record.span.from - DAY, record.quantity.to_string())
}

#[tokio::test]
async fn samples_are_read_as_they_were_scraped() {
    let first = interface("tap1", "");
    let kept = samples(&[
        (-0.5, "1"),
        (0.0, "1000"),
        (60.25, "2000"),
        (120.5, "9000"),
        // Started anew.
        (180.75, "500"),
        (240.0, "2.5e+03"),
        (3_599.999, "2600"),
        (3_600.0, "2700"),
    ]);
    let other = samples(&[(30.0, "12500000000000000000")]);
    let second = interface("tap2", "");
    let prometheus =
        Prometheus::with(&[(first.as_str(), kept.as_slice()), (second.as_str(), &other)]).await;
    let adapter = adapter(telemetry(&prometheus.address, &[Counter::NetworkSent]));
    let (raw, outcomes) = read(&adapter, hour(0)).await;
    let records: Vec<UsageRecord> =
        outcomes.into_iter().map(|one| one.expect("a record")).collect();
    let shown: Vec<(i64, String)> = records.iter().map(short).collect();
    let expected = [(0, "1000"), (120, "9000"), (180, "500"), (3_599, "2600")];
    let expected = expected.into_iter().chain([(30, "12500000000000000000")]);
    assert_eq!(shown, expected.map(|(at, value)| (at, value.to_owned())).collect::<Vec<_>>());
    let one = &records[0];
    assert_eq!((one.meter.as_str(), one.kind), ("network_sent", RecordKind::Cumulative));
    assert_eq!(one.owner.id, "alpha");
    assert_eq!(one.resource, format!("instance-00000001-{WEB}-tap1"));
    assert_eq!(one.attributes[attribute::MACHINE], WEB);
    assert_eq!(one.attributes[attribute::NAME], "web:1");
    assert_eq!(records[3].identity, one.identity);
    assert_ne!(records[4].identity, one.identity);

    for (index, record) in records.iter().enumerate() {
        let words = adapter.raw_record(&raw.pages[0], index).expect("its words");
        let words: Value = serde_json::from_str(&words).expect("JSON");
        assert_eq!(words["metric"]["resource"], record.resource.as_str());
        let at = words["value"][0].as_f64().expect("an instant");
        assert!((0.0..1.0).contains(&(at - after_midnight(short(record).0 as f64))), "{words}");
    }
    assert_eq!(adapter.raw_record(&raw.pages[0], records.len()), None);
    // Read again, it is the same to the byte; the hours beside it hold the rest.
    assert_eq!(read(&adapter, hour(0)).await.0, raw);
    let beside = [read(&adapter, hour(-1)).await.1, read(&adapter, hour(1)).await.1].concat();
    let beside: Vec<(i64, String)> =
        beside.into_iter().map(|one| short(&one.expect("a record"))).collect();
    assert_eq!(beside, [(-1, "1".to_owned()), (3_600, "2700".to_owned())]);
    let nothing = adapter.fetch_usage(hour(5)).await.expect("a window");
    assert!(nothing.pages.is_empty());
}

#[tokio::test]
async fn the_publishers_names_are_known_and_units_are_those_of_the_meter() {
    let disk = format!(
        "disk_device_read_bytes{{resource_id=\"{WEB}-vda\",user_id=\"u\",project_id=\"alpha\"}}"
    );
    let cpu = format!(
        "ceilometer_cpu{{cpu=\"{WEB}\",resource=\"{WEB}\",project=\"alpha\",flavor_id=\"3\",\
         flavor_name=\"m1.medium\",resource_name=\"web:instance-00000001\"}}"
    );
    let (bytes, time) = (samples(&[(10.0, "77")]), samples(&[(10.0, "7.2e+12")]));
    let prometheus =
        Prometheus::with(&[(cpu.as_str(), time.as_slice()), (disk.as_str(), &bytes)]).await;
    let meters = [Counter::DiskReadBytes, Counter::CpuTime, Counter::NetworkReceived];
    let adapter = adapter(telemetry(&prometheus.address, &meters));
    let (_, outcomes) = read(&adapter, hour(0)).await;
    let records: Vec<UsageRecord> =
        outcomes.into_iter().map(|one| one.expect("a record")).collect();
    let shown: Vec<(&str, String)> =
        records.iter().map(|one| (one.meter.as_str(), one.quantity.to_string())).collect();
    assert_eq!(shown, [("disk_read_bytes", "77".to_owned()), ("cpu_time", "2".to_owned())]);
    assert_eq!(records[0].attributes[attribute::MACHINE], WEB);
    let cpu = &records[1];
    assert_eq!(cpu.resource, WEB);
    assert_eq!(cpu.attributes[attribute::OFFERING], "3");
    assert_eq!(cpu.attributes[attribute::NAME], "web");
    assert!(!cpu.attributes.contains_key(attribute::MACHINE));
}

#[tokio::test]
async fn series_of_one_counter_are_read_as_one() {
    // Resized: the labels change, and the counter goes on.
    let small = interface("tap1", ",flavor_name=\"small\"");
    let large = interface("tap1", ",flavor_name=\"large\"");
    let (before, after) =
        (samples(&[(0.0, "100"), (900.0, "400")]), samples(&[(960.0, "500"), (3_000.0, "700")]));
    // Watched by two, scraped one after the other.
    let left = interface("tap2", ",replica=\"a\"");
    let right = interface("tap2", ",replica=\"b\"");
    let (a, b) = (
        samples(&[(5.0, "10"), (65.0, "20"), (3_550.0, "30")]),
        samples(&[(9.0, "10"), (3_555.0, "30")]),
    );
    let prometheus = Prometheus::with(&[
        (small.as_str(), before.as_slice()),
        (large.as_str(), &after),
        (left.as_str(), &a),
        (right.as_str(), &b),
    ])
    .await;
    let adapter = adapter(telemetry(&prometheus.address, &[Counter::NetworkSent]));
    let (_, outcomes) = read(&adapter, hour(0)).await;
    let mut readings: BTreeMap<String, Vec<UsageRecord>> = BTreeMap::new();
    for one in outcomes {
        let one = one.expect("a record");
        readings.entry(one.resource.clone()).or_default().push(one);
    }
    let sums: Vec<String> =
        readings.values().map(|all| total(&quantities(all)).to_string()).collect();
    assert_eq!(sums, ["600", "20"]);
    let resized = readings.values().next().expect("readings");
    let flavors: Vec<&str> =
        resized.iter().map(|one| one.attributes[attribute::OFFERING_NAME].as_str()).collect();
    assert_eq!((flavors[0], *flavors.last().expect("one")), ("small", "large"));
    for all in readings.values() {
        assert!(all.iter().all(|one| one.identity == all[0].identity), "one counter: {all:?}");
    }
}

fn quantities(records: &[UsageRecord]) -> Vec<Exact> {
    records.iter().map(|one| one.quantity.clone()).collect()
}

#[tokio::test]
async fn series_that_contradict_each_other_count_for_nothing_and_are_told() {
    // The old host's exporter still tells the last value, the new one's counts from zero.
    let old = interface("tap1", ",instance=\"cmp1:9101\"");
    let new = interface("tap1", ",instance=\"cmp2:9101\"");
    let fine = interface("tap2", ",instance=\"cmp2:9101\"");
    let still = samples(&[(2.0, "5000"), (1_800.0, "5000"), (3_590.0, "5000")]);
    let goes_on = samples(&[(10.0, "10"), (1_810.0, "60"), (3_595.0, "100")]);
    let all: [Series<'_>; 3] =
        [(old.as_str(), still.as_slice()), (new.as_str(), &goes_on), (fine.as_str(), &goes_on)];
    let prometheus = Prometheus::with(&all).await;
    let mut telemetry = telemetry(&prometheus.address, &[Counter::NetworkSent]);
    let (raw, outcomes) = read(&adapter(telemetry.clone()), hour(0)).await;
    let told: Vec<&String> = outcomes.iter().filter_map(|one| one.as_ref().err()).collect();
    assert_eq!(told.len(), 1, "{outcomes:?}");
    let expected = "2 series tell of it at one time and do not agree; they differ in instance: let \
                    telemetry.selector leave one of them";
    assert!(told[0].contains(expected), "{}", told[0]);
    let good: Vec<UsageRecord> = outcomes.into_iter().filter_map(Result::ok).collect();
    assert!(good.iter().all(|one| one.resource.ends_with("tap2")), "{good:?}");
    assert_eq!(total(&quantities(&good)).to_string(), "90");
    let words = adapter(telemetry.clone()).raw_record(&raw.pages[0], 0).expect("both series");
    assert!(words.contains("cmp1:9101") && words.contains("cmp2:9101"), "{words}");

    // One of them by the selector.
    telemetry.selector = "instance=~\"cmp2:.*\"".to_owned();
    let (_, outcomes) = read(&adapter(telemetry), hour(0)).await;
    let records: Vec<UsageRecord> =
        outcomes.into_iter().map(|one| one.expect("a record")).collect();
    let sums = records.chunk_by(|a, b| a.resource == b.resource);
    let sums: Vec<String> = sums.map(|all| total(&quantities(all)).to_string()).collect();
    assert_eq!(sums, ["90", "90"]);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told_in_prometheus_words() {
    let one = interface("tap1", "");
    let kept = samples(&[(0.0, "1")]);
    let prometheus = Prometheus::with(&[(one.as_str(), kept.as_slice())]).await;
    let mut telemetry = telemetry(&prometheus.address, &[Counter::NetworkSent]);
    telemetry.selector = "job~\"x\"".to_owned();
    let refused = adapter(telemetry).fetch_usage(hour(0)).await.expect_err("no query");
    assert!(matches!(refused, OrchestratorError::Refused { .. }), "{refused}");
    let said = refused.to_string();
    assert!(said.contains("metric-storage/api/v1/query") && said.contains("parse error"), "{said}");
}

/// A cloud whose catalogue has a service that speaks for Prometheus.
async fn behind_the_catalogue() -> Cloud {
    let cloud = Cloud::start().await;
    let mut script = cloud.script.lock().expect("no panic");
    let catalog = script.token["token"]["catalog"].as_array_mut().expect("a catalogue");
    let mut service = catalog[1].clone();
    assert_eq!(service["type"], "metric");
    service["type"] = json!("metric-storage");
    service["name"] = json!("aetos");
    for endpoint in service["endpoints"].as_array_mut().expect("endpoints") {
        endpoint["url"] = json!("http://127.0.0.1:8041/prometheus");
    }
    catalog.push(service);
    drop(script);
    cloud
}

const QUERY: &str = "GET /metric/prometheus/api/v1/query";

fn count(samples: u64) -> Value {
    let result = json!([{ "metric": {}, "value": [0, samples.to_string()] }]);
    json!({ "status": "success", "data": { "resultType": "vector", "result": result } })
}

#[tokio::test]
async fn a_large_hour_is_read_in_parts_with_the_token_of_the_source() {
    let cloud = behind_the_catalogue().await;
    cloud.set(QUERY, |request| {
        let query = request.get("query").expect("a query");
        if query.starts_with("sum(count_over_time(") {
            return ok(count(1_200_000).to_string());
        }
        let end: f64 = request.get("time").expect("a time").parse().expect("a number");
        let labels = json!({
            "__name__": "ceilometer_network_outgoing_bytes", "project": "p", "resource": "r",
        });
        let value = (end - after_midnight(0.0)).round().to_string();
        let result = json!([{ "metric": labels, "values": [[end - 600.0, value]] }]);
        let data = json!({ "resultType": "matrix", "result": result });
        ok(json!({ "status": "success", "data": data }).to_string())
    });
    let mut config = cloud.config();
    let telemetry = telemetry("", &[Counter::NetworkSent]);
    config.telemetry = Some(TelemetryConfig { endpoint: None, ..telemetry });
    let adapter = OpenStack::new(&config).expect("an adapter");
    let (raw, outcomes) = read(&adapter, hour(0)).await;
    assert_eq!(raw.pages.iter().map(|page| page.page).collect::<Vec<_>>(), [1, 2, 3]);
    let quantities: Vec<String> =
        outcomes.iter().map(|one| one.as_ref().expect("a record").quantity.to_string()).collect();
    assert_eq!(quantities, ["1200", "2400", "3600"]);
    let asked = cloud.asked("/metric/prometheus/api/v1/query");
    assert!(asked.iter().all(|request| request.header("x-auth-token").is_some()));
    let ranges: Vec<&str> = asked[1..]
        .iter()
        .filter_map(|one| one.get("query")?.split_once('['))
        .map(|it| it.1)
        .collect();
    assert_eq!(ranges, ["1200s]", "1200s]", "1200s]"]);
    assert!(asked.iter().all(|request| request.get("partial_response").is_none()));
    let checks = adapter.check().await;
    let told = |text: &str| checks.iter().any(|check| check.ok && check.what.contains(text));
    assert!(told("may read network.outgoing.bytes of all projects"), "{checks:?}");
}

#[tokio::test]
async fn each_way_to_sign_in_is_taken_and_a_refusal_is_told() {
    let secret = std::env::temp_dir().join(format!("billow-prometheus-{}", std::process::id()));
    std::fs::write(&secret, "hush\n").expect("write the secret");
    for (user, expected) in [(None, "Bearer hush"), (Some("billow"), "Basic YmlsbG93Omh1c2g=")] {
        let cloud = Cloud::start().await;
        cloud.set("GET /own/api/v1/query", move |request| {
            if request.header("authorization") == Some(expected) {
                assert_eq!(request.get("partial_response"), Some("false"));
                return ok(count(0)
                    .to_string()
                    .replace("[{\"metric\":{},\"value\":[0,\"0\"]}]", "[]"));
            }
            status(401, "Unauthorized")
        });
        let address = format!("{}/own/", cloud.server.address);
        let with = TelemetryConfig {
            user: user.map(str::to_owned),
            secret_file: Some(secret.clone()),
            ..telemetry(&address, &[Counter::NetworkSent])
        };
        let raw = adapter(with).fetch_usage(hour(0)).await.expect("a window");
        assert!(raw.pages.is_empty());
        let without = adapter(telemetry(&address, &[Counter::NetworkSent]));
        let refused = without.fetch_usage(hour(0)).await.expect_err("refused");
        assert!(matches!(refused, OrchestratorError::Unauthenticated { .. }), "{refused}");
    }
    std::fs::remove_file(&secret).expect("remove the secret");
}

#[test]
fn what_cannot_be_read_is_told_and_keeps_nothing_else_waiting() {
    let adapter = adapter(telemetry("http://127.0.0.1:9", &[Counter::NetworkSent]));
    let page = |labels: &Value, values: &Value| {
        let mut labels = labels.clone();
        labels["__name__"] = json!("ceilometer_network_outgoing_bytes");
        let result = json!([{ "metric": labels, "values": values }]);
        let data = json!({ "resultType": "matrix", "result": result });
        let body = json!({ "status": "success", "data": data }).to_string().into_bytes();
        RawPage { request: "GET metric-storage/api/v1/query".to_owned(), page: 1, body }
    };
    let good = json!({ "project": "p", "resource": "r" });
    for (labels, values, reason) in [
        (&good, json!([[1, "5"], [2, "NaN"]]), "network.outgoing.bytes at 2: \"NaN\" is no number"),
        (&good, json!([[1, "5"], [2, "-1"]]), "-1 is less than nothing"),
        (&json!({ "resource": "r" }), json!([[1, "5"]]), "of r: the label project is missing"),
        (&json!({ "project": "p" }), json!([[1, "5"]]), "the label resource is missing"),
    ] {
        let rows = adapter.parse_usage(&page(labels, &values)).expect("a page");
        let bad: Vec<&String> =
            rows.iter().filter_map(|row| Some(&row.outcome.as_ref().err()?.reason)).collect();
        assert_eq!(bad.len(), 1, "{rows:?}");
        assert!(bad[0].contains(reason), "{} is not {reason}", bad[0]);
        assert_eq!(rows.len() - 1, values.as_array().expect("rows").len() - 1);
    }
    // What Gnocchi gave before stays readable.
    let before = body("gnocchi/aggregates-incoming-bytes").to_string().into_bytes();
    let before = RawPage { request: "POST metric/aggregates".to_owned(), page: 1, body: before };
    assert!(adapter.parse_usage(&before).expect("a page").len() > 1);
}

proptest! {
    /// Labels that change at any time are one counter still.
    #[test]
    fn readings_that_are_kept_give_what_all_of_them_give(
        steps in prop::collection::vec((0_u32..9, 0_usize..3), 1..40),
    ) {
        let mut series: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
        let mut all: Vec<Exact> = Vec::new();
        let mut value = 0;
        for (at, (step, of)) in steps.iter().enumerate() {
            // One in nine is a reset.
            value = if *step == 8 { 1 } else { value + step };
            all.push(Exact::int(i128::from(value)));
            series.entry(*of).or_default().push(json!([at, value.to_string()]));
        }
        let one = |(state, values): (&usize, &Vec<Value>)| json!({
            "metric": {
                "__name__": "ceilometer_cpu", "project": "p", "resource": "r",
                "state": state.to_string(),
            },
            "values": values,
        });
        let data = json!({
            "resultType": "matrix", "result": series.iter().map(one).collect::<Vec<_>>(),
        });
        let body = json!({ "status": "success", "data": data }).to_string().into_bytes();
        let page = RawPage { request: "x".to_owned(), page: 1, body };
        let adapter = adapter(telemetry("http://127.0.0.1:9", &[Counter::CpuTime]));
        let mut kept = Vec::new();
        for row in adapter.parse_usage(&page).expect("a page") {
            match row.outcome {
                Ok(record) => kept.push(record.quantity.mul_int(3_600_000_000_000)),
                // Where two resets lie between samples of one series: told, never counted.
                Err(bad) => {
                    prop_assert!(bad.reason.contains("do not agree"), "{}", bad.reason);
                    return Ok(());
                }
            }
        }
        prop_assert_eq!(total(&kept), total(&all));
    }
}
