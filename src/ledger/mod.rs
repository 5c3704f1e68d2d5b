//! The double-entry ledger: append-only, balanced after every step, written in its caller's
//! transaction.
//!
//! Invariants: the postings of an entry sum to zero in its currency; nothing is ever changed.

pub mod posting;
pub mod store;

pub use posting::{Account, Entry, EntryKind, Posting};
