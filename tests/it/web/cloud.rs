//! A scripted cloud: it knows some users, counts what it is asked, and fails on request.

use std::collections::BTreeMap;
use std::sync::Mutex;

use billow::ids::SourceName;
use billow::orchestrator::{
    Answer, CallRule, Capabilities, CatalogItem, Check, Credential, Identity, InventoryItem,
    Orchestrator, OrchestratorError, OwnerInfo, OwnerKind, ParsedRecord, Rank, RawPage, RawWindow,
    SignIn, Watermark,
};
use billow::period::Span;
use futures_util::future::BoxFuture;

pub const SOURCE: &str = "cs1";

/// The cloud's state; tests change it while the server runs.
#[derive(Default)]
struct Inner {
    users: BTreeMap<String, User>,
    /// Console sessions: cookie → (key, user name). A wrong key ends the session.
    sessions: BTreeMap<String, (String, String)>,
    /// Signed requests that verify, with their user.
    signed: BTreeMap<String, String>,
    /// Tokens of the cloud's own, with whose they are.
    tokens: BTreeMap<String, Identity>,
    asked: u64,
    down: bool,
}

struct User {
    password: String,
    second_factor: Option<String>,
    identity: Identity,
}

/// The scripted cloud.
pub struct Cloud {
    source: SourceName,
    inner: Mutex<Inner>,
}

impl Cloud {
    pub fn new() -> Self {
        Self { source: SourceName(SOURCE.to_owned()), inner: Mutex::new(Inner::default()) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().expect("the cloud's state"))
    }

    /// Adds a user whose password is `pw-<name>`.
    pub fn add_user(&self, name: &str, domain: (&str, &str), rank: Rank, owners: &[&str]) {
        let identity = Identity {
            source: self.source.clone(),
            user_id: format!("u-{name}"),
            user_certain: true,
            user_name: name.to_owned(),
            account_id: format!("a-{name}"),
            domain_id: domain.0.to_owned(),
            domain_path: domain.1.to_owned(),
            rank,
            owners: owners.iter().map(|owner| (*owner).to_owned()).collect(),
            expires_at: None,
            rules: None,
        };
        let password = format!("pw-{name}");
        let user = User { password, second_factor: None, identity };
        self.with(|inner| inner.users.insert(name.to_owned(), user));
    }

    pub fn demand_second_factor(&self, name: &str, code: &str) {
        self.with(|inner| {
            let user = inner.users.get_mut(name).expect("a known user");
            user.second_factor = Some(code.to_owned());
        });
    }

    pub fn open_console(&self, session: &str, key: &str, name: &str) {
        let value = (key.to_owned(), name.to_owned());
        self.with(|inner| inner.sessions.insert(session.to_owned(), value));
    }

    pub fn has_console(&self, session: &str) -> bool {
        self.with(|inner| inner.sessions.contains_key(session))
    }

    pub fn accept_signed(&self, query: &str, name: &str) {
        self.with(|inner| inner.signed.insert(query.to_owned(), name.to_owned()));
    }

    /// Makes the cloud know a token of a user, which ends at an instant and may be limited.
    pub fn give_token(&self, token: &str, name: &str, end: i64, rules: Option<Vec<CallRule>>) {
        self.with(|inner| {
            let identity = inner.users[name].identity.clone();
            let identity = Identity { expires_at: Some(end), rules, ..identity };
            inner.tokens.insert(token.to_owned(), identity);
        });
    }

    pub fn revoke_token(&self, token: &str) {
        self.with(|inner| inner.tokens.remove(token));
    }

    pub fn set_down(&self, down: bool) {
        self.with(|inner| inner.down = down);
    }

    pub fn asked(&self) -> u64 {
        self.with(|inner| inner.asked)
    }

    fn answer(&self, credential: &Credential) -> Answer<SignIn> {
        self.with(|inner| {
            inner.asked += 1;
            if inner.down {
                return Err(OrchestratorError::Timeout {
                    source_name: SOURCE.to_owned(),
                    request: "login".to_owned(),
                    seconds: 60,
                });
            }
            let refused = || Ok(SignIn::Refused { reason: "not known".to_owned() });
            let name = match credential {
                Credential::Password { name, password, second_factor, .. } => {
                    let Some(user) = inner.users.get(name) else { return refused() };
                    match (&user.second_factor, second_factor) {
                        _ if user.password != *password => return refused(),
                        (Some(_), None) => return Ok(SignIn::SecondFactorNeeded),
                        (Some(wanted), Some(shown)) if wanted != shown => return refused(),
                        _ => name,
                    }
                }
                Credential::ConsoleSession { session, key } => {
                    match inner.sessions.get(session) {
                        Some((right, name)) if right == key => name,
                        // As a real one does: half a credential ends the login.
                        Some(_) => {
                            inner.sessions.remove(session);
                            return refused();
                        }
                        None => return refused(),
                    }
                }
                Credential::SignedRequest { query } => match inner.signed.get(query) {
                    Some(name) => name,
                    None => return refused(),
                },
                Credential::Token { token } => {
                    return Ok(match inner.tokens.get(token) {
                        Some(identity) => SignIn::Accepted(Box::new(identity.clone())),
                        None => SignIn::Refused { reason: "not known".to_owned() },
                    });
                }
            };
            Ok(SignIn::Accepted(Box::new(inner.users[name].identity.clone())))
        })
    }
}

fn unscripted<T>() -> BoxFuture<'static, Answer<T>>
where
    T: Send + 'static,
{
    Box::pin(async {
        Err(OrchestratorError::Unavailable {
            source_name: SOURCE.to_owned(),
            request: "anything but sign-in".to_owned(),
            status: 503,
        })
    })
}

impl Orchestrator for Cloud {
    fn source(&self) -> &SourceName {
        &self.source
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            windowed_usage: true,
            observations: false,
            derived_usage: false,
            console_session: true,
            signed_request: true,
            token: true,
            password: true,
            projects: false,
            second_factor: true,
        }
    }

    fn fetch_watermark(&self) -> BoxFuture<'_, Answer<Watermark>> {
        unscripted()
    }

    fn fetch_usage(&self, _: Span) -> BoxFuture<'_, Answer<RawWindow>> {
        unscripted()
    }

    fn parse_usage(&self, _: &RawPage) -> Answer<Vec<ParsedRecord>> {
        Ok(Vec::new())
    }

    fn raw_record(&self, page: &RawPage, index: usize) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&page.body).ok()?;
        body.get(index).map(ToString::to_string)
    }

    fn fetch_catalog(&self) -> BoxFuture<'_, Answer<Vec<CatalogItem>>> {
        unscripted()
    }

    fn fetch_owners(&self) -> BoxFuture<'_, Answer<Vec<OwnerInfo>>> {
        unscripted()
    }

    fn fetch_inventory(&self) -> BoxFuture<'_, Answer<Vec<InventoryItem>>> {
        unscripted()
    }

    fn sign_in(&self, credential: Credential) -> BoxFuture<'_, Answer<SignIn>> {
        Box::pin(async move { self.answer(&credential) })
    }

    fn check(&self) -> BoxFuture<'_, Vec<Check>> {
        Box::pin(async { Vec::new() })
    }
}

/// An owner as the cloud shows it: `path` is the domain's.
pub fn owner(id: &str, kind: OwnerKind, domain: (&str, &str)) -> OwnerInfo {
    OwnerInfo {
        id: id.to_owned(),
        kind,
        name: id.to_owned(),
        domain_id: Some(domain.0.to_owned()),
        domain_path: domain.1.to_owned(),
        account_id: None,
        internal: false,
        state: "enabled".to_owned(),
    }
}
