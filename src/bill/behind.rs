//! The usage records behind the parts of a line, as they were known when the document was made.

use std::collections::BTreeMap;

use super::document::{ChargePart, InvoiceDocument, Line};
use super::facts::Histories;
use super::month::{MonthRequest, gather};
use super::parts::{key_of, records_of};
use super::store;
use crate::collect::record::{RecordKey, StoredRecord};
use crate::collect::store::load_records;
use crate::customer::store::load_customer_agreements;
use crate::ids::OwnerRef;
use crate::meter::kind::{VM_ALLOCATED, VM_STOPPED};
use crate::period::Span;
use crate::scope::Scope;
use crate::store::codec::At;
use crate::store::{Conn, StoreError};

/// At most `limit` records behind parts of a line, part by part.
pub(super) async fn load_behind(
    conn: &mut Conn,
    (document, line): (&InvoiceDocument, &Line),
    parts: &[ChargePart],
    limit: usize,
) -> Result<Vec<StoredRecord>, StoreError> {
    let credited = match &document.corrects {
        Some(of) => store::load_invoice(conn, &Scope::Provider, of.id.as_str()).await?,
        None => None,
    };
    let known = knowledge_of(document, credited.as_ref().map(|(invoice, _)| invoice));
    let mut by_owner: BTreeMap<OwnerRef, Vec<StoredRecord>> = BTreeMap::new();
    let mut pools: Option<Pools> = None;
    let mut behind: Vec<StoredRecord> = Vec::new();
    for part in parts.iter().filter(|part| part.record_count > 0) {
        if part.meter.is_empty() {
            if pools.is_none() {
                pools = Some(load_pools(conn, document, line, &known).await?);
            }
            behind.extend(pools.iter().flat_map(|pools| pools.of(part)).cloned());
        } else {
            let at = At { table: "charge", id: document.id.as_str(), column: "record_first" };
            let first: RecordKey = at.json(&part.record_first)?;
            let last: RecordKey = at.json(&part.record_last)?;
            if !by_owner.contains_key(&part.owner) {
                let span = hull(document, parts.iter().filter(|one| one.owner == part.owner))?;
                let mut found: BTreeMap<RecordKey, StoredRecord> = BTreeMap::new();
                for known_at in &known {
                    let records = load_records(conn, &part.owner, span, *known_at).await?;
                    found.extend(records.into_iter().map(|record| (record.key.clone(), record)));
                }
                by_owner.insert(part.owner.clone(), found.into_values().collect());
            }
            let records = by_owner.get(&part.owner).into_iter().flatten();
            let records = records.filter(|record| {
                let inside = first.from <= record.key.from && record.key.from <= last.from;
                inside && record.key.resource == part.resource && fits(part, &record.key.meter)
            });
            behind.extend(records.cloned());
        }
        if behind.len() >= limit {
            behind.truncate(limit);
            break;
        }
    }
    Ok(behind)
}

/// All time in which records behind parts began: usage may reach in from far before the period,
/// and a counter's last step ends at a reading after it.
fn hull<'a>(
    document: &InvoiceDocument,
    parts: impl Iterator<Item = &'a ChargePart>,
) -> Result<Span, StoreError> {
    let at = At { table: "charge", id: document.id.as_str(), column: "record_first" };
    let mut span: Span = document.period.span;
    for part in parts.filter(|part| part.record_count > 0) {
        let first: RecordKey = at.json(&part.record_first)?;
        let last: RecordKey = at.json(&part.record_last)?;
        span = Span::new(span.from.min(first.from), span.until.max(last.from + 1));
    }
    Ok(span)
}

/// The instants whose knowledge is behind a document. A credit note is explained by what was
/// billed; one that a run made, by what is known since too.
fn knowledge_of(document: &InvoiceDocument, credited: Option<&InvoiceDocument>) -> Vec<i64> {
    match credited {
        None => vec![document.known_at],
        Some(invoice) if document.automatic => vec![invoice.known_at, document.known_at],
        Some(invoice) => vec![invoice.known_at],
    }
}

/// Whether a record's meter made a part's: stopped time is made from allocated time.
fn fits(part: &ChargePart, meter: &str) -> bool {
    part.meter == meter || (part.meter == VM_STOPPED && meter == VM_ALLOCATED)
}

/// Records behind what a pool owes as a whole, by the owner and resource that its parts have.
struct Pools {
    by_place: BTreeMap<(OwnerRef, String), Vec<StoredRecord>>,
}

impl Pools {
    fn of(&self, part: &ChargePart) -> &[StoredRecord] {
        let place = (part.owner.clone(), part.resource.clone());
        self.by_place.get(&place).map_or(&[][..], Vec::as_slice)
    }
}

/// Rates the line's period again: only rating knows which usage filled a pool.
async fn load_pools(
    conn: &mut Conn,
    document: &InvoiceDocument,
    line: &Line,
    known: &[i64],
) -> Result<Pools, StoreError> {
    let corrected = match line.corrects.as_ref().or(document.corrects.as_ref()) {
        Some(of) => store::load_invoice(conn, &Scope::Provider, of.id.as_str()).await?,
        None => None,
    };
    let period = corrected.map_or(document.period, |(invoice, _)| invoice.period);
    let mut found: BTreeMap<(OwnerRef, String), BTreeMap<RecordKey, StoredRecord>> =
        BTreeMap::new();
    for known_at in known.iter().copied() {
        let agreements = load_customer_agreements(conn, &document.customer_id, known_at).await?;
        let agreement = agreements.iter().find(|one| one.id == document.agreement_id);
        let Some(agreement) = agreement else { continue };
        let request = MonthRequest { agreement, period, known_at, prices_known_at: known_at };
        let gathered = gather(conn, &request, &mut Histories::default()).await?;
        for charge in gathered.rating.charges.iter().filter(|charge| charge.resource.is_none()) {
            let price = &gathered.versions[charge.version].prices[charge.price];
            if Some(&price.code) == line.price_code.as_ref() {
                let (owner, resource, _) = key_of(charge, &gathered.records);
                let records = records_of(charge).map(|position| gathered.records[position].clone());
                let place = found.entry((owner, resource)).or_default();
                place.extend(records.map(|record| (record.key.clone(), record)));
            }
        }
    }
    let sorted = |(place, records): (_, BTreeMap<_, _>)| (place, records.into_values().collect());
    Ok(Pools { by_place: found.into_iter().map(sorted).collect() })
}
