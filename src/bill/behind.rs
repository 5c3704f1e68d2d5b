//! The usage records behind the parts of a line, as they were known when the document was made.

use std::collections::{BTreeMap, BTreeSet};

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
    let mut by_owner: BTreeMap<OwnerRef, Vec<StoredRecord>> = BTreeMap::new();
    let mut pools: Option<Pools> = None;
    let mut behind: Vec<StoredRecord> = Vec::new();
    for part in parts.iter().filter(|part| part.record_count > 0) {
        if part.meter.is_empty() {
            if pools.is_none() {
                pools = Some(load_pools(conn, document, line).await?);
            }
            behind.extend(pools.iter().flat_map(|pools| pools.of(part)).cloned());
        } else {
            let at = At { table: "charge", id: document.id.as_str(), column: "record_first" };
            let first: RecordKey = at.json(&part.record_first)?;
            let last: RecordKey = at.json(&part.record_last)?;
            if !by_owner.contains_key(&part.owner) {
                let span = hull(document, parts.iter().filter(|one| one.owner == part.owner))?;
                let found = load_records(conn, &part.owner, span, document.known_at).await?;
                by_owner.insert(part.owner.clone(), found);
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
) -> Result<Pools, StoreError> {
    let mut pools = Pools { by_place: BTreeMap::new() };
    let known_at = document.known_at;
    let agreements = load_customer_agreements(conn, &document.customer_id, known_at).await?;
    let agreement = agreements.iter().find(|one| one.id == document.agreement_id);
    let Some(agreement) = agreement else { return Ok(pools) };
    let corrected = match line.corrects.as_ref().or(document.corrects.as_ref()) {
        Some(of) => store::load_invoice(conn, &Scope::Provider, of.id.as_str()).await?,
        None => None,
    };
    let period = corrected.map_or(document.period, |(invoice, _)| invoice.period);
    let request = MonthRequest { agreement, period, known_at, prices_known_at: known_at };
    let gathered = gather(conn, &request, &mut Histories::default()).await?;
    let mut found: BTreeMap<(OwnerRef, String), BTreeSet<usize>> = BTreeMap::new();
    for charge in gathered.rating.charges.iter().filter(|charge| charge.resource.is_none()) {
        let price = &gathered.versions[charge.version].prices[charge.price];
        if Some(&price.code) == line.price_code.as_ref() {
            let (owner, resource, _) = key_of(charge, &gathered.records);
            found.entry((owner, resource)).or_default().extend(records_of(charge));
        }
    }
    for (place, positions) in found {
        let mut records: Vec<StoredRecord> =
            positions.into_iter().map(|position| gathered.records[position].clone()).collect();
        records.sort_by(|a, b| a.key.cmp(&b.key));
        pools.by_place.insert(place, records);
    }
    Ok(pools)
}
