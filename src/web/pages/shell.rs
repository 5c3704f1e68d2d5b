//! How a page looks to its visitor: theme, language, frame and scope from the address, carried
//! on by every link; and the frame around a page's content.

use std::collections::BTreeSet;
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_LANGUAGE, ContentType, LOCATION, RETRY_AFTER};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use futures_util::future::LocalBoxFuture;
use maud::{Markup, html};
use serde::Deserialize;

use super::texts::{self, Text};
use crate::bill::document::Language;
use crate::ids::OwnerRef;
use crate::present::page::{self, NavItem, Shell, Theme};
use crate::scope::Scope;
use crate::web::assets::SCRIPT_PATH;
use crate::web::error::ApiError;
use crate::web::extract::{Caller, identify};

/// The parameters of every page, as the address gives them.
#[derive(Clone, Debug, Default, Deserialize)]
struct Parameters {
    theme: Option<String>,
    lang: Option<String>,
    embed: Option<String>,
    scope: Option<String>,
}

/// How the page is shown.
#[derive(Clone, Debug)]
pub struct Look {
    pub theme: Theme,
    pub language: Language,
    pub embedded: bool,
    /// Owner id from `scope=project:<id>` or `scope=account:<id>`.
    pub only: Option<String>,
    /// `name=value` pairs of the address that links carry on.
    carried: Vec<(&'static str, String)>,
}

impl Look {
    /// Reads the address; a parameter that cannot be read counts as absent, because a page in
    /// a wrong colour is better than none. The scope narrows and is never dropped.
    pub fn of(request: &HttpRequest) -> Self {
        let query = serde_urlencoded_pairs(request.query_string());
        let get = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, v)| v.clone());
        let parameters = Parameters {
            theme: get("theme"),
            lang: get("lang"),
            embed: get("embed"),
            scope: get("scope"),
        };
        Self::read(parameters, request)
    }

    fn read(parameters: Parameters, request: &HttpRequest) -> Self {
        let theme = match parameters.theme.as_deref() {
            Some("light") => Some(Theme::Light),
            Some("dark") => Some(Theme::Dark),
            Some("auto") => Some(Theme::Auto),
            _ => None,
        };
        let given = parameters.lang.as_deref().and_then(language_of);
        let accepted = request.headers().get(ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
        let accepted = accepted.and_then(|list| {
            list.split(',').find_map(|tag| language_of(tag.split(';').next().unwrap_or(tag)))
        });
        let embedded = parameters.embed.as_deref() == Some("1");
        let mut carried = Vec::new();
        if let (Some(_), Some(text)) = (theme, parameters.theme) {
            carried.push(("theme", text));
        }
        if let (Some(_), Some(text)) = (given, parameters.lang) {
            carried.push(("lang", text));
        }
        if embedded {
            carried.push(("embed", "1".to_owned()));
        }
        let only = parameters.scope.as_deref().map(|scope| {
            let id = scope.strip_prefix("project:").or_else(|| scope.strip_prefix("account:"));
            id.unwrap_or("").to_owned()
        });
        if let Some(scope) = parameters.scope {
            carried.push(("scope", scope));
        }
        Self {
            theme: theme.unwrap_or(Theme::Auto),
            language: given.or(accepted).unwrap_or_default(),
            embedded,
            only,
            carried,
        }
    }

    /// A text in the visitor's language.
    pub fn text(&self, text: Text) -> &'static str {
        text.to(self.language)
    }

    /// A cell of a list; the head's text stands beside it where the screen is narrow.
    pub fn cell(&self, head: Text, content: &Markup) -> Markup {
        html! { td data-label=(self.text(head)) { (content) } }
    }

    /// A cell with a number or an amount.
    pub fn number(&self, head: Text, number: &str) -> Markup {
        html! { td.number data-label=(self.text(head)) { (number) } }
    }

    /// The head of a list: texts, then numbers.
    pub fn head(&self, texts: &[Text], numbers: &[Text]) -> Markup {
        html! {
            thead { tr {
                @for head in texts { th scope="col" { (self.text(*head)) } }
                @for head in numbers { th.number scope="col" { (self.text(*head)) } }
            } }
        }
    }

    /// A link that carries the look on. `path` is encoded already and may have a query.
    pub fn link(&self, path: &str) -> String {
        self.link_with(path, &[])
    }

    /// The same with further parameters; a parameter of the look given here replaces it.
    pub fn link_with(&self, path: &str, more: &[(&str, &str)]) -> String {
        let mut link = path.to_owned();
        let kept = self.carried.iter().map(|(name, value)| (*name, value.as_str()));
        let kept = kept.filter(|(name, _)| more.iter().all(|(other, _)| other != name));
        for (name, value) in kept.chain(more.iter().copied()) {
            link.push(if link.contains('?') { '&' } else { '?' });
            link.push_str(name);
            link.push('=');
            link.push_str(&encode(value));
        }
        link
    }

    /// A page with nothing but an error on it.
    pub fn error_page(&self, error: &ApiError) -> HttpResponse {
        let text = match error.status {
            StatusCode::NOT_FOUND => self.text(texts::NOT_FOUND).to_owned(),
            _ => error.message.clone(),
        };
        let body = html! {
            section.notice.error role="alert" {
                h1 { (self.text(texts::FAILED)) }
                p { (text) }
                p { a href=(self.link("/billing")) { (self.text(texts::BACK)) } }
            }
        };
        let page = Page { title: self.text(texts::FAILED).to_owned(), body, live: false };
        let mut response = self.respond(error.status, page, Vec::new(), None);
        if let Some(wait) = error.retry_after.and_then(|s| s.to_string().parse().ok()) {
            response.headers_mut().insert(RETRY_AFTER, wait);
        }
        response
    }

    /// A page without a visitor's navigation, such as the sign-in page.
    pub fn plain(&self, status: StatusCode, page: Page) -> HttpResponse {
        self.respond(status, page, Vec::new(), None)
    }

    fn respond(
        &self,
        status: StatusCode,
        page: Page,
        nav: Vec<NavItem>,
        corner: Option<Markup>,
    ) -> HttpResponse {
        let shell = Shell {
            title: &page.title,
            language: self.language,
            theme: self.theme,
            embedded: self.embedded,
            style_href: page::css_path(),
            script_src: page.live.then_some(SCRIPT_PATH),
            home: &self.link("/billing"),
            nav: &nav,
            skip_text: self.text(texts::SKIP),
            corner,
        };
        let text = page::page(&shell, page.body).into_string();
        HttpResponse::build(status).content_type(ContentType::html()).body(text)
    }
}

