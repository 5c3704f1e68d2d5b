//! Series of samples become readings. PURE.
//!
//! One counter may be told by several series: its labels change with its machine (flavor, state),
//! another collector takes over, or two Prometheus watch the same. They are read as one by time, as
//! long as each sample lies between its neighbours; where one does not, as a series that stands
//! still beside one that goes on, nobody knows which is right: the counter is told as a finding and
//! none of it counts.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::metric::{METRICS, Metric};
use super::super::reading::{Reading, decimal, turning};
use crate::collect::record::{Attributes, UsageRecord, attribute};
use crate::ids::{OwnerRef, SourceName};
use crate::money::Exact;
use crate::orchestrator::plain::plain_record;
use crate::orchestrator::{ParsedRecord, RawPage, RejectedRecord};
use crate::period::Span;

/// Characters of a machine's id.
const ID_LENGTH: usize = 36;
/// A sample stands for its instant.
const SAMPLE_SECONDS: &str = "1";

#[derive(Deserialize, Serialize)]
struct Body<'a> {
    status: &'a str,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    result_type: &'a str,
    #[serde(borrow)]
    result: Vec<Series<'a>>,
}

#[derive(Deserialize, Serialize)]
struct Series<'a> {
    /// Its labels.
    #[serde(borrow)]
    metric: &'a RawValue,
    /// Unix seconds with a fraction, and the value.
    #[serde(borrow)]
    values: Vec<(&'a RawValue, Cow<'a, str>)>,
}

impl<'a> Body<'a> {
    fn read(body: &'a [u8]) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if read.status != "success" || read.data.result_type != "matrix" {
            let kind = read.data.result_type;
            return Err(format!("{} with a {kind} instead of samples", read.status));
        }
        Ok(read)
    }
}

/// An answer of which each series keeps the samples of the window that a bill rests on, in their
/// own bytes and in an order that does not change; `None` where nothing is left.
pub fn turning_points(body: &[u8], window: Span) -> Result<Option<Vec<u8>>, String> {
    let mut read = Body::read(body)?;
    for series in &mut read.data.result {
        let inside = |(at, _): &(&RawValue, _)| {
            millis(at.get()).map(seconds).is_some_and(|at| window.from <= at && at < window.until)
        };
        let values: Vec<_> = series.values.drain(..).filter(inside).collect();
        let number = |(at, value): &(&RawValue, Cow<'_, str>)| {
            (millis(at.get()).map_or(i64::MIN, seconds), decimal(value))
        };
        let numbers: Vec<(i64, Option<Exact>)> = values.iter().map(number).collect();
        series.values = turning(&numbers).into_iter().map(|at| values[at].clone()).collect();
    }
    read.data.result.retain(|series| !series.values.is_empty());
    read.data.result.sort_by(|a, b| a.metric.get().cmp(b.metric.get()));
    if read.data.result.is_empty() {
        return Ok(None);
    }
    serde_json::to_vec(&read).map(Some).map_err(|error| error.to_string())
}

/// Labels by their names.
type Labels = BTreeMap<String, String>;

fn labels(series: &Series<'_>) -> Labels {
    serde_json::from_str(series.metric.get()).unwrap_or_default()
}

/// The first of some labels that is there and not empty.
fn label<'l>(labels: &'l Labels, names: &[&str]) -> Option<&'l str> {
    names
        .iter()
        .find_map(|name| labels.get(*name))
        .map(String::as_str)
        .filter(|one| !one.is_empty())
}

/// The counter that a series tells, under the names of the exporter and of the publisher.
fn metric_of(labels: &Labels) -> Option<&'static Metric> {
    let name = labels.get("__name__")?;
    let name = name.strip_prefix("ceilometer_").unwrap_or(name);
    let name = name.strip_suffix("_total").unwrap_or(name);
    METRICS.iter().find(|metric| metric.name.replace('.', "_") == name)
}

/// A sample of one of the series.
#[derive(Clone)]
struct Sample {
    /// Unix milliseconds, as exact as they are kept.
    at: i64,
    value: Option<Exact>,
    series: usize,
    position: usize,
}

/// Samples of a counter, or series that contradict each other.
enum Outcome {
    Sample(Sample),
    Clash { series: Vec<usize> },
}

/// One thing that a page tells.
struct Told<'b, 'a> {
    metric: &'static Metric,
    body: &'b Body<'a>,
    outcome: Outcome,
}

