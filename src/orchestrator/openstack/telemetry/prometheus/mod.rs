//! Counters that Prometheus keeps: the samples themselves, as they were scraped.
//!
//! `increase()` and `rate()` extrapolate to the edges of what they are asked for, and steps of a
//! range hide a reset between them, so that no bill may rest on them: a range is read whole. Where
//! an hour holds more samples than an answer should, it is read in equal parts.
//!
//! Source: Prometheus' HTTP API, "expression queries" and "range vectors"; Ceilometer's exporter
//! and publisher for the names and labels.

mod series;

pub use series::{parse, raw_row};

use reqwest_session::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};

use super::metric::Metric;
use crate::config::{SourceConfig, TelemetryConfig};
use crate::orchestrator::openstack::client::{Call, Client, Reply};
use crate::orchestrator::openstack::json;
use crate::orchestrator::openstack::service::Service;
use crate::orchestrator::{Answer, RawPage};
use crate::period::Span;

/// Samples of one answer, about 20 MB.
const SAMPLES_MAX: i64 = 500_000;
/// Seconds of the shortest part that is read by itself.
const PART_SECONDS_MIN: i64 = 60;

const QUERY: &str = "api/v1/query";

/// A Prometheus, or what answers for one.
pub struct Prometheus {
    selector: String,
    /// An address of its own; the catalogue's service otherwise.
    direct: Option<Direct>,
}

struct Direct {
    address: String,
    user: Option<String>,
    secret: Option<SecretString>,
}

impl Prometheus {
    /// Reads the secret; calls nobody.
    pub fn new(source: &SourceConfig, config: &TelemetryConfig) -> anyhow::Result<Self> {
        let secret = config.secret(&source.name)?;
        let direct = config.endpoint.as_ref().map(|address| Direct {
            address: address.trim_end_matches('/').to_owned(),
            user: config.user.clone(),
            secret,
        });
        Ok(Self { selector: config.selector.trim().to_owned(), direct })
    }

    /// Whether it is asked at an address of its own.
    pub fn has_address(&self) -> bool {
        self.direct.is_some()
    }

    /// One counter of the whole cloud; nothing where there are no samples of it.
    pub async fn fetch(
        &self,
        client: &Client,
        metric: &Metric,
        window: Span,
    ) -> Answer<Vec<RawPage>> {
        let samples = self.count(client, metric, window).await?;
        if samples == 0 {
            return Ok(Vec::new());
        }
        let parts = (samples / SAMPLES_MAX + 1).min((window.seconds() / PART_SECONDS_MIN).max(1));
        let step = window.seconds() / parts;
        let mut pages = Vec::new();
        for part in 0..parts {
            let from = window.from + part * step;
            let until = if part + 1 == parts { window.until } else { from + step };
            pages.extend(self.samples(client, metric, Span::new(from, until)).await?);
        }
        Ok(pages)
    }

    /// Samples of a counter in a window.
    async fn count(&self, client: &Client, metric: &Metric, window: Span) -> Answer<i64> {
        let query = format!("sum(count_over_time({}))", self.range(metric, window));
        let (request, reply) = self.query(client, &query, window).await?;
        let malformed = |detail: String| client.malformed(&request, detail);
        let body = json::value(&reply.body).map_err(malformed)?;
        let result = body.pointer("/data/result").and_then(serde_json::Value::as_array);
        let result = result.ok_or_else(|| malformed("there is no result in it".to_owned()))?;
        let Some(first) = result.first() else { return Ok(0) };
        let count = first.pointer("/value/1").and_then(|count| count.as_str()?.parse().ok());
        count.ok_or_else(|| malformed("the count of samples is no whole number".to_owned()))
    }

    async fn samples(
        &self,
        client: &Client,
        metric: &Metric,
        window: Span,
    ) -> Answer<Option<RawPage>> {
        let query = self.range(metric, window);
        let (request, reply) = self.query(client, &query, window).await?;
        let body = series::turning_points(&reply.body, window)
            .map_err(|detail| client.malformed(&request, detail))?;
        let request = format!("{request}, and of each series what a bill rests on");
        Ok(body.map(|body| RawPage { request, page: 0, body }))
    }

    /// Every sample of a counter in a window that ends at the query's instant.
    fn range(&self, metric: &Metric, window: Span) -> String {
        let name = metric.name.replace('.', "_");
        let comma = if self.selector.is_empty() { "" } else { "," };
        let (selector, seconds) = (&self.selector, window.seconds());
        format!("{{__name__=~\"(ceilometer_)?{name}(_total)?\"{comma}{selector}}}[{seconds}s]")
    }

    /// Asks at the last instant of a window, whose end is not part of it; the answer with its call.
    async fn query(&self, client: &Client, query: &str, window: Span) -> Answer<(String, Reply)> {
        let time = format!("{}.999", window.until - 1);
        let parameters = [("query", query), ("time", time.as_str())];
        let call = Call::get(Service::MetricStorage, QUERY);
        let call = parameters.iter().fold(call, |call, (name, value)| call.with(name, *value));
        let request = call.text();
        let Some(direct) = &self.direct else {
            let reply = client.call(&call).await?;
            return Ok((request, reply));
        };
        let name = format!("GET {}/{QUERY}", Service::MetricStorage.name());
        let reply = client.repeated(|| async {
            let reply = client.transmit(&name, direct.request(client, &call)).await?;
            if reply.is_good() { Ok(reply) } else { Err(client.refusal(&name, &reply)) }
        });
        Ok((request, reply.await?))
    }
}

impl Direct {
    fn request(&self, client: &Client, call: &Call) -> RequestBuilder {
        let url = format!("{}/{}", self.address, call.path);
        // Thanos and the like answer with a part where a store of theirs does not: an error here.
        let request = client.sessions.http.get(url).query(&call.query);
        let request = request.query(&[("partial_response", "false")]);
        match (&self.user, &self.secret) {
            (Some(user), secret) => {
                request.basic_auth(user, secret.as_ref().map(ExposeSecret::expose_secret))
            }
            (None, Some(secret)) => request.bearer_auth(secret.expose_secret()),
            (None, None) => request,
        }
    }
}
