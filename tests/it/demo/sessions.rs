//! Goal: logins, and what ends them, are as recorded. Method: the recorded traps one by one.

use super::cloud::{Answer, Cloud};

struct Login {
    session: String,
    key: String,
}

impl Login {
    fn cookies(&self) -> String {
        format!("JSESSIONID={}; sessionkey={}", self.session, self.key)
    }
}

fn cookie(answer: &Answer, name: &str) -> String {
    let all = answer.headers.get_all("set-cookie").iter();
    let all = all.map(|value| value.to_str().expect("a cookie").to_owned());
    let found = all.into_iter().find(|value| value.starts_with(&format!("{name}=")));
    found.unwrap_or_else(|| panic!("no cookie {name}"))
}

fn value(cookie: &str) -> String {
    let (_, rest) = cookie.split_once('=').expect("a value");
    rest.split(';').next().expect("a value").to_owned()
}

async fn try_login(cloud: &Cloud, user: &str, password: &str, domain: &str) -> Answer {
    let form = [
        ("command", "login"),
        ("response", "json"),
        ("username", user),
        ("password", password),
        ("domain", domain),
    ];
    cloud.post(&form, None).await
}

async fn login(cloud: &Cloud, user: &str) -> Login {
    let world = cloud.simulator.world();
    let held = world.users.iter().find(|one| one.name == user).expect("a user");
    let domain = &world.domains[world.accounts[held.account].domain].path;
    let domain = domain.replacen("ROOT", "", 1);
    let answer = try_login(cloud, user, &held.password, &domain).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let session = cookie(&answer, "JSESSIONID");
    let key = cookie(&answer, "sessionkey");
    assert!(session.ends_with("; Path=/client"), "{session}");
    assert!(key.ends_with(";HttpOnly;SameSite=Lax"), "{key}");
    let (session, key) = (value(&session), value(&key));
    assert_eq!(answer.inner()["sessionkey"], key.as_str());
    Login { session, key }
}

async fn users(cloud: &Cloud, cookies: &str, key: &str) -> Answer {
    let query = format!("command=listUsers&response=json&sessionkey={key}");
    cloud.get(&query, Some(cookies)).await
}

#[tokio::test]
async fn both_halves_of_a_login_are_needed_and_one_half_ends_it() {
    let cloud = Cloud::start().await;
    for broken in ["no cookie", "wrong parameter", "no parameter"] {
        let login = login(&cloud, "harbour-admin").await;
        let good = users(&cloud, &login.cookies(), &login.key).await;
        assert_eq!(good.status, 200);
        assert_eq!(good.rows()[0]["username"], "harbour-admin");
        let session = format!("JSESSIONID={}", login.session);
        let bad = match broken {
            "no cookie" => users(&cloud, &session, &login.key).await,
            "wrong parameter" => users(&cloud, &login.cookies(), "wrong").await,
            _ => users(&cloud, &login.cookies(), "").await,
        };
        assert_eq!(bad.status, 401, "{broken}");
        assert_eq!(bad.inner()["errortext"], "unable to verify user credentials", "{broken}");
        let after = users(&cloud, &login.cookies(), &login.key).await;
        assert_eq!(after.status, 401, "{broken} ends the login");
    }
}

#[tokio::test]
async fn a_call_without_the_session_cookie_leaves_the_login_alone() {
    let cloud = Cloud::start().await;
    let login = login(&cloud, "harbour-admin").await;
    let alone = format!("sessionkey={}", login.key);
    assert_eq!(users(&cloud, &alone, &login.key).await.status, 401);
    let forbidden = format!("command=listUsageTypes&response=json&sessionkey={}", login.key);
    assert_eq!(cloud.get(&forbidden, Some(&login.cookies())).await.status, 432);
    let unknown = format!("command=listNothing&response=json&sessionkey={}", login.key);
    let answer = cloud.get(&unknown, Some(&login.cookies())).await;
    assert_eq!(answer.status, 432);
    assert_eq!(
        answer.json()["errorresponse"]["errortext"],
        "The API [listNothing] does not exist or is not available for the account Harbour \
         Logistics."
    );
    assert_eq!(users(&cloud, &login.cookies(), &login.key).await.status, 200);
}

#[tokio::test]
async fn refused_logins_look_as_recorded() {
    let cloud = Cloud::start().await;
    let wrong = try_login(&cloud, "harbour-admin", "wrong", "/direct").await;
    assert_eq!(wrong.status, 531);
    cookie(&wrong, "JSESSIONID");
    let text = wrong.inner()["errortext"].as_str().expect("a text").to_owned();
    assert!(text.starts_with("Failed to authenticate user harbour-admin in domain "), "{text}");
    let nowhere = try_login(&cloud, "harbour-admin", "wrong", "/No/Such").await;
    let expected = "Unable to find the domain from the path /No/Such/";
    assert_eq!(nowhere.inner()["errortext"], expected);
    let nobody = cloud.post(&[("command", "login"), ("response", "json")], None).await;
    assert_eq!((nobody.status, nobody.text.as_str()), (531, "null"));
    let get = cloud.get("command=login&response=json&username=a&password=b", None).await;
    assert_eq!(get.status, 405);
    assert_eq!(get.text, "Please use HTTP POST to authenticate using this API");
    assert_eq!(cloud.simulator.open_sessions(), 0);
}

#[tokio::test]
async fn logout_ends_the_login_once() {
    let cloud = Cloud::start().await;
    let login = login(&cloud, "harbour-admin").await;
    let out = cloud.get("command=logout&response=json", Some(&login.cookies())).await;
    assert_eq!(out.json()["logoutresponse"]["description"], "success");
    assert_eq!(users(&cloud, &login.cookies(), &login.key).await.status, 401);
    let again = cloud.get("command=logout&response=json", Some(&login.cookies())).await;
    assert_eq!(again.status, 431);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_a_wrong_one_ends_the_login() {
    let cloud = Cloud::start().await;
    let user = "meridian-admin";
    let early = login(&cloud, user).await;
    assert_eq!(users(&cloud, &early.cookies(), &early.key).await.status, 511);
    assert_eq!(users(&cloud, &early.cookies(), &early.key).await.status, 401);
    for (code, expected) in [("000000", 511), ("314159", 200)] {
        let login = login(&cloud, user).await;
        let form = [
            ("command", "validateUserTwoFactorAuthenticationCode"),
            ("response", "json"),
            ("codefor2fa", code),
            ("sessionkey", &login.key),
        ];
        let answer = cloud.post(&form, Some(&login.cookies())).await;
        assert_eq!(answer.status, expected, "{}", answer.text);
        let then = users(&cloud, &login.cookies(), &login.key).await.status;
        assert_eq!(then, if expected == 200 { 200 } else { 401 });
    }
}
