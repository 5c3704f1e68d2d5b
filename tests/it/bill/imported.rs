//! Goal: imported usage is billed in every month that it lasts through, once, corrected where its
//! sender corrects it, and explained to the row. Method: files in, invoices of several months out.

use billow::bill::document::DocumentKind;
use billow::bill::explain::{ExplainRequest, load_explanation};
use billow::bill::verify::verify;
use billow::collect::import::{COLUMNS, Format, Import, ImportReport, import};
use billow::finding::decision::{Decision, decide};
use billow::finding::store::load_findings;
use billow::ids::FindingId;
use billow::ledger::store::load_balances;
use billow::scope::Scope;
use billow::store::Db;
use sqlx::Executor;

use super::shop::{Opening, Shop, open};
use crate::on_both_engines;
use crate::support::db::sqlite;

const PRICES: &str = r#"imported_meters = ["calls", "store", "support", "care", "plan", "seats"]
[[price]]
code = "calls"
meter = "calls"
unit = "piece"
amount = "0.01"
[[price]]
code = "store"
meter = "store"
unit = "gib_month"
month = "calendar"
amount = "0.08"
[[price]]
code = "support"
meter = "support"
unit = "hour"
amount = "0.10"
[[price]]
code = "care"
meter = "care"
unit = "month"
month = "calendar"
model = "flat"
prorate = true
amount = "99.00"
[[price]]
code = "plan"
meter = "plan"
unit = "month"
month = "calendar"
model = "flat"
amount = "49.00"
[[price]]
code = "volume"
meter = "volume"
unit = "gib_month"
month = "calendar"
amount = "0.10"
"#;

