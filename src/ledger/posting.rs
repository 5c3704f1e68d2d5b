//! Which accounts an issued document moves. PURE.

use serde::{Deserialize, Serialize};

use crate::bill::document::{DocumentKind, InvoiceDocument, TaxCategory};
use crate::ids::{CustomerId, EntryId, InvoiceId, SellerId};
use crate::money::Money;

/// An account of a seller's ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Account {
    /// What customers owe; kept by customer.
    Receivable,
    Revenue,
    /// VAT owed, by category and rate.
    Vat {
        category: TaxCategory,
        percent: String,
    },
}

impl Account {
    /// The stored text: `receivable`, `revenue`, `vat:S:19`.
    pub fn code(&self) -> String {
        match self {
            Self::Receivable => "receivable".to_owned(),
            Self::Revenue => "revenue".to_owned(),
            Self::Vat { category, percent } => format!("vat:{category:?}:{percent}"),
        }
    }
}

/// What an entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    Invoice,
    CreditNote,
}

/// One debit (above zero) or credit (below).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    pub account: Account,
    pub amount: Money,
}

/// One balanced set of postings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: EntryId,
    pub seller: SellerId,
    pub customer: CustomerId,
    pub kind: EntryKind,
    pub invoice: InvoiceId,
    /// The document's number.
    pub text: String,
    pub at: i64,
    pub postings: Vec<Posting>,
}

/// The entry of an issued document (billing-rules 1.19): an invoice debits the receivable and
/// credits revenue and VAT; a credit note does the opposite.
///
/// # Panics
/// When the document's totals do not add up: such a document is never issued.
pub fn for_document(document: &InvoiceDocument, id: EntryId, at: i64) -> Entry {
    let (kind, sign) = match document.kind {
        DocumentKind::Invoice => (EntryKind::Invoice, 1),
        DocumentKind::CreditNote => (EntryKind::CreditNote, -1),
    };
    let money = |minor: i64| Money { minor, currency: document.currency };
    let mut postings = vec![
        Posting { account: Account::Receivable, amount: money(sign * document.gross_minor) },
        Posting { account: Account::Revenue, amount: money(-sign * document.net_minor) },
    ];
    for tax in &document.taxes {
        if tax.tax_minor != 0 {
            let account =
                Account::Vat { category: tax.tax.category, percent: tax.tax.percent.to_string() };
            postings.push(Posting { account, amount: money(-sign * tax.tax_minor) });
        }
    }
    postings.retain(|posting| posting.amount.minor != 0);
    let sum: i64 = postings.iter().map(|posting| posting.amount.minor).sum();
    assert!(sum == 0, "the entry of {} does not balance", document.id);
    Entry {
        id,
        seller: document.seller_id.clone(),
        customer: document.customer_id.clone(),
        kind,
        invoice: document.id.clone(),
        text: document.number.clone().unwrap_or_else(String::new),
        at,
        postings,
    }
}
