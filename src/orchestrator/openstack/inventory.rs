//! Machines, volumes and addresses that exist, and machines that were deleted lately.

use serde_json::Value;

use super::catalog::network_list;
use super::client::Client;
use super::list::List;
use super::service::Service;
use super::{date, json};
use crate::meter::kind;
use crate::orchestrator::{Answer, InventoryItem};

/// Seconds for which deleted machines are listed.
const DELETED_SECONDS: i64 = 62 * 86_400;
const ADDRESS: &str = "ip_address";

/// What exists, or was seen to end.
pub async fn fetch(client: &Client) -> Answer<Vec<InventoryItem>> {
    let mut items = Vec::new();
    if client.endpoint(Service::Compute).await?.is_some() {
        let servers = List::new(Service::Compute, "servers/detail", "servers");
        let servers = servers.with("all_tenants", "1");
        let since = jiff::Timestamp::now().as_second() - DELETED_SECONDS;
        let deleted = servers.clone().with("deleted", "true");
        let deleted = deleted.with("changes-since", date::text(since));
        for list in [servers, deleted] {
            items.extend(client.rows(&list).await?.iter().filter_map(server_item));
        }
    }
    if client.endpoint(Service::BlockStorage).await?.is_some() {
        let volumes = List::new(Service::BlockStorage, "volumes/detail", "volumes");
        let rows = client.rows(&volumes.with("all_tenants", "1")).await?;
        items.extend(rows.iter().filter_map(volume_item));
    }
    if client.endpoint(Service::Network).await?.is_some() {
        let rows = client.rows(&network_list("floatingips", "floatingips")).await?;
        items.extend(rows.iter().filter_map(address_item));
    }
    Ok(items)
}

fn instant(row: &Value, field: &str) -> Option<i64> {
    json::text(row, field).and_then(|text| date::seconds(&text))
}

/// A machine that never ran is none yet; what is broken or only waits to be removed is free.
fn server_item(row: &Value) -> Option<InventoryItem> {
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

fn volume_item(row: &Value) -> Option<InventoryItem> {
    let id = json::text(row, "id")?;
    let status = json::text(row, "status").unwrap_or_else(String::new);
    let counts = json::text(row, "consumes_quota").as_deref() != Some("false");
    (counts && !status.starts_with("error")).then_some(())?;
    Some(InventoryItem {
        owner: json::text(row, "os-vol-tenant-attr:tenant_id")?,
        meter: kind::VOLUME.to_owned(),
        name: json::text(row, "name").unwrap_or_else(|| id.clone()),
        resource: id,
        created: instant(row, "created_at"),
        removed: None,
    })
}

fn address_item(row: &Value) -> Option<InventoryItem> {
    let id = json::text(row, "id")?;
    let owner = json::text(row, "project_id").or_else(|| json::text(row, "tenant_id"));
    Some(InventoryItem {
        owner: owner?,
        meter: ADDRESS.to_owned(),
        name: json::text(row, "floating_ip_address").unwrap_or_else(|| id.clone()),
        resource: id,
        created: instant(row, "created_at"),
        removed: None,
    })
}
