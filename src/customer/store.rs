//! SQL of sellers, customers, agreements, owners and their mapping.

use std::collections::BTreeMap;

use super::{Agreement, Customer, OwnerMapping, Seller};
use crate::ids::{CustomerId, OwnerRef, SellerId, SourceName};
use crate::orchestrator::OwnerInfo;
use crate::period::Span;
use crate::store::{Conn, StoreError};

/// Which moment is asked for, and what was known when.
#[derive(Clone, Copy, Debug)]
pub struct AsOf {
    /// The instant at which the fact holds.
    pub at: i64,
    /// Rows recorded after this do not count.
    pub known_at: i64,
}

/// The owners of one source with their history.
#[derive(Debug, Default)]
pub struct OwnerHistory {
    /// For each owner id, its states ascending by the instant from which they hold.
    pub owners: BTreeMap<String, Vec<(i64, OwnerInfo)>>,
}

impl OwnerHistory {
    /// The owner as it was at an instant; its earliest state where it was first seen later.
    pub fn at(&self, id: &str, at: i64) -> Option<&OwnerInfo> {
        let states = self.owners.get(id)?;
        let index = states.partition_point(|(from, _)| *from <= at);
        states.get(index.saturating_sub(1)).map(|(_, owner)| owner)
    }
}

/// All sellers with the details that hold.
pub async fn load_sellers(conn: &mut Conn, as_of: AsOf) -> Result<Vec<Seller>, StoreError> {
    let _ = (conn, as_of);
    todo!()
}

/// One seller with the details that hold.
pub async fn load_seller(
    conn: &mut Conn,
    id: &SellerId,
    as_of: AsOf,
) -> Result<Option<Seller>, StoreError> {
    let _ = (conn, id, as_of);
    todo!()
}

/// One customer with the details that hold.
pub async fn load_customer(
    conn: &mut Conn,
    id: &CustomerId,
    as_of: AsOf,
) -> Result<Option<Customer>, StoreError> {
    let _ = (conn, id, as_of);
    todo!()
}

/// All customers (internal ones too), ascending by number.
pub async fn load_customers(conn: &mut Conn, as_of: AsOf) -> Result<Vec<Customer>, StoreError> {
    let _ = (conn, as_of);
    todo!()
}

/// Instants inside `span` at which the customer's or seller's dated details change.
pub async fn load_changes(
    conn: &mut Conn,
    seller: &SellerId,
    customer: &CustomerId,
    span: Span,
) -> Result<Vec<i64>, StoreError> {
    let _ = (conn, seller, customer, span);
    todo!()
}

/// Agreements of a seller that hold at some time in `span`, ascending by customer number.
pub async fn load_agreements(
    conn: &mut Conn,
    seller: &SellerId,
    span: Span,
    known_at: i64,
) -> Result<Vec<Agreement>, StoreError> {
    let _ = (conn, seller, span, known_at);
    todo!()
}

/// Agreements of a customer, all times.
pub async fn load_customer_agreements(
    conn: &mut Conn,
    customer: &CustomerId,
    known_at: i64,
) -> Result<Vec<Agreement>, StoreError> {
    let _ = (conn, customer, known_at);
    todo!()
}

/// The owners of a customer inside `span`, resolved so that spans of one owner do not overlap.
pub async fn load_mappings(
    conn: &mut Conn,
    customer: &CustomerId,
    span: Span,
    known_at: i64,
) -> Result<Vec<OwnerMapping>, StoreError> {
    let _ = (conn, customer, span, known_at);
    todo!()
}

/// Whose an owner was at an instant.
pub async fn load_customer_of_owner(
    conn: &mut Conn,
    owner: &OwnerRef,
    as_of: AsOf,
) -> Result<Option<CustomerId>, StoreError> {
    let _ = (conn, owner, as_of);
    todo!()
}

/// All owners of a source with their history.
pub async fn load_owner_history(
    conn: &mut Conn,
    source: &SourceName,
    known_at: i64,
) -> Result<OwnerHistory, StoreError> {
    let _ = (conn, source, known_at);
    todo!()
}
