//! The one trait behind which every orchestrator stands, with its neutral types.
//!
//! Nothing outside the adapters, `demo/` and `app.rs` knows which orchestrator answers.

pub mod cloudstack;
pub mod openstack;
pub mod plain;

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::collect::observation::{Observation, ResourceKind};
use crate::collect::record::{Attributes, UsageRecord};
use crate::ids::{OwnerRef, SourceName};
use crate::period::Span;

/// What went wrong with an orchestrator, in neutral words.
#[derive(Debug, thiserror::Error)]
pub enum OrchestratorError {
    #[error("{source_name}: {request} got no answer within {seconds} s; it is tried again")]
    Timeout { source_name: String, request: String, seconds: u64 },
    #[error("{source_name}: cannot be reached for {request}: {detail}")]
    Unreachable { source_name: String, request: String, detail: String },
    #[error("{source_name}: asks to wait (HTTP {status}) for {request}")]
    Throttled { source_name: String, request: String, status: u16, after: Option<Duration> },
    #[error("{source_name}: is not available (HTTP {status}) for {request}")]
    Unavailable { source_name: String, request: String, status: u16 },
    #[error("{source_name}: refuses the credentials for {request}: {detail}")]
    Unauthenticated { source_name: String, request: String, detail: String },
    #[error("{source_name}: the account used may not call {request}: allow it in its role")]
    Forbidden { source_name: String, request: String },
    #[error("{source_name}: refuses {request}: {detail}")]
    Refused { source_name: String, request: String, detail: String },
    #[error("{source_name}: answered {request} with something else than expected: {detail}")]
    Malformed { source_name: String, request: String, detail: String },
    #[error("{source_name}: the clocks differ by {seconds} s; set both by NTP")]
    ClockSkew { source_name: String, seconds: i64 },
}

impl OrchestratorError {
    /// Whether the same call may be repeated later with hope.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::Unreachable { .. }
            | Self::Throttled { .. }
            | Self::Unavailable { .. }
            | Self::Malformed { .. } => true,
            Self::Unauthenticated { .. }
            | Self::Forbidden { .. }
            | Self::Refused { .. }
            | Self::ClockSkew { .. } => false,
        }
    }
}

/// What came by webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Nobody knows whose it is.
    Unsigned,
    /// The orchestrator only tries whether it arrives.
    Trial,
    Event,
}

/// Gives a header of a request by its name.
pub type HeaderOf<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The answer of every call.
pub type Answer<T> = Result<T, OrchestratorError>;

/// What an orchestrator can and cannot do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// Usage comes in whole windows that the orchestrator closes.
    pub windowed_usage: bool,
    /// Resources can be listed with their states; provisional figures follow from them.
    pub observations: bool,
    /// Usage of resources is made of observations alone; windows, where there are any, hold what
    /// cannot be observed (traffic and other telemetry), never hours of a resource.
    pub derived_usage: bool,
    /// A session of the orchestrator's own web console can be checked.
    pub console_session: bool,
    /// A request signed by the user's own key can be passed on to identify the user.
    pub signed_request: bool,
    /// A token that the orchestrator gave its user can be checked.
    pub token: bool,
    /// Name and password can be passed on, as the sign-in page does.
    pub password: bool,
    /// A sign-in by password may name the project that it is for.
    pub projects: bool,
    /// A second factor can be asked for.
    pub second_factor: bool,
}

/// How far the orchestrator has closed its usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// Usage before this instant is complete, as far as the orchestrator knows.
    pub closed_until: i64,
    /// Length of one window in seconds.
    pub window_seconds: i64,
    /// Offset of the windows' boundaries: IANA zone in which days begin.
    pub zone: String,
    /// How many seconds after its end a window may still change; `None` where nobody can tell.
    pub late_seconds: Option<i64>,
    /// Length in seconds of what may be read at once where many windows are to be read, a whole
    /// number of windows that begins with one; `None`: one window at a time.
    pub bulk_seconds: Option<i64>,
}

/// One answer page about usage, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawPage {
    /// The request without credentials, for the record.
    pub request: String,
    pub page: u32,
    pub body: Vec<u8>,
}

/// The whole answer about one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawWindow {
    pub window: Span,
    pub pages: Vec<RawPage>,
}

/// One record found in a page, or why it cannot be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedRecord {
    /// Position on its page.
    pub index: usize,
    /// How many times the same row may come and still be a part rather than a copy.
    pub additive: bool,
    /// Fields that name the resource under another form; used to match records that lost their id.
    pub disguise: Option<String>,
    pub outcome: Result<UsageRecord, RejectedRecord>,
}

/// What to observe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservationAsk {
    /// Now, unix seconds: the instant that listings are stamped with.
    pub now: i64,
    /// Histories and changes are read from this instant on; `None` reads all there is.
    pub since: Option<i64>,
}

