//! Nova's own usage of each tenant (`os-simple-tenant-usage`), which bills are held against.
//!
//! It tells of a machine when it was launched last and when it ended, and counts all of that time,
//! stopped or not, at the flavor of now: what was before a resize, rebuild or unshelve it forgets.

use serde_json::Value;

use super::client::Client;
use super::list::{List, Paging};
use super::service::Service;
use super::{date, json};
use crate::meter::kind;
use crate::orchestrator::{AccountedLife, Answer, OrchestratorError};
use crate::period::Span;

/// The list of every tenant's usage, with each machine by itself.
pub(super) fn list(span: Span) -> List {
    // It takes instants without a zone, which are UTC.
    let naive = |at: i64| date::text(at).trim_end_matches('Z').to_owned();
    List::new(Service::Compute, "os-simple-tenant-usage", "tenant_usages")
        .with("detailed", "1")
        .with("start", naive(span.from))
        .with("end", naive(span.until))
        .paged(Paging::InnerMarker("server_usages", "instance_id"))
}

/// Machines of a span; `None` where there is no compute service, or where it may not be asked,
/// which `doctor` names.
pub async fn fetch(client: &Client, span: Span) -> Answer<Option<Vec<AccountedLife>>> {
    if client.endpoint(Service::Compute).await?.is_none() {
        return Ok(None);
    }
    let tenants = match client.rows(&list(span)).await {
        Err(OrchestratorError::Forbidden { .. }) => return Ok(None),
        other => other?,
    };
    let machines = tenants.iter().flat_map(|tenant| json::list(tenant, "server_usages"));
    Ok(Some(machines.filter_map(life).collect()))
}

/// A machine that never ran is none.
fn life(row: &Value) -> Option<AccountedLife> {
    let id = json::text(row, "instance_id")?;
    let instant = |field| json::text(row, field).and_then(|text| date::seconds(&text));
    Some(AccountedLife {
        owner: json::text(row, "tenant_id")?,
        meter: kind::VM_ALLOCATED.to_owned(),
        name: json::text(row, "name").unwrap_or_else(|| id.clone()),
        resource: id,
        from: instant("started_at")?,
        until: instant("ended_at"),
    })
}
