//! Reading answers: every field may be missing, null or unknown; rows are kept in their own
//! bytes for the evidence. PURE.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

/// An answer's top level, each value in its own bytes.
pub type Top = BTreeMap<String, Box<RawValue>>;

/// Reads the top level of an answer.
pub fn top(body: &[u8]) -> Result<Top, String> {
    serde_json::from_slice(body).map_err(|error| no_json(body, &error))
}

/// Reads a whole answer.
pub fn value(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| no_json(body, &error))
}

fn no_json(body: &[u8], error: &serde_json::Error) -> String {
    let begin: String = String::from_utf8_lossy(body).chars().take(60).collect();
    format!("no JSON object ({error}): {begin:?}")
}

/// The rows under a key, each in its own bytes.
pub fn rows(top: &Top, key: &str) -> Result<Vec<Box<RawValue>>, String> {
    let list = top.get(key).ok_or_else(|| format!("no {key} in the answer"))?;
    serde_json::from_str(list.get()).map_err(|error| format!("{key} is no list: {error}"))
}

/// A row's fields.
pub fn read(row: &RawValue) -> Value {
    serde_json::from_str(row.get()).unwrap_or(Value::Null)
}

/// A field as text: strings as they are, numbers in their own digits, flags as true or false;
/// nothing where it is missing, null or empty.
pub fn text(row: &Value, field: &str) -> Option<String> {
    match row.get(field)? {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A field as a whole number.
pub fn whole(row: &Value, field: &str) -> Option<i64> {
    text(row, field)?.parse().ok()
}

/// The rows of a list inside a row; none where there is no list.
pub fn list<'a>(row: &'a Value, field: &str) -> &'a [Value] {
    row.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The text pairs of an object inside a row, such as metadata.
pub fn pairs(row: &Value, field: &str) -> Vec<(String, String)> {
    let fields = row.get(field).and_then(Value::as_object);
    let names = fields.into_iter().flat_map(|fields| fields.keys());
    names.filter_map(|name| Some((name.clone(), text(row.get(field)?, name)?))).collect()
}
