//! From usage records to quantities that no boundary cuts. PURE.
//!
//! A record is cut to the period and at each boundary in proportion to time; a record that no
//! boundary touches keeps its quantity untouched. Stopped time is what a machine was allocated
//! and did not run. Counters give differences, gauges give a level held over their span.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::kind::{self, MeterUnit};
use super::{Facts, Metered, meter_of};
use crate::collect::record::{RecordKind, StoredRecord, attribute};
use crate::money::Exact;
use crate::period::Span;

/// Seconds of an hour.
const HOUR_SECONDS: i64 = 3_600;

/// Tolerance of findings about hours: one second (billing-rules 1.22).
const TOLERANCE: (i128, i128) = (1, 3_600);

/// What metering reads.
pub struct MeteringInput<'a> {
    /// Records that touch `span`, of one or more customers, one per key (the newest revision).
    pub records: &'a [StoredRecord],
    /// Facts of each record, same positions; a record whose facts change inside its span is
    /// given by the facts at its start.
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

/// Cuts records at boundaries, derives stopped time, and reads counters and gauges.
pub fn quantities(input: &MeteringInput<'_>) -> Metering {
    let mut state = State::new(input);
    let twins = twin_volumes(input);
    let mut counters: BTreeMap<(usize, &str, &str), Vec<usize>> = BTreeMap::new();
    for (index, record) in input.records.iter().enumerate() {
        if twins.contains(&index) {
            continue;
        }
        match record.kind {
            RecordKind::Cumulative => {
                let owner = state.owner_number(index);
                let key = (owner, record.key.meter.as_str(), record.key.resource.as_str());
                counters.entry(key).or_default().push(index);
            }
            RecordKind::Gauge => state.gauge(index),
            RecordKind::Interval | RecordKind::Delta => {
                if record.key.meter != kind::VM_ALLOCATED {
                    state.emit_record(index);
                }
            }
        }
    }
    for indexes in counters.into_values() {
        state.counter(&indexes);
    }
    state.stopped();
    let mut metering = state.metering;
    metering.metered.sort_by(|a, b| {
        (a.span.from, &a.resource, &a.meter, a.record).cmp(&(
            b.span.from,
            &b.resource,
            &b.meter,
            b.record,
        ))
    });
    metering
}

struct State<'a> {
    input: &'a MeteringInput<'a>,
    metering: Metering,
    names: HashMap<&'a str, Arc<str>>,
    owners: HashMap<&'a crate::ids::OwnerRef, usize>,
}

impl<'a> State<'a> {
    fn new(input: &'a MeteringInput<'a>) -> Self {
        Self { input, metering: Metering::default(), names: HashMap::new(), owners: HashMap::new() }
    }

    fn name(&mut self, text: &'a str) -> Arc<str> {
        self.names.entry(text).or_insert_with(|| Arc::from(text)).clone()
    }

    fn owner_number(&mut self, index: usize) -> usize {
        let next = self.owners.len();
        *self.owners.entry(&self.input.records[index].key.owner).or_insert(next)
    }

    fn emit_record(&mut self, index: usize) {
        let record = &self.input.records[index];
        let meter = self.name(&record.key.meter);
        let piece = Piece {
            index,
            meter,
            facts: self.input.facts[index].clone(),
            span: Span::new(record.key.from, record.until),
            quantity: record.quantity.clone(),
        };
        self.emit(piece);
    }

    /// Cuts a quantity at the period's ends and the boundaries, in proportion to time.
    fn emit(&mut self, piece: Piece) {
        let resource = self.name(&self.input.records[piece.index].key.resource);
        let whole = piece.span.seconds();
        let inside = piece.span.intersect(self.input.span);
        if whole == 0 {
            // A moment (a one-off piece) belongs to the period that holds it.
            if self.input.span.contains(piece.span.from) {
                self.push(&piece, resource, piece.span, piece.quantity.clone());
            }
            return;
        }
        if inside.is_empty() {
            return;
        }
        let mut from = inside.from;
        let first = self.input.boundaries.partition_point(|at| *at <= from);
        let cuts = self.input.boundaries[first..].iter().copied();
        for cut in cuts.take_while(|cut| *cut < inside.until).chain([inside.until]) {
            let part = Span::new(from, cut);
            let quantity = if part.seconds() == whole {
                piece.quantity.clone()
            } else {
                let share = Exact::ratio(i128::from(part.seconds()), i128::from(whole));
                piece.quantity.times(&share)
            };
            self.push(&piece, resource.clone(), part, quantity);
            from = cut;
        }
    }

    fn push(&mut self, piece: &Piece, resource: Arc<str>, span: Span, quantity: Exact) {
        self.metering.metered.push(Metered {
            meter: piece.meter.clone(),
            resource,
            facts: piece.facts.clone(),
            span,
            quantity,
            record: piece.index,
        });
    }

    /// A level held over its span: hours of the span for a resource of that size.
    fn gauge(&mut self, index: usize) {
        let record = &self.input.records[index];
        let hourly = meter_of(&record.key.meter).is_none_or(|meter| meter.unit == MeterUnit::Hour);
        let span = Span::new(record.key.from, record.until);
        let mut facts = self.input.facts[index].clone();
        if hourly && !facts.attributes.contains_key(attribute::SIZE_BYTES) {
            let mut sized = (*facts).clone();
            let size = record.quantity.to_string();
            sized.attributes.insert(attribute::SIZE_BYTES.to_owned(), size);
            facts = Arc::new(sized);
        }
        let hours = Exact::ratio(i128::from(span.seconds()), i128::from(HOUR_SECONDS));
        let quantity = if hourly { hours } else { record.quantity.times(&hours) };
        let meter = self.name(&record.key.meter);
        self.emit(Piece { index, meter, facts, span, quantity });
    }

