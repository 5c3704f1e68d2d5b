//! The sides of one customer's period become rows with named differences. PURE.

use std::collections::{BTreeMap, BTreeSet};

use super::{Between, Billed, Difference, DocumentState, Measure, Reason, Recorded, Row};
use crate::bill::store::DraftState;
use crate::finding::FindingState;
use crate::ids::{FindingId, OwnerRef};
use crate::meter::kind::listed_as;
use crate::meter::meter_of;
use crate::money::{Currency, Exact};

/// Owner and meter: what a row is about.
pub type Place = (OwnerRef, String);

/// Quantities by resource.
pub type ByResource = BTreeMap<String, Exact>;

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Counted,
    /// Of an owner that nobody is billed for: it is not metered.
    Unmetered,
    /// An attachment's record beside the volume's own.
    Attachment,
    /// Left out because of a finding: its id (where it is still there), rule and state.
    Withheld(Option<FindingId>, String, FindingState),
}

/// A record, as far as the comparison needs it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub resource: String,
    /// Inside the period; `None` for a level or a counter's reading.
    pub quantity: Option<Exact>,
    pub fate: Fate,
}

/// What the price book says of a resource's usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rated {
    Free,
    Charged,
    Unpriced,
}

/// The documents of the period, and what was known when the newest of them was made.
#[derive(Clone, Debug)]
pub struct Billing {
    pub documents: Vec<DocumentState>,
    /// What holds the drafts among them.
    pub holds: Vec<String>,
    pub currency: Currency,
    /// What was known to the newest of them, unix seconds.
    pub known_at: i64,
    /// Metered then.
    pub metered: BTreeMap<Place, ByResource>,
    /// Resources that stand on a line.
    pub on_lines: BTreeMap<Place, BTreeSet<String>>,
    pub rated: BTreeMap<Place, BTreeMap<String, Rated>>,
    pub nets: BTreeMap<Place, i64>,
    /// Owners and resources of which something was recorded later.
    pub recorded_later: BTreeSet<(OwnerRef, String)>,
}

/// A resource that the inventory knows.
#[derive(Clone, Debug)]
pub struct Item {
    pub name: String,
    /// It was there for so long of the collected period that there must be usage of it.
    pub expected: bool,
    /// The finding about its gap, if there is one.
    pub gap: Option<(FindingId, FindingState)>,
}

/// What the orchestrator says that exists.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    pub items: BTreeMap<Place, BTreeMap<String, Item>>,
    /// Places that it tells about, with items or without.
    pub told: BTreeSet<Place>,
    /// Resources whose usage goes on up to what is collected.
    pub going_on: BTreeMap<Place, BTreeSet<String>>,
}

/// Hours of a resource by the orchestrator's own accounting.
#[derive(Clone, Debug)]
pub struct Accounted {
    pub name: String,
    pub hours: Exact,
    /// Hours of them without usage, where there are any worth a word.
    pub short: Option<Exact>,
    /// Hours of usage after its end, the same.
    pub beyond: Option<Exact>,
}

/// Each side of one customer's period by itself.
#[derive(Clone, Debug, Default)]
pub struct Sides {
    pub records: BTreeMap<Place, Vec<Seen>>,
    pub metered: BTreeMap<Place, ByResource>,
    pub rated: BTreeMap<Place, BTreeMap<String, Rated>>,
    pub units: BTreeMap<Place, String>,
    pub billing: Option<Billing>,
    /// Why nothing of it is billed, where that is so for all of it.
    pub unbilled: Option<(Reason, String)>,
    pub inventory: Inventory,
    pub accounting: BTreeMap<Place, BTreeMap<String, Accounted>>,
    pub names: BTreeMap<OwnerRef, String>,
}

/// Whose rows they are.
#[derive(Clone, Debug, Default)]
pub struct Whose {
    pub seller: Option<String>,
    pub customer: Option<String>,
    pub customer_name: Option<String>,
}

