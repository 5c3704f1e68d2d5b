//! `/api/v1/drafts`: what waits to be issued, for the seller's staff; operators approve it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::invoices::{InvoiceJson, PartJson, invoice_json, part_json};
use super::json::{Meta, MoneyJson, cut};
use crate::audit;
use crate::bill::document::DocumentKind;
use crate::bill::run::issue_draft;
use crate::bill::store::{self, Draft, DraftState};
use crate::ids::{IdMaker, InvoiceId, SellerId};
use crate::scope::Scope;
use crate::store::codec::enum_text;
use crate::store::{Conn, StoreError};
use crate::web::error::{ApiError, ErrorBody, of_anyhow};
use crate::web::extract::{Caller, Operator, Paging, Staff, cursor_of};
use crate::web::idempotency::{Begun, Idempotency};
use crate::web::state::State;

/// What the list is cut by.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DraftQuery {
    /// A seller's id.
    pub seller: Option<String>,
    /// A billing period such as `2026-10`.
    pub period: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct DraftList {
    pub drafts: Vec<DraftSummary>,
    pub meta: Meta,
}

/// A draft as lists show it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct DraftSummary {
    pub id: String,
    /// `held`, `ready` or `approved`.
    pub state: String,
    /// What holds it.
    pub holds: Vec<String>,
    pub kind: DocumentKind,
    pub seller_id: String,
    pub customer_id: String,
    pub customer_number: String,
    pub customer_name: String,
    pub period: String,
    pub net: MoneyJson,
    pub tax: MoneyJson,
    pub gross: MoneyJson,
}

impl From<&Draft> for DraftSummary {
    fn from(draft: &Draft) -> Self {
        let document = &draft.document;
        let money = |minor| MoneyJson::of(minor, document.currency);
        Self {
            id: document.id.0.clone(),
            state: enum_text(&draft.state),
            holds: draft.holds.clone(),
            kind: document.kind,
            seller_id: document.seller_id.0.clone(),
            customer_id: document.customer_id.0.clone(),
            customer_number: draft.customer_number.clone(),
            customer_name: document.buyer.name.clone(),
            period: document.period.label.to_string(),
            net: money(document.net_minor),
            tax: money(document.tax_minor),
            gross: money(document.gross_minor),
        }
    }
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct DraftShown {
    pub draft: DraftJson,
}

/// A draft with its document and its parts.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Draft)]
pub struct DraftJson {
    #[serde(flatten)]
    pub summary: DraftSummary,
    pub document: InvoiceJson,
    pub parts: Vec<PartJson>,
}

/// Key of a row: customer's number, kind, period and id, as the list is ordered.
type Place = (usize, String, bool, String, String);

fn place_of(draft: &Draft) -> Place {
    let document = &draft.document;
    let number = &draft.customer_number;
    let is_note = document.kind == DocumentKind::CreditNote;
    let period = document.period.label.to_string();
    (number.len(), number.clone(), is_note, period, document.id.0.clone())
}

/// A page of the drafts of a scope, ascending by customer number, and the cursor of the next.
pub async fn load_page(
    conn: &mut Conn,
    scope: &Scope,
    query: DraftQuery,
    paging: &Paging,
) -> Result<(Vec<Draft>, Option<String>), ApiError> {
    let (limit, after) = (paging.rows()?, paging.after::<Place>()?);
    let seller = query.seller.map(SellerId);
    let mut drafts =
        store::load_drafts(conn, scope, seller.as_ref(), query.period.as_deref()).await?;
    drafts.sort_by_key(place_of);
    drafts.retain(|draft| after.as_ref().is_none_or(|after| place_of(draft) > *after));
    let more = cut(&mut drafts, limit);
    let next = drafts.last().filter(|_| more).map(|draft| cursor_of(&place_of(draft)));
    Ok((drafts, next))
}

/// One draft of a scope, or 404.
pub async fn load_one(conn: &mut Conn, scope: &Scope, id: &str) -> Result<Draft, ApiError> {
    let drafts = store::load_drafts(conn, scope, None, None).await?;
    let found = drafts.into_iter().find(|draft| draft.document.id.0 == id);
    found.ok_or_else(|| ApiError::not_found("draft"))
}

/// Lists drafts, ascending by customer number.
#[utoipa::path(
    get, path = "/api/v1/drafts", tag = "drafts", params(DraftQuery, Paging),
    responses((status = 200, body = DraftList), (status = 403, body = ErrorBody))
)]
pub async fn list(
    state: web::Data<State>,
    caller: Staff,
    query: web::Query<DraftQuery>,
    paging: web::Query<Paging>,
) -> Result<web::Json<DraftList>, ApiError> {
    let mut conn = state.app.db.read().await?;
    let (rows, next) = load_page(&mut conn, &caller.scope, query.into_inner(), &paging).await?;
    let drafts = rows.iter().map(DraftSummary::from).collect();
    Ok(web::Json(DraftList { drafts, meta: Meta { next } }))
}

