//! Goal: a token of the cloud's own, shown with each request, is believed for a minute at most,
//! never past its end, and only for the calls that its access rules allow. Method: a scripted
//! cloud behind the real server.

use billow::orchestrator::CallRule;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::app::{Reply, TestApp};

const TOKEN: &str = "gAAAAAtoken-of-anna";

fn in_seconds(seconds: i64) -> i64 {
    jiff::Timestamp::now().as_second() + seconds
}

async fn show(app: &TestApp, token: &str, method: Method, path: &str) -> Reply {
    app.send(app.request(method, path).header("X-Auth-Token", token)).await
}

async fn get(app: &TestApp, token: &str, path: &str) -> Reply {
    show(app, token, Method::GET, path).await
}

#[tokio::test]
async fn a_shown_token_is_asked_about_once_in_a_while() {
    let app = TestApp::start().await;
    app.cloud.give_token(TOKEN, "anna", in_seconds(3_600), None);
    let session = get(&app, TOKEN, "/api/v1/session").await.json();
    assert_eq!(session["session"]["user_name"], "anna");
    assert_eq!(session["session"]["sees"], "owners");
    for _ in 0..5 {
        assert_eq!(get(&app, TOKEN, "/api/v1/customers").await.status, StatusCode::OK);
    }
    assert_eq!(app.cloud.asked(), 1);
    let named = app.request(Method::GET, "/api/v1/session").header("X-Auth-Token", TOKEN);
    let reply = app.send(named.header("X-Billow-Source", "another")).await;
    assert!(reply.status.is_client_error(), "{}", reply.body);
}

#[tokio::test]
async fn many_requests_at_one_time_ask_once() {
    let app = TestApp::start().await;
    app.cloud.give_token(TOKEN, "anna", in_seconds(3_600), None);
    let calls = (0..16).map(|_| get(&app, TOKEN, "/api/v1/session"));
    for reply in futures_util::future::join_all(calls).await {
        assert_eq!(reply.status, StatusCode::OK);
    }
    assert_eq!(app.cloud.asked(), 1);
}

#[tokio::test]
async fn unknown_and_ended_tokens_are_refused_and_not_remembered() {
    let app = TestApp::start().await;
    let reply = get(&app, TOKEN, "/api/v1/session").await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (StatusCode::UNAUTHORIZED, "unauthenticated")
    );
    app.cloud.give_token(TOKEN, "anna", in_seconds(-1), None);
    assert_eq!(get(&app, TOKEN, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    app.cloud.give_token(TOKEN, "anna", in_seconds(60), None);
    assert_eq!(get(&app, TOKEN, "/api/v1/session").await.status, StatusCode::OK);
    app.cloud.revoke_token(TOKEN);
    let other = "gAAAAAtoken-of-nobody";
    assert_eq!(get(&app, other, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_cloud_that_does_not_answer_refuses_nobody() {
    let app = TestApp::start().await;
    app.cloud.give_token(TOKEN, "anna", in_seconds(60), None);
    app.cloud.set_down(true);
    let reply = get(&app, TOKEN, "/api/v1/session").await;
    assert_eq!(reply.code(), "orchestrator_unavailable");
    app.cloud.set_down(false);
    assert_eq!(get(&app, TOKEN, "/api/v1/session").await.status, StatusCode::OK);
}

#[tokio::test]
async fn access_rules_limit_the_calls() {
    let app = TestApp::start().await;
    let rule = |path: &str| CallRule { method: "GET".to_owned(), path: path.to_owned() };
    let rules = Some(vec![rule("/api/v1/customers/{id}"), rule("/api/v1/session")]);
    app.cloud.give_token(TOKEN, "anna", in_seconds(60), rules);
    let customer = app.customer("acme").await;
    let path = format!("/api/v1/customers/{}", customer.id);
    assert_ne!(get(&app, TOKEN, &path).await.status, StatusCode::FORBIDDEN);
    assert_eq!(get(&app, TOKEN, "/api/v1/session").await.status, StatusCode::OK);
    for path in ["/api/v1/customers", "/api/v1/invoices", "/billing"] {
        let reply = get(&app, TOKEN, path).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path}: {}", reply.body);
    }
    let reply = show(&app, TOKEN, Method::DELETE, "/api/v1/session").await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN, "another method");
}

#[tokio::test]
async fn a_token_can_be_exchanged_and_what_comes_of_it_ends_with_it() {
    let app = TestApp::start().await;
    let end = in_seconds(120);
    app.cloud.give_token(TOKEN, "anna", end, None);
    let reply = app.try_sign_in(json!({ "token": TOKEN })).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    let session = reply.json();
    let ends = session["session"]["expires_at"].as_str().expect("an end").to_owned();
    let ends: jiff::Timestamp = ends.parse().expect("an instant");
    assert_eq!(ends.as_second(), end);
    let own = session["session"]["token"].as_str().expect("a token").to_owned();
    assert_eq!(app.get(&own, "/api/v1/customers").await.status, StatusCode::OK);
}
