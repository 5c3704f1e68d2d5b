//! Measures of a counter become readings. PURE.
//!
//! A counter is kept as the mean of each bucket of time, which is the reading itself where the
//! collector polls once a bucket. Of several granularities the finest counts, and none that is
//! longer than an hour, which would tell what comes after the window.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::HOUR_SECONDS;
use super::super::metric::{METRICS, Metric};
use super::super::reading::{Reading, decimal, turning};
use crate::collect::record::{Attributes, UsageRecord, attribute};
use crate::ids::{OwnerRef, SourceName};
use crate::money::Exact;
use crate::orchestrator::openstack::{date, json};
use crate::orchestrator::plain::plain_record;
use crate::orchestrator::{Answer, OrchestratorError, ParsedRecord, RawPage, RejectedRecord};
use crate::period::Span;

/// Bucket start, bucket length in seconds, value.
type Measure<'a> = (&'a str, &'a RawValue, &'a RawValue);

#[derive(Deserialize)]
struct Body<'a> {
    /// By resource, metric and aggregation.
    #[serde(borrow)]
    measures: BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<&'a str, Vec<Measure<'a>>>>>,
    #[serde(borrow)]
    references: Vec<&'a RawValue>,
}

impl<'a> Body<'a> {
    fn read(body: &'a [u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| format!("no measures: {error}"))
    }

    /// Each resource's own words by their time, by its id.
    fn resources(&self) -> BTreeMap<String, Revisions<'a>> {
        let mut all: BTreeMap<String, Revisions<'a>> = BTreeMap::new();
        for raw in &self.references {
            let row = json::read(raw);
            let Some(id) = json::text(&row, "id") else { continue };
            let began = json::text(&row, "revision_start");
            let began = began.and_then(|text| date::micros(&text)).unwrap_or(i64::MIN);
            all.entry(id).or_default().insert(began, *raw);
        }
        all
    }

    /// What is kept: the metric, the resource's words, and one measure each.
    fn kept(&self) -> Vec<Kept<'a>> {
        let resources = self.resources();
        let mut all = Vec::new();
        for (id, metrics) in &self.measures {
            let revisions = resources.get(*id);
            for (name, aggregations) in metrics {
                let metric = METRICS.iter().find(|metric| metric.name == *name);
                let (Some(metric), Some(measures)) = (metric, aggregations.get("mean")) else {
                    continue;
                };
                let measures = finest(measures);
                let value = |one: &Measure<'_>| {
                    (date::seconds(one.0).unwrap_or(i64::MIN), decimal(one.2.get()))
                };
                let values: Vec<(i64, Option<Exact>)> = measures.iter().map(value).collect();
                let kept = turning(&values).into_iter().map(|at| measures[at]);
                all.extend(kept.map(|measure| {
                    let resource = revisions.and_then(|revisions| at_the_time(revisions, measure));
                    Kept { metric, id, resource, measure }
                }));
            }
        }
        all
    }
}

/// A resource's words by the instant from which they held, in microseconds.
type Revisions<'a> = BTreeMap<i64, &'a RawValue>;

/// What a resource was when it was measured; the first that is known of it before that.
fn at_the_time<'a>(revisions: &Revisions<'a>, measure: Measure<'_>) -> Option<&'a RawValue> {
    let at = date::micros(measure.0).unwrap_or(i64::MAX);
    let found = revisions.range(..=at).next_back().or_else(|| revisions.iter().next());
    found.map(|(_, raw)| *raw)
}

/// The revisions of those resources that have any, and the others as they are.
pub(super) fn revisions_of(
    history: &[Box<RawValue>],
    rows: Vec<Box<RawValue>>,
) -> Vec<Box<RawValue>> {
    let id_of = |row: &RawValue| json::text(&json::read(row), "id");
    let wanted: BTreeSet<Option<String>> = rows.iter().map(|row| id_of(row)).collect();
    let mut known: Vec<Box<RawValue>> =
        history.iter().filter(|row| wanted.contains(&id_of(row))).cloned().collect();
    let told: BTreeSet<Option<String>> = known.iter().map(|row| id_of(row)).collect();
    known.extend(rows.into_iter().filter(|row| !told.contains(&id_of(row))));
    known
}

/// An answer whose resources are told by their revisions, where these are known.
pub(super) fn with_revisions(body: &[u8], history: &[Box<RawValue>]) -> Result<Vec<u8>, String> {
    let read: Answered = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let references = revisions_of(history, read.references);
    let body = Answered { measures: read.measures, references };
    serde_json::to_vec(&body).map_err(|error| error.to_string())
}

/// An answer, whose measures stay in their own bytes.
#[derive(Deserialize, Serialize)]
struct Answered {
    measures: Box<RawValue>,
    references: Vec<Box<RawValue>>,
}

