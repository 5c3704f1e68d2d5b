//! `billow backup FILE`: a consistent copy of the SQLite database, taken while it serves.

use std::path::PathBuf;

use serde::Serialize;

use super::{Exit, Output};
use crate::app::App;
use crate::store::backup;

#[derive(clap::Args)]
pub struct Args {
    /// The file to write; must not exist.
    file: PathBuf,
}

#[derive(Serialize)]
struct Answer {
    file: String,
    bytes: u64,
}

/// Takes the backup.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    app.check_schema().await?;
    let bytes = backup::backup(&app.db, &args.file).await?;
    let answer = Answer { file: args.file.display().to_string(), bytes };
    out.show(&answer, || format!("{}: {} bytes, checked", answer.file, answer.bytes));
    Ok(Exit::Done)
}
