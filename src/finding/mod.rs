//! Doubts about records and gaps: rules (PURE), states and decisions.

pub mod decision;
pub mod store;
pub mod subject;

use serde::{Deserialize, Serialize};

use crate::ids::{FindingId, OwnerRef};
use crate::period::Span;

/// The state of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// Mended by a named rule; holds nobody.
    Repaired,
    /// Holds the invoices of the customers it touches.
    Open,
    /// The record (or the proposal) counts.
    Released,
    /// The record does not count, or the gap is accepted.
    Rejected,
}

/// A doubt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    pub id: FindingId,
    /// Name of the rule: `longer_than_window`, `fragment`, `unpriced`, …
    pub rule: String,
    pub owner: OwnerRef,
    pub meter: String,
    pub resource: String,
    pub span: Span,
    /// Key of the record in doubt as JSON.
    pub record_key: Option<String>,
    pub state: FindingState,
    pub message: String,
    /// Quantities and other facts, for people and programs.
    pub detail: serde_json::Value,
    pub recorded_at: i64,
}

/// Findings that say the same of the same resource, as a gap of many days.
#[derive(Clone, Copy, Debug)]
pub struct Repeated<'a> {
    /// The earliest of them.
    pub first: &'a Finding,
    pub count: usize,
    /// From the earliest one's begin to the last one's end.
    pub span: Span,
}

impl Repeated<'_> {
    /// One line for people; `name` is the resource's, where it is known.
    pub fn text(&self, name: Option<&str>) -> String {
        let Finding { rule, resource, message, .. } = self.first;
        let subject = match name.filter(|name| !name.is_empty()) {
            Some(name) if message.contains(name) => String::new(),
            Some(name) => format!("{name}: "),
            None if resource.is_empty() || message.contains(resource.as_str()) => String::new(),
            None => format!("{resource}: "),
        };
        match self.count {
            1 => format!("{rule}: {subject}{message}"),
            count => {
                let (from, until) = (day(self.span.from), day(self.span.until - 1));
                format!("{rule}: {subject}{message} ({count} times, {from} to {until})")
            }
        }
    }
}

fn day(at: i64) -> String {
    let at = jiff::Timestamp::from_second(at).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

/// Findings told once for each rule, resource and text, in the order of their first.
pub fn repeated(findings: &[Finding]) -> Vec<Repeated<'_>> {
    let mut told: Vec<Repeated<'_>> = Vec::new();
    for finding in findings {
        let same = |other: &&mut Repeated<'_>| {
            let other = other.first;
            (&other.rule, &other.owner, &other.meter, &other.resource, &other.message)
                == (
                    &finding.rule,
                    &finding.owner,
                    &finding.meter,
                    &finding.resource,
                    &finding.message,
                )
        };
        match told.iter_mut().find(same) {
            Some(known) => {
                known.count += 1;
                known.span.from = known.span.from.min(finding.span.from);
                known.span.until = known.span.until.max(finding.span.until);
            }
            None => told.push(Repeated { first: finding, count: 1, span: finding.span }),
        }
    }
    told
}
