//! Goal: what the orchestrator cannot see is imported once, explained to its row, and billed as
//! its kind asks; a wrong file stores nothing. Method: files through parser, store, draft, issue.

use billow::bill::explain::{ExplainRequest, load_explanation};
use billow::bill::verify::verify;
use billow::cli::{Exit, Output, usage};
use billow::collect::import::{
    COLUMNS, Format, Import, ImportFailure, ImportReport, import, parse,
};
use billow::finding::decision::{Decision, decide};
use billow::finding::store::load_findings;
use billow::scope::Scope;
use clap::Parser;
use sqlx::Executor;

use crate::bill::shop::{Opening, Shop, open};
use crate::on_both_engines;
use crate::support::db::{folder, sqlite};

const PRICES: &str = r#"imported_meters = ["api_calls", "set_up", "object_store", "care"]
[[price]]
code = "calls"
meter = "api_calls"
unit = "piece"
amount = "0.01"
[[price]]
code = "setup"
meter = "set_up"
unit = "piece"
model = "one_off"
amount = "250.00"
[[price]]
code = "sent"
meter = "network_sent"
unit = "gib"
amount = "0.05"
[[price]]
code = "store"
meter = "object_store"
unit = "gib_month"
month = "calendar"
amount = "0.08"
[[price]]
code = "care"
meter = "care"
unit = "month"
month = "calendar"
model = "flat"
prorate = true
amount = "99.00"
"#;

fn file(rows: &[&str]) -> String {
    format!("{}\n{}\n", COLUMNS.join(","), rows.join("\n"))
}

async fn try_send(shop: &Shop, text: &str) -> Result<ImportReport, ImportFailure> {
    let (name, scope) = ("usage.csv", &Scope::Provider);
    import(&shop.app, Import { format: Format::Csv, name, bytes: text.as_bytes(), scope }).await
}

