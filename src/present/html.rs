//! The same document as HTML, readable without script, for pages and mails.

use maud::{Markup, html};

use super::format;
use super::payment_code::PaymentCode;
use super::sheet::{self, Breakdown, Group, Row, Sheet};
use super::texts::text;
use crate::bill::document::{Contact, DocumentKind, InvoiceDocument, Language};

/// Light modules around a QR code, as its standard asks.
const QUIET_ZONE: usize = 4;
/// Columns of the table of lines.
const COLUMNS: usize = 6;

/// The document's body as an `<article>`, styled by the page shell's classes. `line_link`
/// gives the address of a line's explanation, where the page offers one.
pub fn invoice(
    document: &InvoiceDocument,
    contact: Option<&Contact>,
    line_link: Option<&dyn Fn(u32) -> String>,
) -> Markup {
    let sheet = Sheet::of(document, contact);
    let kind = match document.kind {
        DocumentKind::Invoice => "invoice",
        DocumentKind::CreditNote => "credit-note",
    };
    html! {
        article.document lang=(format::language_tag(document.language)) data-kind=(kind) {
            (head(document, &sheet))
            (parties(document, &sheet))
            @if let Some((label, reason)) = &sheet.reason {
                p.reason { strong { (label) ": " } (reason) }
            }
            (lines(document, &sheet, line_link))
            (totals(document.language, &sheet))
            @if !sheet.breakdowns.is_empty() {
                section.breakdowns {
                    h2 { (text(document.language, "breakdowns")) }
                    div.columns {
                        @for cut in &sheet.breakdowns { (breakdown(document.language, cut)) }
                    }
                }
            }
            (payment(document, &sheet))
            @if let Some(closing) = &document.style.closing { p.closing { (closing) } }
            (footer(document))
        }
    }
}

fn head(document: &InvoiceDocument, sheet: &Sheet) -> Markup {
    html! {
        header {
            p.seller { (document.seller.name) }
            // The seller's colour as an SVG attribute: the page's policy allows no inline style.
            svg.accent aria-hidden="true" width="100%" height="4" preserveAspectRatio="none" {
                rect width="100%" height="4" fill=(document.style.colour) {}
            }
            h1 {
                (sheet.full_title)
                @if document.number.is_none() {
                    " " span.tag.draft { (text(document.language, "draft")) }
                }
            }
            @if let Some(note) = &sheet.draft_note { p.notice.warning { (note) } }
        }
    }
}

fn parties(document: &InvoiceDocument, sheet: &Sheet) -> Markup {
    let language = document.language;
    let seller = format::address_lines(&document.seller.address, &document.buyer.address.country);
    html! {
        div.parties {
            section {
                h2 { (text(language, "label-buyer")) }
                address {
                    @for (index, line) in sheet.buyer.iter().enumerate() {
                        @if index == 0 { strong dir="auto" { (line) } }
                        @else { br; span dir="auto" { (line) } }
                    }
                }
            }
            section {
                h2 { (text(language, "label-seller")) }
                address {
                    strong dir="auto" { (document.seller.name) }
                    @for line in &seller { br; span dir="auto" { (line) } }
                }
            }
            dl.facts {
                @for (label, value) in &sheet.facts { dt { (label) } dd { (value) } }
            }
        }
    }
}

fn lines(
    document: &InvoiceDocument,
    sheet: &Sheet,
    line_link: Option<&dyn Fn(u32) -> String>,
) -> Markup {
    let language = document.language;
    let net = super::texts::text_with(
        language,
        "column-net-in",
        &[("currency", document.currency.code())],
    );
    html! {
        div.scroll tabindex="0" role="region" aria-label=(text(language, "lines")) {
            table.lines {
                caption.hidden { (text(language, "lines")) }
                thead { tr {
                    th.number scope="col" { (text(language, "column-number")) }
                    th scope="col" { (text(language, "column-text")) }
                    th.number scope="col" { (text(language, "column-quantity")) }
                    th.number scope="col" { (text(language, "column-price")) }
                    th.number scope="col" { (text(language, "column-tax")) }
                    th.number scope="col" { (net) }
                } }
                @for group in &sheet.groups { (group_rows(language, group, line_link)) }
            }
        }
    }
}

