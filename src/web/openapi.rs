//! The API's description, generated from its handlers; `docs/openapi.json` is a copy that a
//! test compares.

use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::api::*;
use super::auth::COOKIE;
use super::extract::TOKEN_HEADER;

/// All of the API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Billow",
        description = "Metering, rating and billing for clouds. Amounts are whole minor units \
                       with their currency, decimals are text, instants RFC 3339 in UTC. \
                       What the caller may not see is answered as what does not exist: 404."
    ),
    paths(
        session::create, session::show, session::delete,
        sellers::list, sellers::show,
        customers::list, customers::show, month::show,
        usage::list, imports::create, events::deliver,
        invoices::list, invoices::show, invoices::lines, invoices::parts, invoices::pdf,
        invoices::html, invoices::csv, invoices::annex, explain::show,
        credit_notes::create, statement::show, reconciliation::show,
        drafts::list, drafts::show, drafts::approve, drafts::issue,
        findings::list, findings::show, findings::release, findings::reject,
        catalog::list, price_books::list, price_books::show,
        health::live, health::ready, health::metrics, health::openapi,
    ),
    security(("token" = []), ("cloud_token" = []), ("cookie" = [])),
    modifiers(&Security)
)]
pub struct Api;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_with(Default::default);
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
        let shown = ApiKey::Header(ApiKeyValue::new(TOKEN_HEADER));
        components.add_security_scheme("cloud_token", SecurityScheme::ApiKey(shown));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(COOKIE));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// The description as JSON text.
pub fn text() -> Result<String, serde_json::Error> {
    Api::openapi().to_pretty_json()
}
