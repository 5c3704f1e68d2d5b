//! Monthly partitions of usage on PostgreSQL, made before the first record of a month arrives.

use sqlx::{AssertSqlSafe, Executor};

use super::db::{Conn, Engine, StoreError};
use crate::period::{BillingCycle, Span};

/// Months made ahead of the asked span.
const MONTHS_AHEAD: i32 = 2;

/// Makes the partitions that a span and the months after it need; nothing on SQLite.
pub async fn ensure(conn: &mut Conn, engine: Engine, span: Span) -> Result<(), StoreError> {
    if engine == Engine::Sqlite {
        return Ok(());
    }
    let outside = |error| StoreError::Conflict(format!("usage outside the calendar: {error}"));
    let months = BillingCycle::new("UTC", 1).map_err(outside)?;
    let first = months.period_at(span.from).map_err(outside)?.label;
    let last = months.period_at(span.until).map_err(outside)?.label.plus_months(MONTHS_AHEAD);
    let mut label = first;
    while label <= last {
        let month = months.period(label).map_err(outside)?.span;
        let name = format!("usage_record_{:04}_{:02}", label.year, label.month);
        // Rows that came before their month's partition stay where they are, and keep it away.
        let strays = "SELECT 1 FROM usage_record_other WHERE span_from >= $1 AND span_from < $2 \
                      LIMIT 1";
        let strays = sqlx::query(strays).bind(month.from).bind(month.until);
        if conn.fetch_optional(strays).await?.is_some() {
            label = label.next();
            continue;
        }
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS {name} PARTITION OF usage_record \
             FOR VALUES FROM ({}) TO ({})",
            month.from, month.until
        );
        conn.execute(AssertSqlSafe(sql)).await?;
        label = label.next();
    }
    Ok(())
}
