//! SQL of sellers, customers, agreements, owners and their mapping.
//!
//! Rows are added and never changed. Of dated details the row with the greatest `valid_from`
//! not after the asked instant holds, then the latest recorded one; before the first row the
//! earliest state holds. Agreements with one id, and mappings of one owner, supersede what was
//! recorded before them.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{Executor, Row};

use super::change::Change;
use super::timeline::{self, Painted};
use super::{Agreement, Customer, CustomerDetails, OwnerMapping, Seller, SellerDetails};
use crate::ids::{AgreementId, CustomerId, OwnerRef, SellerId, SourceName};
use crate::orchestrator::{OwnerInfo, OwnerKind};
use crate::period::{PeriodLabel, Span};
use crate::store::codec::{At, enum_text, to_json};
use crate::store::{Conn, StoreError};

/// The counter behind the customers' numbers; its row is also the lock of every change to
/// customers, agreements and mappings.
const CUSTOMER_COUNTER: &str = "customer_number";

/// Number of the one customer to whom internal owners belong.
pub const INTERNAL_NUMBER: &str = "INTERNAL";

/// The rule of findings about owners that are nobody's.
pub const UNMAPPED_OWNER: &str = "unmapped_owner";

/// Which moment is asked for, and what was known when.
#[derive(Clone, Copy, Debug)]
pub struct AsOf {
    /// The instant at which the fact holds.
    pub at: i64,
    /// Rows recorded after this do not count.
    pub known_at: i64,
}

impl AsOf {
    /// An instant, with all that is known at it.
    pub fn now(at: i64) -> Self {
        Self { at, known_at: at }
    }
}

/// The owners of one source with their history.
#[derive(Debug, Default)]
pub struct OwnerHistory {
    /// For each owner id, its states ascending by the instant from which they hold.
    pub owners: BTreeMap<String, Vec<(i64, OwnerInfo)>>,
}

impl OwnerHistory {
    /// The owner as it was at an instant; its earliest state where it was first seen later.
    pub fn at(&self, id: &str, at: i64) -> Option<&OwnerInfo> {
        let states = self.owners.get(id)?;
        let index = states.partition_point(|(from, _)| *from <= at);
        states.get(index.saturating_sub(1)).map(|(_, owner)| owner)
    }

    /// The last known state of every owner.
    pub fn latest(&self) -> impl Iterator<Item = &OwnerInfo> {
        self.owners.values().filter_map(|states| states.last()).map(|(_, owner)| owner)
    }
}

/// All sellers with the details that hold, ascending by code.
pub async fn load_sellers(conn: &mut Conn, as_of: AsOf) -> Result<Vec<Seller>, StoreError> {
    let sql = "SELECT s.id, s.code, s.parent_id, s.domain_source, s.domain_id, \
               d.id AS details_id, d.valid_from, d.details \
               FROM seller s JOIN seller_details d ON d.seller_id = s.id \
               WHERE s.recorded_at <= $1 AND d.recorded_at <= $1 \
               ORDER BY s.code, d.valid_from, d.recorded_at, d.id";
    let rows = conn.fetch_all(sqlx::query(sql).bind(as_of.known_at)).await?;
    let mut sellers = Vec::new();
    for group in rows.chunk_by(|a, b| same_text(a, b, "id")) {
        if let Some(row) = holding(group, as_of.at)? {
            sellers.push(seller_of(row)?);
        }
    }
    Ok(sellers)
}

/// One seller with the details that hold.
pub async fn load_seller(
    conn: &mut Conn,
    id: &SellerId,
    as_of: AsOf,
) -> Result<Option<Seller>, StoreError> {
    let sql = "SELECT s.id, s.code, s.parent_id, s.domain_source, s.domain_id, \
               d.id AS details_id, d.valid_from, d.details \
               FROM seller s JOIN seller_details d ON d.seller_id = s.id \
               WHERE s.id = $1 AND s.recorded_at <= $2 AND d.recorded_at <= $2 \
               ORDER BY d.valid_from, d.recorded_at, d.id";
    let rows = conn.fetch_all(sqlx::query(sql).bind(id.0.clone()).bind(as_of.known_at)).await?;
    holding(&rows, as_of.at)?.map(seller_of).transpose()
}

