//! Who calls: signatures of key pairs, sessions of logins, second factors.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use sha1::Sha1;

use super::shape::{Object, Refusal};
use super::world::{User, World};
use super::{Cloud, api, lock};
use crate::demo::http::{self, Request};

/// Who calls, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub user: usize,
    /// The rules of the key pair; none for a session or a whole key.
    pub rules: Vec<String>,
    pub by_session: bool,
}

#[derive(Clone, Debug)]
struct Session {
    user: usize,
    key: String,
    verified: bool,
}

/// The logins of one management server, in its memory.
#[derive(Debug)]
pub struct Sessions {
    held: BTreeMap<String, Session>,
    random: StdRng,
}

impl Sessions {
    pub fn new(seed: u64) -> Self {
        Self { held: BTreeMap::new(), random: StdRng::seed_from_u64(seed ^ 0x5e55) }
    }

    pub fn open(&self) -> usize {
        self.held.len()
    }

    /// A new session's cookie value.
    pub fn new_id(&mut self) -> String {
        format!("node0{}.node0", self.token(14).to_lowercase().replace(['-', '_'], "x"))
    }

    fn token(&mut self, bytes: usize) -> String {
        let mut random = vec![0; bytes];
        self.random.fill_bytes(&mut random);
        URL_SAFE_NO_PAD.encode(random)
    }

    fn begin(&mut self, user: usize, verified: bool) -> (String, String) {
        let id = self.new_id();
        let key = self.token(20);
        self.held.insert(id.clone(), Session { user, key: key.clone(), verified });
        (id, key)
    }

    /// Ends a session; false when there was none.
    pub fn end(&mut self, id: &str) -> bool {
        self.held.remove(id).is_some()
    }
}

/// Finds the caller by session or signature.
pub fn identify(
    cloud: &Cloud,
    request: &Request,
    parameters: &api::Parameters,
) -> Result<Caller, Refusal> {
    if let Some(id) = request.cookie("JSESSIONID")
        && let Some(caller) = by_session(cloud, request, parameters, id)?
    {
        return Ok(caller);
    }
    by_signature(cloud, parameters)
}

/// Any failed check ends the login: a copied half of the credentials logs the user out.
fn by_session(
    cloud: &Cloud,
    request: &Request,
    parameters: &api::Parameters,
    id: &str,
) -> Result<Option<Caller>, Refusal> {
    let mut sessions = lock(&cloud.sessions);
    let Some(session) = sessions.held.get(id).cloned() else { return Ok(None) };
    let cookie = request.cookie("sessionkey");
    let parameter = parameters.get("sessionkey");
    let whole = cookie == Some(&session.key) && parameter == Some(&session.key);
    if !whole {
        sessions.end(id);
        return Err(Refusal::servlet(401, "unable to verify user credentials"));
    }
    if !usable(cloud, session.user) {
        sessions.end(id);
        return Err(Refusal::credentials());
    }
    let command = parameters.get("command");
    let open = [
        "validateUserTwoFactorAuthenticationCode",
        "listApis",
        "logout",
        "listUserTwoFactorAuthenticatorProviders",
    ];
    if !session.verified && !command.is_some_and(|command| open.contains(&command)) {
        sessions.end(id);
        return Err(Refusal::servlet(511, "user needs to be two factor authenticated"));
    }
    Ok(Some(Caller { user: session.user, rules: Vec::new(), by_session: true }))
}

