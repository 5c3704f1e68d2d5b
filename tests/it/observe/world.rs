//! A source that shows the listings and events a test puts into it, and an app around it.

use std::sync::{Arc, Mutex};

use billow::app::App;
use billow::audit::Actor;
use billow::clock::ManualClock;
use billow::collect::job::{CollectReport, CollectRequest, collect};
use billow::collect::observation::{Certainty, Observation, ResourceKind, ResourceState};
use billow::collect::record::Attributes;
use billow::collect::store::load_all_records;
use billow::config::Config;
use billow::ids::{OwnerRef, SourceName};
use billow::orchestrator::{
    Answer, Capabilities, CatalogItem, Check, Credential, InventoryItem, ObservationAsk,
    Orchestrator, OrchestratorError, OwnerInfo, ParsedEvent, ParsedObservation, ParsedRecord,
    RawObservations, RawPage, RawWindow, SignIn, Watermark,
};
use billow::period::Span;
use billow::store::Db;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

/// What the source shows: listings and histories as JSON lists of observations.
#[derive(Default)]
pub struct Shown {
    pub told: Vec<Observation>,
    pub complete: Vec<ResourceKind>,
    pub down: bool,
}

pub struct Source {
    name: SourceName,
    pub shown: Mutex<Shown>,
}

fn refused<T: Send + 'static>(request: &'static str) -> BoxFuture<'static, Answer<T>> {
    let (source_name, request) = ("os1".to_owned(), request.to_owned());
    Box::pin(async move { Err(OrchestratorError::Forbidden { source_name, request }) })
}

fn parsed(list: Vec<Observation>) -> Vec<ParsedObservation> {
    let one = |(index, told)| ParsedObservation { index, outcome: Ok(told) };
    list.into_iter().enumerate().map(one).collect()
}

impl Orchestrator for Source {
    fn source(&self) -> &SourceName {
        &self.name
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            windowed_usage: false,
            observations: true,
            derived_usage: true,
            console_session: false,
            signed_request: false,
            token: false,
            projects: false,
            password: false,
            second_factor: false,
        }
    }
    fn fetch_watermark(&self) -> BoxFuture<'_, Answer<Watermark>> {
        refused("watermark")
    }
    fn fetch_usage(&self, _: Span) -> BoxFuture<'_, Answer<RawWindow>> {
        refused("usage")
    }
    fn parse_usage(&self, _: &RawPage) -> Answer<Vec<ParsedRecord>> {
        Ok(Vec::new())
    }
    fn raw_record(&self, page: &RawPage, index: usize) -> Option<String> {
        let list: Vec<serde_json::Value> = serde_json::from_slice(&page.body).ok()?;
        list.get(index).map(ToString::to_string)
    }
    fn fetch_observations(&self, ask: ObservationAsk) -> BoxFuture<'_, Answer<RawObservations>> {
        let shown = self.shown.lock().expect("lock");
        if shown.down {
            return refused("listings");
        }
        let mut told = shown.told.clone();
        for one in told.iter_mut().filter(|one| one.certainty == Certainty::Seen) {
            one.at_micros = ask.now * 1_000_000;
        }
        let body = serde_json::to_vec(&told).expect("JSON");
        let page = RawPage { request: "GET /everything".to_owned(), page: 1, body };
        let answer = RawObservations {
            seen_at: ask.now,
            pages: vec![page],
            complete: shown.complete.clone(),
            skipped: Vec::new(),
        };
        Box::pin(async move { Ok(answer) })
    }
    fn parse_observations(&self, page: &RawPage, _: i64) -> Answer<Vec<ParsedObservation>> {
        Ok(parsed(serde_json::from_slice(&page.body).expect("a list")))
    }
    fn parse_event(&self, body: &[u8]) -> Answer<ParsedEvent> {
        let read: Result<(String, Vec<Observation>), _> = serde_json::from_slice(body);
        let (id, told) = read.map_err(|error| OrchestratorError::Malformed {
            source_name: self.name.0.clone(),
            request: "event".to_owned(),
            detail: error.to_string(),
        })?;
        let (name, observations) = ("told".to_owned(), parsed(told));
        Ok(ParsedEvent { id, name, look: false, observations })
    }
    fn fetch_catalog(&self) -> BoxFuture<'_, Answer<Vec<CatalogItem>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn fetch_owners(&self) -> BoxFuture<'_, Answer<Vec<OwnerInfo>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn fetch_inventory(&self) -> BoxFuture<'_, Answer<Vec<InventoryItem>>> {
        refused("inventory")
    }
    fn sign_in(&self, _: Credential) -> BoxFuture<'_, Answer<SignIn>> {
        refused("sign-in")
    }
    fn check(&self) -> BoxFuture<'_, Vec<Check>> {
        Box::pin(async { Vec::new() })
    }
}

