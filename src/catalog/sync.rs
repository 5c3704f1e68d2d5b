//! The catalogue sync: reads offerings and owners from an orchestrator and adds what changed
//! to their history; then every new owner gets its customer.

use std::collections::BTreeSet;

use anyhow::Context;
use serde::Serialize;

use super::store::{self, ItemState};
use crate::app::App;
use crate::customer::store::AsOf;
use crate::customer::sync::{OwnerReading, OwnerReport, sync_owners};
use crate::customer::{self, Change};
use crate::ids::{IdMaker, SourceName};
use crate::jobs::lease;
use crate::orchestrator::{CatalogItem, ItemKind};
use crate::store::bulk;
use crate::store::{Conn, Engine, StoreError};

/// How often a transaction is repeated when another one got in its way.
const ATTEMPTS_MAX: u32 = 5;

/// What a sync changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    pub source: String,
    pub items_added: u64,
    pub items_changed: u64,
    pub items_removed: u64,
    pub owners: OwnerReport,
}

/// Reads catalogue and owners of a source and stores what changed, in one transaction.
/// A second run without changes at the source changes nothing.
pub async fn sync(app: &App, source: &SourceName) -> anyhow::Result<SyncReport> {
    let orchestrator = app.orchestrator(source).with_context(|| {
        let names: Vec<&str> =
            app.orchestrators.iter().map(|known| known.source().0.as_str()).collect();
        format!("no source {source} is configured; configured are {}", names.join(", "))
    })?;
    let mut conn = app.db.read().await?;
    let sellers = customer::store::load_sellers(&mut conn, AsOf::now(app.clock.now_seconds()));
    let has_root = sellers.await?.iter().any(|seller| seller.parent.is_none());
    drop(conn);
    anyhow::ensure!(
        has_root,
        "there is no seller yet: make the provider first, with \
         billow sellers set provider --file seller.toml"
    );
    let name = format!("catalog:{source}");
    let lease = lease::take(&app.db, &name, &lease::holder("catalog sync")).await?;
    let result = read_and_store(app, source, orchestrator.as_ref()).await;
    lease::release(&app.db, lease).await?;
    result
}

async fn read_and_store(
    app: &App,
    source: &SourceName,
    orchestrator: &dyn crate::orchestrator::Orchestrator,
) -> anyhow::Result<SyncReport> {
    let items = orchestrator.fetch_catalog().await.context("reading the catalogue")?;
    let owners = orchestrator.fetch_owners().await.context("reading the owners")?;
    anyhow::ensure!(
        !owners.is_empty(),
        "{source} showed no owner at all, not even its own administrator; nothing was changed: \
         check the rights of the key with billow doctor"
    );
    let mut attempt = 1;
    loop {
        let result = store_once(app, source, &items, owners.clone()).await;
        match result {
            Err(customer::CustomerError::Store(error))
                if error.is_retryable() && attempt < ATTEMPTS_MAX =>
            {
                attempt += 1;
            }
            result => return result.context("storing the catalogue"),
        }
    }
}

async fn store_once(
    app: &App,
    source: &SourceName,
    items: &[CatalogItem],
    owners: Vec<crate::orchestrator::OwnerInfo>,
) -> Result<SyncReport, customer::CustomerError> {
    let (mut tx, at) = app.record().await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let change = Change { ids: &ids, at, actor: &app.actor, reason: None };
    let reading = OwnerReading { source, auto: app.config.owners.auto, owners };
    // The owners first: they take the lock that keeps two syncs apart.
    let owners = sync_owners(&mut tx, reading, &change).await?;
    let mut report = SyncReport { source: source.0.clone(), owners, ..SyncReport::default() };
    save_items(&mut tx, app.db.engine(), source, items, at, &mut report).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(report)
}

/// Adds a row for each item that is new, changed or gone.
async fn save_items(
    conn: &mut Conn,
    engine: Engine,
    source: &SourceName,
    items: &[CatalogItem],
    at: i64,
    report: &mut SyncReport,
) -> Result<(), StoreError> {
    let mut last: std::collections::BTreeMap<(ItemKind, String), ItemState> =
        std::collections::BTreeMap::new();
    for state in store::load_item_states(conn, source, at).await? {
        last.insert((state.item.kind, state.item.id.clone()), state);
    }
    let mut rows = Vec::new();
    let mut shown = BTreeSet::new();
    for item in items {
        let key = (item.kind, item.id.clone());
        if !shown.insert(key.clone()) {
            continue;
        }
        match last.get(&key) {
            Some(known) if known.item == *item && !known.removed => continue,
            Some(_) => report.items_changed += 1,
            None => report.items_added += 1,
        }
        let state = ItemState { item: item.clone(), valid_from: at, removed: false };
        rows.push(store::item_row(source, &state, at));
    }
    for (key, known) in last {
        if !known.removed && !shown.contains(&key) {
            report.items_removed += 1;
            let state = ItemState { item: known.item, valid_from: at, removed: true };
            rows.push(store::item_row(source, &state, at));
        }
    }
    let target = bulk::Target {
        table: "catalog_item",
        columns: &store::ITEM_COLUMNS,
        // A state of the same second is there already; the next reading compares with it.
        on_conflict: bulk::OnConflict::Skip,
    };
    if !rows.is_empty() {
        bulk::insert(conn, engine, target, rows).await?;
    }
    Ok(())
}
