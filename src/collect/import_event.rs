//! Usage pushed as CloudEvents 1.0 (JSON format, single or batch): the same rows as a file's.
//! PURE.

use serde::Deserialize;

use super::import::{ImportError, ImportRow, Imported, ROWS_MAX, check};
use super::record::Attributes;
use crate::store::codec::to_json;

/// The `type` of events that carry usage.
pub const EVENT_TYPE: &str = "billow.usage.v1";

#[derive(Deserialize)]
struct Event {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

/// The columns of a file but `source` and `id`; attributes are an object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    owner: String,
    meter: String,
    resource: String,
    kind: String,
    from: String,
    until: String,
    /// Decimal text: a JSON number would pass through a float.
    quantity: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    attributes: Attributes,
}

/// Reads one event or a batch; all of it, or everything that is wrong. Errors count events from 1.
pub fn parse_events(body: &[u8]) -> Result<Vec<Imported>, Vec<ImportError>> {
    let at = |line: u64, column: &str, what: String| ImportError {
        file: "event".to_owned(),
        line,
        column: column.to_owned(),
        what,
    };
    let parsed: serde_json::Value = match serde_json::from_slice(body) {
        Ok(parsed) => parsed,
        Err(error) => return Err(vec![at(1, "body", error.to_string())]),
    };
    let events = match parsed {
        serde_json::Value::Array(events) => events,
        one => vec![one],
    };
    if events.is_empty() || events.len() > ROWS_MAX {
        return Err(vec![at(1, "body", format!("needs 1 to {ROWS_MAX} events"))]);
    }
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for (number, event) in (1..).zip(events) {
        match row_of(event).and_then(check) {
            Ok(row) => rows.push(row),
            Err(wrong) => {
                errors.extend(wrong.into_iter().map(|(column, what)| at(number, column, what)));
            }
        }
    }
    if errors.is_empty() { Ok(rows) } else { Err(errors) }
}

fn row_of(event: serde_json::Value) -> Result<ImportRow, Vec<(&'static str, String)>> {
    let event: Event =
        serde_json::from_value(event).map_err(|error| vec![("event", error.to_string())])?;
    if event.specversion != "1.0" {
        let what = format!("{:?}: send CloudEvents 1.0", event.specversion);
        return Err(vec![("specversion", what)]);
    }
    if event.kind != EVENT_TYPE {
        return Err(vec![("type", format!("{:?}: send {EVENT_TYPE}", event.kind))]);
    }
    let data = event.data;
    let attributes = match data.attributes.is_empty() {
        true => String::new(),
        false => to_json(&data.attributes),
    };
    Ok(ImportRow {
        source: event.source,
        id: event.id,
        owner: data.owner,
        meter: data.meter,
        resource: data.resource,
        kind: data.kind,
        from: data.from,
        until: data.until,
        quantity: data.quantity,
        unit: data.unit,
        attributes,
    })
}
