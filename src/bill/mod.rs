//! Invoices and credit notes: drafts, issue, corrections, numbering, verification.

pub mod document;
pub mod explain;
pub mod file;
pub mod month;
pub mod store;
