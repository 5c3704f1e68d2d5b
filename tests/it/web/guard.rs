//! Goal: limits, headers, cross-site changes and bad bodies are held off. Method: send them.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::app::TestApp;
use crate::support::db;

#[tokio::test]
async fn every_answer_carries_the_policy() {
    let app = TestApp::start().await;
    let token = app.token("anna").await;
    let paths = [
        "/health/live",
        "/metrics",
        "/api/v1/session",
        "/api/v1/nothing",
        "/sign-in",
        "/nothing",
        "/assets/billow.js",
        "/api/v1/invoices?limit=x",
        "/billing/customers",
    ];
    for path in paths {
        let reply = app.get(&token, path).await;
        let policy = reply.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'self';"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "same-origin", "{path}");
        assert!(!reply.header("x-request-id").is_empty(), "{path}");
        let cached = path.starts_with("/assets/");
        let caching = reply.header("cache-control");
        assert_eq!(caching == "no-store", !cached, "{path}: {caching}");
    }
}

#[tokio::test]
async fn too_many_requests_of_a_caller_wait() {
    let app = TestApp::start_with("requests_per_minute = 5", db::sqlite().await).await;
    let (anna, bob) = (app.token("anna").await, app.token("bob").await);
    for _ in 0..5 {
        assert_eq!(app.get(&anna, "/api/v1/session").await.status, StatusCode::OK);
    }
    let reply = app.get(&anna, "/api/v1/session").await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reply.code(), "too_many_requests");
    let wait: u64 = reply.header("retry-after").parse().expect("seconds");
    assert!((1..=13).contains(&wait), "{wait}");
    assert_eq!(app.get(&bob, "/api/v1/session").await.status, StatusCode::OK, "others go on");
}

#[tokio::test]
async fn too_many_sign_ins_of_an_address_wait() {
    let app = TestApp::start_with("sign_ins_per_minute = 3", db::sqlite().await).await;
    let body = json!({ "password": { "name": "anna", "password": "guess" } });
    for _ in 0..3 {
        assert_eq!(app.try_sign_in(body.clone()).await.status, StatusCode::UNAUTHORIZED);
    }
    let reply = app.try_sign_in(body.clone()).await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(app.cloud.asked(), 3, "the cloud is spared");
    let request = app.request(Method::POST, "/api/v1/session").json(&body);
    let reply = app.send(request.header("x-forwarded-for", "203.0.113.9, 198.51.100.7")).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "another address behind the proxy");
}

