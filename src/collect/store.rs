//! SQL of usage records, attribute sets and evidence.

use std::collections::BTreeMap;

use super::record::{Attributes, StoredRecord};
use crate::ids::OwnerRef;
use crate::period::Span;
use crate::store::{Conn, StoreError};

/// Billable records of an owner that touch `span`, as known at `known_at`: for each key the
/// newest revision; records withheld by a finding that is not released are left out. Ascending
/// by span start, meter, resource, identity.
pub async fn load_records(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: Span,
    known_at: i64,
) -> Result<Vec<StoredRecord>, StoreError> {
    let _ = (conn, owner, span, known_at);
    todo!()
}

/// Attribute sets by id.
pub async fn load_attribute_sets(
    conn: &mut Conn,
    ids: &[i64],
) -> Result<BTreeMap<i64, Attributes>, StoreError> {
    let _ = (conn, ids);
    todo!()
}

/// A page of evidence as it came, with the request that brought it.
#[derive(Clone, Debug)]
pub struct EvidencePage {
    pub id: i64,
    pub source: String,
    pub request: String,
    pub window: Span,
    pub page: i64,
    pub fetched_at: i64,
    pub body_hash: String,
    /// Uncompressed; its SHA-256 is checked against `body_hash` when read.
    pub body: Vec<u8>,
}

/// A page of evidence; `Corrupt` when its body does not have its hash.
pub async fn load_evidence(conn: &mut Conn, id: i64) -> Result<Option<EvidencePage>, StoreError> {
    let _ = (conn, id);
    todo!()
}

/// How far every source is collected: `(source, collected_until, orchestrator_until)`.
pub async fn load_watermarks(conn: &mut Conn) -> Result<Vec<(String, i64, i64)>, StoreError> {
    let _ = conn;
    todo!()
}
