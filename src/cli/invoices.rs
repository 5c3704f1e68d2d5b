//! `billow invoices list | show | pdf | html | csv | explain`: what was issued.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use super::output::table;
use super::rate::{find_customer, lines_text, parts_text};
use super::sellers::find_seller;
use super::{Exit, Output, when};
use crate::app::App;
use crate::bill::document::{Contact, InvoiceDocument};
use crate::bill::explain::{ExplainRequest, ExplainedLine, load_explanation};
use crate::bill::file;
use crate::bill::store::{InvoiceFilter, InvoiceRow, load_invoice, load_invoices, load_parts};
use crate::customer::store::{AsOf, load_sellers};
use crate::money::Money;
use crate::period::PeriodLabel;
use crate::present::{csv, html};
use crate::scope::Scope;

/// Issued invoices and credit notes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// Issued documents, newest first.
    List(ListArgs),
    /// One document with its lines and the parts of each.
    Show {
        /// Number or id.
        invoice: String,
    },
    /// The document as PDF/A; made once, then kept.
    Pdf(FileArgs),
    /// The document as one HTML page.
    Html(FileArgs),
    /// The document's lines as CSV, or its usage annex.
    Csv {
        #[command(flatten)]
        file: FileArgs,
        /// One row for each resource instead of each line.
        #[arg(long)]
        annex: bool,
    },
    /// Why a line is what it is, down to the orchestrator's own records.
    Explain {
        /// Number or id.
        invoice: String,
        /// Number of the line.
        line: u32,
        /// Only the records of this resource.
        #[arg(long)]
        resource: Option<String>,
        /// Records to show at most.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
}

#[derive(clap::Args, Debug)]
struct ListArgs {
    /// Number of one customer.
    #[arg(long)]
    customer: Option<String>,
    /// Code of one seller.
    #[arg(long)]
    seller: Option<String>,
    /// One period, such as 2026-10.
    #[arg(long)]
    period: Option<PeriodLabel>,
    /// Documents to show at most.
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

#[derive(clap::Args, Debug)]
struct FileArgs {
    /// Number or id.
    invoice: String,
    /// File to write; beside the number in the present folder where nothing is given.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Runs the verb.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::List(args) => list(app, args, out).await,
        Verb::Show { invoice } => show(app, &invoice, out).await,
        Verb::Pdf(args) => pdf(app, args, out).await,
        Verb::Html(args) => page(app, args, out).await,
        Verb::Csv { file, annex } => rows(app, file, annex, out).await,
        Verb::Explain { invoice, line, resource, limit } => {
            let request =
                ExplainRequest { invoice: &invoice, line, resource: resource.as_deref(), limit };
            explain(app, request, out).await
        }
    }
}

async fn list(app: &App, args: ListArgs, out: Output) -> anyhow::Result<Exit> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let mut filter = InvoiceFilter {
        period: args.period.map(|period| period.to_string()),
        limit: args.limit,
        ..InvoiceFilter::default()
    };
    if let Some(number) = &args.customer {
        filter.customer = Some(find_customer(&mut conn, number, now).await?.id);
    }
    if let Some(code) = &args.seller {
        let sellers = load_sellers(&mut conn, AsOf::now(now)).await?;
        filter.seller = Some(find_seller(&sellers, code)?.id.clone());
    }
    let found = load_invoices(&mut conn, &Scope::Provider, &filter).await?;
    let value: Vec<_> = found.iter().map(row_json).collect();
    let lines = found.iter().map(|row| {
        let money = |minor| Money { minor, currency: row.currency }.to_decimal_text();
        vec![
            row.number.clone(),
            row.issue_date.clone(),
            row.period.clone(),
            row.customer_name.clone(),
            money(row.net_minor),
            money(row.tax_minor),
            money(row.gross_minor),
            row.currency.to_string(),
            row.due_date.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    });
    let header = ["number", "date", "period", "customer", "net", "VAT", "gross", "", "due"];
    out.show(&json!({ "invoices": value }), || table(&header, lines));
    Ok(Exit::Done)
}

fn row_json(row: &InvoiceRow) -> serde_json::Value {
    json!({
        "id": row.id, "kind": row.kind, "number": row.number, "seller_id": row.seller_id,
        "customer_id": row.customer_id, "customer_name": row.customer_name,
        "period": row.period, "issue_date": row.issue_date, "due_date": row.due_date,
        "issued_at": when::json(row.issued_at), "currency": row.currency,
        "net_minor": row.net_minor, "tax_minor": row.tax_minor, "gross_minor": row.gross_minor,
    })
}

async fn find(app: &App, invoice: &str) -> anyhow::Result<(InvoiceDocument, Option<Contact>)> {
    let mut conn = app.db.read().await?;
    let found = load_invoice(&mut conn, &Scope::Provider, invoice).await?;
    found.with_context(|| format!("no invoice {invoice:?}: billow invoices list shows them"))
}

