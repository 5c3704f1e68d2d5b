//! A running simulated cloud and a caller that signs as the documentation says.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use billow::demo::clock::DemoClock;
use billow::demo::cloudstack::{Settings, Simulator};
use billow::demo::seed::{DAY, Size, world};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha1::Sha1;

/// 2026-10-01T00:00:00Z.
pub const START: i64 = 1_790_812_800;

/// The simulated cloud, thirty days after its start, and its callers.
pub struct Cloud {
    pub simulator: Simulator,
    pub clock: Arc<DemoClock>,
    pub client: reqwest::Client,
}

/// Status, headers and body of an answer.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// What is inside the envelope.
    pub fn inner(&self) -> Value {
        let json = self.json();
        let envelope = json.as_object().expect("an envelope");
        envelope.values().next().expect("one value").clone()
    }

    /// The rows of a list; none where there is no array.
    pub fn rows(&self) -> Vec<Value> {
        let inner = self.inner();
        let arrays = inner.as_object().expect("a list").values().filter_map(Value::as_array);
        arrays.flatten().cloned().collect()
    }
}

impl Cloud {
    pub async fn start() -> Self {
        Self::with(Settings::usual()).await
    }

    pub async fn with(settings: Settings) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(DemoClock::at(START + 30 * DAY));
        let world = world(7, Size::Small, START);
        let simulator = Simulator::start(world, settings, clock.clone(), 0).await;
        let simulator = simulator.expect("start the simulated cloud");
        Self { simulator, clock, client: reqwest::Client::new() }
    }

    /// Calls as a user by the user's key.
    pub async fn call(&self, user: &str, command: &str, more: &[(&str, &str)]) -> Answer {
        let world = self.simulator.world();
        let position = world.users.iter().position(|one| one.name == user);
        let position = position.expect("a user of that name");
        let key = world.keys.iter().find(|key| key.user == position).expect("a key");
        let mut parameters = vec![("command", command), ("response", "json")];
        parameters.push(("apikey", &key.api_key));
        parameters.extend_from_slice(more);
        let signature = sign(&key.secret, &parameters);
        parameters.push(("signature", &signature));
        self.get(&query(&parameters), None).await
    }

    pub async fn get(&self, query: &str, cookies: Option<&str>) -> Answer {
        let mut request = self.client.get(format!("{}?{query}", self.simulator.endpoint()));
        if let Some(cookies) = cookies {
            request = request.header("Cookie", cookies);
        }
        read(request.send().await.expect("an answer")).await
    }

    pub async fn post(&self, form: &[(&str, &str)], cookies: Option<&str>) -> Answer {
        let mut request = self.client.post(self.simulator.endpoint()).form(form);
        if let Some(cookies) = cookies {
            request = request.header("Cookie", cookies);
        }
        read(request.send().await.expect("an answer")).await
    }

    /// All usage records of a span for the root administrator.
    pub async fn usage(&self, from: i64, until: i64, more: &[(&str, &str)]) -> Vec<Value> {
        let (from, until) = (instant(from), instant(until - 1));
        let mut rows = Vec::new();
        for page in 1.. {
            let page = page.to_string();
            let mut parameters = vec![("startdate", from.as_str()), ("enddate", until.as_str())];
            parameters.extend_from_slice(&[("page", &page), ("pagesize", "500")]);
            parameters.extend_from_slice(more);
            let answer = self.call("cloud-admin", "listUsageRecords", &parameters).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let read = answer.rows();
            let last = read.len() < 500;
            rows.extend(read);
            if last {
                break;
            }
        }
        rows
    }
}

async fn read(response: reqwest::Response) -> Answer {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    Answer { status, headers, text: response.text().await.expect("a body") }
}

/// The instant as the server reads it.
pub fn instant(at: i64) -> String {
    let at = jiff::Timestamp::from_second(at).expect("an instant");
    at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

pub fn query(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    pairs.join("&")
}

pub fn sign(secret: &str, parameters: &[(&str, &str)]) -> String {
    let mut sorted = parameters.to_vec();
    sorted.sort_by(|a, b| a.0.cmp(b.0));
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(query(&sorted).to_lowercase().as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A recorded answer's text.
pub fn recorded(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/cloudstack");
    let path = path.join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
