//! `/billing` and `/billing/customers/{id}`: the month to date, or a closed month.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::shell::{Page, Visitor, encode, see_other};
use super::{findings, texts};
use crate::finding::repeated;
use crate::money::{Exact, Money};
use crate::period::PeriodLabel;
use crate::present::chart::{self, Bar};
use crate::present::format;
use crate::web::api::month::MonthQuery;
use crate::web::error::ApiError;
use crate::web::month::{MonthAsk, MonthView, Progress, load_view, name_of};
use crate::web::reach::load_customers;
use crate::web::state::State;

/// The visitor's own month: their only customer's, else the list of those they reach.
pub async fn own(
    state: web::Data<State>,
    visitor: Visitor,
    query: web::Query<MonthQuery>,
) -> HttpResponse {
    if visitor.is_staff() {
        return see_other(&visitor.link("/billing/customers"));
    }
    match only_customer(&state, &visitor).await {
        Ok(Some(id)) => visitor.page(build(&state, &visitor, id, query.into_inner()).await),
        Ok(None) => see_other(&visitor.link("/billing/customers")),
        Err(error) => visitor.page(Err(error)),
    }
}

/// A customer's month.
pub async fn of_customer(
    state: web::Data<State>,
    visitor: Visitor,
    id: web::Path<String>,
    query: web::Query<MonthQuery>,
) -> HttpResponse {
    visitor.page(build(&state, &visitor, id.into_inner(), query.into_inner()).await)
}

/// The one customer that the visitor reaches; with a narrowed page, the one whose owner it is.
async fn only_customer(state: &State, visitor: &Visitor) -> Result<Option<String>, ApiError> {
    let now = state.now();
    let mut conn = state.app.db.read().await?;
    let mut reached = load_customers(&mut conn, visitor.scope(), now).await?;
    if let Some(only) = visitor.only() {
        let mut kept = Vec::new();
        for row in reached {
            let owners = crate::web::api::customers::load_owners(&mut conn, &row, now).await?;
            if owners.iter().any(|owner| only.contains(owner)) {
                kept.push(row);
            }
        }
        reached = kept;
    }
    Ok(match reached.as_slice() {
        [one] => Some(one.customer.id.0.clone()),
        _ => None,
    })
}

async fn build(
    state: &State,
    visitor: &Visitor,
    customer: String,
    query: MonthQuery,
) -> Result<Page, ApiError> {
    let ask = MonthAsk {
        customer,
        period: query.period.map(|label| label.parse()).transpose()?,
        agreement: query.agreement.map(crate::ids::AgreementId),
        only: visitor.only(),
    };
    let scope = visitor.scope().clone();
    let view = state.offload(move |app| async move { load_view(&app, &scope, ask).await }).await?;
    let live = view.progress != Progress::Complete;
    let body = html! {
        div data-live[live] {
            p.eyebrow { (view.customer.details.name) }
            h1 { (format::month(view.period.label, visitor.language)) }
            (steps(visitor, &view))
            (totals(visitor, &view))
            (standing(visitor, &view))
            @if view.parts.is_empty() {
                p.empty { (visitor.text(texts::NO_USAGE)) }
            } @else {
                (days(visitor, &view))
                div.columns {
                    (categories(visitor, &view))
                    (projects(visitor, &view))
                }
                (resources(visitor, &view))
            }
            (holds(visitor, &view))
        }
    };
    let month = format::month(view.period.label, visitor.language);
    let title = format!("{month}, {}", view.customer.details.name);
    Ok(Page { title, body, live })
}

/// Links to the month before and after, and to the invoices of this one.
fn steps(visitor: &Visitor, view: &MonthView) -> Markup {
    let id = encode(&view.customer.id.0);
    let link =
        |label: PeriodLabel| visitor.link(&format!("/billing/customers/{id}?period={label}"));
    let name = |label| format::month(label, visitor.language);
    let (before, after) = (view.period.label.previous(), view.period.label.next());
    html! {
        nav.steps aria-label=(visitor.text(texts::PERIOD)) {
            a rel="prev" href=(link(before)) { "← " (name(before)) }
            @if view.progress != Progress::Running {
                a rel="next" href=(link(after)) { (name(after)) " →" }
            }
            span.last {
                @if visitor.is_staff() {
                    @let period = view.period.label.to_string();
                    @let address = format!("/billing/customers/{id}/reconciliation");
                    a href=(visitor.link_with(&address, &[("period", &period)])) {
                        (visitor.text(texts::RECONCILIATION))
                    }
                    " "
                }
                a href=(visitor.link(&format!("/billing/invoices?customer={id}"))) {
                    (visitor.text(texts::INVOICES))
                }
            }
        }
    }
}

