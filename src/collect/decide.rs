//! What of an answer is new, what is a copy, and what is in doubt. PURE.
//!
//! A window may be read again at any time, and the orchestrator may repeat, cut or change it.
//! Rules, in order: rows that cannot be understood; records without id that were received with
//! one before; readings across buckets; copies; parts; corrections on re-reading; fragments inside
//! a known window; hours beyond the window; negative quantities; the sum of a resource's hours; the
//! inventory. What was received first stays; nothing is added twice; every doubt is a finding, and
//! what the orchestrator repeated is told by findings that hold nobody.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::bucket::Buckets;
use super::inventory::Inventory;
use crate::collect::record::{Attributes, RecordKey, StoredRecord, UsageRecord, attribute};
use crate::collect::store::{attribute_set_id, key_json};
use crate::finding::store::NewFinding;
use crate::ids::{OwnerRef, SourceName};
use crate::meter::{kind, meter_of};
use crate::money::Exact;
use crate::orchestrator::ParsedRecord;
use crate::period::Span;
use crate::store::codec::to_json;

/// Tolerance of findings about hours: one second.
pub(super) fn tolerance() -> Exact {
    Exact::ratio(1, 3_600)
}

pub(super) fn hours(span: Span) -> Exact {
    Exact::ratio(i128::from(span.seconds()), 3_600)
}

/// A row of an answer with the page of evidence it stands on.
#[derive(Clone, Debug)]
pub struct Row {
    pub parsed: ParsedRecord,
    pub evidence: i64,
}

/// What is known before.
pub struct Known<'a> {
    pub source: &'a SourceName,
    pub window: Span,
    /// Newest revisions stored inside the window, withheld ones too.
    pub records: &'a [StoredRecord],
    /// Revisions of them that were superseded: their quantities are known, not new.
    pub superseded: &'a [StoredRecord],
    /// Their attributes, by attribute set.
    pub attributes: &'a BTreeMap<i64, Attributes>,
    /// Disguises of stored records, where the answer holds records without id.
    pub disguises: &'a BTreeMap<RecordKey, String>,
    /// What the orchestrator says that exists; empty where it does not tell.
    pub inventory: &'a Inventory,
    pub now: i64,
}

/// What is to be stored.
#[derive(Debug, Default)]
pub struct Decided {
    pub records: Vec<StoredRecord>,
    pub attribute_sets: BTreeMap<i64, (String, String)>,
    pub findings: Vec<NewFinding>,
    /// Rows that are there already, in this answer or from before.
    pub duplicates: u64,
    /// Records withheld by a finding, and rows that are no records.
    pub quarantined: u64,
}

/// Natural key of a record within its window.
type Key<'a> = (&'a OwnerRef, &'a str, &'a str, i64, i64, Cow<'a, str>);

/// Decides about one answer.
pub fn decide(known: &Known<'_>, rows: &[Row]) -> Decided {
    let mut work = Work::new(known);
    work.rejected(rows);
    let repeated = Repetition::of(rows);
    let grouped = work.group(rows, &repeated);
    let mut fresh: Vec<Fresh<'_>> = Vec::new();
    for (key, copies) in &grouped {
        fresh.extend(work.settle(key, copies, &repeated));
    }
    let fresh = work.fragments(fresh);
    for one in fresh {
        work.add(one.record, one.attributes);
    }
    work.sums();
    work.against_inventory(rows);
    work.note_repetition(&repeated);
    work.decided
}

/// A record that was not there before.
pub(super) struct Fresh<'a> {
    pub record: StoredRecord,
    /// One of several parts, told apart by their quantities.
    pub part: bool,
    /// What the record has in common with one that has lost its id.
    pub disguise: Option<&'a str>,
    /// Its attributes as stored: their hash and JSON.
    pub attributes: (String, String),
}

/// Where a row of an answer stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    record: &'a UsageRecord,
    disguise: Option<&'a str>,
    evidence: i64,
    index: usize,
}