/// Makes the rows, ascending by owner and meter.
pub fn compare(whose: &Whose, sides: &Sides) -> Vec<Row> {
    let mut places: BTreeSet<&Place> = sides.records.keys().collect();
    places.extend(sides.metered.keys());
    places.extend(sides.inventory.items.keys());
    places.extend(sides.accounting.keys());
    if let Some(billing) = &sides.billing {
        places.extend(billing.metered.keys());
        places.extend(billing.nets.keys());
    }
    places.into_iter().map(|place| row(whose, sides, place)).collect()
}

fn row(whose: &Whose, sides: &Sides, place: &Place) -> Row {
    let (owner, meter) = place;
    let known = meter_of(meter);
    let evidence = known.is_some_and(|meter| meter.informational);
    let records = sides.records.get(place).map_or(&[][..], Vec::as_slice);
    let metered = sides.metered.get(place);
    let mut differences = Vec::new();
    if !evidence {
        withheld(records, &mut differences);
        unexplained(records, metered, &mut differences);
        billed_differences(sides, place, &mut differences);
    } else if let Some(unbilled) = &sides.unbilled {
        differences.push(all_of(unbilled, None));
    }
    inventory_differences(sides, place, &mut differences);
    let accounted = sides.accounting.get(place);
    accounting_differences(accounted, &mut differences);
    Row {
        seller: whose.seller.clone(),
        customer: whose.customer.clone(),
        customer_name: whose.customer_name.clone(),
        owner: owner.clone(),
        owner_name: sides.names.get(owner).cloned(),
        meter: meter.clone(),
        unit: unit_of(sides, place),
        recorded: (!records.is_empty()).then(|| recorded(records)),
        metered: metered.filter(|_| !evidence).map(measure),
        billed: billed(sides, place).filter(|_| !evidence),
        inventory: sides
            .inventory
            .told
            .contains(place)
            .then(|| sides.inventory.items.get(place).map_or(0, BTreeMap::len)),
        accounted: accounted.map(|items| Measure {
            resources: items.len(),
            quantity: Exact::sum(items.values().map(|item| &item.hours)).reduced(),
        }),
        differences,
    }
}

fn unit_of(sides: &Sides, place: &Place) -> String {
    match (sides.units.get(place), meter_of(&place.1)) {
        (Some(unit), _) => unit.clone(),
        (None, Some(meter)) => crate::store::codec::enum_text(&meter.unit),
        (None, None) => "piece".to_owned(),
    }
}

fn recorded(records: &[Seen]) -> Recorded {
    let resources: BTreeSet<&str> = records.iter().map(|one| one.resource.as_str()).collect();
    let quantities: Option<Vec<&Exact>> = records.iter().map(|one| one.quantity.as_ref()).collect();
    Recorded {
        records: records.len(),
        resources: resources.len(),
        quantity: quantities.map(|all| Exact::sum(all).reduced()),
    }
}

fn measure(by_resource: &ByResource) -> Measure {
    Measure { resources: by_resource.len(), quantity: Exact::sum(by_resource.values()).reduced() }
}

fn billed(sides: &Sides, place: &Place) -> Option<Billed> {
    let billing = sides.billing.as_ref()?;
    let on_lines = on_lines(billing, place);
    Some(Billed {
        measure: measure(&on_lines),
        net_minor: billing.nets.get(place).copied().unwrap_or(0),
        currency: billing.currency,
        documents: billing.documents.clone(),
    })
}

/// Quantities of the resources that stand on a line.
fn on_lines(billing: &Billing, place: &Place) -> ByResource {
    let Some(resources) = billing.on_lines.get(place) else { return ByResource::new() };
    let metered = billing.metered.get(place);
    let quantity = |resource: &String| metered.and_then(|all| all.get(resource)).cloned();
    let known = resources.iter().filter_map(|one| Some((one.clone(), quantity(one)?)));
    known.collect()
}

