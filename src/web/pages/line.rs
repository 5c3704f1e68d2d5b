//! `/billing/invoices/{id}/lines/{line}`: why a line is as it is, down to the cloud's own words.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::shell::{Page, Visitor, encode};
use super::texts;
use crate::bill::document::{Language, Line};
use crate::bill::explain::{ExplainedLine, ExplainedRecord};
use crate::collect::record::attribute;
use crate::meter::kind::meter_of;
use crate::money::{Currency, Exact, Money};
use crate::present::format;
use crate::web::api::explain::{ExplainQuery, load};
use crate::web::error::ApiError;
use crate::web::month::name_of;
use crate::web::state::State;

/// Explains a line.
pub async fn show(
    state: web::Data<State>,
    visitor: Visitor,
    path: web::Path<(String, u32)>,
    query: web::Query<ExplainQuery>,
) -> HttpResponse {
    visitor.page(build(&state, &visitor, path.into_inner(), query.into_inner()).await)
}

async fn build(
    state: &State,
    visitor: &Visitor,
    (invoice, number): (String, u32),
    query: ExplainQuery,
) -> Result<Page, ApiError> {
    let address = format!("/billing/invoices/{}", encode(&invoice));
    let resource = query.resource.clone();
    let (found, currency) = load(state, visitor.scope(), (invoice, number), query).await?;
    let here = format!("{address}/lines/{number}");
    let body = html! {
        p.crumbs {
            a href=(visitor.link("/billing/invoices")) { (visitor.text(texts::INVOICES)) }
            " / "
            a href=(visitor.link(&address)) { (found.invoice_number) }
            " / "
            span { (visitor.text(texts::LINE)) " " (number) }
        }
        h1 { (found.line.text) }
        (summary(visitor, &found, currency))
        (parts(visitor, &found, (&here, currency)))
        (records(visitor, &found, resource.is_some().then_some(here.as_str())))
    };
    let title = format!("{} {number}, {}", visitor.text(texts::LINE), found.invoice_number);
    Ok(Page { title, body, live: false })
}

fn summary(visitor: &Visitor, found: &ExplainedLine, currency: Currency) -> Markup {
    let line = &found.line;
    let language = visitor.language;
    let net = Money { minor: line.net_minor, currency };
    html! {
        section.card {
            @if let Some(detail) = &line.detail { p.quiet { (detail) } }
            dl.facts {
                dt { (visitor.text(texts::NET)) }
                dd.strong { (format::money(net, language)) }
                dt { (visitor.text(texts::ARITHMETIC)) }
                dd { (arithmetic(line, net, language)) }
                dt { (visitor.text(texts::PERIOD)) }
                dd { (format::date_range(&line.service_from, &line.service_until, language)) }
                @if let Some(code) = &line.price_code {
                    dt { (visitor.text(texts::PRICE)) }
                    dd { (code)
                        @if let Some(version) = &line.price_version {
                            " " span.quiet { (version) }
                        } }
                }
                @if let Some(meter) = &line.meter {
                    dt { (visitor.text(texts::METER)) }
                    dd { (format::meter(meter, language)) }
                }
            }
            @if let Some(price) = &found.price {
                details {
                    summary { (visitor.text(texts::PRICE_AS_APPLIED)) }
                    pre tabindex="0" { (pretty(price)) }
                }
            }
        }
    }
}

/// Quantity × price ÷ base = exact → rounded.
fn arithmetic(line: &Line, net: Money, language: Language) -> Markup {
    let amount = |value: &Exact| format::number(value, EXACT_DIGITS, language);
    html! {
        (with_unit(&line.quantity, &line.unit, language))
        " × " (format::price(&line.price, net.currency, language))
        @if line.base != Exact::ONE { " ÷ " (amount(&line.base)) }
        " = " (amount(&line.exact)) " → " (format::money(net, language))
    }
}

/// Decimals of an exact amount in the calculation.
const EXACT_DIGITS: u8 = 10;

fn with_unit(quantity: &Exact, unit: &str, language: Language) -> String {
    format!("{} {}", format::quantity(quantity, language), format::unit(unit, quantity, language))
}

fn parts(visitor: &Visitor, found: &ExplainedLine, (here, currency): (&str, Currency)) -> Markup {
    let heads = [texts::RESOURCE, texts::PROJECT];
    html! {
        section {
            h2 { (visitor.text(texts::PARTS)) }
            table.list.stacked {
                (visitor.head(&heads, &[texts::QUANTITY, texts::NET]))
                tbody { @for part in &found.parts { tr {
                    @let only = visitor.link_with(here, &[("resource", &part.resource)]);
                    (visitor.cell(texts::RESOURCE, &html! {
                        @if part.resource.is_empty() { "–" }
                        @else { a href=(only) { (name_of(part)) } }
                    }))
                    (visitor.cell(texts::PROJECT, &html! {
                        (part.project.as_deref().unwrap_or("–"))
                    }))
                    @let quantity = with_unit(&part.quantity, &found.line.unit, visitor.language);
                    (visitor.number(texts::QUANTITY, &quantity))
                    @let net = Money { minor: part.net_minor, currency };
                    (visitor.number(texts::NET, &format::money(net, visitor.language)))
                } } }
            }
        }
    }
}

fn records(visitor: &Visitor, found: &ExplainedLine, all: Option<&str>) -> Markup {
    html! {
        section.records {
            h2 { (visitor.text(texts::RECORDS)) }
            p.quiet {
                (found.records.len()) " " (visitor.text(texts::OF)) " " (found.record_count)
                @if let Some(all) = all {
                    " · " a href=(visitor.link(all)) { (visitor.text(texts::ALL_RESOURCES)) }
                }
            }
            @for record in &found.records { (record_part(visitor, record)) }
        }
    }
}

/// A record with the cloud's own words: closed, one line with its time and quantity.
fn record_part(visitor: &Visitor, record: &ExplainedRecord) -> Markup {
    let language = visitor.language;
    let name = record.attributes.get(attribute::NAME).map_or("", String::as_str);
    html! {
        details.record {
            summary {
                span.when {
                    (format::instant(record.key.from, language)) " – "
                    (format::instant(record.until, language))
                }
                span { (if name.is_empty() { &record.key.resource } else { name }) }
                span { (format::meter(&record.key.meter, language)) }
                span.number { (record_quantity(record, language)) }
            }
            dl.facts {
                dt { (visitor.text(texts::RESOURCE)) } dd { code { (record.key.resource) } }
                @for (name, value) in &record.attributes { dt { (name) } dd { (value) } }
                @if let Some(at) = record.fetched_at {
                    dt { (visitor.text(texts::FETCHED)) } dd { (format::instant(at, language)) }
                }
                @if let Some(request) = &record.request {
                    dt { (visitor.text(texts::REQUEST)) } dd { code { (request) } }
                }
                @if let Some(hash) = &record.body_hash {
                    dt { "SHA-256" } dd { code { (hash) } }
                }
            }
            @if let Some(raw) = &record.raw {
                h3 { (visitor.text(texts::RAW)) }
                pre tabindex="0" { (pretty(raw)) }
            }
        }
    }
}

/// What the record says was used, in the unit of its meter.
fn record_quantity(record: &ExplainedRecord, language: Language) -> String {
    let Ok(quantity) = record.quantity.parse::<Exact>() else { return record.quantity.clone() };
    match meter_of(&record.key.meter).map(|meter| meter.unit) {
        Some(unit) => with_unit(&quantity, unit.code(), language),
        None => format::quantity(&quantity, language),
    }
}

/// JSON to be read.
pub fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}