/// What a page tells, in an order that is always the same.
fn told<'b, 'a>(body: &'b Body<'a>) -> Vec<Told<'b, 'a>> {
    let mut counters: BTreeMap<(&'static str, String, String), (&'static Metric, Vec<usize>)> =
        BTreeMap::new();
    for (index, series) in body.data.result.iter().enumerate() {
        let labels = labels(series);
        let Some(metric) = metric_of(&labels) else { continue };
        let owner = label(&labels, &OWNER).unwrap_or_default().to_owned();
        let resource = label(&labels, &RESOURCE).unwrap_or_default().to_owned();
        let counter = counters.entry((metric.name, owner, resource));
        counter.or_insert_with(|| (metric, Vec::new())).1.push(index);
    }
    let mut all = Vec::new();
    for (metric, series) in counters.into_values() {
        match as_one(body, &series) {
            Some(samples) => {
                let value = |sample: &Sample| (seconds(sample.at), sample.value.clone());
                let values: Vec<(i64, Option<Exact>)> = samples.iter().map(value).collect();
                let kept = turning(&values).into_iter().map(|at| samples[at].clone());
                all.extend(kept.map(|sample| Told {
                    metric,
                    body,
                    outcome: Outcome::Sample(sample),
                }));
            }
            None => all.push(Told { metric, body, outcome: Outcome::Clash { series } }),
        }
    }
    all
}

const OWNER: [&str; 2] = ["project", "project_id"];
const RESOURCE: [&str; 2] = ["resource", "resource_id"];

/// The samples of a counter's series by time, one a second; `None` where they contradict each
/// other.
fn as_one(body: &Body<'_>, series: &[usize]) -> Option<Vec<Sample>> {
    let mut all: Vec<Vec<Sample>> = series.iter().map(|index| samples(body, *index)).collect();
    all.retain(|samples| !samples.is_empty());
    // The one that goes on for longest is held against the others.
    let ends = |samples: &[Sample]| {
        let last = samples.last().map(|sample| sample.at);
        (Reverse(last), samples.first().map(|sample| sample.at))
    };
    all.sort_by_key(|samples| ends(samples));
    let mut others = all.into_iter();
    let mut merged = others.next().unwrap_or_default();
    for sample in others.flatten() {
        let place = merged.partition_point(|one| one.at <= sample.at);
        let before = place.checked_sub(1).and_then(|before| merged[before].value.as_ref());
        let after = merged.get(place).and_then(|after| after.value.as_ref());
        if let (Some(before), Some(value), Some(after)) = (before, &sample.value, after) {
            let fits = if before <= after {
                before <= value && value <= after
            } else {
                before <= value || value <= after
            };
            if !fits {
                return None;
            }
        }
        merged.insert(place, sample);
    }
    // Seconds are what records are told apart by: of several samples of one the last counts.
    let mut last_of_each: Vec<Sample> = Vec::with_capacity(merged.len());
    for sample in merged {
        match last_of_each.last_mut() {
            Some(last) if seconds(last.at) == seconds(sample.at) => *last = sample,
            _ => last_of_each.push(sample),
        }
    }
    Some(last_of_each)
}

