//! Which counters of a source's telemetry are usage.

use serde::Deserialize;

/// A counter that telemetry keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    NetworkSent,
    NetworkReceived,
    DiskReadBytes,
    DiskWriteBytes,
    DiskReadRequests,
    DiskWriteRequests,
    CpuTime,
}

/// What is read of telemetry. Each counter needs a price in every book that is used: usage without
/// one holds invoices.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    #[serde(default = "traffic")]
    pub meters: Vec<Counter>,
    /// Seconds after the end of an hour until it is read: measures are worked through late.
    #[serde(default = "default_settle")]
    pub settle_seconds: u32,
}

fn traffic() -> Vec<Counter> {
    vec![Counter::NetworkSent, Counter::NetworkReceived]
}

fn default_settle() -> u32 {
    900
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { meters: traffic(), settle_seconds: default_settle() }
    }
}

impl TelemetryConfig {
    /// What is wrong with it; one line each.
    pub(super) fn problems(&self, source: &str) -> Vec<String> {
        let mut problems = Vec::new();
        if self.meters.is_empty() {
            problems.push(format!(
                "source {source}: telemetry.meters is empty: name what to read, or remove \
                 [source.telemetry]"
            ));
        }
        if self.settle_seconds > 86_400 {
            problems.push(format!(
                "source {source}: telemetry.settle_seconds: {} is more than a day",
                self.settle_seconds
            ));
        }
        problems
    }
}