/// One body of the measures that came apart, in the words that they came in; what has none is left
/// out.
pub(super) fn together<'r>(
    metric: &str,
    read: impl Iterator<Item = (&'r str, Option<Vec<u8>>)>,
    resources: &[Box<RawValue>],
) -> Result<Vec<u8>, String> {
    let mut measures = BTreeMap::new();
    for (resource, body) in read {
        let Some(body) = body else { continue };
        let list: Box<RawValue> =
            serde_json::from_slice(&body).map_err(|error| format!("{resource}: {error}"))?;
        let by_aggregation = BTreeMap::from([("mean", list)]);
        measures.insert(resource, BTreeMap::from([(metric, by_aggregation)]));
    }
    let all = Together { measures, references: resources };
    serde_json::to_vec(&all).map_err(|error| error.to_string())
}

#[derive(Serialize)]
struct Together<'a> {
    measures: BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<&'a str, Box<RawValue>>>>,
    references: &'a [Box<RawValue>],
}

struct Kept<'a> {
    metric: &'static Metric,
    id: &'a str,
    resource: Option<&'a RawValue>,
    measure: Measure<'a>,
}

/// The measures of the shortest buckets, none where those are longer than an hour.
fn finest<'a>(measures: &[Measure<'a>]) -> Vec<Measure<'a>> {
    let seconds = |one: &Measure<'_>| decimal(one.1.get());
    let shortest = measures.iter().filter_map(seconds).min();
    if shortest.as_ref().is_some_and(|seconds| *seconds > Exact::int(HOUR_SECONDS.into())) {
        return Vec::new();
    }
    measures.iter().filter(|one| seconds(one) == shortest).copied().collect()
}

/// The length of a measure's bucket in whole seconds.
fn bucket_seconds(measure: Measure<'_>) -> Option<String> {
    decimal(measure.1.get())?.ceil().map(|seconds| seconds.to_string())
}

/// Reads a page: one record for each reading that is kept.
pub fn parse(source: &SourceName, page: &RawPage) -> Answer<Vec<ParsedRecord>> {
    let body = Body::read(&page.body).map_err(|detail| OrchestratorError::Malformed {
        source_name: source.0.clone(),
        request: page.request.clone(),
        detail,
    })?;
    let read = |(index, kept): (usize, &Kept<'_>)| {
        let row = kept.resource.map_or(Value::Null, json::read);
        let owner =
            json::text(&row, "project_id").map(|id| OwnerRef { source: source.clone(), id });
        let outcome = record(kept, &row, owner.clone()).map_err(|reason| RejectedRecord {
            owner,
            meter: kept.metric.meter.to_owned(),
            span: instant(kept),
            reason,
        });
        plain_record(ParsedRecord { index, additive: false, disguise: None, outcome })
    };
    Ok(body.kept().iter().enumerate().map(read).collect())
}

fn instant(kept: &Kept<'_>) -> Option<Span> {
    let at = date::seconds(kept.measure.0)?;
    Some(Span::new(at, at))
}

fn record(kept: &Kept<'_>, row: &Value, owner: Option<OwnerRef>) -> Result<UsageRecord, String> {
    let name = kept.metric.name;
    let (at, _, value) = kept.measure;
    let owner = owner.ok_or_else(|| format!("resource {}: project_id is missing", kept.id))?;
    let span = instant(kept).ok_or_else(|| format!("{name}: {at:?} is no instant"))?;
    let mut attributes = Attributes::new();
    let shown = json::text(row, "name").or_else(|| json::text(row, "display_name"));
    let fields = [
        (attribute::NAME, shown),
        (attribute::MACHINE, json::text(row, "instance_id")),
        (attribute::OFFERING, json::text(row, "flavor_id")),
        (attribute::OFFERING_NAME, json::text(row, "flavor_name")),
        (attribute::BUCKET_SECONDS, bucket_seconds(kept.measure)),
    ];
    attributes.extend(fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    let resource = json::text(row, "original_resource_id").unwrap_or_else(|| kept.id.to_owned());
    let reading = Reading { metric: kept.metric, owner, resource, at: span.from, attributes };
    reading.record(value.get(), at, kept.id)
}

/// The resource and the measure behind a record, as they came.
pub fn raw_row(page: &RawPage, index: usize) -> Option<String> {
    let body = Body::read(&page.body).ok()?;
    let kept = body.kept().into_iter().nth(index)?;
    let resource = kept.resource.map_or("null", RawValue::get);
    let (at, seconds, value) = kept.measure;
    Some(format!(
        "{{\"metric\":\"{}\",\"measure\":[\"{at}\",{seconds},{value}],\"resource\":{resource}}}",
        kept.metric.name
    ))
}
