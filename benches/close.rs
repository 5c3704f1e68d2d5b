//! Closing a month against streaming and summing the same rows: `cargo bench --bench close`.
//!
//! 100 and 1,000 accounts × 200 resources × 30 daily records (0.6 M and 6 M) on SQLite: drafts of
//! all customers, then issue, without PDF. The yardstick reads the same rows through the same
//! driver and sums their hours. `-- small` leaves the 6 M out.
//!
//! Goals: at most 10 × the yardstick's time; ten times the input in at most 11 × the time; peak
//! memory at most 500 MB.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use billow::app::App;
use billow::audit::Actor;
use billow::bill::document::Address;
use billow::bill::run::{RunRequest, issue_all, run};
use billow::catalog::apply::{NewBook, apply};
use billow::catalog::book;
use billow::clock::ManualClock;
use billow::collect::record::{RecordKey, RecordKind, StoredRecord};
use billow::collect::store::{attribute_set_id, save_attribute_sets, save_records};
use billow::config::Config;
use billow::customer::{
    Change, CustomerDetails, NewAgreement, NewCustomer, NewSeller, OwnerMapping, SellerDetails,
    map_owner, save_customer, save_seller,
};
use billow::ids::{IdMaker, OwnerRef, SourceName};
use billow::store::{Db, migrate};
use futures_util::TryStreamExt;
use sqlx::{Executor, Row};

const RESOURCES: usize = 200;
const DAYS: i64 = 30;
const DAY: i64 = 86_400;
/// 2026-09-01 in UTC.
const START: i64 = 1_788_220_800;
const BOOK: &str = "[book]\ncode = \"standard\"\ncurrency = \"EUR\"\n\
    [[price]]\ncode = \"vm\"\nmeter = \"vm_running\"\nunit = \"hour\"\namount = \"0.05\"\n\
    [[price]]\ncode = \"ip\"\nmeter = \"ip_address\"\nunit = \"hour\"\namount = \"0.004\"\n\
    [[price]]\ncode = \"out\"\nmeter = \"network_sent\"\nunit = \"gb\"\nmodel = \"graduated\"\n\
    tiers = [{ up_to = \"1000\", amount = \"0.05\" }, { amount = \"0.03\" }]\n";
const METERS: [&str; 4] = ["vm_running", "vm_running", "ip_address", "network_sent"];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let small = std::env::args().any(|argument| argument == "small");
    let sizes: &[usize] = if small { &[100] } else { &[100, 1_000] };
    let mut closes: Vec<Duration> = Vec::new();
    for accounts in sizes {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("close-{accounts}"));
        let (app, _clock) = seeded(&folder, *accounts).await?;
        let yardstick = stream(&app.db).await?;
        let begun = Instant::now();
        let request = RunRequest {
            label: "2026-09".parse()?,
            seller: None,
            correct_prices: false,
            preview: false,
        };
        let report = run(&app, &request, &|_, _| {}).await?;
        let drafted = begun.elapsed();
        let issued = issue_all(&app, Some(request.label), None, &|_, _| {}).await?;
        let close = begun.elapsed();
        anyhow::ensure!(report.drafts.len() == *accounts, "{} drafts", report.drafts.len());
        anyhow::ensure!(issued.len() == *accounts, "{} issued", issued.len());
        println!(
            "{} records: yardstick {} ms, drafts {} ms, issue {} ms, close {}.{:02} x, peak {} MB",
            accounts * RESOURCES * 30,
            yardstick.as_millis(),
            drafted.as_millis(),
            (close - drafted).as_millis(),
            close.as_millis() / yardstick.as_millis().max(1),
            close.as_millis() * 100 / yardstick.as_millis().max(1) % 100,
            peak_mb(),
        );
        closes.push(close);
        app.db.close().await;
        std::fs::remove_dir_all(&folder)?;
    }
    if let [first, second] = closes[..] {
        let hundredths = second.as_millis() * 100 / first.as_millis().max(1);
        println!("ten times the input: {}.{:02} x", hundredths / 100, hundredths % 100);
    }
    Ok(())
}

/// Reads every row through the driver and sums what it says.
async fn stream(db: &Db) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let mut conn = db.read().await?;
    let sql = "SELECT source, owner, span_from, meter, resource, identity, revision, span_until, \
               kind, quantity, attribute_set, evidence, evidence_index, recorded_at \
               FROM usage_record ORDER BY source, owner, span_from";
    let mut rows = conn.fetch(sql);
    let mut sum: i64 = 0;
    while let Some(row) = rows.try_next().await? {
        let quantity: String = row.try_get(9)?;
        sum += quantity.parse::<i64>()?;
    }
    black_box(sum);
    Ok(begun.elapsed())
}