async fn show(app: &App, invoice: &str, out: Output) -> anyhow::Result<Exit> {
    let (document, contact) = find(app, invoice).await?;
    let mut conn = app.db.read().await?;
    let parts = load_parts(&mut conn, &document.seller_id, &document.id).await?;
    let value = json!({ "invoice": document, "contact": contact, "parts": parts });
    out.show(&value, || {
        let date = document.issue_date.as_deref().unwrap_or("");
        let number = document.number.as_deref().unwrap_or("");
        let mut text = format!(
            "{number} of {date}, {} to {}, {} to {}\n{}",
            document.seller.name,
            document.buyer.name,
            document.period_from,
            document.period_until,
            lines_text(&document),
        );
        if let Some(corrects) = &document.corrects {
            let reason = document.reason.as_deref().unwrap_or("");
            text.push_str(&format!("\ncredits {}: {reason}", corrects.number));
        }
        text.push_str(&format!("\n\n{}", parts_text(&document, &parts)));
        text
    });
    Ok(Exit::Done)
}

fn write(
    document: &InvoiceDocument,
    path: Option<&Path>,
    ending: &str,
    bytes: &[u8],
    out: Output,
) -> anyhow::Result<Exit> {
    let number = document.number.as_deref().unwrap_or(document.id.as_str());
    let own = PathBuf::from(format!("{number}{ending}"));
    let path = path.unwrap_or(&own);
    std::fs::write(path, bytes).with_context(|| path.display().to_string())?;
    let value = json!({ "invoice": number, "file": path, "bytes": bytes.len() });
    out.show(&value, || format!("{} ({} bytes)", path.display(), bytes.len()));
    Ok(Exit::Done)
}

async fn pdf(app: &App, args: FileArgs, out: Output) -> anyhow::Result<Exit> {
    let (document, _) = find(app, &args.invoice).await?;
    let bytes = file::pdf(app, &document).await?;
    write(&document, args.out.as_deref(), ".pdf", &bytes, out)
}

async fn page(app: &App, args: FileArgs, out: Output) -> anyhow::Result<Exit> {
    let (document, contact) = find(app, &args.invoice).await?;
    let language = crate::store::codec::enum_text(&document.language);
    let number = document.number.as_deref().unwrap_or(document.id.as_str());
    let article = html::invoice(&document, contact.as_ref(), None).into_string();
    let style = crate::present::page::CSS;
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{number}</title>\
         <style>{style}</style></head><body>{article}</body></html>\n"
    );
    write(&document, args.out.as_deref(), ".html", page.as_bytes(), out)
}

async fn rows(app: &App, args: FileArgs, annex: bool, out: Output) -> anyhow::Result<Exit> {
    let (document, _) = find(app, &args.invoice).await?;
    let (text, ending) = if annex {
        let mut conn = app.db.read().await?;
        let parts = load_parts(&mut conn, &document.seller_id, &document.id).await?;
        (csv::annex(&document, &parts), "-annex.csv")
    } else {
        (csv::lines(&document), ".csv")
    };
    write(&document, args.out.as_deref(), ending, text.as_bytes(), out)
}

async fn explain(app: &App, request: ExplainRequest<'_>, out: Output) -> anyhow::Result<Exit> {
    let (invoice, line) = (request.invoice.to_owned(), request.line);
    let mut conn = app.db.snapshot().await?;
    let found = load_explanation(&mut conn, &app.orchestrators, &Scope::Provider, request).await?;
    let explained = found.with_context(|| format!("no line {line} on an invoice {invoice:?}"))?;
    out.show(&explained, || explained_text(&explained));
    Ok(Exit::Done)
}

fn explained_text(explained: &ExplainedLine) -> String {
    let line = &explained.line;
    let mut text = format!(
        "{} line {}: {}\n{}\nprice {} of {}, service {} to {}",
        explained.invoice_number,
        line.number,
        line.text,
        explained.arithmetic,
        line.price_code.as_deref().unwrap_or("-"),
        line.price_version.as_deref().unwrap_or("-"),
        line.service_from,
        line.service_until,
    );
    for part in &explained.parts {
        text.push_str(&format!(
            "\n{} {} {}: {} ({} records, sha256 {})",
            part.owner,
            part.meter,
            part.resource_name,
            part.quantity.to_text_rounded(6),
            part.record_count,
            part.record_hash,
        ));
    }
    for record in &explained.records {
        let source = match (&record.request, record.fetched_at) {
            (Some(request), Some(at)) => format!("{request} at {}", when::text(at)),
            (_, _) => "its page of evidence is archived".to_owned(),
        };
        let raw = record.raw.as_ref().map_or_else(String::new, ToString::to_string);
        text.push_str(&format!(
            "\n\n{} {} {} to {}: {}\n  {source}\n  {raw}",
            record.key.meter,
            record.key.resource,
            when::text(record.key.from),
            when::text(record.until),
            record.quantity,
        ));
    }
    let shown = u64::try_from(explained.records.len()).unwrap_or(u64::MAX);
    if shown < explained.record_count {
        text.push_str(&format!(
            "\n\n{shown} of {} records; --limit shows more",
            explained.record_count
        ));
    }
    text
}
