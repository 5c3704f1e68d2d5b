//! Observations of one resource become intervals of owner, state and attributes. PURE.
//!
//! - A beginning that a listing tells is exact; what is observed next holds from there.
//! - An event is exact: what it tells holds from its instant on.
//! - A message is sent a moment beside the change it tells. Where a history tells the same change,
//!   the history's instant counts, and the message adds what it knows.
//! - A listing that shows what is known confirms it. One that shows something else counts from
//!   its own instant: a change that nobody saw is billed from when it was seen.
//! - A listing says how it was at some instant between its start and its end. Where an event in
//!   that time tells the same change, the event's instant counts; and shortly after an event a
//!   listing may still show what was before it, which counts for nothing. What it shows that was
//!   not before is a change all the same.
//! - What a listing adds, without contradicting what was known, holds back to the last change.
//! - A resource that a complete listing of its kind does not show is gone since the last sign of
//!   it, unless an event tells the exact instant, be it later.
//!
//! The order in which observations are given, and how often, changes nothing.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::collect::observation::{Certainty, Observation, ResourceState};
use crate::collect::record::Attributes;
use crate::ids::OwnerRef;

/// How long after an event a listing may still show what was before it: clocks differ, and
/// services answer from copies of their data.
pub const SETTLE_MICROS: i64 = 30_000_000;

/// How far the clocks of Billow and of the orchestrator may differ without moving an instant.
pub const SKEW_MICROS: i64 = 5_000_000;

/// How far apart a message and a history may date one change.
pub const TWICE_MICROS: i64 = 2_000_000;

/// An observation with what the core knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    pub observation: Observation,
    /// Of listings: the instant at which the round had ended.
    pub read_micros: i64,
    /// Of [`Certainty::Missing`]: the last listing that showed the resource.
    pub shown_micros: Option<i64>,
    /// The page of evidence and the position on it.
    pub evidence: i64,
    pub evidence_index: i64,
}

impl Observed {
    /// The order of time; at one instant histories come first, then messages, and what ends comes
    /// last.
    pub fn order(&self, other: &Self) -> Ordering {
        let key = |one: &Self| (one.observation.at_micros, one.observation.certainty);
        let (a, b) = (&self.observation, &other.observation);
        key(self)
            .cmp(&key(other))
            .then_with(|| a.state.cmp(&b.state))
            .then_with(|| a.owner.cmp(&b.owner))
            .then_with(|| a.attributes.cmp(&b.attributes))
            .then_with(|| other.shown_micros.cmp(&self.shown_micros))
            .then_with(|| self.read_micros.cmp(&other.read_micros))
    }
}

/// What is known of a resource at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knowledge {
    pub owner: OwnerRef,
    /// `None` where no observation told it yet.
    pub state: Option<ResourceState>,
    /// An empty value: it is known to have no such thing.
    pub attributes: Attributes,
}

impl Knowledge {
    /// What a first observation tells.
    pub fn of(observation: &Observation) -> Self {
        Self {
            owner: observation.owner.clone(),
            state: observation.state,
            attributes: observation.attributes.clone(),
        }
    }

    /// What is known after an observation; what it does not tell stays.
    pub fn then(&self, observation: &Observation) -> Self {
        let mut attributes = self.attributes.clone();
        for (key, value) in &observation.attributes {
            attributes.insert(key.clone(), value.clone());
        }
        Self {
            owner: observation.owner.clone(),
            state: observation.state.or(self.state),
            attributes,
        }
    }

    /// Whether an observation says something else than what is known. To add is no contradiction.
    fn is_contradicted(&self, observation: &Observation) -> bool {
        let state = observation.state.is_some_and(|state| self.state != Some(state));
        state || self.owner != observation.owner || !is_compatible(&self.attributes, observation)
    }

    /// Whether an observation tells nothing that is not known.
    pub fn holds(&self, observation: &Observation) -> bool {
        !self.is_contradicted(observation)
            && observation.attributes.keys().all(|key| self.attributes.contains_key(key))
    }

    /// Whether the resource is known to exist.
    pub fn exists(&self) -> bool {
        self.state.is_none_or(ResourceState::exists)
    }

    /// The attributes that the resource has.
    pub fn told(&self) -> Attributes {
        let told = self.attributes.iter().filter(|(_, value)| !value.is_empty());
        told.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

fn is_compatible(attributes: &Attributes, observation: &Observation) -> bool {
    let same =
        |(key, value): (&String, &String)| attributes.get(key).is_none_or(|known| known == value);
    observation.attributes.iter().all(same)
}

/// Owner, state and attributes between two instants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    pub owner: OwnerRef,
    pub state: ResourceState,
    pub attributes: Attributes,
    /// Microseconds since 1970 UTC.
    pub from_micros: i64,
    /// `None` while it goes on.
    pub until_micros: Option<i64>,
    /// The page and position of the observation that opened it.
    pub evidence: i64,
    pub evidence_index: i64,
}

/// All that observations of a resource say about its life.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    stretches: Vec<Stretch>,
    last_event: Option<i64>,
}

