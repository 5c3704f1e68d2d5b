//! Usage records: state intervals of the world cut into the usage server's windows.
//!
//! Nothing is stored: a window's records are made anew for each question, with what the usage
//! server knew at its run, so that history changes exactly where the real one's does.

use super::Defects;
use super::world::{Life, Machine, Owner, Phase, Shape, World};

/// What a record tells, apart from owner, zone, span and amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Types 1 and 2.
    Machine { machine: usize, offering: usize, shape: Shape },
    /// Type 3.
    Address(usize),
    /// Types 4 and 5.
    Traffic(usize),
    /// Type 6; with the machine for the second record of an attached volume.
    Volume { volume: usize, bytes: u64, machine: Option<usize> },
    /// Types 7 and 8.
    Image(usize),
    /// Type 9.
    Snapshot(usize),
    /// Type 10.
    SecurityGroup(usize),
    /// Type 11.
    Balancer(usize),
    /// Type 12.
    Forwarding(usize),
    /// Type 13.
    Interface(usize),
    /// Type 14.
    VpnUser(usize),
    /// Types 21 to 24.
    Disk { machine: usize, volume: usize },
    /// Type 25, for each volume.
    MachineSnapshot { snapshot: usize, volume: usize, bytes: u64 },
    /// Type 26.
    Upload(usize),
    /// Type 27.
    SnapshotOnPrimary(usize),
    /// Type 28.
    Backup { machine: usize, bytes: u64 },
    /// Type 29.
    Bucket(usize),
    /// Type 30.
    Network(usize),
    /// Type 31.
    Vpc(usize),
    /// A type that nobody knows yet.
    Unknown,
}

/// An amount: time, or a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    Millis(i64),
    Count(u64),
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    pub kind: u8,
    pub owner: Owner,
    pub zone: Option<usize>,
    pub amount: Amount,
    /// The window, or for types 25 and 27 the true slice.
    pub span: Life,
    pub detail: Detail,
}

/// Windows and runs of the usage server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    pub start: i64,
    pub range_seconds: i64,
    /// Seconds after a window's end at which its run is done.
    pub delay_seconds: i64,
}

impl Job {
    /// The window with a number.
    pub fn window(&self, number: usize) -> Life {
        let number = i64::try_from(number).unwrap_or(i64::MAX / 2 / self.range_seconds);
        let from = self.start + number * self.range_seconds;
        Life { from, until: from + self.range_seconds }
    }

    /// How many runs were done before `now`.
    pub fn runs(&self, now: i64) -> usize {
        let passed = now - self.delay_seconds - self.start;
        usize::try_from(passed.max(0) / self.range_seconds).unwrap_or(0)
    }

    /// The number of the window that holds an instant.
    pub fn number_at(&self, at: i64) -> usize {
        usize::try_from((at - self.start).max(0) / self.range_seconds).unwrap_or(0)
    }
}

/// The spans for which a run writes records, in the order in which it writes them.
pub fn spans_of_run(world: &World, job: Job, defects: &Defects, run: usize) -> Vec<Life> {
    let mut spans = Vec::new();
    let late = world.machines.iter().filter_map(|machine| machine.late);
    let late = late.filter(|late| defects.late_events && late.run == run).map(|l| l.stop.from);
    let first = match late.min() {
        Some(event) => {
            let window = job.window(job.number_at(event));
            spans.push(Life { from: event, until: window.until });
            job.number_at(event) + 1
        }
        None => run.saturating_sub(defects.repeats),
    };
    spans.extend((first..=run).map(|number| job.window(number)));
    spans
}

/// All records that a run writes for one span, in the server's order.
pub fn records(world: &World, defects: &Defects, span: Life, run: usize) -> Vec<Usage> {
    let mut maker = Maker { world, defects, span, run, out: Vec::new() };
    maker.machines();
    maker.volumes();
    maker.addresses_and_traffic();
    maker.copies();
    maker.rules();
    maker.rest();
    maker.out
}

struct Maker<'w> {
    world: &'w World,
    defects: &'w Defects,
    span: Life,
    run: usize,
    out: Vec<Usage>,
}

