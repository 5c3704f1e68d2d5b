//! Charges become lines, lines become a document without a number. PURE.
//!
//! One line holds one price, tier, tax rate and service period; it is price × Σ quantity
//! ÷ base, rounded once. The parts of a line are its largest-remainder shares, so that parts,
//! breakdowns and lines all sum to the net.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{
    BreakdownEntry, Breakdowns, ChargePart, InvoiceDocument, Language, Line, Party, Reference,
    TaxRate,
};
use super::parts::{parts_of, records_of};
use super::tax::{self, TaxError};
use super::{ENGINE, FORMAT};
use super::{bounds, texts};
use crate::catalog::price::{BookVersion, Dimension, Per, Price, Unit};
use crate::collect::record::{StoredRecord, attribute};
use crate::customer::{Agreement, Customer, LineCut, Seller};
use crate::ids::{InvoiceId, OwnerRef};
use crate::meter::{Category, category_of};
use crate::money::{Currency, Exact, Money, MoneyError, allocate::largest_remainder};
use crate::period::{BillingCycle, Period, Span, local_date};
use crate::rate::{Charge, ChargeKind, PoolKey};

/// What a draft is made of.
pub struct DraftInput<'a> {
    pub id: InvoiceId,
    pub seller: &'a Seller,
    pub customer: &'a Customer,
    pub agreement: &'a Agreement,
    pub cycle: &'a BillingCycle,
    pub period: Period,
    pub charges: &'a [Charge],
    pub versions: &'a [BookVersion],
    pub records: &'a [StoredRecord],
    /// Differences of issued periods that are to be paid with this one.
    pub corrections: Vec<Correction>,
    pub known_at: i64,
}

/// A difference of an issued period, above zero.
#[derive(Clone, Debug)]
pub struct Correction {
    /// The line it is formed on: price, tier scope, service period and tax as billed then.
    pub line: Line,
    pub minor: i64,
    pub corrects: Reference,
    /// Parts of the pool as known now, with the records behind them; they share the difference.
    pub parts: Vec<ChargePart>,
    /// Whose usage the pool holds.
    pub owners: Vec<OwnerRef>,
}

/// A document without number, and the parts of its lines.
#[derive(Clone, Debug)]
pub struct Drafted {
    pub document: InvoiceDocument,
    pub parts: Vec<ChargePart>,
}

/// What a line is cut by; its order is the order of lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LineKey {
    category: Category,
    cut: String,
    price_code: String,
    segment: Span,
    version: usize,
    price: usize,
    kind: ChargeKind,
    tier: Option<usize>,
    tax: TaxRate,
}

/// Makes lines, taxes, totals and breakdowns.
pub fn draft(input: DraftInput<'_>) -> Result<Drafted, TaxError> {
    let language = language_of(&input);
    let mut groups: BTreeMap<LineKey, Vec<usize>> = BTreeMap::new();
    for (index, charge) in input.charges.iter().enumerate() {
        // What is free by the book is in the usage, not on the invoice.
        if charge.unit_price.is_zero() && charge.kind != ChargeKind::Included {
            continue;
        }
        groups.entry(key_of(&input, charge, language)?).or_default().push(index);
    }
    let mut lines = Vec::new();
    let mut parts = Vec::new();
    for (key, indexes) in groups {
        let number = u32::try_from(lines.len() + 1).unwrap_or(u32::MAX);
        let (line, mut line_parts) = line_of(&input, &key, &indexes, number, language)?;
        lines.push(line);
        parts.append(&mut line_parts);
    }
    let (currency, rounding) = (input.agreement.currency, input.seller.details.rounding);
    bounds::settle(&mut lines, &mut parts, currency, rounding)?;
    for correction in &input.corrections {
        let number = u32::try_from(lines.len() + 1).unwrap_or(u32::MAX);
        lines.push(correction_line(&input, correction, number, language));
        parts.extend(correction_parts(correction, number));
    }
    let owners = owners_of(&input, &parts);
    let document = assemble(&input, lines, (&parts, owners), language)?;
    Ok(Drafted { document, parts })
}

