//! SQL of findings and decisions.

use sqlx::{Executor, Row};

use super::{Finding, FindingState};
use crate::ids::{FindingId, OwnerRef, SourceName};
use crate::period::Span;
use crate::store::codec::At;
use crate::store::{Conn, StoreError};

/// A finding to be added unless its fingerprint is known.
#[derive(Clone, Debug, PartialEq)]
pub struct NewFinding {
    pub rule: &'static str,
    pub owner: OwnerRef,
    pub meter: String,
    pub resource: String,
    pub span: Span,
    /// JSON of the doubted record's key.
    pub record_key: Option<String>,
    pub withholds: bool,
    pub repaired: bool,
    /// JSON of the record that `release` adds as a new revision.
    pub proposal: Option<String>,
    pub message: String,
    pub detail: serde_json::Value,
    /// Same doubt, same text: seen again it adds nothing.
    pub fingerprint: String,
}

/// Adds findings that are not known yet; gives how many were new.
pub async fn save_findings(
    conn: &mut Conn,
    findings: Vec<NewFinding>,
    ids: &crate::ids::IdMaker<'_>,
    recorded_at: i64,
) -> Result<u64, StoreError> {
    let sql = "INSERT INTO finding (id, rule, source, owner, meter, resource, span_from, \
               span_until, fingerprint, record_key, withholds, repaired, proposal, message, \
               detail, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, \
               $13, $14, $15, $16) ON CONFLICT (fingerprint) DO NOTHING";
    let mut added = 0;
    for finding in findings {
        let query = sqlx::query(sql)
            .bind(ids.fresh())
            .bind(finding.rule)
            .bind(finding.owner.source.0)
            .bind(finding.owner.id)
            .bind(finding.meter)
            .bind(finding.resource)
            .bind(finding.span.from)
            .bind(finding.span.until)
            .bind(finding.fingerprint)
            .bind(finding.record_key)
            .bind(i64::from(finding.withholds))
            .bind(i64::from(finding.repaired))
            .bind(finding.proposal)
            .bind(finding.message)
            .bind(finding.detail.to_string())
            .bind(recorded_at);
        added += conn.execute(query).await?.rows_affected();
    }
    Ok(added)
}

/// Open findings that touch an owner inside `span`, as known at `known_at`.
pub async fn load_open_findings(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: Span,
    known_at: i64,
) -> Result<Vec<Finding>, StoreError> {
    let mut findings = load_owner_findings(conn, owner, span, known_at).await?;
    findings.retain(|finding| finding.state == FindingState::Open);
    Ok(findings)
}

/// All findings that touch an owner inside `span`, with their state as known at `known_at`,
/// ascending by span start.
pub async fn load_owner_findings(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: Span,
    known_at: i64,
) -> Result<Vec<Finding>, StoreError> {
    let sql = "SELECT f.id, f.rule, f.source, f.owner, f.meter, f.resource, f.span_from, \
               f.span_until, f.record_key, f.repaired, f.message, f.detail, f.recorded_at, \
               COALESCE((SELECT d.decision FROM finding_decision d \
                 WHERE d.finding_id = f.id AND d.recorded_at <= $1 \
                 ORDER BY d.recorded_at DESC, d.id DESC LIMIT 1), '') FROM finding f \
               WHERE f.source = $2 AND f.owner = $3 AND f.span_from < $4 \
                 AND (f.span_until > $5 OR f.span_until = f.span_from) \
                 AND f.recorded_at <= $6 ORDER BY f.span_from, f.id";
    let query = sqlx::query(sql)
        .bind(known_at)
        .bind(owner.source.0.clone())
        .bind(owner.id.clone())
        .bind(span.until)
        .bind(span.from)
        .bind(known_at);
    conn.fetch_all(query).await?.iter().map(finding_row).collect()
}

fn finding_row(row: &sqlx::any::AnyRow) -> Result<Finding, StoreError> {
    let id: String = row.try_get(0)?;
    let repaired: i64 = row.try_get(9)?;
    let detail: String = row.try_get(11)?;
    let decision: String = row.try_get(13)?;
    let at = |column| At { table: "finding", id: &id, column };
    Ok(Finding {
        rule: row.try_get(1)?,
        owner: OwnerRef { source: SourceName(row.try_get(2)?), id: row.try_get(3)? },
        meter: row.try_get(4)?,
        resource: row.try_get(5)?,
        span: Span::new(row.try_get(6)?, row.try_get(7)?),
        record_key: row.try_get(8)?,
        state: state_of(repaired == 1, &decision)
            .ok_or_else(|| at("decision").corrupt(&decision))?,
        message: row.try_get(10)?,
        detail: at("detail").json(&detail)?,
        recorded_at: row.try_get(12)?,
        id: FindingId(id.clone()),
    })
}

fn state_of(repaired: bool, decision: &str) -> Option<FindingState> {
    match decision {
        "release" => Some(FindingState::Released),
        "reject" => Some(FindingState::Rejected),
        "reopen" | "" if repaired => Some(FindingState::Repaired),
        "reopen" | "" => Some(FindingState::Open),
        _ => None,
    }
}

