//! The parts of a line: which resource has which share, and the records behind it. PURE.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::document::ChargePart;
use crate::collect::record::{StoredRecord, attribute};
use crate::ids::{OwnerRef, SourceName};
use crate::money::{Exact, allocate::largest_remainder};
use crate::rate::Charge;

#[derive(Default)]
struct Group<'a> {
    first: Option<&'a Charge>,
    quantity: Exact,
    exact: Exact,
    records: Vec<usize>,
}

/// Cuts a line's net by owner, resource and meter, by largest remainder of the exact amounts.
pub(super) fn parts_of(
    charges: &[&Charge],
    records: &[StoredRecord],
    line: u32,
    net_minor: i64,
) -> Vec<ChargePart> {
    let mut groups: BTreeMap<(OwnerRef, String, String), Group<'_>> = BTreeMap::new();
    for charge in charges {
        let group = groups.entry(key_of(charge, records)).or_default();
        group.first.get_or_insert(charge);
        group.quantity.add_assign(&charge.quantity);
        group.records.extend(records_of(charge));
    }
    for group in groups.values_mut() {
        if let Some(first) = group.first {
            let product = group.quantity.times(&first.unit_price);
            group.exact = product.divided_by(&first.base).unwrap_or(Exact::ZERO);
        }
    }
    let weights: Vec<Exact> =
        groups
            .values()
            .map(|group| {
                if group.exact.is_negative() { group.exact.negated() } else { group.exact.clone() }
            })
            .collect();
    let shares = largest_remainder(net_minor, &weights);
    groups
        .into_iter()
        .zip(shares)
        .zip(1..)
        .map(|(((key, group), net_minor), ordinal)| {
            part(records, key, group, Place { line, ordinal, net_minor })
        })
        .collect()
}

struct Place {
    line: u32,
    ordinal: u32,
    net_minor: i64,
}

/// Positions of the usage records that a charge stands on.
pub(super) fn records_of(charge: &Charge) -> impl Iterator<Item = usize> {
    let behind = charge.behind.iter().flat_map(|behind| behind.records.iter().copied());
    charge.resource.iter().map(|resource| resource.record).chain(behind)
}

/// Owner, resource and meter. What a pool owes as a whole has the owner and the resource that all
/// of its usage has in common, and no meter.
pub(super) fn key_of(charge: &Charge, records: &[StoredRecord]) -> (OwnerRef, String, String) {
    if let Some(resource) = &charge.resource {
        let owner = resource.facts.owner.clone();
        return (owner, resource.id.to_string(), resource.meter.to_string());
    }
    let mut keys = records_of(charge).map(|position| &records[position].key);
    let nobody = || OwnerRef { source: SourceName(String::new()), id: String::new() };
    let Some(first) = keys.next() else { return (nobody(), String::new(), String::new()) };
    let (mut one_owner, mut one_resource) = (true, true);
    for key in keys {
        one_owner &= key.owner == first.owner;
        one_resource &= key.resource == first.resource;
    }
    let owner = if one_owner { first.owner.clone() } else { nobody() };
    let resource = if one_owner && one_resource { first.resource.clone() } else { String::new() };
    (owner, resource, String::new())
}

fn part(
    records: &[StoredRecord],
    (owner, resource, meter): (OwnerRef, String, String),
    mut group: Group<'_>,
    place: Place,
) -> ChargePart {
    group.records.sort_unstable_by(|a, b| records[*a].key.cmp(&records[*b].key));
    group.records.dedup();
    let key_text = |index: Option<&usize>| {
        index.map_or_else(String::new, |index| crate::store::codec::to_json(&records[*index].key))
    };
    let own = group.first.and_then(|charge| charge.resource.as_ref()).map(|one| &one.facts);
    let shared = group.first.and_then(|charge| charge.behind.as_ref()).map(|one| &one.facts);
    // Facts of one use speak for a pool only as far as all of its usage has them in common.
    let facts = own.or(shared.filter(|_| !owner.id.is_empty()));
    let of_resource = facts.filter(|_| own.is_some() || !resource.is_empty());
    let named = |pair: &Option<(String, String)>| pair.as_ref().map(|(_, name)| name.clone());
    let tags = of_resource.map_or_else(Vec::new, |facts| {
        let tags = facts.attributes.iter().filter_map(|(key, value)| {
            key.strip_prefix(attribute::TAG_PREFIX).map(|key| format!("{key}={value}"))
        });
        tags.collect()
    });
    let name = of_resource.and_then(|facts| facts.attributes.get(attribute::NAME).cloned());
    ChargePart {
        line: place.line,
        ordinal: place.ordinal,
        project: facts.and_then(|facts| named(&facts.project)),
        account: facts.and_then(|facts| named(&facts.account)),
        resource_name: name.unwrap_or_else(|| resource.clone()),
        owner,
        meter,
        resource,
        tags,
        quantity: group.quantity.reduced(),
        exact: group.exact.reduced(),
        net_minor: place.net_minor,
        record_first: key_text(group.records.first()),
        record_last: key_text(group.records.last()),
        record_count: u32::try_from(group.records.len()).unwrap_or(u32::MAX),
        record_hash: record_hash(group.records.iter().map(|index| &records[*index])),
    }
}

/// SHA-256 (hex) over the keys, ends, quantities and attribute sets of records, in key order.
pub fn record_hash<'a>(records: impl Iterator<Item = &'a StoredRecord>) -> String {
    let mut hasher = Sha256::new();
    for record in records {
        let key = &record.key;
        let fields = [
            key.owner.source.0.as_str(),
            &key.owner.id,
            &key.meter,
            &key.resource,
            &key.identity,
            &record.quantity.to_string(),
        ];
        for field in fields {
            hasher.update(field.as_bytes());
            hasher.update([0x1f]);
        }
        for number in [key.from, key.revision, record.until, record.attribute_set] {
            hasher.update(number.to_be_bytes());
        }
        hasher.update([0x1e]);
    }
    hex::encode(hasher.finalize())
}
