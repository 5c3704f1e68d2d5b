//! Parts of a window that an orchestrator reports again after late events. PURE.
//!
//! A fragment is never added. Where it agrees with the record around it, it is a copy; where it
//! does not, the corrected quantity (all − overlap + fragment) is proposed by a finding.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::{Fresh, PageRow, Work, fingerprint, hours, proposal_json, revision, tolerance};
use crate::collect::record::{RecordKind, StoredRecord};
use crate::collect::store::key_json;
use crate::finding::store::NewFinding;
use crate::ids::OwnerRef;
use crate::meter::meter_of;
use crate::money::Exact;
use crate::period::Span;

/// Owner, meter and resource of a record.
type Resource = (OwnerRef, String, String);

fn resource_of(record: &StoredRecord) -> Resource {
    let key = &record.key;
    (key.owner.clone(), key.meter.clone(), key.resource.clone())
}

fn span_of(record: &StoredRecord) -> Span {
    Span::new(record.key.from, record.until)
}

fn is_inside(inner: Span, outer: Span) -> bool {
    inner != outer && outer.from <= inner.from && inner.until <= outer.until
}

/// What a fragment is compared with: one record, all parts of a resource in one window, or the
/// records that it may belong to where it has no id.
struct Whole {
    /// The record that a correction changes: the greatest one.
    record: StoredRecord,
    quantity: Exact,
    span: Span,
    /// Hours inside and outside the fragment count once for each of so many resources.
    resources: i128,
}

impl Whole {
    fn of_one(record: &StoredRecord) -> Self {
        Self {
            record: record.clone(),
            quantity: record.quantity.clone(),
            span: span_of(record),
            resources: 1,
        }
    }
}

/// Fragments that are compared together: parts of one resource, or records without id.
type Together = (Resource, String, Span);

/// What is known of the records in and around a window.
struct Around<'a> {
    by_resource: BTreeMap<Resource, Vec<StoredRecord>>,
    by_disguise: BTreeMap<&'a str, Vec<StoredRecord>>,
}

impl Work<'_> {
    /// Takes out records that lie inside another one of the same resource.
    pub(super) fn fragments<'f>(&mut self, fresh: Vec<Fresh<'f>>) -> Vec<Fresh<'f>> {
        let spans: BTreeSet<Span> = fresh.iter().map(|one| span_of(&one.record)).collect();
        let outer: BTreeSet<Span> =
            self.known.records.iter().map(span_of).chain(spans.iter().copied()).collect();
        if !spans.iter().any(|inner| outer.iter().any(|outer| is_inside(*inner, *outer))) {
            return fresh;
        }
        let known = self.known;
        let mut around = Around { by_resource: BTreeMap::new(), by_disguise: BTreeMap::new() };
        for record in known.records {
            let disguise = known.disguises.get(&record.key).map(String::as_str);
            around.insert(record, disguise);
        }
        for one in &fresh {
            around.insert(&one.record, one.disguise);
        }
        let mut kept = Vec::new();
        let mut together: BTreeMap<Together, Vec<StoredRecord>> = BTreeMap::new();
        let mut agreed: BTreeMap<Span, u64> = BTreeMap::new();
        for one in fresh {
            let span = span_of(&one.record);
            let nameless = one.record.key.resource.is_empty() && one.disguise.is_some();
            if one.part || nameless {
                let disguise = if one.part { "" } else { one.disguise.unwrap_or("") };
                let key = (resource_of(&one.record), disguise.to_owned(), span);
                if around.whole_of_many(&key).is_some() {
                    together.entry(key).or_default().push(one.record);
                } else {
                    kept.push(one);
                }
                continue;
            }
            let alike = around.by_resource.get(&resource_of(&one.record));
            let wholes: Vec<&StoredRecord> = alike
                .into_iter()
                .flatten()
                .filter(|record| is_inside(span, span_of(record)))
                .collect();
            let same = wholes.iter().find(|whole| whole.key.identity == one.record.key.identity);
            if let Some(whole) = same {
                let said = (one.record.quantity.clone(), PageRow::of(&one.record));
                self.compare(&Whole::of_one(whole), span, said, &mut agreed);
                continue;
            }
            if wholes.iter().any(|whole| span_of(whole) == known.window) {
                let message = "a part of a whole window, of another offering or size than the \
                               window's own records"
                    .to_owned();
                self.withhold("fragment", &one.record, message);
            }
            kept.push(one);
        }
        for (key, parts) in together {
            let Some(whole) = around.whole_of_many(&key) else { continue };
            let quantity = Exact::sum(parts.iter().map(|part| &part.quantity));
            let row = PageRow::of(parts.first().unwrap_or(&whole.record));
            self.compare(&whole, key.2, (quantity, row), &mut agreed);
        }
        self.note_agreed(agreed);
        kept
    }

    /// Compares what a fragment says with what the whole allows for its span.
    fn compare(
        &mut self,
        whole: &Whole,
        span: Span,
        (quantity, row): (Exact, PageRow),
        agreed: &mut BTreeMap<Span, u64>,
    ) {
        let allowed = allowed(whole, span, &quantity);
        if quantity >= allowed.least.minus(&tolerance())
            && quantity <= allowed.most.plus(&tolerance())
        {
            self.decided.duplicates += 1;
            *agreed.entry(span).or_default() += 1;
            return;
        }
        self.decided.quarantined += 1;
        let difference = allowed.corrected.minus(&whole.quantity);
        let corrected = whole.record.quantity.plus(&difference).max(Exact::ZERO);
        let proposal = revision(&whole.record, corrected.clone(), row, self.known.now);
        let key = &whole.record.key;
        self.find(NewFinding {
            rule: "fragment",
            owner: key.owner.clone(),
            meter: key.meter.clone(),
            resource: key.resource.clone(),
            span,
            record_key: Some(key_json(key)),
            withholds: false,
            repaired: false,
            proposal: Some(proposal_json(&proposal)),
            message: format!(
                "a part of the window was reported again with {}: the window then has {}, not {}",
                quantity.to_text_rounded(6),
                allowed.corrected.to_text_rounded(6),
                whole.quantity.to_text_rounded(6),
            ),
            detail: serde_json::json!({
                "reported": whole.record.quantity, "fragment": quantity,
                "corrected": corrected, "evidence": proposal.evidence,
                "row": proposal.evidence_index,
            }),
            fingerprint: format!(
                "fragment|{}|{}|{}|{quantity}",
                fingerprint(key),
                span.from,
                span.until,
            ),
        });
    }

    /// Says once for each fragment's span that the orchestrator reported it again.
    fn note_agreed(&mut self, agreed: BTreeMap<Span, u64>) {
        for (span, count) in agreed {
            let message = format!(
                "the source reported {count} records again for a part of a window; they agree \
                 with the window's own and are not added"
            );
            self.note("repeated_part", span, message, serde_json::json!({ "records": count }));
        }
    }
}