impl Place<'_> {
    fn row(&self) -> PageRow {
        PageRow { evidence: self.evidence, index: i64::try_from(self.index).unwrap_or(0) }
    }
}

/// Rows of one natural key, by quantity.
struct Copies<'a> {
    additive: bool,
    by_quantity: BTreeMap<&'a Exact, Vec<Place<'a>>>,
}

pub(super) struct Work<'a> {
    pub known: &'a Known<'a>,
    stored: BTreeMap<Key<'a>, &'a StoredRecord>,
    /// Quantities that a key had in any revision.
    quantities: BTreeMap<Key<'a>, BTreeSet<&'a Exact>>,
    /// Records of more hours than their window.
    pub long: Vec<StoredRecord>,
    pub decided: Decided,
}

impl<'a> Work<'a> {
    fn new(known: &'a Known<'a>) -> Self {
        let stored = known.records.iter().map(|record| (key_of(record), record)).collect();
        let mut quantities: BTreeMap<Key<'a>, BTreeSet<&'a Exact>> = BTreeMap::new();
        for record in known.records.iter().chain(known.superseded) {
            quantities.entry(key_of(record)).or_default().insert(&record.quantity);
        }
        Self { known, stored, quantities, long: Vec::new(), decided: Decided::default() }
    }

    /// Rows that are no records: kept as findings, for their owner if one is known.
    fn rejected(&mut self, rows: &[Row]) {
        for row in rows {
            let Err(rejected) = &row.parsed.outcome else { continue };
            self.decided.quarantined += 1;
            let owner = rejected.owner.clone().unwrap_or_else(|| OwnerRef {
                source: self.known.source.clone(),
                id: String::new(),
            });
            let span = rejected.span.unwrap_or(self.known.window);
            self.find(NewFinding {
                rule: "rejected_record",
                fingerprint: format!(
                    "rejected_record|{owner}|{}|{}|{}|{}",
                    rejected.meter, span.from, span.until, rejected.reason
                ),
                owner,
                meter: rejected.meter.clone(),
                resource: String::new(),
                span,
                record_key: None,
                withholds: false,
                repaired: false,
                proposal: None,
                message: rejected.reason.clone(),
                detail: serde_json::json!({ "evidence": row.evidence, "row": row.parsed.index }),
            });
        }
    }

    pub(super) fn find(&mut self, finding: NewFinding) {
        self.decided.findings.push(finding);
    }

    fn group(
        &mut self,
        rows: &'a [Row],
        repeated: &Repetition<'a>,
    ) -> BTreeMap<Key<'a>, Copies<'a>> {
        let mut grouped: BTreeMap<Key<'a>, Copies<'a>> = BTreeMap::new();
        let mut disguises = Disguises::new(self.known, rows, repeated);
        let buckets = Buckets::new(self.known);
        for row in rows {
            let Ok(record) = &row.parsed.outcome else { continue };
            if buckets.cross(record) {
                self.decided.duplicates += 1;
                continue;
            }
            let identity = match (&row.parsed.disguise, row.parsed.additive) {
                (Some(disguise), _) if record.resource.is_empty() => {
                    match disguises.take(record, disguise) {
                        // Records that lost their id are told apart by a number.
                        Some(number) => Cow::Owned(part_identity(record, number)),
                        None => {
                            self.decided.duplicates += 1;
                            continue;
                        }
                    }
                }
                (Some(disguise), _) if disguises.is_claimed(record, disguise) => {
                    self.decided.duplicates += 1;
                    continue;
                }
                // Parts differ in quantity alone: the quantity is the part's number.
                (_, true) => Cow::Owned(part_identity(record, 0)),
                (_, false) => Cow::Borrowed(record.identity.as_str()),
            };
            let span = record.span;
            let key: Key<'a> =
                (&record.owner, &record.meter, &record.resource, span.from, span.until, identity);
            let copies = grouped.entry(key).or_insert_with(|| Copies {
                additive: row.parsed.additive,
                by_quantity: BTreeMap::new(),
            });
            let place = Place {
                record,
                disguise: row.parsed.disguise.as_deref(),
                evidence: row.evidence,
                index: row.parsed.index,
            };
            copies.by_quantity.entry(&record.quantity).or_default().push(place);
        }
        self.note_lost_ids(&disguises);
        grouped
    }

