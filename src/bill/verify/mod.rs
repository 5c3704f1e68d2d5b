//! Recomputes everything issued: the chain, the documents, their amounts, the records behind them
//! and the evidence behind those; names what was changed by hand.

mod amounts;
mod corrections;
mod records;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use self::records::Said;
use super::document::InvoiceDocument;
use super::facts::Histories;
use super::issue::{charges_hash, sha256};
use super::store::{self, ChainRow};
use crate::app::App;
use crate::orchestrator::Orchestrator;
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
        sets: BTreeSet::new(),
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
    verifier.ends(&mut conn, &rows).await?;
    verifier.ledger(&mut conn).await?;
    Ok(verifier.result)
}

struct Verifier<'a> {
    orchestrators: &'a [Arc<dyn Orchestrator>],
    histories: BTreeMap<i64, Histories>,
    /// Pages whose bytes were checked, with the records found on them again.
    pages: BTreeMap<i64, Option<Said>>,
    /// Attribute sets that have the hash they are named by.
    sets: BTreeSet<i64>,
    result: Verification,
}

impl Verifier<'_> {
    fn note(&mut self, number: &str, verdict: Verdict, what: String) {
        self.result.deviations.push(Deviation { number: number.to_owned(), verdict, what });
    }

    async fn document(&mut self, conn: &mut Conn, row: &ChainRow) -> Result<(), StoreError> {
        if sha256(&[row.json.as_bytes()]) != row.content_hash {
            self.tampered(row, "the document's text was changed");
        }
        let Ok(document) = serde_json::from_str::<InvoiceDocument>(&row.json) else {
            self.tampered(row, "the document's text cannot be read");
            return Ok(());
        };
        let done = self.checks(conn, row, &document).await;
        match done {
            // Something below it was made unreadable by hand: the error names the row.
            Err(error @ (StoreError::Corrupt { .. } | StoreError::Conflict(_))) => {
                self.tampered(row, error.to_string());
                Ok(())
            }
            other => other,
        }
    }

    async fn checks(
        &mut self,
        conn: &mut Conn,
        row: &ChainRow,
        document: &InvoiceDocument,
    ) -> Result<(), StoreError> {
        self.columns(row, document);
        self.owners(conn, row, document).await?;
        self.files(conn, row, document).await?;
        if self.sums(row, document) {
            self.entry(conn, row, document).await?;
        }
        let parts = match store::load_parts(conn, &row.seller, &row.id).await {
            Ok(parts) => parts,
            Err(StoreError::Corrupt { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        if charges_hash(&parts) != row.charges_hash {
            self.tampered(row, "the charges behind its lines were changed");
        }
        self.amounts(conn, (row, document), &parts).await
    }

    fn tampered(&mut self, row: &ChainRow, what: impl Into<String>) {
        self.note(&row.number, Verdict::Tampered, what.into());
    }
}
