//! Goal: whatever goes wrong on the way ends the round with a text that says what and where, the
//! watermark stays before it, and the next round brings everything, once. Method: the recorded
//! days from a socket, of which one is not answered well for a while.

use billow::collect::job::{CollectRequest, collect};
use billow::collect::record::StoredRecord;
use billow::collect::store::{load_all_records, load_source_state};
use billow::ids::{OwnerRef, SourceName};
use billow::period::Span;
use billow::store::Db;

use super::billed::{DAYS, DAYS_CLOSED, Provider, rows};
use super::support::{Reply, ok, recorded, status};
use crate::collect::world::billed;
use crate::on_both_engines;
use crate::support::db::sqlite;

/// Everything stored of the owners that occur.
async fn stored(provider: &Provider) -> Vec<String> {
    let mut conn = provider.app.db.read().await.expect("read");
    let mut owners: Vec<String> = rows(DAYS)
        .iter()
        .filter_map(|row| row["projectid"].as_str().or_else(|| row["accountid"].as_str()))
        .map(str::to_owned)
        .collect();
    owners.sort();
    owners.dedup();
    let all = Span::new(1_700_000_000, 1_900_000_000);
    let mut records: Vec<StoredRecord> = Vec::new();
    for id in owners {
        let owner = OwnerRef { source: SourceName("cs1".to_owned()), id };
        let found = load_all_records(&mut conn, &owner, all, i64::MAX).await;
        records.extend(found.expect("records"));
    }
    billed(&records)
}

/// The third day is answered by `fault`; what the round says begins with `expected`.
async fn check(db: Db, name: &str, fault: fn() -> Reply, expected: &str) {
    let provider = Provider::open(db, "2026-11-18", "1440").await;
    provider.at("2026-11-22T01:00:00Z");
    provider.show(|shown| {
        shown.rows = rows(DAYS);
        shown.closed = DAYS_CLOSED;
        shown.fault = Some(("2026-11-20T00:00:00+0000", fault));
    });
    let source = provider.app.orchestrators[0].clone();
    let round = || collect(&provider.app, source.as_ref(), CollectRequest::default(), &|_| {});
    let error = format!("{:#}", round().await.expect_err("a fault"));
    assert!(error.starts_with(expected), "{name}: {error:?} does not begin with {expected:?}");
    let state = || async {
        let mut conn = provider.app.db.read().await.expect("read");
        load_source_state(&mut conn, source.source()).await.expect("state").expect("a state")
    };
    let held = state().await;
    assert_eq!(held.last_error.as_deref(), Some(error.as_str()), "{name}");
    let third = "2026-11-20T00:00:00Z".parse::<jiff::Timestamp>().expect("an instant").as_second();
    assert_eq!(held.collected_until, third, "{name}: the days before it are kept");
    provider.show(|shown| shown.fault = None);
    let report = round().await.unwrap_or_else(|error| panic!("{name}: {error:#}"));
    assert_eq!(report.collected_until, third + 2 * 86_400, "{name}");
    assert_eq!(state().await.last_error, None, "{name}");
    let undisturbed = Provider::open(sqlite().await, "2026-11-18", "1440").await;
    undisturbed.at("2026-11-22T01:00:00Z");
    undisturbed.collect(rows(DAYS), DAYS_CLOSED).await;
    assert_eq!(stored(&provider).await, stored(&undisturbed).await, "{name}: nothing is lost");
    assert_eq!(provider.told().await, undisturbed.told().await, "{name}");
    assert_eq!(round().await.expect("again").records, 0, "{name}: nothing is twice");
}

on_both_engines! {
    async fn an_outage_is_named_and_made_up_for(db: Db) {
        let expected = "cs1: is not available (HTTP 503) for listUsageRecords";
        check(db, "503", || status(503, "maintenance"), expected).await;
    }
}

#[tokio::test]
async fn no_answer_at_all() {
    let expected = "cs1: listUsageRecords got no answer within 1 s; it is tried again";
    check(sqlite().await, "silence", || Reply::Silence, expected).await;
}

#[tokio::test]
async fn throttling_and_foreign_pages() {
    let throttled = || Reply::Answer {
        status: 429,
        headers: "Retry-After: 0\r\n".to_owned(),
        body: Vec::new(),
    };
    check(sqlite().await, "429", throttled, "cs1: asks to wait (HTTP 429) for listUsageRecords")
        .await;
    let other = "cs1: answered listUsageRecords with something else than expected";
    check(sqlite().await, "HTML", || ok("<html><body>Sign in</body></html>"), other).await;
}

#[tokio::test]
async fn bodies_that_end_too_early() {
    let cut = || Reply::Cut(br#"{"listusagerecordsresponse":{"count":145,"#.to_vec());
    check(sqlite().await, "cut", cut, "cs1: cannot be reached for listUsageRecords").await;
    let short = || ok(r#"{"listusagerecordsresponse":{"count":145,"usagerecord":[{"usagetype""#);
    let other = "cs1: answered listUsageRecords with something else than expected";
    check(sqlite().await, "invalid JSON", short, other).await;
}

#[tokio::test]
async fn keys_and_clocks() {
    let revoked = || status(401, recorded("signed/bad.signature.error.json"));
    let expected = "cs1: refuses the credentials for listUsageRecords";
    check(sqlite().await, "a revoked key", revoked, expected).await;
    let skewed = || {
        let at = jiff::Timestamp::now().as_second() - 3_600;
        let at = jiff::Timestamp::from_second(at).expect("an instant");
        let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT");
        Reply::Answer {
            status: 401,
            headers: format!("Date: {date}\r\n"),
            body: recorded("signed/bad.signature.error.json"),
        }
    };
    check(sqlite().await, "clocks", skewed, "cs1: the clocks differ by").await;
    let narrowed = || status(432, recorded("api-keys/narrow-role.listVirtualMachines.error.json"));
    let expected = "cs1: the account used may not call listUsageRecords: allow it in its role";
    check(sqlite().await, "a narrowed role", narrowed, expected).await;
}
