//! A document's PDF: made once from the frozen rows, stored, and never made again.

use anyhow::Context;

use super::document::InvoiceDocument;
use super::issue::sha256;
use super::store;
use crate::app::App;
use crate::customer::store::load_asset;
use crate::present::pdf::{PdfInput, render};

/// The stored PDF's bytes, made now if it was not yet made. Draws off the caller's thread.
pub async fn pdf(app: &App, document: &InvoiceDocument) -> anyhow::Result<Vec<u8>> {
    let (seller, id) = (&document.seller_id, &document.id);
    let mut conn = app.db.read().await?;
    if let Some((body, hash)) = store::load_file(&mut conn, seller, id).await? {
        anyhow::ensure!(
            sha256(&[&body]) == hash,
            "the stored PDF of {id} does not have its hash: billow verify tells more"
        );
        return Ok(body);
    }
    let contact = store::load_contact(&mut conn, seller, id).await?.map(|(contact, _)| contact);
    let parts = store::load_parts(&mut conn, seller, id).await?;
    let logo = match &document.style.logo {
        Some(hash) => load_asset(&mut conn, hash).await?,
        None => None,
    };
    drop(conn);
    let font_folders = app.config.documents.font_folders.clone();
    let drawn = document.clone();
    let output = tokio::task::spawn_blocking(move || {
        render(&PdfInput {
            document: &drawn,
            contact: contact.as_ref(),
            parts: &parts,
            logo: logo.as_deref(),
            font_folders: &font_folders,
        })
    })
    .await
    .context("drawing the PDF")??;
    if !output.missing_glyphs.is_empty() {
        let missing: String = output.missing_glyphs.iter().collect();
        tracing::warn!(invoice.id = %id, missing, "no font has these characters; install one");
    }
    if document.number.is_none() {
        return Ok(output.bytes);
    }
    let mut tx = app.db.begin().await?;
    let hash = sha256(&[&output.bytes]);
    let now = app.clock.now_seconds();
    store::save_file(&mut tx, document, output.bytes, hash, now).await?;
    tx.commit().await?;
    // Somebody else may have been first: what is stored counts.
    let mut conn = app.db.read().await?;
    let stored = store::load_file(&mut conn, seller, id).await?;
    stored.map(|(body, _)| body).with_context(|| format!("the PDF of {id} was not kept"))
}