/// Whose usage is on the document: the owners of its parts, and of the records behind what is
/// charged for several owners as a whole.
fn owners_of(input: &DraftInput<'_>, parts: &[ChargePart]) -> BTreeSet<OwnerRef> {
    let mut owners: BTreeSet<OwnerRef> = parts.iter().map(|part| part.owner.clone()).collect();
    owners.retain(|owner| !owner.id.is_empty());
    for charge in input.charges.iter().filter(|charge| charge.behind.is_some()) {
        let records = records_of(charge).map(|position| &input.records[position].key.owner);
        owners.extend(records.cloned());
    }
    owners.extend(input.corrections.iter().flat_map(|one| one.owners.iter().cloned()));
    owners
}

/// The language of a customer's documents.
pub fn language_of(input: &DraftInput<'_>) -> Language {
    input.customer.details.language.unwrap_or(input.seller.details.language)
}

fn key_of(
    input: &DraftInput<'_>,
    charge: &Charge,
    language: Language,
) -> Result<LineKey, TaxError> {
    let price = &input.versions[charge.version].prices[charge.price];
    let day = day_text(charge.segment.from, input.cycle);
    let (seller, customer) = (&input.seller.details, &input.customer.details);
    let tax = tax::rate_for(seller, customer, &price.tax_class, &day, language)?;
    let cut = customer.line_cut.unwrap_or(seller.line_cut);
    Ok(LineKey {
        category: category_of_price(price),
        cut: cut_of(cut, charge),
        price_code: price.code.clone(),
        segment: charge.segment,
        version: charge.version,
        price: charge.price,
        kind: charge.kind.clone(),
        tier: charge.tier.as_ref().map(|tier| tier.index),
        tax,
    })
}

/// Where a price stands in the breakdown: licences are applications, else by meter.
fn category_of_price(price: &Price) -> Category {
    if price.component == "licence" { Category::Application } else { category_of(&price.meter) }
}

fn cut_of(cut: LineCut, charge: &Charge) -> String {
    let Some(resource) = &charge.resource else {
        return format!("pool {}", charge.pool.scope_id);
    };
    match cut {
        LineCut::PerCategory => String::new(),
        LineCut::PerResource => {
            format!("{}\u{1f}{}\u{1f}{}", project_label(charge), resource.facts.owner, resource.id)
        }
        LineCut::PerOfferingAndProject => {
            let offering = offering_label(charge).unwrap_or_default();
            format!("{}\u{1f}{}\u{1f}{offering}", project_label(charge), resource.facts.owner)
        }
    }
}

fn project_label(charge: &Charge) -> String {
    let facts = charge.resource.as_ref().map(|resource| &resource.facts);
    facts.and_then(|facts| facts.project.as_ref()).map_or_else(String::new, |(_, n)| n.clone())
}

fn offering_label(charge: &Charge) -> Option<String> {
    let attributes = &charge.resource.as_ref()?.facts.attributes;
    attributes
        .get(attribute::OFFERING_NAME)
        .or_else(|| attributes.get(attribute::OFFERING))
        .cloned()
}

fn line_of(
    input: &DraftInput<'_>,
    key: &LineKey,
    indexes: &[usize],
    number: u32,
    language: Language,
) -> Result<(Line, Vec<ChargePart>), TaxError> {
    let version = &input.versions[key.version];
    let price = &version.prices[key.price];
    let first = &input.charges[indexes[0]];
    let quantity = Exact::sum(indexes.iter().map(|index| &input.charges[*index].quantity));
    let exact =
        quantity.times(&first.unit_price).divided_by(&first.base).unwrap_or(Exact::ZERO).reduced();
    let currency = input.agreement.currency;
    let net = Money::round(&exact, currency, input.seller.details.rounding)?;
    let charges: Vec<&Charge> = indexes.iter().map(|index| &input.charges[*index]).collect();
    let parts = parts_of(&charges, input.records, number, net.minor);
    let unit_name = unit_of_quantity(first, &price.unit);
    let line = Line {
        number,
        category: key.category,
        kind: key.kind.clone(),
        text: texts::line(language, price, first, offering_label(first).as_deref()),
        detail: texts::detail(language, price, first, indexes.len(), &parts),
        service_from: day_text(key.segment.from, input.cycle),
        service_until: last_day_text(key.segment, input.cycle),
        service_span: key.segment,
        quantity: quantity.reduced(),
        unit_code: unit_code(unit_name).to_owned(),
        unit: unit_name.to_owned(),
        price: first.unit_price.clone(),
        base: first.base.reduced(),
        tier: first.tier.clone(),
        pool: Some(PoolKey::clone(&first.pool)),
        price_code: Some(price.code.clone()),
        price_version: Some(version.id.clone()),
        component: Some(price.component.clone()),
        meter: Some(price.meter.clone()),
        offering: offering_label(first),
        project: Some(project_label(first)).filter(|name| !name.is_empty()),
        tax: key.tax.clone(),
        exact,
        net_minor: net.minor,
        corrects: None,
    };
    Ok((line, parts))
}

