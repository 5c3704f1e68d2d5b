//! A gate before the real Keystone, which a test may close.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::cloud::Lab;
use crate::support::server::{Reply, Request, Server, status};

/// What both sides know of the gate.
struct Shared {
    lab: Lab,
    closed: AtomicBool,
    /// The last token that went through.
    token: Mutex<Option<String>>,
}

/// Passes calls on to Keystone, or answers 503 as a balancer without a server behind it does.
pub struct Gate {
    server: Server,
    shared: Arc<Shared>,
}

impl Gate {
    pub async fn open(lab: &Lab) -> Self {
        let closed = AtomicBool::new(false);
        let shared = Arc::new(Shared { lab: lab.clone(), closed, token: Mutex::new(None) });
        let inside = shared.clone();
        let answer = move |request: &Request| {
            let (gate, request) = (inside.clone(), request.clone());
            let answer: futures_util::future::BoxFuture<'static, Reply> =
                Box::pin(async move { gate.pass(&request).await });
            answer
        };
        Self { server: Server::start_asking(Duration::ZERO, answer).await, shared }
    }

    /// To be configured as Keystone's.
    pub fn auth_url(&self) -> String {
        format!("{}/v3", self.server.address)
    }

    pub fn close(&self, closed: bool) {
        self.shared.closed.store(closed, Ordering::SeqCst);
    }

    /// The last token that went through.
    pub fn token(&self) -> String {
        self.shared.token.lock().expect("no panic").clone().expect("a token")
    }

    /// Ends the login that went through last, as an administrator does.
    pub async fn revoke(&self) {
        let token = self.token();
        let lab = &self.shared.lab;
        let admin = lab.admin().await;

        let request = lab.http.delete(format!("{}/auth/tokens", lab.fact("/auth_url")));
        let request = request.header("X-Auth-Token", &admin.token);
        let answer = request.header("X-Subject-Token", token).send().await;
        assert_eq!(answer.expect("Keystone answers").status(), 204);
    }
}

const PASSED: [&str; 3] = ["X-Auth-Token", "X-Subject-Token", "Content-Type"];

impl Shared {
    async fn pass(&self, request: &Request) -> Reply {
        if self.closed.load(Ordering::SeqCst) {
            return status(503, "no server is available");
        }
        let root = self.lab.fact("/auth_url");
        let root = root.strip_suffix("/v3").expect("an address of version 3");
        let target = request.head.split_whitespace().nth(1).expect("a target");
        let method = request.method.parse().expect("a method");
        let mut onward = self.lab.http.request(method, format!("{root}{target}"));
        for name in PASSED {
            if let Some(value) = request.header(name) {
                onward = onward.header(name, value);
            }
        }
        let answer = onward.body(request.body.clone()).send().await.expect("Keystone answers");
        let told = |name: &str| answer.headers().get(name)?.to_str().ok().map(str::to_owned);
        if let Some(token) = told("X-Subject-Token") {
            *self.token.lock().expect("no panic") = Some(token);
        }
        let headers =
            PASSED.iter().filter_map(|name| Some(format!("{name}: {}\r\n", told(name)?))).collect();
        let status = answer.status().as_u16();
        let body = answer.bytes().await.expect("a whole answer").to_vec();
        Reply::Answer { status, headers, body }
    }
}
