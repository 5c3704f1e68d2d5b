//! The PDF of a frozen document: PDF/A-3a and PDF/UA-1, the same bytes from the same rows.
//!
//! The way: [`super::sheet`] gives texts, `letter`, `lines` and `tail` place them with the pen of
//! `layout`, `text` shapes them with the faces of `fonts`; `draw` writes the pages by printpdf,
//! `tags` and `metadata` complete the file. No clock and no random number anywhere.

mod draw;
mod fonts;
mod layout;
mod letter;
mod lines;
mod logo;
mod metadata;
mod page;
mod tags;
mod tail;
mod text;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use self::fonts::{Faces, LoadedFont};
use self::layout::Pen;
use self::logo::Logo;
use self::page::Pages;
use self::text::Shaper;
use super::sheet::Sheet;
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
    let prepared = Prepared::of(input)?;
    let failed = |detail: String| PdfError::Draw { id: input.document.id.0.clone(), detail };
    let bytes = prepared.write(input.document).map_err(failed)?;
    Ok(PdfOutput { bytes, missing_glyphs: prepared.missing.into_iter().collect() })
}

/// A document laid out: glyphs at places, not yet written.
pub struct Prepared {
    pages: Pages,
    loaded: Vec<LoadedFont>,
    logo: Option<Arc<Logo>>,
    missing: BTreeSet<char>,
}

impl Prepared {
    /// Lays a document out: with the built-in faces, and once more with faces of the host where
    /// these lack a character.
    pub fn of(input: &PdfInput<'_>) -> Result<Self, PdfError> {
        let logo = input
            .logo
            .map(Logo::of)
            .transpose()
            .map_err(|detail| PdfError::Logo { id: input.document.id.0.clone(), detail })?;
        let sheet = Sheet::of(input.document, input.contact);
        let (pages, missing) = lay_out(input, &sheet, logo.as_deref(), &[]);
        if missing.is_empty() {
            return Ok(Self { pages, loaded: Vec::new(), logo, missing });
        }
        let loaded = fonts::load_for(&missing, input.font_folders);
        let (pages, missing) = lay_out(input, &sheet, logo.as_deref(), &loaded);
        Ok(Self { pages, loaded, logo, missing })
    }

    /// The tagged PDF/A file.
    pub fn write(&self, document: &InvoiceDocument) -> Result<Vec<u8>, String> {
        let faces = Faces::new(&self.loaded);
        let mut drawn = draw::draw(&self.pages, &faces, self.logo.as_deref(), true)?;
        let structure = tags::add(&mut drawn.document, &self.pages, &drawn.marked);
        metadata::complete(&mut drawn.document, document, structure)
            .map_err(|error| error.to_string())?;
        metadata::save(&mut drawn.document).map_err(|error| error.to_string())
    }

    /// The bare back end: the same glyphs and shapes at the same places as a plain PDF, without
    /// tags and without what PDF/A asks for. The yardstick of `benches/pdf.rs`.
    pub fn write_bare(&self) -> Result<Vec<u8>, String> {
        let faces = Faces::new(&self.loaded);
        let mut drawn = draw::draw(&self.pages, &faces, self.logo.as_deref(), false)?;
        metadata::save(&mut drawn.document).map_err(|error| error.to_string())
    }

    /// Pages of the document.
    pub fn page_count(&self) -> usize {
        self.pages.pages.len()
    }
}

fn lay_out(
    input: &PdfInput<'_>,
    sheet: &Sheet,
    logo: Option<&Logo>,
    loaded: &[LoadedFont],
) -> (Pages, BTreeSet<char>) {
    let document = input.document;
    let faces = Faces::new(loaded);
    let mut shaper = Shaper::new(&faces);
    let mut pen = Pen::new(&mut shaper, &document.style.colour, 0);
    let (footer, footer_height) = letter::footer(&mut pen, document);
    pen.bottom = letter::content_bottom(footer_height);
    letter::head(&mut pen, document, sheet, logo);
    lines::table(&mut pen, document, sheet);
    tail::totals(&mut pen, sheet);
    tail::payment(&mut pen, document, sheet);
    tail::closing(&mut pen, document);
    tail::breakdowns(&mut pen, document, sheet);
    tail::annex(&mut pen, document, input.parts);
    letter::frame(&mut pen, document, sheet, footer);
    let pages = pen.out;
    (pages, shaper.missing().clone())
}
