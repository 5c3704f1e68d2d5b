//! What every handler shares: the application, the caller cache, limits and settings.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use super::auth::Guard;
use super::error::ApiError;
use super::headers::Policy;
use super::limit::Limits;
use super::metrics;
use crate::app::App;
use crate::audit::Actor;

/// Ratings and drawings that run at once; more wait.
const HEAVY_MAX: usize = 4;

/// Shared by all workers.
pub struct State {
    pub app: App,
    pub guard: Guard,
    pub limits: Limits,
    pub policy: Policy,
    pub metrics: PrometheusHandle,
    heavy: Arc<Semaphore>,
}

impl State {
    /// Settings come from the application's configuration; `address` is where it listens.
    pub fn new(app: App, address: SocketAddr) -> anyhow::Result<Self> {
        let server = &app.config.server;
        Ok(Self {
            guard: Guard::new(server),
            limits: Limits::new(server),
            policy: Policy::new(server, address)?,
            metrics: metrics::recorder()?,
            heavy: Arc::new(Semaphore::new(HEAVY_MAX)),
            app,
        })
    }

    /// The application with a caller as the one who acts, for the audit log.
    pub fn acting(&self, actor: Actor) -> App {
        App { actor, ..self.app.clone() }
    }

    /// The business clock in unix seconds.
    pub fn now(&self) -> i64 {
        self.app.clock.now_seconds()
    }

    /// Runs work that computes for long on a thread of its own, so that no worker stalls.
    pub async fn offload<T, W, F>(&self, work: W) -> Result<T, ApiError>
    where
        T: Send + 'static,
        W: FnOnce(App) -> F + Send + 'static,
        F: Future<Output = Result<T, ApiError>>,
    {
        let permit = Arc::clone(&self.heavy)
            .acquire_owned()
            .await
            .map_err(|error| ApiError::internal("wait for a thread", &error))?;
        let app = self.app.clone();
        let runtime = tokio::runtime::Handle::current();
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            runtime.block_on(work(app))
        });
        task.await.map_err(|error| ApiError::internal("compute", &error))?
    }
}
