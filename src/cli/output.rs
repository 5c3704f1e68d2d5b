//! How commands speak: tables for people, one complete JSON value with `--json`.

use std::io::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

/// Where a command's answer goes.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// JSON, or text for people.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints `value` as JSON, or `table` for people.
    pub fn show<T: Serialize>(self, value: &T, table: impl FnOnce() -> String) {
        if self.json {
            match serde_json::to_string_pretty(value) {
                Ok(text) => print(&text),
                Err(error) => panic!("a printed type must have JSON: {error}"),
            }
        } else {
            print(&table());
        }
    }

    /// A line for people only; silent with `--json`.
    pub fn say(self, line: &str) {
        if !self.json {
            print(line);
        }
    }
}

/// Prints a text and a line end. A reader that has gone, as `head` does, ends the program without
/// noise; what a command changes is stored before it prints.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        eprintln!("billow: standard output: {error}");
        std::process::exit(2);
    }
}

/// Heads of columns that hold numbers, and stand at the right.
const NUMBERS: [&str; 21] = [
    "#",
    "amount",
    "balance",
    "customers",
    "duplicates",
    "findings",
    "gross",
    "lag",
    "lines",
    "money",
    "net",
    "new records",
    "pages",
    "per",
    "price",
    "quantity",
    "quarantined",
    "records",
    "resources",
    "rows",
    "VAT",
];

/// A table with a header; numbers are passed as text and stand at the right.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for (index, name) in header.iter().enumerate() {
        if let Some(column) = table.column_mut(index).filter(|_| NUMBERS.contains(name)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}
