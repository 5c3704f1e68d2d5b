//! `/billing/customers/{id}/reconciliation`: what was recorded, metered and billed, and what the
//! cloud says that exists, side by side for the seller's staff.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::drafts::check_staff;
use super::shell::{Page, Visitor, encode};
use super::texts;
use crate::money::{Exact, Money};
use crate::period::PeriodLabel;
use crate::present::format;
use crate::reconcile::{Billed, Difference, Reconciliation, Row};
use crate::web::api::reconciliation::{ReconciliationQuery, load};
use crate::web::error::ApiError;
use crate::web::state::State;

/// Compares a customer's period.
pub async fn show(
    state: web::Data<State>,
    visitor: Visitor,
    id: web::Path<String>,
    query: web::Query<ReconciliationQuery>,
) -> HttpResponse {
    visitor.page(build(&state, &visitor, &id, &query).await)
}

async fn build(
    state: &State,
    visitor: &Visitor,
    id: &str,
    query: &ReconciliationQuery,
) -> Result<Page, ApiError> {
    check_staff(visitor)?;
    let (customer, found) = load(state, visitor.scope(), id, query).await?;
    let here = format!("/billing/customers/{}", encode(&customer.id.0));
    let label = found.period.to_string();
    let title = format!("{} {label}", visitor.text(texts::RECONCILIATION));
    let body = html! {
        p.crumbs {
            a href=(visitor.link_with(&here, &[("period", &label)])) { (customer.details.name) }
        }
        h1 { (customer.details.name) " · " (format::month(found.period, visitor.language)) }
        (summary(visitor, &here, &found, query.inventory == Some(true)))
        @if found.rows.is_empty() {
            p.quiet { (visitor.text(texts::NO_USAGE)) }
        } @else {
            (table(visitor, &found.rows))
        }
        (differences(visitor, &found))
    };
    Ok(Page { title, body, live: false })
}

fn summary(visitor: &Visitor, here: &str, found: &Reconciliation, asked: bool) -> Markup {
    let (class, text) = match found.good {
        true => ("notice good", texts::ALL_AGREES),
        false => ("notice warning", texts::DIFFERENCES_OPEN),
    };
    let address = format!("{here}/reconciliation");
    let step =
        |label: PeriodLabel| visitor.link_with(&address, &[("period", label.to_string().as_str())]);
    let period = found.period.to_string();
    let with_inventory = [("period", period.as_str()), ("inventory", "true")];
    html! {
        nav.steps {
            a rel="prev" href=(step(found.period.previous())) {
                "← " (visitor.text(texts::EARLIER))
            }
            @if !asked {
                a href=(visitor.link_with(&address, &with_inventory)) {
                    (visitor.text(texts::ASK_INVENTORY))
                }
            }
            a rel="next" href=(step(found.period.next())) { (visitor.text(texts::LATER)) " →" }
        }
        p class=(class) { (visitor.text(text)) }
        @for source in &found.sources {
            @for difference in &source.differences { p.notice.warning { (difference.message) } }
        }
    }
}

fn table(visitor: &Visitor, rows: &[Row]) -> Markup {
    let numbers = [texts::RECORDED, texts::METERED, texts::BILLED, texts::NET, texts::INVENTORY];
    html! {
        table.list {
            thead { tr {
                th scope="col" { (visitor.text(texts::OWNER)) }
                th scope="col" { (visitor.text(texts::METER)) }
                @for head in numbers { th.number scope="col" { (visitor.text(head)) } }
                th scope="col" { (visitor.text(texts::STATE)) }
            } }
            tbody { @for row in rows { (table_row(visitor, row)) } }
        }
    }
}

/// A side that tells nothing is a dash, never a zero.
fn table_row(visitor: &Visitor, row: &Row) -> Markup {
    let language = visitor.language;
    let quantity = |of: Option<&Exact>| match of {
        Some(of) => format::quantity(of, language),
        None => "–".to_owned(),
    };
    let billed = row.billed.as_ref();
    let net = |of: &Billed| Money { minor: of.net_minor, currency: of.currency };
    let open = row.differences.iter().any(|one| one.open);
    html! {
        tr {
            td { (row.owner_name.as_deref().unwrap_or(&row.owner.id)) }
            td { (format::meter(&row.meter, language)) " " small.quiet { (row.unit) } }
            td.number { (quantity(row.recorded.as_ref().and_then(|of| of.quantity.as_ref()))) }
            td.number { (quantity(row.metered.as_ref().map(|of| &of.quantity))) }
            td.number { (quantity(billed.map(|of| &of.measure.quantity))) }
            td.number {
                @match billed {
                    Some(of) => { (format::money(net(of), language)) }
                    None => { "–" }
                }
            }
            td.number {
                @match row.inventory { Some(count) => { (count) } None => { "–" } }
            }
            td { @if open { span.tag { (visitor.text(texts::OPEN)) } } }
        }
    }
}

fn differences(visitor: &Visitor, found: &Reconciliation) -> Markup {
    let rows = found.rows.iter().filter(|row| !row.differences.is_empty());
    html! {
        @for row in rows {
            section.card {
                h2 {
                    (format::meter(&row.meter, visitor.language)) " "
                    small.quiet { (row.owner_name.as_deref().unwrap_or(&row.owner.id)) }
                }
                ul { @for difference in &row.differences { li { (one(visitor, difference)) } } }
            }
        }
    }
}

fn one(visitor: &Visitor, difference: &Difference) -> Markup {
    html! {
        @match &difference.finding {
            Some(id) => {
                @let address = format!("/billing/findings/{}", encode(&id.0));
                a href=(visitor.link(&address)) { (difference.message) }
            }
            None => { (difference.message) }
        }
        @if !difference.resources.is_empty() {
            " " code { (difference.resources.join(" ")) }
        }
    }
}
