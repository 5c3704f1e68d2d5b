//! `Money`: whole minor units of one currency, as posted or printed.

use serde::{Deserialize, Serialize};

use super::amount::Exact;
use super::currency::Currency;
use super::round::{RoundingMode, round_units};

/// Whole minor units of a currency. Serialized as `{"minor": 1234, "currency": "EUR"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

/// Money arithmetic that has no answer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MoneyError {
    #[error("{left} and {right} cannot be added: convert one of them first")]
    CurrencyMismatch { left: Currency, right: Currency },
    #[error("an amount in {currency} is too large to be posted (over 9.2e18 minor units)")]
    Overflow { currency: Currency },
}

impl Money {
    /// Zero of a currency.
    pub fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Sum of two amounts of one currency.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self
            .minor
            .checked_add(other.minor)
            .ok_or(MoneyError::Overflow { currency: self.currency })?;
        Ok(Self { minor, currency: self.currency })
    }

    /// Difference of two amounts of one currency.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.checked_add(other.negated()?)
    }

    /// The same amount with the other sign.
    pub fn negated(self) -> Result<Self, MoneyError> {
        let minor =
            self.minor.checked_neg().ok_or(MoneyError::Overflow { currency: self.currency })?;
        Ok(Self { minor, currency: self.currency })
    }

    /// Rounds an exact amount of major units (euros, not cents) to minor units, once.
    pub fn round(
        exact: &Exact,
        currency: Currency,
        mode: RoundingMode,
    ) -> Result<Self, MoneyError> {
        let minor = round_units(exact, currency.exponent(), mode)
            .ok_or(MoneyError::Overflow { currency })?;
        Ok(Self { minor, currency })
    }

    /// The amount as an exact number of major units.
    pub fn to_exact(self) -> Exact {
        Exact::ratio(i128::from(self.minor), 10_i128.pow(u32::from(self.currency.exponent())))
    }

    /// Plain decimal text in major units with all digits of the currency: `1234.50`, `-0.05`.
    pub fn to_decimal_text(self) -> String {
        let digits = usize::from(self.currency.exponent());
        let sign = if self.minor < 0 { "-" } else { "" };
        let all = format!("{:0width$}", self.minor.unsigned_abs(), width = digits + 1);
        let (major, minor) = all.split_at(all.len() - digits);
        if digits == 0 { format!("{sign}{major}") } else { format!("{sign}{major}.{minor}") }
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
        }
    }
}
