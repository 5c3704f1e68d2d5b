//! Who the caller is, and what they may see: the only place where an identity becomes a [`Scope`].
//!
//! The orchestrator says who somebody is; Billow then issues a token of its own, of which it
//! keeps the SHA-256 alone. Tokens and their ends go by the machine's clock.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use moka::future::Cache;
use rand::TryRngCore;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::state::State;
use super::store::{self, TokenRow};
use crate::audit::{self, Actor};
use crate::config::ServerConfig;
use crate::customer::Seller;
use crate::customer::store::{self as customers, AsOf, OwnerHistory};
use crate::ids::{CustomerId, IdMaker, OwnerRef, SellerId, SourceName};
use crate::orchestrator::{Credential, Identity, Orchestrator, OwnerKind, Rank, SignIn};
use crate::scope::Scope;
use crate::store::{Conn, StoreError};

/// Name of the console's cookie.
pub const COOKIE: &str = "billow_session";
const TOKEN_PREFIX: &str = "blw_";
const TOKEN_BYTES: usize = 32;
const CALLERS_CACHED_MAX: u64 = 10_000;
/// How long at most the orchestrator's word about a token of its own is believed: it may have
/// been revoked.
const SHOWN_BELIEVED_MAX: Duration = Duration::from_secs(60);
/// Idempotency keys are kept for a week; a repeat after that is a new request.
const KEYS_KEPT_SECONDS: i64 = 7 * 86_400;

/// A caller as the token's row and the data tell.
#[derive(Debug)]
pub struct Known {
    pub identity: Identity,
    pub scope: Scope,
    /// Unix seconds of the machine's clock.
    pub expires_at: i64,
}

impl Known {
    /// Whether the caller may decide and change what the provider's staff may.
    pub fn is_operator(&self) -> bool {
        self.scope == Scope::Provider && self.identity.rank == Rank::Operator
    }

    /// Who acts, for the audit log and rate limits.
    pub fn actor(&self) -> Actor {
        Actor(format!("user:{}", who(&self.identity)))
    }
}

fn who(identity: &Identity) -> String {
    if identity.user_certain {
        format!("{}/{}", identity.source, identity.user_id)
    } else {
        format!("{}/account:{}", identity.source, identity.account_id)
    }
}

/// Brief memories, so that a busy caller costs neither the orchestrator nor the database much.
pub struct Guard {
    tokens: Cache<String, Arc<Known>>,
    credentials: Cache<String, Identity>,
    /// Callers who show the orchestrator's own token with each request.
    shown: Cache<String, Arc<Known>>,
    token_seconds: i64,
}

impl Guard {
    /// Memories that last as configured.
    pub fn new(server: &ServerConfig) -> Self {
        let believed = Duration::from_secs(u64::from(server.identity_cache_seconds));
        Self {
            tokens: brief(believed),
            credentials: brief(believed),
            shown: brief(believed.min(SHOWN_BELIEVED_MAX)),
            token_seconds: i64::from(server.token_seconds),
        }
    }
}

fn brief<V: Clone + Send + Sync + 'static>(lasts: Duration) -> Cache<String, V> {
    Cache::builder().max_capacity(CALLERS_CACHED_MAX).time_to_live(lasts).build()
}

/// A fresh token with what it stands for. The token is shown once and kept nowhere.
pub struct Issued {
    pub token: String,
    pub known: Arc<Known>,
}

/// The machine's clock in unix seconds: what tokens go by.
pub fn machine_seconds() -> i64 {
    Timestamp::now().as_second()
}

