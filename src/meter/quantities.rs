//! From usage records to quantities that no boundary cuts. PURE.
//!
//! Invariants: what is neither cut nor derived keeps its quantity as reported; the parts of a cut
//! record sum to it exactly; the order of the records does not matter.

use std::collections::HashMap;
use std::sync::Arc;

use super::cut::{Cutter, hours, share};
use super::intern::{Interner, Texts};
use super::kind::{MeterUnit, VM_ALLOCATED, VM_RUNNING, VM_STOPPED, VOLUME};
use super::stopped::{self, Hours};
use super::{Facts, Metered, counter, level, meter_of};
use crate::collect::record::{RecordKind, StoredRecord, attribute};
use crate::ids::OwnerRef;
use crate::money::Exact;
use crate::period::Span;

/// What metering reads.
pub struct MeteringInput<'a> {
    /// Records that touch `span`, of one or more customers, one per key (the newest revision).
    /// Of counters also the last reading before the span (its baseline) and the first after it;
    /// of levels without an end the last one before the span.
    pub records: &'a [StoredRecord],
    /// Facts of each record, same positions; a record whose facts change inside its span is
    /// given by the facts at its start. Equal facts in one `Arc` make rating fast.
    pub facts: &'a [Arc<Facts>],
    /// The period: what lies outside is cut off.
    pub span: Span,
    /// Instants inside the period at which quantities are cut. Ascending.
    pub boundaries: &'a [i64],
}

/// What metering gives.
#[derive(Debug, Default)]
pub struct Metering {
    /// Ascending by span start, then resource, then meter.
    pub metered: Vec<Metered>,
    /// Windows in which a machine ran longer than it was allocated: `(record, hours over)`.
    pub running_beyond_allocated: Vec<(usize, Exact)>,
}

/// Unit of a gauge whose level is its size: the quantity is hours.
pub const UNIT_HOUR: &str = "hour";

/// End of the unit of other gauges: the quantity is level × hours, `piece_hour`.
pub const UNIT_HELD: &str = "_hour";

/// Cuts records at boundaries, derives stopped time, and reads counters and gauges.
///
/// - Intervals and deltas are cut linearly in time.
/// - A gauge of an hour meter, or in bytes, becomes hours; its level is the `size_bytes` of the
///   facts. Any other gauge becomes level × hours, and its unit says so (`piece_hour`). A level of
///   an instant holds until the next one of its owner, meter and resource.
/// - A counter becomes differences of readings, spread over the time between them.
/// - `vm_allocated` becomes `vm_stopped`: less what ran in the same window.
/// - A `volume` record of an attachment (with `machine`) counts only where the volume has no
///   record of its own in an overlapping window.
pub fn quantities(input: &MeteringInput<'_>) -> Metering {
    assert_eq!(input.records.len(), input.facts.len(), "each record needs its facts");
    let mut work = Work::new(input);
    let mut sorted_out = SortedOut::default();
    for (position, record) in input.records.iter().enumerate() {
        work.sort_out(position, record, &mut sorted_out);
    }
    work.add_counters(sorted_out.counters);
    work.add_gauges(&sorted_out.gauges);
    work.add_attachments(&sorted_out.attachments);
    let beyond = work.add_stopped(sorted_out.allocated, sorted_out.running);
    Metering { metered: work.into_metered(), running_beyond_allocated: beyond }
}

/// Positions of records that need more than a cut.
#[derive(Default)]
struct SortedOut {
    allocated: Vec<Hours>,
    running: Vec<Hours>,
    counters: Vec<usize>,
    gauges: Vec<usize>,
    attachments: Vec<usize>,
}

/// A quantity whose texts are still numbers.
struct Row {
    span: Span,
    quantity: Exact,
    resource: usize,
    meter: usize,
    record: usize,
    /// Position in [`Work::gauge_facts`], of gauges only.
    gauge: Option<usize>,
}

struct Work<'a> {
    input: &'a MeteringInput<'a>,
    cutter: Cutter<'a>,
    resources: Interner<'a, str>,
    meters: Interner<'a, str>,
    owners: Interner<'a, OwnerRef>,
    rows: Vec<Row>,
    gauge_facts: Vec<Arc<Facts>>,
    gauge_of: HashMap<(usize, Exact), usize>,
}

