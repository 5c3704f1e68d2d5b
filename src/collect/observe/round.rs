//! A round of listings: all that exists now, and what changed since the last one.
//!
//! Observations are taken in pieces of some hundred resources, each one transaction, so that events
//! get in between; the round counts as complete only with the last piece. A round that fails leaves
//! what it took, which the next one finds known.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde::Serialize;

use super::intake::{Answers, Arrived, Taken, take};
use super::store::{self, KindRounds, ResourceKey, Round};
use crate::app::App;
use crate::collect::observation::{Certainty, Observation, ResourceKind, ResourceState};
use crate::collect::record::Attributes;
use crate::collect::store::{NewPage, save_page};
use crate::finding::store::{NewFinding, save_findings};
use crate::ids::{IdMaker, OwnerRef};
use crate::jobs::lease;
use crate::orchestrator::plain::{plain_observation, plain_rejected};
use crate::orchestrator::{
    ObservationAsk, Orchestrator, OrchestratorError, RawObservations, RejectedRecord,
};
use crate::period::Span;
use crate::store::{Conn, StoreError};

const DAY_SECONDS: i64 = 86_400;

/// Changes are asked for from so long before the last complete round: clocks differ, and services
/// note a change some time after it.
const OVERLAP_SECONDS: i64 = 900;

/// The first round of a day asks for the changes of so many days, to heal what was missed.
const HEAL_DAYS: i64 = 2;

/// Resources whose observations are one transaction.
const RESOURCES_MAX: usize = 500;

/// Tries of a transaction that another one got in the way of.
const TRIES_MAX: u32 = 20;

/// What a round brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ObserveReport {
    pub source: String,
    pub pages: u64,
    /// Observations in the answers.
    pub observations: u64,
    /// Observations that were new.
    pub fresh: u64,
    /// Resources that a complete listing did not show any more.
    pub missing: u64,
    /// Rows that could not be understood.
    pub rejected: u64,
    /// What the orchestrator does not run or does not show.
    pub skipped: Vec<String>,
}

/// Observes one source under its lease.
pub async fn observe(app: &App, orchestrator: &dyn Orchestrator) -> anyhow::Result<ObserveReport> {
    let source = orchestrator.source();
    let name = lease_name(orchestrator);
    let lease = lease::take(&app.db, &name, &lease::holder("billow observe")).await?;
    let result = observe_leased(app, orchestrator).await;
    if let Err(error) = &result {
        let mut tx = app.db.begin().await?;
        let mut state = store::lock_state(&mut tx, source).await?;
        state.last_error = Some(format!("{error:#}"));
        state.last_error_at = Some(app.clock.now_seconds());
        store::save_state(&mut tx, source, &state).await?;
        tx.commit().await?;
    }
    lease::release(&app.db, lease).await?;
    result
}

fn lease_name(orchestrator: &dyn Orchestrator) -> String {
    format!("observe:{}", orchestrator.source())
}

async fn observe_leased(
    app: &App,
    orchestrator: &dyn Orchestrator,
) -> anyhow::Result<ObserveReport> {
    let source = orchestrator.source();
    let mut conn = app.db.read().await?;
    let kinds = store::load_kinds(&mut conn, source).await?;
    drop(conn);
    let now = app.clock.now_seconds();
    let ask = ObservationAsk { now, since: since(&kinds, now) };
    let raw = orchestrator.fetch_observations(ask).await?;
    let read_micros = app.clock.now().as_microsecond();
    let listing = Listing::read(orchestrator, raw, read_micros)?;
    let reading = IdMaker::new(app.clock.as_ref()).fresh();
    let round = RoundWork { app, orchestrator, listing: &listing, reading: &reading, now };
    round.run(&kinds).await
}

/// From when on changes are asked for; `None` for all there is, which the first round asks.
fn since(kinds: &BTreeMap<ResourceKind, KindRounds>, now: i64) -> Option<i64> {
    let last = kinds.values().map(|rounds| rounds.listed_micros).min()?.div_euclid(1_000_000);
    let new_day = last.div_euclid(DAY_SECONDS) != now.div_euclid(DAY_SECONDS);
    let back = if new_day { HEAL_DAYS * DAY_SECONDS } else { OVERLAP_SECONDS };
    Some(last - back)
}

