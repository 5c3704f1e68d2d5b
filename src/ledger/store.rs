//! SQL of the ledger: appending entries, and reading accounts.

use sqlx::{Executor, Row};

use super::posting::Entry;
use crate::ids::{CustomerId, InvoiceId, SellerId};
use crate::money::{Currency, Money};
use crate::store::codec::{At, enum_text};
use crate::store::{Conn, StoreError};

/// Appends an entry in the caller's transaction.
///
/// # Panics
/// When it does not balance: that is our mistake, never the input's.
pub async fn append(conn: &mut Conn, entry: &Entry) -> Result<(), StoreError> {
    let sum: i64 = entry.postings.iter().map(|posting| posting.amount.minor).sum();
    assert!(sum == 0, "ledger entry {} does not balance", entry.id);
    let sql = "INSERT INTO ledger_entry (seller_id, id, at, kind, invoice_id, text) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let query = sqlx::query(sql)
        .bind(entry.seller.0.clone())
        .bind(entry.id.0.clone())
        .bind(entry.at)
        .bind(enum_text(&entry.kind))
        .bind(entry.invoice.0.clone())
        .bind(entry.text.clone());
    conn.execute(query).await?;
    for (ordinal, posting) in (0_i64..).zip(&entry.postings) {
        let sql = "INSERT INTO posting (seller_id, entry_id, ordinal, account, customer_id, \
                   currency, amount_minor) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let query = sqlx::query(sql)
            .bind(entry.seller.0.clone())
            .bind(entry.id.0.clone())
            .bind(ordinal)
            .bind(posting.account.code())
            .bind(entry.customer.0.clone())
            .bind(posting.amount.currency.code())
            .bind(posting.amount.minor);
        conn.execute(query).await?;
    }
    Ok(())
}

/// One row of a statement of account.
#[derive(Clone, Debug)]
pub struct StatementRow {
    pub at: i64,
    pub kind: String,
    pub number: String,
    pub amount: Money,
}

/// Movements of a customer's receivable at a seller, in order of time.
pub async fn load_receivable(
    conn: &mut Conn,
    seller: &SellerId,
    customer: &CustomerId,
) -> Result<Vec<StatementRow>, StoreError> {
    let sql = "SELECT e.id, e.at, e.kind, e.text, p.currency, p.amount_minor \
               FROM posting p JOIN ledger_entry e \
                 ON e.seller_id = p.seller_id AND e.id = p.entry_id \
               WHERE p.seller_id = $1 AND p.customer_id = $2 AND p.account = 'receivable' \
               ORDER BY e.at, e.id";
    let query = sqlx::query(sql).bind(seller.0.clone()).bind(customer.0.clone());
    let mut rows = Vec::new();
    for row in conn.fetch_all(query).await? {
        let id: String = row.try_get(0)?;
        let currency: String = row.try_get(4)?;
        let at = At { table: "posting", id: &id, column: "currency" };
        rows.push(StatementRow {
            at: row.try_get(1)?,
            kind: row.try_get(2)?,
            number: row.try_get(3)?,
            amount: Money { minor: row.try_get(5)?, currency: at.parse::<Currency>(&currency)? },
        });
    }
    Ok(rows)
}

/// Sums of all accounts of a seller (all sellers when `None`): `(account, currency, minor)`.
pub async fn load_balances(
    conn: &mut Conn,
    seller: Option<&SellerId>,
) -> Result<Vec<(String, String, i64)>, StoreError> {
    let sql = "SELECT account, currency, CAST(SUM(amount_minor) AS BIGINT) FROM posting \
               WHERE $1 = '' OR seller_id = $2 GROUP BY account, currency \
               ORDER BY account, currency";
    let id = seller.map_or_else(String::new, |seller| seller.0.clone());
    let query = sqlx::query(sql).bind(id.clone()).bind(id);
    let rows = conn.fetch_all(query).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

/// A posting with its entry, as both are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPosting {
    pub entry: String,
    pub at: i64,
    pub kind: String,
    /// The document's number.
    pub text: String,
    pub account: String,
    pub customer: String,
    pub currency: String,
    pub minor: i64,
}

/// What [`append`] stores of an entry, in order.
pub fn rows_of(entry: &Entry) -> Vec<StoredPosting> {
    let row = |posting: &super::Posting| StoredPosting {
        entry: entry.id.0.clone(),
        at: entry.at,
        kind: enum_text(&entry.kind),
        text: entry.text.clone(),
        account: posting.account.code(),
        customer: entry.customer.0.clone(),
        currency: posting.amount.currency.code().to_owned(),
        minor: posting.amount.minor,
    };
    entry.postings.iter().map(row).collect()
}

/// The postings of a document, in the order in which they were appended.
pub async fn load_entry(
    conn: &mut Conn,
    seller: &SellerId,
    invoice: &InvoiceId,
) -> Result<Vec<StoredPosting>, StoreError> {
    let sql = "SELECT e.id, e.at, e.kind, e.text, p.account, p.customer_id, p.currency, \
               p.amount_minor FROM ledger_entry e \
               JOIN posting p ON p.seller_id = e.seller_id AND p.entry_id = e.id \
               WHERE e.seller_id = $1 AND e.kind IN ('invoice', 'credit_note') \
                 AND e.invoice_id = $2 ORDER BY e.id, p.ordinal";
    let query = sqlx::query(sql).bind(seller.0.clone()).bind(invoice.0.clone());
    let rows = conn.fetch_all(query).await?;
    rows.iter()
        .map(|row| {
            Ok(StoredPosting {
                entry: row.try_get(0)?,
                at: row.try_get(1)?,
                kind: row.try_get(2)?,
                text: row.try_get(3)?,
                account: row.try_get(4)?,
                customer: row.try_get(5)?,
                currency: row.try_get(6)?,
                minor: row.try_get(7)?,
            })
        })
        .collect()
}

/// Ids and texts of entries whose document is not there.
pub async fn load_strays(conn: &mut Conn) -> Result<Vec<(String, String)>, StoreError> {
    let sql = "SELECT e.id, e.text FROM ledger_entry e WHERE NOT EXISTS (SELECT 1 FROM invoice i \
               WHERE i.seller_id = e.seller_id AND i.id = e.invoice_id) ORDER BY e.id";
    let rows = conn.fetch_all(sql).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
