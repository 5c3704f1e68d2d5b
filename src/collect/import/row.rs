//! One row of imported usage, whatever way it came: what each column may hold. PURE.

use serde::Serialize;

use super::unit::{base_name, unit_of};
use crate::collect::record::{
    Attributes, IMPORTED, RecordKind, StoredRecord, UsageRecord, attribute,
};
use crate::collect::store::{IMPORT, body_hash};
use crate::ids::{OwnerRef, SourceName};
use crate::meter::meter_of;
use crate::money::Exact;
use crate::period::{Span, midnight};

/// Columns of a file, in the order of the reference page; any order is read.
pub const COLUMNS: [&str; 11] = [
    "source",
    "id",
    "owner",
    "meter",
    "resource",
    "kind",
    "from",
    "until",
    "quantity",
    "unit",
    "attributes",
];

/// Columns that may be left out.
pub(super) const OPTIONAL: [&str; 3] = ["until", "unit", "attributes"];

/// Characters of a name or an id.
const TEXT_MAX: usize = 200;
/// Characters of an attribute's value.
const VALUE_MAX: usize = 1_000;
const ATTRIBUTES_MAX: usize = 32;
const IDENTITY_DIGITS: usize = 32;
/// What stands before a customer's number in the column `owner`.
const CUSTOMER: &str = "customer";
/// Attributes that a row may not set, because the import does.
const RESERVED: [&str; 2] = [attribute::UNIT, attribute::EVENT_SOURCE];

/// One row as its sender wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportRow {
    /// The sending system; with `id` it names the row for ever.
    pub source: String,
    pub id: String,
    /// `SOURCE/ID` or `SOURCE/NAME` of the account or project that consumed, or
    /// `customer/NUMBER`.
    pub owner: String,
    pub meter: String,
    pub resource: String,
    /// `interval`, `delta`, `cumulative` or `gauge`.
    pub kind: String,
    /// RFC 3339, or a day in the customer's time zone.
    pub from: String,
    pub until: String,
    /// Decimal text.
    pub quantity: String,
    pub unit: String,
    /// A JSON object of texts, or nothing.
    pub attributes: String,
}

/// Whose usage it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerName {
    /// An account or project by id or name.
    Owner(OwnerRef),
    /// A customer by number, whatever the orchestrator knows of it.
    Customer(String),
}

/// An instant, or the midnight that begins a day in a time zone that is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Instant(i64),
    Day(jiff::civil::Date),
}

impl When {
    /// Unix seconds; `None` outside the calendar.
    pub fn at(self, zone: &jiff::tz::TimeZone) -> Option<i64> {
        match self {
            Self::Instant(at) => Some(at),
            Self::Day(day) => midnight(day, zone),
        }
    }

    /// Whether it is an instant in some zone.
    fn may_be(self, at: i64) -> bool {
        let found = self.at(&jiff::tz::TimeZone::UTC);
        let near = match self {
            Self::Instant(_) => 0,
            Self::Day(_) => ZONE_SECONDS_MAX,
        };
        found.is_some_and(|found| (found - at).abs() <= near)
    }
}

/// No zone's midnight is further from UTC's.
const ZONE_SECONDS_MAX: i64 = 26 * 3_600;

/// A row that can be understood; whose it is and when it is are to be found out.
#[derive(Clone, Debug)]
pub struct Imported {
    pub row: ImportRow,
    /// Its place for errors, from 1.
    pub line: u64,
    /// Its position among the rows, from 0.
    pub index: usize,
    pub owner: OwnerName,
    pub kind: RecordKind,
    pub from: When,
    pub until: Option<When>,
    /// In the base unit: hours, bytes, requests or pieces.
    pub quantity: Exact,
    pub attributes: Attributes,
}

