//! What the orchestrator's own accounting has of a customer's machines, against their usage.
//!
//! The accounting is coarser than usage: it may forget what was before a change, and counts as one
//! what is free here. So only what it does tell is compared: hours without usage, and usage after
//! an end.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::{Accounted, Place};
use super::sides::Asked;
use crate::collect::observation::{ResourceKind, ResourceState};
use crate::collect::observe::interval::{Interval, timeline};
use crate::collect::observe::meters;
use crate::collect::observe::store::load_observations;
use crate::collect::record::StoredRecord;
use crate::ids::OwnerRef;
use crate::meter::kind::listed_as;
use crate::money::Exact;
use crate::orchestrator::AccountedLife;
use crate::period::Span;
use crate::store::{Conn, StoreError};

/// Seconds by which both may differ: services stamp the end of a step and of its action apart.
const TOLERANCE_SECONDS: i64 = 60;

/// Hours of an owner's resources by the accounting, in the part of a span that is collected.
pub(super) async fn load_accounting(
    conn: &mut Conn,
    asked: &Asked<'_>,
    (owner, span): (&OwnerRef, Span),
    records: &[StoredRecord],
    accounting: &mut BTreeMap<Place, BTreeMap<String, Accounted>>,
) -> Result<(), StoreError> {
    let Some(told) = asked.world.told(&owner.source) else { return Ok(()) };
    let Some(lives) = &told.accounted else { return Ok(()) };
    let reached = span.intersect(Span::new(told.collected_from, told.collected_until));
    let mut doubtful = BTreeSet::new();
    let mut found: Vec<(&AccountedLife, Compared)> = Vec::new();
    for life in lives.get(&owner.id).into_iter().flatten() {
        let used = records.iter().filter(|record| {
            record.key.resource == life.resource && listed_as(&record.key.meter) == life.meter
        });
        let used: Vec<Span> = used.map(|one| Span::new(one.key.from, one.until)).collect();
        let compared = Compared::new(life, &used, reached);
        if compared.short > TOLERANCE_SECONDS {
            doubtful.insert((ResourceKind::Machine, life.resource.clone()));
        }
        found.push((life, compared));
    }
    let observed = load_observations(conn, &owner.source, &doubtful, asked.known_at).await?;
    for (life, mut compared) in found {
        if let Some(told) = observed.get(&(ResourceKind::Machine, life.resource.clone())) {
            compared.short -= free_seconds(&timeline(told).intervals(), compared.life);
        }
        let items = accounting.entry((owner.clone(), life.meter.clone())).or_default();
        items.insert(life.resource.clone(), compared.accounted(&life.name));
    }
    Ok(())
}

/// Seconds of a life, without usage in it, and with usage after it.
struct Compared {
    life: Span,
    short: i64,
    beyond: i64,
}

impl Compared {
    fn new(told: &AccountedLife, used: &[Span], reached: Span) -> Self {
        let end = told.until.unwrap_or(i64::MAX);
        let life = Span::new(told.from, end).intersect(reached);
        let after = Span::new(end, i64::MAX).intersect(reached);
        Self { life, short: life.seconds() - covered(used, life), beyond: covered(used, after) }
    }

    fn accounted(&self, name: &str) -> Accounted {
        let hours = |seconds: i64| Exact::ratio(i128::from(seconds), 3_600);
        let beyond_doubt = |seconds: i64| (seconds > TOLERANCE_SECONDS).then(|| hours(seconds));
        Accounted {
            name: name.to_owned(),
            hours: hours(self.life.seconds()),
            short: beyond_doubt(self.short),
            beyond: beyond_doubt(self.beyond),
        }
    }
}

/// Seconds of a span in which there is usage, however many records tell it.
fn covered(used: &[Span], span: Span) -> i64 {
    let mut inside: Vec<Span> = used.iter().map(|one| one.intersect(span)).collect();
    inside.sort();
    let mut reached = span.from;
    let mut seconds = 0;
    for one in inside {
        seconds += (one.until - one.from.max(reached)).max(0);
        reached = reached.max(one.until);
    }
    seconds
}

/// Seconds of a life in states that no meter counts, such as those of a broken machine.
fn free_seconds(intervals: &[Interval], life: Span) -> i64 {
    let free = intervals.iter().filter(|one| {
        one.state != ResourceState::Gone
            && meters::meter(ResourceKind::Machine, one.state).is_none()
    });
    let second = |micros: i64| micros.div_euclid(1_000_000);
    free.map(|one| {
        let until = one.until_micros.map_or(i64::MAX, second);
        Span::new(second(one.from_micros), until).intersect(life).seconds()
    })
    .sum()
}
