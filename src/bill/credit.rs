//! Credit notes: by line or amount, never beyond the invoice, and reaching it exactly. PURE.
//!
//! VAT of each note is the VAT of all that is credited so far less the VAT already credited, by
//! category and rate (billing-rules 1.13), so that a full set reaches net, VAT and gross.

use std::collections::BTreeMap;

use super::document::{
    ChargePart, DocumentKind, InvoiceDocument, Line, Reference, TaxRate, TaxSubtotal,
};
use super::draft::breakdowns;
use super::tax::tax_on;
use crate::ids::InvoiceId;
use crate::money::{Exact, Money, MoneyError, allocate::largest_remainder};

/// What is to be credited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreditRequest {
    /// All that is left.
    Full,
    /// Lines with the net to credit of each; `None` for all that is left of it.
    Lines(Vec<(u32, Option<i64>)>),
}

/// A credit note cannot be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CreditError {
    #[error("{0} is a credit note: only invoices are credited")]
    NotAnInvoice(String),
    #[error("{number} has no line {line}: it has lines 1 to {lines}")]
    NoLine { number: String, line: u32, lines: usize },
    #[error("{number} line {line}: {wanted} is more than the {left} that is left to credit")]
    TooMuch { number: String, line: u32, wanted: String, left: String },
    #[error("{0} is credited in full already")]
    NothingLeft(String),
    #[error("the amount to credit of line {0} must be above zero")]
    NotPositive(u32),
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// An issued invoice with what was credited before.
pub struct Creditable<'a> {
    pub invoice: &'a InvoiceDocument,
    pub parts: &'a [ChargePart],
    /// Credit notes on it, issued or drafted, oldest first.
    pub notes: &'a [InvoiceDocument],
    pub credit_series: &'a str,
}

/// Makes the draft of a credit note.
pub fn credit(
    creditable: &Creditable<'_>,
    request: &CreditRequest,
    id: InvoiceId,
    reason: &str,
    known_at: i64,
) -> Result<(InvoiceDocument, Vec<ChargePart>), CreditError> {
    let invoice = creditable.invoice;
    let number = invoice.number.clone().unwrap_or_else(|| invoice.id.to_string());
    if invoice.kind != DocumentKind::Invoice {
        return Err(CreditError::NotAnInvoice(number));
    }
    let left = left_of_lines(creditable);
    let wanted = wanted(invoice, &number, request, &left)?;
    if wanted.is_empty() {
        return Err(CreditError::NothingLeft(number));
    }
    let mut lines = Vec::new();
    let mut parts = Vec::new();
    for (line, minor) in wanted {
        let own = u32::try_from(lines.len() + 1).unwrap_or(u32::MAX);
        let credited = credited_again(invoice, line, minor, own);
        lines.push(credited.unwrap_or_else(|| panic!("line {line} was found before")));
        parts.extend(credited_parts(creditable.parts, line, minor, own));
    }
    let taxes = credited_taxes(creditable, &lines)?;
    let net_minor: i64 = lines.iter().map(|line| line.net_minor).sum();
    let tax_minor: i64 = taxes.iter().map(|tax| tax.tax_minor).sum();
    let reference = Reference {
        id: invoice.id.clone(),
        number,
        issue_date: invoice.issue_date.clone().unwrap_or_else(String::new),
    };
    let note = InvoiceDocument {
        kind: DocumentKind::CreditNote,
        id,
        number: None,
        series: creditable.credit_series.to_owned(),
        issue_date: None,
        due_date: None,
        contact_hash: None,
        breakdowns: breakdowns(&lines, &parts),
        lines,
        taxes,
        net_minor,
        tax_minor,
        gross_minor: net_minor + tax_minor,
        payable_minor: net_minor + tax_minor,
        corrects: Some(reference),
        reason: Some(reason.to_owned()),
        automatic: false,
        prices_corrected_at: None,
        known_at,
        ..invoice.clone()
    };
    Ok((note, parts))
}

/// Net that is left of each line, by the line's number.
pub fn left_of_lines(creditable: &Creditable<'_>) -> BTreeMap<u32, i64> {
    let mut left: BTreeMap<u32, i64> =
        creditable.invoice.lines.iter().map(|line| (line.number, line.net_minor)).collect();
    for line in creditable.notes.iter().flat_map(|note| &note.lines) {
        if let Some(number) = credited_number(line)
            && let Some(net) = left.get_mut(&number)
        {
            *net -= line.net_minor;
        }
    }
    left
}

/// A credit note's line names the invoice's line in its detail's last word: `#3`.
pub(crate) fn credited_number(line: &Line) -> Option<u32> {
    line.detail.as_deref()?.rsplit('#').next()?.parse().ok()
}

