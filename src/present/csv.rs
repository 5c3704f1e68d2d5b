//! The same document as CSV: its lines, and the usage annex of its parts.
//!
//! RFC 4180: commas, CRLF, UTF-8, a header row. Amounts and quantities are plain decimals with a
//! point, as machines read them; column names are an interface and stay.

use crate::bill::document::{ChargePart, DocumentKind, InvoiceDocument, Line};
use crate::money::{Exact, Money};

/// Decimals of quantities and prices that do not end, such as thirds of an hour.
const DIGITS: u8 = 12;

const LINE_COLUMNS: [&str; 32] = [
    "document_kind",
    "document_number",
    "issue_date",
    "currency",
    "line",
    "kind",
    "category",
    "text",
    "detail",
    "service_from",
    "service_until",
    "quantity",
    "unit",
    "unit_code",
    "price",
    "price_base",
    "tier_from",
    "tier_up_to",
    "price_code",
    "price_version",
    "component",
    "meter",
    "offering",
    "project",
    "tax_category",
    "tax_percent",
    "tax_reason",
    "exact",
    "net",
    "corrects_number",
    "corrects_issue_date",
    "customer_number",
];

const ANNEX_COLUMNS: [&str; 17] = [
    "document_number",
    "currency",
    "line",
    "part",
    "source",
    "owner",
    "account",
    "project",
    "meter",
    "resource",
    "resource_name",
    "tags",
    "quantity",
    "exact",
    "net",
    "record_count",
    "record_hash",
];

/// Lines, one row each, amounts as plain decimals; cells that a spreadsheet would run are guarded.
pub fn lines(document: &InvoiceDocument) -> String {
    let rows = document.lines.iter().map(|line| line_row(document, line));
    table(&LINE_COLUMNS, rows)
}

/// The usage annex: one row for each resource's part of a line; parts sum to the lines.
pub fn annex(document: &InvoiceDocument, parts: &[ChargePart]) -> String {
    let rows = parts.iter().map(|part| annex_row(document, part));
    table(&ANNEX_COLUMNS, rows)
}

fn line_row(document: &InvoiceDocument, line: &Line) -> Vec<String> {
    let kind = match document.kind {
        DocumentKind::Invoice => "invoice",
        DocumentKind::CreditNote => "credit_note",
    };
    let corrects = line.corrects.as_ref().or(document.corrects.as_ref());
    let (tier_from, tier_up_to) = match &line.tier {
        Some(tier) => (number(&tier.from), tier.up_to.as_ref().map_or_else(String::new, number)),
        None => (String::new(), String::new()),
    };
    vec![
        kind.to_owned(),
        text(document.number.as_deref()),
        text(document.issue_date.as_deref()),
        document.currency.code().to_owned(),
        line.number.to_string(),
        code(&line.kind),
        line.category.as_str().to_owned(),
        text(Some(&line.text)),
        text(line.detail.as_deref()),
        line.service_from.clone(),
        line.service_until.clone(),
        number(&line.quantity),
        text(Some(&line.unit)),
        text(Some(&line.unit_code)),
        number(&line.price),
        number(&line.base),
        tier_from,
        tier_up_to,
        text(line.price_code.as_deref()),
        text(line.price_version.as_deref()),
        text(line.component.as_deref()),
        text(line.meter.as_deref()),
        text(line.offering.as_deref()),
        text(line.project.as_deref()),
        format!("{:?}", line.tax.category),
        number(&line.tax.percent),
        text(line.tax.reason.as_deref()),
        number(&line.exact),
        amount(document, line.net_minor),
        text(corrects.map(|other| other.number.as_str())),
        text(corrects.map(|other| other.issue_date.as_str())),
        text(document.buyer.number.as_deref()),
    ]
}

fn annex_row(document: &InvoiceDocument, part: &ChargePart) -> Vec<String> {
    vec![
        text(document.number.as_deref()),
        document.currency.code().to_owned(),
        part.line.to_string(),
        part.ordinal.to_string(),
        text(Some(&part.owner.source.0)),
        text(Some(&part.owner.id)),
        text(part.account.as_deref()),
        text(part.project.as_deref()),
        text(Some(&part.meter)),
        text(Some(&part.resource)),
        text(Some(&part.resource_name)),
        text(Some(&part.tags.join(" "))),
        number(&part.quantity),
        number(&part.exact),
        amount(document, part.net_minor),
        part.record_count.to_string(),
        text(Some(&part.record_hash)),
    ]
}

/// A cell of somebody's words. One that a spreadsheet would take for a formula gets a quote in
/// front, which spreadsheets hide; numbers never pass here, so that minus signs stay.
fn text(value: Option<&str>) -> String {
    let value = value.unwrap_or("");
    if value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{value}")
    } else {
        value.to_owned()
    }
}

fn number(value: &Exact) -> String {
    value.to_decimal_text().map_or_else(|| value.to_text_rounded(DIGITS), |_| value.to_string())
}

fn amount(document: &InvoiceDocument, minor: i64) -> String {
    Money { minor, currency: document.currency }.to_decimal_text()
}

/// The stored word of a unit-like enum.
fn code<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}

fn table(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut out = String::new();
    push_row(&mut out, columns.iter().copied());
    for row in rows {
        push_row(&mut out, row.iter().map(String::as_str));
    }
    out
}

fn push_row<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\r', '\n']) {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(cell);
        }
    }
    out.push_str("\r\n");
}
