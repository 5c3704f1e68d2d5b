//! Goal: whatever a real server repeats, adds late, moves or loses, and however it cuts its pages,
//! the issued invoices are the same, and findings name what it did. Method: its recorded answers
//! behind a real socket; catalogue, collection, decisions and issue by the ordinary stages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use billow::app::App;
use billow::audit::Actor;
use billow::bill::run::{RunRequest, issue_all, run};
use billow::bill::stake::money_at_stake;
use billow::bill::store::{load_invoice, load_parts};
use billow::bill::verify::verify;
use billow::catalog::apply::{NewBook, apply};
use billow::catalog::{book, sync::sync};
use billow::clock::ManualClock;
use billow::collect::job::{CollectReport, CollectRequest, collect};
use billow::config::Config;
use billow::customer::{Change, NewSeller, save_seller};
use billow::finding::decision::{Decision, decide};
use billow::finding::store::load_findings;
use billow::finding::{Finding, FindingState};
use billow::ids::{IdMaker, SourceName};
use billow::money::{Exact, Money};
use billow::orchestrator::Orchestrator;
use billow::scope::Scope;
use billow::store::Db;
use serde_json::{Value, json};

use super::lists;
use super::support::{Reply, Request, Server, ok, recorded, status};
use crate::on_both_engines;
use crate::support::db::sqlite;

