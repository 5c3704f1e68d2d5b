//! Reads each side of one customer's period: records, metered, documents, inventory.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::DocumentState;
use super::accounting::load_accounting;
use super::compare::{Billing, ByResource, Fate, Inventory, Item, Place, Rated, Seen, Sides};
use super::load::World;
use crate::bill::credit::credited_number;
use crate::bill::document::{ChargePart, DocumentKind, InvoiceDocument};
use crate::bill::facts::Histories;
use crate::bill::month::{Gathered, MonthRequest, gather};
use crate::bill::run::prices_of;
use crate::bill::store::{self, Draft};
use crate::collect::record::{RecordKey, RecordKind, StoredRecord, attribute};
use crate::collect::store::{key_json, load_all_records, load_attribute_sets};
use crate::customer::store::load_mappings;
use crate::customer::{Agreement, OwnerMapping};
use crate::finding::store::load_owner_findings;
use crate::finding::{Finding, FindingState};
use crate::ids::{CustomerId, FindingId, OwnerRef};
use crate::meter::kind::listed_as;
use crate::meter::{Metered, inside, kind, meter_of};
use crate::money::Exact;
use crate::period::{Period, Span};
use crate::rate::ChargeKind;
use crate::store::{Conn, StoreError};

/// Which customer's period under which agreement.
pub(super) struct Asked<'a> {
    pub agreement: &'a Agreement,
    pub period: Period,
    pub known_at: i64,
    /// Drafts of the seller.
    pub drafts: &'a [Draft],
    pub world: &'a World,
}

/// What the catalogue and the owners were, by the instant of knowledge.
pub(super) type HistoriesAt = BTreeMap<i64, Histories>;

/// Reads all sides.
pub(super) async fn load_sides(
    conn: &mut Conn,
    asked: &Asked<'_>,
    histories: &mut HistoriesAt,
) -> Result<Sides, StoreError> {
    let agreement = asked.agreement;
    let span = asked.period.span.intersect(Span::new(agreement.from, agreement.until));
    let request = MonthRequest {
        agreement,
        period: asked.period,
        known_at: asked.known_at,
        prices_known_at: asked.known_at,
    };
    let now = gather(conn, &request, histories.entry(asked.known_at).or_default()).await?;
    let customer = &agreement.customer;
    let mut sides = Sides {
        metered: metered_of(&now, customer),
        rated: rated_of(&now, customer),
        units: units_of(&now, customer),
        billing: load_billing(conn, asked, histories).await?,
        ..Sides::default()
    };
    let counted: BTreeSet<&RecordKey> = now.records.iter().map(|record| &record.key).collect();
    let used: BTreeSet<usize> = now.metered.iter().map(|metered| metered.record).collect();
    let attachments: BTreeSet<&RecordKey> = now
        .records
        .iter()
        .enumerate()
        .filter(|(position, record)| record.key.meter == kind::VOLUME && !used.contains(position))
        .map(|(_, record)| &record.key)
        .collect();
    for mapping in load_mappings(conn, customer, span, asked.known_at).await? {
        let mapped = span.intersect(Span::new(mapping.from, mapping.until));
        let usage = load_owner(conn, (&mapping.owner, mapped), asked.known_at).await?;
        asked.world.name(&mapping.owner, span.from, &mut sides.names);
        for record in &usage.records {
            let fate = if attachments.contains(&record.key) {
                Fate::Attachment
            } else if counted.contains(&record.key) {
                Fate::Counted
            } else {
                usage.withheld(&record.key)
            };
            sides.add(record, mapped, fate);
        }
        load_inventory(conn, asked, (&mapping, span), &usage.findings, &mut sides.inventory)
            .await?;
        let owner = (&mapping.owner, mapped);
        load_accounting(conn, asked, owner, &usage.records, &mut sides.accounting).await?;
    }
    if let Some(billing) = &mut sides.billing {
        // What was recorded after the newest document explains a later quantity.
        let known = billing.known_at;
        let later = now.records.iter().filter(|record| record.recorded_at > known);
        let later = later.map(|one| (one.key.owner.clone(), one.key.resource.clone()));
        billing.recorded_later = later.collect();
    }
    Ok(sides)
}

