//! A seller whose customers live on the lab: usage comes by the real adapter, to an invoice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use billow::bill::document::{InvoiceDocument, Line};
use billow::bill::explain::{ExplainRequest, load_explanation};
use billow::collect::events::bus::{Bus, listen};
use billow::collect::job::{CollectReport, CollectRequest, collect};
use billow::collect::observation::ResourceState;
use billow::collect::observe::interval::timeline;
use billow::collect::observe::live::{Live, load_live};
use billow::collect::observe::round::{ObserveReport, observe};
use billow::collect::observe::store::{load_keys_of_owner, load_observations, load_state};
use billow::collect::record::{OBSERVED, RecordKind, StoredRecord};
use billow::collect::store::{load_of_resource, load_records, load_source_state};
use billow::config::{EventsConfig, SourceConfig, SourceKind, TelemetryConfig};
use billow::customer::store::{AsOf, load_customers};
use billow::customer::{Change, OwnerMapping, map_owner};
use billow::ids::{IdMaker, OwnerRef, SourceName};
use billow::orchestrator::openstack::OpenStack;
use billow::orchestrator::{Check, Orchestrator};
use billow::period::Span;
use billow::reconcile::Row;
use billow::reconcile::load::{ReconcileRequest, load_reconciliation};
use billow::scope::Scope;
use billow::store::Db;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use tokio_util::sync::CancellationToken;

use super::cloud::Lab;
use super::life::Tenants;
use crate::bill::shop::{Opening, Shop, open};

pub const SOURCE: &str = "lab";

/// A unit of money for each second: an amount on the invoice is a number of seconds. Prices of
/// machines tell the flavor apart.
const PRICES: &str = r#"
[[price]]
code = "small"
meter = "vm_running"
unit = "hour"
amount = "3600"
when = { offering = "m1.small" }
[[price]]
code = "medium"
meter = "vm_running"
unit = "hour"
amount = "3600"
when = { offering = "m1.medium" }
[[price]]
code = "stopped"
meter = "vm_stopped"
unit = "hour"
amount = "3600"
[[price]]
code = "shelved"
meter = "vm_shelved"
unit = "hour"
amount = "3600"
[[price]]
code = "volume"
meter = "volume"
unit = "gib_hour"
amount = "3600"
[[price]]
code = "snapshot"
meter = "snapshot"
unit = "gib_hour"
amount = "3600"
[[price]]
code = "sent"
meter = "network_sent"
unit = "gb"
amount = "1"
[[price]]
code = "received"
meter = "network_received"
unit = "gb"
amount = "1"
[[price]]
code = "cpu"
meter = "cpu_time"
unit = "hour"
amount = "1"
when = { offering = "m1.small" }
[[price]]
code = "cpu-medium"
meter = "cpu_time"
unit = "hour"
amount = "100"
when = { offering = "m1.medium" }
[[price]]
code = "address"
meter = "ip_address"
unit = "hour"
amount = "3600"
"#;

/// The shop and the adapter behind which the lab is.
pub struct LabShop {
    pub shop: Shop,
    cloud: OpenStack,
    /// The two tenants' projects, in the order of their customers.
    projects: [String; 2],
}

impl LabShop {
    /// A shop with a customer for each of the two tenants.
    pub async fn open(db: Db, lab: &Lab, tenants: &Tenants) -> Self {
        Self::behind(db, lab, tenants, &lab.fact("/auth_url")).await
    }

    /// The same, whose telemetry is read, and which waits for no service for long.
    pub async fn reading(db: Db, lab: &Lab, tenants: &Tenants, telemetry: TelemetryConfig) -> Self {
        let mut config = config(lab, &lab.fact("/auth_url"));
        config.timeout_seconds = 2;
        config.telemetry = Some(telemetry);
        Self::of(db, tenants, &config).await
    }

    /// The same, with Keystone at another address.
    pub async fn behind(db: Db, lab: &Lab, tenants: &Tenants, auth_url: &str) -> Self {
        Self::of(db, tenants, &config(lab, auth_url)).await
    }

    async fn of(db: Db, tenants: &Tenants, config: &SourceConfig) -> Self {
        let opening = Opening { customers: 2, ..Opening::default() };
        let shop = open(db, opening, PRICES).await;
        shop.clock.set(Timestamp::now());
        let projects = [tenants.one.project.clone(), tenants.other.project.clone()];
        let adapter = || OpenStack::new(config).expect("an adapter");
        let mut shop = Self { cloud: adapter(), shop, projects };
        shop.shop.app.orchestrators = vec![Arc::new(adapter())];
        shop.map().await;
        shop
    }