/// What is wrong with a row: column, what, and how to mend it.
pub type Wrong = Vec<(&'static str, String)>;

/// Checks one row.
pub fn check(row: ImportRow, line: u64, index: usize) -> Result<Imported, Wrong> {
    let mut wrong: Wrong = Vec::new();
    for (column, text) in [("source", &row.source), ("id", &row.id), ("resource", &row.resource)] {
        if text.is_empty() || text.chars().count() > TEXT_MAX || has_controls(text) {
            wrong.push((column, format!("needs 1 to {TEXT_MAX} characters in one line")));
        }
    }
    let owner = noted(&mut wrong, "owner", owner_of(&row.owner));
    noted(&mut wrong, "meter", meter_problem(&row.meter));
    let kind = noted(&mut wrong, "kind", kind_of(&row.kind));
    let from = noted(&mut wrong, "from", when_of(&row.from));
    let until = match row.until.as_str() {
        "" => Some(None),
        text => noted(&mut wrong, "until", when_of(text).map(Some)),
    };
    if kind == Some(RecordKind::Interval) && until == Some(None) {
        wrong.push(("until", "an interval needs its end".to_owned()));
    }
    let quantity = noted(&mut wrong, "quantity", quantity_of(&row.quantity));
    let unit =
        kind.and_then(|kind| noted(&mut wrong, "unit", unit_of(&row.meter, kind, &row.unit)));
    let attributes = noted(&mut wrong, "attributes", attributes_of(&row.attributes));
    let (Some(owner), Some(kind), Some(from), Some(until)) = (owner, kind, from, until) else {
        return Err(wrong);
    };
    let (Some(quantity), Some((base, factor)), Some(mut attributes)) = (quantity, unit, attributes)
    else {
        return Err(wrong);
    };
    if !wrong.is_empty() {
        return Err(wrong);
    }
    if meter_of(&row.meter).is_none() {
        attributes.insert(attribute::UNIT.to_owned(), base_name(base).to_owned());
    }
    attributes.insert(attribute::EVENT_SOURCE.to_owned(), row.source.clone());
    let quantity = quantity.times(&factor).reduced();
    Ok(Imported { row, line, index, owner, kind, from, until, quantity, attributes })
}

fn noted<T>(wrong: &mut Wrong, column: &'static str, result: Result<T, String>) -> Option<T> {
    result.map_err(|what| wrong.push((column, what))).ok()
}

fn has_controls(text: &str) -> bool {
    text.chars().any(char::is_control)
}

fn owner_of(text: &str) -> Result<OwnerName, String> {
    let fits = text.chars().count() <= TEXT_MAX && !has_controls(text);
    match text.split_once('/') {
        Some((source, id)) if fits && !source.is_empty() && !id.is_empty() => {
            if source == CUSTOMER || source == IMPORT {
                return Ok(OwnerName::Customer(id.to_owned()));
            }
            let source = SourceName(source.to_owned());
            Ok(OwnerName::Owner(OwnerRef { source, id: id.to_owned() }))
        }
        Some(_) | None => Err(format!(
            "{text:?}: write SOURCE/ID of the account or project, or customer/NUMBER, as \
             billow customers show prints them"
        )),
    }
}

fn meter_problem(text: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if text.is_empty() || text.len() > TEXT_MAX || !text.chars().all(fits) {
        return Err(format!("{text:?}: use lower-case letters, digits and _"));
    }
    Ok(())
}

fn kind_of(text: &str) -> Result<RecordKind, String> {
    let kinds =
        [RecordKind::Interval, RecordKind::Delta, RecordKind::Cumulative, RecordKind::Gauge];
    let found = kinds.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| format!("{text:?}: use interval, delta, cumulative or gauge"))
}

/// Parts of a second are cut off.
fn when_of(text: &str) -> Result<When, String> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        let below = i64::from(at.subsec_nanosecond() < 0);
        return Ok(When::Instant(at.as_second() - below));
    }
    let day = text.parse::<jiff::civil::Date>().ok();
    // A local time without its offset would be read as its day alone.
    let day = day.filter(|_| text.len() == "2026-10-01".len());
    day.map(When::Day).ok_or_else(|| {
        format!("{text:?}: write an instant such as 2026-10-01T08:00:00Z, or a day 2026-10-01")
    })
}

fn quantity_of(text: &str) -> Result<Exact, String> {
    let quantity: Exact = text.parse().map_err(|error| format!("{error}"))?;
    if quantity.is_negative() {
        return Err(format!("{text}: is below zero; to correct a row, send its id again"));
    }
    Ok(quantity)
}

fn attributes_of(text: &str) -> Result<Attributes, String> {
    if text.is_empty() {
        return Ok(Attributes::new());
    }
    let attributes: Attributes = serde_json::from_str(text).map_err(|error| {
        format!("{error}: write a JSON object of texts, such as {{\"name\":\"Backup\"}}")
    })?;
    if attributes.len() > ATTRIBUTES_MAX {
        return Err(format!("{} of them: give {ATTRIBUTES_MAX} at most", attributes.len()));
    }
    for (key, value) in &attributes {
        if key.is_empty() || key.chars().count() > TEXT_MAX || value.chars().count() > VALUE_MAX {
            return Err(format!(
                "{key:?}: a name has 1 to {TEXT_MAX} characters, a value {VALUE_MAX} at most"
            ));
        }
        if has_controls(key) || has_controls(value) {
            return Err(format!("{key:?}: write its name and value in one line"));
        }
        if RESERVED.contains(&key.as_str()) {
            return Err(format!("{key:?} is set by the import: leave it out"));
        }
    }
    Ok(attributes)
}