/// One customer with the details that hold.
pub async fn load_customer(
    conn: &mut Conn,
    id: &CustomerId,
    as_of: AsOf,
) -> Result<Option<Customer>, StoreError> {
    let sql = "SELECT c.id, c.number, c.internal, d.id AS details_id, d.valid_from, d.details \
               FROM customer c JOIN customer_details d ON d.customer_id = c.id \
               WHERE c.id = $1 AND c.recorded_at <= $2 AND d.recorded_at <= $2 \
               ORDER BY d.valid_from, d.recorded_at, d.id";
    let rows = conn.fetch_all(sqlx::query(sql).bind(id.0.clone()).bind(as_of.known_at)).await?;
    holding(&rows, as_of.at)?.map(customer_of).transpose()
}

/// One customer by its number, such as `C00042`.
pub async fn load_customer_by_number(
    conn: &mut Conn,
    number: &str,
    as_of: AsOf,
) -> Result<Option<Customer>, StoreError> {
    let query =
        sqlx::query("SELECT id FROM customer WHERE number = $1").bind(number.to_uppercase());
    match conn.fetch_optional(query).await? {
        Some(row) => load_customer(conn, &CustomerId(row.try_get(0)?), as_of).await,
        None => Ok(None),
    }
}

/// All customers (internal ones too), ascending by number.
pub async fn load_customers(conn: &mut Conn, as_of: AsOf) -> Result<Vec<Customer>, StoreError> {
    let sql = "SELECT c.id, c.number, c.internal, d.id AS details_id, d.valid_from, d.details \
               FROM customer c JOIN customer_details d ON d.customer_id = c.id \
               WHERE c.recorded_at <= $1 AND d.recorded_at <= $1 \
               ORDER BY LENGTH(c.number), c.number, d.valid_from, d.recorded_at, d.id";
    let rows = conn.fetch_all(sqlx::query(sql).bind(as_of.known_at)).await?;
    let mut customers = Vec::new();
    for group in rows.chunk_by(|a, b| same_text(a, b, "id")) {
        if let Some(row) = holding(group, as_of.at)? {
            customers.push(customer_of(row)?);
        }
    }
    Ok(customers)
}

/// Instants inside `span` at which the customer's or seller's dated details change, ascending.
/// The start of the span is not one of them.
pub async fn load_changes(
    conn: &mut Conn,
    seller: &SellerId,
    customer: &CustomerId,
    span: Span,
) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT valid_from FROM seller_details \
               WHERE seller_id = $1 AND valid_from > $3 AND valid_from < $4 \
               UNION SELECT valid_from FROM customer_details \
               WHERE customer_id = $2 AND valid_from > $3 AND valid_from < $4 \
               ORDER BY 1";
    let query = sqlx::query(sql)
        .bind(seller.0.clone())
        .bind(customer.0.clone())
        .bind(span.from)
        .bind(span.until);
    let rows = conn.fetch_all(query).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Agreements of a seller that hold at some time in `span`, ascending by customer number.
pub async fn load_agreements(
    conn: &mut Conn,
    seller: &SellerId,
    span: Span,
    known_at: i64,
) -> Result<Vec<Agreement>, StoreError> {
    let sql = "SELECT a.id, a.seller_id, a.customer_id, a.valid_from, a.valid_until, a.currency, \
               a.price_book, c.number FROM agreement a JOIN customer c ON c.id = a.customer_id \
               WHERE a.seller_id = $1 AND a.recorded_at <= $2 \
               ORDER BY LENGTH(c.number), c.number, a.id, a.recorded_at, a.row_id";
    let rows = conn.fetch_all(sqlx::query(sql).bind(seller.0.clone()).bind(known_at)).await?;
    let mut agreements = latest_agreements(&rows)?;
    agreements
        .retain(|agreement| !span.intersect(Span::new(agreement.from, agreement.until)).is_empty());
    Ok(agreements)
}

/// Agreements of a customer, all times, ascending by their start.
pub async fn load_customer_agreements(
    conn: &mut Conn,
    customer: &CustomerId,
    known_at: i64,
) -> Result<Vec<Agreement>, StoreError> {
    let sql = "SELECT id, seller_id, customer_id, valid_from, valid_until, currency, price_book \
               FROM agreement WHERE customer_id = $1 AND recorded_at <= $2 \
               ORDER BY id, recorded_at, row_id";
    let rows = conn.fetch_all(sqlx::query(sql).bind(customer.0.clone()).bind(known_at)).await?;
    let mut agreements = latest_agreements(&rows)?;
    agreements.sort_by(|a, b| (a.from, &a.id).cmp(&(b.from, &b.id)));
    Ok(agreements)
}

