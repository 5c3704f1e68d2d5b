//! The collect stage: whole windows past the watermark, and recent ones again; or days of usage
//! made of observations, where the orchestrator reports states instead of hours.
//!
//! A window's pages, records, findings and the moved watermark are one transaction; a window that
//! fails leaves all as it was, and the next round goes on from there.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde::Serialize;

use super::decide::{Known, Row, decide};
use super::inventory::Inventory;
use super::observe::derive::{Derivation, derive};
use super::observe::round::observe;
use super::record::{RecordKey, StoredRecord};
use super::store::{self, NewPage, SourceState};
use super::window::{floor, month_before, planned};
use crate::app::App;
use crate::config::SourceConfig;
use crate::finding::store::save_findings;
use crate::ids::{IdMaker, SourceName};
use crate::jobs::lease::{self, LeaseError};
use crate::orchestrator::{
    Orchestrator, OrchestratorError, ParsedRecord, RawPage, RawWindow, Watermark,
};
use crate::period::{Span, zone_of};
use crate::store::knowledge::recording_at;
use crate::store::{Conn, Engine, StoreError};

const DAY_SECONDS: i64 = 86_400;

/// Tries of a transaction that another one got in the way of.
const TRIES_MAX: u32 = 20;

/// Which span to collect; `None` where the watermark decides.
#[derive(Clone, Copy, Debug, Default)]
pub struct CollectRequest {
    pub from: Option<i64>,
    pub until: Option<i64>,
}

/// What a round brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CollectReport {
    pub source: String,
    pub windows: u64,
    pub pages: u64,
    /// Rows in the answers.
    pub rows: u64,
    /// New records.
    pub records: u64,
    pub duplicates: u64,
    pub quarantined: u64,
    pub findings: u64,
    /// Usage is collected up to this instant.
    pub collected_until: i64,
    /// Seconds from there to now.
    pub lag_seconds: i64,
}

/// How far a round is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub done: usize,
    pub all: usize,
    pub records: u64,
}

/// Collects one source under its lease.
pub async fn collect(
    app: &App,
    orchestrator: &dyn Orchestrator,
    request: CollectRequest,
    progress: &(dyn Fn(Progress) + Sync),
) -> anyhow::Result<CollectReport> {
    let source = orchestrator.source();
    let name = format!("collect:{source}");
    let lease = lease::take(&app.db, &name, &lease::holder("billow collect")).await?;
    let result = collect_leased(app, orchestrator, request, progress).await;
    if let Err(error) = &result {
        let mut tx = app.db.begin().await?;
        let now = app.clock.now_seconds();
        store::note_error(&mut tx, source, &format!("{error:#}"), now).await?;
        tx.commit().await?;
    }
    lease::release(&app.db, lease).await?;
    result
}

/// All parts of a round, each whatever became of the others; the first failure is the round's.
async fn collect_leased(
    app: &App,
    orchestrator: &dyn Orchestrator,
    request: CollectRequest,
    progress: &(dyn Fn(Progress) + Sync),
) -> anyhow::Result<CollectReport> {
    let source = orchestrator.source();
    let can = orchestrator.capabilities();
    let mut report = CollectReport { source: source.0.clone(), ..CollectReport::default() };
    let mut failed = Ok(());
    if can.derived_usage {
        failed = collect_observations(app, orchestrator, &mut report).await;
    }
    if can.windowed_usage {
        let windows = collect_windows(app, orchestrator, request, progress, &mut report).await;
        failed = failed.and(windows);
    }
    if can.derived_usage {
        let derived = collect_days(app, orchestrator, &mut report).await;
        failed = failed.and(derived);
    }
    failed?;
    report.lag_seconds = app.clock.now_seconds() - report.collected_until;
    Ok(report)
}

/// A round of listings, unless one is under way.
async fn collect_observations(
    app: &App,
    orchestrator: &dyn Orchestrator,
    report: &mut CollectReport,
) -> anyhow::Result<()> {
    match observe(app, orchestrator).await {
        Ok(observed) => {
            report.pages += observed.pages;
            report.rows += observed.observations;
            report.duplicates += observed.observations.saturating_sub(observed.fresh);
            report.quarantined += observed.rejected;
            Ok(())
        }
        Err(error) if is_held(&error) => Ok(()),
        Err(error) => Err(error.context("observing")),
    }
}

/// Whether somebody else is doing it.
pub fn is_held(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<LeaseError>(), Some(LeaseError::Held { .. }))
}

