//! What the simulated cloud holds: people, offerings and resources with their histories.
//!
//! Instants are unix seconds; entities name each other by position. Every entity has a UUID and
//! the internal number that old descriptions show.

use std::sync::Arc;

pub use crate::demo::life::Life;

/// Internal number and UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    pub number: u64,
    pub uuid: String,
}

/// What a role may do where its rules do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleKind {
    User,
    DomainAdmin,
    ResourceAdmin,
    Admin,
}

impl RoleKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::DomainAdmin => "DomainAdmin",
            Self::ResourceAdmin => "ResourceAdmin",
            Self::Admin => "Admin",
        }
    }

    /// The account type's number.
    pub fn account_type(self) -> u8 {
        match self {
            Self::User => 0,
            Self::Admin => 1,
            Self::DomainAdmin => 2,
            Self::ResourceAdmin => 3,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub uuid: String,
    pub name: String,
    pub kind: RoleKind,
    pub description: String,
    pub built_in: bool,
    /// Tried in order; `*` at the end is a wildcard; true allows.
    pub rules: Vec<(String, bool)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    pub ids: Ids,
    pub name: String,
    pub parent: Option<usize>,
    /// `ROOT/reseller/customer`.
    pub path: String,
    pub created: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub ids: Ids,
    pub name: String,
    /// A new name from an instant on; old records show it too.
    pub renamed: Option<(i64, String)>,
    pub role: usize,
    pub domain: usize,
    pub life: Life,
    pub locked: bool,
}

impl Account {
    /// The name that every answer shows at `now`.
    pub fn name_at(&self, now: i64) -> &str {
        match &self.renamed {
            Some((since, name)) if *since <= now => name,
            _ => &self.name,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub ids: Ids,
    pub name: String,
    pub password: String,
    pub account: usize,
    pub time_zone: String,
    /// The static code of the second factor, where the user has one.
    pub second_factor: Option<String>,
    pub created: i64,
}

/// A key pair; with rules it may call only what they list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    pub user: usize,
    pub api_key: String,
    pub secret: String,
    pub rules: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    pub ids: Ids,
    pub name: String,
    pub domain: usize,
    pub owner: usize,
    /// Further members.
    pub members: Vec<usize>,
    pub life: Life,
}

/// Who owns a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    Account(usize),
    Project(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    pub ids: Ids,
    pub name: String,
    pub security_groups: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsType {
    pub uuid: String,
    pub name: String,
    pub category: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceOffering {
    pub ids: Ids,
    pub name: String,
    /// `None` for a custom offering.
    pub size: Option<Shape>,
    pub gpu: Option<(String, u32)>,
    pub storage_tags: Option<String>,
    pub created: i64,
}

/// Processors, clock and memory of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub cpus: u32,
    pub mhz: u32,
    pub ram_mib: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskOffering {
    pub ids: Ids,
    pub name: String,
    /// `None` for a custom size.
    pub gib: Option<u64>,
    pub tags: Option<String>,
    pub iops: Option<(u64, u64)>,
    pub created: i64,
}

/// A network, VPC or backup offering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainOffering {
    pub ids: Ids,
    pub name: String,
    pub text: String,
    /// Guest network type, provider: what tells the kinds apart.
    pub detail: String,
    pub zone: usize,
    pub created: i64,
}

/// A template or an ISO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub ids: Ids,
    pub name: String,
    pub iso: bool,
    pub public: bool,
    pub os: usize,
    pub bytes: u64,
    pub owner: Owner,
    pub zone: usize,
    pub life: Life,
}

/// A stretch of a machine's life with one size and one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    pub from: i64,
    pub until: i64,
    pub running: bool,
    pub offering: usize,
    pub shape: Shape,
}

/// A stop and start that the usage server heard of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateStop {
    /// The stop, unknown before the run.
    pub stop: Life,
    /// First run (number of its window) that knows.
    pub run: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    pub ids: Ids,
    pub name: String,
    pub owner: Owner,
    pub user: usize,
    pub zone: usize,
    pub template: usize,
    pub network: usize,
    pub life: Life,
    pub phases: Vec<Phase>,
    pub late: Option<LateStop>,
    /// `displayvm=false`: leaves no usage.
    pub hidden: bool,
    /// Statistics of its disks are collected (types 21 to 24).
    pub disk_statistics: bool,
    pub backup: Option<(usize, i64)>,
    pub tags: Vec<(String, String)>,
}

impl Machine {
    /// The phase at an instant.
    pub fn phase_at(&self, at: i64) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.from <= at && at < phase.until)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    pub ids: Ids,
    pub name: String,
    pub owner: Owner,
    pub zone: usize,
    pub root: bool,
    pub offering: Option<usize>,
    pub template: Option<usize>,
    pub life: Life,
    /// Sizes in bytes, each from an instant on.
    pub sizes: Vec<(i64, u64)>,
    pub attached: Vec<(usize, Life)>,
    /// When it moved to another pool: records before that lose its id from then on.
    pub moved: Option<i64>,
    pub tags: Vec<(String, String)>,
}

