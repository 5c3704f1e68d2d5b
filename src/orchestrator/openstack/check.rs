//! What `doctor` asks a cloud: the login and its roles, which services run, which lists may be
//! read, what histories are kept, and what that means for the bills.

use std::sync::Arc;

use serde_json::Value;

use super::OpenStack;
use super::catalog::{external_networks, flavors, image_list, network_list};
use super::client::{Call, Client};
use super::list::{List, Paging};
use super::service::Service;
use super::{accounting, date, json, login};
use crate::orchestrator::{Answer, Check, OrchestratorError};
use crate::period::Span;

/// Seconds by which the clocks may differ.
const SKEW_SECONDS_MAX: i64 = 60;
/// Rows that are looked at for one of another project.
const ROWS: &str = "100";
const WEEK_SECONDS: i64 = 7 * 86_400;
const ADMIN: &str = "admin";

/// A list that is read, what it is for, and what to allow where it may not be.
struct Read {
    list: List,
    what: &'static str,
    role: &'static str,
    /// The field that names a row's project: without the right, such lists show one project and
    /// say nothing.
    project: Option<&'static str>,
}

fn reads() -> Vec<Read> {
    let read = |list, what, role, project| Read { list, what, role, project };
    let identity = "role admin, or reader on the system or domain";
    let compute = "role admin, or the policies os_compute_api:servers:index:get_all_tenants \
                   and os_compute_api:servers:detail:get_all_tenants";
    let blocks = "role admin, or the policies that let context_is_admin list all tenants";
    let network = "role admin, or the policies get_floatingip, get_router, get_network, get_port";
    let all = |list: List| list.with("all_tenants", "1");
    let blocks_list = |path, key| all(List::new(Service::BlockStorage, path, key));
    let volume_project = Some("os-vol-tenant-attr:tenant_id");
    let balancers = List::new(Service::LoadBalancer, "lbaas/loadbalancers", "loadbalancers");
    let shares = all(List::new(Service::Share, "shares/detail", "shares"));
    vec![
        read(List::new(Service::Identity, "domains", "domains"), "domains", identity, None),
        read(List::new(Service::Identity, "projects", "projects"), "projects", identity, None),
        read(
            all(List::new(Service::Compute, "servers/detail", "servers")),
            "machines of all projects",
            compute,
            Some("tenant_id"),
        ),
        read(flavors(), "flavors, private ones too", compute, None),
        read(blocks_list("volumes/detail", "volumes"), "volumes", blocks, volume_project),
        read(blocks_list("snapshots/detail", "snapshots"), "snapshots", blocks, None),
        read(blocks_list("backups/detail", "backups"), "backups", blocks, None),
        read(image_list("false"), "images", "role admin", Some("owner")),
        read(network_list("floatingips", "floatingips"), "addresses", network, Some("project_id")),
        read(network_list("routers", "routers"), "routers", network, Some("project_id")),
        read(network_list("networks", "networks"), "networks", network, Some("project_id")),
        read(external_networks(), "external networks", network, None),
        read(network_list("ports", "ports"), "interfaces", network, Some("project_id")),
        read(balancers, "load balancers", "role admin", Some("project_id")),
        read(shares.paged(Paging::Offset), "shares", "role admin", Some("project_id")),
    ]
}

/// All checks; never fails, a cloud that does not answer is one bad line.
pub async fn check(cloud: &OpenStack) -> Vec<Check> {
    let client = &cloud.client;
    let session = match client.session().await {
        Ok(session) => session,
        Err(error) => {
            return vec![bad(
                error.to_string(),
                "nothing can be collected from it".to_owned(),
                "check endpoint, user, project, domains and secret of the source, its ca_file, \
                 and the identity service itself"
                    .to_owned(),
            )];
        }
    };
    let mut checks = vec![good(format!("source {}: signed in", client.source))];
    let own = own_token(cloud, &session, &mut checks).await;
    services(client, &mut checks).await;
    let is_admin = own.roles.iter().any(|role| role == ADMIN);
    for read in reads() {
        checks.extend(may_read(client, &read, &own.project, is_admin).await);
    }
    checks.extend(histories(client).await);
    checks.extend(accounting_of(client).await);
    checks.extend(network_kind(client).await);
    if let Some(telemetry) = &cloud.telemetry {
        checks.extend(telemetry.check(client).await);
    }
    checks
}

pub(super) fn good(what: String) -> Check {
    Check { ok: true, what, why: String::new(), mend: String::new() }
}

pub(super) fn bad(what: String, why: String, mend: String) -> Check {
    Check { ok: false, what, why, mend }
}

