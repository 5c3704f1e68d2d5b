//! Goal: staff see a customer's sides compared, in the API and on the page; customers do not.
//! Method: a billed world behind the real server, whose cloud does not tell its inventory.

use reqwest::StatusCode;
use serde_json::Value;

use super::app::TestApp;
use super::browser::{Proxy, load, picture, widths};
use super::world;
use crate::support::db;

const QUIET: &str = "requests_per_minute = 100000\nsign_ins_per_minute = 100000";

async fn billed() -> TestApp {
    let app = TestApp::start_with(QUIET, db::sqlite().await).await;
    world::fill(&app).await;
    app
}

fn rows(body: &Value) -> &[Value] {
    body["reconciliation"]["rows"].as_array().expect("rows")
}

#[tokio::test]
async fn staff_see_the_sides_of_a_customer() {
    let app = billed().await;
    let path = format!("/api/v1/customers/{}/reconciliation", app.customer("acme").await.number);
    for name in ["root", "alice"] {
        let token = app.token(name).await;
        // The month before the running one.
        let body = app.get(&token, &path).await.json();
        assert_eq!(body["reconciliation"]["period"], "2026-09", "{name}");
        assert_eq!(body["reconciliation"]["good"], true, "{name}: {body}");
        let found: Vec<(&str, &str, &str)> = rows(&body)
            .iter()
            .map(|row| {
                let text = |value: &'static str| row[value].as_str().unwrap_or("-");
                (row["owner"]["id"].as_str().expect("an owner"), text("meter"), text("billed"))
            })
            .collect();
        let expected = [
            ("acme", "vm_running", "720"),
            ("acme", "volume", "720"),
            ("apollo", "vm_running", "720"),
        ];
        assert_eq!(found, expected, "{name}");
        assert_eq!(rows(&body)[0]["inventory"], Value::Null, "it was not asked");
        let asked = app.get(&token, &format!("{path}?period=2026-09&inventory=true")).await.json();
        let source = &asked["reconciliation"]["sources"][0];
        assert_eq!(source["inventory_meters"], Value::Null);
        assert_eq!(source["differences"][0]["reason"], "inventory_missing", "{asked}");
        assert_eq!(asked["reconciliation"]["good"], false);
        assert_eq!(rows(&asked)[0]["inventory"], Value::Null, "missing, not zero");
        let open = app.get(&token, &format!("{path}?period=2026-10")).await.json();
        assert_eq!(rows(&open)[0]["differences"][0]["reason"], "not_billed", "{open}");
        assert_eq!(rows(&open)[0]["documents"], Value::Null);
    }
    let token = app.token("root").await;
    let wrong = app.get(&token, &format!("{path}?period=october")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.body);
    let token = app.token("anna").await;
    assert_eq!(app.get(&token, &path).await.status, StatusCode::NOT_FOUND, "customers do not");
}

#[tokio::test]
async fn the_page_is_reached_from_the_month_and_reads_without_script() {
    let app = billed().await;
    let id = app.customer("acme").await.id;
    let token = app.token("alice").await;
    let month = app.get(&token, &format!("/billing/customers/{id}?period=2026-09")).await;
    let path = format!("/billing/customers/{id}/reconciliation?period=2026-09");
    assert!(month.body.contains(&path), "{}", month.body);
    let page = app.get(&token, &path).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("What was recorded, metered and billed agrees."), "{}", page.body);
    let running = app.get(&token, &path.replace("2026-09", "2026-10")).await;
    assert!(running.body.contains("stands on no document"), "{}", running.body);
    let proxy = Proxy::start(&app, &token).await;
    let seen = load(&format!("{}{path}&lang=de", proxy.address)).await;
    assert_eq!(seen.complaints, Vec::<String>::new());
    assert!(seen.dom.contains("Abgleich"), "{}", seen.dom);
    // A table of eight columns is told as a list there.
    let (scroll, client) = widths(&proxy, &path, 500).await;
    assert!(scroll <= client, "it is {scroll} wide in a window of {client}");
    picture(&format!("{}{path}&theme=light", proxy.address), "reconcile", (1280, 900)).await;
    let anna = app.token("anna").await;
    let month = app.get(&anna, "/billing?period=2026-09").await;
    assert!(!month.body.contains("reconciliation"), "no link for customers");
}
