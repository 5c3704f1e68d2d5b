//! What handlers ask for in their signatures: who calls, with which right, and which page of a
//! list. A handler without one of these is public.

use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpRequest, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use super::auth::{self, Known};
use super::error::ApiError;
use super::state::State;
use crate::ids::SourceName;
use crate::scope::Scope;

/// Header in which scripts of Billow's own pages send the form token.
pub const CSRF_HEADER: &str = "x-billow-csrf";
/// Header in which a token of the orchestrator's own is shown.
pub const TOKEN_HEADER: &str = "x-auth-token";
/// Header that names the source whose token it is, where several give tokens.
pub const SOURCE_HEADER: &str = "x-billow-source";
const ROWS_DEFAULT: u32 = 50;
const ROWS_MAX: u32 = 500;

/// A signed-in caller, of whatever rank.
#[derive(Clone)]
pub struct Caller {
    pub known: Arc<Known>,
    /// The token as it was shown; for ending it, and for the form token.
    pub token: Rc<str>,
    /// The browser sent it by itself, so that other sites could make it do so.
    pub by_cookie: bool,
}

impl Deref for Caller {
    type Target = Known;

    fn deref(&self) -> &Known {
        &self.known
    }
}

impl Caller {
    /// The token that this caller's forms carry.
    pub fn csrf(&self) -> String {
        auth::csrf_token(&self.token)
    }

    /// Checks a form's token; only what a browser sends by itself needs one.
    pub fn check_csrf(&self, shown: Option<&str>) -> Result<(), ApiError> {
        let wanted = self.csrf();
        let right =
            shown.is_some_and(|shown| bool::from(shown.as_bytes().ct_eq(wanted.as_bytes())));
        if right || !self.by_cookie {
            return Ok(());
        }
        let message = "the form's token is missing or old; load the page again";
        Err(ApiError::new(actix_web::http::StatusCode::FORBIDDEN, "csrf", message))
    }
}

/// The caller of a request, with limits counted; `None` when it shows no valid token.
/// A change asked for by cookie must come from Billow's own pages.
pub async fn identify(request: &HttpRequest) -> Result<Option<Caller>, ApiError> {
    let state = state_of(request)?;
    let Some(shown) = shown_token(request) else {
        state.limits.count_address(request)?;
        return Ok(None);
    };
    let known = match shown.way {
        Way::Orchestrator => {
            let source = header_text(request, SOURCE_HEADER).map(SourceName);
            auth::authenticate_shown(&state, source.as_ref(), &shown.token).await?
        }
        Way::Bearer | Way::Cookie => auth::authenticate(&state, &shown.token).await?,
    };
    let Some(known) = known else {
        state.limits.count_address(request)?;
        return Ok(None);
    };
    state.limits.count_caller(&known.actor().0)?;
    check_rules(&known, request)?;
    let by_cookie = shown.way == Way::Cookie;
    if by_cookie && !is_safe(request.method()) {
        state.policy.check_origin(request)?;
    }
    Ok(Some(Caller { known, token: shown.token.into(), by_cookie }))
}

/// A credential that is limited to some calls makes no others.
fn check_rules(known: &Known, request: &HttpRequest) -> Result<(), ApiError> {
    let Some(rules) = &known.identity.rules else { return Ok(()) };
    let (method, path) = (request.method().as_str(), request.path());
    if rules.iter().any(|rule| rule.allows(method, path)) {
        return Ok(());
    }
    Err(ApiError::forbidden("the access rules of this credential do not allow the call"))
}

fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// The shared state of a request's server.
pub fn state_of(request: &HttpRequest) -> Result<web::Data<State>, ApiError> {
    let state = request.app_data::<web::Data<State>>().cloned();
    state.ok_or_else(|| ApiError::internal("find the server's state", &"it was not given"))
}

/// How a token was shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Bearer,
    /// It is the orchestrator's, not Billow's.
    Orchestrator,
    Cookie,
}

struct Shown {
    token: String,
    way: Way,
}

fn shown_token(request: &HttpRequest) -> Option<Shown> {
    if let Some(value) = request.headers().get(header::AUTHORIZATION) {
        let token = value.to_str().ok()?.strip_prefix("Bearer ")?.trim();
        return Some(Shown { token: token.to_owned(), way: Way::Bearer });
    }
    if let Some(token) = header_text(request, TOKEN_HEADER) {
        return Some(Shown { token, way: Way::Orchestrator });
    }
    let cookie = request.cookie(auth::COOKIE)?;
    Some(Shown { token: cookie.value().to_owned(), way: Way::Cookie })
}

fn header_text(request: &HttpRequest, name: &str) -> Option<String> {
    Some(request.headers().get(name)?.to_str().ok()?.trim().to_owned())
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let caller = identify(&request).await?;
            let caller = caller.ok_or_else(|| {
                ApiError::unauthenticated("sign in by POST /api/v1/session and send the token")
            })?;
            if !is_safe(request.method()) {
                let shown = request.headers().get(CSRF_HEADER).and_then(|v| v.to_str().ok());
                caller.check_csrf(shown)?;
            }
            Ok(caller)
        })
    }
}

/// What somebody without the right is told: nothing of a resource, or plainly no.
pub fn refuse(request: &HttpRequest, needed: &str) -> ApiError {
    if request.match_info().is_empty() {
        ApiError::forbidden(&format!("this is for {needed}"))
    } else {
        ApiError::not_found("resource")
    }
}

/// The provider's staff; for what changes something, those of them who may.
#[derive(Clone)]
pub struct Operator(pub Caller);

impl Deref for Operator {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl FromRequest for Operator {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let caller = caller.await?;
            match caller.scope {
                Scope::Provider if is_safe(request.method()) || caller.is_operator() => {
                    Ok(Self(caller))
                }
                Scope::Provider => Err(ApiError::forbidden(
                    "your role in the cloud reads only: an operator must do this",
                )),
                Scope::Sellers(_) | Scope::Owners { .. } => {
                    Err(refuse(&request, "operators of the provider"))
                }
            }
        })
    }
}

/// Staff of the provider or of a seller.
#[derive(Clone)]
pub struct Staff(pub Caller);

impl Deref for Staff {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl FromRequest for Staff {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let caller = caller.await?;
            match caller.scope {
                Scope::Provider | Scope::Sellers(_) => Ok(Self(caller)),
                Scope::Owners { .. } => Err(refuse(&request, "the seller's staff")),
            }
        })
    }
}

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Rows on a page: 1 to 500, 50 when absent.
    pub limit: Option<u32>,
    /// `meta.next` of the page before.
    pub cursor: Option<String>,
}

impl Paging {
    /// Rows asked for, within bounds.
    pub fn rows(&self) -> Result<u32, ApiError> {
        match self.limit {
            None => Ok(ROWS_DEFAULT),
            Some(limit) if (1..=ROWS_MAX).contains(&limit) => Ok(limit),
            Some(limit) => {
                let message = format!("{limit} is not between 1 and {ROWS_MAX}");
                Err(ApiError::invalid("limit", message))
            }
        }
    }

    /// The key after which the page begins.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, ApiError> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let key = URL_SAFE_NO_PAD.decode(cursor).ok();
        let key = key.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let refuse = || ApiError::invalid("cursor", "is no cursor of this list");
        key.map(Some).ok_or_else(refuse)
    }
}

/// The cursor after a row with a key.
pub fn cursor_of<K: Serialize>(key: &K) -> String {
    URL_SAFE_NO_PAD.encode(crate::store::codec::to_json(key))
}
