//! `billow reconcile`: records, metered, billed and the orchestrator's inventory side by side.

use std::collections::BTreeSet;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::json;

use super::output::table;
use super::rate::find_customer;
use super::sellers::find_seller;
use super::{Exit, Output, when};
use crate::app::App;
use crate::customer::store::{AsOf, load_sellers};
use crate::money::{Exact, Money};
use crate::period::PeriodLabel;
use crate::reconcile::load::{ReconcileRequest, load_reconciliation};
use crate::reconcile::{Difference, DocumentState, Reconciliation, Row};
use crate::store::codec::enum_text;

/// Ids of resources that a line for people names at most; `--json` has all.
const RESOURCES_MAX: usize = 3;

/// Compare records, metered and billed quantities and the orchestrator's inventory. Exit status 1
/// when a difference is open.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The period, such as 2026-10.
    #[arg(long)]
    period: PeriodLabel,
    /// Code of one seller; all where nothing is given.
    #[arg(long)]
    seller: Option<String>,
    /// Number of one customer; all, and owners that are nobody's, where nothing is given.
    #[arg(long)]
    customer: Option<String>,
}

/// Runs the verb; the exit status tells whether a difference is open.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let sellers = match &args.seller {
        Some(code) => {
            let known = load_sellers(&mut conn, AsOf::now(now)).await?;
            Some(BTreeSet::from([find_seller(&known, code)?.id.clone()]))
        }
        None => None,
    };
    let customer = match &args.customer {
        Some(number) => Some(find_customer(&mut conn, number, now).await?.id),
        None => None,
    };
    drop(conn);
    let request = ReconcileRequest { label: args.period, sellers, customer, ask_inventory: true };
    let target = match !out.is_json() && std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(None, target);
    let found = load_reconciliation(app, &request, &|done, all| {
        bar.set_length(u64::try_from(all).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    })
    .await?;
    bar.finish_and_clear();
    let mut value = json!({ "reconciliation": found });
    value["reconciliation"]["known_at"] = when::json(found.known_at);
    out.show(&value, || text(&found));
    Ok(if found.good { Exit::Done } else { Exit::Found })
}

fn text(found: &Reconciliation) -> String {
    let header = [
        "seller",
        "customer",
        "owner",
        "meter",
        "unit",
        "records",
        "recorded",
        "metered",
        "billed",
        "net",
        "documents",
        "inventory",
        "accounted",
    ];
    let mut text = match found.rows.is_empty() {
        true => "no usage in this period".to_owned(),
        false => table(&header, found.rows.iter().map(cells)),
    };
    for source in &found.sources {
        let reached = source.collected_until.map_or("never collected".to_owned(), |until| {
            format!("collected until {}", when::text(until))
        });
        let inventory = match &source.inventory_meters {
            Some(meters) => format!("inventory of {}", meters.join(", ")),
            None => "no inventory".to_owned(),
        };
        text.push_str(&format!("\n{}: {reached}, {inventory}", source.source));
        for difference in &source.differences {
            text.push_str(&format!("\n  {}", difference_text(difference)));
        }
    }
    for row in found.rows.iter().filter(|row| !row.differences.is_empty()) {
        let whose = row.customer.as_deref().unwrap_or("nobody");
        text.push_str(&format!("\n{whose} {} {}", owner_text(row), row.meter));
        for difference in &row.differences {
            text.push_str(&format!("\n  {}", difference_text(difference)));
        }
    }
    let open = |row: &&Row| row.differences.iter().any(|difference| difference.open);
    let summary = match (found.good, found.rows.iter().filter(open).count()) {
        (true, _) => "everything agrees".to_owned(),
        (false, count) => format!("{count} of {} rows have open differences", found.rows.len()),
    };
    format!("{text}\n{summary}")
}

fn owner_text(row: &Row) -> String {
    match (&row.owner_name, row.owner.id.is_empty()) {
        (_, true) => "several owners".to_owned(),
        (Some(name), false) => name.clone(),
        (None, false) => row.owner.to_string(),
    }
}

/// A side that tells nothing is a dash, never a zero.
fn cells(row: &Row) -> Vec<String> {
    let missing = || "-".to_owned();
    let quantity = |of: Option<&Exact>| of.map_or_else(missing, |of| of.to_text_rounded(6));
    let recorded = row.recorded.as_ref();
    let billed = row.billed.as_ref();
    vec![
        row.seller.clone().unwrap_or_else(missing),
        row.customer.clone().unwrap_or_else(missing),
        owner_text(row),
        row.meter.clone(),
        row.unit.clone(),
        recorded.map_or_else(missing, |of| of.records.to_string()),
        quantity(recorded.and_then(|of| of.quantity.as_ref())),
        quantity(row.metered.as_ref().map(|of| &of.quantity)),
        quantity(billed.map(|of| &of.measure.quantity)),
        billed.map_or_else(missing, |of| {
            let net = Money { minor: of.net_minor, currency: of.currency };
            format!("{} {}", net.to_decimal_text(), of.currency)
        }),
        billed.map_or_else(missing, |of| {
            of.documents.iter().map(document_text).collect::<Vec<_>>().join(" ")
        }),
        row.inventory.map_or_else(missing, |count| count.to_string()),
        quantity(row.accounted.as_ref().map(|of| &of.quantity)),
    ]
}

fn document_text(document: &DocumentState) -> String {
    match (&document.number, document.draft) {
        (Some(number), _) => number.clone(),
        (None, Some(state)) => format!("{} draft", enum_text(&state)),
        (None, None) => document.id.to_string(),
    }
}

fn difference_text(difference: &Difference) -> String {
    let mark = if difference.open { "!" } else { "·" };
    let mut text = format!("{mark} {}: {}", enum_text(&difference.reason), difference.message);
    let resources = &difference.resources;
    if !resources.is_empty() {
        let shown: Vec<&str> = resources.iter().take(RESOURCES_MAX).map(String::as_str).collect();
        let more = match resources.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        text.push_str(&format!(" [{}{more}]", shown.join(", ")));
    }
    text
}
