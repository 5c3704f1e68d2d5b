//! The same document as CSV: its lines, and the usage annex of its parts.

use crate::bill::document::{ChargePart, InvoiceDocument};

/// Lines, one row each, amounts as plain decimals; cells that a spreadsheet would run are guarded.
pub fn lines(document: &InvoiceDocument) -> String {
    let _ = document;
    todo!()
}

/// The usage annex: one row for each resource's part of a line; parts sum to the lines.
pub fn annex(document: &InvoiceDocument, parts: &[ChargePart]) -> String {
    let _ = (document, parts);
    todo!()
}
