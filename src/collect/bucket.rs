//! Readings of one counter from buckets of unlike lengths. PURE.
//!
//! Where a source keeps means of buckets, it keeps short ones for a while and long ones for years;
//! another store of the same counters keeps each sample.
//! The mean of a long bucket stands at its beginning and tells what was counted later, so that the
//! readings of short ones inside it would lie below it: a fall, which is a reset, which bills the
//! whole counter anew. So in the time of one bucket no other of another length is taken: what was
//! received first stays, and what the other would tell the next reading holds.

use std::collections::BTreeMap;

use super::decide::Known;
use super::record::{Attributes, RecordKind, UsageRecord, attribute};
use crate::ids::OwnerRef;

/// Owner, meter, resource: what is metered as one counter, wherever its readings were kept.
type Counter<'a> = (&'a OwnerRef, &'a str, &'a str);

/// The buckets that are stored: their lengths by their beginnings.
pub(super) struct Buckets<'a> {
    stored: BTreeMap<Counter<'a>, BTreeMap<i64, i64>>,
    longest: i64,
}

impl<'a> Buckets<'a> {
    pub fn new(known: &Known<'a>) -> Self {
        let mut all = Self { stored: BTreeMap::new(), longest: 0 };
        for record in known.records.iter().filter(|one| one.kind == RecordKind::Cumulative) {
            let attributes = known.attributes.get(&record.attribute_set);
            let Some(seconds) = attributes.and_then(seconds_of) else { continue };
            let key = &record.key;
            let counter: Counter<'_> = (&key.owner, &key.meter, &key.resource);
            all.stored.entry(counter).or_default().insert(key.from, seconds);
            all.longest = all.longest.max(seconds);
        }
        all
    }

    /// Whether a stored bucket of another length has some of a reading's time.
    pub fn cross(&self, record: &UsageRecord) -> bool {
        if record.kind != RecordKind::Cumulative {
            return false;
        }
        let Some(seconds) = seconds_of(&record.attributes) else { return false };
        let counter: Counter<'_> = (&record.owner, &record.meter, &record.resource);
        let Some(stored) = self.stored.get(&counter) else { return false };
        let from = record.span.from;
        let near = stored.range(from.saturating_sub(self.longest)..from.saturating_add(seconds));
        near.into_iter().any(|(at, length)| *length != seconds && at.saturating_add(*length) > from)
    }
}

fn seconds_of(attributes: &Attributes) -> Option<i64> {
    attributes.get(attribute::BUCKET_SECONDS)?.parse().ok().filter(|seconds| *seconds > 0)
}
