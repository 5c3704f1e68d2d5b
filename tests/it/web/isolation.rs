//! Goal: nobody sees or changes what is not theirs, on any path, in any format. Method: go
//! through the router's own table with ids of another seller's customer, as everybody.

use billow::web::router::{Access, RouteEntry, routes};
use reqwest::{Method, RequestBuilder, StatusCode};

use super::app::TestApp;
use super::world;

const QUIET: &str = "requests_per_minute = 100000\nsign_ins_per_minute = 100000";

/// Requests with no credentials are answered 401, pages lead to the sign-in page.
#[tokio::test]
async fn nothing_is_shown_without_credentials() {
    let app =
        TestApp::start_with("requests_per_minute = 100000", crate::support::db::sqlite().await)
            .await;
    for route in routes().into_iter().filter(|route| route.access != Access::Public) {
        let path = filled(route.path, "any", "any");
        let reply = app.send(app.request(method_of(&route), &path)).await;
        if route.path.starts_with("/billing") {
            assert_eq!(reply.status, StatusCode::SEE_OTHER, "{} {path}", route.method);
            assert!(reply.header("location").starts_with("/sign-in"), "{path}");
        } else {
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{} {path}", route.method);
        }
        assert!(!reply.body.contains("acme"), "{path}");
    }
}

pub fn method_of(route: &RouteEntry) -> Method {
    Method::from_bytes(route.method.as_str().as_bytes()).expect("a method")
}

pub fn filled(path: &str, id: &str, line: &str) -> String {
    path.replace("{id}", id).replace("{line}", line)
}

/// Which of the world's ids fits a path.
fn resource_of(path: &str) -> &str {
    let path = path.strip_prefix("/api/v1/").or_else(|| path.strip_prefix("/billing/"));
    path.and_then(|rest| rest.split('/').next()).unwrap_or("")
}

/// Ids of things of beta's customer bolt: what callers of alpha's side must never find.
struct Foreign {
    customers: Vec<String>,
    sellers: Vec<String>,
    invoices: Vec<String>,
    drafts: Vec<String>,
    findings: Vec<String>,
    books: Vec<String>,
}

impl Foreign {
    async fn load(app: &TestApp) -> Self {
        let bolt = app.customer("bolt").await;
        let root = app.token("root").await;
        let list = app.get(&root, &format!("/api/v1/invoices?customer={}", bolt.id)).await.json();
        let invoice = &list["invoices"][0];
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        let path = format!("/api/v1/invoices/{}/credit-notes", text(&invoice["id"]));
        let request = app.request(Method::POST, &path).bearer_auth(&root);
        let request = request.header("idempotency-key", "world");
        let made = app.send(request.json(&serde_json::json!({ "reason": "outage" }))).await.json();
        world::add_finding(app, "finding-bolt", "bolt", 1_790_000_000).await;
        Self {
            customers: vec![bolt.id.0.clone(), bolt.number.clone()],
            sellers: vec![app.beta.0.clone(), "beta".to_owned()],
            invoices: vec![text(&invoice["id"]), text(&invoice["number"])],
            drafts: vec![text(&made["credit_note"]["draft_id"])],
            findings: vec!["finding-bolt".to_owned()],
            books: vec!["foreign@1".to_owned()],
        }
    }

    fn ids(&self, resource: &str) -> &[String] {
        match resource {
            "customers" => &self.customers,
            "sellers" => &self.sellers,
            "invoices" => &self.invoices,
            "drafts" => &self.drafts,
            "findings" => &self.findings,
            "price-books" => &self.books,
            other => panic!("the world has no foreign {other}: add one to this test"),
        }
    }
}

fn request_as(app: &TestApp, route: &RouteEntry, path: &str, token: &str) -> RequestBuilder {
    let request = app.request(method_of(route), path).bearer_auth(token);
    if method_of(route) != Method::POST {
        return request;
    }
    let request = request.header("idempotency-key", "foreign");
    if route.path.starts_with("/billing") {
        request.form(&[("reason", "x"), ("decision", "release"), ("key", "k")])
    } else {
        request.json(&serde_json::json!({ "reason": "x" }))
    }
}

