//! One request: its service, its caller, its parameters, and the forms of refusals.

use serde_json::{Value, json};

use super::tokens::Held;
use super::world::World;
use super::{Cloud, cinder, dates, glance, gnocchi, keystone, neutron, nova};
use crate::app::SystemClock;
use crate::clock::Clock;
use crate::demo::http::{Request, Response, pairs};
use crate::demo::server::{Fault, Service as Behind, lock, take};

/// A service of the region, as its paths begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Identity,
    Compute,
    Volume,
    Image,
    Network,
    Metric,
}

impl Service {
    fn of(segment: &str) -> Option<Self> {
        Some(match segment {
            "identity" => Self::Identity,
            "compute" => Self::Compute,
            "volume" => Self::Volume,
            "image" => Self::Image,
            "network" => Self::Network,
            "metric" => Self::Metric,
            _ => return None,
        })
    }
}

/// Why a call is refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: u16,
    pub text: String,
}

impl Refusal {
    pub fn new(status: u16, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// The caller shows no token that holds.
    pub fn unknown() -> Self {
        Self::new(401, "The request you have made requires authentication.")
    }

    /// There is no such path.
    pub fn no_path() -> Self {
        Self::new(404, "The resource could not be found.")
    }

    fn response(&self, service: Service) -> Response {
        let code = self.status;
        let message = &self.text;
        let body = match (service, code) {
            // The same code stands before all services and asks who calls.
            (Service::Identity, _) | (_, 401) => json!({ "error": {
                "code": code, "message": message, "title": title(code),
            } }),
            (Service::Compute | Service::Volume, _) => {
                json!({ kind(code): { "code": code, "message": message } })
            }
            (Service::Network, _) => json!({ "NeutronError": {
                "type": kind(code), "message": message, "detail": "",
            } }),
            (Service::Metric, _) => {
                json!({ "code": code, "title": title(code), "description": message })
            }
            (Service::Image, _) => {
                json!({ "code": code, "title": title(code), "message": message })
            }
        };
        let mut response = answer(code, &body);
        if code == 401 {
            let header =
                ("WWW-Authenticate".to_owned(), "Keystone uri=\"/identity/v3\"".to_owned());
            response.headers.push(header);
        }
        response
    }
}

fn title(code: u16) -> &'static str {
    match code {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        429 => "Too Many Requests",
        _ => "Service Unavailable",
    }
}

fn kind(code: u16) -> &'static str {
    match code {
        400 => "badRequest",
        403 => "forbidden",
        404 => "itemNotFound",
        406 => "notAcceptable",
        409 => "conflictingRequest",
        429 => "overLimit",
        _ => "serviceUnavailable",
    }
}

/// An answer in JSON.
pub fn answer(status: u16, body: &Value) -> Response {
    Response {
        status,
        content_type: "application/json".to_owned(),
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    }
}

