//! Goal: usage and a price book become the invoice that billing-rules.md asks for.
//! Method: the rules' worked examples and figures at their boundaries, through the whole way.

use billow::bill::document::TaxCategory;
use billow::customer::LineCut;

use super::shop::{Opening, Shop, hourly, open};
use crate::on_both_engines;
use crate::support::db::sqlite;

const SEPTEMBER: (&str, &str) = ("2025-09-01T00:00:00Z", "2025-10-01T00:00:00Z");

const TIERS: &str = "[[price]]\ncode = \"t\"\nmeter = \"network_sent\"\nunit = \"gb\"\n\
     model = \"graduated\"\ntiers = [{ up_to = \"100\", amount = \"0.10\" }, \
     { up_to = \"1000\", amount = \"0.08\" }, { amount = \"0.05\" }]\n";

fn traffic(model: &str) -> String {
    TIERS.replace("graduated", model)
}

/// Bytes of a number of GB.
fn gb(count: &str) -> String {
    format!("{count}000000000")
}

async fn shop(prices: &str) -> Shop {
    let shop = open(sqlite().await, Opening::default(), prices).await;
    shop.at("2025-10-10T00:00:00Z");
    shop
}

on_both_engines! {
    async fn a_machine_of_a_month(db: Db) {
        let shop = open(db, Opening::default(), &hourly("0.10")).await;
        shop.used("vm_running", "v1", SEPTEMBER, "720").await;
        shop.at("2025-10-10T00:00:00Z");
        let draft = shop.draft("2025-09").await;
        assert_eq!((draft.net_minor, draft.tax_minor, draft.gross_minor), (7200, 1368, 8568));
        assert_eq!(draft.lines.len(), 1);
        assert_eq!(draft.lines[0].unit_code, "HUR");
        assert_eq!(draft.lines[0].service_until, "2025-09-30");
        assert!(shop.run("2025-09").await.drafts[0].holds.is_empty());
    }
}

