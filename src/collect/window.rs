//! Whole windows of usage: where they begin and end, in the zone of the orchestrator's days. PURE.

use jiff::Timestamp;
use jiff::ToSpan;
use jiff::tz::TimeZone;

use crate::period::Span;

const DAY_SECONDS: i64 = 86_400;

/// Windows of `length` seconds that lie whole inside `span`, ascending. Days are those of the
/// zone, so that one of them has 23 or 25 hours where the clock changes; shorter windows count
/// from the day's start.
pub fn windows(span: Span, length: i64, zone: &TimeZone) -> Vec<Span> {
    let mut windows = Vec::new();
    let Some(mut from) = floor(span.from, length, zone) else { return windows };
    while from < span.until {
        let Some(until) = next(from, length, zone) else { return windows };
        if from >= span.from && until <= span.until {
            windows.push(Span::new(from, until));
        }
        from = until;
    }
    windows
}

/// The same, whole long ones in the midst together: `bulk` is their length.
pub fn planned(span: Span, (length, bulk): (i64, Option<i64>), zone: &TimeZone) -> Vec<Span> {
    let together = bulk.map_or_else(Vec::new, |bulk| windows(span, bulk, zone));
    let (Some(first), Some(last)) = (together.first(), together.last()) else {
        return windows(span, length, zone);
    };
    let before = windows(Span::new(span.from, first.from), length, zone);
    let after = windows(Span::new(last.until, span.until), length, zone);
    [before, together, after].concat()
}

/// The start of the window that holds an instant.
pub fn floor(at: i64, length: i64, zone: &TimeZone) -> Option<i64> {
    let day = day_start(at, zone)?;
    if length >= DAY_SECONDS {
        return Some(day);
    }
    Some(day + (at - day).div_euclid(length.max(1)) * length.max(1))
}

fn day_start(at: i64, zone: &TimeZone) -> Option<i64> {
    let zoned = Timestamp::from_second(at).ok()?.to_zoned(zone.clone());
    Some(zoned.start_of_day().ok()?.timestamp().as_second())
}

fn next(from: i64, length: i64, zone: &TimeZone) -> Option<i64> {
    let zoned = Timestamp::from_second(from).ok()?.to_zoned(zone.clone());
    let tomorrow = zoned.tomorrow().ok()?.start_of_day().ok()?.timestamp().as_second();
    if length >= DAY_SECONDS {
        return Some(tomorrow);
    }
    // A day that is no whole number of windows ends with a shorter one.
    Some((from + length.max(1)).min(tomorrow))
}

/// Midnight of the first day of the month before an instant, where collecting begins by default.
pub fn month_before(at: i64, zone: &TimeZone) -> Option<i64> {
    let zoned = Timestamp::from_second(at).ok()?.to_zoned(zone.clone());
    let first = zoned.first_of_month().ok()?.checked_sub(1.month()).ok()?;
    Some(first.start_of_day().ok()?.timestamp().as_second())
}
