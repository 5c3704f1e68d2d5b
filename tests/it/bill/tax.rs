//! Goal: VAT is what EN 16931 asks for, on the base of each category and rate, in every currency.
//! Method: the figures of the billing rules §1.9 and §1.10 and others at their boundaries, price
//! book and tax rules in, invoice out.

use billow::bill::document::{InvoiceDocument, TaxCategory};
use billow::customer::{CustomerDetails, LineCut, SellerDetails, TaxRule};
use billow::money::{Currency, Money, RoundingMode};

use super::case::{Case, Table, totals};
use super::rules::{hourly, price};
use crate::support::db::sqlite;

async fn table() -> Table {
    Table::new(sqlite().await).await
}

fn rule(text: serde_json::Value) -> TaxRule {
    serde_json::from_value(text).expect("a tax rule")
}

/// VAT 21 % and, reduced, 9 %.
fn dutch(details: &mut SellerDetails) {
    details.tax_rules = vec![
        rule(serde_json::json!({ "category": "S", "percent": "21" })),
        rule(serde_json::json!({ "category": "S", "percent": "9", "class": "reduced" })),
    ];
}

fn per_resource(details: &mut SellerDetails) {
    details.line_cut = LineCut::PerResource;
}

/// `category percent: base VAT`, for each row of the VAT breakdown.
fn breakdown(document: &InvoiceDocument) -> Vec<String> {
    let text = |minor| Money { minor, currency: document.currency }.to_decimal_text();
    let rows = document.taxes.iter().map(|row| {
        let (category, percent) = (row.tax.category, &row.tax.percent);
        format!("{category:?} {percent}: {} {}", text(row.base_minor), text(row.tax_minor))
    });
    rows.collect()
}

#[tokio::test]
async fn the_totals_of_the_rules_example() {
    let table = table().await;
    // An allowance of 10.00 in the group of 21 % is what a cap takes away.
    let prices = [
        price("a", "vm_running", "hour", "amount = \"199.99\"\ncap = \"189.99\""),
        price("b", "ip_address", "hour", "amount = \"49.50\""),
        price("c", "volume", "hour", "amount = \"30.00\"\ntax_class = \"reduced\""),
    ];
    let case = Case::new("example", prices.concat()).seller(dutch);
    let case = case.used("vm_running v month 1").used("ip_address i month 1");
    let document = case.used("volume d month 1").gives(&table, "199.99 -10.00 30.00 49.50").await;
    assert_eq!(totals(&document), "269.49 52.99 322.48");
    assert_eq!(breakdown(&document), ["S 9: 30.00 2.70", "S 21: 239.49 50.29"]);
    assert_eq!(document.payable_minor, 32_248);
}

#[tokio::test]
async fn tax_is_rounded_once_on_the_base() {
    let table = table().await;
    fn even(details: &mut SellerDetails) {
        per_resource(details);
        details.rounding = RoundingMode::HalfEven;
    }
    fn ten_percent(details: &mut SellerDetails) {
        per_resource(details);
        details.tax_rules[0].percent = "10".parse().expect("a percentage");
    }
    fn ten_percent_even(details: &mut SellerDetails) {
        ten_percent(details);
        details.rounding = RoundingMode::HalfEven;
    }
    let away = per_resource as fn(&mut SellerDetails);
    for (lines, amount, seller, expected) in [
        (10, "0.33", away, "3.30 0.63 3.93"),
        (1, "0.33", away, "0.33 0.06 0.39"),
        (10, "0.03", away, "0.30 0.06 0.36"),
        (1, "0.02", away, "0.02 0.00 0.02"),
        (1, "0.03", away, "0.03 0.01 0.04"),
        // 0.45 and 0.25 have half a cent of VAT at 10 %.
        (3, "0.15", ten_percent, "0.45 0.05 0.50"),
        (3, "0.15", ten_percent_even, "0.45 0.04 0.49"),
        (5, "0.05", ten_percent_even, "0.25 0.02 0.27"),
        (7, "0.05", ten_percent_even, "0.35 0.04 0.39"),
        (10, "0.33", even, "3.30 0.63 3.93"),
    ] {
        let mut case = Case::new(format!("{lines} × {amount}"), hourly(amount)).seller(seller);
        for number in 0..lines {
            case = case.used(format!("vm_running v{number} month 1"));
        }
        let nets = vec![amount; lines].join(" ");
        assert_eq!(totals(&case.gives(&table, &nets).await), expected);
    }
}

