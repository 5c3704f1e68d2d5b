//! SQL of drafts, issued documents, charges, series and the hash chain.

use super::document::{ChargePart, Contact, InvoiceDocument};
use crate::ids::{InvoiceId, SellerId};
use crate::scope::Scope;
use crate::store::{Conn, StoreError};

/// An issued document as lists show it.
#[derive(Clone, Debug)]
pub struct InvoiceRow {
    pub seller_id: SellerId,
    pub id: InvoiceId,
    pub kind: super::document::DocumentKind,
    pub number: String,
    pub customer_id: crate::ids::CustomerId,
    pub customer_name: String,
    pub period: String,
    pub issue_date: String,
    pub due_date: Option<String>,
    pub issued_at: i64,
    pub currency: crate::money::Currency,
    pub net_minor: i64,
    pub tax_minor: i64,
    pub gross_minor: i64,
}

/// What a list of issued documents is cut by.
#[derive(Clone, Debug, Default)]
pub struct InvoiceFilter {
    pub customer: Option<crate::ids::CustomerId>,
    pub seller: Option<SellerId>,
    pub period: Option<String>,
    /// Key of the last row of the page before: `(issued_at, id)`; newest first.
    pub after: Option<(i64, String)>,
    pub limit: u32,
}

/// Issued documents within a scope, newest first.
pub async fn load_invoices(
    conn: &mut Conn,
    scope: &Scope,
    filter: &InvoiceFilter,
) -> Result<Vec<InvoiceRow>, StoreError> {
    let _ = (conn, scope, filter);
    todo!()
}

/// An issued document by id or number, if the scope sees it.
pub async fn load_invoice(
    conn: &mut Conn,
    scope: &Scope,
    id_or_number: &str,
) -> Result<Option<(InvoiceDocument, Option<Contact>)>, StoreError> {
    let _ = (conn, scope, id_or_number);
    todo!()
}

/// The parts of a document's lines; ask for the document first, which checks the scope.
pub async fn load_parts(
    conn: &mut Conn,
    seller: &SellerId,
    id: &InvoiceId,
) -> Result<Vec<ChargePart>, StoreError> {
    let _ = (conn, seller, id);
    todo!()
}
