//! SQL of tokens, idempotency keys, and the figures that `/metrics` shows.

use sqlx::any::AnyRow;
use sqlx::{Executor, Row};

use crate::finding::{Finding, FindingState};
use crate::ids::{FindingId, OwnerRef, SourceName};
use crate::orchestrator::Identity;
use crate::period::Span;
use crate::store::codec::{At, to_json};
use crate::store::{Conn, StoreError};

/// A token's row: by its hash alone, the token itself is kept nowhere.
pub struct TokenRow {
    pub identity: Identity,
    /// Unix seconds of the machine's clock.
    pub expires_at: i64,
}

/// Keeps a new token's hash.
pub async fn save_token(
    conn: &mut Conn,
    hash: &str,
    row: &TokenRow,
    created_at: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO session_token (token_hash, identity, created_at, expires_at) \
               VALUES ($1, $2, $3, $4)";
    let query = sqlx::query(sql)
        .bind(hash.to_owned())
        .bind(to_json(&row.identity))
        .bind(created_at)
        .bind(row.expires_at);
    conn.execute(query).await?;
    Ok(())
}

/// The token with a hash, ended or not.
pub async fn load_token(conn: &mut Conn, hash: &str) -> Result<Option<TokenRow>, StoreError> {
    let sql = "SELECT identity, expires_at FROM session_token WHERE token_hash = $1";
    let query = sqlx::query(sql).bind(hash.to_owned());
    let Some(row) = conn.fetch_optional(query).await? else { return Ok(None) };
    let text: String = row.try_get(0)?;
    let at = At { table: "session_token", id: hash, column: "identity" };
    Ok(Some(TokenRow { identity: at.json(&text)?, expires_at: row.try_get(1)? }))
}

/// Ends a token.
pub async fn delete_token(conn: &mut Conn, hash: &str) -> Result<(), StoreError> {
    let query =
        sqlx::query("DELETE FROM session_token WHERE token_hash = $1").bind(hash.to_owned());
    conn.execute(query).await?;
    Ok(())
}

/// Deletes tokens that ended at or before `now`, and idempotency keys older than `keys_before`.
pub async fn delete_ended(conn: &mut Conn, now: i64, keys_before: i64) -> Result<(), StoreError> {
    let query = sqlx::query("DELETE FROM session_token WHERE expires_at <= $1").bind(now);
    conn.execute(query).await?;
    let query = sqlx::query("DELETE FROM idempotency_key WHERE created_at < $1").bind(keys_before);
    conn.execute(query).await?;
    Ok(())
}

/// A key that a caller gave a request.
#[derive(Clone, Copy)]
pub struct KeyRow<'a> {
    pub caller: &'a str,
    pub key: &'a str,
    pub request_hash: &'a str,
    pub created_at: i64,
}

/// Takes a key; false when it was taken before. The status 0 says that its change is not made.
pub async fn take_key(conn: &mut Conn, row: KeyRow<'_>) -> Result<bool, StoreError> {
    let sql = "INSERT INTO idempotency_key \
               (caller, key, request_hash, status, response, created_at) \
               VALUES ($1, $2, $3, 0, '', $4) ON CONFLICT (caller, key) DO NOTHING";
    let query = sqlx::query(sql)
        .bind(row.caller.to_owned())
        .bind(row.key.to_owned())
        .bind(row.request_hash.to_owned())
        .bind(row.created_at);
    Ok(conn.execute(query).await?.rows_affected() == 1)
}

/// The answer kept under a key.
pub struct StoredAnswer {
    pub request_hash: String,
    pub status: i64,
    pub response: String,
}

