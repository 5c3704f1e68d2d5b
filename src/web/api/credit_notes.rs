//! `POST /api/v1/invoices/{id}/credit-notes`: drafts a credit note on an issued invoice.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use crate::bill::credit::CreditRequest;
use crate::bill::run::draft_credit_note;
use crate::bill::store;
use crate::scope::Scope;
use crate::store::StoreError;
use crate::web::api::invoices::load_one;
use crate::web::error::{ApiError, ErrorBody, of_anyhow};
use crate::web::extract::Operator;
use crate::web::idempotency::{Begun, Idempotency};
use crate::web::state::State;

/// What is to be credited, and why.
#[derive(Clone, Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditNoteRequest {
    /// Printed on the credit note and kept in the audit log.
    pub reason: String,
    /// Lines with what to credit of each; all that is left of the invoice when absent.
    pub lines: Option<Vec<CreditLine>>,
}

/// One line of the invoice.
#[derive(Clone, Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditLine {
    /// The line's number on the invoice.
    pub line: u32,
    /// Net to credit in minor units; all that is left of the line when absent.
    pub net_minor: Option<i64>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct CreditNoteCreated {
    pub credit_note: CreditNoteDraft,
}

/// The draft: issue it by `POST /api/v1/drafts/{id}/issue`.
#[derive(Serialize, utoipa::ToSchema)]
pub struct CreditNoteDraft {
    pub draft_id: String,
    pub invoice_id: String,
}

/// Drafts a credit note.
#[utoipa::path(
    post, path = "/api/v1/invoices/{id}/credit-notes", tag = "invoices",
    params(
        ("id" = String, Path, description = "Id or number"),
        ("Idempotency-Key" = String, Header)
    ),
    request_body = CreditNoteRequest,
    responses(
        (status = 201, body = CreditNoteCreated), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)
    )
)]
pub async fn create(
    state: web::Data<State>,
    caller: Operator,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Json<CreditNoteRequest>,
) -> Result<HttpResponse, ApiError> {
    let body = body.into_inner();
    if body.reason.trim().is_empty() {
        return Err(ApiError::invalid("reason", "say why; it is printed on the credit note"));
    }
    let hashed = crate::store::codec::to_json(&body);
    let actor = caller.actor();
    let once = Idempotency::required(&request, hashed.as_bytes(), &actor.0, state.now())?;
    let mut tx = state.app.db.begin().await?;
    if let Begun::Repeated(response) = once.begin(&mut tx).await? {
        return Ok(response);
    }
    let (invoice, _) = load_one(&mut tx, &Scope::Provider, &id).await?;
    let notes = store::load_notes(&mut tx, &invoice.seller_id, &invoice.id).await?;
    if let Some(waiting) = notes.iter().find(|note| note.number.is_none()) {
        let message = format!("draft {} on this invoice waits; issue it first", waiting.id);
        return Err(ApiError::conflict("credit_note_waiting", message));
    }
    let wanted = match body.lines {
        None => CreditRequest::Full,
        Some(lines) => {
            CreditRequest::Lines(lines.into_iter().map(|one| (one.line, one.net_minor)).collect())
        }
    };
    let app = state.acting(actor);
    let draft = draft_credit_note(&app, &mut tx, &invoice.id.0, &wanted, body.reason.trim())
        .await
        .map_err(|error| of_anyhow("draft a credit note", error))?;
    let credit_note = CreditNoteDraft { draft_id: draft.0, invoice_id: invoice.id.0 };
    let body = CreditNoteCreated { credit_note };
    let response = once.finish(&mut tx, StatusCode::CREATED, &body).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(response)
}