fn wanted(
    invoice: &InvoiceDocument,
    number: &str,
    request: &CreditRequest,
    left: &BTreeMap<u32, i64>,
) -> Result<Vec<(u32, i64)>, CreditError> {
    let lines = match request {
        CreditRequest::Full => {
            // Lines below zero (caps) are credited with the rest, or the rest would be too much.
            return Ok(left.iter().filter(|(_, net)| **net != 0).map(|(l, n)| (*l, *n)).collect());
        }
        CreditRequest::Lines(lines) => lines,
    };
    let mut wanted = Vec::new();
    let mut remaining = left.clone();
    for (line, amount) in lines {
        let rest = remaining.get_mut(line).ok_or_else(|| CreditError::NoLine {
            number: number.to_owned(),
            line: *line,
            lines: invoice.lines.len(),
        })?;
        let minor = amount.unwrap_or(*rest);
        if minor == 0 && amount.is_none() {
            continue;
        }
        if minor <= 0 && *rest >= 0 {
            return Err(CreditError::NotPositive(*line));
        }
        if minor.abs() > rest.abs() || minor.signum() != rest.signum() {
            let text = |minor| Money { minor, currency: invoice.currency }.to_decimal_text();
            return Err(CreditError::TooMuch {
                number: number.to_owned(),
                line: *line,
                wanted: text(minor),
                left: text(*rest),
            });
        }
        *rest -= minor;
        wanted.push((*line, minor));
    }
    Ok(wanted)
}

/// The line of a credit note that takes `minor` of an invoice's line, made again; `None` when the
/// invoice has no such line.
pub(crate) fn credited_again(
    invoice: &InvoiceDocument,
    number: u32,
    minor: i64,
    own: u32,
) -> Option<Line> {
    let original = invoice.lines.iter().find(|line| line.number == number)?;
    Some(credited_line(invoice, original, minor, own))
}

fn credited_line(invoice: &InvoiceDocument, original: &Line, minor: i64, own: u32) -> Line {
    let number = original.number;
    let whole = minor == original.net_minor;
    let amount = Money { minor, currency: invoice.currency }.to_exact();
    let detail = match &original.detail {
        Some(detail) => format!("{detail} · #{number}"),
        None => format!("#{number}"),
    };
    let credited = Line { number: own, net_minor: minor, detail: Some(detail), ..original.clone() };
    if whole {
        return credited;
    }
    Line {
        quantity: Exact::ONE,
        unit_code: "C62".to_owned(),
        unit: "piece".to_owned(),
        price: amount.clone(),
        base: Exact::ONE,
        tier: None,
        exact: amount,
        ..credited
    }
}

fn credited_parts(parts: &[ChargePart], number: u32, minor: i64, own: u32) -> Vec<ChargePart> {
    let of_line: Vec<&ChargePart> = parts.iter().filter(|part| part.line == number).collect();
    let weights: Vec<Exact> =
        of_line.iter().map(|part| Exact::int(i128::from(part.net_minor.abs()))).collect();
    let shares = largest_remainder(minor, &weights);
    of_line
        .into_iter()
        .zip(shares)
        .map(|(part, net_minor)| ChargePart { line: own, net_minor, ..part.clone() })
        .collect()
}

/// VAT by category and rate: of everything credited, this note included, less what earlier notes
/// took; the last note thus takes exactly what is left of the invoice's VAT.
fn credited_taxes(
    creditable: &Creditable<'_>,
    lines: &[Line],
) -> Result<Vec<TaxSubtotal>, CreditError> {
    let invoice = creditable.invoice;
    let mut bases: BTreeMap<&TaxRate, i64> = BTreeMap::new();
    for line in lines {
        *bases.entry(&line.tax).or_insert(0) += line.net_minor;
    }
    let mut taxes = Vec::new();
    for (tax, base_minor) in bases {
        let earlier =
            creditable.notes.iter().flat_map(|note| &note.taxes).filter(|t| t.tax == *tax);
        let (before, taken) =
            earlier.fold((0, 0), |(base, sum), t| (base + t.base_minor, sum + t.tax_minor));
        let whole = invoice.taxes.iter().find(|t| t.tax == *tax);
        let all = match whole {
            Some(whole) if whole.base_minor == before + base_minor => whole.tax_minor,
            Some(_) | None => {
                let base = before + base_minor;
                tax_on(base, &tax.percent, invoice.currency, invoice.rounding)?
            }
        };
        taxes.push(TaxSubtotal { tax: tax.clone(), base_minor, tax_minor: all - taken });
    }
    Ok(taxes)
}
