//! `/api/v1/sellers`: who bills. Staff see the sellers of their scope.

use actix_web::web;
use serde::Serialize;

use super::json::OwnerJson;
use crate::customer::Seller;
use crate::customer::store::{self, AsOf};
use crate::scope::Scope;
use crate::store::Conn;
use crate::web::error::{ApiError, ErrorBody};
use crate::web::extract::Staff;
use crate::web::state::State;

#[derive(Serialize, utoipa::ToSchema)]
pub struct SellerList {
    pub sellers: Vec<SellerJson>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct SellerShown {
    pub seller: SellerJson,
}

/// A seller with the details that hold now.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Seller)]
pub struct SellerJson {
    pub id: String,
    pub code: String,
    pub parent_id: Option<String>,
    pub name: String,
    pub currency: String,
    pub time_zone: String,
    pub language: crate::bill::document::Language,
    pub price_book: String,
    pub invoice_series: String,
    pub credit_series: String,
    /// The cloud's domain that is the seller's.
    pub domain: Option<OwnerJson>,
}

impl From<Seller> for SellerJson {
    fn from(seller: Seller) -> Self {
        let details = seller.details;
        Self {
            id: seller.id.0,
            code: seller.code,
            parent_id: seller.parent.map(|parent| parent.0),
            name: details.name,
            currency: details.currency.code().to_owned(),
            time_zone: details.time_zone,
            language: details.language,
            price_book: details.price_book,
            invoice_series: details.invoice_series,
            credit_series: details.credit_series,
            domain: seller.domain.as_ref().map(OwnerJson::from),
        }
    }
}

/// The sellers of a scope; owners have none.
pub async fn load_all(conn: &mut Conn, scope: &Scope, now: i64) -> Result<Vec<Seller>, ApiError> {
    let mut sellers = store::load_sellers(conn, AsOf::now(now)).await?;
    sellers.retain(|seller| match scope {
        Scope::Provider => true,
        Scope::Sellers(ids) => ids.contains(&seller.id),
        Scope::Owners { .. } => false,
    });
    Ok(sellers)
}

/// One seller of a scope by id or code, or 404.
pub async fn load_one(
    conn: &mut Conn,
    scope: &Scope,
    id: &str,
    now: i64,
) -> Result<Seller, ApiError> {
    let sellers = load_all(conn, scope, now).await?;
    let found = sellers.into_iter().find(|seller| seller.id.0 == id || seller.code == id);
    found.ok_or_else(|| ApiError::not_found("seller"))
}

/// Lists the sellers of the caller's scope.
#[utoipa::path(
    get, path = "/api/v1/sellers", tag = "sellers",
    responses((status = 200, body = SellerList), (status = 403, body = ErrorBody))
)]
pub async fn list(
    state: web::Data<State>,
    caller: Staff,
) -> Result<web::Json<SellerList>, ApiError> {
    let mut conn = state.app.db.read().await?;
    let sellers = load_all(&mut conn, &caller.scope, state.now()).await?;
    Ok(web::Json(SellerList { sellers: sellers.into_iter().map(SellerJson::from).collect() }))
}

/// Shows a seller.
#[utoipa::path(
    get, path = "/api/v1/sellers/{id}", tag = "sellers",
    params(("id" = String, Path, description = "Id or code")),
    responses((status = 200, body = SellerShown), (status = 404, body = ErrorBody))
)]
pub async fn show(
    state: web::Data<State>,
    caller: Staff,
    id: web::Path<String>,
) -> Result<web::Json<SellerShown>, ApiError> {
    let mut conn = state.app.db.read().await?;
    let seller = load_one(&mut conn, &caller.scope, &id, state.now()).await?;
    Ok(web::Json(SellerShown { seller: seller.into() }))
}
