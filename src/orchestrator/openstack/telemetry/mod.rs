//! Counters that the telemetry service keeps of machines: traffic, disk operations, CPU time.
//!
//! Usage is read by the hour, in one call for each counter of the whole cloud. Every reading is
//! kept that a bill rests on; increments and resets are the meter's business, so that an hour that
//! is missing, or one that comes late, costs no unit: the next reading holds it.

mod measures;
mod revisions;

pub use measures::{parse, raw_row};

use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest_session::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::check::{bad, good};
use super::client::{CALLS_AT_ONCE_MAX, Call, Client};
use super::service::Service;
use super::{date, json as answers};
use crate::config::{Counter, TelemetryConfig};
use crate::meter::kind;
use crate::orchestrator::{Answer, Check, OrchestratorError, RawPage, RawWindow, Watermark};
use crate::period::Span;

/// A window, and the longest bucket that is read.
const HOUR_SECONDS: i64 = 3_600;
/// How long after its end an hour may still change: the collector's policies refuse measures that
/// are older, but for what waits to be worked through.
const LATE_SECONDS: i64 = 86_400;
/// Resources of one search; services give no more by default.
const RESOURCES_MAX: usize = 1_000;
/// Waiting measures beyond this are worth a line.
const BACKLOG_MAX: i64 = 100_000;

/// How a counter is kept.
pub(super) struct Metric {
    pub counter: Counter,
    pub meter: &'static str,
    /// The type of the resources that have it.
    pub resource_type: &'static str,
    pub name: &'static str,
    /// Units of the metric in one of the meter.
    pub divisor: i128,
}

const fn metric(
    counter: Counter,
    meter: &'static str,
    resource_type: &'static str,
    name: &'static str,
) -> Metric {
    Metric { counter, meter, resource_type, name, divisor: 1 }
}

const INTERFACE: &str = "instance_network_interface";
const DISK: &str = "instance_disk";
/// Whose flavor changes: read with its history.
const MACHINE: &str = "instance";

/// What the collector of telemetry keeps, under its names. Traffic is counted as the machine sees
/// it.
pub(super) const METRICS: [Metric; 7] = [
    metric(Counter::NetworkSent, kind::NETWORK_SENT, INTERFACE, "network.outgoing.bytes"),
    metric(Counter::NetworkReceived, kind::NETWORK_RECEIVED, INTERFACE, "network.incoming.bytes"),
    metric(Counter::DiskReadBytes, "disk_read_bytes", DISK, "disk.device.read.bytes"),
    metric(Counter::DiskWriteBytes, "disk_write_bytes", DISK, "disk.device.write.bytes"),
    metric(Counter::DiskReadRequests, "disk_read_requests", DISK, "disk.device.read.requests"),
    metric(Counter::DiskWriteRequests, "disk_write_requests", DISK, "disk.device.write.requests"),
    Metric {
        // Nanoseconds of all CPUs together.
        divisor: 3_600_000_000_000,
        ..metric(Counter::CpuTime, kind::CPU_TIME, MACHINE, "cpu")
    },
];

fn wanted(config: &TelemetryConfig) -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().filter(|metric| config.meters.contains(&metric.counter))
}

/// Hours are closed once they are over for as long as the configuration says.
pub fn watermark(config: &TelemetryConfig) -> Watermark {
    // The machine's clock: how long ago measures were sent, not business time.
    let now = jiff::Timestamp::now().as_second() - i64::from(config.settle_seconds);
    Watermark {
        closed_until: now - now.rem_euclid(HOUR_SECONDS),
        window_seconds: HOUR_SECONDS,
        zone: "UTC".to_owned(),
        late_seconds: Some(LATE_SECONDS),
    }
}

/// The measures of a window; no pages where the cloud has no telemetry.
pub async fn fetch(client: &Client, config: &TelemetryConfig, window: Span) -> Answer<RawWindow> {
    if client.endpoint(Service::Metric).await?.is_none() {
        return Ok(RawWindow { window, pages: Vec::new() });
    }
    let answers = wanted(config).map(|metric| fetch_metric(client, metric, window));
    let pages = try_join_all(answers).await?.into_iter().flatten();
    let number = |(index, page): (usize, RawPage)| RawPage {
        page: u32::try_from(index + 1).unwrap_or(u32::MAX),
        ..page
    };
    Ok(RawWindow { window, pages: pages.enumerate().map(number).collect() })
}

/// One counter of the whole cloud; nothing where no resource has it.
async fn fetch_metric(client: &Client, metric: &Metric, window: Span) -> Answer<Vec<RawPage>> {
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

/// What `doctor` says of it.
pub async fn check(client: &Client, config: &TelemetryConfig) -> Vec<Check> {
    let name = &client.source;
    match client.endpoint(Service::Metric).await {
        Ok(Some(_)) => {}
        Ok(None) => {
            return vec![good(format!(
                "source {name}: no telemetry service, so that [source.telemetry] reads nothing"
            ))];
        }
        // Told with the other services.
        Err(_) => return Vec::new(),
    }
    let now = jiff::Timestamp::now().as_second();
    let window = Span::new(now - HOUR_SECONDS, now);
    let mut checks = Vec::new();
    for metric in wanted(config) {
        let line = format!("source {name} may read {} of all projects", metric.name);
        checks.push(match fetch_metric(client, metric, window).await {
            Ok(pages) if !pages.is_empty() => good(line),
            Ok(_) => good(format!("source {name}: nothing has the metric {}", metric.name)),
            Err(OrchestratorError::Forbidden { .. }) => bad(
                format!("source {name} may not read the metric {}", metric.name),
                format!("{} is not metered", metric.meter),
                "give its user the role service on its project".to_owned(),
            ),
            Err(error) => bad(
                error.to_string(),
                format!("{} is not metered", metric.meter),
                "see the telemetry service's log".to_owned(),
            ),
        });
    }
    checks.extend(backlog(client).await);
    checks
}

/// What waits to be worked through, where its number may be read.
async fn backlog(client: &Client) -> Option<Check> {
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
