//! The region's world from a seed: the same seed and start give the same region.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::seed_life::Plan;
use super::world::{
    AppCredential, Domain, Flavor, Grant, Image, Life, Network, Place, Project, Role, Router, User,
    VolumeType, World,
};
use crate::demo::seed::{DAY, GIB, Login, OPENSTACK, Size};

/// Positions of the domains.
const DEFAULT: usize = 0;
const POLDER: usize = 1;
/// Positions of the installation's own projects.
const ADMIN: usize = 0;
const SERVICE: usize = 1;
/// Project of the customer that has an account of the other cloud too.
pub const SHARED: &str = "harbour-platform";
/// The user by which Billow signs in.
pub const COLLECTOR: &str = "billow";
/// Domain of the reseller.
pub const RESELLER: &str = "polder";

/// Projects with the short name of their people, their domain and, where they lie below another
/// one, its position among these.
const PROJECTS: [(&str, &str, usize, Option<usize>); 5] = [
    (SHARED, "harbour", DEFAULT, None),
    ("Dune Ceramics", "dune", POLDER, None),
    ("Tern Observatory", "tern", DEFAULT, None),
    ("tern-staging", "tern", DEFAULT, Some(2)),
    ("Heron Couriers", "heron", POLDER, None),
];

/// Makes the region whose usage begins at `start`, a midnight in UTC.
pub fn world(seed: u64, size: Size, start: i64) -> World {
    let mut maker = Maker {
        random: StdRng::seed_from_u64(seed ^ 0x05_7ac4),
        world: World { start, seed, ..World::default() },
    };
    maker.people(size);
    maker.offers();
    let number = maker.world.projects.len();
    for project in SERVICE + 1..number {
        maker.network(project);
        maker.resources(project, size);
    }
    maker.world
}

/// The logins to show: each person once, with the role that they hold first.
pub fn logins(world: &World) -> Vec<Login> {
    let people = world.users.iter().enumerate().filter(|(_, user)| user.person);
    let logins = people.filter_map(|(position, user)| {
        let grant = world.grants.iter().find(|grant| grant.user == position)?;
        let (place, project) = match grant.on {
            Place::Project(project) => {
                let name = &world.projects[project].name;
                // Without a project, members see all of theirs.
                let asked = (grant.role == Role::Admin).then(|| name.clone());
                (name, asked)
            }
            Place::Domain(domain) => (&world.domains[domain].name, None),
        };
        Some(Login {
            source: OPENSTACK.to_owned(),
            role: format!("{}, {place}", grant.role.as_str()),
            name: user.name.clone(),
            domain: world.domains[user.domain].name.clone(),
            project,
            password: user.password.clone(),
            second_factor: None,
        })
    });
    logins.collect()
}

/// What the region is made with.
pub(super) struct Maker {
    pub random: StdRng,
    pub world: World,
}

