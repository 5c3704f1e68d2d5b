//! The console's style sheet and its one optional script.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};

use super::error::ApiError;
use crate::present::page;

/// The style sheet's address names its content, so it may be kept for ever.
const KEPT: &str = "public, max-age=31536000, immutable";
/// A page asks for the script again after ten minutes; an upgrade shows by then.
const CACHED: &str = "public, max-age=600";
const SCRIPT: &str = include_str!("assets/billow.js");

/// The style sheet of the pages and of documents, or the script: live refresh of the month's
/// page, without which all pages work.
pub async fn show(name: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let (kind, caching, body) = match format!("/assets/{name}").as_str() {
        path if path == page::css_path() => ("text/css; charset=utf-8", KEPT, page::CSS.to_owned()),
        SCRIPT_PATH => ("text/javascript; charset=utf-8", CACHED, SCRIPT.to_owned()),
        page::ICON_PATH => ("image/svg+xml", CACHED, page::icon()),
        _ => return Err(ApiError::not_found("file")),
    };
    let response =
        HttpResponse::Ok().content_type(kind).insert_header((CACHE_CONTROL, caching)).body(body);
    Ok(response)
}

/// Where the script is served.
pub const SCRIPT_PATH: &str = "/assets/billow.js";
