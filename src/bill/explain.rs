//! From an invoice line down to the orchestrator's own words.

use serde::Serialize;

use crate::bill::document::{ChargePart, Line};
use crate::collect::record::RecordKey;
use crate::scope::Scope;
use crate::store::{Conn, StoreError};

/// A usage record behind a part, with its evidence.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedRecord {
    pub key: RecordKey,
    pub until: i64,
    pub quantity: String,
    pub attributes: crate::collect::record::Attributes,
    /// The orchestrator's own JSON of this record; never a page of many tenants.
    pub raw: Option<serde_json::Value>,
    pub request: Option<String>,
    pub fetched_at: Option<i64>,
    pub body_hash: Option<String>,
}

/// A line with all that made it.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedLine {
    pub invoice_number: String,
    pub line: Line,
    /// The price as it stood in the book's version, as JSON.
    pub price: Option<serde_json::Value>,
    /// `quantity × price ÷ base = exact → rounded`.
    pub arithmetic: String,
    pub parts: Vec<ChargePart>,
    /// Records of the parts, at most `limit`.
    pub records: Vec<ExplainedRecord>,
    /// How many records there are in all.
    pub record_count: u64,
}

/// Explains a line of an issued document; `None` when the scope does not see it.
/// `resource` narrows the records to one resource's.
pub async fn load_explanation(
    conn: &mut Conn,
    orchestrators: &[std::sync::Arc<dyn crate::orchestrator::Orchestrator>],
    scope: &Scope,
    request: ExplainRequest<'_>,
) -> Result<Option<ExplainedLine>, StoreError> {
    let _ = (conn, orchestrators, scope, request);
    todo!()
}

/// Which line, and how much of what is behind it.
pub struct ExplainRequest<'a> {
    pub invoice: &'a str,
    pub line: u32,
    pub resource: Option<&'a str>,
    pub limit: usize,
}
