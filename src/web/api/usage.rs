//! `/api/v1/usage`: usage records of a customer's month, as they count.

use std::collections::BTreeMap;

use actix_web::web;
use serde::{Deserialize, Serialize};

use super::json::{Meta, OwnerJson, SpanJson, cut, instant};
use crate::collect::record::StoredRecord;
use crate::collect::store::{load_attribute_sets, load_records};
use crate::customer::store::load_mappings;
use crate::period::Span;
use crate::store::Conn;
use crate::web::error::{ApiError, ErrorBody};
use crate::web::extract::{Caller, Paging, cursor_of};
use crate::web::month::load_period;
use crate::web::reach::{self, load_reach};
use crate::web::state::State;

/// Whose usage, and when.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// A customer's id or number.
    pub customer: String,
    /// A billing period such as `2026-10`; the running one when absent.
    pub period: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct UsageList {
    pub usage: Vec<UsageJson>,
    pub meta: Meta,
}

/// A usage record that counts; what a finding withholds is not among them.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = UsageRecord)]
pub struct UsageJson {
    pub owner: OwnerJson,
    pub meter: String,
    pub resource: String,
    /// `interval`, `delta`, `cumulative` or `gauge`.
    pub kind: String,
    pub span: SpanJson,
    /// Hours, bytes, requests or pieces as reported; decimal text.
    pub quantity: String,
    pub identity: String,
    pub revision: i64,
    pub attributes: BTreeMap<String, String>,
    pub recorded_at: String,
}

/// Key of the last row before: owner, start, meter, resource, identity.
type Place = (String, String, i64, String, String, String);

fn place_of(record: &StoredRecord) -> Place {
    let key = &record.key;
    (
        key.owner.source.0.clone(),
        key.owner.id.clone(),
        key.from,
        key.meter.clone(),
        key.resource.clone(),
        key.identity.clone(),
    )
}

/// A page of a customer's records, ascending by owner and time, as far as the caller reaches.
async fn load_page(
    conn: &mut Conn,
    caller: &Caller,
    query: &UsageQuery,
    paging: &Paging,
    now: i64,
) -> Result<(Vec<StoredRecord>, Option<String>), ApiError> {
    let (limit, after) = (paging.rows()?, paging.after::<Place>()?);
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let reached = reach::load_customer(conn, &caller.scope, &query.customer, now).await?;
    let label = query.period.as_deref().map(str::parse).transpose()?;
    let (agreement, period) = load_period(conn, &reached, None, label, now).await?;
    let span = period.span.intersect(Span::new(agreement.from, agreement.until));
    let reach = load_reach(conn, &caller.scope, &agreement, span, now).await?;
    let reach = reach.ok_or_else(|| ApiError::not_found("customer"))?;
    let mut rows: Vec<StoredRecord> = Vec::new();
    for mapping in load_mappings(conn, &reached.customer.id, span, now).await? {
        let owner = (mapping.owner.source.0.clone(), mapping.owner.id.clone());
        let before = after.as_ref().map(|after| (after.0.clone(), after.1.clone()));
        if !reach.sees(&mapping.owner) || before.as_ref().is_some_and(|before| owner < *before) {
            continue;
        }
        let mut mapped = span.intersect(Span::new(mapping.from, mapping.until));
        if let Some(after) = after.as_ref().filter(|_| before.as_ref() == Some(&owner)) {
            mapped = mapped.intersect(Span::new(after.2, i64::MAX));
        }
        let mut records = load_records(conn, &mapping.owner, mapped, now).await?;
        // A record belongs to whose the owner was when it began.
        records.retain(|record| mapped.contains(record.key.from));
        records.retain(|record| after.as_ref().is_none_or(|after| place_of(record) > *after));
        rows.extend(records);
        if rows.len() > wanted {
            break;
        }
    }
    let more = cut(&mut rows, limit);
    let next = rows.last().filter(|_| more).map(|row| cursor_of(&place_of(row)));
    Ok((rows, next))
}

/// Lists the usage records behind a customer's month.
#[utoipa::path(
    get, path = "/api/v1/usage", tag = "usage", params(UsageQuery, Paging),
    responses((status = 200, body = UsageList), (status = 404, body = ErrorBody))
)]
pub async fn list(
    state: web::Data<State>,
    caller: Caller,
    query: web::Query<UsageQuery>,
    paging: web::Query<Paging>,
) -> Result<web::Json<UsageList>, ApiError> {
    let mut conn = state.app.db.snapshot().await?;
    let (rows, next) = load_page(&mut conn, &caller, &query, &paging, state.now()).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.attribute_set).collect();
    let sets = load_attribute_sets(&mut conn, &ids).await?;
    let usage = rows
        .into_iter()
        .map(|row| UsageJson {
            // Sets are never deleted, so each record's is among those loaded.
            attributes: sets[&row.attribute_set].clone(),
            owner: OwnerJson::from(&row.key.owner),
            span: Span::new(row.key.from, row.until).into(),
            meter: row.key.meter,
            resource: row.key.resource,
            kind: row.kind.as_str().to_owned(),
            quantity: row.quantity.to_string(),
            identity: row.key.identity,
            revision: row.key.revision,
            recorded_at: instant(row.recorded_at),
        })
        .collect();
    Ok(web::Json(UsageList { usage, meta: Meta { next } }))
}
