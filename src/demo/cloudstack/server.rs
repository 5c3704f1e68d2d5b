//! Connections: read a request, meet a fault if one is due, answer.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::http::{self, Request, Response};
use super::{Cloud, Fault, api, lock};

/// Accepts connections until the task is aborted; their tasks end with it.
pub async fn serve(listener: TcpListener, cloud: Arc<Cloud>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let cloud = Arc::clone(&cloud);
        connections.spawn(async move { converse(stream, &cloud).await });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(mut stream: TcpStream, cloud: &Arc<Cloud>) {
    // Small answers must not wait for the peer's delayed acknowledgement.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut left = Vec::new();
    while let Some(request) = http::read(&mut stream, &mut left).await {
        let fault = next_fault(cloud);
        if fault == Some(Fault::Closed) {
            return;
        }
        if let Some(Fault::Latency(time)) = fault {
            tokio::time::sleep(time).await;
        }
        let response = match fault {
            Some(Fault::Throttled) => plain_refusal(429, "api rate limit is exceeded"),
            Some(Fault::Unavailable) => plain_refusal(503, "the server is shutting down"),
            Some(Fault::Html) => html(),
            _ => route(cloud, &request),
        };
        let kept = http::write(&mut stream, &response, fault == Some(Fault::Cut)).await;
        if !kept || !request.keep_alive {
            return;
        }
    }
}

fn next_fault(cloud: &Cloud) -> Option<Fault> {
    let mut control = lock(&cloud.control);
    (!control.faults.is_empty()).then(|| control.faults.remove(0))
}

fn route(cloud: &Cloud, request: &Request) -> Response {
    if request.path.trim_end_matches('/') == "/client/api" {
        api::answer(cloud, request)
    } else {
        let body = b"<html><body><h2>HTTP ERROR 404 Not Found</h2></body></html>".to_vec();
        let content_type = "text/html;charset=utf-8".to_owned();
        Response { status: 404, content_type, headers: Vec::new(), body }
    }
}

fn plain_refusal(status: u16, text: &str) -> Response {
    let body = super::shape::Refusal { anonymous: true, ..refusal(status, text) };
    Response {
        status,
        content_type: "application/json;charset=utf-8".to_owned(),
        headers: vec![("X-Description".to_owned(), text.to_owned())],
        body: body.body("errorresponse").into_bytes(),
    }
}

fn refusal(status: u16, text: &str) -> super::shape::Refusal {
    super::shape::Refusal::new(status, 9999, text)
}

fn html() -> Response {
    Response {
        status: 200,
        content_type: "text/html".to_owned(),
        headers: Vec::new(),
        body: b"<!DOCTYPE html><html><body>Please sign in to the proxy.</body></html>".to_vec(),
    }
}
