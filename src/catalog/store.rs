//! SQL of the catalogue and of price books.
//!
//! Rows are added and never changed. The version of a book that holds at an instant is the one
//! with the greatest `valid_from` not after it, then with the greatest number. So a version
//! that is applied with an earlier start than those before it holds from its own start until
//! the next later start of any version, and a version with the same start replaces its
//! predecessor for all of that span.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{Executor, Row};

use super::price::BookVersion;
use crate::ids::SourceName;
use crate::orchestrator::{CatalogItem, ItemKind};
use crate::period::Span;
use crate::store::codec::{At, enum_text, to_json};
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

    /// The last known state of every item, removed ones too.
    pub fn latest(&self) -> impl Iterator<Item = &CatalogItem> {
        self.items.values().filter_map(|states| states.last()).map(|(_, item)| item)
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
    let starts = load_starts(conn, book, known_at).await?;
    let mut versions = Vec::new();
    for (index, (from, id)) in starts.iter().enumerate() {
        let until = starts.get(index + 1).map_or(i64::MAX, |(next, _)| *next);
        let holds = Span::new(*from, until);
        if holds.intersect(span).is_empty() {
            continue;
        }
        let sql = "SELECT id, book, currency, recorded_at, prices FROM price_book_version \
                   WHERE id = $1";
        let row = conn.fetch_one(sqlx::query(sql).bind(id.clone())).await?;
        versions.push(version_of(&row, holds)?);
    }
    Ok(versions)
}

/// Start and id of the versions that hold at some time, ascending by start.
async fn load_starts(
    conn: &mut Conn,
    book: &str,
    known_at: i64,
) -> Result<Vec<(i64, String)>, StoreError> {
    let sql = "SELECT id, valid_from FROM price_book_version \
               WHERE book = $1 AND recorded_at <= $2 ORDER BY valid_from, number";
    let rows = conn.fetch_all(sqlx::query(sql).bind(book.to_owned()).bind(known_at)).await?;
    let mut starts: Vec<(i64, String)> = Vec::new();
    for row in &rows {
        let (id, from): (String, i64) = (row.try_get("id")?, row.try_get("valid_from")?);
        match starts.last_mut() {
            Some(last) if last.0 == from => last.1 = id,
            _ => starts.push((from, id)),
        }
    }
    Ok(starts)
}

fn version_of(row: &AnyRow, span: Span) -> Result<BookVersion, StoreError> {
    let id: String = row.try_get("id")?;
    let currency: String = row.try_get("currency")?;
    let prices: String = row.try_get("prices")?;
    let at = |column| At { table: "price_book_version", id: &id, column };
    Ok(BookVersion {
        book: row.try_get("book")?,
        currency: at("currency").parse(&currency)?,
        span,
        recorded_at: row.try_get("recorded_at")?,
        prices: at("prices").json(&prices)?,
        id: id.clone(),
    })
}

/// A stored version as lists show it.
#[derive(Clone, Debug)]
pub struct VersionRow {
    /// `<book>@<number>`.
    pub id: String,
    pub book: String,
    pub number: i64,
    pub currency: String,
    pub valid_from: i64,
    pub recorded_at: i64,
    pub applied_by: String,
    pub hash: String,
}

/// All versions of all books, or of one, ascending by book and number.
pub async fn load_version_rows(
    conn: &mut Conn,
    book: Option<&str>,
    known_at: i64,
) -> Result<Vec<VersionRow>, StoreError> {
    let sql = "SELECT id, book, number, currency, valid_from, recorded_at, applied_by, hash \
               FROM price_book_version WHERE recorded_at <= $1 AND ($2 = '' OR book = $2) \
               ORDER BY book, number";
    let book = book.unwrap_or("").to_owned();
    let rows = conn.fetch_all(sqlx::query(sql).bind(known_at).bind(book)).await?;
    rows.iter()
        .map(|row| {
            Ok(VersionRow {
                id: row.try_get("id")?,
                book: row.try_get("book")?,
                number: row.try_get("number")?,
                currency: row.try_get("currency")?,
                valid_from: row.try_get("valid_from")?,
                recorded_at: row.try_get("recorded_at")?,
                applied_by: row.try_get("applied_by")?,
                hash: row.try_get("hash")?,
            })
        })
        .collect()
}

/// One version by id, with the text it was applied from. Its span is open from its start:
/// which part of it holds depends on the other versions.
pub async fn load_version(
    conn: &mut Conn,
    id: &str,
) -> Result<Option<(BookVersion, String)>, StoreError> {
    let sql = "SELECT id, book, currency, valid_from, recorded_at, prices, file \
               FROM price_book_version WHERE id = $1";
    let Some(row) = conn.fetch_optional(sqlx::query(sql).bind(id.to_owned())).await? else {
        return Ok(None);
    };
    let span = Span::new(row.try_get("valid_from")?, i64::MAX);
    Ok(Some((version_of(&row, span)?, row.try_get("file")?)))
}

/// A version to be stored.
pub(super) struct NewVersion<'a> {
    pub book: &'a str,
    pub currency: &'a str,
    pub valid_from: i64,
    pub recorded_at: i64,
    pub applied_by: &'a str,
    pub file: &'a str,
    pub prices: &'a [super::price::Price],
    /// SHA-256 of the file, hexadecimal.
    pub hash: &'a str,
}

/// Takes the next number of a book and locks the book for this transaction.
pub(super) async fn take_version_number(conn: &mut Conn, book: &str) -> Result<i64, StoreError> {
    let sql = "INSERT INTO counter (name, last) VALUES ($1, 1) \
               ON CONFLICT (name) DO UPDATE SET last = counter.last + 1 RETURNING last";
    let row = conn.fetch_one(sqlx::query(sql).bind(format!("price_book:{book}"))).await?;
    Ok(row.try_get(0)?)
}

