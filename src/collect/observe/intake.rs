//! Takes observations into the database, in the caller's transaction.
//!
//! What is known already costs a look-up. An event later than all that is known of its resource is
//! put on top. Everything else is compared with the resource's whole history ([`super::news`]).

use std::collections::{BTreeMap, BTreeSet};

use super::excerpt::Excerpt;
use super::interval::{Knowledge, Observed, SETTLE_MICROS, TWICE_MICROS};
use super::news::{Look, News, news};
use super::store::{self, KindRounds, NEVER, ObservationState, ResourceKey, Tail};
use crate::collect::observation::{Certainty, Observation, ResourceKind, ResourceState};
use crate::collect::store::{NewPage, save_page};
use crate::ids::SourceName;
use crate::period::Span;
use crate::store::{Conn, Engine, StoreError};

/// An observation as it came.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub observation: Observation,
    /// When the round had ended; the instant itself for events and beginnings.
    pub read_micros: i64,
    /// Of what is missing: the last listing that showed it.
    pub shown_micros: Option<i64>,
    /// Number of the answer it was read from.
    pub answer: usize,
    /// Position in that answer.
    pub index: usize,
}

/// The answers that observations were read from, for the evidence.
pub struct Answers<'a> {
    /// Names this reading; the same for all its answers.
    pub reading: &'a str,
    /// The time in which it was read.
    pub window: Span,
    pub fetched_at: i64,
    /// The request of an answer, without credentials.
    pub request: &'a (dyn Fn(usize) -> String + Sync),
    /// The orchestrator's own words at a position of an answer.
    pub words: &'a (dyn Fn(usize, usize) -> Vec<u8> + Sync),
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Taken {
    /// Observations that were new.
    pub fresh: u64,
    /// Resources of which a listing showed only what is known.
    pub confirmed: Vec<ResourceKey>,
}

/// Takes observations of one source; its state is locked by the caller.
pub async fn take(
    conn: &mut Conn,
    engine: Engine,
    (source, state): (&SourceName, &ObservationState),
    arrived: Vec<Arrived>,
    answers: &Answers<'_>,
) -> Result<Taken, StoreError> {
    let mut groups: BTreeMap<ResourceKey, Vec<Observed>> = BTreeMap::new();
    for one in arrived {
        let key = (one.observation.kind, one.observation.resource.clone());
        groups.entry(key).or_default().push(one.into_observed());
    }
    let tails = store::load_tails(conn, source, groups.keys()).await?;
    let kinds = store::load_kinds(conn, source).await?;
    let mut work = Work { source, state, kinds, out: Out::default() };
    let mut taken = Taken::default();
    let (mut on_top, mut compared) = (BTreeMap::new(), BTreeMap::new());
    for (key, group) in groups {
        let tail = tails.get(&key);
        if tail.is_some_and(|tail| is_known(tail, &group)) {
            taken.confirmed.push(key);
        } else if tail.is_some_and(|tail| work.is_on_top(key.0, tail, &group)) {
            on_top.insert(key, group);
        } else {
            compared.insert(key, group);
        }
    }
    work.put_on_top(conn, &tails, on_top).await?;
    work.compare(conn, &tails, compared, &mut taken).await?;
    let Work { out, .. } = work;
    taken.fresh = out.save(conn, engine, source, answers).await?;
    Ok(taken)
}

impl Arrived {
    /// Evidence that is not kept yet is marked by the answer's number below zero.
    fn into_observed(self) -> Observed {
        Observed {
            observation: self.observation,
            read_micros: self.read_micros,
            shown_micros: self.shown_micros,
            evidence: -1 - i64::try_from(self.answer).unwrap_or(0),
            evidence_index: i64::try_from(self.index).unwrap_or(0),
        }
    }
}

/// Whether a round tells of a resource only what the last one told, and nothing came between.
fn is_known(tail: &Tail, group: &[Observed]) -> bool {
    let listed = |one: &Observed| {
        one.observation.certainty == Certainty::Seen
            && one.observation.at_micros >= tail.last_micros
    };
    tail.known_hash != 0
        && group.iter().any(listed)
        && store::hash_of_round(group) == tail.known_hash
}