/// The owners of a customer inside `span`, resolved so that spans of one owner do not overlap,
/// ascending by owner and time. Each comes with the whole time for which it is the customer's,
/// which may begin before `span` and end after it.
pub async fn load_mappings(
    conn: &mut Conn,
    customer: &CustomerId,
    span: Span,
    known_at: i64,
) -> Result<Vec<OwnerMapping>, StoreError> {
    let sql = "SELECT m.source, m.owner_id, m.customer_id, m.valid_from, m.valid_until \
               FROM owner_mapping m WHERE m.recorded_at <= $2 AND EXISTS (\
               SELECT 1 FROM owner_mapping o WHERE o.source = m.source \
               AND o.owner_id = m.owner_id AND o.customer_id = $1 AND o.recorded_at <= $2) \
               ORDER BY m.source, m.owner_id, m.recorded_at, m.row_id";
    let rows = conn.fetch_all(sqlx::query(sql).bind(customer.0.clone()).bind(known_at)).await?;
    let mut mappings = resolve_mappings(&rows)?;
    mappings.retain(|mapping| {
        let holds = Span::new(mapping.from, mapping.until);
        mapping.customer == *customer && holds.overlaps(span)
    });
    Ok(mappings)
}

/// The mappings of all owners of a source, resolved, ascending by owner and time.
pub async fn load_source_mappings(
    conn: &mut Conn,
    source: &SourceName,
    known_at: i64,
) -> Result<Vec<OwnerMapping>, StoreError> {
    let sql = "SELECT source, owner_id, customer_id, valid_from, valid_until FROM owner_mapping \
               WHERE source = $1 AND recorded_at <= $2 \
               ORDER BY source, owner_id, recorded_at, row_id";
    let rows = conn.fetch_all(sqlx::query(sql).bind(source.0.clone()).bind(known_at)).await?;
    resolve_mappings(&rows)
}

/// Whose an owner was at an instant.
pub async fn load_customer_of_owner(
    conn: &mut Conn,
    owner: &OwnerRef,
    as_of: AsOf,
) -> Result<Option<CustomerId>, StoreError> {
    let sql = "SELECT customer_id FROM owner_mapping WHERE source = $1 AND owner_id = $2 \
               AND valid_from <= $3 AND valid_until > $3 AND recorded_at <= $4 \
               ORDER BY recorded_at DESC, row_id DESC LIMIT 1";
    let query = sqlx::query(sql)
        .bind(owner.source.0.clone())
        .bind(owner.id.clone())
        .bind(as_of.at)
        .bind(as_of.known_at);
    let row = conn.fetch_optional(query).await?;
    row.map(|row| Ok(CustomerId(row.try_get(0)?))).transpose()
}

/// All owners of a source with their history.
pub async fn load_owner_history(
    conn: &mut Conn,
    source: &SourceName,
    known_at: i64,
) -> Result<OwnerHistory, StoreError> {
    let sql = "SELECT id, valid_from, kind, name, domain_id, domain_path, account_id, internal, \
               state FROM owner WHERE source = $1 AND recorded_at <= $2 \
               ORDER BY id, valid_from, recorded_at";
    let rows = conn.fetch_all(sqlx::query(sql).bind(source.0.clone()).bind(known_at)).await?;
    let mut history = OwnerHistory::default();
    for row in &rows {
        let owner = owner_of(row)?;
        let from: i64 = row.try_get("valid_from")?;
        let states = history.owners.entry(owner.id.clone()).or_default();
        match states.last_mut() {
            Some(last) if last.0 == from => last.1 = owner,
            _ => states.push((from, owner)),
        }
    }
    Ok(history)
}

/// A row of a dated fact, before it has its id.
pub struct NewSellerRow<'a> {
    pub id: &'a SellerId,
    pub code: &'a str,
    pub parent: Option<&'a SellerId>,
    pub domain: Option<&'a OwnerRef>,
}

