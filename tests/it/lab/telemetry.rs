//! Goal: each byte that the telemetry service counted is billed once, whatever becomes of it in the
//! meantime. Method: counters pushed into the real service, for a month that is over, with a reset
//! in it; the service stands still, is read again, and gets more later.

use billow::collect::job::CollectRequest;
use billow::config::{Counter, TelemetryConfig};
use billow::money::Exact;
use billow::period::Span;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};

use super::cloud::{Lab, Session, text};
use super::life::Tenants;
use super::shop::LabShop;
use crate::support::db::{postgres, sqlite};

pub const MEGABYTE: i64 = 1_000_000;

/// The label of a month that is over for so long that nothing of it is still to come, and hours
/// counted from its end.
pub fn month() -> (String, impl Fn(i64) -> i64) {
    let first = Timestamp::now().to_zoned(TimeZone::UTC).date().first_of_month();
    let from = first.checked_sub(2.months()).expect("a month");
    let until = from.checked_add(1.month()).expect("a month");
    let end = until.to_zoned(TimeZone::UTC).expect("a day").timestamp().as_second();
    (format!("{:04}-{:02}", from.year(), from.month()), move |hours| end + hours * 3_600)
}

/// A machine of a project or an interface of one, with counters.
struct Counted<'a> {
    admin: &'a Session,
    /// Where it is.
    place: String,
    id: String,
}

impl<'a> Counted<'a> {
    async fn interface(admin: &'a Session, project: &str, name: &str, began: i64) -> Self {
        let machine = uuid();
        let id = format!("instance-00000001-{machine}-tap{name}");
        let body = json!({ "id": id, "instance_id": machine, "name": format!("tap{name}") });
        Self::make(admin, "instance_network_interface", (project, began), body).await
    }

    async fn machine(admin: &'a Session, project: &str, flavor: &str, began: i64) -> Self {
        let body = json!({
            "id": uuid(), "flavor_id": format!("id of {flavor}"), "flavor_name": flavor,
            "display_name": "web", "host": "cmp1",
        });
        Self::make(admin, "instance", (project, began), body).await
    }

    async fn make(
        admin: &'a Session,
        kind: &str,
        (project, began): (&str, i64),
        mut body: Value,
    ) -> Self {
        body["project_id"] = json!(project);
        body["started_at"] = json!(Timestamp::from_second(began).expect("an instant").to_string());
        let made = admin.post(&format!("metric /v1/resource/{kind}"), body.clone()).await;
        let id = text(&body, "/id");
        assert_eq!(text(&made, "/original_resource_id"), id);
        Self { admin, place: format!("metric /v1/resource/{kind}/{id}"), id }
    }

    /// Pushes the first readings of a counter, and waits until they are worked through.
    async fn push(&self, metric: &str, policy: &str, readings: &[(i64, i64)]) {
        let place = format!("{}/metric", self.place);
        let policy = json!({ metric: { "archive_policy_name": policy } });
        self.admin.post(&place, policy).await;
        self.push_more(metric, readings).await;
    }

    /// The same for a counter that has some.
    async fn push_more(&self, metric: &str, readings: &[(i64, i64)]) {
        let place = format!("{}/metric/{metric}/measures", self.place);
        let measure =
            |(at, value): &(i64, i64)| json!({ "timestamp": *at, "value": value * MEGABYTE });
        let measures: Vec<Value> = readings.iter().map(measure).collect();
        self.admin.post(&place, Value::Array(measures)).await;
        let wanted = |status: u16, body: &Value| {
            status == 200 && body.as_array().is_some_and(|rows| rows.len() >= readings.len())
        };
        self.admin.until(&format!("{place}?refresh=true"), wanted).await;
    }

    async fn remove(self) {
        self.admin.delete(&self.place).await;
    }
}

pub fn uuid() -> String {
    let bytes = Timestamp::now().as_nanosecond().to_be_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |range| &hex[range];
    let parts = [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)];
    parts.join("-")
}

fn telemetry() -> TelemetryConfig {
    let meters = vec![Counter::NetworkSent, Counter::NetworkReceived];
    TelemetryConfig { meters, ..TelemetryConfig::default() }
}

