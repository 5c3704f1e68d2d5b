//! `billow usage list|import|quarantine`: look at records, import what the orchestrator cannot
//! see, and decide on doubtful ones.

use std::io::Read;

use anyhow::Context;
use clap::Subcommand;
use serde::Serialize;

use super::output::table;
use super::when;
use super::{Exit, Output};
use crate::app::App;
use crate::bill::stake::money_at_stake;
use crate::collect::import::parse_csv;
use crate::collect::import_job::import as import_rows;
use crate::collect::store::{load_all_records, load_attribute_sets};
use crate::finding::decision::{Decision, decide};
use crate::finding::store::load_findings;
use crate::finding::{Finding, FindingState};
use crate::ids::{FindingId, OwnerRef, SourceName};
use crate::money::Money;
use crate::period::Span;

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
    List {
        /// Name of the source.
        #[arg(long)]
        source: String,
        /// The orchestrator's id of the account or project.
        #[arg(long)]
        owner: String,
        /// First instant: RFC 3339 or YYYY-MM-DD.
        #[arg(long)]
        from: String,
        /// Where to stop.
        #[arg(long)]
        to: String,
    },
    /// Usage that the orchestrator cannot see, from a CSV file; all of it or nothing.
    Import {
        /// The file; `-` reads standard input.
        file: std::path::PathBuf,
    },
    /// Doubts about records and gaps.
    Quarantine {
        #[command(subcommand)]
        action: Quarantine,
    },
}

#[derive(Subcommand)]
enum Quarantine {
    /// Open findings, with the money at stake.
    List {
        /// Decided and repaired ones too.
        #[arg(long)]
        all: bool,
    },
    /// One finding with all that is known of it.
    Show {
        /// Id of the finding.
        id: String,
    },
    /// The record counts, or the proposed quantity is taken, or the gap is accepted.
    Release {
        /// Id of the finding.
        id: String,
        /// Why; kept in the audit log.
        #[arg(long)]
        reason: String,
    },
    /// The record does not count; the proposal is not taken.
    Reject {
        /// Id of the finding.
        id: String,
        /// Why; kept in the audit log.
        #[arg(long)]
        reason: String,
    },
}

/// Runs the verb.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::List { source, owner, from, to } => {
            let now = app.clock.now_seconds();
            let mut conn = app.db.read().await?;
            let from = when::instant(&mut conn, &from, now).await?;
            let span = Span::new(from, when::instant(&mut conn, &to, now).await?);
            drop(conn);
            list(app, &OwnerRef { source: SourceName(source), id: owner }, span, out).await
        }
        Verb::Import { file } => import(app, &file, out).await,
        Verb::Quarantine { action } => quarantine(app, action, out).await,
    }
}

/// Bytes of a file to be imported.
const IMPORT_BYTES_MAX: u64 = 64 * 1024 * 1024;

async fn import(app: &App, file: &std::path::Path, out: Output) -> anyhow::Result<Exit> {
    let name = file.display().to_string();
    let input: Box<dyn Read> = if name == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).with_context(|| format!("opening {name}"))?)
    };
    let mut bytes = Vec::new();
    let mut input = input.take(IMPORT_BYTES_MAX + 1);
    input.read_to_end(&mut bytes).with_context(|| format!("reading {name}"))?;
    anyhow::ensure!(
        u64::try_from(bytes.len()).is_ok_and(|size| size <= IMPORT_BYTES_MAX),
        "{name}: is larger than {IMPORT_BYTES_MAX} bytes: split it"
    );
    match parse_csv(&bytes, &name) {
        Ok(rows) => {
            let report = import_rows(app, &rows, &name).await?;
            out.show(&report, || {
                format!(
                    "{} rows: {} records, {} known before, {} findings",
                    report.rows, report.records, report.duplicates, report.findings
                )
            });
            Ok(if report.findings == 0 { Exit::Done } else { Exit::Found })
        }
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            anyhow::bail!("{}\n{name}: nothing was imported", lines.join("\n"))
        }
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

