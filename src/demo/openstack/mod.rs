//! A simulated OpenStack region: the identity, compute, block storage, image, network and
//! telemetry services on one real socket, each below a path of its own, limited to what a metering
//! service asks and what its users do to see something happen.
//!
//! It shares no code with the adapter, so that each is a check of the other.

mod api;
mod cinder;
mod dates;
mod glance;
mod gnocchi;
mod keystone;
pub mod machine;
mod neutron;
mod nova;
mod nova_change;
mod nova_usage;
pub mod seed;
mod seed_life;
mod tokens;
pub mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::server::{self, lock};
use crate::clock::Clock;
pub use crate::demo::server::Fault;
use tokens::Tokens;
use world::World;

/// Settings of the services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `max_limit` and the like: most rows of one page, whatever is asked for.
    pub page_size_max: usize,
    /// Seconds for which a token holds.
    pub token_seconds: i64,
}

impl Settings {
    /// As services come.
    pub fn usual() -> Self {
        Self { page_size_max: 1_000, token_seconds: 3_600 }
    }
}

/// What may change while the services run.
#[derive(Debug, Default)]
struct Control {
    faults: Vec<Fault>,
    /// Every call as it came: method and path, for tests that count them.
    calls: Vec<String>,
}

/// The services' state, shared by their connections.
struct Cloud {
    world: Mutex<World>,
    settings: Mutex<Settings>,
    /// The region's time: resources appear and change by it. Tokens live by the machine's, as
    /// their holders do.
    clock: Arc<dyn Clock>,
    tokens: Mutex<Tokens>,
    control: Mutex<Control>,
}

/// A running simulated OpenStack; it ends when dropped.
pub struct Simulator {
    cloud: Arc<Cloud>,
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Simulator {
    /// Starts a region for a world on a port of 127.0.0.1 (0: any free one).
    pub async fn start(
        world: World,
        settings: Settings,
        clock: Arc<dyn Clock>,
        port: u16,
    ) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let cloud = Arc::new(Cloud {
            tokens: Mutex::new(Tokens::new(world.seed)),
            world: Mutex::new(world),
            settings: Mutex::new(settings),
            clock,
            control: Mutex::new(Control::default()),
        });
        let task = tokio::spawn(server::serve(listener, Arc::clone(&cloud)));
        Ok(Self { cloud, address, task })
    }

    /// The identity service's address, as a source's configuration names it.
    pub fn endpoint(&self) -> String {
        format!("http://{}/identity/v3", self.address)
    }

    /// What the region holds now.
    pub fn world(&self) -> World {
        lock(&self.cloud.world).clone()
    }

    /// Lets the next `count` requests meet a fault.
    pub fn fail_next(&self, fault: Fault, count: usize) {
        let mut control = lock(&self.cloud.control);
        control.faults.extend(std::iter::repeat_n(fault, count));
    }

    /// Ends all tokens, as a change of the services' keys does.
    pub fn revoke_tokens(&self) {
        lock(&self.cloud.tokens).forget_all();
    }

    /// How many tokens still hold.
    pub fn open_tokens(&self) -> usize {
        lock(&self.cloud.tokens).open()
    }

    /// Changes settings while the services run.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut lock(&self.cloud.settings));
    }

    /// The calls so far, in order: `GET /compute/v2.1/servers/detail`.
    pub fn calls(&self) -> Vec<String> {
        lock(&self.cloud.control).calls.clone()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}
