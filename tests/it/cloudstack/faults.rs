//! Goal: whatever goes wrong on the way is a typed error without secrets, and what may pass is
//! tried again. Method: a scripted server.

use std::time::{Duration, Instant};

use billow::orchestrator::{Orchestrator, OrchestratorError, OwnerInfo};

use super::support::{KEY, Reply, SECRET, Server, adapter, ok, recorded, status};

const EMPTY: &str = r#"{"listresponse":{}}"#;

/// What comes of a call while every answer is the same; with the number of calls made.
async fn always(reply: impl Fn() -> Reply + Send + 'static) -> (OrchestratorError, usize) {
    let server = Server::start(move |_| reply()).await;
    let error = server.adapter().fetch_owners().await.expect_err("no owners");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(SECRET) && !text.contains("signature="), "{text}");
        assert!(!text.contains(KEY), "{text}");
    }
    (error, server.requests().len())
}

/// What comes of a call whose first answers are faults.
async fn then_well(mut faults: Vec<Reply>) -> (Vec<OwnerInfo>, usize) {
    let server = Server::start(move |_| faults.pop().unwrap_or_else(|| ok(EMPTY))).await;
    let owners = server.adapter().fetch_owners().await.expect("owners");
    (owners, server.requests().len())
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_time_out() {
    let began = Instant::now();
    let (error, calls) = always(|| Reply::Silence).await;
    assert!(matches!(error, OrchestratorError::Timeout { seconds: 1, .. }), "{error}");
    assert_eq!(calls, 4);
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let error =
        adapter("http://127.0.0.1:9/client/api", KEY, SECRET).fetch_owners().await.expect_err("");
    assert!(matches!(error, OrchestratorError::Unreachable { .. }), "{error}");
    assert!(!error.to_string().contains("signature"), "{error}");
}

#[tokio::test]
async fn throttling_is_obeyed() {
    let wait = |seconds: u8| Reply::Answer {
        status: 429,
        headers: format!("Retry-After: {seconds}\r\n"),
        body: EMPTY.into(),
    };
    let began = Instant::now();
    let (_, calls) = then_well(vec![wait(2)]).await;
    assert_eq!(calls, 4);
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    let (error, calls) = always(move || wait(0)).await;
    assert!(matches!(error, OrchestratorError::Throttled { status: 429, .. }), "{error}");
    assert_eq!(calls, 4);
}

#[tokio::test]
async fn maintenance_foreign_pages_and_cut_bodies_are_tried_again() {
    let html = "<html><body>Bad gateway</body></html>";
    let cut = || Reply::Cut(br#"{"listdomainsresponse":{"count":1,"#.to_vec());
    let (_, calls) = then_well(vec![status(503, ""), ok(html), cut()]).await;
    assert_eq!(calls, 6);
    let (error, calls) = always(|| status(503, "")).await;
    assert!(matches!(error, OrchestratorError::Unavailable { status: 503, .. }), "{error}");
    assert_eq!(calls, 4);
    let (error, _) = always(move || ok(html)).await;
    assert!(matches!(error, OrchestratorError::Malformed { .. }), "{error}");
    let (error, _) = always(cut).await;
    assert!(matches!(error, OrchestratorError::Unreachable { .. }), "{error}");
    // A whole answer whose text ends too early.
    let (error, _) = always(|| ok(r#"{"listdomainsresponse":{"count":1,"#)).await;
    assert!(matches!(error, OrchestratorError::Malformed { .. }), "{error}");
    // An answer that is no answer although its status says so.
    let (error, _) = always(|| ok(r#"{"errorresponse":{"errorcode":530}}"#)).await;
    assert!(matches!(error, OrchestratorError::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn refusals_are_told_apart_and_asked_once() {
    let of = |status_code: u16, file: &'static str| {
        let body = recorded(file);
        always(move || status(status_code, body.clone()))
    };
    let (error, calls) = of(401, "signed/bad.signature.error.json").await;
    assert!(matches!(error, OrchestratorError::Unauthenticated { .. }), "{error}");
    assert!(error.to_string().contains("clocks"), "{error}");
    assert_eq!(calls, 1);
    let (error, calls) = of(432, "api-keys/narrow-role.listVirtualMachines.error.json").await;
    assert!(matches!(error, OrchestratorError::Forbidden { .. }), "{error}");
    assert_eq!(calls, 1);
    let (error, calls) = of(431, "signed/pagesize-501.error.json").await;
    assert!(matches!(error, OrchestratorError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("431"), "{error}");
    assert_eq!(calls, 1);
    // Its reason holds escapes that JSON does not know.
    let (error, _) = of(531, "provisioning/locked.login.error.txt").await;
    assert!(error.to_string().contains("Reseller B – Größe"), "{error}");
    let (error, calls) = always(|| Reply::Answer {
        status: 302,
        headers: "Location: http://127.0.0.1:9/\r\n".to_owned(),
        body: Vec::new(),
    })
    .await;
    assert!(matches!(error, OrchestratorError::Refused { .. }), "{error}");
    assert_eq!(calls, 1, "redirects are not followed");
}

#[tokio::test]
async fn a_refused_signature_is_laid_to_the_clocks_where_they_differ() {
    let dated = |seconds: i64| {
        let at = jiff::Timestamp::now().as_second() + seconds;
        let at = jiff::Timestamp::from_second(at).expect("an instant");
        let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let body = recorded("signed/bad.signature.error.json");
        always(move || Reply::Answer {
            status: 401,
            headers: format!("Date: {date}\r\n"),
            body: body.clone(),
        })
    };
    let (error, _) = dated(3_600).await;
    let OrchestratorError::ClockSkew { seconds, .. } = error else { panic!("{error}") };
    assert!((3_590..=3_610).contains(&seconds), "{seconds}");
    let (error, _) = dated(-3_600).await;
    assert!(matches!(error, OrchestratorError::ClockSkew { .. }), "{error}");
    let (error, _) = dated(5).await;
    assert!(matches!(error, OrchestratorError::Unauthenticated { .. }), "{error}");
}
