//! Goal: readings of unlike buckets never make a reset of what is none. Method: a table of what is
//! stored and what comes, on both sides of each boundary.

use std::collections::BTreeMap;

use billow::collect::decide::{Known, Row, decide};
use billow::collect::inventory::Inventory;
use billow::collect::record::{Attributes, RecordKind, StoredRecord, UsageRecord, attribute};
use billow::ids::{OwnerRef, SourceName};
use billow::money::Exact;
use billow::orchestrator::ParsedRecord;
use billow::period::Span;

const HOUR: Span = Span { from: 0, until: 3_600 };

/// A reading at an instant, of a bucket of that many seconds where it tells them.
#[derive(Clone, Copy, Debug)]
struct Reading(i64, Option<i64>);

fn row(Reading(at, bucket): Reading, resource: &str) -> Row {
    let mut attributes = Attributes::new();
    let length = bucket.map(|seconds| (attribute::BUCKET_SECONDS.to_owned(), seconds.to_string()));
    attributes.extend(length);
    let record = UsageRecord {
        owner: OwnerRef { source: SourceName("os1".to_owned()), id: "p".to_owned() },
        meter: "network_sent".to_owned(),
        resource: resource.to_owned(),
        kind: RecordKind::Cumulative,
        span: Span::new(at, at),
        quantity: Exact::ONE,
        attributes,
        identity: "counter".to_owned(),
    };
    let parsed = ParsedRecord { index: 0, additive: false, disguise: None, outcome: Ok(record) };
    Row { parsed, evidence: 1 }
}

fn taken(stored: (&[StoredRecord], &BTreeMap<i64, Attributes>), rows: &[Row]) -> Vec<StoredRecord> {
    let known = Known {
        source: &SourceName("os1".to_owned()),
        window: HOUR,
        records: stored.0,
        superseded: &[],
        attributes: stored.1,
        disguises: &BTreeMap::new(),
        inventory: &Inventory::default(),
        now: 9_000,
    };
    let decided = decide(&known, rows);
    assert!(decided.findings.is_empty(), "{:?}", decided.findings);
    assert_eq!(
        decided.records.len() + usize::try_from(decided.duplicates).expect("few"),
        rows.len()
    );
    decided.records
}

fn is_taken(first: Reading, then: Reading, of: &str) -> bool {
    let stored = taken((&[], &BTreeMap::new()), &[row(first, "tap")]);
    let attributes = row(first, "tap").parsed.outcome.expect("a record").attributes;
    let sets = BTreeMap::from([(stored[0].attribute_set, attributes)]);
    !taken((&stored, &sets), &[row(then, of)]).is_empty()
}

#[test]
fn in_the_time_of_one_bucket_no_other_of_another_length_is_taken() {
    let (minute, hour) = (Some(60), Some(3_600));
    for (first, then, expected) in [
        // The mean of an hour of which a minute was received, and the other way round.
        (Reading(120, minute), Reading(0, hour), false),
        (Reading(0, hour), Reading(120, minute), false),
        (Reading(0, minute), Reading(0, hour), false),
        (Reading(3_540, minute), Reading(0, hour), false),
        // Beside it.
        (Reading(3_600, minute), Reading(0, hour), true),
        (Reading(0, hour), Reading(3_600, minute), true),
        (Reading(-60, minute), Reading(0, hour), true),
        // Late measures of equal buckets.
        (Reading(0, minute), Reading(60, minute), true),
        (Reading(0, minute), Reading(30, minute), true),
        // What tells no bucket is an instant.
        (Reading(120, None), Reading(0, hour), true),
        (Reading(0, hour), Reading(120, None), true),
    ] {
        assert_eq!(is_taken(first, then, "tap"), expected, "{first:?}, then {then:?}");
        assert!(is_taken(first, then, "another"), "{first:?}, then {then:?} of another counter");
    }
}

#[test]
fn another_store_of_the_same_counter_is_no_other_counter() {
    // A sample that is scraped inside a bucket that was received, and one after it.
    for (at, expected) in [(30, 0), (299, 0), (300, 1)] {
        let stored = taken((&[], &BTreeMap::new()), &[row(Reading(0, Some(300)), "tap")]);
        let first = row(Reading(0, Some(300)), "tap").parsed.outcome.expect("a record");
        let sets = BTreeMap::from([(stored[0].attribute_set, first.attributes)]);
        let mut other = row(Reading(at, Some(1)), "tap");
        let record = other.parsed.outcome.as_mut().expect("a record");
        record.identity = "of the other store".to_owned();
        assert_eq!(taken((&stored, &sets), &[other]).len(), expected, "at {at}");
    }
}
