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
    let numbers = [
        texts::RECORDED,
        texts::METERED,
        texts::BILLED,
        texts::NET,
        texts::INVENTORY,
        texts::ACCOUNTED,
    ];
    html! {
        table.list.stacked {
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
    let dash = || "–".to_owned();
    let quantity = |of: Option<&Exact>| of.map_or_else(dash, |of| format::quantity(of, language));
    let billed = row.billed.as_ref();
    let net =
        |of: &Billed| format::money(Money { minor: of.net_minor, currency: of.currency }, language);
    let recorded = row.recorded.as_ref().and_then(|of| of.quantity.as_ref());
    let metered = row.metered.as_ref().map(|of| &of.quantity);
    let inventory = row.inventory.map_or_else(dash, |count| count.to_string());
    let accounted = row.accounted.as_ref().map(|of| &of.quantity);
    let open = row.differences.iter().any(|one| one.open);
    html! {
        tr {
            (visitor.cell(texts::OWNER, &html! {
                (row.owner_name.as_deref().unwrap_or(&row.owner.id))
            }))
            (visitor.cell(texts::METER, &html! {
                span { (format::meter(&row.meter, language)) " " small.quiet { (row.unit) } }
            }))
            (visitor.number(texts::RECORDED, &quantity(recorded)))
            (visitor.number(texts::METERED, &quantity(metered)))
            (visitor.number(texts::BILLED, &quantity(billed.map(|of| &of.measure.quantity))))
            (visitor.number(texts::NET, &billed.map_or_else(dash, net)))
            (visitor.number(texts::INVENTORY, &inventory))
            (visitor.number(texts::ACCOUNTED, &quantity(accounted)))
            (visitor.cell(texts::STATE, &html! {
                @if open { span.tag { (visitor.text(texts::OPEN)) } } @else { "–" }
            }))
        }
    }
}

/// What is open stands first; what explains itself is folded.
fn differences(visitor: &Visitor, found: &Reconciliation) -> Markup {
    let all =
        || found.rows.iter().flat_map(|row| row.differences.iter().map(move |one| (row, one)));
    let head = |row: &Row| {
        html! {
            (format::meter(&row.meter, visitor.language)) " "
            small.quiet { (row.owner_name.as_deref().unwrap_or(&row.owner.id)) }
        }
    };
    html! {
        @for row in found.rows.iter().filter(|row| row.differences.iter().any(|one| one.open)) {
            section.card {
                h2 { (head(row)) }
                ul {
                    @for difference in row.differences.iter().filter(|one| one.open) {
                        li { (one(visitor, difference)) }
                    }
                }
            }
        }
        @if all().any(|(_, one)| !one.open) {
            section.card {
                details {
                    summary { (visitor.text(texts::EXPLAINED)) }
                    ul {
                        @for (row, difference) in all().filter(|(_, one)| !one.open) {
                            li { (head(row)) ": " (one(visitor, difference)) }
                        }
                    }
                }
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