#[derive(Clone, Debug)]
struct Stretch {
    from: i64,
    knowledge: Knowledge,
    /// Gone because a listing did not show it.
    provisional: bool,
    evidence: i64,
    evidence_index: i64,
}

/// Reads observations of one resource, in any order.
pub fn timeline(observed: &[Observed]) -> Timeline {
    let dated = dated(observed);
    let mut sorted: Vec<&Observed> = dated.iter().map(AsRef::as_ref).collect();
    sorted.sort_by(|a, b| a.order(b));
    sorted.dedup_by(|a, b| a.order(b) == Ordering::Equal);
    let mut fold = Fold { timeline: Timeline::default(), life: i64::MIN };
    for (index, one) in sorted.iter().enumerate() {
        let gone = one.observation.state == Some(ResourceState::Gone);
        match one.observation.certainty {
            Certainty::Made => fold.made(one, &sorted[index + 1..]),
            Certainty::Event | Certainty::Heard => fold.event(one),
            Certainty::Seen if !gone => fold.seen(one, &sorted[index + 1..]),
            Certainty::Seen | Certainty::Missing => fold.missing(one),
        }
    }
    fold.timeline
}

/// Moves messages to the instant at which a history tells the same change.
fn dated(observed: &[Observed]) -> Vec<Cow<'_, Observed>> {
    let instant = |one: &Observed| one.observation.at_micros;
    let mut told: Vec<&Observed> =
        observed.iter().filter(|one| one.observation.certainty == Certainty::Event).collect();
    told.sort_unstable_by_key(|one| instant(one));
    let twin = |heard: &Observed| {
        let at = instant(heard);
        let from = told.partition_point(|one| instant(one) < at - TWICE_MICROS);
        told[from..]
            .iter()
            .take_while(|one| instant(one) <= at + TWICE_MICROS)
            .filter(|one| is_one_change(&one.observation, &heard.observation))
            .min_by_key(|one| (instant(one) - at).abs())
            .map(|one| instant(one))
    };
    let date = |one| match heard(one).and_then(&twin) {
        Some(at_micros) => {
            let observation = Observation { at_micros, ..one.observation.clone() };
            Cow::Owned(Observed { observation, ..one.clone() })
        }
        None => Cow::Borrowed(one),
    };
    observed.iter().map(date).collect()
}

fn heard(one: &Observed) -> Option<&Observed> {
    (one.observation.certainty == Certainty::Heard).then_some(one)
}

/// Whether a history and a message tell one change: a message knows sizes that a history may not.
fn is_one_change(told: &Observation, heard: &Observation) -> bool {
    told.state == heard.state && told.owner == heard.owner
}

impl Timeline {
    /// What is known of an instant; `None` before the first observation.
    pub fn at(&self, micros: i64) -> Option<&Knowledge> {
        let after = self.stretches.partition_point(|stretch| stretch.from <= micros);
        self.stretches[..after].last().map(|stretch| &stretch.knowledge)
    }

    /// What a round at an instant showed: what is gone since a listing that showed it, was there.
    pub fn at_round(&self, micros: i64) -> Option<&Knowledge> {
        let after = self.stretches.partition_point(|stretch| {
            stretch.from < micros || (stretch.from == micros && !stretch.provisional)
        });
        self.stretches[..after].last().map(|stretch| &stretch.knowledge)
    }

    /// What is known last.
    pub fn last(&self) -> Option<&Knowledge> {
        self.stretches.last().map(|stretch| &stretch.knowledge)
    }

    /// Since when the last knowledge holds.
    pub fn since(&self) -> Option<i64> {
        self.stretches.last().map(|stretch| stretch.from)
    }

    /// The instant of the last event.
    pub fn last_event(&self) -> Option<i64> {
        self.last_event
    }

    /// Since when the resource is gone, where it is.
    pub fn gone_since(&self) -> Option<i64> {
        let last = self.stretches.last()?;
        (!last.knowledge.exists()).then_some(last.from)
    }

    /// Page and position of the observation that began what holds at an instant.
    pub fn evidence_at(&self, micros: i64) -> Option<(i64, i64)> {
        let after = self.stretches.partition_point(|stretch| stretch.from <= micros);
        let stretch = self.stretches[..after].last()?;
        Some((stretch.evidence, stretch.evidence_index))
    }

    /// The intervals in which the resource existed in a known state, ascending; neighbours differ
    /// in something.
    pub fn intervals(&self) -> Vec<Interval> {
        let mut intervals: Vec<Interval> = Vec::new();
        for (index, stretch) in self.stretches.iter().enumerate() {
            let until = self.stretches.get(index + 1).map(|next| next.from);
            let Some(state) = stretch.knowledge.state.filter(|state| state.exists()) else {
                continue;
            };
            if until == Some(stretch.from) {
                continue;
            }
            let interval = Interval {
                owner: stretch.knowledge.owner.clone(),
                state,
                attributes: stretch.knowledge.told(),
                from_micros: stretch.from,
                until_micros: until,
                evidence: stretch.evidence,
                evidence_index: stretch.evidence_index,
            };
            match intervals.last_mut() {
                Some(last) if continues(last, &interval) => last.until_micros = until,
                Some(_) | None => intervals.push(interval),
            }
        }
        intervals
    }
}

