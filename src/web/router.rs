//! Every route of the server, in one table: who may call it stands beside it, and the isolation
//! test goes through it.

use actix_web::dev::HttpServiceFactory;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, FormConfig, JsonConfig, PathConfig, PayloadConfig, QueryConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, ResponseError, Route};

use super::api::*;
use super::error::{self, ApiError};
use super::{assets, pages};

/// Bytes of a JSON or form body at most.
const BODY_MAX: usize = 64 * 1024;
/// Bytes of an import at most.
pub const IMPORT_MAX: usize = 8 * 1024 * 1024;

/// Who may call a route; enforced by what its handler asks for, and listed here for people
/// and the isolation test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Who is signed in, within their scope.
    SignedIn,
    /// Staff of the provider or of a seller, within their scope.
    Staff,
    /// The provider's staff.
    Operator,
}

/// A route of the server.
pub struct RouteEntry {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    make: fn() -> Route,
}

macro_rules! route {
    ($method:ident $path:literal, $access:ident, $handler:path) => {
        RouteEntry {
            method: Method::$method,
            path: $path,
            access: Access::$access,
            make: || web::method(Method::$method).to($handler),
        }
    };
}

/// All routes; the first that matches answers, so a path with an ending comes before the one
/// without.
pub fn routes() -> Vec<RouteEntry> {
    let mut all = api_routes();
    all.extend(page_routes());
    all
}

fn api_routes() -> Vec<RouteEntry> {
    vec![
        route!(GET "/health/live", Public, health::live),
        route!(GET "/health/ready", Public, health::ready),
        route!(GET "/metrics", Public, health::metrics),
        route!(GET "/api/v1/openapi.json", Public, health::openapi),
        route!(POST "/api/v1/session", Public, session::create),
        route!(GET "/api/v1/session", SignedIn, session::show),
        route!(DELETE "/api/v1/session", SignedIn, session::delete),
        route!(GET "/api/v1/sellers", Staff, sellers::list),
        route!(GET "/api/v1/sellers/{id}", Staff, sellers::show),
        route!(GET "/api/v1/customers", SignedIn, customers::list),
        route!(GET "/api/v1/customers/{id}", SignedIn, customers::show),
        route!(GET "/api/v1/customers/{id}/month", SignedIn, month::show),
        route!(GET "/api/v1/customers/{id}/statement", SignedIn, statement::show),
        route!(GET "/api/v1/customers/{id}/reconciliation", Staff, reconciliation::show),
        route!(GET "/api/v1/usage", SignedIn, usage::list),
        route!(POST "/api/v1/usage", Operator, imports::create),
        route!(POST "/api/v1/sources/{source}/events", Public, events::deliver),
        route!(GET "/api/v1/invoices", SignedIn, invoices::list),
        route!(GET "/api/v1/invoices/{id}.pdf", SignedIn, invoices::pdf),
        route!(GET "/api/v1/invoices/{id}.html", SignedIn, invoices::html),
        route!(GET "/api/v1/invoices/{id}.csv", SignedIn, invoices::csv),
        route!(GET "/api/v1/invoices/{id}", SignedIn, invoices::show),
        route!(GET "/api/v1/invoices/{id}/annex.csv", SignedIn, invoices::annex),
        route!(GET "/api/v1/invoices/{id}/lines", SignedIn, invoices::lines),
        route!(GET "/api/v1/invoices/{id}/parts", SignedIn, invoices::parts),
        route!(GET "/api/v1/invoices/{id}/lines/{line}/explain", SignedIn, explain::show),
        route!(POST "/api/v1/invoices/{id}/credit-notes", Operator, credit_notes::create),
        route!(GET "/api/v1/drafts", Staff, drafts::list),
        route!(GET "/api/v1/drafts/{id}", Staff, drafts::show),
        route!(POST "/api/v1/drafts/{id}/approve", Operator, drafts::approve),
        route!(POST "/api/v1/drafts/{id}/issue", Operator, drafts::issue),
        route!(GET "/api/v1/findings", SignedIn, findings::list),
        route!(GET "/api/v1/findings/{id}", SignedIn, findings::show),
        route!(POST "/api/v1/findings/{id}/release", Operator, findings::release),
        route!(POST "/api/v1/findings/{id}/reject", Operator, findings::reject),
        route!(GET "/api/v1/catalog", Staff, catalog::list),
        route!(GET "/api/v1/price-books", Staff, price_books::list),
        route!(GET "/api/v1/price-books/{id}", Staff, price_books::show),
    ]
}

fn page_routes() -> Vec<RouteEntry> {
    vec![
        route!(GET "/", Public, pages::home),
        route!(GET "/assets/{name}", Public, assets::show),
        route!(GET "/sign-in", Public, pages::sign_in::show),
        route!(POST "/sign-in", Public, pages::sign_in::submit),
        route!(POST "/sign-out", Public, pages::sign_in::sign_out),
        route!(GET "/billing", SignedIn, pages::month::own),
        route!(GET "/billing/customers", SignedIn, pages::customers::list),
        route!(GET "/billing/customers/{id}", SignedIn, pages::month::of_customer),
        route!(GET "/billing/customers/{id}/reconciliation", Staff, pages::reconciliation::show),
        route!(GET "/billing/invoices", SignedIn, pages::invoices::list),
        route!(GET "/billing/invoices/{id}", SignedIn, pages::invoice::show),
        route!(GET "/billing/invoices/{id}/lines/{line}", SignedIn, pages::line::show),
        route!(GET "/billing/drafts", Staff, pages::drafts::list),
        route!(GET "/billing/drafts/{id}", Staff, pages::drafts::show),
        route!(POST "/billing/drafts/{id}/approve", Operator, pages::drafts::approve),
        route!(POST "/billing/drafts/{id}/issue", Operator, pages::drafts::issue),
        route!(GET "/billing/findings", SignedIn, pages::findings::list),
        route!(GET "/billing/findings/{id}", SignedIn, pages::findings::show),
        route!(POST "/billing/findings/{id}/decide", Operator, pages::findings::decide),
    ]
}

/// Builds the server's services from the table.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .app_data(JsonConfig::default().limit(BODY_MAX).error_handler(error::of_json))
        .app_data(FormConfig::default().limit(BODY_MAX).error_handler(error::of_form))
        .app_data(QueryConfig::default().error_handler(error::of_query))
        .app_data(PathConfig::default().error_handler(error::of_path))
        .app_data(PayloadConfig::new(IMPORT_MAX));
    for resource in resources() {
        config.service(resource);
    }
    config.default_service(web::to(nowhere));
}

/// One resource for each path, in the table's order.
fn resources() -> Vec<impl HttpServiceFactory + 'static> {
    let mut paths: Vec<(&'static str, Resource)> = Vec::new();
    for entry in routes() {
        let place = paths.iter().position(|(path, _)| *path == entry.path);
        let resource = match place {
            Some(place) => paths.remove(place).1,
            None => web::resource(entry.path).default_service(web::to(wrong_method)),
        };
        let place = place.unwrap_or(paths.len());
        paths.insert(place, (entry.path, resource.route((entry.make)())));
    }
    paths.into_iter().map(|(_, resource)| resource).collect()
}

async fn nowhere(request: HttpRequest) -> HttpResponse {
    let error = ApiError::not_found("address");
    let for_programs = ["/api/", "/health", "/metrics"];
    if for_programs.iter().any(|start| request.path().starts_with(start)) {
        error.error_response()
    } else {
        pages::shell::Look::of(&request).error_page(&error)
    }
}

async fn wrong_method() -> HttpResponse {
    let message = "this address does not take that method";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message).error_response()
}
