//! Usage records of whole UTC days, made of observations.
//!
//! A day is made when every kind was listed after its end, with some grace for late events. What is
//! learned later about a day that was made makes new revisions of what changed; nothing else is
//! touched, so that what was known when an invoice was drafted can be read again at any time.

use std::collections::{BTreeMap, BTreeSet};

use super::interval::{Observed, timeline};
use super::meters::{Counted, records};
use super::store::{self, ObservationState, ResourceKey};
use crate::app::App;
use crate::collect::record::{Attributes, OBSERVED, RecordKey, StoredRecord};
use crate::collect::store::{
    SourceState, advance, attribute_set_id, ensure_source, load_of_resource, save_attribute_sets,
    save_records,
};
use crate::finding::store::{NewFinding, save_findings};
use crate::ids::{IdMaker, OwnerRef, SourceName};
use crate::jobs::lease;
use crate::money::Exact;
use crate::period::Span;
use crate::store::codec::to_json;
use crate::store::{Conn, StoreError};

const DAY_SECONDS: i64 = 86_400;

/// How long after the end of a day its usage is made at the earliest: late events come in time.
const GRACE_SECONDS: i64 = 900;

/// Resources read at once.
const RESOURCES_MAX: i64 = 1_000;

/// Records made in one transaction, about; at least one day is.
const RECORDS_MAX: i64 = 60_000;

/// Tries of a transaction that another one got in the way of.
const TRIES_MAX: u32 = 20;

/// What deriving brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeriveReport {
    pub days: u64,
    /// New records.
    pub records: u64,
    /// New revisions of records that better evidence changed.
    pub revisions: u64,
    pub findings: u64,
    /// Usage is made up to here.
    pub derived_until: i64,
    /// How far it could be made: the end of the last day that every listing has passed.
    pub closed_until: i64,
}

/// How usage of a source is made.
#[derive(Clone, Copy, Debug)]
pub struct Derivation {
    /// Where usage begins when nothing was made yet.
    pub first: i64,
    /// The source has no windows beside, so that its watermark is this one's.
    pub alone: bool,
}

/// Makes usage of a source's observations, up to the last closed day. The caller holds the
/// source's lease.
pub async fn derive(
    app: &App,
    source: &SourceName,
    derivation: Derivation,
) -> anyhow::Result<DeriveReport> {
    let mut report = DeriveReport::default();
    let work = Derive { app, source, derivation, now: app.clock.now_seconds() };
    while work.again(&mut report).await? {
        lease::renew(&app.db, &format!("collect:{source}")).await?;
    }
    while work.days(&mut report).await? {
        lease::renew(&app.db, &format!("collect:{source}")).await?;
    }
    Ok(report)
}

#[derive(Clone, Copy)]
struct Derive<'a> {
    app: &'a App,
    source: &'a SourceName,
    derivation: Derivation,
    /// When the transaction at work records.
    now: i64,
}

/// Where deriving stands.
struct Standing {
    state: ObservationState,
    from: i64,
    until: i64,
}

