//! Goal: what is issued is numbered, frozen, credited, corrected and posted as the billing rules
//! §1.12 to §1.14 and §1.19 ask. Method: their figures and others at the boundaries, through the
//! database.

use billow::bill::credit::CreditRequest;
use billow::bill::document::{Address, DocumentKind, InvoiceDocument};
use billow::bill::run::{create_credit_note, issue_one};
use billow::bill::verify::verify;
use billow::customer::store::{AsOf, load_customers};
use billow::customer::{Change, LineCut, SellerDetails, save_customer_details};
use billow::ids::IdMaker;
use billow::ledger::store::load_balances;
use billow::money::RoundingMode;

use super::shop::{Opening, Shop, hourly, open};
use crate::on_both_engines;
use crate::support::db::sqlite;

const MONTH: (&str, &str) = ("2025-09-01T00:00:00Z", "2025-10-01T00:00:00Z");

async fn good(shop: &Shop) {
    let verified = verify(&shop.app, &|_, _| {}).await.expect("verify");
    assert!(verified.is_good(), "{:?}", verified.deviations);
}

// 1.12 Numbers and immutability.

on_both_engines! {
    async fn numbers_begin_anew_with_the_sellers_own_year(db: Db) {
        let opening = Opening { zone: "Europe/Berlin", customers: 5, ..Opening::default() };
        let shop = open(db, opening, &hourly("1")).await;
        let used = ("2025-11-10T00:00:00Z", "2025-11-11T00:00:00Z");
        for number in 1..=5 {
            shop.used_by(number, "vm_running", &format!("v{number}"), used, "10", &[]).await;
        }
        shop.at("2025-12-10T00:00:00Z");
        let drafts = shop.run("2025-11").await.drafts;
        for (draft, (at, number, date, due)) in drafts.iter().zip([
            ("2025-12-31T22:59:58Z", "INV-2025-00001", "2025-12-31", "2026-01-14"),
            ("2025-12-31T22:59:59Z", "INV-2025-00002", "2025-12-31", "2026-01-14"),
            ("2025-12-31T23:00:00Z", "INV-2026-00001", "2026-01-01", "2026-01-15"),
            // A clock that was set back: dates of a series never are.
            ("2025-12-31T20:00:00Z", "INV-2026-00002", "2026-01-01", "2026-01-14"),
            ("2026-01-02T00:00:00Z", "INV-2026-00003", "2026-01-02", "2026-01-16"),
        ]) {
            shop.at(at);
            let id = billow::ids::InvoiceId(draft.draft.clone());
            let line = issue_one(&shop.app, &id).await.expect("issue").expect("a document");
            assert_eq!((line.number.as_str(), line.issue_date.as_str()), (number, date), "{at}");
            let invoice = shop.invoice(number).await;
            assert_eq!(invoice.due_date.as_deref(), Some(due), "{at}");
        }
        shop.at("2026-01-03T00:00:00Z");
        for (of, number) in
            [("INV-2025-00002", "CN-2026-00001"), ("INV-2026-00001", "CN-2026-00002")]
        {
            let note = note(&shop, of, CreditRequest::Full).await;
            assert_eq!(note.number.as_deref(), Some(number));
        }
        good(&shop).await;
    }
}

