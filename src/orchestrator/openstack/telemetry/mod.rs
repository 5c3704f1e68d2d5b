//! Counters that telemetry keeps of machines: traffic, disk operations, CPU time.
//!
//! Usage is read by the hour, whole days at once where there is much to read. Every reading is
//! kept that a bill rests on; increments and resets are the meter's business, so that an hour that
//! is missing, or one that comes late, costs no unit: the next reading holds it.

mod gnocchi;
mod metric;
mod prometheus;
mod reading;

use futures_util::future::try_join_all;

use super::check::{bad, good};
use super::client::Client;
use super::service::Service;
use crate::config::{SourceConfig, TelemetryConfig, TelemetryStore};
use crate::ids::SourceName;
use crate::orchestrator::{
    Answer, Check, OrchestratorError, ParsedRecord, RawPage, RawWindow, Watermark,
};
use crate::period::Span;
use metric::{Metric, wanted};
use prometheus::Prometheus;

/// A window, and the longest bucket that is read.
const HOUR_SECONDS: i64 = 3_600;
/// What is read at once of what is long over.
const DAY_SECONDS: i64 = 86_400;
/// How long after its end an hour may still change: the collector's policies refuse measures that
/// are older, but for what waits to be worked through.
const LATE_SECONDS: i64 = 86_400;

/// What is read of a source's telemetry, and where.
pub struct Telemetry {
    config: TelemetryConfig,
    store: Store,
}

enum Store {
    Gnocchi,
    Prometheus(Prometheus),
}

impl Telemetry {
    /// Reads the secret; calls nobody. `None` where the source's telemetry is not read.
    pub fn new(source: &SourceConfig) -> anyhow::Result<Option<Self>> {
        let Some(config) = &source.telemetry else { return Ok(None) };
        let store = match config.store {
            TelemetryStore::Gnocchi => Store::Gnocchi,
            TelemetryStore::Prometheus => Store::Prometheus(Prometheus::new(source, config)?),
        };
        Ok(Some(Self { config: config.clone(), store }))
    }

    /// Hours are closed once they are over for as long as the configuration says.
    pub async fn watermark(&self, client: &Client) -> Answer<Watermark> {
        let now = match self.service() {
            Some(service) if client.endpoint(service).await?.is_some() => {
                client.clock_of(service).await?
            }
            _ => None,
        };
        // By the service's clock where it tells it, else the machine's: how long ago measures were
        // sent, not business time.
        let now = now.unwrap_or_else(|| jiff::Timestamp::now().as_second());
        let settled = now - i64::from(self.config.settle_seconds);
        Ok(Watermark {
            closed_until: settled - settled.rem_euclid(HOUR_SECONDS),
            window_seconds: HOUR_SECONDS,
            zone: "UTC".to_owned(),
            late_seconds: Some(LATE_SECONDS),
            bulk_seconds: Some(DAY_SECONDS),
        })
    }

    /// The readings of a window; no pages where the cloud has no telemetry.
    pub async fn fetch(&self, client: &Client, window: Span) -> Answer<RawWindow> {
        if !self.is_there(client).await? {
            return Ok(RawWindow { window, pages: Vec::new() });
        }
        let answers = wanted(&self.config).map(|metric| self.fetch_metric(client, metric, window));
        let pages = try_join_all(answers).await?.into_iter().flatten();
        let number = |(index, page): (usize, RawPage)| RawPage {
            page: u32::try_from(index + 1).unwrap_or(u32::MAX),
            ..page
        };
        Ok(RawWindow { window, pages: pages.enumerate().map(number).collect() })
    }

    /// The catalogue's service that is asked; `None` where there is an address of its own.
    fn service(&self) -> Option<Service> {
        match &self.store {
            Store::Gnocchi => Some(Service::Metric),
            Store::Prometheus(prometheus) if prometheus.has_address() => None,
            Store::Prometheus(_) => Some(Service::MetricStorage),
        }
    }

    /// Whether there is a service to ask.
    async fn is_there(&self, client: &Client) -> Answer<bool> {
        match self.service() {
            Some(service) => Ok(client.endpoint(service).await?.is_some()),
            None => Ok(true),
        }
    }

    async fn fetch_metric(
        &self,
        client: &Client,
        metric: &'static Metric,
        window: Span,
    ) -> Answer<Vec<RawPage>> {
        match &self.store {
            Store::Gnocchi => gnocchi::fetch(client, metric, window).await,
            Store::Prometheus(prometheus) => prometheus.fetch(client, metric, window).await,
        }
    }

    /// What `doctor` says of it.
    pub async fn check(&self, client: &Client) -> Vec<Check> {
        let name = &client.source;
        match self.is_there(client).await {
            Ok(true) => {}
            Ok(false) => {
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
        for metric in wanted(&self.config) {
            let line = format!("source {name} may read {} of all projects", metric.name);
            checks.push(match self.fetch_metric(client, metric, window).await {
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
                    "see the telemetry service's log, and [source.telemetry]".to_owned(),
                ),
            });
        }
        if let Store::Gnocchi = self.store {
            checks.extend(gnocchi::backlog(client).await);
        }
        checks
    }
}

/// Reads a page of either store: evidence outlives a change of the configuration.
pub fn parse(source: &SourceName, page: &RawPage) -> Answer<Vec<ParsedRecord>> {
    match prometheus::parse(source, page) {
        Some(records) => Ok(records),
        None => gnocchi::parse(source, page),
    }
}

/// The resource and the reading behind a record, as they came.
pub fn raw_row(page: &RawPage, index: usize) -> Option<String> {
    prometheus::raw_row(page, index).or_else(|| gnocchi::raw_row(page, index))
}
