//! Imported usage: what the orchestrator cannot see, from files and pushed events.
//!
//! A file (or a batch of events) is taken as a whole or not at all: every wrong row is named with
//! its place, and nothing is stored until all of them are mended. A row is known by its sender's
//! source and id: sent again it adds nothing, with other content it is a finding. The bytes are
//! kept as they came.

pub mod csv;
pub mod event;
pub mod job;
pub mod owner;
pub mod row;
pub mod store;
mod unit;

use std::collections::BTreeMap;

use serde::Serialize;

pub use job::{Import, ImportFailure, ImportReport, import};
pub use row::{COLUMNS, Imported};

use crate::store::codec::to_json;

/// Rows of one file.
pub const ROWS_MAX: usize = 100_000;

/// Bytes of one file.
pub const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How the bytes of an import are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    /// CloudEvents in JSON, one or a batch.
    Events,
}

impl Format {
    /// The request of the page of evidence on which such bytes are kept.
    pub fn request(self, name: &str) -> String {
        match self {
            Self::Csv => format!("import csv {name}"),
            Self::Events => format!("import events {name}"),
        }
    }

    /// The format of a page of evidence.
    pub fn of_request(request: &str) -> Option<Self> {
        match request.split(' ').nth(1)? {
            "csv" => Some(Self::Csv),
            "events" => Some(Self::Events),
            _ => None,
        }
    }
}

/// What is wrong at one place of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{file}:{line}: {column}: {what}")]
pub struct ImportError {
    pub file: String,
    /// From 1: the line of a file, whose header is line 1; the number of an event.
    pub line: u64,
    /// The column's or the field's name.
    pub column: String,
    /// What is wrong, and how to mend it.
    pub what: String,
}

/// What was read of an import.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    pub rows: Vec<Imported>,
    /// All that is wrong; nothing may be stored while there is anything.
    pub errors: Vec<ImportError>,
}

/// Reads bytes; `name` is the file's name in errors.
pub fn parse(format: Format, bytes: &[u8], name: &str) -> Parsed {
    match format {
        Format::Csv => csv::parse(bytes, name),
        Format::Events => event::parse(bytes, name),
    }
}

/// The sender's words of one row on a page of evidence, as JSON.
pub fn row_on_page(request: &str, body: &[u8], index: usize) -> Option<String> {
    match Format::of_request(request)? {
        Format::Csv => Some(to_json(&csv::cells_of(body, index)?)),
        Format::Events => event::words_of(body, index),
    }
}

/// The rows on a page of evidence, by position.
pub fn rows_on_page(request: &str, body: &[u8]) -> BTreeMap<usize, Imported> {
    let Some(format) = Format::of_request(request) else { return BTreeMap::new() };
    parse(format, body, "").rows.into_iter().map(|one| (one.index, one)).collect()
}