/// Gives the number back that was taken last, in the transaction that took it.
pub(super) async fn give_back_version_number(
    conn: &mut Conn,
    book: &str,
) -> Result<(), StoreError> {
    let sql = "UPDATE counter SET last = last - 1 WHERE name = $1";
    conn.execute(sqlx::query(sql).bind(format!("price_book:{book}"))).await?;
    Ok(())
}

/// Stores a version under its number; gives its id.
pub(super) async fn insert_version(
    conn: &mut Conn,
    number: i64,
    version: NewVersion<'_>,
) -> Result<String, StoreError> {
    let id = format!("{}@{number}", version.book);
    let sql = "INSERT INTO price_book_version (id, book, number, currency, valid_from, \
               recorded_at, applied_by, file, prices, hash) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let query = sqlx::query(sql)
        .bind(id.clone())
        .bind(version.book.to_owned())
        .bind(number)
        .bind(version.currency.to_owned())
        .bind(version.valid_from)
        .bind(version.recorded_at)
        .bind(version.applied_by.to_owned())
        .bind(version.file.to_owned())
        .bind(to_json(&version.prices))
        .bind(version.hash.to_owned());
    conn.execute(query).await?;
    Ok(id)
}

/// The catalogue of a source with its history. A removed item keeps its last state here.
pub async fn load_history(
    conn: &mut Conn,
    source: &SourceName,
    known_at: i64,
) -> Result<CatalogHistory, StoreError> {
    let mut history = CatalogHistory::default();
    for state in load_item_states(conn, source, known_at).await? {
        if state.removed {
            continue;
        }
        let key = (state.item.kind, state.item.id.clone());
        let states = history.items.entry(key).or_default();
        match states.last_mut() {
            Some(last) if last.0 == state.valid_from => last.1 = state.item,
            _ => states.push((state.valid_from, state.item)),
        }
    }
    Ok(history)
}

/// The items that a source shows at present, ascending by kind and id, without resources.
pub async fn load_present_items(
    conn: &mut Conn,
    source: &SourceName,
    known_at: i64,
) -> Result<Vec<CatalogItem>, StoreError> {
    let mut last: BTreeMap<(ItemKind, String), ItemState> = BTreeMap::new();
    for state in load_item_states(conn, source, known_at).await? {
        last.insert((state.item.kind, state.item.id.clone()), state);
    }
    let present = last.into_values().filter(|state| !state.removed).map(|state| state.item);
    Ok(present.filter(|item| item.kind != ItemKind::Resource).collect())
}

/// The last name of a resource, of one that is gone too; `None` where it was never shown.
pub async fn load_resource_name(
    conn: &mut Conn,
    source: &SourceName,
    id: &str,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT name FROM catalog_item WHERE source = $1 AND kind = $2 AND id = $3 \
               ORDER BY valid_from DESC, recorded_at DESC LIMIT 1";
    let query = sqlx::query(sql)
        .bind(source.0.clone())
        .bind(enum_text(&ItemKind::Resource))
        .bind(id.to_owned());
    let row = conn.fetch_optional(query).await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// A state of an item as it is stored.
#[derive(Clone, Debug)]
pub struct ItemState {
    pub item: CatalogItem,
    pub valid_from: i64,
    /// The source did not show it any more from then on.
    pub removed: bool,
}

/// All states of all items of a source, ascending by kind, id and time.
pub async fn load_item_states(
    conn: &mut Conn,
    source: &SourceName,
    known_at: i64,
) -> Result<Vec<ItemState>, StoreError> {
    let sql = "SELECT kind, id, valid_from, name, attributes, removed FROM catalog_item \
               WHERE source = $1 AND recorded_at <= $2 \
               ORDER BY kind, id, valid_from, recorded_at";
    let rows = conn.fetch_all(sqlx::query(sql).bind(source.0.clone()).bind(known_at)).await?;
    rows.iter().map(item_state_of).collect()
}

fn item_state_of(row: &AnyRow) -> Result<ItemState, StoreError> {
    let id: String = row.try_get("id")?;
    let kind: String = row.try_get("kind")?;
    let attributes: String = row.try_get("attributes")?;
    let at = |column| At { table: "catalog_item", id: &id, column };
    Ok(ItemState {
        valid_from: row.try_get("valid_from")?,
        removed: row.try_get::<i64, _>("removed")? == 1,
        item: CatalogItem {
            kind: at("kind").json(&format!("\"{kind}\""))?,
            name: row.try_get("name")?,
            attributes: at("attributes").json(&attributes)?,
            id: id.clone(),
        },
    })
}

/// Rows of `catalog_item` for [`crate::store::bulk::insert`].
pub(super) const ITEM_COLUMNS: [&str; 8] =
    ["source", "kind", "id", "valid_from", "recorded_at", "name", "attributes", "removed"];

/// One row of `catalog_item`.
pub(super) fn item_row(
    source: &SourceName,
    state: &ItemState,
    recorded_at: i64,
) -> Vec<crate::store::bulk::Value> {
    use crate::store::bulk::Value::{Int, Text};
    vec![
        Text(source.0.clone()),
        Text(enum_text(&state.item.kind)),
        Text(state.item.id.clone()),
        Int(state.valid_from),
        Int(recorded_at),
        Text(state.item.name.clone()),
        Text(to_json(&state.item.attributes)),
        Int(i64::from(state.removed)),
    ]
}