/// The login's own roles and project.
#[derive(Default)]
struct Own {
    roles: Vec<String>,
    project: String,
}

async fn own_token(
    cloud: &OpenStack,
    session: &Arc<openstack::session::Session>,
    checks: &mut Vec<Check>,
) -> Own {
    let client = &cloud.client;
    let name = &client.source;
    let token = match client.sessions.token(session).await {
        Ok(token) => token,
        Err(error) => {
            let why = "nobody can sign in by a token of the cloud".to_owned();
            let mend = "see the log of the identity service".to_owned();
            checks.push(bad(format!("source {name}: {error}"), why, mend));
            return Own::default();
        }
    };
    let body = match login::validate(client, &token).await {
        Ok(Some(body)) => body,
        Ok(None) => {
            let what = format!("source {name}: the identity service does not know its own token");
            let why = "tokens of users would be refused too".to_owned();
            let mend = "check that endpoint is the address of the identity service, with its \
                        whole path"
                .to_owned();
            checks.push(bad(what, why, mend));
            return Own::default();
        }
        Err(error) => {
            let why = "nobody can sign in by a token of the cloud".to_owned();
            checks.push(bad(error.to_string(), why, "give the user the role service".to_owned()));
            return Own::default();
        }
    };
    let token = body.get("token").unwrap_or(&Value::Null);
    let roles: Vec<String> =
        json::list(token, "roles").iter().filter_map(|role| json::text(role, "name")).collect();
    let may = roles.iter().any(|role| role == "service" || role == ADMIN);
    checks.push(if may {
        good(format!("source {name} may check users' tokens (roles {})", roles.join(", ")))
    } else {
        bad(
            format!("source {name} has the roles {} only", roles.join(", ")),
            "tokens of users cannot be checked: nobody can sign in by them".to_owned(),
            "give its user the role service on its project".to_owned(),
        )
    });
    let issued = json::text(token, "issued_at").and_then(|text| date::seconds(&text));
    checks.extend(issued.and_then(|issued| clocks(client, issued)));
    let project = token.get("project").and_then(|project| json::text(project, "id"));
    Own { roles, project: project.unwrap_or_else(String::new) }
}

/// A token that was issued in the future shows how far the clocks are apart.
fn clocks(client: &Client, issued: i64) -> Option<Check> {
    // The machine's clock: it is what is compared.
    let ahead = issued - jiff::Timestamp::now().as_second();
    (ahead > SKEW_SECONDS_MAX).then(|| {
        bad(
            format!("source {}: its clock is {ahead} s ahead of this machine's", client.source),
            "tokens end too early or too late, and listings carry wrong instants".to_owned(),
            "set both by NTP".to_owned(),
        )
    })
}

/// Which services run for the region, and in which microversion they are read.
async fn services(client: &Client, checks: &mut Vec<Check>) {
    let name = &client.source;
    let mut found = 0;
    let mut lines = Vec::new();
    for service in Service::CATALOGUED {
        match client.endpoint(service).await {
            Ok(Some(endpoint)) => {
                found += 1;
                let version = match (endpoint.version, endpoint.newest) {
                    (Some(version), Some(newest)) => {
                        format!(", microversion {version} of {newest}")
                    }
                    _ => String::new(),
                };
                let place = &endpoint.base;
                lines.push(good(format!("source {name}: {} at {place}{version}", service.name())));
            }
            Ok(None) => {
                let line = format!("source {name}: no {}: it is not metered", service.name());
                lines.push(good(line));
            }
            Err(error) => lines.push(bad(
                error.to_string(),
                format!("what {} holds is not metered", service.name()),
                "see the service's log, and its endpoint in the catalogue".to_owned(),
            )),
        }
    }
    if found == 0 {
        checks.push(bad(
            format!("source {name}: no service at all for its region and interface"),
            "nothing is metered".to_owned(),
            "check region (its id, in capitals and small letters as the catalogue has it) and \
             interface"
                .to_owned(),
        ));
    } else {
        checks.extend(lines);
    }
}

