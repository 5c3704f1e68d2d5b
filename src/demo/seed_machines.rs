//! The demo's resources: machines with their histories, disks, networks and all that is metered.

use super::cloudstack::world::{
    Address, Bucket, Copy, Image, LateStop, Life, Machine, Merged, Network, Owner, Phase, Rule,
    Shape, Volume, Vpc,
};
use super::seed::{DAY, GIB, HOUR, Maker, Size};
use super::seed_people::CustomerSeed;

/// Histories with regular stops are made for this long.
const HORIZON: i64 = 400 * DAY;

/// Positions of the offerings.
const CUSTOM: usize = 4;
const GPU: usize = 3;

/// A change in a machine's life.
#[derive(Clone, Copy)]
struct Change {
    at: i64,
    running: bool,
    offering: usize,
    shape: Shape,
}

impl Maker {
    /// Everything of one customer.
    pub(super) fn resources(&mut self, customer: CustomerSeed) {
        let owner = customer.owner();
        let network = self.network(&customer, owner, None);
        self.address(&customer, network, true);
        let number = match self.size {
            Size::Small => 3,
            Size::Full => self.pick(4, 10),
        };
        for index in 0..number {
            self.machine(&customer, owner, (network, index));
        }
        if let Some(project) = customer.project {
            let owner = Owner::Project(project);
            let network = self.network(&customer, owner, None);
            self.machine(&customer, owner, (network, 90));
        }
        self.private_template(&customer);
        self.snapshots(&customer);
        if customer.index.is_multiple_of(4) {
            self.extras(&customer, network);
        }
        if customer.zone == 2 {
            self.security_group(&customer);
        }
    }

    /// What is odd in every real cloud: a hidden machine, a moved volume, late events, a merge.
    pub(super) fn oddities(&mut self) {
        let start = self.world.start;
        // In the full demo it happens before the eyes of the onlooker.
        let moved = if self.size == Size::Small { 25 * DAY } else { 140 * DAY };
        if let Some(volume) = self.world.volumes.iter_mut().find(|volume| !volume.root) {
            volume.moved = Some(start + moved + 9 * HOUR);
        }
        let steady = |machine: &Machine| {
            machine.phases.len() == 1 && machine.life.until == i64::MAX && !machine.hidden
        };
        let found: Vec<_> =
            (0..self.world.machines.len()).filter(|i| steady(&self.world.machines[*i])).collect();
        if let Some(last) = found.last() {
            // 2 hours of the 13th day's evening, heard of in the run of the 15th day.
            let from = start + 12 * DAY + 20 * HOUR;
            let stop = Life { from, until: from + 2 * HOUR };
            self.world.machines[*last].late = Some(LateStop { stop, run: 14 });
        }
        for kept in &found {
            let same = found.iter().find(|lost| {
                *lost > kept
                    && self.world.machines[**lost].owner == self.world.machines[*kept].owner
            });
            if let Some(lost) = same {
                let span = Life { from: start + 19 * DAY, until: start + 20 * DAY };
                self.world.merged = Some(Merged { kept: *kept, lost: *lost, span });
                break;
            }
        }
    }

    fn network(&mut self, customer: &CustomerSeed, owner: Owner, vpc: Option<usize>) -> usize {
        let (ids, router) = (self.ids(), self.ids());
        let from = self.world.start + self.pick(0, 6) * HOUR;
        let mut changes = Vec::new();
        if self.one_in(3) {
            changes.push(from + self.pick(3, 60) * DAY + self.pick(1, 20) * HOUR);
        }
        let sent = u64::try_from(self.pick(2, 60)).unwrap_or(2) * GIB;
        let kind = if vpc.is_some() { "tier" } else { "net" };
        self.world.networks.push(Network {
            ids,
            name: format!("{}-{kind}", customer.short),
            owner,
            zone: customer.zone,
            offering: usize::from(vpc.is_some()),
            vpc,
            router,
            life: Life::since(from),
            changes,
            traffic: (sent, sent / 3),
        });
        self.world.networks.len() - 1
    }

    fn address(&mut self, customer: &CustomerSeed, network: usize, source_nat: bool) -> usize {
        let ids = self.ids();
        let last = self.world.addresses.len() % 250 + 2;
        let held = &self.world.networks[network];
        let (owner, from) = (held.owner, held.life.from + 600);
        let mut life = Life::since(from);
        if !source_nat && self.one_in(2) {
            life.until = from + self.pick(20, 90) * DAY;
        }
        let address = format!("203.0.113.{last}");
        let zone = customer.zone;
        self.world.addresses.push(Address { ids, address, owner, zone, network, source_nat, life });
        self.world.addresses.len() - 1
    }