/// What the server shows now.
pub struct Shown {
    pub rows: Vec<Value>,
    /// Minutes of a window.
    range: &'static str,
    /// The last second that is closed.
    pub closed: &'static str,
    /// Dates and decimals in the other form, which older servers and other locales write.
    other_form: bool,
    /// What is answered to the reading of the window that begins then.
    pub fault: Option<(&'static str, fn() -> Reply)>,
}

type Cloud = Arc<Mutex<Shown>>;

fn answer(shown: &Shown, request: &Request) -> Reply {
    match request.command() {
        "listUsageRecords" => usage(shown, request),
        "listUsageServerMetrics" => ok(json!({ "listusageservermetricsresponse": {
            "usageMetrics": { "state": "Down", "lastsuccessfuljob": shown.closed } } })
        .to_string()),
        "listConfigurations" => {
            let name = request.get("name").expect("a setting's name");
            let value = if name.ends_with("range") { shown.range } else { "GMT" };
            ok(json!({ "listconfigurationsresponse": { "count": 1, "configuration": [
                { "name": name, "value": value } ] } })
            .to_string())
        }
        // The recorded inventory is of one instant, the usage of several: nothing is a gap here.
        "listVirtualMachines" if request.get("details").is_none() => {
            status(432, recorded("api-keys/narrow-role.listVirtualMachines.error.json"))
        }
        _ => lists::answer(request),
    }
}

/// The records that lie inside the asked span, a page of them.
fn usage(shown: &Shown, request: &Request) -> Reply {
    if let Some((from, fault)) = shown.fault
        && request.get("startdate") == Some(from)
    {
        return fault();
    }
    let asked = |name: &str| request.get(name).expect("a parameter").to_owned();
    let (from, until) = (asked("startdate"), asked("enddate"));
    let number = |name: &str| asked(name).parse::<usize>().expect("a number");
    let (page, size) = (number("page"), number("pagesize"));
    let text = |row: &Value, name: &str| row[name].as_str().expect("a date").to_owned();
    let inside = |row: &&Value| text(row, "startdate") >= from && text(row, "enddate") <= until;
    let rows: Vec<&Value> = shown.rows.iter().filter(inside).collect();
    let of_page = rows.iter().skip((page - 1) * size).take(size);
    let of_page: Vec<Value> = of_page.map(|row| in_form(row, shown.other_form)).collect();
    let inner = match (rows.len(), of_page.is_empty()) {
        (0, _) => json!({}),
        (count, true) => json!({ "count": count }),
        (count, false) => json!({ "count": count, "usagerecord": of_page }),
    };
    ok(json!({ "listusagerecordsresponse": inner }).to_string())
}

fn in_form(row: &Value, other_form: bool) -> Value {
    let mut row = row.clone();
    if other_form {
        for field in ["startdate", "enddate"] {
            let text = row[field].as_str().expect("a date");
            row[field] = json!(text.replace('T', "'T'").replace("+0000", "+00:00"));
        }
        row["rawusage"] = json!(row["rawusage"].as_str().expect("decimal").replace('.', ","));
    }
    row
}

/// Every meter that occurs has a price, high enough that each second tells.
fn prices() -> String {
    let mut text = "[book]\ncode = \"standard\"\ncurrency = \"EUR\"\n".to_owned();
    let hours = ["vm_running", "vm_stopped", "ip_address", "security_group", "load_balancer"];
    let more = ["port_forwarding", "network_interface", "vpn_user", "network", "vpc"];
    let sizes = ["volume", "template", "iso", "snapshot", "vm_snapshot"];
    let more_sizes = ["volume_secondary", "vm_snapshot_on_primary", "backup", "bucket"];
    let bytes = ["network_sent", "network_received", "disk_read_bytes", "disk_write_bytes"];
    let units: [(&str, &str, &[&str]); 6] = [
        ("hour", "0.37", &hours),
        ("hour", "1.13", &more),
        ("gib_hour", "0.0517", &sizes),
        ("gib_hour", "0.0711", &more_sizes),
        ("gb", "0.19", &bytes),
        ("request", "0.0003", &["disk_read_requests", "disk_write_requests"]),
    ];
    for (unit, amount, meters) in units {
        for meter in meters {
            text += &format!(
                "[[price]]\ncode = \"{meter}\"\nmeter = \"{meter}\"\nunit = \"{unit}\"\n\
                 amount = \"{amount}\"\n"
            );
        }
    }
    text
}

pub struct Provider {
    pub app: App,
    clock: Arc<ManualClock>,
    cloud: Cloud,
    _server: Server,
}

impl Provider {
    /// A provider with its catalogue and prices, before the first usage.
    pub async fn open(db: Db, collect_from: &str, range: &'static str) -> Self {
        let shown = Shown {
            rows: Vec::new(),
            range,
            closed: "2026-11-17T23:59:59+0000",
            other_form: false,
            fault: None,
        };
        let cloud = Arc::new(Mutex::new(shown));
        let seen = cloud.clone();
        let server =
            Server::start(move |request| answer(&seen.lock().expect("lock"), request)).await;
        let adapter = server.adapter();
        let text = format!(
            "[database]\naddress = \"sqlite:unused\"\n[[source]]\nname = \"cs1\"\n\
             kind = \"cloudstack\"\nendpoint = \"{}\"\napi_key = \"EXAMPLE\"\n\
             secret_file = \"unused\"\ncollect_from = \"{collect_from}\"\n",
            server.endpoint()
        );
        let config = Config::parse(&text, "test").expect("configuration");
        let clock = Arc::new(ManualClock::at("2026-11-17T12:00:00Z".parse().expect("now")));
        let orchestrators: Vec<Arc<dyn Orchestrator>> = vec![Arc::new(adapter)];
        let actor = Actor("test".to_owned());
        let app = App {
            config: Arc::new(config),
            db,
            clock: clock.clone(),
            orchestrators,
            actor,
            looks: Default::default(),
        };
        let provider = Self { app, clock, cloud, _server: server };
        provider.set_up().await;
        provider
    }

    async fn set_up(&self) {
        let ids = IdMaker::new(self.clock.as_ref());
        let at = self.app.clock.now_seconds();
        let change = Change { ids: &ids, at, actor: &self.app.actor, reason: Some("test") };
        let mut tx = self.app.db.begin().await.expect("begin");
        let mut details = crate::customer::stories::seller_details("Provider");
        details.time_zone = "UTC".to_owned();
        let rule = json!({ "category": "S", "percent": "19" });
        details.tax_rules = vec![serde_json::from_value(rule).expect("a tax rule")];
        let new =
            NewSeller { code: "provider".to_owned(), parent: None, domain: None, details, from: 0 };
        save_seller(&mut tx, new, &change).await.expect("seller");
        let text = prices();
        let book = book::parse(&text, "standard.toml").unwrap_or_else(|error| panic!("{error}"));
        let new = NewBook { book: &book, file: Some(&text), from: 0, backdate: true };
        apply(&mut tx, new, &change).await.expect("apply");
        tx.commit().await.expect("commit");
        sync(&self.app, &SourceName("cs1".to_owned())).await.expect("catalogue");
    }

