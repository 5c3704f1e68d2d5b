//! The lives of a project's resources: machines with their actions, volumes, copies, addresses.
//!
//! What has no history of its own is known since it was made, and gone since it was last listed;
//! a resize lies a month after the machine was made, so that a listing has shown what was before.

use super::machine::{Action, Server, Verb};
use super::seed::Maker;
use super::world::{Address, Copy, Image, Life, Volume};
use crate::demo::seed::{DAY, GIB, HOUR, Size};

/// Histories with regular stops are made for this long.
const HORIZON: i64 = 400;

/// Positions of the flavors.
const SMALL: usize = 0;
const MEDIUM: usize = 1;
const LARGE: usize = 2;
const DEDICATED: usize = 3;
const GPU: usize = 4;

/// Positions of the images.
const DEBIAN: usize = 0;
const UBUNTU: usize = 1;
const WINDOWS: usize = 2;

/// Positions of the volume types.
const SSD: usize = 0;
const HDD: usize = 1;
const NVME: usize = 2;

/// A project for which resources are made.
pub(super) struct Plan {
    pub project: usize,
    pub user: usize,
    pub size: Size,
}

/// What a machine is made of.
struct Make {
    name: &'static str,
    flavor: usize,
    image: Option<usize>,
    /// Days after the first of usage.
    day: i64,
}

impl Plan {
    /// Makes everything.
    pub fn live(&self, maker: &mut Maker) {
        let make = |name, flavor, image, day| Make { name, flavor, image, day };
        let web = self.server(maker, &make("web", MEDIUM, Some(DEBIAN), -9));
        self.address(maker, Some(web), -9);
        let database = self.server(maker, &make("database", LARGE, None, -8));
        self.boot_volume(maker, database);
        self.volume(maker, NVME, (100, -8), Some(database));
        let build = self.server(maker, &make("build", DEDICATED, Some(UBUNTU), 2));
        self.nights_off(maker, build);
        if self.size == Size::Full {
            self.more(maker);
        }
        self.volume(maker, SSD, (50, 3), Some(web));
        let archive = self.volume(maker, HDD, (500, 1), None);
        let at = self.at(maker, 52, 9);
        maker.world.volumes[archive].sizes.push((at, 800));
        self.copies(maker, archive);
        self.address(maker, None, 20);
    }

    fn more(&self, maker: &mut Maker) {
        let make = |name, flavor, image, day| Make { name, flavor, image, day };
        let worker = self.server(maker, &make("worker", SMALL, Some(DEBIAN), -5));
        let at = self.at(maker, 45, 10);
        self.act(maker, worker, Verb::Resize(MEDIUM), (at, 95));
        self.act(maker, worker, Verb::ConfirmResize, (at + 2 * HOUR, 4));
        let office = self.server(maker, &make("office", LARGE, Some(WINDOWS), -4));
        self.weekends_suspended(maker, office);
        let training = self.server(maker, &make("training", GPU, Some(UBUNTU), 4));
        self.shelved_between(maker, training);
        let trial = self.server(maker, &make("trial", MEDIUM, Some(DEBIAN), -2));
        let at = self.at(maker, 73, 15);
        self.act(maker, trial, Verb::Delete, (at, 3));
        let scratch = self.volume(maker, SSD, (40, 12), None);
        maker.world.volumes[scratch].life.until = self.at(maker, 101, 14);
        self.server(maker, &make("queue", SMALL, Some(DEBIAN), 84));
    }

    /// An instant on a day of usage, at an hour and some minutes.
    fn at(&self, maker: &mut Maker, day: i64, hour: i64) -> i64 {
        maker.world.start + day * DAY + hour * HOUR + maker.pick(0, 3_000)
    }

    fn server(&self, maker: &mut Maker, make: &Make) -> usize {
        let number = maker.world.servers.len() + 1;
        let (id, port) = (maker.uuid(), maker.uuid());
        let last = u8::try_from(10 + number % 240).unwrap_or(10);
        let from = self.at(maker, make.day, 8);
        maker.world.servers.push(Server {
            id,
            number: u32::try_from(number).unwrap_or(1),
            name: make.name.to_owned(),
            project: self.project,
            user: self.user,
            flavor: make.flavor,
            image: make.image,
            port: (port, last),
            metadata: vec![("role".to_owned(), make.name.to_owned())],
            actions: Vec::new(),
        });
        let server = number - 1;
        self.act(maker, server, Verb::Create, (from, 12));
        server
    }

