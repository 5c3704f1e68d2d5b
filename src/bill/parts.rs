//! The parts of a line: which resource has which share, and the records behind it. PURE.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::document::ChargePart;
use crate::collect::record::{StoredRecord, attribute};
use crate::ids::{OwnerRef, SourceName};
use crate::money::{Exact, allocate::largest_remainder};
use crate::rate::Charge;

/// A charge of the line.
pub(super) struct PartSource<'a> {
    charge: &'a Charge,
}

impl<'a> PartSource<'a> {
    pub fn new(charge: &'a Charge) -> Self {
        Self { charge }
    }
}

#[derive(Default)]
struct Group<'a> {
    first: Option<&'a Charge>,
    quantity: Exact,
    exact: Exact,
    records: Vec<usize>,
}

/// Cuts a line's net by owner, resource and meter, by largest remainder of the exact amounts.
pub(super) fn parts_of(
    sources: &[PartSource<'_>],
    records: &[StoredRecord],
    line: u32,
    net_minor: i64,
) -> Vec<ChargePart> {
    let mut groups: BTreeMap<(OwnerRef, String, String), Group<'_>> = BTreeMap::new();
    for source in sources {
        let group = groups.entry(key_of(source.charge)).or_default();
        group.first.get_or_insert(source.charge);
        group.quantity.add_assign(&source.charge.quantity);
        if let Some(resource) = &source.charge.resource {
            group.records.push(resource.record);
        }
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

fn key_of(charge: &Charge) -> (OwnerRef, String, String) {
    match &charge.resource {
        Some(resource) => {
            (resource.facts.owner.clone(), resource.id.to_string(), resource.meter.to_string())
        }
        None => {
            let (source, id) = match charge.pool.scope_id.split_once('/') {
                Some((source, rest)) => (source, rest.split('/').next().unwrap_or(rest)),
                None => ("", ""),
            };
            let owner = OwnerRef { source: SourceName(source.to_owned()), id: id.to_owned() };
            (owner, String::new(), String::new())
        }
    }
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
    let facts = group.first.and_then(|charge| charge.resource.as_ref()).map(|r| &r.facts);
    let named = |pair: &Option<(String, String)>| pair.as_ref().map(|(_, name)| name.clone());
    let tags = facts.map_or_else(Vec::new, |facts| {
        let tags = facts.attributes.iter().filter_map(|(key, value)| {
            key.strip_prefix(attribute::TAG_PREFIX).map(|key| format!("{key}={value}"))
        });
        tags.collect()
    });
    let name = facts.and_then(|facts| facts.attributes.get(attribute::NAME).cloned());
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