/// Hash under which a token is kept.
pub fn token_hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// The token that a page's own forms and scripts send back: another site cannot know it.
pub fn csrf_token(token: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"billow form");
    hash.update(token.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// The caller behind a token; `None` when it is unknown or ended.
pub async fn authenticate(state: &State, token: &str) -> Result<Option<Arc<Known>>, ApiError> {
    let hash = token_hash(token);
    let now = machine_seconds();
    if let Some(known) = state.guard.tokens.get(&hash).await {
        return Ok((known.expires_at > now).then_some(known));
    }
    let mut conn = state.app.db.read().await?;
    let Some(row) = store::load_token(&mut conn, &hash).await? else { return Ok(None) };
    if row.expires_at <= now {
        return Ok(None);
    }
    let scope = load_scope(&mut conn, &row.identity, state.now()).await?;
    let known = Arc::new(Known { identity: row.identity, scope, expires_at: row.expires_at });
    state.guard.tokens.insert(hash, Arc::clone(&known)).await;
    Ok(Some(known))
}

/// The caller behind a token of the orchestrator's own; `None` when it does not know the token.
/// Several requests at one time ask it once; its answer is believed for a minute at most, and
/// never past the token's end.
pub async fn authenticate_shown(
    state: &State,
    source: Option<&SourceName>,
    token: &str,
) -> Result<Option<Arc<Known>>, ApiError> {
    let credential = Credential::Token { token: token.to_owned() };
    let orchestrator = choose(state, source, &credential)?;
    let Some(key) = memory_key(orchestrator.source(), &credential) else { return Ok(None) };
    if let Some(known) = state.guard.shown.get(&key).await
        && known.expires_at > machine_seconds()
    {
        return Ok(Some(known));
    }
    state.guard.shown.invalidate(&key).await;
    let known = state.guard.shown.try_get_with(key, ask_about(state, orchestrator, credential));
    match known.await {
        Ok(known) => Ok((known.expires_at > machine_seconds()).then_some(known)),
        Err(error) => match &*error {
            NotKnown::Refused => Ok(None),
            NotKnown::Failed(error) => Err(error.clone()),
        },
    }
}

/// Why nobody is known behind a token; not remembered.
enum NotKnown {
    Refused,
    Failed(ApiError),
}

async fn ask_about(
    state: &State,
    orchestrator: &Arc<dyn Orchestrator>,
    credential: Credential,
) -> Result<Arc<Known>, NotKnown> {
    let failed = |error: ApiError| NotKnown::Failed(error);
    match orchestrator.sign_in(credential).await.map_err(|error| failed(error.into()))? {
        SignIn::Accepted(identity) => {
            let db = &state.app.db;
            let mut conn = db.read().await.map_err(|error| failed(error.into()))?;
            let scope = load_scope(&mut conn, &identity, state.now()).await;
            let scope = scope.map_err(|error| failed(error.into()))?;
            let lasts = machine_seconds() + state.guard.token_seconds;
            let expires_at = identity.expires_at.unwrap_or(lasts);
            Ok(Arc::new(Known { identity: *identity, scope, expires_at }))
        }
        SignIn::Refused { reason } => {
            tracing::info!(reason, "the orchestrator refused a token");
            Err(NotKnown::Refused)
        }
        SignIn::SecondFactorNeeded => Err(NotKnown::Refused),
    }
}

/// Ends a token at once.
pub async fn revoke(state: &State, token: &str) -> Result<(), ApiError> {
    let hash = token_hash(token);
    let mut tx = state.app.db.begin().await?;
    store::delete_token(&mut tx, &hash).await?;
    tx.commit().await.map_err(StoreError::from)?;
    state.guard.tokens.invalidate(&hash).await;
    Ok(())
}

/// Deletes what has ended.
pub async fn forget_ended(state: &State) -> Result<(), StoreError> {
    let mut tx = state.app.db.begin().await?;
    let keys_before = state.now() - KEYS_KEPT_SECONDS;
    store::delete_ended(&mut tx, machine_seconds(), keys_before).await?;
    tx.commit().await?;
    Ok(())
}

/// What came of a try to sign in.
pub enum Outcome {
    SignedIn(Issued),
    Refused,
    SecondFactorNeeded,
}

/// Asks the orchestrator who shows this credential, and issues a token to whom it knows.
pub async fn sign_in(
    state: &State,
    source: Option<&SourceName>,
    credential: Credential,
) -> Result<Outcome, ApiError> {
    let orchestrator = choose(state, source, &credential)?;
    check_whole(&credential)?;
    let memory = memory_key(orchestrator.source(), &credential);
    let remembered = match &memory {
        Some(key) => state.guard.credentials.get(key).await,
        None => None,
    };
    let ended =
        |identity: &Identity| identity.expires_at.is_some_and(|end| end <= machine_seconds());
    let identity = match remembered {
        Some(identity) if !ended(&identity) => identity,
        _ => match orchestrator.sign_in(credential).await? {
            SignIn::Accepted(identity) => *identity,
            SignIn::Refused { reason } => {
                tracing::info!(reason, "the orchestrator refused a sign-in");
                return Ok(Outcome::Refused);
            }
            SignIn::SecondFactorNeeded => return Ok(Outcome::SecondFactorNeeded),
        },
    };
    if let Some(key) = memory {
        state.guard.credentials.insert(key, identity.clone()).await;
    }
    Ok(Outcome::SignedIn(issue(state, identity).await?))
}

async fn issue(state: &State, identity: Identity) -> Result<Issued, ApiError> {
    let mut bytes = [0_u8; TOKEN_BYTES];
    rand::rngs::OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| ApiError::internal("draw a token", &error))?;
    let token = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    let created_at = machine_seconds();
    let lasts = created_at + state.guard.token_seconds;
    let expires_at = identity.expires_at.map_or(lasts, |end| end.min(lasts));
    let row = TokenRow { identity, expires_at };
    let hash = token_hash(&token);
    let actor = Actor(format!("user:{}", who(&row.identity)));
    let entry = audit::Entry {
        id: IdMaker::new(&*state.app.clock).fresh(),
        at: state.now(),
        actor: &actor,
        action: "session.started",
        subject: &row.identity.account_id,
        customer: None,
        reason: None,
        detail: serde_json::json!({ "user_certain": row.identity.user_certain }),
    };
    let mut tx = state.app.db.begin().await?;
    store::save_token(&mut tx, &hash, &row, created_at).await?;
    audit::record(&mut tx, entry).await?;
    tx.commit().await.map_err(StoreError::from)?;
    let mut conn = state.app.db.read().await?;
    let scope = load_scope(&mut conn, &row.identity, state.now()).await?;
    let known = Arc::new(Known { identity: row.identity, scope, expires_at: row.expires_at });
    state.guard.tokens.insert(hash, Arc::clone(&known)).await;
    Ok(Issued { token, known })
}

