//! A cloud that answers what real services answered, on a real socket, and an adapter for it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use billow::config::{SourceConfig, SourceKind};
use billow::orchestrator::openstack::OpenStack;
use serde_json::{Value, json};

pub use crate::support::server::{Reply, Request, Server, ok, status};

pub const SECRET: &str = "password-that-must-not-be-seen";
/// The project of the recorded life.
pub const ALPHA: &str = "efc1ca5de6934b09af550f98b360aa4a";

/// A recorded answer.
pub fn recorded(path: &str) -> Value {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/openstack/api/");
    let text = std::fs::read_to_string(format!("{root}{path}.json"));
    let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).expect("a recorded answer")
}

/// The body of a recorded answer.
pub fn body(path: &str) -> Value {
    recorded(path)["response"]["body"].clone()
}

/// Ports of the recorded services and the path at which this cloud has each.
const PLACES: [(&str, &str); 6] = [
    (":8774", "/compute"),
    (":8776", "/volume"),
    (":9292", "/image"),
    (":9696", "/network"),
    (":8041", "/metric"),
    (":8889", "/rating"),
];

/// Answers by method and path; what a test sets goes before what was recorded.
pub struct Script {
    pub answers: BTreeMap<String, Answers>,
    pub tokens: u32,
    /// Tokens that are refused from now on.
    pub revoked: Vec<String>,
    pub token: Value,
    pub validated: BTreeMap<String, (u16, Value)>,
}

type Answers = Box<dyn FnMut(&Request) -> Reply + Send>;

/// The cloud.
pub struct Cloud {
    pub server: Server,
    pub script: Arc<Mutex<Script>>,
}

impl Cloud {
    pub async fn start() -> Self {
        Self::start_slow(Duration::ZERO).await
    }

    /// A cloud whose answers take a while.
    pub async fn start_slow(latency: Duration) -> Self {
        let script = Arc::new(Mutex::new(Script {
            answers: BTreeMap::new(),
            tokens: 0,
            revoked: Vec::new(),
            token: body("keystone/token-issue-password-member"),
            validated: BTreeMap::new(),
        }));
        let shared = Arc::clone(&script);
        let server = Server::start_slow(latency, move |request| {
            shared.lock().expect("no panic").answer(request)
        })
        .await;
        Self { server, script }
    }

    /// Sets what a path answers, such as `GET /compute/v2.1/servers/detail`.
    pub fn set(&self, call: &str, answer: impl FnMut(&Request) -> Reply + Send + 'static) {
        let mut script = self.script.lock().expect("no panic");
        script.answers.insert(call.to_owned(), Box::new(answer));
    }

    /// Sets a body that a path always answers.
    pub fn set_body(&self, call: &str, body: Value) {
        self.set(call, move |_| ok(body.to_string()));
    }

    /// Sets what the identity service says of a token.
    pub fn set_token(&self, token: &str, status: u16, body: Value) {
        let mut script = self.script.lock().expect("no panic");
        script.validated.insert(token.to_owned(), (status, body));
    }

    pub fn adapter(&self) -> OpenStack {
        OpenStack::new(&self.config()).expect("an adapter")
    }

    pub fn config(&self) -> SourceConfig {
        config(&format!("{}/identity/v3", self.server.address))
    }

    /// Requests to a path so far.
    pub fn asked(&self, path: &str) -> Vec<Request> {
        let requests = self.server.requests();
        requests.into_iter().filter(|request| request.path() == path).collect()
    }
}

/// A configuration with a time-out of one second.
pub fn config(endpoint: &str) -> SourceConfig {
    // Another test of the same process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    SourceConfig {
        user: Some("billow".to_owned()),
        project: Some("service".to_owned()),
        region: Some("RegionOne".to_owned()),
        secret_file: Some(secret_file()),
        timeout_seconds: 1,
        ..SourceConfig::new("os1", SourceKind::Openstack, endpoint)
    }
}

fn secret_file() -> PathBuf {
    let file = format!("{}/openstack-secret", env!("CARGO_TARGET_TMPDIR"));
    // Tests read it while others begin.
    static WRITTEN: std::sync::Once = std::sync::Once::new();
    WRITTEN.call_once(|| std::fs::write(&file, SECRET).expect("write the secret's file"));
    file.into()
}

