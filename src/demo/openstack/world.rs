//! What the simulated region holds: people, what is offered, and resources with their histories.
//!
//! Instants are unix seconds; entities name each other by position. Ids of projects, users and
//! roles are 32 hexadecimal digits, all others UUIDs.

use super::machine::Server;
pub use crate::demo::life::Life;

/// The region's name in the catalogue.
pub const REGION: &str = "RegionOne";
/// The availability zone of machines and volumes.
pub const ZONE: &str = "nova";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    pub id: String,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    pub id: String,
    pub name: String,
    pub domain: usize,
    /// The project it lies below; `None` right in the domain.
    pub parent: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: String,
    pub name: String,
    pub domain: usize,
    pub password: String,
    /// Whether it is a person, who may be shown as a login.
    pub person: bool,
}

/// The roles that a fresh identity service has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Admin,
    Manager,
    Member,
    Reader,
    Service,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Member => "member",
            Self::Reader => "reader",
            Self::Service => "service",
        }
    }

    /// The role with those that it implies.
    pub fn effective(self) -> &'static [Self] {
        const CHAIN: [Role; 4] = [Role::Admin, Role::Manager, Role::Member, Role::Reader];
        match self {
            Self::Admin => &CHAIN,
            Self::Manager => &CHAIN[1..],
            Self::Member => &CHAIN[2..],
            Self::Reader => &CHAIN[3..],
            Self::Service => &[Self::Service],
        }
    }
}

/// What a role is granted on, and what a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Project(usize),
    Domain(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    pub user: usize,
    pub role: Role,
    pub on: Place,
}

/// A credential for programs: its user's member role on one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppCredential {
    pub id: String,
    pub name: String,
    pub secret: String,
    pub user: usize,
    pub project: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flavor {
    pub id: String,
    pub name: String,
    pub vcpus: u32,
    pub ram_mib: u32,
    pub disk_gib: u32,
    pub specs: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeType {
    pub id: String,
    pub name: String,
    pub back_end: String,
    /// Id of its policy and the operations a second that this allows.
    pub limit: Option<(String, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub id: String,
    pub name: String,
    pub owner: usize,
    pub public: bool,
    /// `os_distro`, `os_version` and `os_type`; a snapshot of a machine names its base instead.
    pub system: Option<(String, String, String)>,
    pub base: Option<usize>,
    pub bytes: u64,
    pub life: Life,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    pub id: String,
    pub name: String,
    pub project: usize,
    pub external: bool,
    pub subnet: String,
    pub life: Life,
}

/// A router between a project's network and the external one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    pub id: String,
    pub name: String,
    pub project: usize,
    pub network: usize,
    /// Its address on the external network.
    pub address: String,
    /// Ids of its interfaces: on the external network and on its own.
    pub ports: [String; 2],
    pub life: Life,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    pub id: String,
    pub name: String,
    pub project: usize,
    pub user: usize,
    pub kind: usize,
    /// Sizes in GiB, each from an instant on.
    pub sizes: Vec<(i64, u32)>,
    /// The machine that has it, and as what.
    pub attached: Option<(usize, String)>,
    /// The image that it was made from: it can be booted from.
    pub image: Option<usize>,
    pub life: Life,
}

impl Volume {
    /// The size at an instant, in GiB.
    pub fn gib_at(&self, at: i64) -> u32 {
        let held = self.sizes.iter().rev().find(|(from, _)| *from <= at);
        held.or(self.sizes.first()).map_or(0, |(_, gib)| *gib)
    }
}

/// A snapshot or a backup of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    pub id: String,
    pub name: String,
    pub volume: usize,
    pub gib: u32,
    pub life: Life,
}

/// A floating IP, attached to a machine or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub id: String,
    pub address: String,
    pub project: usize,
    pub server: Option<usize>,
    pub life: Life,
}

/// The whole region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// Midnight (UTC) of the first day of usage.
    pub start: i64,
    pub seed: u64,
    pub domains: Vec<Domain>,
    pub projects: Vec<Project>,
    pub users: Vec<User>,
    pub grants: Vec<Grant>,
    pub credentials: Vec<AppCredential>,
    pub flavors: Vec<Flavor>,
    pub volume_types: Vec<VolumeType>,
    pub images: Vec<Image>,
    pub networks: Vec<Network>,
    pub routers: Vec<Router>,
    pub servers: Vec<Server>,
    pub volumes: Vec<Volume>,
    pub snapshots: Vec<Copy>,
    pub backups: Vec<Copy>,
    pub addresses: Vec<Address>,
}

impl World {
    /// The effective roles of a user on a place; roles on a domain do not reach its projects.
    pub fn roles_on(&self, user: usize, place: Place) -> Vec<Role> {
        let held = self.grants.iter().filter(|grant| grant.user == user && grant.on == place);
        let mut roles: Vec<Role> = held.flat_map(|grant| grant.role.effective()).copied().collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }

    /// The project of a name, for tests and the demo.
    pub fn project(&self, name: &str) -> Option<usize> {
        self.projects.iter().position(|project| project.name == name)
    }

    /// The network of a project.
    pub fn network_of(&self, project: usize) -> Option<usize> {
        self.networks.iter().position(|network| network.project == project && !network.external)
    }

    /// The external network.
    pub fn external(&self) -> Option<&Network> {
        self.networks.iter().find(|network| network.external)
    }
}
