//! CSV files of imported usage: a header, then a row a line. PURE.

use std::collections::BTreeMap;

use super::row::{COLUMNS, ImportRow, OPTIONAL, check};
use super::{ImportError, Parsed, ROWS_MAX};

/// Written before the header by some spreadsheets.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A reader that takes commas, or semicolons where the header has them.
fn reader(bytes: &[u8]) -> csv::Reader<&[u8]> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let header = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
    let delimiter = if header.contains(&b';') && !header.contains(&b',') { b';' } else { b',' };
    csv::ReaderBuilder::new().trim(csv::Trim::All).delimiter(delimiter).from_reader(bytes)
}

/// Reads a file: all rows, and everything that is wrong.
pub fn parse(bytes: &[u8], file: &str) -> Parsed {
    let at = |line: u64, column: &str, what: String| ImportError {
        file: file.to_owned(),
        line,
        column: column.to_owned(),
        what,
    };
    let mut parsed = Parsed::default();
    let mut reader = reader(bytes);
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            parsed.errors.push(at(1, "header", problem_of(&error)));
            return parsed;
        }
    };
    if let Some(problem) = header_problem(&header) {
        parsed.errors.push(at(1, "header", problem));
        return parsed;
    }
    for (index, record) in reader.records().enumerate() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                parsed.errors.push(at(line, "row", problem_of(&error)));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        if index >= ROWS_MAX {
            parsed.errors.push(at(line, "row", format!("more than {ROWS_MAX} rows: split it")));
            return parsed;
        }
        match check(row_of(&header, &record), line, index) {
            Ok(row) => parsed.rows.push(row),
            Err(wrong) => {
                let wrong = wrong.into_iter().map(|(column, what)| at(line, column, what));
                parsed.errors.extend(wrong);
            }
        }
    }
    parsed
}

fn problem_of(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { err, .. } => {
            format!("cell {} is not UTF-8: save the file as UTF-8", err.field() + 1)
        }
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} cells, the header {expected_len}: quote what holds a comma")
        }
        _ => error.to_string(),
    }
}

fn header_problem(header: &csv::StringRecord) -> Option<String> {
    let columns = COLUMNS.join(",");
    let unknown: Vec<&str> = header.iter().filter(|name| !COLUMNS.contains(name)).collect();
    if !unknown.is_empty() {
        return Some(format!("unknown columns {}: the columns are {columns}", unknown.join(", ")));
    }
    let count = |name: &str| header.iter().filter(|found| *found == name).count();
    if let Some(twice) = COLUMNS.into_iter().find(|name| count(name) > 1) {
        return Some(format!("column {twice} stands there twice: leave one out"));
    }
    let needed = COLUMNS.into_iter().filter(|name| !OPTIONAL.contains(name));
    let missing: Vec<&str> = needed.filter(|name| count(name) == 0).collect();
    (!missing.is_empty()).then(|| {
        let missing = missing.join(", ");
        format!("missing columns {missing}: begin the file with {columns}")
    })
}

fn row_of(header: &csv::StringRecord, record: &csv::StringRecord) -> ImportRow {
    let fields: BTreeMap<&str, &str> = header.iter().zip(record.iter()).collect();
    let field = |name: &str| fields.get(name).map_or_else(String::new, |text| (*text).to_owned());
    ImportRow {
        source: field("source"),
        id: field("id"),
        owner: field("owner"),
        meter: field("meter"),
        resource: field("resource"),
        kind: field("kind"),
        from: field("from"),
        until: field("until"),
        quantity: field("quantity"),
        unit: field("unit"),
        attributes: field("attributes"),
    }
}

/// The cells of one row by column, as they stand in the file.
pub fn cells_of(bytes: &[u8], index: usize) -> Option<BTreeMap<String, String>> {
    let mut reader = reader(bytes);
    let header = reader.headers().ok()?.clone();
    let record = reader.records().nth(index)?.ok()?;
    Some(header.iter().zip(record.iter()).map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
}
