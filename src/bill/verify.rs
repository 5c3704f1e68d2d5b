//! Recomputes everything issued: the chain, the documents, their amounts, the records behind them
//! and the evidence behind those; names what was changed by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::ENGINE;
use super::document::{ChargePart, DocumentKind, InvoiceDocument};
use super::explain::raw_page;
use super::facts::Histories;
use super::issue::{chain_hash, charges_hash, contact_hash, sha256};
use super::month::{MonthRequest, finish, gather};
use super::store::{self, ChainRow};
use crate::app::App;
use crate::collect::import::{Imported, rows_on_page};
use crate::collect::record::{StoredRecord, UsageRecord};
use crate::collect::store::{IMPORT, load_evidence};
use crate::customer::store::load_customer_agreements;
use crate::ids::InvoiceId;
use crate::orchestrator::Orchestrator;
use crate::scope::Scope;
use crate::store::{Conn, StoreError};

/// What is wrong with an issued document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A row, a byte or a page was changed.
    Tampered,
    /// Made by another version of the rules; amounts were not compared.
    RulesChanged,
    /// Its evidence is no longer in the database; amounts rest on the records alone.
    EvidenceArchived,
}

/// One finding of the verification.
#[derive(Clone, Debug, Serialize)]
pub struct Deviation {
    pub number: String,
    pub verdict: Verdict,
    /// What differs: which row, field, file or page.
    pub what: String,
}

/// What was verified.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verification {
    pub documents: usize,
    pub records: usize,
    pub pages: usize,
    pub deviations: Vec<Deviation>,
}

impl Verification {
    /// Whether nothing was tampered with.
    pub fn is_good(&self) -> bool {
        self.deviations.iter().all(|one| one.verdict != Verdict::Tampered)
    }
}

/// Verifies everything issued; `progress` is told after each document: done, all.
pub async fn verify(
    app: &App,
    progress: &dyn Fn(usize, usize),
) -> Result<Verification, StoreError> {
    let mut conn = app.db.snapshot().await?;
    let rows = store::load_chain(&mut conn).await?;
    let mut verifier = Verifier {
        orchestrators: &app.orchestrators,
        histories: BTreeMap::new(),
        pages: BTreeMap::new(),
        result: Verification::default(),
    };
    let mut previous: Option<&ChainRow> = None;
    for (index, row) in rows.iter().enumerate() {
        verifier.link(previous, row);
        verifier.document(&mut conn, row).await?;
        previous = Some(row);
        progress(index + 1, rows.len());
    }
    verifier.result.documents = rows.len();
    for end in store::load_series_ends(&mut conn).await? {
        let last = rows
            .iter()
            .filter(|row| row.seller == end.seller && row.series == end.series)
            .filter(|row| row.year == end.year)
            .map(|row| row.sequence)
            .max();
        if last.unwrap_or(0) < end.last_number {
            let number = format!("{}-{}-{:05}", end.series, end.year, end.last_number);
            let what = "the last document of its series and year is missing".to_owned();
            verifier.note(&number, Verdict::Tampered, what);
        }
    }
    let balances = crate::ledger::store::load_balances(&mut conn, None).await?;
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for (_, currency, minor) in balances {
        *sums.entry(currency).or_insert(0) += minor;
    }
    for (currency, minor) in sums.into_iter().filter(|(_, minor)| *minor != 0) {
        verifier.note("ledger", Verdict::Tampered, format!("{currency}: sums to {minor}, not 0"));
    }
    Ok(verifier.result)
}

/// What a page says of one of its records.
enum Words {
    Reported(UsageRecord),
    Imported(Box<Imported>),
}

impl Words {
    /// Whether a stored record is what the page says.
    fn say(&self, record: &StoredRecord) -> bool {
        let said = match self {
            Self::Reported(said) => said,
            Self::Imported(row) => return row.says(record),
        };
        let key = &record.key;
        (&said.owner, &said.meter, &said.resource) == (&key.owner, &key.meter, &key.resource)
            && (said.span.from, said.span.until) == (key.from, record.until)
            && said.quantity == record.quantity
    }
}