/// Adds a seller without details.
pub(super) async fn insert_seller(
    conn: &mut Conn,
    seller: NewSellerRow<'_>,
    recorded_at: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO seller (id, code, parent_id, domain_source, domain_id, recorded_at) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let query = sqlx::query(sql)
        .bind(seller.id.0.clone())
        .bind(seller.code.to_owned())
        .bind(seller.parent.map(|parent| parent.0.clone()))
        .bind(seller.domain.map(|domain| domain.source.0.clone()))
        .bind(seller.domain.map(|domain| domain.id.clone()))
        .bind(recorded_at);
    conn.execute(query).await?;
    Ok(())
}

/// Takes the seller's row for this transaction; false when there is none.
pub(super) async fn lock_seller(conn: &mut Conn, id: &SellerId) -> Result<bool, StoreError> {
    let query = sqlx::query("UPDATE seller SET code = code WHERE id = $1").bind(id.0.clone());
    Ok(conn.execute(query).await?.rows_affected() == 1)
}

/// Takes the customer's row for this transaction; false when there is none.
pub(super) async fn lock_customer(conn: &mut Conn, id: &CustomerId) -> Result<bool, StoreError> {
    let query = sqlx::query("UPDATE customer SET number = number WHERE id = $1").bind(id.0.clone());
    Ok(conn.execute(query).await?.rows_affected() == 1)
}

/// Adds a state of a seller's details; the seller's row must be locked.
pub(super) async fn insert_seller_details(
    conn: &mut Conn,
    id: &SellerId,
    details: &SellerDetails,
    when: Recorded,
) -> Result<(), StoreError> {
    let count = "SELECT COUNT(*) FROM seller_details WHERE seller_id = $1";
    let row_id = next_row_id(conn, count, &id.0).await?;
    let sql = "INSERT INTO seller_details (id, seller_id, valid_from, recorded_at, details) \
               VALUES ($1, $2, $3, $4, $5)";
    let query = sqlx::query(sql)
        .bind(row_id)
        .bind(id.0.clone())
        .bind(when.valid_from)
        .bind(when.recorded_at)
        .bind(to_json(details));
    conn.execute(query).await?;
    Ok(())
}

/// From when a fact holds, and when it was told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recorded {
    pub valid_from: i64,
    pub recorded_at: i64,
}

/// Takes the lock of customers, agreements and mappings for this transaction.
pub(super) async fn lock_customers(conn: &mut Conn) -> Result<(), StoreError> {
    let sql = "INSERT INTO counter (name, last) VALUES ($1, 0) \
               ON CONFLICT (name) DO UPDATE SET last = counter.last";
    conn.execute(sqlx::query(sql).bind(CUSTOMER_COUNTER)).await?;
    Ok(())
}

/// Takes the next customer number.
pub(super) async fn take_customer_number(conn: &mut Conn) -> Result<String, StoreError> {
    let sql = "INSERT INTO counter (name, last) VALUES ($1, 1) \
               ON CONFLICT (name) DO UPDATE SET last = counter.last + 1 RETURNING last";
    let row = conn.fetch_one(sqlx::query(sql).bind(CUSTOMER_COUNTER)).await?;
    let number: i64 = row.try_get(0)?;
    Ok(format!("C{number:05}"))
}

/// Adds a customer without details.
pub(super) async fn insert_customer(
    conn: &mut Conn,
    id: &CustomerId,
    number: &str,
    internal: bool,
    recorded_at: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO customer (id, number, internal, recorded_at) VALUES ($1, $2, $3, $4)";
    let query = sqlx::query(sql)
        .bind(id.0.clone())
        .bind(number.to_owned())
        .bind(i64::from(internal))
        .bind(recorded_at);
    conn.execute(query).await?;
    Ok(())
}

/// Adds a state of a customer's details; the customer's row must be locked.
pub(super) async fn insert_customer_details(
    conn: &mut Conn,
    id: &CustomerId,
    details: &CustomerDetails,
    when: Recorded,
) -> Result<(), StoreError> {
    let count = "SELECT COUNT(*) FROM customer_details WHERE customer_id = $1";
    let row_id = next_row_id(conn, count, &id.0).await?;
    let sql = "INSERT INTO customer_details (id, customer_id, valid_from, recorded_at, details) \
               VALUES ($1, $2, $3, $4, $5)";
    let query = sqlx::query(sql)
        .bind(row_id)
        .bind(id.0.clone())
        .bind(when.valid_from)
        .bind(when.recorded_at)
        .bind(to_json(details));
    conn.execute(query).await?;
    Ok(())
}

