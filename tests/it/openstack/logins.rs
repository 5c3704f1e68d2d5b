//! Goal: a token shows its own scope and nothing else, a password is passed on once, and what is
//! not accepted is refused without a word about why. Method: recorded answers on a socket.

use billow::orchestrator::openstack::OpenStack;
use billow::orchestrator::{
    CallRule, Credential, Identity, Orchestrator, OrchestratorError, Rank, SignIn,
};
use serde_json::{Value, json};

use super::support::{ALPHA, Cloud, Reply, Request, body, status};

const SHOWN: &str = "gAAAAAB-shown-by-a-user";

fn token(name: &str) -> Credential {
    Credential::Token { token: name.to_owned() }
}

fn password(project: Option<&str>, second_factor: Option<&str>) -> Credential {
    Credential::Password {
        name: "alpha-user".to_owned(),
        password: "pw".to_owned(),
        domain: String::new(),
        project: project.map(str::to_owned),
        second_factor: second_factor.map(str::to_owned),
    }
}

#[track_caller]
fn accepted(answer: SignIn) -> Identity {
    match answer {
        SignIn::Accepted(identity) => *identity,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(answer: SignIn) -> String {
    match answer {
        SignIn::Refused { reason } => reason,
        other => panic!("{other:?}"),
    }
}

/// The recorded token of a project's member, changed.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = body("keystone/token-validate-nocatalog");
    change(&mut body["token"]);
    body
}

async fn identity_of(body: Value) -> SignIn {
    let cloud = Cloud::start().await;
    cloud.set_token(SHOWN, 200, body);
    cloud.adapter().sign_in(token(SHOWN)).await.expect("an answer")
}

#[tokio::test]
async fn a_members_token_shows_its_project_alone() {
    let cloud = Cloud::start().await;
    cloud.set_token(SHOWN, 200, body("keystone/token-validate-nocatalog"));
    let identity = accepted(cloud.adapter().sign_in(token(SHOWN)).await.expect("an answer"));
    assert_eq!(identity.rank, Rank::User);
    assert_eq!((identity.account_id.as_str(), identity.owners), (ALPHA, vec![ALPHA.to_owned()]));
    assert_eq!(
        (identity.domain_id.as_str(), identity.domain_path.as_str()),
        ("default", "Default")
    );
    assert_eq!((identity.user_name.as_str(), identity.user_certain), ("alpha-user", true));
    let end = "2026-11-22T12:04:57Z".parse::<jiff::Timestamp>().expect("an instant");
    assert_eq!(identity.expires_at, Some(end.as_second()));
    assert_eq!(identity.rules, None);
    let asked = cloud.asked("/identity/v3/auth/tokens");
    let check: &Request = asked.last().expect("a check");
    assert_eq!(check.header("x-subject-token"), Some(SHOWN));
    assert_eq!(check.header("x-auth-token"), Some("token-1"), "asked as the service itself");
    assert_eq!(check.header("openstack-identity-access-rules"), Some("1.0"));
}

#[tokio::test]
async fn roles_and_scope_decide_the_rank() {
    let role = |name: &str| json!([{ "id": "r", "name": name }]);
    let project = |name: &str| changed(|token| token["roles"] = role(name));
    assert_eq!(accepted(identity_of(project("reader")).await).rank, Rank::User);
    assert_eq!(accepted(identity_of(project("admin")).await).rank, Rank::Operator);
    let reason = refused(identity_of(project("load-balancer_member")).await);
    assert!(reason.contains("no role"), "{reason}");
    let domain = |name: &str| {
        changed(|token| {
            token["roles"] = role(name);
            token["domain"] = json!({ "id": "d-9", "name": "reseller" });
            token.as_object_mut().expect("fields").remove("project");
        })
    };
    let identity = accepted(identity_of(domain("manager")).await);
    assert_eq!((identity.rank, identity.domain_id.as_str()), (Rank::DomainAdmin, "d-9"));
    // An administrator of a domain is not the provider.
    assert_eq!(accepted(identity_of(domain("admin")).await).rank, Rank::DomainAdmin);
    let system = changed(|token| {
        token["roles"] = role("admin");
        token["system"] = json!({ "all": true });
        token.as_object_mut().expect("fields").remove("project");
    });
    assert_eq!(accepted(identity_of(system).await).rank, Rank::Operator);
    // A role that is mapped to auditors, and one that its holder has besides.
    let audit = async |roles: Value| {
        let cloud = Cloud::start().await;
        cloud.set_token(SHOWN, 200, changed(|token| token["roles"] = roles));
        let mut config = cloud.config();
        config.auditor_roles = vec!["finance".to_owned()];
        let adapter = OpenStack::new(&config).expect("an adapter");
        adapter.sign_in(token(SHOWN)).await.expect("an answer")
    };
    assert_eq!(accepted(audit(role("finance")).await).rank, Rank::Auditor);
    let both = json!([{ "id": "r", "name": "finance" }, { "id": "s", "name": "admin" }]);
    assert_eq!(accepted(audit(both).await).rank, Rank::Operator);
    assert_eq!(accepted(audit(role("member")).await).rank, Rank::User);
    assert!(refused(identity_of(project("finance")).await).contains("no role"));
    let unscoped = changed(|token| {
        let fields = token.as_object_mut().expect("fields");
        fields.remove("project");
        fields.remove("roles");
    });
    assert!(refused(identity_of(unscoped).await).contains("no project or domain"));
}

#[tokio::test]
async fn tokens_that_are_unknown_ended_or_no_tokens_are_refused() {
    let cloud = Cloud::start().await;
    let adapter = cloud.adapter();
    for name in ["unknown", "keystone/token-validate-revoked-404"] {
        refused(adapter.sign_in(token(name)).await.expect("an answer"));
    }
    let before = cloud.server.requests().len();
    let long = "x".repeat(10_000);
    for name in ["", "two words", "new\nline", "größe", &long] {
        refused(adapter.sign_in(token(name)).await.expect("an answer"));
    }
    assert_eq!(cloud.server.requests().len(), before, "nobody was asked about what is no token");
    let forbidden = body("keystone/token-validate-as-member-other-403");
    cloud.set_token(SHOWN, 403, forbidden);
    let error = adapter.sign_in(token(SHOWN)).await.expect_err("not the caller's fault");
    assert!(matches!(error, OrchestratorError::Forbidden { .. }), "{error}");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(SHOWN), "{text}");
    }
}