    /// Something is done to a machine at an instant, and takes some seconds.
    fn act(&self, maker: &mut Maker, server: usize, verb: Verb, (from, seconds): (i64, i64)) {
        let request = format!("req-{}", maker.uuid());
        let action = Action { verb, request, user: self.user, from, until: from + seconds };
        maker.world.servers[server].actions.push(action);
    }

    /// Stopped each evening, started each morning.
    fn nights_off(&self, maker: &mut Maker, server: usize) {
        for day in 3..HORIZON {
            let evening = self.at(maker, day, 19);
            self.act(maker, server, Verb::Stop, (evening, 7));
            let morning = self.at(maker, day + 1, 5);
            self.act(maker, server, Verb::Start, (morning, 4));
        }
    }

    fn weekends_suspended(&self, maker: &mut Maker, server: usize) {
        for week in 0..HORIZON / 7 {
            let begin = self.at(maker, week * 7 + 1, 18);
            self.act(maker, server, Verb::Suspend, (begin, 20));
            let end = self.at(maker, week * 7 + 3, 6);
            self.act(maker, server, Verb::Resume, (end, 9));
        }
    }

    /// Used for some days, and shelved for as many.
    fn shelved_between(&self, maker: &mut Maker, server: usize) {
        let mut day = 9;
        while day < HORIZON {
            let begin = self.at(maker, day, 17);
            self.act(maker, server, Verb::Shelve, (begin, 40));
            day += maker.pick(4, 12);
            let end = self.at(maker, day, 7);
            self.act(maker, server, Verb::Unshelve, (end, 30));
            day += maker.pick(3, 8);
        }
    }

    /// The volume that a machine without an image boots from.
    fn boot_volume(&self, maker: &mut Maker, server: usize) {
        let from = maker.world.servers[server].created() - 20;
        let volume = Volume {
            id: maker.uuid(),
            name: String::new(),
            project: self.project,
            user: self.user,
            kind: SSD,
            sizes: vec![(from, 40)],
            attached: Some((server, "/dev/vda".to_owned())),
            image: Some(DEBIAN),
            life: Life::since(from),
        };
        maker.world.volumes.push(volume);
    }

    fn volume(
        &self,
        maker: &mut Maker,
        kind: usize,
        (gib, day): (u32, i64),
        server: Option<usize>,
    ) -> usize {
        let from = self.at(maker, day, 9);
        let name = if server.is_some() { "data" } else { "archive" };
        let volume = Volume {
            id: maker.uuid(),
            name: name.to_owned(),
            project: self.project,
            user: self.user,
            kind,
            sizes: vec![(from, gib)],
            attached: server.map(|server| (server, "/dev/vdb".to_owned())),
            image: None,
            life: Life::since(from),
        };
        maker.world.volumes.push(volume);
        maker.world.volumes.len() - 1
    }

    /// A snapshot and a backup of a volume, and an image of the project's own.
    fn copies(&self, maker: &mut Maker, volume: usize) {
        let from = self.at(maker, 6, 3);
        let gib = maker.world.volumes[volume].gib_at(from);
        let copy = |id, name: &str, from| Copy {
            id,
            name: name.to_owned(),
            volume,
            gib,
            life: Life::since(from),
        };
        let snapshot = copy(maker.uuid(), "before-upgrade", from);
        maker.world.snapshots.push(snapshot);
        let from = self.at(maker, 7, 2);
        let backup = copy(maker.uuid(), "monthly", from);
        maker.world.backups.push(backup);
        let image = Image {
            id: maker.uuid(),
            name: "golden".to_owned(),
            owner: self.project,
            public: false,
            system: None,
            base: Some(DEBIAN),
            bytes: 5 * GIB,
            life: Life::since(self.at(maker, 5, 11)),
        };
        maker.world.images.push(image);
    }

    fn address(&self, maker: &mut Maker, server: Option<usize>, day: i64) {
        let address = Address {
            id: maker.uuid(),
            address: format!("198.51.100.{}", 100 + maker.world.addresses.len()),
            project: self.project,
            server,
            life: Life::since(self.at(maker, day, 9)),
        };
        maker.world.addresses.push(address);
    }
}