#[tokio::test]
async fn local_months_have_their_own_hours() {
    for (label, from, until, hours, net) in [
        ("2026-03", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z", "743", 7430),
        ("2026-10", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z", "745", 7450),
    ] {
        let opening = Opening { zone: "Europe/Amsterdam", ..Opening::default() };
        let shop = open(sqlite().await, opening, &hourly("0.10")).await;
        shop.used("vm_running", "v1", (from, until), hours).await;
        shop.at("2026-12-10T00:00:00Z");
        assert_eq!(shop.draft(label).await.net_minor, net, "{label}");
    }
}

#[tokio::test]
async fn tiers_count_over_the_month() {
    for (units, graduated, volume) in [
        ("100", 1000, 1000),
        ("101", 1008, 808),
        ("1000", 8200, 8000),
        ("1001", 8205, 5005),
        ("1500", 10700, 7500),
    ] {
        for (model, net) in [("graduated", graduated), ("volume", volume)] {
            let shop = shop(&traffic(model)).await;
            shop.used("network_sent", "n1", SEPTEMBER, &gb(units)).await;
            assert_eq!(shop.draft("2025-09").await.net_minor, net, "{model} {units}");
        }
    }
}

#[tokio::test]
async fn ten_records_of_150_fill_one_pool() {
    let shop = shop(&traffic("graduated")).await;
    for day in 1..=10 {
        let from = format!("2025-09-{day:02}T00:00:00Z");
        let until = format!("2025-09-{:02}T00:00:00Z", day + 1);
        shop.used("network_sent", "n1", (&from, &until), &gb("150")).await;
    }
    assert_eq!(shop.draft("2025-09").await.net_minor, 10700);
}

#[tokio::test]
async fn an_allotment_is_pooled_and_used_once() {
    let prices = format!("{}included = \"750\"\nscope = \"account\"\n", hourly("0.02"));
    let shop = open(sqlite().await, Opening::default(), &prices).await;
    let october = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z");
    shop.used("vm_running", "v1", october, "744").await;
    shop.used("vm_running", "v2", october, "744").await;
    shop.at("2025-11-10T00:00:00Z");
    assert_eq!(shop.draft("2025-10").await.net_minor, 1476);
}

#[tokio::test]
async fn a_minimum_of_a_price_is_a_line_of_its_own() {
    let prices = format!("{}minimum = \"500\"\n", hourly("1"));
    let shop = shop(&prices).await;
    shop.used("vm_running", "v1", SEPTEMBER, "430.25").await;
    let draft = shop.draft("2025-09").await;
    let nets: Vec<i64> = draft.lines.iter().map(|line| line.net_minor).collect();
    assert_eq!(nets, [43025, 6975]);
    assert_eq!(draft.net_minor, 50000);
}

#[tokio::test]
async fn a_price_change_splits_the_record() {
    let shop = shop(&hourly("0.10")).await;
    shop.price("2025-09-02T12:00:00Z", &hourly("0.12")).await;
    let day = ("2025-09-02T00:00:00Z", "2025-09-03T00:00:00Z");
    shop.used("vm_running", "v1", day, "24").await;
    let draft = shop.draft("2025-09").await;
    let nets: Vec<i64> = draft.lines.iter().map(|line| line.net_minor).collect();
    assert_eq!(nets, [120, 144]);
}

#[tokio::test]
async fn exponents_and_rounding_modes() {
    let half_even: fn(&mut billow::customer::SellerDetails) =
        |details| details.rounding = billow::money::RoundingMode::HalfEven;
    let away: fn(&mut billow::customer::SellerDetails) = |_| {};
    for (currency, amount, change, net) in [
        ("JPY", "1234.5", away, 1235),
        ("JPY", "1234.5", half_even, 1234),
        ("KWD", "1.2345", away, 1235),
        ("KWD", "1.2345", half_even, 1234),
        ("EUR", "0.125", away, 13),
        ("EUR", "0.125", half_even, 12),
    ] {
        let opening = Opening { currency, change, ..Opening::default() };
        let shop = open(sqlite().await, opening, &hourly(amount)).await;
        let hour = ("2025-09-01T00:00:00Z", "2025-09-01T01:00:00Z");
        shop.used("vm_running", "v1", hour, "1").await;
        shop.at("2025-10-10T00:00:00Z");
        assert_eq!(shop.draft("2025-09").await.net_minor, net, "{currency} {amount}");
    }
}

#[tokio::test]
async fn tax_is_computed_on_the_base_and_lines_are_cut_by_resource() {
    let change: fn(&mut billow::customer::SellerDetails) =
        |details| details.line_cut = LineCut::PerResource;
    let opening = Opening { change, ..Opening::default() };
    let shop = open(sqlite().await, opening, &hourly("0.33")).await;
    let hour = ("2025-09-01T00:00:00Z", "2025-09-01T01:00:00Z");
    for number in 0..10 {
        shop.used("vm_running", &format!("v{number}"), hour, "1").await;
    }
    shop.at("2025-10-10T00:00:00Z");
    let draft = shop.draft("2025-09").await;
    assert_eq!((draft.lines.len(), draft.net_minor, draft.tax_minor), (10, 330, 63));
    for cut in [&draft.breakdowns.category, &draft.breakdowns.project, &draft.breakdowns.resource] {
        assert_eq!(cut.iter().map(|entry| entry.net_minor).sum::<i64>(), 330);
    }
}

#[tokio::test]
async fn reverse_charge_has_no_tax_and_a_reason() {
    let customer: fn(&mut billow::customer::CustomerDetails) = |details| {
        details.tax_category = Some(TaxCategory::AE);
        details.tax_reason = Some("Reverse charge".to_owned());
        details.vat_id = Some("FR12345678901".to_owned());
    };
    let change: fn(&mut billow::customer::SellerDetails) =
        |details| details.vat_id = Some("DE123456789".to_owned());
    let opening = Opening { customer, change, ..Opening::default() };
    let shop = open(sqlite().await, opening, &hourly("1")).await;
    shop.used("vm_running", "v1", SEPTEMBER, "720").await;
    shop.at("2025-10-10T00:00:00Z");
    let draft = shop.draft("2025-09").await;
    assert_eq!((draft.net_minor, draft.tax_minor), (72000, 0));
    assert!(draft.taxes[0].tax.reason.is_some());
}

#[tokio::test]
async fn a_tax_rate_change_splits_lines_by_time() {
    let change: fn(&mut billow::customer::SellerDetails) = |details| {
        let rule = serde_json::json!({ "category": "S", "percent": "16", "from": "2025-09-16" });
        details.tax_rules.push(serde_json::from_value(rule).expect("a rule"));
    };
    let opening = Opening { change, ..Opening::default() };
    let shop = open(sqlite().await, opening, &hourly("1")).await;
    shop.used("vm_running", "v1", SEPTEMBER, "720").await;
    shop.at("2025-10-10T00:00:00Z");
    let draft = shop.draft("2025-09").await;
    let taxes: Vec<(i64, i64)> =
        draft.taxes.iter().map(|tax| (tax.base_minor, tax.tax_minor)).collect();
    assert_eq!(taxes, [(36000, 5760), (36000, 6840)]);
}

#[tokio::test]
async fn usage_without_a_price_holds_and_a_price_ends_it() {
    let shop = shop(&hourly("0.10")).await;
    shop.used("vpc", "x1", SEPTEMBER, "720").await;
    shop.used("vpc", "x2", SEPTEMBER, "720").await;
    let report = shop.run("2025-09").await;
    assert_eq!(report.drafts[0].holds.len(), 1, "{:?}", report.drafts[0].holds);
    assert!(shop.issue("2025-09").await.is_empty());
    let vpc = "[[price]]\ncode = \"vpc\"\nmeter = \"vpc\"\nunit = \"hour\"\namount = \"0\"\n";
    shop.price("1970-01-01T00:00:00Z", &format!("{}{vpc}", hourly("0.10"))).await;
    assert!(shop.run("2025-09").await.drafts.is_empty(), "free usage makes no invoice");
}

#[tokio::test]
async fn a_period_that_is_not_over_held_for() {
    let shop = shop(&hourly("0.10")).await;
    shop.at("2025-10-02T00:00:00Z");
    shop.used("vm_running", "v1", SEPTEMBER, "720").await;
    shop.at("2025-10-03T23:59:59Z");
    assert!(!shop.run("2025-09").await.drafts[0].holds.is_empty());
    shop.at("2025-10-04T00:00:00Z");
    assert!(shop.run("2025-09").await.drafts[0].holds.is_empty());
}
