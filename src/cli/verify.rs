//! `billow verify`: recompute and check everything that was issued.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

use super::output::table;
use super::{Exit, Output};
use crate::app::App;
use crate::bill::verify::{Verdict, verify};

/// Recompute every issued document from its evidence, and check the chain.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Runs the verb.
pub async fn run(app: &App, _args: Args, out: Output) -> anyhow::Result<Exit> {
    let target = match !out.is_json() && std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(None, target);
    let result = verify(app, &|done, all| {
        bar.set_length(u64::try_from(all).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    })
    .await?;
    bar.finish_and_clear();
    let good = result.is_good();
    out.show(&json!({ "good": good, "verification": result }), || {
        let rows = result.deviations.iter().map(|one| {
            let verdict = match one.verdict {
                Verdict::Tampered => "tampered",
                Verdict::RulesChanged => "rules changed",
                Verdict::EvidenceArchived => "evidence archived",
            };
            vec![one.number.clone(), verdict.to_owned(), one.what.clone()]
        });
        let summary = format!(
            "{} documents, {} records, {} pages of evidence: {}",
            result.documents,
            result.records,
            result.pages,
            if good { "nothing was changed" } else { "something was changed by hand" }
        );
        match result.deviations.is_empty() {
            true => summary,
            false => format!("{}\n{summary}", table(&["document", "verdict", "what"], rows)),
        }
    });
    Ok(if good { Exit::Done } else { Exit::Found })
}
