//! `GET /api/v1/customers/{id}/reconciliation`: a customer's records, metered and billed
//! quantities and the inventory side by side, for the seller's staff.

use std::collections::BTreeSet;

use actix_web::web;
use serde::{Deserialize, Serialize};

use super::json::{MoneyJson, OwnerJson, instant};
use crate::customer::Customer;
use crate::period::{BillingCycle, PeriodLabel};
use crate::reconcile::load::{ReconcileRequest, load_reconciliation};
use crate::reconcile::{Between, Difference, DocumentState, Reason, Reconciliation, Row};
use crate::scope::Scope;
use crate::store::codec::enum_text;
use crate::web::error::{ApiError, ErrorBody, of_anyhow};
use crate::web::extract::Staff;
use crate::web::reach::load_customer;
use crate::web::state::State;

/// Which period, and whether the cloud is asked too.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReconciliationQuery {
    /// A billing period such as `2026-10`; the one before the running one when absent.
    pub period: Option<String>,
    /// Ask the cloud for its inventory now; false when absent.
    pub inventory: Option<bool>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct ReconciliationShown {
    pub reconciliation: ReconciliationJson,
}

/// What was compared. A side that tells nothing is `null`, never zero.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Reconciliation)]
pub struct ReconciliationJson {
    pub customer_id: String,
    pub period: String,
    /// No difference is open.
    pub good: bool,
    /// Instant of the answer's knowledge.
    pub known_at: String,
    pub sources: Vec<SourceJson>,
    pub rows: Vec<ReconciledRow>,
}

/// How far a source of usage could be compared.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ReconciledSource)]
pub struct SourceJson {
    pub source: String,
    pub collected_until: Option<String>,
    /// Meters of which the inventory tells the resources.
    pub inventory_meters: Option<Vec<String>>,
    pub differences: Vec<DifferenceJson>,
}

/// One owner and meter.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ReconciledRow {
    /// `null`: charged for several owners as a whole.
    pub owner: Option<OwnerJson>,
    pub owner_name: Option<String>,
    pub meter: String,
    pub unit: String,
    pub records: Option<usize>,
    pub recorded: Option<String>,
    pub metered: Option<String>,
    pub billed: Option<String>,
    pub billed_net: Option<MoneyJson>,
    pub documents: Option<Vec<ReconciledDocument>>,
    /// Resources that the inventory knows.
    pub inventory: Option<usize>,
    /// Hours by the orchestrator's own accounting, which may forget some; `null` where it has none.
    pub accounted: Option<String>,
    pub differences: Vec<DifferenceJson>,
}

/// A document of the period.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ReconciledDocument {
    pub id: String,
    pub number: Option<String>,
    /// `held`, `ready` or `approved`; absent once it is issued.
    pub draft: Option<String>,
}

/// A difference with its likely reason.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Difference)]
pub struct DifferenceJson {
    pub between: Between,
    pub reason: Reason,
    /// Somebody has to do something about it.
    pub open: bool,
    pub resources: Vec<String>,
    pub quantity: Option<String>,
    pub finding_id: Option<String>,
    pub message: String,
}

impl From<Difference> for DifferenceJson {
    fn from(difference: Difference) -> Self {
        Self {
            between: difference.between,
            reason: difference.reason,
            open: difference.open,
            resources: difference.resources,
            quantity: difference.quantity.map(|quantity| quantity.to_string()),
            finding_id: difference.finding.map(|id| id.0),
            message: difference.message,
        }
    }
}

impl From<DocumentState> for ReconciledDocument {
    fn from(document: DocumentState) -> Self {
        Self {
            id: document.id.0,
            number: document.number,
            draft: document.draft.map(|state| enum_text(&state)),
        }
    }
}