/// Every category without tax stands with its reason and 0 %, beside taxed lines.
#[tokio::test]
async fn categories_stand_side_by_side() {
    let table = table().await;
    fn several(details: &mut SellerDetails) {
        details.vat_id = Some("DE123456789".to_owned());
        details.tax_rules = vec![
            rule(serde_json::json!({ "category": "S", "percent": "19" })),
            rule(serde_json::json!({ "category": "Z", "percent": "0", "class": "z" })),
            rule(serde_json::json!({
                "category": "E", "percent": "0", "class": "e", "reason": "Article 132",
            })),
        ];
    }
    let classed = |code: &str, meter: &str, class: &str| {
        price(code, meter, "hour", &format!("amount = \"10.05\"\ntax_class = {class:?}"))
    };
    let prices = [
        classed("s", "vm_running", "standard"),
        classed("z", "volume", "z"),
        classed("e", "ip_address", "e"),
    ];
    let case = Case::new("three categories", prices.concat()).seller(several);
    let case = case.used("vm_running v month 1").used("volume d month 1");
    let document = case.used("ip_address i month 1").gives(&table, "10.05 10.05 10.05").await;
    assert_eq!(totals(&document), "30.15 1.91 32.06");
    let expected = ["S 19: 10.05 1.91", "Z 0: 10.05 0.00", "E 0: 10.05 0.00"];
    assert_eq!(breakdown(&document), expected);
    let reasons: Vec<Option<&str>> =
        document.taxes.iter().map(|row| row.tax.reason.as_deref()).collect();
    assert_eq!(reasons, [None, None, Some("Article 132")]);
}

/// Sets the buyer's category.
macro_rules! buyer {
    ($category:ident, $vat_id:expr) => {{
        fn change(details: &mut CustomerDetails) {
            details.tax_category = Some(TaxCategory::$category);
            let wants = !matches!(TaxCategory::$category, TaxCategory::S | TaxCategory::Z);
            details.tax_reason = wants.then(|| "as agreed".to_owned());
            let vat_id: Option<&str> = $vat_id;
            details.vat_id = vat_id.map(str::to_owned);
        }
        change as fn(&mut CustomerDetails)
    }};
}

fn registered(details: &mut SellerDetails) {
    details.vat_id = Some("DE123456789".to_owned());
}

#[tokio::test]
async fn buyers_without_tax() {
    let table = table().await;
    let id = Some("FR12345678901");
    for (name, customer, expected, reason) in [
        ("S", buyer!(S, None), "S 19: 1.00 0.19", None),
        ("Z", buyer!(Z, None), "Z 0: 1.00 0.00", None),
        ("E", buyer!(E, None), "E 0: 1.00 0.00", Some("as agreed")),
        ("AE", buyer!(AE, Some("FR12345678901")), "AE 0: 1.00 0.00", Some("as agreed")),
        ("K", buyer!(K, Some("FR12345678901")), "K 0: 1.00 0.00", Some("as agreed")),
        ("G", buyer!(G, None), "G 0: 1.00 0.00", Some("as agreed")),
        ("O", buyer!(O, None), "O 0: 1.00 0.00", Some("as agreed")),
    ] {
        let case = Case::new(name, hourly("1")).seller(registered).customer(customer);
        let document = case.used("vm_running v month 1").gives(&table, "1.00").await;
        assert_eq!(breakdown(&document), [expected], "{name}");
        assert_eq!(document.taxes[0].tax.reason.as_deref(), reason, "{name}");
        let both = (document.seller.vat_id.is_some(), document.buyer.vat_id.as_deref() == id);
        assert!(both.0 && (both.1 || !matches!(name, "AE" | "K")), "{name}: {both:?}");
    }
}

