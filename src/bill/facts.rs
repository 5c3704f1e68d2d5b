//! What is known of each record's resource: its owner then, and the catalogue then.
//!
//! Facts are shared: records of one attribute set, one owner state and one catalogue state have
//! the same `Arc`, so that prices are matched once for all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::catalog::store::{CatalogHistory, load_history};
use crate::collect::record::{Attributes, StoredRecord, attribute};
use crate::collect::store::load_attribute_sets;
use crate::customer::store::{OwnerHistory, load_owner_history};
use crate::ids::{CustomerId, SourceName};
use crate::meter::Facts;
use crate::orchestrator::{ItemKind, OwnerKind};
use crate::store::{Conn, StoreError};

/// The histories of all sources that facts are drawn from.
#[derive(Default)]
pub struct Histories {
    sources: BTreeMap<SourceName, (CatalogHistory, OwnerHistory)>,
    /// Instants at which any item of a source changes, ascending: facts hold between them.
    changes: BTreeMap<SourceName, Vec<i64>>,
    /// Attribute sets of usage that is not stored, by id.
    live: BTreeMap<i64, Attributes>,
}

impl Histories {
    /// Adds attribute sets of usage that is not stored.
    pub fn add_live(&mut self, sets: BTreeMap<i64, Attributes>) {
        self.live.extend(sets);
    }

    /// Loads the histories of the sources that records name, as known at an instant.
    pub async fn load(
        &mut self,
        conn: &mut Conn,
        records: &[StoredRecord],
        known_at: i64,
    ) -> Result<(), StoreError> {
        let named: BTreeSet<&SourceName> = records.iter().map(|r| &r.key.owner.source).collect();
        for source in named {
            if self.sources.contains_key(source) {
                continue;
            }
            let catalog = load_history(conn, source, known_at).await?;
            let owners = load_owner_history(conn, source, known_at).await?;
            let mut changes: BTreeSet<i64> = BTreeSet::new();
            changes.extend(catalog.items.values().flatten().map(|(from, _)| *from));
            changes.extend(owners.owners.values().flatten().map(|(from, _)| *from));
            self.changes.insert(source.clone(), changes.into_iter().collect());
            self.sources.insert(source.clone(), (catalog, owners));
        }
        Ok(())
    }
}

/// The facts of each record, same positions.
pub async fn load_facts(
    conn: &mut Conn,
    histories: &Histories,
    records: &[StoredRecord],
    customer: &CustomerId,
) -> Result<Vec<Arc<Facts>>, StoreError> {
    let ids: BTreeSet<i64> = records.iter().map(|record| record.attribute_set).collect();
    let ids: Vec<i64> = ids.into_iter().collect();
    let mut sets = load_attribute_sets(conn, &ids).await?;
    sets.extend(histories.live.iter().map(|(id, attributes)| (*id, attributes.clone())));
    let mut known: HashMap<(&crate::ids::OwnerRef, &str, i64, usize), Arc<Facts>> = HashMap::new();
    let mut facts = Vec::with_capacity(records.len());
    for record in records {
        let owner = &record.key.owner;
        let changes = histories.changes.get(&owner.source).map_or(&[][..], Vec::as_slice);
        let state = changes.partition_point(|at| *at <= record.key.from);
        // Tags belong to the resource, so that its id is part of what facts are shared by.
        let key = (owner, record.key.resource.as_str(), record.attribute_set, state);
        let found = match known.get(&key) {
            Some(found) => found.clone(),
            None => {
                let made = Arc::new(facts_of(histories, record, &sets, customer)?);
                known.insert(key, made.clone());
                made
            }
        };
        facts.push(found);
    }
    Ok(facts)
}

fn facts_of(
    histories: &Histories,
    record: &StoredRecord,
    sets: &BTreeMap<i64, Attributes>,
    customer: &CustomerId,
) -> Result<Facts, StoreError> {
    let at = record.key.from;
    let owner = &record.key.owner;
    let mut attributes =
        sets.get(&record.attribute_set).cloned().ok_or_else(|| StoreError::Corrupt {
            table: "usage_record",
            id: format!("{:?}", record.key),
            column: "attribute_set",
            value: record.attribute_set.to_string(),
        })?;
    let Some((catalog, owners)) = histories.sources.get(&owner.source) else {
        return Ok(Facts {
            customer: customer.clone(),
            owner: owner.clone(),
            account: None,
            project: None,
            domain_path: String::new(),
            attributes,
        });
    };
    complete(&mut attributes, catalog, &record.key.resource, at);
    let info = owners.at(&owner.id, at);
    let named = |id: &str| {
        let name = owners.at(id, at).map_or_else(|| id.to_owned(), |owner| owner.name.clone());
        (id.to_owned(), name)
    };
    let (account, project) = match info.map(|info| info.kind) {
        Some(OwnerKind::Project) => {
            let account = info.and_then(|info| info.account_id.as_deref()).map(named);
            (account, Some(named(&owner.id)))
        }
        Some(OwnerKind::Account | OwnerKind::Domain) | None => (Some(named(&owner.id)), None),
    };
    Ok(Facts {
        customer: customer.clone(),
        owner: owner.clone(),
        account,
        project,
        domain_path: info.map_or_else(String::new, |info| info.domain_path.clone()),
        attributes,
    })
}

/// Adds what the catalogue of the time knows; what the record itself says wins.
fn complete(attributes: &mut Attributes, catalog: &CatalogHistory, resource: &str, at: i64) {
    let kinds = [
        ItemKind::ServiceOffering,
        ItemKind::DiskOffering,
        ItemKind::NetworkOffering,
        ItemKind::VpcOffering,
        ItemKind::BackupOffering,
    ];
    if let Some(id) = attributes.get(attribute::OFFERING).cloned() {
        let item = kinds.iter().find_map(|kind| catalog.at(*kind, &id, at));
        if let Some(item) = item {
            add(attributes, attribute::OFFERING_NAME, &item.name);
            for key in [
                attribute::VCPUS,
                attribute::RAM_MIB,
                attribute::GPU_COUNT,
                attribute::GPU_MODEL,
                attribute::STORAGE_TAG,
                attribute::IOPS,
            ] {
                if let Some(value) = item.attributes.get(key) {
                    add(attributes, key, value);
                }
            }
        }
    }
    if let Some(id) = attributes.get(attribute::TEMPLATE).cloned()
        && let Some(item) = catalog.at(ItemKind::Template, &id, at)
    {
        add(attributes, attribute::TEMPLATE_NAME, &item.name);
        for key in [attribute::OS, attribute::OS_CATEGORY] {
            if let Some(value) = item.attributes.get(key) {
                add(attributes, key, value);
            }
        }
    }
    if let Some(id) = attributes.get(attribute::ZONE).cloned()
        && let Some(item) = catalog.at(ItemKind::Zone, &id, at)
    {
        add(attributes, attribute::ZONE_NAME, &item.name);
    }
    if let Some(item) = catalog.at(ItemKind::Resource, resource, at) {
        add(attributes, attribute::NAME, &item.name);
        for (key, value) in &item.attributes {
            if key.starts_with(attribute::TAG_PREFIX) {
                add(attributes, key, value);
            }
        }
    }
}

fn add(attributes: &mut Attributes, key: &str, value: &str) {
    attributes.entry(key.to_owned()).or_insert_with(|| value.to_owned());
}