    async fn map(&self) {
        let app = &self.shop.app;
        let ids = IdMaker::new(self.shop.clock.as_ref());
        let at = app.clock.now_seconds();
        let change = Change { ids: &ids, at, actor: &app.actor, reason: None };
        let mut tx = app.db.begin().await.expect("begin");
        let present = AsOf { at, known_at: i64::MAX };
        let customers = load_customers(&mut tx, present).await.expect("customers");
        for (customer, project) in customers.iter().zip(&self.projects) {
            let mapping = OwnerMapping {
                owner: owner(project),
                customer: customer.id.clone(),
                from: 0,
                until: i64::MAX,
            };
            map_owner(&mut tx, &mapping, &change).await.expect("mapping");
        }
        tx.commit().await.expect("commit");
    }

    /// What is metered of a resource of a project so far, without another look.
    pub async fn so_far(&self, project: &str, resource: &str) -> Vec<StoredRecord> {
        let mut found = self.live(project).await.records;
        found.retain(|one| one.key.resource == resource && !one.quantity.is_zero());
        found.sort_by_key(|one| one.key.from);
        found
    }

    /// The state that a resource of a project was last told to be in.
    pub async fn last_state(&self, project: &str, resource: &str) -> Option<ResourceState> {
        let mut conn = self.shop.app.db.read().await.expect("read");
        let keys = load_keys_of_owner(&mut conn, &owner(project), 0).await.expect("resources");
        let own: Vec<_> = keys.into_iter().filter(|(_, id)| id == resource).collect();
        let told = load_observations(&mut conn, self.cloud.source(), &own, i64::MAX).await;
        let told = told.expect("observations");
        let intervals = timeline(told.values().next()?).intervals();
        intervals.last().map(|last| last.state)
    }

    /// Until when the first project's figures reach.
    pub async fn so_far_until(&self) -> i64 {
        self.live(&self.projects[0]).await.span.map_or(0, |span| span.until)
    }

    async fn live(&self, project: &str) -> Live {
        self.shop.clock.set(Timestamp::now());
        let now = self.shop.app.clock.now_seconds();
        let mut conn = self.shop.app.db.snapshot().await.expect("read");
        let span = Span::new(0, i64::MAX);
        load_live(&mut conn, &owner(project), span, now).await.expect("provisional usage")
    }

    /// A look alone, now.
    pub async fn look(&self) -> ObserveReport {
        self.shop.clock.set(Timestamp::now());
        observe(&self.shop.app, &self.cloud).await.expect("a look")
    }

    /// What `doctor` tells of the last look, where it failed.
    pub async fn last_error(&self) -> Option<String> {
        let mut conn = self.shop.app.db.read().await.expect("read");
        let state = load_state(&mut conn, self.cloud.source()).await.expect("state");
        state.expect("it was looked at").last_error
    }

    /// Events that were stored.
    pub async fn events(&self) -> i64 {
        let mut conn = self.shop.app.db.read().await.expect("read");
        let state = load_state(&mut conn, self.cloud.source()).await.expect("state");
        state.map_or(0, |state| state.events)
    }

    /// A round as the daemon makes it, now.
    pub async fn round(&self) {
        self.shop.clock.set(Timestamp::now());
        self.try_round().await.expect("a round");
    }

    pub async fn try_round(&self) -> anyhow::Result<()> {
        collect(&self.shop.app, &self.cloud, CollectRequest::default(), &|_| {}).await.map(|_| ())
    }

    /// A round over a span of windows, now.
    pub async fn collect(&self, span: CollectRequest) -> anyhow::Result<CollectReport> {
        self.shop.clock.set(Timestamp::now());
        collect(&self.shop.app, &self.cloud, span, &|_| {}).await
    }

    /// Until when windows are collected, and the error of the last round.
    pub async fn collected(&self) -> (i64, Option<String>) {
        let mut conn = self.shop.app.db.read().await.expect("read");
        let state = load_source_state(&mut conn, self.cloud.source()).await.expect("state");
        state.map_or((0, None), |state| (state.collected_until, state.last_error))
    }

    /// Readings of a project's counters in a span.
    pub async fn counters(&self, project: &str, span: Span) -> Vec<StoredRecord> {
        let mut conn = self.shop.app.db.read().await.expect("read");
        let found = load_records(&mut conn, &owner(project), span, i64::MAX).await;
        let mut found = found.expect("records");
        found.retain(|record| record.kind == RecordKind::Cumulative);
        found.sort_by_key(|record| record.until);
        found
    }

    /// Issues a month's invoices.
    pub async fn invoices(&self, label: &str) -> Vec<InvoiceDocument> {
        self.shop.run(label).await;
        let mut invoices = Vec::new();
        for line in self.shop.issue(label).await {
            invoices.push(self.shop.invoice(&line.number).await);
        }
        invoices
    }

