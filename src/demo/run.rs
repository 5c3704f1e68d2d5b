//! The demo's story: start the simulated cloud, set up the sellers, and let Billow collect,
//! rate, bill and issue the closed months by the same functions that the command line calls.
//!
//! Each step may be repeated: what a first run did, a second one finds done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::clock::DemoClock;
use super::cloudstack::{Settings, Simulator};
use super::seed::{self, DAY, HOUR, Login, Size};
use super::sellers::{SELLERS, with_address};
use crate::app::App;
use crate::audit::Actor;
use crate::bill::run::{IssuedLine, RunLine, RunRequest, issue_all, run};
use crate::catalog::apply::{NewBook, apply};
use crate::catalog::book;
use crate::catalog::generate::{GenerateInput, Rates, generate_text};
use crate::catalog::price::MonthMode;
use crate::catalog::store::load_present_items;
use crate::catalog::sync::sync;
use crate::clock::Clock;
use crate::collect::job::{CollectRequest, Progress, collect};
use crate::config::Config;
use crate::customer::change::{Change, NewSeller, save_customer_details, save_seller};
use crate::customer::store::{AsOf, load_customers, load_sellers};
use crate::ids::{IdMaker, OwnerRef, SourceName};
use crate::money::{Currency, Exact};
use crate::period::PeriodLabel;
use crate::store::{Db, migrate};

/// The name of the demo's source.
pub const SOURCE: &str = "demo";

/// When in the days after a month's end it is billed: on the fifth, at nine.
const BILLED_AFTER: i64 = 4 * DAY + 9 * HOUR;

/// What the demo is made of.
#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    pub size: Size,
    /// Whole months before the running one.
    pub closed_months: u8,
    /// Where database, configuration and secret lie.
    pub folder: PathBuf,
    /// Where the console listens, such as `127.0.0.1:8780`.
    pub listen: String,
    /// The simulated cloud's present, where nothing was kept in the folder.
    pub present: Timestamp,
    /// Another database than the folder's own SQLite file.
    pub database: Option<String>,
    pub settings: Settings,
}

/// What a step did, for people.
#[derive(Clone, Debug)]
pub enum Step {
    Started { endpoint: String },
    Catalogue { items: u64, customers: u64 },
    Collecting { done: usize, all: usize, records: u64 },
    Billed { period: PeriodLabel, issued: usize, held: usize },
    Running { since: PeriodLabel },
}

/// The prepared world.
pub struct World {
    pub app: App,
    pub simulator: Simulator,
    pub clock: Arc<DemoClock>,
    pub logins: Vec<Login>,
    /// The running month.
    pub running: PeriodLabel,
    /// Documents issued by this preparation, in order.
    pub issued: Vec<IssuedLine>,
    /// Drafts that were held.
    pub held: Vec<RunLine>,
    folder: PathBuf,
    state: State,
}

/// What is kept beside the database, so that the same world goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    seed: u64,
    small: bool,
    closed_months: u8,
    /// First instant of usage, unix seconds.
    start: i64,
    /// The cloud's present when it was last kept.
    present: i64,
    /// Months billed by the preparation.
    billed: u8,
}

impl World {
    /// Keeps the present, from which the next start goes on.
    pub fn keep(&mut self) -> anyhow::Result<()> {
        self.state.present = self.clock.now_seconds();
        save_state(&self.folder, &self.state)
    }

    /// Path of the configuration for commands beside the demo.
    pub fn config_path(&self) -> PathBuf {
        self.folder.join("billow.toml")
    }
}