/// Closed days of usage made of observations.
async fn collect_days(
    app: &App,
    orchestrator: &dyn Orchestrator,
    report: &mut CollectReport,
) -> anyhow::Result<()> {
    let source = orchestrator.source();
    let first = first_instant(app, &source.0, &jiff::tz::TimeZone::UTC)?;
    let windowed = orchestrator.capabilities().windowed_usage;
    let made = derive(app, source, Derivation { first, alone: !windowed }).await?;
    report.windows += made.days;
    report.records += made.records + made.revisions;
    report.findings += made.findings;
    let until = made.derived_until;
    report.collected_until = if windowed { report.collected_until.min(until) } else { until };
    Ok(())
}

async fn collect_windows(
    app: &App,
    orchestrator: &dyn Orchestrator,
    request: CollectRequest,
    progress: &(dyn Fn(Progress) + Sync),
    report: &mut CollectReport,
) -> anyhow::Result<()> {
    let source = orchestrator.source();
    let watermark = orchestrator.fetch_watermark().await?;
    let mut conn = app.db.read().await?;
    let before = store::load_source_state(&mut conn, source).await?;
    drop(conn);
    let collected = before.map_or(0, |state| state.collected_until);
    let planned = plan(app, source.0.as_str(), collected, &watermark, request)?;
    report.collected_until = collected;
    let inventory = load_inventory(orchestrator).await?;
    for (index, window) in planned.iter().enumerate() {
        let raw = orchestrator.fetch_usage(*window).await?;
        let gapless = window.from <= report.collected_until || report.collected_until == 0;
        let reached = if gapless { window.until } else { report.collected_until };
        let until = reached.max(report.collected_until);
        let ingest = Ingest { app, orchestrator, inventory: &inventory, watermark: &watermark };
        ingest.window(&raw, until, report).await?;
        report.collected_until = until;
        lease::renew(&app.db, &format!("collect:{source}")).await?;
        progress(Progress { done: index + 1, all: planned.len(), records: report.records });
    }
    Ok(())
}

/// The windows to read, ascending.
fn plan(
    app: &App,
    source: &str,
    collected: i64,
    watermark: &Watermark,
    request: CollectRequest,
) -> anyhow::Result<Vec<Span>> {
    let zone = zone_of(&watermark.zone)?;
    let length = watermark.window_seconds;
    let reread = i64::from(app.config.billing.reread_days) * DAY_SECONDS;
    let reread = watermark.late_seconds.map_or(reread, |late| late.min(reread));
    let from = match request.from {
        Some(from) => from,
        None if collected == 0 => first_instant(app, source, &zone)?,
        None => {
            let first = first_instant(app, source, &zone)?;
            floor(collected - reread, length, &zone).unwrap_or(collected).max(first)
        }
    };
    let until = request.until.unwrap_or(watermark.closed_until).min(watermark.closed_until);
    Ok(planned(Span::new(from, until), (length, watermark.bulk_seconds), &zone))
}

fn first_instant(app: &App, source: &str, zone: &jiff::tz::TimeZone) -> anyhow::Result<i64> {
    match configured_from(app, source, zone)? {
        Some(from) => Ok(from),
        None => {
            month_before(app.clock.now_seconds(), zone).context("now lies outside the calendar")
        }
    }
}

/// From when a source is to be collected (unix seconds), where its configuration says so.
pub fn configured_from(
    app: &App,
    source: &str,
    zone: &jiff::tz::TimeZone,
) -> anyhow::Result<Option<i64>> {
    let configured = app.config.sources.iter().find(|one| one.name == source);
    let Some(text) = configured.and_then(|one: &SourceConfig| one.collect_from.as_deref()) else {
        return Ok(None);
    };
    let from = instant(text, zone);
    let from =
        from.with_context(|| format!("source {source}: collect_from {text:?} is no instant"));
    from.map(Some)
}

fn instant(text: &str, zone: &jiff::tz::TimeZone) -> Option<i64> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_second());
    }
    crate::period::midnight(text.parse().ok()?, zone)
}

/// What exists now or was seen to exist. An orchestrator that may not tell is no error: doctor
/// names the missing right, and gaps stay unseen. Where hours are made of observations, windows
/// do not hold them, so that nothing can be missing there.
async fn load_inventory(orchestrator: &dyn Orchestrator) -> anyhow::Result<Inventory> {
    if orchestrator.capabilities().derived_usage {
        return Ok(Inventory::default());
    }
    match orchestrator.fetch_inventory().await {
        Ok(items) => Ok(Inventory::new(items)),
        Err(OrchestratorError::Forbidden { .. }) => Ok(Inventory::default()),
        Err(error) => Err(error.into()),
    }
}

/// Takes in answers about windows of one source.
pub struct Ingest<'a> {
    pub app: &'a App,
    pub orchestrator: &'a dyn Orchestrator,
    pub inventory: &'a Inventory,
    pub watermark: &'a Watermark,
}

