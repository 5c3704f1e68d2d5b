//! What `doctor` and the metrics ask of the database as a whole.

use sqlx::{Executor, Row};

use super::db::{Conn, StoreError};

/// The collation of a PostgreSQL database.
pub async fn collation(conn: &mut Conn) -> Result<String, StoreError> {
    let sql = "SELECT CAST(datcollate AS TEXT) FROM pg_database WHERE datname = current_database()";
    Ok(conn.fetch_one(sql).await?.try_get(0)?)
}

/// How many ledger entries have postings that do not sum to zero in each currency.
pub async fn unbalanced_entries(conn: &mut Conn) -> Result<i64, StoreError> {
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT seller_id, entry_id, currency \
               FROM posting GROUP BY seller_id, entry_id, currency \
               HAVING SUM(amount_minor) <> 0) AS unbalanced";
    Ok(conn.fetch_one(sql).await?.try_get(0)?)
}

/// Open findings by rule: neither repaired nor decided, or reopened.
pub async fn open_findings(conn: &mut Conn) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT rule, CAST(COUNT(*) AS BIGINT) FROM finding WHERE repaired = 0 \
               AND COALESCE((SELECT d.decision FROM finding_decision d \
                 WHERE d.finding_id = finding.id \
                 ORDER BY d.recorded_at DESC, d.id DESC LIMIT 1), 'reopen') = 'reopen' \
               GROUP BY rule ORDER BY rule";
    let rows = conn.fetch_all(sql).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