/// Numbers of the meters that are interned first.
const RUNNING: usize = 0;
const ALLOCATED: usize = 1;
const STOPPED: usize = 2;
const VOLUMES: usize = 3;

impl<'a> Work<'a> {
    fn new(input: &'a MeteringInput<'a>) -> Self {
        let mut meters = Interner::default();
        for code in [VM_RUNNING, VM_ALLOCATED, VM_STOPPED, VOLUME] {
            meters.number(code);
        }
        Self {
            input,
            cutter: Cutter { span: input.span, boundaries: input.boundaries },
            resources: Interner::default(),
            meters,
            owners: Interner::default(),
            rows: Vec::with_capacity(input.records.len()),
            gauge_facts: Vec::new(),
            gauge_of: HashMap::new(),
        }
    }

    fn sort_out(&mut self, position: usize, record: &'a StoredRecord, out: &mut SortedOut) {
        let meter = self.meters.number(&record.key.meter);
        match record.kind {
            RecordKind::Cumulative => out.counters.push(position),
            RecordKind::Gauge => out.gauges.push(position),
            RecordKind::Interval | RecordKind::Delta => {
                match meter {
                    ALLOCATED => return out.allocated.push(self.hours(position, record)),
                    RUNNING => out.running.push(self.hours(position, record)),
                    VOLUMES if self.is_attachment(position) => {
                        return out.attachments.push(position);
                    }
                    _ => {}
                }
                let span = Span { from: record.key.from, until: record.until };
                self.add(position, meter, span, &record.quantity);
            }
        }
    }

    fn hours(&mut self, position: usize, record: &'a StoredRecord) -> Hours {
        let resource = self.resources.number(&record.key.resource);
        let owner = self.owners.number(&record.key.owner);
        let span = Span { from: record.key.from, until: record.until };
        Hours { machine: (resource, owner), span, record: position }
    }

    fn is_attachment(&self, position: usize) -> bool {
        self.input.facts[position].attributes.contains_key(attribute::MACHINE)
    }

    /// Adds a quantity that is linear in time, cut where it must be.
    fn add(&mut self, record: usize, meter: usize, span: Span, quantity: &Exact) {
        let resource = self.resources.number(&self.input.records[record].key.resource);
        let mut push = |span, quantity| {
            self.rows.push(Row { span, quantity, resource, meter, record, gauge: None });
        };
        if self.cutter.keeps(span) {
            return push(span, quantity.clone());
        }
        for part in self.cutter.parts(span) {
            push(part, share(quantity, part, span));
        }
    }

    fn add_gauges(&mut self, gauges: &[usize]) {
        let records = self.input.records;
        for position in gauges.iter().copied().filter(|at| !level::is_open(&records[*at])) {
            let record = &records[position];
            self.add_gauge(position, Span::new(record.key.from, record.until));
        }
        for (position, span) in level::held(gauges, records, self.input.span.until) {
            self.add_gauge(position, span);
        }
    }

    fn add_gauge(&mut self, position: usize, span: Span) {
        let meter = self.meters.number(&self.input.records[position].key.meter);
        let record = &self.input.records[position];
        let resource = self.resources.number(&record.key.resource);
        let facts = &self.input.facts[position];
        let is_size = level_is_size(&record.key.meter, facts);
        let key = (Arc::as_ptr(facts).addr(), record.quantity.clone());
        let known = self.gauge_facts.len();
        let gauge = *self.gauge_of.entry(key).or_insert(known);
        if gauge == known {
            self.gauge_facts.push(Arc::new(gauge_facts(facts, &record.quantity, is_size)));
        }
        for part in self.cutter.parts(span) {
            let held = hours(part);
            let quantity = if is_size { held } else { record.quantity.times(&held) };
            let gauge = Some(gauge);
            self.rows.push(Row { span: part, quantity, resource, meter, record: position, gauge });
        }
    }