    /// Collects what the server shows now, its last window ending at `closed`.
    pub async fn collect(&self, rows: Vec<Value>, closed: &'static str) -> CollectReport {
        {
            let mut shown = self.cloud.lock().expect("lock");
            shown.rows = rows;
            shown.closed = closed;
        }
        let orchestrator = self.app.orchestrators[0].clone();
        let request = CollectRequest::default();
        let collected = collect(&self.app, orchestrator.as_ref(), request, &|_| {}).await;
        collected.expect("collect")
    }

    pub fn show(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.cloud.lock().expect("lock"));
    }

    pub fn at(&self, text: &str) {
        self.clock.set(text.parse().expect("an instant"));
    }

    async fn findings(&self, all: bool) -> Vec<Finding> {
        let mut conn = self.app.db.read().await.expect("read");
        load_findings(&mut conn, all).await.expect("findings")
    }

    /// Every doubt, told without ids.
    pub async fn told(&self) -> Vec<String> {
        let told = self.findings(true).await.into_iter().map(|one| {
            let Finding { rule, owner, meter, span, state, .. } = one;
            format!("{rule} {owner} {meter} {span:?} {state:?}")
        });
        let mut told: Vec<String> = told.collect();
        told.sort();
        told
    }

    /// The open doubts alone.
    async fn open_rules(&self) -> Vec<String> {
        let told = self.told().await.into_iter();
        told.filter(|text| text.ends_with("Open")).collect()
    }

    async fn decide_all(&self, decision: Decision) {
        for finding in self.findings(false).await {
            let decided = decide(&self.app, &finding.id, decision, "as it was seen").await;
            decided.unwrap_or_else(|error| panic!("{finding:?}: {error}"));
        }
    }

    /// Runs and issues November; what every document says, by number.
    async fn invoices(&self) -> BTreeMap<String, Value> {
        self.at("2026-12-05T00:00:00Z");
        let label = "2026-11".parse().expect("a period");
        let request = RunRequest { label, seller: None, correct_prices: false, preview: false };
        let report = run(&self.app, &request, &|_, _| {}).await.expect("run");
        let held: Vec<_> = report.drafts.iter().filter(|draft| !draft.holds.is_empty()).collect();
        assert!(held.is_empty(), "{held:?}");
        let issued = issue_all(&self.app, Some(label), None, &|_, _| {}).await.expect("issue");
        let mut conn = self.app.db.read().await.expect("read");
        let mut invoices = BTreeMap::new();
        for one in issued {
            let found = load_invoice(&mut conn, &Scope::Provider, &one.number).await;
            let (document, _) = found.expect("load").expect("the invoice");
            let parts = load_parts(&mut conn, &document.seller_id, &document.id).await;
            let parts = parts.expect("parts").into_iter().map(|part| {
                json!({ "line": part.line, "owner": part.owner, "meter": part.meter,
                        "resource": part.resource, "name": part.resource_name,
                        "quantity": part.quantity, "net_minor": part.net_minor,
                        "records": part.record_count })
            });
            let parts: Vec<Value> = parts.collect();
            let mut said = serde_json::to_value(&document).expect("JSON");
            strip(&mut said);
            said["parts"] = json!(parts);
            invoices.insert(one.number, said);
        }
        drop(conn);
        let verified = verify(&self.app, &|_, _| {}).await.expect("verify");
        assert!(verified.is_good() && verified.pages > 0, "{:?}", verified.deviations);
        invoices
    }
}

