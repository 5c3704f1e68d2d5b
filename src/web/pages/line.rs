//! `/billing/invoices/{id}/lines/{line}`: why a line is as it is, down to the cloud's own words.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::shell::{Page, Visitor, encode};
use super::texts;
use crate::bill::explain::{ExplainedLine, ExplainedRecord};
use crate::money::{Currency, Money};
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
        }
        h1 { (visitor.text(texts::WHY_LINE)) " " (number) }
        (summary(visitor, &found, currency))
        (parts(visitor, &found, (&here, currency)))
        (records(visitor, &found, resource.is_some().then_some(here.as_str())))
    };
    let title = format!("{} {number}", visitor.text(texts::WHY_LINE));
    Ok(Page { title, body, live: false })
}

fn summary(visitor: &Visitor, found: &ExplainedLine, currency: Currency) -> Markup {
    let line = &found.line;
    let language = visitor.language;
    let net = Money { minor: line.net_minor, currency };
    html! {
        section.card {
            h2 { (line.text) }
            @if let Some(detail) = &line.detail { p.quiet { (detail) } }
            dl.facts {
                dt { (visitor.text(texts::AMOUNT)) }
                dd.strong { (format::money(net, language)) }
                dt { (visitor.text(texts::ARITHMETIC)) }
                dd { code { (found.arithmetic) } }
                dt { (visitor.text(texts::PERIOD)) }
                dd { (format::date(&line.service_from, language)) " – "
                    (format::date(&line.service_until, language)) }
                @if let Some(code) = &line.price_code {
                    dt { (visitor.text(texts::PRICE)) }
                    dd { (code)
                        @if let Some(version) = &line.price_version { " (" (version) ")" } }
                }
                @if let Some(meter) = &line.meter {
                    dt { (visitor.text(texts::METER)) }
                    dd { (format::meter(meter, visitor.language)) }
                }
            }
            @if let Some(price) = &found.price {
                details {
                    summary { (visitor.text(texts::PRICE)) }
                    pre { (pretty(price)) }
                }
            }
        }
    }
}

fn parts(visitor: &Visitor, found: &ExplainedLine, (here, currency): (&str, Currency)) -> Markup {
    html! {
        h2 { (visitor.text(texts::PARTS)) }
        table.list {
            thead { tr {
                th scope="col" { (visitor.text(texts::RESOURCE)) }
                th scope="col" { (visitor.text(texts::METER)) }
                th.number scope="col" { (visitor.text(texts::QUANTITY)) }
                th.number scope="col" { (visitor.text(texts::NET)) }
            } }
            tbody {
                @for part in &found.parts {
                    @let only = visitor.link_with(here, &[("resource", &part.resource)]);
                    tr {
                        td {
                            a href=(only) { (name_of(part)) }
                            @if let Some(project) = &part.project { " " small.quiet { (project) } }
                        }
                        td { (format::meter(&part.meter, visitor.language)) }
                        td.number { (format::quantity(&part.quantity, visitor.language)) }
                        @let net = Money { minor: part.net_minor, currency };
                        td.number { (format::money(net, visitor.language)) }
                    }
                }
            }
        }
    }
}

fn records(visitor: &Visitor, found: &ExplainedLine, all: Option<&str>) -> Markup {
    html! {
        h2 { (visitor.text(texts::RECORDS)) }
        p.quiet {
            (found.records.len()) " / " (found.record_count) " " (visitor.text(texts::RECORDS_OF))
            @if let Some(all) = all {
                " · " a href=(visitor.link(all)) { (visitor.text(texts::ALL_RESOURCES)) }
            }
        }
        @for record in &found.records { (record_card(visitor, record)) }
    }
}

fn record_card(visitor: &Visitor, record: &ExplainedRecord) -> Markup {
    let language = visitor.language;
    html! {
        details.record {
            summary {
                (format::instant(record.key.from, language)) " – "
                (format::instant(record.until, language)) " · "
                (format::meter(&record.key.meter, language)) " · "
                span.number { (record.quantity) }
            }
            dl.facts {
                dt { (visitor.text(texts::RESOURCE)) } dd { (record.key.resource) }
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
                pre { (pretty(raw)) }
            }
        }
    }
}

/// JSON to be read.
pub fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}
