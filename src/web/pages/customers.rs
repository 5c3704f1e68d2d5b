//! `/billing/customers`: the customers that the visitor reaches.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::shell::{Page, Visitor, encode};
use super::texts;
use crate::customer::Seller;
use crate::customer::store::{AsOf, load_sellers};
use crate::web::api::customers::load_page;
use crate::web::error::ApiError;
use crate::web::extract::Paging;
use crate::web::reach::Reached;
use crate::web::state::State;

/// Lists customers.
pub async fn list(
    state: web::Data<State>,
    visitor: Visitor,
    paging: web::Query<Paging>,
) -> HttpResponse {
    visitor.page(build(&state, &visitor, &paging).await)
}

async fn build(state: &State, visitor: &Visitor, paging: &Paging) -> Result<Page, ApiError> {
    let now = state.now();
    let mut conn = state.app.db.read().await?;
    let (reached, next) = load_page(&mut conn, visitor.scope(), paging, now).await?;
    let sellers = load_sellers(&mut conn, AsOf::now(now)).await?;
    let title = visitor.text(texts::CUSTOMERS).to_owned();
    let body = html! {
        h1 { (title) }
        @if reached.is_empty() {
            p.empty { (visitor.text(texts::NO_CUSTOMERS)) }
        } @else {
            table.list.stacked {
                @let heads = [texts::CUSTOMER, texts::NUMBER, texts::SELLER, texts::INVOICES];
                (visitor.head(&heads, &[]))
                tbody { @for row in &reached { (row_of(visitor, row, &sellers)) } }
            }
            @if let Some(next) = &next {
                @let more = [("cursor", next.as_str())];
                p { a rel="next" href=(visitor.link_with("/billing/customers", &more)) {
                    (visitor.text(texts::MORE))
                } }
            }
        }
    };
    Ok(Page { title, body, live: false })
}

fn row_of(visitor: &Visitor, row: &Reached, sellers: &[Seller]) -> Markup {
    let id = encode(&row.customer.id.0);
    let (customer, name) = (&row.customer, &row.customer.details.name);
    let last = row.agreements.last();
    let seller = last.and_then(|held| sellers.iter().find(|seller| seller.id == held.seller));
    html! {
        tr {
            (visitor.cell(texts::CUSTOMER, &html! {
                // Internal usage is collected and never billed: it has no month.
                @if customer.internal { (name) " " span.tag { (visitor.text(texts::INTERNAL)) } }
                @else { a href=(visitor.link(&format!("/billing/customers/{id}"))) { (name) } }
            }))
            (visitor.cell(texts::NUMBER, &html! { (customer.number) }))
            (visitor.cell(texts::SELLER, &html! {
                @if let Some(seller) = seller { (seller.details.name) } @else { "–" }
            }))
            (visitor.cell(texts::INVOICES, &html! {
                @if !customer.internal {
                    @let invoices = format!("/billing/invoices?customer={id}");
                    a href=(visitor.link(&invoices)) aria-label={
                        (visitor.text(texts::INVOICES)) ": " (name)
                    } { (visitor.text(texts::INVOICES)) }
                } @else { "–" }
            }))
        }
    }
}
