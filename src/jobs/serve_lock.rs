//! One daemon to one SQLite file: a lock on a file beside it, free again when the process ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::PathBuf;

use crate::store::Db;

/// The lock; held until dropped. PostgreSQL needs none: replicas share the work by leases.
pub struct ServeLock {
    _file: Option<File>,
}

/// The lock cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ServeLockError {
    #[error("{path} is served by {holder} already: stop it first, or use PostgreSQL for several")]
    Held { path: PathBuf, holder: String },
    #[error("{path}: {error}")]
    File { path: PathBuf, error: std::io::Error },
}

impl ServeLock {
    /// Takes the lock of a database, or says who has it.
    pub fn take(db: &Db) -> Result<Self, ServeLockError> {
        let Some(database) = db.sqlite_path() else { return Ok(Self { _file: None }) };
        let mut path = database.clone().into_os_string();
        path.push(".serve");
        let path = PathBuf::from(path);
        let failed = |error| ServeLockError::File { path: path.clone(), error };
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).map_err(failed)?;
                write!(file, "process {}", std::process::id()).map_err(failed)?;
                Ok(Self { _file: Some(file) })
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(failed)?;
                Err(ServeLockError::Held { path: database, holder })
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}
