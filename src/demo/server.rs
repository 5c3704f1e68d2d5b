//! Connections: read a request, meet a fault if one is due, answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::http::{self, Request, Response};

/// What goes wrong on the way of the next requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The answer comes later.
    Latency(Duration),
    /// 429: the rate limit.
    Throttled,
    /// 503: the server is in maintenance.
    Unavailable,
    /// A proxy's page with status 200 in place of JSON.
    Html,
    /// The connection ends in the middle of the body.
    Cut,
    /// The connection ends before any answer.
    Closed,
}

/// A simulated service behind the connections.
pub trait Service: Send + Sync + 'static {
    /// Answers a request.
    fn answer(&self, request: &Request) -> Response;
    /// The service's own form of a refusal that is not about the request: 429 or 503.
    fn refuse(&self, status: u16) -> Response;
    /// The fault that the next request meets.
    fn next_fault(&self) -> Option<Fault>;
}

/// Takes the next fault of a queue.
pub fn take(faults: &mut Vec<Fault>) -> Option<Fault> {
    (!faults.is_empty()).then(|| faults.remove(0))
}

/// Locks what connections share; a connection that panicked has left it whole.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts connections until the task is aborted; their tasks end with it.
pub async fn serve<S: Service>(listener: TcpListener, service: Arc<S>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let service = Arc::clone(&service);
        connections.spawn(async move { converse(stream, service.as_ref()).await });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse<S: Service>(mut stream: TcpStream, service: &S) {
    // Small answers must not wait for the peer's delayed acknowledgement.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut left = Vec::new();
    while let Some(request) = http::read(&mut stream, &mut left).await {
        let fault = service.next_fault();
        if fault == Some(Fault::Closed) {
            return;
        }
        if let Some(Fault::Latency(time)) = fault {
            tokio::time::sleep(time).await;
        }
        let response = match fault {
            Some(Fault::Throttled) => service.refuse(429),
            Some(Fault::Unavailable) => service.refuse(503),
            Some(Fault::Html) => html(),
            _ => service.answer(&request),
        };
        let kept = http::write(&mut stream, &response, fault == Some(Fault::Cut)).await;
        if !kept || !request.keep_alive {
            return;
        }
    }
}

fn html() -> Response {
    Response {
        status: 200,
        content_type: "text/html".to_owned(),
        headers: Vec::new(),
        body: b"<!DOCTYPE html><html><body>Please sign in to the proxy.</body></html>".to_vec(),
    }
}
