//! SQL of the catalogue and of price books.

use std::collections::BTreeMap;

use super::price::BookVersion;
use crate::ids::SourceName;
use crate::orchestrator::{CatalogItem, ItemKind};
use crate::period::Span;
use crate::store::{Conn, StoreError};

/// The catalogue of one source with its history, as known at some instant.
#[derive(Debug, Default)]
pub struct CatalogHistory {
    /// For each item, its states ascending by the instant from which they hold.
    pub items: BTreeMap<(ItemKind, String), Vec<(i64, CatalogItem)>>,
}

impl CatalogHistory {
    /// The item as it was at an instant; its earliest state where it was first seen later.
    pub fn at(&self, kind: ItemKind, id: &str, at: i64) -> Option<&CatalogItem> {
        let states = self.items.get(&(kind, id.to_owned()))?;
        let index = states.partition_point(|(from, _)| *from <= at);
        states.get(index.saturating_sub(1)).map(|(_, item)| item)
    }
}

/// Versions of a book that hold at some time in `span`, as known at `known_at`: ascending,
/// clipped so that they do not overlap; the last one may be open (`i64::MAX`).
pub async fn load_book_versions(
    conn: &mut Conn,
    book: &str,
    span: Span,
    known_at: i64,
) -> Result<Vec<BookVersion>, StoreError> {
    let _ = (conn, book, span, known_at);
    todo!()
}

/// The catalogue of a source with its history.
pub async fn load_history(
    conn: &mut Conn,
    source: &SourceName,
    known_at: i64,
) -> Result<CatalogHistory, StoreError> {
    let _ = (conn, source, known_at);
    todo!()
}