    /// The cloud's own words behind the lines of a price.
    pub async fn words(&self, invoice: &InvoiceDocument, code: &str) -> Vec<String> {
        let app = &self.shop.app;
        let mut conn = app.db.read().await.expect("read");
        let mut words = Vec::new();
        let priced = |line: &&Line| line.price_code.as_deref() == Some(code);
        let number = invoice.number.as_deref().expect("it is issued");
        for line in invoice.lines.iter().filter(priced) {
            let line = line.number;
            let ask = ExplainRequest { invoice: number, line, resource: None, limit: 100 };
            let clouds = &app.orchestrators;
            let told = load_explanation(&mut conn, clouds, &Scope::Provider, ask).await;
            let told = told.expect("explain").expect("the line");
            words.extend(
                told.records.into_iter().map(|one| one.raw.expect("its words").to_string()),
            );
        }
        words
    }

    /// Lets the month pass until it may be closed, makes a round, and issues its invoices.
    pub async fn close(&self) -> Vec<InvoiceDocument> {
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let next = today.first_of_month().checked_add(1.month()).expect("a month");
        self.shop.clock.set(instant(next) + 74.hours());
        self.try_round().await.expect("a round after the month");
        self.invoices(&format!("{:04}-{:02}", today.year(), today.month())).await
    }

    /// This month's machines as Nova's own accounting has them, against what was metered.
    pub async fn accounted(&self) -> Vec<Row> {
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let label = format!("{:04}-{:02}", today.year(), today.month());
        let request = ReconcileRequest {
            label: label.parse().expect("a period"),
            sellers: None,
            customer: None,
            ask_inventory: true,
        };
        let found = load_reconciliation(&self.shop.app, &request, &|_, _| {}).await;
        let rows = found.expect("reconcile").rows.into_iter();
        rows.filter(|row| row.customer.is_some() && row.meter == "vm_allocated").collect()
    }

    /// What is metered of a resource of a project: the last revision of each record, ascending.
    pub async fn records(&self, project: &str, resource: &str) -> Vec<StoredRecord> {
        let mut conn = self.shop.app.db.read().await.expect("read");
        let span = Span::new(0, i64::MAX);
        let found = load_of_resource(&mut conn, &owner(project), (resource, OBSERVED), span).await;
        let mut found = found.expect("records");
        found.retain(|record| !record.quantity.is_zero());
        found
    }
}

/// The daemon's ear: takes what the lab's bus tells, into the shop.
pub struct Listening {
    config: EventsConfig,
    cloud: Arc<OpenStack>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Listening {
    /// Listens with a queue that is made for it.
    pub async fn begin(lab: &Lab, shop: &LabShop) -> Self {
        let queue = format!("billow.{}", uuid::Uuid::new_v4().simple());
        Self::again(lab, shop, queue).await
    }

    /// Listens with a queue that may be there already.
    pub async fn again(lab: &Lab, shop: &LabShop, queue: String) -> Self {
        let file = crate::support::db::folder("lab-bus").join("address");
        std::fs::write(&file, lab.fact("/amqp")).expect("write the address");
        let config = EventsConfig { queue: Some(queue), ..EventsConfig::at(file) };
        let cloud = Arc::new(adapter(lab, &lab.fact("/auth_url")));
        let (app, stop) = (shop.shop.app.clone(), CancellationToken::new());
        let (ear, mouth, end) = (config.clone(), cloud.clone(), stop.clone());
        let task = tokio::spawn(async move {
            listen(&app, &Bus { orchestrator: mouth.as_ref(), config: &ear }, &end).await;
        });
        let listening = Self { config, cloud, stop, task };
        listening.until(|checks| checks[0].ok).await;
        listening
    }

    /// Waits until `doctor` says what is wanted of the bus.
    pub async fn until(&self, wanted: impl Fn(&[Check]) -> bool) -> Vec<Check> {
        let bus = Bus { orchestrator: self.cloud.as_ref(), config: &self.config };
        let begun = Instant::now();
        loop {
            let checks = bus.check().await;
            if wanted(&checks) {
                return checks;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "{checks:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends as the daemon does; gives the queue, which stays.
    pub async fn end(self) -> String {
        self.stop.cancel();
        self.task.await.expect("the listener ends");
        self.config.queue.expect("it was given")
    }
}

fn owner(project: &str) -> OwnerRef {
    OwnerRef { source: SourceName(SOURCE.to_owned()), id: project.to_owned() }
}

fn instant(date: Date) -> Timestamp {
    date.to_zoned(TimeZone::UTC).expect("a day").timestamp()
}

/// The adapter as an operator configures it.
pub fn adapter(lab: &Lab, auth_url: &str) -> OpenStack {
    OpenStack::new(&config(lab, auth_url)).expect("an adapter")
}

fn config(lab: &Lab, auth_url: &str) -> SourceConfig {
    let file = crate::support::db::folder("lab-secret").join("password");
    std::fs::write(&file, lab.fact("/billow/password")).expect("write the secret's file");
    SourceConfig {
        user: Some(lab.fact("/billow/user")),
        project: Some(lab.fact("/billow/project")),
        region: Some(lab.fact("/region")),
        secret_file: Some(file),
        ..SourceConfig::new(SOURCE, SourceKind::Openstack, auth_url)
    }
}
