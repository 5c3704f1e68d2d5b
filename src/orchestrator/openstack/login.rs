//! Who a caller is: by a token of the identity service, or by name and password from the sign-in
//! page. A login that Billow opens, it ends; a password is passed on and forgotten.
//!
//! A token is checked with the adapter's own login, as every service of the cloud does it. The
//! header for access rules is sent, and with it the promise to keep them: the rules for this
//! service go with the identity and are kept by whoever answers the caller.

use reqwest_session::Method;
use serde_json::{Value, json};

use super::OpenStack;
use super::client::{Call, Client, Reply};
use super::owners::domain_path;
use super::service::Service;
use super::{date, json as read};
use crate::config::SourceConfig;
use crate::orchestrator::{
    Answer, CallRule, Credential, Identity, OrchestratorError, Rank, SignIn,
};

/// Type under which Billow is registered in catalogues: access rules for it are ours.
const OWN_TYPE: &str = "billing";
/// Roles that let their holders see what their project or domain owes.
const VIEWERS: [&str; 5] = ["reader", "member", "manager", "admin", "_member_"];
/// Characters of a token; signed ones are long.
const TOKEN_LENGTH_MAX: usize = 8_192;
const TOKENS: &str = "auth/tokens";

/// What decides about callers.
#[derive(Clone, Debug)]
pub struct LoginRules {
    operator_roles: Vec<String>,
    auditor_roles: Vec<String>,
    default_domain: String,
}

impl LoginRules {
    /// As configured.
    pub fn new(config: &SourceConfig) -> Self {
        Self {
            operator_roles: config.operator_roles.clone(),
            auditor_roles: config.auditor_roles.clone(),
            default_domain: config.user_domain.clone(),
        }
    }
}

/// Checks a credential.
pub async fn sign_in(cloud: &OpenStack, credential: Credential) -> Answer<SignIn> {
    match credential {
        Credential::Token { token } => by_token(cloud, &token).await,
        Credential::Password { name, password, domain, project, second_factor } => {
            let blank = |text: &String| text.trim().is_empty();
            let login = Login {
                name,
                password,
                domain: Some(domain)
                    .filter(|domain| !blank(domain))
                    .unwrap_or_else(|| cloud.logins.default_domain.clone()),
                project: project.filter(|project| !blank(project)),
                second_factor: second_factor.filter(|code| !blank(code)),
            };
            by_password(cloud, &login).await
        }
        Credential::ConsoleSession { .. } | Credential::SignedRequest { .. } => {
            Ok(refused("this cloud takes tokens and passwords only"))
        }
    }
}

fn refused(reason: &str) -> SignIn {
    SignIn::Refused { reason: reason.to_owned() }
}

async fn by_token(cloud: &OpenStack, token: &str) -> Answer<SignIn> {
    let plain = token.chars().all(|c| c.is_ascii_graphic());
    if token.is_empty() || token.len() > TOKEN_LENGTH_MAX || !plain {
        return Ok(refused("this is no token"));
    }
    match validate(&cloud.client, token).await? {
        Some(body) => identify(cloud, &body),
        None => Ok(refused("the cloud does not know the token, or does not any more")),
    }
}

/// What the identity service says of a token; `None` where it does not accept it.
pub async fn validate(client: &Client, token: &str) -> Answer<Option<Value>> {
    let call = Call::get(Service::Identity, TOKENS)
        .with("nocatalog", "")
        .header("X-Subject-Token", token)
        .header("OpenStack-Identity-Access-Rules", "1.0")
        .aside();
    let Some(reply) = client.call_if_there(&call).await? else { return Ok(None) };
    let malformed = |detail| client.malformed(&call.text(), detail);
    Ok(Some(read::value(&reply.body).map_err(malformed)?))
}

