//! A price book as a file: TOML text to prices, or every error with its place. PURE.
//!
//! A wrong book is refused as a whole. `docs/price-book.md` is the reference of the format.

use std::fmt;

use serde::Serialize;
use toml::de::DeTable;

use super::price::{MonthMode, Price};
use super::{book_check, book_price};
use crate::catalog::book_read::{Field, Table};
use crate::config::place;
use crate::money::Currency;

/// A parsed and valid book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Stable short name: agreements name it.
    pub code: String,
    pub name: String,
    pub currency: Currency,
    /// Meters that are imported, not built in, and may be priced.
    pub imported_meters: Vec<String>,
    pub prices: Vec<Price>,
}

/// One error of a book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookError {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub message: String,
    pub hint: String,
}

/// Why a book is refused: all its errors, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookErrors {
    pub file: String,
    pub errors: Vec<BookError>,
}

impl fmt::Display for BookErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let BookError { line, column, message, hint } = error;
            write!(f, "{separator}{}:{line}:{column}: {message}; {hint}", self.file)?;
        }
        Ok(())
    }
}

impl std::error::Error for BookErrors {}

/// An error while it is still known by its byte.
struct Problem {
    offset: usize,
    message: String,
    hint: String,
}

/// Collects the errors of a book.
#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// Adds an error at a byte of the file.
    pub(super) fn add(
        &mut self,
        offset: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.0.push(Problem { offset, message: message.into(), hint: hint.into() });
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn into_errors(mut self, file: &str, text: &str) -> BookErrors {
        self.0.sort_by_key(|problem| problem.offset);
        let errors = self.0.into_iter().map(|problem| {
            let (line, column) = place(text, problem.offset.min(text.len()));
            BookError { line, column, message: problem.message, hint: problem.hint }
        });
        BookErrors { file: file.to_owned(), errors: errors.collect() }
    }
}

/// Largest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;

const BOOK_KEYS: [&str; 5] = ["code", "name", "currency", "month", "imported_meters"];

/// Reads a book; `file` is the name in errors.
pub fn parse(text: &str, file: &str) -> Result<Book, BookErrors> {
    let mut problems = Problems::default();
    if text.len() > FILE_BYTES_MAX {
        problems.add(0, "the file is larger than 8 MiB", "split it into several books");
        return Err(problems.into_errors(file, text));
    }
    let (document, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        for error in &syntax {
            let offset = error.span().map_or(0, |span| span.start);
            problems.add(offset, format!("not TOML: {}", error.message()), "mend the syntax first");
        }
        return Err(problems.into_errors(file, text));
    }
    let root = Table::new(document.get_ref(), 0);
    let book = read(&root, text, &mut problems);
    match book {
        Some(book) if problems.is_empty() => Ok(book),
        _ => Err(problems.into_errors(file, text)),
    }
}

/// A price with the place of its code, for checks over the whole book.
pub(super) struct Placed {
    pub price: Price,
    pub offset: usize,
    /// Line of the code, from 1.
    pub line: usize,
}

fn read(root: &Table<'_>, text: &str, problems: &mut Problems) -> Option<Book> {
    root.refuse_unknown(problems, &["book", "price"], "the file");
    let head = match root.table("book", problems) {
        Field::Given(table, _) => Some(table),
        Field::Wrong => None,
        Field::Missing => {
            let hint = "begin the file with [book], code = \"standard\", currency = \"EUR\"";
            problems.add(0, "table [book] is missing", hint);
            None
        }
    };
    let header = head.map_or_else(Header::default, |head| read_header(&head, problems));
    let mut placed = Vec::new();
    match root.tables("price", problems) {
        Field::Given(tables, _) => {
            for table in tables {
                let price = book_price::read(&table, &header.defaults, problems);
                placed.extend(price.map(|(price, offset)| {
                    let (line, _) = place(text, offset);
                    Placed { price, offset, line }
                }));
            }
        }
        Field::Wrong => {}
        Field::Missing => {
            let hint = "add at least one [[price]]; billow prices generate writes a whole book";
            problems.add(0, "the book has no [[price]]", hint);
        }
    }
    book_check::check(&placed, problems);
    Some(Book {
        name: header.name.or_else(|| header.code.clone())?,
        code: header.code?,
        currency: header.currency?,
        imported_meters: header.defaults.imported_meters,
        prices: placed.into_iter().map(|placed| placed.price).collect(),
    })
}

/// What prices take from the head of the book.
#[derive(Default)]
pub(super) struct Defaults {
    pub month: Option<MonthMode>,
    pub imported_meters: Vec<String>,
}

#[derive(Default)]
struct Header {
    code: Option<String>,
    name: Option<String>,
    currency: Option<Currency>,
    defaults: Defaults,
}

fn read_header(head: &Table<'_>, problems: &mut Problems) -> Header {
    head.refuse_unknown(problems, &BOOK_KEYS, "[book]");
    let code = match head.text("code", problems) {
        Field::Given(code, offset) => {
            refuse_bad_code(&code, offset, problems);
            Some(code)
        }
        Field::Wrong => None,
        Field::Missing => {
            let hint = "write the short name that agreements use: code = \"standard\"";
            problems.add(head.offset(), "[book] has no code", hint);
            None
        }
    };
    let currency = match head.text("currency", problems) {
        Field::Given(text, offset) => text
            .parse::<Currency>()
            .map_err(|error| {
                let hint = "write the ISO 4217 code of the prices, such as currency = \"EUR\"";
                problems.add(offset, error.to_string(), hint);
            })
            .ok(),
        Field::Wrong => None,
        Field::Missing => {
            let hint = "write the ISO 4217 code of the prices: currency = \"EUR\"";
            problems.add(head.offset(), "[book] has no currency", hint);
            None
        }
    };
    let month = book_price::read_month(head, problems).given();
    let imported = head.texts("imported_meters", problems).given();
    let mut meters = Vec::new();
    for (meter, offset) in imported.into_iter().flatten() {
        if crate::meter::meter_of(&meter).is_some() {
            let message = format!("meter {meter:?} is built in");
            problems.add(offset, message, "leave it out of imported_meters");
        }
        if !meters.contains(&meter) {
            meters.push(meter);
        }
    }
    let name = head.text("name", problems).given();
    Header { code, name, currency, defaults: Defaults { month, imported_meters: meters } }
}

/// Longest code of a book or a price.
const CODE_MAX: usize = 64;

/// Codes are letters, digits, `.`, `_` and `-`: they stand in ids, URLs and file names.
pub(super) fn refuse_bad_code(code: &str, offset: usize, problems: &mut Problems) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if code.is_empty() || code.len() > CODE_MAX || !code.chars().all(allowed) {
        let message = format!("code {code:?} is not a code");
        let hint = "use 1 to 64 letters, digits, dots, dashes and underscores, such as vm-medium";
        problems.add(offset, message, hint);
    }
}