    fn machine(&mut self, customer: &CustomerSeed, owner: Owner, place: (usize, i64)) {
        let (network, index) = place;
        let position = self.world.machines.len();
        let from = self.birth(index);
        let life = Life { from, until: self.death(index, from) };
        let template = if self.one_in(4) { 2 } else { self.position(2) };
        let phases = self.history(customer, index, life);
        let backup_at = from + self.pick(1, 5) * DAY;
        let backup = (index == 0 || self.one_in(5)).then_some((0, backup_at));
        let ids = self.ids();
        let names = ["web", "db", "app", "build", "cache", "mail", "report", "queue", "batch"];
        let name = match usize::try_from(index) {
            Ok(index) if index < names.len() => format!("{}-{}", customer.short, names[index]),
            _ => format!("{}-project", customer.short),
        };
        let centre = ["sales", "research", "operations"][self.position(3)].to_owned();
        self.world.machines.push(Machine {
            ids,
            name,
            owner,
            user: customer.user,
            zone: customer.zone,
            template,
            network,
            life,
            phases,
            late: None,
            hidden: index == 8,
            disk_statistics: customer.index.is_multiple_of(4) && index < 2,
            backup,
            tags: vec![("cost-centre".to_owned(), centre)],
        });
        self.disks(position, index);
    }

    fn birth(&mut self, index: i64) -> i64 {
        let start = self.world.start;
        let days = if index < 3 || self.size == Size::Small { 1 } else { 80 };
        start + self.pick(0, days) * DAY + self.pick(6, 20) * HOUR + self.pick(0, 3600)
    }

    fn death(&mut self, index: i64, from: i64) -> i64 {
        let days = if self.size == Size::Small { (8, 20) } else { (15, 70) };
        if index >= 2 && self.one_in(3) {
            from + self.pick(days.0, days.1) * DAY + self.pick(0, DAY)
        } else {
            i64::MAX
        }
    }

    /// The phases of a machine: steady, scaled, stopped for days, or running in office hours.
    fn history(&mut self, customer: &CustomerSeed, index: i64, life: Life) -> Vec<Phase> {
        let (offering, shape) = self.size_of_machine(index);
        let begin = Change { at: life.from, running: true, offering, shape };
        let mut changes = vec![begin];
        match index {
            // Scaled: the second machine while it is stopped, one customer's third while it runs.
            1 => {
                let at = life.from + self.pick(5, 12) * DAY;
                changes.push(Change { at, running: false, ..begin });
                let larger = self.fixed(2);
                changes.push(Change { at: at + 2 * HOUR, running: true, ..larger });
            }
            2 if customer.index == 2 => {
                let at = life.from + self.pick(5, 7) * DAY + 5 * HOUR;
                changes.push(Change { at, ..self.fixed(1) });
            }
            3 => changes.extend(office_hours(begin)),
            4 | 5 => {
                let at = life.from + self.pick(2, 20) * DAY;
                changes.push(Change { at, running: false, ..begin });
                let again = at + self.pick(2, 9) * DAY;
                changes.push(Change { at: again, running: true, ..begin });
            }
            _ => {}
        }
        phases(&changes, life)
    }

    fn size_of_machine(&mut self, index: i64) -> (usize, Shape) {
        let offering = match index {
            0 => 1,
            1 | 2 => 0,
            6 => GPU,
            5 | 90 => CUSTOM,
            _ => self.position(3),
        };
        if offering == CUSTOM {
            let cpus = [2, 3, 6][self.position(3)];
            return (CUSTOM, Shape { cpus, mhz: 2000, ram_mib: cpus * 3 * 1024 });
        }
        let fixed = self.fixed(offering);
        (fixed.offering, fixed.shape)
    }

    fn fixed(&self, offering: usize) -> Change {
        let size = self.world.service_offerings[offering].size;
        let shape = size.unwrap_or(Shape { cpus: 2, mhz: 2000, ram_mib: 4096 });
        Change { at: 0, running: true, offering, shape }
    }

    fn disks(&mut self, machine: usize, index: i64) {
        let held = self.world.machines[machine].clone();
        let root = self.ids();
        let number = held.ids.number;
        let bytes = self.world.images[held.template].bytes;
        let template = Some(held.template);
        let mut volume = Volume {
            ids: root,
            name: format!("ROOT-{number}"),
            owner: held.owner,
            zone: held.zone,
            root: true,
            offering: None,
            template,
            life: held.life,
            sizes: vec![(held.life.from, bytes)],
            attached: vec![(machine, held.life)],
            moved: None,
            tags: held.tags.clone(),
        };
        self.world.volumes.push(volume.clone());
        if index % 2 == 1 || index == 0 {
            volume.ids = self.ids();
            volume.name = format!("DATA-{number}");
            volume.root = false;
            volume.template = None;
            let offering = self.position(4);
            volume.offering = Some(offering);
            let gib = self.world.disk_offerings[offering].gib.unwrap_or(120);
            let from = held.life.from + 2 * HOUR;
            // A data disk outlives its machine.
            volume.life = Life::since(from);
            volume.attached = vec![(machine, Life { from, until: held.life.until })];
            volume.sizes = vec![(from, gib * GIB)];
            if index == 1 {
                volume.sizes.push((from + self.pick(6, 25) * DAY, 2 * gib * GIB));
            }
            self.world.volumes.push(volume);
        }
    }

