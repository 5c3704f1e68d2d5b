//! Many rows in one statement, in the form that each engine takes fastest.

use sqlx::{AssertSqlSafe, Executor};

use super::db::{Conn, Engine, StoreError};

/// A value of a bulk row.
#[derive(Clone, Debug)]
pub enum Value {
    Int(i64),
    OptInt(Option<i64>),
    Text(String),
    OptText(Option<String>),
    Bytes(Vec<u8>),
}

impl Value {
    /// PostgreSQL's type of it.
    fn type_name(&self) -> &'static str {
        match self {
            Self::Int(_) | Self::OptInt(_) => "bigint",
            Self::Text(_) | Self::OptText(_) => "text",
            Self::Bytes(_) => "bytea",
        }
    }
}

/// Binds in one statement at most; SQLite allows 32,766.
const BINDS_MAX: usize = 7_500;

/// What to do with rows whose key exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    Fail,
    Skip,
    /// The first so many columns are the key; the others take the new values.
    Replace {
        key: usize,
    },
}

/// Inserts rows of `columns` into `table`; gives the number of rows that were new.
/// Plain `?` on SQLite, because numbered binds cost the square of the statement's length there; one
/// array a column on PostgreSQL, which spends longer on thousands of binds than on their rows.
pub async fn insert(
    conn: &mut Conn,
    engine: Engine,
    target: Target<'_>,
    rows: Vec<Vec<Value>>,
) -> Result<u64, StoreError> {
    match engine {
        Engine::Sqlite => insert_values(conn, target, rows).await,
        Engine::Postgres => insert_arrays(conn, target, &rows).await,
    }
}

async fn insert_values(
    conn: &mut Conn,
    target: Target<'_>,
    rows: Vec<Vec<Value>>,
) -> Result<u64, StoreError> {
    let width = target.columns.len();
    let batch = (BINDS_MAX / width.max(1)).max(1);
    let mut inserted = 0;
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk: Vec<Vec<Value>> = rows.by_ref().take(batch).collect();
        let sql = statement(&target, &values(width, chunk.len()));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in chunk.into_iter().flatten() {
            query = match value {
                Value::Int(value) => query.bind(value),
                Value::OptInt(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
                Value::OptText(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
            };
        }
        inserted += conn.execute(query).await?.rows_affected();
    }
    Ok(inserted)
}

/// Rows in one statement of arrays.
const ROWS_MAX: usize = 4_000;

async fn insert_arrays(
    conn: &mut Conn,
    target: Target<'_>,
    rows: &[Vec<Value>],
) -> Result<u64, StoreError> {
    let Some(first) = rows.first() else { return Ok(0) };
    let arrays: Vec<String> = first
        .iter()
        .zip(1..)
        .map(|(value, number)| format!("${number}::{}[]", value.type_name()))
        .collect();
    let sql = statement(&target, &format!("SELECT * FROM unnest({})", arrays.join(", ")));
    let mut inserted = 0;
    for chunk in rows.chunks(ROWS_MAX) {
        let mut query = sqlx::query(AssertSqlSafe(sql.clone()));
        for column in 0..target.columns.len() {
            query = query.bind(array(chunk.iter().map(|row| &row[column])));
        }
        inserted += conn.execute(query).await?.rows_affected();
    }
    Ok(inserted)
}

/// Values as PostgreSQL reads an array from its text (manual, "Array Input and Output Syntax").
fn array<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    let mut text = "{".to_owned();
    for value in values {
        if text.len() > 1 {
            text.push(',');
        }
        match value {
            Value::Int(value) | Value::OptInt(Some(value)) => text.push_str(&value.to_string()),
            Value::Text(value) | Value::OptText(Some(value)) => push_quoted(&mut text, value),
            Value::OptInt(None) | Value::OptText(None) => text.push_str("NULL"),
            Value::Bytes(value) => push_quoted(&mut text, &format!("\\x{}", hex::encode(value))),
        }
    }
    text.push('}');
    text
}

fn push_quoted(text: &mut String, value: &str) {
    text.push('"');
    for part in value.split_inclusive(['"', '\\']) {
        match part.strip_suffix(['"', '\\']) {
            Some(plain) => {
                text.push_str(plain);
                text.push('\\');
                text.push_str(&part[plain.len()..]);
            }
            None => text.push_str(part),
        }
    }
    text.push('"');
}

/// Table and columns of a bulk insert.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    pub table: &'static str,
    pub columns: &'a [&'static str],
    pub on_conflict: OnConflict,
}

/// So many rows of binds.
fn values(width: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; width].join(", "));
    format!("VALUES {}", vec![row.as_str(); rows].join(", "))
}

/// The insert of rows that `rows` gives.
fn statement(target: &Target<'_>, rows: &str) -> String {
    let columns = target.columns.join(", ");
    let mut sql = format!("INSERT INTO {} ({columns}) {rows}", target.table);
    match target.on_conflict {
        OnConflict::Fail => {}
        OnConflict::Skip => sql.push_str(" ON CONFLICT DO NOTHING"),
        OnConflict::Replace { key } => {
            let (key, rest) = target.columns.split_at(key);
            let set: Vec<String> =
                rest.iter().map(|column| format!("{column} = excluded.{column}")).collect();
            sql.push_str(&format!(
                " ON CONFLICT ({}) DO UPDATE SET {}",
                key.join(", "),
                set.join(", ")
            ));
        }
    }
    sql
}

/// Ids asked for in one statement.
pub const IDS_MAX: usize = 500;

/// Texts of a column by integer id, in as few statements as the engines allow.
pub async fn select_texts_by_id(
    conn: &mut Conn,
    table: &'static str,
    column: &'static str,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<(i64, String)>, StoreError> {
    use sqlx::Row;
    let ids: Vec<i64> = ids.into_iter().collect();
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(IDS_MAX) {
        let marks: Vec<String> = (1..=chunk.len()).map(|number| format!("${number}")).collect();
        let sql = format!("SELECT id, {column} FROM {table} WHERE id IN ({})", marks.join(", "));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for id in chunk {
            query = query.bind(*id);
        }
        for row in conn.fetch_all(query).await? {
            found.push((row.try_get(0)?, row.try_get(1)?));
        }
    }
    Ok(found)
}

/// What is selected by texts: columns, the first of which is compared, and another that has one
/// value.
#[derive(Clone, Copy)]
pub struct Select<'a> {
    pub table: &'static str,
    pub columns: &'a [&'static str],
    pub fixed: (&'static str, &'a str),
}

/// Rows whose first column is one of `texts`, in as few statements as the engines allow.
pub async fn select_by_texts(
    conn: &mut Conn,
    select: Select<'_>,
    texts: &[&str],
) -> Result<Vec<sqlx::any::AnyRow>, StoreError> {
    let Select { table, columns, fixed } = select;
    let mut found = Vec::new();
    for chunk in texts.chunks(IDS_MAX) {
        let marks: Vec<String> = (2..=chunk.len() + 1).map(|number| format!("${number}")).collect();
        let sql = format!(
            "SELECT {} FROM {table} WHERE {} = $1 AND {} IN ({})",
            columns.join(", "),
            fixed.0,
            columns[0],
            marks.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(fixed.1.to_owned());
        for text in chunk {
            query = query.bind((*text).to_owned());
        }
        found.extend(conn.fetch_all(query).await?);
    }
    Ok(found)
}
