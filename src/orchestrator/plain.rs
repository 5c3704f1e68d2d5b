//! Texts that every database keeps. PURE.
//!
//! PostgreSQL refuses the character NUL in a text (manual, "Character Types"). No cloud means it;
//! where one tells it all the same, U+FFFD takes its place, so that one odd name stops nothing.
//! The evidence keeps the words as they came.

use super::{ParsedRecord, RejectedRecord};
use crate::collect::observation::Observation;
use crate::collect::record::{Attributes, UsageRecord};
use crate::ids::OwnerRef;

/// The text, with U+FFFD for each NUL.
pub fn plain(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

fn plain_owner(owner: OwnerRef) -> OwnerRef {
    OwnerRef { id: plain(owner.id), ..owner }
}

fn plain_attributes(attributes: Attributes) -> Attributes {
    let odd = |(key, value): (&String, &String)| key.contains('\0') || value.contains('\0');
    if !attributes.iter().any(odd) {
        return attributes;
    }
    attributes.into_iter().map(|(key, value)| (plain(key), plain(value))).collect()
}

/// The same of a record.
pub fn plain_record(parsed: ParsedRecord) -> ParsedRecord {
    let outcome = parsed.outcome.map_err(plain_rejected).map(|record| UsageRecord {
        owner: plain_owner(record.owner),
        meter: plain(record.meter),
        resource: plain(record.resource),
        attributes: plain_attributes(record.attributes),
        ..record
    });
    ParsedRecord { disguise: parsed.disguise.map(plain), outcome, ..parsed }
}

/// The same of an observation.
pub fn plain_observation(observation: Observation) -> Observation {
    Observation {
        owner: plain_owner(observation.owner),
        resource: plain(observation.resource),
        attributes: plain_attributes(observation.attributes),
        ..observation
    }
}

/// The same of what could not be read.
pub fn plain_rejected(rejected: RejectedRecord) -> RejectedRecord {
    RejectedRecord {
        owner: rejected.owner.map(plain_owner),
        meter: plain(rejected.meter),
        reason: plain(rejected.reason),
        ..rejected
    }
}