/// What a page says of each of its records, by position.
type Said = BTreeMap<usize, Words>;

/// A pool as a whole has no meter, and no resource unless all of it has one.
fn records_changed(part: &ChargePart) -> String {
    let names = [part.meter.as_str(), part.resource.as_str()];
    let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
    let of = if names.is_empty() { "its pool".to_owned() } else { names.join(" ") };
    format!("line {}: the records of {of} were changed", part.line)
}

struct Verifier<'a> {
    orchestrators: &'a [Arc<dyn Orchestrator>],
    histories: BTreeMap<i64, Histories>,
    /// Pages whose bytes were checked, with the records found on them again.
    pages: BTreeMap<i64, Option<Said>>,
    result: Verification,
}

impl Verifier<'_> {
    fn note(&mut self, number: &str, verdict: Verdict, what: String) {
        self.result.deviations.push(Deviation { number: number.to_owned(), verdict, what });
    }

    /// The chain: each link holds the one before it, and numbers have no gaps.
    fn link(&mut self, previous: Option<&ChainRow>, row: &ChainRow) {
        let before =
            previous.filter(|before| before.seller == row.seller && before.series == row.series);
        let hash = before.map_or("", |before| before.chain_hash.as_str());
        if row.previous_chain_hash != hash {
            let what = "its link to the document before it is broken".to_owned();
            self.note(&row.number, Verdict::Tampered, what);
        }
        let expected =
            before.filter(|before| before.year == row.year).map_or(1, |b| b.sequence + 1);
        if row.sequence != expected {
            let what = format!("number {expected} of its series and year is missing");
            self.note(&row.number, Verdict::Tampered, what);
        }
        let made =
            chain_hash(&row.previous_chain_hash, &row.number, &row.content_hash, &row.charges_hash);
        if made != row.chain_hash {
            let what = "its chain hash does not follow from its row".to_owned();
            self.note(&row.number, Verdict::Tampered, what);
        }
    }

    async fn document(&mut self, conn: &mut Conn, row: &ChainRow) -> Result<(), StoreError> {
        if sha256(&[row.json.as_bytes()]) != row.content_hash {
            let what = "the document's text was changed".to_owned();
            self.note(&row.number, Verdict::Tampered, what);
        }
        let Ok(document) = serde_json::from_str::<InvoiceDocument>(&row.json) else {
            let what = "the document's text cannot be read".to_owned();
            self.note(&row.number, Verdict::Tampered, what);
            return Ok(());
        };
        let totals = (document.net_minor, document.tax_minor, document.gross_minor);
        if totals != (row.net_minor, row.tax_minor, row.gross_minor) {
            let what = "the row's totals differ from the document's".to_owned();
            self.note(&row.number, Verdict::Tampered, what);
        }
        let parts = match store::load_parts(conn, &row.seller, &row.id).await {
            Ok(parts) => parts,
            Err(StoreError::Corrupt { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        if charges_hash(&parts) != row.charges_hash {
            let what = "the charges behind its lines were changed".to_owned();
            self.note(&row.number, Verdict::Tampered, what);
        }
        self.files(conn, row, &document).await?;
        self.amounts(conn, row, &document, &parts).await
    }

    async fn files(
        &mut self,
        conn: &mut Conn,
        row: &ChainRow,
        document: &InvoiceDocument,
    ) -> Result<(), StoreError> {
        if let Some((body, hash)) = store::load_file(conn, &row.seller, &row.id).await?
            && sha256(&[&body]) != hash
        {
            self.note(&row.number, Verdict::Tampered, "the PDF's bytes were changed".to_owned());
        }
        // Erased contact data is no tampering; changed contact data is.
        if let Some((contact, salt)) = store::load_contact(conn, &row.seller, &row.id).await?
            && document.contact_hash.as_deref() != Some(contact_hash(&contact, &salt).as_str())
        {
            self.note(&row.number, Verdict::Tampered, "the contact data was changed".to_owned());
        }
        Ok(())
    }

    /// Each record behind the document against its page of evidence.
    async fn records(
        &mut self,
        conn: &mut Conn,
        row: &ChainRow,
        records: &[StoredRecord],
    ) -> Result<(), StoreError> {
        let mut named: BTreeSet<i64> = BTreeSet::new();
        for record in records {
            self.result.records += 1;
            if let Some(what) = self.evidence(conn, record).await?
                && named.insert(record.evidence)
            {
                let verdict = match what.starts_with("archived") {
                    true => Verdict::EvidenceArchived,
                    false => Verdict::Tampered,
                };
                self.note(&row.number, verdict, what);
            }
        }
        Ok(())
    }

    /// The hashes of the records behind each part.
    fn parts(&mut self, row: &ChainRow, then: &[&ChargePart], now: &[ChargePart]) {
        for part in then.iter().filter(|part| part.record_count > 0) {
            let same = now.iter().find(|one| (one.line, one.ordinal) == (part.line, part.ordinal));
            if same.is_none_or(|same| same.record_hash != part.record_hash) {
                self.note(&row.number, Verdict::Tampered, records_changed(part));
            }
        }
    }

    /// The records behind lines that correct an earlier period, as they were known then.
    async fn late_parts(
        &mut self,
        conn: &mut Conn,
        (row, document): (&ChainRow, &InvoiceDocument),
        request: &MonthRequest<'_>,
        late: &[&ChargePart],
    ) -> Result<(), StoreError> {
        let corrected: BTreeSet<&str> = document
            .lines
            .iter()
            .filter_map(|line| line.corrects.as_ref())
            .map(|of| of.id.as_str())
            .collect();
        let mut hashes: BTreeSet<String> = BTreeSet::new();
        for id in corrected {
            let Some((invoice, _)) = store::load_invoice(conn, &Scope::Provider, id).await? else {
                let what = format!("the invoice {id} that it corrects is gone");
                self.note(&row.number, Verdict::Tampered, what);
                continue;
            };
            let request = MonthRequest { period: invoice.period, ..*request };
            let mut histories = self.histories.remove(&document.known_at).unwrap_or_default();
            let gathered = gather(conn, &request, &mut histories).await?;
            self.histories.insert(document.known_at, histories);
            // What was known before is verified with the invoice that billed it.
            let later = gathered.records.iter().filter(|one| one.recorded_at > invoice.known_at);
            let later: Vec<StoredRecord> = later.cloned().collect();
            self.records(conn, row, &later).await?;
            let again = finish(&request, gathered, invoice.id.clone(), Vec::new())?;
            hashes.extend(again.parts.into_iter().map(|part| part.record_hash));
        }
        for part in late.iter().filter(|part| !hashes.contains(&part.record_hash)) {
            self.note(&row.number, Verdict::Tampered, records_changed(part));
        }
        Ok(())
    }

    /// What is wrong with a record's evidence: bytes without their hash, or other words in it.
    async fn evidence(
        &mut self,
        conn: &mut Conn,
        record: &StoredRecord,
    ) -> Result<Option<String>, StoreError> {
        if !self.pages.contains_key(&record.evidence) {
            let page = match load_evidence(conn, record.evidence).await {
                Ok(page) => page,
                Err(StoreError::Corrupt { .. }) => {
                    return Ok(Some(format!("evidence page {} was changed", record.evidence)));
                }
                Err(error) => return Err(error),
            };
            self.result.pages += 1;
            let read = page.map(|page| {
                if page.source == IMPORT {
                    let rows = rows_on_page(&page.request, &page.body).into_iter();
                    return rows
                        .map(|(index, row)| (index, Words::Imported(Box::new(row))))
                        .collect();
                }
                let orchestrator =
                    self.orchestrators.iter().find(|one| one.source().0 == page.source);
                let parsed = orchestrator.and_then(|one| one.parse_usage(&raw_page(&page)).ok());
                let mut records = BTreeMap::new();
                for one in parsed.into_iter().flatten() {
                    if let Ok(found) = one.outcome {
                        records.insert(one.index, Words::Reported(found));
                    }
                }
                records
            });
            self.pages.insert(record.evidence, read);
        }
        let Some(page) = self.pages.get(&record.evidence) else { return Ok(None) };
        let Some(records) = page else {
            return Ok(Some(format!("archived: evidence page {} is gone", record.evidence)));
        };
        // Corrected revisions are not re-read from pages, nor what no adapter can read any more.
        let corrected = record.key.revision > 0 && !record.key.is_imported();
        if records.is_empty() || corrected {
            return Ok(None);
        }
        let index = usize::try_from(record.evidence_index).unwrap_or(usize::MAX);
        let same = records.get(&index).is_some_and(|said| said.say(record));
        Ok((!same).then(|| {
            format!(
                "record {} {} at {} differs from row {index} of evidence page {}",
                record.key.meter, record.key.resource, record.key.from, record.evidence
            )
        }))
    }

    /// Rates the period again with the knowledge of then, and compares line by line.
    async fn amounts(
        &mut self,
        conn: &mut Conn,
        row: &ChainRow,
        document: &InvoiceDocument,
        parts: &[ChargePart],
    ) -> Result<(), StoreError> {
        if document.kind == DocumentKind::CreditNote {
            // What it reduces is the invoice's, which is verified itself.
            return Ok(());
        }
        if document.engine != ENGINE {
            let what = format!("made by rules {}, this program has {ENGINE}", document.engine);
            self.note(&row.number, Verdict::RulesChanged, what);
            return Ok(());
        }
        let agreements =
            load_customer_agreements(conn, &document.customer_id, document.known_at).await?;
        let Some(agreement) = agreements.iter().find(|one| one.id == document.agreement_id) else {
            let what = format!("its agreement {} is gone", document.agreement_id);
            self.note(&row.number, Verdict::Tampered, what);
            return Ok(());
        };
        let request = MonthRequest {
            agreement,
            period: document.period,
            known_at: document.known_at,
            prices_known_at: document.known_at,
        };
        let mut histories = self.histories.remove(&document.known_at).unwrap_or_default();
        let gathered = gather(conn, &request, &mut histories).await?;
        self.histories.insert(document.known_at, histories);
        self.records(conn, row, &gathered.records).await?;
        let again = finish(&request, gathered, InvoiceId(document.id.0.clone()), Vec::new())?;
        let corrections: BTreeSet<u32> = document
            .lines
            .iter()
            .filter(|line| line.corrects.is_some())
            .map(|line| line.number)
            .collect();
        let (late, of_period): (Vec<&ChargePart>, Vec<&ChargePart>) =
            parts.iter().partition(|part| corrections.contains(&part.line));
        self.parts(row, &of_period, &again.parts);
        self.late_parts(conn, (row, document), &request, &late).await?;
        let own: Vec<_> = document.lines.iter().filter(|line| line.corrects.is_none()).collect();
        for (then, now) in own.iter().zip(&again.document.lines) {
            if then.net_minor != now.net_minor || then.text != now.text {
                let what = format!(
                    "line {}: {} minor units on it, {} from its evidence",
                    then.number, then.net_minor, now.net_minor
                );
                self.note(&row.number, Verdict::Tampered, what);
            }
        }
        if own.len() != again.document.lines.len() {
            let what = format!(
                "{} lines on it, {} from its evidence",
                own.len(),
                again.document.lines.len()
            );
            self.note(&row.number, Verdict::Tampered, what);
        }
        Ok(())
    }
}