#[tokio::test]
async fn another_ones_things_do_not_exist() {
    let app = TestApp::start_with(QUIET, crate::support::db::sqlite().await).await;
    world::fill(&app).await;
    let foreign = Foreign::load(&app).await;
    let known = Snapshot::take(&app).await;
    for stranger in ["anna", "paul", "zoe", "lena", "alice"] {
        let token = app.token(stranger).await;
        for route in routes().into_iter().filter(|route| route.path.contains("{id}")) {
            for id in foreign.ids(resource_of(route.path)) {
                let path = filled(route.path, id, "1");
                let reply = app.send(request_as(&app, &route, &path, &token)).await;
                let found = !reply.body.contains("bolt") && !reply.body.contains("thunder");
                assert!(found, "{stranger}: {} {path}: {}", route.method, reply.body);
                assert_eq!(
                    reply.status,
                    StatusCode::NOT_FOUND,
                    "{stranger}: {} {path}: {}",
                    route.method,
                    reply.body
                );
            }
        }
    }
    assert_eq!(Snapshot::take(&app).await, known, "nothing was changed");
}

/// Lists are cut to the scope, whatever they are asked for.
#[tokio::test]
async fn lists_never_show_another_ones_things() {
    let app = TestApp::start_with(QUIET, crate::support::db::sqlite().await).await;
    world::fill(&app).await;
    let foreign = Foreign::load(&app).await;
    let queries = [
        String::new(),
        format!("?customer={}", foreign.customers[0]),
        format!("?seller={}", foreign.sellers[0]),
        "?scope=account:bolt".to_owned(),
        "?limit=500&state=open".to_owned(),
    ];
    for stranger in ["anna", "paul", "zoe", "lena", "alice"] {
        let token = app.token(stranger).await;
        let lists = routes().into_iter().filter(|route| !route.path.contains('{'));
        for route in lists.filter(|r| r.access != Access::Public && r.method.as_str() == "GET") {
            for query in &queries {
                let path = format!("{}{query}", route.path);
                let reply = app.get(&token, &path).await;
                // Links carry on what the address itself said.
                let body = reply.body.replace("account%3Abolt", "");
                let found = ["bolt", "thunder", "beta"].iter().find(|word| body.contains(*word));
                assert_eq!(found, None, "{stranger}: {path}: {body}");
            }
        }
    }
}

/// Operators' routes are refused to everybody else, with or without an id.
#[tokio::test]
async fn operators_routes_are_theirs_alone() {
    let app = TestApp::start_with(QUIET, crate::support::db::sqlite().await).await;
    let token = app.token("alice").await;
    for route in routes().into_iter().filter(|route| route.access == Access::Operator) {
        let path = filled(route.path, "any", "1");
        let reply = app.send(request_as(&app, &route, &path, &token)).await;
        let refused = [StatusCode::NOT_FOUND, StatusCode::FORBIDDEN].contains(&reply.status);
        assert!(refused, "{} {path}: {}", route.method, reply.status);
    }
}

/// Who may only read sees what operators see, and changes nothing in any way.
#[tokio::test]
async fn auditors_read_everything_and_change_nothing() {
    let app = TestApp::start_with(QUIET, crate::support::db::sqlite().await).await;
    world::fill(&app).await;
    let foreign = Foreign::load(&app).await;
    let (root, audrey) = (app.token("root").await, app.token("audrey").await);
    let known = Snapshot::take(&app).await;
    for route in routes().into_iter().filter(|route| route.access != Access::Public) {
        let ids = match route.path.contains("{id}") {
            true => foreign.ids(resource_of(route.path)).to_vec(),
            false => vec![String::new()],
        };
        for id in ids {
            let path = filled(route.path, &id, "1");
            if route.method.as_str() == "GET" {
                let (operators, own) = (app.get(&root, &path).await, app.get(&audrey, &path).await);
                assert_eq!(own.status, operators.status, "{path}");
                assert!(!own.body.contains("method=\"post\" action=\"/billing"), "{path}");
            } else if route.method.as_str() == "POST" {
                let reply = app.send(request_as(&app, &route, &path, &audrey)).await;
                let refused = [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND];
                assert!(refused.contains(&reply.status), "{path}: {} {}", reply.status, reply.body);
            }
        }
    }
    assert_eq!(Snapshot::take(&app).await, known, "nothing was changed");
}

/// How many rows of changeable things there are.
#[derive(Debug, PartialEq, Eq)]
struct Snapshot(Vec<i64>);

impl Snapshot {
    async fn take(app: &TestApp) -> Self {
        use sqlx::{Executor, Row};
        let mut conn = app.app.db.read().await.expect("connect");
        let mut counts = Vec::new();
        for sql in [
            "SELECT COUNT(*) FROM invoice",
            "SELECT COUNT(*) FROM draft WHERE state <> 'approved'",
            "SELECT COUNT(*) FROM finding_decision",
            "SELECT COUNT(*) FROM audit_log WHERE action <> 'session.started'",
        ] {
            counts.push(conn.fetch_one(sql).await.expect("a count").get(0));
        }
        Self(counts)
    }
}
