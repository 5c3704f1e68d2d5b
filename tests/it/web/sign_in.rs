//! Goal: who signs in gets a token that ends, who does not is told so, and nobody's own login
//! at the cloud is harmed by it. Method: a scripted cloud behind the real server.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::app::TestApp;
use crate::support::db;

#[tokio::test]
async fn a_password_is_exchanged_for_a_token() {
    let app = TestApp::start().await;
    let token = app.token("anna").await;
    let reply = app.get(&token, "/api/v1/session").await;
    assert_eq!(reply.status, StatusCode::OK);
    let session = &reply.json()["session"];
    assert_eq!(session["user_name"], "anna");
    assert_eq!(session["rank"], "user");
    assert_eq!(session["sees"], "owners");
    assert!(session["expires_at"].as_str().expect("an end").ends_with('Z'));
}

#[tokio::test]
async fn ranks_decide_what_is_seen() {
    let app = TestApp::start().await;
    let expected = [
        ("root", "provider", 4),
        ("alice", "sellers", 3),
        ("bea", "sellers", 1),
        ("lena", "owners", 1),
        ("anna", "owners", 1),
        ("paul", "owners", 1),
    ];
    for (name, sees, customers) in expected {
        let token = app.token(name).await;
        let session = app.get(&token, "/api/v1/session").await.json();
        assert_eq!(session["session"]["sees"], sees, "{name}");
        let list = app.get(&token, "/api/v1/customers").await.json();
        let billed = list["customers"].as_array().expect("a list").iter();
        let billed = billed.filter(|customer| customer["internal"] == false).count();
        assert_eq!(billed, customers, "{name}: {list}");
    }
}

#[tokio::test]
async fn a_project_member_reaches_the_customer_by_that_project_alone() {
    let app = TestApp::start().await;
    let token = app.token("paul").await;
    let acme = app.customer("acme").await;
    let reply = app.get(&token, &format!("/api/v1/customers/{}", acme.id)).await;
    let customer = &reply.json()["customer"];
    assert_eq!(customer["whole"], false);
    assert_eq!(customer["details"], serde_json::Value::Null);
    assert_eq!(customer["owners"], json!([{ "source": "cs1", "id": "apollo" }]));
}

