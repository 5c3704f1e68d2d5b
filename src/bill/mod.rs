//! Invoices and credit notes: drafts, issue, corrections, numbering, verification.
//!
//! Invariants: what is issued never changes; no issued total is below zero; numbers of a series and
//! year have no gaps; the parts of a line, and every breakdown, sum to the net.

mod behind;
mod bounds;
pub mod change;
pub mod credit;
pub mod days;
pub mod document;
pub mod draft;
pub mod explain;
pub mod facts;
pub mod file;
pub mod issue;
pub mod month;
mod parts;
pub mod run;
pub mod stake;
pub mod statement;
pub mod store;
pub mod tax;
pub mod texts;
mod unbilled;
mod used;
pub mod verify;

pub use parts::record_hash;

/// Version of the rules by which amounts are made; a document names the one that made it.
pub const ENGINE: &str = "1";

/// Version of the frozen document's format.
pub const FORMAT: u32 = 1;
