//! Usage against the inventory: resources without records, and records of resources that are gone.

use std::collections::{BTreeMap, BTreeSet};

use super::store::{NewFinding, save_findings};
use crate::app::App;
use crate::collect::store::load_all_records;
use crate::ids::{IdMaker, OwnerRef};
use crate::meter::kind;
use crate::orchestrator::{InventoryItem, Orchestrator, OrchestratorError};
use crate::period::Span;

/// Seconds that a record may outlast its resource: usage is counted when the job sees the end.
const GHOST_SECONDS: i64 = 3_600;

/// Compares fresh windows with the inventory; gives how many findings are new. An orchestrator
/// that may not tell its inventory is no error: doctor names the missing right.
pub async fn audit(
    app: &App,
    orchestrator: &dyn Orchestrator,
    windows: Vec<Span>,
) -> anyhow::Result<u64> {
    let (Some(first), Some(last)) = (windows.first(), windows.last()) else { return Ok(0) };
    let inventory = match orchestrator.fetch_inventory().await {
        Ok(inventory) => inventory,
        Err(OrchestratorError::Forbidden { .. }) => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let span = Span::new(first.from, last.until);
    let now = app.clock.now_seconds();
    let mut by_owner: BTreeMap<&str, Vec<&InventoryItem>> = BTreeMap::new();
    for item in &inventory {
        by_owner.entry(&item.owner).or_default().push(item);
    }
    let mut findings = Vec::new();
    for (id, items) in by_owner {
        let owner = OwnerRef { source: orchestrator.source().clone(), id: id.to_owned() };
        let mut conn = app.db.read().await?;
        let records = load_all_records(&mut conn, &owner, span, now).await?;
        drop(conn);
        let mut seen: BTreeMap<(&str, &str), BTreeSet<i64>> = BTreeMap::new();
        for record in &records {
            let key = (record.key.meter.as_str(), record.key.resource.as_str());
            seen.entry(key).or_default().insert(record.key.from);
        }
        for item in items {
            findings.extend(gaps(&owner, item, &windows, &seen));
            findings.extend(ghost(&owner, item, &seen));
        }
    }
    let mut tx = app.db.begin().await?;
    let added = save_findings(&mut tx, findings, &IdMaker::new(app.clock.as_ref()), now).await?;
    tx.commit().await?;
    Ok(added)
}

/// Whole windows in which the resource was there and has no record.
fn gaps(
    owner: &OwnerRef,
    item: &InventoryItem,
    windows: &[Span],
    seen: &BTreeMap<(&str, &str), BTreeSet<i64>>,
) -> Vec<NewFinding> {
    let Some(created) = item.created else { return Vec::new() };
    if item.meter != kind::VM_ALLOCATED && item.meter != kind::VOLUME {
        return Vec::new();
    }
    let none = BTreeSet::new();
    let known = seen.get(&(item.meter.as_str(), item.resource.as_str())).unwrap_or(&none);
    let removed = item.removed.unwrap_or(i64::MAX);
    let missing: Vec<Span> = windows
        .iter()
        .filter(|window| created <= window.from && window.until <= removed)
        .filter(|window| !known.range(window.from..window.until).any(|_| true))
        .copied()
        .collect();
    let (Some(first), Some(last)) = (missing.first(), missing.last()) else { return Vec::new() };
    let span = Span::new(first.from, last.until);
    vec![NewFinding {
        rule: "gap",
        owner: owner.clone(),
        meter: item.meter.clone(),
        resource: item.resource.clone(),
        span,
        record_key: None,
        withholds: false,
        repaired: false,
        proposal: None,
        message: format!(
            "{} is in the inventory and has no usage in {} whole windows: its usage is missing",
            item.name,
            missing.len()
        ),
        detail: serde_json::json!({ "windows": missing.len(), "created": created }),
        fingerprint: format!(
            "gap|{owner}|{}|{}|{}|{}",
            item.meter, item.resource, span.from, span.until
        ),
    }]
}

/// Records that begin after the resource was removed.
fn ghost(
    owner: &OwnerRef,
    item: &InventoryItem,
    seen: &BTreeMap<(&str, &str), BTreeSet<i64>>,
) -> Option<NewFinding> {
    let removed = item.removed?;
    let starts = seen.get(&(item.meter.as_str(), item.resource.as_str()))?;
    let first = *starts.range(removed + GHOST_SECONDS..).next()?;
    let last = *starts.range(removed + GHOST_SECONDS..).next_back()?;
    Some(NewFinding {
        rule: "ghost",
        owner: owner.clone(),
        meter: item.meter.clone(),
        resource: item.resource.clone(),
        span: Span::new(first, last + 1),
        record_key: None,
        withholds: false,
        repaired: false,
        proposal: None,
        message: format!("{} was removed and still has usage", item.name),
        detail: serde_json::json!({ "removed": removed }),
        fingerprint: format!("ghost|{owner}|{}|{}|{first}", item.meter, item.resource),
    })
}