/// Adds a state of an agreement: the first, or one that supersedes those before.
pub(super) async fn insert_agreement(
    conn: &mut Conn,
    agreement: &Agreement,
    recorded_at: i64,
) -> Result<(), StoreError> {
    let count = "SELECT COUNT(*) FROM agreement WHERE id = $1";
    let row_id = next_row_id(conn, count, &agreement.id.0).await?;
    let sql = "INSERT INTO agreement (row_id, id, seller_id, customer_id, valid_from, \
               valid_until, currency, price_book, recorded_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let query = sqlx::query(sql)
        .bind(row_id)
        .bind(agreement.id.0.clone())
        .bind(agreement.seller.0.clone())
        .bind(agreement.customer.0.clone())
        .bind(agreement.from)
        .bind(agreement.until)
        .bind(agreement.currency.code())
        .bind(agreement.price_book.clone())
        .bind(recorded_at);
    conn.execute(query).await?;
    Ok(())
}

/// Adds a mapping, which supersedes what was recorded for its owner in its span.
pub(crate) async fn insert_mapping(
    conn: &mut Conn,
    mapping: &OwnerMapping,
    recorded_at: i64,
) -> Result<(), StoreError> {
    let count = "SELECT COUNT(*) FROM owner_mapping WHERE source = $1 AND owner_id = $2";
    let query =
        sqlx::query(count).bind(mapping.owner.source.0.clone()).bind(mapping.owner.id.clone());
    let rows: i64 = conn.fetch_one(query).await?.try_get(0)?;
    let sql = "INSERT INTO owner_mapping (row_id, source, owner_id, customer_id, valid_from, \
               valid_until, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let query = sqlx::query(sql)
        .bind(format!("{}/{rows:06}", mapping.owner))
        .bind(mapping.owner.source.0.clone())
        .bind(mapping.owner.id.clone())
        .bind(mapping.customer.0.clone())
        .bind(mapping.from)
        .bind(mapping.until)
        .bind(recorded_at);
    conn.execute(query).await?;
    Ok(())
}

/// Adds a state of an owner; false when a state of the same second is there already, which
/// the next reading then compares with.
pub(super) async fn insert_owner(
    conn: &mut Conn,
    source: &SourceName,
    owner: &OwnerInfo,
    when: Recorded,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO owner (source, id, valid_from, recorded_at, kind, name, domain_id, \
               domain_path, account_id, internal, state) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING";
    let query = sqlx::query(sql)
        .bind(source.0.clone())
        .bind(owner.id.clone())
        .bind(when.valid_from)
        .bind(when.recorded_at)
        .bind(enum_text(&owner.kind))
        .bind(owner.name.clone())
        .bind(owner.domain_id.clone())
        .bind(owner.domain_path.clone())
        .bind(owner.account_id.clone())
        .bind(i64::from(owner.internal))
        .bind(owner.state.clone());
    Ok(conn.execute(query).await?.rows_affected() == 1)
}

/// Agreements that name a price book, all times.
pub async fn load_agreements_of_book(
    conn: &mut Conn,
    book: &str,
    known_at: i64,
) -> Result<Vec<Agreement>, StoreError> {
    let sql = "SELECT id, seller_id, customer_id, valid_from, valid_until, currency, price_book \
               FROM agreement WHERE price_book = $1 AND recorded_at <= $2 \
               ORDER BY id, recorded_at, row_id";
    let rows = conn.fetch_all(sqlx::query(sql).bind(book.to_owned()).bind(known_at)).await?;
    latest_agreements(&rows)
}

/// Who bills each customer at an instant.
pub(super) async fn load_sellers_of_customers(
    conn: &mut Conn,
    as_of: AsOf,
) -> Result<BTreeMap<CustomerId, SellerId>, StoreError> {
    let sql = "SELECT id, seller_id, customer_id, valid_from, valid_until, currency, price_book \
               FROM agreement WHERE recorded_at <= $1 ORDER BY id, recorded_at, row_id";
    let rows = conn.fetch_all(sqlx::query(sql).bind(as_of.known_at)).await?;
    let agreements = latest_agreements(&rows)?;
    let holding = agreements
        .into_iter()
        .filter(|agreement| Span::new(agreement.from, agreement.until).contains(as_of.at));
    Ok(holding.map(|agreement| (agreement.customer, agreement.seller)).collect())
}

