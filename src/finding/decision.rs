//! Deciding a finding: the decision, what it adds, and the audit log, in one transaction.

use anyhow::Context;

use super::store::{NewDecision, lock_finding, save_decision};
use super::{Finding, FindingState};
use crate::app::App;
use crate::audit;
use crate::collect::decide::Proposal;
use crate::collect::import::job::replace;
use crate::collect::store::{load_newest_revision, save_records};
use crate::customer::store::{AsOf, load_customer_of_owner};
use crate::ids::{FindingId, IdMaker};
use crate::store::Conn;
use crate::store::codec::At;
use crate::store::knowledge::recording_at;

/// What a person says of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The withheld record counts, the proposed quantity is taken, or the gap is accepted.
    Release,
    /// The record does not count; the proposal is not taken.
    Reject,
}

/// Decides an open finding, with a reason, audited as `app.actor`.
pub async fn decide(
    app: &App,
    id: &FindingId,
    decision: Decision,
    reason: &str,
) -> anyhow::Result<Finding> {
    let mut tx = app.db.begin().await?;
    let finding = decide_in(app, &mut tx, id, decision, reason).await?;
    tx.commit().await?;
    Ok(finding)
}

/// The same in the caller's transaction; gives the finding as it was.
pub async fn decide_in(
    app: &App,
    tx: &mut Conn,
    id: &FindingId,
    decision: Decision,
    reason: &str,
) -> anyhow::Result<Finding> {
    anyhow::ensure!(!reason.trim().is_empty(), "a decision needs a reason");
    let now = recording_at(tx, app.db.engine(), app.clock.as_ref()).await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let found = lock_finding(tx, id).await?;
    let (finding, proposal) = found.with_context(|| format!("there is no finding {id}"))?;
    anyhow::ensure!(
        finding.state == FindingState::Open,
        "finding {id} is {:?} already",
        finding.state
    );
    let word = match decision {
        Decision::Release => "release",
        Decision::Reject => "reject",
    };
    let new = NewDecision {
        id: ids.fresh(),
        finding: id,
        decision: word,
        actor: &app.actor.0,
        reason,
        recorded_at: now,
    };
    save_decision(tx, new).await?;
    if let (Decision::Release, Some(text)) = (decision, &proposal) {
        let at = At { table: "finding", id: id.as_str(), column: "proposal" };
        let mut proposal: Proposal = at.json(text)?;
        let replacement = proposal.replacement.take();
        let mut record = proposal.into_record(now);
        // Another finding about the same record may have been released before this one.
        let newest = load_newest_revision(tx, &record.key).await?;
        record.key.revision = newest.map_or(0, |newest| newest + 1);
        if let Some(replacement) = replacement {
            let taken = replace(tx, app.db.engine(), &replacement, &record).await?;
            anyhow::ensure!(
                taken,
                "finding {id}: another content of the row was released after it was found; import \
                 the row again and decide the new finding"
            );
        }
        let saved = save_records(tx, app.db.engine(), &[record]).await?;
        anyhow::ensure!(saved == 1, "finding {id}: its record changed meanwhile; decide again");
    }
    let as_of = AsOf { at: finding.span.from, known_at: now };
    let customer = load_customer_of_owner(tx, &finding.owner, as_of).await?;
    let entry = audit::Entry {
        id: ids.fresh(),
        at: now,
        actor: &app.actor,
        action: match decision {
            Decision::Release => "finding.released",
            Decision::Reject => "finding.rejected",
        },
        subject: id.as_str(),
        customer: customer.as_ref(),
        reason: Some(reason),
        detail: serde_json::json!({ "rule": finding.rule, "resource": finding.resource }),
    };
    audit::record(tx, entry).await?;
    Ok(finding)
}