#[tokio::test]
async fn bytes_are_billed_once_though_the_service_stood_still() {
    let lab = Lab::open();
    let _alone = lab.alone().await;
    let admin = lab.admin().await;
    let tenants = Tenants::settle(&lab).await;
    let (label, hour) = month();
    let one = tenants.one.project.as_str();
    let port = Counted::interface(&admin, one, "abc", hour(-5)).await;
    let sent =
        [(hour(-4), 1_000), (hour(-4) + 300, 4_000), (hour(-3), 500), (hour(-2) + 600, 2_500)];
    let sent = [sent.to_vec(), vec![(hour(0) + 600, 2_500)]].concat();
    port.push("network.outgoing.bytes", "low", &sent).await;
    let shop = LabShop::reading(sqlite().await, &lab, &tenants, telemetry()).await;
    let span = CollectRequest { from: Some(hour(-5)), until: Some(hour(3)) };

    lab.control("pause", "gnocchi").await;
    let failed = shop.collect(span).await;
    lab.control("resume", "gnocchi").await;
    let failed = failed.expect_err("nobody answers");
    assert!(format!("{failed:#}").contains("got no answer within 2 s"), "{failed:#}");
    let (reached, told) = shop.collected().await;
    assert_eq!(reached, 0, "what was not read is not collected");
    assert!(told.expect("doctor tells it").contains("GET metric/ got no answer"));

    let report = shop.collect(span).await.expect("a round");
    assert_eq!(report.collected_until, hour(3));
    let first = shop.counters(one, Span::new(hour(-5), hour(3))).await;
    assert_eq!(first.len(), 5, "{first:?}");
    let again = shop.collect(span).await.expect("a round");
    assert_eq!((again.records, again.findings), (0, 0), "read again it is the same: {again:?}");

    // What was received is worked through only now, and kept in other buckets.
    let received = [(hour(-4), 10_000), (hour(-1), 11_500), (hour(0) + 60, 11_500)];
    port.push("network.incoming.bytes", "low", &received).await;
    let other = Counted::interface(&admin, one, "def", hour(-5)).await;
    other.push("network.incoming.bytes", "medium", &[(hour(-4), 7), (hour(-1), 1_007)]).await;
    let late = shop.collect(span).await.expect("a round");
    assert!(late.records >= 5, "{late:?}");

    let invoices = shop.invoices(&label).await;
    let lines: Vec<(&str, String)> = invoices
        .iter()
        .flat_map(|invoice| &invoice.lines)
        .map(|line| (line.price_code.as_deref().unwrap_or(""), line.net_minor.to_string()))
        .collect();
    // 3,000 + 500 + 2,000 MB sent; 1,500 + 1,000 MB received; a unit of money a GB.
    let mut shown: Vec<_> = lines.clone();
    shown.sort();
    assert_eq!(shown, [("received", "250".to_owned()), ("sent", "550".to_owned())], "{lines:?}");
    let words = shop.words(&invoices[0], "sent").await;
    assert!(words.iter().all(|raw| raw.contains(&port.id) && raw.contains("network.outgoing")));
    assert!(!words.is_empty());
    port.remove().await;
    other.remove().await;
}

#[tokio::test]
async fn a_hole_in_the_measures_costs_no_byte() {
    let lab = Lab::open();
    let _alone = lab.alone().await;
    let admin = lab.admin().await;
    let tenants = Tenants::settle(&lab).await;
    let (label, hour) = month();
    let one = tenants.one.project.as_str();
    let port = Counted::interface(&admin, one, "hole", hour(-30)).await;
    // Nobody polled it for a day.
    port.push("network.outgoing.bytes", "low", &[(hour(-28), 100), (hour(-2), 3_100)]).await;
    let shop = LabShop::reading(postgres().await, &lab, &tenants, telemetry()).await;
    let span = CollectRequest { from: Some(hour(-30)), until: Some(hour(1)) };
    shop.collect(span).await.expect("a round");
    let invoices = shop.invoices(&label).await;
    let net: i64 = invoices.iter().map(|invoice| invoice.net_minor).sum();
    assert_eq!(net, 300);
    let kept = shop.counters(one, Span::new(hour(-30), hour(1))).await;
    let read: Vec<Exact> = kept.into_iter().map(|one| one.quantity).collect();
    let megabytes = |count: i128| Exact::int(count * i128::from(MEGABYTE));
    assert_eq!(read, [megabytes(100), megabytes(3_100)]);
    port.remove().await;
}