    /// One record of a natural key that is new, if any; copies and corrections are noted.
    fn settle(
        &mut self,
        key: &Key<'a>,
        copies: &Copies<'a>,
        repeated: &Repetition<'a>,
    ) -> Option<Fresh<'a>> {
        let rows: usize = copies.by_quantity.values().map(Vec::len).sum();
        if let Some(stored) = self.stored.get(key).copied() {
            self.decided.duplicates += u64::try_from(rows).unwrap_or(0);
            for (quantity, places) in &copies.by_quantity {
                if !self.quantities.get(key).is_some_and(|known| known.contains(*quantity)) {
                    self.changed(stored, quantity, places[0].row());
                }
            }
            if copies.additive {
                self.copies_or_parts(stored, rows, repeated);
            }
            return None;
        }
        // Several quantities of one key in the very first answer: the one that was repeated most
        // was there first; among equals the smallest, so that the order of rows does not matter.
        let (kept, places) = copies
            .by_quantity
            .iter()
            .max_by_key(|(quantity, places)| (places.len(), std::cmp::Reverse(*quantity)))?;
        let place = places[0];
        self.decided.duplicates += u64::try_from(rows.saturating_sub(1)).unwrap_or(0);
        let (new, attributes) = self.stored_of(key, place);
        for (quantity, places) in &copies.by_quantity {
            if quantity != kept {
                self.changed(&new, quantity, places[0].row());
            }
        }
        if copies.additive {
            self.copies_or_parts(&new, rows, repeated);
        }
        let disguise = place.disguise;
        Some(Fresh { record: new, part: copies.additive, disguise, attributes })
    }

    /// The record to store, and the hash and JSON of its attributes.
    fn stored_of(&self, key: &Key<'a>, place: Place<'_>) -> (StoredRecord, (String, String)) {
        let Place { record, evidence, index, .. } = place;
        let json = to_json(&record.attributes);
        let (attribute_set, hash) = attribute_set_id(&json);
        let stored = StoredRecord {
            key: RecordKey {
                owner: record.owner.clone(),
                from: record.span.from,
                meter: record.meter.clone(),
                resource: record.resource.clone(),
                identity: key.5.clone().into_owned(),
                revision: 0,
            },
            kind: record.kind,
            until: record.span.until,
            quantity: record.quantity.clone(),
            attribute_set,
            evidence,
            evidence_index: i64::try_from(index).unwrap_or(0),
            recorded_at: self.known.now,
        };
        (stored, (hash, json))
    }

    /// Equal parts are copies as often as the other records of the owner come; beyond that they
    /// may be parts, which only a person can know.
    fn copies_or_parts(&mut self, counted: &StoredRecord, rows: usize, repeated: &Repetition<'a>) {
        let factor = repeated.factor(&counted.key.owner);
        let parts = rows.div_ceil(factor);
        if parts < 2 {
            return;
        }
        let times = i128::try_from(parts).unwrap_or(i128::MAX);
        let together = counted.quantity.mul_int(times);
        let row = PageRow::of(counted);
        let proposal = revision(counted, together.clone(), row, self.known.now);
        let key = &counted.key;
        self.find(NewFinding {
            rule: "copy_or_part",
            owner: key.owner.clone(),
            meter: key.meter.clone(),
            resource: key.resource.clone(),
            span: Span::new(key.from, counted.until),
            record_key: Some(key_json(key)),
            withholds: false,
            repaired: false,
            proposal: Some(proposal_json(&proposal)),
            message: format!(
                "{rows} equal records of {} h where others of this window come {factor} times: \
                 one is counted; equal parts cannot be told from copies",
                counted.quantity.to_text_rounded(6)
            ),
            detail: serde_json::json!({
                "count": rows, "repeated": factor, "first": counted.quantity, "later": together,
            }),
            fingerprint: format!("copy_or_part|{}", fingerprint(key)),
        });
    }

    /// The same record with another quantity: the first stays, the other is proposed.
    fn changed(&mut self, stored: &StoredRecord, quantity: &Exact, row: PageRow) {
        let proposal = revision(stored, quantity.clone(), row, self.known.now);
        let key = &stored.key;
        self.find(NewFinding {
            rule: "changed_on_reread",
            owner: key.owner.clone(),
            meter: key.meter.clone(),
            resource: key.resource.clone(),
            span: Span::new(key.from, stored.until),
            record_key: Some(key_json(key)),
            withholds: false,
            repaired: false,
            proposal: Some(proposal_json(&proposal)),
            message: format!(
                "first reported as {}, later as {quantity}: the first counts until this is decided",
                stored.quantity
            ),
            detail: serde_json::json!({ "first": stored.quantity, "later": quantity }),
            fingerprint: format!("changed_on_reread|{}|{quantity}", fingerprint(key)),
        });
    }

    /// Adds a record, withheld where it cannot be true.
    fn add(&mut self, record: StoredRecord, attributes: (String, String)) {
        self.decided.attribute_sets.insert(record.attribute_set, attributes);
        let span = Span::new(record.key.from, record.until);
        let bounded = meter_of(&record.key.meter).is_some_and(|meter| meter.bounded_by_span);
        let gauge = record.kind == crate::collect::record::RecordKind::Gauge;
        if record.quantity.is_negative() {
            let message = format!("a negative quantity: {}", record.quantity);
            self.withhold("negative", &record, message);
        } else if bounded && !gauge && record.quantity > hours(span).plus(&tolerance()) {
            // Which resource was merged into it is told at the end, when all records are known.
            self.long.push(record.clone());
        }
        if meter_of(&record.key.meter).is_none() {
            self.unknown_meter(&record);
        }
        self.decided.records.push(record);
    }

    /// A meter that this version does not know: its records are kept, and have no price.
    fn unknown_meter(&mut self, record: &StoredRecord) {
        let key = &record.key;
        self.find(NewFinding {
            rule: "unknown_meter",
            owner: key.owner.clone(),
            meter: key.meter.clone(),
            resource: String::new(),
            span: Span::new(key.from, record.until),
            record_key: Some(key_json(key)),
            withholds: false,
            repaired: true,
            proposal: None,
            message: format!("{} is no meter that Billow knows: price it by this name", key.meter),
            detail: serde_json::json!({ "quantity": record.quantity }),
            fingerprint: format!("unknown_meter|{}|{}", key.owner, key.meter),
        });
    }

    pub(super) fn withhold(&mut self, rule: &'static str, record: &StoredRecord, message: String) {
        self.decided.quarantined += 1;
        let key = &record.key;
        self.find(NewFinding {
            rule,
            owner: key.owner.clone(),
            meter: key.meter.clone(),
            resource: key.resource.clone(),
            span: Span::new(key.from, record.until),
            record_key: Some(key_json(key)),
            withholds: true,
            repaired: false,
            proposal: None,
            message,
            detail: serde_json::json!({ "quantity": record.quantity }),
            fingerprint: format!("{rule}|{}", fingerprint(key)),
        });
    }

    /// Sums over each resource's records: hours of one meter beyond the window, and machines
    /// that ran longer than they were allocated.
    fn sums(&mut self) {
        type Sum<'s> = (&'s OwnerRef, &'s str, &'s str, i64, i64);
        let fresh = std::mem::take(&mut self.decided.records);
        let touched: BTreeSet<(&OwnerRef, &str)> =
            fresh.iter().map(|record| (&record.key.owner, record.key.resource.as_str())).collect();
        let mut sums: BTreeMap<Sum<'_>, Vec<&StoredRecord>> = BTreeMap::new();
        for record in self.known.records.iter().chain(&fresh) {
            let key = &record.key;
            let resource = key.resource.as_str();
            if !touched.contains(&(&key.owner, resource)) || self.is_twin(record) {
                continue;
            }
            let key = (&key.owner, resource, key.meter.as_str(), key.from, record.until);
            sums.entry(key).or_default().push(record);
        }
        for (&(owner, resource, meter, from, until), records) in &sums {
            let span = Span::new(from, until);
            let total = Exact::sum(records.iter().map(|record| &record.quantity));
            self.overlap(records, &total, span);
            if meter == kind::VM_RUNNING {
                let allocated = (owner, resource, kind::VM_ALLOCATED, from, until);
                if let Some(allocated) = sums.get(&allocated) {
                    let allocated = Exact::sum(allocated.iter().map(|record| &record.quantity));
                    self.beyond_allocated(records[0], &total, &allocated);
                }
            }
        }
        self.decided.records = fresh;
    }

    /// A volume's record of one attachment tells nothing that is billed.
    fn is_twin(&self, record: &StoredRecord) -> bool {
        if record.key.meter != kind::VOLUME {
            return false;
        }
        let text = self.decided.attribute_sets.get(&record.attribute_set);
        match self.known.attributes.get(&record.attribute_set) {
            Some(attributes) => attributes.contains_key(attribute::MACHINE),
            None => text.is_some_and(|(_, json)| json.contains("\"machine\":")),
        }
    }

    fn overlap(&mut self, records: &[&StoredRecord], total: &Exact, span: Span) {
        if records.len() < 2 {
            return;
        }
        let meter = meter_of(&records[0].key.meter);
        let bounded = meter.is_some_and(|meter| meter.bounded_by_span);
        // One resource id covers several of these at once: a group's machines, a snapshot's
        // volumes, an image's zones.
        let shared = ["security_group", "vm_snapshot", "template", "iso"]
            .contains(&records[0].key.meter.as_str())
            || records[0].key.resource.is_empty();
        let gauge = records[0].kind == crate::collect::record::RecordKind::Gauge;
        let limit = hours(span).plus(&tolerance());
        if !bounded || shared || gauge || *total <= limit {
            return;
        }
        if records.iter().any(|record| self.long.iter().any(|long| long.key == record.key)) {
            return;
        }
        // The smallest one is held: what stands is what certainly was used.
        let Some(smallest) = records.iter().min_by_key(|r| (r.quantity.clone(), r.key.clone()))
        else {
            return;
        };
        let message = format!(
            "{} records of the resource have {} h in a window of {} h",
            records.len(),
            total.to_text_rounded(6),
            hours(span).to_text_rounded(6)
        );
        self.withhold("overlap", smallest, message);
    }

    fn beyond_allocated(&mut self, record: &StoredRecord, running: &Exact, allocated: &Exact) {
        if *running <= allocated.plus(&tolerance()) {
            return;
        }
        let key = &record.key;
        self.find(NewFinding {
            rule: "running_beyond_allocated",
            owner: key.owner.clone(),
            meter: key.meter.clone(),
            resource: key.resource.clone(),
            span: Span::new(key.from, record.until),
            record_key: Some(key_json(key)),
            withholds: false,
            repaired: false,
            proposal: None,
            message: format!(
                "the machine ran {} h and was allocated {} h: allocated time was lost",
                running.to_text_rounded(6),
                allocated.to_text_rounded(6)
            ),
            detail: serde_json::json!({ "running": running, "allocated": allocated }),
            fingerprint: format!(
                "running_beyond_allocated|{}|{}|{}|{}",
                key.owner, key.resource, key.from, record.until
            ),
        });
    }
}

