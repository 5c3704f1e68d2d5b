//! SQL of drafts, issued documents, charges, series and the hash chain.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Executor, Row};

use super::document::{ChargePart, Contact, DocumentKind, InvoiceDocument};
use super::issue::{Issued, Slot};
use crate::collect::import::store::lasting_since;
use crate::collect::store::RECORD_SECONDS_MAX;
use crate::ids::{AgreementId, CustomerId, InvoiceId, OwnerRef, SellerId, SourceName};
use crate::money::Currency;
use crate::period::PeriodLabel;
use crate::scope::Scope;
use crate::store::bulk::{self, OnConflict, Target, Value};
use crate::store::codec::{At, enum_text, to_json};
use crate::store::{Conn, Engine, StoreError};

/// An issued document as lists show it.
#[derive(Clone, Debug)]
pub struct InvoiceRow {
    pub seller_id: SellerId,
    pub id: InvoiceId,
    pub kind: DocumentKind,
    pub number: String,
    pub customer_id: CustomerId,
    pub customer_name: String,
    pub period: String,
    pub issue_date: String,
    pub due_date: Option<String>,
    pub issued_at: i64,
    pub currency: Currency,
    pub net_minor: i64,
    pub tax_minor: i64,
    pub gross_minor: i64,
}

/// What a list of issued documents is cut by.
#[derive(Clone, Debug, Default)]
pub struct InvoiceFilter {
    pub customer: Option<CustomerId>,
    pub seller: Option<SellerId>,
    pub period: Option<String>,
    /// Key of the last row of the page before: `(issued_at, id)`; newest first.
    pub after: Option<(i64, String)>,
    pub limit: u32,
}

/// Key of a row in lists, newest first: `(issued_at, id)`.
type Place = (i64, String);

fn place_of(row: &InvoiceRow) -> Place {
    (row.issued_at, row.id.0.clone())
}