/// Takes out what is new in every database: ids, and when it was known.
fn strip(value: &mut Value) {
    const OWN: [&str; 9] = [
        "id",
        "seller_id",
        "customer_id",
        "agreement_id",
        "price_version",
        "known_at",
        "contact_hash",
        "record_revision_max",
        "pool",
    ];
    match value {
        Value::Object(fields) => {
            let owner = fields.len() == 2 && fields.contains_key("source");
            fields.retain(|name, _| owner || !OWN.contains(&name.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(all) => all.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes out the names and tags of resources: who reads for the first time after the server lost
/// an id cannot know it any more. All money stays.
fn forget_names(invoices: &mut BTreeMap<String, Value>) {
    for invoice in invoices.values_mut() {
        let lines = invoice["lines"].as_array_mut().expect("lines");
        lines.iter_mut().for_each(|line| line["detail"] = Value::Null);
        invoice["breakdowns"]["resource"] = Value::Null;
        // Tags are found by the resource's id.
        let tags = invoice["breakdowns"]["tag"].as_array().expect("tags").iter();
        let sum: i64 = tags.map(|tag| tag["net_minor"].as_i64().expect("an amount")).sum();
        invoice["breakdowns"]["tag"] = json!(sum);
        let mut sums: BTreeMap<String, (Exact, i64)> = BTreeMap::new();
        for part in invoice["parts"].as_array().expect("parts") {
            let name = format!("{} {} {}", part["line"], part["owner"], part["meter"]);
            let (quantity, minor) = sums.entry(name).or_insert((Exact::ZERO, 0));
            let text = part["quantity"].as_str().expect("a quantity");
            *quantity = quantity.plus(&text.parse().expect("a quantity"));
            *minor += part["net_minor"].as_i64().expect("an amount");
        }
        invoice["parts"] = json!(sums);
    }
}

/// Where two documents differ.
fn differ(path: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            for (name, value) in a {
                differ(&format!("{path}.{name}"), value, &b[name], found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (one, other)) in a.iter().zip(b).enumerate() {
                differ(&format!("{path}[{index}]"), one, other, found);
            }
        }
        _ if one == other => {}
        _ => found.push(format!("{path}: {one} and {other}")),
    }
}

pub fn rows(files: &[&str]) -> Vec<Value> {
    let mut all = Vec::new();
    for file in files {
        let answer: Value =
            serde_json::from_slice(&recorded(&format!("usage-{file}.json"))).expect("JSON");
        let rows = answer["listusagerecordsresponse"]["usagerecord"].as_array().expect("rows");
        all.extend(rows.iter().cloned());
    }
    all
}

/// A fixed shuffle, so that every page holds other records.
fn shuffled(mut rows: Vec<Value>, seed: u64) -> Vec<Value> {
    let mut state = seed;
    for index in (1..rows.len()).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).expect("fits") % (index + 1);
        rows.swap(index, other);
    }
    rows
}

/// How a history is read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    /// As it was recorded, read after each run of the usage server.
    InTurn,
    /// For the first time at the end, when the server shows everything.
    AtTheEnd,
    /// In turn, every answer twice, its rows shuffled, in the other form.
    Disguised,
}

const W1: &str = "10min-real-time/window1.all";
const W1_SECOND: &str = "10min-real-time/window1.all.read-again-after-window2";
const W1_THIRD: &str = "10min-real-time/window1.all.read-again-after-window3";
const W2: &str = "10min-real-time/window2.all";
const W2_THIRD: &str = "10min-real-time/window2.all.read-again-after-window3";
const W3: &str = "10min-real-time/window3.all";

/// What the server shows after each run of its usage server, and until when it is closed.
type History = [(&'static [&'static str], &'static str, &'static str); 4];

const REAL_TIME: History = [
    (&[W1], "2026-11-22T16:19:59+0000", "2026-11-22T16:21:00Z"),
    (&[W1_SECOND, W2], "2026-11-22T16:29:59+0000", "2026-11-22T16:31:00Z"),
    (&[W1_THIRD, W2_THIRD, W3], "2026-11-22T16:39:59+0000", "2026-11-22T16:41:00Z"),
    (&[W1_THIRD, W2_THIRD, W3], "2026-11-22T23:59:59+0000", "2026-11-23T00:01:00Z"),
];

const D18: &str = "daily/day-18.all";
const D19: &str = "daily/day-19.all";
const D19_LATE: &str = "daily/day-19.all.read-again-after-late-events";
const D20: &str = "daily/day-20.all";
const D20_LATE: &str = "daily/day-20.all.read-again-after-late-events";
const D21: &str = "daily/day-21.all";
const D21_MOVED: &str = "daily/day-21.all.read-again-after-volume-migration";