/// The unit in which a charge's quantity is counted; a month price counts hours.
fn unit_of_quantity(charge: &Charge, unit: &Unit) -> &'static str {
    match charge.kind {
        ChargeKind::TierFee | ChargeKind::Minimum | ChargeKind::Cap | ChargeKind::Package => {
            return "piece";
        }
        ChargeKind::Flat if charge.base == Exact::ONE => return "piece",
        ChargeKind::Flat => return "hour",
        ChargeKind::Usage | ChargeKind::Included | ChargeKind::OneOff => {}
    }
    let over_time = unit.per != Per::Amount;
    match (unit.dimension, over_time) {
        (Dimension::Resource, true) => "hour",
        (Dimension::Resource | Dimension::Count, false) => "piece",
        (Dimension::Count, true) => "piece_hour",
        (Dimension::Vcpu, _) => "vcpu_hour",
        (Dimension::RamGib, _) => "ram_gib_hour",
        (Dimension::Gpu, _) => "gpu_hour",
        (Dimension::Iops, _) => "iops_hour",
        (Dimension::Gib, true) => "gib_hour",
        (Dimension::Gib, false) => "gib",
        (Dimension::Gb, true) => "gb_hour",
        (Dimension::Gb, false) => "gb",
    }
}

/// UN/ECE Recommendation 20: HUR hour, E34 gigabyte, C62 one. It has no code for the others.
fn unit_code(unit: &str) -> &'static str {
    match unit {
        "hour" => "HUR",
        "gb" => "E34",
        _ => "C62",
    }
}

fn correction_line(
    input: &DraftInput<'_>,
    correction: &Correction,
    number: u32,
    language: Language,
) -> Line {
    let amount = Money { minor: correction.minor, currency: input.agreement.currency }.to_exact();
    let text = texts::correction(language, &correction.line.text, &correction.corrects.number);
    Line {
        number,
        kind: ChargeKind::Usage,
        text,
        detail: None,
        quantity: Exact::ONE,
        unit_code: "C62".to_owned(),
        unit: "piece".to_owned(),
        price: amount.clone(),
        base: Exact::ONE,
        tier: None,
        exact: amount.clone(),
        net_minor: correction.minor,
        corrects: Some(correction.corrects.clone()),
        ..correction.line.clone()
    }
}

/// The difference, shared over the resources of its pool by what each costs now.
fn correction_parts(correction: &Correction, number: u32) -> Vec<ChargePart> {
    let weights: Vec<Exact> = correction.parts.iter().map(|part| part.exact.clone()).collect();
    let shares = largest_remainder(correction.minor, &weights);
    let parts = correction.parts.iter().zip(shares).zip(1..);
    parts
        .map(|((part, net_minor), ordinal)| ChargePart {
            line: number,
            ordinal,
            net_minor,
            ..part.clone()
        })
        .collect()
}