/// Issued documents within a scope, newest first.
pub async fn load_invoices(
    conn: &mut Conn,
    scope: &Scope,
    filter: &InvoiceFilter,
) -> Result<Vec<InvoiceRow>, StoreError> {
    let after = filter.after.as_ref();
    let mut found = match scope {
        Scope::Provider => load_page(conn, filter, after).await?,
        Scope::Sellers(sellers) => {
            let mut found = Vec::new();
            for seller in sellers {
                if filter.seller.as_ref().is_none_or(|wanted| wanted == seller) {
                    let own = InvoiceFilter { seller: Some(seller.clone()), ..filter.clone() };
                    found.extend(load_page(conn, &own, after).await?);
                }
            }
            found
        }
        Scope::Owners { owners, contact_of } => {
            load_of_owners(conn, (owners, contact_of), filter).await?
        }
    };
    found.sort_by_key(|row| std::cmp::Reverse(place_of(row)));
    found.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// A document found by some of its owners.
struct Owned {
    row: InvoiceRow,
    /// How many of the caller's owners are on it.
    matched: i64,
    /// How many owners are on it in all.
    owners: i64,
    /// The caller is a contact of its customer.
    contact: bool,
}

/// What a user of the orchestrator sees: documents all of whose owners are theirs, and those of
/// customers that name them. Read owner by owner, so that it costs nothing that others have many.
async fn load_of_owners(
    conn: &mut Conn,
    (owners, contact_of): (&BTreeSet<OwnerRef>, &BTreeSet<CustomerId>),
    filter: &InvoiceFilter,
) -> Result<Vec<InvoiceRow>, StoreError> {
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let mut seen: Vec<InvoiceRow> = Vec::new();
    let mut after = filter.after.clone();
    loop {
        let mut found: BTreeMap<Place, Owned> = BTreeMap::new();
        // Below the greatest last place of a full page, other owners' rows may be missing.
        let mut horizon: Option<Place> = None;
        for owner in owners {
            let rows = load_owned(conn, owner, filter, after.as_ref()).await?;
            if rows.len() >= limit {
                horizon = horizon.max(rows.last().map(|owned| place_of(&owned.row)));
            }
            for owned in rows {
                let place = place_of(&owned.row);
                found.entry(place).and_modify(|one| one.matched += 1).or_insert(owned);
            }
        }
        for customer in contact_of {
            if filter.customer.as_ref().is_some_and(|wanted| wanted != customer) {
                continue;
            }
            let own = InvoiceFilter { customer: Some(customer.clone()), ..filter.clone() };
            let rows = load_page(conn, &own, after.as_ref()).await?;
            if rows.len() >= limit {
                horizon = horizon.max(rows.last().map(place_of));
            }
            for row in rows {
                let new = |row| Owned { row, matched: 0, owners: 1, contact: true };
                let place = place_of(&row);
                found.entry(place).and_modify(|one| one.contact = true).or_insert_with(|| new(row));
            }
        }
        let decided = found.into_iter().rev();
        let decided = decided.take_while(|(place, _)| horizon.as_ref().is_none_or(|h| place >= h));
        let visible = decided.filter(|(_, one)| one.contact || one.matched == one.owners);
        seen.extend(visible.map(|(_, one)| one.row));
        if horizon.is_none() || seen.len() >= limit {
            return Ok(seen);
        }
        after = horizon;
    }
}

async fn load_owned(
    conn: &mut Conn,
    owner: &OwnerRef,
    filter: &InvoiceFilter,
    after: Option<&Place>,
) -> Result<Vec<Owned>, StoreError> {
    let sql = "SELECT i.seller_id, i.id, i.kind, i.number, i.customer_id, i.period, \
               i.issue_date, i.issued_at, i.currency, i.net_minor, i.tax_minor, i.gross_minor, \
               i.customer_name, i.due_date, (SELECT COUNT(*) FROM invoice_owner a \
                 WHERE a.seller_id = i.seller_id AND a.invoice_id = i.id) \
               FROM invoice_owner o JOIN invoice i \
                 ON i.seller_id = o.seller_id AND i.id = o.invoice_id \
               WHERE o.source = $1 AND o.owner = $2 AND ($3 = '' OR i.customer_id = $3) \
                 AND ($4 = '' OR i.seller_id = $4) AND ($5 = '' OR i.period = $5) \
                 AND (i.issued_at < $6 OR (i.issued_at = $6 AND i.id < $7)) \
               ORDER BY i.issued_at DESC, i.id DESC LIMIT $8";
    let (at, id) = after.cloned().unwrap_or((i64::MAX, String::new()));
    let query = sqlx::query(sql)
        .bind(owner.source.0.clone())
        .bind(owner.id.clone())
        .bind(filter.customer.as_ref().map_or_else(String::new, |id| id.0.clone()))
        .bind(filter.seller.as_ref().map_or_else(String::new, |id| id.0.clone()))
        .bind(filter.period.clone().unwrap_or_else(String::new))
        .bind(at)
        .bind(id)
        .bind(i64::from(filter.limit));
    let rows = conn.fetch_all(query).await?;
    rows.iter()
        .map(|row| {
            let owners = row.try_get(14)?;
            Ok(Owned { row: invoice_row(row)?, matched: 1, owners, contact: false })
        })
        .collect()
}

async fn load_page(
    conn: &mut Conn,
    filter: &InvoiceFilter,
    after: Option<&Place>,
) -> Result<Vec<InvoiceRow>, StoreError> {
    let sql = "SELECT seller_id, id, kind, number, customer_id, period, issue_date, issued_at, \
               currency, net_minor, tax_minor, gross_minor, customer_name, due_date FROM invoice \
               WHERE ($1 = '' OR customer_id = $2) AND ($3 = '' OR seller_id = $4) \
                 AND ($5 = '' OR period = $6) \
                 AND (issued_at < $7 OR (issued_at = $8 AND id < $9)) \
               ORDER BY issued_at DESC, id DESC LIMIT $10";
    let customer = filter.customer.as_ref().map_or_else(String::new, |id| id.0.clone());
    let seller = filter.seller.as_ref().map_or_else(String::new, |id| id.0.clone());
    let period = filter.period.clone().unwrap_or_else(String::new);
    let (at, id) = after.cloned().unwrap_or((i64::MAX, String::new()));
    let query = sqlx::query(sql)
        .bind(customer.clone())
        .bind(customer)
        .bind(seller.clone())
        .bind(seller)
        .bind(period.clone())
        .bind(period)
        .bind(at)
        .bind(at)
        .bind(id)
        .bind(i64::from(filter.limit));
    let rows = conn.fetch_all(query).await?;
    rows.iter().map(invoice_row).collect()
}

fn invoice_row(row: &sqlx::any::AnyRow) -> Result<InvoiceRow, StoreError> {
    let id: String = row.try_get(1)?;
    let kind: String = row.try_get(2)?;
    let currency: String = row.try_get(8)?;
    let at = |column| At { table: "invoice", id: &id, column };
    let due: String = row.try_get(13)?;
    Ok(InvoiceRow {
        seller_id: SellerId(row.try_get(0)?),
        kind: at("kind").json(&format!("{kind:?}"))?,
        number: row.try_get(3)?,
        customer_id: CustomerId(row.try_get(4)?),
        customer_name: row.try_get(12)?,
        period: row.try_get(5)?,
        issue_date: row.try_get(6)?,
        due_date: Some(due).filter(|due| !due.is_empty()),
        issued_at: row.try_get(7)?,
        currency: at("currency").parse(&currency)?,
        net_minor: row.try_get(9)?,
        tax_minor: row.try_get(10)?,
        gross_minor: row.try_get(11)?,
        id: InvoiceId(id),
    })
}

/// All owners on a document.
pub async fn load_owners(
    conn: &mut Conn,
    seller: &SellerId,
    id: &InvoiceId,
) -> Result<BTreeSet<OwnerRef>, StoreError> {
    let sql = "SELECT source, owner FROM invoice_owner WHERE seller_id = $1 AND invoice_id = $2";
    let query = sqlx::query(sql).bind(seller.0.clone()).bind(id.0.clone());
    let rows = conn.fetch_all(query).await?;
    rows.iter()
        .map(|row| Ok(OwnerRef { source: SourceName(row.try_get(0)?), id: row.try_get(1)? }))
        .collect()
}

/// An issued document by id or number, if the scope sees it.
pub async fn load_invoice(
    conn: &mut Conn,
    scope: &Scope,
    id_or_number: &str,
) -> Result<Option<(InvoiceDocument, Option<Contact>)>, StoreError> {
    let sql = "SELECT seller_id, id, document FROM invoice WHERE id = $1 OR number = $2 \
               ORDER BY seller_id, id";
    let query = sqlx::query(sql).bind(id_or_number.to_owned()).bind(id_or_number.to_owned());
    for row in conn.fetch_all(query).await? {
        let seller = SellerId(row.try_get(0)?);
        let id = InvoiceId(row.try_get(1)?);
        let text: String = row.try_get(2)?;
        let owners = load_owners(conn, &seller, &id).await?;
        let at = At { table: "invoice", id: id.as_str(), column: "document" };
        let document: InvoiceDocument = at.json(&text)?;
        if scope.sees_invoice(&seller, &document.customer_id, &owners) {
            let contact = load_contact(conn, &seller, &id).await?;
            return Ok(Some((document, contact.map(|(contact, _)| contact))));
        }
    }
    Ok(None)
}

/// Contact data of a document with its salt, unless it was erased.
pub async fn load_contact(
    conn: &mut Conn,
    seller: &SellerId,
    id: &InvoiceId,
) -> Result<Option<(Contact, String)>, StoreError> {
    let sql = "SELECT contact, salt FROM invoice_contact WHERE seller_id = $1 AND invoice_id = $2";
    let query = sqlx::query(sql).bind(seller.0.clone()).bind(id.0.clone());
    let Some(row) = conn.fetch_optional(query).await? else { return Ok(None) };
    let text: String = row.try_get(0)?;
    let at = At { table: "invoice_contact", id: id.as_str(), column: "contact" };
    Ok(Some((at.json(&text)?, row.try_get(1)?)))
}

/// The parts of a document's lines; ask for the document first, which checks the scope.
pub async fn load_parts(
    conn: &mut Conn,
    seller: &SellerId,
    id: &InvoiceId,
) -> Result<Vec<ChargePart>, StoreError> {
    let sql = "SELECT part FROM charge WHERE seller_id = $1 AND invoice_id = $2 \
               ORDER BY line, ordinal";
    let query = sqlx::query(sql).bind(seller.0.clone()).bind(id.0.clone());
    let at = At { table: "charge", id: id.as_str(), column: "part" };
    let rows = conn.fetch_all(query).await?;
    rows.iter()
        .map(|row| {
            let text: String = row.try_get(0)?;
            at.json(&text)
        })
        .collect()
}

/// Whether a draft may be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftState {
    /// Something holds it.
    Held,
    Ready,
    Approved,
}

