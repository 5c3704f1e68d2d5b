//! The JSON API under `/api/v1`, one file for each resource: request, response, handler.

pub mod catalog;
pub mod credit_notes;
pub mod customers;
pub mod drafts;
pub mod events;
pub mod explain;
pub mod findings;
pub mod health;
pub mod imports;
pub mod invoices;
pub mod json;
pub mod month;
pub mod price_books;
pub mod reconciliation;
pub mod sellers;
pub mod session;
pub mod statement;
pub mod usage;
