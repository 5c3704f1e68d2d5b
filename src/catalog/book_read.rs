//! Typed values out of TOML tables, each with its place in the file. PURE.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::book::Problems;
use super::hint::did_you_mean;
use crate::money::Exact;

/// What came of looking for a key: wrong values are reported already.
pub(super) enum Field<T> {
    Missing,
    Wrong,
    /// The value and its byte offset.
    Given(T, usize),
}

impl<T> Field<T> {
    /// The value, if it was given and right.
    pub(super) fn given(self) -> Option<T> {
        match self {
            Self::Given(value, _) => Some(value),
            Self::Missing | Self::Wrong => None,
        }
    }
}

/// A table of the file.
pub(super) struct Table<'t> {
    table: &'t DeTable<'t>,
    offset: usize,
}

impl<'t> Table<'t> {
    pub(super) fn new(table: &'t DeTable<'t>, offset: usize) -> Self {
        Self { table, offset }
    }

    /// Where the table begins.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    fn find(&self, key: &str) -> Option<(&'t Spanned<DeValue<'t>>, usize)> {
        let (_, value) = self.table.iter().find(|(known, _)| known.get_ref() == key)?;
        Some((value, value.span().start))
    }

    /// Where a key stands, if it is there.
    pub(super) fn key_offset(&self, key: &str) -> Option<usize> {
        self.table
            .iter()
            .find(|(known, _)| known.get_ref() == key)
            .map(|(known, _)| known.span().start)
    }

    /// Reports every key that is not one of `known`.
    pub(super) fn refuse_unknown(&self, problems: &mut Problems, known: &[&str], place: &str) {
        for (key, _) in self.table.iter() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let hint = did_you_mean(name, known.iter().copied());
                problems.add(key.span().start, format!("unknown key {name:?} in {place}"), hint);
            }
        }
    }

    /// A text.
    pub(super) fn text(&self, key: &str, problems: &mut Problems) -> Field<String> {
        let Some((value, offset)) = self.find(key) else { return Field::Missing };
        match value.get_ref().as_str() {
            Some("") => {
                problems.add(offset, format!("{key} is empty"), "write a text or leave it out");
                Field::Wrong
            }
            Some(text) => Field::Given(text.to_owned(), offset),
            None => {
                let kind = value.get_ref().type_str();
                let hint = format!("put it in quotes: {key} = \"…\"");
                problems.add(offset, format!("{key} is of type {kind}, not a text"), hint);
                Field::Wrong
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, key: &str, problems: &mut Problems) -> Field<bool> {
        let Some((value, offset)) = self.find(key) else { return Field::Missing };
        match value.get_ref().as_bool() {
            Some(flag) => Field::Given(flag, offset),
            None => {
                let message = format!("{key} is neither true nor false");
                problems.add(offset, message, format!("write {key} = true, without quotes"));
                Field::Wrong
            }
        }
    }

    /// An exact number, written as decimal text and not below zero.
    pub(super) fn number(&self, key: &str, problems: &mut Problems) -> Field<Exact> {
        let Some((value, offset)) = self.find(key) else { return Field::Missing };
        let text = match value.get_ref() {
            DeValue::String(text) => text,
            DeValue::Float(number) => {
                let message = format!("{key} is a floating-point number, which is not exact");
                problems.add(offset, message, in_quotes(key, number.as_str()));
                return Field::Wrong;
            }
            DeValue::Integer(number) => {
                let message = format!("{key} is a bare number");
                problems.add(offset, message, in_quotes(key, &number.to_string()));
                return Field::Wrong;
            }
            DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                let message = format!("{key} is of type {}", value.get_ref().type_str());
                problems.add(offset, message, in_quotes(key, "0.045"));
                return Field::Wrong;
            }
        };
        match text.parse::<Exact>() {
            Ok(number) if number.is_negative() => {
                let hint = "prices and quantities begin at zero; a discount is not a price";
                problems.add(offset, format!("{key} {text:?} is below zero"), hint);
                Field::Wrong
            }
            Ok(number) => Field::Given(number, offset),
            Err(error) => {
                let hint = in_quotes(key, "0.045");
                problems.add(offset, format!("{key} {error}"), hint);
                Field::Wrong
            }
        }
    }

    /// An exact number above zero.
    pub(super) fn number_above_zero(&self, key: &str, problems: &mut Problems) -> Field<Exact> {
        match self.number(key, problems) {
            Field::Given(number, offset) if number.is_zero() => {
                let message = format!("{key} is zero");
                problems.add(offset, message, format!("write {key} as a number above zero"));
                Field::Wrong
            }
            field => field,
        }
    }

    /// A text or a list of texts, each with its place.
    pub(super) fn texts(&self, key: &str, problems: &mut Problems) -> Field<Vec<(String, usize)>> {
        let Some((value, offset)) = self.find(key) else { return Field::Missing };
        let items: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            DeValue::String(_) => vec![value],
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => {
                let message = format!("{key} is of type {}", value.get_ref().type_str());
                let hint = format!("write {key} = \"a\" or {key} = [\"a\", \"b\"]");
                problems.add(offset, message, hint);
                return Field::Wrong;
            }
        };
        if items.is_empty() {
            problems.add(offset, format!("{key} is an empty list"), format!("leave {key} out"));
            return Field::Wrong;
        }
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            let at = item.span().start;
            match item.get_ref().as_str() {
                Some(text) if !text.is_empty() => texts.push((text.to_owned(), at)),
                _ => {
                    let message = format!("{key} holds something else than a text");
                    problems.add(at, message, format!("write {key} = [\"a\", \"b\"]"));
                    return Field::Wrong;
                }
            }
        }
        Field::Given(texts, offset)
    }

    /// A table inside this one.
    pub(super) fn table(&self, key: &str, problems: &mut Problems) -> Field<Table<'t>> {
        let Some((value, offset)) = self.find(key) else { return Field::Missing };
        match value.get_ref().as_table() {
            Some(table) => Field::Given(Table::new(table, offset), offset),
            None => {
                let message = format!("{key} is of type {}", value.get_ref().type_str());
                problems.add(offset, message, format!("write it as a table: [{key}]"));
                Field::Wrong
            }
        }
    }

    /// A list of tables inside this one.
    pub(super) fn tables(&self, key: &str, problems: &mut Problems) -> Field<Vec<Table<'t>>> {
        let Some((value, offset)) = self.find(key) else { return Field::Missing };
        let hint = format!("write each as a table of its own: [[{key}]]");
        let Some(items) = value.get_ref().as_array() else {
            let message = format!("{key} is of type {}", value.get_ref().type_str());
            problems.add(offset, message, hint);
            return Field::Wrong;
        };
        let mut tables = Vec::with_capacity(items.len());
        for item in items.iter() {
            let at = item.span().start;
            match item.get_ref().as_table() {
                Some(table) => tables.push(Table::new(table, at)),
                None => {
                    let message = format!("{key} holds something else than tables");
                    problems.add(at, message, hint.clone());
                    return Field::Wrong;
                }
            }
        }
        Field::Given(tables, offset)
    }
}

fn in_quotes(key: &str, number: &str) -> String {
    format!("write it as text: {key} = \"{number}\"")
}