impl Ingest<'_> {
    /// Takes in the whole answer about one window, in one transaction with the watermark, which
    /// moves to `until`.
    pub async fn window(
        &self,
        raw: &RawWindow,
        until: i64,
        report: &mut CollectReport,
    ) -> anyhow::Result<()> {
        for tries in 1.. {
            let mut counted = report.clone();
            match self.try_window(raw, until, &mut counted).await {
                Ok(()) => {
                    *report = counted;
                    return Ok(());
                }
                Err(error)
                    if tries < TRIES_MAX
                        && error
                            .downcast_ref::<StoreError>()
                            .is_some_and(StoreError::is_retryable) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn try_window(
        &self,
        raw: &RawWindow,
        until: i64,
        report: &mut CollectReport,
    ) -> anyhow::Result<()> {
        let Self { app, orchestrator, inventory, watermark } = *self;
        let state = SourceState {
            collected_until: until,
            orchestrator_until: watermark.closed_until,
            window_seconds: watermark.window_seconds,
            last_success_at: app.clock.now_seconds(),
            last_error: None,
            last_error_at: None,
        };
        let mut tx = app.db.begin().await?;
        // First, so that on PostgreSQL two rounds of one source wait for each other.
        store::advance(&mut tx, orchestrator.source(), &state).await?;
        Taking { app, orchestrator, inventory, raw }.window(&mut tx, report).await?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok(())
    }
}

struct Taking<'a> {
    app: &'a App,
    orchestrator: &'a dyn Orchestrator,
    inventory: &'a Inventory,
    raw: &'a RawWindow,
}

/// A page as it came.
struct HashedPage<'a> {
    page: &'a RawPage,
    hash: String,
    /// Whether it was read for this window before.
    known: bool,
}

/// A page that was read.
struct ReadPage<'a> {
    page: &'a RawPage,
    /// Its body's hash, and its body as it is stored where that is new.
    stored: (String, Option<Vec<u8>>),
    parsed: Vec<ParsedRecord>,
}

impl Taking<'_> {
    async fn window(&self, conn: &mut Conn, report: &mut CollectReport) -> anyhow::Result<()> {
        let engine = self.app.db.engine();
        let now = recording_at(conn, engine, self.app.clock.as_ref()).await?;
        let source = self.orchestrator.source();
        let ids = IdMaker::new(self.app.clock.as_ref());
        let reading = ids.fresh();
        report.windows += 1;
        let mut rows: Vec<Row> = Vec::new();
        let mut pages = Vec::with_capacity(self.raw.pages.len());
        for page in &self.raw.pages {
            let hash = store::body_hash(&page.body);
            let known = store::is_known_page(conn, source, self.raw.window, &hash).await?;
            pages.push(HashedPage { page, hash, known });
        }
        let fresh = pages.iter().any(|page| !page.known);
        for ReadPage { page, stored, parsed } in self.read(pages)? {
            let new = new_page(self, page, &reading, now);
            let evidence = store::save_hashed_page(conn, new, stored).await?;
            report.pages += 1;
            rows.extend(parsed.into_iter().map(|parsed| Row { parsed, evidence }));
        }
        let count = u64::try_from(rows.len()).unwrap_or(0);
        report.rows += count;
        if !fresh && !self.raw.pages.is_empty() {
            // Every byte of it was decided about before.
            report.duplicates += count;
            return Ok(());
        }
        let (stored, superseded) = load_window(conn, &rows, self.raw.window, now).await?;
        let sets = stored.iter().map(|record| record.attribute_set).collect::<Vec<_>>();
        let attributes = store::load_attribute_sets(conn, &sets).await?;
        let disguises = self.disguises(conn, &rows, &stored).await?;
        let decided = decide(
            &Known {
                source,
                window: self.raw.window,
                records: &stored,
                superseded: &superseded,
                attributes: &attributes,
                disguises: &disguises,
                inventory: self.inventory,
                now,
            },
            &rows,
        );
        save(conn, engine, self.raw.window, &decided).await?;
        report.records += u64::try_from(decided.records.len()).unwrap_or(0);
        report.duplicates += decided.duplicates;
        report.quarantined += decided.quarantined;
        report.findings += save_findings(conn, decided.findings, &ids, now).await?;
        Ok(())
    }

    /// Reads all pages, and packs those that are new beside it, which takes as long.
    fn read<'p>(&self, pages: Vec<HashedPage<'p>>) -> anyhow::Result<Vec<ReadPage<'p>>> {
        let pack = |one: &HashedPage<'p>| {
            if one.known { Ok(None) } else { store::pack(&one.page.body).map(Some) }
        };
        let parse = |one: &HashedPage<'p>| self.orchestrator.parse_usage(one.page);
        let (packed, parsed) = std::thread::scope(|scope| {
            let packing = scope.spawn(|| pages.iter().map(pack).collect::<Result<Vec<_>, _>>());
            let parsed: Result<Vec<_>, _> = pages.iter().map(parse).collect();
            let packed = packing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (packed, parsed)
        });
        let read = pages.into_iter().zip(packed?).zip(parsed?);
        let read = read.map(|((HashedPage { page, hash, .. }, packed), parsed)| ReadPage {
            page,
            stored: (hash, packed),
            parsed,
        });
        Ok(read.collect())
    }

    /// Disguises of stored records, read from their evidence; only where the answer or the store
    /// holds records that have lost their id.
    async fn disguises(
        &self,
        conn: &mut Conn,
        rows: &[Row],
        stored: &[StoredRecord],
    ) -> anyhow::Result<BTreeMap<RecordKey, String>> {
        let lost = stored.iter().any(|record| record.key.resource.is_empty())
            || rows.iter().any(|row| {
                row.parsed.disguise.is_some()
                    && row.parsed.outcome.as_ref().is_ok_and(|record| record.resource.is_empty())
            });
        let mut disguises = BTreeMap::new();
        if !lost {
            return Ok(disguises);
        }
        let mut by_page: BTreeMap<i64, BTreeMap<usize, String>> = BTreeMap::new();
        for record in stored {
            if !by_page.contains_key(&record.evidence) {
                let found = store::load_evidence(conn, record.evidence).await?;
                let parsed = found.map(|page| {
                    self.orchestrator.parse_usage(&RawPage {
                        request: page.request,
                        page: 0,
                        body: page.body,
                    })
                });
                let mut of_page = BTreeMap::new();
                for one in parsed.transpose()?.into_iter().flatten() {
                    if let Some(disguise) = one.disguise {
                        of_page.insert(one.index, disguise);
                    }
                }
                by_page.insert(record.evidence, of_page);
            }
            let index = usize::try_from(record.evidence_index).unwrap_or(usize::MAX);
            if let Some(disguise) = by_page.get(&record.evidence).and_then(|page| page.get(&index))
            {
                disguises.insert(record.key.clone(), disguise.clone());
            }
        }
        Ok(disguises)
    }
}

