//! Instants as the services write them: with `Z`, with an offset, or naive and then UTC, with
//! `T` or a blank, with or without a fraction. PURE.

use jiff::Timestamp;
use jiff::civil::DateTime;

/// Characters of a date without its time.
const DATE_LENGTH: usize = 10;

/// Microseconds since 1970 UTC.
pub fn micros(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, time) = (text.get(..DATE_LENGTH)?, text.get(DATE_LENGTH..)?);
    let time = time.strip_prefix(['T', ' '])?;
    let (time, offset) = match time.strip_suffix('Z') {
        Some(time) => (time, 0),
        None => match time.find(['+', '-']) {
            Some(at) => (&time[..at], offset_seconds(&time[at..])?),
            None => (time, 0),
        },
    };
    let local: DateTime = format!("{date}T{time}").parse().ok()?;
    let utc = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond();
    utc.checked_sub(offset * 1_000_000)
}

/// Whole seconds since 1970 UTC, cut.
pub fn seconds(text: &str) -> Option<i64> {
    micros(text).map(|micros| micros.div_euclid(1_000_000))
}

/// `2026-11-22T07:53:53Z`, as `changes-since` takes it.
pub fn text(at: i64) -> String {
    let at = Timestamp::from_second(at).unwrap_or(Timestamp::MIN);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Seconds of `+0130`, `-03:00`, `+00`.
fn offset_seconds(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !whole || (digits.len() != 4 && digits.len() != 2) {
        return None;
    }
    let hours: i64 = digits[..2].parse().ok()?;
    let minutes: i64 = if digits.len() == 4 { digits[2..].parse().ok()? } else { 0 };
    Some(sign * (hours * 3_600 + minutes * 60))
}
