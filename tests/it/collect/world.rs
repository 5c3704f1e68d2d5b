//! A source that shows the windows a test puts into it, read by the real adapter's parser, and an
//! app around it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use billow::app::App;
use billow::audit::Actor;
use billow::clock::ManualClock;
use billow::collect::inventory::Inventory;
use billow::collect::job::{CollectReport, CollectRequest, Ingest, collect};
use billow::collect::record::StoredRecord;
use billow::collect::store::{SourceState, load_all_records, load_records, load_source_state};
use billow::config::Config;
use billow::finding::Finding;
use billow::finding::store::load_findings;
use billow::ids::{OwnerRef, SourceName};
use billow::orchestrator::cloudstack::CloudStack;
use billow::orchestrator::{
    AccountedLife, Answer, Capabilities, CatalogItem, Check, Credential, InventoryItem,
    Orchestrator, OrchestratorError, OwnerInfo, ParsedRecord, RawPage, RawWindow, SignIn,
    Watermark,
};
use billow::period::Span;
use billow::store::Db;
use futures_util::future::BoxFuture;
use serde_json::Value;

/// What the source shows.
#[derive(Default)]
pub struct Shown {
    /// Bodies of the pages of each window.
    pub windows: BTreeMap<Span, Vec<Vec<u8>>>,
    pub inventory: Vec<InventoryItem>,
    /// What may be read at once.
    pub bulk_seconds: Option<i64>,
    /// Its own accounting; `None`: it has none.
    pub accounting: Option<Vec<AccountedLife>>,
    /// The inventory does not answer.
    pub inventory_down: bool,
    pub closed_until: i64,
    pub window_seconds: i64,
    pub zone: String,
    /// Windows that cannot be read.
    pub broken: Vec<Span>,
    /// Every window that was asked for.
    pub asked: Vec<Span>,
}

pub struct Source {
    adapter: CloudStack,
    pub shown: Mutex<Shown>,
}

impl Orchestrator for Source {
    fn source(&self) -> &SourceName {
        self.adapter.source()
    }
    fn capabilities(&self) -> Capabilities {
        self.adapter.capabilities()
    }
    fn fetch_watermark(&self) -> BoxFuture<'_, Answer<Watermark>> {
        let shown = self.shown.lock().expect("lock");
        let watermark = Watermark {
            closed_until: shown.closed_until,
            window_seconds: shown.window_seconds,
            zone: shown.zone.clone(),
            late_seconds: None,
            bulk_seconds: shown.bulk_seconds,
        };
        Box::pin(async move { Ok(watermark) })
    }
    fn fetch_usage(&self, window: Span) -> BoxFuture<'_, Answer<RawWindow>> {
        let mut shown = self.shown.lock().expect("lock");
        shown.asked.push(window);
        let answer = if shown.broken.contains(&window) {
            Err(OrchestratorError::Unavailable {
                source_name: "cs1".to_owned(),
                request: "listUsageRecords".to_owned(),
                status: 503,
            })
        } else {
            let bodies = shown.windows.get(&window).cloned();
            Ok(raw(window, bodies.unwrap_or_else(|| vec![page(&[])])))
        };
        Box::pin(async move { answer })
    }
    fn parse_usage(&self, page: &RawPage) -> Answer<Vec<ParsedRecord>> {
        self.adapter.parse_usage(page)
    }
    fn raw_record(&self, page: &RawPage, index: usize) -> Option<String> {
        self.adapter.raw_record(page, index)
    }
    fn fetch_catalog(&self) -> BoxFuture<'_, Answer<Vec<CatalogItem>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn fetch_owners(&self) -> BoxFuture<'_, Answer<Vec<OwnerInfo>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn fetch_inventory(&self) -> BoxFuture<'_, Answer<Vec<InventoryItem>>> {
        let shown = self.shown.lock().expect("lock");
        let answer = match shown.inventory_down {
            true => Err(OrchestratorError::Unavailable {
                source_name: "cs1".to_owned(),
                request: "listVirtualMachines".to_owned(),
                status: 503,
            }),
            false => Ok(shown.inventory.clone()),
        };
        Box::pin(async move { answer })
    }
    fn fetch_accounting(&self, _: Span) -> BoxFuture<'_, Answer<Option<Vec<AccountedLife>>>> {
        let told = self.shown.lock().expect("lock").accounting.clone();
        Box::pin(async move { Ok(told) })
    }
    fn sign_in(&self, _: Credential) -> BoxFuture<'_, Answer<SignIn>> {
        Box::pin(async { Ok(SignIn::Refused { reason: "a test's source".to_owned() }) })
    }
    fn check(&self) -> BoxFuture<'_, Vec<Check>> {
        Box::pin(async { Vec::new() })
    }
}

pub fn raw(window: Span, bodies: Vec<Vec<u8>>) -> RawWindow {
    let pages = bodies.into_iter().zip(1..).map(|(body, page)| RawPage {
        request: format!("command=listUsageRecords&page={page}"),
        page,
        body,
    });
    RawWindow { window, pages: pages.collect() }
}

/// A page of usage rows, as the orchestrator sends it.
pub fn page(rows: &[Value]) -> Vec<u8> {
    let answer = serde_json::json!({ "listusagerecordsresponse": {
        "count": rows.len(), "usagerecord": rows,
    }});
    serde_json::to_vec(&answer).expect("JSON")
}

/// An app on a test's database with one source `cs1`.
pub struct World {
    pub app: App,
    pub clock: Arc<ManualClock>,
    pub source: Arc<Source>,
}

