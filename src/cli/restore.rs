//! `billow restore FILE`: put a backup in the place of the SQLite database.

use std::path::PathBuf;

use serde::Serialize;

use super::{Exit, Output};
use crate::app::App;
use crate::jobs::serve_lock::ServeLock;
use crate::store::backup;

#[derive(clap::Args)]
pub struct Args {
    /// The backup to restore.
    file: PathBuf,
}

#[derive(Serialize)]
struct Answer {
    file: String,
    /// Where the former database was put.
    former: Option<String>,
}

/// Restores; refused while a daemon serves from the database.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    let _lock = ServeLock::take(&app.db)?;
    let former = backup::restore(&app.db, &args.file, app.clock.now_seconds()).await?;
    let answer = Answer {
        file: args.file.display().to_string(),
        former: former.map(|path| path.display().to_string()),
    };
    out.show(&answer, || match &answer.former {
        Some(former) => format!("restored {}; the former database is {former}", answer.file),
        None => format!("restored {}", answer.file),
    });
    Ok(Exit::Done)
}