fn by_signature(cloud: &Cloud, parameters: &api::Parameters) -> Result<Caller, Refusal> {
    let refuse = Refusal::credentials;
    let key = parameters.get_any_case("apikey").ok_or_else(refuse)?;
    let signature = parameters.get_any_case("signature").ok_or_else(refuse)?;
    let pair = cloud.world.keys.iter().find(|pair| pair.api_key == key).ok_or_else(refuse)?;
    if lock(&cloud.control).revoked_keys.contains(key) || !usable(cloud, pair.user) {
        return Err(refuse());
    }
    if parameters.get_any_case("signatureversion") == Some("3") {
        let expires = parameters.get_any_case("expires").ok_or_else(refuse)?;
        let expires = api::parse_date(expires, 0).ok_or_else(refuse)?;
        if expires <= machine_seconds(cloud) {
            return Err(refuse());
        }
    }
    let text = text_to_sign(parameters);
    let expected = sign(&pair.secret, &text).ok_or_else(refuse)?;
    if expected != signature {
        return Err(refuse());
    }
    let rules = pair.rules.clone();
    Ok(Caller { user: pair.user, rules, by_session: false })
}

/// The time on the server's machine: signatures expire by it, not by the simulated cloud's.
pub fn machine_seconds(cloud: &Cloud) -> i64 {
    Timestamp::now().as_second() + cloud.settings().clock_ahead_seconds
}

fn text_to_sign(parameters: &api::Parameters) -> String {
    let mut pairs: Vec<_> = parameters
        .pairs()
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("signature"))
        .collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    let joined: Vec<_> =
        pairs.iter().map(|(name, value)| format!("{name}={}", http::encode(value))).collect();
    joined.join("&").to_lowercase()
}

fn sign(secret: &str, text: &str) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

fn usable(cloud: &Cloud, user: usize) -> bool {
    let account = &cloud.world.accounts[cloud.world.users[user].account];
    !account.locked && account.life.holds(cloud.now())
}

/// What a login answered: the body, or a refusal, with the cookies to set.
pub struct LoginAnswer {
    pub outcome: Result<String, Refusal>,
    pub cookies: Vec<String>,
}

/// `login`: also a refused one sets a JSESSIONID.
pub fn login(cloud: &Cloud, parameters: &api::Parameters) -> LoginAnswer {
    match find_user(cloud, parameters) {
        Ok(user) => accept(cloud, user),
        Err(refusal) => {
            let id = lock(&cloud.sessions).new_id();
            LoginAnswer {
                outcome: Err(refusal),
                cookies: vec![format!("JSESSIONID={id}; Path=/client")],
            }
        }
    }
}

fn find_user(cloud: &Cloud, parameters: &api::Parameters) -> Result<usize, Refusal> {
    let world = &cloud.world;
    let name = parameters.get("username").unwrap_or("");
    let domain = login_domain(world, parameters)?;
    let position = world
        .users
        .iter()
        .position(|user| user.name == name && world.accounts[user.account].domain == domain);
    let number = world.domains[domain].ids.number;
    let refused = || {
        let text = format!(
            "Failed to authenticate user {name} in domain {number}; please provide valid \
             credentials"
        );
        Refusal::servlet(531, text)
    };
    let position = position.ok_or_else(refused)?;
    let user = &world.users[position];
    if !usable(cloud, position) {
        return Err(locked(world, user));
    }
    if parameters.get("password") != Some(&user.password) {
        return Err(refused());
    }
    Ok(position)
}

fn login_domain(world: &World, parameters: &api::Parameters) -> Result<usize, Refusal> {
    if let Some(id) = parameters.get("domainid") {
        let found = world.domains.iter().position(|domain| domain.ids.uuid == id);
        return found.ok_or_else(|| {
            Refusal::servlet(531, format!("Unable to find the domain from the id {id}"))
        });
    }
    let path = parameters.get("domain").unwrap_or("").trim_matches('/');
    let wanted = if path.is_empty() { "ROOT".to_owned() } else { format!("ROOT/{path}") };
    let found = world.domains.iter().position(|domain| domain.path == wanted);
    found.ok_or_else(|| {
        Refusal::servlet(531, format!("Unable to find the domain from the path /{path}/"))
    })
}