/// A stored draft.
#[derive(Clone, Debug)]
pub struct Draft {
    pub state: DraftState,
    /// What holds it, one text each.
    pub holds: Vec<String>,
    pub document: InvoiceDocument,
    pub contact: Option<Contact>,
    pub customer_number: String,
}

/// Puts a draft in the place of the one of the same agreement, period and corrected invoice.
pub async fn save_draft(
    conn: &mut Conn,
    engine: Engine,
    draft: &Draft,
    parts: &[ChargePart],
    created_at: i64,
) -> Result<(), StoreError> {
    let document = &draft.document;
    delete_draft_of(conn, document).await?;
    let sql = "INSERT INTO draft (seller_id, id, kind, customer_id, agreement_id, period, \
               corrects_id, state, holds, document, contact, customer_number, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let query = sqlx::query(sql)
        .bind(document.seller_id.0.clone())
        .bind(document.id.0.clone())
        .bind(enum_text(&document.kind))
        .bind(document.customer_id.0.clone())
        .bind(document.agreement_id.0.clone())
        .bind(document.period.label.to_string())
        .bind(corrects_id(document))
        .bind(enum_text(&draft.state))
        .bind(to_json(&draft.holds))
        .bind(to_json(document))
        .bind(draft.contact.as_ref().map(to_json))
        .bind(draft.customer_number.clone())
        .bind(created_at);
    conn.execute(query).await?;
    let rows = parts
        .iter()
        .map(|part| {
            vec![
                Value::Text(document.seller_id.0.clone()),
                Value::Text(document.id.0.clone()),
                Value::Int(i64::from(part.line)),
                Value::Int(i64::from(part.ordinal)),
                Value::Text(to_json(part)),
            ]
        })
        .collect();
    let columns = ["seller_id", "invoice_id", "line", "ordinal", "part"];
    let target = Target { table: "charge", columns: &columns, on_conflict: OnConflict::Fail };
    bulk::insert(conn, engine, target, rows).await?;
    Ok(())
}

