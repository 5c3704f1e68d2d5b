//! The demo's world from a seed: the same seed and start give the same cloud, to the last byte.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::cloudstack::world::{
    DiskOffering, Ids, Image, Life, OsType, Owner, PlainOffering, ServiceOffering, Shape, World,
    Zone,
};

pub const HOUR: i64 = 3600;
pub const DAY: i64 = 24 * HOUR;
pub const GIB: u64 = 1 << 30;

/// How much there is of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Four customers with a few machines each, for tests.
    Small,
    /// Thirteen customers, for people.
    Full,
}

/// The names of the demo's sources.
pub const CLOUDSTACK: &str = "cloudstack";
pub const OPENSTACK: &str = "openstack";

/// A user to sign in as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The source that knows the user.
    pub source: String,
    /// What the user is, in words.
    pub role: String,
    pub name: String,
    /// The domain as the login form takes it: `/reseller`, or a name.
    pub domain: String,
    /// The project to sign in to, where the cloud has them.
    pub project: Option<String>,
    pub password: String,
    pub second_factor: Option<String>,
}

/// Makes a world whose usage begins at `start`, a midnight in UTC.
pub fn world(seed: u64, size: Size, start: i64) -> World {
    let mut maker = Maker {
        random: StdRng::seed_from_u64(seed),
        world: World { start, seed, ..World::default() },
        size,
        numbers: 100,
    };
    maker.places();
    maker.people();
    maker.offerings();
    maker.images();
    for customer in maker.customers() {
        maker.resources(customer);
    }
    maker.oddities();
    maker.world
}

/// The logins to show: one of each role first, then all others.
pub fn logins(world: &World) -> Vec<Login> {
    let shown = world.users.iter().filter(|user| !user.password.is_empty());
    shown
        .map(|user| {
            let account = &world.accounts[user.account];
            let domain = world.domains[account.domain].path.replacen("ROOT", "", 1);
            Login {
                source: CLOUDSTACK.to_owned(),
                role: format!("{}, {}", world.roles[account.role].name, account.name),
                name: user.name.clone(),
                domain: if domain.is_empty() { "/".to_owned() } else { domain },
                project: None,
                password: user.password.clone(),
                second_factor: user.second_factor.clone(),
            }
        })
        .collect()
}

/// What the world is made with.
pub(super) struct Maker {
    pub random: StdRng,
    pub world: World,
    pub size: Size,
    pub numbers: u64,
}

impl Maker {
    pub fn ids(&mut self) -> Ids {
        self.numbers += 1;
        Ids { number: self.numbers, uuid: self.uuid() }
    }

    pub fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.random.random()).into_uuid().to_string()
    }

    /// A whole number in a range, the upper end excluded.
    pub fn pick(&mut self, from: i64, until: i64) -> i64 {
        self.random.random_range(from..until)
    }

    pub fn one_in(&mut self, many: u32) -> bool {
        self.random.random_ratio(1, many)
    }

    pub fn position(&mut self, length: usize) -> usize {
        self.random.random_range(0..length)
    }

    /// When everything that was always there was made.
    pub fn before(&self) -> i64 {
        self.world.start - 30 * DAY
    }

    fn places(&mut self) {
        for (name, security_groups) in [("Frankfurt", false), ("Lyon", false), ("London", true)] {
            let ids = self.ids();
            self.world.zones.push(Zone { ids, name: name.to_owned(), security_groups });
        }
        let systems = [
            ("Debian", "Debian GNU/Linux 13 (64-bit)"),
            ("Ubuntu", "Ubuntu 24.04 LTS"),
            ("Windows", "Windows Server 2022 (64-bit)"),
            ("RedHat", "Red Hat Enterprise Linux 9"),
        ];
        for (index, (category, name)) in systems.into_iter().enumerate() {
            let category_id = self.uuid();
            self.world.os_categories.push((category_id, category.to_owned()));
            let uuid = self.uuid();
            self.world.os_types.push(OsType { uuid, name: name.to_owned(), category: index });
        }
    }

    fn offerings(&mut self) {
        self.service_offerings();
        self.disk_offerings();
        let created = self.before();
        let networks = [
            ("Isolated network with source NAT", "Isolated"),
            ("Isolated network for VPC tiers", "Isolated"),
            ("Shared network with security groups", "Shared"),
        ];
        for (name, kind) in networks {
            let offering = self.plain(name, kind, created);
            self.world.network_offerings.push(offering);
        }
        let vpc = self.plain("Default VPC offering", "VPC", created);
        self.world.vpc_offerings.push(vpc);
        let backup = self.plain("Daily backup, 30 days", "dummy", created);
        self.world.backup_offerings.push(backup);
    }

    fn plain(&mut self, name: &str, detail: &str, created: i64) -> PlainOffering {
        let ids = self.ids();
        PlainOffering {
            ids,
            name: name.to_owned(),
            text: name.to_owned(),
            detail: detail.to_owned(),
            zone: 0,
            created,
        }
    }

    fn service_offerings(&mut self) {
        let shape = |cpus, ram_gib: u32| Some(Shape { cpus, mhz: 2400, ram_mib: ram_gib * 1024 });
        let gpu = Some(("NVIDIA L40S".to_owned(), 1));
        let offerings = [
            ("Small 1C-2G", shape(1, 2), None),
            ("Medium 2C-4G", shape(2, 4), None),
            ("Large 4C-16G", shape(4, 16), None),
            ("GPU 8C-64G", shape(8, 64), gpu),
            ("Custom", None, None),
        ];
        for (name, size, gpu) in offerings {
            let (ids, created) = (self.ids(), self.before());
            let name = name.to_owned();
            let storage_tags = Some("ssd".to_owned());
            let offering = ServiceOffering { ids, name, size, gpu, storage_tags, created };
            self.world.service_offerings.push(offering);
        }
    }

    fn disk_offerings(&mut self) {
        let offerings = [
            ("SSD 50 GB", Some(50), "ssd", None),
            ("Archive 500 GB", Some(500), "hdd", None),
            ("SSD, size of choice", None, "ssd", None),
            ("SSD 100 GB, 5000 IOPS", Some(100), "ssd", Some((5000, 5000))),
        ];
        for (name, gib, tags, iops) in offerings {
            let (ids, created) = (self.ids(), self.before());
            let (name, tags) = (name.to_owned(), Some(tags.to_owned()));
            self.world.disk_offerings.push(DiskOffering { ids, name, gib, tags, iops, created });
        }
    }

    /// The provider's public templates; they belong to an internal account.
    fn images(&mut self) {
        let templates =
            ["Debian 13", "Ubuntu 24.04 LTS", "Windows Server 2022", "Enterprise Linux 9"];
        for (os, name) in templates.into_iter().enumerate() {
            let ids = self.ids();
            let image = Image {
                ids,
                name: name.to_owned(),
                iso: false,
                public: true,
                os,
                bytes: if name.starts_with("Windows") { 40 * GIB } else { 8 * GIB },
                owner: Owner::Account(1),
                zone: 0,
                life: Life::since(self.before()),
            };
            self.world.images.push(image);
        }
    }
}
