//! One line for each request, with its id, its route's pattern and its time. Never a query
//! string, a header or a body: they can hold signed requests, tokens and passwords.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use tracing::Span;
use tracing_actix_web::{RequestId, RootSpanBuilder};

/// Carries the request's id, so that a caller's complaint finds its log lines.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The span in which all log lines of a request lie.
pub struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = request.extensions().get::<RequestId>().map(ToString::to_string);
        tracing::info_span!(
            "request",
            request.id = id.as_deref().unwrap_or("-"),
            request.method = %request.method(),
            request.route = route_of(request),
        )
    }

    fn on_request_end<B: MessageBody>(_: Span, _: &Result<ServiceResponse<B>, Error>) {}
}

/// Logs and counts a request, and tells the client its id.
pub async fn observe<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let started = Instant::now();
    let id = request.extensions().get::<RequestId>().map(ToString::to_string);
    let route = route_of(&request);
    let method = request.method().to_string();
    let mut response = next.call(request).await?;
    let status = response.status().as_u16();
    let duration = started.elapsed();
    if let Some(value) = id.and_then(|id| HeaderValue::from_str(&id).ok()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let labels = [("method", method), ("route", route), ("status", status.to_string())];
    metrics::counter!("billow_http_requests_total", &labels).increment(1);
    metrics::histogram!("billow_http_request_seconds", &labels[..2]).record(duration);
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(response.status = status, duration_ms, "answered");
    Ok(response)
}

/// The pattern that matched; unknown paths share one name, so that nobody fills the metrics.
fn route_of(request: &ServiceRequest) -> String {
    request.match_pattern().unwrap_or_else(|| "unknown".to_owned())
}