/// A document on a page of its own, in the document's language.
pub fn alone(title: &str, language: Language, body: Markup) -> String {
    let shell = Shell {
        title,
        language,
        theme: Theme::Auto,
        embedded: true,
        style_href: page::css_path(),
        script_src: None,
        home: "/billing",
        nav: &[],
        skip_text: texts::SKIP.to(language),
        corner: None,
    };
    page::page(&shell, body).into_string()
}

/// What a page shows.
pub struct Page {
    pub title: String,
    pub body: Markup,
    /// The page has a part that the script refreshes.
    pub live: bool,
}

/// A signed-in visitor of a page. Who is not signed in is led to the sign-in page.
pub struct Visitor {
    pub caller: Caller,
    pub look: Look,
    pub path: String,
}

impl Deref for Visitor {
    type Target = Look;

    fn deref(&self) -> &Look {
        &self.look
    }
}

impl Visitor {
    pub fn scope(&self) -> &Scope {
        &self.caller.scope
    }

    pub fn is_operator(&self) -> bool {
        self.caller.is_operator()
    }

    pub fn is_staff(&self) -> bool {
        matches!(self.scope(), Scope::Provider | Scope::Sellers(_))
    }

    /// 404 for all but the provider's staff, as for what does not exist.
    pub fn check_operator(&self) -> Result<(), ApiError> {
        if self.is_operator() { Ok(()) } else { Err(ApiError::not_found("page")) }
    }

