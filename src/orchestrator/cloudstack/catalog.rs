//! Offerings, templates, zones, and the tags and names of resources.

use std::collections::BTreeMap;

use serde_json::Value;

use super::client::{Client, command};
use super::json;
use crate::collect::record::{Attributes, attribute};
use crate::orchestrator::{Answer, CatalogItem, ItemKind, OrchestratorError};

/// A list of the catalogue: its command, parameters, kind, and the fields of use.
struct List {
    command: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    kind: ItemKind,
    fields: &'static [(&'static str, &'static str)],
}

const LISTS: [List; 7] = [
    List {
        command: "listServiceOfferings",
        parameters: &[("issystem", "false"), ("state", "all"), ("listall", "true")],
        kind: ItemKind::ServiceOffering,
        fields: &[
            ("cpunumber", attribute::VCPUS),
            ("cpuspeed", attribute::CPU_MHZ),
            ("memory", attribute::RAM_MIB),
            ("gpucount", attribute::GPU_COUNT),
            ("gpucardname", attribute::GPU_MODEL),
            ("storagetags", attribute::STORAGE_TAG),
            ("miniops", attribute::IOPS),
            ("state", "state"),
            ("domain", "domain"),
        ],
    },
    List {
        command: "listDiskOfferings",
        parameters: &[("listall", "true")],
        kind: ItemKind::DiskOffering,
        fields: &[
            ("disksize", "size_gib"),
            ("tags", attribute::STORAGE_TAG),
            ("miniops", attribute::IOPS),
            ("state", "state"),
            ("domain", "domain"),
        ],
    },
    List {
        command: "listNetworkOfferings",
        parameters: &[],
        kind: ItemKind::NetworkOffering,
        fields: &[("guestiptype", "guest_type"), ("state", "state")],
    },
    List {
        command: "listVPCOfferings",
        parameters: &[],
        kind: ItemKind::VpcOffering,
        fields: &[("state", "state")],
    },
    List {
        command: "listBackupOfferings",
        parameters: &[],
        kind: ItemKind::BackupOffering,
        fields: &[("provider", "provider")],
    },
    List {
        command: "listTemplates",
        parameters: &[("templatefilter", "all"), ("listall", "true")],
        kind: ItemKind::Template,
        fields: &[
            ("ostypename", attribute::OS),
            ("size", attribute::SIZE_BYTES),
            ("hypervisor", attribute::HYPERVISOR),
        ],
    },
    List {
        command: "listZones",
        parameters: &[],
        kind: ItemKind::Zone,
        fields: &[("networktype", "network_type")],
    },
];

/// Everything that is offered, one item an id; lists that the role may not read are left out,
/// which `doctor` names.
pub async fn fetch(client: &Client) -> Answer<Vec<CatalogItem>> {
    let mut items: BTreeMap<(ItemKind, String), CatalogItem> = BTreeMap::new();
    let families = families(client).await?;
    for list in &LISTS {
        let rows = allowed(client.list(command(list.command, list.parameters)).await)?;
        for row in &rows {
            if let Some(item) = item_of(list, row, &families) {
                items.entry((item.kind, item.id.clone())).or_insert(item);
            }
        }
    }
    for item in resources(client).await? {
        items.insert((item.kind, item.id.clone()), item);
    }
    Ok(items.into_values().collect())
}

/// The category of each guest system, as usage records name it.
async fn families(client: &Client) -> Answer<BTreeMap<String, String>> {
    let rows = allowed(client.list(command("listOsTypes", &[])).await)?;
    let field = |row: &Value, name: &str| json::text(row, name);
    Ok(rows
        .iter()
        .filter_map(|row| Some((field(row, "id")?, field(row, "oscategoryname")?)))
        .collect())
}

/// No rows where the role may not read the list.
pub fn allowed(rows: Answer<Vec<Value>>) -> Answer<Vec<Value>> {
    match rows {
        Err(OrchestratorError::Forbidden { .. }) => Ok(Vec::new()),
        other => other,
    }
}

fn item_of(list: &List, row: &Value, families: &BTreeMap<String, String>) -> Option<CatalogItem> {
    let mut attributes = Attributes::new();
    for (field, key) in list.fields {
        if let Some(value) = json::text(row, field).filter(|value| !value.is_empty()) {
            attributes.insert((*key).to_owned(), value);
        }
    }
    if let Some(custom) = json::text(row, "iscustomized") {
        let fixed = if custom == "true" { "false" } else { "true" };
        attributes.insert("fixed".to_owned(), fixed.to_owned());
    }
    if list.kind == ItemKind::Template
        && let Some(os) = attributes.get(attribute::OS)
    {
        // Where the list of systems may not be read, the first word is the family: Windows,
        // Debian, CentOS.
        let listed = json::text(row, "ostypeid").and_then(|id| families.get(&id).cloned());
        let family = listed.or_else(|| os.split_whitespace().next().map(str::to_owned));
        attributes.extend(family.map(|family| (attribute::OS_CATEGORY.to_owned(), family)));
    }
    Some(CatalogItem {
        kind: list.kind,
        id: json::text(row, "id")?,
        name: json::text(row, "name")?,
        attributes,
    })
}

/// What has a name that its usage records do not give: command and parameters.
const NAMED: [(&str, &[(&str, &str)]); 7] = [
    ("listVirtualMachines", &[("listall", "true"), ("projectid", "-1"), ("details", "min")]),
    ("listVolumes", &EVERYTHING),
    ("listTemplates", &[("templatefilter", "all"), ("listall", "true")]),
    ("listIsos", &[("isofilter", "all"), ("listall", "true")]),
    ("listSnapshots", &EVERYTHING),
    ("listLoadBalancerRules", &EVERYTHING),
    ("listSecurityGroups", &EVERYTHING),
];

const EVERYTHING: [(&str, &str); 2] = [("listall", "true"), ("projectid", "-1")];

/// Present names and tags of resources.
async fn resources(client: &Client) -> Answer<Vec<CatalogItem>> {
    let mut items: BTreeMap<String, CatalogItem> = BTreeMap::new();
    for (name, parameters) in NAMED {
        for row in allowed(client.list(command(name, parameters)).await)? {
            let (Some(id), Some(name)) = (json::text(&row, "id"), json::text(&row, "name")) else {
                continue;
            };
            let kind = ItemKind::Resource;
            let attributes = Attributes::new();
            items.insert(id.clone(), CatalogItem { kind, id, name, attributes });
        }
    }
    for row in allowed(client.list(command("listTags", &EVERYTHING)).await)? {
        let field = |name| json::text(&row, name);
        if let (Some(id), Some(key), Some(value)) =
            (field("resourceid"), field("key"), field("value"))
            && let Some(item) = items.get_mut(&id)
        {
            item.attributes.insert(format!("{}{key}", attribute::TAG_PREFIX), value);
        }
    }
    Ok(items.into_values().collect())
}
