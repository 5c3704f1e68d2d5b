//! What of an answer is new, what is a copy, and what is in doubt. PURE.
//!
//! A window may be read again at any time, and the orchestrator may repeat, cut or change it.
//! Rules, in order: rows that cannot be understood; records without id that were received with
//! one before; copies; parts; corrections on re-reading; fragments inside a known window; hours
//! beyond the window; negative quantities; the sum of a resource's hours. What was received first
//! stays; nothing is added twice; every doubt is a finding.

use std::collections::{BTreeMap, BTreeSet};

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
fn tolerance() -> Exact {
    Exact::ratio(1, 3_600)
}

fn hours(span: Span) -> Exact {
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
    /// Their attributes, by attribute set.
    pub attributes: &'a BTreeMap<i64, Attributes>,
    /// Disguises of stored records, where the answer holds records without id.
    pub disguises: &'a BTreeMap<RecordKey, String>,
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
type Key<'a> = (&'a OwnerRef, &'a str, &'a str, i64, i64, String);

/// Decides about one answer.
pub fn decide(known: &Known<'_>, rows: &[Row]) -> Decided {
    let mut work = Work::new(known);
    work.rejected(rows);
    let grouped = work.group(rows);
    let factors = repetition(&grouped);
    let mut fresh: Vec<(StoredRecord, &Attributes)> = Vec::new();
    for (key, copies) in &grouped {
        fresh.extend(work.settle(key, copies, &factors));
    }
    let fresh = work.fragments(fresh);
    for (record, attributes) in fresh {
        work.add(record, attributes);
    }
    work.sums();
    work.decided
}

/// Rows of one natural key, by quantity.
struct Copies<'a> {
    additive: bool,
    by_quantity: BTreeMap<Exact, Vec<(&'a UsageRecord, i64, usize)>>,
}

struct Work<'a> {
    known: &'a Known<'a>,
    stored: BTreeMap<Key<'a>, &'a StoredRecord>,
    decided: Decided,
}

