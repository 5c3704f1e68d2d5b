//! The lab as a client of its APIs sees it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Tests that break the lab's services wait for those that only use it.
static LAB: RwLock<()> = RwLock::const_new(());

/// How long the lab may take for one change, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the lab says of itself (`tests/lab/README.md`).
#[derive(Clone)]
pub struct Lab {
    pub facts: Value,
    pub http: reqwest::Client,
}

impl Lab {
    /// The lab that `BILLOW_TEST_OPENSTACK` names.
    pub fn open() -> Self {
        let path = std::env::var("BILLOW_TEST_OPENSTACK")
            .expect("BILLOW_TEST_OPENSTACK names no lab.json: run the tests by tests/run");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let facts = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        // Another test of the same process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .pool_max_idle_per_host(0)
            .build()
            .expect("an HTTP client");
        Self { facts, http }
    }

    /// Uses the lab beside other tests.
    pub async fn shared(&self) -> RwLockReadGuard<'static, ()> {
        LAB.read().await
    }

    /// Has the lab to oneself, to break it.
    pub async fn alone(&self) -> RwLockWriteGuard<'static, ()> {
        LAB.write().await
    }

    /// Ends or starts a service, and waits until it is down, or healthy again.
    pub async fn control(&self, verb: &str, service: &str) {
        let url = format!("{}/{verb}/{service}", self.fact("/control"));
        let answer = self.http.post(url).send().await.expect("the lab answers");
        let (status, body) = (answer.status(), answer.text().await.expect("a whole answer"));
        assert_eq!(status, 200, "{verb} {service}: {body}");
    }

    /// A text among the facts, by JSON pointer.
    pub fn fact(&self, pointer: &str) -> String {
        let fact = self.facts.pointer(pointer).and_then(Value::as_str);
        fact.unwrap_or_else(|| panic!("lab.json has no {pointer}")).to_owned()
    }

    /// The cloud's administrator.
    pub async fn admin(&self) -> Session {
        self.sign_in("admin", &self.fact("/admin/password"), "admin").await
    }

    /// Signs a user of the default domain in to a project of it.
    pub async fn sign_in(&self, user: &str, password: &str, project: &str) -> Session {
        let domain = json!({ "name": "Default" });
        let person = json!({ "name": user, "password": password, "domain": domain });
        let identity = json!({ "methods": ["password"], "password": { "user": person } });
        let scope = json!({ "project": { "name": project, "domain": domain } });
        let body = json!({ "auth": { "identity": identity, "scope": scope } });
        let url = format!("{}/auth/tokens", self.fact("/auth_url"));
        let answer = self.http.post(&url).json(&body).send().await.expect("Keystone answers");
        assert_eq!(answer.status(), 201, "{user} signs in to {project}");
        let token = answer.headers()["x-subject-token"].to_str().expect("a token").to_owned();
        let body: Value = answer.json().await.expect("a token's body");
        let mut endpoints = BTreeMap::from([("identity".to_owned(), self.fact("/auth_url"))]);
        for service in body["token"]["catalog"].as_array().expect("a catalogue") {
            let places = service["endpoints"].as_array().expect("endpoints");
            let public = places.iter().find(|place| place["interface"] == "public");
            let url = public.and_then(|place| place["url"].as_str()).expect("a public endpoint");
            let kind = service["type"].as_str().expect("a type");
            endpoints.entry(kind.to_owned()).or_insert_with(|| url.to_owned());
        }
        let project = text(&body, "/token/project/id");
        Session { lab: self.clone(), token, project, endpoints }
    }
}

/// A text of an answer, by JSON pointer.
pub fn text(body: &Value, pointer: &str) -> String {
    let found = body.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {pointer} in {body}")).to_owned()
}

/// A caller who is signed in to one project.
pub struct Session {
    lab: Lab,
    pub token: String,
    pub project: String,
    endpoints: BTreeMap<String, String>,
}

impl Session {
    /// One call, whatever the answer; an empty answer is null.
    pub async fn ask(&self, method: &str, place: &str, body: Option<Value>) -> (u16, Value) {
        let (service, path) = place.split_once(' ').expect("SERVICE /path");
        let url = format!("{}{path}", self.endpoints[service]);
        let method: reqwest::Method = method.parse().expect("a method");
        let mut request = self.lab.http.request(method, url).header("X-Auth-Token", &self.token);
        let version = match service {
            "compute" => Some("compute 2.79"),
            "block-storage" => Some("volume 3.65"),
            _ => None,
        };
        if let Some(version) = version {
            request = request.header("OpenStack-API-Version", version);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap_or_else(|error| panic!("{place}: {error}"));
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.expect("a whole answer");
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// A call that must succeed.
    pub async fn call(&self, method: &str, place: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.ask(method, place, body).await;
        assert!((200..300).contains(&status), "{method} {place}: {status} {answer}");
        answer
    }

    pub async fn get(&self, place: &str) -> Value {
        self.call("GET", place, None).await
    }

    pub async fn post(&self, place: &str, body: Value) -> Value {
        self.call("POST", place, Some(body)).await
    }

    pub async fn delete(&self, place: &str) {
        self.call("DELETE", place, None).await;
    }

    /// Ends the login, as the user's own console does.
    pub async fn revoke(&self) {
        let url = format!("{}/auth/tokens", self.lab.fact("/auth_url"));
        let request = self.lab.http.delete(url).header("X-Auth-Token", &self.token);
        let answer = request.header("X-Subject-Token", &self.token).send().await;
        assert_eq!(answer.expect("Keystone answers").status(), 204);
    }

    /// Reads until what is read is as wanted, and gives it.
    pub async fn until(&self, place: &str, wanted: impl Fn(u16, &Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let (status, answer) = self.ask("GET", place, None).await;
            if wanted(status, &answer) {
                return answer;
            }
            assert!(begun.elapsed() < PATIENCE, "{place} stays {status} {answer}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