/// A round's answers, read.
struct Listing {
    raw: RawObservations,
    read_micros: i64,
    /// In pieces of whole resources.
    pieces: Vec<Vec<Arrived>>,
    shown: BTreeSet<ResourceKey>,
    rejected: Vec<(usize, usize, RejectedRecord)>,
    complete: Vec<ResourceKind>,
}

impl Listing {
    fn read(
        orchestrator: &dyn Orchestrator,
        raw: RawObservations,
        read_micros: i64,
    ) -> Result<Self, OrchestratorError> {
        let mut groups: BTreeMap<ResourceKey, Vec<Arrived>> = BTreeMap::new();
        let mut rejected = Vec::new();
        let mut doubted: BTreeSet<ResourceKind> = BTreeSet::new();
        for (answer, page) in raw.pages.iter().enumerate() {
            let mut kinds = BTreeSet::new();
            let before = rejected.len();
            for parsed in orchestrator.parse_observations(page, raw.seen_at)? {
                let told = parsed.outcome.map_err(plain_rejected).and_then(fitting);
                match told {
                    Ok(observation) => {
                        let arrived = arrived(observation, read_micros, answer, parsed.index);
                        let kind = arrived.observation.kind;
                        kinds.insert(kind);
                        let key = (kind, arrived.observation.resource.clone());
                        groups.entry(key).or_default().push(arrived);
                    }
                    Err(reason) => rejected.push((answer, parsed.index, reason)),
                }
            }
            if rejected.len() > before {
                // What could not be read may be any resource of these kinds.
                doubted.extend(if kinds.is_empty() { ResourceKind::ALL.into() } else { kinds });
            }
        }
        let shown = groups
            .iter()
            .filter(|(_, group)| group.iter().any(is_shown))
            .map(|(key, _)| key.clone())
            .collect();
        let complete =
            raw.complete.iter().copied().filter(|kind| !doubted.contains(kind)).collect();
        let pieces = pieces(groups);
        Ok(Self { raw, read_micros, pieces, shown, rejected, complete })
    }

    fn at_micros(&self) -> i64 {
        self.raw.seen_at * 1_000_000
    }
}

/// Whether a listing shows the resource, as its history alone does not.
fn is_shown(one: &Arrived) -> bool {
    one.observation.certainty == Certainty::Seen
        && one.observation.state != Some(ResourceState::Gone)
}

fn pieces(groups: BTreeMap<ResourceKey, Vec<Arrived>>) -> Vec<Vec<Arrived>> {
    let mut pieces = Vec::new();
    let mut piece = Vec::new();
    let mut resources = 0;
    for group in groups.into_values() {
        piece.extend(group);
        resources += 1;
        if resources == RESOURCES_MAX {
            pieces.push(std::mem::take(&mut piece));
            resources = 0;
        }
    }
    pieces.push(piece);
    pieces
}

fn arrived(observation: Observation, read_micros: i64, answer: usize, index: usize) -> Arrived {
    let read_micros = match observation.certainty {
        Certainty::Made | Certainty::Event | Certainty::Heard => observation.at_micros,
        Certainty::Seen | Certainty::Missing => read_micros.max(observation.at_micros),
    };
    Arrived { observation, read_micros, shown_micros: None, answer, index }
}

/// Refuses what no resource of the kind can be, which an adapter must not tell.
pub fn fitting(observation: Observation) -> Result<Observation, RejectedRecord> {
    let observation = plain_observation(observation);
    let Some(state) = observation.state.filter(|state| !state.fits(observation.kind)) else {
        return Ok(observation);
    };
    let (kind, resource) = (observation.kind.as_str(), &observation.resource);
    let reason = format!("{kind} {resource} cannot be {}", state.as_str());
    Err(RejectedRecord {
        meter: kind.to_owned(),
        span: None,
        reason,
        owner: Some(observation.owner),
    })
}

