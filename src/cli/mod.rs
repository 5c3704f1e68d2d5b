//! The command line: one file per verb, each with its arguments and a `run`.

pub mod backup;
pub mod bill;
pub mod catalog;
pub mod collect;
pub mod config;
pub mod credit_notes;
pub mod customers;
pub mod demo;
pub mod details;
pub mod doctor;
pub mod invoices;
pub mod migrate;
pub mod output;
pub mod prices;
pub mod quarantine;
pub mod rate;
pub mod reconcile;
pub mod restore;
pub mod sellers;
pub mod serve;
pub mod statement;
pub mod unpriced;
pub mod usage;
pub mod verbs;
pub mod verify;
pub mod when;

pub use output::Output;

/// What a command's exit status says: 0 done, 1 something found or refused, 2 called wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    Found,
}
