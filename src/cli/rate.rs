//! `billow rate`: a customer's month to date, or a closed month, without storing anything.

use anyhow::Context;
use serde_json::json;

use super::output::table;
use super::sellers::find_seller;
use super::{Exit, Output, when};
use crate::app::App;
use crate::bill::document::{ChargePart, InvoiceDocument, Line};
use crate::bill::month::{Month, MonthRequest, cycle_of, load_month};
use crate::customer::store::{
    AsOf, load_customer_agreements, load_customer_by_number, load_seller, load_sellers,
};
use crate::customer::{Agreement, Customer};
use crate::money::Money;
use crate::period::{Period, PeriodLabel, Span};
use crate::rate::{Decision, Lost};
use crate::store::Conn;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The customer's number, such as C00001.
    #[arg(long)]
    customer: String,
    /// The period, such as 2026-10; the running one where nothing is given.
    #[arg(long)]
    period: Option<PeriodLabel>,
    /// Code of the seller, where a customer has more than one in the period.
    #[arg(long)]
    seller: Option<String>,
    /// Show which prices were looked at, which won, and why the others lost.
    #[arg(long)]
    explain: bool,
}

/// Runs the verb.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.snapshot().await?;
    let customer = find_customer(&mut conn, &args.customer, now).await?;
    let seller = match &args.seller {
        Some(code) => {
            let sellers = load_sellers(&mut conn, AsOf::now(now)).await?;
            Some(find_seller(&sellers, code)?.id.clone())
        }
        None => None,
    };
    let agreements = load_customer_agreements(&mut conn, &customer.id, now).await?;
    let mut months = Vec::new();
    for agreement in &agreements {
        if seller.as_ref().is_some_and(|seller| *seller != agreement.seller) {
            continue;
        }
        let Some(period) = period_of(&mut conn, agreement, &customer, args.period, now).await?
        else {
            continue;
        };
        let request = MonthRequest { agreement, period, known_at: now, prices_known_at: now };
        months.push(load_month(&mut conn, request).await?);
    }
    anyhow::ensure!(
        !months.is_empty(),
        "customer {} has no agreement in that period: billow customers show {} lists them",
        customer.number,
        customer.number
    );
    let value: Vec<_> = months.iter().map(|month| month_json(month, args.explain)).collect();
    out.show(&json!({ "months": value }), || {
        let texts: Vec<String> =
            months.iter().map(|month| month_text(month, args.explain)).collect();
        texts.join("\n\n")
    });
    Ok(Exit::Done)
}

/// The customer with a number.
pub(super) async fn find_customer(
    conn: &mut Conn,
    number: &str,
    now: i64,
) -> anyhow::Result<Customer> {
    let found = load_customer_by_number(conn, number, AsOf::now(now)).await?;
    found.with_context(|| format!("no customer {number:?}: billow customers list shows them"))
}

/// The wanted period of an agreement, in its customer's zone; `None` when it does not hold then.
async fn period_of(
    conn: &mut Conn,
    agreement: &Agreement,
    customer: &Customer,
    label: Option<PeriodLabel>,
    now: i64,
) -> anyhow::Result<Option<Period>> {
    let seller = load_seller(conn, &agreement.seller, AsOf::now(now)).await?;
    let seller = seller.with_context(|| format!("seller {} is not there", agreement.seller))?;
    let cycle = cycle_of(&seller, customer)?;
    let period = match label {
        Some(label) => cycle.period(label)?,
        None => cycle.period_at(now)?,
    };
    let holds = Span::new(agreement.from, agreement.until).overlaps(period.span);
    Ok(holds.then_some(period))
}

fn month_json(month: &Month, explain: bool) -> serde_json::Value {
    let decisions: Vec<_> = match explain {
        true => month.decisions.iter().map(|one| decision_json(month, one)).collect(),
        false => Vec::new(),
    };
    json!({
        "seller": month.seller.code,
        "customer": month.customer.number,
        "document": document_json(&month.document),
        "parts": month.parts,
        "holds": month.holds,
        "complete_until": when::json(month.complete_until),
        "decisions": decisions,
    })
}

/// A document as JSON, complete; amounts in minor units of its currency.
pub(super) fn document_json(document: &InvoiceDocument) -> serde_json::Value {
    json!(document)
}