async fn list(app: &App, owner: &OwnerRef, span: Span, out: Output) -> anyhow::Result<Exit> {
    let mut conn = app.db.read().await?;
    let now = app.clock.now_seconds();
    let mut records = load_all_records(&mut conn, owner, span, now).await?;
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
                from: instant(record.key.from),
                until: instant(record.until),
                kind: record.kind.as_str(),
                quantity: record.quantity.to_string(),
                revision: record.key.revision,
                attributes,
            }
        })
        .collect();
    out.show(&listed, || {
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

#[derive(Serialize)]
struct ListedFinding {
    #[serde(flatten)]
    finding: Finding,
    money_at_stake: Option<Money>,
}

async fn quarantine(app: &App, action: Quarantine, out: Output) -> anyhow::Result<Exit> {
    match action {
        Quarantine::List { all } => {
            let listed = listed(app, all).await?;
            out.show(&listed, || findings_table(&listed));
            let open = listed.iter().any(|one| one.finding.state == FindingState::Open);
            Ok(if open { Exit::Found } else { Exit::Done })
        }
        Quarantine::Show { id } => {
            let listed = listed(app, true).await?;
            let one = listed.into_iter().find(|one| one.finding.id.0 == id);
            let one = one.ok_or_else(|| anyhow::anyhow!("there is no finding {id}"))?;
            out.show(&one, || describe(&one));
            Ok(Exit::Done)
        }
        Quarantine::Release { id, reason } => {
            decided(app, id, Decision::Release, &reason, out).await
        }
        Quarantine::Reject { id, reason } => decided(app, id, Decision::Reject, &reason, out).await,
    }
}

async fn decided(
    app: &App,
    id: String,
    decision: Decision,
    reason: &str,
    out: Output,
) -> anyhow::Result<Exit> {
    let finding = decide(app, &FindingId(id), decision, reason).await?;
    let word = match decision {
        Decision::Release => "released",
        Decision::Reject => "rejected",
    };
    out.show(&finding, || format!("{word}: {} {}", finding.rule, finding.resource));
    Ok(Exit::Done)
}

async fn listed(app: &App, all: bool) -> anyhow::Result<Vec<ListedFinding>> {
    let mut conn = app.db.read().await?;
    let mut listed = Vec::new();
    for finding in load_findings(&mut conn, all).await? {
        let money_at_stake = money_at_stake(&mut conn, &finding).await?;
        listed.push(ListedFinding { finding, money_at_stake });
    }
    Ok(listed)
}

fn findings_table(listed: &[ListedFinding]) -> String {
    if listed.is_empty() {
        return "no open findings".to_owned();
    }
    let rows = listed.iter().map(|one| {
        let finding = &one.finding;
        vec![
            finding.id.to_string(),
            finding.rule.clone(),
            format!("{:?}", finding.state).to_lowercase(),
            finding.owner.to_string(),
            finding.meter.clone(),
            instant(finding.span.from),
            money_text(one.money_at_stake),
            finding.message.clone(),
        ]
    });
    table(&["id", "rule", "state", "owner", "meter", "from", "money", "what"], rows)
}

fn describe(one: &ListedFinding) -> String {
    let finding = &one.finding;
    [
        format!("{}: {}", finding.rule, finding.message),
        format!("state    {:?}", finding.state),
        format!("owner    {}", finding.owner),
        format!("meter    {}", finding.meter),
        format!("resource {}", finding.resource),
        format!("span     {} to {}", instant(finding.span.from), instant(finding.span.until)),
        format!("money    {}", money_text(one.money_at_stake)),
        format!("detail   {}", finding.detail),
    ]
    .join("\n")
}

fn money_text(money: Option<Money>) -> String {
    money.map_or_else(
        || "unknown".to_owned(),
        |money| format!("{} {}", money.to_decimal_text(), money.currency),
    )
}

fn instant(at: i64) -> String {
    jiff::Timestamp::from_second(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}
