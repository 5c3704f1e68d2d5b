//! Goal: changes are made once, by operators alone, and are audited. Method: repeat them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Executor, Row};

use super::app::{Reply, TestApp};
use super::invoices::ids_of;
use super::world;
use crate::on_both_engines;
use crate::support::db;

const QUIET: &str = "requests_per_minute = 100000\nsign_ins_per_minute = 100000";

async fn post(app: &TestApp, token: &str, path: &str, key: &str, body: Value) -> Reply {
    let request = app.request(Method::POST, path).bearer_auth(token);
    let request = if key.is_empty() { request } else { request.header("idempotency-key", key) };
    app.send(request.json(&body)).await
}

async fn audited(app: &TestApp, action: &str) -> Vec<String> {
    let mut conn = app.app.db.read().await.expect("connect");
    let query = sqlx::query("SELECT actor FROM audit_log WHERE action = $1 ORDER BY id");
    let rows = conn.fetch_all(query.bind(action.to_owned())).await.expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

on_both_engines! {
    /// The same key gives the same answer, and the change is made once.
    async fn a_credit_note_is_drafted_once(db: Db) {
        let app = TestApp::start_with(QUIET, db).await;
        world::fill(&app).await;
        let invoice = ids_of(&app, "anna").await.remove(0).0;
        let path = format!("/api/v1/invoices/{invoice}/credit-notes");
        let token = app.token("root").await;
        let body = json!({ "reason": "goodwill", "lines": [{ "line": 1, "net_minor": 100 }] });
        let missing = post(&app, &token, &path, "", body.clone()).await;
        assert_eq!(missing.code(), "idempotency_key_missing");
        let first = post(&app, &token, &path, "k1", body.clone()).await;
        assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
        let again = post(&app, &token, &path, "k1", body.clone()).await;
        assert_eq!((again.status, &again.body), (StatusCode::CREATED, &first.body));
        assert_eq!(again.header("idempotency-replayed"), "true");
        let other = json!({ "reason": "goodwill", "lines": [{ "line": 1, "net_minor": 200 }] });
        let reused = post(&app, &token, &path, "k1", other.clone()).await;
        assert_eq!(reused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(reused.code(), "idempotency_key_reused");
        let second = post(&app, &token, &path, "k2", other).await;
        assert_eq!(second.code(), "credit_note_waiting");
        assert_eq!(audited(&app, "credit_note.drafted").await, ["user:cs1/u-root"]);
        let draft = first.json()["credit_note"]["draft_id"].as_str().expect("an id").to_owned();
        let shown = app.get(&token, &format!("/api/v1/drafts/{draft}")).await.json();
        assert_eq!(shown["draft"]["net"]["minor"], 100, "{shown}");
        let issue = format!("/api/v1/drafts/{draft}/issue");
        let issued = post(&app, &token, &issue, "k3", json!({})).await;
        assert_eq!(issued.status, StatusCode::OK, "{}", issued.body);
        let repeated = post(&app, &token, &issue, "k3", json!({})).await;
        assert_eq!(repeated.body, issued.body, "not issued twice");
        assert_eq!(audited(&app, "credit_note.issued").await.len(), 1);
        let gone = post(&app, &token, &issue, "k4", json!({})).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
    }
}

fn usage_event(id: &str, quantity: Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "desk", "type": "billow.usage.v1",
        "data": {
            "owner": "cs1/acme", "meter": "set_up", "resource": "s1", "kind": "delta",
            "from": "2026-10-01T00:00:00Z", "until": "2026-10-01T00:00:00Z", "quantity": quantity,
            "attributes": { "name": "Set-up" },
        },
    })
}

on_both_engines! {
    /// Events are known by source and id; a wrong one is named and nothing of its batch is taken.
    async fn pushed_usage_is_taken_once(db: Db) {
        let app = TestApp::start_with(QUIET, db).await;
        world::fill(&app).await;
        let token = app.token("root").await;
        let path = "/api/v1/usage";
        let bad = json!([usage_event("1", json!("1")), usage_event("2", json!("x"))]);
        let refused = post(&app, &token, path, "", bad).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "invalid_events"));
        assert!(refused.body.contains("events:2: quantity: \\\"x\\\" is not"), "{}", refused.body);
        let batch = json!([usage_event("1", json!("1")), usage_event("2", json!(1.5))]);
        let first = post(&app, &token, path, "", batch.clone()).await;
        assert_eq!(first.status, StatusCode::OK, "{}", first.body);
        assert_eq!(first.json()["import"]["records"], 2);
        let again = post(&app, &token, path, "", batch).await.json();
        assert_eq!(again["import"]["records"], 0);
        assert_eq!(again["import"]["duplicates"], 2);
        let one = post(&app, &token, path, "", usage_event("1", json!("2"))).await.json();
        assert_eq!(one["import"]["findings"], 1);
        assert_eq!(audited(&app, "usage.imported").await, ["user:cs1/u-root"; 3]);
    }
}

#[tokio::test]
async fn a_refused_change_leaves_its_key_free() {
    let app = TestApp::start_with(QUIET, db::sqlite().await).await;
    world::fill(&app).await;
    let invoice = ids_of(&app, "anna").await.remove(0).0;
    let path = format!("/api/v1/invoices/{invoice}/credit-notes");
    let token = app.token("root").await;
    let body = |minor: i64| json!({ "reason": "r", "lines": [{ "line": 1, "net_minor": minor }] });
    let much = post(&app, &token, &path, "k1", body(999_999)).await;
    assert_eq!(
        (much.status.as_u16(), much.code().as_str()),
        (422, "not_creditable"),
        "{}",
        much.body
    );
    let line = json!({ "reason": "r", "lines": [{ "line": 77 }] });
    assert_eq!(post(&app, &token, &path, "k1", line).await.code(), "not_creditable");
    let none = json!({ "reason": "  " });
    assert_eq!(post(&app, &token, &path, "k1", none).await.code(), "invalid_field");
    let right = post(&app, &token, &path, "k1", body(100)).await;
    assert_eq!(right.status, StatusCode::CREATED, "{}", right.body);
}

