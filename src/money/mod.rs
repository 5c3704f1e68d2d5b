//! Money and exact amounts.
//!
//! Invariants: no floats; an exact value is divided once and rounded once, in [`round`]; amounts of
//! different currencies never meet; parts made by [`allocate`] sum to the whole.

pub mod allocate;
pub mod amount;
pub mod currency;
mod money_value;
pub mod round;

pub use amount::Exact;
pub use currency::Currency;
pub use money_value::{Money, MoneyError};
pub use round::RoundingMode;
