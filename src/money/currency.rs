//! Currencies of ISO 4217 that have a minor unit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A currency of ISO 4217 with a known exponent; gold and the like are refused when parsed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    inner: iso_currency::Currency,
    exponent: u8,
}

/// The text is not a usable ISO 4217 currency code.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CurrencyError {
    #[error("{0:?} is not a currency code of ISO 4217; write three capital letters such as EUR")]
    Unknown(String),
    #[error("{0} has no minor unit in ISO 4217 and cannot be billed")]
    NoMinorUnit(String),
}

impl Currency {
    /// The three-letter code.
    pub fn code(self) -> &'static str {
        self.inner.code()
    }

    /// Digits of the minor unit: 2 for EUR, 0 for JPY, 3 for KWD.
    pub fn exponent(self) -> u8 {
        self.exponent
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = iso_currency::Currency::from_code(text)
            .ok_or_else(|| CurrencyError::Unknown(text.to_owned()))?;
        let exponent = inner
            .exponent()
            .and_then(|digits| u8::try_from(digits).ok())
            .ok_or_else(|| CurrencyError::NoMinorUnit(text.to_owned()))?;
        Ok(Self { inner, exponent })
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code().cmp(other.code())
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