impl Script {
    fn answer(&mut self, request: &Request) -> Reply {
        let call = format!("{} {}", request.method, request.path());
        if let Some(answer) = self.answers.get_mut(&call) {
            return answer(request);
        }
        if call == "POST /identity/v3/auth/tokens" {
            return self.issue(request);
        }
        let token = request.header("x-auth-token").unwrap_or("").to_owned();
        if !token.starts_with("token-") || self.revoked.contains(&token) {
            return status(401, body("gnocchi/no-token-401").to_string());
        }
        if call == "GET /identity/v3/auth/tokens" {
            return self.validate(request);
        }
        match file_of(&call) {
            Some(file) => ok(body(file).to_string()),
            None => constructed(&call).map_or_else(
                || status(404, r#"{"error":{"message":"no such path"}}"#),
                |body| ok(body.to_string()),
            ),
        }
    }

    /// A token, with a catalogue that leads back here.
    fn issue(&mut self, request: &Request) -> Reply {
        if !request.body.contains(SECRET) {
            let wrong = body("keystone/token-issue-password-wrong-401");
            return status(401, wrong.to_string());
        }
        self.tokens += 1;
        let host = request.header("host").unwrap_or("");
        let mut text = self.token.to_string();
        for (port, place) in PLACES {
            text = text.replace(&format!("127.0.0.1{port}"), &format!("{host}{place}"));
        }
        let mut token: Value = serde_json::from_str(&text).expect("JSON");
        let end = jiff::Timestamp::now().as_second() + 3_600;
        let end = jiff::Timestamp::from_second(end).expect("an instant");
        token["token"]["expires_at"] = json!(end.strftime("%Y-%m-%dT%H:%M:%S.000000Z").to_string());
        Reply::Answer {
            status: 201,
            headers: format!("X-Subject-Token: token-{}\r\n", self.tokens),
            body: token.to_string().into_bytes(),
        }
    }

    fn validate(&self, request: &Request) -> Reply {
        let subject = request.header("x-subject-token").unwrap_or("");
        if let Some((code, body)) = self.validated.get(subject) {
            return status(*code, body.to_string());
        }
        if subject.starts_with("token-") {
            return ok(json!({ "token": own_token() }).to_string());
        }
        status(404, body("keystone/token-validate-unknown-404").to_string())
    }
}

/// The adapter's own token, which may do all it needs.
fn own_token() -> Value {
    let mut token = body("keystone/token-validate-nocatalog")["token"].clone();
    token["roles"] = json!([{ "name": "admin" }, { "name": "service" }]);
    token
}

/// The recorded answer of a call.
fn file_of(call: &str) -> Option<&'static str> {
    Some(match call {
        "GET /identity/v3/domains" => "keystone/domains",
        "GET /identity/v3/projects" => "keystone/projects",
        "GET /compute/v2.1/servers/detail" => "nova/servers-detail-all-2.96",
        "GET /compute/v2.1/os-simple-tenant-usage" => "nova/simple-tenant-usage-all-detailed",
        "GET /compute/v2.1/flavors/detail" => "nova/flavors-detail-2.61",
        "GET /volume/v3/volumes/detail" => "cinder/volumes-detail-all-3.70",
        "GET /volume/v3/snapshots/detail" => "cinder/snapshots-detail-all",
        "GET /volume/v3/types" => "cinder/volume-types",
        "GET /image/v2/images" => "glance/images",
        "GET /network/v2.0/floatingips" => "neutron/floatingips",
        "GET /network/v2.0/routers" => "neutron/routers",
        "GET /network/v2.0/networks" => "neutron/networks",
        "GET /network/v2.0/ports" => "neutron/ports",
        _ if call.ends_with("/os-instance-actions") => "nova/instance-actions-deleted-server",
        _ => return None,
    })
}

/// Answers of calls that were not recorded, in the form of those that were.
fn constructed(call: &str) -> Option<Value> {
    Some(match call {
        "GET /compute/v2.1/" => json!({ "version": body("nova/versions")["versions"][1] }),
        "GET /volume/v3/" => json!({ "versions": [{
            "id": "v3.0", "status": "CURRENT", "version": "3.71", "min_version": "3.0",
        }] }),
        "GET /volume/v3/backups/detail" => json!({ "backups": [] }),
        "GET /volume/v3/qos-specs" => json!({ "qos_specs": [] }),
        "GET /volume/v3/os-availability-zone" | "GET /compute/v2.1/os-availability-zone" => {
            json!({ "availabilityZoneInfo": [{ "zoneName": "nova", "zoneState": {} }] })
        }
        _ => return None,
    })
}
