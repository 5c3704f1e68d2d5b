//! Goal: usage that comes or goes after issue is paid or credited once, at its own prices.
//! Method: a month is issued, usage changes, later months are run in any order and twice.

use billow::bill::document::DocumentKind;
use billow::bill::run::{RunRequest, run};
use billow::bill::verify::verify;
use billow::ledger::store::load_balances;
use billow::store::Db;

use super::shop::{Opening, Shop, hourly, open};
use crate::on_both_engines;
use crate::support::db::sqlite;

const TIERS: &str = "[[price]]\ncode = \"t\"\nmeter = \"network_sent\"\nunit = \"gb\"\n\
     model = \"graduated\"\ntiers = [{ up_to = \"100\", amount = \"0.10\" }, \
     { up_to = \"1000\", amount = \"0.08\" }, { amount = \"0.05\" }]\n";
const DAY: (&str, &str) = ("2025-09-01T00:00:00Z", "2025-09-02T00:00:00Z");
const NEXT: (&str, &str) = ("2025-09-02T00:00:00Z", "2025-09-03T00:00:00Z");

async fn september(db: Db) -> Shop {
    let shop = open(db, Opening::default(), TIERS).await;
    shop.used("network_sent", "n1", DAY, "950000000000").await;
    shop.at("2025-10-10T00:00:00Z");
    shop.run("2025-09").await;
    assert_eq!(shop.issue("2025-09").await[0].net_minor, 7800);
    shop
}

async fn check_books(shop: &Shop) {
    let mut conn = shop.app.db.read().await.expect("read");
    let balances = load_balances(&mut conn, None).await.expect("balances");
    assert_eq!(balances.iter().map(|(_, _, minor)| minor).sum::<i64>(), 0);
    let verified = verify(&shop.app, &|_, _| {}).await.expect("verify");
    assert!(verified.is_good(), "{:?}", verified.deviations);
}

on_both_engines! {
    async fn late_usage_is_a_line_of_the_next_invoice(db: Db) {
        let shop = september(db).await;
        shop.at("2025-10-20T00:00:00Z");
        shop.used("network_sent", "n1", NEXT, "100000000000").await;
        shop.at("2025-11-10T00:00:00Z");
        shop.run("2025-10").await;
        let again = shop.run("2025-10").await;
        assert_eq!(again.drafts.len(), 1);
        assert_eq!(again.drafts[0].net_minor, 650);
        let issued = shop.issue("2025-10").await;
        let invoice = shop.invoice(&issued[0].number).await;
        let line = &invoice.lines[0];
        assert_eq!(line.corrects.as_ref().map(|of| of.number.as_str()), Some("INV-2025-00001"));
        assert_eq!(line.service_from, "2025-09-01");
        shop.at("2025-12-10T00:00:00Z");
        assert!(shop.run("2025-11").await.drafts.is_empty(), "billed once");
        check_books(&shop).await;
    }
}

on_both_engines! {
    async fn withdrawn_usage_is_a_credit_note(db: Db) {
        let shop = september(db).await;
        shop.at("2025-10-20T00:00:00Z");
        shop.revised("network_sent", "n1", DAY, "900000000000").await;
        shop.at("2025-11-10T00:00:00Z");
        shop.run("2025-10").await;
        let drafts = shop.run("2025-10").await.drafts;
        assert_eq!(drafts.len(), 1);
        assert_eq!((drafts[0].kind, drafts[0].net_minor), (DocumentKind::CreditNote, 400));
        assert_eq!(shop.issue("2025-10").await[0].number, "CN-2025-00001");
        shop.at("2025-12-10T00:00:00Z");
        assert!(shop.run("2025-11").await.drafts.is_empty(), "credited once");
        check_books(&shop).await;
    }
}

/// Two customers, of whom the first alone used something in September, which is issued; then
/// usage of the second comes late.
async fn late_first(db: Db) -> Shop {
    let opening = Opening { customers: 2, ..Opening::default() };
    let shop = open(db, opening, &hourly("0.10")).await;
    shop.used("vm_running", "v1", DAY, "24").await;
    shop.at("2025-10-10T00:00:00Z");
    shop.run("2025-09").await;
    assert_eq!(shop.issue("2025-09").await.len(), 1);
    shop.at("2025-10-20T00:00:00Z");
    shop.used_by(2, "vm_running", "v2", NEXT, "20", &[]).await;
    shop.at("2025-11-10T00:00:00Z");
    shop
}

