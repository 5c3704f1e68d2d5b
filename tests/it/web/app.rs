//! `TestApp`: the real server on a port of its own, a scripted cloud, and two resellers with
//! their customers.

use std::net::TcpListener;
use std::sync::Arc;

use billow::app::App;
use billow::audit::Actor;
use billow::bill::document::{Address, Language};
use billow::clock::ManualClock;
use billow::config::{AutoOwners, Config};
use billow::customer::change::{Change, NewSeller, save_seller};
use billow::customer::store::{AsOf, load_customers};
use billow::customer::sync::{OwnerReading, sync_owners};
use billow::customer::{Customer, SellerDetails};
use billow::ids::{IdMaker, OwnerRef, SellerId, SourceName};
use billow::orchestrator::{OwnerInfo, OwnerKind, Rank};
use billow::store::Db;
use reqwest::header::{HeaderMap, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::cloud::{Cloud, SOURCE, owner};
use crate::support::db;

pub const ROOT: (&str, &str) = ("d-root", "ROOT");
pub const ALPHA: (&str, &str) = ("d-alpha", "ROOT/alpha");
pub const BETA: (&str, &str) = ("d-beta", "ROOT/beta");
/// A domain below alpha's that no seller owns.
pub const LEAF: (&str, &str) = ("d-leaf", "ROOT/alpha/leaf");

/// The server with its cloud.
pub struct TestApp {
    pub address: String,
    pub app: App,
    pub cloud: Arc<Cloud>,
    pub clock: Arc<ManualClock>,
    pub client: Client,
    pub beta: SellerId,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.body))
    }

    /// The error's code.
    #[track_caller]
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().expect("an error's code").to_owned()
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.unwrap_or_else(|| panic!("no header {name}")).to_str().expect("readable")
    }

    /// Value of the session's cookie.
    pub fn cookie(&self) -> Option<String> {
        let cookies = self.headers.get_all(SET_COOKIE).iter();
        let text = cookies.filter_map(|value| value.to_str().ok()).next_back()?;
        let value = text.strip_prefix("billow_session=")?.split(';').next()?;
        Some(value.to_owned())
    }
}

impl TestApp {
    /// A server with the ordinary settings on SQLite.
    pub async fn start() -> Self {
        Self::start_with("", db::sqlite().await).await
    }

    /// A server with lines of its own in `[server]`.
    pub async fn start_with(server: &str, db: Db) -> Self {
        // Another test of this process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let text = format!("[database]\naddress = \"sqlite:unused\"\n[server]\n{server}\n");
        let config = Config::parse(&text, "test.toml").expect("a valid configuration");
        let clock = Arc::new(ManualClock::at("2026-07-01T00:00:00Z".parse().expect("instant")));
        let cloud = Arc::new(Cloud::new());
        let app = App {
            config: Arc::new(config),
            db,
            clock: clock.clone(),
            orchestrators: vec![cloud.clone()],
            actor: Actor("test".to_owned()),
            looks: Default::default(),
        };
        let beta = make_world(&app, &cloud).await;
        clock.set("2026-10-15T12:00:00Z".parse().expect("instant"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let server = billow::web::serve(app.clone(), listener).await.expect("serve");
        tokio::spawn(server);
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Self { address, app, cloud, clock, client, beta }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.address))
    }