    /// The owners that the page's address narrows to.
    pub fn only(&self) -> Option<BTreeSet<OwnerRef>> {
        let source = self.caller.identity.source.clone();
        self.look.only.clone().map(|id| BTreeSet::from([OwnerRef { source, id }]))
    }

    /// The page in its frame, or the error's.
    pub fn page(&self, made: Result<Page, ApiError>) -> HttpResponse {
        match made {
            Ok(page) => {
                let corner = self.corner();
                self.respond(StatusCode::OK, page, self.navigation(), Some(corner))
            }
            Err(error) => self.error_page(&error),
        }
    }

    /// Leads on to another page after a change.
    pub fn lead_to(&self, path: &str) -> HttpResponse {
        see_other(&self.link(path))
    }

    fn navigation(&self) -> Vec<NavItem> {
        let mut items = Vec::new();
        let mut add = |text: Text, path: &str| {
            let current = self.path == path
                || (path != "/billing" && self.path.starts_with(&format!("{path}/")));
            items.push(NavItem {
                text: self.text(text).to_owned(),
                href: self.link(path),
                current,
            });
        };
        if self.is_staff() {
            add(texts::CUSTOMERS, "/billing/customers");
        } else {
            add(texts::MONTH, "/billing");
        }
        add(texts::INVOICES, "/billing/invoices");
        if self.is_staff() {
            add(texts::DRAFTS, "/billing/drafts");
            add(texts::FINDINGS, "/billing/findings");
        }
        items
    }

    fn corner(&self) -> Markup {
        html! {
            span.who { (self.caller.identity.user_name) }
            form.inline method="post" action=(self.link("/sign-out")) {
                input type="hidden" name="csrf" value=(self.caller.csrf());
                button.quiet type="submit" { (self.text(texts::SIGN_OUT)) }
            }
        }
    }
}

impl FromRequest for Visitor {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let look = Look::of(&request);
            match identify(&request).await {
                Ok(Some(caller)) => Ok(Self { caller, look, path: request.path().to_owned() }),
                Ok(None) => {
                    let error = ApiError::unauthenticated("sign in");
                    let next = request.uri().path_and_query().map(|next| next.to_string());
                    Err(PageError { error, look, next })
                }
                Err(error) => Err(PageError { error, look, next: None }),
            }
        })
    }
}

/// An error before the visitor is known.
#[derive(Debug)]
pub struct PageError {
    error: ApiError,
    look: Look,
    /// Where to come back to after signing in.
    next: Option<String>,
}

impl std::fmt::Display for PageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        match self.next {
            Some(_) => StatusCode::SEE_OTHER,
            None => self.error.status,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match &self.next {
            Some(next) => see_other(&self.look.link_with("/sign-in", &[("next", next)])),
            None => self.look.error_page(&self.error),
        }
    }
}

/// Leads to another address, to be read by GET.
pub fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

/// The language of a tag such as `de_DE` or `fr-CH`.
fn language_of(tag: &str) -> Option<Language> {
    match tag.trim().get(..2)?.to_ascii_lowercase().as_str() {
        "en" => Some(Language::En),
        "de" => Some(Language::De),
        "fr" => Some(Language::Fr),
        _ => None,
    }
}

/// The parameters that have a value.
pub fn filled<'a>(parameters: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    parameters.iter().copied().filter(|(_, value)| !value.is_empty()).collect()
}

/// Percent-encoding of a part of an address.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn serde_urlencoded_pairs(query: &str) -> Vec<(String, String)> {
    let pairs = actix_web::web::Query::<Vec<(String, String)>>::from_query(query);
    pairs.map(actix_web::web::Query::into_inner).unwrap_or_else(|_| Vec::new())
}
