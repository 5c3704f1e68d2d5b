//! Rows of imported usage: what the orchestrator cannot see. PURE.
//!
//! A file is taken as a whole or not at all: every wrong row is named with its line and column,
//! and nothing of the file is stored until all of them are mended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::record::{Attributes, RecordKind, UsageRecord, attribute};
use super::store::{IMPORT, RECORD_SECONDS_MAX, attribute_set_id};
use crate::ids::{OwnerRef, SourceName};
use crate::meter::{MeterUnit, meter_of};
use crate::money::Exact;
use crate::period::Span;

/// Rows of one file.
pub const ROWS_MAX: usize = 100_000;

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

const TEXT_MAX: usize = 200;
const IDENTITY_DIGITS: usize = 32;

/// One row as its sender wrote it; what is kept as evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRow {
    /// The sending system; with `id` it names the row for ever.
    pub source: String,
    pub id: String,
    /// `SOURCE/ID` of the account or project that consumed.
    pub owner: String,
    pub meter: String,
    pub resource: String,
    /// `interval`, `delta`, `cumulative` or `gauge`.
    pub kind: String,
    /// RFC 3339; of a counter the instant of the reading before.
    pub from: String,
    pub until: String,
    /// Decimal text.
    pub quantity: String,
    /// `hour`, `byte`, `request` or `piece`; empty for built-in meters.
    pub unit: String,
    /// A JSON object of texts, or nothing.
    pub attributes: String,
}

/// A row that may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    pub row: ImportRow,
    pub record: UsageRecord,
}

/// What is wrong at one place of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{file}:{line}: {column}: {what}")]
pub struct ImportError {
    pub file: String,
    /// From 1; the header is line 1.
    pub line: u64,
    /// The column's name.
    pub column: String,
    pub what: String,
}

/// Reads a CSV file with a header; all rows, or everything that is wrong.
pub fn parse_csv(bytes: &[u8], file: &str) -> Result<Vec<Imported>, Vec<ImportError>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let at = |line: u64, column: &str, what: String| ImportError {
        file: file.to_owned(),
        line,
        column: column.to_owned(),
        what,
    };
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return Err(vec![at(1, "header", error.to_string())]),
    };
    if let Some(problem) = header_problem(&header) {
        return Err(vec![at(1, "header", problem)]);
    }
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                errors.push(at(line, "row", error.to_string()));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        if rows.len() + errors.len() >= ROWS_MAX {
            let what = format!("more than {ROWS_MAX} rows: split the file");
            return Err(vec![at(line, "row", what)]);
        }
        match check(row_of(&header, &record)) {
            Ok(row) => rows.push(row),
            Err(wrong) => {
                errors.extend(wrong.into_iter().map(|(column, what)| at(line, column, what)));
            }
        }
    }
    if errors.is_empty() { Ok(rows) } else { Err(errors) }
}

fn header_problem(header: &csv::StringRecord) -> Option<String> {
    let unknown: Vec<&str> = header.iter().filter(|name| !COLUMNS.contains(name)).collect();
    if !unknown.is_empty() {
        return Some(format!(
            "unknown columns {}: the columns are {}",
            unknown.join(", "),
            COLUMNS.join(",")
        ));
    }
    let optional = ["unit", "attributes"];
    let missing: Vec<&str> = COLUMNS
        .into_iter()
        .filter(|name| !optional.contains(name) && !header.iter().any(|found| found == *name))
        .collect();
    (!missing.is_empty()).then(|| format!("missing columns: {}", missing.join(", ")))
}

fn row_of(header: &csv::StringRecord, record: &csv::StringRecord) -> ImportRow {
    let fields: BTreeMap<&str, &str> = header.iter().zip(record.iter()).collect();
    let field = |name: &str| fields.get(name).map_or_else(String::new, |text| (*text).to_owned());
    ImportRow {
        source: field("source"),
        id: field("id"),
        owner: field("owner"),
        meter: field("meter"),
        resource: field("resource"),
        kind: field("kind"),
        from: field("from"),
        until: field("until"),
        quantity: field("quantity"),
        unit: field("unit"),
        attributes: field("attributes"),
    }
}