#[tokio::test]
async fn guessed_tokens_are_counted_by_address() {
    let app = TestApp::start_with("requests_per_minute = 3", db::sqlite().await).await;
    for number in 0..3 {
        let reply = app.get(&format!("blw_{number}"), "/api/v1/session").await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    }
    let reply = app.get("blw_3", "/api/v1/session").await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn another_sites_page_changes_nothing() {
    let app = TestApp::start().await;
    let token = app.token("bob").await;
    let csrf = app.get(&token, "/api/v1/session").await.json()["session"]["csrf"].clone();
    let csrf = csrf.as_str().expect("a form token");
    let delete = || {
        app.request(Method::DELETE, "/api/v1/session")
            .header("cookie", format!("billow_session={token}"))
    };
    let foreign = delete().header("origin", "https://evil.example").header("x-billow-csrf", csrf);
    assert_eq!(app.send(foreign).await.code(), "cross_site");
    let foreign = delete().header("sec-fetch-site", "cross-site").header("x-billow-csrf", csrf);
    assert_eq!(app.send(foreign).await.code(), "cross_site");
    let silent = delete().header("x-billow-csrf", csrf);
    assert_eq!(app.send(silent).await.code(), "cross_site", "no origin told");
    let bare = delete().header("origin", &app.address);
    assert_eq!(app.send(bare).await.code(), "csrf");
    assert_eq!(app.get(&token, "/api/v1/session").await.status, StatusCode::OK);
    let own = delete().header("origin", &app.address).header("x-billow-csrf", csrf);
    assert_eq!(app.send(own).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn bad_bodies_and_methods_are_told_apart() {
    let app = TestApp::start().await;
    let post = || app.request(Method::POST, "/api/v1/session");
    let check = |reply: super::app::Reply, status: u16, code: &str| {
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (status, code),
            "{}",
            reply.body
        );
    };
    let json = "application/json";
    check(app.send(post().header("content-type", json).body("{")).await, 400, "invalid_body");
    check(app.send(post().body("{}")).await, 415, "unsupported_media_type");
    let big = format!("\"{}\"", "x".repeat(70_000));
    check(app.send(post().header("content-type", json).body(big)).await, 413, "too_large");
    check(app.send(post().json(&json!({ "sauce": 1 }))).await, 400, "invalid_body");
    check(app.send(post().json(&json!({}))).await, 422, "invalid_field");
    check(app.send(app.request(Method::PUT, "/api/v1/session")).await, 405, "method_not_allowed");
    check(app.send(app.request(Method::GET, "/api/v1/nothing")).await, 404, "not_found");
    let token = app.token("anna").await;
    check(app.get(&token, "/api/v1/customers?limit=0").await, 422, "invalid_field");
    check(app.get(&token, "/api/v1/customers?cursor=!!").await, 422, "invalid_field");
    check(app.get(&token, "/api/v1/customers?limit=many").await, 400, "invalid_query");
}

#[tokio::test]
async fn health_and_metrics_need_no_token_and_name_no_customer() {
    let app = TestApp::start().await;
    let token = app.token("anna").await;
    app.get(&token, "/api/v1/customers").await;
    let live = app.send(app.request(Method::GET, "/health/live")).await;
    assert_eq!(live.json(), json!({ "health": "live" }));
    let ready = app.send(app.request(Method::GET, "/health/ready")).await;
    assert_eq!(ready.json(), json!({ "health": "ready" }));
    let metrics = app.send(app.request(Method::GET, "/metrics")).await.body;
    assert!(metrics.contains("billow_http_requests_total{"), "{metrics}");
    assert!(metrics.contains("route=\"/api/v1/customers\""), "{metrics}");
    assert!(metrics.contains("billow_documents_issued 0"), "{metrics}");
    assert!(!metrics.contains("acme") && !metrics.contains("anna"), "{metrics}");
}

#[tokio::test]
async fn the_committed_description_is_this_servers() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let made = billow::web::openapi::text().expect("a description");
    if std::env::var_os("BILLOW_UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{made}\n")).expect("write docs/openapi.json");
    }
    let kept = std::fs::read_to_string(path).expect("docs/openapi.json");
    assert!(
        kept.trim_end() == made,
        "docs/openapi.json is stale: BILLOW_UPDATE_DOCS=1 tests/run test web::guard writes it"
    );
    let described: serde_json::Value = serde_json::from_str(&made).expect("JSON");
    let paths = described["paths"].as_object().expect("paths");
    let mut listed: Vec<(String, String)> = paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods");
            methods.keys().map(move |method| (path.clone(), method.clone()))
        })
        .collect();
    let is_api =
        |path: &str| path.starts_with("/api/") || path.starts_with("/health") || path == "/metrics";
    let mut routed: Vec<(String, String)> = billow::web::router::routes()
        .iter()
        .filter(|route| is_api(route.path))
        .map(|route| (route.path.to_owned(), route.method.as_str().to_lowercase()))
        .collect();
    listed.sort();
    routed.sort();
    assert_eq!(listed, routed, "every route is described, and nothing else");
}

/// The routes as the reference lists them.
fn route_table() -> String {
    use billow::web::router::{Access, routes};
    let described = billow::web::openapi::text().expect("a description");
    let described: serde_json::Value = serde_json::from_str(&described).expect("JSON");
    let mut table = "| route | for | does |\n| --- | --- | --- |\n".to_owned();
    for route in routes() {
        let method = route.method.as_str().to_lowercase();
        let operation = &described["paths"][route.path][&method];
        let Some(does) = operation["summary"].as_str() else { continue };
        let access = match route.access {
            Access::Public => "anybody",
            Access::SignedIn => "who is signed in",
            Access::Staff => "staff",
            Access::Operator => "operators",
        };
        table.push_str(&format!("| `{} {}` | {access} | {does} |\n", route.method, route.path));
    }
    table
}

#[tokio::test]
async fn the_reference_lists_the_routes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md");
    let kept = std::fs::read_to_string(path).expect("docs/api.md");
    let (before, rest) = kept.split_once("BILLOW_UPDATE_DOCS=1 -->\n").expect("the routes' start");
    let (_, after) = rest.split_once("<!-- end of routes -->").expect("the routes' end");
    let made =
        format!("{before}BILLOW_UPDATE_DOCS=1 -->\n{}<!-- end of routes -->{after}", route_table());
    if std::env::var_os("BILLOW_UPDATE_DOCS").is_some() {
        std::fs::write(path, &made).expect("write docs/api.md");
    } else {
        assert!(kept == made, "docs/api.md is stale: run with BILLOW_UPDATE_DOCS=1");
    }
}
