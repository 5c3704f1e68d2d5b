//! `/billing/invoices`: issued invoices and credit notes.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::shell::{Page, Visitor, encode, filled};
use super::texts;
use crate::bill::document::DocumentKind;
use crate::bill::store::InvoiceRow;
use crate::money::Money;
use crate::present::format;
use crate::store::Conn;
use crate::web::api::invoices::{InvoiceQuery, load_page};
use crate::web::error::ApiError;
use crate::web::extract::Paging;
use crate::web::reach::load_customer;
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
    let filtered = filter_text(&mut conn, visitor, (&customer, &period), state.now()).await?;
    let title = visitor.text(texts::INVOICES).to_owned();
    let body = html! {
        @if let Some(filtered) = &filtered {
            p.crumbs { a href=(visitor.link("/billing/invoices")) {
                (visitor.text(texts::ALL_INVOICES))
            } }
            h1 { (title) " " span.quiet { (filtered) } }
        } @else {
            h1 { (title) }
        }
        @if rows.is_empty() {
            p.empty { (visitor.text(texts::NO_INVOICES)) }
        } @else {
            (table(visitor, &rows))
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

fn table(visitor: &Visitor, rows: &[InvoiceRow]) -> Markup {
    let language = visitor.language;
    let money = |minor, currency| format::money(Money { minor, currency }, language);
    let heads = [texts::NUMBER, texts::CUSTOMER, texts::PERIOD, texts::DATE, texts::DUE];
    html! {
        table.list.stacked {
            (visitor.head(&heads, &[texts::NET, texts::GROSS]))
            tbody { @for row in rows { tr {
                @let address = format!("/billing/invoices/{}", encode(&row.id.0));
                (visitor.cell(texts::NUMBER, &html! {
                    a href=(visitor.link(&address)) { (row.number) }
                    @if row.kind == DocumentKind::CreditNote {
                        " " span.tag { (visitor.text(texts::CREDIT_NOTE)) }
                    }
                }))
                (visitor.cell(texts::CUSTOMER, &html! { (row.customer_name) }))
                (visitor.cell(texts::PERIOD, &html! {
                    (format::month_text(&row.period, language))
                }))
                (visitor.cell(texts::DATE, &html! { (format::date(&row.issue_date, language)) }))
                (visitor.cell(texts::DUE, &html! {
                    @if let Some(due) = &row.due_date { (format::date(due, language)) }
                    @else { "–" }
                }))
                (visitor.number(texts::NET, &money(row.net_minor, row.currency)))
                (visitor.number(texts::GROSS, &money(row.gross_minor, row.currency)))
            } } }
        }
    }
}

/// What the list is cut down to, in words; a customer out of reach is not named.
async fn filter_text(
    conn: &mut Conn,
    visitor: &Visitor,
    (customer, period): (&str, &str),
    now: i64,
) -> Result<Option<String>, ApiError> {
    let mut words = Vec::new();
    if !customer.is_empty() {
        let found = load_customer(conn, visitor.scope(), customer, now).await;
        words.push(found.map_or_else(|_| "–".to_owned(), |found| found.customer.details.name));
    }
    if !period.is_empty() {
        words.push(format::month_text(period, visitor.language));
    }
    Ok((!words.is_empty()).then(|| words.join(", ")))
}
