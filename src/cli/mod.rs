//! The command line: one file per verb, each with its arguments and a `run`.

pub mod backup;
pub mod catalog;
pub mod config;
pub mod customers;
pub mod details;
pub mod doctor;
pub mod migrate;
pub mod output;
pub mod prices;
pub mod restore;
pub mod sellers;
pub mod serve;
pub mod verbs;
pub mod when;

pub use output::Output;

/// What a command's exit status says: 0 done, 1 something found or refused, 2 called wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    Found,
}