/// All records of an owner that nobody is billed for, in a span.
pub(super) async fn load_unbilled(
    conn: &mut Conn,
    (mapping, span): (&OwnerMapping, Span),
    world: &World,
    known_at: i64,
) -> Result<Sides, StoreError> {
    let mut sides = Sides::default();
    let mapped = span.intersect(Span::new(mapping.from, mapping.until));
    let usage = load_owner(conn, (&mapping.owner, mapped), known_at).await?;
    world.name(&mapping.owner, span.from, &mut sides.names);
    let ids: Vec<i64> = usage.records.iter().map(|record| record.attribute_set).collect();
    let sets = load_attribute_sets(conn, &ids).await?;
    for record in &usage.records {
        sides.add(record, mapped, Fate::Unmetered);
        let unit = sets.get(&record.attribute_set).and_then(|set| set.get(attribute::UNIT));
        if let Some(unit) = unit.filter(|_| meter_of(&record.key.meter).is_none()) {
            let place = (record.key.owner.clone(), record.key.meter.clone());
            sides.units.insert(place, unit.clone());
        }
    }
    Ok(sides)
}

impl Sides {
    fn add(&mut self, record: &StoredRecord, span: Span, fate: Fate) {
        let key = &record.key;
        let quantity = match record.kind {
            RecordKind::Interval | RecordKind::Delta => {
                Some(inside(&record.quantity, Span::new(key.from, record.until), span))
            }
            RecordKind::Cumulative | RecordKind::Gauge => None,
        };
        let place = (key.owner.clone(), key.meter.clone());
        let seen = Seen { resource: key.resource.clone(), quantity, fate };
        self.records.entry(place).or_default().push(seen);
    }
}

/// What is there of an owner, whether it counts or not.
struct OwnerUsage {
    records: Vec<StoredRecord>,
    findings: Vec<Finding>,
}

impl OwnerUsage {
    /// Which finding leaves a record out.
    fn withheld(&self, key: &RecordKey) -> Fate {
        let text = key_json(key);
        let about = |one: &&Finding| one.record_key.as_deref() == Some(text.as_str());
        let mut found: Vec<&Finding> = self.findings.iter().filter(about).collect();
        found.retain(|one| one.state != FindingState::Released);
        found.sort_by_key(|one| one.state != FindingState::Open);
        match found.first() {
            Some(one) => Fate::Withheld(Some(one.id.clone()), one.rule.clone(), one.state),
            None => Fate::Withheld(None, "an unknown rule".to_owned(), FindingState::Open),
        }
    }
}

async fn load_owner(
    conn: &mut Conn,
    (owner, span): (&OwnerRef, Span),
    known_at: i64,
) -> Result<OwnerUsage, StoreError> {
    if span.is_empty() {
        return Ok(OwnerUsage { records: Vec::new(), findings: Vec::new() });
    }
    let records = load_all_records(conn, owner, span, known_at).await?;
    let findings = load_owner_findings(conn, owner, span, known_at).await?;
    Ok(OwnerUsage { records, findings })
}

fn own<'a>(gathered: &'a Gathered, customer: &CustomerId) -> impl Iterator<Item = &'a Metered> {
    let customer = customer.clone();
    gathered.metered.iter().filter(move |metered| metered.facts.customer == customer)
}

fn place_of(metered: &Metered) -> Place {
    (metered.facts.owner.clone(), metered.meter.to_string())
}

fn metered_of(gathered: &Gathered, customer: &CustomerId) -> BTreeMap<Place, ByResource> {
    let mut all: BTreeMap<Place, ByResource> = BTreeMap::new();
    for metered in own(gathered, customer) {
        let resources = all.entry(place_of(metered)).or_default();
        let sum = resources.entry(metered.resource.to_string()).or_insert(Exact::ZERO);
        sum.add_assign(&metered.quantity);
    }
    all
}

/// Units of imported meters, as their records say.
fn units_of(gathered: &Gathered, customer: &CustomerId) -> BTreeMap<Place, String> {
    let imported = own(gathered, customer)
        .filter(|metered| meter_of(&metered.meter).is_none())
        .filter_map(|one| Some((place_of(one), one.facts.attributes.get(attribute::UNIT)?)));
    imported.map(|(place, unit)| (place, unit.clone())).collect()
}