fn decision_json(month: &Month, decision: &Decision) -> serde_json::Value {
    let version = &month.versions[decision.version];
    let code = |index: &usize| version.prices[*index].code.as_str();
    let losers: Vec<_> = decision
        .losers
        .iter()
        .map(|(index, lost)| json!({ "price": code(index), "lost": lost }))
        .collect();
    json!({
        "version": version.id,
        "meter": decision.meter,
        "attributes": decision.facts.as_ref().map(|facts| &facts.attributes),
        "winners": decision.winners.iter().map(code).collect::<Vec<_>>(),
        "losers": losers,
    })
}

fn month_text(month: &Month, explain: bool) -> String {
    let document = &month.document;
    let mut text = format!(
        "{} {} for {}, {} to {} ({})\n",
        month.customer.number,
        month.customer.details.name,
        month.seller.details.name,
        document.period_from,
        document.period_until,
        document.time_zone,
    );
    text.push_str(&lines_text(document));
    text.push_str(&format!("\nusage is complete until {}", when::text(month.complete_until)));
    for hold in month.hold_texts() {
        text.push_str(&format!("\nheld by {hold}"));
    }
    if explain {
        for decision in &month.decisions {
            text.push_str(&decision_text(month, decision));
        }
    }
    text
}

fn decision_text(month: &Month, decision: &Decision) -> String {
    let version = &month.versions[decision.version];
    let code = |index: usize| version.prices[index].code.as_str();
    let mut text = format!("\n\n{} by {}", decision.meter, version.id);
    if let Some(facts) = &decision.facts {
        let known = facts.attributes.iter().map(|(key, value)| format!("{key}={value}"));
        text.push_str(&format!(" for {}", known.collect::<Vec<_>>().join(" ")));
    }
    for winner in &decision.winners {
        text.push_str(&format!("\n  + {}", code(*winner)));
    }
    for (index, lost) in &decision.losers {
        let why = match lost {
            Lost::Condition { name, wanted, found } => {
                format!("{name} is {found}, the price wants {wanted}")
            }
            Lost::Beaten { by } => format!("beaten by {by}"),
            Lost::NoDimension { dimension } => format!("the resource has no {dimension}"),
        };
        text.push_str(&format!("\n  - {}: {why}", code(*index)));
    }
    text
}

/// Lines, taxes and totals of a document as a table for people.
pub(super) fn lines_text(document: &InvoiceDocument) -> String {
    let money = |minor| amount_text(document, minor);
    let header = ["#", "what", "quantity", "unit", "price", "per", "tax %", "net"];
    let rows = document.lines.iter().map(|line| {
        vec![
            line.number.to_string(),
            line_text(line),
            line.quantity.to_text_rounded(6),
            line.unit.clone(),
            line.price.to_text_rounded(12),
            line.base.to_text_rounded(6),
            format!("{:?} {}", line.tax.category, line.tax.percent),
            money(line.net_minor),
        ]
    });
    let mut text = table(&header, rows);
    for tax in &document.taxes {
        let reason = tax.tax.reason.as_deref().map_or_else(String::new, |why| format!(" ({why})"));
        text.push_str(&format!(
            "\nVAT {:?} {} % on {}: {}{reason}",
            tax.tax.category,
            tax.tax.percent,
            money(tax.base_minor),
            money(tax.tax_minor),
        ));
    }
    text.push_str(&format!(
        "\nnet {}, VAT {}, gross {} {}",
        money(document.net_minor),
        money(document.tax_minor),
        money(document.gross_minor),
        document.currency,
    ));
    text
}

fn line_text(line: &Line) -> String {
    match &line.detail {
        Some(detail) => format!("{}\n{detail}", line.text),
        None => line.text.clone(),
    }
}

/// An amount of a document in plain decimals.
pub(super) fn amount_text(document: &InvoiceDocument, minor: i64) -> String {
    Money { minor, currency: document.currency }.to_decimal_text()
}

/// Parts of lines as a table for people.
pub(super) fn parts_text(document: &InvoiceDocument, parts: &[ChargePart]) -> String {
    let header = ["line", "owner", "meter", "resource", "quantity", "net", "records"];
    let rows = parts.iter().map(|part| {
        vec![
            part.line.to_string(),
            part.project.clone().or_else(|| part.account.clone()).unwrap_or_else(String::new),
            part.meter.clone(),
            part.resource_name.clone(),
            part.quantity.to_text_rounded(6),
            amount_text(document, part.net_minor),
            part.record_count.to_string(),
        ]
    });
    table(&header, rows)
}