on_both_engines! {
    async fn late_usage_of_a_month_without_invoice_is_drafted_with_the_next_run(db: Db) {
        let shop = late_first(db).await;
        let october = RunRequest {
            label: "2025-10".parse().expect("a label"),
            seller: None,
            correct_prices: false,
            preview: true,
        };
        let preview = run(&shop.app, &october, &|_, _| {}).await.expect("preview").drafts;
        let drafts = shop.run("2025-10").await.drafts;
        for drafts in [&preview, &drafts] {
            assert_eq!(drafts.len(), 1);
            assert_eq!((&*drafts[0].customer_name, drafts[0].net_minor), ("Customer 2", 200));
            assert_eq!(drafts[0].period.to_string(), "2025-09");
        }
        assert!(shop.run("2025-10").await.drafts.is_empty(), "it waits already");
        assert!(shop.drafts("2025-10").await.is_empty());
        let issued = shop.issue("2025-09").await;
        let invoice = shop.invoice(&issued[0].number).await;
        assert_eq!(invoice.lines[0].service_from, "2025-09-01");
        assert_eq!((invoice.net_minor, invoice.lines[0].corrects.as_ref()), (200, None));
        // From now on it has an invoice, and more of it is a difference to that one.
        shop.at("2025-11-20T00:00:00Z");
        shop.used_by(2, "vm_running", "v3", DAY, "10", &[]).await;
        shop.at("2025-12-10T00:00:00Z");
        let later = shop.run("2025-11").await.drafts;
        assert_eq!((later.len(), later[0].net_minor), (1, 100));
        assert_eq!(later[0].period.to_string(), "2025-11");
        shop.issue("2025-11").await;
        shop.at("2026-01-10T00:00:00Z");
        assert!(shop.run("2025-12").await.drafts.is_empty(), "billed once");
        check_books(&shop).await;
    }
}

/// Differences of other periods are on the asked period's invoice alone.
#[tokio::test]
async fn a_month_without_invoice_takes_no_correction_with_it() {
    let shop = open(sqlite().await, Opening::default(), &hourly("0.10")).await;
    let days = [DAY, ("2025-10-01T00:00:00Z", "2025-10-02T00:00:00Z")];
    shop.used("vm_running", "v1", days[0], "24").await;
    shop.at("2025-10-10T00:00:00Z");
    shop.run("2025-09").await;
    shop.issue("2025-09").await;
    shop.at("2025-11-10T00:00:00Z");
    assert!(shop.run("2025-10").await.drafts.is_empty());
    shop.used("vm_running", "v2", days[0], "10").await;
    shop.used("vm_running", "v2", days[1], "7").await;
    shop.at("2025-12-10T00:00:00Z");
    let drafts = shop.run("2025-11").await.drafts;
    let told: Vec<String> =
        drafts.iter().map(|one| format!("{} {}", one.period, one.net_minor)).collect();
    assert_eq!(told, ["2025-11 100", "2025-10 70"]);
    shop.issue("2025-11").await;
    shop.issue("2025-10").await;
    shop.at("2026-01-10T00:00:00Z");
    assert!(shop.run("2025-12").await.drafts.is_empty(), "billed once");
    check_books(&shop).await;
}

#[tokio::test]
async fn months_before_the_first_invoice_are_billed_by_their_own_run_alone() {
    let shop = late_first(sqlite().await).await;
    let august = ("2025-08-01T00:00:00Z", "2025-08-02T00:00:00Z");
    shop.used_by(2, "vm_running", "v2", august, "24", &[]).await;
    let drafts = shop.run("2025-10").await.drafts;
    let told: Vec<String> = drafts.iter().map(|one| one.period.to_string()).collect();
    assert_eq!(told, ["2025-09"], "the seller had not begun in August");
    assert_eq!(shop.run("2025-08").await.drafts[0].net_minor, 240);
}

#[tokio::test]
async fn a_difference_that_waits_in_a_draft_is_not_drafted_again() {
    let shop = september(sqlite().await).await;
    shop.at("2025-10-20T00:00:00Z");
    shop.used("network_sent", "n1", NEXT, "100000000000").await;
    shop.at("2025-12-10T00:00:00Z");
    assert_eq!(shop.run("2025-10").await.drafts.len(), 1);
    assert!(shop.run("2025-11").await.drafts.is_empty());
}

#[tokio::test]
async fn a_backdated_price_is_billed_by_an_explicit_run_alone() {
    let shop = open(sqlite().await, Opening::default(), &hourly("0.10")).await;
    shop.used("vm_running", "v1", DAY, "24").await;
    shop.at("2025-10-10T00:00:00Z");
    shop.run("2025-09").await;
    shop.issue("2025-09").await;
    shop.at("2025-10-20T00:00:00Z");
    shop.price("1970-01-01T00:00:00Z", &hourly("0.20")).await;
    shop.at("2025-11-10T00:00:00Z");
    assert!(shop.run("2025-10").await.drafts.is_empty());
    let corrected = shop.run_with("2025-10", true).await.drafts;
    assert_eq!(corrected[0].net_minor, 240);
    shop.issue("2025-10").await;
    shop.at("2025-11-20T00:00:00Z");
    shop.used("vm_running", "v1", NEXT, "24").await;
    shop.at("2025-12-10T00:00:00Z");
    let late = shop.run("2025-11").await.drafts;
    assert_eq!((late.len(), late[0].net_minor), (1, 480), "at the corrected price");
}
