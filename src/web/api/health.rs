//! `/health/live`, `/health/ready`, `/metrics` and the API's own description.

use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::web::error::{ApiError, ErrorBody};
use crate::web::state::State;
use crate::web::{metrics, openapi, store};

/// Whether the server can work.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Health {
    /// `live` or `ready`.
    pub health: String,
}

/// The process answers.
#[utoipa::path(
    get, path = "/health/live", tag = "health", security(()),
    responses((status = 200, body = Health))
)]
pub async fn live() -> web::Json<Health> {
    web::Json(Health { health: "live".to_owned() })
}

/// The database answers and has this program's schema.
#[utoipa::path(
    get, path = "/health/ready", tag = "health", security(()),
    responses((status = 200, body = Health), (status = 503, body = ErrorBody))
)]
pub async fn ready(state: web::Data<State>) -> Result<web::Json<Health>, ApiError> {
    if let Err(error) = state.app.check_schema().await {
        tracing::warn!(%error, "not ready");
        let status = actix_web::http::StatusCode::SERVICE_UNAVAILABLE;
        let message = "the database does not answer or has another schema";
        return Err(ApiError::new(status, "not_ready", message));
    }
    Ok(web::Json(Health { health: "ready".to_owned() }))
}

/// Figures for Prometheus. They are sums over the installation and name no customer.
#[utoipa::path(
    get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, content_type = "text/plain", body = String))
)]
pub async fn metrics(state: web::Data<State>) -> Result<HttpResponse, ApiError> {
    let mut conn = state.app.db.read().await?;
    let figures = store::load_figures(&mut conn).await?;
    let text = metrics::render(&state.metrics, &figures, state.now());
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text))
}

/// This description.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "health", security(()),
    responses((status = 200, content_type = "application/json", body = Object))
)]
pub async fn openapi() -> Result<HttpResponse, ApiError> {
    let text = openapi::text().map_err(|error| ApiError::internal("describe the API", &error))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(text))
}
