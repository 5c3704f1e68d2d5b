//! `billow prices generate | check | diff | apply | list | show | export`: price books.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use super::output::table;
use super::{Exit, Output, when};
use crate::app::App;
use crate::catalog::apply::{NewBook, apply};
use crate::catalog::book::{self, Book};
use crate::catalog::book_diff::{self, BookDiff};
use crate::catalog::book_write;
use crate::catalog::generate::{self, GenerateInput, Rates};
use crate::catalog::price::{BookVersion, MonthMode};
use crate::catalog::store;
use crate::customer::change::Change;
use crate::customer::store::{AsOf, load_sellers};
use crate::ids::IdMaker;
use crate::money::{Currency, Exact};
use crate::orchestrator::CatalogItem;
use crate::period::Span;
use crate::store::Conn;

/// Price books: files, versions, differences.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// Write a whole book from the synced catalogue and a few rates.
    Generate(Box<GenerateArgs>),
    /// Check files: every error with its line and column.
    Check { files: Vec<PathBuf> },
    /// What differs between two books.
    Diff {
        /// A file, BOOK (as it holds now) or BOOK@NUMBER; with one alone, it is compared with
        /// what holds now of the file's book.
        old: String,
        /// The other one.
        new: Option<String>,
    },
    /// Store a file as a new version that holds from an instant on.
    Apply(ApplyArgs),
    /// All versions, or those of one book.
    List {
        #[arg(long)]
        book: Option<String>,
    },
    /// The prices of BOOK (as it holds now) or BOOK@NUMBER.
    Show { version: String },
    /// The file of BOOK (as it holds now) or BOOK@NUMBER.
    Export {
        version: String,
        /// Where to write; to the screen where nothing is given.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Write the prices anew in the usual order, without the comments of the file.
        #[arg(long)]
        canonical: bool,
    },
}

#[derive(clap::Args, Debug)]
struct ApplyArgs {
    file: PathBuf,
    /// From when it holds: a day or an instant.
    #[arg(long)]
    from: String,
    /// Store it under another code than the file's.
    #[arg(long)]
    book: Option<String>,
    /// Store it although invoices of that time are issued; needs --reason.
    #[arg(long)]
    backdate: bool,
    /// Why, for the audit log.
    #[arg(long)]
    reason: Option<String>,
}

#[derive(clap::Args, Debug)]
struct GenerateArgs {
    /// Code of the book.
    #[arg(long, default_value = "standard")]
    code: String,
    /// Name of the book; its code where nothing is given.
    #[arg(long)]
    name: Option<String>,
    /// Currency; the provider's where nothing is given.
    #[arg(long)]
    currency: Option<Currency>,
    /// Hours of a month: calendar, 730 or 720.
    #[arg(long, default_value = "calendar")]
    month: String,
    /// Where to write; to the screen where nothing is given.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Overwrite the file.
    #[arg(long)]
    force: bool,
    /// Amount an hour of a licence: NAME=AMOUNT, by operating system, its category or template.
    #[arg(long = "licence", value_name = "NAME=AMOUNT")]
    licences: Vec<String>,
    /// An hour of one vCPU.
    #[arg(long, value_name = "AMOUNT")]
    vcpu_hour: Option<Exact>,
    /// An hour of one GiB of memory.
    #[arg(long, value_name = "AMOUNT")]
    ram_gib_hour: Option<Exact>,
    /// An hour of one GPU.
    #[arg(long, value_name = "AMOUNT")]
    gpu_hour: Option<Exact>,
    /// A month of one GiB of disk.
    #[arg(long, value_name = "AMOUNT")]
    storage_gib_month: Option<Exact>,
    /// A month of one guaranteed IOPS.
    #[arg(long, value_name = "AMOUNT")]
    iops_month: Option<Exact>,
    /// A month of one GiB of snapshots.
    #[arg(long, value_name = "AMOUNT")]
    snapshot_gib_month: Option<Exact>,
    /// A month of one GiB of templates and ISO images.
    #[arg(long, value_name = "AMOUNT")]
    image_gib_month: Option<Exact>,
    /// A month of one GiB of backups.
    #[arg(long, value_name = "AMOUNT")]
    backup_gib_month: Option<Exact>,
    /// A month of one GB of object storage.
    #[arg(long, value_name = "AMOUNT")]
    object_gb_month: Option<Exact>,
    /// An hour of one public IP address.
    #[arg(long, value_name = "AMOUNT")]
    address_hour: Option<Exact>,
    /// One GB sent.
    #[arg(long, value_name = "AMOUNT")]
    traffic_gb: Option<Exact>,
    /// GB sent that are free for each customer and period.
    #[arg(long, value_name = "GB")]
    traffic_included_gb: Option<Exact>,
    /// An hour of one load balancer rule.
    #[arg(long, value_name = "AMOUNT")]
    load_balancer_hour: Option<Exact>,
    /// An hour of one VPN user.
    #[arg(long, value_name = "AMOUNT")]
    vpn_user_hour: Option<Exact>,
}

