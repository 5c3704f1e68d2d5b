//! Backup and restore of an SQLite database. PostgreSQL has tools of its own (`pg_dump`).

use std::io::Read;
use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, Connection, Executor, Row};

use super::db::{Db, StoreError};

/// The first bytes of every SQLite file (its file format, section 1.3.1).
const HEADER: &[u8; 16] = b"SQLite format 3\0";

/// Writes a consistent copy to `target` while others read and write; gives its size in bytes.
/// The copy is opened and checked before it takes its name, so that a file of that name is whole
/// whenever the program ends.
pub async fn backup(db: &Db, target: &Path) -> Result<u64, StoreError> {
    sqlite_file(db)?;
    if target.exists() {
        let message = format!("{} exists: name another file", target.display());
        return Err(StoreError::Conflict(message));
    }
    let partial = with_suffix(target, ".partial");
    remove(&partial)?;
    let quoted = partial.display().to_string().replace('\'', "''");
    let mut conn = db.read().await?;
    conn.execute(AssertSqlSafe(format!("VACUUM INTO '{quoted}'"))).await?;
    check_file(&partial).await?;
    for suffix in ["-wal", "-shm"] {
        remove(&with_suffix(&partial, suffix))?;
    }
    sync(&partial)?;
    std::fs::rename(&partial, target).map_err(|error| file_error(target, &error))?;
    std::fs::metadata(target).map(|meta| meta.len()).map_err(|error| file_error(target, &error))
}

/// Puts `backup` in the place of the database, which is kept beside it under another name. At
/// every moment one of the two is there, whole. The caller holds the serve lock. Connections of
/// `db` are closed.
pub async fn restore(db: &Db, backup: &Path, now: i64) -> Result<Option<PathBuf>, StoreError> {
    let database = sqlite_file(db)?;
    check_file(backup).await?;
    let mut conn = db.read().await?;
    // What is only in the log belongs to the former database.
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    drop(conn);
    db.close().await;
    let log = with_suffix(&database, "-wal");
    if std::fs::metadata(&log).is_ok_and(|meta| meta.len() > 0) {
        let message = format!(
            "{}: another program writes to it: wait until it is done, and restore again",
            database.display()
        );
        return Err(StoreError::Conflict(message));
    }
    let staged = with_suffix(&database, ".restoring");
    std::fs::copy(backup, &staged).map_err(|error| file_error(&staged, &error))?;
    sync(&staged)?;
    let former = match database.exists() {
        true => Some(keep(&database, now)?),
        false => None,
    };
    std::fs::rename(&staged, &database).map_err(|error| file_error(&database, &error))?;
    Ok(former)
}

/// Gives the database a second name, which no other file has.
fn keep(database: &Path, now: i64) -> Result<PathBuf, StoreError> {
    let mut number = 1;
    loop {
        let again = if number == 1 { String::new() } else { format!("-{number}") };
        let former = with_suffix(database, &format!(".before-restore-{now}{again}"));
        match std::fs::hard_link(database, &former) {
            Ok(()) => return Ok(former),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(file_error(&former, &error)),
        }
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_error(path, &error)),
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> Result<(), StoreError> {
    let synced = std::fs::File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| file_error(path, &error))
}

async fn check_file(path: &Path) -> Result<(), StoreError> {
    if !path.exists() {
        return Err(StoreError::Conflict(format!("{} does not exist", path.display())));
    }
    // A pool keeps trying to open what is no database: look at the first bytes before.
    let mut head = [0_u8; HEADER.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    if read.is_err() || head != *HEADER {
        return Err(StoreError::Conflict(format!("{} is no SQLite database", path.display())));
    }
    let found = integrity(path).await.unwrap_or_else(|error| error.to_string());
    if found != "ok" {
        let message = format!("{} is damaged: {found}: take another backup", path.display());
        return Err(StoreError::Conflict(message));
    }
    let db = Db::open(&format!("sqlite:{}", path.display())).await?;
    let fits = super::migrate::check_version(&db).await;
    db.close().await;
    fits
}

/// What SQLite says of a file, `ok` where all is well; by one connection, because a pool goes on
/// trying to open what is damaged.
async fn integrity(path: &Path) -> Result<String, sqlx::Error> {
    sqlx::any::install_default_drivers();
    let mut conn = sqlx::AnyConnection::connect(&format!("sqlite:{}", path.display())).await?;
    let answer = conn.fetch_one("PRAGMA integrity_check").await?.try_get(0);
    conn.close().await?;
    answer
}

fn sqlite_file(db: &Db) -> Result<PathBuf, StoreError> {
    db.sqlite_path().ok_or_else(|| {
        let message = "this database is PostgreSQL: use pg_dump and pg_restore";
        StoreError::Conflict(message.to_owned())
    })
}

fn file_error(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Conflict(format!("{}: {error}", path.display()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(suffix);
    PathBuf::from(text)
}