#[tokio::test]
async fn what_cannot_stand_on_an_invoice_is_held() {
    let table = table().await;
    for (name, customer, whose) in [
        ("AE without a buyer's id", buyer!(AE, None), "AE without a buyer's id has none"),
        ("K without a buyer's id", buyer!(K, Some(" ")), "K without a buyer's id has none"),
    ] {
        let case = Case::new(name, hourly("1")).seller(registered).customer(customer);
        case.used("vm_running v month 1").held_for(&table, whose).await;
    }
    let customer = buyer!(AE, Some("FR12345678901"));
    let case = Case::new("AE of an unregistered seller", hourly("1")).customer(customer);
    case.used("vm_running v month 1").held_for(&table, "Provider has none: set its vat_id").await;
    fn partly_outside(details: &mut SellerDetails) {
        details.tax_rules.push(rule(serde_json::json!({
            "category": "O", "percent": "0", "class": "o", "reason": "not a supply",
        })));
    }
    let outside = price("o", "volume", "hour", "amount = \"1\"\ntax_class = \"o\"");
    let case = Case::new("O beside S", hourly("1") + &outside).seller(partly_outside);
    let case = case.used("vm_running v month 1").used("volume d month 1");
    case.held_for(&table, "cannot stand beside others (BR-O-11)").await;
    fn no_rule(details: &mut SellerDetails) {
        details.tax_rules[0].from = Some("2025-10-01".to_owned());
    }
    let case = Case::new("no rule yet", hourly("1")).seller(no_rule);
    let why = "has no tax rule for class \"standard\", country \"DE\" on 2025-09-01";
    case.used("vm_running v month 1").held_for(&table, why).await;
}

#[tokio::test]
async fn rates_follow_country_and_day() {
    let table = table().await;
    fn rules(details: &mut SellerDetails) {
        let of = |country: Option<&str>, percent: &str, from: Option<&str>| {
            rule(serde_json::json!({
                "category": "S", "percent": percent, "country": country, "from": from,
            }))
        };
        details.tax_rules = vec![
            of(None, "19", None),
            of(None, "16", Some("2025-09-16")),
            of(Some("FR"), "20", None),
            of(Some("FR"), "5.5", Some("2025-10-01")),
        ];
    }
    fn french(details: &mut CustomerDetails) {
        details.address.country = "FR".to_owned();
    }
    let german = (|_| {}) as fn(&mut CustomerDetails);
    for (name, customer, label, nets, rates) in [
        (
            "at home",
            german,
            "2025-09",
            "360.00 360.00",
            &["S 16: 360.00 57.60", "S 19: 360.00 68.40"][..],
        ),
        ("at home, later", german, "2025-10", "720.00", &["S 16: 720.00 115.20"]),
        ("at home, before", german, "2025-08", "720.00", &["S 19: 720.00 136.80"]),
        ("abroad", french, "2025-09", "720.00", &["S 20: 720.00 144.00"]),
        ("abroad, later", french, "2025-10", "720.00", &["S 5.5: 720.00 39.60"]),
    ] {
        let case = Case::new(name, hourly("1")).seller(rules).customer(customer);
        let case = case.month("UTC", label).used("vm_running v month 720");
        let document = case.gives(&table, nets).await;
        assert_eq!(breakdown(&document), rates, "{name}");
    }
}

/// Rules of other countries and classes cut no line, because each line is rounded: half of 10.01
/// is 5.005, twice 5.01.
#[tokio::test]
async fn rules_of_others_cut_nothing() {
    let table = table().await;
    fn rules(details: &mut SellerDetails) {
        let from = "2025-09-16";
        details.tax_rules.extend([
            rule(serde_json::json!({
                "category": "S", "percent": "20", "country": "FR", "from": from,
            })),
            rule(serde_json::json!({
                "category": "S", "percent": "5", "class": "reduced", "from": from,
            })),
            rule(serde_json::json!({ "category": "S", "percent": "19", "from": "2025-09-11" })),
        ]);
    }
    fn french(details: &mut CustomerDetails) {
        details.address.country = "FR".to_owned();
    }
    let monthly = price("vm", "vm_running", "month", "amount = \"10.01\"\nmonth = \"calendar\"");
    for (customer, nets, expected) in [
        ((|_| {}) as fn(&mut CustomerDetails), "10.01", &["S 19: 10.01 1.90"][..]),
        (french, "5.01 5.01", &["S 19: 5.01 0.95", "S 20: 5.01 1.00"]),
        (buyer!(E, None), "10.01", &["E 0: 10.01 0.00"]),
    ] {
        let case = Case::new(nets, monthly.clone()).seller(rules).customer(customer);
        let document = case.used("vm_running v month 720").gives(&table, nets).await;
        assert_eq!(breakdown(&document), expected);
    }
}