/// The last billing period of an agreement that an issued invoice bills.
pub async fn load_last_issued_period(
    conn: &mut Conn,
    agreement: &AgreementId,
) -> Result<Option<PeriodLabel>, StoreError> {
    let sql = "SELECT MAX(period) FROM invoice WHERE agreement_id = $1 AND kind = 'invoice'";
    let row = conn.fetch_one(sqlx::query(sql).bind(agreement.0.clone())).await?;
    let label: Option<String> = row.try_get(0)?;
    let at = At { table: "invoice", id: &agreement.0, column: "period" };
    label.map(|label| at.parse(&label)).transpose()
}

/// Closes the finding that an owner is nobody's, once it is somebody's.
pub(super) async fn close_unmapped_findings(
    conn: &mut Conn,
    mapping: &OwnerMapping,
    number: &str,
    change: &Change<'_>,
) -> Result<(), StoreError> {
    let sql = "SELECT id FROM finding WHERE source = $1 AND owner = $2 AND rule = $3 \
               AND NOT EXISTS (SELECT 1 FROM finding_decision d WHERE d.finding_id = finding.id)";
    let query = sqlx::query(sql)
        .bind(mapping.owner.source.0.clone())
        .bind(mapping.owner.id.clone())
        .bind(UNMAPPED_OWNER);
    for row in conn.fetch_all(query).await? {
        let insert = "INSERT INTO finding_decision (id, finding_id, decision, actor, reason, \
                      recorded_at) VALUES ($1, $2, 'reject', $3, $4, $5)";
        let query = sqlx::query(insert)
            .bind(change.ids.fresh())
            .bind(row.try_get::<String, _>(0)?)
            .bind(change.actor.0.clone())
            .bind(format!("mapped to {number}"))
            .bind(change.at);
        conn.execute(query).await?;
    }
    Ok(())
}

/// Owners with usage of a source, each once, without reading all of the usage.
pub async fn load_owners_with_usage(
    conn: &mut Conn,
    source: &SourceName,
) -> Result<Vec<String>, StoreError> {
    let sql = "WITH RECURSIVE found (owner) AS (\
               SELECT MIN(owner) FROM usage_record WHERE source = $1 \
               UNION ALL SELECT (SELECT MIN(u.owner) FROM usage_record u \
               WHERE u.source = $1 AND u.owner > found.owner) \
               FROM found WHERE found.owner IS NOT NULL) \
               SELECT owner FROM found WHERE owner IS NOT NULL";
    let rows = conn.fetch_all(sqlx::query(sql).bind(source.0.clone())).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Keeps an asset (a logo) by the hash of its bytes.
pub(super) async fn insert_asset(
    conn: &mut Conn,
    asset: Asset<'_>,
    recorded_at: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO asset (hash, media_type, body, recorded_at) \
               VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let query = sqlx::query(sql)
        .bind(asset.hash.to_owned())
        .bind(asset.media_type)
        .bind(asset.body.to_vec())
        .bind(recorded_at);
    conn.execute(query).await?;
    Ok(())
}

/// Bytes that documents show.
pub(super) struct Asset<'a> {
    /// SHA-256 of the body, hexadecimal.
    pub hash: &'a str,
    pub media_type: &'static str,
    pub body: &'a [u8],
}

