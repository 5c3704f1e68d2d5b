//! Goal: of a counter's measures every unit is read once, with its own words behind it. Method:
//! what the real service answered, and measures drawn at random.

use billow::collect::record::{RecordKind, UsageRecord, attribute};
use billow::config::{Counter, TelemetryConfig};
use billow::money::Exact;
use billow::orchestrator::openstack::OpenStack;
use billow::orchestrator::{Orchestrator, OrchestratorError, RawPage};
use billow::period::Span;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{Cloud, Reply, body, config, ok, status};

fn adapter() -> OpenStack {
    OpenStack::new(&config("http://127.0.0.1:9/v3")).expect("an adapter")
}

fn page(body: &Value) -> RawPage {
    let body = body.to_string().into_bytes();
    RawPage { request: "POST metric/aggregates".to_owned(), page: 1, body }
}

fn parsed(body: &Value) -> Vec<Result<UsageRecord, String>> {
    let rows = adapter().parse_usage(&page(body)).expect("a page");
    let outcome = |row: billow::orchestrator::ParsedRecord| row.outcome.map_err(|bad| bad.reason);
    rows.into_iter().map(outcome).collect()
}

/// Time of day and quantity.
fn short(record: &UsageRecord) -> (String, String) {
    let at = jiff::Timestamp::from_second(record.span.from).expect("an instant");
    (at.strftime("%H:%M").to_string(), record.quantity.to_string())
}

#[test]
fn a_recorded_counter_keeps_what_a_bill_rests_on() {
    let body = body("gnocchi/aggregates-incoming-bytes");
    let records: Vec<UsageRecord> =
        parsed(&body).into_iter().map(|one| one.expect("a record")).collect();
    let of = |tap: &str| -> Vec<&UsageRecord> {
        records.iter().filter(|one| one.resource.ends_with(tap)).collect()
    };
    let web = of("tap7f21");
    let shown: Vec<(String, String)> = web.iter().map(|one| short(one)).collect();
    // Between the first reading and the reset nothing is needed, nor after it.
    let expected = [("05:00", "1000"), ("05:10", "9000"), ("05:15", "500"), ("05:55", "2600")];
    assert_eq!(shown, expected.map(|(at, value)| (at.to_owned(), value.to_owned())));
    for one in &web {
        assert_eq!(one.meter, "network_received");
        assert_eq!(one.kind, RecordKind::Cumulative);
        assert_eq!(one.owner.id, "00a31d2a946348578e74cf56ab5f3fbd");
        assert_eq!(one.attributes[attribute::NAME], "tap7f21");
        let machine = &one.attributes[attribute::MACHINE];
        assert!(one.resource.contains(machine.as_str()), "{one:?}");
    }
    let large: Vec<(String, String)> = of("tap0a3b").iter().map(|one| short(one)).collect();
    let expected = [("05:00", "9500000000000000000"), ("05:55", "12500000000000000000")];
    assert_eq!(large, expected.map(|(at, value)| (at.to_owned(), value.to_owned())));

    let (adapter, page) = (adapter(), page(&body));
    for (index, record) in records.iter().enumerate() {
        let words = adapter.raw_record(&page, index).expect("its words");
        let words: Value = serde_json::from_str(&words).expect("JSON");
        assert_eq!(words["metric"], "network.incoming.bytes");
        let at: jiff::Timestamp =
            words["measure"][0].as_str().expect("text").parse().expect("an instant");
        assert_eq!(at.as_second(), record.span.from);
        assert_eq!(words["resource"]["original_resource_id"], record.resource.as_str());
    }
    assert_eq!(adapter.raw_record(&page, records.len()), None);
}

/// A page with one counter.
fn counter(metric: &str, measures: &Value, resource: &Value) -> Value {
    let mut resource = resource.clone();
    resource["id"] = json!("r-1");
    json!({
        "measures": { "r-1": { metric: { "mean": measures } } }, "references": [resource],
    })
}

fn at(minute: usize) -> String {
    format!("2026-11-24T{:02}:{:02}:00+00:00", minute / 60, minute % 60)
}