fn corrects_id(document: &InvoiceDocument) -> String {
    document.corrects.as_ref().map_or_else(String::new, |reference| reference.id.0.clone())
}

/// Removes the draft that stands where this document's would.
pub async fn delete_draft_of(
    conn: &mut Conn,
    document: &InvoiceDocument,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM draft WHERE seller_id = $1 AND agreement_id = $2 AND period = $3 \
               AND kind = $4 AND corrects_id = $5 RETURNING id";
    let query = sqlx::query(sql)
        .bind(document.seller_id.0.clone())
        .bind(document.agreement_id.0.clone())
        .bind(document.period.label.to_string())
        .bind(enum_text(&document.kind))
        .bind(corrects_id(document));
    for row in conn.fetch_all(query).await? {
        let id: String = row.try_get(0)?;
        delete_charges(conn, &document.seller_id, &InvoiceId(id)).await?;
    }
    Ok(())
}

async fn delete_charges(
    conn: &mut Conn,
    seller: &SellerId,
    id: &InvoiceId,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM charge WHERE seller_id = $1 AND invoice_id = $2";
    conn.execute(sqlx::query(sql).bind(seller.0.clone()).bind(id.0.clone())).await?;
    Ok(())
}

/// Drafts of a period (all periods when `None`) within a scope, ascending by customer number.
pub async fn load_drafts(
    conn: &mut Conn,
    scope: &Scope,
    seller: Option<&SellerId>,
    period: Option<&str>,
) -> Result<Vec<Draft>, StoreError> {
    let sql = "SELECT id, state, holds, document, contact, customer_number FROM draft \
               WHERE ($1 = '' OR seller_id = $2) AND ($3 = '' OR period = $4) \
               ORDER BY LENGTH(customer_number), customer_number, kind DESC, period, id";
    let seller = seller.map_or_else(String::new, |id| id.0.clone());
    let period = period.map_or_else(String::new, str::to_owned);
    let query =
        sqlx::query(sql).bind(seller.clone()).bind(seller).bind(period.clone()).bind(period);
    let mut drafts = Vec::new();
    for row in conn.fetch_all(query).await? {
        let draft = draft_row(&row)?;
        let may = match scope {
            Scope::Provider => true,
            Scope::Sellers(sellers) => sellers.contains(&draft.document.seller_id),
            // Drafts are the seller's own business until they are issued.
            Scope::Owners { .. } => false,
        };
        if may {
            drafts.push(draft);
        }
    }
    Ok(drafts)
}

