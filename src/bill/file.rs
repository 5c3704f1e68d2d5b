//! A document's PDF: made once from the frozen rows, stored, and never made again.

use crate::app::App;
use crate::bill::document::InvoiceDocument;

/// The stored PDF's bytes, made now if it was not yet made.
pub async fn pdf(app: &App, document: &InvoiceDocument) -> anyhow::Result<Vec<u8>> {
    let _ = (app, document);
    todo!()
}