/// All findings, newest first; open ones only unless `all`.
pub async fn load_findings(conn: &mut Conn, all: bool) -> Result<Vec<Finding>, StoreError> {
    let sql = "SELECT f.id, f.rule, f.source, f.owner, f.meter, f.resource, f.span_from, \
               f.span_until, f.record_key, f.repaired, f.message, f.detail, f.recorded_at, \
               COALESCE((SELECT d.decision FROM finding_decision d WHERE d.finding_id = f.id \
                 ORDER BY d.recorded_at DESC, d.id DESC LIMIT 1), '') FROM finding f \
               ORDER BY f.span_from DESC, f.id";
    let rows = conn.fetch_all(sql).await?;
    let mut findings = rows.iter().map(finding_row).collect::<Result<Vec<_>, _>>()?;
    findings.retain(|finding| all || finding.state == FindingState::Open);
    Ok(findings)
}

/// The open findings of one rule about one resource, as each day of a gap, by time; those that
/// say the same as `finding`, itself among them.
pub async fn load_alike(conn: &mut Conn, finding: &Finding) -> Result<Vec<FindingId>, StoreError> {
    let sql = "SELECT f.id FROM finding f WHERE f.rule = $1 AND f.source = $2 AND f.owner = $3 \
               AND f.meter = $4 AND f.resource = $5 AND f.repaired = 0 AND \
               COALESCE((SELECT d.decision FROM finding_decision d WHERE d.finding_id = f.id \
                 ORDER BY d.recorded_at DESC, d.id DESC LIMIT 1), 'reopen') = 'reopen' \
               ORDER BY f.span_from, f.id";
    let query = sqlx::query(sql)
        .bind(finding.rule.clone())
        .bind(finding.owner.source.0.clone())
        .bind(finding.owner.id.clone())
        .bind(finding.meter.clone())
        .bind(finding.resource.clone());
    let rows = conn.fetch_all(query).await?;
    rows.iter().map(|row| Ok(FindingId(row.try_get(0)?))).collect()
}

/// What was said of a finding, when and by whom.
pub struct PastDecision {
    /// `release`, `reject` or `reopen`.
    pub decision: String,
    pub actor: String,
    pub reason: String,
    pub recorded_at: i64,
}

/// The decisions about a finding, latest first.
pub async fn load_decisions(
    conn: &mut Conn,
    id: &FindingId,
) -> Result<Vec<PastDecision>, StoreError> {
    let sql = "SELECT decision, actor, reason, recorded_at FROM finding_decision \
               WHERE finding_id = $1 ORDER BY recorded_at DESC, id DESC";
    let rows = conn.fetch_all(sqlx::query(sql).bind(id.0.clone())).await?;
    let decision = |row: &sqlx::any::AnyRow| {
        Ok(PastDecision {
            decision: row.try_get(0)?,
            actor: row.try_get(1)?,
            reason: row.try_get(2)?,
            recorded_at: row.try_get(3)?,
        })
    };
    rows.iter().map(decision).collect()
}

/// Locks a finding for a decision; gives it with its proposal.
pub async fn lock_finding(
    conn: &mut Conn,
    id: &FindingId,
) -> Result<Option<(Finding, Option<String>)>, StoreError> {
    let sql = "UPDATE finding SET rule = rule WHERE id = $1 RETURNING id, rule, source, owner, \
               meter, resource, span_from, span_until, record_key, repaired, message, detail, \
               recorded_at, '', proposal";
    let Some(row) = conn.fetch_optional(sqlx::query(sql).bind(id.0.clone())).await? else {
        return Ok(None);
    };
    let mut finding = finding_row(&row)?;
    let proposal: Option<String> = row.try_get(14)?;
    let sql = "SELECT decision FROM finding_decision WHERE finding_id = $1 \
               ORDER BY recorded_at DESC, id DESC LIMIT 1";
    if let Some(row) = conn.fetch_optional(sqlx::query(sql).bind(id.0.clone())).await? {
        let decision: String = row.try_get(0)?;
        let repaired = finding.state == FindingState::Repaired;
        let at = At { table: "finding_decision", id: id.as_str(), column: "decision" };
        finding.state = state_of(repaired, &decision).ok_or_else(|| at.corrupt(&decision))?;
    }
    Ok(Some((finding, proposal)))
}

/// A decision to be added.
pub struct NewDecision<'a> {
    pub id: String,
    pub finding: &'a FindingId,
    /// `release`, `reject` or `reopen`.
    pub decision: &'static str,
    pub actor: &'a str,
    pub reason: &'a str,
    pub recorded_at: i64,
}

/// Adds a decision.
pub async fn save_decision(conn: &mut Conn, new: NewDecision<'_>) -> Result<(), StoreError> {
    let sql = "INSERT INTO finding_decision (id, finding_id, decision, actor, reason, \
               recorded_at) VALUES ($1, $2, $3, $4, $5, $6)";
    let query = sqlx::query(sql)
        .bind(new.id)
        .bind(new.finding.0.clone())
        .bind(new.decision)
        .bind(new.actor.to_owned())
        .bind(new.reason.to_owned())
        .bind(new.recorded_at);
    conn.execute(query).await?;
    Ok(())
}
