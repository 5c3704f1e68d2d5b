//! `/api/v1/customers`: who is billed, as far as the caller reaches.

use actix_web::web;
use serde::Serialize;

use super::json::{Meta, OwnerJson, SpanJson, cut};
use crate::bill::document::{Address, Language};
use crate::customer::store::load_mappings;
use crate::customer::{Agreement, Customer};
use crate::ids::OwnerRef;
use crate::period::Span;
use crate::scope::Scope;
use crate::store::Conn;
use crate::web::error::{ApiError, ErrorBody};
use crate::web::extract::{Caller, Paging, cursor_of};
use crate::web::reach::{self, Reached};
use crate::web::state::State;

#[derive(Serialize, utoipa::ToSchema)]
pub struct CustomerList {
    pub customers: Vec<CustomerSummary>,
    pub meta: Meta,
}

/// A customer as lists show it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct CustomerSummary {
    pub id: String,
    pub number: String,
    pub name: String,
    /// System accounts: collected, never billed.
    pub internal: bool,
    /// False: only the usage of some of its owners may be seen.
    pub whole: bool,
}

impl From<&Reached> for CustomerSummary {
    fn from(reached: &Reached) -> Self {
        Self {
            id: reached.customer.id.0.clone(),
            number: reached.customer.number.clone(),
            name: reached.customer.details.name.clone(),
            internal: reached.customer.internal,
            whole: reached.reach.is_whole(),
        }
    }
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct CustomerShown {
    pub customer: CustomerJson,
}

/// A customer; `details` and `agreements` only for who may see it wholly.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Customer)]
pub struct CustomerJson {
    #[serde(flatten)]
    pub summary: CustomerSummary,
    pub details: Option<CustomerDetailsJson>,
    pub agreements: Vec<AgreementJson>,
    /// Owners that are the customer's now.
    pub owners: Vec<OwnerJson>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = CustomerDetails)]
pub struct CustomerDetailsJson {
    pub address: Address,
    pub vat_id: Option<String>,
    pub tax_number: Option<String>,
    pub language: Option<Language>,
    pub time_zone: Option<String>,
    pub anchor_day: i8,
    pub payment_terms_days: Option<u16>,
    pub contact_name: Option<String>,
    pub contact_email: Option<String>,
    pub contact_phone: Option<String>,
}

fn details_of(customer: &Customer) -> CustomerDetailsJson {
    let details = &customer.details;
    CustomerDetailsJson {
        address: details.address.clone(),
        vat_id: details.vat_id.clone(),
        tax_number: details.tax_number.clone(),
        language: details.language,
        time_zone: details.time_zone.clone(),
        anchor_day: details.anchor_day,
        payment_terms_days: details.payment_terms_days,
        contact_name: details.contact_name.clone(),
        contact_email: details.contact_email.clone(),
        contact_phone: details.contact_phone.clone(),
    }
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Agreement)]
pub struct AgreementJson {
    pub id: String,
    pub seller_id: String,
    pub span: SpanJson,
    pub currency: String,
    pub price_book: String,
}

impl From<&Agreement> for AgreementJson {
    fn from(agreement: &Agreement) -> Self {
        Self {
            id: agreement.id.0.clone(),
            seller_id: agreement.seller.0.clone(),
            span: Span::new(agreement.from, agreement.until).into(),
            currency: agreement.currency.code().to_owned(),
            price_book: agreement.price_book.clone(),
        }
    }
}

/// A page of the customers that a scope reaches, ascending by number.
pub async fn load_page(
    conn: &mut Conn,
    scope: &Scope,
    paging: &Paging,
    now: i64,
) -> Result<(Vec<Reached>, Option<String>), ApiError> {
    let (limit, after) = (paging.rows()?, paging.after::<String>()?);
    let mut reached = reach::load_customers(conn, scope, now).await?;
    let place = |number: &str| (number.len(), number.to_owned());
    if let Some(after) = after.map(|after| place(&after)) {
        reached.retain(|reached| place(&reached.customer.number) > after);
    }
    let more = cut(&mut reached, limit);
    let next = reached.last().filter(|_| more).map(|last| cursor_of(&last.customer.number));
    Ok((reached, next))
}

/// The owners that are the customer's now and that the caller may see.
pub async fn load_owners(
    conn: &mut Conn,
    reached: &Reached,
    now: i64,
) -> Result<Vec<OwnerRef>, ApiError> {
    let moment = Span::new(now, now + 1);
    let mappings = load_mappings(conn, &reached.customer.id, moment, now).await?;
    let owners = mappings.into_iter().map(|mapping| mapping.owner);
    Ok(owners.filter(|owner| reached.reach.sees(owner)).collect())
}

/// Lists the customers that the caller reaches.
#[utoipa::path(
    get, path = "/api/v1/customers", tag = "customers", params(Paging),
    responses((status = 200, body = CustomerList), (status = 401, body = ErrorBody))
)]
pub async fn list(
    state: web::Data<State>,
    caller: Caller,
    paging: web::Query<Paging>,
) -> Result<web::Json<CustomerList>, ApiError> {
    let mut conn = state.app.db.read().await?;
    let (reached, next) = load_page(&mut conn, &caller.scope, &paging, state.now()).await?;
    let customers = reached.iter().map(CustomerSummary::from).collect();
    Ok(web::Json(CustomerList { customers, meta: Meta { next } }))
}

/// Shows a customer, by id or number.
#[utoipa::path(
    get, path = "/api/v1/customers/{id}", tag = "customers",
    params(("id" = String, Path, description = "Id or number")),
    responses((status = 200, body = CustomerShown), (status = 404, body = ErrorBody))
)]
pub async fn show(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<web::Json<CustomerShown>, ApiError> {
    let now = state.now();
    let mut conn = state.app.db.read().await?;
    let reached = reach::load_customer(&mut conn, &caller.scope, &id, now).await?;
    let owners = load_owners(&mut conn, &reached, now).await?;
    let whole = reached.reach.is_whole();
    let agreements = reached.agreements.iter().filter(|_| whole);
    let customer = CustomerJson {
        summary: CustomerSummary::from(&reached),
        details: whole.then(|| details_of(&reached.customer)),
        agreements: agreements.map(AgreementJson::from).collect(),
        owners: owners.iter().map(OwnerJson::from).collect(),
    };
    Ok(web::Json(CustomerShown { customer }))
}