impl Maker<'_> {
    fn push(&mut self, kind: u8, owner: Owner, zone: Option<usize>, what: (Amount, Detail)) {
        let (amount, detail) = what;
        self.out.push(Usage { kind, owner, zone, amount, span: self.span, detail });
    }

    fn push_life(&mut self, kind: u8, place: (Owner, usize), life: Life, detail: Detail) {
        let seconds = life.seconds_in(self.span);
        if seconds > 0 {
            let noise = self.noise(kind, self.out.len());
            let amount = Amount::Millis(seconds * 1000 + noise);
            self.push(kind, place.0, Some(place.1), (amount, detail));
        }
    }

    /// A few milliseconds too many in some records, as real ones have.
    fn noise(&self, kind: u8, index: usize) -> i64 {
        if !self.defects.float_noise || kind > 12 {
            return 0;
        }
        if mix(self.world.seed, self.span.from, index).is_multiple_of(40) { 7 } else { 0 }
    }

    fn machines(&mut self) {
        let world = self.world;
        for (index, machine) in world.machines.iter().enumerate() {
            if machine.hidden || machine.life.seconds_in(self.span) == 0 {
                continue;
            }
            let merged = world
                .merged
                .filter(|merged| self.defects.merged_machines && merged.span.holds(self.span.from));
            let lost = merged.is_some_and(|merged| merged.lost == index);
            let mut running = self.running(machine);
            let total = running.iter().map(|(_, seconds)| seconds).sum();
            let mut allocated = self.allocated(machine);
            if let Some(merged) = merged.filter(|merged| merged.kept == index) {
                let other = &world.machines[merged.lost];
                add_all(&mut running, self.running(other));
                add_all(&mut allocated, self.allocated(other));
            }
            for (kind, sums) in [(1, running), (2, allocated)] {
                if lost {
                    break;
                }
                for ((offering, shape), seconds) in sums {
                    let detail = Detail::Machine { machine: index, offering, shape };
                    let noise = self.noise(kind, index);
                    let amount = Amount::Millis(seconds * 1000 + noise);
                    self.push(kind, machine.owner, Some(machine.zone), (amount, detail));
                }
            }
            self.machine_extras(index, machine, total);
        }
    }

    fn machine_extras(&mut self, index: usize, machine: &Machine, running: i64) {
        let place = (machine.owner, Some(machine.zone));
        if running > 0 {
            let amount = Amount::Millis(running * 1000);
            self.push(13, place.0, place.1, (amount, Detail::Interface(index)));
        }
        if let Some((_, since)) = machine.backup {
            let life = Life { from: since, until: machine.life.until };
            let bytes = self.protected_bytes(index);
            let detail = Detail::Backup { machine: index, bytes };
            self.push_life(28, (machine.owner, machine.zone), life, detail);
        }
        if machine.disk_statistics && running > 0 {
            self.disk_statistics(index, machine, running);
        }
    }

    fn disk_statistics(&mut self, index: usize, machine: &Machine, running: i64) {
        let world = self.world;
        for (volume, disk) in world.volumes.iter().enumerate() {
            let attached = disk
                .attached
                .iter()
                .any(|(to, life)| *to == index && life.seconds_in(self.span) > 0);
            if !attached {
                continue;
            }
            let seconds = u64::try_from(running).unwrap_or(0);
            for kind in 21..=24 {
                let jitter = mix(world.seed ^ u64::from(kind), self.span.from, volume) % 40;
                let rate = if kind < 23 { 2 } else { 30_000 };
                let count = seconds * rate * (80 + jitter) / 100;
                let detail = Detail::Disk { machine: index, volume };
                let place = (machine.owner, Some(machine.zone));
                self.push(kind, place.0, place.1, (Amount::Count(count), detail));
            }
        }
    }

    fn protected_bytes(&self, machine: usize) -> u64 {
        let last = self.span.until - 1;
        let disks = self.world.volumes.iter().filter(|volume| {
            volume.attached.iter().any(|(to, life)| *to == machine && life.holds(last))
        });
        disks.map(|volume| volume.bytes_at(last)).sum()
    }

    /// Running seconds by offering and shape.
    fn running(&self, machine: &Machine) -> Vec<((usize, Shape), i64)> {
        let mut sums = Vec::new();
        let known = machine.late.filter(|late| self.run >= late.run && self.defects.late_events);
        for phase in machine.phases.iter().filter(|phase| phase.running) {
            let life = Life { from: phase.from, until: phase.until };
            let Some(part) = life.within(self.span) else { continue };
            let stopped = known.map_or(0, |late| late.stop.seconds_in(part));
            let seconds = part.until - part.from - stopped;
            if seconds > 0 {
                add(&mut sums, (phase.offering, phase.shape), seconds);
            }
        }
        sums
    }

    /// Allocated seconds by offering and shape. A live change inside a custom offering is not
    /// seen; one to another offering overwrites the row, so that the time before it is lost.
    fn allocated(&self, machine: &Machine) -> Vec<((usize, Shape), i64)> {
        let mut sums: Vec<((usize, Shape), i64)> = Vec::new();
        let mut held: Option<(Phase, (usize, Shape))> = None;
        for phase in &machine.phases {
            let own = (phase.offering, phase.shape);
            let key = match held {
                Some((previous, key)) => {
                    let live = previous.running && phase.running;
                    let custom = live && previous.offering == phase.offering;
                    if self.defects.live_scale_overwrites && live && own != key && !custom {
                        let inside = self.span.holds(phase.from);
                        sums.retain(|(sum, _)| !inside || *sum != key);
                    }
                    if custom { key } else { own }
                }
                None => own,
            };
            held = Some((*phase, key));
            let seconds = Life { from: phase.from, until: phase.until }.seconds_in(self.span);
            if seconds > 0 {
                add(&mut sums, key, seconds);
            }
        }
        sums
    }

    fn volumes(&mut self) {
        let world = self.world;
        for (index, volume) in world.volumes.iter().enumerate() {
            let place = (volume.owner, volume.zone);
            for (piece, bytes) in volume.pieces() {
                let detail = Detail::Volume { volume: index, bytes, machine: None };
                self.push_life(6, place, piece, detail);
                for (machine, attached) in &volume.attached {
                    let part = piece.within(*attached).filter(|_| self.defects.volume_twins);
                    if let Some(part) = part {
                        let machine = Some(*machine);
                        let detail = Detail::Volume { volume: index, bytes, machine };
                        self.push_life(6, place, part, detail);
                    }
                }
            }
        }
    }

    fn addresses_and_traffic(&mut self) {
        let world = self.world;
        for (index, address) in world.addresses.iter().enumerate() {
            let detail = Detail::Address(index);
            self.push_life(3, (address.owner, address.zone), address.life, detail);
        }
        for (index, network) in world.networks.iter().enumerate() {
            let seconds = network.life.seconds_in(self.span);
            if seconds == 0 {
                continue;
            }
            for (kind, daily) in [(4, network.traffic.0), (5, network.traffic.1)] {
                let jitter = mix(world.seed ^ kind, self.span.from, index) % 100;
                let seconds = u64::try_from(seconds).unwrap_or(0);
                let count = daily / 86_400 * seconds / 100 * (50 + jitter);
                if count > 0 {
                    let kind = if kind == 4 { 4 } else { 5 };
                    let what = (Amount::Count(count), Detail::Traffic(index));
                    self.push(kind, network.owner, Some(network.zone), what);
                }
            }
        }
    }

    fn copies(&mut self) {
        let world = self.world;
        for (index, image) in world.images.iter().enumerate() {
            let kind = if image.iso { 8 } else { 7 };
            self.push_life(kind, (image.owner, image.zone), image.life, Detail::Image(index));
        }
        for (index, copy) in world.snapshots.iter().enumerate() {
            self.push_life(9, (copy.owner, copy.zone), copy.life, Detail::Snapshot(index));
        }
        for (index, copy) in world.uploads.iter().enumerate() {
            self.push_life(26, (copy.owner, copy.zone), copy.life, Detail::Upload(index));
        }
        for (index, snapshot) in world.machine_snapshots.iter().enumerate() {
            self.machine_snapshot(index, snapshot);
        }
    }

    /// Types 25 and 27 alone carry the true slice in place of the window.
    fn machine_snapshot(&mut self, index: usize, snapshot: &super::world::Copy) {
        let Some(slice) = snapshot.life.within(self.span) else { return };
        let amount = Amount::Millis((slice.until - slice.from) * 1000);
        let world = self.world;
        let from = self.out.len();
        for (volume, disk) in world.volumes.iter().enumerate() {
            let held = disk.attached.iter().any(|(machine, life)| {
                Some(*machine) == snapshot.of && life.holds(snapshot.life.from)
            });
            if held {
                let bytes = disk.bytes_at(snapshot.life.from);
                let detail = Detail::MachineSnapshot { snapshot: index, volume, bytes };
                self.push(25, snapshot.owner, Some(snapshot.zone), (amount, detail));
            }
        }
        let detail = Detail::SnapshotOnPrimary(index);
        self.push(27, snapshot.owner, Some(snapshot.zone), (amount, detail));
        for usage in &mut self.out[from..] {
            usage.span = slice;
        }
    }

    fn rules(&mut self) {
        let world = self.world;
        for (index, rule) in world.security_groups.iter().enumerate() {
            let detail = Detail::SecurityGroup(index);
            self.push_life(10, (rule.owner, rule.zone), rule.life, detail);
        }
        for (index, rule) in world.balancers.iter().enumerate() {
            self.push_life(11, (rule.owner, rule.zone), rule.life, Detail::Balancer(index));
        }
        for (index, rule) in world.forwardings.iter().enumerate() {
            self.push_life(12, (rule.owner, rule.zone), rule.life, Detail::Forwarding(index));
        }
        for (index, rule) in world.vpn_users.iter().enumerate() {
            let seconds = rule.life.seconds_in(self.span);
            if seconds > 0 {
                let what = (Amount::Millis(seconds * 1000), Detail::VpnUser(index));
                self.push(14, rule.owner, None, what);
            }
        }
    }

    fn rest(&mut self) {
        let world = self.world;
        for (index, bucket) in world.buckets.iter().enumerate() {
            if bucket.life.holds(self.span.until - 1) {
                let days = (self.span.until - bucket.life.from) / 86_400;
                let days = u64::try_from(days).unwrap_or(0);
                let bytes = bucket.bytes.0 + bucket.bytes.1 * days;
                let what = (Amount::Count(bytes), Detail::Bucket(index));
                self.push(29, bucket.owner, None, what);
            }
        }
        for (index, network) in world.networks.iter().enumerate() {
            for part in self.network_parts(network.life, &network.changes) {
                let detail = Detail::Network(index);
                self.push_life(30, (network.owner, network.zone), part, detail);
            }
        }
        for (index, vpc) in world.vpcs.iter().enumerate() {
            self.push_life(31, (vpc.owner, vpc.zone), vpc.life, Detail::Vpc(index));
        }
        let first = world.networks.first().filter(|_| self.defects.unknown_type);
        if let Some(network) = first {
            let place = (network.owner, network.zone);
            self.push_life(99, place, network.life, Detail::Unknown);
        }
    }

    /// A network's life, cut where its state changed.
    fn network_parts(&self, life: Life, changes: &[i64]) -> Vec<Life> {
        let mut parts = Vec::new();
        let mut from = life.from;
        for change in changes.iter().filter(|at| self.defects.network_parts && life.holds(**at)) {
            parts.push(Life { from, until: *change });
            from = *change;
        }
        parts.push(Life { from, until: life.until });
        parts
    }
}

fn add(sums: &mut Vec<((usize, Shape), i64)>, key: (usize, Shape), seconds: i64) {
    match sums.iter_mut().find(|(held, _)| *held == key) {
        Some((_, sum)) => *sum += seconds,
        None => sums.push((key, seconds)),
    }
}

/// All of another machine's time under the first key of this one.
fn add_all(sums: &mut Vec<((usize, Shape), i64)>, other: Vec<((usize, Shape), i64)>) {
    let total: i64 = other.iter().map(|(_, seconds)| seconds).sum();
    match sums.first_mut() {
        Some((_, sum)) => *sum += total,
        None => *sums = other,
    }
}

/// A number that is always the same for the same place and time.
pub fn mix(seed: u64, at: i64, index: usize) -> u64 {
    let mut value = seed ^ at.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15);
    value ^= u64::try_from(index).unwrap_or(0).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    for _ in 0..2 {
        value ^= value >> 31;
        value = value.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    }
    value ^ (value >> 32)
}
