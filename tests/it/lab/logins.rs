//! Goal: a token of the real identity service shows its project and nothing else on every
//! endpoint, and one that is ended, revoked or limited is refused as it should be. Method: two
//! tenants with an invoice each, Billow's server beside them, and tokens of every sort.

use std::net::TcpListener;
use std::sync::Arc;

use billow::config::Config;
use billow::web::router::routes;
use reqwest::Method;
use serde_json::{Value, json};

use super::cloud::{Lab, text};
use super::life::Tenants;
use super::shop::LabShop;
use crate::support::db::sqlite;
use crate::web::isolation::{filled, method_of};

/// Seconds for which an answer about a token is believed here.
const BELIEVED: u64 = 1;

/// Billow's server beside the lab, with an invoice for each of two tenants.
struct Office {
    lab: Lab,
    tenants: Tenants,
    address: String,
    http: reqwest::Client,
}

impl Office {
    async fn open() -> Self {
        let lab = Lab::open();
        let tenants = Tenants::settle(&lab).await;
        let mut shop = LabShop::open(sqlite().await, &lab, &tenants).await;
        let text = format!(
            "[database]\naddress = \"sqlite:unused\"\n[server]\nrequests_per_minute = 100000\n\
             sign_ins_per_minute = 100000\nidentity_cache_seconds = {BELIEVED}\n"
        );
        shop.shop.app.config = Arc::new(Config::parse(&text, "test.toml").expect("settings"));
        let mut kept = tenants.volume(1).await;
        tenants.transfer(&mut kept).await;
        tenants.volume(2).await;
        shop.round().await;
        assert_eq!(shop.close().await.len(), 2, "an invoice for each tenant");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let server = billow::web::serve(shop.shop.app.clone(), listener).await.expect("serve");
        tokio::spawn(server);
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self { lab, tenants, address, http: http.build().expect("a client") }
    }

    async fn show(&self, token: &str, method: Method, path: &str) -> (u16, String) {
        let request = self.http.request(method, format!("{}{path}", self.address));
        let answer = request.header("X-Auth-Token", token).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }

    async fn get(&self, token: &str, path: &str) -> u16 {
        self.show(token, Method::GET, path).await.0
    }

    /// The rows of a list, as a token sees it.
    async fn list(&self, token: &str, name: &str) -> Vec<Value> {
        let (status, body) = self.show(token, Method::GET, &format!("/api/v1/{name}")).await;
        assert_eq!(status, 200, "{name}: {body}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        body[name].as_array().unwrap_or_else(|| panic!("no {name} in {body}")).clone()
    }

    async fn sign_in(&self, password: Value) -> (u16, Value) {
        let request = self.http.post(format!("{}/api/v1/session", self.address));
        let request = request.json(&json!({ "password": password }));
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("JSON"))
    }

    /// A token of an application credential that the first tenant makes for itself.
    async fn limited(&self, credential: Value) -> String {
        let who = &self.tenants.one;
        let user = &self.tenants.user.1;
        let mut credential = credential;
        credential["name"] = json!(uuid::Uuid::new_v4().to_string());
        let place = format!("identity /users/{user}/application_credentials");
        let made = who.post(&place, json!({ "application_credential": credential })).await;
        let made = &made["application_credential"];
        let proof = json!({ "id": made["id"], "secret": made["secret"] });
        let methods = json!(["application_credential"]);
        let identity = json!({ "methods": methods, "application_credential": proof });
        let url = format!("{}/auth/tokens", self.lab.fact("/auth_url"));
        let body = json!({ "auth": { "identity": identity } });
        let answer = self.lab.http.post(url).json(&body).send().await.expect("an answer");
        assert_eq!(answer.status(), 201);
        answer.headers()["x-subject-token"].to_str().expect("a token").to_owned()
    }
}