fn continues(before: &Interval, next: &Interval) -> bool {
    before.until_micros == Some(next.from_micros)
        && before.state == next.state
        && before.owner == next.owner
        && before.attributes == next.attributes
}

struct Fold {
    timeline: Timeline,
    /// The last sign of life.
    life: i64,
}

impl Fold {
    fn push(&mut self, from: i64, knowledge: Knowledge, one: &Observed) -> &mut Stretch {
        self.timeline.stretches.push(Stretch {
            from,
            knowledge,
            provisional: false,
            evidence: one.evidence,
            evidence_index: one.evidence_index,
        });
        let last = self.timeline.stretches.len() - 1;
        &mut self.timeline.stretches[last]
    }

    /// What is observed next holds from the beginning, unless something was known before.
    fn made(&mut self, one: &Observed, rest: &[&Observed]) {
        let next = rest.iter().find(|next| next.observation.certainty != Certainty::Made);
        let Some(next) = next.map(|next| Knowledge::of(&next.observation)) else { return };
        if self.timeline.stretches.is_empty() && next.exists() {
            self.life = one.observation.at_micros;
            self.push(one.observation.at_micros, next, one);
        }
    }

    fn event(&mut self, one: &Observed) {
        let observation = &one.observation;
        let at = observation.at_micros;
        self.timeline.last_event = Some(at);
        let gone = observation.state == Some(ResourceState::Gone);
        let Some(last) = self.timeline.stretches.last_mut() else {
            self.life = if gone { self.life } else { at };
            self.push(at, Knowledge::of(observation), one);
            return;
        };
        let next = last.knowledge.then(observation);
        if next.exists() {
            self.life = at;
            if next != last.knowledge {
                self.push(at, next, one);
            }
        } else if last.knowledge.exists() {
            self.push(at, next, one);
        } else if gone && last.provisional {
            // The exact end of what a listing missed before.
            last.from = at;
            last.provisional = false;
            last.evidence = one.evidence;
            last.evidence_index = one.evidence_index;
        } else {
            last.knowledge.attributes = next.attributes;
        }
    }

    fn seen(&mut self, one: &Observed, rest: &[&Observed]) {
        let observation = &one.observation;
        let at = observation.at_micros;
        let known = self.timeline.last().cloned();
        let contradicted = known.as_ref().is_none_or(|known| known.is_contradicted(observation));
        if contradicted && (self.is_behind(observation) || is_told(known.as_ref(), one, rest)) {
            if known.is_some_and(|known| known.exists()) {
                self.life = at;
            }
            return;
        }
        self.life = at;
        if contradicted {
            let next = match &known {
                Some(known) => known.then(observation),
                None => Knowledge::of(observation),
            };
            self.push(at, next, one);
        }
        self.complete(observation);
    }

    fn is_settling(&self, at: i64) -> bool {
        self.timeline.last_event.is_some_and(|event| at - event <= SETTLE_MICROS)
    }

    /// Whether a listing shortly after an event shows what was before it. What never was is no
    /// old copy, but a change that nobody told.
    fn is_behind(&self, observation: &Observation) -> bool {
        let at = observation.at_micros;
        let ended = self.timeline.stretches.windows(2).rev();
        self.is_settling(at)
            && ended
                .take_while(|pair| at - pair[1].from <= SETTLE_MICROS)
                .any(|pair| !pair[0].knowledge.is_contradicted(observation))
    }

    /// What a listing adds holds back to the last stretch that it contradicts.
    fn complete(&mut self, observation: &Observation) {
        for stretch in self.timeline.stretches.iter_mut().rev() {
            let known = &mut stretch.knowledge;
            if !known.exists() || !is_compatible(&known.attributes, observation) {
                return;
            }
            for (key, value) in &observation.attributes {
                known.attributes.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }

    fn missing(&mut self, one: &Observed) {
        let at = one.observation.at_micros;
        let Some(last) = self.timeline.stretches.last() else { return };
        if !last.knowledge.exists() || self.is_settling(at) {
            return;
        }
        let knowledge = Knowledge { state: Some(ResourceState::Gone), ..last.knowledge.clone() };
        let sign = one.shown_micros.unwrap_or(i64::MIN).max(self.life);
        let from = sign.min(at).max(last.from);
        self.push(from, knowledge, one).provisional = true;
    }
}

/// Whether events in the time that a listing took tell the same change.
fn is_told(known: Option<&Knowledge>, seen: &Observed, rest: &[&Observed]) -> bool {
    let mut known = known.cloned();
    for one in rest {
        let observation = &one.observation;
        if observation.at_micros > seen.read_micros + SKEW_MICROS {
            return false;
        }
        if !observation.certainty.is_event() {
            continue;
        }
        let next = match &known {
            Some(known) => known.then(observation),
            None => Knowledge::of(observation),
        };
        if !next.is_contradicted(&seen.observation) {
            return true;
        }
        known = Some(next);
    }
    false
}
