//! Calls of the services: with the session's token, bounded in time, size and number, repeated
//! where that may help, renewed once where the token was refused.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use jiff::fmt::rfc2822;
use openstack::{Error, ErrorKind};
use reqwest_session::header::HeaderMap;
use reqwest_session::{Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::sync::{OnceCell, Semaphore};

use super::json;
use super::service::{Endpoint, Microversion, Service, versioned};
use super::session::Sessions;
use crate::config::SourceConfig;
use crate::ids::SourceName;
use crate::orchestrator::{Answer, OrchestratorError};

/// Calls at one time, over all of a source.
pub const CALLS_AT_ONCE_MAX: usize = 8;
/// Bytes of an answer.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Tries of a call that reads.
const TRIES_MAX: usize = 4;
const WAIT_MIN: Duration = Duration::from_millis(300);
const WAIT_MAX: Duration = Duration::from_secs(20);
/// Characters of a service's own words about a refusal.
const WORDS_MAX: usize = 300;

/// A cloud, as one region of it is called.
pub struct Client {
    pub source: SourceName,
    pub sessions: Sessions,
    identity: Endpoint,
    timeout: Duration,
    slots: Semaphore,
    /// Of calls for which somebody waits: they do not stand behind a collection.
    slots_aside: Semaphore,
    endpoints: RwLock<Arc<Endpoints>>,
}

/// Where services are: found when first asked for.
#[derive(Default)]
struct Endpoints(BTreeMap<Service, OnceCell<Option<Arc<Endpoint>>>>);

impl Endpoints {
    fn unknown() -> Arc<Self> {
        let cells = Service::CATALOGUED.into_iter().map(|service| (service, OnceCell::new()));
        Arc::new(Self(cells.collect()))
    }
}

/// A call before it is sent.
#[derive(Clone, Debug)]
pub struct Call {
    pub service: Service,
    pub method: Method,
    /// Below the service's address, without a slash in front.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(&'static str, String)>,
    /// What a search is given.
    pub body: Option<Value>,
    /// Somebody waits for it: it does not stand behind a collection.
    pub aside: bool,
}

impl Call {
    /// A call that reads.
    pub fn get(service: Service, path: &str) -> Self {
        Self {
            service,
            method: Method::GET,
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            aside: false,
        }
    }

    /// The same with a parameter more.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// The same with a header more.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same for somebody who waits.
    pub fn aside(mut self) -> Self {
        self.aside = true;
        self
    }

    /// The call for people and for the evidence: nothing secret is ever a parameter.
    pub fn text(&self) -> String {
        let mut text = format!("{} {}/{}", self.method, self.service.name(), self.path);
        for (index, (name, value)) in self.query.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
        text
    }
}

/// An answer of any status.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// Whether it is what was asked for.
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    /// Builds the client; calls nobody.
    pub fn new(config: &SourceConfig) -> anyhow::Result<Self> {
        let address = reqwest_session::Url::parse(&config.endpoint)
            .map_err(|error| anyhow::anyhow!("source {}: endpoint: {error}", config.name))?;
        Ok(Self {
            source: SourceName(config.name.clone()),
            sessions: Sessions::new(config)?,
            identity: versioned(Service::Identity, &address),
            timeout: Duration::from_secs(config.timeout_seconds.max(1)),
            slots: Semaphore::new(CALLS_AT_ONCE_MAX),
            slots_aside: Semaphore::new(CALLS_AT_ONCE_MAX),
            endpoints: RwLock::new(Endpoints::unknown()),
        })
    }

    /// Where a service is, with the microversion to ask for; `None` where the cloud does not run
    /// it. Found once and kept until [`Self::forget_endpoints`].
    pub async fn endpoint(&self, service: Service) -> Answer<Option<Arc<Endpoint>>> {
        let endpoints = {
            let known = self.endpoints.read().unwrap_or_else(|poisoned| poisoned.into_inner());
            Arc::clone(&known)
        };
        let Some(cell) = endpoints.0.get(&service) else {
            return Ok(Some(Arc::new(self.identity.clone())));
        };
        cell.get_or_try_init(|| self.find(service)).await.cloned()
    }

    async fn find(&self, service: Service) -> Answer<Option<Arc<Endpoint>>> {
        let session = self.session().await?;
        let address = self.sessions.address(&session, service).await;
        match address.map_err(|error| self.login_error(&error))? {
            Some(address) => {
                let endpoint = versioned(service, &address);
                Ok(Some(Arc::new(self.discover(service, endpoint).await?)))
            }
            None => Ok(None),
        }
    }

    /// Forgets where services are: the next call asks the catalogue again.
    pub fn forget_endpoints(&self) {
        let mut known = self.endpoints.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        *known = Endpoints::unknown();
    }

    /// Asks a service for its microversions and takes the pinned one, or the greatest below it.
    async fn discover(&self, service: Service, mut endpoint: Endpoint) -> Answer<Endpoint> {
        let (Some(pinned), Some(least)) = (service.pinned(), service.least()) else {
            return Ok(endpoint);
        };
        let name = format!("GET {} versions", service.name());
        let reply = self.repeated(|| async {
            let url = format!("{}/", endpoint.root);
            self.authenticated(&name, &self.slots, |http| http.get(&url)).await
        });
        let reply = reply.await?;
        if !reply.is_good() && reply.status != 300 {
            return Err(self.refusal(&name, &reply));
        }
        let body = json::value(&reply.body).map_err(|detail| self.malformed(&name, detail))?;
        let newest = newest_version(&body, service.path_version());
        let Some(newest) = newest else { return Ok(endpoint) };
        if newest < least {
            let detail = format!("it knows microversion {newest} at most, {least} is needed");
            return Err(self.refused(&name, detail));
        }
        endpoint.version = Some(pinned.min(newest));
        endpoint.newest = Some(newest);
        Ok(endpoint)
    }

    /// An open session of the service's own login.
    pub async fn session(&self) -> Answer<Arc<openstack::session::Session>> {
        self.repeated(|| async {
            self.sessions.get().await.map_err(|error| self.login_error(&error))
        })
        .await
    }

    /// A call whose answer must be good; repeated after time-outs, 429, 503 and the like.
    pub async fn call(&self, call: &Call) -> Answer<Reply> {
        let name = call_name(call);
        self.repeated(|| async {
            let reply = self.send(call).await?;
            if reply.is_good() { Ok(reply) } else { Err(self.refusal(&name, &reply)) }
        })
        .await
    }

    /// A call of which "there is no such thing" is an answer, too.
    pub async fn call_if_there(&self, call: &Call) -> Answer<Option<Reply>> {
        let name = call_name(call);
        self.repeated(|| async {
            let reply = self.send(call).await?;
            match reply.status {
                404 => Ok(None),
                _ if reply.is_good() => Ok(Some(reply)),
                _ => Err(self.refusal(&name, &reply)),
            }
        })
        .await
    }

    /// One call, once; the status is the caller's to judge.
    pub async fn send(&self, call: &Call) -> Answer<Reply> {
        let name = call_name(call);
        let Some(endpoint) = self.endpoint(call.service).await? else {
            let detail = "the catalogue has no such service for this region and interface";
            return Err(self.refused(&name, detail.to_owned()));
        };
        let version = endpoint.version.and_then(|version| call.service.header(version));
        let url = format!("{}/{}", endpoint.base, call.path);
        let url = url.trim_end_matches('/').to_owned();
        let slots = if call.aside { &self.slots_aside } else { &self.slots };
        self.authenticated(&name, slots, |http| {
            let mut request = http.request(call.method.clone(), &url).query(&call.query);
            request = request.header("Accept", "application/json");
            for (name, value) in call.headers.iter().chain(&version) {
                request = request.header(*name, value);
            }
            match &call.body {
                Some(body) => request.json(body),
                None => request,
            }
        })
        .await
    }

    /// A service's own clock, unix seconds; `None` where its answers carry no date.
    pub async fn clock_of(&self, service: Service) -> Answer<Option<i64>> {
        let reply = self.send(&Call::get(service, "")).await?;
        let date = reply.header("date").and_then(|text| rfc2822::parse(text).ok());
        Ok(date.map(|date| date.timestamp().as_second()))
    }

    /// One call to a whole address of a service, once.
    pub async fn send_to(&self, name: &str, method: Method, url: &str) -> Answer<Reply> {
        self.authenticated(name, &self.slots, |http| http.request(method.clone(), url)).await
    }

    /// One call of the identity service without a token: a request for one. Never repeated: a
    /// wrong password counts each time.
    pub async fn send_without_token(
        &self,
        name: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Answer<Reply> {
        let url = format!("{}/{path}", self.identity.base);
        self.transmit(name, self.sessions.http.request(method, url).json(body)).await
    }

    /// One call of the identity service with a token that is not the session's.
    pub async fn send_as(
        &self,
        name: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer<Reply> {
        let url = format!("{}/{path}", self.identity.base);
        let request = self.sessions.http.request(method, url);
        let request = headers.iter().fold(request, |all, (name, value)| all.header(*name, *value));
        self.transmit(name, request).await
    }

    /// Sends with the token; with a new one where it is refused, once.
    async fn authenticated(
        &self,
        name: &str,
        slots: &Semaphore,
        build: impl Fn(&reqwest_session::Client) -> RequestBuilder,
    ) -> Answer<Reply> {
        let (reply, session) = self.authenticated_once(name, slots, &build).await?;
        if reply.status != 401 {
            return Ok(reply);
        }
        self.sessions.drop_refused(&session).await;
        let (reply, session) = self.authenticated_once(name, slots, &build).await?;
        if reply.status != 401 {
            return Ok(reply);
        }
        self.sessions.drop_refused(&session).await;
        Err(self.refusal(name, &reply))
    }

    async fn authenticated_once(
        &self,
        name: &str,
        slots: &Semaphore,
        build: &impl Fn(&reqwest_session::Client) -> RequestBuilder,
    ) -> Answer<(Reply, Arc<openstack::session::Session>)> {
        let session = self.sessions.get().await.map_err(|error| self.login_error(&error))?;
        let request = build(&self.sessions.http);
        let request = self.sessions.authenticate(&session, request).await;
        let request = request.map_err(|error| self.login_error(&error))?;
        let _slot = slots.acquire().await;
        Ok((self.transmit(name, request).await?, session))
    }

    /// Sends a request as it is, beside the calls that wait for a slot.
    pub async fn transmit(&self, name: &str, request: RequestBuilder) -> Answer<Reply> {
        let response = request.send().await.map_err(|error| self.unreached(name, &error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = self.body_of(name, response).await?;
        Ok(Reply { status, headers, body })
    }

    async fn body_of(&self, name: &str, mut response: Response) -> Answer<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| self.unreached(name, &error))?
        {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_BYTES_MAX {
                let detail = format!("more than {BODY_BYTES_MAX} bytes");
                return Err(self.malformed(name, detail));
            }
        }
        Ok(body)
    }

    /// Repeats what may be repeated, and waits as long as it was told to.
    pub async fn repeated<T, F>(&self, attempt: impl FnMut() -> F) -> Answer<T>
    where
        F: Future<Output = Answer<T>>,
    {
        let policy = ExponentialBuilder::default()
            .with_min_delay(WAIT_MIN)
            .with_max_delay(WAIT_MAX)
            .with_max_times(TRIES_MAX - 1)
            .with_jitter();
        attempt
            .retry(policy)
            .when(OrchestratorError::is_retryable)
            .adjust(|error, wait| match (error, wait) {
                (OrchestratorError::Throttled { after: Some(after), .. }, Some(wait)) => {
                    Some((*after).min(WAIT_MAX).max(wait))
                }
                (_, wait) => wait,
            })
            .await
    }
}

/// Method, service and path without parameters: what an error names.
fn call_name(call: &Call) -> String {
    format!("{} {}/{}", call.method, call.service.name(), call.path)
}

/// The greatest microversion that a service's root names for a version of its path.
fn newest_version(body: &Value, wanted: Option<&str>) -> Option<Microversion> {
    let read = |version: &Value| {
        let text = json::text(version, "version").or_else(|| json::text(version, "max_version"));
        Microversion::parse(&text?)
    };
    if let Some(version) = body.get("version") {
        return read(version);
    }
    let major = wanted.and_then(|wanted| wanted.split('.').next())?;
    let versions = json::list(body, "versions").iter();
    let fits = versions.filter(|version| {
        let id = json::text(version, "id");
        id.is_some_and(|id| id.split('.').next() == Some(major))
    });
    fits.filter_map(read).max()
}

impl Client {
    fn unreached(&self, name: &str, error: &reqwest_session::Error) -> OrchestratorError {
        let source_name = self.source.0.clone();
        let request = name.to_owned();
        if error.is_timeout() {
            let seconds = self.timeout.as_secs();
            return OrchestratorError::Timeout { source_name, request, seconds };
        }
        let kind = if error.is_connect() {
            "connecting failed"
        } else if error.is_body() || error.is_decode() {
            "the answer was cut"
        } else {
            "sending failed"
        };
        OrchestratorError::Unreachable { source_name, request, detail: kind.to_owned() }
    }

    /// An answer that is none.
    pub fn malformed(&self, name: &str, detail: String) -> OrchestratorError {
        let request = name.to_owned();
        OrchestratorError::Malformed { source_name: self.source.0.clone(), request, detail }
    }

    /// A call that makes no sense here.
    pub fn refused(&self, name: &str, detail: String) -> OrchestratorError {
        let request = name.to_owned();
        OrchestratorError::Refused { source_name: self.source.0.clone(), request, detail }
    }

    /// What a bad status means.
    pub fn refusal(&self, name: &str, reply: &Reply) -> OrchestratorError {
        let source_name = self.source.0.clone();
        let request = name.to_owned();
        match reply.status {
            401 => {
                let detail = words(&reply.body);
                OrchestratorError::Unauthenticated { source_name, request, detail }
            }
            403 => OrchestratorError::Forbidden { source_name, request },
            status @ (413 | 429) => {
                let after = reply.header("retry-after").and_then(|text| text.parse().ok());
                let after = after.map(Duration::from_secs);
                OrchestratorError::Throttled { source_name, request, status, after }
            }
            status @ (500 | 502 | 503 | 504) => {
                OrchestratorError::Unavailable { source_name, request, status }
            }
            status => {
                let detail = format!("{status}: {}", words(&reply.body));
                OrchestratorError::Refused { source_name, request, detail }
            }
        }
    }

    /// What went wrong when the session signed in or read its catalogue.
    fn login_error(&self, error: &Error) -> OrchestratorError {
        let source_name = self.source.0.clone();
        let request = "sign-in".to_owned();
        match error.kind() {
            ErrorKind::AuthenticationFailed => {
                let detail = "user, project, domain or secret are not right".to_owned();
                OrchestratorError::Unauthenticated { source_name, request, detail }
            }
            ErrorKind::AccessDenied => OrchestratorError::Forbidden { source_name, request },
            // The session does not tell which of them it was.
            ErrorKind::InternalServerError => {
                OrchestratorError::Unavailable { source_name, request, status: 503 }
            }
            ErrorKind::ProtocolError | ErrorKind::OperationTimedOut => {
                let detail = "no answer, or none that holds a token".to_owned();
                OrchestratorError::Unreachable { source_name, request, detail }
            }
            ErrorKind::InvalidResponse => {
                let detail = "the answer holds no token".to_owned();
                OrchestratorError::Malformed { source_name, request, detail }
            }
            ErrorKind::ResourceNotFound => {
                let detail = "not found: is the endpoint that of the identity service?".to_owned();
                OrchestratorError::Refused { source_name, request, detail }
            }
            _ => {
                let detail = cut(&error.to_string());
                OrchestratorError::Refused { source_name, request, detail }
            }
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(WORDS_MAX).collect()
}

/// The service's own words about a refusal: `{"error": {"message"}}`, `{"NeutronError": …}`,
/// `{"message"}`, `{"error"}` and the like.
fn words(body: &[u8]) -> String {
    let Ok(value) = json::value(body) else { return "no reason that could be read".to_owned() };
    let inner = value.as_object().into_iter().flat_map(|fields| fields.values());
    let candidates = std::iter::once(&value).chain(inner);
    let found = candidates.filter(|value| value.is_object()).find_map(|value| {
        let fields = ["message", "faultstring", "title", "description", "error"];
        fields.iter().find_map(|field| json::text(value, field))
    });
    found.map_or_else(|| "no reason".to_owned(), |text| cut(&text))
}