/// The orchestrator to ask: the named one, or the only one that takes such a credential.
fn choose<'a>(
    state: &'a State,
    source: Option<&SourceName>,
    credential: &Credential,
) -> Result<&'a Arc<dyn Orchestrator>, ApiError> {
    let takes = |orchestrator: &&Arc<dyn Orchestrator>| {
        let can = orchestrator.capabilities();
        match credential {
            Credential::ConsoleSession { .. } => can.console_session,
            Credential::SignedRequest { .. } => can.signed_request,
            Credential::Token { .. } => can.token,
            Credential::Password { .. } => can.password,
        }
    };
    if let Some(source) = source {
        let named = state.app.orchestrator(source);
        let named = named.ok_or_else(|| ApiError::invalid("source", "no such source"))?;
        let refuse = || ApiError::invalid("source", "this source takes no such credential");
        return Some(named).filter(takes).ok_or_else(refuse);
    }
    let mut able = state.app.orchestrators.iter().filter(takes);
    match (able.next(), able.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => {
            Err(ApiError::invalid("source", "name the source; there are several"))
        }
        (None, _) => Err(ApiError::invalid("source", "no source takes such a credential")),
    }
}

/// Half a credential shown to an orchestrator can end the user's own login there.
fn check_whole(credential: &Credential) -> Result<(), ApiError> {
    let (field, whole) = match credential {
        Credential::ConsoleSession { session, key } => {
            ("console_session", !session.is_empty() && !key.is_empty())
        }
        Credential::SignedRequest { query } => ("signed_request", !query.is_empty()),
        Credential::Token { token } => ("token", !token.is_empty()),
        Credential::Password { name, password, .. } => {
            ("password", !name.is_empty() && !password.is_empty())
        }
    };
    if whole { Ok(()) } else { Err(ApiError::invalid(field, "is incomplete; nobody was asked")) }
}

