//! Readings of counters, however they were kept. PURE.
//!
//! Between two resets a counter only grows: of each hour its first and last readings are kept, and
//! those on both sides of each reset, which give the same increments as all of them.

use sha2::{Digest, Sha256};

use super::HOUR_SECONDS;
use super::metric::Metric;
use crate::collect::record::{Attributes, RecordKind, UsageRecord};
use crate::ids::OwnerRef;
use crate::money::Exact;
use crate::period::Span;

/// Hexadecimal digits of an identity.
const IDENTITY_DIGITS: usize = 32;

/// Positions of the first and the last of each hour, and both sides of each fall; what is no number
/// counts as a turn, so that it is told. `values` come with their unix seconds, ascending.
pub fn turning(values: &[(i64, Option<Exact>)]) -> Vec<usize> {
    let hour = |at: usize| values[at].0.div_euclid(HOUR_SECONDS);
    let goes_on = |at: usize| match (&values[at].1, &values[at + 1].1) {
        (Some(now), Some(next)) => now <= next && hour(at) == hour(at + 1),
        _ => false,
    };
    let last = values.len().saturating_sub(1);
    let is_turn = |at: &usize| *at == 0 || *at == last || !goes_on(*at - 1) || !goes_on(*at);
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
