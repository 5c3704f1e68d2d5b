//! Goal: callers are who the server says, and no check ends anybody's login. Method: recorded
//! answers behind a scripted server that counts what it was asked.

use billow::orchestrator::cloudstack::sign;
use billow::orchestrator::{Credential, Identity, Orchestrator, OrchestratorError, Rank, SignIn};

use super::support::{Reply, Request, Server, ok, recorded, status};

const CUSTOMER: &str = "22222222-aaaa-4bbb-8ccc-000000000001";
const PROJECT: &str = "701ee3ab-409d-4073-9005-90d068773ac2";

fn of(role: &'static str) -> impl FnMut(&Request) -> Reply + Send + 'static {
    move |request| match request.command() {
        "listUsers" => ok(recorded(&format!("by-role/{role}/listUsers.json"))),
        "listDomains" => ok(recorded("lists/listDomains.details-min.json")),
        "listProjects" if request.get("sessionkey").is_some() => {
            ok(recorded(&format!("by-role/{role}/listProjects.json")))
        }
        "listProjects" => ok(recorded("lists/listProjects.listall.json")),
        "login" => Reply::Answer {
            status: 200,
            headers: "Set-Cookie: JSESSIONID=node0abc.node0; Path=/client\r\n\
                      Set-Cookie: sessionkey=SESSIONKEY-REDACTED-xxxxxxx;HttpOnly\r\n"
                .to_owned(),
            body: recorded("login/login.user.ok.json"),
        },
        "logout" => ok(recorded("login/logout.ok.json")),
        other => panic!("{other} was not expected"),
    }
}

fn console(session: &str, key: &str) -> Credential {
    Credential::ConsoleSession { session: session.to_owned(), key: key.to_owned() }
}

fn password(second_factor: Option<&str>) -> Credential {
    Credential::Password {
        name: "alice".to_owned(),
        password: "p&ss wörd".to_owned(),
        domain: "/ResellerA/CustomerA1".to_owned(),
        project: None,
        second_factor: second_factor.map(str::to_owned),
    }
}

fn accepted(signed_in: SignIn) -> Identity {
    match signed_in {
        SignIn::Accepted(identity) => *identity,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_console_session_is_asked_with_both_halves_together() {
    let server = Server::start(of("user-alice")).await;
    let signed_in = server.adapter().sign_in(console("node0abc.node0", "a-key_1")).await;
    let identity = accepted(signed_in.expect("an answer"));
    assert_eq!((identity.user_name.as_str(), identity.user_certain), ("alice", true));
    assert_eq!(identity.rank, Rank::User);
    assert_eq!(identity.domain_path, "ROOT/ResellerA/CustomerA1");
    assert_eq!(identity.owners, [CUSTOMER, PROJECT]);
    for request in server.requests() {
        let session = request.head.to_lowercase().contains("\r\ncookie:");
        assert_eq!(session, request.get("sessionkey").is_some(), "{}", request.head);
        // Never session and signature in one call.
        assert_ne!(session, request.get("signature").is_some(), "{}", request.head);
        if session {
            assert!(request.head.contains("JSESSIONID=node0abc.node0; sessionkey=a-key_1"));
        }
        assert_ne!(request.command(), "logout", "the user's own login stays");
    }
}

#[tokio::test]
async fn half_a_session_is_refused_without_asking() {
    let server = Server::start(|_| panic!("asked")).await;
    for (session, key) in
        [("", "key"), ("session", ""), ("", ""), ("a; sessionkey=b", "key"), ("s", "k\r\nx: y")]
    {
        let signed_in = server.adapter().sign_in(console(session, key)).await.expect("an answer");
        assert!(matches!(signed_in, SignIn::Refused { .. }), "{session:?} {key:?}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_ended_session_is_refused_after_one_question() {
    let server =
        Server::start(|_| status(401, recorded("login/bad.wrong-sessionkey-parameter.json"))).await;
    let signed_in = server.adapter().sign_in(console("s", "k")).await.expect("an answer");
    assert!(matches!(signed_in, SignIn::Refused { .. }));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_server_in_trouble_is_an_error_and_no_refusal() {
    let server = Server::start(|_| status(503, "")).await;
    let error = server.adapter().sign_in(console("s", "k")).await.expect_err("unknown");
    assert!(matches!(error, OrchestratorError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn ranks_follow_from_roles_and_domains() {
    for (role, rank) in [
        ("root-admin", Rank::Operator),
        ("read-only-admin", Rank::Auditor),
        ("domain-admin-resellera", Rank::DomainAdmin),
        ("domain-admin-customera1", Rank::DomainAdmin),
        ("user-alice", Rank::User),
    ] {
        let server = Server::start(of(role)).await;
        let signed_in = server.adapter().sign_in(console("s", "k")).await;
        assert_eq!(accepted(signed_in.expect("an answer")).rank, rank, "{role}");
    }
}

#[tokio::test]
async fn users_of_several_accounts_are_nobody() {
    let server = Server::start(|request| match request.command() {
        "listUsers" => {
            let text = String::from_utf8(recorded("by-role/user-alice/listUsers.json"));
            let text = text.expect("UTF-8");
            let from = text.find("      {").expect("a row");
            let until = text.rfind("      }").expect("a row") + "      }".len();
            let other = text[from..until].replace(CUSTOMER, "another");
            ok(format!("{},{other}{}", &text[..until], &text[until..]))
        }
        other => panic!("{other} was not expected"),
    })
    .await;
    let signed_in = server.adapter().sign_in(console("s", "k")).await.expect("an answer");
    assert!(matches!(signed_in, SignIn::Refused { .. }));
}

fn signed_query(changes: &[(&str, Option<&str>)]) -> String {
    let expires = jiff::Timestamp::now().as_second() + 200;
    let expires = jiff::Timestamp::from_second(expires).expect("an instant");
    let expires = expires.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string();
    let key = format!("APIKEY-REDACTED-alice-{}", "x".repeat(64));
    let mut parameters: sign::Parameters = [
        ("command", "listUsers"),
        ("response", "json"),
        ("apikey", &key),
        ("signatureversion", "3"),
        ("expires", &expires),
        ("signature", "lsJ9IIH4547Gol9buDT5RF9ZMHA="),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    for (name, value) in changes {
        parameters.retain(|(own, _)| own != name);
        if let Some(value) = value {
            parameters.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    sign::query(&parameters)
}

#[tokio::test]
async fn a_signed_call_is_passed_on_once_as_it_is() {
    let server = Server::start(of("user-alice")).await;
    let query = signed_query(&[]);
    let signed_in = server.adapter().sign_in(Credential::SignedRequest { query }).await;
    let identity = accepted(signed_in.expect("an answer"));
    assert!(identity.user_certain);
    assert_eq!(identity.owners, [CUSTOMER, PROJECT]);
    let requests = server.requests();
    let users: Vec<&Request> = requests.iter().filter(|r| r.command() == "listUsers").collect();
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].get("signature"), Some("lsJ9IIH4547Gol9buDT5RF9ZMHA="));
    assert!(!users[0].head.to_lowercase().contains("cookie"));
}

#[tokio::test]
async fn other_signed_calls_are_refused_without_asking() {
    let server = Server::start(|_| panic!("asked")).await;
    for changes in [
        vec![("command", Some("deleteAccount"))],
        vec![("command", Some("listusers"))],
        vec![("response", Some("xml"))],
        vec![("signatureversion", None)],
        vec![("signature", None)],
        vec![("apikey", None)],
        vec![("expires", Some("2099-01-01T00:00:00+0000"))],
        vec![("expires", Some("2020-01-01T00:00:00+0000"))],
        vec![("expires", Some("soon"))],
        vec![("listall", Some("true"))],
        vec![("username", Some("admin"))],
    ] {
        let query = signed_query(&changes);
        let signed_in = server.adapter().sign_in(Credential::SignedRequest { query }).await;
        let signed_in = signed_in.expect("an answer");
        assert!(matches!(signed_in, SignIn::Refused { .. }), "{changes:?}");
    }
    for query in ["", "a", "%zz=1", "command=listUsers&command=deleteAccount"] {
        let query = query.to_owned();
        let signed_in = server.adapter().sign_in(Credential::SignedRequest { query }).await;
        assert!(matches!(signed_in.expect("an answer"), SignIn::Refused { .. }));
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_login_by_password_is_ended_after_the_questions() {
    let server = Server::start(of("user-alice")).await;
    let identity = accepted(server.adapter().sign_in(password(None)).await.expect("an answer"));
    assert_eq!(identity.user_name, "alice");
    let requests = server.requests();
    let commands: Vec<&str> = requests.iter().map(Request::command).collect();
    assert_eq!(commands, ["login", "listUsers", "listDomains", "listProjects", "logout"]);
    assert_eq!(requests[0].method, "POST");
    assert!(!requests[0].head.contains("alice"), "no password or name in the request line");
    assert_eq!(requests[0].get("password"), Some("p&ss wörd"));
    assert!(requests[4].head.contains("JSESSIONID=node0abc.node0"));
}

#[tokio::test]
async fn a_wrong_password_and_a_locked_user_are_refused() {
    for file in [
        "login/login.wrong-password.error.json",
        "login/login.missing-username.error.json",
        "provisioning/locked.login.error.txt",
    ] {
        let server = Server::start(move |_| status(531, recorded(file))).await;
        let signed_in = server.adapter().sign_in(password(None)).await.expect("an answer");
        assert!(matches!(signed_in, SignIn::Refused { .. }), "{file}");
        assert_eq!(server.requests().len(), 1, "a password is tried once");
    }
}

/// A server whose user has a second factor, which is 123456.
fn with_second_factor(request: &Request) -> Reply {
    match request.command() {
        "login" => {
            let text = String::from_utf8(recorded("login/login.user.ok.json")).expect("UTF-8");
            let text = text
                .replace(r#""is2faenabled": "false""#, r#""is2faenabled": "true""#)
                .replace(r#""is2faverified": "true""#, r#""is2faverified": "false""#);
            let headers = "Set-Cookie: JSESSIONID=node0abc.node0; Path=/client\r\n".to_owned();
            Reply::Answer { status: 200, headers, body: text.into_bytes() }
        }
        "validateUserTwoFactorAuthenticationCode" => match request.get("codefor2fa") {
            Some("123456") => ok(r#"{"validateusertwofactorauthenticationcoderesponse":{}}"#),
            _ => status(531, recorded("login/login.wrong-password.error.json")),
        },
        _ => of("user-alice")(request),
    }
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_checked_and_the_login_ended_each_time() {
    let mut outcomes = Vec::new();
    for code in [None, Some(""), Some("000000"), Some("123456")] {
        let server = Server::start(with_second_factor).await;
        outcomes.push(server.adapter().sign_in(password(code)).await.expect("an answer"));
        let requests = server.requests();
        assert_eq!(requests.last().map(Request::command), Some("logout"), "{code:?}");
        let asked = requests.iter().any(|request| request.command() == "listUsers");
        assert_eq!(asked, code == Some("123456"), "{code:?}");
    }
    assert!(matches!(outcomes[0], SignIn::SecondFactorNeeded));
    assert!(matches!(outcomes[1], SignIn::SecondFactorNeeded));
    assert!(matches!(outcomes[2], SignIn::Refused { .. }));
    assert!(matches!(outcomes[3], SignIn::Accepted(_)));
}
