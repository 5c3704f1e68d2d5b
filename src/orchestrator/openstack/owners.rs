//! Domains and projects, as owners.
//!
//! A domain is a domain. A project right below its domain is an account: it becomes a customer
//! of its domain's nearest seller. A project below another one is a project of the account that
//! stands above all of them, and goes to its customer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::client::Client;
use super::json;
use super::list::List;
use super::service::Service;
use crate::config::SourceConfig;
use crate::orchestrator::{Answer, OwnerInfo, OwnerKind};

/// Deepest chain of projects that is followed; the service allows 5 as delivered.
const DEPTH_MAX: usize = 64;

/// Projects and domains that belong to the installation itself.
#[derive(Clone, Debug)]
pub struct Internal {
    projects: BTreeSet<String>,
    domains: BTreeSet<String>,
}

impl Internal {
    /// As configured.
    pub fn new(config: &SourceConfig) -> Self {
        Self {
            projects: config.internal_projects.iter().cloned().collect(),
            domains: config.internal_domains.iter().cloned().collect(),
        }
    }

    fn holds(&self, tree: &Tree, project: &Value) -> bool {
        let field = |name| json::text(project, name).unwrap_or_else(String::new);
        let domain_id = field("domain_id");
        let domain_name = tree.domain_names.get(&domain_id).map_or("", String::as_str);
        self.domains.contains(&domain_id)
            || self.domains.contains(domain_name)
            || self.projects.contains(&field("id"))
            || self.projects.contains(&format!("{domain_name}/{}", field("name")))
    }
}

/// Domains and projects as they are now.
pub async fn fetch(client: &Client, internal: &Internal) -> Answer<Vec<OwnerInfo>> {
    let domains = client.rows(&List::new(Service::Identity, "domains", "domains")).await?;
    let projects = client.rows(&List::new(Service::Identity, "projects", "projects")).await?;
    Ok(owners(&domains, &projects, internal))
}

/// Ids of the projects of the installation itself, and of all projects.
pub struct Projects {
    pub all: Vec<String>,
    pub internal: BTreeSet<String>,
}

/// Projects as they are now.
pub async fn fetch_projects(client: &Client, internal: &Internal) -> Answer<Projects> {
    let owners = fetch(client, internal).await?;
    let projects = owners.into_iter().filter(|owner| owner.kind != OwnerKind::Domain);
    let mut found = Projects { all: Vec::new(), internal: BTreeSet::new() };
    for project in projects {
        if project.internal {
            found.internal.insert(project.id.clone());
        }
        found.all.push(project.id);
    }
    Ok(found)
}

/// What the rows of domains and projects say together.
struct Tree {
    domain_names: BTreeMap<String, String>,
    /// Parent of each project that lies below another project.
    parents: BTreeMap<String, String>,
}

impl Tree {
    fn new(domains: &[Value], projects: &[Value]) -> Self {
        let text = |row: &Value, name: &str| json::text(row, name);
        let named = |row: &Value| Some((text(row, "id")?, text(row, "name")?));
        let ids: BTreeSet<String> = projects.iter().filter_map(|row| text(row, "id")).collect();
        let parent = |row: &Value| {
            let parent = text(row, "parent_id").filter(|parent| ids.contains(parent))?;
            Some((text(row, "id")?, parent))
        };
        Self {
            domain_names: domains.iter().filter_map(named).collect(),
            parents: projects.iter().filter_map(parent).collect(),
        }
    }

    /// The projects that a project lies below, the nearest first.
    fn above<'a>(&'a self, id: &'a str) -> Vec<&'a str> {
        let step = |id: &&'a str| self.parents.get(*id).map(String::as_str);
        std::iter::successors(step(&id), step).take(DEPTH_MAX).collect()
    }
}

/// Owners from the rows of both lists. PURE.
fn owners(domains: &[Value], projects: &[Value], internal: &Internal) -> Vec<OwnerInfo> {
    let tree = Tree::new(domains, projects);
    let internal_ids: BTreeSet<String> = projects
        .iter()
        .filter(|row| internal.holds(&tree, row))
        .filter_map(|row| json::text(row, "id"))
        .collect();
    let mut owners: Vec<OwnerInfo> = domains.iter().filter_map(domain_of).collect();
    owners.extend(projects.iter().filter_map(|row| project_of(row, &tree, &internal_ids)));
    owners
}

fn domain_of(row: &Value) -> Option<OwnerInfo> {
    let name = json::text(row, "name")?;
    Some(OwnerInfo {
        id: json::text(row, "id")?,
        kind: OwnerKind::Domain,
        domain_id: None,
        domain_path: domain_path(&name),
        name,
        account_id: None,
        internal: false,
        state: state_of(row),
    })
}

fn project_of(row: &Value, tree: &Tree, internal: &BTreeSet<String>) -> Option<OwnerInfo> {
    if json::text(row, "is_domain").as_deref() == Some("true") {
        return None;
    }
    let id = json::text(row, "id")?;
    let domain_id = json::text(row, "domain_id")?;
    let domain_name = tree.domain_names.get(&domain_id)?;
    let above = tree.above(&id);
    let inside = std::iter::once(id.as_str()).chain(above.iter().copied());
    let internal = inside.into_iter().any(|id| internal.contains(id));
    let account_id = above.last().map(|top| (*top).to_owned());
    Some(OwnerInfo {
        kind: if account_id.is_some() { OwnerKind::Project } else { OwnerKind::Account },
        name: json::text(row, "name")?,
        domain_path: domain_path(domain_name),
        domain_id: Some(domain_id),
        internal,
        account_id,
        state: state_of(row),
        id,
    })
}

fn state_of(row: &Value) -> String {
    let enabled = json::text(row, "enabled").as_deref() != Some("false");
    if enabled { "enabled" } else { "disabled" }.to_owned()
}

/// The path of a domain: its name, which may hold a slash. Written so that no domain seems to lie
/// below another one.
pub fn domain_path(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2F")
}
