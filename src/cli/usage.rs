//! `billow usage list|import|quarantine`: look at records, import what the orchestrator cannot
//! see, and decide on doubtful ones.

use std::io::Read;

use anyhow::Context;
use clap::Subcommand;
use serde::Serialize;

use super::output::table;
use super::{Exit, Output, quarantine, when};
use crate::app::App;
use crate::collect::import::{BYTES_MAX, Format, Import, ImportFailure, import as import_bytes};
use crate::collect::store::{load_all_records, load_attribute_sets};
use crate::customer::store::{load_owner_history, load_owners_with_usage};
use crate::ids::{OwnerRef, SourceName};
use crate::orchestrator::{OwnerInfo, OwnerKind};
use crate::period::Span;
use crate::scope::Scope;
use crate::store::Conn;

/// Rows that a list shows.
const ROWS_MAX: usize = 1_000;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Records of one owner.
    List(ListArgs),
    /// Usage that the orchestrator cannot see, from a CSV file; all of it or nothing.
    Import {
        /// The file; `-` reads standard input.
        file: std::path::PathBuf,
    },
    /// Doubts about records and gaps.
    Quarantine {
        #[command(subcommand)]
        action: quarantine::Verb,
    },
}

#[derive(clap::Args)]
struct ListArgs {
    /// Name of the source; the only one where one is configured.
    #[arg(long)]
    source: Option<String>,
    /// The account or project: its name, or the orchestrator's id.
    #[arg(long)]
    owner: String,
    /// First instant: RFC 3339 or YYYY-MM-DD; 31 days before the end where nothing is given.
    #[arg(long)]
    from: Option<String>,
    /// Where to stop; now where nothing is given.
    #[arg(long)]
    to: Option<String>,
}

/// How far a list looks back where nothing is given.
const LIST_SECONDS: i64 = 31 * 86_400;

impl ListArgs {
    fn source(&self, app: &App) -> anyhow::Result<SourceName> {
        match (&self.source, app.config.sources.as_slice()) {
            (Some(name), _) => Ok(SourceName(name.clone())),
            (None, [one]) => Ok(SourceName(one.name.clone())),
            (None, several) => {
                let names: Vec<&str> = several.iter().map(|one| one.name.as_str()).collect();
                anyhow::bail!("which source? Give --source, one of: {}", names.join(", "))
            }
        }
    }

    /// The owner by id or name; an unknown name is taken for an id, whose usage may be imported.
    async fn owner(
        &self,
        conn: &mut Conn,
        source: SourceName,
        now: i64,
    ) -> anyhow::Result<OwnerRef> {
        let history = load_owner_history(conn, &source, now).await?;
        let billed = |kind| kind != OwnerKind::Domain;
        let fits = |owner: &&OwnerInfo| billed(owner.kind) && owner.name == self.owner;
        let named: Vec<&OwnerInfo> = history.latest().filter(fits).collect();
        match (history.owners.contains_key(&self.owner), named.as_slice()) {
            (false, [one]) => Ok(OwnerRef { source, id: one.id.clone() }),
            (false, [_, _, ..]) => {
                let ids = named.iter().map(|one| format!("{} in {}", one.id, one.domain_path));
                let ids = ids.collect::<Vec<_>>().join(", ");
                anyhow::bail!(
                    "several owners have the name {}: give the id of one: {ids}",
                    self.owner
                )
            }
            (true, _) => Ok(OwnerRef { source, id: self.owner.clone() }),
            // Usage may come before the catalogue tells whose it is.
            (false, []) => {
                let used = load_owners_with_usage(conn, &source).await?;
                anyhow::ensure!(
                    used.contains(&self.owner),
                    "{source}/{}: neither the catalogue nor the usage of {source} knows it",
                    self.owner
                );
                Ok(OwnerRef { source, id: self.owner.clone() })
            }
        }
    }
}

