//! The console's pages: the same data functions as the API, shown as HTML that needs no script.
//!
//! `theme=light|dark|auto`, `lang=en|de|fr`, `embed=1` and `scope=project:<id>|account:<id>`
//! in the address say how a page looks and what it narrows to; links carry them on.

pub mod customers;
pub mod drafts;
pub mod findings;
pub mod invoice;
pub mod invoices;
pub mod line;
pub mod month;
pub mod reconciliation;
pub mod shell;
pub mod sign_in;
pub mod texts;

use actix_web::{HttpRequest, HttpResponse};

/// `/` leads to the billing pages.
pub async fn home(request: HttpRequest) -> HttpResponse {
    shell::see_other(&shell::Look::of(&request).link("/billing"))
}