/// Shows a draft.
#[utoipa::path(
    get, path = "/api/v1/drafts/{id}", tag = "drafts", params(("id" = String, Path)),
    responses((status = 200, body = DraftShown), (status = 404, body = ErrorBody))
)]
pub async fn show(
    state: web::Data<State>,
    caller: Staff,
    id: web::Path<String>,
) -> Result<web::Json<DraftShown>, ApiError> {
    let mut conn = state.app.db.snapshot().await?;
    let draft = load_one(&mut conn, &caller.scope, &id).await?;
    let document = &draft.document;
    let parts = store::load_parts(&mut conn, &document.seller_id, &document.id).await?;
    let currency = document.currency;
    let draft = DraftJson {
        summary: DraftSummary::from(&draft),
        parts: parts.into_iter().map(|part| part_json(part, currency)).collect(),
        document: invoice_json(draft.document, draft.contact),
    };
    Ok(web::Json(DraftShown { draft }))
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct DraftChanged {
    pub draft: DraftSummary,
}

/// Approves a draft in one transaction with its idempotency key and its audit entry.
pub async fn approve_one(
    state: &State,
    caller: &Caller,
    id: &str,
    once: &Idempotency,
) -> Result<HttpResponse, ApiError> {
    let mut tx = state.app.db.begin().await?;
    if let Begun::Repeated(response) = once.begin(&mut tx).await? {
        return Ok(response);
    }
    let found = store::lock_draft(&mut tx, &InvoiceId(id.to_owned())).await?;
    let mut draft = found.ok_or_else(|| ApiError::not_found("draft"))?;
    if draft.state == DraftState::Held {
        let message = format!("the draft is held: {}", draft.holds.join("; "));
        return Err(ApiError::conflict("draft_held", message));
    }
    store::approve_draft(&mut tx, &draft.document.id).await?;
    draft.state = DraftState::Approved;
    let actor = caller.actor();
    let entry = audit::Entry {
        id: IdMaker::new(&*state.app.clock).fresh(),
        at: state.now(),
        actor: &actor,
        action: "draft.approved",
        subject: id,
        customer: Some(&draft.document.customer_id),
        reason: None,
        detail: serde_json::json!({
            "period": draft.document.period.label.to_string(),
            "gross_minor": draft.document.gross_minor,
        }),
    };
    audit::record(&mut tx, entry).await?;
    let body = DraftChanged { draft: DraftSummary::from(&draft) };
    let response = once.finish(&mut tx, StatusCode::OK, &body).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(response)
}

/// Approves a draft that nothing holds.
#[utoipa::path(
    post, path = "/api/v1/drafts/{id}/approve", tag = "drafts",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header)),
    responses(
        (status = 200, body = DraftChanged), (status = 404, body = ErrorBody),
        (status = 409, description = "`draft_held`", body = ErrorBody)
    )
)]
pub async fn approve(
    state: web::Data<State>,
    caller: Operator,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let once = Idempotency::required(&request, b"", &caller.actor().0, state.now())?;
    approve_one(&state, &caller, &id, &once).await
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct DraftIssued {
    pub invoice: IssuedSummary,
}

/// The document that a draft became.
#[derive(Serialize, utoipa::ToSchema)]
pub struct IssuedSummary {
    pub id: String,
    pub number: String,
    pub kind: DocumentKind,
    pub issue_date: String,
}

/// Issues a draft in one transaction with its idempotency key; gives the answer and the id.
pub async fn issue_one(
    state: &State,
    caller: &Caller,
    id: &str,
    once: &Idempotency,
) -> Result<HttpResponse, ApiError> {
    let mut tx = state.app.db.begin().await?;
    if let Begun::Repeated(response) = once.begin(&mut tx).await? {
        return Ok(response);
    }
    let id = InvoiceId(id.to_owned());
    let found = store::lock_draft(&mut tx, &id).await?;
    let draft = found.ok_or_else(|| ApiError::not_found("draft"))?;
    if draft.state == DraftState::Held {
        let message = format!("the draft is held: {}", draft.holds.join("; "));
        return Err(ApiError::conflict("draft_held", message));
    }
    let app = state.acting(caller.actor());
    let issued = issue_draft(&app, &mut tx, &id)
        .await
        .map_err(|error| of_anyhow("issue a draft", error))?
        .ok_or_else(|| ApiError::not_found("draft"))?;
    let invoice = IssuedSummary {
        id: issued.id,
        number: issued.number,
        kind: issued.kind,
        issue_date: issued.issue_date,
    };
    let response = once.finish(&mut tx, StatusCode::OK, &DraftIssued { invoice }).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(response)
}

/// Issues a draft that nothing holds: it gets its number and never changes again.
#[utoipa::path(
    post, path = "/api/v1/drafts/{id}/issue", tag = "drafts",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header)),
    responses(
        (status = 200, body = DraftIssued), (status = 404, body = ErrorBody),
        (status = 409, description = "`draft_held`", body = ErrorBody)
    )
)]
pub async fn issue(
    state: web::Data<State>,
    caller: Operator,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let once = Idempotency::required(&request, b"", &caller.actor().0, state.now())?;
    issue_one(&state, &caller, &id, &once).await
}
