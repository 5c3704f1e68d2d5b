//! `POST /api/v1/usage`: takes usage that the orchestrator cannot see, as CloudEvents.

use actix_web::http::StatusCode;
use actix_web::web;
use serde::Serialize;

use crate::app::App;
use crate::collect::import::{Format, Import, ImportFailure, import};
use crate::web::error::{ApiError, ErrorBody, of_anyhow};
use crate::web::extract::Operator;
use crate::web::state::State;

/// Errors that an answer names; the first ones.
const ERRORS_SHOWN_MAX: usize = 20;

#[derive(Serialize, utoipa::ToSchema)]
pub struct ImportShown {
    pub import: ImportJson,
}

/// What an import did.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Import)]
pub struct ImportJson {
    pub rows: u64,
    /// New records.
    pub records: u64,
    /// Events that are known with the same content.
    pub duplicates: u64,
    /// Known ids with other content: the first counts until the finding is decided.
    pub findings: u64,
}

/// Takes usage as CloudEvents 1.0 of type `billow.usage.v1`, one or a batch: all of it or nothing.
/// An event is known by its `source` and `id`: sent again it adds nothing, so that no idempotency
/// key is needed.
#[utoipa::path(
    post, path = "/api/v1/usage", tag = "usage",
    request_body(
        content = serde_json::Value, content_type = "application/cloudevents-batch+json"
    ),
    responses(
        (status = 200, body = ImportShown),
        (status = 422, description = "`invalid_events`: each event and field", body = ErrorBody)
    )
)]
pub async fn create(
    state: web::Data<State>,
    caller: Operator,
    body: web::Bytes,
) -> Result<web::Json<ImportShown>, ApiError> {
    let app = App { actor: caller.actor(), ..state.app.clone() };
    let sent =
        Import { format: Format::Events, name: "events", bytes: &body, scope: &caller.scope };
    let report = import(&app, sent).await.map_err(|failure| match failure {
        ImportFailure::Refused(errors) => {
            let shown = errors.iter().take(ERRORS_SHOWN_MAX).map(ToString::to_string);
            let shown = shown.collect::<Vec<_>>().join("; ");
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            ApiError::new(status, "invalid_events", format!("nothing was taken: {shown}"))
        }
        ImportFailure::Failed(error) => of_anyhow("import usage", error),
    })?;
    let import = ImportJson {
        rows: report.rows,
        records: report.records,
        duplicates: report.duplicates,
        findings: report.findings,
    };
    Ok(web::Json(ImportShown { import }))
}
