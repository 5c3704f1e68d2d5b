//! Which meter counts a resource of a kind in a state, and the records of its intervals. PURE.
//!
//! The meters are the same for every orchestrator, so that one price book serves all clouds.

use crate::collect::observation::{ResourceKind, ResourceState};
use crate::collect::observe::interval::Interval;
use crate::collect::record::{Attributes, OBSERVED, RecordKind, UsageRecord};
use crate::ids::OwnerRef;
use crate::meter::kind::{self, VM_RUNNING, VM_STOPPED, VOLUME};
use crate::money::Exact;
use crate::period::Span;

/// The meter of a kind in a state; `None` where nothing is used. What is being made does not serve
/// yet, what is broken does not serve, and what is deleted may at most be restored: they are free.
pub fn meter(resource: ResourceKind, state: ResourceState) -> Option<&'static str> {
    match state {
        ResourceState::Building
        | ResourceState::Error
        | ResourceState::SoftDeleted
        | ResourceState::Gone => None,
        // A rescued machine runs another system on the same CPUs.
        ResourceState::Running | ResourceState::Rescued => Some(VM_RUNNING),
        ResourceState::Stopped => Some(VM_STOPPED),
        ResourceState::Paused => Some(kind::VM_PAUSED),
        ResourceState::Suspended => Some(kind::VM_SUSPENDED),
        ResourceState::Shelved => Some(kind::VM_SHELVED),
        ResourceState::ShelvedOffloaded => Some(kind::VM_SHELVED_OFFLOADED),
        ResourceState::Present => present(resource),
    }
}

fn present(resource: ResourceKind) -> Option<&'static str> {
    match resource {
        // A machine is never just there; see `ResourceState::fits`.
        ResourceKind::Machine => None,
        ResourceKind::Volume => Some(VOLUME),
        ResourceKind::Snapshot => Some("snapshot"),
        ResourceKind::Backup => Some("backup"),
        ResourceKind::Image => Some("template"),
        ResourceKind::Address => Some("ip_address"),
        ResourceKind::Router => Some(kind::ROUTER),
        ResourceKind::Network => Some("network"),
        ResourceKind::Port => Some("network_interface"),
        ResourceKind::LoadBalancer => Some("load_balancer"),
        ResourceKind::Share => Some(kind::SHARE),
        ResourceKind::ObjectStorage => Some(kind::OBJECT_STORAGE),
    }
}

/// The kinds that a meter may count.
pub fn kinds_of(meter_code: &str) -> Vec<ResourceKind> {
    let counts = |resource: &ResourceKind| {
        ResourceState::ALL
            .iter()
            .any(|state| state.fits(*resource) && meter(*resource, *state) == Some(meter_code))
    };
    ResourceKind::ALL.into_iter().filter(counts).collect()
}

/// A record of an interval, with the page and position of the observation that opened it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub record: UsageRecord,
    pub evidence: i64,
    pub evidence_index: i64,
}

/// The records of a resource inside a window: cut to whole seconds, so that neighbours neither
/// overlap nor leave a hole. An interval that goes on is counted to the window's end.
pub fn records(
    resource: (ResourceKind, &str),
    intervals: &[Interval],
    window: Span,
) -> Vec<Counted> {
    let mut counted: Vec<Counted> = Vec::new();
    for interval in intervals {
        let Some(code) = meter(resource.0, interval.state) else { continue };
        let until = interval.until_micros.map_or(window.until, second);
        let span = Span::new(second(interval.from_micros), until).intersect(window);
        if span.is_empty() {
            continue;
        }
        if let Some(Counted { record, .. }) = counted.last_mut()
            && continues(record, code, interval, span)
        {
            record.span.until = span.until;
            record.quantity = hours(record.span);
            continue;
        }
        counted.push(Counted {
            record: record(resource.1, code, interval, span),
            evidence: interval.evidence,
            evidence_index: interval.evidence_index,
        });
    }
    counted
}

/// Whether an interval only goes on with what the record before it counts.
fn continues(record: &UsageRecord, code: &str, interval: &Interval, span: Span) -> bool {
    record.span.until == span.from
        && record.meter == code
        && record.owner == interval.owner
        && record.attributes == interval.attributes
}

fn record(resource: &str, code: &str, interval: &Interval, span: Span) -> UsageRecord {
    let owner: OwnerRef = interval.owner.clone();
    let attributes: Attributes = interval.attributes.clone();
    UsageRecord {
        owner,
        meter: code.to_owned(),
        resource: resource.to_owned(),
        kind: RecordKind::Interval,
        span,
        quantity: hours(span),
        attributes,
        identity: OBSERVED.to_owned(),
    }
}

/// Whole seconds, cut.
fn second(micros: i64) -> i64 {
    micros.div_euclid(1_000_000)
}

fn hours(span: Span) -> Exact {
    Exact::ratio(i128::from(span.seconds()), 3_600).reduced()
}