type Wrong = Vec<(&'static str, String)>;

/// Checks one row; errors name the column and how to mend it.
pub fn check(row: ImportRow) -> Result<Imported, Wrong> {
    let mut wrong: Wrong = Vec::new();
    for (column, text) in [("source", &row.source), ("id", &row.id), ("resource", &row.resource)] {
        if text.is_empty() || text.len() > TEXT_MAX {
            wrong.push((column, format!("needs 1 to {TEXT_MAX} characters")));
        }
    }
    let owner = noted(&mut wrong, "owner", owner_of(&row.owner));
    noted(&mut wrong, "meter", meter_problem(&row.meter));
    let kind = noted(&mut wrong, "kind", kind_of(&row.kind));
    let from = noted(&mut wrong, "from", instant(&row.from));
    let until = noted(&mut wrong, "until", instant(&row.until));
    let quantity = noted(&mut wrong, "quantity", quantity_of(&row.quantity));
    let unit = noted(&mut wrong, "unit", unit_of(&row.meter, &row.unit));
    let attributes = noted(&mut wrong, "attributes", attributes_of(&row.attributes));
    let (Some(owner), Some(kind), Some(from), Some(until)) = (owner, kind, from, until) else {
        return Err(wrong);
    };
    if let Err(problem) = span_problem(&owner, kind, from, until) {
        wrong.push(("until", problem));
    }
    let (Some(quantity), Some(unit), Some(mut attributes)) = (quantity, unit, attributes) else {
        return Err(wrong);
    };
    if !wrong.is_empty() {
        return Err(wrong);
    }
    if let Some(unit) = unit {
        attributes.insert(attribute::UNIT.to_owned(), unit);
    }
    let name = format!("import\n{}\n{}", row.source, row.id);
    let identity = attribute_set_id(&name).1.chars().take(IDENTITY_DIGITS).collect();
    let record = UsageRecord {
        owner,
        meter: row.meter.clone(),
        resource: row.resource.clone(),
        kind,
        span: Span::new(from, until),
        quantity,
        attributes,
        identity,
    };
    Ok(Imported { row, record })
}

fn noted<T>(wrong: &mut Wrong, column: &'static str, result: Result<T, String>) -> Option<T> {
    result.map_err(|what| wrong.push((column, what))).ok()
}

fn owner_of(text: &str) -> Result<OwnerRef, String> {
    match text.split_once('/') {
        Some((source, id)) if !source.is_empty() && !id.is_empty() => {
            Ok(OwnerRef { source: SourceName(source.to_owned()), id: id.to_owned() })
        }
        Some(_) | None => Err(format!(
            "{text:?}: write SOURCE/ID of the account or project, as `customers show` prints it"
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

fn instant(text: &str) -> Result<i64, String> {
    let at = text.parse::<jiff::Timestamp>();
    let at = at.map_err(|_| format!("{text:?}: write an instant such as 2026-10-01T00:00:00Z"))?;
    if at.subsec_nanosecond() != 0 {
        return Err(format!("{text:?}: use whole seconds"));
    }
    Ok(at.as_second())
}

fn span_problem(owner: &OwnerRef, kind: RecordKind, from: i64, until: i64) -> Result<(), String> {
    let instant_fits = matches!(kind, RecordKind::Delta | RecordKind::Cumulative);
    if until < from || (until == from && !instant_fits) {
        return Err("must be after `from`".to_owned());
    }
    if owner.source.0 != IMPORT && until - from > RECORD_SECONDS_MAX {
        let days = RECORD_SECONDS_MAX / 86_400;
        return Err(format!("more than {days} days after `from`: split the row by month"));
    }
    Ok(())
}

fn quantity_of(text: &str) -> Result<Exact, String> {
    let quantity: Exact = text.parse().map_err(|error| format!("{error}"))?;
    if quantity.is_negative() {
        return Err(format!("{text}: is below zero; to correct a row, send its id again"));
    }
    Ok(quantity)
}

/// The unit to be kept with the record; built-in meters have their own.
fn unit_of(meter: &str, unit: &str) -> Result<Option<String>, String> {
    let own = meter_of(meter).map(|meter| match meter.unit {
        MeterUnit::Hour => "hour",
        MeterUnit::Byte => "byte",
        MeterUnit::Request => "request",
        MeterUnit::Piece => "piece",
    });
    match (own, unit) {
        (Some(_), "") => Ok(None),
        (Some(own), unit) if own == unit => Ok(None),
        (Some(own), unit) => Err(format!("{unit:?}: {meter} counts in {own}")),
        (None, "") => Ok(Some("piece".to_owned())),
        (None, "hour" | "byte" | "request" | "piece") => Ok(Some(unit.to_owned())),
        (None, unit) => Err(format!("{unit:?}: use hour, byte, request or piece")),
    }
}

fn attributes_of(text: &str) -> Result<Attributes, String> {
    if text.is_empty() {
        return Ok(Attributes::new());
    }
    serde_json::from_str(text).map_err(|error| {
        format!("{error}: write a JSON object of texts, such as {{\"name\":\"Backup\"}}")
    })
}
