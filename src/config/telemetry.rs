//! Which counters of a source's telemetry are usage, and where they are kept.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::{first_line, from_environment, is_web_address};

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

/// What keeps the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TelemetryStore {
    #[default]
    Gnocchi,
    Prometheus,
}

/// What is read of telemetry. Each counter needs a price in every book that is used: usage without
/// one holds invoices.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    #[serde(default)]
    pub store: TelemetryStore,
    #[serde(default = "traffic")]
    pub meters: Vec<Counter>,
    /// Seconds after the end of an hour until it is read: measures are worked through late.
    #[serde(default = "default_settle")]
    pub settle_seconds: u32,
    /// Prometheus' own address, up to `/api`; without it the catalogue's is asked, with the token.
    pub endpoint: Option<String>,
    /// Name for HTTP's basic authentication; the secret alone is a bearer token.
    pub user: Option<String>,
    pub secret_env: Option<String>,
    pub secret_file: Option<PathBuf>,
    /// Label matchers that every series must meet, such as `job="ceilometer",replica="a"`.
    #[serde(default)]
    pub selector: String,
}

fn traffic() -> Vec<Counter> {
    vec![Counter::NetworkSent, Counter::NetworkReceived]
}

fn default_settle() -> u32 {
    900
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            store: TelemetryStore::default(),
            meters: traffic(),
            settle_seconds: default_settle(),
            endpoint: None,
            user: None,
            secret_env: None,
            secret_file: None,
            selector: String::new(),
        }
    }
}

impl TelemetryConfig {
    /// The secret from the environment or a file; `None` where there is none.
    pub fn secret(&self, source: &str) -> anyhow::Result<Option<SecretString>> {
        Ok(match (&self.secret_env, &self.secret_file) {
            (Some(name), _) => Some(from_environment(source, "telemetry.secret_env", name)?.into()),
            (None, Some(path)) => Some(first_line(path)?.into()),
            (None, None) => None,
        })
    }

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
        match self.store {
            TelemetryStore::Gnocchi => self.foreign_keys(source, &mut problems),
            TelemetryStore::Prometheus => self.place_problems(source, &mut problems),
        }
        problems
    }

    /// Keys that Gnocchi, which is found by the catalogue, has no use for.
    fn foreign_keys(&self, source: &str, problems: &mut Vec<String>) {
        let keys = [
            ("endpoint", self.endpoint.is_some()),
            ("user", self.user.is_some()),
            ("secret_env", self.secret_env.is_some()),
            ("secret_file", self.secret_file.is_some()),
            ("selector", !self.selector.is_empty()),
        ];
        for (key, _) in keys.into_iter().filter(|(_, given)| *given) {
            problems.push(format!(
                "source {source}: telemetry.{key} is for store = \"prometheus\" only"
            ));
        }
    }

    fn place_problems(&self, source: &str, problems: &mut Vec<String>) {
        if self.endpoint.as_ref().is_some_and(|address| !is_web_address(address)) {
            problems
                .push(format!("source {source}: telemetry.endpoint is no http or https address"));
        }
        let secret = self.secret(source);
        if self.endpoint.is_none() && (self.user.is_some() || !matches!(secret, Ok(None))) {
            problems.push(format!(
                "source {source}: telemetry.endpoint is missing: user and secret are for it, the \
                 catalogue's service takes the source's own token"
            ));
        }
        match secret {
            Ok(None) if self.user.is_some() => problems.push(format!(
                "source {source}: telemetry.user has no password: set telemetry.secret_env or \
                 telemetry.secret_file"
            )),
            Ok(_) => {}
            Err(error) => problems.push(format!("{error:#}")),
        }
        if self.selector.contains(['{', '}']) {
            problems.push(format!(
                "source {source}: telemetry.selector: {:?}: give matchers without braces, such as \
                 job=\"ceilometer\"",
                self.selector
            ));
        }
    }
}