/// Which records without id were received with one, or the other way round: by what both still
/// have in common.
pub(super) struct Disguises<'a> {
    /// For each disguise: records that no known id accounts for, of which so many were taken.
    unaccounted: BTreeMap<Disguise<'a>, (usize, usize)>,
    /// Ids of records that were received without one before.
    claimed: BTreeMap<Disguise<'a>, BTreeSet<&'a str>>,
    /// Rows without id whose record is known with it.
    pub lost: Vec<&'a UsageRecord>,
}

type Disguise<'a> = (&'a OwnerRef, &'a str, i64, i64, &'a Exact);

/// What is known of one disguise.
#[derive(Default)]
struct Alike<'a> {
    rows: usize,
    /// Ids stored before.
    stored: BTreeSet<&'a str>,
    /// Ids in the answer.
    present: BTreeSet<&'a str>,
    /// Records stored without id.
    nameless: usize,
}

impl<'a> Disguises<'a> {
    fn new(known: &Known<'a>, rows: &'a [Row], repeated: &Repetition<'a>) -> Self {
        let mut all =
            Self { unaccounted: BTreeMap::new(), claimed: BTreeMap::new(), lost: Vec::new() };
        let lost =
            |row: &Row| row.parsed.outcome.as_ref().is_ok_and(|record| record.resource.is_empty());
        if known.disguises.is_empty() && !rows.iter().any(lost) {
            return all;
        }
        for (key, alike) in Self::count(known, rows) {
            let records = alike.rows.div_ceil(repeated.factor(key.0));
            let named = alike.stored.union(&alike.present).count();
            let unaccounted = records.saturating_sub(named);
            let claims = alike.nameless.saturating_sub(unaccounted);
            let fresh = alike.present.difference(&alike.stored).take(claims).copied();
            all.claimed.insert(key, fresh.collect());
            all.unaccounted.insert(key, (unaccounted, 0));
        }
        all
    }