fn group_rows(
    language: Language,
    group: &Group,
    line_link: Option<&dyn Fn(u32) -> String>,
) -> Markup {
    html! {
        tbody {
            tr.group { th scope="rowgroup" colspan=(COLUMNS) { (group.name) } }
            @for row in &group.rows { (line_row(language, row, line_link)) }
            tr.subtotal {
                th scope="row" colspan=(COLUMNS - 1) { (group.subtotal_label) }
                td.number { (group.subtotal) }
            }
        }
    }
}

fn line_row(language: Language, row: &Row, line_link: Option<&dyn Fn(u32) -> String>) -> Markup {
    html! {
        tr id=(format!("line-{}", row.number)) {
            td.number.index { (row.number) }
            td.what {
                span.text dir="auto" { (row.text) }
                @for detail in &row.details { br; small dir="auto" { (detail) } }
            }
            td.number.quantity { (row.quantity) " " span.unit { (row.unit) } }
            td.number.price {
                (row.price)
                @if let Some(base) = &row.price_base { br; span.unit { (base) } }
            }
            td.number.tax { (row.tax) }
            td.number.net {
                @match line_link {
                    Some(link) => {
                        a href=(link(row.number)) title=(text(language, "why")) { (row.net) }
                    }
                    None => { (row.net) }
                }
            }
        }
    }
}

fn totals(language: Language, sheet: &Sheet) -> Markup {
    html! {
        table.totals {
            caption.hidden { (text(language, "total-gross")) }
            tbody {
                @for total in &sheet.totals {
                    tr.grand[total.grand] {
                        th scope="row" { (total.label) }
                        td.number { (total.value) }
                    }
                }
            }
        }
        @if !sheet.notes.is_empty() {
            ul.notes aria-label=(text(language, "tax-notes")) {
                @for note in &sheet.notes { li { (note) } }
            }
        }
    }
}

fn breakdown(language: Language, cut: &Breakdown) -> Markup {
    html! {
        table.breakdown {
            caption { (cut.title) }
            thead.hidden { tr {
                th scope="col" { (text(language, "column-name")) }
                th.number scope="col" { (text(language, "column-net")) }
                th.number scope="col" { (text(language, "column-share")) }
            } }
            tbody {
                @for row in &cut.rows {
                    tr {
                        th scope="row" dir="auto" { (row.label) }
                        td.number { (row.amount) }
                        td.number.quiet { (row.share) }
                    }
                }
            }
        }
    }
}

fn payment(document: &InvoiceDocument, sheet: &Sheet) -> Markup {
    let code = PaymentCode::of(document);
    html! {
        section.payment {
            h2 { (text(document.language, "payment")) }
            div {
                @for sentence in &sheet.payment.sentences { p { (sentence) } }
                @if !sheet.payment.facts.is_empty() {
                    dl.facts {
                        @for (label, value) in &sheet.payment.facts {
                            dt { (label) }
                            dd { (value) }
                        }
                    }
                }
            }
            @if let Some(code) = &code { (payment_code(document, sheet, code)) }
        }
    }
}

fn payment_code(document: &InvoiceDocument, sheet: &Sheet, code: &PaymentCode) -> Markup {
    let side = code.width + 2 * QUIET_ZONE;
    let mut path = String::new();
    for (column, row, length) in code.runs() {
        let (x, y) = (column + QUIET_ZONE, row + QUIET_ZONE);
        path.push_str(&format!("M{x} {y}h{length}v1h-{length}z"));
    }
    html! {
        figure.payment-code {
            svg role="img" aria-label=(sheet.payment.code_text)
                viewBox=(format!("0 0 {side} {side}")) width="148" height="148"
                shape-rendering="crispEdges" {
                rect width=(side) height=(side) fill="#fff" {}
                path d=(path) fill="#000" {}
            }
            figcaption { (text(document.language, "qr-caption")) }
        }
    }
}

fn footer(document: &InvoiceDocument) -> Markup {
    html! {
        footer aria-label=(text(document.language, "footer")) {
            @for column in sheet::footer(document) {
                p { @for (index, line) in column.iter().enumerate() {
                    @if index > 0 { br; } (line)
                } }
            }
        }
    }
}
