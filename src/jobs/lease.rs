//! Leases: one stage at a time on one scope, whoever runs it.

use sqlx::{Executor, Row};

use crate::store::{Db, StoreError};

/// How long a lease holds without renewal; on the machine's clock, not the business's.
pub const LEASE_SECONDS: i64 = 120;

/// A taken lease; give it back with [`release`].
#[derive(Debug)]
pub struct Lease {
    name: String,
    holder: String,
}

/// Taking a lease failed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("{name} is being done by {holder} until {until} (unix time); try again after that")]
    Held { name: String, holder: String, until: i64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes the lease `name` (`collect:cs1`, `bill:<seller>`) for `holder`.
/// The same holder may take it again, which renews it.
pub async fn take(db: &Db, name: &str, holder: &str) -> Result<Lease, LeaseError> {
    let now = machine_seconds();
    let mut tx = db.begin().await?;
    let sql = "INSERT INTO lease (name, holder, until) VALUES ($1, $2, $3) \
               ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
               WHERE lease.until <= $4 OR lease.holder = excluded.holder";
    let query = sqlx::query(sql)
        .bind(name.to_owned())
        .bind(holder.to_owned())
        .bind(now + LEASE_SECONDS)
        .bind(now);
    let taken = tx.execute(query).await.map_err(StoreError::from)?.rows_affected() == 1;
    if taken || take_from_dead(&mut tx, name, holder, now).await? {
        tx.commit().await.map_err(StoreError::from)?;
        return Ok(Lease { name: name.to_owned(), holder: holder.to_owned() });
    }
    let query =
        sqlx::query("SELECT holder, until FROM lease WHERE name = $1").bind(name.to_owned());
    let row = tx.fetch_one(query).await.map_err(StoreError::from)?;
    Err(LeaseError::Held {
        name: name.to_owned(),
        holder: row.try_get(0).map_err(StoreError::from)?,
        until: row.try_get(1).map_err(StoreError::from)?,
    })
}

/// Takes a lease whose holder was a process of this machine that is gone: killed, it could not
/// give it back, and its work is safe to go on with.
async fn take_from_dead(
    conn: &mut crate::store::Conn,
    name: &str,
    holder: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let query = sqlx::query("SELECT holder FROM lease WHERE name = $1").bind(name.to_owned());
    let Some(row) = conn.fetch_optional(query).await? else { return Ok(false) };
    let found: String = row.try_get(0)?;
    if !is_gone(&found) {
        return Ok(false);
    }
    let sql = "UPDATE lease SET holder = $1, until = $2 WHERE name = $3 AND holder = $4";
    let query = sqlx::query(sql)
        .bind(holder.to_owned())
        .bind(now + LEASE_SECONDS)
        .bind(name.to_owned())
        .bind(found);
    Ok(conn.execute(query).await?.rows_affected() == 1)
}

/// Whether a holder's name tells of a process of this host that no longer runs.
fn is_gone(holder: &str) -> bool {
    let Some((_, rest)) = holder.split_once("(process ") else { return false };
    let Some((process, host)) = rest.split_once(" on ") else { return false };
    let processes = std::path::Path::new("/proc/self");
    let here = host.trim_end_matches(')') == host_name() && processes.exists();
    here && !std::path::Path::new("/proc").join(process).exists()
}

/// Gives a lease back.
pub async fn release(db: &Db, lease: Lease) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let query = sqlx::query("DELETE FROM lease WHERE name = $1 AND holder = $2")
        .bind(lease.name)
        .bind(lease.holder);
    tx.execute(query).await?;
    tx.commit().await?;
    Ok(())
}

/// A holder's name that tells people whom to ask: host, process and what it does.
pub fn holder(what: &str) -> String {
    format!("{what} (process {} on {})", std::process::id(), host_name())
}

fn host_name() -> String {
    std::fs::read_to_string("/etc/hostname").unwrap_or_default().trim().to_owned()
}

fn machine_seconds() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Holds a lease of this process for longer; for work that goes on.
pub async fn renew(db: &Db, name: &str) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let query = sqlx::query("UPDATE lease SET until = $1 WHERE name = $2")
        .bind(machine_seconds() + LEASE_SECONDS)
        .bind(name.to_owned());
    tx.execute(query).await?;
    tx.commit().await?;
    Ok(())
}