const DAILY: History = [
    (&[D18, D19], "2026-11-19T23:59:59+0000", "2026-11-20T01:00:00Z"),
    (&[D18, D19, D20], "2026-11-20T23:59:59+0000", "2026-11-21T01:00:00Z"),
    (&[D18, D19_LATE, D20_LATE, D21], "2026-11-21T23:59:59+0000", "2026-11-22T01:00:00Z"),
    (&[D18, D19_LATE, D20_LATE, D21_MOVED], "2026-11-22T23:59:59+0000", "2026-11-23T01:00:00Z"),
];

/// The days 18 to 21 as they were read first, and until when they are closed.
pub const DAYS: &[&str] = &[D18, D19, D20, D21];
pub const DAYS_CLOSED: &str = "2026-11-21T23:59:59+0000";

/// Reads a history and then the rest of the month, in which nothing is used.
async fn read(provider: &Provider, history: &History, reading: Reading) -> Vec<CollectReport> {
    let mut reports = Vec::new();
    for (number, (files, closed, now)) in history.iter().enumerate() {
        provider.at(now);
        match reading {
            Reading::AtTheEnd if number + 1 < history.len() => {}
            Reading::InTurn | Reading::AtTheEnd => {
                reports.push(provider.collect(rows(files), closed).await);
            }
            Reading::Disguised => {
                provider.show(|shown| shown.other_form = true);
                for again in 0..2 {
                    let seed = 7 + 2 * number + again;
                    let mixed = shuffled(rows(files), u64::try_from(seed).expect("small"));
                    reports.push(provider.collect(mixed, closed).await);
                }
            }
        }
    }
    provider.show(|shown| shown.range = "1440");
    provider.at("2026-12-04T12:00:00Z");
    let last = rows(history[history.len() - 1].0);
    provider.collect(last, "2026-12-03T23:59:59+0000").await;
    reports
}

async fn real_time(db: Db, reading: Reading) -> (Provider, Vec<CollectReport>) {
    let provider = Provider::open(db, "2026-11-22T16:10:00Z", "10").await;
    let reports = read(&provider, &REAL_TIME, reading).await;
    (provider, reports)
}

async fn daily(db: Db, reading: Reading) -> (Provider, Vec<CollectReport>) {
    let provider = Provider::open(db, "2026-11-18", "1440").await;
    let reports = read(&provider, &DAILY, reading).await;
    (provider, reports)
}

/// The invoices of every reading after the same decisions, which must be the same.
macro_rules! same_invoices {
    ($story:ident) => {
        for decision in [Decision::Reject, Decision::Release] {
            let (provider, _) = $story(sqlite().await, Reading::InTurn).await;
            let doubts = provider.told().await;
            let open_rules = provider.open_rules().await;
            provider.decide_all(decision).await;
            let named = provider.invoices().await;
            assert!(named.len() > 2, "{:?}", named.keys());
            for reading in [Reading::AtTheEnd, Reading::Disguised] {
                let (provider, _) = $story(sqlite().await, reading).await;
                if reading == Reading::AtTheEnd {
                    let told = provider.open_rules().await;
                    assert_eq!(told, open_rules, "{decision:?}");
                } else {
                    assert_eq!(provider.told().await, doubts, "{reading:?}");
                }
                provider.decide_all(decision).await;
                let (mut invoices, mut expected) = (provider.invoices().await, named.clone());
                if reading == Reading::AtTheEnd {
                    forget_names(&mut invoices);
                    forget_names(&mut expected);
                }
                assert_eq!(invoices.len(), expected.len(), "{reading:?}");
                let mut differences = Vec::new();
                for (number, invoice) in &invoices {
                    differ(number, &expected[number], invoice, &mut differences);
                }
                assert!(differences.is_empty(), "{reading:?} {decision:?}: {differences:#?}");
            }
        }
    };
}

#[tokio::test]
async fn windows_that_the_server_repeats_give_the_same_invoices() {
    same_invoices!(real_time);
}

#[tokio::test]
async fn days_with_late_events_and_a_moved_volume_give_the_same_invoices() {
    same_invoices!(daily);
}

