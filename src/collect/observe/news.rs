//! What of incoming observations is new to a resource, and from when on it changes its life. PURE.
//!
//! Listings that show what is known add nothing, so that a cloud at rest fills no table. They are
//! not lost: every complete round vouches for what was known when it was read. When a late event
//! contradicts that, the round's testimony is written down as an observation of its own, and both
//! are weighed by [`super::interval`].

use std::cmp::Ordering;

use super::interval::{Interval, Knowledge, Observed, SETTLE_MICROS, Timeline, timeline};
use crate::collect::observation::{Certainty, Observation, ResourceState};

/// What is to be stored of one resource, and what follows.
#[derive(Clone, Debug)]
pub struct News {
    /// Observations that were not there; empty where nothing is new.
    pub fresh: Vec<Observed>,
    /// All observations, read.
    pub timeline: Timeline,
    /// The first instant (microseconds) at which the resource's life differs from before.
    pub changed_from: Option<i64>,
}

/// A complete round of a kind: it says how things were at some instant between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Look {
    pub at_micros: i64,
    /// The instant at which it had ended.
    pub read_micros: i64,
}

/// Compares what comes with what is there. `rounds` are earlier complete rounds of the resource's
/// kind, ascending; at least the first one after each event that comes, once that has settled.
pub fn news(history: &[Observed], rounds: &[Look], incoming: &[Observed]) -> News {
    let before = timeline(history);
    let mut all = history.to_vec();
    let mut fresh: Vec<Observed> = Vec::new();
    let (exact, mut listed): (Vec<&Observed>, Vec<&Observed>) =
        incoming.iter().partition(|one| one.observation.certainty.is_exact());
    for one in exact {
        if !all.iter().any(|known| is_same(known, one)) {
            all.push(one.clone());
            fresh.push(one.clone());
        }
    }
    let events = fresh.iter().filter(|one| one.observation.certainty.is_event());
    let late: Vec<i64> = events.map(|one| one.observation.at_micros).collect();
    let mut line = timeline(&all);
    listed.sort_by_key(|one| one.observation.at_micros);
    for one in listed {
        if is_known(line.at(one.observation.at_micros), &one.observation)
            || all.iter().any(|known| is_same(known, one))
        {
            continue;
        }
        all.push(one.clone());
        fresh.push(one.clone());
        line = timeline(&all);
    }
    for round in rounds_after(&late, rounds) {
        let Some(testimony) = testimony(&before, &line, round, &all) else { continue };
        all.push(testimony.clone());
        fresh.push(testimony);
        line = timeline(&all);
    }
    let changed_from = first_difference(&before.intervals(), &line.intervals());
    News { fresh, timeline: line, changed_from }
}

/// The same observation again, wherever it was read; a resource begins once at an instant.
fn is_same(a: &Observed, b: &Observed) -> bool {
    let (a, b) = (&a.observation, &b.observation);
    let made = a.certainty == Certainty::Made && b.certainty == Certainty::Made;
    a == b || (made && a.at_micros == b.at_micros)
}

/// Whether a listing shows what is known already.
fn is_known(known: Option<&Knowledge>, shown: &Observation) -> bool {
    let gone = shown.state == Some(ResourceState::Gone);
    match known {
        Some(known) if known.exists() => !gone && known.holds(shown),
        Some(_) | None => gone,
    }
}

/// For each late event the first complete round that must have shown its effect.
fn rounds_after(late: &[i64], rounds: &[Look]) -> Vec<Look> {
    let first =
        |at: &i64| rounds.iter().copied().find(|round| round.at_micros > at + SETTLE_MICROS);
    let mut found: Vec<Look> = late.iter().filter_map(first).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// What a round showed, by what was known before, where it contradicts what is known now.
/// A round whose own listing is there has said what it saw.
fn testimony(before: &Timeline, now: &Timeline, look: Look, all: &[Observed]) -> Option<Observed> {
    let round = look.at_micros;
    let own = |one: &Observed| {
        one.observation.at_micros == round && !one.observation.certainty.is_exact()
    };
    if all.iter().any(own) {
        return None;
    }
    let then = before.at_round(round).filter(|known| known.exists());
    let now = now.at_round(round).filter(|known| known.exists());
    let (observation, evidence) = match (then, now) {
        (None, None) => return None,
        (None, Some(now)) => {
            let observation = Observation {
                certainty: Certainty::Missing,
                state: Some(ResourceState::Gone),
                attributes: crate::collect::record::Attributes::new(),
                ..told(now, round, all)?
            };
            (observation, None)
        }
        (Some(then), now) => {
            let shown = told(then, round, all)?;
            if now.is_some_and(|now| now.holds(&shown)) {
                return None;
            }
            (shown, before.evidence_at(round))
        }
    };
    let (evidence, evidence_index) = evidence.unwrap_or((0, 0));
    Some(Observed {
        observation,
        read_micros: look.read_micros,
        shown_micros: None,
        evidence,
        evidence_index,
    })
}

/// A listing at `round` that shows what is known.
fn told(known: &Knowledge, round: i64, all: &[Observed]) -> Option<Observation> {
    let any = &all.first()?.observation;
    Some(Observation {
        owner: known.owner.clone(),
        kind: any.kind,
        resource: any.resource.clone(),
        at_micros: round,
        certainty: Certainty::Seen,
        state: known.state,
        attributes: known.attributes.clone(),
    })
}

/// Where two lives begin to differ.
fn first_difference(before: &[Interval], now: &[Interval]) -> Option<i64> {
    let mut pairs = before.iter().zip(now);
    if let Some((a, b)) = pairs.find(|(a, b)| !is_alike(a, b)) {
        let same_start = a.from_micros == b.from_micros
            && a.owner == b.owner
            && a.state == b.state
            && a.attributes == b.attributes;
        return Some(match same_start {
            true => end(a).min(end(b)),
            false => a.from_micros.min(b.from_micros),
        });
    }
    match before.len().cmp(&now.len()) {
        Ordering::Equal => None,
        Ordering::Less => now.get(before.len()).map(|one| one.from_micros),
        Ordering::Greater => before.get(now.len()).map(|one| one.from_micros),
    }
}

fn end(interval: &Interval) -> i64 {
    interval.until_micros.unwrap_or(i64::MAX)
}

/// Equal but for where it was read.
fn is_alike(a: &Interval, b: &Interval) -> bool {
    a.from_micros == b.from_micros
        && a.until_micros == b.until_micros
        && a.owner == b.owner
        && a.state == b.state
        && a.attributes == b.attributes
}
