//! A customer's month, rated now and stored nowhere: month to date, previews, drafts and
//! `billow rate` are all this function.

use crate::bill::document::{ChargePart, InvoiceDocument};
use crate::customer::{Agreement, Customer, Seller};
use crate::finding::Finding;
use crate::period::Period;
use crate::rate::Decision;
use crate::store::{Conn, StoreError};

/// Whose month, and with whose knowledge.
pub struct MonthRequest<'a> {
    pub agreement: &'a Agreement,
    pub period: Period,
    /// Usage, prices and decisions recorded after this do not count.
    pub known_at: i64,
}

/// A customer's month.
#[derive(Debug)]
pub struct Month {
    pub seller: Seller,
    pub customer: Customer,
    /// A draft with lines, taxes, totals and breakdowns; no number, no dates of issue.
    pub document: InvoiceDocument,
    pub parts: Vec<ChargePart>,
    /// Open findings that hold it, unpriced usage among them.
    pub holds: Vec<Finding>,
    /// For `--explain`.
    pub decisions: Vec<Decision>,
    /// The versions of the price book, in the order that `decisions` count them.
    pub versions: Vec<crate::catalog::price::BookVersion>,
    /// Usage is complete up to this instant (the least of the sources' watermarks).
    pub complete_until: i64,
}

/// Rates a month.
pub async fn load_month(conn: &mut Conn, request: MonthRequest<'_>) -> Result<Month, StoreError> {
    let _ = (conn, request);
    todo!()
}
