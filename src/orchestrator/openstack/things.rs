//! Rows of everything that only exists or does not, as listings and notifications tell them in
//! the same words. PURE.

use serde_json::Value;

use super::{date, json};
use crate::collect::observation::{ResourceKind, ResourceState};
use crate::collect::record::{Attributes, attribute};

const GIB: i64 = 1 << 30;

/// A resource, as a row shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    pub kind: ResourceKind,
    pub resource: String,
    pub owner: String,
    /// Microseconds; `None` where the row does not tell.
    pub created: Option<i64>,
    pub state: ResourceState,
    pub attributes: Attributes,
}

type Wrong = (ResourceKind, String);

/// The resources that a row of a list shows: none where it is not metered, several where it holds
/// addresses of its own. `by_network` says that interfaces lie on an external network.
pub fn read(key: &str, row: &Value, by_network: bool) -> Result<Vec<Thing>, Wrong> {
    match key {
        "volumes" => volume(row),
        "snapshots" => snapshot(row),
        "backups" => backup(row),
        "images" => image(row),
        "floatingips" => floating_ip(row),
        "routers" => router(row),
        "networks" => network(row),
        "ports" if by_network => Ok(external_port(row)),
        "ports" => Ok(port(row)),
        "loadbalancers" => load_balancer(row),
        "shares" => share(row),
        _ => object_storage(row),
    }
}

/// The first of several fields that is there.
fn first(row: &Value, fields: &[&str]) -> Option<String> {
    fields.iter().find_map(|field| json::text(row, field))
}

fn project(row: &Value) -> Option<String> {
    first(row, &["project_id", "tenant_id"])
}

fn created(row: &Value) -> Option<i64> {
    json::text(row, "created_at").and_then(|text| date::micros(&text))
}

/// A thing with its id and owner, or what is missing.
fn thing(kind: ResourceKind, row: &Value, owner: Option<String>) -> Result<Thing, Wrong> {
    let missing = |field: &str| (kind, format!("{field} is missing"));
    Ok(Thing {
        kind,
        resource: json::text(row, "id").ok_or_else(|| missing("id"))?,
        owner: owner.ok_or_else(|| missing("project"))?,
        created: created(row),
        state: ResourceState::Present,
        attributes: Attributes::new(),
    })
}

impl Thing {
    fn set(&mut self, key: &str, value: Option<String>) {
        self.attributes.extend(value.map(|value| (key.to_owned(), value)));
    }

    /// A size told in GiB.
    fn set_gib(&mut self, row: &Value, field: &str) {
        let bytes = json::whole(row, field).map(|gib| gib.saturating_mul(GIB).to_string());
        self.set(attribute::SIZE_BYTES, bytes);
    }

    /// What never became usable, or is gone but for the service's failure, is broken: it holds
    /// nothing of worth.
    fn broken_if(&mut self, row: &Value, words: &[&str]) {
        let status = json::text(row, "status").map(|status| status.to_lowercase());
        if status.is_some_and(|status| words.contains(&status.as_str())) {
            self.state = ResourceState::Error;
        }
    }
}

fn volume(row: &Value) -> Result<Vec<Thing>, Wrong> {
    // Copies that the service makes for itself while it moves a volume.
    let migration = first(row, &["migration_status", "os-vol-mig-status-attr:migstat"]);
    let copy = migration.is_some_and(|status| status.starts_with("target:"));
    if copy || json::text(row, "consumes_quota").as_deref() == Some("false") {
        return Ok(Vec::new());
    }
    let owner = first(row, &["os-vol-tenant-attr:tenant_id", "project_id"]);
    let mut volume = thing(ResourceKind::Volume, row, owner)?;
    volume.set_gib(row, "size");
    // Its name comes from the catalogue, as with messages, which tell the id alone.
    volume.set(attribute::OFFERING, first(row, &["volume_type_id", "volume_type"]));
    volume.set(attribute::ZONE, json::text(row, "availability_zone"));
    volume.broken_if(row, &["error", "error_deleting", "error_managing"]);
    Ok(vec![volume])
}

fn snapshot(row: &Value) -> Result<Vec<Thing>, Wrong> {
    let owner = first(row, &["os-extended-snapshot-attributes:project_id", "project_id"]);
    let mut snapshot = thing(ResourceKind::Snapshot, row, owner)?;
    snapshot.set_gib(row, "size");
    snapshot.broken_if(row, &["error", "error_deleting"]);
    Ok(vec![snapshot])
}

fn backup(row: &Value) -> Result<Vec<Thing>, Wrong> {
    let owner = first(row, &["os-backup-project-attr:project_id", "project_id"]);
    let mut backup = thing(ResourceKind::Backup, row, owner)?;
    backup.set_gib(row, "size");
    backup.set(attribute::ZONE, json::text(row, "availability_zone"));
    backup.broken_if(row, &["error", "error_deleting"]);
    Ok(vec![backup])
}

/// Only what is stored counts, and only for those whom it belongs to.
fn image(row: &Value) -> Result<Vec<Thing>, Wrong> {
    let status = json::text(row, "status");
    let stored = matches!(status.as_deref(), Some("active" | "deactivated"));
    let Some(owner) = json::text(row, "owner").filter(|_| stored) else { return Ok(Vec::new()) };
    let mut image = thing(ResourceKind::Image, row, Some(owner))?;
    image.set(attribute::SIZE_BYTES, json::text(row, "size"));
    image.set(attribute::VIRTUAL_SIZE_BYTES, json::text(row, "virtual_size"));
    Ok(vec![image])
}

