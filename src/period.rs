//! Spans of time: half-open, in whole UTC seconds; billing periods in a customer's time zone.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// `[from, until)` in unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    pub from: i64,
    pub until: i64,
}

impl Span {
    /// A span; one that ends before it starts is empty at its start.
    pub fn new(from: i64, until: i64) -> Self {
        Self { from, until: until.max(from) }
    }

    pub fn seconds(self) -> i64 {
        self.until - self.from
    }

    pub fn is_empty(self) -> bool {
        self.until <= self.from
    }

    pub fn contains(self, at: i64) -> bool {
        self.from <= at && at < self.until
    }

    /// The common part; empty when there is none.
    pub fn intersect(self, other: Self) -> Self {
        Self::new(self.from.max(other.from), self.until.min(other.until))
    }

    pub fn overlaps(self, other: Self) -> bool {
        !self.intersect(other).is_empty()
    }
}

/// The label of a billing period: the year and month in which it begins, `2026-10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeriodLabel {
    pub year: i16,
    pub month: i8,
}

/// A wrong label, anchor or zone.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PeriodError {
    #[error("{0:?} is not a billing period; write year and month such as 2026-10")]
    Label(String),
    #[error("anchor day {0} is not between 1 and 31")]
    Anchor(i8),
    #[error("{0:?} is not a time zone of the IANA database such as Europe/Berlin")]
    Zone(String),
    #[error("period {0} lies outside the calendar")]
    OutOfRange(String),
}

impl PeriodLabel {
    /// The month after.
    pub fn next(self) -> Self {
        self.plus_months(1)
    }

    /// The month before.
    pub fn previous(self) -> Self {
        self.plus_months(-1)
    }

    /// `months` later, or earlier when negative.
    pub fn plus_months(self, months: i32) -> Self {
        let index = i32::from(self.year) * 12 + i32::from(self.month) - 1 + months;
        let year = i16::try_from(index.div_euclid(12)).unwrap_or(i16::MAX);
        let month = i8::try_from(index.rem_euclid(12) + 1).unwrap_or(1);
        Self { year, month }
    }
}

impl fmt::Display for PeriodLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for PeriodLabel {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || PeriodError::Label(text.to_owned());
        let (year, month) = text.split_once('-').ok_or_else(refuse)?;
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if year.len() != 4 || month.len() != 2 || !digits(year) || !digits(month) {
            return Err(refuse());
        }
        let year = year.parse().map_err(|_| refuse())?;
        let month: i8 = month.parse().map_err(|_| refuse())?;
        if !(1..=12).contains(&month) || !(1970..=9000).contains(&year) {
            return Err(refuse());
        }
        Ok(Self { year, month })
    }
}

impl Serialize for PeriodLabel {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PeriodLabel {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A billing period of a customer: local midnights of the zone, from the anchor day of the
/// label's month to the anchor day of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    pub label: PeriodLabel,
    pub span: Span,
}

/// Time zone and anchor day from which a customer's periods follow.
#[derive(Clone, Debug, PartialEq)]
pub struct BillingCycle {
    zone: TimeZone,
    zone_name: String,
    anchor_day: i8,
}

impl BillingCycle {
    /// A cycle in an IANA zone; the anchor day 31 means the last day in shorter months.
    pub fn new(zone_name: &str, anchor_day: i8) -> Result<Self, PeriodError> {
        if !(1..=31).contains(&anchor_day) {
            return Err(PeriodError::Anchor(anchor_day));
        }
        let zone = zone_of(zone_name)?;
        Ok(Self { zone, zone_name: zone_name.to_owned(), anchor_day })
    }

    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub fn anchor_day(&self) -> i8 {
        self.anchor_day
    }

    /// The period with a label.
    pub fn period(&self, label: PeriodLabel) -> Result<Period, PeriodError> {
        let from = self.boundary(label)?;
        let until = self.boundary(label.next())?;
        Ok(Period { label, span: Span::new(from, until) })
    }

    /// The period that holds an instant (unix seconds).
    pub fn period_at(&self, at: i64) -> Result<Period, PeriodError> {
        let outside = || PeriodError::OutOfRange(at.to_string());
        let instant = Timestamp::from_second(at).map_err(|_| outside())?;
        let local = instant.to_zoned(self.zone.clone()).date();
        let label = PeriodLabel { year: local.year(), month: local.month() };
        for candidate in [label.previous(), label, label.next()] {
            let period = self.period(candidate)?;
            if period.span.contains(at) {
                return Ok(period);
            }
        }
        Err(outside())
    }

    fn boundary(&self, label: PeriodLabel) -> Result<i64, PeriodError> {
        let first = date(label.year, label.month, 1);
        let day = self.anchor_day.min(first.days_in_month());
        let outside = || PeriodError::OutOfRange(label.to_string());
        let day = Date::new(label.year, label.month, day).map_err(|_| outside())?;
        midnight(day, &self.zone).ok_or_else(outside)
    }
}

/// A zone of the IANA database by name.
pub fn zone_of(name: &str) -> Result<TimeZone, PeriodError> {
    TimeZone::get(name).map_err(|_| PeriodError::Zone(name.to_owned()))
}

/// Local midnight of a day (or the first instant after it where a clock change skips midnight).
pub fn midnight(day: Date, zone: &TimeZone) -> Option<i64> {
    day.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp().as_second())
}

/// The local date of an instant.
pub fn local_date(at: i64, zone: &TimeZone) -> Option<Date> {
    Some(Timestamp::from_second(at).ok()?.to_zoned(zone.clone()).date())
}

/// The local date `days` after the one of an instant.
pub fn local_date_plus(at: i64, zone: &TimeZone, days: i64) -> Option<Date> {
    local_date(at, zone)?.checked_add(days.days()).ok()
}
