//! Stores imported rows with their evidence, in one transaction; sent again they add nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use super::decide::{fingerprint, proposal_json};
use super::import::Imported;
use super::record::{RecordKey, StoredRecord};
use super::store::{
    self, IMPORT, ImportedRow, NewPage, attribute_set_id, key_json, load_imported_row,
    save_attribute_sets, save_imported_row, save_records,
};
use crate::app::App;
use crate::audit;
use crate::finding::store::{NewFinding, save_findings};
use crate::ids::{IdMaker, SourceName};
use crate::period::Span;
use crate::store::Conn;
use crate::store::codec::{At, to_json};
use crate::store::knowledge::recording_at;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    pub rows: u64,
    /// New records.
    pub records: u64,
    /// Rows that are known with the same content.
    pub duplicates: u64,
    /// Known ids with other content: the first counts until the finding is decided.
    pub findings: u64,
}

/// Stores rows; `name` is the file's name, for the evidence and the audit log.
pub async fn import(app: &App, rows: &[Imported], name: &str) -> anyhow::Result<ImportReport> {
    let mut tx = app.db.begin().await?;
    let report = import_in(app, &mut tx, rows, name).await?;
    tx.commit().await?;
    Ok(report)
}

async fn import_in(
    app: &App,
    tx: &mut Conn,
    rows: &[Imported],
    name: &str,
) -> anyhow::Result<ImportReport> {
    let now = recording_at(tx, app.db.engine(), app.clock.as_ref()).await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let evidence = save_evidence(tx, rows, name, &ids, now).await?;
    let mut report = ImportReport { rows: count(rows.len()), ..ImportReport::default() };
    let (mut records, mut findings, mut sets) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (index, one) in rows.iter().enumerate() {
        let json = to_json(&one.record.attributes);
        let (set, hash) = attribute_set_id(&json);
        let record = record_of(one, set, evidence, index, now);
        let content_hash = store::body_hash(to_json(&one.row).as_bytes());
        let row = ImportedRow {
            source: &one.row.source,
            id: &one.row.id,
            content_hash: &content_hash,
            record_key: &key_json(&record.key),
            recorded_at: now,
        };
        if save_imported_row(tx, &row).await? {
            sets.insert(set, (hash, json));
            records.push(record);
            continue;
        }
        let (known_hash, known_key) = load_imported_row(tx, row.source, row.id).await?;
        if known_hash == content_hash {
            report.duplicates += 1;
            continue;
        }
        let at = At { table: "imported_row", id: &one.row.id, column: "record_key" };
        let known: RecordKey = at.json(&known_key)?;
        sets.insert(set, (hash, json));
        findings.push(conflict(one, &known, record, &content_hash));
    }
    let engine = app.db.engine();
    let sets = sets.into_iter().map(|(id, (hash, json))| (id, hash, json)).collect();
    save_attribute_sets(tx, engine, sets).await?;
    report.records = save_records(tx, engine, &records).await?;
    report.findings = save_findings(tx, findings, &ids, now).await?;
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
    audit::record(tx, entry).await?;
    Ok(report)
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

async fn save_evidence(
    tx: &mut Conn,
    rows: &[Imported],
    name: &str,
    ids: &IdMaker<'_>,
    now: i64,
) -> anyhow::Result<i64> {
    let kept: Vec<_> = rows.iter().map(|one| &one.row).collect();
    let body = to_json(&kept);
    let from = rows.iter().map(|one| one.record.span.from).min().unwrap_or(now);
    let until = rows.iter().map(|one| one.record.span.until).max().unwrap_or(now);
    let page = NewPage {
        source: &SourceName(IMPORT.to_owned()),
        reading: &ids.fresh(),
        request: &format!("import {name}"),
        window: Span::new(from, until),
        page: 1,
        fetched_at: now,
        body: body.as_bytes(),
    };
    Ok(store::save_page(tx, page).await?)
}

fn record_of(one: &Imported, set: i64, evidence: i64, index: usize, now: i64) -> StoredRecord {
    let record = &one.record;
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
        evidence,
        evidence_index: i64::try_from(index).unwrap_or(0),
        recorded_at: now,
    }
}

/// The same id with other content. Where both are the same record but for its end, quantity or
/// attributes, a release takes the later one; else it is sent again under an id of its own.
fn conflict(
    one: &Imported,
    known: &RecordKey,
    later: StoredRecord,
    content_hash: &str,
) -> NewFinding {
    let same = store::same_key(known, &later.key) && known.owner == later.key.owner;
    let advice = if same {
        "release takes the later one"
    } else {
        "owner, meter, resource or start differ: send it under an id of its own"
    };
    let record = &one.record;
    NewFinding {
        rule: "changed_on_reimport",
        owner: known.owner.clone(),
        meter: known.meter.clone(),
        resource: known.resource.clone(),
        span: Span::new(known.from, record.span.until.max(known.from)),
        record_key: Some(key_json(known)),
        withholds: false,
        repaired: false,
        proposal: same.then(|| proposal_json(&later)),
        message: format!(
            "{} {} was sent again with other content: the first counts until this is decided; \
             {advice}",
            one.row.source, one.row.id
        ),
        detail: serde_json::json!({ "later": record.quantity, "row": one.row }),
        fingerprint: format!("changed_on_reimport|{}|{content_hash}", fingerprint(known)),
    }
}
