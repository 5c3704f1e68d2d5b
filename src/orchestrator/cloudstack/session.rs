//! Who a caller is: by the console's session, by a request signed with the user's own key, or by
//! name and password from the sign-in page.
//!
//! A failed check must never end the user's own login: a session is asked about with both its
//! halves (cookie and key) or not at all. A login that Billow opens, it ends.

use serde_json::Value;

use super::accounts::project_owners;
use super::client::{Client, PAGE_ROWS, command};
use super::sign::{self, Parameters};
use super::{date, json};
use crate::orchestrator::{Answer, Credential, Identity, OrchestratorError, Rank, SignIn};

/// Seconds that a signed request may still be valid for.
const SIGNED_SECONDS_MAX: i64 = 300;

/// Pages of a user's projects.
const PROJECT_PAGES_MAX: usize = 20;

/// Checks a credential.
pub async fn sign_in(client: &Client, credential: Credential) -> Answer<SignIn> {
    match credential {
        Credential::ConsoleSession { session, key } => console(client, &session, &key).await,
        Credential::SignedRequest { query } => signed(client, &query).await,
        Credential::Token { .. } => Ok(refused("this cloud has no tokens")),
        Credential::Password { name, password, domain, second_factor, .. } => {
            let login = Login { name, password, domain, second_factor };
            password_login(client, login).await
        }
    }
}

fn refused(reason: &str) -> SignIn {
    SignIn::Refused { reason: reason.to_owned() }
}

/// A refusal of the caller's credentials is an answer; anything else is an error.
fn as_answer(error: OrchestratorError) -> Answer<SignIn> {
    match error {
        OrchestratorError::Unauthenticated { .. }
        | OrchestratorError::Refused { .. }
        | OrchestratorError::Forbidden { .. }
        | OrchestratorError::ClockSkew { .. } => Ok(refused("the cloud does not accept the login")),
        other => Err(other),
    }
}

fn is_token(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.=+/".contains(c);
    !text.is_empty() && text.len() <= 256 && text.chars().all(fits)
}

async fn console(client: &Client, session: &str, key: &str) -> Answer<SignIn> {
    if !is_token(session) || !is_token(key) {
        return Ok(refused("the console's session and its key are both needed"));
    }
    let cookies = format!("JSESSIONID={session}; sessionkey={key}");
    let parameters = vec![
        ("command".to_owned(), "listUsers".to_owned()),
        ("response".to_owned(), "json".to_owned()),
        ("sessionkey".to_owned(), key.to_owned()),
    ];
    match client.get("listUsers", &sign::query(&parameters), Some(&cookies)).await {
        Ok(raw) => {
            let opened = Opened { cookies, key: key.to_owned() };
            identify_user(client, &raw.body, Some(&opened), |_| false).await
        }
        Err(error) => as_answer(error),
    }
}