/// Locks and gives a draft; `None` when it is gone (issued or replaced).
pub async fn lock_draft(conn: &mut Conn, id: &InvoiceId) -> Result<Option<Draft>, StoreError> {
    let sql = "UPDATE draft SET state = state WHERE id = $1 \
               RETURNING id, state, holds, document, contact, customer_number";
    let row = conn.fetch_optional(sqlx::query(sql).bind(id.0.clone())).await?;
    row.as_ref().map(draft_row).transpose()
}

/// Marks a draft as approved.
pub async fn approve_draft(conn: &mut Conn, id: &InvoiceId) -> Result<(), StoreError> {
    let sql = "UPDATE draft SET state = 'approved' WHERE id = $1";
    conn.execute(sqlx::query(sql).bind(id.0.clone())).await?;
    Ok(())
}

fn draft_row(row: &sqlx::any::AnyRow) -> Result<Draft, StoreError> {
    let id: String = row.try_get(0)?;
    let at = |column| At { table: "draft", id: &id, column };
    let state: String = row.try_get(1)?;
    let holds: String = row.try_get(2)?;
    let document: String = row.try_get(3)?;
    let contact: Option<String> = row.try_get(4)?;
    Ok(Draft {
        state: at("state").json(&format!("{state:?}"))?,
        holds: at("holds").json(&holds)?,
        document: at("document").json(&document)?,
        contact: contact.as_deref().map(|text| at("contact").json(text)).transpose()?,
        customer_number: row.try_get(5)?,
    })
}

/// Locks a series until the transaction ends, making its row if it is the first time.
pub async fn lock_series(
    conn: &mut Conn,
    seller: &SellerId,
    series: &str,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO series_state (seller_id, series, last_issue_date, last_chain_hash) \
               VALUES ($1, $2, '', '') ON CONFLICT (seller_id, series) \
               DO UPDATE SET last_issue_date = series_state.last_issue_date";
    conn.execute(sqlx::query(sql).bind(seller.0.clone()).bind(series.to_owned())).await?;
    Ok(())
}

/// Takes the next number of a series and year, in the transaction that issues: the row stays
/// locked until it ends, so that an aborted issue consumes none.
pub async fn take_slot(
    conn: &mut Conn,
    seller: &SellerId,
    series: &str,
    dated: impl Fn(&str) -> Option<String>,
) -> Result<Slot, StoreError> {
    let sql = "INSERT INTO series_state (seller_id, series, last_issue_date, last_chain_hash) \
               VALUES ($1, $2, '', '') ON CONFLICT (seller_id, series) \
               DO UPDATE SET last_issue_date = series_state.last_issue_date \
               RETURNING last_issue_date, last_chain_hash";
    let query = sqlx::query(sql).bind(seller.0.clone()).bind(series.to_owned());
    let row = conn.fetch_one(query).await?;
    let last: String = row.try_get(0)?;
    let previous_chain_hash: String = row.try_get(1)?;
    let issue_date = dated(&last)
        .ok_or_else(|| StoreError::Conflict("the issue date lies outside the calendar".into()))?;
    let year: i16 = At { table: "series_state", id: series, column: "last_issue_date" }
        .parse(issue_date.get(..4).unwrap_or(""))?;
    let sql = "INSERT INTO series_year (seller_id, series, year, last_number) \
               VALUES ($1, $2, $3, 1) ON CONFLICT (seller_id, series, year) \
               DO UPDATE SET last_number = series_year.last_number + 1 RETURNING last_number";
    let query =
        sqlx::query(sql).bind(seller.0.clone()).bind(series.to_owned()).bind(i64::from(year));
    let sequence: i64 = conn.fetch_one(query).await?.try_get(0)?;
    Ok(Slot { series: series.to_owned(), year, sequence, issue_date, previous_chain_hash })
}