impl<'a> Around<'a> {
    fn insert(&mut self, record: &StoredRecord, disguise: Option<&'a str>) {
        self.by_resource.entry(resource_of(record)).or_default().push(record.clone());
        if let Some(disguise) = disguise {
            self.by_disguise.entry(disguise).or_default().push(record.clone());
        }
    }

    /// All parts of a resource, or all records of one disguise, in the smallest window around
    /// fragments.
    fn whole_of_many(&self, (resource, disguise, fragment): &Together) -> Option<Whole> {
        let by_disguise = !disguise.is_empty();
        let known = if by_disguise {
            self.by_disguise.get(disguise.as_str())?
        } else {
            self.by_resource.get(resource)?
        };
        let own = known.iter().filter(|record| {
            record.key.owner == resource.0
                && record.key.meter == resource.1
                && is_inside(*fragment, span_of(record))
                // A resource that has a fragment of its own under its id is not meant.
                && !known.iter().any(|other| {
                    by_disguise
                        && span_of(other) == *fragment
                        && !other.key.resource.is_empty()
                        && other.key.resource == record.key.resource
                })
        });
        let own: Vec<&StoredRecord> = own.collect();
        let span = own.iter().map(|record| span_of(record));
        let span = span.min_by_key(|span| (span.seconds(), span.from))?;
        let parts: Vec<&StoredRecord> =
            own.into_iter().filter(|one| span_of(one) == span).collect();
        let greatest = parts.iter().max_by_key(|part| (&part.quantity, &part.key))?;
        let resources = if by_disguise { parts.len() } else { 1 };
        Some(Whole {
            record: StoredRecord::clone(greatest),
            quantity: Exact::sum(parts.iter().map(|part| &part.quantity)),
            span,
            resources: i128::try_from(resources).unwrap_or(1),
        })
    }
}

/// What a whole allows for a part of its window, and what it would be with the fragment.
struct Allowed {
    least: Exact,
    most: Exact,
    corrected: Exact,
}

fn allowed(whole: &Whole, span: Span, fragment: &Exact) -> Allowed {
    if whole.record.kind == RecordKind::Gauge {
        // A level that held all through: in a part of the window it is the same level.
        let share =
            Exact::ratio(i128::from(span.seconds()), i128::from(whole.span.seconds().max(1)));
        let difference = fragment.minus(&whole.quantity).times(&share);
        return Allowed {
            least: whole.quantity.clone(),
            most: whole.quantity.clone(),
            corrected: whole.quantity.plus(&difference),
        };
    }
    let bounded = meter_of(&whole.record.key.meter).is_some_and(|meter| meter.bounded_by_span);
    let (least, most) = if bounded {
        let inside = hours(span).mul_int(whole.resources);
        let outside = hours(whole.span).minus(&hours(span)).mul_int(whole.resources);
        let least = whole.quantity.minus(&outside).max(Exact::ZERO);
        (least, whole.quantity.clone().min(inside))
    } else {
        (Exact::ZERO, whole.quantity.clone())
    };
    let corrected = whole.quantity.minus(&most).plus(fragment);
    Allowed { least, most, corrected }
}
