//! `GET /api/v1/customers/{id}/statement`: what was charged and credited, and what is due.

use std::collections::BTreeMap;

use actix_web::web;
use serde::Serialize;

use super::json::{MoneyJson, instant};
use crate::ids::SellerId;
use crate::ledger::store::{StatementRow, load_receivable};
use crate::money::{Currency, Money};
use crate::store::Conn;
use crate::web::error::{ApiError, ErrorBody};
use crate::web::extract::Caller;
use crate::web::reach::{Reached, load_customer};
use crate::web::state::State;

#[derive(Serialize, utoipa::ToSchema)]
pub struct StatementShown {
    pub statement: StatementJson,
}

/// The customer's account with each seller, in each currency.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Statement)]
pub struct StatementJson {
    pub customer_id: String,
    pub accounts: Vec<AccountJson>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct AccountJson {
    pub seller_id: String,
    /// What is due; below zero is in the customer's favour.
    pub balance: MoneyJson,
    pub rows: Vec<StatementRowJson>,
}

/// A movement; above zero is charged, below zero credited.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = StatementRow)]
pub struct StatementRowJson {
    pub at: String,
    pub kind: String,
    /// The document.
    pub text: String,
    pub amount: MoneyJson,
    /// Due after it.
    pub balance: MoneyJson,
}

/// A customer's accounts: seller, balance, and rows with the balance after each.
pub async fn load_accounts(
    conn: &mut Conn,
    reached: &Reached,
) -> Result<Vec<(SellerId, Money, Vec<(StatementRow, Money)>)>, ApiError> {
    let mut sellers: Vec<&SellerId> =
        reached.agreements.iter().map(|agreement| &agreement.seller).collect();
    sellers.sort();
    sellers.dedup();
    let mut accounts = Vec::new();
    for seller in sellers {
        let mut by_currency: BTreeMap<Currency, (Money, Vec<_>)> = BTreeMap::new();
        for row in load_receivable(conn, seller, &reached.customer.id).await? {
            let zero = || (Money::zero(row.amount.currency), Vec::new());
            let (balance, rows) = by_currency.entry(row.amount.currency).or_insert_with(zero);
            let sum = balance.checked_add(row.amount);
            *balance = sum.map_err(|error| ApiError::internal("sum an account", &error))?;
            rows.push((row, *balance));
        }
        let of_seller = by_currency.into_values();
        accounts.extend(of_seller.map(|(balance, rows)| (seller.clone(), balance, rows)));
    }
    Ok(accounts)
}

/// Shows a customer's statement of account.
#[utoipa::path(
    get, path = "/api/v1/customers/{id}/statement", tag = "customers",
    params(("id" = String, Path, description = "Id or number")),
    responses((status = 200, body = StatementShown), (status = 404, body = ErrorBody))
)]
pub async fn show(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<web::Json<StatementShown>, ApiError> {
    let mut conn = state.app.db.snapshot().await?;
    let reached = load_customer(&mut conn, &caller.scope, &id, state.now()).await?;
    if !reached.reach.is_whole() {
        return Err(ApiError::not_found("customer"));
    }
    let accounts = load_accounts(&mut conn, &reached).await?;
    let row_json = |(row, balance): (StatementRow, Money)| StatementRowJson {
        at: instant(row.at),
        kind: row.kind,
        text: row.number,
        amount: row.amount.into(),
        balance: balance.into(),
    };
    let accounts = accounts.into_iter().map(|(seller, balance, rows)| AccountJson {
        seller_id: seller.0,
        balance: balance.into(),
        rows: rows.into_iter().map(row_json).collect(),
    });
    let statement =
        StatementJson { customer_id: reached.customer.id.0.clone(), accounts: accounts.collect() };
    Ok(web::Json(StatementShown { statement }))
}