    fn count(known: &Known<'a>, rows: &'a [Row]) -> BTreeMap<Disguise<'a>, Alike<'a>> {
        let mut counted: BTreeMap<Disguise<'a>, Alike<'a>> = BTreeMap::new();
        for record in known.records {
            let Some(disguise) = known.disguises.get(&record.key) else { continue };
            let key = &record.key;
            let alike = (&key.owner, disguise.as_str(), key.from, record.until, &record.quantity);
            let alike = counted.entry(alike).or_default();
            if key.resource.is_empty() {
                alike.nameless += 1;
            } else {
                alike.stored.insert(&key.resource);
            }
        }
        for row in rows {
            let (Ok(record), Some(disguise)) = (&row.parsed.outcome, &row.parsed.disguise) else {
                continue;
            };
            let alike = counted.entry(Self::key(record, disguise)).or_default();
            alike.rows += 1;
            if !record.resource.is_empty() {
                alike.present.insert(&record.resource);
            }
        }
        counted
    }

    fn key(record: &'a UsageRecord, disguise: &'a str) -> Disguise<'a> {
        let span = record.span;
        (&record.owner, disguise, span.from, span.until, &record.quantity)
    }

    /// Whether a row with an id was received without it before.
    fn is_claimed(&self, record: &'a UsageRecord, disguise: &'a str) -> bool {
        let claimed = self.claimed.get(&Self::key(record, disguise));
        claimed.is_some_and(|ids| ids.contains(record.resource.as_str()))
    }

    /// The number of a record without id that is known by none; `None` for one that is.
    fn take(&mut self, record: &'a UsageRecord, disguise: &'a str) -> Option<usize> {
        let (free, taken) = self.unaccounted.get_mut(&Self::key(record, disguise))?;
        if taken < free {
            *taken += 1;
            return Some(*taken);
        }
        self.lost.push(record);
        None
    }
}

