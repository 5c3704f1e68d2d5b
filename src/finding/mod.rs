//! Doubts about records and gaps: rules (PURE), states and decisions.

pub mod decision;
pub mod store;

use serde::{Deserialize, Serialize};

use crate::ids::{FindingId, OwnerRef};
use crate::period::Span;

/// The state of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// Mended by a named rule; holds nobody.
    Repaired,
    /// Holds the invoices of the customers it touches.
    Open,
    /// The record (or the proposal) counts.
    Released,
    /// The record does not count, or the gap is accepted.
    Rejected,
}

/// A doubt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    pub id: FindingId,
    /// Name of the rule: `longer_than_window`, `fragment`, `unpriced`, …
    pub rule: String,
    pub owner: OwnerRef,
    pub meter: String,
    pub resource: String,
    pub span: Span,
    /// Key of the record in doubt as JSON.
    pub record_key: Option<String>,
    pub state: FindingState,
    pub message: String,
    /// Quantities and other facts, for people and programs.
    pub detail: serde_json::Value,
    pub recorded_at: i64,
}
