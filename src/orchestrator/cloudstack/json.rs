//! Reading answers: tolerant of escapes that JSON does not know, exact with numbers. PURE.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Mends what some answers hold: a backslash before a character that JSON does not escape
/// stands for that character (`\&`, `\<`, `\ö`).
pub fn mend(body: &[u8]) -> Result<Cow<'_, str>, String> {
    let text = std::str::from_utf8(body).map_err(|error| format!("no UTF-8: {error}"))?;
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text));
    }
    let mut mended = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            mended.push(character);
            continue;
        }
        match characters.next() {
            Some('u') if !is_code_point(characters.clone()) => mended.push('u'),
            Some(next) if "\"\\/bfnrtu".contains(next) => {
                mended.push('\\');
                mended.push(next);
            }
            Some(next) => mended.push(next),
            None => mended.push('\\'),
        }
    }
    Ok(Cow::Owned(mended))
}

/// Whether an escape of a character goes on as JSON wants it: four hexadecimal digits.
fn is_code_point(rest: std::str::Chars<'_>) -> bool {
    rest.take(4).filter(char::is_ascii_hexdigit).count() == 4
}

/// Digits of a whole number that every reader keeps exactly.
const WHOLE_DIGITS_MAX: usize = 18;

/// Puts quotes around numbers that a reader would round, so that their digits are kept.
fn keep_digits(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut kept: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let length = bytes[at..].iter().take_while(|b| b"+-.eE0123456789".contains(b));
                let until = at + length.count();
                let number = &text[at..until];
                let rounded = number.contains(['.', 'e', 'E']) || number.len() > WHOLE_DIGITS_MAX;
                // What is no number, or no value, stays as it is and is refused as such.
                let ends = text[until..].trim_start().starts_with([',', ']', '}']);
                if rounded && ends && serde_json::from_str::<&RawValue>(number).is_ok() {
                    let target = kept.get_or_insert_with(String::new);
                    target.push_str(&text[copied..at]);
                    target.push('"');
                    target.push_str(number);
                    target.push('"');
                    copied = until;
                }
                at = until;
            }
            _ => at += 1,
        }
    }
    match kept {
        Some(mut kept) => {
            kept.push_str(&text[copied..]);
            Cow::Owned(kept)
        }
        None => Cow::Borrowed(text),
    }
}

/// The place after a string that begins at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The object inside an answer's envelope, and the envelope's name.
pub fn envelope(body: &[u8]) -> Result<(String, Value), String> {
    let text = mend(body)?;
    let all: Value = serde_json::from_str(&keep_digits(&text)).map_err(|error| {
        let begin: String = text.chars().take(60).collect();
        format!("no JSON ({error}): {begin:?}")
    })?;
    let Value::Object(all) = all else { return Err("no JSON object".to_owned()) };
    all.into_iter()
        .find(|(name, _)| name.ends_with("response"))
        .ok_or_else(|| "no key that ends in response".to_owned())
}

/// The rows of a list: the first array of the envelope; none where it is empty.
pub fn rows(inner: &Value) -> &[Value] {
    let Value::Object(fields) = inner else { return &[] };
    fields
        .iter()
        .filter(|(name, _)| *name != "uuidList")
        .find_map(|(_, value)| value.as_array())
        .map_or(&[], Vec::as_slice)
}

/// The number of matches before paging, if the answer tells.
pub fn count(inner: &Value) -> Option<u64> {
    inner.get("count").and_then(Value::as_u64)
}

/// The text of one row of a list, as it came (mended).
pub fn raw_row(body: &[u8], index: usize) -> Option<String> {
    let text = mend(body).ok()?;
    let all: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text).ok()?;
    let (_, inner) = all.into_iter().find(|(name, _)| name.ends_with("response"))?;
    let inner: BTreeMap<String, Box<RawValue>> = serde_json::from_str(inner.get()).ok()?;
    let rows = inner
        .iter()
        .find(|(name, value)| *name != "uuidList" && value.get().starts_with('['))
        .map(|(_, value)| value.get())?;
    let rows: Vec<&RawValue> = serde_json::from_str(rows).ok()?;
    rows.get(index).map(|row| row.get().to_owned())
}

/// An answer with one more member beside its envelope; the envelope stays as it came (mended).
pub fn beside(body: &[u8], name: &str, value: &impl Serialize) -> Result<Vec<u8>, String> {
    let text = mend(body)?;
    let mut all: BTreeMap<&str, Box<RawValue>> =
        serde_json::from_str(&text).map_err(|error| format!("no JSON object ({error})"))?;
    let value = serde_json::value::to_raw_value(value).map_err(|error| error.to_string())?;
    all.insert(name, value);
    serde_json::to_vec(&all).map_err(|error| error.to_string())
}

/// A member that was put [`beside`] an envelope; nothing where there is none.
pub fn member<T: DeserializeOwned + Default>(body: &[u8], name: &str) -> T {
    let read = || -> Option<T> {
        let text = mend(body).ok()?;
        let all: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text).ok()?;
        serde_json::from_str(all.get(name)?.get()).ok()
    };
    read().unwrap_or_default()
}

/// A field as text: strings as they are, numbers in their own digits, flags as true or false.
pub fn text(row: &Value, field: &str) -> Option<String> {
    text_in(row, field).map(Cow::into_owned)
}

/// The same, without a copy of a string.
pub fn text_in<'a>(row: &'a Value, field: &str) -> Option<Cow<'a, str>> {
    match row.get(field)? {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