impl Volume {
    /// The pieces of its life with one size each.
    pub fn pieces(&self) -> impl Iterator<Item = (Life, u64)> + '_ {
        self.sizes.iter().enumerate().map(|(index, (from, bytes))| {
            let until = self.sizes.get(index + 1).map_or(self.life.until, |next| next.0);
            (Life { from: *from, until }, *bytes)
        })
    }

    /// The size at an instant.
    pub fn bytes_at(&self, at: i64) -> u64 {
        let held = self.pieces().find(|(life, _)| life.holds(at));
        held.or_else(|| self.pieces().last()).map_or(0, |(_, bytes)| bytes)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    pub ids: Ids,
    pub name: String,
    pub owner: Owner,
    pub zone: usize,
    pub offering: usize,
    pub vpc: Option<usize>,
    pub router: Ids,
    pub life: Life,
    /// Instants at which its state changed: each begins a new part of type 30.
    pub changes: Vec<i64>,
    /// Mean bytes a day sent and received by its router.
    pub traffic: (u64, u64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    pub ids: Ids,
    pub name: String,
    pub owner: Owner,
    pub zone: usize,
    pub offering: usize,
    pub life: Life,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub ids: Ids,
    pub address: String,
    pub owner: Owner,
    pub zone: usize,
    pub network: usize,
    pub source_nat: bool,
    pub life: Life,
}

/// A snapshot of a volume, a VM snapshot, or an uploaded volume on secondary storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    pub ids: Ids,
    pub name: String,
    pub owner: Owner,
    pub zone: usize,
    /// The volume, or the machine of a VM snapshot.
    pub of: Option<usize>,
    pub bytes: u64,
    pub life: Life,
}

/// A rule of a network, a security group's use by a machine, or a VPN user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub ids: Ids,
    pub name: String,
    pub owner: Owner,
    pub zone: usize,
    pub address: Option<usize>,
    pub machine: Option<usize>,
    pub life: Life,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub ids: Ids,
    pub name: String,
    pub owner: Owner,
    pub life: Life,
    /// Bytes at the beginning, and growth a day.
    pub bytes: (u64, u64),
}

/// Two machines of one account whose records the usage server mistakes for one, for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    pub kept: usize,
    pub lost: usize,
    pub span: Life,
}

/// The whole cloud.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// Midnight (UTC) of the first day of usage.
    pub start: i64,
    pub seed: u64,
    pub domains: Vec<Domain>,
    pub roles: Vec<Role>,
    pub accounts: Vec<Account>,
    pub users: Vec<User>,
    pub keys: Vec<KeyPair>,
    pub projects: Vec<Project>,
    pub zones: Vec<Zone>,
    pub os_categories: Vec<(String, String)>,
    pub os_types: Vec<OsType>,
    pub service_offerings: Vec<ServiceOffering>,
    pub disk_offerings: Vec<DiskOffering>,
    pub network_offerings: Vec<PlainOffering>,
    pub vpc_offerings: Vec<PlainOffering>,
    pub backup_offerings: Vec<PlainOffering>,
    pub images: Vec<Image>,
    pub machines: Vec<Machine>,
    pub volumes: Vec<Volume>,
    pub networks: Vec<Network>,
    pub vpcs: Vec<Vpc>,
    pub addresses: Vec<Address>,
    pub snapshots: Vec<Copy>,
    pub machine_snapshots: Vec<Copy>,
    pub uploads: Vec<Copy>,
    pub security_groups: Vec<Rule>,
    pub balancers: Vec<Rule>,
    pub forwardings: Vec<Rule>,
    pub vpn_users: Vec<Rule>,
    pub buckets: Vec<Bucket>,
    pub merged: Option<Merged>,
}

/// A world is made once and then only read.
pub type SharedWorld = Arc<World>;

impl World {
    /// The domain an owner lies in.
    pub fn domain_of(&self, owner: Owner) -> usize {
        match owner {
            Owner::Account(account) => self.accounts[account].domain,
            Owner::Project(project) => self.projects[project].domain,
        }
    }

    /// Whether `domain` is `above` or lies below it.
    pub fn is_below(&self, domain: usize, above: usize) -> bool {
        let mut at = Some(domain);
        while let Some(index) = at {
            if index == above {
                return true;
            }
            at = self.domains[index].parent;
        }
        false
    }

    /// The role of a user.
    pub fn role_of(&self, user: usize) -> &Role {
        &self.roles[self.accounts[self.users[user].account].role]
    }
}