#[tokio::test]
async fn access_rules_go_with_the_identity() {
    let mut body = body("keystone/token-validate-appcred");
    let identity = accepted(identity_of(body.clone()).await);
    assert_eq!(identity.rules, None, "a credential without rules is not limited");
    body["token"]["application_credential"]["access_rules"] = json!([
        { "service": "compute", "method": "GET", "path": "/v2.1/servers" },
        { "service": "billing", "method": "get", "path": "/api/v1/invoices/**" },
    ]);
    let rules = accepted(identity_of(body.clone()).await).rules.expect("rules");
    let rule = CallRule { method: "GET".to_owned(), path: "/api/v1/invoices/**".to_owned() };
    assert_eq!(rules, [rule]);
    body["token"]["application_credential"]["access_rules"] =
        json!([{ "service": "compute", "method": "GET", "path": "**" }]);
    assert_eq!(accepted(identity_of(body).await).rules, Some(Vec::new()), "nothing of ours");
}

#[test]
fn a_rule_allows_what_its_path_says() {
    let rule = |path: &str| CallRule { method: "GET".to_owned(), path: path.to_owned() };
    for (pattern, path, allowed) in [
        ("/api/v1/invoices", "/api/v1/invoices", true),
        ("/api/v1/invoices", "/api/v1/invoices/7", false),
        ("/api/v1/invoices/*", "/api/v1/invoices/7", true),
        ("/api/v1/invoices/{id}/pdf", "/api/v1/invoices/7/pdf", true),
        ("/api/v1/invoices/*", "/api/v1/invoices/7/pdf", false),
        ("/api/**", "/api/v1/invoices/7/pdf", true),
        ("/api/**/pdf", "/api/v1/invoices/7/pdf", true),
        ("/api/**/pdf", "/api/v1/invoices/7/html", false),
        ("**", "/anything/at/all", true),
        ("/api/v1/inv*", "/api/v1/invoices", false),
    ] {
        assert_eq!(rule(pattern).allows("GET", path), allowed, "{pattern} {path}");
    }
    assert!(!rule("**").allows("POST", "/api/v1/session"));
    let many = "/**".repeat(200);
    assert!(!rule(&format!("{many}/end")).allows("GET", &"/a".repeat(400)), "and it ends");
}

/// A cloud whose identity service gives `alpha-user` a token.
async fn with_user() -> Cloud {
    let cloud = Cloud::start().await;
    cloud.set("POST /identity/v3/auth/tokens", |request| {
        let asked: Value = serde_json::from_str(&request.body).expect("JSON");
        let identity = &asked["auth"]["identity"];
        let known =
            identity["password"]["user"]["password"] == "pw" || identity["token"]["id"] == "opened";
        if !known {
            let wrong = super::support::body("keystone/token-issue-password-wrong-401");
            return status(401, wrong.to_string());
        }
        let mut token = super::support::body("keystone/token-issue-password-member");
        let scope = &asked["auth"]["scope"];
        let fields = token["token"].as_object_mut().expect("fields");
        if scope == "unscoped" {
            fields.remove("project");
            fields.remove("roles");
        }
        if let Some(domain) = scope.get("domain") {
            fields.remove("project");
            fields.insert("domain".to_owned(), json!({ "id": domain["id"], "name": "Default" }));
            fields.insert("roles".to_owned(), json!([{ "name": "manager" }]));
        }
        Reply::Answer {
            status: 201,
            headers: "X-Subject-Token: opened\r\n".to_owned(),
            body: token.to_string().into_bytes(),
        }
    });
    cloud.set("DELETE /identity/v3/auth/tokens", |_| status(204, ""));
    cloud.set_body("GET /identity/v3/auth/domains", json!({ "domains": [] }));
    cloud.set_body("GET /identity/v3/auth/projects", body("keystone/auth-projects-as-member"));
    cloud
}

