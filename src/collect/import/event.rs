//! Usage pushed as CloudEvents 1.0 (JSON format, single or batch): the same rows as a file's.
//! PURE.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::row::{ImportRow, Imported, Wrong, check};
use super::{ImportError, Parsed, ROWS_MAX};
use crate::collect::record::Attributes;
use crate::store::codec::to_json;

/// The `type` of events that carry usage.
pub const EVENT_TYPE: &str = "billow.usage.v1";

#[derive(Deserialize)]
struct Event<'a> {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    data: Data<'a>,
}

/// The columns of a file but `source` and `id`; attributes are an object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data<'a> {
    owner: String,
    meter: String,
    resource: String,
    kind: String,
    from: String,
    #[serde(default)]
    until: Option<String>,
    /// Decimal text, or a number of which the digits are read and no float is made.
    #[serde(borrow)]
    quantity: &'a RawValue,
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    attributes: Attributes,
}

/// Reads one event or a batch: all rows, and everything that is wrong. Errors count events from 1.
pub fn parse(body: &[u8], name: &str) -> Parsed {
    let at = |line: u64, column: &str, what: String| ImportError {
        file: name.to_owned(),
        line,
        column: column.to_owned(),
        what,
    };
    let mut parsed = Parsed::default();
    let events = match events_of(body) {
        Ok(events) => events,
        Err(what) => {
            parsed.errors.push(at(1, "body", what));
            return parsed;
        }
    };
    if events.is_empty() || events.len() > ROWS_MAX {
        parsed.errors.push(at(1, "body", format!("needs 1 to {ROWS_MAX} events")));
        return parsed;
    }
    for (index, event) in events.into_iter().enumerate() {
        let line = u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1);
        match read(event, line, index) {
            Ok(row) => parsed.rows.push(row),
            Err(wrong) => {
                let wrong = wrong.into_iter().map(|(column, what)| at(line, column, what));
                parsed.errors.extend(wrong);
            }
        }
    }
    parsed
}

/// The events of a batch, or the single one.
fn events_of(body: &[u8]) -> Result<Vec<&RawValue>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "is not UTF-8".to_owned())?;
    match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text).map_err(|error| error.to_string()),
        false => serde_json::from_str(text).map(|one| vec![one]).map_err(|e| e.to_string()),
    }
}

fn read(event: &RawValue, line: u64, index: usize) -> Result<Imported, Wrong> {
    let event: Event<'_> =
        serde_json::from_str(event.get()).map_err(|error| vec![("event", error.to_string())])?;
    if event.specversion != "1.0" {
        let what = format!("{:?}: send CloudEvents 1.0", event.specversion);
        return Err(vec![("specversion", what)]);
    }
    if event.kind != EVENT_TYPE {
        return Err(vec![("type", format!("{:?}: send {EVENT_TYPE}", event.kind))]);
    }
    let data = event.data;
    let quantity = data.quantity.get();
    let attributes = match data.attributes.is_empty() {
        true => String::new(),
        false => to_json(&data.attributes),
    };
    let row = ImportRow {
        source: event.source,
        id: event.id,
        owner: data.owner,
        meter: data.meter,
        resource: data.resource,
        kind: data.kind,
        from: data.from,
        until: data.until.unwrap_or_else(String::new),
        quantity: serde_json::from_str(quantity).unwrap_or_else(|_| quantity.to_owned()),
        unit: data.unit.unwrap_or_else(String::new),
        attributes,
    };
    check(row, line, index)
}

/// The JSON of one event of a batch, as it was sent.
pub fn words_of(body: &[u8], index: usize) -> Option<String> {
    let events = events_of(body).ok()?;
    events.get(index).map(|event| event.get().to_owned())
}
