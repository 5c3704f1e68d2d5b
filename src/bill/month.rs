//! A customer's month, rated now and stored nowhere: month to date, previews, drafts and
//! `billow rate` are all this function.

use std::collections::{BTreeMap, BTreeSet};

use super::days::{DayAmount, by_day};
use super::document::{ChargePart, InvoiceDocument};
use super::draft::{Correction, DraftInput, Drafted, draft};
use super::facts::Histories;
use super::tax;
use super::used::{Metering, Used};
use crate::catalog::price::{BookVersion, TierScope};
use crate::catalog::store::load_book_versions;
use crate::collect::record::{StoredRecord, attribute};
use crate::collect::store::load_watermarks;
use crate::customer::store::{AsOf, load_customer, load_mappings, load_seller};
use crate::customer::{Agreement, Customer, OwnerMapping, Seller};
use crate::finding::store::load_open_findings;
use crate::finding::{Finding, FindingState, repeated};
use crate::ids::{FindingId, InvoiceId, OwnerRef, SourceName};
use crate::meter::Metered;
use crate::money::Exact;
use crate::period::{BillingCycle, Period, Span, midnight};
use crate::rate::engine::rate;
use crate::rate::{Decision, Rating, RatingInput, Unpriced};
use crate::store::{Conn, StoreError};

const HOUR_SECONDS: i128 = 3_600;

/// Whose month, and with whose knowledge.
pub struct MonthRequest<'a> {
    pub agreement: &'a Agreement,
    pub period: Period,
    /// Usage and decisions recorded after this do not count.
    pub known_at: i64,
    /// Prices and details recorded after this do not count; `known_at` unless an issued period is
    /// rated again at its original prices.
    pub prices_known_at: i64,
}

/// A customer's month.
#[derive(Debug)]
pub struct Month {
    pub seller: Seller,
    pub customer: Customer,
    pub cycle: BillingCycle,
    /// A draft with lines, taxes, totals and breakdowns; no number, no dates of issue.
    pub document: InvoiceDocument,
    pub parts: Vec<ChargePart>,
    /// What each local day adds, by owner; for charts.
    pub days: Vec<DayAmount>,
    /// Open findings that hold it, unpriced usage among them.
    pub holds: Vec<Finding>,
    /// For `--explain`.
    pub decisions: Vec<Decision>,
    /// The versions of the price book, in the order that `decisions` count them.
    pub versions: Vec<BookVersion>,
    /// Usage is complete up to this instant (the least of the sources' watermarks).
    pub complete_until: i64,
    /// The time whose figures are made of what was seen so far, and not stored.
    pub provisional: Option<Span>,
}

impl Month {
    /// What holds it, one line each: the same doubt about the same resource is told once.
    pub fn hold_texts(&self) -> Vec<String> {
        let names: BTreeMap<&str, &str> = self
            .parts
            .iter()
            .map(|part| (part.resource.as_str(), part.resource_name.as_str()))
            .collect();
        let told = repeated(&self.holds);
        told.iter().map(|one| one.text(names.get(one.first.resource.as_str()).copied())).collect()
    }
}

/// Rates a month, of stored usage alone.
pub async fn load_month(conn: &mut Conn, request: MonthRequest<'_>) -> Result<Month, StoreError> {
    let gathered = gather(conn, &request, &mut Histories::default()).await?;
    let id = InvoiceId("draft".to_owned());
    finish(&request, gathered, id, Vec::new())
}

/// Rates a month with what was seen since the last stored usage. Once its usage is complete it is
/// what [`load_month`] gives.
pub async fn load_month_so_far(
    conn: &mut Conn,
    request: MonthRequest<'_>,
    now: i64,
) -> Result<Month, StoreError> {
    let gathered = gather_until(conn, &request, &mut Histories::default(), Some(now)).await?;
    let id = InvoiceId("draft".to_owned());
    finish(&request, gathered, id, Vec::new())
}

/// All that a month is made of, read and rated.
pub(crate) struct Gathered {
    pub seller: Seller,
    pub customer: Customer,
    pub cycle: BillingCycle,
    /// Billable records, with those of other customers where a price pools over the seller.
    pub records: Vec<StoredRecord>,
    /// Their quantities.
    pub metered: Vec<Metered>,
    pub versions: Vec<BookVersion>,
    pub rating: Rating,
    pub holds: Vec<Finding>,
    pub complete_until: i64,
    pub provisional: Option<Span>,
}