async fn signed(client: &Client, query: &str) -> Answer<SignIn> {
    let Some(parameters) = parse_query(query) else {
        return Ok(refused("the signed request cannot be read"));
    };
    let value = |name: &str| {
        let found = parameters.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    let allowed = ["command", "response", "apikey", "signature", "signatureversion", "expires"];
    let only = parameters.iter().all(|(own, _)| allowed.contains(&own.to_lowercase().as_str()));
    let once = parameters.len() == allowed.len();
    if !only || !once || value("command") != Some("listUsers") || value("response") != Some("json")
    {
        return Ok(refused("send one signed listUsers call with response=json and nothing else"));
    }
    let expires = value("expires").and_then(date::instant).unwrap_or(0);
    // The machine's clock: signatures live by it.
    let left = expires - jiff::Timestamp::now().as_second();
    if value("signatureversion") != Some("3") || left <= 0 || left > SIGNED_SECONDS_MAX {
        return Ok(refused("sign with version 3 and expires within the next 5 minutes"));
    }
    let key = value("apikey").map(str::to_owned);
    match client.get("listUsers", &sign::query(&parameters), None).await {
        Ok(raw) => {
            let by_key = |row: &Value| {
                key.is_some() && json::text(row, "apikey").as_deref() == key.as_deref()
            };
            identify_user(client, &raw.body, None, by_key).await
        }
        Err(error) => as_answer(error),
    }
}

fn parse_query(query: &str) -> Option<Parameters> {
    let mut parameters = Vec::new();
    for pair in query.trim_start_matches('?').split('&') {
        let (name, value) = pair.split_once('=')?;
        parameters.push((decode(name)?, decode(value)?));
    }
    Some(parameters)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let pair = [rest.next()?, rest.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

struct Login {
    name: String,
    password: String,
    domain: String,
    second_factor: Option<String>,
}

async fn password_login(client: &Client, login: Login) -> Answer<SignIn> {
    let parameters = command(
        "login",
        &[
            ("username", &login.name),
            ("password", &login.password),
            ("domain", &login.domain),
            ("response", "json"),
        ],
    );
    let raw = match client.post("login", &parameters, None).await {
        Ok(raw) => raw,
        Err(error) => return as_answer(error),
    };
    let (_, answer) =
        json::envelope(&raw.body).map_err(|detail| client.malformed("login", detail))?;
    let cookie = raw.cookies.iter().find(|(name, _)| name == "JSESSIONID");
    let key = json::text(&answer, "sessionkey");
    let (Some((_, session)), Some(key)) = (cookie, key) else {
        return Err(client.malformed("login", "no session in the answer".to_owned()));
    };
    let opened = Opened { cookies: format!("JSESSIONID={session}; sessionkey={key}"), key };
    let result = with_login(client, &opened, &answer, login.second_factor.as_deref()).await;
    // Whatever came of it, the login that was opened here ends here.
    let logout = opened.parameters("logout", &[]);
    if let Err(error) = client.post("logout", &logout, Some(&opened.cookies)).await {
        tracing::debug!(source = %client.source, %error, "the login could not be ended");
    }
    result
}

/// A login with both its halves: Billow's own, or the one of the user's console.
struct Opened {
    cookies: String,
    key: String,
}

impl Opened {
    fn parameters(&self, name: &str, more: &[(&str, &str)]) -> Parameters {
        let mut parameters = command(name, more);
        parameters.push(("response".to_owned(), "json".to_owned()));
        parameters.push(("sessionkey".to_owned(), self.key.clone()));
        parameters
    }
}

async fn with_login(
    client: &Client,
    opened: &Opened,
    answer: &Value,
    second_factor: Option<&str>,
) -> Answer<SignIn> {
    let flag = |name: &str| json::text(answer, name).as_deref() == Some("true");
    if flag("is2faenabled") && !flag("is2faverified") {
        let Some(code) = second_factor.filter(|code| !code.is_empty()) else {
            return Ok(SignIn::SecondFactorNeeded);
        };
        let name = "validateUserTwoFactorAuthenticationCode";
        let parameters = opened.parameters(name, &[("codefor2fa", code)]);
        if let Err(error) = client.post(name, &parameters, Some(&opened.cookies)).await {
            return match as_answer(error)? {
                SignIn::Refused { .. } => Ok(refused("the second factor is not right")),
                other => Ok(other),
            };
        }
    }
    let query = sign::query(&opened.parameters("listUsers", &[]));
    match client.get("listUsers", &query, Some(&opened.cookies)).await {
        Ok(raw) => {
            let user = json::text(answer, "userid");
            identify_user(client, &raw.body, Some(opened), |row| json::text(row, "id") == user)
                .await
        }
        Err(error) => as_answer(error),
    }
}

/// The user among the rows of `listUsers`: the only one, or the one that `is_caller` knows; of
/// several unknown ones the account is certain and the user is not.
async fn identify_user(
    client: &Client,
    body: &[u8],
    login: Option<&Opened>,
    is_caller: impl Fn(&Value) -> bool,
) -> Answer<SignIn> {
    let (_, inner) =
        json::envelope(body).map_err(|detail| client.malformed("listUsers", detail))?;
    let rows = json::rows(&inner);
    let known = rows.iter().find(|row| is_caller(row));
    let Some(row) = known.or(rows.first()) else {
        return Ok(refused("the cloud names no user for this login"));
    };
    // Without filters all rows are of the caller's own account; else nothing is certain.
    let account_of = |row: &Value| json::text(row, "accountid");
    if rows.iter().any(|other| account_of(other) != account_of(row)) {
        return Ok(refused("the cloud names users of several accounts for this login"));
    }
    let field = |name: &str| {
        json::text(row, name)
            .ok_or_else(|| client.malformed("listUsers", format!("{name} is missing")))
    };
    let account_id = field("accountid")?;
    let domain_id = field("domainid")?;
    let domain_path = domain_path(client, &domain_id).await?;
    let account = field("account")?;
    let mut owners = vec![account_id.clone()];
    owners.extend(match login {
        Some(login) => joined_projects(client, login).await?,
        None => owned_projects(client, &account, &domain_id).await?,
    });
    Ok(SignIn::Accepted(Box::new(Identity {
        source: client.source.clone(),
        user_id: field("id")?,
        user_certain: known.is_some() || rows.len() == 1,
        user_name: field("username")?,
        rank: rank(&field("roletype")?, &field("rolename")?, &domain_path),
        account_id,
        domain_id,
        domain_path,
        owners,
        expires_at: None,
        rules: None,
    })))
}

/// Roles as delivered that have an administrator's type: one may read everything and change
/// nothing, the other is for the machines of others and sees no more of the bills than its own.
const READING_ROLE: &str = "Read-Only Admin";
const SUPPORTING_ROLE: &str = "Support Admin";

fn rank(role_type: &str, role_name: &str, domain_path: &str) -> Rank {
    match role_type {
        _ if role_name.starts_with(SUPPORTING_ROLE) => Rank::User,
        _ if role_name.starts_with(READING_ROLE) => match domain_path.contains('/') {
            true => Rank::User,
            false => Rank::Auditor,
        },
        "Admin" if !domain_path.contains('/') => Rank::Operator,
        "Admin" | "DomainAdmin" | "ResourceAdmin" => Rank::DomainAdmin,
        _ => Rank::User,
    }
}

/// The path of a domain, asked with Billow's own key: users may not list domains.
async fn domain_path(client: &Client, id: &str) -> Answer<String> {
    let rows = client.list(command("listDomains", &[("id", id), ("listall", "true")])).await?;
    let path = rows
        .iter()
        .find(|row| json::text(row, "id").as_deref() == Some(id))
        .and_then(|row| json::text(row, "path"));
    path.ok_or_else(|| client.malformed("listDomains", format!("no path of domain {id}")))
}

/// Projects that the caller belongs to, as their own login shows them.
async fn joined_projects(client: &Client, login: &Opened) -> Answer<Vec<String>> {
    let name = "listProjects";
    let mut projects = Vec::new();
    for page in 1..=PROJECT_PAGES_MAX {
        let (page, rows_max) = (page.to_string(), PAGE_ROWS.to_string());
        let parameters = login.parameters(name, &[("page", &page), ("pagesize", &rows_max)]);
        let raw = match client.get(name, &sign::query(&parameters), Some(&login.cookies)).await {
            Ok(raw) => raw,
            // A role without the right leaves its users with their account.
            Err(OrchestratorError::Forbidden { .. }) => return Ok(projects),
            Err(error) => return Err(error),
        };
        let (_, inner) =
            json::envelope(&raw.body).map_err(|detail| client.malformed(name, detail))?;
        let rows = json::rows(&inner);
        projects.extend(rows.iter().filter_map(|row| json::text(row, "id")));
        if rows.len() < PAGE_ROWS {
            break;
        }
    }
    Ok(projects)
}

/// Projects that an account owns: all that can be known of a caller who signed one call only.
/// The answer is filtered here, whatever the server made of the parameters, so that nobody is
/// shown somebody else's project.
async fn owned_projects(client: &Client, account: &str, domain: &str) -> Answer<Vec<String>> {
    let parameters = [("listall", "true"), ("account", account), ("domainid", domain)];
    let rows = client.list(command("listProjects", &parameters)).await?;
    Ok(rows
        .iter()
        .filter(|row| json::text(row, "domainid").as_deref() == Some(domain))
        .filter(|row| project_owners(row).iter().any(|owner| owner == account))
        .filter_map(|row| json::text(row, "id"))
        .collect())
}
