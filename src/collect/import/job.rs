//! Stores imported rows with their evidence, in one transaction; sent again they add nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde::Serialize;

use super::owner::{Owners, YEARS_AHEAD_MAX, check_years};
use super::row::identity_of;
use super::store::{
    Class, KnownRow, NewRow, RowName, classes_of, load_neighbours, load_newest, load_rows,
    load_same_instant, save_lasting, save_rows, save_version, withdraw,
};
use super::{Format, ImportError, Imported, parse};
use crate::app::App;
use crate::audit;
use crate::collect::decide::{Replacement, fingerprint, proposal};
use crate::collect::record::{RecordKey, StoredRecord, UsageRecord};
use crate::collect::store::{
    IMPORT, NewPage, attribute_set_id, key_json, same_key, save_attribute_sets, save_page,
    save_records,
};
use crate::customer::store::insert_mapping;
use crate::finding::store::{NewFinding, save_findings};
use crate::ids::{IdMaker, SourceName};
use crate::period::Span;
use crate::scope::Scope;
use crate::store::codec::to_json;
use crate::store::knowledge::recording_at;
use crate::store::{Conn, Engine, StoreError};

const YEAR_SECONDS: i64 = 366 * 86_400;

/// Bytes to be imported, by whom.
#[derive(Clone, Copy)]
pub struct Import<'a> {
    pub format: Format,
    /// The file's name, for errors, the evidence and the audit log.
    pub name: &'a str,
    pub bytes: &'a [u8],
    /// Whose usage the sender may bring.
    pub scope: &'a Scope,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    pub rows: u64,
    /// New records.
    pub records: u64,
    /// Rows that are known with the same content.
    pub duplicates: u64,
    /// Doubts that are new: known ids with other content (the first counts until the finding is
    /// decided), and second readings of one instant.
    pub findings: u64,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportFailure {
    /// Everything that is wrong with the rows.
    #[error("{}", lines(.0))]
    Refused(Vec<ImportError>),
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

impl From<StoreError> for ImportFailure {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

fn lines(errors: &[ImportError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads and stores an import: all of it or nothing.
pub async fn import(app: &App, import: Import<'_>) -> Result<ImportReport, ImportFailure> {
    let parsed = parse(import.format, import.bytes, import.name);
    if !parsed.errors.is_empty() {
        return Err(ImportFailure::Refused(parsed.errors));
    }
    let mut tx = app.db.begin().await?;
    let report = import_in(app, &mut tx, import, &parsed.rows).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(report)
}

async fn import_in(
    app: &App,
    tx: &mut Conn,
    import: Import<'_>,
    rows: &[Imported],
) -> Result<ImportReport, ImportFailure> {
    let engine = app.db.engine();
    let now = recording_at(tx, engine, app.clock.as_ref()).await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let mut owners = Owners::new(tx, import.scope, now).await?;
    let placed = place(tx, &mut owners, rows, (import.name, now)).await?;
    let page = Page { import, ids: &ids, now };
    let evidence = page.save(tx, &placed).await?;
    let mut work = Work { engine, now, evidence, new: Vec::new(), findings: Vec::new() };
    let names: BTreeSet<RowName> = placed.iter().map(|(one, _)| name_of(one)).collect();
    let mut known = load_rows(tx, &names).await?;
    let mut report = ImportReport { rows: count(rows.len()), ..ImportReport::default() };
    let mut sets = BTreeMap::new();
    let mut seen: BTreeSet<RowName> = BTreeSet::new();
    for (one, record) in &placed {
        let name = name_of(one);
        let json = to_json(&record.attributes);
        let (set, hash) = attribute_set_id(&json);
        let stored = work.record_of(one, record, set);
        let is_new = match known.remove(&name) {
            None if seen.contains(&name) => false,
            None => {
                work.new.push((one, stored));
                true
            }
            Some(row) if row.hashes.contains(&one.content_hash()) => false,
            Some(row) => {
                work.conflict(tx, one, row, stored).await?;
                true
            }
        };
        seen.insert(name);
        if is_new {
            sets.insert(set, (hash, json));
        } else {
            report.duplicates += 1;
        }
    }
    let sets = sets.into_iter().map(|(id, (hash, json))| (id, hash, json)).collect();
    save_attribute_sets(tx, engine, sets).await?;
    report.records = work.save(tx).await?;
    report.findings = save_findings(tx, work.findings, &ids, now).await?;
    for mapping in &owners.new_mappings {
        insert_mapping(tx, mapping, now).await?;
    }
    note(app, tx, (import.name, &report), &ids, now).await?;
    Ok(report)
}

/// The records that rows are; refused where any of them cannot be placed.
async fn place<'a>(
    tx: &mut Conn,
    owners: &mut Owners<'_>,
    rows: &'a [Imported],
    (file, now): (&str, i64),
) -> Result<Vec<(&'a Imported, UsageRecord)>, ImportFailure> {
    let (mut placed, mut errors) = (Vec::with_capacity(rows.len()), Vec::new());
    let mut first: BTreeMap<RowName, (u64, String)> = BTreeMap::new();
    for one in rows {
        let mut refuse = |column: &str, what: String| {
            let (file, column) = (file.to_owned(), column.to_owned());
            errors.push(ImportError { file, line: one.line, column, what });
        };
        let hash = one.content_hash();
        match first.get(&name_of(one)) {
            Some((line, known)) if *known != hash => {
                refuse("id", format!("stands at {line} with other content: leave one out"));
            }
            Some(_) => {}
            None => drop(first.insert(name_of(one), (one.line, hash))),
        }
        let record = match owners.place(tx, one).await? {
            Ok(place) => one.to_record(place),
            Err(what) => Err(vec![("owner", what)]),
        };
        match record {
            Ok(record) => match check_years(record.span, now) {
                Ok(()) => placed.push((one, record)),
                Err((column, what)) => refuse(column, what),
            },
            Err(wrong) => wrong.into_iter().for_each(|(column, what)| refuse(column, what)),
        }
    }
    if errors.is_empty() { Ok(placed) } else { Err(ImportFailure::Refused(errors)) }
}

fn name_of(one: &Imported) -> RowName {
    (one.row.source.clone(), one.row.id.clone())
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

async fn note(
    app: &App,
    tx: &mut Conn,
    (name, report): (&str, &ImportReport),
    ids: &IdMaker<'_>,
    now: i64,
) -> Result<(), StoreError> {
    let entry = audit::Entry {
        id: ids.fresh(),
        at: now,
        actor: &app.actor,
        action: "usage.imported",
        subject: name,
        customer: None,
        reason: None,
        detail: serde_json::json!({ "rows": report.rows, "records": report.records }),
    };
    audit::record(tx, entry).await
}

/// The evidence: the bytes as they came.
struct Page<'a> {
    import: Import<'a>,
    ids: &'a IdMaker<'a>,
    now: i64,
}

impl Page<'_> {
    async fn save(
        &self,
        tx: &mut Conn,
        placed: &[(&Imported, UsageRecord)],
    ) -> Result<i64, StoreError> {
        let from = placed.iter().map(|(_, record)| record.span.from).min().unwrap_or(self.now);
        let until = placed.iter().map(|(_, record)| record.span.until).max().unwrap_or(self.now);
        let page = NewPage {
            source: &SourceName(IMPORT.to_owned()),
            reading: &self.ids.fresh(),
            request: &self.import.format.request(self.import.name),
            window: Span::new(from, until),
            page: 1,
            fetched_at: self.now,
            body: self.import.bytes,
        };
        save_page(tx, page).await
    }
}

/// What is to be stored of one import.
struct Work<'a> {
    engine: Engine,
    now: i64,
    evidence: i64,
    new: Vec<(&'a Imported, StoredRecord)>,
    findings: Vec<NewFinding>,
}

impl Work<'_> {
    fn record_of(&self, one: &Imported, record: &UsageRecord, set: i64) -> StoredRecord {
        StoredRecord {
            key: RecordKey {
                owner: record.owner.clone(),
                from: record.span.from,
                meter: record.meter.clone(),
                resource: record.resource.clone(),
                identity: record.identity.clone(),
                revision: 0,
            },
            kind: record.kind,
            until: record.span.until,
            quantity: record.quantity.clone(),
            attribute_set: set,
            evidence: self.evidence,
            evidence_index: i64::try_from(one.index).unwrap_or(0),
            recorded_at: self.now,
        }
    }

    /// Stores the new records; gives how many there are.
    async fn save(&mut self, tx: &mut Conn) -> Result<u64, ImportFailure> {
        let texts: Vec<(String, String)> = self
            .new
            .iter()
            .map(|(one, record)| (one.content_hash(), key_json(&record.key)))
            .collect();
        let rows = self.new.iter().zip(&texts).map(|((one, _), (hash, key))| NewRow {
            source: &one.row.source,
            id: &one.row.id,
            content_hash: hash,
            record_key: key,
            recorded_at: self.now,
        });
        let rows: Vec<NewRow<'_>> = rows.collect();
        if save_rows(tx, self.engine, &rows).await? != count(rows.len()) {
            let what = "some of the rows were imported by somebody else meanwhile: send them again";
            return Err(anyhow::anyhow!(what).into());
        }
        let records: Vec<StoredRecord> =
            self.new.iter().map(|(_, record)| record.clone()).collect();
        let saved = save_records(tx, self.engine, &records).await?;
        save_lasting(tx, self.engine, &records).await?;
        self.find_second_readings(tx).await?;
        Ok(saved)
    }

    /// Another reading of the same counter or level at the same instant, under another id: the
    /// later one does not count until somebody decides.
    async fn find_second_readings(&mut self, tx: &mut Conn) -> Result<(), StoreError> {
        for (one, record) in &self.new {
            if !matches!(Class::of(record), Some(Class::Counter | Class::Level)) {
                continue;
            }

            let others = load_same_instant(tx, record).await?;
            let other = others.into_iter().find(|other| {
                other.came_at() < record.came_at() && other.quantity != record.quantity
            });
            let Some(other) = other else { continue };
            let span = held_span(tx, record, self.now).await?;
            self.findings.push(NewFinding {
                rule: "second_reading",
                owner: record.key.owner.clone(),
                meter: record.key.meter.clone(),
                resource: record.key.resource.clone(),
                span,
                record_key: Some(key_json(&record.key)),
                withholds: true,
                repaired: false,
                proposal: None,
                message: format!(
                    "{} {} says {} where another row says {} at the same instant: the other \
                     counts until this is decided; release takes this one",
                    one.row.source, one.row.id, record.quantity, other.quantity
                ),
                detail: serde_json::json!({ "first": other.quantity, "later": record.quantity }),
                fingerprint: format!("second_reading|{}", fingerprint(&record.key)),
            });
        }
        Ok(())
    }

    /// The same id with other content. A release takes the later one in place of the first: as a
    /// revision where both are the same record but for its end, quantity or attributes, else the
    /// first is withdrawn.
    async fn conflict(
        &mut self,
        tx: &mut Conn,
        one: &Imported,
        known: KnownRow,
        mut later: StoredRecord,
    ) -> Result<(), ImportFailure> {
        let first = load_newest(tx, &known.key).await?;
        let first = first.with_context(|| {
            format!("{} {}: its record is gone: restore a backup", one.row.source, one.row.id)
        })?;
        let version = known.version + 1;
        later.key.identity.clone_from(&first.key.identity);
        let same = same_key(&first.key, &later.key) && first.key.owner == later.key.owner;
        let lasts = !(classes_of(&first).is_empty() && classes_of(&later).is_empty());
        let withdraws = (!same || lasts).then(|| first.key.clone());
        if withdraws.is_some() {
            later.key.identity = identity_of(&one.row.source, &one.row.id, version);
        }
        let mut span = held_span(tx, &first, self.now).await?;
        if first.key.owner == later.key.owner {
            let other = held_span(tx, &later, self.now).await?;
            span = Span::new(span.from.min(other.from), span.until.max(other.until));
        }
        let content_hash = one.content_hash();
        let replacement = Replacement {
            source: one.row.source.clone(),
            id: one.row.id.clone(),
            version,
            content_hash: content_hash.clone(),
            withdraws,
        };
        let mut detail = serde_json::json!({ "row": one.row });
        if first.kind == later.kind {
            detail["first"] = serde_json::json!(first.quantity);
            detail["later"] = serde_json::json!(later.quantity);
        }
        self.findings.push(NewFinding {
            rule: "changed_on_reimport",
            owner: first.key.owner.clone(),
            meter: first.key.meter.clone(),
            resource: first.key.resource.clone(),
            span,
            record_key: Some(key_json(&first.key)),
            withholds: false,
            repaired: false,
            proposal: Some(to_json(&proposal(&later, Some(replacement)))),
            message: format!(
                "{} {} was sent again with other content: the first counts until this is decided; \
                 release takes the later one",
                one.row.source, one.row.id
            ),
            detail,
            fingerprint: format!(
                "changed_on_reimport|{}|{version}|{content_hash}",
                fingerprint(&first.key)
            ),
        });
        Ok(())
    }
}

/// Where a record counts: its span; of a counter what lies between the readings around it, of a
/// level all until the next one.
async fn held_span(tx: &mut Conn, record: &StoredRecord, now: i64) -> Result<Span, StoreError> {
    let from = record.key.from;
    let (before, after) = load_neighbours(tx, record).await?;
    Ok(match Class::of(record) {
        Some(Class::Counter) => Span::new(before.unwrap_or(from), after.unwrap_or(from + 1)),
        Some(Class::Level) => {
            Span::new(from, after.unwrap_or(now + YEARS_AHEAD_MAX * YEAR_SECONDS))
        }
        Some(Class::Long) | None => Span::new(from, record.until),
    })
}

/// Takes a content in place of the one before; false when another one was taken meanwhile.
/// The record itself is the caller's to store.
pub async fn replace(
    tx: &mut Conn,
    engine: Engine,
    replacement: &Replacement,
    record: &StoredRecord,
) -> Result<bool, StoreError> {
    let row = NewRow {
        source: &replacement.source,
        id: &replacement.id,
        content_hash: &replacement.content_hash,
        record_key: &key_json(&record.key),
        recorded_at: record.recorded_at,
    };
    if !save_version(tx, &row, replacement.version).await? {
        return Ok(false);
    }
    if let Some(before) = &replacement.withdraws {
        withdraw(tx, engine, before, record.recorded_at).await?;
    }
    save_lasting(tx, engine, std::slice::from_ref(record)).await?;
    Ok(true)
}
