//! `/api/v1/session`: exchange a credential for a token, see who you are, end the token.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::json::instant;
use crate::ids::SourceName;
use crate::orchestrator::{Credential, Rank};
use crate::scope::Scope;
use crate::web::auth::{self, Known, Outcome};
use crate::web::error::{ApiError, ErrorBody};
use crate::web::extract::Caller;
use crate::web::headers::Policy;
use crate::web::state::State;

/// A credential of the cloud; exactly one of the four.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// Name of the source that knows the user; needed where several take such a credential.
    pub source: Option<String>,
    /// The cloud console's own session.
    pub console_session: Option<ConsoleSession>,
    /// A complete signed request of the user's own key that lists the user, as a query string.
    /// The secret is never sent.
    pub signed_request: Option<String>,
    /// A token that the cloud gave the user.
    pub token: Option<String>,
    /// Name and password, passed on and forgotten.
    pub password: Option<Password>,
    /// Set the token as a cookie, too.
    #[serde(default)]
    pub cookie: bool,
}

/// Both halves of the console's session: half of it would end the user's login there.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsoleSession {
    pub session: String,
    pub key: String,
}

/// What the sign-in page asks for.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Password {
    pub name: String,
    pub password: String,
    /// Path of the domain; empty for the topmost.
    #[serde(default)]
    pub domain: String,
    /// Name of the project, where the cloud has them; empty: all that the user has.
    pub project: Option<String>,
    /// The code, after the answer `second_factor_needed`.
    pub second_factor: Option<String>,
}

/// A fresh token with who it is for.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SessionCreated {
    pub session: NewSession,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct NewSession {
    /// Send it as `Authorization: Bearer …`; it is shown this once.
    pub token: String,
    #[serde(flatten)]
    pub session: Session,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct SessionShown {
    pub session: Session,
}

/// Who the caller is, and what they see.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Session {
    pub source: String,
    pub user_id: String,
    /// False where the cloud leaves open which of the account's users it is.
    pub user_certain: bool,
    pub user_name: String,
    pub account_id: String,
    pub domain_path: String,
    /// `operator`, `domain_admin` or `user`.
    pub rank: String,
    /// `provider`, `sellers` or `owners`.
    pub sees: String,
    /// Ids of the sellers seen, where `sees` says so.
    pub sellers: Vec<String>,
    /// RFC 3339, UTC.
    pub expires_at: String,
    /// Send it as `X-Billow-Csrf` with changes that the cookie authenticates.
    pub csrf: String,
}

/// Exchanges a credential of the cloud for a token of Billow's.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", security(()),
    request_body = SessionRequest,
    responses(
        (status = 201, body = SessionCreated),
        (
            status = 401, description = "`sign_in_refused` or `second_factor_needed`",
            body = ErrorBody
        ),
        (status = 422, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, description = "The cloud does not answer", body = ErrorBody),
    )
)]
pub async fn create(
    state: web::Data<State>,
    request: HttpRequest,
    body: web::Json<SessionRequest>,
) -> Result<HttpResponse, ApiError> {
    state.limits.count_sign_in(&request)?;
    let body = body.into_inner();
    let (source, cookie) = (body.source.clone().map(SourceName), body.cookie);
    let issued = match auth::sign_in(&state, source.as_ref(), credential_of(body)?).await? {
        Outcome::SignedIn(issued) => issued,
        Outcome::Refused => return Err(refused()),
        Outcome::SecondFactorNeeded => return Err(second_factor_needed()),
    };
    let mut response = HttpResponse::build(StatusCode::CREATED);
    if cookie {
        response.cookie(cookie_of(&state.policy, &issued.token, issued.known.expires_at));
    }
    let session = session_of(&issued.known, auth::csrf_token(&issued.token));
    let session = NewSession { token: issued.token, session };
    Ok(response.json(SessionCreated { session }))
}

/// Shows who the caller is.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = SessionShown), (status = 401, body = ErrorBody))
)]
pub async fn show(caller: Caller) -> web::Json<SessionShown> {
    web::Json(SessionShown { session: session_of(&caller.known, caller.csrf()) })
}

/// Ends the token. The cloud's own login stays as it is.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session",
    responses((status = 204), (status = 401, body = ErrorBody))
)]
pub async fn delete(state: web::Data<State>, caller: Caller) -> Result<HttpResponse, ApiError> {
    auth::revoke(&state, &caller.token).await?;
    Ok(HttpResponse::NoContent().cookie(ended_cookie(&state.policy)).finish())
}

/// The cloud does not know this credential.
pub fn refused() -> ApiError {
    let message = "the cloud does not accept these credentials";
    ApiError::new(StatusCode::UNAUTHORIZED, "sign_in_refused", message)
}

fn second_factor_needed() -> ApiError {
    let message = "this user has a second factor: send the same again with second_factor";
    ApiError::new(StatusCode::UNAUTHORIZED, "second_factor_needed", message)
}

fn credential_of(body: SessionRequest) -> Result<Credential, ApiError> {
    match (body.console_session, body.signed_request, body.token, body.password) {
        (Some(console), None, None, None) => {
            Ok(Credential::ConsoleSession { session: console.session, key: console.key })
        }
        (None, Some(query), None, None) => Ok(Credential::SignedRequest { query }),
        (None, None, Some(token), None) => Ok(Credential::Token { token }),
        (None, None, None, Some(password)) => Ok(Credential::Password {
            name: password.name,
            password: password.password,
            domain: password.domain,
            project: password.project,
            second_factor: password.second_factor,
        }),
        _ => {
            let message = "send exactly one of console_session, signed_request, token and password";
            Err(ApiError::invalid("console_session", message))
        }
    }
}

/// The console's cookie for a token; it ends with the token.
pub fn cookie_of(policy: &Policy, token: &str, expires_at: i64) -> Cookie<'static> {
    let lasts = (expires_at - auth::machine_seconds()).max(0);
    let same_site = if policy.framed_cookies { SameSite::None } else { SameSite::Lax };
    Cookie::build(auth::COOKIE, token.to_owned())
        .path("/")
        .http_only(true)
        .secure(policy.secure_cookies)
        .same_site(same_site)
        .max_age(Duration::seconds(lasts))
        .finish()
}

/// A cookie that removes the console's.
pub fn ended_cookie(policy: &Policy) -> Cookie<'static> {
    cookie_of(policy, "", 0)
}

fn session_of(known: &Known, csrf: String) -> Session {
    let identity = &known.identity;
    let rank = match identity.rank {
        Rank::Operator => "operator",
        Rank::Auditor => "auditor",
        Rank::DomainAdmin => "domain_admin",
        Rank::User => "user",
    };
    let (sees, sellers) = match &known.scope {
        Scope::Provider => ("provider", Vec::new()),
        Scope::Sellers(ids) => ("sellers", ids.iter().map(|id| id.0.clone()).collect()),
        Scope::Owners { .. } => ("owners", Vec::new()),
    };
    Session {
        source: identity.source.0.clone(),
        user_id: identity.user_id.clone(),
        user_certain: identity.user_certain,
        user_name: identity.user_name.clone(),
        account_id: identity.account_id.clone(),
        domain_path: identity.domain_path.clone(),
        rank: rank.to_owned(),
        sees: sees.to_owned(),
        sellers,
        expires_at: instant(known.expires_at),
        csrf,
    }
}
