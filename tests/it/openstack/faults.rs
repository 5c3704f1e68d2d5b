//! Goal: whatever goes wrong on the way is a typed error without secrets, and what may pass is
//! tried again. Method: a scripted service behind the recorded login.

use std::time::{Duration, Instant};

use billow::orchestrator::{Orchestrator, OrchestratorError};

use super::support::{Cloud, Reply, SECRET, body, ok, status};

const DOMAINS: &str = "GET /identity/v3/domains";

/// What comes of a call while every answer is the same; with the number of calls made.
async fn always(reply: impl Fn() -> Reply + Send + 'static) -> (OrchestratorError, usize) {
    let cloud = Cloud::start().await;
    cloud.set(DOMAINS, move |_| reply());
    let error = cloud.adapter().fetch_owners().await.expect_err("no owners");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(SECRET) && !text.contains("token-1"), "{text}");
    }
    (error, cloud.asked("/identity/v3/domains").len())
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let cloud = Cloud::start().await;
    let mut faults = vec![
        Reply::Cut(br#"{"domains":["#.to_vec()),
        ok("<html>Bad gateway</html>"),
        status(503, ""),
    ];
    cloud.set(DOMAINS, move |_| {
        faults.pop().unwrap_or_else(|| ok(body("keystone/domains").to_string()))
    });
    // A whole answer that is none is not asked for again by the call: the round is.
    let error = cloud.adapter().fetch_owners().await.expect_err("HTML");
    assert!(matches!(error, OrchestratorError::Malformed { .. }), "{error}");
    assert!(error.is_retryable());
    cloud.adapter().fetch_owners().await.expect("owners");
    assert_eq!(cloud.asked("/identity/v3/domains").len(), 4);
}

#[tokio::test]
async fn silence_is_a_time_out() {
    let began = Instant::now();
    let (error, calls) = always(|| Reply::Silence).await;
    assert!(matches!(error, OrchestratorError::Timeout { seconds: 1, .. }), "{error}");
    assert_eq!(calls, 4);
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let adapter = billow::orchestrator::openstack::OpenStack::new(&super::support::config(
        "http://127.0.0.1:9/v3",
    ));
    let error = adapter.expect("an adapter").fetch_owners().await.expect_err("nobody there");
    assert!(matches!(error, OrchestratorError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn waiting_is_obeyed() {
    let wait = || Reply::Answer {
        status: 413,
        headers: "Retry-After: 2\r\n".to_owned(),
        body: Vec::new(),
    };
    let cloud = Cloud::start().await;
    let mut faults = vec![wait()];
    cloud.set(DOMAINS, move |_| {
        faults.pop().unwrap_or_else(|| ok(body("keystone/domains").to_string()))
    });
    let began = Instant::now();
    cloud.adapter().fetch_owners().await.expect("owners");
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn refusals_are_told_apart_and_asked_once() {
    let forbidden = body("keystone/projects-as-member-403").to_string();
    let (error, calls) = always(move || status(403, forbidden.clone())).await;
    assert!(matches!(error, OrchestratorError::Forbidden { .. }), "{error}");
    assert!(error.to_string().contains("GET identity/domains"), "{error}");
    assert_eq!(calls, 1);
    let words = r#"{"NeutronError":{"message":"Größe fehlt"}}"#;
    let (error, calls) = always(move || status(409, words)).await;
    assert!(error.to_string().contains("409: Größe fehlt"), "{error}");
    assert_eq!(calls, 1);
    let (error, calls) = always(|| Reply::Answer {
        status: 302,
        headers: "Location: http://127.0.0.1:9/\r\n".to_owned(),
        body: Vec::new(),
    })
    .await;
    assert!(matches!(error, OrchestratorError::Refused { .. }), "{error}");
    assert_eq!(calls, 1, "a token goes where it was sent");
}

#[tokio::test]
async fn no_more_than_eight_calls_are_made_at_a_time() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let cloud = Cloud::start_slow(Duration::from_millis(5)).await;
    let servers: Vec<serde_json::Value> = (0..40)
        .map(|number| {
            let mut server = body("nova/servers-detail-all-2.96")["servers"][0].clone();
            server["id"] = serde_json::json!(format!("s-{number}"));
            server
        })
        .collect();
    let list = serde_json::json!({ "servers": servers });
    cloud.set_body("GET /compute/v2.1/servers/detail", list);
    let asked = Arc::new(AtomicUsize::new(0));
    for number in 0..40 {
        let asked = Arc::clone(&asked);
        let path = format!("GET /compute/v2.1/servers/s-{number}/os-instance-actions");
        cloud.set(&path, move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            ok(r#"{"instanceActions":[]}"#)
        });
    }
    let ask = super::observations::ask(None);
    cloud.adapter().fetch_observations(ask).await.expect("a round");
    assert_eq!(asked.load(Ordering::SeqCst), 40);
    assert_eq!(cloud.server.at_once(), 8);
}