fn totals(visitor: &Visitor, view: &MonthView) -> Markup {
    let language = visitor.language;
    let document = &view.month.document;
    let money = |minor| format::money(Money { minor, currency: document.currency }, language);
    html! {
        div.figures {
            div.figure.card {
                span.label { (visitor.text(
                    if view.whole { texts::TOTAL_NET } else { texts::YOUR_PART })) }
                span.value { (format::money(view.net, language)) }
            }
            @if view.whole {
                div.figure.card {
                    span.label { (visitor.text(texts::VAT)) }
                    span.value { (money(document.tax_minor)) }
                }
                div.figure.card {
                    span.label { (visitor.text(texts::TOTAL_GROSS)) }
                    span.value { (money(document.gross_minor)) }
                }
            }
        }
    }
}

/// How final the figures are; missing usage is said, never shown as zero.
fn standing(visitor: &Visitor, view: &MonthView) -> Markup {
    let (text, class) = match view.progress {
        Progress::Running => (texts::RUNNING, "notice"),
        Progress::Incomplete => (texts::INCOMPLETE, "notice warning"),
        Progress::Complete => (texts::COMPLETE, "notice good"),
    };
    html! {
        p class=(class) {
            (visitor.text(text))
            @if view.progress != Progress::Complete {
                " " (visitor.text(texts::COMPLETE_UNTIL)) " "
                time { (format::instant(view.complete_until, visitor.language)) } "."
            }
            @if let Some(time) = view.month.provisional {
                " " (visitor.text(texts::PROVISIONAL)) " "
                time { (format::instant(time.until, visitor.language)) } "."
            }
            @if !view.whole { " " (visitor.text(texts::PARTIAL)) }
        }
    }
}

/// A bar for each day, and the same as a table.
fn days(visitor: &Visitor, view: &MonthView) -> Markup {
    let (language, currency) = (visitor.language, view.net.currency);
    let digits = currency.exponent();
    let text = |amount: &Exact| format::decimal(&amount.to_text_rounded(digits), language);
    let bars: Vec<Bar> = view
        .days
        .iter()
        .map(|(day, amount)| Bar {
            label: day.rsplit('-').next().unwrap_or(day).trim_start_matches('0').to_owned(),
            name: format::date(day, language),
            value: amount.clone(),
            text: format!("{} {currency}", text(amount)),
        })
        .collect();
    let scale = |value: &Exact| text(value);
    chart::bars(visitor.text(texts::BY_DAY), currency.code(), &bars, &scale, language)
}

fn categories(visitor: &Visitor, view: &MonthView) -> Markup {
    html! {
        section {
            h2 { (visitor.text(texts::BY_CATEGORY)) }
            table.list { tbody {
                @for (category, net) in &view.by_category { tr {
                    th scope="row" { (format::category(*category, visitor.language)) }
                    td.number { (format::money(*net, visitor.language)) }
                } }
            } }
        }
    }
}

fn projects(visitor: &Visitor, view: &MonthView) -> Markup {
    html! {
        section {
            h2 { (visitor.text(texts::BY_PROJECT)) }
            table.list { tbody {
                @for (project, net) in &view.by_project { tr {
                    th scope="row" {
                        @match project {
                            Some(project) => { (project) }
                            None => { span.quiet { (visitor.text(texts::NO_PROJECT)) } }
                        }
                    }
                    td.number { (format::money(*net, visitor.language)) }
                } }
            } }
        }
    }
}

/// Rows of the page's list of resources; the API has all.
const RESOURCES_MAX: usize = 200;

fn resources(visitor: &Visitor, view: &MonthView) -> Markup {
    html! {
        section {
            h2 { (visitor.text(texts::BY_RESOURCE)) }
            table.list.stacked {
                (visitor.head(&[texts::RESOURCE, texts::METER], &[texts::NET]))
                tbody {
                    @for ((name, meter), net) in view.by_resource.iter().take(RESOURCES_MAX) { tr {
                        (visitor.cell(texts::RESOURCE, &html! { (name) }))
                        (visitor.cell(texts::METER, &html! {
                            (format::meter(meter, visitor.language))
                        }))
                        (visitor.number(texts::NET, &format::money(*net, visitor.language)))
                    } }
                }
            }
        }
    }
}

fn holds(visitor: &Visitor, view: &MonthView) -> Markup {
    let name = |resource: &str| {
        let part = view.parts.iter().find(|part| part.resource == resource);
        part.map_or_else(|| resource.to_owned(), |part| name_of(part).to_owned())
    };
    let told = repeated(&view.holds);
    let names: Vec<String> = told.iter().map(|told| name(&told.first.resource)).collect();
    let rows: Vec<findings::Row<'_>> = told
        .into_iter()
        .zip(&names)
        .map(|(told, resource)| findings::Row { told, customer: "", resource })
        .collect();
    html! {
        @if !rows.is_empty() {
            section.notice.warning {
                h2 { (visitor.text(texts::HELD)) }
                p { (visitor.text(texts::HELD_WHY)) }
                (findings::table(visitor, &rows, false))
            }
        }
    }
}
