//! From an invoice line down to the orchestrator's own words.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::behind::load_behind;
use super::document::{ChargePart, InvoiceDocument, Line};
use super::store;
use crate::catalog::store::load_version;
use crate::collect::import::row_on_page;
use crate::collect::observe::excerpt::element;
use crate::collect::record::{Attributes, RecordKey, StoredRecord};
use crate::collect::store::{EvidencePage, load_attribute_sets, load_evidence};
use crate::money::Money;
use crate::orchestrator::{Orchestrator, RawPage};
use crate::scope::Scope;
use crate::store::codec::At;
use crate::store::{Conn, StoreError};

/// A usage record behind a part, with its evidence.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedRecord {
    pub key: RecordKey,
    pub until: i64,
    pub quantity: String,
    pub attributes: Attributes,
    /// The orchestrator's own JSON of this record; never a page of many tenants.
    pub raw: Option<serde_json::Value>,
    pub request: Option<String>,
    pub fetched_at: Option<i64>,
    pub body_hash: Option<String>,
}

/// A line with all that made it.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedLine {
    pub invoice_number: String,
    pub line: Line,
    /// The price as it stood in the book's version, as JSON.
    pub price: Option<serde_json::Value>,
    /// `quantity × price ÷ base = exact → rounded`.
    pub arithmetic: String,
    pub parts: Vec<ChargePart>,
    /// Records of the parts, at most `limit`.
    pub records: Vec<ExplainedRecord>,
    /// How many records there are in all.
    pub record_count: u64,
}

/// Which line, and how much of what is behind it.
pub struct ExplainRequest<'a> {
    pub invoice: &'a str,
    pub line: u32,
    pub resource: Option<&'a str>,
    pub limit: usize,
}

/// Explains a line of an issued document; `None` when the scope does not see it.
/// `resource` narrows the records to one resource's.
pub async fn load_explanation(
    conn: &mut Conn,
    orchestrators: &[Arc<dyn Orchestrator>],
    scope: &Scope,
    request: ExplainRequest<'_>,
) -> Result<Option<ExplainedLine>, StoreError> {
    let found = store::load_invoice(conn, scope, request.invoice).await?;
    let Some((document, _)) = found else { return Ok(None) };
    let Some(line) = document.lines.iter().find(|line| line.number == request.line).cloned() else {
        return Ok(None);
    };
    let mut parts = store::load_parts(conn, &document.seller_id, &document.id).await?;
    parts.retain(|part| {
        part.line == line.number
            && request.resource.is_none_or(|resource| part.resource == resource)
    });
    let price = load_price(conn, &line).await?;
    let record_count = parts.iter().map(|part| u64::from(part.record_count)).sum();
    let records = load_behind(conn, (&document, &line), &parts, request.limit).await?;
    let records = explain(conn, orchestrators, records).await?;
    Ok(Some(ExplainedLine {
        invoice_number: document.number.clone().unwrap_or_else(|| document.id.to_string()),
        arithmetic: arithmetic(&document, &line),
        line,
        price,
        parts,
        records,
        record_count,
    }))
}

async fn load_price(conn: &mut Conn, line: &Line) -> Result<Option<serde_json::Value>, StoreError> {
    let (Some(version), Some(code)) = (&line.price_version, &line.price_code) else {
        return Ok(None);
    };
    let found = load_version(conn, version).await?;
    let price = found.iter().flat_map(|(book, _)| &book.prices).find(|p| p.code == *code);
    let at = At { table: "price_book_version", id: version, column: "prices" };
    price.map(|price| at.json(&crate::store::codec::to_json(price))).transpose()
}

/// `quantity × price ÷ base = exact → rounded currency`.
fn arithmetic(document: &InvoiceDocument, line: &Line) -> String {
    let money = Money { minor: line.net_minor, currency: document.currency };
    let base = if line.base == crate::money::Exact::ONE {
        String::new()
    } else {
        format!(" ÷ {}", line.base)
    };
    format!(
        "{} × {}{base} = {} → {} {}",
        line.quantity,
        line.price,
        line.exact,
        money.to_decimal_text(),
        document.currency,
    )
}

async fn explain(
    conn: &mut Conn,
    orchestrators: &[Arc<dyn Orchestrator>],
    records: Vec<StoredRecord>,
) -> Result<Vec<ExplainedRecord>, StoreError> {
    let ids: Vec<i64> = records.iter().map(|record| record.attribute_set).collect();
    let sets = load_attribute_sets(conn, &ids).await?;
    let mut pages: BTreeMap<i64, Option<EvidencePage>> = BTreeMap::new();
    let mut explained = Vec::with_capacity(records.len());
    for record in records {
        if !pages.contains_key(&record.evidence) {
            pages.insert(record.evidence, load_evidence(conn, record.evidence).await?);
        }
        let page = pages.get(&record.evidence).and_then(Option::as_ref);
        let raw = page.and_then(|page| raw_record(orchestrators, page, record.evidence_index));
        explained.push(ExplainedRecord {
            until: record.until,
            quantity: record.quantity.to_string(),
            attributes: sets.get(&record.attribute_set).cloned().unwrap_or_else(Attributes::new),
            raw: raw
                .map(|text| serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))),
            request: page.map(|page| page.request.clone()),
            fetched_at: page.map(|page| page.fetched_at),
            body_hash: page.map(|page| page.body_hash.clone()),
            key: record.key,
        });
    }
    Ok(explained)
}

/// The words of one record on a page of evidence: what was kept of an observation, by the adapter
/// that brought the page, or, of an import, the row.
pub(super) fn raw_record(
    orchestrators: &[Arc<dyn Orchestrator>],
    page: &EvidencePage,
    index: i64,
) -> Option<String> {
    if let Some(words) = element(&page.body, index) {
        return Some(words);
    }
    let index = usize::try_from(index).ok()?;
    let raw = raw_page(page);
    match orchestrators.iter().find(|one| one.source().0 == page.source) {
        Some(orchestrator) => orchestrator.raw_record(&raw, index),
        None => row_on_page(&page.request, &page.body, index),
    }
}

/// A page of evidence in the form that adapters read.
pub(super) fn raw_page(page: &EvidencePage) -> RawPage {
    RawPage {
        request: page.request.clone(),
        page: u32::try_from(page.page).unwrap_or(0),
        body: page.body.clone(),
    }
}