/// The bytes of an asset by their hash.
pub async fn load_asset(conn: &mut Conn, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let query = sqlx::query("SELECT body FROM asset WHERE hash = $1").bind(hash.to_owned());
    let row = conn.fetch_optional(query).await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// Row ids end with a running number, so that rows of one second keep their order.
async fn next_row_id(
    conn: &mut Conn,
    count: &'static str,
    owner: &str,
) -> Result<String, StoreError> {
    let rows: i64 = conn.fetch_one(sqlx::query(count).bind(owner.to_owned())).await?.try_get(0)?;
    Ok(format!("{owner}/{rows:06}"))
}

fn same_text(a: &AnyRow, b: &AnyRow, column: &str) -> bool {
    match (a.try_get::<String, _>(column), b.try_get::<String, _>(column)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// Of the states of one subject, ascending: the last that began by `at`, else the first.
fn holding(rows: &[AnyRow], at: i64) -> Result<Option<&AnyRow>, StoreError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let earliest: i64 = first.try_get("valid_from")?;
    let mut found = first;
    for row in rows {
        let from: i64 = row.try_get("valid_from")?;
        // Before the first state, its latest correction counts.
        if from <= at || from == earliest {
            found = row;
        }
    }
    Ok(Some(found))
}

fn seller_of(row: &AnyRow) -> Result<Seller, StoreError> {
    let details_id: String = row.try_get("details_id")?;
    let text: String = row.try_get("details")?;
    let at = At { table: "seller_details", id: &details_id, column: "details" };
    let parent: Option<String> = row.try_get("parent_id")?;
    let source: Option<String> = row.try_get("domain_source")?;
    let domain: Option<String> = row.try_get("domain_id")?;
    Ok(Seller {
        id: SellerId(row.try_get("id")?),
        code: row.try_get("code")?,
        parent: parent.map(SellerId),
        domain: source.zip(domain).map(|(source, id)| OwnerRef { source: SourceName(source), id }),
        details: at.json(&text)?,
    })
}

fn customer_of(row: &AnyRow) -> Result<Customer, StoreError> {
    let details_id: String = row.try_get("details_id")?;
    let text: String = row.try_get("details")?;
    let at = At { table: "customer_details", id: &details_id, column: "details" };
    Ok(Customer {
        id: CustomerId(row.try_get("id")?),
        number: row.try_get("number")?,
        internal: row.try_get::<i64, _>("internal")? == 1,
        details: at.json(&text)?,
    })
}

fn owner_of(row: &AnyRow) -> Result<OwnerInfo, StoreError> {
    let id: String = row.try_get("id")?;
    let kind: String = row.try_get("kind")?;
    let kind = match kind.as_str() {
        "domain" => OwnerKind::Domain,
        "account" => OwnerKind::Account,
        "project" => OwnerKind::Project,
        other => return Err(At { table: "owner", id: &id, column: "kind" }.corrupt(other)),
    };
    Ok(OwnerInfo {
        kind,
        name: row.try_get("name")?,
        domain_id: row.try_get("domain_id")?,
        domain_path: row.try_get("domain_path")?,
        account_id: row.try_get("account_id")?,
        internal: row.try_get::<i64, _>("internal")? == 1,
        state: row.try_get("state")?,
        id,
    })
}

/// Of rows ordered by agreement and time, the last of each agreement; cancelled ones left out.
fn latest_agreements(rows: &[AnyRow]) -> Result<Vec<Agreement>, StoreError> {
    let mut agreements: Vec<Agreement> = Vec::new();
    for row in rows {
        let id: String = row.try_get("id")?;
        let currency: String = row.try_get("currency")?;
        let at = At { table: "agreement", id: &id, column: "currency" };
        let agreement = Agreement {
            seller: SellerId(row.try_get("seller_id")?),
            customer: CustomerId(row.try_get("customer_id")?),
            from: row.try_get("valid_from")?,
            until: row.try_get("valid_until")?,
            currency: at.parse(&currency)?,
            price_book: row.try_get("price_book")?,
            id: AgreementId(id),
        };
        match agreements.last_mut() {
            Some(last) if last.id == agreement.id => *last = agreement,
            _ => agreements.push(agreement),
        }
    }
    agreements.retain(|agreement| agreement.from < agreement.until);
    Ok(agreements)
}

/// Rows ordered by owner and time become spans that do not overlap.
fn resolve_mappings(rows: &[AnyRow]) -> Result<Vec<OwnerMapping>, StoreError> {
    let mut mappings = Vec::new();
    for group in rows.chunk_by(|a, b| same_text(a, b, "source") && same_text(a, b, "owner_id")) {
        let mut painted: Vec<Painted<CustomerId>> = Vec::new();
        for row in group {
            let span = Span::new(row.try_get("valid_from")?, row.try_get("valid_until")?);
            timeline::paint(&mut painted, span, CustomerId(row.try_get("customer_id")?));
        }
        let Some(first) = group.first() else { continue };
        let owner = OwnerRef {
            source: SourceName(first.try_get("source")?),
            id: first.try_get("owner_id")?,
        };
        mappings.extend(painted.into_iter().map(|part| OwnerMapping {
            owner: owner.clone(),
            customer: part.value,
            from: part.span.from,
            until: part.span.until,
        }));
    }
    Ok(mappings)
}