/// Whether a list may be read, and shows other projects than the login's own.
async fn may_read(client: &Client, read: &Read, own: &str, is_admin: bool) -> Option<Check> {
    let name = &client.source;
    if !matches!(client.endpoint(read.list.call.service).await, Ok(Some(_))) {
        return None;
    }
    let call = read.list.call.clone().with("limit", ROWS);
    let text = format!("{} {}/{}", call.method, call.service.name(), call.path);
    let rows = match rows(client, &call, read.list.key).await {
        Ok(rows) => rows,
        Err(OrchestratorError::Forbidden { .. }) => {
            return Some(bad(
                format!("source {name} may not call {text}"),
                format!("Billow cannot read {}", read.what),
                format!("give its user {}", read.role),
            ));
        }
        Err(error) => {
            return Some(bad(
                error.to_string(),
                format!("Billow cannot read {}", read.what),
                "see the service's log".to_owned(),
            ));
        }
    };
    let foreign = |row: &Value| {
        let project = read.project.and_then(|field| json::text(row, field));
        project.is_some_and(|project| project != own)
    };
    if read.project.is_some() && !is_admin && !rows.iter().any(foreign) {
        return Some(bad(
            format!("source {name}: {text} shows no other project than its own"),
            format!("{} of customers may be hidden, and nobody says so", read.what),
            format!("give its user {}, unless there are none yet", read.role),
        ));
    }
    Some(good(format!("source {name} may call {text}")))
}

async fn rows(client: &Client, call: &Call, key: &str) -> Answer<Vec<Value>> {
    let reply = client.call(call).await?;
    let malformed = |detail| client.malformed(&call.text(), detail);
    let top = json::top(&reply.body).map_err(malformed)?;
    let rows = json::rows(&top, key).map_err(malformed)?;
    Ok(rows.iter().map(|row| json::read(row)).collect())
}

/// Whether deleted machines can still be seen, and their actions.
async fn histories(client: &Client) -> Vec<Check> {
    let name = &client.source;
    if !matches!(client.endpoint(Service::Compute).await, Ok(Some(_))) {
        return Vec::new();
    }
    let since = jiff::Timestamp::now().as_second() - WEEK_SECONDS;
    let call = Call::get(Service::Compute, "servers/detail")
        .with("all_tenants", "1")
        .with("deleted", "true")
        .with("changes-since", date::text(since))
        .with("limit", "1");
    let found = match rows(client, &call, "servers").await {
        Ok(found) => found,
        Err(error) => {
            return vec![bad(
                error.to_string(),
                "ends of deleted machines are only as exact as the listings".to_owned(),
                "give its user role admin".to_owned(),
            )];
        }
    };
    let Some(id) = found.first().and_then(|row| json::text(row, "id")) else {
        let line = "no machine was deleted in the last 7 days, or they are archived at once";
        return vec![good(format!("source {name}: {line}"))];
    };
    let call = Call::get(Service::Compute, &format!("servers/{id}/os-instance-actions"));
    vec![match rows(client, &call, "instanceActions").await {
        Ok(actions) if actions.is_empty() => bad(
            format!("source {name}: the deleted machine {id} has no actions any more"),
            "states between two listings cannot be told from history".to_owned(),
            "archive deleted rows of the compute database after a month, not sooner".to_owned(),
        ),
        Ok(_) => good(format!("source {name}: deleted machines keep their actions")),
        Err(error) => bad(
            error.to_string(),
            "states of machines are only as exact as the listings".to_owned(),
            "allow os_compute_api:os-instance-actions:list and :events to its role".to_owned(),
        ),
    }]
}

/// Whether the compute service's own usage may be read, which bills are held against.
async fn accounting_of(client: &Client) -> Option<Check> {
    let now = jiff::Timestamp::now().as_second();
    let answer = accounting::fetch(client, Span::new(now - 60, now)).await;
    let name = &client.source;
    let why = "reconcile cannot hold machines' hours against the cloud's own".to_owned();
    match answer {
        Ok(Some(_)) => {
            Some(good(format!("source {name} may call GET compute/os-simple-tenant-usage")))
        }
        Ok(None) if !matches!(client.endpoint(Service::Compute).await, Ok(Some(_))) => None,
        Ok(None) => {
            let mend = "allow os_compute_api:os-simple-tenant-usage:list to its role".to_owned();
            Some(bad(
                format!("source {name} may not call GET compute/os-simple-tenant-usage"),
                why,
                mend,
            ))
        }
        Err(error) => Some(bad(error.to_string(), why, "see the service's log".to_owned())),
    }
}

/// Which network this is: what can be said about traffic follows from it.
async fn network_kind(client: &Client) -> Option<Check> {
    let name = &client.source;
    if !matches!(client.endpoint(Service::Network).await, Ok(Some(_))) {
        return None;
    }
    let call = Call::get(Service::Network, "agents").with("limit", ROWS);
    let agents = rows(client, &call, "agents").await.ok()?;
    let is_ovn = agents.iter().any(|agent| {
        json::text(agent, "agent_type").is_some_and(|kind| kind.to_lowercase().contains("ovn"))
    });
    is_ovn.then(|| {
        good(format!(
            "source {name}: the network is OVN, which meters no traffic by label: traffic is \
             that of the interfaces, inside the cloud too"
        ))
    })
}