/// How often the records of each owner come in one answer.
pub(super) struct Repetition<'a> {
    by_owner: BTreeMap<&'a OwnerRef, usize>,
    pub all: usize,
}

impl<'a> Repetition<'a> {
    /// The count that most records share; records that may be parts do not tell.
    fn of(rows: &'a [Row]) -> Self {
        type Plain<'a> = (&'a OwnerRef, &'a str, &'a str, Span, &'a str, &'a Exact);
        let mut counts: BTreeMap<Plain<'a>, usize> = BTreeMap::new();
        for row in rows {
            let Ok(record) = &row.parsed.outcome else { continue };
            if row.parsed.additive || record.resource.is_empty() {
                continue;
            }
            let key = (
                &record.owner,
                record.meter.as_str(),
                record.resource.as_str(),
                record.span,
                record.identity.as_str(),
                &record.quantity,
            );
            *counts.entry(key).or_default() += 1;
        }
        let mut owners: BTreeMap<&OwnerRef, BTreeMap<usize, usize>> = BTreeMap::new();
        let mut all: BTreeMap<usize, usize> = BTreeMap::new();
        for (key, count) in counts {
            *owners.entry(key.0).or_default().entry(count).or_default() += 1;
            *all.entry(count).or_default() += 1;
        }
        let commonest = |counts: &BTreeMap<usize, usize>| {
            counts.iter().max_by_key(|(_, often)| **often).map_or(1, |(count, _)| *count)
        };
        let by_owner = owners.iter().map(|(owner, counts)| (*owner, commonest(counts))).collect();
        Self { by_owner, all: commonest(&all) }
    }

    fn factor(&self, owner: &OwnerRef) -> usize {
        self.by_owner.get(owner).copied().unwrap_or(self.all).max(1)
    }
}