fn samples(body: &Body<'_>, series: usize) -> Vec<Sample> {
    let values = body.data.result[series].values.iter().enumerate();
    let sample = |(position, (at, value)): (usize, &(&RawValue, Cow<'_, str>))| {
        Some(Sample { at: millis(at.get())?, value: decimal(value), series, position })
    };
    values.filter_map(sample).collect()
}

fn millis(text: &str) -> Option<i64> {
    i64::try_from(decimal(text)?.mul_int(1_000).ceil()?).ok()
}

fn seconds(millis: i64) -> i64 {
    millis.div_euclid(1_000)
}

/// Reads a page: one record for each reading that is kept; `None` where it holds no samples of
/// Prometheus.
pub fn parse(source: &SourceName, page: &RawPage) -> Option<Vec<ParsedRecord>> {
    let body = Body::read(&page.body).ok()?;
    let read = |(index, told): (usize, Told<'_, '_>)| {
        let series = told.series();
        let labels = labels(&body.data.result[series]);
        let owner =
            label(&labels, &OWNER).map(|id| OwnerRef { source: source.clone(), id: id.to_owned() });
        let outcome = told.record(&labels, owner.clone()).map_err(|reason| RejectedRecord {
            owner,
            meter: told.metric.meter.to_owned(),
            span: told.span(),
            reason,
        });
        plain_record(ParsedRecord { index, additive: false, disguise: None, outcome })
    };
    Some(told(&body).into_iter().enumerate().map(read).collect())
}

impl Told<'_, '_> {
    /// The series whose labels say what it is about.
    fn series(&self) -> usize {
        match &self.outcome {
            Outcome::Sample(sample) => sample.series,
            Outcome::Clash { series } => series[0],
        }
    }

    /// From the first to the last of the samples.
    fn span(&self) -> Option<Span> {
        let at = |index: &usize| {
            let values = &self.body.data.result[*index].values;
            let (first, last) = (values.first()?.0, values.last()?.0);
            Some((seconds(millis(first.get())?), seconds(millis(last.get())?)))
        };
        match &self.outcome {
            Outcome::Sample(sample) => {
                let at = seconds(sample.at);
                Some(Span::new(at, at))
            }
            Outcome::Clash { series } => {
                let ends: Vec<(i64, i64)> = series.iter().filter_map(at).collect();
                let from = ends.iter().map(|(first, _)| *first).min()?;
                Some(Span::new(from, ends.iter().map(|(_, last)| *last).max()?))
            }
        }
    }

    fn record(&self, labels: &Labels, owner: Option<OwnerRef>) -> Result<UsageRecord, String> {
        let name = self.metric.name;
        let resource = label(labels, &RESOURCE)
            .ok_or_else(|| format!("{name}: the label resource is missing"))?;
        let owner =
            owner.ok_or_else(|| format!("{name} of {resource}: the label project is missing"))?;
        let sample = match &self.outcome {
            Outcome::Sample(sample) => sample,
            Outcome::Clash { series } => return Err(self.clash(resource, series)),
        };
        let (shown, value) = &self.body.data.result[sample.series].values[sample.position];
        let at = self.span().map(|span| span.from);
        let at = at.ok_or_else(|| format!("{name}: {shown} is no instant"))?;
        let attributes = attributes(labels, resource);
        let metric = self.metric;
        let reading = Reading { metric, owner, resource: resource.to_owned(), at, attributes };
        reading.record(value, shown.get(), resource)
    }

    /// Why a counter cannot be read, by the labels in which its series differ.
    fn clash(&self, resource: &str, series: &[usize]) -> String {
        let all: Vec<Labels> =
            series.iter().map(|index| labels(&self.body.data.result[*index])).collect();
        let names = all.iter().flat_map(Labels::keys).collect::<BTreeSet<_>>();
        let differ = |name: &&&String| {
            let mut values = all.iter().map(|labels| labels.get(**name));
            let first = values.next();
            values.any(|value| Some(value) != first)
        };
        let differing: Vec<&str> = names.iter().filter(differ).map(|name| name.as_str()).collect();
        format!(
            "{} of {resource}: {} series tell of it at one time and do not agree; they differ in \
             {}: let telemetry.selector leave one of them",
            self.metric.name,
            series.len(),
            differing.join(", ")
        )
    }
}

fn attributes(labels: &Labels, resource: &str) -> Attributes {
    // The machine's name, a colon, and the thing's own.
    let name = label(labels, &["resource_name"]);
    let name = name.map(|name| name.rsplit_once(':').map_or(name, |(machine, _)| machine));
    let fields = [
        (attribute::NAME, name),
        (attribute::MACHINE, machine_of(resource)),
        (attribute::OFFERING, label(labels, &["flavor_id"])),
        (attribute::OFFERING_NAME, label(labels, &["flavor_name"])),
        (attribute::BUCKET_SECONDS, Some(SAMPLE_SECONDS)),
    ];
    let given = fields.into_iter().filter_map(|(key, value)| Some((key, value?)));
    given.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The machine's id inside the name of one of its interfaces or disks.
fn machine_of(resource: &str) -> Option<&str> {
    if resource.len() == ID_LENGTH {
        return None;
    }
    let is_id = |text: &&str| {
        let dashes = [8, 13, 18, 23];
        text.bytes().enumerate().all(|(at, byte)| match dashes.contains(&at) {
            true => byte == b'-',
            false => byte.is_ascii_hexdigit(),
        })
    };
    let places = 0..=resource.len().checked_sub(ID_LENGTH)?;
    places.filter_map(|at| resource.get(at..at + ID_LENGTH)).find(is_id)
}

/// The labels and the sample behind a record, as they came.
pub fn raw_row(page: &RawPage, index: usize) -> Option<String> {
    let body = Body::read(&page.body).ok()?;
    let told = told(&body).into_iter().nth(index)?;
    let series = &body.data.result[told.series()];
    let labels = series.metric.get();
    match told.outcome {
        Outcome::Sample(sample) => {
            let (at, value) = &series.values[sample.position];
            Some(format!("{{\"metric\":{labels},\"value\":[{at},\"{value}\"]}}"))
        }
        Outcome::Clash { series } => {
            let all = series.iter().map(|index| &body.data.result[*index]);
            serde_json::to_string(&all.collect::<Vec<_>>()).ok()
        }
    }
}
