//! `billow migrate`: bring the database to this program's schema.

use serde::Serialize;

use super::{Exit, Output};
use crate::app::App;
use crate::store::migrate;

#[derive(clap::Args)]
pub struct Args {}

#[derive(Serialize)]
struct Answer {
    schema_version: i64,
    applied: Vec<&'static str>,
}

/// Applies what is missing.
pub async fn run(app: &App, _args: Args, out: Output) -> anyhow::Result<Exit> {
    let applied = migrate::migrate(&app.db).await?;
    let answer = Answer { schema_version: migrate::SCHEMA_VERSION, applied };
    out.show(&answer, || match answer.applied.as_slice() {
        [] => format!("schema {} is in place already", answer.schema_version),
        applied => format!("applied {}; schema {}", applied.join(", "), answer.schema_version),
    });
    Ok(Exit::Done)
}