struct Work<'a> {
    source: &'a SourceName,
    state: &'a ObservationState,
    kinds: BTreeMap<ResourceKind, KindRounds>,
    out: Out,
}

/// What is to be stored.
#[derive(Default)]
struct Out {
    fresh: Vec<Observed>,
    tails: BTreeMap<ResourceKey, Tail>,
    due: BTreeMap<ResourceKey, i64>,
}

impl Work<'_> {
    /// Whether events of a resource that exists follow all that is known of it, and no complete
    /// round came after them that could contradict them.
    fn is_on_top(&self, kind: ResourceKind, tail: &Tail, group: &[Observed]) -> bool {
        let after = |one: &Observed| {
            let told = &one.observation;
            told.certainty.is_event()
                && told.at_micros > tail.last_micros
                && told.state != Some(ResourceState::Gone)
                && !self.is_late(kind, told.at_micros)
        };
        tail.gone_micros == NEVER && group.iter().all(after)
    }

    fn is_late(&self, kind: ResourceKind, at_micros: i64) -> bool {
        let after = at_micros + SETTLE_MICROS;
        self.kinds.get(&kind).is_some_and(|rounds| rounds.complete_micros > after)
    }

    async fn put_on_top(
        &mut self,
        conn: &mut Conn,
        tails: &BTreeMap<ResourceKey, Tail>,
        groups: BTreeMap<ResourceKey, Vec<Observed>>,
    ) -> Result<(), StoreError> {
        let mut known: BTreeMap<ResourceKey, Tail> =
            groups.keys().filter_map(|key| Some((key.clone(), tails.get(key)?.clone()))).collect();
        store::load_attributes_of(conn, &mut known).await?;
        for (key, mut group) in groups {
            let Some(tail) = known.get_mut(&key) else { continue };
            group.sort_by(Observed::order);
            for one in &group {
                let next = tail.knowledge.then(&one.observation);
                tail.last_micros = one.observation.at_micros;
                if next != tail.knowledge {
                    tail.since_micros = one.observation.at_micros;
                    tail.knowledge = next;
                }
            }
            tail.known_hash = 0;
            tail.attribute_set = store::set_of(&tail.knowledge.attributes);
            let first = group.first().map(|one| one.observation.at_micros - TWICE_MICROS);
            self.note_due(&key, first);
            self.out.tails.insert(key, tail.clone());
            self.out.fresh.extend(group);
        }
        Ok(())
    }

    async fn compare(
        &mut self,
        conn: &mut Conn,
        tails: &BTreeMap<ResourceKey, Tail>,
        groups: BTreeMap<ResourceKey, Vec<Observed>>,
        taken: &mut Taken,
    ) -> Result<(), StoreError> {
        let with_history: Vec<&ResourceKey> =
            groups.keys().filter(|key| tails.contains_key(*key)).collect();
        let mut histories =
            store::load_observations(conn, self.source, with_history, i64::MAX).await?;
        for (key, group) in groups {
            let history = histories.remove(&key).unwrap_or_default();
            let rounds = self.load_rounds(conn, key.0, &history, &group).await?;
            let found = news(&history, &rounds, &group);
            let Some(mut tail) = tail_of(&found, &history, &group) else { continue };
            let before = tails.get(&key);
            tail.seen_micros = before.map_or(0, |before| before.seen_micros);
            if found.fresh.is_empty() && tail.known_hash != 0 {
                taken.confirmed.push(key.clone());
            }
            self.note_due(&key, found.changed_from);
            if before.is_none_or(|before| !is_same_tail(before, &tail)) {
                self.out.tails.insert(key, tail);
            }
            self.out.fresh.extend(found.fresh);
        }
        Ok(())
    }

    /// The complete rounds that late events must agree with.
    async fn load_rounds(
        &self,
        conn: &mut Conn,
        kind: ResourceKind,
        history: &[Observed],
        group: &[Observed],
    ) -> Result<Vec<Look>, StoreError> {
        let mut rounds = BTreeSet::new();
        for one in group {
            let told = &one.observation;
            let late = told.certainty.is_event() && self.is_late(kind, told.at_micros);
            if !late || history.iter().any(|known| known.observation == *told) {
                continue;
            }
            let after = told.at_micros + SETTLE_MICROS;
            rounds.extend(store::load_round_after(conn, self.source, kind, after).await?);
        }
        Ok(rounds.into_iter().collect())
    }

    /// Usage made before is made again from the first instant that differs.
    fn note_due(&mut self, key: &ResourceKey, changed_from: Option<i64>) {
        let derived = self.state.derived_from.zip(self.state.derived_until);
        let (Some(changed), Some((from, until))) = (changed_from, derived) else { return };
        let changed = changed.div_euclid(1_000_000).max(from);
        if changed < until {
            self.out.due.insert(key.clone(), changed);
        }
    }
}

