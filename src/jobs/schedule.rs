//! Rounds of the background stages while the daemon serves.
//!
//! Each round is one call of the same function that the command line uses, under the same lease;
//! a failed round is logged once and tried again at the next.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::collect::events::bus::{buses, listen};
use crate::collect::job::{CollectRequest, collect, is_held};
use crate::collect::observe::round::observe;
use crate::orchestrator::Orchestrator;

/// From a wish to the look, so that what follows at once is seen too.
const SETTLE: Duration = Duration::from_secs(1);
/// Between two looks that are wished for at least; as long as the look took, if that is longer.
const REST: Duration = Duration::from_secs(5);

/// Runs all rounds until `stop` is cancelled; a round that is under way ends first.
pub async fn run(app: App, stop: CancellationToken) {
    let billing = &app.config.billing;
    tokio::join!(
        rounds(billing.collect_every_seconds.into(), &stop, || collect_all(&app)),
        rounds(billing.catalog_every_seconds.into(), &stop, || sync_all(&app)),
        observe_all(&app, &stop),
        listen_all(&app, &stop),
    );
}

/// Looks at each source on its own, so that a slow one keeps no other waiting.
async fn observe_all(app: &App, stop: &CancellationToken) {
    let seconds = app.config.billing.observe_every_seconds.into();
    let observed = app.orchestrators.iter().filter(|one| one.capabilities().observations);
    let all = observed.map(|one| observe_turns(app, one.as_ref(), seconds, stop));
    futures_util::future::join_all(all).await;
}

/// Looks at a source every so many seconds, and soon after each wish for it.
async fn observe_turns(
    app: &App,
    orchestrator: &dyn Orchestrator,
    seconds: u64,
    stop: &CancellationToken,
) {
    let mut turns = tokio::time::interval(Duration::from_secs(seconds.max(1)));
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut rested = Instant::now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = turns.tick() => {}
            () = app.looks.wished(orchestrator.source()) => {
                // What belongs together is told one after the other; one look shows all of it.
                let begin = rested.max(Instant::now() + SETTLE);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep_until(begin) => {}
                }
            }
        }
        let begun = Instant::now();
        observe_one(app, orchestrator).await;
        rested = Instant::now() + begun.elapsed().max(REST);
    }
}

/// Hears the events of each source that has a bus.
async fn listen_all(app: &App, stop: &CancellationToken) {
    let all = buses(app).into_iter().map(|bus| async move { listen(app, &bus, stop).await });
    futures_util::future::join_all(all).await;
}

async fn observe_one(app: &App, orchestrator: &dyn Orchestrator) {
    let source = orchestrator.source();
    match observe(app, orchestrator).await {
        Ok(report) => tracing::debug!(%source, fresh = report.fresh, "observed"),
        Err(error) if is_held(&error) => tracing::debug!(%source, "is being observed"),
        Err(error) => tracing::warn!(
            %source,
            error = format!("{error:#}"),
            "observing failed; the next round goes on"
        ),
    }
}

async fn rounds<F, Fut>(seconds: u64, stop: &CancellationToken, round: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = ()>,
{
    let mut ticks = tokio::time::interval(Duration::from_secs(seconds.max(1)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => round().await,
        }
    }
}

async fn collect_all(app: &App) {
    for orchestrator in &app.orchestrators {
        let source = orchestrator.source();
        let request = CollectRequest::default();
        match collect(app, orchestrator.as_ref(), request, &|_| {}).await {
            Ok(report) => tracing::info!(%source, records = report.records, "collected"),
            Err(error) => tracing::warn!(
                %source,
                error = format!("{error:#}"),
                "collecting failed; the next round goes on"
            ),
        }
    }
}

async fn sync_all(app: &App) {
    for orchestrator in &app.orchestrators {
        if let Err(error) = crate::catalog::sync::sync(app, orchestrator.source()).await {
            tracing::warn!(
                source = %orchestrator.source(),
                error = format!("{error:#}"),
                "the catalogue sync failed; the next round goes on"
            );
        }
    }
}
