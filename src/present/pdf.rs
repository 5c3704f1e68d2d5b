//! The PDF of a frozen document: PDF/A-3, tagged, the same bytes from the same rows.

use std::path::PathBuf;

use crate::bill::document::{ChargePart, Contact, InvoiceDocument};

/// What a PDF is made of.
pub struct PdfInput<'a> {
    pub document: &'a InvoiceDocument,
    pub contact: Option<&'a Contact>,
    /// For the annex, where the seller's style wants it.
    pub parts: &'a [ChargePart],
    /// PNG bytes of the logo named by the style.
    pub logo: Option<&'a [u8]>,
    /// Folders searched for fonts beyond the built-in ones.
    pub font_folders: &'a [PathBuf],
}

/// A made PDF.
pub struct PdfOutput {
    pub bytes: Vec<u8>,
    /// Characters that no font had; each stands as U+FFFD in the document.
    pub missing_glyphs: Vec<char>,
}

/// The document cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    #[error("document {id}: the logo is no usable PNG: {detail}")]
    Logo { id: String, detail: String },
    #[error("document {id}: {detail}")]
    Draw { id: String, detail: String },
}

/// Draws a document. Takes some milliseconds of computing: call it off the server's workers.
pub fn render(input: &PdfInput<'_>) -> Result<PdfOutput, PdfError> {
    let _ = input;
    todo!()
}
