//! An orchestrator that shows what a test puts into it, and an app around it.

use std::sync::{Arc, Mutex};

use billow::app::App;
use billow::audit::Actor;
use billow::clock::ManualClock;
use billow::config::Config;
use billow::ids::SourceName;
use billow::orchestrator::{
    Answer, Capabilities, CatalogItem, Check, Credential, InventoryItem, Orchestrator,
    OrchestratorError, OwnerInfo, OwnerKind, ParsedRecord, RawPage, RawWindow, SignIn, Watermark,
};
use billow::period::Span;
use billow::store::Db;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

/// What the fake shows.
#[derive(Clone, Default)]
pub struct Shown {
    pub items: Vec<CatalogItem>,
    pub owners: Vec<OwnerInfo>,
}

pub struct Fake {
    source: SourceName,
    pub shown: Mutex<Shown>,
}

fn none<T>(request: &str) -> BoxFuture<'_, Answer<T>>
where
    T: Send + 'static,
{
    let request = request.to_owned();
    Box::pin(
        async move { Err(OrchestratorError::Forbidden { source_name: "cs1".to_owned(), request }) },
    )
}

impl Orchestrator for Fake {
    fn source(&self) -> &SourceName {
        &self.source
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            windowed_usage: true,
            observations: false,
            derived_usage: false,
            console_session: false,
            signed_request: false,
            token: false,
            password: false,
            projects: false,
            second_factor: false,
        }
    }
    fn fetch_watermark(&self) -> BoxFuture<'_, Answer<Watermark>> {
        none("watermark")
    }
    fn fetch_usage(&self, _: Span) -> BoxFuture<'_, Answer<RawWindow>> {
        none("usage")
    }
    fn parse_usage(&self, _: &RawPage) -> Answer<Vec<ParsedRecord>> {
        Ok(Vec::new())
    }
    fn fetch_catalog(&self) -> BoxFuture<'_, Answer<Vec<CatalogItem>>> {
        let items = self.shown.lock().expect("lock").items.clone();
        Box::pin(async move { Ok(items) })
    }
    fn fetch_owners(&self) -> BoxFuture<'_, Answer<Vec<OwnerInfo>>> {
        let owners = self.shown.lock().expect("lock").owners.clone();
        Box::pin(async move { Ok(owners) })
    }
    fn fetch_inventory(&self) -> BoxFuture<'_, Answer<Vec<InventoryItem>>> {
        none("inventory")
    }
    fn sign_in(&self, _: Credential) -> BoxFuture<'_, Answer<SignIn>> {
        none("sign-in")
    }
    fn check(&self) -> BoxFuture<'_, Vec<Check>> {
        Box::pin(async { Vec::new() })
    }
}

/// An app on a test's database with one fake source `cs1`, and what moves its time.
pub struct World {
    pub app: App,
    pub clock: Arc<ManualClock>,
    pub fake: Arc<Fake>,
}

impl World {
    pub fn new(db: Db, at: &str, options: &str) -> Self {
        let text = format!("[database]\naddress = \"sqlite:unused\"\n{options}");
        let config = Config::parse(&text, "test").expect("configuration");
        let clock = Arc::new(ManualClock::at(instant(at)));
        let source = SourceName("cs1".to_owned());
        let fake = Arc::new(Fake { source, shown: Mutex::new(Shown::default()) });
        let app = App {
            config: Arc::new(config),
            db,
            clock: clock.clone(),
            orchestrators: vec![fake.clone()],
            actor: Actor("test".to_owned()),
            looks: Default::default(),
        };
        Self { app, clock, fake }
    }

    pub fn source(&self) -> SourceName {
        SourceName("cs1".to_owned())
    }

    pub fn show(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.fake.shown.lock().expect("lock"));
    }

    pub fn at(&self, text: &str) {
        self.clock.set(instant(text));
    }

    pub fn now(&self) -> i64 {
        self.app.clock.now_seconds()
    }
}

pub fn instant(text: &str) -> Timestamp {
    text.parse().expect("an RFC 3339 instant")
}

pub fn seconds(text: &str) -> i64 {
    instant(text).as_second()
}

pub fn domain(id: &str, parent: Option<&str>, path: &str) -> OwnerInfo {
    OwnerInfo {
        id: id.to_owned(),
        kind: OwnerKind::Domain,
        name: path.rsplit('/').next().unwrap_or(path).to_owned(),
        domain_id: parent.map(str::to_owned),
        domain_path: path.to_owned(),
        account_id: None,
        internal: false,
        state: "active".to_owned(),
    }
}

pub fn account(id: &str, name: &str, domain: &OwnerInfo) -> OwnerInfo {
    OwnerInfo {
        id: id.to_owned(),
        kind: OwnerKind::Account,
        name: name.to_owned(),
        domain_id: Some(domain.id.clone()),
        domain_path: domain.domain_path.clone(),
        account_id: None,
        internal: false,
        state: "enabled".to_owned(),
    }
}

pub fn project(id: &str, name: &str, owner: &OwnerInfo) -> OwnerInfo {
    OwnerInfo {
        id: id.to_owned(),
        kind: OwnerKind::Project,
        name: name.to_owned(),
        account_id: Some(owner.id.clone()),
        ..owner.clone()
    }
}
