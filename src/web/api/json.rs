//! How values look in the API: money in minor units, decimals as text, instants in RFC 3339.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money};
use crate::period::Span;

/// Whole minor units of a currency: `{"minor": 1234, "currency": "EUR"}` is 12.34 euros.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Money)]
pub struct MoneyJson {
    pub minor: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: String,
}

impl MoneyJson {
    /// Minor units of a currency.
    pub fn of(minor: i64, currency: Currency) -> Self {
        Self { minor, currency: currency.code().to_owned() }
    }
}

impl From<Money> for MoneyJson {
    fn from(money: Money) -> Self {
        Self::of(money.minor, money.currency)
    }
}

/// What a list says about itself.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Meta {
    /// Cursor of the next page; absent on the last one.
    pub next: Option<String>,
}

/// Half-open span of time.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Span)]
pub struct SpanJson {
    /// RFC 3339, UTC; the first instant.
    pub from: String,
    /// RFC 3339, UTC; the first instant after; absent while open.
    pub until: Option<String>,
}

impl From<Span> for SpanJson {
    fn from(span: Span) -> Self {
        let until = (span.until < i64::MAX).then(|| instant(span.until));
        Self { from: instant(span.from), until }
    }
}

/// An orchestrator's scope that consumed.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[schema(as = Owner)]
pub struct OwnerJson {
    pub source: String,
    pub id: String,
}

impl From<&crate::ids::OwnerRef> for OwnerJson {
    fn from(owner: &crate::ids::OwnerRef) -> Self {
        Self { source: owner.source.0.clone(), id: owner.id.clone() }
    }
}

/// RFC 3339 in UTC of unix seconds. Instants beyond the calendar show its edge.
pub fn instant(seconds: i64) -> String {
    let edge = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(seconds).unwrap_or(edge).to_string()
}

/// Cuts a list that was read with one row more than asked for; tells whether there was one.
pub fn cut<T>(rows: &mut Vec<T>, limit: u32) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    more
}
