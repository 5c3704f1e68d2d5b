//! The same document as HTML, readable without script, for pages and mails.

use maud::Markup;

use crate::bill::document::{Contact, InvoiceDocument};

/// The document's body as an `<article>`, styled by the page shell's classes. `line_link`
/// gives the address of a line's explanation, where the page offers one.
pub fn invoice(
    document: &InvoiceDocument,
    contact: Option<&Contact>,
    line_link: Option<&dyn Fn(u32) -> String>,
) -> Markup {
    let _ = (document, contact, line_link);
    todo!()
}
