//! SQL of findings and decisions.

use super::Finding;
use crate::ids::OwnerRef;
use crate::period::Span;
use crate::store::{Conn, StoreError};

/// A finding to be added unless its fingerprint is known.
#[derive(Clone, Debug)]
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
    let _ = (conn, findings, ids, recorded_at);
    todo!()
}

/// Open findings that touch an owner inside `span`, as known at `known_at`.
pub async fn load_open_findings(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: Span,
    known_at: i64,
) -> Result<Vec<Finding>, StoreError> {
    let _ = (conn, owner, span, known_at);
    todo!()
}
