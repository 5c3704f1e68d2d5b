//! How commands speak: tables for people, one complete JSON value with `--json`.

use comfy_table::{ContentArrangement, Table, presets};
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
                Ok(text) => println!("{text}"),
                Err(error) => panic!("a printed type must have JSON: {error}"),
            }
        } else {
            println!("{}", table());
        }
    }

    /// A line for people only; silent with `--json`.
    pub fn say(self, line: &str) {
        if !self.json {
            println!("{line}");
        }
    }
}

/// A table with a header; numbers are passed as text.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}
