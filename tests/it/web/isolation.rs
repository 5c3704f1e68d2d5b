//! Goal: nobody sees or changes what is not theirs, on any path, in any format. Method: go
//! through the router's own table with ids of another seller's customer, as everybody.

use billow::web::router::{Access, RouteEntry, routes};
use reqwest::{Method, StatusCode};

use super::app::TestApp;

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

fn method_of(route: &RouteEntry) -> Method {
    Method::from_bytes(route.method.as_str().as_bytes()).expect("a method")
}

fn filled(path: &str, id: &str, line: &str) -> String {
    path.replace("{id}", id).replace("{line}", line)
}

/// Which of the world's ids fits a path.
fn resource_of(path: &str) -> &str {
    let path = path.strip_prefix("/api/v1/").or_else(|| path.strip_prefix("/billing/"));
    path.and_then(|rest| rest.split('/').next()).unwrap_or("")
}

#[tokio::test]
async fn another_ones_things_do_not_exist() {
    let app =
        TestApp::start_with("requests_per_minute = 100000", crate::support::db::sqlite().await)
            .await;
    let bolt = app.customer("bolt").await;
    for stranger in ["anna", "paul", "zoe", "lena", "alice"] {
        let token = app.token(stranger).await;
        for route in routes().into_iter().filter(|route| route.path.contains("{id}")) {
            let ids: Vec<String> = match resource_of(route.path) {
                "customers" => vec![bolt.id.0.clone(), bolt.number.clone()],
                "sellers" => vec![app.beta.0.clone(), "beta".to_owned()],
                _ => vec!["no-such-thing".to_owned()],
            };
            for id in ids {
                let path = filled(route.path, &id, "1");
                let mut request = app.request(method_of(&route), &path).bearer_auth(&token);
                if method_of(&route) == Method::POST {
                    request = request.header("idempotency-key", "foreign");
                    request = match route.path.starts_with("/billing") {
                        true => {
                            request.form(&[("reason", "x"), ("decision", "release"), ("key", "k")])
                        }
                        false => request.json(&serde_json::json!({ "reason": "x" })),
                    };
                }
                let reply = app.send(request).await;
                assert_eq!(
                    reply.status,
                    StatusCode::NOT_FOUND,
                    "{stranger}: {} {path}: {}",
                    route.method,
                    reply.body
                );
                assert!(!reply.body.contains("bolt"), "{stranger}: {path}");
            }
        }
    }
}
