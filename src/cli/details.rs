//! Details of sellers and customers from a TOML file and from `--field key=value`.

use std::path::Path;

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::place;

/// Keys whose values are whole numbers.
const NUMBERS: [&str; 3] = ["anchor_day", "payment_terms_days", "logo_height_mm"];

/// Where details come from, in the order in which they are laid over each other.
#[derive(clap::Args, Debug, Default)]
pub struct DetailArgs {
    /// TOML file with all details; replaces the present ones.
    #[arg(long)]
    pub file: Option<std::path::PathBuf>,
    /// One detail, such as name="Acme Ltd" or address.country=DE; lists and tables as JSON,
    /// an empty value takes the detail away. May be given several times.
    #[arg(long = "field", value_name = "KEY=VALUE")]
    pub fields: Vec<String>,
}

impl DetailArgs {
    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        self.file.is_none() && self.fields.is_empty()
    }

    /// The details: the file or `present`, with the fields laid over.
    pub fn details<T>(&self, present: Option<&T>) -> anyhow::Result<T>
    where
        T: DeserializeOwned + serde::Serialize,
    {
        let mut value = match (&self.file, present) {
            (Some(path), _) => serde_json::to_value(read::<T>(path)?)?,
            (None, Some(present)) => serde_json::to_value(present)?,
            (None, None) => Value::Object(serde_json::Map::new()),
        };
        for field in &self.fields {
            let (key, text) = field
                .split_once('=')
                .with_context(|| format!("--field {field}: write it as KEY=VALUE"))?;
            set(&mut value, key, field_value(key, text)?)
                .with_context(|| format!("--field {field}"))?;
        }
        serde_json::from_value(value).context("the details are not complete or not right")
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).map_err(|error| {
        let (line, column) = place(&text, error.span().map_or(0, |span| span.start));
        anyhow::anyhow!("{}:{line}:{column}: {}", path.display(), error.message())
    })
}

fn field_value(key: &str, text: &str) -> anyhow::Result<Value> {
    let last = key.rsplit('.').next().unwrap_or(key);
    let structured = text.starts_with(['[', '{']) || matches!(text, "true" | "false");
    if text.is_empty() {
        return Ok(Value::Null);
    }
    if structured || NUMBERS.contains(&last) {
        return serde_json::from_str(text)
            .with_context(|| format!("--field {key}: {text:?} cannot be read"));
    }
    Ok(Value::String(text.to_owned()))
}

/// Sets a dotted key; tables on the way are made.
fn set(value: &mut Value, key: &str, new: Value) -> anyhow::Result<()> {
    let mut target = value;
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        if target.is_null() {
            *target = Value::Object(serde_json::Map::new());
        }
        let table = target.as_object_mut().with_context(|| format!("{part} has no fields"))?;
        if parts.peek().is_none() {
            if new.is_null() {
                table.remove(part);
            } else {
                table.insert(part.to_owned(), new);
            }
            return Ok(());
        }
        target = table.entry(part).or_insert(Value::Null);
    }
    Ok(())
}
