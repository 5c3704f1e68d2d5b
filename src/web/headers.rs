//! Headers of every answer: content policy, no sniffing, no caching of private data; and what
//! follows from the address people reach Billow by: cookies' flags, trusted origins.

use std::net::SocketAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, web};
use anyhow::Context;

use super::error::ApiError;
use super::state::State;
use crate::config::ServerConfig;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What follows from the server's configuration for every answer.
pub struct Policy {
    content: HeaderValue,
    /// `https://billing.example.org`, without a path.
    public_origin: Option<String>,
    /// Cookies travel by TLS only.
    pub secure_cookies: bool,
    /// Cookies are sent inside frames of other sites, because the operator allows such.
    pub framed_cookies: bool,
}

impl Policy {
    /// Reads addresses; an unusable one is an error that names the option.
    pub fn new(server: &ServerConfig, _listens: SocketAddr) -> anyhow::Result<Self> {
        let public_origin = server.public_url.as_deref().map(origin_of).transpose()?;
        for ancestor in &server.frame_ancestors {
            origin_of(ancestor).context("[server] frame_ancestors")?;
        }
        let mut ancestors = "'self'".to_owned();
        for ancestor in &server.frame_ancestors {
            ancestors.push(' ');
            ancestors.push_str(ancestor.trim_end_matches('/'));
        }
        let content = format!(
            "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; \
             connect-src 'self'; font-src 'self'; frame-ancestors {ancestors}; \
             form-action 'self'; base-uri 'none'"
        );
        let secure = public_origin.as_deref().is_some_and(|url| url.starts_with("https://"));
        Ok(Self {
            content: HeaderValue::from_str(&content).context("[server] frame_ancestors")?,
            public_origin,
            secure_cookies: secure,
            framed_cookies: secure && !server.frame_ancestors.is_empty(),
        })
    }

    /// Refuses a request that another site made the browser send.
    pub fn check_origin(&self, request: &HttpRequest) -> Result<(), ApiError> {
        let headers = request.headers();
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let refuse = || {
            let message = "this request was sent by another site's page; send it from Billow's";
            let status = actix_web::http::StatusCode::FORBIDDEN;
            Err(ApiError::new(status, "cross_site", message))
        };
        if let Some(site) = text(&FETCH_SITE) {
            // "none" is the user's own doing, such as a bookmark.
            return if ["same-origin", "none"].contains(&site) { Ok(()) } else { refuse() };
        }
        let Some(origin) = text(&actix_web::http::header::ORIGIN) else { return refuse() };
        if self.public_origin.as_deref() == Some(origin) {
            return Ok(());
        }
        let host = text(&actix_web::http::header::HOST);
        let same = host.is_some_and(|host| {
            origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) == Some(host)
        });
        if same { Ok(()) } else { refuse() }
    }
}

/// Scheme, host and port of an address.
fn origin_of(url: &str) -> anyhow::Result<String> {
    let (scheme, rest) = url
        .split_once("://")
        .filter(|(scheme, _)| ["http", "https"].contains(scheme))
        .with_context(|| format!("{url:?} is no address such as https://billing.example.org"))?;
    let host = rest.split('/').next().unwrap_or(rest);
    let usable = |c: char| c.is_ascii_alphanumeric() || "-.:[]*".contains(c);
    anyhow::ensure!(
        !host.is_empty() && host.chars().all(usable),
        "{url:?} is no address such as https://billing.example.org"
    );
    Ok(format!("{scheme}://{host}"))
}

/// Puts the headers on every answer; a handler's own `Cache-Control` stays.
pub async fn protect<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let state = request.app_data::<web::Data<State>>().cloned();
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    if let Some(state) = state {
        headers.insert(CONTENT_SECURITY_POLICY, state.policy.content.clone());
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    let nothing = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
    headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static(nothing));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}