/// A policy as Ceilometer's `ceilometer-high`, which stays in the lab.
async fn policy_of_seconds(admin: &Session) -> String {
    let name = "billow-high";
    let kept = |seconds: i64, points: i64| json!({ "granularity": seconds, "points": points });
    let body = json!({
        "name": name, "back_window": 0, "aggregation_methods": ["mean"],
        "definition": [kept(1, 3_600), kept(60, 1_440), kept(3_600, 8_760)],
    });
    let (status, answer) = admin.ask("POST", "metric /v1/archive_policy", Some(body)).await;
    assert!(status == 201 || status == 409, "{status} {answer}");
    name.to_owned()
}

#[tokio::test]
async fn an_hour_of_which_only_a_mean_is_left_bills_nothing_anew() {
    let lab = Lab::open();
    let _alone = lab.alone().await;
    let admin = lab.admin().await;
    let tenants = Tenants::settle(&lab).await;
    let (label, hour) = month();
    let one = tenants.one.project.as_str();
    let port = Counted::interface(&admin, one, "mean", hour(-40)).await;
    // Polled every ten minutes, never at the hour; a second's measures are kept for an hour, a
    // minute's for a day, an hour's for a year.
    let polled = |from: i64, first: i64, count: i64| -> Vec<(i64, i64)> {
        (0..count).map(|n| (from + 120 + n * 600, first + n * 10)).collect()
    };
    let sent = "network.outgoing.bytes";
    let policy = policy_of_seconds(&admin).await;
    port.push(sent, &policy, &polled(hour(-30), 100_000, 12)).await;
    let shop = LabShop::reading(sqlite().await, &lab, &tenants, telemetry()).await;
    let span = CollectRequest { from: Some(hour(-30)), until: Some(hour(-28)) };
    shop.collect(span).await.expect("a round");
    let fine = shop.counters(one, Span::new(hour(-30), hour(-28))).await;
    assert!(fine.len() >= 3, "{fine:?}");

    // A day later the minutes are gone.
    port.push_more(sent, &polled(hour(-3), 100_500, 2)).await;
    let again = shop.collect(span).await.expect("a round");
    assert_eq!((again.records, again.findings), (0, 0), "{again:?}");
    let rest = CollectRequest { from: Some(hour(-28)), until: Some(hour(1)) };
    shop.collect(rest).await.expect("a round");
    let invoices = shop.invoices(&label).await;
    let lines: Vec<String> = invoices.iter().map(|invoice| invoice.net_minor.to_string()).collect();
    // 510 MB, from 100,000 to 100,510.
    assert_eq!(lines, ["51"]);
    port.remove().await;
}

#[tokio::test]
async fn hours_that_are_read_after_a_resize_keep_their_flavor() {
    let lab = Lab::open();
    let _alone = lab.alone().await;
    let admin = lab.admin().await;
    let tenants = Tenants::settle(&lab).await;
    let (label, hour) = month();
    let one = tenants.one.project.as_str();
    let web = Counted::machine(&admin, one, "m1.small", hour(-9)).await;
    // Two hours of CPUs, in nanoseconds.
    web.push("cpu", "low", &[(hour(-8), 3_600_000), (hour(-6), 10_800_000)]).await;
    // Now it is resized, twice, as the collector tells it.
    for flavor in ["m1.medium", "m1.large"] {
        let now = json!({ "flavor_id": format!("id of {flavor}"), "flavor_name": flavor });
        admin.call("PATCH", &web.place, Some(now)).await;
    }
    let telemetry =
        TelemetryConfig { meters: vec![Counter::CpuTime], ..TelemetryConfig::default() };
    let shop = LabShop::reading(sqlite().await, &lab, &tenants, telemetry).await;
    let span = CollectRequest { from: Some(hour(-9)), until: Some(hour(1)) };
    shop.collect(span).await.expect("a round");
    let invoices = shop.invoices(&label).await;
    let lines: Vec<(&str, String)> = invoices
        .iter()
        .flat_map(|invoice| &invoice.lines)
        .map(|line| (line.price_code.as_deref().unwrap_or(""), line.net_minor.to_string()))
        .collect();
    assert_eq!(lines, [("cpu", "200".to_owned())]);
    let words = shop.words(&invoices[0], "cpu").await;
    assert!(words.iter().all(|raw| raw.contains("id of m1.small")), "{words:?}");
    web.remove().await;
}