on_both_engines! {
    async fn what_is_issued_keeps_its_parties_and_prices(db: Db) {
        let opening = Opening { customers: 2, ..Opening::default() };
        let shop = open(db, opening, &hourly("1")).await;
        shop.used("vm_running", "v1", MONTH, "100").await;
        shop.at("2025-10-10T00:00:00Z");
        let draft = shop.draft("2025-09").await;
        assert_eq!((draft.number.as_ref(), draft.issue_date.as_ref()), (None, None));
        shop.issue("2025-09").await;
        let before = shop.invoice("INV-2025-00001").await;
        shop.at("2025-10-11T00:00:00Z");
        let mut conn = shop.app.db.read().await.expect("read");
        let now = shop.app.clock.now_seconds();
        let customers = load_customers(&mut conn, AsOf::now(now)).await.expect("customers");
        drop(conn);
        let customer = customers.iter().find(|one| one.id == before.customer_id).expect("it");
        let mut details = customer.details.clone();
        details.name = "Renamed".to_owned();
        details.address = Address { country: "FR".to_owned(), ..Address::default() };
        let ids = IdMaker::new(shop.clock.as_ref());
        let change = Change { ids: &ids, at: now, actor: &shop.app.actor, reason: Some("moved") };
        let mut tx = shop.app.db.begin().await.expect("begin");
        let saved = save_customer_details(&mut tx, &customer.id, &details, 0, &change).await;
        saved.expect("save");
        tx.commit().await.expect("commit");
        shop.price("1970-01-01T00:00:00Z", &hourly("2")).await;
        let october = ("2025-10-11T00:00:00Z", "2025-10-12T00:00:00Z");
        shop.used("vm_running", "v1", october, "10").await;
        shop.at("2025-11-10T00:00:00Z");
        let drafts = shop.run("2025-10").await.drafts;
        assert_eq!((drafts.len(), drafts[0].net_minor), (1, 2000));
        shop.issue("2025-10").await;
        let after = shop.invoice("INV-2025-00001").await;
        assert_eq!(after, before, "not a letter differs");
        let later = shop.invoice("INV-2025-00002").await;
        assert_eq!(later.buyer.name, "Renamed");
        assert_eq!(later.buyer.address.country, "FR");
        good(&shop).await;
    }
}

// 1.13 Credit notes.

async fn note(shop: &Shop, of: &str, request: CreditRequest) -> InvoiceDocument {
    let id = create_credit_note(&shop.app, of, &request, "agreed").await.expect("a draft");
    let line = issue_one(&shop.app, &id).await.expect("issue").expect("a note");
    shop.invoice(&line.number).await
}

fn twenty(details: &mut SellerDetails) {
    details.line_cut = LineCut::PerResource;
    details.tax_rules[0].percent = "20".parse().expect("a percentage");
}

fn uneven(details: &mut SellerDetails) {
    details.line_cut = LineCut::PerResource;
    details.tax_rules[0].percent = "8.1".parse().expect("a percentage");
}

fn uneven_half_even(details: &mut SellerDetails) {
    uneven(details);
    details.rounding = RoundingMode::HalfEven;
}

/// An invoice of the lines of the rules' example.
async fn four_lines(currency: &'static str, change: fn(&mut SellerDetails)) -> Shop {
    let opening = Opening { currency, change, ..Opening::default() };
    let shop = open(sqlite().await, opening, &hourly("1")).await;
    for (resource, hours) in [("a", "41.67"), ("b", "41.67"), ("c", "33.35"), ("d", "25.01")] {
        shop.used("vm_running", resource, MONTH, hours).await;
    }
    shop.at("2025-10-10T00:00:00Z");
    shop.run("2025-09").await;
    shop.issue("2025-09").await;
    shop
}

#[tokio::test]
async fn the_notes_of_the_rules_example() {
    let shop = four_lines("EUR", twenty).await;
    let mut gross = Vec::new();
    for line in 1..=4 {
        let note = note(&shop, "INV-2025-00001", CreditRequest::Lines(vec![(line, None)])).await;
        assert_eq!(note.corrects.as_ref().map(|of| of.number.as_str()), Some("INV-2025-00001"));
        gross.push(note.gross_minor);
    }
    assert_eq!(gross, [5000, 5001, 4002, 3001], "17004 in all");
    good(&shop).await;
}

