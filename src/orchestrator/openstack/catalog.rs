//! Flavors, volume and share types, images, availability zones, external networks, and the
//! present names and tags of resources.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::OpenStack;
use super::client::Client;
use super::flavor::{Sizes, add_specs, add_traits};
use super::image::Images;
use super::json;
use super::list::{List, Paging};
use super::owners::{Internal, fetch_projects};
use super::service::Service;
use super::{date, flavor};
use crate::collect::record::{Attributes, attribute};
use crate::orchestrator::{Answer, CatalogItem, ItemKind, OrchestratorError};

/// Seconds for which the names of deleted servers are still read.
const DELETED_NAMES_SECONDS: i64 = 2 * 86_400;

/// Everything that is offered, one item an id. Lists that the role may not read are left out,
/// which `doctor` names.
pub async fn fetch(cloud: &OpenStack) -> Answer<Vec<CatalogItem>> {
    let client = &cloud.client;
    client.forget_endpoints();
    let mut items: BTreeMap<(ItemKind, String), CatalogItem> = BTreeMap::new();
    let mut add = |found: Vec<CatalogItem>| {
        for item in found {
            items.entry((item.kind, item.id.clone())).or_insert(item);
        }
    };
    let flavors = client.rows_if_allowed(&flavors()).await?;
    add(flavors.iter().filter_map(|row| flavor_item(row, &cloud.gpus)).collect());
    add(volume_types(client).await?);
    add(share_types(client).await?);
    let internal = internal_ids(client, &cloud.internal).await?;
    let images = images(client).await?;
    let systems = Images::new(&images, &internal);
    add(images.iter().filter_map(|row| image_item(row, &systems)).collect());
    add(zones(client).await?);
    add(networks(client).await?);
    add(resources(client).await?);
    Ok(items.into_values().collect())
}

/// The list of flavors, public and private.
pub fn flavors() -> List {
    List::new(Service::Compute, "flavors/detail", "flavors").with("is_public", "None")
}

/// All images, hidden ones too.
pub async fn images(client: &Client) -> Answer<Vec<Value>> {
    let mut rows = Vec::new();
    for hidden in ["false", "true"] {
        rows.extend(client.rows_if_allowed(&image_list(hidden)).await?);
    }
    Ok(rows)
}

/// The images that are hidden, or those that are not.
pub fn image_list(hidden: &str) -> List {
    List::new(Service::Image, "images", "images")
        .with("visibility", "all")
        .with("os_hidden", hidden)
        .with("sort", "created_at:asc,id:asc")
}

