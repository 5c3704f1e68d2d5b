//! Provisional usage: what was seen since the last usage that is stored, up to the last look or
//! event.
//!
//! It is made by the functions that make the usage of closed days, of the same observations, and
//! is never stored: when its time is closed, usage is read in its place.

use std::collections::BTreeMap;

use super::derive::{day_of, stored};
use super::interval::timeline;
use super::meters::records;
use super::store;
use crate::collect::record::{Attributes, StoredRecord};
use crate::collect::store::load_source_state;
use crate::ids::OwnerRef;
use crate::period::Span;
use crate::store::{Conn, StoreError};

const DAY_SECONDS: i64 = 86_400;

/// Usage that is not stored.
#[derive(Debug, Default)]
pub struct Live {
    pub records: Vec<StoredRecord>,
    /// The attributes of the records by the ids of their sets.
    pub sets: BTreeMap<i64, Attributes>,
    /// From the last stored usage to the last look; `None` where no time is provisional.
    pub span: Option<Span>,
}

/// An owner's usage in a span since the last that is stored. What was not looked at yet is left
/// out: a source that does not answer is not counted on.
pub async fn load_live(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: Span,
    now: i64,
) -> Result<Live, StoreError> {
    let mut live = Live::default();
    let Some(state) = store::load_state(conn, &owner.source).await? else { return Ok(live) };
    let closed = match state.derived_until {
        Some(until) => until,
        None => load_source_state(conn, &owner.source).await?.map_or(0, |one| one.collected_until),
    };
    let told = state.last_event_micros.div_euclid(1_000_000);
    let looked = state.last_round_at.max(told).min(now);
    if closed.max(span.from) >= looked.min(span.until) {
        return Ok(live);
    }
    let time = Span::new(closed.max(span.from), looked.min(span.until));
    live.span = Some(time);
    let keys = store::load_keys_of_owner(conn, owner, time.from * 1_000_000).await?;
    let histories = store::load_observations(conn, &owner.source, &keys, i64::MAX).await?;
    for ((kind, resource), history) in &histories {
        let intervals = timeline(history).intervals();
        let counted = days(time).flat_map(|day| records((*kind, resource), &intervals, day));
        for one in counted.filter(|one| one.record.owner == *owner) {
            let (record, attributes) = stored(one, now);
            live.sets.insert(record.attribute_set, attributes);
            live.records.push(record);
        }
    }
    Ok(live)
}

/// The UTC days of a span, the first and the last as far as they lie in it.
fn days(span: Span) -> impl Iterator<Item = Span> {
    let first = day_of(span.from);
    let count = (span.until - first + DAY_SECONDS - 1) / DAY_SECONDS;
    (0..count).map(move |day| {
        let from = first + day * DAY_SECONDS;
        Span::new(from, from + DAY_SECONDS).intersect(span)
    })
}
