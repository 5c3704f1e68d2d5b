//! Readings of counters, however they were kept. PURE.
//!
//! Between two resets a counter only grows: of an hour its first and last readings are kept, and
//! those on both sides of each reset, which give the same increments as all of them.

use sha2::{Digest, Sha256};

use super::metric::Metric;
use crate::collect::record::{Attributes, RecordKind, UsageRecord};
use crate::ids::OwnerRef;
use crate::money::Exact;
use crate::period::Span;

/// Hexadecimal digits of an identity.
const IDENTITY_DIGITS: usize = 32;

/// Positions of the first, the last, and both sides of each fall; what is no number counts as a
/// turn, so that it is told.
pub fn turning(values: &[Option<Exact>]) -> Vec<usize> {
    let grows = |at: usize| match (&values[at], &values[at + 1]) {
        (Some(now), Some(next)) => now <= next,
        _ => false,
    };
    let last = values.len().saturating_sub(1);
    let is_turn = |at: &usize| *at == 0 || *at == last || !grows(*at - 1) || !grows(*at);
    (0..values.len()).filter(is_turn).collect()
}

/// A number with every digit; also `5.5e+19`.
pub fn decimal(text: &str) -> Option<Exact> {
    let (mantissa, power) = match text.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, power.parse::<i32>().ok()?),
        None => return text.parse().ok(),
    };
    let number: Exact = mantissa.parse().ok()?;
    let scale = 10_i128.checked_pow(power.unsigned_abs())?;
    Some(if power < 0 { number.times(&Exact::ratio(1, scale)) } else { number.mul_int(scale) })
}

/// A counter's reading without its value.
pub struct Reading {
    pub metric: &'static Metric,
    pub owner: OwnerRef,
    pub resource: String,
    /// Unix seconds.
    pub at: i64,
    pub attributes: Attributes,
}

impl Reading {
    /// The record of a value; `shown` is its instant as it was told, `id` what tells the counter
    /// from others of its resource's name.
    pub fn record(self, value: &str, shown: &str, id: &str) -> Result<UsageRecord, String> {
        let Metric { name, meter, divisor, .. } = self.metric;
        let reading =
            decimal(value).ok_or_else(|| format!("{name} at {shown}: {value:?} is no number"))?;
        if reading.is_negative() {
            return Err(format!("{name} at {shown}: {value} is less than nothing"));
        }
        let hash = hex::encode(Sha256::digest(format!("{id}|{name}")));
        Ok(UsageRecord {
            owner: self.owner,
            meter: (*meter).to_owned(),
            resource: self.resource,
            kind: RecordKind::Cumulative,
            span: Span::new(self.at, self.at),
            quantity: reading.times(&Exact::ratio(1, *divisor)).reduced(),
            attributes: self.attributes,
            identity: hash.chars().take(IDENTITY_DIGITS).collect(),
        })
    }
}
