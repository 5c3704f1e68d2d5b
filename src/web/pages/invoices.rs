//! `/billing/invoices`: issued invoices and credit notes.

use actix_web::{HttpResponse, web};
use maud::html;

use super::shell::{Page, Visitor, encode, filled};
use super::texts;
use crate::bill::document::DocumentKind;
use crate::money::Money;
use crate::present::format;
use crate::web::api::invoices::{InvoiceQuery, load_page};
use crate::web::error::ApiError;
use crate::web::extract::Paging;
use crate::web::state::State;

/// Lists issued documents, newest first.
pub async fn list(
    state: web::Data<State>,
    visitor: Visitor,
    query: web::Query<InvoiceQuery>,
    paging: web::Query<Paging>,
) -> HttpResponse {
    visitor.page(build(&state, &visitor, query.into_inner(), &paging).await)
}

async fn build(
    state: &State,
    visitor: &Visitor,
    query: InvoiceQuery,
    paging: &Paging,
) -> Result<Page, ApiError> {
    let customer = query.customer.clone().unwrap_or_default();
    let period = query.period.clone().unwrap_or_default();
    let mut conn = state.app.db.read().await?;
    let (rows, next) = load_page(&mut conn, visitor.scope(), query, paging).await?;
    let language = visitor.language;
    let title = visitor.text(texts::INVOICES).to_owned();
    let money = |minor, currency| format::money(Money { minor, currency }, language);
    let heads = [texts::NUMBER, texts::CUSTOMER, texts::PERIOD, texts::DATE, texts::DUE];
    let body = html! {
        h1 { (title) }
        @if rows.is_empty() {
            p.quiet { (visitor.text(texts::NO_INVOICES)) }
        } @else {
            table.list {
                thead { tr {
                    @for head in heads { th scope="col" { (visitor.text(head)) } }
                    th.number scope="col" { (visitor.text(texts::NET)) }
                    th.number scope="col" { (visitor.text(texts::GROSS)) }
                } }
                tbody {
                    @for row in &rows {
                        tr {
                            @let address = format!("/billing/invoices/{}", encode(&row.id.0));
                            td {
                                a href=(visitor.link(&address)) {
                                    (row.number)
                                }
                                @if row.kind == DocumentKind::CreditNote {
                                    " " span.tag { (visitor.text(texts::CREDIT_NOTE)) }
                                }
                            }
                            td { (row.customer_name) }
                            td { (row.period) }
                            td { (format::date(&row.issue_date, language)) }
                            td {
                                @if let Some(due) = &row.due_date { (format::date(due, language)) }
                            }
                            td.number { (money(row.net_minor, row.currency)) }
                            td.number { (money(row.gross_minor, row.currency)) }
                        }
                    }
                }
            }
            @if let Some(next) = &next {
                @let more =
                    [("customer", customer.as_str()), ("period", &period), ("cursor", next)];
                @let more = filled(&more);
                p { a rel="next" href=(visitor.link_with("/billing/invoices", &more)) {
                    (visitor.text(texts::MORE))
                } }
            }
        }
    };
    Ok(Page { title, body, live: false })
}