/// Reads and rates a month; histories are kept for the next customer.
pub(crate) async fn gather(
    conn: &mut Conn,
    request: &MonthRequest<'_>,
    histories: &mut Histories,
) -> Result<Gathered, StoreError> {
    gather_until(conn, request, histories, None).await
}

/// The same; with `now` what was seen since the last stored usage counts too.
async fn gather_until(
    conn: &mut Conn,
    request: &MonthRequest<'_>,
    histories: &mut Histories,
    now: Option<i64>,
) -> Result<Gathered, StoreError> {
    let agreement = request.agreement;
    let period = request.period;
    let as_of = AsOf { at: (period.span.until - 1).max(0), known_at: request.prices_known_at };
    let seller = load_seller(conn, &agreement.seller, as_of).await?;
    let seller = seller.ok_or_else(|| missing("seller", agreement.seller.as_str()))?;
    let customer = load_customer(conn, &agreement.customer, as_of).await?;
    let customer = customer.ok_or_else(|| missing("customer", agreement.customer.as_str()))?;
    let cycle = cycle_of(&seller, &customer)?;
    let span = period.span.intersect(Span::new(agreement.from, agreement.until));
    let versions =
        load_book_versions(conn, &agreement.price_book, span, request.prices_known_at).await?;
    let mappings = load_mappings(conn, &customer.id, span, request.known_at).await?;
    let mut holds = Vec::new();
    for mapping in &mappings {
        holds.extend(load_holds(conn, mapping, span, request.known_at).await?);
    }
    let boundaries = boundaries_of(&versions, (&seller, &customer), &cycle, &mappings, span);
    let known_at = request.known_at;
    let mut metering = Metering { conn, histories, span, known_at, now, provisional: None };
    let mut used = metering.of(&customer.id, &mappings, &boundaries).await?;
    if versions.iter().flat_map(|v| &v.prices).any(|p| p.tier_scope == TierScope::SellerPool) {
        metering.add_pool(&mut used, agreement, &boundaries).await?;
    }
    let provisional = metering.provisional;
    let Used { records, metered } = used;
    let rating = rate(&RatingInput {
        period: Period { label: period.label, span },
        period_hours: Exact::ratio(i128::from(period.span.seconds()), HOUR_SECONDS),
        metered: &metered,
        versions: &versions,
        boundaries: &boundaries,
        customer: &customer.id,
    });
    holds.extend(unpriced_holds(&rating.unpriced, request.known_at));
    let complete_until = complete_until(conn).await?;
    Ok(Gathered {
        seller,
        customer,
        cycle,
        records,
        metered,
        versions,
        rating,
        holds,
        complete_until,
        provisional,
    })
}

/// Makes the draft of what was gathered; a tax that cannot be decided is a hold.
pub(super) fn finish(
    request: &MonthRequest<'_>,
    gathered: Gathered,
    id: InvoiceId,
    corrections: Vec<Correction>,
) -> Result<Month, StoreError> {
    let (complete_until, provisional) = (gathered.complete_until, gathered.provisional);
    let Gathered { seller, customer, cycle, records, versions, rating, mut holds, .. } = gathered;
    let input = |charges, corrections| DraftInput {
        id: id.clone(),
        seller: &seller,
        customer: &customer,
        agreement: request.agreement,
        cycle: &cycle,
        period: request.period,
        charges,
        versions: &versions,
        records: &records,
        corrections,
        known_at: request.known_at,
    };
    let drafted = draft(input(&rating.charges, corrections));
    let Drafted { document, parts } = match drafted {
        Ok(drafted) => drafted,
        Err(error) => {
            holds.push(tax_hold(&customer, request, &error.to_string()));
            draft(input(&[], Vec::new())).map_err(|e| StoreError::Conflict(e.to_string()))?
        }
    };
    let days = by_day(&rating.charges, cycle.zone());
    Ok(Month {
        days,
        seller,
        customer,
        cycle,
        document,
        parts,
        holds,
        decisions: rating.decisions,
        versions,
        complete_until,
        provisional,
    })
}

/// A customer's billing cycle: its own zone or the seller's, and its anchor day.
pub fn cycle_of(seller: &Seller, customer: &Customer) -> Result<BillingCycle, StoreError> {
    let zone = customer.details.time_zone.as_deref().unwrap_or(&seller.details.time_zone);
    BillingCycle::new(zone, customer.details.anchor_day)
        .map_err(|error| StoreError::Conflict(format!("customer {}: {error}", customer.number)))
}