/// What the price book says of each resource.
fn rated_of(
    gathered: &Gathered,
    customer: &CustomerId,
) -> BTreeMap<Place, BTreeMap<String, Rated>> {
    let mut rated: BTreeMap<Place, BTreeMap<String, Rated>> = BTreeMap::new();
    let mut by_record: HashMap<usize, Vec<&Metered>> = HashMap::new();
    for metered in own(gathered, customer) {
        by_record.entry(metered.record).or_default().push(metered);
        let resources = rated.entry(place_of(metered)).or_default();
        resources.insert(metered.resource.to_string(), Rated::Free);
    }
    let mut mark = |place: Place, resource: &str, as_what: Rated| {
        let found = rated.entry(place).or_default().entry(resource.to_owned());
        let found = found.or_insert(as_what);
        *found = (*found).max(as_what);
    };
    for charge in &gathered.rating.charges {
        if charge.unit_price.is_zero() && charge.kind != ChargeKind::Included {
            continue;
        }
        if let Some(of) = &charge.resource {
            mark((of.facts.owner.clone(), of.meter.to_string()), &of.id, Rated::Charged);
        }
        let price = &gathered.versions[charge.version].prices[charge.price];
        for record in charge.behind.iter().flat_map(|behind| &behind.records) {
            for metered in by_record.get(record).into_iter().flatten() {
                if *metered.meter == *price.meter {
                    mark(place_of(metered), &metered.resource, Rated::Charged);
                }
            }
        }
    }
    for one in gathered.rating.unpriced.iter().filter(|one| !one.quantity.is_zero()) {
        mark((one.facts.owner.clone(), one.meter.to_string()), &one.resource, Rated::Unpriced);
    }
    rated
}

/// A document of the period with what a draft is held by.
struct Found {
    document: InvoiceDocument,
    draft: Option<(store::DraftState, Vec<String>)>,
}

async fn load_billing(
    conn: &mut Conn,
    asked: &Asked<'_>,
    histories: &mut HistoriesAt,
) -> Result<Option<Billing>, StoreError> {
    let agreement = asked.agreement;
    let issued = store::load_issued_of_agreement(conn, &agreement.seller, &agreement.id).await?;
    let drafts = asked.drafts.iter().filter(|one| one.document.agreement_id == agreement.id);
    let drafts = drafts.map(|one| Found {
        document: one.document.clone(),
        draft: Some((one.state, one.holds.clone())),
    });
    let mut all: Vec<Found> =
        issued.iter().map(|one| Found { document: one.clone(), draft: None }).collect();
    all.extend(drafts);
    let invoice = all.iter().find(|one| {
        one.document.kind == DocumentKind::Invoice
            && one.document.period.label == asked.period.label
    });
    let Some(invoice) = invoice.map(|one| one.document.clone()) else { return Ok(None) };
    all.retain(|one| concerns(&one.document, &invoice));
    let newest = all.iter().filter(|one| one.document.id == invoice.id || is_difference(one));
    let known_at = newest.map(|one| one.document.known_at).max().unwrap_or(invoice.known_at);
    let request = MonthRequest {
        agreement,
        period: invoice.period,
        known_at,
        prices_known_at: prices_of(&invoice, &issued),
    };
    let then = gather(conn, &request, histories.entry(known_at).or_default()).await?;
    let customer = &agreement.customer;
    let mut billing = Billing {
        documents: all.iter().map(document_state).collect(),
        holds: all.iter().filter_map(|one| one.draft.as_ref()).flat_map(|d| d.1.clone()).collect(),
        currency: invoice.currency,
        known_at,
        metered: metered_of(&then, customer),
        rated: rated_of(&then, customer),
        on_lines: BTreeMap::new(),
        nets: BTreeMap::new(),
        recorded_later: BTreeSet::new(),
    };
    for one in &all {
        let document = &one.document;
        let parts = store::load_parts(conn, &document.seller_id, &document.id).await?;
        add_parts(&mut billing, document, &parts, &invoice);
    }
    Ok(Some(billing))
}

fn document_state(found: &Found) -> DocumentState {
    DocumentState {
        id: found.document.id.clone(),
        number: found.document.number.clone(),
        draft: found.draft.as_ref().map(|(state, _)| *state),
    }
}

/// Whether a document bills or credits something of an invoice's period.
fn concerns(document: &InvoiceDocument, invoice: &InvoiceDocument) -> bool {
    let of = |reference: Option<&crate::bill::document::Reference>| {
        reference.is_some_and(|reference| reference.id == invoice.id)
    };
    document.id == invoice.id
        || of(document.corrects.as_ref())
        || document.lines.iter().any(|line| of(line.corrects.as_ref()))
}