#[test]
fn the_finest_buckets_count_and_units_are_those_of_the_meter() {
    let measures =
        json!([[at(0), 3600.0, 5.0], [at(0), 300.0, 7200000000000.0], [at(5), 300.0, 1.44e13],]);
    let resource = json!({ "project_id": "p", "display_name": "web", "flavor_id": "3" });
    let found = parsed(&counter("cpu", &measures, &resource));
    let found: Vec<UsageRecord> = found.into_iter().map(|one| one.expect("a record")).collect();
    // Two hours of CPUs, then four.
    assert_eq!(found.iter().map(short).map(|one| one.1).collect::<Vec<_>>(), ["2", "4"]);
    assert_eq!((found[0].meter.as_str(), found[0].resource.as_str()), ("cpu_time", "r-1"));
    assert_eq!(found[0].attributes[attribute::OFFERING], "3");
    assert!(found.iter().all(|one| one.attributes[attribute::BUCKET_SECONDS] == "300"));
    // The mean of a day would tell at midnight what comes until the next.
    for (seconds, count) in [(0.5, 1), (3600.0, 1), (3600.5, 0), (86400.0, 0)] {
        let found = parsed(&counter("cpu", &json!([[at(0), seconds, 5.0]]), &resource));
        assert_eq!(found.len(), count, "buckets of {seconds} s");
    }
}

#[test]
fn a_measure_belongs_to_what_its_machine_was_then() {
    let history = body("gnocchi/instance-history-resized");
    let id = history[0]["id"].as_str().expect("an id");
    // Resized at five, sampled on both sides of it; the first is older than all that is known.
    let at = |hour: &str| format!("2026-11-22T{hour}+00:00");
    let times = ["01:00:00", "04:00:00", "04:59:59", "05:00:00", "06:00:00"];
    for (count, time) in times.iter().enumerate() {
        let measures = json!({ id: { "cpu": { "mean": [[at(time), 300.0, 1.0]] } } });
        let found = parsed(&json!({ "measures": measures, "references": history }));
        let record = found.into_iter().next().expect("a measure").expect("a record");
        let expected = if count < 3 { ("2", "m1.small") } else { ("3", "m1.medium") };
        let attributes = &record.attributes;
        assert_eq!(attributes[attribute::OFFERING], expected.0, "{time}");
        assert_eq!(attributes[attribute::OFFERING_NAME], expected.1, "{time}");
    }
}

/// A cloud that keeps the CPU time of one machine that was resized, and gives its history a
/// revision a page.
async fn resized(aggregates: fn() -> Reply) -> Vec<UsageRecord> {
    let cloud = Cloud::start().await;
    cloud.set("POST /metric/v1/aggregates", move |_| aggregates());
    cloud.set("POST /metric/v1/search/resource/instance", |request| {
        let history = body("gnocchi/instance-history-resized");
        let history = history.as_array().expect("rows");
        if request.get("history").is_none() {
            let first = request.get("marker").is_none();
            let rows = history[1..].iter().filter(|_| first).collect::<Vec<_>>();
            return ok(json!(rows).to_string());
        }
        let second = request.get("marker") == Some("x@8");
        let link = "Link: <http://h/v1/search?history=true&marker=x%408>; rel=\"next\"";
        Reply::Answer {
            status: 200,
            headers: if second { String::new() } else { format!("{link}\r\n") },
            body: json!([history[usize::from(second)]]).to_string().into_bytes(),
        }
    });
    let measures = body("gnocchi/instance-history-resized")[1]["metrics"]["cpu"].clone();
    let measures = format!("GET /metric/v1/metric/{}/measures", measures.as_str().expect("an id"));
    cloud.set_body(&measures, cpu());
    let mut config = cloud.config();
    let meters = vec![Counter::CpuTime];
    config.telemetry = Some(TelemetryConfig { meters, ..TelemetryConfig::default() });
    let adapter = OpenStack::new(&config).expect("an adapter");
    let from = "2026-11-22T04:00:00Z".parse::<jiff::Timestamp>().expect("an instant").as_second();
    let raw = adapter.fetch_usage(Span::new(from, from + 3_600)).await.expect("a window");
    let rows = raw.pages.iter().flat_map(|page| adapter.parse_usage(page).expect("a page"));
    rows.map(|row| row.outcome.expect("a record")).collect()
}

fn cpu() -> Value {
    json!([["2026-11-22T04:00:00+00:00", 300.0, 1.0], ["2026-11-22T05:00:00+00:00", 300.0, 2.0]])
}

#[tokio::test]
async fn a_history_is_read_to_its_end_by_either_way() {
    let together = || {
        let now = body("gnocchi/instance-history-resized")[1].clone();
        let measures = json!({ now["id"].as_str().expect("an id"): { "cpu": { "mean": cpu() } } });
        ok(json!({ "measures": measures, "references": [now] }).to_string())
    };
    for records in [resized(together).await, resized(|| status(400, "{}")).await] {
        let flavors: Vec<&str> =
            records.iter().map(|one| one.attributes[attribute::OFFERING].as_str()).collect();
        assert_eq!(flavors, ["2", "3"]);
    }
}