impl Derive<'_> {
    async fn stand(&self, conn: &mut Conn) -> Result<Standing, StoreError> {
        let state = store::lock_state(conn, self.source).await?;
        let first = day_of(self.derivation.first);
        let from = state.derived_from.unwrap_or(first);
        let until = state.derived_until.unwrap_or(first);
        Ok(Standing { state, from, until })
    }

    /// Makes again what better evidence changed; false when nothing is left.
    async fn again(&self, report: &mut DeriveReport) -> Result<bool, StoreError> {
        for tries in 1.. {
            let mut counted = report.clone();
            match Self::try_again(*self, &mut counted).await {
                Err(error) if error.is_retryable() && tries < TRIES_MAX => {}
                Err(error) => return Err(error),
                Ok(more) => {
                    *report = counted;
                    return Ok(more);
                }
            }
        }
        Ok(false)
    }

    async fn try_again(mut self, report: &mut DeriveReport) -> Result<bool, StoreError> {
        let (mut tx, now) = self.app.record().await?;
        self.now = now;
        let standing = self.stand(&mut tx).await?;
        let due = store::load_due(&mut tx, self.source, RESOURCES_MAX).await?;
        if due.is_empty() {
            return Ok(false);
        }
        let mut histories =
            store::load_observations(&mut tx, self.source, due.keys(), i64::MAX).await?;
        let mut made = Made::default();
        let mut findings = Vec::new();
        for (key, from) in &due {
            let history = histories.remove(key).unwrap_or_default();
            let span = Span::new(day_of(*from).max(standing.from), standing.until);
            let changed = self.compare(&mut tx, key, &history, span, &mut made).await?;
            findings.extend(changed);
        }
        report.revisions += u64::try_from(made.records.len()).unwrap_or(0);
        made.save(&mut tx, self.app, standing.from, standing.until).await?;
        let ids = IdMaker::new(self.app.clock.as_ref());
        report.findings += save_findings(&mut tx, findings, &ids, self.now).await?;
        store::delete_due(&mut tx, self.source, &due).await?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok(true)
    }

    /// The records of a resource as they follow now, where they differ from what is stored.
    async fn compare(
        &self,
        conn: &mut Conn,
        key: &ResourceKey,
        history: &[Observed],
        span: Span,
        made: &mut Made,
    ) -> Result<Vec<NewFinding>, StoreError> {
        let owners: BTreeSet<&OwnerRef> =
            history.iter().map(|one| &one.observation.owner).collect();
        let mut stored: BTreeMap<RecordKey, StoredRecord> = BTreeMap::new();
        for owner in owners {
            let of = (key.1.as_str(), OBSERVED);
            for record in load_of_resource(conn, owner, of, span).await? {
                stored.insert(RecordKey { revision: 0, ..record.key.clone() }, record);
            }
        }
        let mut changes = Changes::default();
        for (mut record, attributes) in self.records(key, history, span) {
            match stored.remove(&record.key) {
                Some(known) if is_same(&known, &record) => {}
                Some(known) => {
                    record.key.revision = known.key.revision + 1;
                    changes.note(&known.key, &known.quantity, &record.quantity);
                    made.add(record, &attributes);
                }
                None => {
                    changes.note(&record.key, &Exact::ZERO, &record.quantity);
                    made.add(record, &attributes);
                }
            }
        }
        // What is left was not so: a revision of nothing takes it back.
        for known in stored.into_values().filter(|known| !known.quantity.is_zero()) {
            changes.note(&known.key, &known.quantity, &Exact::ZERO);
            made.records.push(StoredRecord {
                key: RecordKey { revision: known.key.revision + 1, ..known.key.clone() },
                quantity: Exact::ZERO,
                recorded_at: self.now,
                ..known
            });
        }
        Ok(changes.findings(self.now))
    }

    /// A resource's records of each day of a span, first revisions.
    fn records(
        &self,
        key: &ResourceKey,
        history: &[Observed],
        span: Span,
    ) -> Vec<(StoredRecord, Attributes)> {
        let intervals = timeline(history).intervals();
        let days = days(span);
        let counted = days.flat_map(|day| records((key.0, &key.1), &intervals, day));
        counted.map(|counted| stored(counted, self.now)).collect()
    }

    /// Makes the next closed days; false when none is left.
    async fn days(&self, report: &mut DeriveReport) -> Result<bool, StoreError> {
        for tries in 1.. {
            let mut counted = report.clone();
            match Self::try_days(*self, &mut counted).await {
                Err(error) if error.is_retryable() && tries < TRIES_MAX => {}
                Err(error) => return Err(error),
                Ok(more) => {
                    *report = counted;
                    return Ok(more);
                }
            }
        }
        Ok(false)
    }

    async fn try_days(mut self, report: &mut DeriveReport) -> Result<bool, StoreError> {
        let (mut tx, now) = self.app.record().await?;
        self.now = now;
        let Standing { mut state, from, until } = self.stand(&mut tx).await?;
        let closed = self.closed(&mut tx).await?.max(until);
        report.closed_until = closed;
        let end = self.end(&mut tx, until, closed).await?;
        let span = Span::new(until, end);
        if !span.is_empty() {
            let made = self.make(&mut tx, span).await?;
            report.records += made;
            report.days += u64::try_from(span.seconds() / DAY_SECONDS).unwrap_or(0);
        }
        report.derived_until = end;
        state.derived_from = Some(from);
        state.derived_until = Some(end);
        store::save_state(&mut tx, self.source, &state).await?;
        self.save_watermark(&mut tx, end, closed).await?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok(end < closed)
    }

    async fn save_watermark(
        &self,
        conn: &mut Conn,
        until: i64,
        closed: i64,
    ) -> Result<(), StoreError> {
        if !self.derivation.alone {
            return ensure_source(conn, self.source).await;
        }
        let state = SourceState {
            collected_until: until,
            orchestrator_until: closed,
            window_seconds: DAY_SECONDS,
            last_success_at: self.now,
            last_error: None,
            last_error_at: None,
        };
        advance(conn, self.source, &state).await
    }

    /// The end of the last day that every listing has passed.
    async fn closed(&self, conn: &mut Conn) -> Result<i64, StoreError> {
        let kinds = store::load_kinds(conn, self.source).await?;
        let listed = kinds.values().map(|rounds| rounds.listed_micros).min().unwrap_or(0);
        Ok(day_of(listed.div_euclid(1_000_000) - GRACE_SECONDS))
    }

    /// How many days fit one transaction.
    async fn end(&self, conn: &mut Conn, until: i64, closed: i64) -> Result<i64, StoreError> {
        let existing = store::count_after(conn, self.source, until * 1_000_000).await?;
        let days = (RECORDS_MAX / existing.max(1)).max(1);
        Ok(closed.min(until + days * DAY_SECONDS))
    }

    async fn make(&self, conn: &mut Conn, span: Span) -> Result<u64, StoreError> {
        let mut after: Option<ResourceKey> = None;
        let mut saved = 0;
        loop {
            let from = span.from * 1_000_000;
            let keys =
                store::load_keys_after(conn, self.source, from, after.as_ref(), RESOURCES_MAX)
                    .await?;
            let Some(last) = keys.last().cloned() else { return Ok(saved) };
            let histories = store::load_observations(conn, self.source, &keys, i64::MAX).await?;
            let mut made = Made::default();
            for (key, history) in &histories {
                for (record, attributes) in self.records(key, history, span) {
                    made.add(record, &attributes);
                }
            }
            saved += made.save(conn, self.app, span.from, span.until).await?;
            after = Some(last);
        }
    }
}

