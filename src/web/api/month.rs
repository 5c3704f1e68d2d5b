//! `GET /api/v1/customers/{id}/month`: a customer's month to date, or a closed one, rated now.

use actix_web::web;
use serde::{Deserialize, Serialize};

use super::findings::FindingJson;
use super::invoices::{LineJson, PartJson, TaxJson, line_json, part_json, tax_json};
use super::json::{MoneyJson, SpanJson, instant};
use crate::ids::AgreementId;
use crate::meter::Category;
use crate::web::error::{ApiError, ErrorBody};
use crate::web::extract::Caller;
use crate::web::month::{MonthAsk, MonthView, load_view};
use crate::web::state::State;

/// Which month.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MonthQuery {
    /// A billing period such as `2026-10`; the running one when absent.
    pub period: Option<String>,
    /// An agreement's id, where the customer changed the seller inside the period.
    pub agreement: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct MonthShown {
    pub month: MonthJson,
}

/// A customer's month. Nothing of it is stored: an invoice freezes it later.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Month)]
pub struct MonthJson {
    pub customer_id: String,
    pub customer_number: String,
    pub seller_id: String,
    pub agreement_id: String,
    pub period: String,
    pub period_span: SpanJson,
    /// `running`: more usage will come; `incomplete`: the period is over, and usage is missing;
    /// `complete`: all usage is there.
    pub progress: String,
    /// Usage is collected up to this instant; later usage is missing, not zero.
    pub complete_until: String,
    /// Figures after `complete_until` are provisional, of what was seen up to this instant.
    pub provisional_until: Option<String>,
    /// Some amount is in doubt: `holds` tells why.
    pub held: bool,
    /// False: only the caller's own parts are shown, without taxes and lines.
    pub whole: bool,
    pub net: MoneyJson,
    pub tax: Option<MoneyJson>,
    pub gross: Option<MoneyJson>,
    pub by_category: Vec<CategoryShare>,
    pub by_project: Vec<ProjectShare>,
    pub by_day: Vec<DayShare>,
    pub lines: Vec<LineJson>,
    pub taxes: Vec<TaxJson>,
    pub parts: Vec<PartJson>,
    pub holds: Vec<FindingJson>,
    /// Instant of the answer's knowledge.
    pub known_at: String,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct CategoryShare {
    pub category: Category,
    pub net: MoneyJson,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct ProjectShare {
    /// Absent for what lies in no project.
    pub project: Option<String>,
    pub net: MoneyJson,
}

/// What a local day adds to the month, exact before rounding.
#[derive(Serialize, utoipa::ToSchema)]
pub struct DayShare {
    /// Local date.
    pub day: String,
    /// Decimal text in major units, rounded to the currency's digits for reading.
    pub amount: String,
}

impl From<MonthView> for MonthJson {
    fn from(view: MonthView) -> Self {
        let document = view.month.document;
        let currency = document.currency;
        let money = |minor| view.whole.then(|| MoneyJson::of(minor, currency));
        let lines = document.lines.into_iter().filter(|_| view.whole);
        let taxes = document.taxes.into_iter().filter(|_| view.whole);
        Self {
            customer_id: view.customer.id.0,
            customer_number: view.customer.number,
            seller_id: view.agreement.seller.0,
            agreement_id: view.agreement.id.0,
            period: view.period.label.to_string(),
            period_span: view.period.span.into(),
            progress: view.progress.as_str().to_owned(),
            complete_until: instant(view.complete_until),
            provisional_until: view.month.provisional.map(|time| instant(time.until)),
            held: !view.holds.is_empty(),
            whole: view.whole,
            net: view.net.into(),
            tax: money(document.tax_minor),
            gross: money(document.gross_minor),
            by_category: view
                .by_category
                .into_iter()
                .map(|(category, net)| CategoryShare { category, net: net.into() })
                .collect(),
            by_project: view
                .by_project
                .into_iter()
                .map(|(project, net)| ProjectShare { project, net: net.into() })
                .collect(),
            by_day: view
                .days
                .into_iter()
                .map(|(day, amount)| DayShare {
                    day,
                    amount: amount.to_text_rounded(currency.exponent()),
                })
                .collect(),
            lines: lines.map(|line| line_json(line, currency)).collect(),
            taxes: taxes.map(|tax| tax_json(tax, currency)).collect(),
            parts: view.parts.into_iter().map(|part| part_json(part, currency)).collect(),
            holds: view.holds.into_iter().map(FindingJson::from).collect(),
            known_at: instant(document.known_at),
        }
    }
}

/// Shows a customer's month to date, or a closed month.
#[utoipa::path(
    get, path = "/api/v1/customers/{id}/month", tag = "customers",
    params(("id" = String, Path, description = "Id or number"), MonthQuery),
    responses(
        (status = 200, body = MonthShown), (status = 404, body = ErrorBody),
        (status = 422, body = ErrorBody)
    )
)]
pub async fn show(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
    query: web::Query<MonthQuery>,
) -> Result<web::Json<MonthShown>, ApiError> {
    let query = query.into_inner();
    let ask = MonthAsk {
        customer: id.into_inner(),
        period: query.period.map(|label| label.parse()).transpose()?,
        agreement: query.agreement.map(AgreementId),
        only: None,
    };
    let scope = caller.scope.clone();
    let month = state
        .offload(move |app| async move { Ok(MonthJson::from(load_view(&app, &scope, ask).await?)) })
        .await?;
    Ok(web::Json(MonthShown { month }))
}
