//! The demo's story: start the simulated clouds, set up the sellers, and let Billow collect,
//! rate, bill and issue the closed months by the same functions that the command line calls.
//!
//! Each step may be repeated: what a first run did, a second one finds done.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::clock::DemoClock;
use super::cloudstack::{Settings, Simulator};
use super::files::{Key, Sources, State, load_state, save_state};
use super::seed::{self, CLOUDSTACK, DAY, HOUR, Login, OPENSTACK, Size};
use super::{openstack, set_up};
use crate::app::App;
use crate::audit::Actor;
use crate::bill::run::{IssuedLine, RunLine, RunRequest, issue_all, run};
use crate::catalog::sync::sync;
use crate::clock::Clock;
use crate::collect::job::{CollectRequest, Progress, collect};
use crate::collect::observe::round::observe;
use crate::config::Config;
use crate::ids::SourceName;
use crate::period::PeriodLabel;
use crate::store::{Db, migrate};

/// When in the days after a month's end it is billed: on the fifth, at nine.
const BILLED_AFTER: i64 = 4 * DAY + 9 * HOUR;

/// How often the region is looked at in the past: what has no history is known by that alone.
const LOOK_SECONDS: i64 = 7 * DAY;

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
    /// Both clouds answer.
    Started {
        cloudstack: String,
        openstack: String,
    },
    Catalogue {
        items: u64,
        customers: u64,
    },
    Collecting {
        done: usize,
        all: usize,
        records: u64,
    },
    Billed {
        period: PeriodLabel,
        issued: usize,
        held: usize,
    },
    Running {
        since: PeriodLabel,
    },
}

/// The prepared world.
pub struct World {
    pub app: App,
    /// The simulated CloudStack.
    pub simulator: Simulator,
    /// The simulated OpenStack.
    pub region: openstack::Simulator,
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

impl World {
    /// Keeps the present, from which the next start goes on.
    pub fn keep(&mut self) -> anyhow::Result<()> {
        self.state.present = self.clock.now_seconds();
        save_state(&self.folder, &self.state)
    }

    /// First instant of usage.
    pub(super) fn start(&self) -> i64 {
        self.state.start
    }

    /// Months that are billed.
    pub(super) fn billed(&self) -> u8 {
        self.state.billed
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
    let region = openstack::seed::world(state.seed, size, state.start);
    let clock = Arc::new(DemoClock::at(state.start));
    let mut logins = seed::logins(&world);
    logins.extend(openstack::seed::logins(&region));
    let shared: Arc<dyn Clock> = clock.clone();
    let settings = options.settings.clone();
    let simulator = Simulator::start(world, settings, Arc::clone(&shared), 0)
        .await
        .context("starting the simulated CloudStack")?;
    let settings = openstack::Settings::usual();
    let region = openstack::Simulator::start(region, settings, shared, 0)
        .await
        .context("starting the simulated OpenStack")?;
    save_state(&options.folder, &state)?;
    progress(Step::Started { cloudstack: simulator.endpoint(), openstack: region.endpoint() });
    let app = open(options, &simulator, &region, &clock).await?;
    let mut made = World {
        app,
        simulator,
        region,
        clock,
        logins,
        running: label_at(state.start).plus_months(i32::from(state.closed_months)),
        issued: Vec::new(),
        held: Vec::new(),
        folder: options.folder.clone(),
        state,
    };
    set_up::set_up(&made, progress).await?;
    for month in state.billed..state.closed_months {
        bill_month(&mut made, month, progress).await?;
    }
    pass(&made, made.state.present).await?;
    refresh(&made, progress).await?;
    progress(Step::Running { since: made.running });
    Ok(made)
}

async fn open(
    options: &Options,
    simulator: &Simulator,
    region: &openstack::Simulator,
    clock: &Arc<DemoClock>,
) -> anyhow::Result<App> {
    let database = match &options.database {
        Some(address) => address.clone(),
        None => format!("sqlite:{}", options.folder.join("billow.db").display()),
    };
    let first = Timestamp::from_second(simulator.world().start)?;
    let key = simulator.world().keys.first().context("the world has no key for Billow")?;
    let people = region.world().users;
    let user = people.iter().find(|user| user.name == openstack::seed::COLLECTOR);
    let user = user.context("the region has no user for Billow")?;
    let sources = Sources {
        cloud: Key { endpoint: simulator.endpoint(), user: &key.api_key, secret: &key.secret },
        region: Key { endpoint: region.endpoint(), user: &user.name, secret: &user.password },
        from: first.to_string(),
    };
    let (path, text) = sources.write(options, &database)?;
    let config = Config::parse(&text, &path.display().to_string())?;
    let db = Db::open(&database).await.context("opening the database")?;
    migrate::migrate(&db).await.context("migrating the database")?;
    let mut app = App::open(config, None).await?;
    app.db = db;
    app.clock = clock.clone();
    app.actor = Actor("cli:demo".to_owned());
    Ok(app)
}

/// One closed month, seen from the days after its end.
async fn bill_month(
    world: &mut World,
    month: u8,
    progress: &(dyn Fn(Step) + Sync),
) -> anyhow::Result<()> {
    let period = label_at(world.state.start).plus_months(i32::from(month));
    let end = first_instant(period.next())?;
    pass(world, end + BILLED_AFTER).await?;
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

/// Lets the time pass until `to`, with looks at the region on the way.
async fn pass(world: &World, to: i64) -> anyhow::Result<()> {
    let region = world.app.orchestrator(&name(OPENSTACK)).context("the region is missing")?;
    let mut at = world.clock.now_seconds();
    while at + LOOK_SECONDS < to {
        at += LOOK_SECONDS;
        world.clock.set(at);
        observe(&world.app, region.as_ref()).await.context("looking at the region")?;
    }
    world.clock.set(to);
    Ok(())
}

/// Reads catalogue and usage of both clouds up to the present.
async fn refresh(world: &World, progress: &(dyn Fn(Step) + Sync)) -> anyhow::Result<()> {
    let app = &world.app;
    let tell = |Progress { done, all, records }: Progress| {
        progress(Step::Collecting { done, all, records });
    };
    for source in [CLOUDSTACK, OPENSTACK] {
        sync(app, &name(source)).await.context("reading the catalogue")?;
        let orchestrator = app.orchestrator(&name(source)).context("a demo's source is missing")?;
        collect(app, orchestrator.as_ref(), CollectRequest::default(), &tell).await?;
    }
    Ok(())
}

/// The name of one of the demo's sources.
pub(super) fn name(source: &str) -> SourceName {
    SourceName(source.to_owned())
}

pub(super) fn label_at(at: i64) -> PeriodLabel {
    let day = Timestamp::from_second(at).map(|at| at.to_zoned(TimeZone::UTC).date());
    let day = day.unwrap_or(Date::MIN);
    PeriodLabel { year: day.year(), month: day.month() }
}

pub(super) fn first_instant(label: PeriodLabel) -> anyhow::Result<i64> {
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
