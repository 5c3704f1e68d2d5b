//! `billow catalog sync | list | unpriced`: what the orchestrator offers, and what has usage
//! and no price.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::json;

use super::output::table;
use super::{Exit, Output, when};
use crate::app::App;
use crate::catalog::store::{self, ItemState};
use crate::catalog::sync::{SyncReport, sync};
use crate::ids::SourceName;
use crate::orchestrator::ItemKind;
use crate::store::codec::enum_text;

/// What the orchestrator offers.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// Read offerings and owners, keep their history, map new owners to customers.
    Sync {
        /// One source; all where nothing is given.
        #[arg(long)]
        source: Option<String>,
    },
    /// The catalogue as it is known.
    List {
        #[arg(long)]
        source: Option<String>,
        /// One kind: service_offering, disk_offering, network_offering, vpc_offering,
        /// backup_offering, template, zone or resource.
        #[arg(long)]
        kind: Option<String>,
        /// Items that the source does not show any more, too.
        #[arg(long)]
        removed: bool,
    },
    /// Usage that no price covers, with a suggested price for each.
    Unpriced(super::unpriced::Args),
}

/// Runs the verb.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::Sync { source } => run_sync(app, source.as_deref(), out).await,
        Verb::List { source, kind, removed } => {
            list(app, source.as_deref(), kind.as_deref(), removed, out).await
        }
        Verb::Unpriced(args) => super::unpriced::run(app, args, out).await,
    }
}

/// The named source, or all that are configured.
fn sources(app: &App, name: Option<&str>) -> anyhow::Result<Vec<SourceName>> {
    let all: Vec<SourceName> =
        app.orchestrators.iter().map(|orchestrator| orchestrator.source().clone()).collect();
    match name {
        Some(name) => {
            let known: Vec<&str> = all.iter().map(|source| source.0.as_str()).collect();
            anyhow::ensure!(
                known.contains(&name),
                "no source {name:?}: configured are {}",
                known.join(", ")
            );
            Ok(vec![SourceName(name.to_owned())])
        }
        None => {
            anyhow::ensure!(!all.is_empty(), "no [[source]] is configured");
            Ok(all)
        }
    }
}

async fn run_sync(app: &App, source: Option<&str>, out: Output) -> anyhow::Result<Exit> {
    let mut reports = Vec::new();
    for source in sources(app, source)? {
        reports.push(sync(app, &source).await.with_context(|| format!("source {source}"))?);
    }
    out.show(&json!({ "sources": reports }), || {
        reports.iter().map(report_text).collect::<Vec<_>>().join("\n")
    });
    let unmapped = reports.iter().any(|report| report.owners.unmapped > 0);
    Ok(if unmapped { Exit::Found } else { Exit::Done })
}

fn report_text(report: &SyncReport) -> String {
    let owners = &report.owners;
    let mut text = format!(
        "{}: items {} new, {} changed, {} removed; owners {} new, {} changed, {} removed; \
         {} customers made, {} owners mapped, {} moved",
        report.source,
        report.items_added,
        report.items_changed,
        report.items_removed,
        owners.added,
        owners.changed,
        owners.removed,
        owners.customers_created,
        owners.mapped,
        owners.moved
    );
    if owners.unmapped > 0 {
        text.push_str(&format!(
            "\n{}: {} owners belong to no customer; map them with billow customers map",
            report.source, owners.unmapped
        ));
    }
    text
}

async fn list(
    app: &App,
    source: Option<&str>,
    kind: Option<&str>,
    removed: bool,
    out: Output,
) -> anyhow::Result<Exit> {
    let kind: Option<ItemKind> = match kind {
        Some(text) => Some(
            serde_json::from_value(json!(text))
                .with_context(|| format!("--kind {text}: billow catalog list --help names them"))?,
        ),
        None => None,
    };
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for source in sources(app, source)? {
        let mut last: BTreeMap<(ItemKind, String), ItemState> = BTreeMap::new();
        for state in store::load_item_states(&mut conn, &source, now).await? {
            last.insert((state.item.kind, state.item.id.clone()), state);
        }
        for state in last.into_values() {
            let item = &state.item;
            let wanted = kind.is_none_or(|kind| kind == item.kind) && (removed || !state.removed);
            if !wanted {
                continue;
            }
            let attributes = item.attributes.iter().map(|(key, value)| format!("{key}={value}"));
            rows.push(vec![
                source.0.clone(),
                enum_text(&item.kind),
                item.id.clone(),
                item.name.clone(),
                attributes.collect::<Vec<_>>().join(" "),
                if state.removed { "removed".to_owned() } else { String::new() },
            ]);
            values.push(json!({
                "source": source, "kind": item.kind, "id": item.id, "name": item.name,
                "attributes": item.attributes, "removed": state.removed,
                "since": when::json(state.valid_from),
            }));
        }
    }
    let header = ["source", "kind", "id", "name", "attributes", ""];
    out.show(&json!({ "items": values }), || table(&header, rows));
    Ok(Exit::Done)
}
