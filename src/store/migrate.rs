//! Schema versions: forward migrations, one number for both engines, and the check that this
//! program and the database fit together.

use sqlx::{AssertSqlSafe, Executor, Row};

use super::db::{Db, Engine, StoreError};

/// A migration: one text for both engines, or one for each where an engine's strength is wanted.
struct Migration {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! both {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../migrations/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/", $name, ".sql")),
        }
    };
}

macro_rules! each {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../migrations/", $name, ".sqlite.sql")),
            postgres: include_str!(concat!("../../migrations/", $name, ".postgres.sql")),
        }
    };
}

const MIGRATIONS: [Migration; 10] = [
    both!(1, "0001_foundation"),
    each!(2, "0002_usage"),
    both!(3, "0003_findings"),
    both!(4, "0004_invoices"),
    both!(5, "0005_imports"),
    both!(6, "0006_knowledge"),
    both!(7, "0007_counters"),
    both!(8, "0008_lasting_usage"),
    each!(9, "0009_observations"),
    each!(10, "0010_heard"),
];

/// The newest schema this program knows.
pub const SCHEMA_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// Applies what is missing; gives the names of the applied migrations.
pub async fn migrate(db: &Db) -> Result<Vec<&'static str>, StoreError> {
    let mut applied = Vec::new();
    let mut tx = db.begin().await?;
    if db.engine() == Engine::Postgres {
        // Two daemons that start together migrate one after the other.
        tx.execute("SELECT pg_advisory_xact_lock(4242001)").await?;
    }
    tx.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration \
         (version BIGINT PRIMARY KEY, name TEXT NOT NULL)",
    )
    .await?;
    let found = version_in(&mut tx).await?;
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > found) {
        let text = match db.engine() {
            Engine::Sqlite => migration.sqlite,
            Engine::Postgres => migration.postgres,
        };
        tx.execute(AssertSqlSafe(text.to_owned()))
            .await
            .map_err(|error| StoreError::Migrate(format!("{} failed: {error}", migration.name)))?;
        let insert = "INSERT INTO schema_migration (version, name) VALUES ($1, $2)";
        tx.execute(sqlx::query(insert).bind(migration.version).bind(migration.name)).await?;
        applied.push(migration.name);
    }
    if !applied.is_empty() {
        let update = "UPDATE schema_compatibility SET schema_version = $1 WHERE one = 1";
        tx.execute(sqlx::query(update).bind(SCHEMA_VERSION)).await?;
    }
    tx.commit().await?;
    Ok(applied)
}

/// Fails when the schema is older than this program needs or newer than it can read.
pub async fn check_version(db: &Db) -> Result<(), StoreError> {
    let mut conn = db.read().await?;
    let sql = "SELECT schema_version, compatible_from FROM schema_compatibility WHERE one = 1";
    let row = match conn.fetch_optional(sql).await {
        Ok(Some(row)) => row,
        Ok(None) | Err(sqlx::Error::Database(_)) => {
            return Err(StoreError::SchemaTooOld { found: 0, needed: SCHEMA_VERSION });
        }
        Err(error) => return Err(error.into()),
    };
    let (found, compatible_from): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if found < SCHEMA_VERSION {
        return Err(StoreError::SchemaTooOld { found, needed: SCHEMA_VERSION });
    }
    if compatible_from > SCHEMA_VERSION {
        return Err(StoreError::SchemaTooNew { compatible_from, known: SCHEMA_VERSION });
    }
    Ok(())
}

async fn version_in(conn: &mut super::Conn) -> Result<i64, StoreError> {
    let sql = "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM schema_migration";
    Ok(conn.fetch_one(sql).await?.try_get(0)?)
}