#[tokio::test]
async fn only_operators_change_things() {
    let app = TestApp::start_with(QUIET, db::sqlite().await).await;
    world::fill(&app).await;
    let invoice = ids_of(&app, "anna").await.remove(0).0;
    for name in ["anna", "alice", "bob"] {
        let token = app.token(name).await;
        let path = format!("/api/v1/invoices/{invoice}/credit-notes");
        let reply = post(&app, &token, &path, "k", json!({ "reason": "mine" })).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{name}");
    }
    assert!(audited(&app, "credit_note.drafted").await.is_empty());
}

#[tokio::test]
async fn a_draft_is_approved_and_issued_from_its_page() {
    let app = TestApp::start_with(QUIET, db::sqlite().await).await;
    world::fill(&app).await;
    let invoice = ids_of(&app, "bob").await.remove(0).0;
    let token = app.token("root").await;
    let path = format!("/api/v1/invoices/{invoice}/credit-notes");
    let made = post(&app, &token, &path, "k", json!({ "reason": "outage" })).await.json();
    let draft = made["credit_note"]["draft_id"].as_str().expect("an id").to_owned();
    let page = app.get(&token, &format!("/billing/drafts/{draft}?lang=en")).await.body;
    assert!(page.contains("Approve") && page.contains("Issue"), "{page}");
    let csrf = app.get(&token, "/api/v1/session").await.json()["session"]["csrf"].clone();
    let csrf = csrf.as_str().expect("a form token").to_owned();
    let form = |what: &str, csrf: &str, key: &str| {
        app.request(Method::POST, &format!("/billing/drafts/{draft}/{what}"))
            .header("cookie", format!("billow_session={token}"))
            .header("origin", &app.address)
            .form(&[("csrf", csrf), ("key", key)])
    };
    assert_eq!(app.send(form("approve", "guess", "p1")).await.status, StatusCode::FORBIDDEN);
    let approved = app.send(form("approve", &csrf, "p1")).await;
    assert_eq!(
        approved.header("location"),
        format!("/billing/drafts/{draft}"),
        "{}",
        approved.body
    );
    let issued = app.send(form("issue", &csrf, "p2")).await;
    assert_eq!(issued.header("location"), format!("/billing/invoices/{draft}"), "{}", issued.body);
    let page = app.get(&token, &format!("/billing/invoices/{draft}")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(audited(&app, "draft.approved").await, ["user:cs1/u-root"]);
}

#[tokio::test]
async fn a_finding_is_decided_once_with_a_reason() {
    let app = TestApp::start_with(QUIET, db::sqlite().await).await;
    world::fill(&app).await;
    world::add_finding(&app, "f1", "acme", 1_790_000_000).await;
    let (root, anna) = (app.token("root").await, app.token("anna").await);
    let path = "/api/v1/findings/f1/release";
    let silent = post(&app, &root, path, "k0", json!({ "reason": " " })).await;
    assert_eq!(silent.code(), "invalid_field");
    let foreign = post(&app, &anna, path, "k0", json!({ "reason": "x" })).await;
    assert_eq!(foreign.code(), "not_found");
    let open = app.get(&anna, "/api/v1/findings?state=open").await.json();
    assert_eq!(open["findings"].as_array().expect("findings").len(), 1, "her own doubt is shown");
    let done = post(&app, &root, path, "k1", json!({ "reason": "checked" })).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert_eq!(done.json()["finding"]["state"], "released");
    let again = post(&app, &root, path, "k1", json!({ "reason": "checked" })).await;
    assert_eq!(again.body, done.body);
    let reject = "/api/v1/findings/f1/reject";
    let other = post(&app, &root, reject, "k2", json!({ "reason": "no" })).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (409, "already_decided"));
    assert_eq!(audited(&app, "finding.released").await, ["user:cs1/u-root"]);
    assert!(audited(&app, "finding.rejected").await.is_empty());
    let shown = app.get(&root, "/api/v1/findings/f1").await.json();
    assert_eq!(shown["finding"]["state"], "released");
}

#[tokio::test]
async fn a_finding_is_decided_from_its_page() {
    let app = TestApp::start_with(QUIET, db::sqlite().await).await;
    world::fill(&app).await;
    world::add_finding(&app, "f1", "acme", 1_790_000_000).await;
    let token = app.token("root").await;
    let csrf = app.get(&token, "/api/v1/session").await.json()["session"]["csrf"].clone();
    let csrf = csrf.as_str().expect("a form token").to_owned();
    let form = |csrf: &str| {
        app.request(Method::POST, "/billing/findings/f1/decide")
            .header("cookie", format!("billow_session={token}"))
            .header("origin", &app.address)
            .form(&[("csrf", csrf), ("key", "p1"), ("decision", "reject"), ("reason", "a copy")])
    };
    assert_eq!(app.send(form("guess")).await.status, StatusCode::FORBIDDEN);
    let done = app.send(form(&csrf)).await;
    assert_eq!(done.header("location"), "/billing/findings/f1", "{}", done.body);
    let page = app.get(&token, "/billing/findings/f1?lang=en").await.body;
    assert!(page.contains("rejected") && !page.contains("value=\"release\""), "{page}");
}