/// An answer without a body.
pub fn empty(status: u16) -> Response {
    Response {
        status,
        content_type: "application/json".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

/// What came of a call.
pub type Outcome = Result<Response, Refusal>;

/// A call of one service.
pub struct Call<'c> {
    pub cloud: &'c Cloud,
    pub request: &'c Request,
    /// The parts of the path below the service's own.
    pub path: Vec<&'c str>,
    pub query: Vec<(String, String)>,
    /// Scheme, host and port as the caller wrote them.
    pub origin: String,
    /// The region's time.
    pub now: i64,
}

impl Call<'_> {
    /// A parameter that is not empty.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|text| text == "1" || text.eq_ignore_ascii_case("true"))
    }

    /// The token behind `X-Auth-Token`.
    pub fn caller(&self) -> Result<Held, Refusal> {
        let shown = self.request.header("x-auth-token").unwrap_or("");
        self.token(shown).ok_or_else(Refusal::unknown)
    }

    /// A token that holds now, by the machine's clock.
    pub fn token(&self, text: &str) -> Option<Held> {
        lock(&self.cloud.tokens).get(text, SystemClock.now_seconds()).cloned()
    }

    /// The body as JSON.
    pub fn body(&self) -> Result<Value, Refusal> {
        let wrong = |error| Refusal::new(400, format!("Malformed request body: {error}"));
        serde_json::from_str(&self.request.body).map_err(wrong)
    }

    /// Runs with the world as it is.
    pub fn with<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&lock(&self.cloud.world))
    }

    /// The asked-for page of rows and where the next one is: rows after the one whose `marker`
    /// field is asked for, no more than `limit`. A full page links a next one, be it empty.
    pub fn page(&self, rows: Vec<Value>, marker: &str) -> Result<Page, Refusal> {
        let most = lock(&self.cloud.settings).page_size_max;
        let limit = match self.parameter("limit") {
            Some(text) => text.parse().map_err(|_| Refusal::new(400, "limit is no number"))?,
            None => most,
        };
        let limit = most.min(limit);
        let from = match self.parameter("marker") {
            Some(after) => {
                let at = rows.iter().position(|row| row[marker] == after);
                at.ok_or_else(|| Refusal::new(400, format!("marker [{after}] not found")))? + 1
            }
            None => 0,
        };
        let rows: Vec<Value> = rows.into_iter().skip(from).take(limit).collect();
        let last = rows.last().filter(|_| rows.len() == limit);
        let next = last.and_then(|row| row[marker].as_str()).map(|last| {
            let kept = self.query.iter().filter(|(key, _)| key != "marker");
            let mut next = format!("{}{}?", self.origin, self.request.path);
            for (key, value) in kept {
                next.push_str(&format!("{key}={}&", crate::demo::http::encode(value)));
            }
            format!("{next}marker={last}")
        });
        Ok(Page { rows, next })
    }
}

/// A page of a list.
pub struct Page {
    pub rows: Vec<Value>,
    /// Address of the next one.
    pub next: Option<String>,
}

impl Page {
    /// The list, with its link in the form of most services: `KEY_links`.
    pub fn linked(self, key: &str) -> Response {
        let name = format!("{key}_links");
        self.with(key, &name)
    }

    /// The list, with its link under a name.
    pub fn with(self, key: &str, links: &str) -> Response {
        let mut body = json!({ key: self.rows });
        if let Some(next) = self.next {
            body[links] = json!([{ "rel": "next", "href": next }]);
        }
        answer(200, &body)
    }
}

impl Behind for Cloud {
    fn answer(&self, request: &Request) -> Response {
        let call = format!("{} {}", request.method, request.path);
        lock(&self.control).calls.push(call);
        let mut segments = request.path.split('/').filter(|segment| !segment.is_empty());
        let Some(service) = segments.next().and_then(Service::of) else {
            return Refusal::no_path().response(Service::Identity);
        };
        let call = Call {
            cloud: self,
            request,
            path: segments.collect(),
            query: pairs(&request.query),
            origin: format!("http://{}", request.header("host").unwrap_or("localhost")),
            now: self.clock.now_seconds(),
        };
        let outcome = match service {
            Service::Identity => keystone::answer_call(&call),
            Service::Compute => nova::answer_call(&call),
            Service::Volume => cinder::answer_call(&call),
            Service::Image => glance::answer_call(&call),
            Service::Network => neutron::answer_call(&call),
            Service::Metric => gnocchi::answer_call(&call),
        };
        let mut response = outcome.unwrap_or_else(|refusal| refusal.response(service));
        if service == Service::Metric {
            // As the web server before it says; the region's time is not the machine's.
            response.headers.push(("Date".to_owned(), dates::http(call.now)));
        }
        response
    }

    fn refuse(&self, status: u16) -> Response {
        let text = match status {
            429 => "This request was rate-limited.",
            _ => "The server is currently unavailable. Please try again at a later time.",
        };
        Refusal::new(status, text).response(Service::Compute)
    }

    fn next_fault(&self) -> Option<Fault> {
        take(&mut lock(&self.control).faults)
    }
}