fn assemble(
    input: &DraftInput<'_>,
    lines: Vec<Line>,
    (parts, owners): (&[ChargePart], BTreeSet<OwnerRef>),
    language: Language,
) -> Result<InvoiceDocument, TaxError> {
    let (seller, customer) = (&input.seller.details, &input.customer.details);
    let currency = input.agreement.currency;
    let taxes = tax::subtotals(&lines, currency, seller.rounding)?;
    let net_minor = sum(lines.iter().map(|line| line.net_minor), currency)?;
    let tax_minor = sum(taxes.iter().map(|tax| tax.tax_minor), currency)?;
    let gross_minor = sum([net_minor, tax_minor], currency)?;
    let (period_from, period_until) = (
        day_text(input.period.span.from, input.cycle),
        last_day_text(input.period.span, input.cycle),
    );
    Ok(InvoiceDocument {
        format: FORMAT,
        kind: super::document::DocumentKind::Invoice,
        id: input.id.clone(),
        number: None,
        series: seller.invoice_series.clone(),
        seller_id: input.seller.id.clone(),
        customer_id: input.customer.id.clone(),
        agreement_id: input.agreement.id.clone(),
        seller: seller_party(input.seller),
        buyer: buyer_party(input.customer),
        contact_hash: None,
        issue_date: None,
        due_date: None,
        payment_terms_days: customer.payment_terms_days.unwrap_or(seller.payment_terms_days),
        period: input.period,
        time_zone: input.cycle.zone_name().to_owned(),
        period_from,
        period_until,
        currency: input.agreement.currency,
        rounding: seller.rounding,
        language,
        breakdowns: breakdowns(&lines, parts),
        lines,
        taxes,
        net_minor,
        tax_minor,
        gross_minor,
        payable_minor: gross_minor,
        owners: owners.into_iter().collect(),
        corrects: None,
        reason: None,
        automatic: false,
        prices_corrected_at: None,
        bank: seller.bank.clone(),
        style: seller.style.clone(),
        known_at: input.known_at,
        record_revision_max: input.records.iter().map(|r| r.key.revision).max().unwrap_or(0),
        engine: ENGINE.to_owned(),
    })
}

fn sum(amounts: impl IntoIterator<Item = i64>, currency: Currency) -> Result<i64, MoneyError> {
    let mut sum: i64 = 0;
    for minor in amounts {
        sum = sum.checked_add(minor).ok_or(MoneyError::Overflow { currency })?;
    }
    Ok(sum)
}

/// The seller as it stands on a document.
pub fn seller_party(seller: &Seller) -> Party {
    let details = &seller.details;
    Party {
        name: details.name.clone(),
        address: details.address.clone(),
        vat_id: details.vat_id.clone(),
        tax_number: details.tax_number.clone(),
        registration: details.registration.clone(),
        number: None,
    }
}

fn buyer_party(customer: &Customer) -> Party {
    let details = &customer.details;
    Party {
        name: details.name.clone(),
        address: details.address.clone(),
        vat_id: details.vat_id.clone(),
        tax_number: details.tax_number.clone(),
        registration: None,
        number: Some(customer.number.clone()),
    }
}

/// The net cut by category, project, resource and tag; each cut sums to the net.
pub fn breakdowns(lines: &[Line], parts: &[ChargePart]) -> Breakdowns {
    let mut category: BTreeMap<(Category, String), i64> = BTreeMap::new();
    for line in lines {
        let key = (line.category, line.category.as_str().to_owned());
        *category.entry(key).or_insert(0) += line.net_minor;
    }
    let entry = |key: String, label: String, net_minor| BreakdownEntry { key, label, net_minor };
    let category =
        category.into_iter().map(|((_, code), net)| entry(code.clone(), code, net)).collect();
    let project = cut(parts, |part| {
        (part.owner.to_string(), part.project.clone().or(part.account.clone()).unwrap_or_default())
    });
    let resource = cut(parts, |part| {
        let key = format!("{}/{}", part.owner, part.resource);
        (key, part.resource_name.clone())
    });
    let tag = cut(parts, |part| match part.tags.first() {
        Some(tag) => (tag.clone(), tag.clone()),
        None => (String::new(), String::new()),
    });
    Breakdowns { category, project, resource, tag }
}

fn cut(
    parts: &[ChargePart],
    key_and_label: impl Fn(&ChargePart) -> (String, String),
) -> Vec<BreakdownEntry> {
    let mut groups: BTreeMap<String, (String, i64)> = BTreeMap::new();
    for part in parts {
        let (key, label) = key_and_label(part);
        groups.entry(key).or_insert((label, 0)).1 += part.net_minor;
    }
    groups
        .into_iter()
        .map(|(key, (label, net_minor))| BreakdownEntry { key, label, net_minor })
        .collect()
}

/// The local day of an instant, `YYYY-MM-DD`.
pub fn day_text(at: i64, cycle: &BillingCycle) -> String {
    local_date(at, cycle.zone()).map_or_else(|| at.to_string(), |day| day.to_string())
}

/// The last local day that a span touches.
pub fn last_day_text(span: Span, cycle: &BillingCycle) -> String {
    day_text((span.until - 1).max(span.from), cycle)
}
