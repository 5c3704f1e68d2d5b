//! What the catalogue of the time adds to a usage record's own attributes. PURE.

use super::store::CatalogHistory;
use crate::collect::record::{Attributes, attribute};
use crate::orchestrator::{CatalogItem, ItemKind};

/// Kinds of offerings by the record's offering id; ids are unique over all of them.
const OFFERINGS: [ItemKind; 5] = [
    ItemKind::ServiceOffering,
    ItemKind::DiskOffering,
    ItemKind::NetworkOffering,
    ItemKind::VpcOffering,
    ItemKind::BackupOffering,
];

/// Sizes and tags that a record takes from its offering where it says nothing itself.
const FROM_OFFERING: [&str; 7] = [
    attribute::VCPUS,
    attribute::CPU_MHZ,
    attribute::RAM_MIB,
    attribute::GPU_COUNT,
    attribute::GPU_MODEL,
    attribute::STORAGE_TAG,
    attribute::IOPS,
];

/// What a record takes from its template.
const FROM_TEMPLATE: [&str; 2] = [attribute::OS, attribute::OS_CATEGORY];

/// The record's attributes with what the catalogue knew at `at` of its resource, offering,
/// template and zone. What the record says itself always stays.
pub fn completed(
    attributes: &Attributes,
    resource: &str,
    at: i64,
    history: &CatalogHistory,
) -> Attributes {
    let mut whole = attributes.clone();
    if let Some(item) = history.at(ItemKind::Resource, resource, at) {
        add(&mut whole, attribute::NAME, &item.name);
        for (key, value) in &item.attributes {
            add(&mut whole, key, value);
        }
    }
    let offering = whole.get(attribute::OFFERING).cloned();
    if let Some(id) = offering {
        let found = OFFERINGS.into_iter().find_map(|kind| history.at(kind, &id, at));
        if let Some(item) = found {
            add(&mut whole, attribute::OFFERING_NAME, &item.name);
            add_some(&mut whole, item, &FROM_OFFERING);
        }
    }
    let template = whole.get(attribute::TEMPLATE).cloned();
    if let Some(item) = template.and_then(|id| history.at(ItemKind::Template, &id, at)) {
        add(&mut whole, attribute::TEMPLATE_NAME, &item.name);
        add_some(&mut whole, item, &FROM_TEMPLATE);
    }
    let zone = whole.get(attribute::ZONE).cloned();
    if let Some(item) = zone.and_then(|id| history.at(ItemKind::Zone, &id, at)) {
        add(&mut whole, attribute::ZONE_NAME, &item.name);
    }
    whole
}

fn add(whole: &mut Attributes, key: &str, value: &str) {
    if !value.is_empty() && !whole.contains_key(key) {
        whole.insert(key.to_owned(), value.to_owned());
    }
}

fn add_some(whole: &mut Attributes, item: &CatalogItem, keys: &[&str]) {
    for key in keys {
        if let Some(value) = item.attributes.get(*key) {
            add(whole, key, value);
        }
    }
}