fn missing(what: &str, id: &str) -> StoreError {
    StoreError::Conflict(format!("{what} {id} has no details at that time: set them from earlier"))
}

async fn load_holds(
    conn: &mut Conn,
    mapping: &OwnerMapping,
    span: Span,
    known_at: i64,
) -> Result<Vec<Finding>, StoreError> {
    let mapped = span.intersect(Span::new(mapping.from, mapping.until));
    load_open_findings(conn, &mapping.owner, mapped, known_at).await
}

/// Where quantities are cut: new prices, new tax rates, changes of mapping.
fn boundaries_of(
    versions: &[BookVersion],
    (seller, customer): (&Seller, &Customer),
    cycle: &BillingCycle,
    mappings: &[OwnerMapping],
    span: Span,
) -> Vec<i64> {
    let mut cuts: BTreeSet<i64> = versions.iter().map(|version| version.span.from).collect();
    let prices = versions.iter().flat_map(|version| &version.prices);
    let classes = prices.map(|price| price.tax_class.as_str()).collect();
    for day in tax::change_days(&seller.details, &customer.details, &classes) {
        let day = day.parse::<jiff::civil::Date>().ok();
        cuts.extend(day.and_then(|day| midnight(day, cycle.zone())));
    }
    cuts.extend(mappings.iter().flat_map(|mapping| [mapping.from, mapping.until]));
    cuts.into_iter().filter(|at| span.from < *at && *at < span.until).collect()
}

async fn complete_until(conn: &mut Conn) -> Result<i64, StoreError> {
    let watermarks = load_watermarks(conn).await?;
    Ok(watermarks.iter().map(|(_, collected, _)| *collected).min().unwrap_or(0))
}

fn hold(rule: &str, owner: &OwnerRef, span: Span, message: String, known_at: i64) -> Finding {
    Finding {
        id: FindingId(format!("{rule}:{owner}:{}", span.from)),
        rule: rule.to_owned(),
        owner: owner.clone(),
        meter: String::new(),
        resource: String::new(),
        span,
        record_key: None,
        state: FindingState::Open,
        message,
        detail: serde_json::Value::Null,
        recorded_at: known_at,
    }
}

/// One hold for each meter and offering without a price; made anew each time, so that a price
/// that is applied later ends it. What is zero needs no price.
fn unpriced_holds(unpriced: &[Unpriced], known_at: i64) -> Vec<Finding> {
    let mut groups: BTreeMap<(&str, &str), Vec<&Unpriced>> = BTreeMap::new();
    for one in unpriced.iter().filter(|one| !one.quantity.is_zero()) {
        let offering = one.facts.attributes.get(attribute::OFFERING).map_or("", String::as_str);
        groups.entry((&one.meter, offering)).or_default().push(one);
    }
    groups.into_values().map(|group| unpriced_hold(&group, known_at)).collect()
}

fn unpriced_hold(group: &[&Unpriced], known_at: i64) -> Finding {
    let first = group[0];
    let attributes = &first.facts.attributes;
    let quantity = Exact::sum(group.iter().map(|one| &one.quantity));
    let offering = attributes.get(attribute::OFFERING_NAME).map_or("", String::as_str);
    let message = format!(
        "{} of {} {offering} on {} resources has no price: add one to the book, or 0 if it is free",
        quantity.to_text_rounded(6),
        first.meter,
        group.len(),
    );
    let from = group.iter().map(|one| one.span.from).min().unwrap_or(first.span.from);
    let until = group.iter().map(|one| one.span.until).max().unwrap_or(first.span.until);
    let span = Span::new(from, until);
    let resource = if group.len() == 1 { first.resource.to_string() } else { String::new() };
    Finding {
        meter: first.meter.to_string(),
        resource,
        detail: serde_json::json!({
            "quantity": quantity,
            "offering": attributes.get(attribute::OFFERING),
            "resources": group.len(),
            "records": group.iter().map(|one| one.records.len()).sum::<usize>(),
        }),
        ..hold("unpriced", &first.facts.owner, span, message, known_at)
    }
}

fn tax_hold(customer: &Customer, request: &MonthRequest<'_>, message: &str) -> Finding {
    let owner = OwnerRef { source: SourceName(String::new()), id: customer.number.clone() };
    let span = request.period.span;
    hold("tax", &owner, span, message.to_owned(), request.known_at)
}