/// Runs the verb.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::Generate(args) => generate(app, *args, out).await,
        Verb::Check { files } => check(&files, out),
        Verb::Diff { old, new } => diff(app, &old, new.as_deref(), out).await,
        Verb::Apply(args) => apply_file(app, args, out).await,
        Verb::List { book } => list(app, book.as_deref(), out).await,
        Verb::Show { version } => show(app, &version, out).await,
        Verb::Export { version, out: path, canonical } => {
            export(app, &version, path.as_deref(), canonical, out).await
        }
    }
}

impl GenerateArgs {
    fn rates(&self, currency: Currency) -> anyhow::Result<Rates> {
        let mut rates = Rates::usual(currency);
        for (rate, given, flag) in [
            (&mut rates.vcpu_hour, &self.vcpu_hour, "vcpu-hour"),
            (&mut rates.ram_gib_hour, &self.ram_gib_hour, "ram-gib-hour"),
            (&mut rates.gpu_hour, &self.gpu_hour, "gpu-hour"),
            (&mut rates.storage_gib_month, &self.storage_gib_month, "storage-gib-month"),
            (&mut rates.iops_month, &self.iops_month, "iops-month"),
            (&mut rates.snapshot_gib_month, &self.snapshot_gib_month, "snapshot-gib-month"),
            (&mut rates.image_gib_month, &self.image_gib_month, "image-gib-month"),
            (&mut rates.backup_gib_month, &self.backup_gib_month, "backup-gib-month"),
            (&mut rates.object_gb_month, &self.object_gb_month, "object-gb-month"),
            (&mut rates.address_hour, &self.address_hour, "address-hour"),
            (&mut rates.traffic_gb, &self.traffic_gb, "traffic-gb"),
            (&mut rates.traffic_included_gb, &self.traffic_included_gb, "traffic-included-gb"),
            (&mut rates.load_balancer_hour, &self.load_balancer_hour, "load-balancer-hour"),
            (&mut rates.vpn_user_hour, &self.vpn_user_hour, "vpn-user-hour"),
        ] {
            if let Some(given) = given {
                anyhow::ensure!(!given.is_negative(), "--{flag} {given} is below zero");
                *rate = given.clone();
            }
        }
        Ok(rates)
    }

    fn licences(&self) -> anyhow::Result<BTreeMap<String, Exact>> {
        let mut licences = BTreeMap::new();
        for text in &self.licences {
            let (name, amount) = text
                .rsplit_once('=')
                .with_context(|| format!("--licence {text}: write it as NAME=AMOUNT"))?;
            let amount: Exact = amount.parse().with_context(|| format!("--licence {text}"))?;
            anyhow::ensure!(!amount.is_negative(), "--licence {text}: it is below zero");
            licences.insert(name.to_owned(), amount);
        }
        Ok(licences)
    }

    fn month(&self) -> anyhow::Result<MonthMode> {
        let modes = [MonthMode::Calendar, MonthMode::Fixed730, MonthMode::Fixed720];
        let found = modes.into_iter().find(|mode| mode.as_str() == self.month);
        found.with_context(|| format!("--month {}: write calendar, 730 or 720", self.month))
    }
}

async fn generate(app: &App, args: GenerateArgs, out: Output) -> anyhow::Result<Exit> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let sellers = load_sellers(&mut conn, AsOf::now(now)).await?;
    let root = sellers.iter().find(|seller| seller.parent.is_none());
    let currency = args
        .currency
        .or(root.map(|seller| seller.details.currency))
        .context("there is no seller yet to take the currency from: give --currency")?;
    let items = load_items(&mut conn, app, now).await?;
    let input = GenerateInput {
        code: args.code.clone(),
        name: args.name.clone().unwrap_or_else(|| args.code.clone()),
        currency,
        month: args.month()?,
        rates: args.rates(currency)?,
        items: &items,
        licences: args.licences()?,
    };
    let text = generate::generate_text(&input);
    // What is generated passes the check, whatever the code and the names are.
    let book = book::parse(&text, "the generated book")?;
    write_file(args.out.as_deref(), args.force, &text, out)?;
    if let Some(path) = &args.out {
        let value = json!({ "file": path, "book": book.code, "prices": book.prices.len() });
        out.show(&value, || {
            let count = book.prices.len();
            format!(
                "{count} prices written to {}; look through them, then billow prices apply",
                path.display()
            )
        });
    }
    Ok(Exit::Done)
}