/// Stores an issued document and removes its draft; its charges stay as they are.
pub async fn save_issued(
    conn: &mut Conn,
    engine: Engine,
    issued: &Issued,
    contact: Option<&(Contact, String)>,
) -> Result<(), StoreError> {
    let document = &issued.document;
    let seller = &document.seller_id.0;
    let sql = "INSERT INTO invoice (seller_id, id, kind, number, series, year, sequence, \
               customer_id, agreement_id, period, corrects_id, issue_date, issued_at, currency, \
               net_minor, tax_minor, gross_minor, document, content_hash, charges_hash, \
               previous_chain_hash, chain_hash, customer_name, due_date) VALUES ($1, $2, $3, $4, \
               $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, \
               $22, $23, $24)";
    let query = sqlx::query(sql)
        .bind(seller.clone())
        .bind(document.id.0.clone())
        .bind(enum_text(&document.kind))
        .bind(issued.number.clone())
        .bind(issued.slot.series.clone())
        .bind(i64::from(issued.slot.year))
        .bind(issued.slot.sequence)
        .bind(document.customer_id.0.clone())
        .bind(document.agreement_id.0.clone())
        .bind(document.period.label.to_string())
        .bind(document.corrects.as_ref().map(|reference| reference.id.0.clone()))
        .bind(issued.slot.issue_date.clone())
        .bind(issued.issued_at)
        .bind(document.currency.code())
        .bind(document.net_minor)
        .bind(document.tax_minor)
        .bind(document.gross_minor)
        .bind(issued.json.clone())
        .bind(issued.content_hash.clone())
        .bind(issued.charges_hash.clone())
        .bind(issued.slot.previous_chain_hash.clone())
        .bind(issued.chain_hash.clone())
        .bind(document.buyer.name.clone())
        .bind(document.due_date.clone().unwrap_or_else(String::new));
    conn.execute(query).await?;
    let sql = "UPDATE series_state SET last_issue_date = $1, last_chain_hash = $2 \
               WHERE seller_id = $3 AND series = $4";
    let query = sqlx::query(sql)
        .bind(issued.slot.issue_date.clone())
        .bind(issued.chain_hash.clone())
        .bind(seller.clone())
        .bind(issued.slot.series.clone());
    conn.execute(query).await?;
    save_owners(conn, engine, document).await?;
    if let Some((contact, salt)) = contact {
        let sql = "INSERT INTO invoice_contact (seller_id, invoice_id, contact, salt) \
                   VALUES ($1, $2, $3, $4)";
        let query = sqlx::query(sql)
            .bind(seller.clone())
            .bind(document.id.0.clone())
            .bind(to_json(contact))
            .bind(salt.clone());
        conn.execute(query).await?;
    }
    let sql = "DELETE FROM draft WHERE seller_id = $1 AND id = $2";
    conn.execute(sqlx::query(sql).bind(seller.clone()).bind(document.id.0.clone())).await?;
    Ok(())
}

async fn save_owners(
    conn: &mut Conn,
    engine: Engine,
    document: &InvoiceDocument,
) -> Result<(), StoreError> {
    let rows = document
        .owners
        .iter()
        .map(|owner| {
            vec![
                Value::Text(document.seller_id.0.clone()),
                Value::Text(document.id.0.clone()),
                Value::Text(owner.source.0.clone()),
                Value::Text(owner.id.clone()),
            ]
        })
        .collect();
    let columns = ["seller_id", "invoice_id", "source", "owner"];
    let target =
        Target { table: "invoice_owner", columns: &columns, on_conflict: OnConflict::Fail };
    bulk::insert(conn, engine, target, rows).await?;
    Ok(())
}