    /// Readings of one counter: differences between them, resets and wraps understood.
    fn counter(&mut self, indexes: &[usize]) {
        let mut readings: Vec<usize> = indexes.to_vec();
        readings.sort_by_key(|index| {
            let record = &self.input.records[*index];
            (record.until, record.key.identity.clone())
        });
        readings.dedup_by_key(|index| self.input.records[*index].until);
        for pair in readings.windows(2) {
            let (before, now) = (&self.input.records[pair[0]], &self.input.records[pair[1]]);
            let width = self.input.facts[pair[1]].attributes.get("counter_bits");
            let quantity = counter_step(&before.quantity, &now.quantity, width.map(String::as_str));
            let piece = Piece {
                index: pair[1],
                meter: self.name(&now.key.meter),
                facts: self.input.facts[pair[1]].clone(),
                span: Span::new(before.until, now.until),
                quantity,
            };
            self.emit(piece);
        }
    }

    /// Stopped = allocated − running, per machine and window; never below zero.
    fn stopped(&mut self) {
        let mut windows: BTreeMap<WindowKey<'a>, Window> = BTreeMap::new();
        for (index, record) in self.input.records.iter().enumerate() {
            let allocated = record.key.meter == kind::VM_ALLOCATED;
            if !allocated && record.key.meter != kind::VM_RUNNING {
                continue;
            }
            let owner = self.owner_number(index);
            let key = (owner, record.key.resource.as_str(), record.key.from, record.until);
            let window = windows.entry(key).or_default();
            if allocated {
                window.allocated.push(index);
            } else {
                window.running.push(index);
            }
        }
        for window in windows.into_values() {
            self.stopped_in(&window);
        }
    }

    fn stopped_in(&mut self, window: &Window) {
        let Some(first) = window.allocated.first() else { return };
        let records = self.input.records;
        let mut running: Vec<(usize, Exact)> =
            window.running.iter().map(|index| (*index, records[*index].quantity.clone())).collect();
        let mut stopped: Vec<(usize, Exact)> = Vec::new();
        for index in &window.allocated {
            stopped.push((*index, records[*index].quantity.clone()));
        }
        // Time of the same offering first, then whatever is left, in order.
        for same_offering in [true, false] {
            for (index, left) in &mut stopped {
                for (runner, hours) in &mut running {
                    let same = self.offering(*index) == self.offering(*runner);
                    if same_offering && !same {
                        continue;
                    }
                    let taken = left.clone().min(hours.clone());
                    *left = left.minus(&taken);
                    *hours = hours.minus(&taken);
                }
            }
        }
        let over = Exact::sum(running.iter().map(|(_, hours)| hours));
        if over > Exact::ratio(TOLERANCE.0, TOLERANCE.1) {
            self.metering.running_beyond_allocated.push((*first, over));
        }
        for (index, quantity) in stopped {
            if quantity.is_positive() {
                let record = &records[index];
                let piece = Piece {
                    index,
                    meter: self.name(kind::VM_STOPPED),
                    facts: self.input.facts[index].clone(),
                    span: Span::new(record.key.from, record.until),
                    quantity,
                };
                self.emit(piece);
            }
        }
    }

    fn offering(&self, index: usize) -> Option<&String> {
        self.input.facts[index].attributes.get(attribute::OFFERING)
    }
}

struct Piece {
    index: usize,
    meter: Arc<str>,
    facts: Arc<Facts>,
    span: Span,
    quantity: Exact,
}

/// Owner, machine and window.
type WindowKey<'a> = (usize, &'a str, i64, i64);

#[derive(Default)]
struct Window {
    allocated: Vec<usize>,
    running: Vec<usize>,
}

/// The difference of two readings: what was added, after a reset the new reading, after a wrap
/// the way round; a wrap is believed only of a counter whose width is known and was nearly full.
fn counter_step(before: &Exact, now: &Exact, width: Option<&str>) -> Exact {
    let step = now.minus(before);
    if !step.is_negative() {
        return step;
    }
    let Some(bits) = width.and_then(|bits| bits.parse::<u32>().ok()).filter(|bits| *bits < 127)
    else {
        return now.clone();
    };
    let full = Exact::int(1_i128 << bits);
    let nearly = full.times(&Exact::ratio(9, 10));
    if *before > nearly { full.minus(before).plus(now) } else { now.clone() }
}

/// Volume records that tell of an attachment, where the volume's own record is there as well.
fn twin_volumes(input: &MeteringInput<'_>) -> std::collections::HashSet<usize> {
    let mut own: HashMap<(&crate::ids::OwnerRef, &str), Vec<Span>> = HashMap::new();
    let mut attached = Vec::new();
    for (index, record) in input.records.iter().enumerate() {
        if record.key.meter != kind::VOLUME {
            continue;
        }
        let span = Span::new(record.key.from, record.until);
        if input.facts[index].attributes.contains_key(attribute::MACHINE) {
            attached.push((index, span));
        } else {
            let key = (&record.key.owner, record.key.resource.as_str());
            own.entry(key).or_default().push(span);
        }
    }
    attached
        .into_iter()
        .filter(|(index, span)| {
            let key = &input.records[*index].key;
            own.get(&(&key.owner, key.resource.as_str()))
                .is_some_and(|spans| spans.iter().any(|own| own.overlaps(*span)))
        })
        .map(|(index, _)| index)
        .collect()
}
