//! Goal: each byte that Prometheus keeps is billed once, by itself or behind Aetos, and to its own
//! project. Method: a real Prometheus with a month that is over, a real Aetos that checks Billow's
//! token with the real Keystone, and the invoices of both ways.

use billow::collect::job::CollectRequest;
use billow::config::{Counter, TelemetryConfig, TelemetryStore};

use super::cloud::Lab;
use super::life::Tenants;
use super::shop::LabShop;
use super::telemetry::{MEGABYTE, month, uuid};
use crate::support::db::{postgres, sqlite};
use crate::support::prometheus::Prometheus;

fn behind(endpoint: Option<&str>) -> TelemetryConfig {
    TelemetryConfig {
        store: TelemetryStore::Prometheus,
        meters: vec![Counter::NetworkSent, Counter::NetworkReceived],
        endpoint: endpoint.map(str::to_owned),
        ..TelemetryConfig::default()
    }
}

/// A series of an interface of a project's machine, as Ceilometer's exporter names it.
fn series(direction: &str, project: &str, machine: &str, more: &str) -> String {
    format!(
        "ceilometer_network_{direction}_bytes{{publisher=\"ceilometer\",project=\"{project}\",\
         resource=\"instance-00000001-{machine}-tapabc\",resource_name=\"web:tapabc\"{more}}}"
    )
}

#[tokio::test]
async fn both_ways_to_prometheus_bill_each_byte_once() {
    let lab = Lab::open();
    let _alone = lab.alone().await;
    let tenants = Tenants::settle(&lab).await;
    let (label, hour) = month();
    let (one, other) = (tenants.one.project.as_str(), tenants.other.project.as_str());
    let machine = uuid();
    let small = series("outgoing", one, &machine, ",flavor_name=\"small\"");
    let large = series("outgoing", one, &machine, ",flavor_name=\"large\"");
    let received = series("incoming", other, &uuid(), "");
    let samples = |all: &[(i64, i64)]| -> Vec<(f64, String)> {
        #[allow(clippy::cast_precision_loss)]
        let sample = |(at, value): &(i64, i64)| (*at as f64 + 0.25, (value * MEGABYTE).to_string());
        all.iter().map(sample).collect()
    };
    // Three thousand, then it was resized and begins anew: 500 and 2,000 more; the day after is
    // the next month's.
    let before = samples(&[(hour(-4), 1_000), (hour(-4) + 300, 4_000)]);
    let after = samples(&[(hour(-3), 500), (hour(-2) + 600, 2_500), (hour(1) + 600, 11_500)]);
    let comes = samples(&[(hour(-30), 10_000), (hour(-1), 11_500)]);
    let all = [(&small, &before), (&large, &after), (&received, &comes)];
    let texts: Vec<Vec<(f64, &str)>> = all
        .iter()
        .map(|(_, kept)| kept.iter().map(|(at, value)| (*at, value.as_str())).collect())
        .collect();
    let given: Vec<_> =
        all.iter().zip(&texts).map(|((name, _), kept)| (name.as_str(), kept.as_slice())).collect();

    let span = CollectRequest { from: Some(hour(-31)), until: Some(hour(3)) };
    let address = lab.fact("/prometheus");
    let proxied = LabShop::reading(sqlite().await, &lab, &tenants, behind(None)).await;
    // Aetos runs, and nobody behind it.
    let failed = proxied.collect(span).await.expect_err("no Prometheus");
    assert!(format!("{failed:#}").contains("metric-storage"), "{failed:#}");
    assert_eq!(proxied.collected().await.0, 0, "what was not read is not collected");

    let place = address.strip_prefix("http://").expect("an address");
    let prometheus = Prometheus::at(place, &given).await;
    let direct =
        LabShop::reading(postgres().await, &lab, &tenants, behind(Some(&prometheus.address))).await;
    for shop in [&proxied, &direct] {
        let report = shop.collect(span).await.expect("a round");
        assert_eq!(report.collected_until, hour(3));
        let again = shop.collect(span).await.expect("a round");
        assert_eq!((again.records, again.findings), (0, 0), "read again it is the same");
        let invoices = shop.invoices(&label).await;
        let mut lines: Vec<(String, i64)> = invoices
            .iter()
            .flat_map(|invoice| &invoice.lines)
            .map(|line| (line.price_code.clone().unwrap_or_default(), line.net_minor))
            .collect();
        lines.sort();
        // 3,000 while it was small; then 500 and 2,000, and of the 9,000 that came in three hours
        // those of the 110 minutes that are the month's.
        let expected = [("received", 150), ("sent", 300), ("sent", 800)];
        assert_eq!(lines, expected.map(|(code, minor)| (code.to_owned(), minor)));
        let mut words = Vec::new();
        for invoice in &invoices {
            words.extend(shop.words(invoice, "sent").await);
        }
        assert!(words.iter().any(|raw| raw.contains("\"flavor_name\":\"large\"")), "{words:?}");
    }
}
