//! `/billing/invoices/{id}`: one issued document as it is printed, with its other forms.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::shell::{Page, Visitor, encode};
use super::texts;
use crate::bill::document::{Contact, InvoiceDocument};
use crate::present::html::invoice as article;
use crate::web::api::invoices::load_one;
use crate::web::error::ApiError;
use crate::web::state::State;

/// Shows a document.
pub async fn show(
    state: web::Data<State>,
    visitor: Visitor,
    id: web::Path<String>,
) -> HttpResponse {
    visitor.page(build(&state, &visitor, &id).await)
}

async fn build(state: &State, visitor: &Visitor, id: &str) -> Result<Page, ApiError> {
    let mut conn = state.app.db.read().await?;
    let (document, contact) = load_one(&mut conn, visitor.scope(), id).await?;
    let id = encode(&document.id.0);
    let why = |line: u32| visitor.link(&format!("/billing/invoices/{id}/lines/{line}"));
    let files = [
        ("PDF", format!("/api/v1/invoices/{id}.pdf")),
        ("CSV", format!("/api/v1/invoices/{id}.csv")),
        (visitor.text(texts::ANNEX), format!("/api/v1/invoices/{id}/annex.csv")),
    ];
    let body = html! {
        p.crumbs { a href=(visitor.link("/billing/invoices")) { (visitor.text(texts::INVOICES)) } }
        nav.files aria-label=(visitor.text(texts::SEE_ALSO)) {
            @for (name, href) in &files { a.button href=(href) { (name) } " " }
        }
        (article(&document, contact.as_ref(), Some(&why)))
    };
    let title = document.number.clone().unwrap_or_else(|| document.id.0.clone());
    Ok(Page { title, body, live: false })
}

/// The document on a page of its own, without navigation: for reading, printing and mailing.
pub fn alone(document: &InvoiceDocument, contact: Option<&Contact>) -> String {
    let title = document.number.as_deref().unwrap_or(document.id.as_str());
    let body: Markup = article(document, contact, None);
    super::shell::alone(title, document.language, body)
}