/// What is known last after a comparison; `None` when nothing is known at all.
fn tail_of(found: &News, history: &[Observed], group: &[Observed]) -> Option<Tail> {
    let line = &found.timeline;
    let knowledge: Knowledge = line.last()?.clone();
    let instants = history.iter().chain(&found.fresh).map(|one| one.observation.at_micros);
    let mut listed = group.iter().filter(|one| one.observation.certainty == Certainty::Seen);
    let holds = listed.next_back().is_some_and(|one| {
        line.at(one.observation.at_micros).is_some_and(|known| known.holds(&one.observation))
    });
    Some(Tail {
        attribute_set: store::set_of(&knowledge.attributes),
        since_micros: line.since()?,
        last_micros: instants.max()?,
        known_hash: if holds { store::hash_of_round(group) } else { 0 },
        seen_micros: 0,
        gone_micros: line.gone_since().unwrap_or(NEVER),
        knowledge,
    })
}

/// Equal but for the attributes, which are compared by the id of their set.
fn is_same_tail(a: &Tail, b: &Tail) -> bool {
    a.attribute_set == b.attribute_set
        && (a.knowledge.state, &a.knowledge.owner) == (b.knowledge.state, &b.knowledge.owner)
        && (a.since_micros, a.last_micros) == (b.since_micros, b.last_micros)
        && (a.known_hash, a.gone_micros) == (b.known_hash, b.gone_micros)
}

impl Out {
    async fn save(
        mut self,
        conn: &mut Conn,
        engine: Engine,
        source: &SourceName,
        answers: &Answers<'_>,
    ) -> Result<u64, StoreError> {
        self.keep_evidence(conn, source, answers).await?;
        let at = answers.fetched_at;
        let fresh = store::save_observations(conn, engine, source, &self.fresh, at).await?;
        store::save_tails(conn, engine, source, &self.tails).await?;
        store::save_due(conn, source, &self.due).await?;
        Ok(fresh)
    }

    /// Keeps the words behind what is new, one page for each answer.
    async fn keep_evidence(
        &mut self,
        conn: &mut Conn,
        source: &SourceName,
        answers: &Answers<'_>,
    ) -> Result<(), StoreError> {
        let mut places: BTreeMap<i64, BTreeMap<i64, i64>> = BTreeMap::new();
        for one in self.fresh.iter().filter(|one| one.evidence < 0) {
            places.entry(one.evidence).or_default().insert(one.evidence_index, 0);
        }
        let mut pages: BTreeMap<i64, i64> = BTreeMap::new();
        for (mark, indexes) in &mut places {
            let answer = usize::try_from(-1 - mark).unwrap_or(0);
            let mut excerpt = Excerpt::default();
            for (index, position) in indexes.iter_mut() {
                let index = usize::try_from(*index).unwrap_or(0);
                *position = excerpt.add(&(answers.words)(answer, index));
            }
            let page = NewPage {
                source,
                reading: answers.reading,
                request: &(answers.request)(answer),
                window: answers.window,
                page: u32::try_from(answer).unwrap_or(u32::MAX),
                fetched_at: answers.fetched_at,
                body: &excerpt.body(),
            };
            pages.insert(*mark, save_page(conn, page).await?);
        }
        for one in self.fresh.iter_mut().filter(|one| one.evidence < 0) {
            let position = places.get(&one.evidence).and_then(|at| at.get(&one.evidence_index));
            one.evidence_index = position.copied().unwrap_or(0);
            one.evidence = pages.get(&one.evidence).copied().unwrap_or(0);
        }
        Ok(())
    }
}
