//! Readings of counters become amounts, through resets and wraps. PURE.

use crate::collect::record::StoredRecord;
use crate::meter::Facts;
use crate::money::Exact;
use crate::period::Span;

/// Attribute with the width of a counter in bits; without it a counter never wraps, it resets.
pub const COUNTER_BITS: &str = "counter_bits";

/// What arose between two readings.
pub(super) struct Step {
    /// Position of the later reading.
    pub record: usize,
    pub span: Span,
    pub amount: Exact,
}

/// Steps of one counter. `readings` are positions of records of one resource and meter, by
/// time; of readings at one instant the first counts. The first reading is the baseline.
pub(super) fn steps(
    readings: &[usize],
    records: &[StoredRecord],
    bits_of: impl Fn(usize) -> Option<u32>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut before: Option<usize> = None;
    for position in readings.iter().copied() {
        let now = &records[position];
        if let Some(before) = before {
            let earlier = &records[before];
            if earlier.until == now.until {
                continue;
            }
            let amount = step(&earlier.quantity, &now.quantity, bits_of(position));
            let span = Span::new(earlier.until, now.until);
            steps.push(Step { record: position, span, amount });
        }
        before = Some(position);
    }
    steps
}

fn step(before: &Exact, now: &Exact, bits: Option<u32>) -> Exact {
    let difference = now.minus(before);
    if !difference.is_negative() {
        return difference;
    }
    match bits {
        Some(bits) => {
            let full = Exact::int(1_i128 << bits);
            let nearly_full = before.mul_int(10) > full.mul_int(9);
            if nearly_full { full.plus(&difference) } else { now.clone() }
        }
        None => now.clone(),
    }
}

/// The counter's width, when it is told and makes sense.
pub(super) fn bits(facts: &Facts) -> Option<u32> {
    let text = facts.attributes.get(COUNTER_BITS)?;
    text.parse().ok().filter(|bits| (1..=96).contains(bits))
}
