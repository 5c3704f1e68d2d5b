//! `billow bill preview | run | approve | issue`: from drafts to issued invoices.

use std::collections::BTreeSet;
use std::io::IsTerminal;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::output::table;
use super::sellers::find_seller;
use super::{Exit, Output};
use crate::app::App;
use crate::bill::document::DocumentKind;
use crate::bill::run::{self, IssuedLine, RunLine, RunReport, RunRequest};
use crate::bill::store::{DraftState, load_drafts};
use crate::customer::store::{AsOf, load_sellers};
use crate::ids::{InvoiceId, SellerId};
use crate::money::{Currency, Money};
use crate::period::PeriodLabel;
use crate::scope::Scope;

/// Drafts, their approval, and issue.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// What a run would draft, and what holds it; stores nothing.
    Preview(RunArgs),
    /// Make or renew the drafts of a period, with the corrections of earlier ones.
    Run(RunArgs),
    /// Approve drafts that nothing holds.
    Approve(ApproveArgs),
    /// Issue what may be issued: approved drafts, and unheld ones where no approval is wanted.
    Issue(IssueArgs),
}

#[derive(clap::Args, Debug)]
struct RunArgs {
    /// The period, such as 2026-10.
    #[arg(long)]
    period: PeriodLabel,
    /// Code of one seller; all where nothing is given.
    #[arg(long)]
    seller: Option<String>,
    /// Bill backdated changes of prices and taxes in issued periods too.
    #[arg(long)]
    correct_prices: bool,
}

#[derive(clap::Args, Debug)]
struct ApproveArgs {
    /// The period, such as 2026-10.
    #[arg(long)]
    period: PeriodLabel,
    /// Code of one seller; all where nothing is given.
    #[arg(long)]
    seller: Option<String>,
    /// Approve only this draft, by its id; may be given several times.
    #[arg(long = "draft", value_name = "ID")]
    drafts: Vec<String>,
}

#[derive(clap::Args, Debug)]
struct IssueArgs {
    /// The period, such as 2026-10.
    #[arg(long)]
    period: PeriodLabel,
    /// Code of one seller; all where nothing is given.
    #[arg(long)]
    seller: Option<String>,
}

impl Args {
    /// Whether drafts or issued documents come of it.
    pub fn makes_documents(&self) -> bool {
        !matches!(self.verb, Verb::Preview(_))
    }
}

/// Runs the verb.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::Preview(args) => draft(app, args, true, out).await,
        Verb::Run(args) => draft(app, args, false, out).await,
        Verb::Approve(args) => approve(app, args, out).await,
        Verb::Issue(args) => issue(app, args, out).await,
    }
}

async fn seller_id(app: &App, code: Option<&str>) -> anyhow::Result<Option<SellerId>> {
    let Some(code) = code else { return Ok(None) };
    let mut conn = app.db.read().await?;
    let sellers = load_sellers(&mut conn, AsOf::now(app.clock.now_seconds())).await?;
    Ok(Some(find_seller(&sellers, code)?.id.clone()))
}

/// A progress bar on a terminal; silent with `--json` and in pipes.
fn progress(out: Output, what: &'static str) -> ProgressBar {
    let target = match !out.is_json() && std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}

fn show_progress(bar: &ProgressBar, done: usize, all: usize) {
    bar.set_length(u64::try_from(all).unwrap_or(u64::MAX));
    bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
}

async fn draft(app: &App, args: RunArgs, preview: bool, out: Output) -> anyhow::Result<Exit> {
    let request = RunRequest {
        label: args.period,
        seller: seller_id(app, args.seller.as_deref()).await?,
        correct_prices: args.correct_prices,
        preview,
    };
    let bar = progress(out, "drafting");
    let report = run::run(app, &request, &|done, all| show_progress(&bar, done, all)).await?;
    bar.finish_and_clear();
    let value = json!({
        "period": args.period, "preview": preview, "drafts": report.drafts,
        "skipped": report.skipped,
    });
    out.show(&value, || report_text(&report, args.period, preview));
    let held = report.drafts.iter().any(|line| line.state == DraftState::Held);
    Ok(if held { Exit::Found } else { Exit::Done })
}

fn report_text(report: &RunReport, period: PeriodLabel, preview: bool) -> String {
    let rows = report.drafts.iter().map(|line| {
        vec![
            line.customer.clone(),
            line.customer_name.clone(),
            line.period.to_string(),
            kind_text(line.kind).to_owned(),
            line.lines.to_string(),
            decimal(&line.currency, line.net_minor),
            decimal(&line.currency, line.tax_minor),
            decimal(&line.currency, line.gross_minor),
            line.currency.clone(),
            state_text(line).to_owned(),
            line.draft.clone(),
        ]
    });
    let mut text = table(
        &[
            "customer", "name", "period", "kind", "lines", "net", "VAT", "gross", "", "state",
            "draft",
        ],
        rows,
    );
    for line in report.drafts.iter().filter(|line| !line.holds.is_empty()) {
        for hold in &line.holds {
            text.push_str(&format!("\n{} held by {hold}", line.customer));
        }
    }
    let verb = if preview { "would be drafted" } else { "drafted" };
    text.push_str(&format!(
        "\n{} {verb}, {} customers with nothing to bill",
        report.drafts.len(),
        report.skipped
    ));
    let earlier = report.drafts.iter().map(|line| line.period).filter(|label| *label != period);
    for label in earlier.collect::<BTreeSet<_>>() {
        text.push_str(&format!(
            "\nusage of {label} that was on no invoice: \
             billow bill issue --period {label} issues its drafts"
        ));
    }
    text
}