/// Makes the world: after it the closed months are billed and the running one is collected.
pub async fn prepare(options: &Options, progress: &(dyn Fn(Step) + Sync)) -> anyhow::Result<World> {
    let state = load_state(options)?;
    let size = if state.small { Size::Small } else { Size::Full };
    let world = seed::world(state.seed, size, state.start);
    let clock = Arc::new(DemoClock::at(state.start));
    let logins = seed::logins(&world);
    let key = world.keys.first().context("the world has no key for Billow")?;
    let (api_key, secret) = (key.api_key.clone(), key.secret.clone());
    let shared: Arc<dyn Clock> = clock.clone();
    let simulator = Simulator::start(world, options.settings.clone(), shared, 0)
        .await
        .context("starting the simulated cloud")?;
    save_state(&options.folder, &state)?;
    progress(Step::Started { endpoint: simulator.endpoint() });
    let app = open(options, &simulator, (&api_key, &secret), &clock).await?;
    let mut made = World {
        app,
        simulator,
        clock,
        logins,
        running: label_at(state.start).plus_months(i32::from(state.closed_months)),
        issued: Vec::new(),
        held: Vec::new(),
        folder: options.folder.clone(),
        state,
    };
    set_up(&mut made, progress).await?;
    for month in state.billed..state.closed_months {
        bill_month(&mut made, month, progress).await?;
    }
    made.clock.set(made.state.present);
    refresh(&made, progress).await?;
    progress(Step::Running { since: made.running });
    Ok(made)
}

async fn open(
    options: &Options,
    simulator: &Simulator,
    key: (&str, &str),
    clock: &Arc<DemoClock>,
) -> anyhow::Result<App> {
    let secret = options.folder.join("secret");
    write_secret(&secret, key.1)?;
    let database = match &options.database {
        Some(address) => address.clone(),
        None => format!("sqlite:{}", options.folder.join("billow.db").display()),
    };
    let first = Timestamp::from_second(simulator.world().start)?;
    let text = config_text(&ConfigFacts {
        database: &database,
        listen: &options.listen,
        endpoint: &simulator.endpoint(),
        key: key.0,
        secret: &secret,
        from: &first.to_string(),
    });
    let path = options.folder.join("billow.toml");
    std::fs::write(&path, &text).with_context(|| path.display().to_string())?;
    let config = Config::parse(&text, &path.display().to_string())?;
    let db = Db::open(&database).await.context("opening the database")?;
    migrate::migrate(&db).await.context("migrating the database")?;
    let mut app = App::open(config, None).await?;
    app.db = db;
    app.clock = clock.clone();
    app.actor = Actor("cli:demo".to_owned());
    Ok(app)
}

struct ConfigFacts<'a> {
    database: &'a str,
    listen: &'a str,
    endpoint: &'a str,
    key: &'a str,
    secret: &'a Path,
    from: &'a str,
}

fn config_text(facts: &ConfigFacts<'_>) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    format!(
        "# Written by billow demo for the commands beside it.\n\
         [database]\naddress = {}\n\n\
         [server]\nlisten = {}\n\n\
         [billing]\ncollect_every_seconds = 15\ncatalog_every_seconds = 120\n\n\
         [[source]]\nname = \"{SOURCE}\"\nkind = \"cloudstack\"\nendpoint = {}\n\
         api_key = {}\nsecret_file = {}\ncollect_from = {}\n",
        quoted(facts.database),
        quoted(facts.listen),
        quoted(facts.endpoint),
        quoted(facts.key),
        quoted(&facts.secret.display().to_string()),
        quoted(facts.from),
    )
}

/// Sellers, first catalogue, price books and addresses; nothing where there are sellers already.
async fn set_up(world: &mut World, progress: &(dyn Fn(Step) + Sync)) -> anyhow::Result<()> {
    let app = &world.app;
    let mut conn = app.db.read().await?;
    let sellers = load_sellers(&mut conn, AsOf::now(i64::MAX)).await?;
    drop(conn);
    if sellers.is_empty() {
        make_sellers(world).await?;
    }
    let report = sync(app, &source()).await.context("reading the catalogue")?;
    if sellers.is_empty() || world.state.billed == 0 {
        apply_books(app, world.state.start).await?;
        give_addresses(app).await?;
    }
    let items = report.items_added + report.items_changed;
    progress(Step::Catalogue { items, customers: report.owners.customers_created });
    Ok(())
}