async fn send(shop: &Shop, rows: &[&str]) -> ImportReport {
    try_send(shop, &file(rows)).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn net(rows: &[&str]) -> i64 {
    let shop = open(sqlite().await, Opening::default(), PRICES).await;
    send(&shop, rows).await;
    shop.at("2025-10-10T00:00:00Z");
    shop.draft("2025-09").await.net_minor
}

on_both_engines! {
    async fn a_set_up_fee_is_billed_once_and_explained_to_its_row(db: Db) {
        let shop = open(db, Opening::default(), PRICES).await;
        let row = "desk,1,cs1/a1,set_up,s1,delta,2025-09-11T00:00:00Z,2025-09-11T00:00:00Z,1,,\
                   \"{\"\"name\"\":\"\"Set-up\"\"}\"";
        assert_eq!(send(&shop, &[row]).await.records, 1);
        let again = send(&shop, &[row]).await;
        assert_eq!((again.records, again.duplicates, again.findings), (0, 1, 0));
        shop.at("2025-10-10T00:00:00Z");
        assert_eq!(shop.draft("2025-09").await.net_minor, 25_000);
        let issued = shop.issue("2025-09").await;
        let mut conn = shop.app.db.read().await.expect("read");
        let ask =
            ExplainRequest { invoice: &issued[0].number, line: 1, resource: None, limit: 10 };
        let found = load_explanation(&mut conn, &[], &Scope::Provider, ask).await;
        let explained = found.expect("explain").expect("the line");
        let raw = explained.records[0].raw.as_ref().expect("the row");
        assert_eq!((raw["source"].as_str(), raw["id"].as_str()), (Some("desk"), Some("1")));
    }
}

on_both_engines! {
    async fn another_content_under_a_known_id_is_a_finding(db: Db) {
        let shop = open(db, Opening::default(), PRICES).await;
        let row = |quantity: &str| {
            format!("app,7,cs1/a1,api_calls,x,delta,2025-09-01T00:00:00Z,2025-09-02T00:00:00Z,\
                     {quantity},piece,")
        };
        send(&shop, &[&row("100")]).await;
        assert_eq!(send(&shop, &[&row("300")]).await.findings, 1);
        assert_eq!(send(&shop, &[&row("300")]).await.findings, 0);
        shop.at("2025-10-10T00:00:00Z");
        let run = shop.run("2025-09").await;
        assert_eq!(run.drafts[0].holds.len(), 1, "the doubt holds this customer");
        let mut conn = shop.app.db.read().await.expect("read");
        let findings = load_findings(&mut conn, false).await.expect("findings");
        drop(conn);
        assert_eq!(findings[0].rule, "changed_on_reimport");
        let decided = decide(&shop.app, &findings[0].id, Decision::Release, "the later is right");
        decided.await.expect("release");
        shop.at("2025-10-10T00:01:00Z");
        assert_eq!(shop.draft("2025-09").await.net_minor, 300);
    }
}

on_both_engines! {
    async fn a_record_changed_by_hand_is_no_longer_its_row(db: Db) {
        let shop = open(db, Opening::default(), PRICES).await;
        let row = "app,7,cs1/a1,api_calls,x,delta,2025-09-01T00:00:00Z,2025-09-02T00:00:00Z,100,,";
        send(&shop, &[row]).await;
        shop.at("2025-10-10T00:00:00Z");
        shop.run("2025-09").await;
        let issued = shop.issue("2025-09").await;
        let good = verify(&shop.app, &|_, _| {}).await.expect("verify");
        assert!(good.is_good() && good.records == 1 && good.pages == 1, "{good:?}");
        let mut tx = shop.app.db.begin().await.expect("begin");
        tx.execute("UPDATE usage_record SET quantity = '90'").await.expect("change");
        tx.commit().await.expect("commit");
        let bad = verify(&shop.app, &|_, _| {}).await.expect("verify");
        let named = bad.deviations.iter().find(|one| one.what.contains("differs from row 0"));
        assert_eq!(named.expect("the record is named").number, issued[0].number);
    }
}

#[tokio::test]
async fn counters_add_up_through_a_reset_and_over_the_months_edge() {
    // 1000, 4000, 500, 2500: 5500 calls; the reading before the month is the baseline.
    let rows = [
        ("1", "2025-08-31T12:00:00Z", "2025-08-31T12:00:00Z", "1000"),
        ("2", "2025-08-31T12:00:00Z", "2025-09-10T00:00:00Z", "4000"),
        ("3", "2025-09-10T00:00:00Z", "2025-09-11T00:00:00Z", "500"),
        ("4", "2025-09-11T00:00:00Z", "2025-09-12T00:00:00Z", "2500"),
    ];
    let rows: Vec<String> = rows
        .iter()
        .map(|(id, from, until, reading)| {
            format!("app,{id},cs1/a1,api_calls,x,cumulative,{from},{until},{reading},piece,")
        })
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    // Of the first 3000, the 216 hours of September out of 228: 2842.105…; with 2500 more 53.42.
    assert_eq!(net(&rows).await, 5342);
}

#[tokio::test]
async fn what_straddles_the_months_edge_is_split_in_time() {
    let row = "app,1,cs1/a1,api_calls,x,delta,2025-08-31T23:30:00Z,2025-09-01T00:30:00Z,120,,";
    assert_eq!(net(&[row]).await, 60);
}

#[tokio::test]
async fn gauges_are_weighted_by_time() {
    // 100 GiB for 10 days, then 200 GiB for 20 days of 30, at 0.08 a GiB-month.
    let rows = [
        "app,1,cs1/a1,object_store,b,gauge,2025-09-01T00:00:00Z,2025-09-11T00:00:00Z,\
         107374182400,byte,",
        "app,2,cs1/a1,object_store,b,gauge,2025-09-11T00:00:00Z,2025-10-01T00:00:00Z,\
         214748364800,byte,",
    ];
    assert_eq!(net(&rows).await, 1333);
}

#[tokio::test]
async fn five_gb_priced_by_the_gib_are_no_five_gib() {
    let row = "app,1,cs1/a1,network_sent,n,delta,2025-09-01T00:00:00Z,2025-09-02T00:00:00Z,\
               5000000000,byte,";
    assert_eq!(net(&[row]).await, 23);
}

#[tokio::test]
async fn a_managed_service_is_due_for_the_days_it_was_there() {
    let whole = "desk,1,cs1/a1,care,s,interval,2025-09-01T00:00:00Z,2025-10-01T00:00:00Z,720,hour,";
    assert_eq!(net(&[whole]).await, 9900);
    let since = "desk,1,cs1/a1,care,s,interval,2025-09-11T00:00:00Z,2025-10-01T00:00:00Z,480,hour,";
    assert_eq!(net(&[since]).await, 6600);
}

#[track_caller]
fn refused(row: &str, expected: &[&str]) {
    let errors = parse(Format::Csv, file(&[row]).as_bytes(), "u.csv").errors;
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), expected.len(), "{texts:?}");
    for (text, expected) in texts.iter().zip(expected) {
        assert!(text.starts_with(expected), "{text:?} does not begin with {expected:?}");
    }
}

