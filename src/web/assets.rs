//! The console's style sheet and its one optional script.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;

/// A page asks again after ten minutes; an upgrade shows by then.
const CACHED: &str = "public, max-age=600";
const SCRIPT: &str = include_str!("assets/billow.js");

/// The style sheet of the pages and of invoices in them.
pub async fn css() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((CACHE_CONTROL, CACHED))
        .body(super::pages::frame::CSS)
}

/// Live refresh of the month's page; all pages work without it.
pub async fn script() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .insert_header((CACHE_CONTROL, CACHED))
        .body(SCRIPT)
}