/// A rate begins at the midnight of the customer's zone, whatever the seller's is.
#[tokio::test]
async fn tax_days_begin_at_the_customers_midnight() {
    let table = table().await;
    fn change(details: &mut SellerDetails) {
        details.time_zone = "Asia/Tokyo".to_owned();
        details.tax_rules.push(rule(serde_json::json!({
            "category": "S", "percent": "16", "from": "2025-09-16",
        })));
    }
    fn dutch(details: &mut CustomerDetails) {
        details.time_zone = Some("Europe/Amsterdam".to_owned());
    }
    fn american(details: &mut CustomerDetails) {
        details.time_zone = Some("America/New_York".to_owned());
    }
    let (ams, ny) = ("Europe/Amsterdam", "America/New_York");
    let dutch = dutch as fn(&mut CustomerDetails);
    for (zone, customer, span, hours, nets) in [
        (ams, dutch, "2025-09-15T20:00:00Z..2025-09-16T00:00:00Z", "4", "2.00 2.00"),
        (ams, dutch, "2025-09-15T20:00:00Z..2025-09-15T22:00:00Z", "2", "2.00"),
        (ams, dutch, "2025-09-15T21:30:00Z..2025-09-15T22:30:00Z", "1", "0.50 0.50"),
        (ny, american, "2025-09-16T00:00:00Z..2025-09-16T06:00:00Z", "6", "4.00 2.00"),
        (ny, american, "2025-09-16T04:00:00Z..2025-09-16T06:00:00Z", "2", "2.00"),
    ] {
        let case = Case::new(format!("{zone} {span}"), hourly("1")).month(zone, "2025-09");
        let case = case.seller(change).customer(customer);
        let document = case.used(format!("vm_running v {span} {hours}")).gives(&table, nets).await;
        let percents: Vec<String> =
            document.lines.iter().map(|line| line.tax.percent.to_string()).collect();
        let expected = match (nets, span.starts_with("2025-09-16T04")) {
            (_, true) => "16",
            ("2.00", false) => "19",
            _ => "19 16",
        };
        assert_eq!(percents.join(" "), expected, "{zone} {span}");
        if let [_, second] = document.lines.as_slice() {
            assert_eq!(second.service_from, "2025-09-16", "{zone} {span}");
        }
    }
}

// 1.10 Currencies.

#[tokio::test]
async fn every_sum_is_one_of_rounded_lines() {
    let table = table().await;
    fn even(details: &mut SellerDetails) {
        per_resource(details);
        details.rounding = RoundingMode::HalfEven;
    }
    let away = per_resource as fn(&mut SellerDetails);
    for (currency, amount, seller, nets, expected) in [
        ("JPY", "2.5", away, "3 3 3", "9 2 11"),
        ("JPY", "2.5", even, "2 2 2", "6 1 7"),
        ("JPY", "1234.5", away, "1235 1235 1235", "3705 704 4409"),
        ("JPY", "1234.5", even, "1234 1234 1234", "3702 703 4405"),
        ("JPY", "0.49", away, "", ""),
        ("KWD", "0.3345", away, "0.335 0.335 0.335", "1.005 0.191 1.196"),
        ("KWD", "0.3345", even, "0.334 0.334 0.334", "1.002 0.190 1.192"),
        ("KWD", "0.0005", away, "0.001 0.001 0.001", "0.003 0.001 0.004"),
        ("EUR", "0.335", away, "0.34 0.34 0.34", "1.02 0.19 1.21"),
        ("CLF", "0.00005", away, "0.0001 0.0001 0.0001", "0.0003 0.0001 0.0004"),
        ("HUF", "0.335", away, "0.34 0.34 0.34", "1.02 0.19 1.21"),
    ] {
        let mut case = Case::new(format!("{currency} {amount}"), hourly(amount)).seller(seller);
        case = case.currency(currency);
        for number in 0..3 {
            case = case.used(format!("vm_running v{number} month 1"));
        }
        match nets {
            "" => case.gives_nothing(&table).await,
            nets => assert_eq!(totals(&case.gives(&table, nets).await), expected, "{currency}"),
        }
    }
}

#[test]
fn what_is_no_currency_of_an_invoice_is_refused() {
    for (code, expected) in [
        ("XAU", "XAU has no minor unit in ISO 4217 and cannot be billed"),
        (
            "EURO",
            "\"EURO\" is not a currency code of ISO 4217; write three capital letters such as EUR",
        ),
        (
            "eur",
            "\"eur\" is not a currency code of ISO 4217; write three capital letters such as EUR",
        ),
    ] {
        assert_eq!(code.parse::<Currency>().expect_err("refused").to_string(), expected);
    }
}