/// Records that are left out of metering, together by the finding or the rule that does it.
fn withheld(records: &[Seen], differences: &mut Vec<Difference>) {
    let mut groups: BTreeMap<(String, Option<FindingId>), Vec<&Seen>> = BTreeMap::new();
    let mut attachments: Vec<&Seen> = Vec::new();
    let mut states: BTreeMap<Option<FindingId>, FindingState> = BTreeMap::new();
    for record in records {
        match &record.fate {
            Fate::Counted | Fate::Unmetered => {}
            Fate::Attachment => attachments.push(record),
            Fate::Withheld(finding, rule, state) => {
                groups.entry((rule.clone(), finding.clone())).or_default().push(record);
                states.insert(finding.clone(), *state);
            }
        }
    }
    for ((rule, finding), group) in groups {
        let rejected = states.get(&finding) == Some(&FindingState::Rejected);
        let id = finding.as_ref().map_or("", FindingId::as_str);
        let count = group.len();
        let (reason, message) = if rejected {
            (Reason::Rejected, format!("{count} records do not count: {rule} was rejected ({id})"))
        } else {
            let how = format!("decide it by billow usage quarantine release or reject {id}");
            (Reason::Withheld, format!("{count} records are withheld by {rule}: {how}"))
        };
        let all = Difference::new(Between::RecordsAndMetered, reason, message);
        differences.push(Difference { finding, ..about(all, &group) });
    }
    if !attachments.is_empty() {
        let message = format!(
            "{} records of attachments tell what the volumes' own records do: they do not count",
            attachments.len()
        );
        let all = Difference::new(Between::RecordsAndMetered, Reason::Attachment, message);
        differences.push(about(all, &attachments));
    }
}

fn about(difference: Difference, records: &[&Seen]) -> Difference {
    let resources: BTreeSet<&str> = records.iter().map(|one| one.resource.as_str()).collect();
    let quantities: Option<Vec<&Exact>> = records.iter().map(|one| one.quantity.as_ref()).collect();
    Difference {
        resources: resources.into_iter().map(str::to_owned).collect(),
        quantity: quantities.map(|all| Exact::sum(all).reduced()),
        ..difference
    }
}

/// Records that count must be metered to the last unit.
fn unexplained(records: &[Seen], metered: Option<&ByResource>, differences: &mut Vec<Difference>) {
    let mut sums: BTreeMap<&str, Option<Exact>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.fate == Fate::Counted) {
        let sum = sums.entry(&record.resource).or_insert(Some(Exact::ZERO));
        *sum = match (sum.take(), &record.quantity) {
            (Some(sum), Some(quantity)) => Some(sum.plus(quantity)),
            (_, _) => None,
        };
    }
    let mut resources = Vec::new();
    let mut off = Exact::ZERO;
    for (resource, sum) in sums {
        let Some(sum) = sum else { continue };
        let counted = metered.and_then(|all| all.get(resource)).cloned().unwrap_or(Exact::ZERO);
        if counted != sum {
            resources.push(resource.to_owned());
            off.add_assign(&counted.minus(&sum));
        }
    }
    if !resources.is_empty() {
        let message = "records that count are not metered as reported: compare them by billow \
                       usage list"
            .to_owned();
        let all = Difference::new(Between::RecordsAndMetered, Reason::Unexplained, message);
        differences.push(Difference { resources, quantity: Some(off.reduced()), ..all });
    }
}