/// Records to be stored, with their attribute sets.
#[derive(Default)]
struct Made {
    records: Vec<StoredRecord>,
    sets: BTreeMap<i64, (String, String)>,
}

impl Made {
    fn add(&mut self, record: StoredRecord, attributes: &Attributes) {
        if !self.sets.contains_key(&record.attribute_set) {
            let json = to_json(attributes);
            let (id, hash) = attribute_set_id(&json);
            self.sets.insert(id, (hash, json));
        }
        self.records.push(record);
    }

    async fn save(
        self,
        conn: &mut Conn,
        app: &App,
        from: i64,
        until: i64,
    ) -> Result<u64, StoreError> {
        let engine = app.db.engine();
        let count = u64::try_from(self.records.len()).unwrap_or(0);
        if count == 0 {
            return Ok(0);
        }
        crate::store::partition::ensure(conn, engine, Span::new(from, until)).await?;
        let sets = self.sets.into_iter().map(|(id, (hash, json))| (id, hash, json)).collect();
        save_attribute_sets(conn, engine, sets).await?;
        let saved = save_records(conn, engine, &self.records).await?;
        if saved != count {
            let what = format!("{count} records were made and {saved} of them were new");
            return Err(StoreError::Conflict(format!("usage from observations: {what}")));
        }
        Ok(saved)
    }
}

/// A first revision of what was counted.
pub(super) fn stored(counted: Counted, now: i64) -> (StoredRecord, Attributes) {
    let Counted { record, evidence, evidence_index } = counted;
    let stored = StoredRecord {
        kind: record.kind,
        until: record.span.until,
        quantity: record.quantity,
        attribute_set: attribute_set_id(&to_json(&record.attributes)).0,
        evidence,
        evidence_index,
        recorded_at: now,
        key: RecordKey {
            owner: record.owner,
            from: record.span.from,
            meter: record.meter,
            resource: record.resource,
            identity: record.identity,
            revision: 0,
        },
    };
    (stored, record.attributes)
}

/// Whether two records say the same; where it was read does not count.
fn is_same(a: &StoredRecord, b: &StoredRecord) -> bool {
    a.until == b.until && a.quantity == b.quantity && a.attribute_set == b.attribute_set
}

/// What better evidence changed, by owner and meter.
#[derive(Default)]
struct Changes(BTreeMap<(OwnerRef, String), Change>);

struct Change {
    key: RecordKey,
    before: Exact,
    after: Exact,
    until: i64,
    revision: i64,
}

impl Changes {
    fn note(&mut self, key: &RecordKey, before: &Exact, after: &Exact) {
        let change =
            self.0.entry((key.owner.clone(), key.meter.clone())).or_insert_with(|| Change {
                key: key.clone(),
                before: Exact::ZERO,
                after: Exact::ZERO,
                until: key.from,
                revision: key.revision,
            });
        change.before.add_assign(before);
        change.after.add_assign(after);
        change.until = change.until.max(key.from + 1);
        change.revision = change.revision.max(key.revision);
    }

    /// One finding for each owner and meter; repaired, so that it holds nobody.
    fn findings(self, now: i64) -> Vec<NewFinding> {
        self.0.into_values().map(|change| finding(change, now)).collect()
    }
}

fn finding(change: Change, now: i64) -> NewFinding {
    let Change { key, before, after, until, revision } = change;
    NewFinding {
        rule: "better_evidence",
        fingerprint: format!(
            "better_evidence|{}|{}|{}|{}|{revision}|{now}",
            key.owner, key.meter, key.resource, key.from
        ),
        message: format!(
            "later evidence changed {} h to {} h",
            before.to_text_rounded(6),
            after.to_text_rounded(6)
        ),
        detail: serde_json::json!({ "before": before, "after": after }),
        owner: key.owner,
        meter: key.meter,
        resource: key.resource,
        span: Span::new(key.from, until),
        record_key: None,
        withholds: false,
        repaired: true,
        proposal: None,
    }
}

/// The beginning of an instant's UTC day.
pub(super) fn day_of(at: i64) -> i64 {
    at.div_euclid(DAY_SECONDS) * DAY_SECONDS
}

/// The UTC days of a span of whole days.
fn days(span: Span) -> impl Iterator<Item = Span> {
    let count = span.seconds() / DAY_SECONDS;
    (0..count).map(move |day| {
        let from = span.from + day * DAY_SECONDS;
        Span::new(from, from + DAY_SECONDS)
    })
}