#[test]
fn wrong_rows_are_named_by_line_and_column() {
    let span = "2025-09-01T00:00:00Z,2025-09-02T00:00:00Z";
    refused(&format!("a,1,a1,m,r,delta,{span},1,,"), &["u.csv:2: owner: \"a1\": write SOURCE/ID"]);
    refused(&format!("a,,cs1/a1,m,r,delta,{span},1,,"), &["u.csv:2: id: needs 1 to"]);
    refused(&format!("a,1,cs1/a1,m,r,sum,{span},1,,"), &["u.csv:2: kind: \"sum\": use interval"]);
    refused(&format!("a,1,cs1/a1,m,r,delta,{span},1e3,,"), &["u.csv:2: quantity: \"1e3\""]);
    refused(&format!("a,1,cs1/a1,m,r,delta,{span},-1,,"), &["u.csv:2: quantity: -1: is below"]);
    refused(
        &format!("a,1,cs1/a1,volume,r,delta,{span},1,byte,"),
        &["u.csv:2: unit: \"byte\": volume counts in hour"],
    );
    refused(&format!("a,1,cs1/a1,m,r,delta,{span},1,,x"), &["u.csv:2: attributes: expected"]);
    refused(
        "a,1,cs1/a1,m,r,delta,today,2025-09-02T00:00:00Z,x,,",
        &["u.csv:2: from: \"today\"", "u.csv:2: quantity: \"x\""],
    );
    refused(&format!("a,1,cs1/a1,m,r,delta,{span},\"1,5\",,"), &["u.csv:2: quantity: \"1,5\""]);
    refused(&format!("a,1,cs1/a1,m,r,delta,{span},1"), &["u.csv:2: row: has 9 cells, the header"]);
    refused(
        "a,1,cs1/a1,m,r,interval,2025-09-01T00:00:00Z,,1,hour,",
        &["u.csv:2: until: an interval needs its end"],
    );
    refused(
        "a,1,cs1/a1,m,r,delta,2025-09-01T08:00:00,2025-09-02,1,,",
        &["u.csv:2: from: \"2025-09-01T08:00:00\": write an instant such as"],
    );
    refused(
        &format!("a,1,cs1/a1,m,r,delta,{span},1,Gb,"),
        &["u.csv:2: unit: \"Gb\": use second, minute, hour"],
    );
    refused(
        &format!("a,1,cs1/a1,m,r,delta,{span},1,,\"{{\"\"unit\"\":\"\"byte\"\"}}\""),
        &["u.csv:2: attributes: \"unit\" is set by the import: leave it out"],
    );
    let errors = parse(Format::Csv, b"source,id,price\n", "u.csv").errors;
    assert!(errors[0].to_string().starts_with("u.csv:1: header: unknown columns price"));
}