impl From<Row> for ReconciledRow {
    fn from(row: Row) -> Self {
        let recorded = row.recorded;
        let records = recorded.as_ref().map(|of| of.records);
        let (billed, net, documents) = match row.billed {
            Some(of) => (
                Some(of.measure.quantity.to_string()),
                Some(MoneyJson::of(of.net_minor, of.currency)),
                Some(of.documents.into_iter().map(ReconciledDocument::from).collect()),
            ),
            None => (None, None, None),
        };
        Self {
            owner: (!row.owner.id.is_empty()).then(|| OwnerJson::from(&row.owner)),
            owner_name: row.owner_name,
            meter: row.meter,
            unit: row.unit,
            records,
            recorded: recorded.and_then(|of| of.quantity).map(|quantity| quantity.to_string()),
            metered: row.metered.map(|of| of.quantity.to_string()),
            billed,
            billed_net: net,
            documents,
            inventory: row.inventory,
            accounted: row.accounted.map(|of| of.quantity.to_string()),
            differences: row.differences.into_iter().map(DifferenceJson::from).collect(),
        }
    }
}

/// The calendar month of an instant, in UTC.
fn running(now: i64) -> Result<PeriodLabel, ApiError> {
    Ok(BillingCycle::new("UTC", 1)?.period_at(now)?.label)
}

/// Compares a customer's period as far as a scope reaches it, or 404.
pub async fn load(
    state: &State,
    scope: &Scope,
    customer: &str,
    query: &ReconciliationQuery,
) -> Result<(Customer, Reconciliation), ApiError> {
    let label = match &query.period {
        Some(text) => text.parse()?,
        None => running(state.now())?.previous(),
    };
    let ask_inventory = query.inventory.unwrap_or(false);
    let mut conn = state.app.db.read().await?;
    let reached = load_customer(&mut conn, scope, customer, state.now()).await?;
    drop(conn);
    let sellers: Option<BTreeSet<_>> = match scope {
        Scope::Provider => None,
        Scope::Sellers(_) => {
            Some(reached.agreements.iter().map(|agreement| agreement.seller.clone()).collect())
        }
        Scope::Owners { .. } => return Err(ApiError::not_found("customer")),
    };
    let customer = Some(reached.customer.id.clone());
    let request = ReconcileRequest { label, sellers, customer, ask_inventory };
    let mut found = state
        .offload(move |app| async move {
            load_reconciliation(&app, &request, &|_, _| {})
                .await
                .map_err(|error| of_anyhow("reconcile", error))
        })
        .await?;
    // Other sources are no business of this customer's.
    let own: BTreeSet<String> = found.rows.iter().map(|row| row.owner.source.0.clone()).collect();
    found.sources.retain(|source| own.contains(&source.source));
    let of_sources = found.sources.iter().flat_map(|source| &source.differences);
    let of_rows = found.rows.iter().flat_map(|row| &row.differences);
    found.good = !of_rows.chain(of_sources).any(|difference| difference.open);
    Ok((reached.customer, found))
}

/// Compares records, metered, billed and the inventory of a customer's period.
#[utoipa::path(
    get, path = "/api/v1/customers/{id}/reconciliation", tag = "customers",
    params(("id" = String, Path, description = "Id or number"), ReconciliationQuery),
    responses((status = 200, body = ReconciliationShown), (status = 404, body = ErrorBody))
)]
pub async fn show(
    state: web::Data<State>,
    caller: Staff,
    id: web::Path<String>,
    query: web::Query<ReconciliationQuery>,
) -> Result<web::Json<ReconciliationShown>, ApiError> {
    let (customer, found) = load(&state, &caller.scope, &id, &query).await?;
    let source = |one: crate::reconcile::SourceSide| SourceJson {
        source: one.source,
        collected_until: one.collected_until.map(instant),
        inventory_meters: one.inventory_meters,
        differences: one.differences.into_iter().map(DifferenceJson::from).collect(),
    };
    let reconciliation = ReconciliationJson {
        customer_id: customer.id.0,
        period: found.period.to_string(),
        good: found.good,
        known_at: instant(found.known_at),
        sources: found.sources.into_iter().map(source).collect(),
        rows: found.rows.into_iter().map(ReconciledRow::from).collect(),
    };
    Ok(web::Json(ReconciliationShown { reconciliation }))
}