/// Whose a row is, and where its days begin.
pub struct Place<'a> {
    pub owner: OwnerRef,
    pub zone: &'a jiff::tz::TimeZone,
}

impl Imported {
    /// The usage record that the row is.
    pub fn to_record(&self, place: Place<'_>) -> Result<UsageRecord, Wrong> {
        let span = self.span(place.zone).map_err(|wrong| vec![wrong])?;
        self.check_hours(span).map_err(|what| vec![("quantity", what)])?;
        Ok(UsageRecord {
            owner: place.owner,
            meter: self.row.meter.clone(),
            resource: self.row.resource.clone(),
            kind: self.kind,
            span,
            quantity: self.quantity.clone(),
            attributes: self.attributes.clone(),
            identity: identity_of(&self.row.source, &self.row.id, 0),
        })
    }

    /// When it was used. A reading of a counter has one instant, as has a level that holds until
    /// the next one.
    fn span(&self, zone: &jiff::tz::TimeZone) -> Result<Span, (&'static str, String)> {
        let outside = |column| (column, "lies outside the calendar".to_owned());
        let from = self.from.at(zone).ok_or_else(|| outside("from"))?;
        let until = match self.until {
            Some(until) => until.at(zone).ok_or_else(|| outside("until"))?,
            None => from,
        };
        let given = self.until.is_some();
        let fits = match self.kind {
            RecordKind::Interval => from < until,
            RecordKind::Delta | RecordKind::Cumulative => from <= until,
            RecordKind::Gauge => from < until || !given,
        };
        if !fits {
            return Err(("until", "must be after `from`".to_owned()));
        }
        if self.kind == RecordKind::Cumulative {
            return Ok(Span::new(until, until));
        }
        Ok(Span::new(from, until))
    }

    /// One resource cannot be used for more hours than the span has; a second is tolerated.
    fn check_hours(&self, span: Span) -> Result<(), String> {
        let bounded = meter_of(&self.row.meter).is_some_and(|meter| meter.bounded_by_span);
        let hours = Exact::ratio(i128::from(span.seconds()), 3_600);
        if bounded
            && matches!(self.kind, RecordKind::Interval | RecordKind::Delta)
            && self.quantity > hours.plus(&Exact::ratio(1, 3_600))
        {
            let (used, hours) = (self.quantity.to_text_rounded(6), hours.to_text_rounded(6));
            return Err(format!("{used} h of one resource in a span of {hours} h"));
        }
        Ok(())
    }

    /// Whether a stored record is this row. A name or a day leaves open which owner and instant
    /// it was; all else must be the same.
    pub fn says(&self, record: &StoredRecord) -> bool {
        let key = &record.key;
        let owned = match &self.owner {
            OwnerName::Customer(number) => {
                key.owner.source.0 == IMPORT && key.owner.id == number.to_uppercase()
            }
            OwnerName::Owner(named) => named.source == key.owner.source,
        };
        let until = self.until.unwrap_or(self.from);
        let from = if self.kind == RecordKind::Cumulative { until } else { self.from };
        owned
            && (&self.row.meter, &self.row.resource) == (&key.meter, &key.resource)
            && self.kind == record.kind
            && from.may_be(key.from)
            && until.may_be(record.until)
            && self.quantity == record.quantity
    }

    /// SHA-256 (hex) of what the row says: equal for a file and an event that say the same.
    pub fn content_hash(&self) -> String {
        let when = |when: &When| match when {
            When::Instant(at) => at.to_string(),
            When::Day(day) => day.to_string(),
        };
        let content = serde_json::json!([
            self.row.owner,
            self.row.meter,
            self.row.resource,
            self.kind.as_str(),
            when(&self.from),
            self.until.as_ref().map(when),
            self.quantity,
            self.attributes,
        ]);
        body_hash(content.to_string().as_bytes())
    }
}

/// The identity of a row's record; later versions are contents that replaced the first one.
pub fn identity_of(source: &str, id: &str, version: i64) -> String {
    let hash = body_hash(format!("import\n{source}\n{id}").as_bytes());
    let digits: String = hash.chars().take(IDENTITY_DIGITS).collect();
    match version {
        0 => format!("{IMPORTED}{digits}"),
        version => format!("{IMPORTED}{digits}.{version}"),
    }
}