/// What is kept under a key.
pub async fn load_key(
    conn: &mut Conn,
    caller: &str,
    key: &str,
) -> Result<Option<StoredAnswer>, StoreError> {
    let sql = "SELECT request_hash, status, response FROM idempotency_key \
               WHERE caller = $1 AND key = $2";
    let query = sqlx::query(sql).bind(caller.to_owned()).bind(key.to_owned());
    let Some(row) = conn.fetch_optional(query).await? else { return Ok(None) };
    Ok(Some(StoredAnswer {
        request_hash: row.try_get(0)?,
        status: row.try_get(1)?,
        response: row.try_get(2)?,
    }))
}

/// An answer to be kept.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    pub status: i64,
    pub body: &'a str,
}

/// Keeps the answer of a change under its key.
pub async fn finish_key(
    conn: &mut Conn,
    caller: &str,
    key: &str,
    answer: Answer<'_>,
) -> Result<(), StoreError> {
    let sql = "UPDATE idempotency_key SET status = $3, response = $4 \
               WHERE caller = $1 AND key = $2";
    let query = sqlx::query(sql)
        .bind(caller.to_owned())
        .bind(key.to_owned())
        .bind(answer.status)
        .bind(answer.body.to_owned());
    conn.execute(query).await?;
    Ok(())
}

/// Which findings, newest first.
#[derive(Clone, Debug, Default)]
pub struct FindingFilter {
    pub state: Option<FindingState>,
    pub id: Option<FindingId>,
    /// Key of the last row before: `(recorded_at, id)`.
    pub after: Option<(i64, String)>,
    pub limit: u32,
}

/// Findings of all owners: cut by the caller's scope before they are shown.
pub async fn load_findings(
    conn: &mut Conn,
    filter: &FindingFilter,
) -> Result<Vec<Finding>, StoreError> {
    let sql = "SELECT id, rule, source, owner, meter, resource, span_from, span_until, record_key, \
               message, detail, recorded_at, state FROM (\
               SELECT f.id, f.rule, f.source, f.owner, f.meter, f.resource, \
               f.span_from, f.span_until, f.record_key, f.message, f.detail, f.recorded_at, \
               CASE COALESCE((SELECT d.decision \
               FROM finding_decision d WHERE d.finding_id = f.id \
               ORDER BY d.recorded_at DESC, d.id DESC LIMIT 1), '') WHEN 'release' THEN 'release' \
               WHEN 'reject' THEN 'reject' ELSE CASE WHEN f.repaired = 1 THEN 'repaired' \
               ELSE 'reopen' END END AS state \
               FROM finding f WHERE ($1 = '' OR f.id = $1) AND (f.recorded_at < $2 OR \
               (f.recorded_at = $2 AND f.id < $3))) found WHERE $4 = '' OR state = $4 \
               ORDER BY recorded_at DESC, id DESC LIMIT $5";
    let (at, after) = filter.after.clone().unwrap_or((i64::MAX, String::new()));
    let state = filter.state.map_or("", decision_text);
    let query = sqlx::query(sql)
        .bind(filter.id.as_ref().map_or(String::new(), |id| id.0.clone()))
        .bind(at)
        .bind(after)
        .bind(state)
        .bind(i64::from(filter.limit));
    conn.fetch_all(query).await?.iter().map(finding_of).collect()
}

/// The decision that leads to a state.
fn decision_text(state: FindingState) -> &'static str {
    match state {
        FindingState::Repaired => "repaired",
        FindingState::Open => "reopen",
        FindingState::Released => "release",
        FindingState::Rejected => "reject",
    }
}

fn finding_of(row: &AnyRow) -> Result<Finding, StoreError> {
    let id: String = row.try_get("id")?;
    let at = |column| At { table: "finding", id: &id, column };
    let (state, detail): (String, String) = (row.try_get("state")?, row.try_get("detail")?);
    let state = match state.as_str() {
        "repaired" => FindingState::Repaired,
        "reopen" => FindingState::Open,
        "release" => FindingState::Released,
        "reject" => FindingState::Rejected,
        other => return Err(at("decision").corrupt(other)),
    };
    Ok(Finding {
        rule: row.try_get("rule")?,
        owner: OwnerRef { source: SourceName(row.try_get("source")?), id: row.try_get("owner")? },
        meter: row.try_get("meter")?,
        resource: row.try_get("resource")?,
        span: Span::new(row.try_get("span_from")?, row.try_get("span_until")?),
        record_key: row.try_get("record_key")?,
        state,
        message: row.try_get("message")?,
        detail: at("detail").json(&detail)?,
        recorded_at: row.try_get("recorded_at")?,
        id: FindingId(id.clone()),
    })
}