async fn send(shop: &Shop, rows: &[&str]) -> ImportReport {
    let text = format!("{}\n{}\n", COLUMNS.join(","), rows.join("\n"));
    let sent = Import {
        format: Format::Csv,
        name: "usage.csv",
        bytes: text.as_bytes(),
        scope: &Scope::Provider,
    };
    import(&shop.app, sent).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn shop_with(db: Db, rows: &[&str]) -> Shop {
    let shop = open(db, Opening::default(), PRICES).await;
    send(&shop, rows).await;
    shop
}

/// Runs a month on the 10th of the next one; gives what was issued: kind, number, net.
async fn bill(shop: &Shop, label: &str) -> Vec<(DocumentKind, String, i64)> {
    let (year, month) = label.split_once('-').expect("a label");
    let month: u32 = month.parse().expect("a month");
    shop.at(&format!("{year}-{:02}-10T00:00:00Z", month + 1));
    issue(shop, label).await
}

/// The same at the present time.
async fn issue(shop: &Shop, label: &str) -> Vec<(DocumentKind, String, i64)> {
    shop.run(label).await;
    let issued = shop.issue(label).await;
    let mut made = Vec::new();
    for one in issued {
        made.push((shop.invoice(&one.number).await.kind, one.number, one.net_minor));
    }
    made
}

/// Each month's net in minor units, with credit notes below zero.
async fn nets(shop: &Shop, labels: &[&str]) -> Vec<i64> {
    let mut nets = Vec::new();
    for label in labels {
        nets.push(net(&bill(shop, label).await));
    }
    nets
}

fn net(made: &[(DocumentKind, String, i64)]) -> i64 {
    let signed = |(kind, _, minor): &(DocumentKind, String, i64)| match kind {
        DocumentKind::CreditNote => -minor,
        DocumentKind::Invoice => *minor,
    };
    made.iter().map(signed).sum()
}

async fn check_books(shop: &Shop) {
    let mut conn = shop.app.db.read().await.expect("read");
    let balances = load_balances(&mut conn, None).await.expect("balances");
    assert_eq!(balances.iter().map(|(_, _, minor)| minor).sum::<i64>(), 0);
    drop(conn);
    let verified = verify(&shop.app, &|_, _| {}).await.expect("verify");
    assert!(verified.is_good(), "{:?}", verified.deviations);
}

const MONTHS: [&str; 5] = ["2025-07", "2025-08", "2025-09", "2025-10", "2025-11"];

/// Rows, all sent before July ends, and what July to November come to.
async fn check(name: &str, rows: &[&str], expected: [i64; 5]) {
    let shop = shop_with(sqlite().await, rows).await;
    assert_eq!(nets(&shop, &MONTHS).await, expected, "{name}");
    check_books(&shop).await;
}

#[tokio::test]
async fn usage_is_cut_at_the_ends_of_months() {
    // 17, 31, 30 and 10 days.
    let support = "d,1,cs1/a1,support,s,interval,2025-07-15,2025-10-11,2112,hour,";
    check("an interval over four months", &[support], [4080, 7440, 7200, 2400, 0]).await;
    // 17/31, 1, 1, 10/31 of 99.00.
    let care = support.replace("support", "care");
    check("a prorated service over four months", &[&care], [5429, 9900, 9900, 3194, 0]).await;
    // 88 pieces, one a day.
    let calls = "d,1,cs1/a1,calls,s,delta,2025-07-15,2025-10-11,88000,piece,";
    check("a delta over four months", &[calls], [17_000, 31_000, 30_000, 10_000, 0]).await;
    // 100 GiB held: 17/31, 1, 1, 10/31 of 8.00.
    let store = "d,1,cs1/a1,store,s,gauge,2025-07-15,2025-10-11,100,GiB,";
    check("a level with an end", &[store], [439, 800, 800, 258, 0]).await;
    let second = "d,1,cs1/a1,calls,s,delta,2025-07-31T23:59:59Z,2025-08-01T00:00:01Z,200,piece,";
    check("one second each side", &[second], [100, 100, 0, 0, 0]).await;
    let last = "d,1,cs1/a1,calls,s,delta,2025-08-01T00:00:00Z,,200,piece,";
    check("the first instant of a month", &[last], [0, 200, 0, 0, 0]).await;
}

#[tokio::test]
async fn a_managed_service_recurs_each_month() {
    let rows = [
        "d,7,cs1/a1,plan,s,interval,2025-07-01,2025-08-01,744,hour,",
        "d,8,cs1/a1,plan,s,interval,2025-08-01,2025-09-01,744,hour,",
        "d,9,cs1/a1,plan,s,interval,2025-09-01,2025-10-01,720,hour,",
    ];
    check("a row a month", &rows, [4900, 4900, 4900, 0, 0]).await;
    let one = "d,1,cs1/a1,plan,s,interval,2025-07-01,2025-10-01,2208,hour,";
    check("one row for a quarter", &[one], [4900, 4900, 4900, 0, 0]).await;
    let two = one.replace("d,1,", "d,2,").replace(",s,", ",t,");
    check("two services", &[one, &two], [9800, 9800, 9800, 0, 0]).await;
}

#[tokio::test]
async fn a_level_holds_until_the_next_one() {
    let first = "d,1,cs1/a1,store,s,gauge,2025-07-11,,100,GiB,";
    let second = "d,2,cs1/a1,store,s,gauge,2025-09-16,,200,GiB,";
    let third = "d,3,cs1/a1,store,s,gauge,2025-11-01,,0,GiB,";
    check("for ever", &[first], [542, 800, 800, 800, 800]).await;
    check("until the next", &[first, second], [542, 800, 1200, 1600, 1600]).await;
    check("until it is zero", &[third, second, first], [542, 800, 1200, 1600, 0]).await;
    let ended = "d,2,cs1/a1,store,s,gauge,2025-08-01,2025-09-01,200,GiB,";
    check("one with an end ends it", &[first, ended], [542, 1600, 0, 0, 0]).await;
    let other = "d,2,cs1/a1,store,t,gauge,2025-09-01,,100,GiB,";
    check("another resource does not", &[first, other], [542, 800, 1600, 1600, 1600]).await;
    let volume = "d,1,cs1/a1,volume,v,gauge,2025-07-11,,100,GiB,";
    check("of a built-in meter", &[volume], [677, 1000, 1000, 1000, 1000]).await;
}

#[tokio::test]
async fn a_counter_is_spread_over_the_ends_of_months() {
    // 2400 over a day at the edge; then 100 a day for 61.5 days.
    let rows = [
        "d,1,cs1/a1,calls,s,cumulative,2025-07-31T12:00:00Z,,1000,piece,",
        "d,2,cs1/a1,calls,s,cumulative,2025-08-01T12:00:00Z,,3400,piece,",
        "d,3,cs1/a1,calls,s,cumulative,2025-10-02T00:00:00Z,,9550,piece,",
    ];
    check("readings far apart", &rows, [1200, 4250, 3000, 100, 0]).await;
    check("one reading", &rows[..1], [0; 5]).await;
}

on_both_engines! {
    async fn a_reading_that_comes_late_completes_the_months_before(db: Db) {
        let before = "d,1,cs1/a1,calls,s,cumulative,2025-07-01,,1000,piece,";
        let shop = shop_with(db, &[before]).await;
        assert_eq!(nets(&shop, &["2025-07", "2025-08"]).await, [0, 0]);
        // 92 days, 100 a day.
        send(&shop, &["d,2,cs1/a1,calls,s,cumulative,2025-10-01,,10200,piece,"]).await;
        // July and August had no invoice that could be corrected: they are billed by their own.
        shop.at("2025-10-10T00:00:00Z");
        assert_eq!(net(&issue(&shop, "2025-07").await), 3100);
        assert_eq!(net(&issue(&shop, "2025-08").await), 3100);
        assert_eq!(net(&issue(&shop, "2025-09").await), 3000);
        assert_eq!(nets(&shop, &["2025-10"]).await, [0]);
        check_books(&shop).await;
    }
}

async fn release(shop: &Shop, rule: &str) {
    let mut conn = shop.app.db.read().await.expect("read");
    let findings = load_findings(&mut conn, false).await.expect("findings");
    drop(conn);
    let open: Vec<FindingId> =
        findings.iter().filter(|one| one.rule == rule).map(|one| one.id.clone()).collect();
    assert_eq!(open.len(), 1, "{findings:?}");
    decide(&shop.app, &open[0], Decision::Release, "the later is right").await.expect("release");
}

/// Bills July and August, sends the row again changed, and gives what September's run comes to
/// while the doubt is open (holds), and what is made after a release: September with what had no
/// invoice before, October, November.
async fn corrected(db: Db, first: &str, later: &str) -> (Vec<i64>, Vec<i64>) {
    let shop = shop_with(db, &[first]).await;
    let billed = nets(&shop, &["2025-07", "2025-08"]).await;
    shop.at("2025-09-20T00:00:00Z");
    let report = send(&shop, &[later]).await;
    assert_eq!((report.records, report.findings), (0, 1));
    assert_eq!(send(&shop, &[later]).await.findings, 0, "one doubt");
    assert_eq!(send(&shop, &[first]).await.duplicates, 1);
    shop.at("2025-10-10T00:00:00Z");
    let held = shop.run("2025-09").await;
    assert!(held.drafts.iter().all(|draft| !draft.holds.is_empty()), "{:?}", held.drafts);
    assert!(shop.issue("2025-09").await.is_empty(), "held");
    release(&shop, "changed_on_reimport").await;
    let july = net(&issue(&shop, "2025-07").await);
    let mut after = nets(&shop, &["2025-09", "2025-10", "2025-11"]).await;
    after[0] += july;
    assert_eq!(send(&shop, &[later,]).await.duplicates, 1);
    check_books(&shop).await;
    (billed, after)
}

on_both_engines! {
    async fn a_changed_row_corrects_every_month_it_was_billed_in(db: Db) {
        // Ended three months earlier: August back to its half, September nothing.
        let first = "d,1,cs1/a1,support,s,interval,2025-07-01,2025-11-11,3192,hour,";
        let later = "d,1,cs1/a1,support,s,interval,2025-07-01,2025-08-16,1104,hour,";
        let (billed, after) = corrected(db, first, later).await;
        assert_eq!(billed, [7440, 7440]);
        assert_eq!(after, [-3840, 0, 0]);
    }
}

on_both_engines! {
    async fn a_changed_level_corrects_every_month_it_held_in(db: Db) {
        let first = "d,1,cs1/a1,store,s,gauge,2025-07-01,,100,GiB,";
        let later = "d,1,cs1/a1,store,s,gauge,2025-08-01,,200,GiB,";
        let (billed, after) = corrected(db, first, later).await;
        assert_eq!(billed, [800, 800]);
        // July back, eight more for August, September at the new level.
        assert_eq!(after, [1600, 1600, 1600]);
    }
}

#[tokio::test]
async fn other_corrections_of_a_row() {
    let db = || sqlite();
    let first = "d,1,cs1/a1,calls,s,delta,2025-08-01,2025-08-02,1000,piece,";
    let less = "d,1,cs1/a1,calls,s,delta,2025-08-01,2025-08-02,400,piece,";
    let (billed, after) = corrected(db().await, first, less).await;
    assert_eq!((billed, after), (vec![0, 1000], vec![-600, 0, 0]), "the same record");
    let moved = "d,1,cs1/a1,calls,s,delta,2025-07-01,2025-07-02,1000,piece,";
    let (_, after) = corrected(db().await, first, moved).await;
    assert_eq!(after, [0, 0, 0], "another month: one more, one less");
    let meter = "d,1,cs1/a1,support,s,interval,2025-08-01,2025-08-02,24,hour,";
    let (_, after) = corrected(db().await, first, meter).await;
    assert_eq!(after, [-1000 + 240, 0, 0], "another meter");
    let none = "d,1,cs1/a1,calls,s,delta,2025-08-01,2025-08-02,0,piece,";
    let (_, after) = corrected(db().await, first, none).await;
    assert_eq!(after, [-1000, 0, 0], "nothing of it");
}

on_both_engines! {
    async fn two_readings_of_one_instant_are_a_doubt(db: Db) {
        let rows = [
            "d,1,cs1/a1,store,s,gauge,2025-07-01,,100,GiB,",
            "d,2,cs1/a1,store,s,gauge,2025-07-01,,200,GiB,",
        ];
        let shop = open(db, Opening::default(), PRICES).await;
        let report = send(&shop, &rows).await;
        assert_eq!((report.records, report.findings), (2, 1));
        shop.at("2025-08-10T00:00:00Z");
        let held = shop.run("2025-07").await;
        assert_eq!(held.drafts[0].net_minor, 800, "the first counts");
        assert!(held.drafts[0].holds[0].contains("at the same instant"), "{:?}", held.drafts[0]);
        release(&shop, "second_reading").await;
        assert_eq!(nets(&shop, &["2025-07"]).await, [1600]);
        check_books(&shop).await;
    }
}

on_both_engines! {
    async fn the_last_of_many_months_is_explained_to_the_row_as_sent(db: Db) {
        let rows = [
            "desk,1,cs1/a1,support,s,interval,2025-05-15,2025-09-11,2856,hour,",
            "desk,2,cs1/a1,store,b,gauge,2025-05-15,,100,GiB,",
            "desk,3,cs1/a1,calls,c,cumulative,2025-05-15,,0,piece,",
            "desk,4,cs1/a1,calls,c,cumulative,2025-10-12,,15000,piece,",
        ];
        let shop = shop_with(db, &rows).await;
        let made = bill(&shop, "2025-09").await;
        let invoice = shop.invoice(&made[0].1).await;
        assert_eq!(invoice.lines.len(), 3);
        let mut conn = shop.app.db.read().await.expect("read");
        let mut raw = Vec::new();
        for line in &invoice.lines {
            let ask =
                ExplainRequest { invoice: &made[0].1, line: line.number, resource: None, limit: 9 };
            let found = load_explanation(&mut conn, &[], &Scope::Provider, ask).await;
            let found = found.expect("explain").expect("the line");
            for record in &found.records {
                let words = record.raw.as_ref().expect("the row as sent");
                let cell = |name: &str| words[name].as_str().expect("a cell").to_owned();
                assert_eq!(cell("source"), "desk");
                raw.push((cell("id"), cell("quantity"), cell("unit")));
            }
        }
        drop(conn);
        raw.sort();
        let expected = [("1", "2856", "hour"), ("2", "100", "GiB"), ("4", "15000", "piece")];
        let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(raw, expected);
        check_books(&shop).await;
        let mut tx = shop.app.db.begin().await.expect("begin");
        let change = "UPDATE usage_record SET quantity = '2000' WHERE meter = 'support'";
        tx.execute(change).await.expect("change");
        tx.commit().await.expect("commit");
        let bad = verify(&shop.app, &|_, _| {}).await.expect("verify");
        let named = bad.deviations.iter().find(|one| one.what.contains("differs from row 0"));
        assert_eq!(named.expect("the record is named").number, made[0].1);
    }
}