impl Maker {
    pub fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.random.random()).into_uuid().to_string()
    }

    pub fn hex(&mut self) -> String {
        self.uuid().replace('-', "")
    }

    /// A whole number in a range, the upper end excluded.
    pub fn pick(&mut self, from: i64, until: i64) -> i64 {
        self.random.random_range(from..until)
    }

    /// When everything that was always there was made.
    pub fn before(&self) -> i64 {
        self.world.start - 30 * DAY
    }

    fn people(&mut self, size: Size) {
        let polder = self.hex();
        for (id, name) in [("default", "Default"), (polder.as_str(), RESELLER)] {
            self.world.domains.push(Domain { id: id.to_owned(), name: name.to_owned() });
        }
        self.project("admin", DEFAULT, None);
        self.project("service", DEFAULT, None);
        let admin = self.user("admin", DEFAULT, true);
        self.grant(admin, Role::Admin, Place::Project(ADMIN));
        let billow = self.user(COLLECTOR, DEFAULT, false);
        self.grant(billow, Role::Admin, Place::Project(SERVICE));
        self.grant(billow, Role::Service, Place::Project(SERVICE));
        let manager = self.user("polder-admin", POLDER, true);
        self.grant(manager, Role::Manager, Place::Domain(POLDER));
        let number = if size == Size::Small { 2 } else { PROJECTS.len() };
        for (name, short, domain, parent) in PROJECTS.into_iter().take(number) {
            let parent = parent.map(|parent| SERVICE + 1 + parent);
            let project = self.project(name, domain, parent);
            let user = format!("{short}-ops");
            let known = self.world.users.iter().position(|user_of| user_of.name == user);
            let user = known.unwrap_or_else(|| self.user(&user, domain, true));
            self.grant(user, Role::Member, Place::Project(project));
            let robot = self.user(&format!("{short}-robot-{project}"), domain, false);
            self.grant(robot, Role::Member, Place::Project(project));
            let (id, secret) = (self.hex(), self.hex());
            let name = format!("{short}-robot");
            let credential = AppCredential { id, name, secret, user: robot, project };
            self.world.credentials.push(credential);
        }
    }

    fn project(&mut self, name: &str, domain: usize, parent: Option<usize>) -> usize {
        let id = self.hex();
        self.world.projects.push(Project { id, name: name.to_owned(), domain, parent });
        self.world.projects.len() - 1
    }

    fn user(&mut self, name: &str, domain: usize, person: bool) -> usize {
        const WORDS: [&str; 8] =
            ["alder", "birch", "clover", "dogwood", "elder", "fern", "gorse", "hazel"];
        let word = WORDS[self.random.random_range(0..WORDS.len())];
        let password = format!("{word}-{}", self.pick(100_000, 1_000_000));
        let id = self.hex();
        self.world.users.push(User { id, name: name.to_owned(), domain, password, person });
        self.world.users.len() - 1
    }

    fn grant(&mut self, user: usize, role: Role, on: Place) {
        self.world.grants.push(Grant { user, role, on });
    }

    fn offers(&mut self) {
        let gpu = [("pci_passthrough:alias", "l40s:1"), ("hw:cpu_policy", "dedicated")];
        let flavors: [(&str, u32, u32, u32, &[(&str, &str)]); 5] = [
            ("b1.small", 1, 2, 20, &[]),
            ("b1.medium", 2, 4, 40, &[]),
            ("b1.large", 4, 16, 80, &[]),
            ("c1.dedicated", 4, 8, 40, &[("hw:cpu_policy", "dedicated")]),
            ("g1.gpu", 8, 64, 100, &gpu),
        ];
        for (name, vcpus, ram_gib, disk_gib, specs) in flavors {
            let (id, name, ram_mib) = (self.uuid(), name.to_owned(), ram_gib * 1024);
            let specs = specs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            let specs = specs.collect();
            self.world.flavors.push(Flavor { id, name, vcpus, ram_mib, disk_gib, specs });
        }
        for (name, back_end, iops) in
            [("ssd", "ceph-ssd", None), ("hdd", "ceph-hdd", None), ("nvme", "nvme", Some(5_000))]
        {
            let (id, policy) = (self.uuid(), self.uuid());
            let (name, back_end) = (name.to_owned(), back_end.to_owned());
            let limit = iops.map(|iops| (policy, iops));
            self.world.volume_types.push(VolumeType { id, name, back_end, limit });
        }
        for (name, distro, version, kind, gib) in [
            ("Debian 13", "debian", "13", "linux", 2),
            ("Ubuntu 24.04", "ubuntu", "24.04", "linux", 3),
            ("Windows Server 2022", "windows", "2022", "windows", 12),
        ] {
            let (id, life) = (self.uuid(), Life::since(self.before()));
            let system = Some((distro.to_owned(), version.to_owned(), kind.to_owned()));
            let (name, owner, public) = (name.to_owned(), ADMIN, true);
            let (base, bytes) = (None, gib * GIB);
            self.world.images.push(Image { id, name, owner, public, system, base, bytes, life });
        }
        self.add_network("public", ADMIN, true);
    }

    fn add_network(&mut self, name: &str, project: usize, external: bool) -> usize {
        let (id, subnet) = (self.uuid(), self.uuid());
        let (name, life) = (name.to_owned(), Life::since(self.before()));
        self.world.networks.push(Network { id, name, project, external, subnet, life });
        self.world.networks.len() - 1
    }

    /// The network of a project, with its router.
    fn network(&mut self, project: usize) {
        let network = self.add_network("internal", project, false);
        let (id, ports) = (self.uuid(), [self.uuid(), self.uuid()]);
        let router = Router {
            id,
            name: "gateway".to_owned(),
            project,
            network,
            address: format!("198.51.100.{}", 10 + self.world.routers.len()),
            ports,
            life: Life::since(self.before()),
        };
        self.world.routers.push(router);
    }

    fn resources(&mut self, project: usize, size: Size) {
        let holds = |grant: &&Grant| grant.on == Place::Project(project);
        let user = self.world.grants.iter().find(holds).map_or(0, |grant| grant.user);
        Plan { project, user, size }.live(self);
    }
}