/// Issued documents of an agreement, oldest first: invoices and their credit notes.
pub async fn load_issued_of_agreement(
    conn: &mut Conn,
    seller: &SellerId,
    agreement: &AgreementId,
) -> Result<Vec<InvoiceDocument>, StoreError> {
    let sql = "SELECT id, document FROM invoice WHERE seller_id = $1 AND agreement_id = $2 \
               ORDER BY issued_at, series, year, sequence";
    let query = sqlx::query(sql).bind(seller.0.clone()).bind(agreement.0.clone());
    documents(conn.fetch_all(query).await?)
}

/// The first period that a seller issued an invoice for: from then on it bills with Billow.
pub async fn first_invoiced_period(
    conn: &mut Conn,
    seller: &SellerId,
) -> Result<Option<PeriodLabel>, StoreError> {
    let sql = "SELECT MIN(period) FROM invoice WHERE seller_id = $1 AND kind = 'invoice'";
    let row = conn.fetch_one(sqlx::query(sql).bind(seller.0.clone())).await?;
    let first: Option<String> = row.try_get(0)?;
    let label = |text: String| text.parse().map_err(|e| StoreError::Conflict(format!("{e}")));
    first.map(label).transpose()
}

/// Credit notes on an invoice, issued or drafted, oldest first.
pub async fn load_notes(
    conn: &mut Conn,
    seller: &SellerId,
    invoice: &InvoiceId,
) -> Result<Vec<InvoiceDocument>, StoreError> {
    let sql = "SELECT id, document FROM invoice WHERE seller_id = $1 AND corrects_id = $2 \
               ORDER BY issued_at, sequence";
    let query = sqlx::query(sql).bind(seller.0.clone()).bind(invoice.0.clone());
    let mut notes = documents(conn.fetch_all(query).await?)?;
    let sql = "SELECT id, document FROM draft WHERE seller_id = $1 AND corrects_id = $2 \
               ORDER BY created_at, id";
    let query = sqlx::query(sql).bind(seller.0.clone()).bind(invoice.0.clone());
    notes.extend(documents(conn.fetch_all(query).await?)?);
    Ok(notes)
}

fn documents(rows: Vec<sqlx::any::AnyRow>) -> Result<Vec<InvoiceDocument>, StoreError> {
    rows.iter()
        .map(|row| {
            let id: String = row.try_get(0)?;
            let text: String = row.try_get(1)?;
            At { table: "invoice", id: &id, column: "document" }.json(&text)
        })
        .collect()
}

/// An issued row with its hashes, as `verify` reads it.
#[derive(Clone, Debug)]
pub struct ChainRow {
    pub seller: SellerId,
    pub id: InvoiceId,
    pub number: String,
    pub series: String,
    pub year: i64,
    pub sequence: i64,
    pub json: String,
    pub content_hash: String,
    pub charges_hash: String,
    pub previous_chain_hash: String,
    pub chain_hash: String,
    pub net_minor: i64,
    pub tax_minor: i64,
    pub gross_minor: i64,
    pub kind: String,
    pub customer: String,
    pub customer_name: String,
    pub agreement: String,
    pub period: String,
    pub corrects: Option<String>,
    pub issue_date: String,
    pub due_date: String,
    pub currency: String,
    pub issued_at: i64,
}

/// All issued rows in the order of their chains.
pub async fn load_chain(conn: &mut Conn) -> Result<Vec<ChainRow>, StoreError> {
    let sql = "SELECT seller_id, id, number, series, year, sequence, document, content_hash, \
               charges_hash, previous_chain_hash, chain_hash, net_minor, tax_minor, gross_minor, \
               kind, customer_id, customer_name, agreement_id, period, corrects_id, issue_date, \
               due_date, currency, issued_at \
               FROM invoice ORDER BY seller_id, series, year, sequence";
    let rows = conn.fetch_all(sql).await?;
    rows.iter()
        .map(|row| {
            Ok(ChainRow {
                seller: SellerId(row.try_get(0)?),
                id: InvoiceId(row.try_get(1)?),
                number: row.try_get(2)?,
                series: row.try_get(3)?,
                year: row.try_get(4)?,
                sequence: row.try_get(5)?,
                json: row.try_get(6)?,
                content_hash: row.try_get(7)?,
                charges_hash: row.try_get(8)?,
                previous_chain_hash: row.try_get(9)?,
                chain_hash: row.try_get(10)?,
                net_minor: row.try_get(11)?,
                tax_minor: row.try_get(12)?,
                gross_minor: row.try_get(13)?,
                kind: row.try_get(14)?,
                customer: row.try_get(15)?,
                customer_name: row.try_get(16)?,
                agreement: row.try_get(17)?,
                period: row.try_get(18)?,
                corrects: row.try_get(19)?,
                issue_date: row.try_get(20)?,
                due_date: row.try_get(21)?,
                currency: row.try_get(22)?,
                issued_at: row.try_get(23)?,
            })
        })
        .collect()
}

