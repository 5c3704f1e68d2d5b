//! What must be true of sellers' and customers' details before they are stored. PURE.

use jiff::civil::Date;

use super::{CustomerDetails, SellerDetails, TaxRule};
use crate::bill::document::{Address, BankAccount, DocumentStyle, TaxCategory};
use crate::period::BillingCycle;

/// Most columns of a legal footer.
const FOOTER_COLUMNS_MAX: usize = 3;
/// Longest series, the first part of document numbers.
const SERIES_MAX: usize = 12;

/// What is wrong with a seller's details; empty when they may be stored.
pub fn seller_problems(details: &SellerDetails) -> Vec<String> {
    let mut problems = Vec::new();
    require(&mut problems, "name", &details.name);
    address_problems(&mut problems, &details.address);
    cycle_problems(&mut problems, &details.time_zone, 1);
    for (field, series) in
        [("invoice_series", &details.invoice_series), ("credit_series", &details.credit_series)]
    {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if series.is_empty() || series.len() > SERIES_MAX || !series.chars().all(allowed) {
            problems.push(format!(
                "{field} {series:?}: use 1 to {SERIES_MAX} letters, digits and dashes, such as INV"
            ));
        }
    }
    if details.invoice_series == details.credit_series {
        problems.push(format!(
            "invoice_series and credit_series are both {:?}: give credit notes their own, such \
             as CN",
            details.credit_series
        ));
    }
    require(&mut problems, "price_book", &details.price_book);
    if let Some(bank) = &details.bank {
        bank_problems(&mut problems, bank);
    }
    for (index, rule) in details.tax_rules.iter().enumerate() {
        rule_problems(&mut problems, index + 1, rule);
    }
    style_problems(&mut problems, &details.style);
    problems
}

/// What is wrong with a customer's details; empty when they may be stored.
pub fn customer_problems(details: &CustomerDetails) -> Vec<String> {
    let mut problems = Vec::new();
    require(&mut problems, "name", &details.name);
    if details.address != Address::default() {
        address_problems(&mut problems, &details.address);
    }
    cycle_problems(
        &mut problems,
        details.time_zone.as_deref().unwrap_or("UTC"),
        details.anchor_day,
    );
    if let Some(category) = details.tax_category
        && needs_reason(category)
        && details.tax_reason.is_none()
    {
        problems.push(format!("tax_category {category:?} needs a tax_reason (BT-120)"));
    }
    if let Some(email) = &details.contact_email
        && !email.contains('@')
    {
        problems.push(format!("contact_email {email:?} has no @"));
    }
    problems
}

fn require(problems: &mut Vec<String>, field: &str, text: &str) {
    if text.trim().is_empty() {
        problems.push(format!("{field} is empty"));
    }
}

fn address_problems(problems: &mut Vec<String>, address: &Address) {
    let country = &address.country;
    if country.len() != 2 || !country.chars().all(|c| c.is_ascii_uppercase()) {
        problems.push(format!(
            "address.country {country:?}: write two capital letters of ISO 3166-1, such as DE"
        ));
    }
}

fn cycle_problems(problems: &mut Vec<String>, zone: &str, anchor_day: i8) {
    if let Err(error) = BillingCycle::new(zone, anchor_day) {
        problems.push(error.to_string());
    }
}

/// Whether EN 16931 wants a reason why no tax is due.
fn needs_reason(category: TaxCategory) -> bool {
    match category {
        TaxCategory::S | TaxCategory::Z => false,
        TaxCategory::E | TaxCategory::AE | TaxCategory::K | TaxCategory::G | TaxCategory::O => true,
    }
}

fn rule_problems(problems: &mut Vec<String>, number: usize, rule: &TaxRule) {
    let mut tell = |text: String| problems.push(format!("tax_rules, rule {number}: {text}"));
    if rule.percent.is_negative() {
        tell(format!("percent {} is below zero", rule.percent));
    }
    let taxed = rule.category == TaxCategory::S;
    if taxed == rule.percent.is_zero() {
        tell(format!(
            "category {:?} with {} percent: S has a rate above zero, all others have 0",
            rule.category, rule.percent
        ));
    }
    if needs_reason(rule.category) && rule.reason.is_none() {
        tell(format!("category {:?} needs a reason (BT-120)", rule.category));
    }
    if let Some(from) = &rule.from
        && from.parse::<Date>().is_err()
    {
        tell(format!("from {from:?} is not a day; write YYYY-MM-DD"));
    }
    if let Some(country) = &rule.country
        && (country.len() != 2 || !country.chars().all(|c| c.is_ascii_uppercase()))
    {
        tell(format!("country {country:?} is not two capital letters of ISO 3166-1"));
    }
}

fn style_problems(problems: &mut Vec<String>, style: &DocumentStyle) {
    let colour = style.colour.strip_prefix('#').unwrap_or("");
    if colour.len() != 6 || !colour.chars().all(|c| c.is_ascii_hexdigit()) {
        problems.push(format!("style.colour {:?}: write it as #1f4e79", style.colour));
    }
    if style.footer.len() > FOOTER_COLUMNS_MAX {
        problems.push(format!(
            "style.footer has {} columns; {FOOTER_COLUMNS_MAX} fit on the page",
            style.footer.len()
        ));
    }
    if !(4..=40).contains(&style.logo_height_mm) {
        problems.push(format!("style.logo_height_mm {}: write 4 to 40", style.logo_height_mm));
    }
}

fn bank_problems(problems: &mut Vec<String>, bank: &BankAccount) {
    require(problems, "bank.holder", &bank.holder);
    if !iban_is_right(&bank.iban) {
        problems.push(format!("bank.iban {:?} has a wrong check sum or form", bank.iban));
    }
    if let Some(bic) = &bank.bic
        && (!matches!(bic.len(), 8 | 11) || !bic.chars().all(|c| c.is_ascii_alphanumeric()))
    {
        problems.push(format!("bank.bic {bic:?}: a BIC has 8 or 11 letters and digits"));
    }
}

/// ISO 13616: the number made of the rearranged text is 1 modulo 97.
fn iban_is_right(iban: &str) -> bool {
    let compact: String = iban.chars().filter(|c| !c.is_whitespace()).collect();
    let plain = compact.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
    if !plain || !(15..=34).contains(&compact.len()) {
        return false;
    }
    let (head, tail) = compact.split_at(4);
    let mut rest: u32 = 0;
    for c in tail.chars().chain(head.chars()) {
        let value = c.to_digit(36).unwrap_or(0);
        let factor = if value > 9 { 100 } else { 10 };
        rest = (rest * factor + value) % 97;
    }
    rest == 1
}