async fn seeded(folder: &Path, accounts: usize) -> anyhow::Result<(App, Arc<ManualClock>)> {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder)?;
    let path: PathBuf = folder.join("billow.db");
    let db = Db::open(&format!("sqlite:{}", path.display())).await?;
    migrate::migrate(&db).await?;
    let clock = Arc::new(ManualClock::at("2026-10-10T00:00:00Z".parse()?));
    let app = App {
        config: Arc::new(Config::parse("[database]\naddress = \"sqlite:unused\"\n", "bench")?),
        db,
        clock: clock.clone(),
        orchestrators: Vec::new(),
        actor: Actor("bench".to_owned()),
        looks: Default::default(),
    };
    seed_parties(&app, accounts).await?;
    for account in 0..accounts {
        seed_usage(&app, account).await?;
    }
    Ok((app, clock))
}

fn owner(account: usize) -> OwnerRef {
    OwnerRef { source: SourceName("cs1".to_owned()), id: format!("a{account:04}") }
}

async fn seed_parties(app: &App, accounts: usize) -> anyhow::Result<()> {
    let ids = IdMaker::new(app.clock.as_ref());
    let at = app.clock.now_seconds();
    let change = Change { ids: &ids, at, actor: &app.actor, reason: None };
    let details: SellerDetails = serde_json::from_value(serde_json::json!({
        "name": "Provider", "address": { "country": "DE" }, "currency": "EUR",
        "time_zone": "UTC", "invoice_series": "INV", "credit_series": "CN",
        "tax_rules": [{ "category": "S", "percent": "19" }], "price_book": "standard",
    }))?;
    let mut tx = app.db.begin().await?;
    let currency = details.currency;
    let new =
        NewSeller { code: "provider".to_owned(), parent: None, domain: None, details, from: 0 };
    let seller = save_seller(&mut tx, new, &change).await?;
    for account in 0..accounts {
        let mut details = CustomerDetails::named(&format!("Customer {account}"));
        details.address = Address { country: "DE".to_owned(), ..Address::default() };
        let agreement = NewAgreement {
            seller: seller.clone(),
            from: 0,
            currency,
            price_book: "standard".to_owned(),
        };
        let new = NewCustomer { details, from: 0, agreement: Some(agreement) };
        let customer = save_customer(&mut tx, new, &change).await?;
        let owner = owner(account);
        let mapping = OwnerMapping { owner, customer, from: 0, until: i64::MAX };
        map_owner(&mut tx, &mapping, &change).await?;
    }
    let book = book::parse(BOOK, "bench")?;
    let new = NewBook { book: &book, file: None, from: 0, backdate: true };
    apply(&mut tx, new, &change).await?;
    tx.commit().await?;
    Ok(())
}

async fn seed_usage(app: &App, account: usize) -> anyhow::Result<()> {
    let engine = app.db.engine();
    let json = "{\"offering\":\"small\",\"offering_name\":\"Small\"}";
    let (set, hash) = attribute_set_id(json);
    let mut records = Vec::with_capacity(RESOURCES * 30);
    for day in 0..DAYS {
        for resource in 0..RESOURCES {
            let meter = METERS[resource % METERS.len()];
            let quantity = if meter == "network_sent" { "1500000000" } else { "24" };
            records.push(StoredRecord {
                key: RecordKey {
                    owner: owner(account),
                    from: START + day * DAY,
                    meter: meter.to_owned(),
                    resource: format!("{account:08x}-0000-4000-8000-{resource:012x}"),
                    identity: "0123456789abcdef0123456789abcdef".to_owned(),
                    revision: 0,
                },
                kind: RecordKind::Interval,
                until: START + (day + 1) * DAY,
                quantity: quantity.parse()?,
                attribute_set: set,
                evidence: 1,
                evidence_index: 0,
                recorded_at: START,
            });
        }
    }
    let mut tx = app.db.begin().await?;
    save_attribute_sets(&mut tx, engine, vec![(set, hash, json.to_owned())]).await?;
    save_records(&mut tx, engine, &records).await?;
    tx.commit().await?;
    Ok(())
}

/// The most memory this process had at once, in MB.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}
