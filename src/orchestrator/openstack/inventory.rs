//! What exists: machines, also those that were deleted lately, and everything that is listed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::client::Client;
use super::list::List;
use super::service::Service;
use super::{OpenStack, date, json, observe};
use crate::collect::observation::{Observation, ResourceKind};
use crate::collect::observe::meters;
use crate::collect::record::attribute;
use crate::meter::kind;
use crate::orchestrator::{Answer, InventoryItem, RawPage};

/// Seconds for which deleted machines are listed.
const DELETED_SECONDS: i64 = 62 * 86_400;

/// What exists, or was seen to end. Of what cannot be listed to its end nothing is told.
pub async fn fetch(cloud: &OpenStack) -> Answer<Vec<InventoryItem>> {
    let client = &cloud.client;
    let mut items = machines(client).await?;
    let now = jiff::Timestamp::now().as_second();
    let listed = observe::fetch_listed(cloud, now).await?;
    let reader = observe::Reader { source: &client.source, gpus: &cloud.gpus };
    let mut things: BTreeMap<(ResourceKind, String), InventoryItem> = BTreeMap::new();
    for page in &listed.pages {
        for observed in observations(reader, page, now)? {
            if listed.complete.contains(&observed.kind) {
                add(&mut things, observed);
            }
        }
    }
    items.extend(things.into_values());
    Ok(items)
}

/// What can be read of a page: the rest is told when it is observed.
fn observations(
    reader: observe::Reader<'_>,
    page: &RawPage,
    now: i64,
) -> Answer<impl Iterator<Item = Observation>> {
    let found = observe::parse(reader, page, now)?;
    Ok(found.into_iter().filter_map(|one| one.outcome.ok()))
}

/// Notes a thing as it is now, or since when it is there. What is broken is free.
fn add(things: &mut BTreeMap<(ResourceKind, String), InventoryItem>, observed: Observation) {
    let key = (observed.kind, observed.resource.clone());
    let Some(state) = observed.state else {
        let made = observed.at_micros.div_euclid(1_000_000);
        let item = blank(&observed);
        things.entry(key).or_insert(item).created = Some(made);
        return;
    };
    let Some(meter) = meters::meter(observed.kind, state) else {
        things.remove(&key);
        return;
    };
    let name = observed.attributes.get(attribute::NAME).cloned();
    let item = things.entry(key).or_insert_with(|| blank(&observed));
    item.meter = meter.to_owned();
    item.name = name.unwrap_or_else(|| observed.resource.clone());
}

fn blank(observed: &Observation) -> InventoryItem {
    InventoryItem {
        owner: observed.owner.id.clone(),
        meter: String::new(),
        resource: observed.resource.clone(),
        name: observed.resource.clone(),
        created: None,
        removed: None,
    }
}

async fn machines(client: &Client) -> Answer<Vec<InventoryItem>> {
    let mut items = Vec::new();
    if client.endpoint(Service::Compute).await?.is_none() {
        return Ok(items);
    }
    let servers = List::new(Service::Compute, "servers/detail", "servers");
    let servers = servers.with("all_tenants", "1");
    let since = jiff::Timestamp::now().as_second() - DELETED_SECONDS;
    let deleted = servers.clone().with("deleted", "true");
    let deleted = deleted.with("changes-since", date::text(since));
    for list in [servers, deleted] {
        items.extend(client.rows(&list).await?.iter().filter_map(machine));
    }
    Ok(items)
}

fn instant(row: &Value, field: &str) -> Option<i64> {
    json::text(row, field).and_then(|text| date::seconds(&text))
}

/// A machine that never ran is none yet; what is broken or only waits to be removed is free.
fn machine(row: &Value) -> Option<InventoryItem> {
    let status = json::text(row, "status").unwrap_or_else(String::new);
    (!matches!(status.as_str(), "ERROR" | "SOFT_DELETED")).then_some(())?;
    let launched = instant(row, "OS-SRV-USG:launched_at")?;
    let id = json::text(row, "id")?;
    Some(InventoryItem {
        owner: json::text(row, "tenant_id")?,
        meter: kind::VM_ALLOCATED.to_owned(),
        name: json::text(row, "name").unwrap_or_else(|| id.clone()),
        resource: id,
        created: instant(row, "created").or(Some(launched)),
        removed: instant(row, "OS-SRV-USG:terminated_at"),
    })
}