/// Where the numbers and the chain of a series end, as its own rows say.
#[derive(Clone, Debug)]
pub struct SeriesEnd {
    pub seller: SellerId,
    pub series: String,
    pub year: i64,
    pub last_number: i64,
}

/// The last number of every series and year.
pub async fn load_series_ends(conn: &mut Conn) -> Result<Vec<SeriesEnd>, StoreError> {
    let sql = "SELECT seller_id, series, year, last_number FROM series_year \
               ORDER BY seller_id, series, year";
    let rows = conn.fetch_all(sql).await?;
    rows.iter()
        .map(|row| {
            Ok(SeriesEnd {
                seller: SellerId(row.try_get(0)?),
                series: row.try_get(1)?,
                year: row.try_get(2)?,
                last_number: row.try_get(3)?,
            })
        })
        .collect()
}

/// A stored file of a document with its hash.
pub async fn load_file(
    conn: &mut Conn,
    seller: &SellerId,
    id: &InvoiceId,
) -> Result<Option<(Vec<u8>, String)>, StoreError> {
    let sql = "SELECT body, hash FROM invoice_file \
               WHERE seller_id = $1 AND invoice_id = $2 AND format = 'pdf'";
    let query = sqlx::query(sql).bind(seller.0.clone()).bind(id.0.clone());
    let row = conn.fetch_optional(query).await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Keeps a made file; the first one made stays.
pub async fn save_file(
    conn: &mut Conn,
    document: &InvoiceDocument,
    body: Vec<u8>,
    hash: String,
    recorded_at: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO invoice_file (seller_id, invoice_id, format, hash, body, recorded_at) \
               VALUES ($1, $2, 'pdf', $3, $4, $5) ON CONFLICT DO NOTHING";
    let query = sqlx::query(sql)
        .bind(document.seller_id.0.clone())
        .bind(document.id.0.clone())
        .bind(hash)
        .bind(body)
        .bind(recorded_at);
    conn.execute(query).await?;
    Ok(())
}

/// Whether anything about an owner's usage in `span` became known at or after `since`: records,
/// revisions, decisions on findings.
pub async fn changed_since(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: crate::period::Span,
    since: i64,
) -> Result<bool, StoreError> {
    let records = "SELECT recorded_at FROM usage_record WHERE source = $1 AND owner = $2 \
                   AND span_from >= $3 AND span_from < $4 AND recorded_at >= $5 LIMIT 1";
    let query = sqlx::query(records)
        .bind(owner.source.0.clone())
        .bind(owner.id.clone())
        .bind(span.from - RECORD_SECONDS_MAX)
        .bind(span.until)
        .bind(since);
    if conn.fetch_optional(query).await?.is_some() {
        return Ok(true);
    }
    if lasting_since(conn, owner, span, since).await? {
        return Ok(true);
    }
    let decisions = "SELECT d.id FROM finding f JOIN finding_decision d ON d.finding_id = f.id \
                     WHERE f.source = $1 AND f.owner = $2 AND f.span_from < $3 \
                       AND f.span_until > $4 AND d.recorded_at >= $5 LIMIT 1";
    let query = sqlx::query(decisions)
        .bind(owner.source.0.clone())
        .bind(owner.id.clone())
        .bind(span.until)
        .bind(span.from)
        .bind(since);
    Ok(conn.fetch_optional(query).await?.is_some())
}
