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

/// Binds in one statement at most; SQLite allows 32,766, PostgreSQL 65,535.
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
/// Plain `?` on SQLite, because numbered binds cost the square of the statement's length there.
pub async fn insert(
    conn: &mut Conn,
    engine: Engine,
    target: Target<'_>,
    rows: Vec<Vec<Value>>,
) -> Result<u64, StoreError> {
    let width = target.columns.len();
    let batch = (BINDS_MAX / width.max(1)).max(1);
    let mut inserted = 0;
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk: Vec<Vec<Value>> = rows.by_ref().take(batch).collect();
        let sql = statement(engine, &target, chunk.len());
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

/// Table and columns of a bulk insert.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    pub table: &'static str,
    pub columns: &'a [&'static str],
    pub on_conflict: OnConflict,
}

fn statement(engine: Engine, target: &Target<'_>, rows: usize) -> String {
    let width = target.columns.len();
    let mut sql = String::with_capacity(64 + rows * width * 6);
    sql.push_str("INSERT INTO ");
    sql.push_str(target.table);
    sql.push_str(" (");
    sql.push_str(&target.columns.join(", "));
    sql.push_str(") VALUES ");
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..width {
            if column > 0 {
                sql.push_str(", ");
            }
            match engine {
                Engine::Sqlite => sql.push('?'),
                Engine::Postgres => {
                    sql.push('$');
                    sql.push_str(&(row * width + column + 1).to_string());
                }
            }
        }
        sql.push(')');
    }
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
const IDS_MAX: usize = 500;

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