/// The identity behind the body of a token. Roles that allow nothing here are refused.
fn identify(cloud: &OpenStack, body: &Value) -> Answer<SignIn> {
    let token = body.get("token").unwrap_or(&Value::Null);
    let missing = |what: &str| {
        cloud.client.malformed("GET identity/auth/tokens", format!("no {what} in the token"))
    };
    let expires_at = read::text(token, "expires_at").and_then(|text| date::seconds(&text));
    let expires_at = expires_at.ok_or_else(|| missing("expires_at"))?;
    let user = token.get("user").ok_or_else(|| missing("user"))?;
    let roles: Vec<String> =
        read::list(token, "roles").iter().filter_map(|role| read::text(role, "name")).collect();
    let holds = |wanted: &[String]| roles.iter().any(|role| wanted.contains(role));
    let staff = if holds(&cloud.logins.operator_roles) {
        Some(Rank::Operator)
    } else {
        holds(&cloud.logins.auditor_roles).then_some(Rank::Auditor)
    };
    let is_viewer = roles.iter().any(|role| VIEWERS.contains(&role.as_str()));
    let (rank, id, domain) = if let Some(project) = token.get("project") {
        (staff.unwrap_or(Rank::User), read::text(project, "id"), project.get("domain"))
    } else if let Some(domain) = token.get("domain") {
        (Rank::DomainAdmin, read::text(domain, "id"), Some(domain))
    } else if let Some(rank) = staff.filter(|_| token.get("system").is_some()) {
        (rank, read::text(user, "id"), user.get("domain"))
    } else {
        return Ok(refused("the token has no project or domain: ask for one with a scope"));
    };
    if staff.is_none() && !is_viewer {
        return Ok(refused("no role of the user lets them see usage here"));
    }
    let domain = domain.ok_or_else(|| missing("domain"))?;
    let id = id.ok_or_else(|| missing("id of the scope"))?;
    Ok(SignIn::Accepted(Box::new(Identity {
        source: cloud.client.source.clone(),
        user_id: read::text(user, "id").ok_or_else(|| missing("user id"))?,
        user_certain: true,
        user_name: read::text(user, "name").ok_or_else(|| missing("user name"))?,
        domain_id: read::text(domain, "id").ok_or_else(|| missing("domain id"))?,
        domain_path: domain_path(
            &read::text(domain, "name").ok_or_else(|| missing("domain name"))?,
        ),
        owners: vec![id.clone()],
        account_id: id,
        rank,
        expires_at: Some(expires_at),
        rules: access_rules(token),
    })))
}

/// The calls that a token is limited to, where it is: those for this service.
fn access_rules(token: &Value) -> Option<Vec<CallRule>> {
    let rules = token.get("application_credential")?.get("access_rules")?.as_array()?;
    let ours = rules.iter().filter(|rule| read::text(rule, "service").as_deref() == Some(OWN_TYPE));
    let read = |rule: &Value| {
        let (method, path) = (read::text(rule, "method")?, read::text(rule, "path")?);
        Some(CallRule { method: method.to_uppercase(), path })
    };
    Some(ours.filter_map(read).collect())
}

struct Login {
    name: String,
    password: String,
    domain: String,
    /// `None`: the user's domain where they have a role on it, else all their projects.
    project: Option<String>,
    second_factor: Option<String>,
}

/// What came of a request for a token.
enum Opened {
    Token { token: String, body: Value },
    Refused,
    SecondFactorNeeded,
}

async fn by_password(cloud: &OpenStack, login: &Login) -> Answer<SignIn> {
    let client = &cloud.client;
    let scope = match &login.project {
        Some(project) => json!({ "project": {
            "name": project.trim(), "domain": { "name": login.domain.trim() },
        } }),
        None => json!("unscoped"),
    };
    let (token, body) = match open(client, &password_body(login, scope)).await? {
        Opened::Token { token, body } => (token, body),
        Opened::Refused => return Ok(refused("the cloud does not accept the login")),
        Opened::SecondFactorNeeded => return Ok(SignIn::SecondFactorNeeded),
    };
    let result = match login.project {
        Some(_) => identify(cloud, &body),
        None => without_project(cloud, &token, &body).await,
    };
    // Whatever came of it, the login that was opened here ends here, with all made from it.
    if let Err(error) = end(client, &token).await {
        tracing::debug!(source = %client.source, %error, "the login could not be ended");
    }
    result
}

fn password_body(login: &Login, scope: Value) -> Value {
    let name = json!({ "name": login.name, "domain": { "name": login.domain.trim() } });
    let mut user = name.clone();
    user["password"] = json!(login.password);
    let mut identity = json!({ "methods": ["password"], "password": { "user": user } });
    if let Some(code) = &login.second_factor {
        let mut user = name;
        user["passcode"] = json!(code);
        identity["methods"] = json!(["password", "totp"]);
        identity["totp"] = json!({ "user": user });
    }
    json!({ "auth": { "identity": identity, "scope": scope } })
}