    fn private_template(&mut self, customer: &CustomerSeed) {
        let iso = customer.index.is_multiple_of(2);
        let ids = self.ids();
        let kind = if iso { "rescue" } else { "golden" };
        let from = self.world.start + self.pick(1, 4) * DAY;
        self.world.images.push(Image {
            ids,
            name: format!("{}-{kind}", customer.short),
            iso,
            public: false,
            os: 0,
            bytes: if iso { 2 * GIB } else { 12 * GIB },
            owner: customer.owner(),
            zone: customer.zone,
            life: Life::since(from),
        });
    }

    fn snapshots(&mut self, customer: &CustomerSeed) {
        let owner = customer.owner();
        let own = |volume: &Volume| volume.owner == owner && volume.root;
        let volumes = &self.world.volumes;
        let found: Vec<_> = (0..volumes.len()).filter(|i| own(&volumes[*i])).collect();
        for volume in found.into_iter().take(2) {
            let ids = self.ids();
            let held = &self.world.volumes[volume];
            let (name, born) = (format!("{}-snapshot", held.name), held.life.from);
            let bytes = held.bytes_at(born) / 2;
            let from = born + self.pick(2, 9) * DAY;
            let days = self.pick(5, 60);
            self.world.snapshots.push(Copy {
                ids,
                name,
                owner,
                zone: customer.zone,
                of: Some(volume),
                bytes,
                life: Life { from, until: from + days * DAY },
            });
        }
    }

    /// The rarer kinds: VM snapshot, upload, VPC, rules, VPN, bucket.
    fn extras(&mut self, customer: &CustomerSeed, network: usize) {
        let (owner, zone, start) = (customer.owner(), customer.zone, self.world.start);
        let machines = &self.world.machines;
        let machine = (0..machines.len()).find(|index| machines[*index].owner == owner);
        let address = self.address(customer, network, false);
        let from = start + self.pick(1, 3) * DAY;
        let life = Life::since(from);
        let copy = |ids, name: &str, of, bytes, life| {
            let name = format!("{}-{name}", customer.short);
            Copy { ids, name, owner, zone, of, bytes, life }
        };
        let taken = from + 5 * DAY;
        let snapshot_life = Life { from: taken, until: taken + 12 * DAY + 7 * HOUR };
        let snapshot = copy(self.ids(), "before-update", machine, 60 * GIB, snapshot_life);
        self.world.machine_snapshots.push(snapshot);
        let upload = copy(self.ids(), "upload", None, 30 * GIB, life);
        self.world.uploads.push(upload);
        let rule = |ids, name: &str| {
            let name = format!("{}-{name}", customer.short);
            Rule { ids, name, owner, zone, address: Some(address), machine, life }
        };
        let balancer = rule(self.ids(), "balancer");
        self.world.balancers.push(balancer);
        let forwarding = rule(self.ids(), "ssh");
        self.world.forwardings.push(forwarding);
        let vpn = rule(self.ids(), "vpn");
        self.world.vpn_users.push(vpn);
        let ids = self.ids();
        let name = format!("{}-archive", customer.short);
        let bytes = (80 * GIB, GIB);
        self.world.buckets.push(Bucket { ids, name, owner, life, bytes });
        let ids = self.ids();
        let name = format!("{}-vpc", customer.short);
        self.world.vpcs.push(Vpc { ids, name, owner, zone, offering: 0, life });
        let vpc = self.world.vpcs.len() - 1;
        self.network(customer, owner, Some(vpc));
        if customer.index == 0 {
            self.security_group(customer);
        }
    }

    fn security_group(&mut self, customer: &CustomerSeed) {
        let (owner, zone) = (customer.owner(), customer.zone);
        let machines = &self.world.machines;
        let machine = (0..machines.len()).find(|index| machines[*index].owner == owner);
        let life = machine.map_or(Life::since(self.world.start), |m| machines[m].life);
        let ids = self.ids();
        let name = format!("{}-front", customer.short);
        let rule = Rule { ids, name, owner, zone, address: None, machine, life };
        self.world.security_groups.push(rule);
    }
}

/// Runs on weekdays from 7 to 19 o'clock (UTC).
fn office_hours(begin: Change) -> Vec<Change> {
    let mut changes = vec![Change { running: false, at: begin.at + HOUR, ..begin }];
    let midnight = begin.at - begin.at.rem_euclid(DAY);
    let mut day = midnight + DAY;
    while day < midnight + HORIZON {
        // Day 0 of unix time was a Thursday.
        let weekday = (day / DAY + 3).rem_euclid(7);
        if weekday < 5 {
            changes.push(Change { running: true, at: day + 7 * HOUR, ..begin });
            changes.push(Change { running: false, at: day + 19 * HOUR, ..begin });
        }
        day += DAY;
    }
    changes
}

/// Changes as phases that fill a life without a gap.
fn phases(changes: &[Change], life: Life) -> Vec<Phase> {
    let mut made = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        let until = changes.get(index + 1).map_or(i64::MAX, |next| next.at).min(life.until);
        if change.at < until {
            let Change { at, running, offering, shape } = *change;
            made.push(Phase { from: at, until, running, offering, shape });
        }
    }
    made
}
