//! `billow catalog unpriced`: usage that no price covers, as the month's own rating finds it,
//! with a suggested price.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::output::table;
use super::prices::load_items;
use super::sellers::find_seller;
use super::{Exit, Output};
use crate::app::App;
use crate::bill::month::{Month, MonthRequest, load_month};
use crate::catalog::book_write::write_price;
use crate::catalog::price::Price;
use crate::catalog::suggest::{SuggestInput, Suggestion, suggest};
use crate::collect::record::{Attributes, attribute};
use crate::customer::change::cycle_of;
use crate::customer::store::{AsOf, load_agreements, load_customer, load_sellers};
use crate::customer::{Agreement, Seller};
use crate::finding::Finding;
use crate::money::{Currency, Exact};
use crate::orchestrator::CatalogItem;
use crate::period::{Period, PeriodLabel, Span};
use crate::store::Conn;

/// The rule of the holds about usage without a price.
const RULE: &str = "unpriced";

/// What has usage and no price.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The billing period; the running one of each customer where nothing is given.
    #[arg(long)]
    period: Option<PeriodLabel>,
    /// Code of one seller; all where nothing is given.
    #[arg(long)]
    seller: Option<String>,
}

/// Usage without a price that one new price would cover.
struct Group {
    currency: Currency,
    quantity: Exact,
    customers: BTreeSet<String>,
    resources: BTreeSet<String>,
    attributes: Attributes,
    /// The prices that hold last in the period.
    prices: Vec<Price>,
}

/// Book, meter and offering.
type Key = (String, String, String);

/// Runs the verb; the exit status tells whether anything was found.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.snapshot().await?;
    let sellers = load_sellers(&mut conn, AsOf::now(now)).await?;
    let sellers: Vec<&Seller> = match &args.seller {
        Some(code) => vec![find_seller(&sellers, code)?],
        None => sellers.iter().collect(),
    };
    let items = load_items(&mut conn, app, now).await?;
    let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
    for seller in sellers {
        collect(&mut conn, seller, args.period, now, &mut groups).await?;
    }
    let found: Vec<(Key, Group, Suggestion)> = groups
        .into_iter()
        .map(|(key, mut group)| {
            complete(&mut group.attributes, &items, &key.2);
            let suggestion = suggest(&SuggestInput {
                meter: &key.1,
                attributes: &group.attributes,
                prices: &group.prices,
                currency: group.currency,
                items: &items,
            });
            (key, group, suggestion)
        })
        .collect();
    show(&found, out);
    Ok(if found.is_empty() { Exit::Done } else { Exit::Found })
}

/// Rates the period of each customer of a seller and gathers what found no price.
async fn collect(
    conn: &mut Conn,
    seller: &Seller,
    label: Option<PeriodLabel>,
    now: i64,
    groups: &mut BTreeMap<Key, Group>,
) -> anyhow::Result<()> {
    for agreement in load_agreements(conn, &seller.id, Span::new(0, i64::MAX), now).await? {
        let customer = load_customer(conn, &agreement.customer, AsOf::now(now)).await?;
        let Some(customer) = customer else { continue };
        let cycle = cycle_of(&customer, seller)?;
        let period: Period = match label {
            Some(label) => cycle.period(label)?,
            None => cycle.period_at(now)?,
        };
        if !period.span.overlaps(Span::new(agreement.from, agreement.until)) {
            continue;
        }
        let request =
            MonthRequest { agreement: &agreement, period, known_at: now, prices_known_at: now };
        let month = load_month(conn, request).await?;
        for hold in month.holds.iter().filter(|hold| hold.rule == RULE) {
            add(groups, &agreement, &month, hold);
        }
    }
    Ok(())
}

fn add(groups: &mut BTreeMap<Key, Group>, agreement: &Agreement, month: &Month, hold: &Finding) {
    let text = |key: &str| hold.detail.get(key).and_then(|value| value.as_str());
    let offering = text("offering").unwrap_or("").to_owned();
    let key = (agreement.price_book.clone(), hold.meter.clone(), offering);
    let group = groups.entry(key).or_insert_with_key(|(_, meter, offering)| Group {
        currency: agreement.currency,
        quantity: Exact::ZERO,
        customers: BTreeSet::new(),
        resources: BTreeSet::new(),
        attributes: attributes_of(month, meter, offering),
        prices: month.versions.last().map_or_else(Vec::new, |version| version.prices.clone()),
    });
    let quantity = text("quantity").map(crate::money::amount::parse_stored);
    if let Some(Ok(quantity)) = quantity {
        group.quantity.add_assign(&quantity);
    }
    group.customers.insert(month.customer.number.clone());
    group.resources.insert(hold.resource.clone());
}

/// What rating knew of usage of a meter and offering that found no price.
fn attributes_of(month: &Month, meter: &str, offering: &str) -> Attributes {
    let facts = month
        .decisions
        .iter()
        .filter(|decision| decision.meter == meter && decision.winners.is_empty())
        .filter_map(|decision| decision.facts.as_ref())
        .find(|facts| facts.attributes.get(attribute::OFFERING).is_none_or(|id| id == offering));
    let mut attributes = facts.map_or_else(Attributes::new, |facts| facts.attributes.clone());
    if !offering.is_empty() {
        attributes.insert(attribute::OFFERING.to_owned(), offering.to_owned());
    }
    attributes
}

/// Adds what the catalogue says of the offering now.
fn complete(attributes: &mut Attributes, items: &[CatalogItem], offering: &str) {
    let Some(item) = items.iter().find(|item| item.id == offering) else { return };
    let mut add = |key: &str, value: &str| {
        attributes.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    };
    add(attribute::OFFERING_NAME, &item.name);
    for (key, value) in &item.attributes {
        add(key, value);
    }
}

fn show(found: &[(Key, Group, Suggestion)], out: Output) {
    let values: Vec<_> = found
        .iter()
        .map(|((book, meter, offering), group, suggestion)| {
            json!({
                "book": book, "meter": meter,
                "offering": (!offering.is_empty()).then_some(offering),
                "offering_name": group.attributes.get(attribute::OFFERING_NAME),
                "quantity": group.quantity, "customers": group.customers,
                "resources": group.resources.len(), "suggested": suggestion.prices,
                "why": suggestion.why,
            })
        })
        .collect();
    out.show(&json!({ "unpriced": values }), || {
        if found.is_empty() {
            return "all usage has a price".to_owned();
        }
        let rows = found.iter().map(|((book, meter, offering), group, suggestion)| {
            let name = group.attributes.get(attribute::OFFERING_NAME);
            vec![
                book.clone(),
                meter.clone(),
                name.unwrap_or(offering).clone(),
                group.quantity.to_text_rounded(6),
                group.resources.len().to_string(),
                group.customers.len().to_string(),
                suggestion.why.clone(),
            ]
        });
        let header =
            ["book", "meter", "offering", "quantity", "resources", "customers", "suggestion"];
        let prices: Vec<String> = found
            .iter()
            .flat_map(|(_, _, suggestion)| suggestion.prices.iter().map(write_price))
            .collect();
        format!("{}\n\n{}", table(&header, rows), prices.join("\n"))
    });
}