    fn add_counters(&mut self, mut counters: Vec<usize>) {
        let records = self.input.records;
        let counter_of = |at: &usize| {
            let key = &records[*at].key;
            (&key.meter, &key.resource, &key.owner)
        };
        counters.sort_by(|a, b| {
            let (x, y) = (&records[*a], &records[*b]);
            // Of readings at one instant the first counts, so the one that came last goes first.
            let came = || y.came_at().cmp(&x.came_at()).then_with(|| x.key.cmp(&y.key));
            let by_time = || x.until.cmp(&y.until).then_with(came);
            counter_of(a).cmp(&counter_of(b)).then_with(by_time)
        });
        for readings in counters.chunk_by(|a, b| counter_of(a) == counter_of(b)) {
            let facts = |at: usize| self.input.facts[at].as_ref();
            for step in counter::steps(readings, records, facts) {
                let meter = self.meters.number(&records[step.record].key.meter);
                self.add(step.record, meter, step.span, &step.amount);
            }
        }
    }

    /// Adds records of attachments of volumes that have no record of their own.
    fn add_attachments(&mut self, attachments: &[usize]) {
        if attachments.is_empty() {
            return;
        }
        let span_of = |record: &StoredRecord| Span::new(record.key.from, record.until);
        let mut own: HashMap<(&str, &str), Vec<Span>> = HashMap::new();
        for (position, record) in self.input.records.iter().enumerate() {
            if record.key.meter == VOLUME && !self.is_attachment(position) {
                let volume = (record.key.owner.source.0.as_str(), record.key.resource.as_str());
                own.entry(volume).or_default().push(span_of(record));
            }
        }
        for position in attachments.iter().copied() {
            let record = &self.input.records[position];
            let volume = (record.key.owner.source.0.as_str(), record.key.resource.as_str());
            let span = span_of(record);
            let spans = own.get(&volume).map_or(&[][..], Vec::as_slice);
            if !spans.iter().any(|other| other.overlaps(span)) {
                self.add(position, VOLUMES, span, &record.quantity);
            }
        }
    }

    fn add_stopped(&mut self, allocated: Vec<Hours>, running: Vec<Hours>) -> Vec<(usize, Exact)> {
        let (records, facts) = (self.input.records, self.input.facts);
        let comparison = stopped::compare(allocated, running, records, facts);
        for stopped in comparison.stopped {
            let record = &records[stopped.record];
            let span = Span { from: record.key.from, until: record.until };
            self.add(stopped.record, STOPPED, span, &stopped.hours);
        }
        comparison.beyond
    }

    fn into_metered(self) -> Vec<Metered> {
        let (resources, meters) = (Texts::new(&self.resources), Texts::new(&self.meters));
        let records = self.input.records;
        let place = |row: &Row| {
            (row.span.from, resources.rank(row.resource), meters.rank(row.meter), row.span.until)
        };
        let mut order: Vec<_> = self.rows.iter().map(place).zip(0..).collect();
        order.sort_unstable_by(|(a, x), (b, y): &((i64, usize, usize, i64), usize)| {
            let key = |number: usize| &records[self.rows[number].record].key;
            a.cmp(b).then_with(|| key(*x).cmp(key(*y))).then(x.cmp(y))
        });
        let metered = |(_, number): (_, usize)| {
            let row = &self.rows[number];
            let facts = match row.gauge {
                Some(gauge) => &self.gauge_facts[gauge],
                None => &self.input.facts[row.record],
            };
            Metered {
                meter: meters.text(row.meter),
                resource: resources.text(row.resource),
                facts: Arc::clone(facts),
                span: row.span,
                quantity: row.quantity.clone(),
                record: row.record,
            }
        };
        order.into_iter().map(metered).collect()
    }
}

/// Whether a gauge's level is the size of what is held: of built-in meters that count hours, and
/// of imported ones that are given in bytes.
fn level_is_size(meter: &str, facts: &Facts) -> bool {
    match meter_of(meter) {
        Some(meter) => meter.unit == MeterUnit::Hour,
        None => facts.attributes.get(attribute::UNIT).is_some_and(|unit| unit == "byte"),
    }
}

/// The facts of a gauge: what was measured overrides what the catalogue says.
fn gauge_facts(facts: &Facts, level: &Exact, is_size: bool) -> Facts {
    let mut facts = facts.clone();
    if is_size {
        facts.attributes.insert(attribute::SIZE_BYTES.to_owned(), level.to_string());
        facts.attributes.insert(attribute::UNIT.to_owned(), UNIT_HOUR.to_owned());
    } else {
        let unit = facts.attributes.get(attribute::UNIT).map_or("piece", String::as_str);
        let held = format!("{unit}{UNIT_HELD}");
        facts.attributes.insert(attribute::UNIT.to_owned(), held);
    }
    facts
}