/// Differences of a meter between what is metered now and what stands on documents.
fn billed_differences(sides: &Sides, place: &Place, differences: &mut Vec<Difference>) {
    let empty = ByResource::new();
    let metered = sides.metered.get(place).unwrap_or(&empty);
    if let Some(unbilled) = &sides.unbilled {
        differences.push(all_of(unbilled, sides.metered.get(place)));
        return;
    }
    let mut found: BTreeMap<Reason, ByResource> = BTreeMap::new();
    let rated = sides.rated.get(place);
    let is = |resource: &String, rated: Option<&BTreeMap<String, Rated>>| {
        rated.and_then(|all| all.get(resource)).copied()
    };
    match &sides.billing {
        None => {
            for (resource, quantity) in metered {
                let reason = match is(resource, rated) {
                    Some(Rated::Unpriced) => Reason::Unpriced,
                    Some(Rated::Free) => Reason::Free,
                    Some(Rated::Charged) | None => Reason::NotBilled,
                };
                note(&mut found, reason, resource, quantity);
            }
        }
        Some(billing) => {
            let billed = on_lines(billing, place);
            let then = billing.rated.get(place);
            for (resource, quantity) in metered {
                let difference = quantity.minus(billed.get(resource).unwrap_or(&Exact::ZERO));
                if difference.is_zero() {
                    continue;
                }
                let later = (place.0.clone(), resource.clone());
                let reason = if is(resource, rated) == Some(Rated::Unpriced) {
                    Reason::Unpriced
                } else if billed.contains_key(resource) || is(resource, then).is_none() {
                    Reason::Late
                } else if is(resource, then) == Some(Rated::Free) {
                    Reason::Free
                } else if billing.recorded_later.contains(&later) {
                    Reason::Late
                } else {
                    Reason::Unexplained
                };
                note(&mut found, reason, resource, &difference);
            }
            for (resource, quantity) in billed.iter().filter(|(one, _)| !metered.contains_key(*one))
            {
                note(&mut found, Reason::Withdrawn, resource, &quantity.negated());
            }
        }
    }
    let unit = unit_of(sides, place);
    differences.extend(found.into_iter().map(|(reason, all)| named(reason, &all, &unit)));
    differences.extend(waiting(sides.billing.as_ref(), metered));
}

fn note(
    found: &mut BTreeMap<Reason, ByResource>,
    reason: Reason,
    resource: &str,
    quantity: &Exact,
) {
    if !quantity.is_zero() {
        found.entry(reason).or_default().insert(resource.to_owned(), quantity.clone());
    }
}

fn named(reason: Reason, all: &ByResource, unit: &str) -> Difference {
    let quantity = Exact::sum(all.values()).reduced();
    let resources = if all.len() == 1 { "resource" } else { "resources" };
    let much = format!("{} {unit} of {} {resources}", quantity.to_text_rounded(6), all.len());
    let message = match reason {
        Reason::Unpriced => {
            format!("{much} has no price: billow catalog unpriced suggests one")
        }
        Reason::Free => format!("{much} is free by the price book"),
        Reason::NotBilled => format!("{much} stands on no document: billow bill run drafts it"),
        Reason::Late => {
            format!("{much} became known after the document: the next billow bill run corrects it")
        }
        Reason::Withdrawn => {
            format!("{much} was billed and is withdrawn: the next billow bill run credits it")
        }
        _ => format!("{much} is metered and not billed, for no known reason: billow verify"),
    };
    let resources = all.keys().cloned().collect();
    let difference = Difference::new(Between::MeteredAndBilled, reason, message);
    Difference { resources, quantity: Some(quantity), ..difference }
}

/// All of a place is not billed for one reason.
fn all_of((reason, message): &(Reason, String), metered: Option<&ByResource>) -> Difference {
    let difference = Difference::new(Between::MeteredAndBilled, *reason, message.clone());
    match metered {
        Some(metered) => Difference {
            resources: metered.keys().cloned().collect(),
            quantity: Some(measure(metered).quantity),
            ..difference
        },
        None => difference,
    }
}

/// Drafts among the documents are not issued yet.
fn waiting(billing: Option<&Billing>, metered: &ByResource) -> Option<Difference> {
    let billing = billing.filter(|_| !metered.is_empty())?;
    let drafts = billing.documents.iter().filter_map(|one| Some((&one.id, one.draft?)));
    let (id, state) = drafts.min_by_key(|(_, state)| *state != DraftState::Held)?;
    let (reason, message) = match state {
        DraftState::Held => {
            (Reason::Held, format!("draft {id} is held: {}", billing.holds.join("; ")))
        }
        DraftState::Ready | DraftState::Approved => {
            (Reason::NotIssued, format!("draft {id} is not issued: billow bill issue does it"))
        }
    };
    Some(Difference::new(Between::MeteredAndBilled, reason, message))
}

