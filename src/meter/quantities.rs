//! From usage records to quantities that no boundary cuts. PURE.

use std::sync::Arc;

use super::{Facts, Metered};
use crate::collect::record::StoredRecord;
use crate::period::Span;

/// What metering reads.
pub struct MeteringInput<'a> {
    /// Records that touch `span`, of one or more customers, one per key (the newest revision).
    pub records: &'a [StoredRecord],
    /// Facts of each record, same positions; a record whose facts change inside its span is
    /// given by the facts at its start.
    pub facts: &'a [Arc<Facts>],
    /// The period: what lies outside is cut off.
    pub span: Span,
    /// Instants inside the period at which quantities are cut. Ascending.
    pub boundaries: &'a [i64],
}

/// What metering gives.
#[derive(Debug, Default)]
pub struct Metering {
    /// Ascending by span start, then resource, then meter.
    pub metered: Vec<Metered>,
    /// Windows in which a machine ran longer than it was allocated: `(record, hours over)`.
    pub running_beyond_allocated: Vec<(usize, crate::money::Exact)>,
}

/// Cuts records at boundaries, derives stopped time, and reads counters and gauges.
pub fn quantities(input: &MeteringInput<'_>) -> Metering {
    let _ = input;
    todo!()
}
