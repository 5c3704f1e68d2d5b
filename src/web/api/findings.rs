//! `/api/v1/findings`: doubts about records and gaps, within the caller's scope; operators
//! decide them.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::json::{Meta, OwnerJson, SpanJson, cut, instant};
use crate::finding::decision::{Decision, decide_in};
use crate::finding::store::{load_alike, lock_finding};
use crate::finding::{Finding, FindingState};
use crate::ids::{FindingId, OwnerRef};
use crate::period::Span;
use crate::scope::Scope;
use crate::store::{Conn, StoreError};
use crate::web::error::{ApiError, ErrorBody, of_anyhow};
use crate::web::extract::{Caller, Operator, Paging, cursor_of};
use crate::web::idempotency::{Begun, Idempotency};
use crate::web::reach::load_owner_spans;
use crate::web::state::State;
use crate::web::store::{FindingFilter, load_findings};

/// Findings read at once while a page of visible ones is filled.
const BATCH: u32 = 500;

/// What the list is cut by.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FindingQuery {
    /// `open`, `released`, `rejected` or `repaired`; all when absent.
    pub state: Option<FindingState>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct FindingList {
    pub findings: Vec<FindingJson>,
    pub meta: Meta,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct FindingShown {
    pub finding: FindingJson,
}

/// A doubt about a record or a gap. While open, it holds the invoices of whom it touches.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Finding)]
pub struct FindingJson {
    pub id: String,
    pub rule: String,
    pub state: FindingState,
    pub owner: OwnerJson,
    pub meter: String,
    pub resource: String,
    pub span: SpanJson,
    pub message: String,
    /// Quantities, the money at stake and other facts of the rule.
    pub detail: serde_json::Value,
    /// Key of the record in doubt.
    pub record: Option<serde_json::Value>,
    pub recorded_at: String,
}

impl From<Finding> for FindingJson {
    fn from(finding: Finding) -> Self {
        let record = finding.record_key;
        Self {
            id: finding.id.0,
            rule: finding.rule,
            state: finding.state,
            owner: OwnerJson::from(&finding.owner),
            meter: finding.meter,
            resource: finding.resource,
            span: finding.span.into(),
            message: finding.message,
            detail: finding.detail,
            record: record
                .map(|key| serde_json::from_str(&key).unwrap_or(serde_json::Value::String(key))),
            recorded_at: instant(finding.recorded_at),
        }
    }
}

type Spans = Option<BTreeMap<OwnerRef, Vec<Span>>>;

fn sees(spans: &Spans, finding: &Finding) -> bool {
    let Some(spans) = spans else { return true };
    spans.get(&finding.owner).is_some_and(|spans| {
        spans.iter().any(|span| span.overlaps(finding.span) || span.contains(finding.span.from))
    })
}

/// A page of the findings that a scope sees, newest first, and the cursor of the next.
pub async fn load_page(
    conn: &mut Conn,
    scope: &Scope,
    query: &FindingQuery,
    paging: &Paging,
    now: i64,
) -> Result<(Vec<Finding>, Option<String>), ApiError> {
    let limit = paging.rows()?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let spans = load_owner_spans(conn, scope, now).await?;
    let mut filter = FindingFilter {
        state: query.state,
        after: paging.after()?,
        limit: BATCH,
        ..FindingFilter::default()
    };
    let mut rows = Vec::new();
    while rows.len() <= wanted {
        let batch = load_findings(conn, &filter).await?;
        let last = batch.last().map(|last| (last.recorded_at, last.id.0.clone()));
        let full = batch.len() == usize::try_from(BATCH).unwrap_or(usize::MAX);
        rows.extend(batch.into_iter().filter(|finding| sees(&spans, finding)));
        if !full {
            break;
        }
        filter.after = last;
    }
    let more = cut(&mut rows, limit);
    let last = rows.last().filter(|_| more);
    let next = last.map(|row| cursor_of(&(row.recorded_at, row.id.0.as_str())));
    Ok((rows, next))
}

/// One finding that a scope sees, or 404.
pub async fn load_one(
    conn: &mut Conn,
    scope: &Scope,
    id: &str,
    now: i64,
) -> Result<Finding, ApiError> {
    let filter =
        FindingFilter { id: Some(FindingId(id.to_owned())), limit: 1, ..FindingFilter::default() };
    let found = load_findings(conn, &filter).await?.into_iter().next();
    let finding = found.ok_or_else(|| ApiError::not_found("finding"))?;
    let spans = load_owner_spans(conn, scope, now).await?;
    if sees(&spans, &finding) { Ok(finding) } else { Err(ApiError::not_found("finding")) }
}

/// Lists findings, newest first.
#[utoipa::path(
    get, path = "/api/v1/findings", tag = "findings", params(FindingQuery, Paging),
    responses((status = 200, body = FindingList), (status = 401, body = ErrorBody))
)]
pub async fn list(
    state: web::Data<State>,
    caller: Caller,
    query: web::Query<FindingQuery>,
    paging: web::Query<Paging>,
) -> Result<web::Json<FindingList>, ApiError> {
    let mut conn = state.app.db.read().await?;
    let (rows, next) = load_page(&mut conn, &caller.scope, &query, &paging, state.now()).await?;
    let findings = rows.into_iter().map(FindingJson::from).collect();
    Ok(web::Json(FindingList { findings, meta: Meta { next } }))
}

