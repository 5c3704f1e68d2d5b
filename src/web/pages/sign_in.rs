//! The sign-in page: name, password and domain of the cloud's own login, passed on and
//! forgotten; the second factor where the user has one.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::{Look, Page, see_other};
use super::texts::{self, Text};
use crate::ids::SourceName;
use crate::orchestrator::Credential;
use crate::web::api::session::{cookie_of, ended_cookie};
use crate::web::auth::{self, Outcome};
use crate::web::error::ApiError;
use crate::web::extract::identify;
use crate::web::state::State;

/// Where to go after signing in.
#[derive(Deserialize)]
pub struct NextQuery {
    next: Option<String>,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct SignInForm {
    source: Option<String>,
    name: String,
    password: String,
    #[serde(default)]
    domain: String,
    #[serde(default)]
    project: String,
    second_factor: Option<String>,
    next: Option<String>,
}

/// What the form shows again; never a password.
#[derive(Default)]
struct Shown {
    source: Option<String>,
    name: String,
    domain: String,
    project: String,
    next: Option<String>,
    message: Option<String>,
    second_factor: bool,
}

/// Shows the form.
pub async fn show(
    state: web::Data<State>,
    request: HttpRequest,
    query: web::Query<NextQuery>,
) -> HttpResponse {
    let look = Look::of(&request);
    if let Err(error) = state.limits.count_address(&request) {
        return look.error_page(&error);
    }
    let next = query.into_inner().next.filter(|next| is_ours(next));
    let ended = next.as_ref().filter(|_| request.cookie(auth::COOKIE).is_some());
    let message = ended.map(|_| look.text(texts::SIGN_IN_AGAIN).to_owned());
    let shown = Shown { next, message, ..Shown::default() };
    form_page(&state, &look, StatusCode::OK, &shown)
}

/// Tries to sign in.
pub async fn submit(
    state: web::Data<State>,
    request: HttpRequest,
    form: web::Form<SignInForm>,
) -> HttpResponse {
    let look = Look::of(&request);
    match attempt(&state, &request, &look, form.into_inner()).await {
        Ok(response) => response,
        Err(error) => look.error_page(&error),
    }
}

async fn attempt(
    state: &State,
    request: &HttpRequest,
    look: &Look,
    form: SignInForm,
) -> Result<HttpResponse, ApiError> {
    state.policy.check_origin(request)?;
    state.limits.count_sign_in(request)?;
    let second_factor = form.second_factor.filter(|code| !code.trim().is_empty());
    let mut shown = Shown {
        source: form.source.clone(),
        name: form.name.clone(),
        domain: form.domain.clone(),
        project: form.project.clone(),
        next: form.next.filter(|next| is_ours(next)),
        message: None,
        second_factor: second_factor.is_some(),
    };
    let credential = Credential::Password {
        name: form.name,
        password: form.password,
        domain: form.domain,
        project: Some(form.project).filter(|project| !project.trim().is_empty()),
        second_factor: second_factor.map(|code| code.trim().to_owned()),
    };
    let source = form.source.map(SourceName);
    match auth::sign_in(state, source.as_ref(), credential).await {
        Ok(Outcome::SignedIn(issued)) => {
            let next = shown.next.unwrap_or_else(|| look.link("/billing"));
            let mut response = see_other(&next);
            let cookie = cookie_of(&state.policy, &issued.token, issued.known.expires_at);
            response.add_cookie(&cookie).map_err(|error| ApiError::internal("cookie", &error))?;
            return Ok(response);
        }
        Ok(Outcome::Refused) => shown.message = Some(look.text(texts::REFUSED).to_owned()),
        Ok(Outcome::SecondFactorNeeded) => {
            shown.second_factor = true;
            shown.message = Some(look.text(texts::SECOND_FACTOR_HOW).to_owned());
        }
        Err(error) if error.status != StatusCode::INTERNAL_SERVER_ERROR => {
            shown.message = Some(error.message.clone());
            return Ok(form_page(state, look, error.status, &shown));
        }
        Err(error) => return Err(error),
    }
    Ok(form_page(state, look, StatusCode::UNAUTHORIZED, &shown))
}

/// The form token of the sign-out button.
#[derive(Deserialize)]
pub struct SignOutForm {
    csrf: Option<String>,
}

/// Ends the session and shows the form again. The cloud's own login stays as it is.
pub async fn sign_out(
    state: web::Data<State>,
    request: HttpRequest,
    form: web::Form<SignOutForm>,
) -> HttpResponse {
    let look = Look::of(&request);
    match end(&state, &request, form.csrf.as_deref()).await {
        Ok(()) => {
            let mut response = see_other(&look.link("/sign-in"));
            match response.add_cookie(&ended_cookie(&state.policy)) {
                Ok(()) => response,
                Err(error) => look.error_page(&ApiError::internal("end a cookie", &error)),
            }
        }
        Err(error) => look.error_page(&error),
    }
}

async fn end(state: &State, request: &HttpRequest, csrf: Option<&str>) -> Result<(), ApiError> {
    let Some(caller) = identify(request).await? else { return Ok(()) };
    caller.check_csrf(csrf)?;
    auth::revoke(state, &caller.token).await
}

/// Only addresses of this server; `//host` would be another's.
fn is_ours(next: &str) -> bool {
    next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.chars().any(char::is_control)
}

fn form_page(state: &State, look: &Look, status: StatusCode, shown: &Shown) -> HttpResponse {
    let mut sources = Vec::new();
    let mut projects = false;
    for orchestrator in &state.app.orchestrators {
        let can = orchestrator.capabilities();
        if can.password {
            sources.push(orchestrator.source().0.clone());
            projects |= can.projects;
        }
    }
    let body = form(look, shown, &sources, projects);
    let page = Page { title: look.text(texts::SIGN_IN).to_owned(), body, live: false };
    look.plain(status, page)
}

fn form(look: &Look, shown: &Shown, sources: &[String], projects: bool) -> Markup {
    html! {
        section.sign-in.card {
            h1 { (look.text(texts::SIGN_IN)) }
            p.quiet { (look.text(texts::SIGN_IN_HOW)) }
            @if let Some(message) = &shown.message {
                p.notice.warning role="alert" { (message) }
            }
            form method="post" action=(look.link("/sign-in")) {
                @if let Some(next) = &shown.next {
                    input type="hidden" name="next" value=(next);
                }
                @if sources.len() > 1 {
                    label { (look.text(texts::SOURCE))
                        select name="source" {
                            @for source in sources {
                                @let chosen = shown.source.as_ref() == Some(source);
                                option value=(source) selected[chosen] {
                                    (source)
                                }
                            }
                        }
                    }
                }
                (field(look, texts::NAME, html! {
                    input name="name" value=(shown.name) autocomplete="username" required
                        autofocus[shown.name.is_empty()];
                }))
                (field(look, texts::PASSWORD, html! {
                    input name="password" type="password" autocomplete="current-password" required
                        autofocus[!shown.name.is_empty()];
                }))
                (field(look, texts::DOMAIN, html! {
                    input name="domain" value=(shown.domain) autocomplete="organization";
                    small { (look.text(texts::DOMAIN_HINT)) }
                }))
                @if projects {
                    (field(look, texts::PROJECT, html! {
                        input name="project" value=(shown.project);
                        small { (look.text(texts::PROJECT_HINT)) }
                    }))
                }
                @if shown.second_factor {
                    (field(look, texts::SECOND_FACTOR, html! {
                        input name="second_factor" inputmode="numeric"
                            autocomplete="one-time-code" required;
                    }))
                }
                button.primary type="submit" { (look.text(texts::SIGN_IN)) }
            }
        }
    }
}

fn field(look: &Look, text: Text, input: Markup) -> Markup {
    html! { label { span { (look.text(text)) } (input) } }
}
