//! Goal: issued documents are listed whole, shown in every form to those they concern, and
//! explained down to the cloud's words. Method: a billed world behind the real server.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;

use super::app::TestApp;
use super::world;
use crate::on_both_engines;
use crate::support::db;

const QUIET: &str = "requests_per_minute = 100000\nsign_ins_per_minute = 100000";

/// Ids of all invoices that a user sees.
pub async fn ids_of(app: &TestApp, name: &str) -> Vec<(String, String)> {
    let token = app.token(name).await;
    let list = app.get(&token, "/api/v1/invoices").await;
    assert_eq!(list.status, StatusCode::OK, "{}", list.body);
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let list = list.json();
    let list = list["invoices"].as_array().expect("invoices").iter();
    list.map(|row| (text(&row["id"]), text(&row["customer_name"]))).collect()
}

on_both_engines! {
    /// Each caller sees the invoices of their scope, and no others.
    async fn lists_follow_the_scope(db: Db) {
        let app = TestApp::start_with(QUIET, db).await;
        world::fill(&app).await;
        let expected: [(&str, &[&str]); 8] = [
            ("root", &["acme", "bolt", "leafy", "zeta"]),
            ("alice", &["acme", "leafy", "zeta"]),
            ("bea", &["bolt"]),
            ("lena", &["leafy"]),
            ("anna", &["acme"]),
            ("paul", &[]),
            ("zoe", &["zeta"]),
            ("bob", &["bolt"]),
        ];
        for (name, customers) in expected {
            let seen = ids_of(&app, name).await;
            let seen: BTreeSet<&str> = seen.iter().map(|(_, customer)| customer.as_str()).collect();
            let expected: BTreeSet<&str> = customers.iter().copied().collect();
            assert_eq!(seen, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn an_invoice_is_shown_in_every_form() {
    let app = TestApp::start_with(QUIET, db::sqlite().await).await;
    world::fill(&app).await;
    let id = ids_of(&app, "anna").await.remove(0).0;
    let token = app.token("anna").await;
    let shown = app.get(&token, &format!("/api/v1/invoices/{id}")).await.json();
    let invoice = &shown["invoice"];
    // 30 days × 24 h × 0.05 for two machines, and 50 GiB × 0.10.
    assert_eq!(invoice["net"], serde_json::json!({ "minor": 7_700, "currency": "EUR" }));
    assert_eq!(invoice["gross"]["minor"], 9_163);
    let lines = invoice["lines"].as_array().expect("lines");
    let sum: i64 = lines.iter().map(|line| line["net"]["minor"].as_i64().expect("cents")).sum();
    assert_eq!(sum, 7_700);
    let number = invoice["number"].as_str().expect("a number");
    let again = app.get(&token, &format!("/api/v1/invoices/{number}")).await.json();
    assert_eq!(again, shown, "the number finds it, too");
    for (ending, kind, start) in [
        (".pdf", "application/pdf", "%PDF-"),
        (".html", "text/html", "<!DOCTYPE html>"),
        (".csv", "text/csv", ""),
        ("/annex.csv", "text/csv", ""),
        ("/lines", "application/json", "{\"lines\":[{"),
        ("/parts", "application/json", "{\"parts\":[{"),
    ] {
        let reply = app.get(&token, &format!("/api/v1/invoices/{id}{ending}")).await;
        assert_eq!(reply.status, StatusCode::OK, "{ending}: {}", reply.body);
        assert!(reply.header("content-type").starts_with(kind), "{ending}");
        assert!(reply.body.starts_with(start), "{ending}: {}", &reply.body[..60]);
        assert_eq!(reply.header("cache-control"), "no-store", "{ending}");
    }
    let first = app.get(&token, &format!("/api/v1/invoices/{id}.pdf")).await.body;
    let second = app.get(&token, &format!("/api/v1/invoices/{id}.pdf")).await.body;
    assert_eq!(first, second, "made once and kept");
}

#[tokio::test]
async fn a_line_is_explained_down_to_the_clouds_words() {
    let app = TestApp::start_with(QUIET, db::sqlite().await).await;
    world::fill(&app).await;
    let id = ids_of(&app, "anna").await.remove(0).0;
    let token = app.token("anna").await;
    let reply = app.get(&token, &format!("/api/v1/invoices/{id}/lines/1/explain?limit=5")).await;
    let explanation = &reply.json()["explanation"];
    assert_eq!(explanation["line"]["number"], 1, "{}", reply.body);
    let records = explanation["records"].as_array().expect("records");
    assert_eq!(records.len(), 5);
    assert!(explanation["record_count"].as_u64().expect("a count") >= 30);
    let record = &records[0];
    assert_eq!(record["request"], "listUsageRecords page=1");
    assert_eq!(record["raw"]["hours"], "24", "{record}");
    assert_eq!(record["raw"]["resource"], record["resource"]);
    assert!(!reply.body.contains("thunder") && !reply.body.contains("vm-bolt-1"), "its own alone");
    let reply = app.get(&token, &format!("/api/v1/invoices/{id}/lines/99/explain")).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_of_a_list_miss_nothing_while_it_grows() {
    let app = TestApp::start_with(QUIET, db::sqlite().await).await;
    world::fill(&app).await;
    let before: BTreeSet<String> =
        ids_of(&app, "root").await.into_iter().map(|row| row.0).collect();
    let token = app.token("root").await;
    let mut seen = Vec::new();
    let mut path = "/api/v1/invoices?limit=1".to_owned();
    let mut grown = false;
    loop {
        let page = app.get(&token, &path).await.json();
        for row in page["invoices"].as_array().expect("rows") {
            seen.push(row["id"].as_str().expect("an id").to_owned());
        }
        if !grown {
            app.clock.set("2026-11-05T08:00:00Z".parse().expect("instant"));
            let (from, until) = ("2026-10-14T22:00:00Z", "2026-11-01T23:00:00Z");
            let span =
                [from, until].map(|at| at.parse::<jiff::Timestamp>().expect("one").as_second());
            world::add_usage(&app, span[0], span[1]).await;
            world::set_collected(&app, span[1]).await;
            world::issue_month(&app, "2026-10").await;
            grown = true;
        }
        let Some(next) = page["meta"]["next"].as_str() else { break };
        path = format!("/api/v1/invoices?limit=1&cursor={next}");
    }
    let unique: BTreeSet<String> = seen.iter().cloned().collect();
    assert_eq!(unique.len(), seen.len(), "nothing twice");
    assert!(unique.is_superset(&before), "nothing missed");
    assert!(ids_of(&app, "root").await.len() > before.len(), "the list grew meanwhile");
}

#[tokio::test]
async fn a_month_to_date_says_what_is_missing_and_whose_part_it_is() {
    let app = TestApp::start_with(QUIET, db::sqlite().await).await;
    world::fill(&app).await;
    let acme = app.customer("acme").await.id;
    let path = format!("/api/v1/customers/{acme}/month");
    let (anna, paul) = (app.token("anna").await, app.token("paul").await);
    let whole = app.get(&anna, &path).await.json();
    let month = &whole["month"];
    assert_eq!(
        (month["period"].as_str(), month["progress"].as_str()),
        (Some("2026-10"), Some("running"))
    );
    assert_eq!(month["complete_until"], "2026-10-14T22:00:00Z");
    assert_eq!(month["whole"], true);
    // 14 days of two machines, and 14 of 31 days of 50 GiB.
    assert_eq!(month["net"]["minor"], 3_360 + 226, "{}", month["by_category"]);
    let shares = |list: &Value| -> i64 {
        let list = list.as_array().expect("shares").iter();
        list.map(|share| share["net"]["minor"].as_i64().expect("cents")).sum()
    };
    assert_eq!(shares(&month["by_category"]), 3_586);
    assert_eq!(shares(&month["by_project"]), 3_586);
    assert_eq!(month["by_day"].as_array().expect("days").len(), 14);
    let part = app.get(&paul, &path).await.json();
    let month = &part["month"];
    assert_eq!(
        (month["whole"].as_bool(), month["net"]["minor"].as_i64()),
        (Some(false), Some(1_680))
    );
    assert_eq!(month["gross"], Value::Null);
    assert!(!part.to_string().contains("web1"), "the account's own resources are not shown");
    let closed = app.get(&anna, &format!("{path}?period=2026-09")).await.json();
    assert_eq!(closed["month"]["net"]["minor"], 7_700, "as invoiced, to the cent");
    assert_eq!(closed["month"]["progress"], "complete");
    let wrong = app.get(&anna, &format!("{path}?period=October")).await;
    assert_eq!((wrong.status.as_u16(), wrong.code().as_str()), (422, "invalid_field"));
}

#[tokio::test]
async fn usage_records_are_paged_by_their_keys() {
    let app = TestApp::start_with(QUIET, db::sqlite().await).await;
    world::fill(&app).await;
    let token = app.token("anna").await;
    let mut path = "/api/v1/usage?customer=acme&period=2026-09&limit=7"
        .replace("customer=acme", &format!("customer={}", app.customer("acme").await.number));
    let start = path.clone();
    let mut seen = Vec::new();
    loop {
        let page = app.get(&token, &path).await.json();
        for row in page["usage"].as_array().expect("rows") {
            assert_eq!(row["quantity"], "24");
            seen.push(format!("{}{}{}", row["owner"]["id"], row["resource"], row["span"]["from"]));
        }
        let Some(next) = page["meta"]["next"].as_str() else { break };
        path = format!("{start}&cursor={next}");
    }
    let unique: BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), unique.len()), (90, 90), "30 days of three resources");
    let paul = app.token("paul").await;
    let part = app.get(&paul, &start.replace("limit=7", "limit=500")).await.json();
    assert_eq!(part["usage"].as_array().expect("rows").len(), 30, "the project's own");
}

#[tokio::test]
async fn a_statement_adds_up() {
    let app = TestApp::start_with(QUIET, db::sqlite().await).await;
    world::fill(&app).await;
    let acme = app.customer("acme").await.id;
    let path = format!("/api/v1/customers/{acme}/statement");
    let anna = app.token("anna").await;
    let statement = app.get(&anna, &path).await.json();
    let account = &statement["statement"]["accounts"][0];
    assert_eq!(account["balance"]["minor"], 9_163, "{statement}");
    assert_eq!(account["rows"].as_array().expect("rows").len(), 1);
    let paul = app.token("paul").await;
    assert_eq!(app.get(&paul, &path).await.status, StatusCode::NOT_FOUND);
}