/// The present catalogue of all sources.
pub(super) async fn load_items(
    conn: &mut Conn,
    app: &App,
    now: i64,
) -> anyhow::Result<Vec<CatalogItem>> {
    let mut items = Vec::new();
    for orchestrator in &app.orchestrators {
        items.extend(store::load_present_items(conn, orchestrator.source(), now).await?);
    }
    Ok(items)
}

fn write_file(path: Option<&Path>, force: bool, text: &str, out: Output) -> anyhow::Result<()> {
    match path {
        Some(path) => {
            anyhow::ensure!(
                force || !path.exists(),
                "{} exists already: give --force to overwrite it",
                path.display()
            );
            std::fs::write(path, text).with_context(|| path.display().to_string())
        }
        None => {
            out.show(&json!({ "text": text }), || text.trim_end().to_owned());
            Ok(())
        }
    }
}

fn read_book(path: &Path) -> anyhow::Result<(Book, String)> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| name.clone())?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        anyhow::anyhow!("{name}:{line}:1: the file is not UTF-8; save it as UTF-8")
    })?;
    let book = book::parse(&text, &name)?;
    Ok((book, text))
}

fn check(files: &[PathBuf], out: Output) -> anyhow::Result<Exit> {
    anyhow::ensure!(!files.is_empty(), "name at least one file");
    let mut results = Vec::new();
    let mut lines = Vec::new();
    let mut right = true;
    for path in files {
        let file = path.display().to_string();
        match read_book(path) {
            Ok((book, _)) => {
                let (code, count) = (&book.code, book.prices.len());
                lines.push(format!("{file}: right; book {code}, {count} prices"));
                results.push(json!({ "file": file, "book": code, "prices": count, "errors": [] }));
            }
            Err(error) => {
                right = false;
                lines.push(error.to_string());
                let errors = match error.downcast_ref::<book::BookErrors>() {
                    Some(errors) => json!(errors.errors),
                    None => json!([{ "message": error.to_string() }]),
                };
                results.push(json!({ "file": file, "errors": errors }));
            }
        }
    }
    out.show(&json!({ "files": results }), || lines.join("\n"));
    Ok(if right { Exit::Done } else { Exit::Found })
}

/// A stored version: `BOOK` as it holds now (or first will), or `BOOK@NUMBER`.
async fn find_version(
    conn: &mut Conn,
    text: &str,
    now: i64,
) -> anyhow::Result<(BookVersion, String)> {
    let id = if text.contains('@') {
        text.to_owned()
    } else {
        let everything = Span::new(i64::MIN, i64::MAX);
        let versions = store::load_book_versions(conn, text, everything, now).await?;
        let holding = versions.iter().rfind(|version| version.span.from <= now);
        let found = holding.or(versions.first());
        found.map(|version| version.id.clone()).with_context(|| {
            format!("no price book {text:?}: billow prices list shows what is applied")
        })?
    };
    let found = store::load_version(conn, &id).await?;
    found.with_context(|| format!("no version {id:?}: billow prices list shows what is applied"))
}

/// The book of a stored version. Its name and imported meters are those of its file.
fn book_of(version: BookVersion, file: &str) -> anyhow::Result<Book> {
    let kept = book::parse(file, &version.id)
        .context("the file that the version keeps cannot be read any more")?;
    Ok(Book { code: version.book, currency: version.currency, prices: version.prices, ..kept })
}

/// A book from a file or from a stored version.
async fn find_book(conn: &mut Conn, text: &str, now: i64) -> anyhow::Result<Book> {
    let path = Path::new(text);
    if path.is_file() {
        return Ok(read_book(path)?.0);
    }
    let (version, file) = find_version(conn, text, now).await?;
    book_of(version, &file)
}

async fn diff(app: &App, old: &str, new: Option<&str>, out: Output) -> anyhow::Result<Exit> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let first = find_book(&mut conn, old, now).await?;
    let (old, new) = match new {
        Some(new) => (first, find_book(&mut conn, new, now).await?),
        None => (find_book(&mut conn, &first.code, now).await?, first),
    };
    let diff = book_diff::diff(&old, &new);
    out.show(&diff, || diff_text(&diff));
    Ok(if diff.is_empty() { Exit::Done } else { Exit::Found })
}

fn diff_text(diff: &BookDiff) -> String {
    if diff.is_empty() {
        return "no difference".to_owned();
    }
    let mut lines = Vec::new();
    let change = |change: &book_diff::Change| {
        let none = || "(none)".to_owned();
        let (old, new) = (change.old.clone(), change.new.clone());
        format!("{}: {} -> {}", change.key, old.unwrap_or_else(none), new.unwrap_or_else(none))
    };
    lines.extend(diff.book.iter().map(|part| format!("~ book {}", change(part))));
    for (sign, prices) in [("+", &diff.added), ("-", &diff.removed)] {
        for price in prices {
            let keys = price.keys.iter().map(|(key, value)| format!("{key} = {value}"));
            let keys = keys.collect::<Vec<_>>().join(", ");
            lines.push(format!("{sign} {}: {keys}", price.code));
        }
    }
    for price in &diff.changed {
        lines.extend(price.changes.iter().map(|part| format!("~ {} {}", price.code, change(part))));
    }
    if diff.reordered {
        lines.push("~ the order of the prices changed, which decides ties".to_owned());
    }
    lines.join("\n")
}