/// Whether a document was made because usage changed.
fn is_difference(found: &Found) -> bool {
    found.document.kind == DocumentKind::Invoice || found.document.automatic
}

/// Adds what the parts of a document bill of the invoice's own period.
fn add_parts(
    billing: &mut Billing,
    document: &InvoiceDocument,
    parts: &[ChargePart],
    invoice: &InvoiceDocument,
) {
    let note = document.kind == DocumentKind::CreditNote;
    for line in &document.lines {
        let of_period = match &line.corrects {
            Some(reference) => reference.id == invoice.id,
            None if note => credited_number(line).is_some(),
            None => document.id == invoice.id,
        };
        let Some(meter) = line.meter.as_ref().filter(|_| of_period) else { continue };
        for part in parts.iter().filter(|part| part.line == line.number) {
            let place = (part.owner.clone(), meter.clone());
            let net = if note { -part.net_minor } else { part.net_minor };
            *billing.nets.entry(place.clone()).or_insert(0) += net;
            if note {
                continue;
            }
            if part.meter.is_empty() {
                charged_as_a_whole(billing, &place);
            } else {
                billing.on_lines.entry(place).or_default().insert(part.resource.clone());
            }
        }
    }
}

/// A part without a meter stands for all that is charged of the line's meter: of its owner, or of
/// all owners where it has none.
fn charged_as_a_whole(billing: &mut Billing, (owner, meter): &Place) {
    for ((of, metered), resources) in &billing.rated {
        if metered != meter || (!owner.id.is_empty() && of != owner) {
            continue;
        }
        let charged = resources.iter().filter(|(_, rated)| **rated == Rated::Charged);
        let place = (of.clone(), metered.clone());
        billing.on_lines.entry(place).or_default().extend(charged.map(|(one, _)| one.clone()));
    }
}

/// What the inventory says of a mapped owner, and which of its usage goes on.
async fn load_inventory(
    conn: &mut Conn,
    asked: &Asked<'_>,
    (mapping, span): (&OwnerMapping, Span),
    findings: &[Finding],
    inventory: &mut Inventory,
) -> Result<(), StoreError> {
    let owner = &mapping.owner;
    let Some(source) = asked.world.told(&owner.source) else { return Ok(()) };
    let mapped = span.intersect(Span::new(mapping.from, mapping.until));
    let collected = source.collected_until;
    let reached = Span::new(mapped.from, mapped.until.min(collected));
    for meter in &source.meters {
        inventory.told.insert((owner.clone(), meter.clone()));
    }
    for item in source.items.get(&owner.id).into_iter().flatten() {
        let life = Span::new(
            item.created.unwrap_or(reached.until).max(reached.from),
            item.removed.unwrap_or(i64::MAX).min(reached.until),
        );
        let gap = findings.iter().rfind(|one| {
            one.rule == "gap" && one.meter == item.meter && one.resource == item.resource
        });
        let kept = Item {
            name: item.name.clone(),
            expected: life.seconds() > source.window_seconds,
            gap: gap.map(|one| (one.id.clone(), one.state)),
        };
        let place = (owner.clone(), item.meter.clone());
        inventory.items.entry(place).or_default().insert(item.resource.clone(), kept);
    }
    let newest = Span::new(collected - source.window_seconds, collected);
    for record in load_all_records(conn, owner, newest, asked.known_at).await? {
        if record.until >= collected {
            let place = (owner.clone(), listed_as(&record.key.meter).to_owned());
            inventory.going_on.entry(place).or_default().insert(record.key.resource);
        }
    }
    Ok(())
}

/// The finding that says that an owner is nobody's.
pub(super) async fn load_unmapped_finding(
    conn: &mut Conn,
    owner: &OwnerRef,
    known_at: i64,
) -> Result<Option<FindingId>, StoreError> {
    let always = Span::new(0, i64::MAX);
    let findings = load_owner_findings(conn, owner, always, known_at).await?;
    let rule = crate::customer::store::UNMAPPED_OWNER;
    let found = findings.into_iter().rfind(|one| one.rule == rule);
    Ok(found.filter(|one| one.state == FindingState::Open).map(|one| one.id))
}
