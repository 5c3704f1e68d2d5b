//! Readings of counters become amounts, through resets and wraps. PURE.

use crate::collect::record::{StoredRecord, attribute};
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

/// Seconds between the polls of a collector, unless it was set up otherwise: the mean of a bucket
/// that is no longer is one poll's value.
const POLL_SECONDS: i64 = 300;

/// Steps of one counter. `readings` are positions of records of one resource and meter, by
/// time; of readings at one instant the first counts. The first reading is the baseline. The mean
/// of a long bucket in which the counter fell mixes what it had with what it has since: it is left
/// out, and the next reading tells what arose from zero on.
pub(super) fn steps<'f>(
    readings: &[usize],
    records: &[StoredRecord],
    facts_of: impl Fn(usize) -> &'f Facts,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut before: Option<usize> = None;
    let mut left_out = false;
    for position in readings.iter().copied() {
        let now = &records[position];
        if let Some(before) = before {
            let earlier = &records[before];
            if earlier.until == now.until {
                continue;
            }
            let facts = facts_of(position);
            if now.quantity < earlier.quantity && is_mixed(facts) && !left_out {
                left_out = true;
                continue;
            }
            left_out = false;
            let amount = step(&earlier.quantity, &now.quantity, bits(facts));
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

/// Whether a reading is the mean of several polls.
fn is_mixed(facts: &Facts) -> bool {
    let seconds = facts.attributes.get(attribute::BUCKET_SECONDS);
    seconds.and_then(|text| text.parse::<i64>().ok()).is_some_and(|seconds| seconds > POLL_SECONDS)
}

/// The counter's width, when it is told and makes sense.
fn bits(facts: &Facts) -> Option<u32> {
    let text = facts.attributes.get(COUNTER_BITS)?;
    text.parse().ok().filter(|bits| (1..=96).contains(bits))
}
