//! The one place where an error becomes a status, a stable code and a text for the caller.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;

use crate::bill::credit::CreditError;
use crate::bill::issue::IssueError;
use crate::orchestrator::OrchestratorError;
use crate::store::StoreError;

/// An answer other than the one asked for. `code` is stable, `message` is for people.
#[derive(Clone, Debug)]
pub struct ApiError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    /// The field of the request that is wrong.
    pub field: Option<String>,
    /// Seconds after which the same request may succeed.
    pub retry_after: Option<u64>,
}

/// The body of every error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorBody {
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorDetail {
    /// Stable; programs may decide by it.
    #[schema(example = "not_found")]
    pub code: String,
    /// For people; may change.
    pub message: String,
    /// The field of the request that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl ApiError {
    /// An error with its status, stable code and text.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), field: None, retry_after: None }
    }

    /// No such thing, or none that the caller may see: the two are never told apart.
    pub fn not_found(what: &str) -> Self {
        let message = format!("there is no such {what}, or you may not see it");
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// A field of the request is wrong.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", message);
        error.field = Some(field.to_owned());
        error
    }

    /// No valid credentials.
    pub fn unauthenticated(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", message)
    }

    /// Signed in, but not for this.
    pub fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// The state of things does not allow it.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// Too many requests; the same one may be tried after `seconds`.
    pub fn too_many(seconds: u64) -> Self {
        let message = format!("too many requests; try again in {seconds} s");
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message);
        error.retry_after = Some(seconds);
        error
    }

    /// Our own failure: logged here, once; the caller learns no detail.
    pub fn internal(what: &str, error: &dyn fmt::Display) -> Self {
        tracing::error!(operation = what, %error, "a request failed by a fault of ours");
        let message = "Billow failed to answer; the reason is in its log under this request's id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    fn unavailable(code: &'static str, message: impl Into<String>, seconds: u64) -> Self {
        let mut error = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
        error.retry_after = Some(seconds);
        error
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        response.json(ErrorBody {
            error: ErrorDetail {
                code: self.code.to_owned(),
                message: self.message.clone(),
                field: self.field.clone(),
            },
        })
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(message) => Self::conflict("conflict", message),
            error if error.is_retryable() => {
                tracing::warn!(%error, "the database was busy");
                Self::unavailable("busy", "the database is busy; try again", 1)
            }
            StoreError::SchemaTooOld { .. } | StoreError::SchemaTooNew { .. } => {
                Self::unavailable("schema", error.to_string(), 60)
            }
            error => Self::internal("database", &error),
        }
    }
}

impl From<OrchestratorError> for ApiError {
    /// The orchestrator's failure is not the caller's: 503 while it may pass, 502 otherwise.
    fn from(error: OrchestratorError) -> Self {
        tracing::warn!(%error, "an orchestrator could not be asked");
        if let OrchestratorError::Throttled { after: Some(after), .. } = &error {
            let text = "the cloud asks to wait; try again";
            return Self::unavailable("orchestrator_unavailable", text, after.as_secs().max(1));
        }
        if error.is_retryable() {
            let text = "the cloud does not answer at present; you stay signed in there; try again";
            return Self::unavailable("orchestrator_unavailable", text, 10);
        }
        let text = "the cloud refuses to tell Billow who you are; the operator finds why by \
                    billow doctor";
        Self::new(StatusCode::BAD_GATEWAY, "orchestrator_refused", text)
    }
}

impl From<crate::period::PeriodError> for ApiError {
    fn from(error: crate::period::PeriodError) -> Self {
        Self::invalid("period", error.to_string())
    }
}

/// What a domain's refusal is answered with; all else is a fault of ours.
pub fn of_anyhow(what: &str, error: anyhow::Error) -> ApiError {
    if let Some(refusal) = error.downcast_ref::<CreditError>() {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return ApiError::new(status, "not_creditable", refusal.to_string());
    }
    if let Some(refusal) = error.downcast_ref::<IssueError>() {
        return ApiError::conflict("not_issuable", refusal.to_string());
    }
    match error.downcast::<StoreError>() {
        Ok(error) => error.into(),
        Err(error) => ApiError::internal(what, &format!("{error:#}")),
    }
}

/// What a body that is no JSON, too large or of the wrong type is answered with.
pub fn of_json(error: actix_web::error::JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    use actix_web::error::JsonPayloadError as E;
    let answer = match &error {
        E::OverflowKnownLength { limit, .. } | E::Overflow { limit } => too_large(*limit),
        E::ContentType => ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send application/json",
        ),
        other => ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", other.to_string()),
    };
    answer.into()
}

/// The body is over the limit of its route.
pub fn too_large(limit: usize) -> ApiError {
    let message = format!("the body is over the limit of {limit} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
}

/// What a wrong query string is answered with.
pub fn of_query(error: actix_web::error::QueryPayloadError, _: &HttpRequest) -> actix_web::Error {
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_query", error.to_string()).into()
}

/// What a wrong form is answered with.
pub fn of_form(error: actix_web::error::UrlencodedError, _: &HttpRequest) -> actix_web::Error {
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", error.to_string()).into()
}

/// A part of the path that cannot be one names nothing.
pub fn of_path(_: actix_web::error::PathError, _: &HttpRequest) -> actix_web::Error {
    ApiError::not_found("resource").into()
}