#[tokio::test]
async fn a_password_opens_a_login_for_a_project_and_ends_it() {
    let cloud = with_user().await;
    let answer = cloud.adapter().sign_in(password(Some("alpha"), None)).await;
    let identity = accepted(answer.expect("an answer"));
    assert_eq!((identity.rank, identity.owners), (Rank::User, vec![ALPHA.to_owned()]));
    let calls: Vec<String> = cloud
        .server
        .requests()
        .iter()
        .map(|request| format!("{} {}", request.method, request.path()))
        .collect();
    let path = "/identity/v3/auth/tokens";
    assert_eq!(calls, [format!("POST {path}"), format!("DELETE {path}")]);
    let ended = &cloud.server.requests()[1];
    assert_eq!(ended.header("x-subject-token"), Some("opened"));
    let asked: Value = serde_json::from_str(&cloud.server.requests()[0].body).expect("JSON");
    assert_eq!(asked["auth"]["scope"]["project"]["name"], "alpha");
    assert_eq!(asked["auth"]["scope"]["project"]["domain"]["name"], "Default");
}

#[tokio::test]
async fn without_a_project_a_user_sees_all_of_theirs() {
    let cloud = with_user().await;
    let adapter = cloud.adapter();
    let identity = accepted(adapter.sign_in(password(None, None)).await.expect("an answer"));
    assert_eq!((identity.rank, identity.owners), (Rank::User, vec![ALPHA.to_owned()]));
    // Who has a role on their domain comes for the domain.
    cloud.set_body("GET /identity/v3/auth/domains", json!({ "domains": [{ "id": "default" }] }));
    let identity = accepted(adapter.sign_in(password(None, None)).await.expect("an answer"));
    assert_eq!((identity.rank, identity.account_id.as_str()), (Rank::DomainAdmin, "default"));
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_asked_about_once() {
    let cloud = with_user().await;
    let wrong = Credential::Password {
        name: "alpha-user".to_owned(),
        password: "not it".to_owned(),
        domain: "Default".to_owned(),
        project: Some("alpha".to_owned()),
        second_factor: None,
    };
    refused(cloud.adapter().sign_in(wrong).await.expect("an answer"));
    assert_eq!(cloud.server.requests().len(), 1, "failures are counted against the user");
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_sent() {
    let cloud = with_user().await;
    cloud.set("POST /identity/v3/auth/tokens", |request| {
        let asked: Value = serde_json::from_str(&request.body).expect("JSON");
        let identity = &asked["auth"]["identity"];
        if identity["totp"]["user"]["passcode"] == "123456" {
            assert_eq!(identity["methods"], json!(["password", "totp"]));
            return Reply::Answer {
                status: 201,
                headers: "X-Subject-Token: opened\r\n".to_owned(),
                body: super::support::body("keystone/token-issue-password-member")
                    .to_string()
                    .into_bytes(),
            };
        }
        let receipt = "Openstack-Auth-Receipt: r\r\n".to_owned();
        let body = br#"{"receipt":{}}"#.to_vec();
        Reply::Answer { status: 401, headers: receipt, body }
    });
    let adapter = cloud.adapter();
    let answer = adapter.sign_in(password(Some("alpha"), None)).await.expect("an answer");
    assert!(matches!(answer, SignIn::SecondFactorNeeded), "{answer:?}");
    let answer = adapter.sign_in(password(Some("alpha"), Some("123456"))).await;
    accepted(answer.expect("an answer"));
}

#[tokio::test]
async fn an_identity_service_that_is_down_refuses_nobody() {
    let cloud = with_user().await;
    cloud.set("POST /identity/v3/auth/tokens", |_| status(503, ""));
    let error = cloud.adapter().sign_in(password(Some("alpha"), None)).await.expect_err("down");
    assert!(matches!(error, OrchestratorError::Unavailable { .. }), "{error}");
    let other = Credential::ConsoleSession { session: "a".to_owned(), key: "b".to_owned() };
    refused(cloud.adapter().sign_in(other).await.expect("an answer"));
}
