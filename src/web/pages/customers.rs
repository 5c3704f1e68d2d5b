//! `/billing/customers`: the customers that the visitor reaches.

use actix_web::{HttpResponse, web};
use maud::html;

use super::shell::{Page, Visitor, encode};
use super::texts;
use crate::web::api::customers::load_page;
use crate::web::error::ApiError;
use crate::web::extract::Paging;
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
    let mut conn = state.app.db.read().await?;
    let (reached, next) = load_page(&mut conn, visitor.scope(), paging, state.now()).await?;
    let title = visitor.text(texts::CUSTOMERS).to_owned();
    let body = html! {
        h1 { (title) }
        @if reached.is_empty() {
            p.quiet { (visitor.text(texts::NO_CUSTOMERS)) }
        } @else {
            table.list {
                thead { tr {
                    th scope="col" { (visitor.text(texts::NUMBER)) }
                    th scope="col" { (visitor.text(texts::CUSTOMER)) }
                    th scope="col" { (visitor.text(texts::INVOICES)) }
                } }
                tbody {
                    @for row in &reached {
                        @let id = encode(&row.customer.id.0);
                        tr {
                            td { (row.customer.number) }
                            td { a href=(visitor.link(&format!("/billing/customers/{id}"))) {
                                (row.customer.details.name)
                            } }
                            @let invoices = format!("/billing/invoices?customer={id}");
                            td { a href=(visitor.link(&invoices)) {
                                (visitor.text(texts::INVOICES))
                            } }
                        }
                    }
                }
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