fn inventory_differences(sides: &Sides, place: &Place, differences: &mut Vec<Difference>) {
    let inventory = &sides.inventory;
    if !inventory.told.contains(place) {
        return;
    }
    let (owner, meter) = place;
    let listed = sides.records.iter().filter(|((of, counted), _)| {
        of == owner && (counted == meter || listed_as(counted) == meter)
    });
    let seen: BTreeSet<&str> =
        listed.flat_map(|(_, records)| records).map(|one| one.resource.as_str()).collect();
    let nothing = BTreeMap::new();
    let items = inventory.items.get(place).unwrap_or(&nothing);
    let mut missing = Vec::new();
    for (resource, item) in items.iter().filter(|(one, _)| !seen.contains(one.as_str())) {
        match &item.gap {
            Some((id, FindingState::Released | FindingState::Rejected)) => {
                let message = format!("the gap of {} is accepted ({id})", item.name);
                let all =
                    Difference::new(Between::InventoryAndRecords, Reason::GapAccepted, message);
                let (resources, finding) = (vec![resource.clone()], Some(id.clone()));
                differences.push(Difference { resources, finding, ..all });
            }
            Some(_) | None if item.expected => missing.push((resource, item)),
            Some(_) | None => {}
        }
    }
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|(_, item)| item.name.as_str()).collect();
        let message = format!(
            "the inventory knows {} and there is no usage of it: its usage is missing, look at \
             the orchestrator's usage server",
            names.join(", ")
        );
        let all = Difference::new(Between::InventoryAndRecords, Reason::MissingUsage, message);
        let finding = missing.iter().find_map(|(_, item)| Some(item.gap.as_ref()?.0.clone()));
        let resources = missing.iter().map(|(resource, _)| (*resource).clone()).collect();
        differences.push(Difference { resources, finding, ..all });
    }
    let going_on = inventory.going_on.get(place);
    let unknown: Vec<String> = going_on
        .into_iter()
        .flatten()
        .filter(|one| !items.contains_key(*one) && seen.contains(one.as_str()))
        .cloned()
        .collect();
    if !unknown.is_empty() {
        let message = format!(
            "usage of {} resources goes on and the inventory does not know them: removed since \
             the last window, hidden, or ghosts",
            unknown.len()
        );
        let all =
            Difference::new(Between::InventoryAndRecords, Reason::UnknownToInventory, message);
        differences.push(Difference { resources: unknown, ..all });
    }
}

/// What the orchestrator's own accounting has and usage has not, and the other way round.
fn accounting_differences(
    accounted: Option<&BTreeMap<String, Accounted>>,
    differences: &mut Vec<Difference>,
) {
    type Hours = fn(&Accounted) -> Option<&Exact>;
    let kinds: [(Reason, Hours, &str); 2] = [
        (
            Reason::BelowAccounting,
            |item| item.short.as_ref(),
            "of the orchestrator's own accounting have no usage: it is missing, or they were in a \
             state that Billow did not see",
        ),
        (
            Reason::BeyondAccounting,
            |item| item.beyond.as_ref(),
            "of usage lie after the end that the orchestrator's own accounting tells: look at the \
             resource's history",
        ),
    ];
    for (reason, hours, what) in kinds {
        let found = accounted.into_iter().flatten();
        let found: Vec<_> =
            found.filter_map(|(id, item)| Some((id, &item.name, hours(item)?))).collect();
        if found.is_empty() {
            continue;
        }
        let sum = Exact::sum(found.iter().map(|(_, _, hours)| *hours)).reduced();
        let names: Vec<&str> = found.iter().map(|(_, name, _)| name.as_str()).collect();
        let message = format!("{}: {} hours {what}", names.join(", "), sum.to_text_rounded(6));
        let all = Difference::new(Between::SourceAndRecords, reason, message);
        let resources = found.iter().map(|(id, _, _)| (*id).clone()).collect();
        differences.push(Difference { resources, quantity: Some(sum), ..all });
    }
}
