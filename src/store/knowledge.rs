//! Since when a fact is known, so that `known_at` means the same for ever.
//!
//! Facts (usage, findings, decisions, catalogue, owners, mappings, details, agreements, prices)
//! are stored with the whole second of the business clock in which they were recorded, and a
//! document rests on all facts recorded up to its `known_at`. Two things would break that: a fact
//! recorded later in the same second, and one whose transaction took its instant earlier and ends
//! later, which the document's reading cannot see. So `known_at` is sealed before anything is
//! read by it: sealing waits for the transactions that record, and what is recorded afterwards
//! gets an instant after the seal.
//!
//! Who records takes the instant inside its transaction by [`recording_at`], from the clock or
//! one second after the seal, and keeps the seal where it is until it ends. On SQLite the one
//! write lock does this; on PostgreSQL a lock on the seal's row that those who record share.

use sqlx::{Executor, Row};

use super::db::{Conn, Db, Engine, StoreError};
use crate::clock::Clock;

/// The instant under which a write transaction records facts. Nobody seals it before the
/// transaction ends.
pub async fn recording_at(
    conn: &mut Conn,
    engine: Engine,
    clock: &dyn Clock,
) -> Result<i64, StoreError> {
    let sql = match engine {
        Engine::Sqlite => "SELECT sealed_until FROM knowledge WHERE one = 1",
        Engine::Postgres => "SELECT sealed_until FROM knowledge WHERE one = 1 FOR SHARE",
    };
    let sealed: i64 = conn.fetch_one(sql).await?.try_get(0)?;
    Ok(clock.now_seconds().max(sealed + 1))
}

/// Seals all that is recorded up to now, and gives the `known_at` that holds it: now, or an
/// instant after the seal before. Waits for transactions that are recording.
pub async fn seal(db: &Db, clock: &dyn Clock) -> Result<i64, StoreError> {
    let mut tx = db.begin().await?;
    let sql = "UPDATE knowledge SET sealed_until = CASE WHEN sealed_until < $1 THEN $1 \
               ELSE sealed_until + 1 END WHERE one = 1 RETURNING sealed_until";
    let query = sqlx::query(sql).bind(clock.now_seconds());
    let sealed = tx.fetch_one(query).await?.try_get(0)?;
    tx.commit().await?;
    Ok(sealed)
}

/// A `known_at` that holds all that is recorded so far, without sealing it: for what is shown and
/// not kept.
pub async fn present(conn: &mut Conn, clock: &dyn Clock) -> Result<i64, StoreError> {
    Ok(clock.now_seconds().max(sealed_until(conn).await? + 1))
}

/// What is sealed; zero where nothing is.
pub async fn sealed_until(conn: &mut Conn) -> Result<i64, StoreError> {
    let sql = "SELECT sealed_until FROM knowledge WHERE one = 1";
    Ok(conn.fetch_one(sql).await?.try_get(0)?)
}
