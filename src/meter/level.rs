//! Levels that were told for an instant hold until the next one. PURE.

use crate::collect::record::{RecordKind, StoredRecord};
use crate::ids::OwnerRef;
use crate::period::Span;

/// What levels follow each other in: owner, meter and resource.
type Series<'a> = (&'a OwnerRef, &'a str, &'a str);

fn series_of(record: &StoredRecord) -> Series<'_> {
    (&record.key.owner, &record.key.meter, &record.key.resource)
}

/// Whether a record is a level without an end of its own.
pub(super) fn is_open(record: &StoredRecord) -> bool {
    record.kind == RecordKind::Gauge && record.key.from == record.until
}

/// Positions of open levels with the spans in which they hold. `gauges` are positions of all
/// records of levels; each of them ends the one before. Of levels told for one instant the one
/// that came last holds; the last of a series holds until `end`.
pub(super) fn held(gauges: &[usize], records: &[StoredRecord], end: i64) -> Vec<(usize, Span)> {
    let mut order = gauges.to_vec();
    order.sort_by(|a, b| {
        let (a, b) = (&records[*a], &records[*b]);
        // Open levels first, so that one with an end of its own at the same instant replaces them.
        let by_time = || a.key.from.cmp(&b.key.from).then(is_open(b).cmp(&is_open(a)));
        let came = || a.came_at().cmp(&b.came_at()).then_with(|| a.key.cmp(&b.key));
        series_of(a).cmp(&series_of(b)).then_with(by_time).then_with(came)
    });
    let mut spans = Vec::new();
    for (place, position) in order.iter().enumerate() {
        let record = &records[*position];
        if !is_open(record) {
            continue;
        }
        let next = order.get(place + 1).map(|next| &records[*next]);
        let next = next.filter(|next| series_of(next) == series_of(record));
        let until = next.map_or(end, |next| next.key.from);
        if until > record.key.from {
            spans.push((*position, Span::new(record.key.from, until)));
        }
    }
    spans
}
