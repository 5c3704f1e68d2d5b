//! The double-entry ledger: append-only, balanced after every step, written in its caller's
//! transaction.