#[tokio::test]
async fn wrong_passwords_and_unknown_tokens_are_refused() {
    let app = TestApp::start().await;
    let body = json!({ "password": { "name": "anna", "password": "wrong" } });
    let reply = app.try_sign_in(body).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (StatusCode::UNAUTHORIZED, "sign_in_refused")
    );
    let reply = app.get("blw_nobody", "/api/v1/session").await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (StatusCode::UNAUTHORIZED, "unauthenticated")
    );
    assert_eq!(reply.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn a_second_factor_is_asked_for() {
    let app = TestApp::start().await;
    app.cloud.demand_second_factor("anna", "123456");
    let body = |code: Option<&str>| {
        let (name, password) = ("anna", "pw-anna");
        json!({ "password": { "name": name, "password": password, "second_factor": code } })
    };
    let reply = app.try_sign_in(body(None)).await;
    assert_eq!(reply.code(), "second_factor_needed");
    let reply = app.try_sign_in(body(Some("000000"))).await;
    assert_eq!(reply.code(), "sign_in_refused");
    let reply = app.try_sign_in(body(Some("123456"))).await;
    assert_eq!(reply.status, StatusCode::CREATED);
}

#[tokio::test]
async fn half_a_console_session_is_never_shown_to_the_cloud() {
    let app = TestApp::start().await;
    app.cloud.open_console("node0abc", "key1", "anna");
    let body = |key: &str| json!({ "console_session": { "session": "node0abc", "key": key } });
    let reply = app.try_sign_in(body("")).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(app.cloud.asked(), 0, "nobody was asked");
    assert!(app.cloud.has_console("node0abc"), "the user's own login goes on");
    let reply = app.try_sign_in(body("key1")).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    assert!(app.cloud.has_console("node0abc"));
}

#[tokio::test]
async fn the_same_credential_is_asked_about_once_in_a_while() {
    let app = TestApp::start().await;
    app.cloud.accept_signed("command=listUsers&signature=abc", "anna");
    let body = json!({ "signed_request": "command=listUsers&signature=abc" });
    let first = app.try_sign_in(body.clone()).await.json();
    let second = app.try_sign_in(body).await.json();
    assert_eq!(app.cloud.asked(), 1);
    assert_ne!(first["session"]["token"], second["session"]["token"]);
}

#[tokio::test]
async fn a_cloud_that_does_not_answer_ends_nobodys_session() {
    let app = TestApp::start().await;
    let token = app.token("anna").await;
    app.cloud.set_down(true);
    let body = json!({ "password": { "name": "anna", "password": "pw-anna" } });
    let reply = app.try_sign_in(body).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.code(), "orchestrator_unavailable");
    assert!(reply.header("retry-after").parse::<u64>().is_ok());
    assert_eq!(app.get(&token, "/api/v1/session").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_ends_when_it_is_told_to() {
    let app = TestApp::start().await;
    let (token, other) = (app.token("anna").await, app.token("anna").await);
    let request = app.request(Method::DELETE, "/api/v1/session").bearer_auth(&token);
    assert_eq!(app.send(request).await.status, StatusCode::NO_CONTENT);
    assert_eq!(app.get(&token, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(app.get(&other, "/api/v1/session").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_ends_by_itself() {
    let app = TestApp::start_with("token_seconds = 1", db::sqlite().await).await;
    let token = app.token("anna").await;
    assert_eq!(app.get(&token, "/api/v1/session").await.status, StatusCode::OK);
    let ended = async {
        while app.get(&token, "/api/v1/session").await.status == StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the token ends");
}

#[tokio::test]
async fn only_the_hash_of_a_token_is_kept() {
    use sqlx::{Executor, Row};
    let app = TestApp::start().await;
    let token = app.token("anna").await;
    let mut conn = app.app.db.read().await.expect("connect");
    let rows =
        conn.fetch_all("SELECT token_hash, identity FROM session_token").await.expect("rows");
    let row = rows.first().expect("a row");
    let (hash, identity): (String, String) = (row.get(0), row.get(1));
    assert_eq!(hash, billow::web::auth::token_hash(&token));
    assert!(!identity.contains("pw-anna") && !identity.contains(&token));
}

#[tokio::test]
async fn the_sign_in_page_leads_to_the_pages_and_back() {
    let app = TestApp::start().await;
    let reply = app.send(app.request(Method::GET, "/billing?lang=de")).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    assert_eq!(reply.header("location"), "/sign-in?lang=de&next=%2Fbilling%3Flang%3Dde");
    let page = app.send(app.request(Method::GET, reply.header("location"))).await;
    assert!(page.body.contains("Anmelden"), "{}", page.body);
    app.cloud.demand_second_factor("bob", "77");
    let form = |code: &str| {
        let mut fields =
            vec![("name", "bob"), ("password", "pw-bob"), ("next", "/billing/invoices")];
        if !code.is_empty() {
            fields.push(("second_factor", code));
        }
        let request = app.request(Method::POST, "/sign-in").header("origin", &app.address);
        request.form(&fields)
    };
    let page = app.send(form("")).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(page.body.contains("name=\"second_factor\""));
    assert!(!page.body.contains("pw-bob"), "the password is not written into the page");
    let reply = app.send(form("77")).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
    assert_eq!(reply.header("location"), "/billing/invoices");
    let flags = reply.header("set-cookie");
    assert!(flags.contains("HttpOnly") && flags.contains("SameSite=Lax"), "{flags}");
    let cookie = reply.cookie().expect("a cookie");
    let request = app.request(Method::GET, "/billing/customers");
    let page = app.send(request.header("cookie", format!("billow_session={cookie}"))).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("bolt"), "{}", page.body);
}

#[tokio::test]
async fn the_sign_in_page_leads_nowhere_else() {
    let app = TestApp::start().await;
    for next in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
    {
        let request = app.request(Method::POST, "/sign-in").header("origin", &app.address);
        let fields = [("name", "bob"), ("password", "pw-bob"), ("next", next)];
        let reply = app.send(request.form(&fields)).await;
        assert_eq!(reply.header("location"), "/billing", "{next}");
    }
}

#[tokio::test]
async fn cookies_suit_frames_of_other_sites_where_the_operator_allows_them() {
    let settings = "public_url = \"https://billing.example.org\"\n\
                    frame_ancestors = [\"https://cloud.example.org\"]";
    let app = TestApp::start_with(settings, db::sqlite().await).await;
    let body = json!({
        "password": { "name": "bob", "password": "pw-bob" }, "cookie": true,
    });
    let reply = app.try_sign_in(body).await;
    let flags = reply.header("set-cookie");
    assert!(flags.contains("Secure") && flags.contains("SameSite=None"), "{flags}");
    let policy = reply.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'self' https://cloud.example.org;"), "{policy}");
}