/// Waits until a token is refused; the answer about it is believed for a moment.
async fn until_refused(office: &Office, token: &str) {
    let begun = std::time::Instant::now();
    while office.get(token, "/api/v1/invoices").await != 401 {
        assert!(begun.elapsed().as_secs() < 30, "still accepted");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_tenants_token_sees_its_project_alone_on_every_endpoint() {
    let office = Office::open().await;
    let _beside = office.lab.shared().await;
    let (one, other) = (&office.tenants.one, &office.tenants.other);
    let mut things = Vec::new();
    for session in [one, other] {
        let customers = office.list(&session.token, "customers").await;
        let [customer] = customers.as_slice() else { panic!("one customer: {customers:?}") };
        let invoices = office.list(&session.token, "invoices").await;
        let [invoice] = invoices.as_slice() else { panic!("one invoice: {invoices:?}") };
        assert_eq!(invoice["customer_id"], customer["id"], "{invoice}");
        let ids = |of: &Value| [text(of, "/id"), text(of, "/number")].to_vec();
        things.push((ids(customer), ids(invoice), text(customer, "/name")));
    }
    let (customer, invoice, name) = &things[1];
    assert_ne!(things[0], things[1]);
    let mut tried = 0;
    for route in routes().into_iter().filter(|route| route.path.contains("{id}")) {
        let foreign = if route.path.contains("/customers/") {
            customer
        } else if route.path.contains("/invoices/") {
            invoice
        } else {
            continue;
        };
        for id in foreign {
            let path = filled(route.path, id, "1");
            let (status, body) = office.show(&one.token, method_of(&route), &path).await;
            let refused = status == 404 || (status == 403 && method_of(&route) != Method::GET);
            assert!(refused && !body.contains(name.as_str()), "{path}: {status} {body}");
            tried += 1;
        }
    }
    assert!(tried >= 20, "{tried}");
    // The same paths with its own ids are there.
    let (customer, invoice, _) = &things[0];
    for path in [format!("customers/{}", customer[0]), format!("invoices/{}", invoice[1])] {
        assert_eq!(office.get(&one.token, &format!("/api/v1/{path}")).await, 200);
    }
}

#[tokio::test]
async fn tokens_that_are_unknown_ended_revoked_or_limited_are_refused() {
    let office = Office::open().await;
    let _beside = office.lab.shared().await;
    for token in ["gAAAAABnobody", "", "x y"] {
        assert_eq!(office.get(token, "/api/v1/invoices").await, 401, "{token:?}");
    }
    // Revoked: refused once the answer about it is no longer believed.
    let again = office.tenants.again().await;
    assert_eq!(office.get(&again.token, "/api/v1/invoices").await, 200);
    again.revoke().await;
    until_refused(&office, &again.token).await;
    assert_eq!(office.get(&office.tenants.one.token, "/api/v1/invoices").await, 200);
    // Ended by itself, without anybody being asked.
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    let ends = json!({ "expires_at": end.strftime("%FT%T").to_string() });
    let short = office.limited(ends).await;
    assert_eq!(office.get(&short, "/api/v1/invoices").await, 200);
    until_refused(&office, &short).await;
    assert!(jiff::Timestamp::now() >= end - jiff::SignedDuration::from_secs(1));
    // Limited to one call of Billow's, and to another service's.
    let rule = |service: &str, path: &str| {
        let rule = json!({ "service": service, "method": "GET", "path": path });
        json!({ "access_rules": [rule] })
    };
    let token = office.limited(rule("billing", "/api/v1/invoices")).await;
    assert_eq!(office.get(&token, "/api/v1/invoices").await, 200);
    for path in ["/api/v1/customers", "/api/v1/session", "/billing"] {
        assert_eq!(office.get(&token, path).await, 403, "{path}");
    }
    let token = office.limited(rule("compute", "/v2.1/servers")).await;
    for path in ["/api/v1/invoices", "/api/v1/customers", "/billing"] {
        assert_eq!(office.get(&token, path).await, 403, "{path}");
    }
    // A credential without rules is as good as its owner.
    let token = office.limited(json!({})).await;
    assert_eq!(office.list(&token, "invoices").await.len(), 1);
}

#[tokio::test]
async fn name_password_domain_and_project_sign_in() {
    let office = Office::open().await;
    let _beside = office.lab.shared().await;
    let secret = office.lab.fact("/admin/password");
    let who = |name: &str, password: &str, domain: &str, project: Option<&str>| {
        let mut who = json!({ "name": name, "password": password, "domain": domain });
        who["project"] = json!(project);
        who
    };
    let (status, body) = office.sign_in(who("alpha-user", &secret, "Default", Some("alpha"))).await;
    assert_eq!(status, 201, "{body}");
    let session = &body["session"];
    assert_eq!(session["account_id"], office.lab.fact("/tenants/alpha/id").as_str());
    assert_eq!((&session["rank"], &session["sees"]), (&json!("user"), &json!("owners")));
    let (_, body) = office.sign_in(who("admin", &secret, "Default", Some("admin"))).await;
    assert_eq!(
        (&body["session"]["rank"], &body["session"]["sees"]),
        (&json!("operator"), &json!("provider"))
    );
    let (status, body) = office.sign_in(who("reseller-user", &secret, "reseller", None)).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(body["session"]["rank"], "domain_admin");
    let reader = office.sign_in(who("alpha-reader", &secret, "Default", Some("alpha"))).await;
    assert_eq!(reader.0, 201, "a reader sees what the project owes");
    for wrong in [
        who("alpha-user", "wrong", "Default", Some("alpha")),
        who("alpha-user", &secret, "Default", Some("beta")),
        who("alpha-user", &secret, "reseller", Some("alpha")),
        who("nobody", &secret, "Default", Some("alpha")),
    ] {
        let (status, body) = office.sign_in(wrong.clone()).await;
        assert_eq!((status, &body["error"]["code"]), (401, &json!("sign_in_refused")), "{wrong}");
    }
}
