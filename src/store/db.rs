//! Opening a database and taking connections and transactions from it.
//!
//! SQLite: one writing connection, a reading pool, WAL. PostgreSQL: one pool for both.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, Executor};

/// A connection of either engine. Every `store.rs` function takes `&mut Conn`.
pub type Conn = AnyConnection;

/// A transaction of either engine; dropped without commit it rolls back.
pub type Tx = sqlx::Transaction<'static, sqlx::Any>;

/// A pooled connection for reading.
pub type Reader = sqlx::pool::PoolConnection<sqlx::Any>;

const READERS_MAX: u32 = 4;
const POSTGRES_CONNECTIONS_MAX: u32 = 12;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Which engine an address names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// The database cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{0:?} is no database address; write sqlite:/path/file.db or postgres://user@host/db")]
    Address(String),
    #[error(
        "the database file {path} cannot be opened: {error}; does its folder exist, and may this \
         user write there? [database] address in the configuration names it"
    )]
    Open { path: String, error: sqlx::Error },
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("table {table}, row {id}: column {column} holds {value:?}, which Billow never writes")]
    Corrupt { table: &'static str, id: String, column: &'static str, value: String },
    #[error("migration: {0}")]
    Migrate(String),
    #[error(
        "the schema has version {found}, this program needs at least {needed}: run billow migrate"
    )]
    SchemaTooOld { found: i64, needed: i64 },
    #[error(
        "the schema wants version {compatible_from}, this program knows {known}: update Billow"
    )]
    SchemaTooNew { compatible_from: i64, known: i64 },
    #[error("{0}")]
    Conflict(String),
}

impl StoreError {
    /// PostgreSQL's serialization failure (40001) or SQLite's busy: the transaction may be
    /// repeated.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Sql(sqlx::Error::Database(error)) => {
                matches!(error.code().as_deref(), Some("40001" | "40P01" | "5" | "517"))
            }
            _ => false,
        }
    }
}

/// An opened database.
#[derive(Clone)]
pub struct Db {
    engine: Engine,
    writer: AnyPool,
    reader: AnyPool,
    address: String,
}

impl Db {
    /// Opens a database, making the SQLite file if it is not there. Does not migrate.
    pub async fn open(address: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let engine = engine_of(address)?;
        match engine {
            Engine::Sqlite => Self::open_sqlite(address).await,
            Engine::Postgres => Self::open_postgres(address).await,
        }
    }

    async fn open_sqlite(address: &str) -> Result<Self, StoreError> {
        let url = format!("{address}?mode=rwc");
        let named = |error| match address.strip_prefix("sqlite:") {
            Some(path) => StoreError::Open { path: path.to_owned(), error },
            None => StoreError::Sql(error),
        };
        let writer = sqlite_pool(1).connect(&url).await.map_err(named)?;
        let reader = sqlite_pool(READERS_MAX).connect(&url).await?;
        Ok(Self { engine: Engine::Sqlite, writer, reader, address: address.to_owned() })
    }

    async fn open_postgres(address: &str) -> Result<Self, StoreError> {
        let pool = AnyPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect(address)
            .await?;
        let writer = pool.clone();
        Ok(Self { engine: Engine::Postgres, writer, reader: pool, address: address.to_owned() })
    }

    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The address as configured; may hold a password, so it is never logged.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Path of the SQLite file, if it is one.
    pub fn sqlite_path(&self) -> Option<PathBuf> {
        self.address.strip_prefix("sqlite:").map(|path| Path::new(path).to_owned())
    }

    /// A transaction that writes. On SQLite it takes the write lock at once; a transaction that
    /// reads first still starts with an `UPDATE` of the row that owns the rule, for PostgreSQL.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        match self.engine {
            Engine::Sqlite => Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?),
            Engine::Postgres => Ok(self.writer.begin().await?),
        }
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<Reader, StoreError> {
        Ok(self.reader.acquire().await?)
    }

    /// One consistent view for several reads.
    pub async fn snapshot(&self) -> Result<Tx, StoreError> {
        match self.engine {
            Engine::Sqlite => Ok(self.reader.begin().await?),
            Engine::Postgres => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Ok(self.reader.begin_with(begin).await?)
            }
        }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

fn sqlite_pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|connection, _| {
            Box::pin(async move {
                for pragma in [
                    "PRAGMA journal_mode = WAL",
                    "PRAGMA busy_timeout = 20000",
                    "PRAGMA foreign_keys = ON",
                    "PRAGMA synchronous = NORMAL",
                    "PRAGMA cache_size = -16000",
                    "PRAGMA temp_store = MEMORY",
                ] {
                    connection.execute(pragma).await?;
                }
                Ok(())
            })
        })
}

fn engine_of(address: &str) -> Result<Engine, StoreError> {
    if address.starts_with("sqlite:") && address.len() > "sqlite:".len() {
        Ok(Engine::Sqlite)
    } else if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        Ok(Engine::Postgres)
    } else {
        Err(StoreError::Address(address.to_owned()))
    }
}