/// The configured counters, read by a service that refuses to read them together and gives two
/// resources a page.
#[tokio::test]
async fn a_service_that_gives_short_pages_is_read_to_the_end() {
    let cloud = Cloud::start().await;
    cloud.set("POST /metric/v1/aggregates", |_| status(400, "{}"));
    cloud.set("POST /metric/v1/search/resource/instance_network_interface", |request| {
        let after = request.get("marker").and_then(|id| id[2..].parse::<u32>().ok());
        let first = after.map_or(1, |last| last + 1);
        let resource = |n: u32| {
            let metrics = json!({ "network.outgoing.bytes": format!("m-{n}") });
            json!({ "id": format!("r-{n}"), "project_id": "p", "metrics": metrics })
        };
        ok(Value::from((first..first + 2).filter(|n| *n <= 5).map(resource).collect::<Vec<_>>())
            .to_string())
    });
    for n in 1..=5 {
        let measures = json!([[at(0), 300.0, n]]);
        cloud.set_body(&format!("GET /metric/v1/metric/m-{n}/measures"), measures);
    }
    let mut config = cloud.config();
    config.telemetry = Some(TelemetryConfig::default());
    let adapter = OpenStack::new(&config).expect("an adapter");
    let hour = at(0).parse::<jiff::Timestamp>().expect("an instant").as_second();
    let raw = adapter.fetch_usage(Span::new(hour, hour + 3_600)).await.expect("a window");
    let rows = raw.pages.iter().flat_map(|page| adapter.parse_usage(page).expect("a page"));
    let found: Vec<String> = rows.map(|row| row.outcome.expect("a record").resource).collect();
    assert_eq!(found, ["r-1", "r-2", "r-3", "r-4", "r-5"]);
}

#[test]
fn what_cannot_be_read_is_told_and_keeps_nothing_else_waiting() {
    let good = json!({ "project_id": "p" });
    let one = |value: Value| json!([[at(0), 300.0, 1.0], [at(5), 300.0, value]]);
    let metric = "network.outgoing.bytes";
    for (measures, resource, reason) in [
        (
            one(json!("NaN")),
            &good,
            "network.outgoing.bytes at 2026-11-24T00:05:00+00:00: \"\\\"NaN",
        ),
        (one(json!(-1.0)), &good, "-1.0 is less than nothing"),
        (json!([["soon", 300.0, 1.0]]), &good, "\"soon\" is no instant"),
        (json!([[at(0), 300.0, 1.0]]), &json!({}), "resource r-1: project_id is missing"),
    ] {
        let found = parsed(&counter(metric, &measures, resource));
        let bad: Vec<&String> = found.iter().filter_map(|one| one.as_ref().err()).collect();
        assert_eq!(bad.len(), 1, "{found:?}");
        assert!(bad[0].contains(reason), "{} is not {reason}", bad[0]);
        assert_eq!(found.len() - 1, measures.as_array().expect("rows").len() - 1);
    }
    for foreign in ["", "[]", "{}", "<html>", r#"{"measures":[]}"#, r#"{"servers":[]}"#] {
        let page = RawPage { request: "x".to_owned(), page: 1, body: foreign.into() };
        let refused = adapter().parse_usage(&page);
        assert!(matches!(refused, Err(OrchestratorError::Malformed { .. })), "{foreign}");
    }
    let other = counter("memory.usage", &json!([[at(0), 300.0, 1.0]]), &good);
    assert!(parsed(&other).is_empty(), "other metrics are none of these counters");
}

/// What arises between readings: a fall is a reset.
pub fn total(readings: &[Exact]) -> Exact {
    let steps = readings.windows(2).map(|pair| {
        let step = pair[1].minus(&pair[0]);
        if step.is_negative() { pair[1].clone() } else { step }
    });
    steps.fold(Exact::ZERO, |sum, step| sum.plus(&step))
}

proptest! {
    #[test]
    fn readings_that_are_kept_give_what_all_of_them_give(
        values in prop::collection::vec(0_u32..50, 1..40),
    ) {
        let measures: Vec<Value> =
            values.iter().enumerate().map(|(n, value)| json!([at(n), 60.0, value])).collect();
        let found = parsed(&counter(
            "network.outgoing.bytes",
            &Value::Array(measures),
            &json!({ "project_id": "p" }),
        ));
        let kept: Vec<Exact> =
            found.into_iter().map(|one| one.expect("a record").quantity).collect();
        let all: Vec<Exact> = values.iter().map(|value| Exact::int(i128::from(*value))).collect();
        prop_assert_eq!(total(&kept), total(&all));
        prop_assert!(kept.len() <= all.len());
    }
}
