//! Reading stored text and integers into domain types; a bad value is `Corrupt`, never a default.

use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::db::StoreError;

/// Where a value was read, for the error.
#[derive(Clone, Copy)]
pub struct At<'a> {
    pub table: &'static str,
    pub id: &'a str,
    pub column: &'static str,
}

impl At<'_> {
    /// The error for a value that Billow never writes.
    pub fn corrupt(self, value: &str) -> StoreError {
        StoreError::Corrupt {
            table: self.table,
            id: self.id.to_owned(),
            column: self.column,
            value: value.chars().take(200).collect(),
        }
    }

    /// Parses stored text.
    pub fn parse<T: FromStr>(self, text: &str) -> Result<T, StoreError> {
        text.parse().map_err(|_| self.corrupt(text))
    }

    /// Reads stored JSON.
    pub fn json<T: DeserializeOwned>(self, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|error| self.corrupt(&format!("{error} in {text}")))
    }

    /// Reads an exact number: decimal text or a fraction.
    pub fn exact(self, text: &str) -> Result<crate::money::Exact, StoreError> {
        crate::money::amount::parse_stored(text).map_err(|_| self.corrupt(text))
    }
}

/// JSON text of a value that always has one.
///
/// # Panics
/// When a type of ours cannot be written as JSON, which is our mistake.
pub fn to_json<T: Serialize>(value: &T) -> String {
    match serde_json::to_string(value) {
        Ok(text) => text,
        Err(error) => panic!("a stored type must have JSON: {error}"),
    }
}

/// The stored form of an enum that serde writes as a plain text.
pub fn enum_text<T: Serialize>(value: &T) -> String {
    to_json(value).trim_matches('"').to_owned()
}
