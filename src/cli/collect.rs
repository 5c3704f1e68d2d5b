//! `billow collect`: pull usage past the watermark, or a span again.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};

use super::output::table;
use super::when;
use super::{Exit, Output};
use crate::app::App;
use crate::collect::job::{CollectReport, CollectRequest, Progress, collect};

#[derive(clap::Args)]
pub struct Args {
    /// One source; all where nothing is given.
    #[arg(long)]
    source: Option<String>,
    /// First instant to read again: RFC 3339 or YYYY-MM-DD.
    #[arg(long)]
    from: Option<String>,
    /// Where to stop: RFC 3339 or YYYY-MM-DD.
    #[arg(long)]
    to: Option<String>,
}

/// Collects; a source that fails does not keep the others from being collected.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    let request = request(app, args.from.as_deref(), args.to.as_deref()).await?;
    let mut reports: Vec<CollectReport> = Vec::new();
    let mut failed = Vec::new();
    let mut known = false;
    for orchestrator in &app.orchestrators {
        let source = orchestrator.source();
        if args.source.as_deref().is_some_and(|wanted| wanted != source.0) {
            continue;
        }
        known = true;
        let bar = Mutex::new(bar(out, &source.0));
        let show = |progress: Progress| {
            if let Ok(bar) = bar.lock() {
                bar.set_length(u64::try_from(progress.all).unwrap_or(0));
                bar.set_position(u64::try_from(progress.done).unwrap_or(0));
                bar.set_message(format!("{} records", progress.records));
            }
        };
        match collect(app, orchestrator.as_ref(), request, &show).await {
            Ok(report) => reports.push(report),
            Err(error) => failed.push(format!("{source}: {error:#}")),
        }
        if let Ok(bar) = bar.lock() {
            bar.finish_and_clear();
        }
    }
    anyhow::ensure!(known, "no such source is configured: see [[source]] in the configuration");
    out.show(&reports, || text(&reports));
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(Exit::Done)
}

async fn request(
    app: &App,
    from: Option<&str>,
    to: Option<&str>,
) -> anyhow::Result<CollectRequest> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let mut request = CollectRequest::default();
    if let Some(from) = from {
        request.from = Some(when::instant(&mut conn, from, now).await?);
    }
    if let Some(to) = to {
        request.until = Some(when::instant(&mut conn, to, now).await?);
    }
    Ok(request)
}

fn bar(out: Output, source: &str) -> ProgressBar {
    if out.is_json() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0).with_prefix(source.to_owned());
    match ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} windows, {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn text(reports: &[CollectReport]) -> String {
    let header = [
        "source",
        "windows",
        "pages",
        "rows",
        "new records",
        "duplicates",
        "quarantined",
        "findings",
        "lag",
    ];
    table(
        &header,
        reports.iter().map(|report| {
            vec![
                report.source.clone(),
                report.windows.to_string(),
                report.pages.to_string(),
                report.rows.to_string(),
                report.records.to_string(),
                report.duplicates.to_string(),
                report.quarantined.to_string(),
                report.findings.to_string(),
                format!("{} h", report.lag_seconds / 3_600),
            ]
        }),
    )
}
