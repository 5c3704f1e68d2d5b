//! `billow credit-notes create`: credit lines or amounts of an issued invoice.

use anyhow::Context;
use serde_json::json;

use super::bill::issued_text;
use super::{Exit, Output};
use crate::app::App;
use crate::bill::credit::CreditRequest;
use crate::bill::run::{create_credit_note, issue_credit_note};
use crate::bill::store::load_invoice;
use crate::money::{Currency, Exact};
use crate::scope::Scope;

/// Credit notes on issued invoices.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// Credit lines, amounts, or all that is left of an invoice.
    Create(CreateArgs),
}

#[derive(clap::Args, Debug)]
struct CreateArgs {
    /// Number or id of the invoice.
    invoice: String,
    /// A line to credit; may be given several times.
    #[arg(long = "line", value_name = "N")]
    lines: Vec<u32>,
    /// The net to credit of the line at the same place; all that is left of it where absent.
    #[arg(long = "amount", value_name = "NET")]
    amounts: Vec<String>,
    /// Credit all that is left.
    #[arg(long, conflicts_with_all = ["lines", "amounts"])]
    full: bool,
    /// Why; it stands on the credit note.
    #[arg(long)]
    reason: String,
    /// Leave it as a draft, to be issued by billow bill issue.
    #[arg(long)]
    draft: bool,
}

/// Runs the verb.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::Create(args) => create(app, args, out).await,
    }
}

async fn create(app: &App, args: CreateArgs, out: Output) -> anyhow::Result<Exit> {
    anyhow::ensure!(!args.reason.trim().is_empty(), "--reason is empty: say why");
    let mut conn = app.db.read().await?;
    let found = load_invoice(&mut conn, &Scope::Provider, &args.invoice).await?;
    let (invoice, _) = found.with_context(|| format!("no invoice {:?}", args.invoice))?;
    drop(conn);
    let request = request_of(&args, invoice.currency)?;
    let (id, reason) = (invoice.id.as_str(), args.reason.trim());
    if args.draft {
        let draft = create_credit_note(app, id, &request, reason).await?;
        out.show(&json!({ "draft": draft }), || format!("draft {draft}"));
        return Ok(Exit::Done);
    }
    let issued = issue_credit_note(app, id, &request, reason).await?;
    out.show(&json!({ "credit_note": issued }), || issued_text(std::slice::from_ref(&issued)));
    Ok(Exit::Done)
}

fn request_of(args: &CreateArgs, currency: Currency) -> anyhow::Result<CreditRequest> {
    if args.full {
        return Ok(CreditRequest::Full);
    }
    anyhow::ensure!(!args.lines.is_empty(), "give --full, or --line with or without --amount");
    anyhow::ensure!(
        args.amounts.len() <= args.lines.len(),
        "there are {} amounts for {} lines: give --amount once for a --line",
        args.amounts.len(),
        args.lines.len()
    );
    let mut lines = Vec::new();
    for (index, line) in args.lines.iter().enumerate() {
        let minor = args.amounts.get(index).map(|text| minor_of(text, currency)).transpose()?;
        lines.push((*line, minor));
    }
    Ok(CreditRequest::Lines(lines))
}

/// Minor units of a decimal text; more digits than the currency has are refused.
fn minor_of(text: &str, currency: Currency) -> anyhow::Result<i64> {
    let digits = currency.exponent();
    let amount: Exact = text.parse().with_context(|| format!("--amount {text}"))?;
    let scaled = amount.mul_int(10_i128.pow(u32::from(digits)));
    let whole = scaled.ceil().and_then(|units| i64::try_from(units).ok());
    whole
        .filter(|units| scaled == Exact::int(i128::from(*units)))
        .with_context(|| format!("--amount {text}: {currency} has {digits} decimals"))
}