/// Rows that can be read, and cannot be stored: what is wrong, and that nothing was taken.
async fn not_stored(rows: &[&str], expected: &[&str]) {
    let shop = open(sqlite().await, Opening::default(), PRICES).await;
    let good = "app,good,cs1/a1,api_calls,x,delta,2025-09-01T00:00:00Z,2025-09-02T00:00:00Z,500,,";
    let with_good: Vec<&str> = [good].into_iter().chain(rows.iter().copied()).collect();
    let failure = try_send(&shop, &file(&with_good)).await.expect_err("refused");
    let ImportFailure::Refused(errors) = failure else { panic!("{failure}") };
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), expected.len(), "{texts:?}");
    for (text, expected) in texts.iter().zip(expected) {
        assert!(text.starts_with(expected), "{text:?} does not begin with {expected:?}");
    }
    assert_eq!(send(&shop, &[good]).await.records, 1, "nothing was stored before");
}

#[tokio::test]
async fn rows_that_cannot_be_placed_are_named() {
    let span = "2025-09-01T00:00:00Z,2025-09-02T00:00:00Z";
    let row = |id: &str, owner: &str, quantity: &str| {
        format!("app,{id},{owner},api_calls,x,delta,{span},{quantity},,")
    };
    not_stored(
        &[&row("1", "cs1/ghost", "1"), &row("2", "customer/ghost", "1")],
        &[
            "usage.csv:3: owner: no account or project cs1/ghost: billow customers show",
            "usage.csv:4: owner: no customer ghost who is billed: billow customers list",
        ],
    )
    .await;
    not_stored(
        &[&row("1", "cs1/a1", "1"), &row("1", "cs1/a1", "2"), &row("1", "cs1/a1", "1.0")],
        &["usage.csv:4: id: stands at 3 with other content: leave one out"],
    )
    .await;
    not_stored(
        &["app,1,cs1/a1,api_calls,x,delta,1925-09-01,1925-09-02,1,,"],
        &["usage.csv:3: from: lies more than 10 years back"],
    )
    .await;
    not_stored(
        &[&format!("app,1,cs1/a1,vm_running,v,interval,{span},25,hour,")],
        &["usage.csv:3: quantity: 25 h of one resource in a span of 24 h"],
    )
    .await;
    not_stored(
        &["app,1,cs1/a1,object_store,b,gauge,2025-09-01T00:00:00Z,2025-09-01T00:00:00Z,1,byte,"],
        &["usage.csv:3: until: must be after"],
    )
    .await;
}

#[tokio::test]
async fn files_of_spreadsheets_are_read() {
    let shop = open(sqlite().await, Opening::default(), PRICES).await;
    let rows = "\u{feff}source;id;owner;meter;resource;kind;from;until;quantity\r\n\
                desk;1;customer/C00001;api_calls;x;delta;2025-09-01;2025-09-02;500\r\n";
    assert_eq!(try_send(&shop, rows).await.expect("import").records, 1);
    shop.at("2025-10-10T00:00:00Z");
    assert_eq!(shop.draft("2025-09").await.net_minor, 500);
}

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    Usage(usage::Args),
}

async fn command(shop: &Shop, path: &std::path::Path) -> anyhow::Result<Exit> {
    let path = path.to_str().expect("a path");
    let line = Line::try_parse_from(["billow", "usage", "import", path])?;
    let Verb::Usage(args) = line.verb;
    usage::run(&shop.app, args, Output::new(true)).await
}

#[tokio::test]
async fn a_file_with_one_wrong_row_stores_nothing() {
    let shop = open(sqlite().await, Opening::default(), PRICES).await;
    let path = folder("import").join("usage.csv");
    let good = "app,1,cs1/a1,api_calls,x,delta,2025-09-01T00:00:00Z,2025-09-02T00:00:00Z,200,,";
    std::fs::write(&path, file(&[good, &good.replace("app,1", "app,")])).expect("write");
    let error = command(&shop, &path).await.expect_err("refused").to_string();
    assert!(error.contains(":3: id: needs 1 to 200 characters"), "{error}");
    assert!(error.ends_with("nothing was imported"), "{error}");
    std::fs::write(&path, file(&[good])).expect("write");
    assert!(matches!(command(&shop, &path).await.expect("import"), Exit::Done));
    shop.at("2025-10-10T00:00:00Z");
    assert_eq!(shop.draft("2025-09").await.net_minor, 200);
}
