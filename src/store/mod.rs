//! The only engine-aware code: connections, migrations, codecs and bulk inserts.
//!
//! Domain modules keep their SQL in their own `store.rs` and use [`Conn`]; one SQL text serves
//! SQLite and PostgreSQL.

pub mod backup;
pub mod bulk;
pub mod codec;
pub mod db;
pub mod health;
pub mod knowledge;
pub mod migrate;
pub mod partition;

pub use db::{Conn, Db, Engine, StoreError, Tx};