fn part_identity(record: &UsageRecord, number: usize) -> String {
    let text = match number {
        0 => format!("{}|{}", record.identity, record.quantity),
        number => format!("{}|{}|{number}", record.identity, record.quantity),
    };
    attribute_set_id(&text).1.chars().take(32).collect()
}

fn key_of(record: &StoredRecord) -> Key<'_> {
    let key = &record.key;
    let identity = Cow::Borrowed(key.identity.as_str());
    (&key.owner, &key.meter, &key.resource, key.from, record.until, identity)
}

/// A row of a page of evidence.
#[derive(Clone, Copy)]
pub(super) struct PageRow {
    evidence: i64,
    index: i64,
}

impl PageRow {
    pub(super) fn of(record: &StoredRecord) -> Self {
        Self { evidence: record.evidence, index: record.evidence_index }
    }
}

/// A record with another quantity, as another row says it.
pub(super) fn revision(
    stored: &StoredRecord,
    quantity: Exact,
    row: PageRow,
    now: i64,
) -> StoredRecord {
    let key = RecordKey { revision: stored.key.revision + 1, ..stored.key.clone() };
    let PageRow { evidence, index: evidence_index } = row;
    StoredRecord { key, quantity, evidence, evidence_index, recorded_at: now, ..stored.clone() }
}

pub(super) fn fingerprint(key: &RecordKey) -> String {
    format!("{}|{}|{}|{}|{}", key.owner, key.meter, key.resource, key.from, key.identity)
}

/// A record as a finding proposes it.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Proposal {
    pub key: RecordKey,
    pub kind: crate::collect::record::RecordKind,
    pub until: i64,
    pub quantity: Exact,
    pub attribute_set: i64,
    pub evidence: i64,
    pub evidence_index: i64,
    /// Of imported rows: which content it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<Replacement>,
}

/// A content of an imported row that takes the place of the one before.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Replacement {
    pub source: String,
    pub id: String,
    /// The version that it becomes; the content before has one less.
    pub version: i64,
    pub content_hash: String,
    /// The record that it takes the place of, where that is not the same one.
    pub withdraws: Option<RecordKey>,
}

pub(super) fn proposal_json(record: &StoredRecord) -> String {
    to_json(&proposal(record, None))
}

pub(super) fn proposal(record: &StoredRecord, replacement: Option<Replacement>) -> Proposal {
    Proposal {
        key: record.key.clone(),
        kind: record.kind,
        until: record.until,
        quantity: record.quantity.clone(),
        attribute_set: record.attribute_set,
        evidence: record.evidence,
        evidence_index: record.evidence_index,
        replacement,
    }
}

impl Proposal {
    /// The record that releasing the finding adds.
    pub fn into_record(self, recorded_at: i64) -> StoredRecord {
        StoredRecord {
            key: self.key,
            kind: self.kind,
            until: self.until,
            quantity: self.quantity,
            attribute_set: self.attribute_set,
            evidence: self.evidence,
            evidence_index: self.evidence_index,
            recorded_at,
        }
    }
}
