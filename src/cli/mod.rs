//! The command line: one file per verb, each with its arguments and a `run`.

pub mod backup;
pub mod config;
pub mod doctor;
pub mod migrate;
pub mod output;
pub mod restore;
pub mod verbs;

pub use output::Output;

/// What a command's exit status says: 0 done, 1 something found or refused, 2 called wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    Found,
}
