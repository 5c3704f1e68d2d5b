//! VAT by EN 16931: decided for each line, computed on the base of each category. PURE.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Language, Line, TaxCategory, TaxRate, TaxSubtotal};
use crate::customer::{CustomerDetails, SellerDetails};
use crate::money::{Currency, Exact, Money, MoneyError, RoundingMode};

/// No tax can be decided, or the lines cannot stand on one document.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TaxError {
    #[error(
        "seller {seller} has no tax rule for class {class:?}, country {country:?} on {day}: \
         add one to its tax_rules"
    )]
    NoRule { seller: String, class: String, country: String, day: String },
    #[error(
        "VAT category {category:?} (BT-151) needs the VAT ids of both sides, and {whose} has none: \
         set its vat_id"
    )]
    NoVatId { category: TaxCategory, whose: String },
    #[error("lines outside the scope of VAT (O) cannot stand beside others (BR-O-11)")]
    OutOfScopeMixed,
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// The tax of a line whose service begins on the local day `day` (`YYYY-MM-DD`).
pub fn rate_for(
    seller: &SellerDetails,
    customer: &CustomerDetails,
    class: &str,
    day: &str,
    language: Language,
) -> Result<TaxRate, TaxError> {
    if let Some(category) = customer.tax_category
        && category != TaxCategory::S
    {
        let reason = customer.tax_reason.clone();
        identified(category, seller, customer)?;
        return Ok(without_tax(category, reason, language));
    }
    let country = customer.address.country.as_str();
    let rule = seller
        .tax_rules
        .iter()
        .filter(|rule| rule.class == class)
        .filter(|rule| rule.country.as_deref().is_none_or(|wanted| wanted == country))
        .filter(|rule| rule.from.as_deref().is_none_or(|from| from <= day))
        .max_by_key(|rule| (rule.country.is_some(), rule.from.clone()))
        .ok_or_else(|| TaxError::NoRule {
            seller: seller.name.clone(),
            class: class.to_owned(),
            country: country.to_owned(),
            day: day.to_owned(),
        })?;
    match rule.category {
        TaxCategory::S => {
            Ok(TaxRate { category: TaxCategory::S, percent: rule.percent.clone(), reason: None })
        }
        other => {
            identified(other, seller, customer)?;
            Ok(without_tax(other, rule.reason.clone(), language))
        }
    }
}

/// Reverse charge and intra-community supply are between sides that both have a VAT id (BR-AE-2,
/// BR-IC-2 and those beside them).
fn identified(
    category: TaxCategory,
    seller: &SellerDetails,
    customer: &CustomerDetails,
) -> Result<(), TaxError> {
    use TaxCategory::{AE, E, G, K, O, S, Z};
    match category {
        S | Z | E | G | O => return Ok(()),
        AE | K => {}
    }
    let sides = [(&seller.name, &seller.vat_id), (&customer.name, &customer.vat_id)];
    let lacking =
        |(_, id): &(&String, &Option<String>)| id.as_deref().is_none_or(|id| id.trim().is_empty());
    match sides.into_iter().find(lacking) {
        Some((name, _)) => Err(TaxError::NoVatId { category, whose: name.clone() }),
        None => Ok(()),
    }
}

/// Local days (`YYYY-MM-DD`), ascending, on which the customer's tax changes for one of the
/// classes; a rule that is none of the customer's cuts nothing, because each cut is rounded.
pub fn change_days<'a>(
    seller: &'a SellerDetails,
    customer: &CustomerDetails,
    classes: &BTreeSet<&str>,
) -> Vec<&'a str> {
    let days: BTreeSet<&str> =
        seller.tax_rules.iter().filter_map(|rule| rule.from.as_deref()).collect();
    // The language does not matter: only rates are compared.
    let of = |class: &str, day: &str| rate_for(seller, customer, class, day, Language::En).ok();
    let mut before = "";
    let mut changes = Vec::new();
    for day in days {
        if classes.iter().any(|class| of(class, before) != of(class, day)) {
            changes.push(day);
        }
        before = day;
    }
    changes
}

fn without_tax(category: TaxCategory, reason: Option<String>, language: Language) -> TaxRate {
    let needs_reason = category != TaxCategory::Z;
    let usual = || usual_reason(category, language).map(str::to_owned);
    let reason = reason.or_else(usual).filter(|_| needs_reason);
    TaxRate { category, percent: Exact::ZERO, reason }
}

/// The usual words (BT-120) where the seller or customer gives none.
fn usual_reason(category: TaxCategory, language: Language) -> Option<&'static str> {
    use Language::{De, En, Fr};
    Some(match (category, language) {
        (TaxCategory::AE, En) => "Reverse charge: the recipient owes the VAT",
        (TaxCategory::AE, De) => "Steuerschuldnerschaft des Leistungsempfängers",
        (TaxCategory::AE, Fr) => "Autoliquidation",
        (TaxCategory::K, En) => "Intra-community supply",
        (TaxCategory::K, De) => "Innergemeinschaftliche Lieferung",
        (TaxCategory::K, Fr) => "Livraison intracommunautaire",
        (TaxCategory::G, En) => "Export outside the EU",
        (TaxCategory::G, De) => "Ausfuhr außerhalb der EU",
        (TaxCategory::G, Fr) => "Exportation hors de l’UE",
        (TaxCategory::E, En) => "Exempt from VAT",
        (TaxCategory::E, De) => "Umsatzsteuerfrei",
        (TaxCategory::E, Fr) => "Exonéré de TVA",
        (TaxCategory::O, En) => "Not subject to VAT",
        (TaxCategory::O, De) => "Nicht steuerbar",
        (TaxCategory::O, Fr) => "Hors du champ d’application de la TVA",
        (TaxCategory::S | TaxCategory::Z, _) => return None,
    })
}

/// VAT of each category and rate on the sum of its lines (BG-23), ascending by category and rate.
pub fn subtotals(
    lines: &[Line],
    currency: Currency,
    rounding: RoundingMode,
) -> Result<Vec<TaxSubtotal>, TaxError> {
    let mut bases: BTreeMap<&TaxRate, i64> = BTreeMap::new();
    for line in lines {
        let base = bases.entry(&line.tax).or_insert(0);
        *base = base.checked_add(line.net_minor).ok_or(MoneyError::Overflow { currency })?;
    }
    let out_of_scope = bases.keys().filter(|tax| tax.category == TaxCategory::O).count();
    if out_of_scope > 0 && out_of_scope < bases.len() {
        return Err(TaxError::OutOfScopeMixed);
    }
    bases
        .into_iter()
        .map(|(tax, base_minor)| {
            let tax_minor = tax_on(base_minor, &tax.percent, currency, rounding)?;
            Ok(TaxSubtotal { tax: tax.clone(), base_minor, tax_minor })
        })
        .collect()
}

/// VAT on a base, rounded once (BT-117).
pub fn tax_on(
    base_minor: i64,
    percent: &Exact,
    currency: Currency,
    rounding: RoundingMode,
) -> Result<i64, MoneyError> {
    let base = Money { minor: base_minor, currency }.to_exact();
    let exact = base.times(percent).times(&Exact::ratio(1, 100));
    Ok(Money::round(&exact, currency, rounding)?.minor)
}