/// Key of the brief memory; passwords are never remembered, not even by hash.
fn memory_key(source: &SourceName, credential: &Credential) -> Option<String> {
    let parts = match credential {
        Credential::ConsoleSession { session, key } => ["session", session, key],
        Credential::SignedRequest { query } => ["signed", query, ""],
        Credential::Token { token } => ["token", token, ""],
        Credential::Password { .. } => return None,
    };
    let mut hash = Sha256::new();
    for part in [source.0.as_str()].into_iter().chain(parts) {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    Some(hex::encode(hash.finalize()))
}

/// What an identity may see at an instant. Operators and auditors see all. The administrator of a
/// seller's domain sees that seller and the sellers below it; of another domain, the owners below
/// it. Users see their own owners, and the invoices of customers that name them as a contact.
async fn load_scope(conn: &mut Conn, identity: &Identity, now: i64) -> Result<Scope, StoreError> {
    let as_of = AsOf { at: now, known_at: now };
    let owners = match identity.rank {
        Rank::Operator | Rank::Auditor => return Ok(Scope::Provider),
        Rank::DomainAdmin => {
            let sellers = customers::load_sellers(conn, as_of).await?;
            if let Some(own) = sellers_of_domain(&sellers, identity) {
                return Ok(Scope::Sellers(own));
            }
            let history = customers::load_owner_history(conn, &identity.source, now).await?;
            let mut owners = owners_below(&history, identity, now);
            owners.extend(own_owners(identity));
            owners
        }
        Rank::User => own_owners(identity).collect(),
    };
    let contact_of = load_contact_of(conn, identity, as_of).await?;
    Ok(Scope::Owners { owners, contact_of })
}

fn own_owners(identity: &Identity) -> impl Iterator<Item = OwnerRef> + '_ {
    let source = &identity.source;
    identity.owners.iter().map(move |id| OwnerRef { source: source.clone(), id: id.clone() })
}

/// The sellers bound to the administrator's own domain, with all below them in the tree.
fn sellers_of_domain(sellers: &[Seller], identity: &Identity) -> Option<BTreeSet<SellerId>> {
    let bound = |seller: &&Seller| {
        seller.domain.as_ref().is_some_and(|domain| {
            domain.source == identity.source && domain.id == identity.domain_id
        })
    };
    let mut own: BTreeSet<SellerId> =
        sellers.iter().filter(bound).map(|seller| seller.id.clone()).collect();
    if own.is_empty() {
        return None;
    }
    loop {
        let below: Vec<SellerId> = sellers
            .iter()
            .filter(|seller| seller.parent.as_ref().is_some_and(|parent| own.contains(parent)))
            .filter(|seller| !own.contains(&seller.id))
            .map(|seller| seller.id.clone())
            .collect();
        if below.is_empty() {
            return Some(own);
        }
        own.extend(below);
    }
}

/// Accounts and projects in the administrator's domain and below it, as it stands now.
fn owners_below(history: &OwnerHistory, identity: &Identity, now: i64) -> BTreeSet<OwnerRef> {
    let domain = history.at(&identity.domain_id, now);
    let path = domain.map_or(identity.domain_path.as_str(), |domain| domain.domain_path.as_str());
    let below = format!("{path}/");
    let mut owners = BTreeSet::new();
    for id in history.owners.keys() {
        let Some(owner) = history.at(id, now) else { continue };
        let inside = owner.domain_path == path || owner.domain_path.starts_with(&below);
        if inside && owner.kind != OwnerKind::Domain {
            owners.insert(OwnerRef { source: identity.source.clone(), id: id.clone() });
        }
    }
    owners
}

/// Customers that name this user; none while the orchestrator leaves open which user it is.
async fn load_contact_of(
    conn: &mut Conn,
    identity: &Identity,
    as_of: AsOf,
) -> Result<BTreeSet<CustomerId>, StoreError> {
    if !identity.user_certain {
        return Ok(BTreeSet::new());
    }
    let user = OwnerRef { source: identity.source.clone(), id: identity.user_id.clone() };
    let customers = customers::load_customers(conn, as_of).await?;
    let named = customers.into_iter().filter(|c| c.details.billing_contacts.contains(&user));
    Ok(named.map(|customer| customer.id).collect())
}
