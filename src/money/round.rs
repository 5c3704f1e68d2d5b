//! The one place where an exact amount becomes whole units.

use serde::{Deserialize, Serialize};

use super::amount::Exact;

/// How a tie is rounded. One mode per seller, stored on the invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum RoundingMode {
    /// 0.125 → 0.13, −0.125 → −0.13.
    #[default]
    HalfAwayFromZero,
    /// 0.125 → 0.12, 0.135 → 0.14, −0.125 → −0.12 (banker's rounding).
    HalfEven,
}

/// Rounds `exact` to `digits` decimals and gives the whole number of units of the last digit;
/// `None` when that number does not fit 64 bits.
pub fn round_units(exact: &Exact, digits: u8, mode: RoundingMode) -> Option<i64> {
    let scaled = exact.mul_int(10_i128.pow(u32::from(digits)));
    let (floor, twice_rest_cmp_one) = scaled.floor_and_half();
    use std::cmp::Ordering::{Equal, Greater, Less};
    let up = match twice_rest_cmp_one {
        Less => false,
        Greater => true,
        Equal => match mode {
            RoundingMode::HalfAwayFromZero => !exact.is_negative(),
            RoundingMode::HalfEven => floor.is_odd(),
        },
    };
    floor.plus(up).to_i64()
}