/// One transaction of a round.
enum Step<'a> {
    Piece(&'a [Arrived]),
    Finish { kinds: &'a BTreeMap<ResourceKind, KindRounds>, confirmed: &'a [ResourceKey] },
}

#[derive(Clone, Copy)]
struct RoundWork<'a> {
    app: &'a App,
    orchestrator: &'a dyn Orchestrator,
    listing: &'a Listing,
    reading: &'a str,
    /// When the transaction at work records.
    now: i64,
}

impl RoundWork<'_> {
    async fn run(
        &self,
        kinds: &BTreeMap<ResourceKind, KindRounds>,
    ) -> anyhow::Result<ObserveReport> {
        let listing = self.listing;
        let mut report = ObserveReport {
            source: self.orchestrator.source().0.clone(),
            pages: u64::try_from(listing.raw.pages.len()).unwrap_or(0),
            rejected: u64::try_from(listing.rejected.len()).unwrap_or(0),
            skipped: listing.raw.skipped.clone(),
            ..ObserveReport::default()
        };
        let mut confirmed: Vec<ResourceKey> = Vec::new();
        for piece in &listing.pieces {
            let taken = self.commit(&Step::Piece(piece)).await?;
            report.observations += u64::try_from(piece.len()).unwrap_or(0);
            report.fresh += taken.fresh;
            confirmed.extend(taken.confirmed);
            lease::renew(&self.app.db, &lease_name(self.orchestrator)).await?;
        }
        confirmed.retain(|(kind, _)| !listing.complete.contains(kind));
        let missing = self.commit(&Step::Finish { kinds, confirmed: &confirmed }).await?;
        report.missing = missing.fresh;
        report.fresh += missing.fresh;
        Ok(report)
    }

    /// Runs one step in a transaction, again when another got in its way.
    async fn commit(&self, step: &Step<'_>) -> anyhow::Result<Taken> {
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::try_commit(*self, step).await {
                Err(error) if error.is_retryable() && tries < TRIES_MAX => {}
                other => return other.context("taking observations"),
            }
        }
    }

    async fn try_commit(mut self, step: &Step<'_>) -> Result<Taken, StoreError> {
        let (mut tx, now) = self.app.record().await?;
        self.now = now;
        let taken = match step {
            Step::Piece(piece) => self.take(&mut tx, piece.to_vec()).await?,
            Step::Finish { kinds, confirmed } => self.finish(&mut tx, kinds, confirmed).await?,
        };
        tx.commit().await?;
        Ok(taken)
    }

    async fn take(&self, conn: &mut Conn, arrived: Vec<Arrived>) -> Result<Taken, StoreError> {
        let (source, engine) = (self.orchestrator.source(), self.app.db.engine());
        let state = store::lock_state(conn, source).await?;
        let pages = &self.listing.raw.pages;
        let request = |answer: usize| {
            pages.get(answer).map_or_else(|| NOTE.to_owned(), |page| page.request.clone())
        };
        let words = |answer: usize, index: usize| self.words(answer, index);
        let answers = Answers {
            reading: self.reading,
            window: self.window(),
            fetched_at: self.now,
            request: &request,
            words: &words,
        };
        take(conn, engine, (source, &state), arrived, &answers).await
    }

    fn window(&self) -> Span {
        let at = self.listing.raw.seen_at;
        Span::new(at, self.listing.read_micros.div_euclid(1_000_000).max(at))
    }

    /// The orchestrator's words at a position; of an adapter that cannot cut them out, the page.
    fn words(&self, answer: usize, index: usize) -> Vec<u8> {
        match self.listing.raw.pages.get(answer) {
            Some(page) => self
                .orchestrator
                .raw_record(page, index)
                .map_or_else(|| page.body.clone(), String::into_bytes),
            None => format!("{{\"not_listed_at\":{}}}", self.listing.raw.seen_at).into_bytes(),
        }
    }

    /// What complete listings did not show, what could not be read, and the round itself.
    async fn finish(
        &self,
        conn: &mut Conn,
        kinds: &BTreeMap<ResourceKind, KindRounds>,
        confirmed: &[ResourceKey],
    ) -> Result<Taken, StoreError> {
        let (source, at_micros) = (self.orchestrator.source(), self.listing.at_micros());
        let mut state = store::lock_state(conn, source).await?;
        let missing = self.missing(conn, kinds).await?;
        let taken = self.take(conn, missing).await?;
        store::save_seen(conn, source, confirmed, at_micros).await?;
        self.save_rejected(conn).await?;
        let round = Round {
            at_micros,
            read_micros: self.listing.read_micros,
            listed: &self.listing.raw.complete,
            complete: &self.listing.complete,
        };
        store::save_round(conn, source, &round).await?;
        state.last_round_at = self.app.clock.now_seconds();
        state.last_error = None;
        store::save_state(conn, source, &state).await?;
        Ok(taken)
    }

    async fn missing(
        &self,
        conn: &mut Conn,
        kinds: &BTreeMap<ResourceKind, KindRounds>,
    ) -> Result<Vec<Arrived>, StoreError> {
        let listing = self.listing;
        let mut missing = Vec::new();
        for (key, tail) in store::load_existing(conn, self.orchestrator.source()).await? {
            let (kind, resource) = key.clone();
            if !listing.complete.contains(&kind) || listing.shown.contains(&key) {
                continue;
            }
            let complete = kinds.get(&kind).map_or(0, |rounds| rounds.complete_micros);
            let shown = complete.max(tail.seen_micros);
            let observation = Observation {
                owner: tail.knowledge.owner,
                kind,
                resource,
                at_micros: listing.at_micros(),
                certainty: Certainty::Missing,
                state: Some(ResourceState::Gone),
                attributes: Attributes::new(),
            };
            let answer = listing.raw.pages.len();
            let arrived = arrived(observation, listing.read_micros, answer, 0);
            missing.push(Arrived { shown_micros: (shown > 0).then_some(shown), ..arrived });
        }
        Ok(missing)
    }

    /// Rows that could not be understood: kept with their words, and held for the owner if one
    /// is known.
    async fn save_rejected(&self, conn: &mut Conn) -> Result<(), StoreError> {
        let source = self.orchestrator.source();
        let ids = IdMaker::new(self.app.clock.as_ref());
        let mut findings = Vec::new();
        for (answer, index, rejected) in &self.listing.rejected {
            let Some(page) = self.listing.raw.pages.get(*answer) else { continue };
            let mut excerpt = super::excerpt::Excerpt::default();
            let position = excerpt.add(&self.words(*answer, *index));
            let page = NewPage {
                source,
                reading: self.reading,
                request: &page.request,
                window: self.window(),
                page: page.page,
                fetched_at: self.now,
                body: &excerpt.body(),
            };
            let evidence = save_page(conn, page).await?;
            let owner = rejected.owner.clone();
            let nobody = OwnerRef { source: source.clone(), id: String::new() };
            findings.push(rejected_finding(
                owner.unwrap_or(nobody),
                rejected,
                (evidence, position),
                self.window(),
            ));
        }
        save_findings(conn, findings, &ids, self.now).await?;
        Ok(())
    }
}

/// The request of what no answer shows.
const NOTE: &str = "complete listing that does not show it";

/// A finding about a row that is no observation.
pub fn rejected_finding(
    owner: OwnerRef,
    rejected: &RejectedRecord,
    (evidence, row): (i64, i64),
    window: Span,
) -> NewFinding {
    NewFinding {
        rule: "rejected_observation",
        fingerprint: format!("rejected_observation|{owner}|{}", rejected.reason),
        owner,
        meter: rejected.meter.clone(),
        resource: String::new(),
        span: rejected.span.unwrap_or(window),
        record_key: None,
        withholds: false,
        repaired: false,
        proposal: None,
        message: rejected.reason.clone(),
        detail: serde_json::json!({ "evidence": evidence, "row": row }),
    }
}