fn locked(world: &World, user: &User) -> Refusal {
    let account = &world.accounts[user.account];
    let domain = &world.domains[account.domain];
    let text = format!(
        "User UserAccount {{\"accountName\":\"{}\",\"id\":{},\"username\":\"{}\"}}. (or their \
         account) in domain Domain {{\"id\":{},\"name\":\"{}\",\"uuid\":\"{}\"}} is \
         disabled/locked. Please contact the administrator.",
        account.name, user.ids.number, user.name, domain.ids.number, domain.name, domain.ids.uuid
    );
    Refusal { bad_escapes: true, ..Refusal::servlet(531, text) }
}

fn accept(cloud: &Cloud, position: usize) -> LoginAnswer {
    let world = &cloud.world;
    let user = &world.users[position];
    let account = &world.accounts[user.account];
    let second = user.second_factor.is_some();
    let (id, key) = lock(&cloud.sessions).begin(position, !second);
    let role = &world.roles[account.role];
    let mut body = Object::new()
        .text("username", &user.name)
        .text("userid", &user.ids.uuid)
        .text("domainid", &world.domains[account.domain].ids.uuid)
        .number("timeout", 1800)
        .text("account", account.name_at(cloud.now()))
        .text("firstname", "Demo")
        .text("lastname", &user.name)
        .text("type", &role.kind.account_type().to_string())
        .text("timezone", &user.time_zone)
        .text("timezoneoffset", "0.0")
        .text("registered", "false")
        .text("sessionkey", &key)
        .text("is2faenabled", if second { "true" } else { "false" })
        .text("is2faverified", if second { "false" } else { "true" });
    if second {
        body = body.text("providerfor2fa", "staticpin");
    }
    body = body.text("issuerfor2fa", "CloudStack");
    if role.kind == super::world::RoleKind::Admin {
        body = body.text("managementserverid", &world.domains[0].ids.uuid);
    }
    LoginAnswer {
        outcome: Ok(Object::new().raw("loginresponse", &body.done()).done()),
        cookies: vec![
            format!("JSESSIONID={id}; Path=/client"),
            format!("sessionkey={key};HttpOnly;SameSite=Lax"),
        ],
    }
}

/// `logout`: ends the session of the cookie.
pub fn logout(cloud: &Cloud, request: &Request) -> LoginAnswer {
    let ended = request.cookie("JSESSIONID").is_some_and(|id| lock(&cloud.sessions).end(id));
    if !ended {
        let text = "Session not found for the logout process.";
        return LoginAnswer { outcome: Err(Refusal::parameter(text)), cookies: Vec::new() };
    }
    let body = Object::new().text("description", "success").done();
    let gone = "Expires=Thu, 01-Jan-1970 00:00:00 GMT; Max-Age=0";
    LoginAnswer {
        outcome: Ok(Object::new().raw("logoutresponse", &body).done()),
        cookies: vec![format!("JSESSIONID=; {gone}"), format!("sessionkey=; {gone}")],
    }
}

/// `validateUserTwoFactorAuthenticationCode`: a wrong code ends the login.
pub fn second_factor(
    cloud: &Cloud,
    request: &Request,
    parameters: &api::Parameters,
) -> Result<String, Refusal> {
    let id = request.cookie("JSESSIONID").ok_or_else(Refusal::credentials)?;
    let mut sessions = lock(&cloud.sessions);
    let session = sessions.held.get_mut(id).ok_or_else(Refusal::credentials)?;
    let code = parameters.get("codefor2fa").ok_or_else(|| {
        Refusal::parameter(
            "Unable to execute API command validateusertwofactorauthenticationcode due to \
             missing parameter codefor2fa",
        )
    })?;
    let right = cloud.world.users[session.user].second_factor.as_deref() == Some(code);
    if !right {
        sessions.end(id);
        return Err(Refusal::new(511, 9999, "two-factor authentication has failed for the user"));
    }
    session.verified = true;
    Ok(Object::new().flag("success", true).done())
}
