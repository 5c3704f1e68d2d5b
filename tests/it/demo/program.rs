//! Goal: `billow demo` shows invoices of four closed months to every login that it prints, each
//! sees what is its own, and Ctrl-C ends all. Method: the program is started as its user starts
//! it; everything else goes through its address.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::Mutex;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::db::folder;

const MONTHS: usize = 4;

struct Demo {
    child: Child,
    address: String,
    logins: Vec<Value>,
    tries: Vec<Value>,
    client: Client,
    /// Tokens by user: an address may sign in ten times a minute.
    tokens: Mutex<BTreeMap<String, String>>,
}

impl Demo {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_billow"));
        command.args(["demo", "--port", "0", "--json", "--dir"]).arg(folder("demo-program"));
        command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("start billow");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut text = String::new();
        while let Some(line) = lines.next_line().await.expect("a line") {
            text.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let told: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let address = told["address"].as_str().expect("an address").to_owned();
        let logins = told["logins"].as_array().expect("logins").clone();
        let tries = told["things_to_try"].as_array().expect("things to try").clone();
        let (client, tokens) = (Client::new(), Mutex::default());
        Self { child, address, logins, tries, client, tokens }
    }

    async fn sign_in(&self, login: &Value, password: &str) -> reqwest::Response {
        let mut shown = json!({
            "name": login["user"], "password": password, "domain": login["domain"],
        });
        for key in ["second_factor", "project"] {
            if login[key].is_string() {
                shown[key] = login[key].clone();
            }
        }
        let body = json!({ "source": login["source"], "password": shown });
        let url = format!("{}/api/v1/session", self.address);
        let sent = self.client.post(url).json(&body).send().await;
        sent.expect("an answer")
    }

    async fn token(&self, login: &Value) -> String {
        let user = login["user"].as_str().expect("a user").to_owned();
        if let Some(token) = self.tokens.lock().expect("no panic").get(&user) {
            return token.clone();
        }
        let answer = self.sign_in(login, login["password"].as_str().expect("a password")).await;
        assert_eq!(answer.status(), StatusCode::CREATED, "{login}");
        let body: Value = answer.json().await.expect("JSON");
        let token = body["session"]["token"].as_str().expect("a token").to_owned();
        self.tokens.lock().expect("no panic").insert(user, token.clone());
        token
    }

    async fn get(&self, token: &str, path: &str) -> reqwest::Response {
        let url = format!("{}{path}", self.address);
        self.client.get(url).bearer_auth(token).send().await.expect("an answer")
    }

    async fn invoices(&self, token: &str) -> Vec<Value> {
        let answer = self.get(token, "/api/v1/invoices?limit=500").await;
        assert_eq!(answer.status(), StatusCode::OK);
        let body: Value = answer.json().await.expect("JSON");
        body["invoices"].as_array().expect("invoices").clone()
    }

    fn login(&self, user: &str) -> &Value {
        self.logins.iter().find(|one| one["user"] == user).expect("the login")
    }

    /// A page is there for whom it names; the program understands a command as it is printed.
    async fn try_printed(&self, one: &Value) {
        let what = one["what"].as_str().expect("a text");
        if let Some(user) = one["user"].as_str() {
            let token = self.token(self.login(user)).await;
            let path = what.strip_prefix(&self.address).expect("an address of the console");
            assert_eq!(self.get(&token, path).await.status(), StatusCode::OK, "{what}");
        } else {
            let line = format!("{what} --help");
            let output = Command::new("sh").args(["-c", &line]).output().await.expect("a shell");
            assert_eq!(output.status.code(), Some(0), "{what}: {output:?}");
        }
    }

    async fn end(mut self) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().await.expect("kill");
        assert!(sent.success());
        assert!(self.child.wait().await.expect("its end").success(), "Ctrl-C ends it well");
        let gone = self.client.get(&self.address).send().await;
        assert!(gone.is_err(), "the console is gone");
    }
}

fn texts(rows: &[Value], key: &str) -> BTreeSet<String> {
    rows.iter().map(|row| row[key].as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn slow_a_login_of_each_role_sees_its_four_months_and_nobody_elses() {
    let demo = Demo::start().await;
    let root = demo.token(demo.login("cloud-admin")).await;
    let all = demo.invoices(&root).await;
    let sellers = texts(&all, "seller_id");
    assert!(sellers.len() == 4 && all.len() > 12 * (MONTHS - 1), "{} invoices", all.len());
    // Of the CloudStack's logins one of each role stands first.
    let region = ["admin", "polder-admin", "tern-ops"].map(|user| demo.login(user));
    for login in demo.logins.iter().take(5).chain(region) {
        let role = login["role"].as_str().expect("a role");
        let token = demo.token(login).await;
        let own = demo.invoices(&token).await;
        let months = texts(&own, "period").len();
        // One invoice of the first month is held by a doubt, for people to look at.
        let held = login["user"] == "montclair-admin";
        assert_eq!(months, MONTHS - usize::from(held), "{login}");
        let customer = role.strip_prefix("User, ").or(role.strip_prefix("member, "));
        if let Some(customer) = customer {
            assert_eq!(texts(&own, "customer_name"), BTreeSet::from([customer.to_owned()]));
        } else if role.starts_with("Domain Admin") || role.starts_with("manager") {
            assert_eq!(texts(&own, "seller_id").len(), 1, "{role}: one seller");
        } else {
            assert_eq!(own.len(), all.len(), "{role}: everything");
        }
        let numbers = texts(&own, "number");
        let page = demo.get(&token, "/billing/invoices").await.text().await.expect("a page");
        let shown = numbers.iter().filter(|number| page.contains(*number)).count();
        assert!(shown == numbers.len() || shown >= 20, "{role}: {shown} on the page");
        let id = own[0]["id"].as_str().expect("an id");
        let pdf = demo.get(&token, &format!("/api/v1/invoices/{id}.pdf")).await;
        assert_eq!(pdf.status(), StatusCode::OK, "{role}");
        assert!(pdf.bytes().await.expect("bytes").starts_with(b"%PDF-1.7"), "{role}");
        let foreign = all.iter().find(|one| !numbers.contains(one["number"].as_str().expect("n")));
        for format in ["", ".pdf", ".html", ".csv", "/lines/1/explain"] {
            let Some(foreign) = foreign else { continue };
            let id = foreign["id"].as_str().expect("an id");
            let answer = demo.get(&token, &format!("/api/v1/invoices/{id}{format}")).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{role}: {format}");
        }
    }
    let wrong = demo.sign_in(demo.login("cloud-admin"), "not-the-password").await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(demo.tries.len(), 5);
    for one in &demo.tries {
        demo.try_printed(one).await;
    }
    demo.end().await;
}
