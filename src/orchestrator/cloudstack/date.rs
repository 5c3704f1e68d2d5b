//! Dates as the API writes and reads them. PURE.

use jiff::Timestamp;
use jiff::civil::DateTime;

/// `2026-11-19T23:59:59+0000`.
pub fn text(at: i64) -> String {
    let at = Timestamp::from_second(at).unwrap_or(Timestamp::MAX);
    at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

/// Reads both forms the server has written: `…T23:59:59+0000` and, up to 4.20,
/// `2025-05-11'T'00:59:59+00:00`; offsets with and without colon, or `Z`.
pub fn instant(text: &str) -> Option<i64> {
    let unquoted = if text.contains('\'') { Some(text.replace('\'', "")) } else { None };
    let text = unquoted.as_deref().unwrap_or(text);
    let (local, offset) = match text.strip_suffix('Z') {
        Some(local) => (local, 0),
        None => {
            let at = text.rfind(['+', '-']).filter(|at| *at > 10)?;
            (&text[..at], offset(&text[at..])?)
        }
    };
    let local: DateTime = local.parse().ok()?;
    let utc = jiff::tz::Offset::UTC.to_timestamp(local).ok()?.as_second();
    Some(utc - offset)
}

/// Seconds of `+0130`, `-03:00`.
fn offset(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i64 = digits[..2].parse().ok()?;
    let minutes: i64 = digits[2..].parse().ok()?;
    Some(sign * (hours * 3_600 + minutes * 60))
}
