//! A simulated Apache CloudStack: a server on a real socket that speaks the documented API with
//! its signatures, sessions, roles, paging, windows and documented defects.
//!
//! It shares no code with the adapter, so that each is a check of the other.

mod api;
mod catalog_lists;
mod commands;
mod people_lists;
mod render;
mod resource_lists;
mod service;
mod session;
mod shape;
pub mod usage;
mod usage_list;
pub mod world;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::server::{self, lock};
use crate::clock::Clock;
pub use crate::demo::server::Fault;
use session::Sessions;
pub use shape::Forms;
use usage::Job;
use world::{SharedWorld, World};

/// What the real usage server does wrong, each to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defects {
    /// Each run writes this many earlier windows once more (a fresh 4.23 database).
    pub repeats: usize,
    /// Events that come late re-create a fragment and all windows after it.
    pub late_events: bool,
    /// Each change of a network's state begins a new type-30 record.
    pub network_parts: bool,
    /// Attached volumes have a second record with the machine's id (since 4.22.1).
    pub volume_twins: bool,
    /// Two machines of one account become one record by a collision of keys.
    pub merged_machines: bool,
    /// Records lose their volume's id once it moved to another pool.
    pub lost_volume_ids: bool,
    /// A live change of the offering loses the allocated time before it.
    pub live_scale_overwrites: bool,
    /// Some hours are a few milliseconds too long: `24.000002`.
    pub float_noise: bool,
    /// One record of a usage type that nobody knows.
    pub unknown_type: bool,
}

impl Defects {
    /// A usage server without fault, as the documentation has it.
    pub fn none() -> Self {
        Self {
            repeats: 0,
            late_events: false,
            network_parts: false,
            volume_twins: false,
            merged_machines: false,
            lost_volume_ids: false,
            live_scale_overwrites: false,
            float_noise: false,
            unknown_type: false,
        }
    }

    /// What every 4.23 server shows in a normal month.
    pub fn usual() -> Self {
        Self {
            network_parts: true,
            volume_twins: true,
            lost_volume_ids: true,
            live_scale_overwrites: true,
            float_noise: true,
            ..Self::none()
        }
    }

    /// Everything at once.
    pub fn all() -> Self {
        Self {
            repeats: 2,
            late_events: true,
            merged_machines: true,
            unknown_type: true,
            ..Self::usual()
        }
    }
}

/// Settings of the server's machine and usage job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub forms: Forms,
    /// `usage.stats.job.aggregation.range`, minutes.
    pub range_minutes: i64,
    /// Time between a window's end and the end of its run.
    pub run_delay_seconds: i64,
    /// `default.page.size`.
    pub page_size_max: usize,
    /// Seconds by which the server's own clock is ahead.
    pub clock_ahead_seconds: i64,
    pub defects: Defects,
}

impl Settings {
    /// Daily windows, plain forms, the usual defects.
    pub fn usual() -> Self {
        Self {
            forms: Forms { quoted_dates: false, decimal_comma: false, offset_minutes: 0 },
            range_minutes: 1440,
            run_delay_seconds: 15 * 60,
            page_size_max: 500,
            clock_ahead_seconds: 0,
            defects: Defects::usual(),
        }
    }
}

/// The names of all commands that only read.
pub fn listing_commands() -> impl Iterator<Item = &'static str> {
    commands::COMMANDS.into_iter().map(|command| command.name).filter(|n| n.starts_with("list"))
}

/// What may change while the server runs.
#[derive(Debug)]
struct Control {
    faults: Vec<Fault>,
    revoked_keys: BTreeSet<String>,
    /// Every command as it came, for tests that count calls.
    calls: Vec<String>,
}

/// The server's state, shared by its connections.
struct Cloud {
    world: SharedWorld,
    settings: Mutex<Settings>,
    clock: Arc<dyn Clock>,
    sessions: Mutex<Sessions>,
    control: Mutex<Control>,
}

impl Cloud {
    fn now(&self) -> i64 {
        self.clock.now_seconds()
    }

    fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    fn job(&self, settings: &Settings) -> Job {
        Job {
            start: self.world.start,
            range_seconds: settings.range_minutes * 60,
            delay_seconds: settings.run_delay_seconds,
        }
    }
}

/// A running simulated CloudStack; it ends when dropped.
pub struct Simulator {
    cloud: Arc<Cloud>,
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Simulator {
    /// Starts a server for a world on a port of 127.0.0.1 (0: any free one).
    ///
    /// `clock` is the simulated cloud's time: windows close and resources appear by it.
    pub async fn start(
        world: World,
        settings: Settings,
        clock: Arc<dyn Clock>,
        port: u16,
    ) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let control =
            Control { faults: Vec::new(), revoked_keys: BTreeSet::new(), calls: Vec::new() };
        let cloud = Arc::new(Cloud {
            sessions: Mutex::new(Sessions::new(world.seed)),
            world: Arc::new(world),
            settings: Mutex::new(settings),
            clock,
            control: Mutex::new(control),
        });
        let task = tokio::spawn(server::serve(listener, Arc::clone(&cloud)));
        Ok(Self { cloud, address, task })
    }

    /// The API's address, as a source's configuration names it.
    pub fn endpoint(&self) -> String {
        format!("http://{}/client/api", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn world(&self) -> &World {
        &self.cloud.world
    }

    /// Lets the next `count` requests meet a fault.
    pub fn fail_next(&self, fault: Fault, count: usize) {
        let mut control = lock(&self.cloud.control);
        control.faults.extend(std::iter::repeat_n(fault, count));
    }

    /// Refuses a key from now on, as after its deletion.
    pub fn revoke_key(&self, api_key: &str) {
        lock(&self.cloud.control).revoked_keys.insert(api_key.to_owned());
    }

    /// Takes a refused key back into use.
    pub fn restore_key(&self, api_key: &str) {
        lock(&self.cloud.control).revoked_keys.remove(api_key);
    }

    /// Changes settings or defects while the server runs.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut lock(&self.cloud.settings));
    }

    /// The commands called so far, in order.
    pub fn calls(&self) -> Vec<String> {
        lock(&self.cloud.control).calls.clone()
    }

    /// How many of the login sessions still hold.
    pub fn open_sessions(&self) -> usize {
        lock(&self.cloud.sessions).open()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}