fn state_text(line: &RunLine) -> &'static str {
    match line.state {
        DraftState::Held => "held",
        DraftState::Ready => "ready",
        DraftState::Approved => "approved",
    }
}

fn kind_text(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Invoice => "invoice",
        DocumentKind::CreditNote => "credit note",
    }
}

fn decimal(currency: &str, minor: i64) -> String {
    match currency.parse::<Currency>() {
        Ok(currency) => Money { minor, currency }.to_decimal_text(),
        Err(_) => minor.to_string(),
    }
}

async fn approve(app: &App, args: ApproveArgs, out: Output) -> anyhow::Result<Exit> {
    let seller = seller_id(app, args.seller.as_deref()).await?;
    let mut conn = app.db.read().await?;
    let period = args.period.to_string();
    let drafts = load_drafts(&mut conn, &Scope::Provider, seller.as_ref(), Some(&period)).await?;
    drop(conn);
    let known = |id: &str| drafts.iter().any(|draft| draft.document.id.0 == id);
    for id in &args.drafts {
        known(id).then_some(()).with_context(|| format!("there is no draft {id} in {period}"))?;
    }
    let named = |id: &InvoiceId| args.drafts.is_empty() || args.drafts.contains(&id.0);
    let (mut approved, mut held) = (Vec::new(), Vec::new());
    for draft in drafts.iter().filter(|draft| named(&draft.document.id)) {
        match draft.state {
            DraftState::Approved => {}
            DraftState::Held => held.push(draft),
            DraftState::Ready => {
                run::approve(app, &draft.document.id).await?;
                approved.push(draft);
            }
        }
    }
    let ids: Vec<_> = approved.iter().map(|draft| draft.document.id.as_str()).collect();
    let left: Vec<_> = held
        .iter()
        .map(|draft| json!({ "draft": draft.document.id, "holds": draft.holds }))
        .collect();
    out.show(&json!({ "approved": ids, "held": left }), || {
        let mut text = format!("{} approved, {} held", approved.len(), held.len());
        for draft in &held {
            text.push_str(&format!("\n{}: {}", draft.customer_number, draft.holds.join("; ")));
        }
        text
    });
    Ok(if held.is_empty() { Exit::Done } else { Exit::Found })
}

async fn issue(app: &App, args: IssueArgs, out: Output) -> anyhow::Result<Exit> {
    let seller = seller_id(app, args.seller.as_deref()).await?;
    let bar = progress(out, "issuing");
    let progress = |done, all| show_progress(&bar, done, all);
    let issued = run::issue_all(app, Some(args.period), seller.as_ref(), &progress).await?;
    bar.finish_and_clear();
    let mut conn = app.db.read().await?;
    let period = args.period.to_string();
    let left = load_drafts(&mut conn, &Scope::Provider, seller.as_ref(), Some(&period)).await?;
    let waiting: Vec<_> = left
        .iter()
        .map(|draft| {
            json!({
                "draft": draft.document.id, "customer": draft.customer_number,
                "state": draft.state, "holds": draft.holds,
            })
        })
        .collect();
    out.show(&json!({ "issued": issued, "waiting": waiting }), || {
        let mut text = issued_text(&issued);
        text.push_str(&format!("\n{} issued, {} drafts wait", issued.len(), left.len()));
        for draft in &left {
            let why = match draft.state {
                DraftState::Held => draft.holds.join("; "),
                DraftState::Ready => "for approval".to_owned(),
                DraftState::Approved => "for the next issue".to_owned(),
            };
            text.push_str(&format!("\n{} waits: {why}", draft.customer_number));
        }
        text
    });
    Ok(if left.is_empty() { Exit::Done } else { Exit::Found })
}

/// Issued documents as a table for people.
pub(super) fn issued_text(issued: &[IssuedLine]) -> String {
    let rows = issued.iter().map(|line| {
        vec![
            line.number.clone(),
            kind_text(line.kind).to_owned(),
            line.issue_date.clone(),
            line.customer.clone(),
            line.customer_name.clone(),
            decimal(&line.currency, line.net_minor),
            decimal(&line.currency, line.tax_minor),
            decimal(&line.currency, line.gross_minor),
            line.currency.clone(),
        ]
    });
    table(&["number", "kind", "date", "customer", "name", "net", "VAT", "gross", ""], rows)
}