on_both_engines! {
    /// 105, 210 and 315 records of one window: what was there adds nothing, what is new is counted.
    async fn each_reading_adds_what_is_new_alone(db: Db) {
        let (provider, reports) = real_time(db, Reading::InTurn).await;
        let told = |report: &CollectReport| (report.rows, report.records);
        // The bucket's record of the first window came late; the third run says it all again.
        assert_eq!(told(&reports[0]), (105, 105));
        assert_eq!(told(&reports[1]), (210 + 112, 1 + 112));
        assert_eq!(told(&reports[2]).0, 315 + 222 + 91);
        assert_eq!(reports[3].records, 0);
        let findings = provider.findings(true).await;
        let of = |rule: &str| findings.iter().filter(|one| one.rule == rule).count();
        assert_eq!(of("repeated_window"), 2);
        let open = findings.iter().filter(|one| one.state == FindingState::Open);
        let doubts: BTreeSet<_> = open.map(|one| (one.rule.as_str(), one.meter.as_str())).collect();
        // A bucket whose counter was set up anew, and a machine that was scaled while it ran.
        let expected =
            [("changed_on_reread", "bucket"), ("running_beyond_allocated", "vm_running")];
        assert_eq!(doubts, BTreeSet::from(expected));
    }
}

async fn web1s_two_hours(provider: &Provider) -> Finding {
    let mut found = provider.findings(false).await;
    found.retain(|one| one.rule == "fragment" && one.meter == "vm_running");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Hours and amount of running machines on an invoice of web1's customer.
fn running(invoices: &BTreeMap<String, Value>, resource: &str) -> (Exact, String) {
    let all = invoices.iter();
    let parts = all.flat_map(|(number, one)| {
        one["parts"].as_array().expect("parts").iter().map(move |part| (number, part))
    });
    let mine =
        parts.filter(|(_, part)| part["resource"] == resource && part["meter"] == "vm_running");
    let (mut hours, mut on) = (Exact::ZERO, String::new());
    for (number, part) in mine {
        hours = hours.plus(&part["quantity"].as_str().expect("text").parse().expect("hours"));
        on.clone_from(number);
    }
    (hours, on)
}

on_both_engines! {
    /// web1 was stopped for two hours of 19 November, which the server told two days later.
    async fn web1s_two_hours_are_a_doubt_with_their_amount(db: Db) {
        let (rejecting, _) = daily(crate::support::db::sqlite().await, Reading::InTurn).await;
        rejecting.decide_all(Decision::Reject).await;
        let as_reported = rejecting.invoices().await;

        let (provider, _) = daily(db, Reading::InTurn).await;
        let doubt = web1s_two_hours(&provider).await;
        assert_eq!((&doubt.detail["reported"], &doubt.detail["corrected"]),
            (&json!("23.84"), &json!("21.84")));
        let mut conn = provider.app.db.read().await.expect("read");
        let stake = money_at_stake(&mut conn, &doubt).await.expect("rated").expect("an amount");
        drop(conn);
        assert_eq!(stake, Money { minor: -74, currency: "EUR".parse().expect("euro") });

        // Its customer waits for the decision, the others do not.
        provider.at("2026-12-05T00:00:00Z");
        let label = "2026-11".parse().expect("a period");
        let request = RunRequest { label, seller: None, correct_prices: false, preview: false };
        let drafts = run(&provider.app, &request, &|_, _| {}).await.expect("run").drafts;
        let held: Vec<_> = drafts.iter().filter(|draft| !draft.holds.is_empty()).collect();
        assert_eq!((held.len(), held[0].customer_name.as_str()), (1, "CustA1"), "{held:?}");
        assert!(held[0].holds.iter().any(|hold| hold.contains("web1")), "{:?}", held[0].holds);
        let others = issue_all(&provider.app, Some(label), None, &|_, _| {}).await;
        assert_eq!(others.expect("issue").len(), drafts.len() - 1);

        let taken = decide(&provider.app, &doubt.id, Decision::Release, "the stop was seen").await;
        taken.expect("release");
        provider.decide_all(Decision::Reject).await;
        let corrected = provider.invoices().await;
        assert_eq!(corrected.len(), 1);
        let (before, _) = running(&as_reported, &doubt.resource);
        let (after, number) = running(&corrected, &doubt.resource);
        assert_eq!(before.minus(&after), "2".parse().expect("two"));
        assert_eq!(corrected[&number]["buyer"]["name"], "CustA1");
    }
}