/// A round of listings and histories, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawObservations {
    /// Unix seconds before the first call: what the listings show held at this instant or later.
    pub seen_at: i64,
    pub pages: Vec<RawPage>,
    /// Kinds listed to the end without a failure: what is missing there no longer exists. A kind
    /// that failed, or that a broken part of the orchestrator cut short, is not named.
    pub complete: Vec<ResourceKind>,
    /// What this orchestrator does not run or does not show, one line each, for `doctor`.
    pub skipped: Vec<String>,
}

/// One observation found in a page or event, or why it cannot be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedObservation {
    /// Position on its page of what it was read from; several observations may share it.
    pub index: usize,
    pub outcome: Result<Observation, RejectedRecord>,
}

/// An event as it was received, from a bus or a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedEvent {
    /// Names the event however often it is delivered.
    pub id: String,
    /// The orchestrator's own name of what happened, for metrics.
    pub name: String,
    /// Whether something changed of which the event does not tell all: a look does.
    pub look: bool,
    /// Empty for events that say nothing about usage.
    pub observations: Vec<ParsedObservation>,
}

/// Where events are published on a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRoute {
    pub exchange: String,
    pub routing_key: String,
}

/// A record that cannot be understood: kept, and held for the owner if one is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRecord {
    pub owner: Option<OwnerRef>,
    pub meter: String,
    pub span: Option<Span>,
    /// What is wrong, naming the field and the value.
    pub reason: String,
}

/// A kind of catalogue item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    ServiceOffering,
    DiskOffering,
    NetworkOffering,
    VpcOffering,
    BackupOffering,
    Template,
    Zone,
    /// Tags and present names of a resource: the item's id is the resource's.
    Resource,
}

/// One discovered item, in normalized fields only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogItem {
    pub kind: ItemKind,
    pub id: String,
    pub name: String,
    /// Neutral keys of [`crate::collect::record::attribute`] and `fixed`, `domain`, `state`.
    pub attributes: Attributes,
}

/// What an owner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerKind {
    Domain,
    Account,
    Project,
}

/// A domain, account or project, as the orchestrator shows it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerInfo {
    pub id: String,
    pub kind: OwnerKind,
    pub name: String,
    /// Id of the domain it lies in (for a domain: its parent).
    pub domain_id: Option<String>,
    /// Path of the domain it lies in (for a domain: its own): `ROOT/reseller/customer`.
    pub domain_path: String,
    /// Owner account of a project.
    pub account_id: Option<String>,
    /// System or root administrator's: collected, never billed.
    pub internal: bool,
    pub state: String,
}

/// A resource that exists now, or was seen to exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryItem {
    pub owner: String,
    pub meter: String,
    pub resource: String,
    pub name: String,
    pub created: Option<i64>,
    pub removed: Option<i64>,
}

/// The time in which a resource was there, as the orchestrator's own accounting tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountedLife {
    pub owner: String,
    /// The meter under which the inventory tells the resource.
    pub meter: String,
    pub resource: String,
    pub name: String,
    /// Unix seconds. It may have been there before, which the accounting forgets; not later.
    pub from: i64,
    /// `None`: it is there still.
    pub until: Option<i64>,
}

/// The rank of a signed-in user, from the orchestrator's own roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// Root administrator: provider scope.
    Operator,
    /// Reads what an operator reads and changes nothing.
    Auditor,
    /// Administrator of a domain and all below it.
    DomainAdmin,
    User,
}

/// Who the orchestrator says the caller is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub source: SourceName,
    pub user_id: String,
    /// False where the orchestrator leaves open which of the account's users it is.
    pub user_certain: bool,
    pub user_name: String,
    pub account_id: String,
    pub domain_id: String,
    pub domain_path: String,
    pub rank: Rank,
    /// Owners (account and projects) whose usage the user may see.
    pub owners: Vec<String>,
    /// End of the login at the orchestrator, unix seconds, where it has one: nothing that is made
    /// of it lasts longer.
    #[serde(default)]
    pub expires_at: Option<i64>,
    /// The calls of Billow that the credential is limited to; `None`: it is not limited.
    #[serde(default)]
    pub rules: Option<Vec<CallRule>>,
}

/// A call that a limited credential may make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRule {
    /// In capitals.
    pub method: String,
    /// A path in which `*` and `{name}` stand for one part, and `**` for any number of parts.
    pub path: String,
}

impl CallRule {
    /// Whether a call is one of those that the rule allows.
    pub fn allows(&self, method: &str, path: &str) -> bool {
        let parts = |path: &str| -> Vec<String> {
            path.trim_matches('/').split('/').map(str::to_owned).collect()
        };
        self.method == method && matches(&parts(&self.path), &parts(path))
    }
}

