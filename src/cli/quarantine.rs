//! `billow usage quarantine list | show | release | reject`: doubts about records and gaps.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Serialize;

use super::output::table;
use super::{Exit, Output, when};
use crate::app::App;
use crate::bill::stake::money_at_stake;
use crate::finding::decision::{Decision, decide};
use crate::finding::store::{load_alike, load_findings};
use crate::finding::subject::{Subject, load_subjects};
use crate::finding::{Finding, FindingState, repeated};
use crate::ids::FindingId;
use crate::money::Money;

#[derive(clap::Subcommand)]
pub enum Verb {
    /// Open findings, with the money at stake.
    List {
        /// Decided and repaired ones too.
        #[arg(long)]
        all: bool,
        /// Only those of one rule.
        #[arg(long)]
        rule: Option<String>,
        /// Only those that touch the customer of this number.
        #[arg(long)]
        customer: Option<String>,
    },
    /// One finding with all that is known of it.
    Show {
        /// Id of the finding.
        id: String,
    },
    /// The record counts, or the proposed quantity is taken, or the gap is accepted.
    Release(DecisionArgs),
    /// The record does not count; the proposal is not taken.
    Reject(DecisionArgs),
}

#[derive(clap::Args)]
pub struct DecisionArgs {
    /// Ids of the findings.
    #[arg(required = true)]
    ids: Vec<String>,
    /// All open findings that say the same of the same resource too, such as each day of a gap.
    #[arg(long)]
    alike: bool,
    /// Why; kept in the audit log.
    #[arg(long)]
    reason: String,
}

/// A finding as it is shown.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    finding: Finding,
    money_at_stake: Option<Money>,
    customer: Option<String>,
    customer_name: Option<String>,
    owner_name: String,
    resource_name: String,
}

/// Runs the verb.
pub async fn run(app: &App, verb: Verb, out: Output) -> anyhow::Result<Exit> {
    match verb {
        Verb::List { all, rule, customer } => {
            let mut found = load(app, all).await?;
            found.retain(|one| {
                let ruled = rule.as_ref().is_none_or(|rule| *rule == one.finding.rule);
                ruled && (customer.is_none() || one.customer == customer)
            });
            out.show(&serde_json::json!({ "findings": found }), || list_text(&found));
            let open = found.iter().any(|one| one.finding.state == FindingState::Open);
            Ok(if open { Exit::Found } else { Exit::Done })
        }
        Verb::Show { id } => {
            let found = load(app, true).await?;
            let one = found.into_iter().find(|one| one.finding.id.0 == id);
            let one = one.with_context(|| unknown(&id))?;
            out.show(&serde_json::json!({ "finding": one }), || describe(&one));
            Ok(Exit::Done)
        }
        Verb::Release(args) => decide_all(app, args, Decision::Release, out).await,
        Verb::Reject(args) => decide_all(app, args, Decision::Reject, out).await,
    }
}

fn unknown(id: &str) -> String {
    format!("there is no finding {id}: billow usage quarantine list --all shows them")
}

async fn decide_all(
    app: &App,
    args: DecisionArgs,
    decision: Decision,
    out: Output,
) -> anyhow::Result<Exit> {
    let mut ids = args.ids.clone();
    if args.alike {
        let mut conn = app.db.read().await?;
        let open = load_findings(&mut conn, false).await?;
        for id in &args.ids {
            let one = open.iter().find(|one| one.id.0 == *id);
            let one = one.with_context(|| format!("there is no open finding {id}"))?;
            ids.extend(load_alike(&mut conn, one).await?.into_iter().map(|id| id.0));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    let word = match decision {
        Decision::Release => "released",
        Decision::Reject => "rejected",
    };
    let mut decided = Vec::new();
    for id in ids {
        let finding = decide(app, &FindingId(id), decision, &args.reason).await?;
        out.say(&format!("{word}: {} {}", finding.rule, finding.message));
        decided.push(finding);
    }
    if out.is_json() {
        out.show(&serde_json::json!({ "decision": word, "findings": decided }), String::new);
    }
    Ok(Exit::Done)
}

async fn load(app: &App, all: bool) -> anyhow::Result<Vec<Listed>> {
    let mut conn = app.db.read().await?;
    let findings = load_findings(&mut conn, all).await?;
    let subjects = load_subjects(&mut conn, &findings, app.clock.now_seconds()).await?;
    let mut found = Vec::with_capacity(findings.len());
    for (finding, subject) in findings.into_iter().zip(subjects) {
        let money_at_stake = money_at_stake(&mut conn, &finding).await?;
        let Subject { customer, owner, resource } = subject;
        let (number, name) = customer.map(|one| (one.number, one.name)).unzip();
        found.push(Listed {
            finding,
            money_at_stake,
            customer: number,
            customer_name: name,
            owner_name: owner,
            resource_name: resource,
        });
    }
    Ok(found)
}

fn list_text(found: &[Listed]) -> String {
    if found.is_empty() {
        return "no open findings".to_owned();
    }
    let by_id: BTreeMap<&str, &Listed> =
        found.iter().map(|one| (one.finding.id.as_str(), one)).collect();
    let findings: Vec<Finding> = found.iter().map(|one| one.finding.clone()).collect();
    let told = repeated(&findings);
    let rows = told.iter().filter_map(|group| {
        let one = by_id.get(group.first.id.as_str())?;
        Some(vec![
            group.first.id.to_string(),
            state_text(group.first.state).to_owned(),
            group.first.rule.clone(),
            one.customer_name.clone().unwrap_or_else(|| one.owner_name.clone()),
            one.resource_name.clone(),
            when::text(group.span.from),
            group.count.to_string(),
            money_text(one.money_at_stake),
            group.first.message.clone(),
        ])
    });
    let header = ["id", "state", "rule", "customer", "resource", "from", "times", "money", "what"];
    let mut text = table(&header, rows);
    if told.iter().any(|group| group.count > 1) {
        text.push_str(
            "\nwhat is told several times is decided at once with --alike, as in\n\
             billow usage quarantine release ID --alike --reason \"…\"",
        );
    }
    text
}

fn describe(one: &Listed) -> String {
    let finding = &one.finding;
    let customer = match (&one.customer, &one.customer_name) {
        (Some(number), Some(name)) => format!("{number} {name}"),
        _ => "none".to_owned(),
    };
    [
        format!("{}: {}", finding.rule, finding.message),
        format!("state    {}", state_text(finding.state)),
        format!("customer {customer}"),
        format!("owner    {} ({})", one.owner_name, finding.owner),
        format!("meter    {}", finding.meter),
        format!("resource {} ({})", one.resource_name, finding.resource),
        format!("span     {} to {}", when::text(finding.span.from), when::text(finding.span.until)),
        format!("money    {}", money_text(one.money_at_stake)),
        format!("detail   {}", finding.detail),
    ]
    .join("\n")
}

fn state_text(state: FindingState) -> &'static str {
    match state {
        FindingState::Repaired => "repaired",
        FindingState::Open => "open",
        FindingState::Released => "released",
        FindingState::Rejected => "rejected",
    }
}

fn money_text(money: Option<Money>) -> String {
    money.map_or_else(
        || "unknown".to_owned(),
        |money| format!("{} {}", money.to_decimal_text(), money.currency),
    )
}