async fn make_sellers(world: &World) -> anyhow::Result<()> {
    let app = &world.app;
    let (mut tx, now) = app.record().await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let change = Change { ids: &ids, at: now, actor: &app.actor, reason: None };
    let mut root = None;
    for seller in &SELLERS {
        let domains = &world.simulator.world().domains;
        let domain = domains.iter().find(|domain| domain.path == seller.domain);
        let id = domain.context("a seller's domain is missing")?.ids.uuid.clone();
        let new = NewSeller {
            code: seller.code.to_owned(),
            parent: root.clone(),
            domain: Some(OwnerRef { source: source(), id }),
            details: seller.details()?,
            from: 0,
        };
        let made = save_seller(&mut tx, new, &change).await?;
        root.get_or_insert(made);
    }
    tx.commit().await?;
    Ok(())
}

/// A generated book for each seller; the resellers' rates lie above the provider's.
async fn apply_books(app: &App, from: i64) -> anyhow::Result<()> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let sellers = load_sellers(&mut conn, AsOf::now(now)).await?;
    let items = load_present_items(&mut conn, &source(), now).await?;
    drop(conn);
    for (index, seller) in sellers.iter().enumerate() {
        let currency = seller.details.currency;
        let windows = Exact::ratio(5 + i128::try_from(index)?, 100);
        let licences = [("Windows".to_owned(), windows)].into_iter().collect();
        let input = GenerateInput {
            code: seller.details.price_book.clone(),
            name: format!("Price list of {}", seller.details.name),
            currency,
            month: MonthMode::Calendar,
            rates: rates(currency, index)?,
            items: &items,
            licences,
        };
        let text = generate_text(&input);
        let book = book::parse(&text, "the generated book")?;
        let (mut tx, now) = app.record().await?;
        let ids = IdMaker::new(app.clock.as_ref());
        let change = Change { ids: &ids, at: now, actor: &app.actor, reason: None };
        let new = NewBook { book: &book, file: Some(&text), from, backdate: false };
        apply(&mut tx, new, &change).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn rates(currency: Currency, index: usize) -> anyhow::Result<Rates> {
    let dearer = i128::try_from(index)? * 2;
    let mut rates = Rates::usual(currency);
    rates.vcpu_hour = Exact::ratio(120 + dearer * 6, 10_000);
    rates.storage_gib_month = Exact::ratio(1_000 + dearer * 50, 10_000);
    rates.traffic_gb = Exact::ratio(150 + dearer * 10, 10_000);
    rates.traffic_included_gb = Exact::int(200);
    rates.iops_month = Exact::ratio(3, 1_000);
    Ok(rates)
}

/// Customers made by the sync have a name alone: invoices need an address.
async fn give_addresses(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let customers = load_customers(&mut conn, AsOf::now(now)).await?;
    let sellers = load_sellers(&mut conn, AsOf::now(now)).await?;
    let mut countries = Vec::new();
    for customer in &customers {
        let agreements = crate::customer::store::load_customer_agreements;
        let held = agreements(&mut conn, &customer.id, now).await?;
        let seller = held.first().and_then(|held| sellers.iter().find(|s| s.id == held.seller));
        countries.push(seller.map(|seller| seller.details.address.country.clone()));
    }
    drop(conn);
    let (mut tx, now) = app.record().await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let change = Change { ids: &ids, at: now, actor: &app.actor, reason: None };
    for (index, (customer, country)) in customers.iter().zip(countries).enumerate() {
        let Some(country) = country.filter(|_| !customer.internal) else { continue };
        let details = with_address(&customer.details, &country, index);
        if details != customer.details {
            save_customer_details(&mut tx, &customer.id, &details, 0, &change).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// One closed month, seen from the days after its end.
async fn bill_month(
    world: &mut World,
    month: u8,
    progress: &(dyn Fn(Step) + Sync),
) -> anyhow::Result<()> {
    let period = label_at(world.state.start).plus_months(i32::from(month));
    let end = first_instant(period.next())?;
    world.clock.set(end + BILLED_AFTER);
    refresh(world, progress).await?;
    let request = RunRequest { label: period, seller: None, correct_prices: false, preview: false };
    let report = run(&world.app, &request, &|_, _| {}).await?;
    let issued = issue_all(&world.app, Some(period), None, &|_, _| {}).await?;
    let held: Vec<_> = report.drafts.into_iter().filter(|line| !line.holds.is_empty()).collect();
    progress(Step::Billed { period, issued: issued.len(), held: held.len() });
    world.issued.extend(issued);
    world.held.extend(held);
    world.state.billed = month + 1;
    save_state(&world.folder, &world.state)
}

/// Reads catalogue and usage up to the present.
async fn refresh(world: &World, progress: &(dyn Fn(Step) + Sync)) -> anyhow::Result<()> {
    let app = &world.app;
    sync(app, &source()).await.context("reading the catalogue")?;
    let orchestrator = app.orchestrator(&source()).context("the demo's source is missing")?;
    let tell = |Progress { done, all, records }: Progress| {
        progress(Step::Collecting { done, all, records });
    };
    collect(app, orchestrator.as_ref(), CollectRequest::default(), &tell).await?;
    Ok(())
}

fn source() -> SourceName {
    SourceName(SOURCE.to_owned())
}

fn label_at(at: i64) -> PeriodLabel {
    let day = Timestamp::from_second(at).map(|at| at.to_zoned(TimeZone::UTC).date());
    let day = day.unwrap_or(Date::MIN);
    PeriodLabel { year: day.year(), month: day.month() }
}

fn first_instant(label: PeriodLabel) -> anyhow::Result<i64> {
    let day = Date::new(label.year, label.month, 1)?;
    Ok(day.to_zoned(TimeZone::UTC)?.timestamp().as_second())
}

/// The present of a new demo: some days ago, so that time can pass quickly until today, and far
/// enough into a month that the one before it can be billed.
pub fn present_before(now: Timestamp) -> Timestamp {
    let earlier = |days: i64| now.checked_sub((days * 24).hours()).unwrap_or(now);
    let near = earlier(10);
    let day = near.to_zoned(TimeZone::UTC).day();
    if day < 6 { earlier(10 + i64::from(day)) } else { near }
}

fn state_path(folder: &Path) -> PathBuf {
    folder.join("demo.toml")
}

fn load_state(options: &Options) -> anyhow::Result<State> {
    let path = state_path(&options.folder);
    let small = options.size == Size::Small;
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let state: State = toml::from_str(&text).with_context(|| path.display().to_string())?;
            anyhow::ensure!(
                state.seed == options.seed && state.small == small,
                "{0} holds a demo of seed {1}: go on with --seed {1}, or take another folder",
                options.folder.display(),
                state.seed
            );
            Ok(state)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let present = options.present.as_second();
            let first = label_at(present).plus_months(-i32::from(options.closed_months));
            Ok(State {
                seed: options.seed,
                small,
                closed_months: options.closed_months,
                start: first_instant(first)?,
                present,
                billed: 0,
            })
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn save_state(folder: &Path, state: &State) -> anyhow::Result<()> {
    let path = state_path(folder);
    let text = toml::to_string(state)?;
    let fresh = folder.join("demo.toml.new");
    std::fs::write(&fresh, text).with_context(|| fresh.display().to_string())?;
    std::fs::rename(&fresh, &path).with_context(|| path.display().to_string())
}

fn write_secret(path: &Path, secret: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::File::options();
    options.create(true).truncate(true).write(true).mode(0o600);
    let mut file = options.open(path).with_context(|| path.display().to_string())?;
    writeln!(file, "{secret}").with_context(|| path.display().to_string())
}