/// The installation's own projects; none where projects may not be listed.
pub async fn internal_ids(client: &Client, internal: &Internal) -> Answer<BTreeSet<String>> {
    match fetch_projects(client, internal).await {
        Ok(projects) => Ok(projects.internal),
        Err(OrchestratorError::Forbidden { .. }) => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

fn item(kind: ItemKind, row: &Value, attributes: Attributes) -> Option<CatalogItem> {
    let id = json::text(row, "id")?;
    let name = json::text(row, "name").unwrap_or_else(|| id.clone());
    Some(CatalogItem { kind, id, name, attributes })
}

fn flavor_item(row: &Value, gpus: &flavor::GpuAliases) -> Option<CatalogItem> {
    let mut attributes = Attributes::new();
    if let Some(sizes) = Sizes::of(row) {
        sizes.add_to(&mut attributes, false);
    }
    let specs = json::pairs(row, "extra_specs");
    add_specs(&mut attributes, &specs, gpus);
    add_traits(&mut attributes, &specs);
    attributes.insert("fixed".to_owned(), "true".to_owned());
    item(ItemKind::ServiceOffering, row, attributes)
}

/// Volume types with their back end and the operations a second that their policy allows.
async fn volume_types(client: &Client) -> Answer<Vec<CatalogItem>> {
    let list = List::new(Service::BlockStorage, "types", "volume_types").with("is_public", "None");
    let types = client.rows_if_allowed(&list).await?;
    let policies = List::new(Service::BlockStorage, "qos-specs", "qos_specs");
    let policies = client.rows_if_allowed(&policies.paged(Paging::Whole)).await?;
    let limits: BTreeMap<String, String> = policies
        .iter()
        .filter_map(|row| {
            let specs = row.get("specs")?;
            let limit = ["total_iops_sec", "maxIOPS", "max_iops"]
                .iter()
                .find_map(|name| json::text(specs, name));
            Some((json::text(row, "id")?, limit?))
        })
        .collect();
    let found = types.iter().filter_map(|row| {
        let mut attributes = Attributes::new();
        let specs = json::pairs(row, "extra_specs");
        let back_end = specs.iter().find(|(name, _)| name == "volume_backend_name");
        let tag = back_end.map(|(_, value)| value.clone());
        attributes.extend(tag.map(|tag| (attribute::STORAGE_TAG.to_owned(), tag)));
        let limit = json::text(row, "qos_specs_id").and_then(|id| limits.get(&id).cloned());
        attributes.extend(limit.map(|limit| (attribute::IOPS.to_owned(), limit)));
        item(ItemKind::DiskOffering, row, attributes)
    });
    Ok(found.collect())
}

async fn share_types(client: &Client) -> Answer<Vec<CatalogItem>> {
    let list = List::new(Service::Share, "types", "share_types").with("is_public", "all");
    let types = client.rows_if_allowed(&list.paged(Paging::Whole)).await?;
    Ok(types
        .iter()
        .filter_map(|row| item(ItemKind::DiskOffering, row, Attributes::new()))
        .collect())
}

fn image_item(row: &Value, systems: &Images) -> Option<CatalogItem> {
    let id = json::text(row, "id")?;
    let mut attributes = Attributes::new();
    let size = json::text(row, "size");
    attributes.extend(size.map(|size| (attribute::SIZE_BYTES.to_owned(), size)));
    systems.add_system(&mut attributes, &id);
    attributes.extend(json::text(row, "status").map(|status| ("state".to_owned(), status)));
    item(ItemKind::Template, row, attributes)
}

/// Availability zones of machines and of volumes; their name is their id.
async fn zones(client: &Client) -> Answer<Vec<CatalogItem>> {
    let mut names = BTreeSet::new();
    for service in [Service::Compute, Service::BlockStorage] {
        let list = List::new(service, "os-availability-zone", "availabilityZoneInfo");
        for row in client.rows_if_allowed(&list.paged(Paging::Whole)).await? {
            names.extend(json::text(&row, "zoneName"));
        }
    }
    let zone = |name: String| CatalogItem {
        kind: ItemKind::Zone,
        id: name.clone(),
        name,
        attributes: Attributes::new(),
    };
    Ok(names.into_iter().map(zone).collect())
}

/// External networks: what a public address belongs to.
async fn networks(client: &Client) -> Answer<Vec<CatalogItem>> {
    let rows = client.rows_if_allowed(&external_networks()).await?;
    let kind = "guest_type".to_owned();
    let found = rows.iter().filter_map(|row| {
        let attributes = Attributes::from([(kind.clone(), "external".to_owned())]);
        item(ItemKind::NetworkOffering, row, attributes)
    });
    Ok(found.collect())
}

/// The list of external networks.
pub fn external_networks() -> List {
    network_list("networks", "networks").with("router:external", "true")
}

/// A list of the network service, in a stable order.
pub fn network_list(path: &str, key: &'static str) -> List {
    List::new(Service::Network, path, key).with("sort_key", "id").with("sort_dir", "asc")
}

/// Present names and tags of resources.
async fn resources(client: &Client) -> Answer<Vec<CatalogItem>> {
    // The machine's clock: names of what was deleted lately are still wanted.
    let since = jiff::Timestamp::now().as_second() - DELETED_NAMES_SECONDS;
    let servers = List::new(Service::Compute, "servers/detail", "servers").with("all_tenants", "1");
    let volumes = |path, key| List::new(Service::BlockStorage, path, key).with("all_tenants", "1");
    let lists = [
        servers.clone(),
        servers.with("changes-since", date::text(since)),
        volumes("volumes/detail", "volumes"),
        volumes("snapshots/detail", "snapshots"),
        volumes("backups/detail", "backups"),
        network_list("floatingips", "floatingips"),
        network_list("routers", "routers"),
        network_list("networks", "networks"),
        List::new(Service::LoadBalancer, "lbaas/loadbalancers", "loadbalancers"),
        List::new(Service::Share, "shares/detail", "shares")
            .with("all_tenants", "1")
            .paged(Paging::Offset),
    ];
    let mut items = BTreeMap::new();
    for list in lists {
        for row in client.rows_if_allowed(&list).await? {
            if let Some(item) = resource_item(&row) {
                items.entry(item.id.clone()).or_insert(item);
            }
        }
    }
    for row in images(client).await? {
        if let Some(item) = resource_item(&row) {
            items.entry(item.id.clone()).or_insert(item);
        }
    }
    Ok(items.into_values().collect())
}

/// A resource's name (a public address has none but itself) and the pairs of its metadata.
fn resource_item(row: &Value) -> Option<CatalogItem> {
    let id = json::text(row, "id")?;
    let name = json::text(row, "name").or_else(|| json::text(row, "floating_ip_address"))?;
    let tag = |(key, value): (String, String)| (format!("{}{key}", attribute::TAG_PREFIX), value);
    let attributes = json::pairs(row, "metadata").into_iter().map(tag).collect();
    Some(CatalogItem { kind: ItemKind::Resource, id, name, attributes })
}