/// One that is not attached is owned all the same.
fn floating_ip(row: &Value) -> Result<Vec<Thing>, Wrong> {
    let mut address = thing(ResourceKind::Address, row, project(row))?;
    address.set(attribute::NAME, json::text(row, "floating_ip_address"));
    address.set(attribute::NETWORK, json::text(row, "floating_network_id"));
    Ok(vec![address])
}

/// A router, and the public addresses of its gateway, which translate for its networks.
fn router(row: &Value) -> Result<Vec<Thing>, Wrong> {
    let Some(owner) = project(row) else { return Ok(Vec::new()) };
    let router = thing(ResourceKind::Router, row, Some(owner.clone()))?;
    let gateway = row.get("external_gateway_info").unwrap_or(&Value::Null);
    let network = json::text(gateway, "network_id");
    let mut things = vec![router.clone()];
    for ip in public_ips(gateway, "external_fixed_ips") {
        let mut address = own_address(&router.resource, &owner, &ip, network.clone());
        address.set(attribute::SOURCE_NAT, Some("true".to_owned()));
        things.push(address);
    }
    Ok(things)
}

/// IPv4 addresses of a list of fixed addresses; the others are not scarce.
fn public_ips(row: &Value, field: &str) -> Vec<String> {
    let fixed = json::list(row, field).iter();
    fixed.filter_map(|ip| json::text(ip, "ip_address")).filter(|ip| !ip.contains(':')).collect()
}

/// An address that is part of another resource. Since when it has it is not told.
fn own_address(holder: &str, owner: &str, ip: &str, network: Option<String>) -> Thing {
    let mut address = Thing {
        kind: ResourceKind::Address,
        resource: format!("{holder}/{ip}"),
        owner: owner.to_owned(),
        created: None,
        state: ResourceState::Present,
        attributes: Attributes::new(),
    };
    address.set(attribute::NAME, Some(ip.to_owned()));
    address.set(attribute::NETWORK, network);
    address
}

fn network(row: &Value) -> Result<Vec<Thing>, Wrong> {
    match project(row) {
        Some(owner) => Ok(vec![thing(ResourceKind::Network, row, Some(owner))?]),
        // The service's own, such as those between its routers.
        None => Ok(Vec::new()),
    }
}

/// The machine that an interface is of.
fn machine_of(row: &Value) -> Option<String> {
    let by = json::text(row, "device_owner")?;
    by.starts_with("compute:").then(|| json::text(row, "device_id")).flatten()
}

/// Addresses that a machine has right on an external network.
fn external_port(row: &Value) -> Vec<Thing> {
    let named = json::text(row, "id").zip(project(row)).zip(machine_of(row));
    let Some(((id, owner), machine)) = named else { return Vec::new() };
    let made = created(row);
    let addresses = public_ips(row, "fixed_ips").into_iter().map(|ip| {
        let mut address = own_address(&id, &owner, &ip, json::text(row, "network_id"));
        address.created = made;
        address.set(attribute::MACHINE, Some(machine.clone()));
        address
    });
    addresses.collect()
}

/// A machine's interface.
fn port(row: &Value) -> Vec<Thing> {
    let Some(machine) = machine_of(row) else { return Vec::new() };
    let Ok(mut port) = thing(ResourceKind::Port, row, project(row)) else { return Vec::new() };
    port.set(attribute::MACHINE, Some(machine));
    port.set(attribute::NETWORK, json::text(row, "network_id"));
    vec![port]
}

pub fn load_balancer(row: &Value) -> Result<Vec<Thing>, Wrong> {
    let status = json::text(row, "provisioning_status");
    if status.as_deref() == Some("DELETED") {
        return Ok(Vec::new());
    }
    let mut balancer = thing(ResourceKind::LoadBalancer, row, project(row))?;
    balancer.set(attribute::OFFERING, json::text(row, "flavor_id"));
    balancer.set(attribute::ZONE, json::text(row, "availability_zone"));
    if status.as_deref() == Some("ERROR") {
        balancer.state = ResourceState::Error;
    }
    Ok(vec![balancer])
}

fn share(row: &Value) -> Result<Vec<Thing>, Wrong> {
    let mut share = thing(ResourceKind::Share, row, project(row))?;
    share.set_gib(row, "size");
    share.set(attribute::OFFERING, json::text(row, "share_type"));
    share.set(attribute::OFFERING_NAME, json::text(row, "share_type_name"));
    share.set(attribute::ZONE, json::text(row, "availability_zone"));
    share.broken_if(row, &["error", "error_deleting"]);
    Ok(vec![share])
}

/// An account of the object storage: the total that its headers tell.
fn object_storage(row: &Value) -> Result<Vec<Thing>, Wrong> {
    let kind = ResourceKind::ObjectStorage;
    let owner = project(row).ok_or_else(|| (kind, "project_id is missing".to_owned()))?;
    let headers = row.get("headers").unwrap_or(&Value::Null);
    let bytes = json::text(headers, "x-account-bytes-used");
    let bytes = bytes.ok_or_else(|| (kind, "x-account-bytes-used is missing".to_owned()))?;
    let mut account = Thing {
        kind,
        resource: owner.clone(),
        owner,
        created: None,
        state: ResourceState::Present,
        attributes: Attributes::new(),
    };
    account.set(attribute::SIZE_BYTES, Some(bytes));
    Ok(vec![account])
}