impl<'a> Work<'a> {
    fn new(known: &'a Known<'a>) -> Self {
        let stored = known
            .records
            .iter()
            .map(|record| {
                let key = &record.key;
                let identity = key.identity.clone();
                (
                    (&key.owner, &*key.meter, &*key.resource, key.from, record.until, identity),
                    record,
                )
            })
            .collect();
        Self { known, stored, decided: Decided::default() }
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

    fn find(&mut self, finding: NewFinding) {
        self.decided.findings.push(finding);
    }

    fn group(&mut self, rows: &'a [Row]) -> BTreeMap<Key<'a>, Copies<'a>> {
        let mut grouped: BTreeMap<Key<'a>, Copies<'a>> = BTreeMap::new();
        let lookup = Disguises::new(self.known, rows);
        for row in rows {
            let Ok(record) = &row.parsed.outcome else { continue };
            if let Some(disguise) = &row.parsed.disguise
                && record.resource.is_empty()
                && lookup.was_received(record, disguise)
            {
                self.decided.duplicates += 1;
                continue;
            }
            let identity = if row.parsed.additive {
                // Parts differ in quantity alone: the quantity is the part's number.
                part_identity(record)
            } else {
                record.identity.clone()
            };
            let span = record.span;
            let key: Key<'a> =
                (&record.owner, &record.meter, &record.resource, span.from, span.until, identity);
            let copies = grouped.entry(key).or_insert_with(|| Copies {
                additive: row.parsed.additive,
                by_quantity: BTreeMap::new(),
            });
            let place = (record, row.evidence, row.parsed.index);
            copies.by_quantity.entry(record.quantity.clone()).or_default().push(place);
        }
        grouped
    }

    /// One record of a natural key that is new, if any; copies and corrections are noted.
    fn settle(
        &mut self,
        key: &Key<'a>,
        copies: &Copies<'a>,
        factors: &BTreeMap<&'a OwnerRef, usize>,
    ) -> Option<(StoredRecord, &'a Attributes)> {
        let rows: usize = copies.by_quantity.values().map(Vec::len).sum();
        if copies.additive {
            self.copies_or_parts(key, rows, factors);
        }
        let stored = self.stored.get(key).copied();
        let mut quantities = copies.by_quantity.iter().rev();
        if let Some(stored) = stored {
            self.decided.duplicates += u64::try_from(rows).unwrap_or(0);
            for (quantity, places) in quantities {
                if *quantity != stored.quantity {
                    self.changed(stored, quantity, places[0].1);
                }
            }
            return None;
        }
        // Several quantities of one key in the very first answer: the greatest is kept, so that
        // the order of rows does not matter, and the others are doubts about it.
        let (_, places) = quantities.next()?;
        let (record, evidence, index) = places[0];
        self.decided.duplicates += u64::try_from(rows.saturating_sub(1)).unwrap_or(0);
        let new = self.stored_of(key, record, evidence, index);
        for (quantity, places) in quantities {
            self.changed(&new, quantity, places[0].1);
        }
        Some((new, &record.attributes))
    }

    fn stored_of(
        &self,
        key: &Key<'a>,
        record: &UsageRecord,
        evidence: i64,
        index: usize,
    ) -> StoredRecord {
        let json = to_json(&record.attributes);
        StoredRecord {
            key: RecordKey {
                owner: record.owner.clone(),
                from: record.span.from,
                meter: record.meter.clone(),
                resource: record.resource.clone(),
                identity: key.5.clone(),
                revision: 0,
            },
            kind: record.kind,
            until: record.span.until,
            quantity: record.quantity.clone(),
            attribute_set: attribute_set_id(&json).0,
            evidence,
            evidence_index: i64::try_from(index).unwrap_or(0),
            recorded_at: self.known.now,
        }
    }

    /// Equal parts are copies as often as the other records of the owner come; beyond that they
    /// may be parts, which only a person can know.
    fn copies_or_parts(
        &mut self,
        key: &Key<'a>,
        count: usize,
        factors: &BTreeMap<&'a OwnerRef, usize>,
    ) {
        let factor = factors.get(key.0).copied().unwrap_or(1);
        if count <= factor {
            return;
        }
        let (owner, meter, resource, from, until, identity) = key;
        self.find(NewFinding {
            rule: "copy_or_part",
            owner: OwnerRef::clone(owner),
            meter: (*meter).to_owned(),
            resource: (*resource).to_owned(),
            span: Span::new(*from, *until),
            record_key: None,
            withholds: false,
            repaired: false,
            proposal: None,
            message: format!(
                "{count} equal records where others of this window come {factor} times: one is \
                 counted; equal parts cannot be told from copies"
            ),
            detail: serde_json::json!({ "count": count, "repeated": factor }),
            fingerprint: format!("copy_or_part|{owner}|{meter}|{resource}|{from}|{identity}"),
        });
    }

    /// The same record with another quantity: the first stays, the other is proposed.
    fn changed(&mut self, stored: &StoredRecord, quantity: &Exact, evidence: i64) {
        let proposal = revision(stored, quantity.clone(), evidence, self.known.now);
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

    /// Takes out records that lie inside another one of the same resource and identity.
    fn fragments(
        &mut self,
        fresh: Vec<(StoredRecord, &'a Attributes)>,
    ) -> Vec<(StoredRecord, &'a Attributes)> {
        let mut wholes: BTreeMap<(OwnerRef, String, String, String), Vec<StoredRecord>> =
            BTreeMap::new();
        let all = self.known.records.iter().chain(fresh.iter().map(|(record, _)| record));
        for record in all {
            wholes.entry(resource_key(record)).or_default().push(record.clone());
        }
        let mut kept = Vec::new();
        for (record, attributes) in fresh {
            let span = Span::new(record.key.from, record.until);
            let around = wholes.get(&resource_key(&record)).and_then(|wholes| {
                wholes.iter().find(|whole| {
                    let around = Span::new(whole.key.from, whole.until);
                    around != span && around.from <= span.from && span.until <= around.until
                })
            });
            match around.cloned() {
                Some(whole) => self.fragment(&whole, &record),
                None => kept.push((record, attributes)),
            }
        }
        kept
    }

    /// A fragment is never added. Where it contradicts the record around it, the corrected
    /// quantity (all − overlap + fragment) is proposed.
    fn fragment(&mut self, whole: &StoredRecord, fragment: &StoredRecord) {
        // A level is the same in a part as in the whole; it is no share of it.
        let gauge = whole.kind == crate::collect::record::RecordKind::Gauge;
        let meter = meter_of(&whole.key.meter);
        let bounded = !gauge && meter.is_some_and(|meter| meter.bounded_by_span);
        let span = Span::new(fragment.key.from, fragment.until);
        let around = Span::new(whole.key.from, whole.until);
        let inside = hours(span);
        let (least, most) = if bounded {
            let outside = hours(around).minus(&inside);
            (whole.quantity.minus(&outside).max(Exact::ZERO), whole.quantity.clone().min(inside))
        } else {
            (Exact::ZERO, whole.quantity.clone())
        };
        let agrees = fragment.quantity >= least.minus(&tolerance())
            && fragment.quantity <= most.plus(&tolerance());
        if agrees {
            self.decided.duplicates += 1;
            return;
        }
        self.decided.quarantined += 1;
        let corrected = whole.quantity.minus(&most).plus(&fragment.quantity);
        let proposal = revision(whole, corrected.clone(), fragment.evidence, self.known.now);
        let key = &whole.key;
        self.find(NewFinding {
            rule: "fragment",
            owner: key.owner.clone(),
            meter: key.meter.clone(),
            resource: key.resource.clone(),
            span,
            record_key: Some(key_json(key)),
            withholds: false,
            repaired: false,
            proposal: bounded.then(|| proposal_json(&proposal)),
            message: format!(
                "a part of the window was reported again with {}: the window then has {}, not {}",
                fragment.quantity.to_text_rounded(6),
                corrected.to_text_rounded(6),
                whole.quantity.to_text_rounded(6),
            ),
            detail: serde_json::json!({
                "reported": whole.quantity, "fragment": fragment.quantity,
                "corrected": corrected, "evidence": fragment.evidence,
            }),
            fingerprint: format!(
                "fragment|{}|{}|{}|{}",
                fingerprint(key),
                span.from,
                span.until,
                fragment.quantity
            ),
        });
    }

    /// Adds a record, withheld where it cannot be true.
    fn add(&mut self, record: StoredRecord, attributes: &Attributes) {
        let json = to_json(attributes);
        let (id, hash) = attribute_set_id(&json);
        self.decided.attribute_sets.insert(id, (hash, json));
        let span = Span::new(record.key.from, record.until);
        let bounded = meter_of(&record.key.meter).is_some_and(|meter| meter.bounded_by_span);
        let gauge = record.kind == crate::collect::record::RecordKind::Gauge;
        if record.quantity.is_negative() {
            let message = format!("a negative quantity: {}", record.quantity);
            self.withhold("negative", &record, message);
        } else if bounded && !gauge && record.quantity > hours(span).plus(&tolerance()) {
            let message = format!(
                "{} h in a window of {} h: two resources may have been merged into one record",
                record.quantity.to_text_rounded(6),
                hours(span).to_text_rounded(6)
            );
            self.withhold("longer_than_window", &record, message);
        }
        self.decided.records.push(record);
    }

    fn withhold(&mut self, rule: &'static str, record: &StoredRecord, message: String) {
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
        let mut sums: BTreeMap<(OwnerRef, String, String, i64, i64), Vec<StoredRecord>> =
            BTreeMap::new();
        let touched: BTreeSet<(OwnerRef, String)> = self
            .decided
            .records
            .iter()
            .map(|record| (record.key.owner.clone(), record.key.resource.clone()))
            .collect();
        for record in self.known.records.iter().chain(&self.decided.records) {
            let key = &record.key;
            if !touched.contains(&(key.owner.clone(), key.resource.clone())) || self.is_twin(record)
            {
                continue;
            }
            let key = (
                key.owner.clone(),
                key.resource.clone(),
                key.meter.clone(),
                key.from,
                record.until,
            );
            sums.entry(key).or_default().push(record.clone());
        }
        for ((owner, resource, meter, from, until), records) in &sums {
            let span = Span::new(*from, *until);
            let total = Exact::sum(records.iter().map(|record| &record.quantity));
            self.overlap(records, &total, span);
            if meter == kind::VM_RUNNING {
                let allocated =
                    (owner.clone(), resource.clone(), kind::VM_ALLOCATED.to_owned(), *from, *until);
                if let Some(allocated) = sums.get(&allocated) {
                    let allocated = Exact::sum(allocated.iter().map(|record| &record.quantity));
                    self.beyond_allocated(&records[0], &total, &allocated);
                }
            }
        }
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

    fn overlap(&mut self, records: &[StoredRecord], total: &Exact, span: Span) {
        let meter = meter_of(&records[0].key.meter);
        let bounded = meter.is_some_and(|meter| meter.bounded_by_span);
        let additive = ["network", "vpc", "vpn_user"].contains(&records[0].key.meter.as_str());
        let gauge = records[0].kind == crate::collect::record::RecordKind::Gauge;
        let limit = hours(span).plus(&tolerance());
        if !bounded || additive || gauge || records.len() < 2 || *total <= limit {
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
        self.withhold("overlap", &smallest.clone(), message);
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

/// Which records without id were received with one.
struct Disguises {
    known: BTreeMap<(String, i64, i64, Exact), ()>,
}

impl Disguises {
    fn new(known: &Known<'_>, rows: &[Row]) -> Self {
        let mut found = BTreeMap::new();
        for record in known.records {
            if let Some(disguise) = known.disguises.get(&record.key) {
                let key =
                    (disguise.clone(), record.key.from, record.until, record.quantity.clone());
                found.insert(key, ());
            }
        }
        for row in rows {
            if let (Ok(record), Some(disguise)) = (&row.parsed.outcome, &row.parsed.disguise)
                && !record.resource.is_empty()
            {
                let span = record.span;
                let key = (disguise.clone(), span.from, span.until, record.quantity.clone());
                found.insert(key, ());
            }
        }
        Self { known: found }
    }

    fn was_received(&self, record: &UsageRecord, disguise: &str) -> bool {
        let span = record.span;
        self.known.contains_key(&(
            disguise.to_owned(),
            span.from,
            span.until,
            record.quantity.clone(),
        ))
    }
}

/// How often the records of each owner come in one answer: the least count over its records.
fn repetition<'a>(grouped: &BTreeMap<Key<'a>, Copies<'a>>) -> BTreeMap<&'a OwnerRef, usize> {
    let mut factors: BTreeMap<&OwnerRef, usize> = BTreeMap::new();
    for (key, copies) in grouped.iter().filter(|(_, copies)| !copies.additive) {
        let count = copies.by_quantity.values().map(Vec::len).max().unwrap_or(1);
        let factor = factors.entry(key.0).or_insert(count);
        *factor = (*factor).max(count);
    }
    factors
}

fn part_identity(record: &UsageRecord) -> String {
    let text = format!("{}|{}", record.identity, record.quantity);
    attribute_set_id(&text).1.chars().take(32).collect()
}

fn resource_key(record: &StoredRecord) -> (OwnerRef, String, String, String) {
    let key = &record.key;
    (key.owner.clone(), key.meter.clone(), key.resource.clone(), key.identity.clone())
}

fn revision(stored: &StoredRecord, quantity: Exact, evidence: i64, now: i64) -> StoredRecord {
    let key = RecordKey { revision: stored.key.revision + 1, ..stored.key.clone() };
    StoredRecord { key, quantity, evidence, recorded_at: now, ..stored.clone() }
}

fn fingerprint(key: &RecordKey) -> String {
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
}

fn proposal_json(record: &StoredRecord) -> String {
    to_json(&Proposal {
        key: record.key.clone(),
        kind: record.kind,
        until: record.until,
        quantity: record.quantity.clone(),
        attribute_set: record.attribute_set,
        evidence: record.evidence,
        evidence_index: record.evidence_index,
    })
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
