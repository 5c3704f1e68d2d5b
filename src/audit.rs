//! Who did what, to which customer, when and why: written in the transaction of the change.

use sqlx::Executor;

use crate::ids::CustomerId;
use crate::store::{Conn, StoreError};

/// Who acts: `cli:<system user>`, `user:<source>/<id>`, `stage:<name>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(pub String);

/// One entry of the audit log.
pub struct Entry<'a> {
    pub id: String,
    /// Unix seconds of the business clock.
    pub at: i64,
    pub actor: &'a Actor,
    /// `invoice.issued`, `finding.released`, …
    pub action: &'static str,
    pub subject: &'a str,
    pub customer: Option<&'a CustomerId>,
    pub reason: Option<&'a str>,
    pub detail: serde_json::Value,
}

/// Writes an entry in the caller's transaction.
pub async fn record(conn: &mut Conn, entry: Entry<'_>) -> Result<(), StoreError> {
    let sql = "INSERT INTO audit_log (id, at, actor, action, subject, customer_id, reason, detail) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let query = sqlx::query(sql)
        .bind(entry.id)
        .bind(entry.at)
        .bind(entry.actor.0.clone())
        .bind(entry.action)
        .bind(entry.subject.to_owned())
        .bind(entry.customer.map(|customer| customer.0.clone()))
        .bind(entry.reason.map(str::to_owned))
        .bind(entry.detail.to_string());
    conn.execute(query).await?;
    Ok(())
}