/// At no moment more than the invoice, and the whole set is the invoice.
#[tokio::test]
async fn notes_exhaust_an_invoice_and_never_exceed_it() {
    for (currency, change, steps) in [
        ("EUR", twenty as fn(&mut SellerDetails), &[1, 1, 2, 3, 500][..]),
        ("EUR", uneven, &[1, 2, 3, 4, 5, 6, 7]),
        ("EUR", uneven_half_even, &[617, 617, 617]),
        ("JPY", uneven, &[1, 1, 1, 1]),
        ("KWD", uneven_half_even, &[9_999, 1, 30_000]),
        ("KWD", twenty, &[1, 41_668]),
    ] {
        let shop = four_lines(currency, change).await;
        let invoice = shop.invoice("INV-2025-00001").await;
        let of = |document: &InvoiceDocument| {
            [document.net_minor, document.tax_minor, document.gross_minor]
        };
        let whole = of(&invoice);
        let mut sum = [0, 0, 0];
        let mut requests: Vec<CreditRequest> =
            steps.iter().map(|minor| CreditRequest::Lines(vec![(1, Some(*minor))])).collect();
        requests.push(CreditRequest::Lines(vec![(3, None), (2, Some(steps[0]))]));
        requests.push(CreditRequest::Full);
        for request in requests {
            let note = note(&shop, "INV-2025-00001", request).await;
            for (sum, part) in sum.iter_mut().zip(of(&note)) {
                assert!(part >= 0, "{currency}: {part}");
                *sum += part;
            }
            assert!(sum.iter().zip(whole).all(|(sum, all)| *sum <= all), "{sum:?} of {whole:?}");
        }
        assert_eq!(sum, whole, "{currency} {steps:?}");
        let request = CreditRequest::Lines(vec![(1, Some(1))]);
        let more = create_credit_note(&shop.app, "INV-2025-00001", &request, "agreed").await;
        assert!(more.expect_err("one more").to_string().contains("credit"), "{currency}");
        good(&shop).await;
    }
}

// 1.14 Late usage and corrections.

const TIERS: &str = "tiers = [{ up_to = \"100\", amount = \"0.10\" }, \
     { up_to = \"1000\", amount = \"0.08\" }, { amount = \"0.05\" }]";

fn traffic(model: &str, rest: &str) -> String {
    format!(
        "[[price]]\ncode = \"t\"\nmeter = \"network_sent\"\nunit = \"gb\"\n\
         model = {model:?}\n{rest}\n"
    )
}

fn bytes(milli_gb: u64) -> String {
    (milli_gb * 1_000_000).to_string()
}

/// 950 GB are billed; what comes of a later state of the same month, `kind net`.
async fn corrected(prices: &str, later: u64) -> Vec<String> {
    let shop = open(sqlite().await, Opening::default(), prices).await;
    let (first, second) = (("2025-09-01T00:00:00Z", "2025-09-02T00:00:00Z"), MONTH);
    shop.used("network_sent", "n1", first, &bytes(950_000)).await;
    shop.at("2025-10-10T00:00:00Z");
    shop.run("2025-09").await;
    shop.issue("2025-09").await;
    shop.at("2025-10-20T00:00:00Z");
    match later.checked_sub(950_000) {
        Some(more) => shop.used("network_sent", "n2", second, &bytes(more)).await,
        None => shop.revised("network_sent", "n1", first, &bytes(later)).await,
    }
    // Prices of later months are no prices of September.
    shop.price("2025-10-01T00:00:00Z", &traffic("per_unit", "amount = \"7\"")).await;
    shop.at("2025-11-10T00:00:00Z");
    shop.run("2025-10").await;
    let mut told = Vec::new();
    for line in shop.issue("2025-10").await {
        let document = shop.invoice(&line.number).await;
        assert!(document.lines.iter().all(|line| line.service_from == "2025-09-01"));
        let kind = if document.kind == DocumentKind::Invoice { "invoice" } else { "credit" };
        told.push(format!("{kind} {}", document.net_minor));
    }
    shop.at("2025-12-10T00:00:00Z");
    assert!(shop.run("2025-11").await.drafts.is_empty(), "once");
    good(&shop).await;
    told
}