fn new_page<'a>(
    taking: &'a Taking<'_>,
    page: &'a RawPage,
    reading: &'a str,
    now: i64,
) -> NewPage<'a> {
    NewPage {
        source: taking.orchestrator.source(),
        reading,
        request: &page.request,
        window: taking.raw.window,
        page: page.page,
        fetched_at: now,
        body: &page.body,
    }
}

/// What is stored inside the window for the owners that the answer names: the newest revisions,
/// and those that they superseded.
async fn load_window(
    conn: &mut Conn,
    rows: &[Row],
    window: Span,
    now: i64,
) -> Result<(Vec<StoredRecord>, Vec<StoredRecord>), StoreError> {
    let mut owners: BTreeMap<&SourceName, BTreeSet<&str>> = BTreeMap::new();
    for record in rows.iter().filter_map(|row| row.parsed.outcome.as_ref().ok()) {
        owners.entry(&record.owner.source).or_default().insert(&record.owner.id);
    }
    let spans = rows.iter().filter_map(|row| row.parsed.outcome.as_ref().ok()).map(|one| one.span);
    let window = spans
        .fold(window, |all, span| Span::new(all.from.min(span.from), all.until.max(span.until)));
    let (mut newest, mut superseded) = (Vec::new(), Vec::new());
    for (source, ids) in owners {
        let ids: Vec<&str> = ids.into_iter().collect();
        let found = store::load_revisions_begun(conn, source, (&ids, window), now).await?;
        for found in found.into_values() {
            // What somebody imported says nothing about what the orchestrator reported.
            let mut found = found.into_iter().filter(|one| !one.key.is_imported()).peekable();
            while let Some(record) = found.next() {
                let next = found.peek();
                let again = next.is_some_and(|next| store::same_key(&next.key, &record.key));
                if again { superseded.push(record) } else { newest.push(record) }
            }
        }
    }
    Ok((newest, superseded))
}

async fn save(
    conn: &mut Conn,
    engine: Engine,
    window: Span,
    decided: &super::decide::Decided,
) -> Result<(), StoreError> {
    crate::store::partition::ensure(conn, engine, window).await?;
    let sets = decided
        .attribute_sets
        .iter()
        .map(|(id, (hash, json))| (*id, hash.clone(), json.clone()))
        .collect();
    store::save_attribute_sets(conn, engine, sets).await?;
    store::save_records(conn, engine, &decided.records).await?;
    Ok(())
}
