//! `billow serve`: API, pages, and the stages in the background, until a signal ends it.

use std::net::TcpListener;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::{Exit, Output};
use crate::app::App;
use crate::jobs::{schedule, serve_lock::ServeLock};
use crate::web;

#[derive(clap::Args)]
pub struct Args {
    /// Serve API and pages only; another daemon or cron runs the stages.
    #[arg(long)]
    no_stages: bool,
}

/// Serves until SIGTERM or Ctrl-C; a second daemon on one SQLite file is refused.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    let _lock = ServeLock::take(&app.db)?;
    let listen = &app.config.server.listen;
    let listener = TcpListener::bind(listen)
        .with_context(|| format!("listening on {listen} ([server] listen)"))?;
    let mut app = app.clone();
    app.actor = crate::audit::Actor("stage:serve".to_owned());
    let server = web::serve(app.clone(), listener).await?;
    let handle = server.handle();
    let stop = CancellationToken::new();
    let stages =
        if args.no_stages { None } else { Some(tokio::spawn(schedule::run(app, stop.clone()))) };
    out.say(&format!("serving on http://{listen}"));
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::debug!(%error, "no service manager to tell");
    }
    let ender = stop.clone();
    tokio::spawn(async move {
        wait_for_signal().await;
        ender.cancel();
        handle.stop(true).await;
    });
    server.await.context("serving")?;
    stop.cancel();
    if let Some(stages) = stages {
        stages.await.context("ending the stages")?;
    }
    Ok(Exit::Done)
}

/// Ends at Ctrl-C or SIGTERM.
pub async fn wait_for_signal() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be waited for");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