impl Source {
    /// A source that lists every kind to its end, and shows nothing yet.
    pub fn named(name: &str) -> Self {
        let shown = Shown { complete: ResourceKind::ALL.into(), ..Shown::default() };
        Self { name: SourceName(name.to_owned()), shown: Mutex::new(shown) }
    }

    pub fn show(&self, told: Vec<Observation>) {
        self.shown.lock().expect("lock").told = told;
    }
}

/// An app on a test's database with one source `os1`, and what moves its time.
pub struct World {
    pub app: App,
    pub clock: Arc<ManualClock>,
    pub source: Arc<Source>,
}

impl World {
    pub fn new(db: Db, at: &str) -> Self {
        let text = "[database]\naddress = \"sqlite:unused\"\n";
        let clock = Arc::new(ManualClock::at(instant(at)));
        let source = Arc::new(Source::named("os1"));
        let app = App {
            config: Arc::new(Config::parse(text, "test").expect("configuration")),
            db,
            clock: clock.clone(),
            orchestrators: vec![source.clone()],
            actor: Actor("test".to_owned()),
            looks: Default::default(),
        };
        Self { app, clock, source }
    }

    pub fn show(&self, told: Vec<Observation>) {
        self.source.show(told);
    }

    /// Collects at an instant, as the daemon's rounds do.
    pub async fn collect(&self, at: &str) -> CollectReport {
        self.clock.set(instant(at));
        let request = CollectRequest::default();
        collect(&self.app, self.source.as_ref(), request, &|_| {}).await.expect("collect")
    }
}

pub fn instant(text: &str) -> Timestamp {
    text.parse().expect("an RFC 3339 instant")
}

pub fn seconds(text: &str) -> i64 {
    instant(text).as_second()
}

pub fn owner() -> OwnerRef {
    OwnerRef { source: SourceName("os1".to_owned()), id: "p1".to_owned() }
}

/// A machine's state, as an event at an instant or, without one, as a listing shows it.
pub fn machine(at: Option<&str>, state: ResourceState, vcpus: &str) -> Observation {
    let (certainty, at_micros) = match at {
        Some(at) => (Certainty::Event, instant(at).as_microsecond()),
        None => (Certainty::Seen, 0),
    };
    Observation {
        owner: owner(),
        kind: ResourceKind::Machine,
        resource: "m1".to_owned(),
        at_micros,
        certainty,
        state: Some(state),
        attributes: Attributes::from([("vcpus".to_owned(), vcpus.to_owned())]),
    }
}

/// `meter from..until` in seconds of the first day, with the revision.
pub async fn told(world: &World, known_at: i64) -> Vec<String> {
    let mut conn = world.app.db.read().await.expect("connect");
    let start = seconds("2026-11-02T00:00:00Z");
    let month = Span::new(start, start + 30 * 86_400);
    let records = load_all_records(&mut conn, &owner(), month, known_at).await.expect("records");
    records
        .iter()
        .map(|one| {
            let (from, until) = (one.key.from - start, one.until - start);
            assert_eq!(one.quantity.to_string(), hours(until - from), "{one:?}");
            format!("{} {from}..{until} r{}", one.key.meter, one.key.revision)
        })
        .collect()
}

fn hours(seconds: i64) -> String {
    billow::money::Exact::ratio(i128::from(seconds), 3_600).reduced().to_string()
}
