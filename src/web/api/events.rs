//! `POST /api/v1/sources/{source}/events`: a source's webhook.

use actix_web::{HttpRequest, web};
use serde::Serialize;

use crate::collect::events::intake::take_events;
use crate::ids::SourceName;
use crate::orchestrator::Delivery;
use crate::web::error::{ApiError, ErrorBody, of_anyhow};
use crate::web::state::State;

/// What became of a delivery.
#[derive(Serialize, utoipa::ToSchema)]
pub struct DeliveryShown {
    /// Events stored.
    pub events: u64,
    /// Whether the source is looked at now, since only a look tells what changed.
    pub look: bool,
}

/// Takes an event of a source's own webhook, which its signature proves. The answer is 200 with a
/// body also for what says nothing about usage: senders try again after anything else.
#[utoipa::path(
    post, path = "/api/v1/sources/{source}/events", tag = "usage",
    params(("source" = String, Path, description = "Name of the source")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses(
        (status = 200, body = DeliveryShown),
        (status = 401, description = "`unauthenticated`: the signature is missing or another one",
         body = ErrorBody),
        (status = 404, description = "`not_found`: the source takes no webhook", body = ErrorBody)
    ),
    security(())
)]
pub async fn deliver(
    state: web::Data<State>,
    request: HttpRequest,
    path: web::Path<String>,
    body: web::Bytes,
) -> Result<web::Json<DeliveryShown>, ApiError> {
    let source = SourceName(path.into_inner());
    let orchestrator = state.app.orchestrator(&source);
    let header = |name: &str| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
    let known = orchestrator.and_then(|one| Some((one, one.verify_delivery(&header, &body)?)));
    let orchestrator = match known {
        Some((orchestrator, Delivery::Event)) => orchestrator,
        Some((_, Delivery::Trial)) => {
            return Ok(web::Json(DeliveryShown { events: 0, look: false }));
        }
        Some((_, Delivery::Unsigned)) => {
            state.limits.count_address(&request)?;
            return Err(ApiError::unauthenticated("the signature does not fit the secret"));
        }
        None => {
            state.limits.count_address(&request)?;
            return Err(ApiError::not_found("webhook"));
        }
    };
    let taken = take_events(&state.app, orchestrator.as_ref(), &[body.to_vec()]).await;
    let report = taken.map_err(|error| of_anyhow("take an event", error))?;
    Ok(web::Json(DeliveryShown { events: report.events, look: report.look }))
}