impl World {
    pub fn new(db: Db) -> Self {
        let secret = crate::support::db::folder("collect").join("secret");
        std::fs::write(&secret, "example-secret-key\n").expect("write the secret");
        let text = format!(
            "[database]\naddress = \"sqlite:unused\"\n[[source]]\nname = \"cs1\"\n\
             kind = \"cloudstack\"\nendpoint = \"http://127.0.0.1:1/client/api\"\n\
             api_key = \"EXAMPLE\"\nsecret_file = {:?}\ncollect_from = \"2026-11-18\"\n",
            secret.display().to_string()
        );
        let config = Config::parse(&text, "test").expect("configuration");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let adapter = CloudStack::new(&config.sources[0]).expect("adapter");
        let shown = Shown {
            window_seconds: 86_400,
            zone: "UTC".to_owned(),
            closed_until: seconds("2026-11-22T00:00:00Z"),
            ..Shown::default()
        };
        let source = Arc::new(Source { adapter, shown: Mutex::new(shown) });
        let clock = Arc::new(ManualClock::at("2026-11-23T00:00:00Z".parse().expect("an instant")));
        let app = App {
            config: Arc::new(config),
            db,
            clock: clock.clone(),
            orchestrators: vec![source.clone()],
            actor: Actor("test".to_owned()),
            looks: Default::default(),
        };
        Self { app, clock, source }
    }

    pub fn show(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.source.shown.lock().expect("lock"));
    }

    /// Takes in one answer about one window.
    pub async fn read(&self, window: Span, bodies: Vec<Vec<u8>>) -> CollectReport {
        let inventory = Inventory::new(self.source.shown.lock().expect("lock").inventory.clone());
        let watermark = self.source.fetch_watermark().await.expect("watermark");
        let ingest = Ingest {
            app: &self.app,
            orchestrator: self.source.as_ref(),
            inventory: &inventory,
            watermark: &watermark,
        };
        let mut report = CollectReport::default();
        ingest.window(&raw(window, bodies), window.until, &mut report).await.expect("ingest");
        report
    }

    pub async fn collect(&self) -> anyhow::Result<CollectReport> {
        collect(&self.app, self.source.as_ref(), CollectRequest::default(), &|_| {}).await
    }

    pub fn owner(&self, id: &str) -> OwnerRef {
        OwnerRef { source: SourceName("cs1".to_owned()), id: id.to_owned() }
    }

    /// Newest revisions of all records of the owners, withheld ones too.
    pub async fn all(&self, owners: &[String]) -> Vec<StoredRecord> {
        let mut conn = self.app.db.read().await.expect("connection");
        let mut records = Vec::new();
        for owner in owners {
            let owner = self.owner(owner);
            let found = load_all_records(&mut conn, &owner, ALL, i64::MAX).await;
            records.extend(found.expect("records"));
        }
        records
    }

    /// What counts.
    pub async fn billable(&self, owners: &[String]) -> Vec<StoredRecord> {
        let mut conn = self.app.db.read().await.expect("connection");
        let mut records = Vec::new();
        for owner in owners {
            let owner = self.owner(owner);
            let found = load_records(&mut conn, &owner, ALL, i64::MAX).await;
            records.extend(found.expect("records"));
        }
        records
    }

    /// What counts of one owner, as it was known at an instant.
    pub async fn billable_at(&self, owner: &str, known_at: i64) -> Vec<StoredRecord> {
        let mut conn = self.app.db.read().await.expect("connection");
        load_records(&mut conn, &self.owner(owner), ALL, known_at).await.expect("records")
    }

    pub async fn state(&self) -> Option<SourceState> {
        let mut conn = self.app.db.read().await.expect("connection");
        load_source_state(&mut conn, self.source.source()).await.expect("state")
    }

    /// Findings of a rule, or of all rules but those that hold nobody.
    pub async fn findings(&self, rule: &str) -> Vec<Finding> {
        let mut conn = self.app.db.read().await.expect("connection");
        let mut found = load_findings(&mut conn, true).await.expect("findings");
        found.retain(|finding| finding.rule == rule);
        found.sort_by_key(|finding| (finding.span, finding.resource.clone()));
        found
    }

    /// Open findings by rule.
    pub async fn open(&self) -> BTreeMap<String, usize> {
        let mut conn = self.app.db.read().await.expect("connection");
        let mut counts = BTreeMap::new();
        for finding in load_findings(&mut conn, false).await.expect("findings") {
            *counts.entry(finding.rule).or_default() += 1;
        }
        counts
    }
}

/// All time that tests use.
pub const ALL: Span = Span { from: 1_700_000_000, until: 1_900_000_000 };

pub fn seconds(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect("an RFC 3339 instant").as_second()
}

pub fn span(from: &str, until: &str) -> Span {
    Span::new(seconds(from), seconds(until))
}

/// What of a record makes the bill: all but where it was read.
pub fn billed(records: &[StoredRecord]) -> Vec<String> {
    let mut lines: Vec<String> = records
        .iter()
        .map(|record| {
            let key = &record.key;
            format!(
                "{} {} {} {} {}..{} {} {}",
                key.owner,
                key.meter,
                key.resource,
                key.identity,
                key.from,
                record.until,
                record.kind.as_str(),
                record.quantity
            )
        })
        .collect();
    lines.sort();
    lines
}

/// The same without what names the resource.
pub fn amounts(records: &[StoredRecord]) -> Vec<String> {
    let mut lines: Vec<String> = records
        .iter()
        .map(|record| {
            let key = &record.key;
            let span = (key.from, record.until);
            format!("{} {} {span:?} {}", key.owner, key.meter, record.quantity)
        })
        .collect();
    lines.sort();
    lines
}
