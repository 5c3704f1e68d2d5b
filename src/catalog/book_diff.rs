//! What differs between two price books. PURE.

use std::collections::BTreeMap;

use serde::Serialize;

use super::book::Book;
use super::book_write::fields;
use super::price::Price;

/// Prices by code that came, went or changed; empty when the books charge the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BookDiff {
    /// Changed keys of `[book]`.
    pub book: Vec<Change>,
    pub added: Vec<PriceText>,
    pub removed: Vec<PriceText>,
    pub changed: Vec<PriceChange>,
    /// The order of prices decides ties; true when it changed for prices in both books.
    pub reordered: bool,
}

/// A price in a few words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PriceText {
    pub code: String,
    /// Its keys and values as in the file.
    pub keys: BTreeMap<&'static str, String>,
}

/// A price that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PriceChange {
    pub code: String,
    pub changes: Vec<Change>,
}

/// A key whose value changed; `None`: the key was, or is now, left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub key: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

impl BookDiff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares two books by the codes of their prices.
pub fn diff(old: &Book, new: &Book) -> BookDiff {
    let mut diff = BookDiff { book: head_changes(old, new), ..BookDiff::default() };
    let find = |book: &'_ Book, code: &str| book.prices.iter().position(|p| p.code == code);
    for price in &old.prices {
        match find(new, &price.code) {
            None => diff.removed.push(price_text(price)),
            Some(index) => {
                let changes = changes_of(fields(price), fields(&new.prices[index]));
                if !changes.is_empty() {
                    diff.changed.push(PriceChange { code: price.code.clone(), changes });
                }
            }
        }
    }
    for price in new.prices.iter().filter(|price| find(old, &price.code).is_none()) {
        diff.added.push(price_text(price));
    }
    let common = |one: &Book, other: &Book| -> Vec<String> {
        let codes = one.prices.iter().map(|price| price.code.clone());
        codes.filter(|code| find(other, code).is_some()).collect()
    };
    diff.reordered = common(old, new) != common(new, old);
    diff
}

fn head_changes(old: &Book, new: &Book) -> Vec<Change> {
    let head = |book: &Book| {
        vec![
            ("code", book.code.clone()),
            ("name", book.name.clone()),
            ("currency", book.currency.to_string()),
            ("imported_meters", book.imported_meters.join(", ")),
        ]
    };
    changes_of(head(old), head(new))
}

fn price_text(price: &Price) -> PriceText {
    let keys = fields(price).into_iter().filter(|(key, _)| *key != "code").collect();
    PriceText { code: price.code.clone(), keys }
}

fn changes_of(old: Vec<(&'static str, String)>, new: Vec<(&'static str, String)>) -> Vec<Change> {
    let mut keys: Vec<&'static str> = old.iter().map(|(key, _)| *key).collect();
    keys.extend(new.iter().map(|(key, _)| *key).filter(|key| !old.iter().any(|(k, _)| k == key)));
    let value = |list: &[(&'static str, String)], key: &str| {
        list.iter().find(|(known, _)| *known == key).map(|(_, value)| value.clone())
    };
    keys.into_iter()
        .map(|key| Change { key: key.to_owned(), old: value(&old, key), new: value(&new, key) })
        .filter(|change| change.old != change.new)
        .collect()
}
