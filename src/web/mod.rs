//! The HTTP shell: sign-in, the JSON API under `/api/v1`, and the console's pages.
//!
//! It decides who the caller is and what they may see ([`auth`]), asks the domains, and shows
//! their answers. No amount is computed here, and no query runs without the caller's scope.

pub mod api;
pub mod assets;
pub mod auth;
pub mod error;
pub mod extract;
pub mod headers;
pub mod idempotency;
pub mod limit;
pub mod log;
pub mod metrics;
pub mod month;
pub mod openapi;
pub mod pages;
pub mod reach;
pub mod router;
pub mod state;
pub mod store;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{HttpServer, web};
use anyhow::Context;
use tracing_actix_web::TracingLogger;

use crate::app::App;
use state::State;

/// Threads that serve; work that computes runs beside them.
const WORKERS: usize = 2;
/// Seconds that a client may take to send its request's head.
const HEAD_SECONDS: u64 = 20;
/// Seconds that running requests have to end when the server stops.
const SHUTDOWN_SECONDS: u64 = 20;
/// Between two rounds of forgetting ended tokens and quiet callers.
const HOUSEKEEPING: Duration = Duration::from_secs(300);

/// Serves API and pages on a bound socket. The server runs once its future is polled; its
/// handle stops it, letting running requests end.
pub async fn serve(app: App, listener: TcpListener) -> anyhow::Result<Server> {
    let address = listener.local_addr().context("read the address to listen on")?;
    let state = web::Data::from(Arc::new(State::new(app, address)?));
    keep_house(Arc::downgrade(&state));
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(state.clone())
            .configure(router::configure)
            .wrap(Compress::default())
            .wrap(from_fn(headers::protect))
            .wrap(from_fn(log::observe))
            .wrap(TracingLogger::<log::RequestSpan>::new())
    })
    .workers(WORKERS)
    // Head and body are written apart; else the body waits for the head's acknowledgement.
    .tcp_nodelay(true)
    .client_request_timeout(Duration::from_secs(HEAD_SECONDS))
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .disable_signals()
    .listen(listener)
    .context("listen for HTTP")?
    .run();
    Ok(server)
}

/// Forgets what has ended, until the server's state is gone.
fn keep_house(state: std::sync::Weak<State>) {
    tokio::spawn(async move {
        let mut rounds = tokio::time::interval(HOUSEKEEPING);
        loop {
            rounds.tick().await;
            let Some(state) = state.upgrade() else { return };
            state.limits.forget_quiet();
            if let Err(error) = auth::forget_ended(&state).await {
                tracing::warn!(%error, "ended tokens could not be deleted; tried again later");
            }
        }
    });
}