/// Runs the verb.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::List(args) => list(app, args, out).await,
        Verb::Import { file } => import(app, &file, out).await,
        Verb::Quarantine { action } => quarantine::run(app, action, out).await,
    }
}

async fn import(app: &App, file: &std::path::Path, out: Output) -> anyhow::Result<Exit> {
    let name = file.display().to_string();
    let input: Box<dyn Read> = if name == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).with_context(|| format!("opening {name}"))?)
    };
    let mut bytes = Vec::new();
    let mut input = input.take(BYTES_MAX + 1);
    input.read_to_end(&mut bytes).with_context(|| format!("reading {name}"))?;
    anyhow::ensure!(
        u64::try_from(bytes.len()).is_ok_and(|size| size <= BYTES_MAX),
        "{name}: is larger than {BYTES_MAX} bytes: split it"
    );
    let import =
        Import { format: Format::Csv, name: &name, bytes: &bytes, scope: &Scope::Provider };
    match import_bytes(app, import).await {
        Ok(report) => {
            out.show(&report, || {
                format!(
                    "{} rows: {} records, {} known before, {} findings",
                    report.rows, report.records, report.duplicates, report.findings
                )
            });
            Ok(if report.findings == 0 { Exit::Done } else { Exit::Found })
        }
        Err(refused @ ImportFailure::Refused(_)) => {
            anyhow::bail!("{refused}\n{name}: nothing was imported")
        }
        Err(ImportFailure::Failed(error)) => Err(error),
    }
}

#[derive(Serialize)]
struct ListedRecord {
    meter: String,
    resource: String,
    name: String,
    from: String,
    until: String,
    kind: &'static str,
    quantity: String,
    revision: i64,
    attributes: crate::collect::record::Attributes,
}

async fn list(app: &App, args: ListArgs, out: Output) -> anyhow::Result<Exit> {
    let now = app.clock.now_seconds();
    let source = args.source(app)?;
    let mut conn = app.db.read().await?;
    let until = match &args.to {
        Some(text) => when::instant(&mut conn, text, now).await?,
        None => now,
    };
    let from = match &args.from {
        Some(text) => when::instant(&mut conn, text, now).await?,
        None => until - LIST_SECONDS,
    };
    let owner = args.owner(&mut conn, source, now).await?;
    let mut records = load_all_records(&mut conn, &owner, Span::new(from, until), now).await?;
    let count = records.len();
    if !out.is_json() {
        records.truncate(ROWS_MAX);
    }
    let sets: Vec<i64> = records.iter().map(|record| record.attribute_set).collect();
    let sets = load_attribute_sets(&mut conn, &sets).await?;
    let listed: Vec<ListedRecord> = records
        .iter()
        .map(|record| {
            let attributes = sets.get(&record.attribute_set).cloned();
            let attributes = attributes.unwrap_or_else(crate::collect::record::Attributes::new);
            ListedRecord {
                meter: record.key.meter.clone(),
                resource: record.key.resource.clone(),
                name: attributes.get("name").cloned().unwrap_or_else(String::new),
                from: when::text(record.key.from),
                until: when::text(record.until),
                kind: record.kind.as_str(),
                quantity: record.quantity.to_string(),
                revision: record.key.revision,
                attributes,
            }
        })
        .collect();
    out.show(&serde_json::json!({ "owner": owner, "records": listed }), || {
        if listed.is_empty() {
            return format!(
                "no records of {owner} from {} to {}",
                when::text(from),
                when::text(until)
            );
        }
        let rows = listed.iter().map(|one| {
            vec![
                one.from.clone(),
                one.until.clone(),
                one.meter.clone(),
                one.name.clone(),
                one.resource.clone(),
                one.quantity.clone(),
            ]
        });
        let shown = table(&["from", "until", "meter", "name", "resource", "quantity"], rows);
        if count > ROWS_MAX {
            format!("{shown}\n{} more: narrow the span, or take --json", count - ROWS_MAX)
        } else {
            shown
        }
    });
    Ok(Exit::Done)
}