async fn apply_file(app: &App, args: ApplyArgs, out: Output) -> anyhow::Result<Exit> {
    let (mut book, text) = read_book(&args.file)?;
    let mut file = Some(text.as_str());
    if let Some(code) = args.book
        && code != book.code
    {
        book.code = code;
        // The file names another book, so the version keeps a text of its own.
        let made = book_write::write(&book);
        book::parse(&made, "--book")?;
        file = None;
    }
    let (mut tx, now) = app.record().await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let reason = args.reason.as_deref();
    let change = Change { ids: &ids, at: now, actor: &app.actor, reason };
    let from = when::instant(&mut tx, &args.from, now).await?;
    let new = NewBook { book: &book, file, from, backdate: args.backdate };
    let applied = apply(&mut tx, new, &change).await?;
    tx.commit().await?;
    let value = json!({
        "version": applied.version, "from": when::json(applied.from),
        "until": applied.until.map(when::json), "prices": applied.prices,
        "unchanged": applied.unchanged, "issued_until": applied.issued_until.map(when::json),
    });
    out.show(&value, || {
        let from = when::text(applied.from);
        let version = &applied.version;
        if applied.unchanged {
            return format!("{version} is this file already, from {from}: nothing to do");
        }
        let mut text = format!("{version}: {} prices hold from {from}", applied.prices);
        if let Some(until) = applied.until {
            text.push_str(&format!(" until {}, when a later version begins", when::text(until)));
        }
        if let Some(issued) = applied.issued_until {
            text.push_str(&format!(
                "\ninvoices up to {} are issued: what this version changes in them is billed \
                 only by an explicit correction run",
                when::text(issued)
            ));
        }
        text
    });
    Ok(Exit::Done)
}

async fn list(app: &App, book: Option<&str>, out: Output) -> anyhow::Result<Exit> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let rows = store::load_version_rows(&mut conn, book, now).await?;
    let value: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "version": row.id, "book": row.book, "number": row.number,
                "currency": row.currency, "from": when::json(row.valid_from),
                "recorded_at": when::json(row.recorded_at), "applied_by": row.applied_by,
                "hash": row.hash,
            })
        })
        .collect();
    let lines = rows.iter().map(|row| {
        vec![
            row.id.clone(),
            row.currency.clone(),
            when::text(row.valid_from),
            when::text(row.recorded_at),
            row.applied_by.clone(),
        ]
    });
    let header = ["version", "currency", "from", "applied", "by"];
    out.show(&json!({ "versions": value }), || table(&header, lines));
    Ok(Exit::Done)
}

async fn show(app: &App, version: &str, out: Output) -> anyhow::Result<Exit> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let (version, _) = find_version(&mut conn, version, now).await?;
    let value = json!({
        "version": version.id, "book": version.book, "currency": version.currency,
        "from": when::json(version.span.from), "recorded_at": when::json(version.recorded_at),
        "prices": version.prices,
    });
    let rows = version.prices.iter().map(|price| {
        let fields = book_write::fields(price);
        let of = |key: &str| {
            let found = fields.iter().find(|(known, _)| *known == key);
            found.map_or_else(String::new, |(_, value)| value.trim_matches('"').to_owned())
        };
        let amount = if of("tiers").is_empty() { of("amount") } else { of("tiers") };
        let model = if of("model").is_empty() { "per_unit".to_owned() } else { of("model") };
        vec![of("code"), of("component"), of("meter"), of("unit"), model, amount, of("when")]
    });
    let header = ["code", "component", "meter", "unit", "model", "amount", "when"];
    let head =
        format!("{} in {} from {}", version.id, version.currency, when::text(version.span.from));
    out.show(&value, || format!("{head}\n{}", table(&header, rows)));
    Ok(Exit::Done)
}

async fn export(
    app: &App,
    version: &str,
    path: Option<&Path>,
    canonical: bool,
    out: Output,
) -> anyhow::Result<Exit> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let (version, file) = find_version(&mut conn, version, now).await?;
    let id = version.id.clone();
    let text = if canonical { book_write::write(&book_of(version, &file)?) } else { file };
    write_file(path, false, &text, out)?;
    if let Some(path) = path {
        let value = json!({ "file": path, "version": id });
        out.show(&value, || format!("{id} written to {}", path.display()));
    }
    Ok(Exit::Done)
}
