//! Goal: the watermark, and windows read whole although records arrive. Method: scripted answers.

use billow::orchestrator::{Orchestrator, OrchestratorError};
use billow::period::Span;
use serde_json::json;

use super::support::{Reply, Request, Server, ok, recorded, status};

const WINDOW: Span = Span { from: 1_795_046_400, until: 1_795_132_800 };

fn forbidden() -> Reply {
    status(432, recorded("api-keys/narrow-role.listVirtualMachines.error.json"))
}

#[tokio::test]
async fn usage_is_closed_to_the_end_of_the_last_run() {
    let server = Server::start(|request| match request.command() {
        "listUsageServerMetrics" => {
            ok(recorded("usage-daily/listUsageServerMetrics.after-day-21.json"))
        }
        _ => ok(recorded("lists/listConfigurations.name-exact.json")),
    })
    .await;
    let watermark = server.adapter().fetch_watermark().await.expect("a watermark");
    // The state of the answer says "Down", which is no news about the job.
    assert_eq!(watermark.closed_until, 1_795_305_600);
    assert_eq!(watermark.window_seconds, 600);
    assert_eq!(watermark.zone, "UTC");
}

#[tokio::test]
async fn without_the_right_windows_close_after_a_day() {
    let server = Server::start(|_| forbidden()).await;
    let watermark = server.adapter().fetch_watermark().await.expect("a watermark");
    let now = jiff::Timestamp::now().as_second();
    assert!((now - 86_400 - watermark.closed_until).abs() < 60);
    assert_eq!((watermark.window_seconds, watermark.zone.as_str()), (86_400, "UTC"));
}

#[tokio::test]
async fn a_server_that_never_ran_has_closed_nothing() {
    let server = Server::start(|request| match request.command() {
        "listUsageServerMetrics" => {
            ok(r#"{"listusageservermetricsresponse":{"usageMetrics":{"state":"Up"}}}"#)
        }
        _ => forbidden(),
    })
    .await;
    assert_eq!(server.adapter().fetch_watermark().await.expect("one").closed_until, 0);
}

/// A page of `listUsageRecords` as a server with `total` rows gives it.
fn page(request: &Request, total: usize) -> Reply {
    let page: usize = request.get("page").and_then(|text| text.parse().ok()).expect("a page");
    let size: usize = request.get("pagesize").and_then(|text| text.parse().ok()).expect("a size");
    let rows: Vec<_> = (((page - 1) * size).min(total)..(page * size).min(total))
        .map(|row| {
            json!({ "usagetype": 3, "usageid": row.to_string(), "accountid": "a",
            "rawusage": "24", "startdate": request.get("startdate"),
            "enddate": request.get("enddate") })
        })
        .collect();
    let inner = match (total, rows.is_empty()) {
        (0, _) => json!({}),
        (_, true) => json!({ "count": total }),
        (_, false) => json!({ "count": total, "usagerecord": rows }),
    };
    ok(json!({ "listusagerecordsresponse": inner }).to_string())
}

#[tokio::test]
async fn a_window_is_read_to_its_last_row_whatever_its_size() {
    for (total, pages) in [(0, 1), (1, 1), (499, 1), (500, 2), (501, 2), (1_000, 3), (1_234, 3)] {
        let server = Server::start(move |request| page(request, total)).await;
        let adapter = server.adapter();
        let window = adapter.fetch_usage(WINDOW).await.expect("a window");
        assert_eq!(window.pages.len(), pages, "{total}");
        let rows: usize =
            window.pages.iter().map(|page| adapter.parse_usage(page).expect("a page").len()).sum();
        assert_eq!(rows, total);
        for row in window.pages.iter().flat_map(|page| adapter.parse_usage(page).expect("a page")) {
            assert_eq!(row.outcome.expect("a record").span, WINDOW);
        }
        let first = &server.requests()[0];
        assert_eq!(first.get("startdate"), Some("2026-11-19T00:00:00+0000"));
        assert_eq!(first.get("enddate"), Some("2026-11-19T23:59:59+0000"));
        assert_eq!(first.get("oldformat"), Some("true"));
        let kept = &window.pages[0].request;
        assert!(!kept.contains("apikey") && !kept.contains("signature"), "{kept}");
    }
}

#[tokio::test]
async fn records_that_arrive_between_pages_start_the_window_again() {
    let mut calls = 0;
    let server = Server::start(move |request| {
        calls += 1;
        page(request, if calls == 1 { 600 } else { 700 })
    })
    .await;
    let adapter = server.adapter();
    let window = adapter.fetch_usage(WINDOW).await.expect("a window");
    let parse = |page| adapter.parse_usage(page).expect("a page").len();
    assert_eq!(window.pages.iter().map(parse).sum::<usize>(), 700);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_window_that_never_rests_is_an_error_and_not_a_part() {
    let mut calls = 0;
    let server = Server::start(move |request| {
        calls += 1;
        page(request, 600 + calls)
    })
    .await;
    let refused = server.adapter().fetch_usage(WINDOW).await.expect_err("no window");
    assert!(matches!(refused, OrchestratorError::Malformed { .. }), "{refused}");
    assert!(refused.is_retryable());
}

#[tokio::test]
async fn an_answer_that_tells_nothing_is_never_an_empty_window() {
    for body in [
        r#"{"listusagerecordsresponse":{"success":true}}"#,
        r#"{"listusagerecordsresponse":{"errorcode":530,"errortext":"no"}}"#,
        r#"{"listusagerecordsresponse":{"count":3}}"#,
        r#"{"listusagerecordsresponse":{"count":3,"usagerecord":[]}}"#,
    ] {
        let server = Server::start(move |_| ok(body)).await;
        let refused = server.adapter().fetch_usage(WINDOW).await;
        assert!(matches!(refused, Err(OrchestratorError::Malformed { .. })), "{body}");
    }
}
