//! Counters that Gnocchi keeps: one call for each counter of the whole cloud and hour.

mod measures;
mod revisions;

pub use measures::{parse, raw_row};

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest_session::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::HOUR_SECONDS;
use super::metric::{MACHINE, Metric};
use crate::orchestrator::openstack::check::{bad, good};
use crate::orchestrator::openstack::client::{CALLS_AT_ONCE_MAX, Call, Client};
use crate::orchestrator::openstack::service::Service;
use crate::orchestrator::openstack::{date, json as answers};
use crate::orchestrator::{Answer, Check, OrchestratorError, RawPage};
use crate::period::Span;

/// Resources of one search; services give no more by default.
const RESOURCES_MAX: usize = 1_000;
/// Waiting measures beyond this are worth a line.
const BACKLOG_MAX: i64 = 100_000;

/// One counter of the whole cloud; nothing where no resource has it. Hour by hour where the whole
/// is too much for an answer.
pub async fn fetch(client: &Client, metric: &Metric, window: Span) -> Answer<Vec<RawPage>> {
    let whole = fetch_at_once(client, metric, window).await;
    let too_much = matches!(
        whole,
        Err(OrchestratorError::Timeout { .. } | OrchestratorError::Malformed { .. })
    );
    if !too_much || window.seconds() <= HOUR_SECONDS {
        return whole;
    }
    let mut pages = Vec::new();
    let mut from = window.from;
    while from < window.until {
        let until = (from + HOUR_SECONDS).min(window.until);
        pages.extend(fetch_at_once(client, metric, Span::new(from, until)).await?);
        from = until;
    }
    Ok(pages)
}

async fn fetch_at_once(client: &Client, metric: &Metric, window: Span) -> Answer<Vec<RawPage>> {
    let operations = format!("(metric {} mean)", metric.name);
    let body = json!({
        "resource_type": metric.resource_type,
        "search": alive_since(window.from),
        "operations": operations,
    });
    let call = in_window(Call::get(Service::Metric, "aggregates"), window).with("details", "true");
    let call = search(call, body);
    let request = format!("{} {operations}", call.text());
    match client.call_if_there(&call).await {
        Ok(Some(reply)) if metric.resource_type == MACHINE => {
            let revisions = revisions::fetch(client, MACHINE, window).await?;
            let body = measures::with_revisions(&reply.body, &revisions)
                .map_err(|detail| client.malformed(&request, detail))?;
            let request = format!("{request}, and the history of each");
            Ok(vec![RawPage { request, page: 0, body }])
        }
        Ok(Some(reply)) => Ok(vec![RawPage { request, page: 0, body: reply.body }]),
        // It knows no such type, metric or resource: there is nothing to read.
        Ok(None) => Ok(Vec::new()),
        // Where some are kept in other buckets than others, it reads none of them together.
        Err(OrchestratorError::Refused { .. }) => fetch_one_by_one(client, metric, window).await,
        Err(error) => Err(error),
    }
}

/// The same by a call for each resource.
async fn fetch_one_by_one(client: &Client, metric: &Metric, window: Span) -> Answer<Vec<RawPage>> {
    let mut pages = Vec::new();
    let history = match metric.resource_type {
        MACHINE => revisions::fetch(client, MACHINE, window).await?,
        _ => Vec::new(),
    };
    let mut marker: Option<String> = None;
    loop {
        let path = format!("search/resource/{}", metric.resource_type);
        let call = Call::get(Service::Metric, &path)
            .with("limit", RESOURCES_MAX.to_string())
            .with("sort", "id:asc");
        let call = match &marker {
            Some(marker) => call.with("marker", marker.as_str()),
            None => call,
        };
        let call = search(call, alive_since(window.from));
        let Some(reply) = client.call_if_there(&call).await? else { return Ok(pages) };
        let malformed = |detail: String| client.malformed(&call.text(), detail);
        let rows: Vec<Box<RawValue>> =
            serde_json::from_slice(&reply.body).map_err(|error| malformed(error.to_string()))?;
        // The service may give fewer than asked for: only a page of none is the last.
        if rows.is_empty() {
            return Ok(pages);
        }
        let last = rows.last().and_then(|row| answers::text(&answers::read(row), "id"));
        let counters: Vec<(String, String)> =
            rows.iter().filter_map(|row| counter_of(&answers::read(row), metric)).collect();
        let reads = counters.iter().map(|(_, id)| measures_of(client, id, window));
        let answers: Vec<Option<Vec<u8>>> = stream::iter(reads.collect::<Vec<_>>())
            .buffered(CALLS_AT_ONCE_MAX)
            .try_collect()
            .await?;
        let read = counters.iter().map(|(resource, _)| resource.as_str()).zip(answers);
        let known = measures::revisions_of(&history, rows);
        let body = measures::together(metric.name, read, &known).map_err(malformed)?;
        let request = format!("{}, and the mean of {} of each", call.text(), metric.name);
        pages.push(RawPage { request, page: 0, body });
        if last.is_none() || last == marker {
            return Err(malformed("a page goes on after no new id".to_owned()));
        }
        marker = last;
    }
}

/// Id of a resource, and of its metric where it has it.
fn counter_of(row: &Value, metric: &Metric) -> Option<(String, String)> {
    Some((answers::text(row, "id")?, answers::text(row.get("metrics")?, metric.name)?))
}

async fn measures_of(client: &Client, metric: &str, window: Span) -> Answer<Option<Vec<u8>>> {
    let call = Call::get(Service::Metric, &format!("metric/{metric}/measures"));
    let call = in_window(call, window).with("aggregation", "mean");
    Ok(client.call_if_there(&call).await?.map(|reply| reply.body))
}

/// Resources that had not ended by an instant.
fn alive_since(at: i64) -> Value {
    json!({ "or": [{ "=": { "ended_at": null } }, { ">=": { "ended_at": date::text(at) } }] })
}

fn in_window(call: Call, window: Span) -> Call {
    call.with("start", date::text(window.from)).with("stop", date::text(window.until))
}

/// A search reads, by POST.
fn search(call: Call, body: Value) -> Call {
    Call { method: Method::POST, body: Some(body), ..call }
}

/// What waits to be worked through, where its number may be read.
pub async fn backlog(client: &Client) -> Option<Check> {
    let call = Call::get(Service::Metric, "status").with("details", "false");
    let reply = client.call(&call).await.ok()?;
    let status = answers::value(&reply.body).ok()?;
    let summary = status.get("storage")?.get("summary")?;
    let waiting = answers::whole(summary, "measures")?;
    let line = format!("source {}: {waiting} measures wait to be worked through", client.source);
    Some(if waiting > BACKLOG_MAX {
        bad(
            line,
            "counters are read before their last hours are there, and billed later".to_owned(),
            "give the telemetry service more workers, or raise telemetry.settle_seconds".to_owned(),
        )
    } else {
        good(line)
    })
}
