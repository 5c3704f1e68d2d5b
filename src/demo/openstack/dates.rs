//! Instants in the forms of the services.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

fn write(at: i64, form: &str) -> String {
    Timestamp::from_second(at).unwrap_or(Timestamp::MIN).strftime(form).to_string()
}

/// `2026-11-22T07:54:07Z`.
pub fn zulu(at: i64) -> String {
    write(at, "%Y-%m-%dT%H:%M:%SZ")
}

/// `2026-11-22T07:54:07.000000`: UTC, and nothing says so.
pub fn naive(at: i64) -> String {
    write(at, "%Y-%m-%dT%H:%M:%S.000000")
}

/// `2026-11-22T07:54:07.000000Z`.
pub fn micros(at: i64) -> String {
    write(at, "%Y-%m-%dT%H:%M:%S.000000Z")
}

/// `Sun, 22 Nov 2026 07:54:07 GMT`, as in headers.
pub fn http(at: i64) -> String {
    write(at, "%a, %d %b %Y %H:%M:%S GMT")
}

/// Reads the first of these forms.
pub fn read(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// Reads the second one, with or without a fraction; no zone may be told.
pub fn read_naive(text: &str) -> Option<i64> {
    let local = text.parse::<DateTime>().ok().filter(|_| !text.ends_with('Z'))?;
    Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}
