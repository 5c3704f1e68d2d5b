//! A running simulated region and a caller that speaks to it as its documentation says.

use std::sync::Arc;

use billow::demo::clock::DemoClock;
use billow::demo::openstack::{Settings, Simulator, seed};
use billow::demo::seed::{DAY, Size};
use serde_json::{Value, json};

use super::cloud::START;

/// The region, thirty days after its start.
pub struct Region {
    pub simulator: Simulator,
    pub clock: Arc<DemoClock>,
    pub client: reqwest::Client,
}

/// Status, headers and body of an answer.
pub struct Told {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Region {
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(DemoClock::at(START + 30 * DAY));
        let world = seed::world(7, Size::Full, START);
        let simulator = Simulator::start(world, Settings::usual(), clock.clone(), 0).await;
        let simulator = simulator.expect("start the simulated region");
        Self { simulator, clock, client: reqwest::Client::new() }
    }

    /// One call; a text of the headers is `name: value`.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Told {
        let root = self.simulator.endpoint();
        let root = root.strip_suffix("/identity/v3").expect("the identity service's address");
        let method: reqwest::Method = method.parse().expect("a method");
        let mut request = self.client.request(method, format!("{root}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Told { status, headers, body }
    }

    /// A call of a token's holder, with the greatest microversions.
    pub async fn get(&self, token: &str, path: &str) -> Told {
        let version = match path {
            _ if path.starts_with("/compute") => "compute 2.96",
            _ => "volume 3.70",
        };
        let headers = [("X-Auth-Token", token), ("OpenStack-API-Version", version)];
        self.call("GET", path, &headers, None).await
    }

    /// A search of a token's holder.
    pub async fn search(&self, token: &str, path: &str, body: &Value) -> Told {
        self.call("POST", path, &[("X-Auth-Token", token)], Some(body)).await
    }

    /// The body that asks for a token by a user's password.
    pub fn login(&self, user: &str, scope: Value) -> Value {
        let world = self.simulator.world();
        let held = world.users.iter().find(|one| one.name == user).expect("a user");
        let domain = json!({ "name": world.domains[held.domain].name });
        let person = json!({ "name": user, "domain": domain, "password": held.password });
        let identity = json!({ "methods": ["password"], "password": { "user": person } });
        json!({ "auth": { "identity": identity, "scope": scope } })
    }

    pub async fn ask_token(&self, body: &Value) -> Told {
        self.call("POST", "/identity/v3/auth/tokens", &[], Some(body)).await
    }

    /// A user's token for a project of their domain.
    pub async fn token(&self, user: &str, project: &str) -> String {
        let world = self.simulator.world();
        let held = world.users.iter().find(|one| one.name == user).expect("a user");
        let domain = json!({ "name": world.domains[held.domain].name });
        let scope = json!({ "project": { "name": project, "domain": domain } });
        let told = self.ask_token(&self.login(user, scope)).await;
        assert_eq!(told.status, 201, "{}", told.body);
        told.headers["x-subject-token"].to_str().expect("a token").to_owned()
    }

    pub async fn admin(&self) -> String {
        self.token("admin", "admin").await
    }
}