#[tokio::test]
async fn differences_are_rated_where_they_belong() {
    let graduated = traffic("graduated", TIERS);
    let volume = traffic("volume", TIERS);
    let package = traffic("package", "size = \"100\"\namount = \"9\"");
    let minimum = traffic("per_unit", "amount = \"0.10\"\nminimum = \"100\"");
    let capped = traffic("per_unit", "amount = \"0.10\"\ncap = \"97\"");
    for (name, prices, later, expected) in [
        ("the example", &graduated, 1_050_000, &["invoice 650"][..]),
        ("to the tier's end", &graduated, 1_000_000, &["invoice 400"]),
        ("a unit into the next tier", &graduated, 1_001_000, &["invoice 405"]),
        ("a thousandth of a unit", &graduated, 950_001, &[]),
        ("a cent's worth", &graduated, 950_125, &["invoice 1"]),
        ("through a whole tier", &graduated, 1_950_000, &["invoice 5150"]),
        ("less in the tier", &graduated, 900_000, &["credit 400"]),
        ("to the first tier's end", &graduated, 100_000, &["credit 6800"]),
        ("into the first tier", &graduated, 99_000, &["credit 6810"]),
        ("all of it", &graduated, 0, &["credit 7800"]),
        ("volume, the same tier", &volume, 1_000_000, &["invoice 400"]),
        ("volume, cheaper by more", &volume, 1_001_000, &["credit 2595"]),
        ("volume, dearer by less", &volume, 100_000, &["credit 6600"]),
        ("the package holds it", &package, 1_000_000, &[]),
        ("another package", &package, 1_000_001, &["invoice 900"]),
        ("a package less", &package, 900_000, &["credit 900"]),
        ("within the minimum", &minimum, 1_000_000, &[]),
        ("above the minimum", &minimum, 1_001_000, &["invoice 10"]),
        ("below the minimum", &minimum, 10_000, &[]),
        ("up to the cap", &capped, 970_000, &["invoice 200"]),
        ("beyond the cap", &capped, 5_000_000, &["invoice 200"]),
    ] {
        assert_eq!(corrected(prices, later).await, expected, "{name}");
    }
}

// 1.19 Double entry.

/// Sums of the accounts, `account amount`, those that are zero left out.
async fn accounts(shop: &Shop) -> Vec<String> {
    let mut conn = shop.app.db.read().await.expect("read");
    let balances = load_balances(&mut conn, None).await.expect("balances");
    assert_eq!(balances.iter().map(|(_, _, minor)| minor).sum::<i64>(), 0);
    let moved = balances.into_iter().filter(|(_, _, minor)| *minor != 0);
    moved.map(|(account, currency, minor)| format!("{account} {minor} {currency}")).collect()
}

#[tokio::test]
async fn documents_post_receivable_revenue_and_vat() {
    fn dutch(details: &mut SellerDetails) {
        details.tax_rules[0].percent = "21".parse().expect("a percentage");
        let reduced = serde_json::json!({ "category": "S", "percent": "9", "class": "reduced" });
        details.tax_rules.push(serde_json::from_value(reduced).expect("a rule"));
    }
    let opening = Opening { change: dutch, ..Opening::default() };
    let shop = open(sqlite().await, opening, &hourly("1")).await;
    shop.used("vm_running", "v1", MONTH, "100").await;
    shop.at("2025-10-10T00:00:00Z");
    shop.run("2025-09").await;
    assert_eq!(accounts(&shop).await, [""; 0], "a draft posts nothing");
    shop.issue("2025-09").await;
    let billed = ["receivable 12100 EUR", "revenue -10000 EUR", "vat:S:21 -2100 EUR"];
    assert_eq!(accounts(&shop).await, billed);
    let half = CreditRequest::Lines(vec![(1, Some(5000))]);
    note(&shop, "INV-2025-00001", half).await;
    let left = ["receivable 6050 EUR", "revenue -5000 EUR", "vat:S:21 -1050 EUR"];
    assert_eq!(accounts(&shop).await, left);
    note(&shop, "INV-2025-00001", CreditRequest::Full).await;
    assert_eq!(accounts(&shop).await, [""; 0]);
    // Two rates have an account each.
    let reduced = "[[price]]\ncode = \"ip\"\nmeter = \"ip_address\"\nunit = \"hour\"\n\
                   amount = \"0.30\"\ntax_class = \"reduced\"\n";
    shop.price("2025-10-01T00:00:00Z", &(hourly("1") + reduced)).await;
    let october = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z");
    shop.used("vm_running", "v1", october, "0.05").await;
    shop.used("ip_address", "i1", october, "100").await;
    shop.at("2025-11-10T00:00:00Z");
    shop.run("2025-10").await;
    shop.issue("2025-10").await;
    let expected =
        ["receivable 3276 EUR", "revenue -3005 EUR", "vat:S:21 -1 EUR", "vat:S:9 -270 EUR"];
    assert_eq!(accounts(&shop).await, expected);
    good(&shop).await;
}