/// Asks for a token without showing one.
async fn open(client: &Client, body: &Value) -> Answer<Opened> {
    let name = "POST identity/auth/tokens";
    let reply = client.send_without_token(name, Method::POST, TOKENS, body).await?;
    match reply.status {
        201 => {
            let token = reply.header("x-subject-token").map(str::to_owned);
            let token = token.ok_or_else(|| client.malformed(name, "no token".to_owned()))?;
            let body = read::value(&reply.body).map_err(|detail| client.malformed(name, detail))?;
            Ok(Opened::Token { token, body })
        }
        // One factor was right, and the user has another one.
        401 if reply.header("openstack-auth-receipt").is_some() => Ok(Opened::SecondFactorNeeded),
        // Malformed, wrong, or not allowed: the caller's, and no reason is given to strangers.
        400 | 401 | 403 => Ok(Opened::Refused),
        _ => Err(client.refusal(name, &reply)),
    }
}

async fn end(client: &Client, token: &str) -> Answer<Reply> {
    with_token(client, token, Method::DELETE, TOKENS, Some(token)).await
}

/// A call with the caller's own token.
async fn with_token(
    client: &Client,
    token: &str,
    method: Method,
    path: &str,
    subject: Option<&str>,
) -> Answer<Reply> {
    let name = format!("{method} identity/{path}");
    let mut headers = vec![("X-Auth-Token", token)];
    headers.extend(subject.map(|subject| ("X-Subject-Token", subject)));
    let reply = client.send_as(&name, method, path, &headers).await?;
    if reply.is_good() { Ok(reply) } else { Err(client.refusal(&name, &reply)) }
}

/// A user who named no project: their domain where they have a role on one, else every project
/// that they may ask a token for.
async fn without_project(cloud: &OpenStack, token: &str, body: &Value) -> Answer<SignIn> {
    let client = &cloud.client;
    let home = body.get("token").and_then(|token| token.get("user")?.get("domain"));
    let home = home.and_then(|domain| read::text(domain, "id"));
    let domains = scopes(client, token, "auth/domains", "domains").await?;
    let own = domains.iter().find(|row| read::text(row, "id") == home).or(domains.first());
    if let Some(id) = own.and_then(|row| read::text(row, "id")) {
        let rescoped = json!({ "auth": {
            "identity": { "methods": ["token"], "token": { "id": token } },
            "scope": { "domain": { "id": id } },
        } });
        if let Opened::Token { body, .. } = open(client, &rescoped).await?
            && let SignIn::Accepted(identity) = identify(cloud, &body)?
        {
            return Ok(SignIn::Accepted(identity));
        }
    }
    let projects = scopes(client, token, "auth/projects", "projects").await?;
    let ids: Vec<String> = projects.iter().filter_map(|row| read::text(row, "id")).collect();
    let Some(first) = ids.first().cloned() else {
        return Ok(refused("the user has no project"));
    };
    let user = body.get("token").and_then(|token| token.get("user")).unwrap_or(&Value::Null);
    let domain = user.get("domain").unwrap_or(&Value::Null);
    let field = |row: &Value, name: &str| {
        let missing = || client.malformed("POST identity/auth/tokens", format!("no user {name}"));
        read::text(row, name).ok_or_else(missing)
    };
    let expires = body.get("token").and_then(|token| read::text(token, "expires_at"));
    Ok(SignIn::Accepted(Box::new(Identity {
        source: client.source.clone(),
        user_id: field(user, "id")?,
        user_certain: true,
        user_name: field(user, "name")?,
        account_id: first,
        domain_id: field(domain, "id")?,
        domain_path: domain_path(&field(domain, "name")?),
        rank: Rank::User,
        owners: ids,
        expires_at: expires.and_then(|text| date::seconds(&text)),
        rules: None,
    })))
}

/// What a user may ask a token for.
async fn scopes(client: &Client, token: &str, path: &str, key: &str) -> Answer<Vec<Value>> {
    match with_token(client, token, Method::GET, path, None).await {
        Ok(reply) => {
            let body = read::value(&reply.body);
            let body = body.map_err(|detail| client.malformed(path, detail))?;
            Ok(read::list(&body, key).to_vec())
        }
        Err(OrchestratorError::Forbidden { .. } | OrchestratorError::Refused { .. }) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}