/// Shows a finding.
#[utoipa::path(
    get, path = "/api/v1/findings/{id}", tag = "findings",
    params(("id" = String, Path)),
    responses((status = 200, body = FindingShown), (status = 404, body = ErrorBody))
)]
pub async fn show(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<web::Json<FindingShown>, ApiError> {
    let mut conn = state.app.db.read().await?;
    let finding = load_one(&mut conn, &caller.scope, &id, state.now()).await?;
    Ok(web::Json(FindingShown { finding: finding.into() }))
}

/// Why a finding is decided so.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    /// Kept in the audit log.
    pub reason: String,
    /// Decide all open findings of the same rule about the same resource too.
    #[serde(default)]
    pub alike: bool,
}

/// A decision with its reason.
#[derive(Clone, Copy)]
pub struct Verdict<'a> {
    pub decision: Decision,
    pub reason: &'a str,
    /// All open findings of the same rule about the same resource too.
    pub alike: bool,
}

impl Verdict<'_> {
    /// What the idempotency key stands for.
    pub fn hashed(&self) -> Vec<u8> {
        let word = match self.decision {
            Decision::Release => "release",
            Decision::Reject => "reject",
        };
        let many = if self.alike { "alike" } else { "one" };
        format!("{word}\n{many}\n{}", self.reason.trim()).into_bytes()
    }
}

/// Decides an open finding in one transaction with its idempotency key and its audit entry.
pub async fn decide_one(
    state: &State,
    caller: &Caller,
    id: &str,
    verdict: Verdict<'_>,
    once: &Idempotency,
) -> Result<HttpResponse, ApiError> {
    let reason = verdict.reason.trim();
    if reason.is_empty() {
        return Err(ApiError::invalid("reason", "say why; it is kept in the audit log"));
    }
    let id = FindingId(id.to_owned());
    let mut tx = state.app.db.begin().await?;
    if let Begun::Repeated(response) = once.begin(&mut tx).await? {
        return Ok(response);
    }
    let found = lock_finding(&mut tx, &id).await?;
    let (finding, _) = found.ok_or_else(|| ApiError::not_found("finding"))?;
    if finding.state != FindingState::Open {
        return Err(ApiError::conflict("already_decided", "the finding is not open any more"));
    }
    let app = state.acting(caller.actor());
    let finding = decide_in(&app, &mut tx, &id, verdict.decision, reason)
        .await
        .map_err(|error| of_anyhow("decide a finding", error))?;
    if verdict.alike {
        for other in load_alike(&mut tx, &finding).await? {
            decide_in(&app, &mut tx, &other, verdict.decision, reason)
                .await
                .map_err(|error| of_anyhow("decide a finding", error))?;
        }
    }
    let state = match verdict.decision {
        Decision::Release => FindingState::Released,
        Decision::Reject => FindingState::Rejected,
    };
    let body = FindingShown { finding: Finding { state, ..finding }.into() };
    let response = once.finish(&mut tx, StatusCode::OK, &body).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(response)
}

/// Releases a finding: the record, or what the finding proposes, counts.
#[utoipa::path(
    post, path = "/api/v1/findings/{id}/release", tag = "findings",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header)),
    request_body = DecisionRequest,
    responses(
        (status = 200, body = FindingShown), (status = 404, body = ErrorBody),
        (status = 409, description = "`already_decided`", body = ErrorBody)
    )
)]
pub async fn release(
    state: web::Data<State>,
    caller: Operator,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Json<DecisionRequest>,
) -> Result<HttpResponse, ApiError> {
    let verdict = Verdict { decision: Decision::Release, reason: &body.reason, alike: body.alike };
    let actor = caller.actor();
    let once = Idempotency::required(&request, &verdict.hashed(), &actor.0, state.now())?;
    decide_one(&state, &caller, &id, verdict, &once).await
}

/// Rejects a finding: the record, or what the finding proposes, does not count.
#[utoipa::path(
    post, path = "/api/v1/findings/{id}/reject", tag = "findings",
    params(("id" = String, Path), ("Idempotency-Key" = String, Header)),
    request_body = DecisionRequest,
    responses(
        (status = 200, body = FindingShown), (status = 404, body = ErrorBody),
        (status = 409, description = "`already_decided`", body = ErrorBody)
    )
)]
pub async fn reject(
    state: web::Data<State>,
    caller: Operator,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Json<DecisionRequest>,
) -> Result<HttpResponse, ApiError> {
    let verdict = Verdict { decision: Decision::Reject, reason: &body.reason, alike: body.alike };
    let actor = caller.actor();
    let once = Idempotency::required(&request, &verdict.hashed(), &actor.0, state.now())?;
    decide_one(&state, &caller, &id, verdict, &once).await
}
