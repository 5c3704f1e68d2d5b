//! Instants on the command line: RFC 3339, or a day in the provider's time zone.

use anyhow::Context;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::customer::store::{AsOf, load_sellers};
use crate::period::{midnight, zone_of};
use crate::store::Conn;

/// Unix seconds of `2026-11-01T00:00:00Z`, or of the local midnight that begins `2026-11-01`
/// in the time zone of the provider (the seller without a parent; UTC while there is none).
pub async fn instant(conn: &mut Conn, text: &str, now: i64) -> anyhow::Result<i64> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        anyhow::ensure!(instant.subsec_nanosecond() == 0, "{text}: write whole seconds");
        return Ok(instant.as_second());
    }
    let day: Date = text.parse().ok().with_context(|| {
        format!("{text:?} is no instant; write 2026-11-01 or 2026-11-01T00:00:00Z")
    })?;
    let sellers = load_sellers(conn, AsOf::now(now)).await?;
    let root = sellers.iter().find(|seller| seller.parent.is_none());
    let zone = zone_of(root.map_or("UTC", |seller| &seller.details.time_zone))?;
    midnight(day, &zone).with_context(|| format!("{text}: outside the calendar"))
}

/// An instant for people: RFC 3339 in UTC; the open ends by name.
pub fn text(at: i64) -> String {
    match at {
        0 => "the beginning".to_owned(),
        i64::MAX => "open".to_owned(),
        at => Timestamp::from_second(at)
            .map_or_else(|_| at.to_string(), |instant| instant.to_string()),
    }
}

/// An instant for programs: RFC 3339, `null` where it is open.
pub fn json(at: i64) -> serde_json::Value {
    match at {
        i64::MAX => serde_json::Value::Null,
        at => match Timestamp::from_second(at) {
            Ok(instant) => instant.to_string().into(),
            Err(_) => at.into(),
        },
    }
}