    /// Sends a request and reads the answer.
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.expect("a body");
        Reply { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    /// A GET with a token.
    pub async fn get(&self, token: &str, path: &str) -> Reply {
        self.send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    /// Tries to exchange a credential for a token.
    pub async fn try_sign_in(&self, body: Value) -> Reply {
        self.send(self.request(Method::POST, "/api/v1/session").json(&body)).await
    }

    /// A token of a user with their password.
    pub async fn token(&self, name: &str) -> String {
        let password = format!("pw-{name}");
        let body = json!({ "password": { "name": name, "password": password } });
        let reply = self.try_sign_in(body).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        reply.json()["session"]["token"].as_str().expect("a token").to_owned()
    }

    /// The customer made of an account.
    pub async fn customer(&self, name: &str) -> Customer {
        let mut conn = self.app.db.read().await.expect("connect");
        let as_of = AsOf::now(self.app.clock.now_seconds());
        let customers = load_customers(&mut conn, as_of).await.expect("customers");
        let found = customers.into_iter().find(|customer| customer.details.name == name);
        found.unwrap_or_else(|| panic!("no customer {name}"))
    }
}

/// Two resellers below the provider, their accounts and a project, and a user for each rank;
/// gives the second reseller.
async fn make_world(app: &App, cloud: &Cloud) -> SellerId {
    let at = app.clock.now_seconds();
    let ids = IdMaker::new(&*app.clock);
    let change = Change { ids: &ids, at, actor: &app.actor, reason: None };
    let source = SourceName(SOURCE.to_owned());
    let mut tx = app.db.begin().await.expect("begin");
    let mut sellers = Vec::new();
    let mut parent = None;
    for (code, domain) in [("provider", ROOT), ("alpha", ALPHA), ("beta", BETA)] {
        let domain = OwnerRef { source: source.clone(), id: domain.0.to_owned() };
        let new = NewSeller {
            code: code.to_owned(),
            parent: parent.clone(),
            domain: Some(domain),
            details: seller_details(code),
            from: 0,
        };
        let id = save_seller(&mut tx, new, &change).await.expect("a seller");
        parent.get_or_insert(id.clone());
        sellers.push(id);
    }
    let reading = OwnerReading { source: &source, auto: AutoOwners::Account, owners: owners() };
    sync_owners(&mut tx, reading, &change).await.expect("owners");
    tx.commit().await.expect("commit");
    add_users(cloud);
    sellers.pop().expect("beta")
}

fn owners() -> Vec<OwnerInfo> {
    let domain = |own: (&str, &str), above: Option<&str>| OwnerInfo {
        domain_id: above.map(str::to_owned),
        ..owner(own.0, OwnerKind::Domain, own)
    };
    let project = OwnerInfo {
        account_id: Some("acme".to_owned()),
        ..owner("apollo", OwnerKind::Project, ALPHA)
    };
    vec![
        domain(ROOT, None),
        domain(ALPHA, Some(ROOT.0)),
        domain(BETA, Some(ROOT.0)),
        domain(LEAF, Some(ALPHA.0)),
        owner("acme", OwnerKind::Account, ALPHA),
        owner("zeta", OwnerKind::Account, ALPHA),
        owner("leafy", OwnerKind::Account, LEAF),
        owner("bolt", OwnerKind::Account, BETA),
        project,
    ]
}

fn add_users(cloud: &Cloud) {
    cloud.add_user("root", ROOT, Rank::Operator, &[]);
    cloud.add_user("audrey", ROOT, Rank::Auditor, &[]);
    cloud.add_user("alice", ALPHA, Rank::DomainAdmin, &[]);
    cloud.add_user("bea", BETA, Rank::DomainAdmin, &[]);
    cloud.add_user("lena", LEAF, Rank::DomainAdmin, &[]);
    cloud.add_user("anna", ALPHA, Rank::User, &["acme", "apollo"]);
    cloud.add_user("paul", ALPHA, Rank::User, &["apollo"]);
    cloud.add_user("zoe", ALPHA, Rank::User, &["zeta"]);
    cloud.add_user("bob", BETA, Rank::User, &["bolt"]);
}

fn seller_details(code: &str) -> SellerDetails {
    let details = json!({
        "name": format!("{code} Ltd"),
        "address": Address {
            lines: vec!["1 Main Street".to_owned()],
            postal_code: "10115".to_owned(),
            city: "Berlin".to_owned(),
            region: None,
            country: "DE".to_owned(),
        },
        "vat_id": "DE136695976",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "language": Language::En,
        "invoice_series": code.to_uppercase(),
        "credit_series": format!("{}-CN", code.to_uppercase()),
        "price_book": "standard",
        "tax_rules": [{ "category": "S", "percent": "19" }],
    });
    serde_json::from_value(details).expect("a seller's details")
}