/// Whether a path fits a pattern: for each part of the pattern, which beginnings of the path fit
/// what stands before it.
fn matches(pattern: &[String], path: &[String]) -> bool {
    let mut fits = vec![false; path.len() + 1];
    fits[0] = true;
    for part in pattern {
        let before = std::mem::replace(&mut fits, vec![false; path.len() + 1]);
        let any = part == "*" || (part.starts_with('{') && part.ends_with('}'));
        let mut reached = false;
        for end in 0..=path.len() {
            reached |= before[end];
            fits[end] = if part == "**" {
                reached
            } else {
                end > 0 && before[end - 1] && (any || *part == path[end - 1])
            };
        }
    }
    fits[path.len()]
}

/// How a caller proves who they are.
#[derive(Clone)]
pub enum Credential {
    /// The console's own session: cookie value and session key, both given whole.
    ConsoleSession { session: String, key: String },
    /// A complete signed request of the user's own key, to be passed on once.
    SignedRequest { query: String },
    /// A token that the orchestrator gave its user.
    Token { token: String },
    /// Name, password, domain path and project from the sign-in page, a project only where
    /// `capabilities().projects`; second factor where asked.
    Password {
        name: String,
        password: String,
        domain: String,
        project: Option<String>,
        second_factor: Option<String>,
    },
}

/// What came of a sign-in.
#[derive(Clone, Debug)]
pub enum SignIn {
    Accepted(Box<Identity>),
    Refused { reason: String },
    SecondFactorNeeded,
}

/// One finding of `doctor` about an orchestrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub ok: bool,
    pub what: String,
    pub why: String,
    pub mend: String,
}

/// An orchestrator. Calls return typed errors; none blocks longer than its time-out.
pub trait Orchestrator: Send + Sync {
    fn source(&self) -> &SourceName;
    fn capabilities(&self) -> Capabilities;
    /// How far usage is closed.
    fn fetch_watermark(&self) -> BoxFuture<'_, Answer<Watermark>>;
    /// The whole answer about one window: pages re-read if records arrived while paging.
    fn fetch_usage(&self, window: Span) -> BoxFuture<'_, Answer<RawWindow>>;
    /// Reads the records of one page. Pure; a page that is no page at all is `Malformed`.
    fn parse_usage(&self, page: &RawPage) -> Answer<Vec<ParsedRecord>>;
    /// The orchestrator's own JSON of the record at a position of a page, for explanations;
    /// `None` where there is no such record on the page.
    fn raw_record(&self, page: &RawPage, index: usize) -> Option<String> {
        let _ = (page, index);
        None
    }
    /// All that exists now and what changed since: complete listings and exact histories.
    /// Only where `capabilities().observations`.
    fn fetch_observations(&self, ask: ObservationAsk) -> BoxFuture<'_, Answer<RawObservations>> {
        let request = "observations".to_owned();
        let source_name = self.source().0.clone();
        let detail = format!("it cannot be observed (asked at {})", ask.now);
        Box::pin(async move { Err(OrchestratorError::Refused { source_name, request, detail }) })
    }
    /// Reads the observations of one page that was fetched at `seen_at`. Pure.
    fn parse_observations(&self, page: &RawPage, seen_at: i64) -> Answer<Vec<ParsedObservation>> {
        let _ = seen_at;
        Err(OrchestratorError::Malformed {
            source_name: self.source().0.clone(),
            request: page.request.clone(),
            detail: "this orchestrator gives no observations".to_owned(),
        })
    }
    /// Where the orchestrator publishes events on a bus, unless it was set up otherwise.
    fn event_routes(&self) -> Vec<EventRoute> {
        Vec::new()
    }
    /// Reads one event of the orchestrator's bus or webhook. Pure.
    fn parse_event(&self, body: &[u8]) -> Answer<ParsedEvent> {
        Err(OrchestratorError::Malformed {
            source_name: self.source().0.clone(),
            request: "event".to_owned(),
            detail: format!("this orchestrator sends no events ({} bytes)", body.len()),
        })
    }
    /// What a message is that came by webhook, by its signature; `None` where no webhook is set
    /// up. `header` gives a header by its name in small letters.
    fn verify_delivery(&self, header: HeaderOf<'_>, body: &[u8]) -> Option<Delivery> {
        let _ = (header, body);
        None
    }
    fn fetch_catalog(&self) -> BoxFuture<'_, Answer<Vec<CatalogItem>>>;
    fn fetch_owners(&self) -> BoxFuture<'_, Answer<Vec<OwnerInfo>>>;
    fn fetch_inventory(&self) -> BoxFuture<'_, Answer<Vec<InventoryItem>>>;
    /// What the orchestrator's own accounting tells of a span; `None` where it has none, or may
    /// not be asked. Never a base of a bill: what usage is held against.
    fn fetch_accounting(&self, span: Span) -> BoxFuture<'_, Answer<Option<Vec<AccountedLife>>>> {
        let _ = span;
        Box::pin(async { Ok(None) })
    }
    /// Checks who a caller is; never ends the caller's own login.
    fn sign_in(&self, credential: Credential) -> BoxFuture<'_, Answer<SignIn>>;
    /// Checks connection, rights and settings.
    fn check(&self) -> BoxFuture<'_, Vec<Check>>;
}
