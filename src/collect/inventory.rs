//! Usage against the orchestrator's inventory: resources without records, records of resources
//! that are gone, and the machine that may hide in another one's record. PURE.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::{Disguises, Repetition, Row, Work, hours};
use crate::collect::record::{StoredRecord, attribute};
use crate::finding::store::NewFinding;
use crate::ids::OwnerRef;
use crate::meter::kind;
use crate::orchestrator::InventoryItem;
use crate::period::Span;

/// Seconds that a record may outlast its resource: the clocks of two servers differ.
const GHOST_SECONDS: i64 = 300;
const DAY_SECONDS: i64 = 86_400;

/// What exists or existed, by owner, meter and resource.
#[derive(Debug, Default)]
pub struct Inventory(BTreeMap<(String, String, String), InventoryItem>);

impl Inventory {
    /// Indexes what the orchestrator listed.
    pub fn new(items: Vec<InventoryItem>) -> Self {
        let key =
            |item: &InventoryItem| (item.owner.clone(), item.meter.clone(), item.resource.clone());
        Self(items.into_iter().map(|item| (key(&item), item)).collect())
    }

    fn of(&self, record: &StoredRecord) -> Option<&InventoryItem> {
        let key = &record.key;
        self.0.get(&(key.owner.id.clone(), key.meter.clone(), key.resource.clone()))
    }
}

impl Work<'_> {
    /// All rules that look beyond one record.
    pub(super) fn against_inventory(&mut self, rows: &[Row]) {
        self.ghosts();
        self.gaps(rows);
        self.longer_than_window(rows);
    }

    /// New records that begin after their resource was removed.
    fn ghosts(&mut self) {
        let inventory = self.known.inventory;
        let ghosts: Vec<(StoredRecord, String)> = self
            .decided
            .records
            .iter()
            .filter_map(|record| {
                let item = inventory.of(record)?;
                let gone = item.removed? + GHOST_SECONDS <= record.key.from;
                gone.then(|| (record.clone(), item.name.clone()))
            })
            .collect();
        for (record, name) in ghosts {
            let message = format!("{name} was removed before this window and still has usage");
            self.withhold("ghost", &record, message);
        }
    }

    /// Resources that were there all through the window and have no record in it. Told once for
    /// each resource and day.
    fn gaps(&mut self, rows: &[Row]) {
        let window = self.known.window;
        let mut seen: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
        let stored = self.known.records.iter().map(|record| &record.key);
        seen.extend(stored.map(|key| (&*key.owner.id, &*key.meter, &*key.resource)));
        for row in rows {
            if let Ok(record) = &row.parsed.outcome {
                seen.insert((&record.owner.id, &record.meter, &record.resource));
            }
        }
        let source = self.known.source;
        let mut gaps = Vec::new();
        for item in self.known.inventory.0.values() {
            let there = item.created.is_some_and(|created| created <= window.from)
                && item.removed.is_none_or(|removed| removed >= window.until);
            let always = item.meter == kind::VM_ALLOCATED || item.meter == kind::VOLUME;
            if !there || !always || seen.contains(&(&item.owner, &item.meter, &item.resource)) {
                continue;
            }
            let owner = OwnerRef { source: source.clone(), id: item.owner.clone() };
            gaps.push(gap(owner, item, window));
        }
        for finding in gaps {
            self.find(finding);
        }
    }

    /// Records of more hours than their window: names machines of the owner that have no record
    /// of the meter, whose time may have been added to it.
    fn longer_than_window(&mut self, rows: &[Row]) {
        for record in std::mem::take(&mut self.long) {
            let key = &record.key;
            let (mut have, mut names) = (BTreeSet::new(), BTreeMap::new());
            for row in rows {
                let Ok(other) = &row.parsed.outcome else { continue };
                if other.owner != key.owner || other.span.from != key.from {
                    continue;
                }
                if other.meter == key.meter {
                    have.insert(other.resource.as_str());
                } else if other.meter == kind::VM_ALLOCATED || other.meter == kind::VM_RUNNING {
                    let name = other.attributes.get(attribute::NAME).map_or("", String::as_str);
                    names.insert(other.resource.as_str(), name);
                }
            }
            for item in self.known.inventory.0.values() {
                let running = item.meter == key.meter && item.owner == key.owner.id;
                if running && item.removed.is_none_or(|removed| removed > key.from) {
                    names.insert(&item.resource, &item.name);
                }
            }
            names.retain(|resource, _| !have.contains(resource));
            let suspects: Vec<String> =
                names.iter().map(|(resource, name)| format!("{name} ({resource})")).collect();
            let cause = if suspects.is_empty() {
                "two resources may have been merged into one record".to_owned()
            } else {
                format!("merged perhaps with {}, which has no record", suspects.join(", "))
            };
            let message = format!(
                "{} h in a window of {} h: {cause}",
                record.quantity.to_text_rounded(6),
                hours(Span::new(key.from, record.until)).to_text_rounded(6)
            );
            self.withhold("longer_than_window", &record.clone(), message);
        }
    }

    /// Says that the source holds each record of the window several times.
    pub(super) fn note_repetition(&mut self, repeated: &Repetition<'_>) {
        if repeated.all < 2 {
            return;
        }
        let message = "the source holds the records of this window more than once; each counts \
                       once"
            .to_owned();
        let detail = serde_json::json!({ "times": repeated.all });
        self.note("repeated_window", self.known.window, message, detail);
    }

    /// Says that records have lost the id under which they were received.
    pub(super) fn note_lost_ids(&mut self, disguises: &Disguises<'_>) {
        if disguises.lost.is_empty() {
            return;
        }
        let message = "records came again without the id of their resource; they are known by \
                       their other fields and count once"
            .to_owned();
        let detail = serde_json::json!({ "records": disguises.lost.len() });
        self.note("lost_id", self.known.window, message, detail);
    }

    /// A finding about the source that holds nobody.
    pub(super) fn note(
        &mut self,
        rule: &'static str,
        span: Span,
        message: String,
        detail: serde_json::Value,
    ) {
        let owner = OwnerRef { source: self.known.source.clone(), id: String::new() };
        let fingerprint = format!("{rule}|{owner}|{}|{}", span.from, span.until);
        self.find(NewFinding {
            rule,
            owner,
            meter: String::new(),
            resource: String::new(),
            span,
            record_key: None,
            withholds: false,
            repaired: true,
            proposal: None,
            message,
            detail,
            fingerprint,
        });
    }
}

fn gap(owner: OwnerRef, item: &InventoryItem, window: Span) -> NewFinding {
    let day = window.from.div_euclid(DAY_SECONDS);
    NewFinding {
        rule: "gap",
        meter: item.meter.clone(),
        resource: item.resource.clone(),
        span: window,
        record_key: None,
        withholds: false,
        repaired: false,
        proposal: None,
        message: format!(
            "{} is in the inventory and has no usage in this window: its usage is missing",
            item.name
        ),
        detail: serde_json::json!({ "created": item.created, "removed": item.removed }),
        fingerprint: format!("gap|{owner}|{}|{}|{day}", item.meter, item.resource),
        owner,
    }
}
