//! The tree of owners, and the inventory of their resources.

use std::collections::BTreeMap;

use serde_json::Value;

use super::catalog::allowed;
use super::client::{Client, command, instant};
use super::json;
use crate::meter::kind;
use crate::orchestrator::{Answer, InventoryItem, OwnerInfo, OwnerKind};

/// Account type of root administrators.
const ROOT_ADMIN: &str = "1";

/// Domains, accounts and projects as they are now.
pub async fn fetch_owners(client: &Client) -> Answer<Vec<OwnerInfo>> {
    let all = [("listall", "true"), ("details", "min")];
    let domains = client.list(command("listDomains", &all)).await?;
    let accounts = client.list(command("listAccounts", &all)).await?;
    let projects = client.list(command("listProjects", &all)).await?;
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    let mut owners = Vec::new();
    for row in &domains {
        if let Some(domain) = domain_of(row) {
            paths.insert(domain.id.clone(), domain.domain_path.clone());
            owners.push(domain);
        }
    }
    let mut ids: BTreeMap<(String, String), String> = BTreeMap::new();
    for row in &accounts {
        if let Some(account) = account_of(row, &paths) {
            let domain = account.domain_id.clone().unwrap_or_else(String::new);
            ids.insert((domain, account.name.clone()), account.id.clone());
            owners.push(account);
        }
    }
    owners.extend(projects.iter().filter_map(|row| project_of(row, &paths, &ids)));
    Ok(owners)
}

fn domain_of(row: &Value) -> Option<OwnerInfo> {
    Some(OwnerInfo {
        id: json::text(row, "id")?,
        kind: OwnerKind::Domain,
        name: json::text(row, "name")?,
        domain_id: json::text(row, "parentdomainid"),
        domain_path: json::text(row, "path")?,
        account_id: None,
        internal: false,
        state: json::text(row, "state").unwrap_or_else(String::new),
    })
}

fn account_of(row: &Value, paths: &BTreeMap<String, String>) -> Option<OwnerInfo> {
    let domain_id = json::text(row, "domainid")?;
    let domain_path = path_of(row, paths, &domain_id);
    let name = json::text(row, "name")?;
    let root = json::text(row, "accounttype").as_deref() == Some(ROOT_ADMIN);
    Some(OwnerInfo {
        id: json::text(row, "id")?,
        kind: OwnerKind::Account,
        internal: root || (name == "system" && !domain_path.contains('/')),
        name,
        domain_id: Some(domain_id),
        domain_path,
        account_id: None,
        state: json::text(row, "state").unwrap_or_else(String::new),
    })
}

fn project_of(
    row: &Value,
    paths: &BTreeMap<String, String>,
    ids: &BTreeMap<(String, String), String>,
) -> Option<OwnerInfo> {
    let domain_id = json::text(row, "domainid")?;
    let account_id = project_owners(row)
        .into_iter()
        .find_map(|account| ids.get(&(domain_id.clone(), account)).cloned());
    Some(OwnerInfo {
        id: json::text(row, "id")?,
        kind: OwnerKind::Project,
        name: json::text(row, "name")?,
        domain_path: path_of(row, paths, &domain_id),
        domain_id: Some(domain_id),
        account_id,
        internal: false,
        state: json::text(row, "state").unwrap_or_else(String::new),
    })
}

fn path_of(row: &Value, paths: &BTreeMap<String, String>, domain: &str) -> String {
    json::text(row, "domainpath").or_else(|| paths.get(domain).cloned()).unwrap_or_else(String::new)
}

/// Names of the accounts that own a project.
pub fn project_owners(row: &Value) -> Vec<String> {
    let owners = row.get("owner").and_then(Value::as_array);
    owners.into_iter().flatten().filter_map(|owner| json::text(owner, "account")).collect()
}

/// Ids of accounts by their domain's id and their name.
pub type AccountIds = BTreeMap<(String, String), String>;

/// The ids of all accounts that are there.
pub async fn account_ids(client: &Client) -> Answer<AccountIds> {
    let rows =
        client.list(command("listAccounts", &[("listall", "true"), ("details", "min")])).await?;
    let named = |row: &Value| {
        let field = |name| json::text(row, name);
        Some(((field("domainid")?, field("name")?), field("id")?))
    };
    Ok(rows.iter().filter_map(named).collect())
}

/// Machines and volumes that exist, or were seen to end. Hidden ones are not metered.
pub async fn fetch_inventory(client: &Client) -> Answer<Vec<InventoryItem>> {
    let everything = [("listall", "true"), ("projectid", "-1")];
    let machines = client.list(command("listVirtualMachines", &everything)).await?;
    let volumes = allowed(client.list(command("listVolumes", &everything)).await)?;
    let ids = account_ids(client).await?;
    let mut items = Vec::new();
    for (meter, rows) in [(kind::VM_ALLOCATED, &machines), (kind::VOLUME, &volumes)] {
        for row in rows {
            items.extend(item_of(row, meter, &ids));
        }
    }
    Ok(items)
}

fn item_of(row: &Value, meter: &str, ids: &AccountIds) -> Option<InventoryItem> {
    let field = |name| json::text(row, name);
    let shown = field("displayvm").or_else(|| field("displayvolume"));
    if shown.as_deref() == Some("false") {
        return None;
    }
    let owner = match field("projectid") {
        Some(project) => project,
        None => ids.get(&(field("domainid")?, field("account")?))?.clone(),
    };
    let ended = ["Destroyed", "Expunging", "Expunged", "Destroy", "Expunge", "Error", "Allocated"];
    let state = field("state").unwrap_or_else(String::new);
    let machine = meter == kind::VM_ALLOCATED;
    if ended.contains(&state.as_str()) && !(machine && state == "Allocated") {
        // Its end is known by its records alone: listings do not tell when it was.
        return None;
    }
    Some(InventoryItem {
        owner,
        meter: meter.to_owned(),
        resource: field("id")?,
        name: field("name")?,
        created: instant(row, "created"),
        removed: None,
    })
}