/// How one source stands.
pub struct SourceFigures {
    pub source: String,
    pub collected_until: i64,
    pub orchestrator_until: i64,
    pub last_success_at: i64,
}

/// Figures about the whole installation.
pub struct Figures {
    pub sources: Vec<SourceFigures>,
    /// Sources that are looked at or tell events.
    pub observed: Vec<ObservedFigures>,
    /// Open findings by rule.
    pub open_findings: Vec<(String, i64)>,
    /// Drafts by state.
    pub drafts: Vec<(String, i64)>,
    pub issued_documents: i64,
}

/// How current what a source shows and tells is; instants in unix seconds, 0 where there was none.
pub struct ObservedFigures {
    pub source: String,
    pub last_round_at: i64,
    /// When the last event came, and when it had happened.
    pub last_event_at: i64,
    pub last_event_of: i64,
    pub events: i64,
    pub events_malformed: i64,
}

/// Counts what `/metrics` shows. Only counts: nothing of any customer.
pub async fn load_figures(conn: &mut Conn) -> Result<Figures, StoreError> {
    let sql = "SELECT source, collected_until, orchestrator_until, last_success_at \
               FROM source_state ORDER BY source";
    let mut sources = Vec::new();
    for row in conn.fetch_all(sql).await? {
        sources.push(SourceFigures {
            source: row.try_get(0)?,
            collected_until: row.try_get(1)?,
            orchestrator_until: row.try_get(2)?,
            last_success_at: row.try_get(3)?,
        });
    }
    let observed = load_observed(conn).await?;
    let sql = "SELECT f.rule, COUNT(*) FROM finding f WHERE f.repaired = 0 AND \
               COALESCE((SELECT d.decision FROM finding_decision d WHERE d.finding_id = f.id \
                         ORDER BY d.recorded_at DESC, d.id DESC LIMIT 1), 'reopen') = 'reopen' \
               GROUP BY f.rule ORDER BY f.rule";
    let open_findings = counts(conn, sql).await?;
    let drafts =
        counts(conn, "SELECT state, COUNT(*) FROM draft GROUP BY state ORDER BY state").await?;
    let issued = conn.fetch_one("SELECT COUNT(*) FROM invoice").await?.try_get(0)?;
    Ok(Figures { sources, observed, open_findings, drafts, issued_documents: issued })
}

async fn load_observed(conn: &mut Conn) -> Result<Vec<ObservedFigures>, StoreError> {
    let sql = "SELECT source, last_round_at, last_event_at, last_event_micros, events, \
               events_malformed FROM observation_state ORDER BY source";
    let mut observed = Vec::new();
    for row in conn.fetch_all(sql).await? {
        observed.push(ObservedFigures {
            source: row.try_get(0)?,
            last_round_at: row.try_get(1)?,
            last_event_at: row.try_get(2)?,
            last_event_of: row.try_get::<i64, _>(3)?.div_euclid(1_000_000),
            events: row.try_get(4)?,
            events_malformed: row.try_get(5)?,
        });
    }
    Ok(observed)
}

async fn counts(conn: &mut Conn, sql: &'static str) -> Result<Vec<(String, i64)>, StoreError> {
    let mut counts = Vec::new();
    for row in conn.fetch_all(sql).await? {
        counts.push((row.try_get(0)?, row.try_get(1)?));
    }
    Ok(counts)
}
