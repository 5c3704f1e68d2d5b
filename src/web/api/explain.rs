//! `GET /api/v1/invoices/{id}/lines/{line}/explain`: from a line to the cloud's own words.

use actix_web::web;
use serde::{Deserialize, Serialize};

use super::invoices::{LineJson, PartJson, line_json, part_json};
use super::json::{OwnerJson, SpanJson, instant};
use crate::bill::explain::{ExplainRequest, ExplainedLine, ExplainedRecord, load_explanation};
use crate::money::Currency;
use crate::period::Span;
use crate::scope::Scope;
use crate::web::api::invoices::load_one;
use crate::web::error::{ApiError, ErrorBody};
use crate::web::extract::Caller;
use crate::web::state::State;

const RECORDS_DEFAULT: usize = 100;
const RECORDS_MAX: usize = 1_000;

/// How much of what is behind the line.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    /// Only this resource's records.
    pub resource: Option<String>,
    /// Records at most: 1 to 1000, 100 when absent.
    pub limit: Option<usize>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct ExplanationShown {
    pub explanation: ExplanationJson,
}

/// A line with all that made it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Explanation)]
pub struct ExplanationJson {
    pub invoice_number: String,
    pub line: LineJson,
    /// The price as it stood in the book's version.
    pub price: Option<serde_json::Value>,
    /// `quantity × price ÷ base = exact → rounded`, in words of numbers.
    pub arithmetic: String,
    pub parts: Vec<PartJson>,
    pub records: Vec<RecordJson>,
    /// How many records there are in all.
    pub record_count: u64,
}

/// A usage record behind a line, with its evidence.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ExplainedRecord)]
pub struct RecordJson {
    pub owner: OwnerJson,
    pub meter: String,
    pub resource: String,
    pub span: SpanJson,
    pub revision: i64,
    pub quantity: String,
    pub attributes: std::collections::BTreeMap<String, String>,
    /// The cloud's own JSON of this record alone.
    pub raw: Option<serde_json::Value>,
    /// The request that brought it, without credentials.
    pub request: Option<String>,
    pub fetched_at: Option<String>,
    /// SHA-256 of the answer it came in.
    pub body_hash: Option<String>,
}

impl From<ExplainedRecord> for RecordJson {
    fn from(record: ExplainedRecord) -> Self {
        Self {
            owner: OwnerJson::from(&record.key.owner),
            meter: record.key.meter,
            resource: record.key.resource,
            span: Span::new(record.key.from, record.until).into(),
            revision: record.key.revision,
            quantity: record.quantity,
            attributes: record.attributes,
            raw: record.raw,
            request: record.request,
            fetched_at: record.fetched_at.map(instant),
            body_hash: record.body_hash,
        }
    }
}

/// Explains a line, or 404. Gives the document's currency with it.
pub async fn load(
    state: &State,
    scope: &Scope,
    (invoice, line): (String, u32),
    query: ExplainQuery,
) -> Result<(ExplainedLine, Currency), ApiError> {
    let limit = query.limit.unwrap_or(RECORDS_DEFAULT);
    if !(1..=RECORDS_MAX).contains(&limit) {
        let message = format!("{limit} is not between 1 and {RECORDS_MAX}");
        return Err(ApiError::invalid("limit", message));
    }
    let scope = scope.clone();
    state
        .offload(move |app| async move {
            let mut conn = app.db.read().await?;
            let (document, _) = load_one(&mut conn, &scope, &invoice).await?;
            let request = ExplainRequest {
                invoice: document.id.as_str(),
                line,
                resource: query.resource.as_deref(),
                limit,
            };
            let found = load_explanation(&mut conn, &app.orchestrators, &scope, request).await?;
            let found = found.ok_or_else(|| ApiError::not_found("line"))?;
            Ok((found, document.currency))
        })
        .await
}

/// Explains a line down to the cloud's own words.
#[utoipa::path(
    get, path = "/api/v1/invoices/{id}/lines/{line}/explain", tag = "invoices",
    params(
        ("id" = String, Path, description = "Id or number"),
        ("line" = u32, Path, description = "The line's number"),
        ExplainQuery
    ),
    responses((status = 200, body = ExplanationShown), (status = 404, body = ErrorBody))
)]
pub async fn show(
    state: web::Data<State>,
    caller: Caller,
    path: web::Path<(String, u32)>,
    query: web::Query<ExplainQuery>,
) -> Result<web::Json<ExplanationShown>, ApiError> {
    let (found, currency) =
        load(&state, &caller.scope, path.into_inner(), query.into_inner()).await?;
    let explanation = ExplanationJson {
        invoice_number: found.invoice_number,
        line: line_json(found.line, currency),
        price: found.price,
        arithmetic: found.arithmetic,
        parts: found.parts.into_iter().map(|part| part_json(part, currency)).collect(),
        records: found.records.into_iter().map(RecordJson::from).collect(),
        record_count: found.record_count,
    };
    Ok(web::Json(ExplanationShown { explanation }))
}
