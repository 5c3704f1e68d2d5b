//! SQL of imported rows by their sender's source and id, and of imported usage that reaches into
//! months far from its start.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Executor, Row};

use crate::collect::record::{RecordKey, RecordKind, StoredRecord};
use crate::collect::store::{
    RECORD_SECONDS_MAX, load_revisions_at, load_withheld, newest, record_row, save_records,
};
use crate::ids::OwnerRef;
use crate::money::Exact;
use crate::period::Span;
use crate::store::bulk::{self, OnConflict, Target, Value};
use crate::store::codec::At;
use crate::store::{Conn, Engine, StoreError};

/// A row's sender and id.
pub type RowName = (String, String);

/// A row to be noted, or a content that replaces it.
pub struct NewRow<'a> {
    pub source: &'a str,
    pub id: &'a str,
    pub content_hash: &'a str,
    /// JSON of the record's key.
    pub record_key: &'a str,
    pub recorded_at: i64,
}

/// What is known of a row.
#[derive(Clone, Debug)]
pub struct KnownRow {
    /// Hashes of all contents that ever counted.
    pub hashes: BTreeSet<String>,
    /// 0 for the first content.
    pub version: i64,
    /// Key of the record that counts now.
    pub key: RecordKey,
}

/// Notes rows that are new; gives how many were.
pub async fn save_rows(
    conn: &mut Conn,
    engine: Engine,
    rows: &[NewRow<'_>],
) -> Result<u64, StoreError> {
    let rows = rows.iter().map(|row| {
        vec![
            Value::Text(row.source.to_owned()),
            Value::Text(row.id.to_owned()),
            Value::Text(row.content_hash.to_owned()),
            Value::Text(row.record_key.to_owned()),
            Value::Int(row.recorded_at),
        ]
    });
    let columns = ["source", "id", "content_hash", "record_key", "recorded_at"];
    let target = Target { table: "imported_row", columns: &columns, on_conflict: OnConflict::Skip };
    bulk::insert(conn, engine, target, rows.collect()).await
}

/// Known rows among those asked for.
pub async fn load_rows(
    conn: &mut Conn,
    names: &BTreeSet<RowName>,
) -> Result<BTreeMap<RowName, KnownRow>, StoreError> {
    let mut ids_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (source, id) in names {
        ids_of.entry(source).or_default().push(id);
    }
    let mut known: BTreeMap<RowName, KnownRow> = BTreeMap::new();
    for (source, ids) in ids_of {
        for (table, columns) in [
            ("imported_row", &["id", "content_hash", "record_key"][..]),
            ("imported_version", &["id", "content_hash", "record_key", "version"][..]),
        ] {
            let select = bulk::Select { table, columns, fixed: ("source", source) };
            for row in bulk::select_by_texts(conn, select, &ids).await? {
                let (id, hash, key): (String, String, String) =
                    (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                let version = if columns.len() > 3 { row.try_get(3)? } else { 0 };
                let key = At { table, id: &id, column: "record_key" }.json(&key)?;
                let name = (source.to_owned(), id);
                let row = match known.entry(name) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(KnownRow { hashes: BTreeSet::new(), version, key })
                    }
                    Entry::Occupied(known) => {
                        let row = known.into_mut();
                        if version > row.version {
                            (row.version, row.key) = (version, key);
                        }
                        row
                    }
                };
                row.hashes.insert(hash);
            }
        }
    }
    Ok(known)
}

/// Notes a content that replaces the one before; false when that version is there already.
pub async fn save_version(
    conn: &mut Conn,
    row: &NewRow<'_>,
    version: i64,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO imported_version (source, id, version, content_hash, record_key, \
               recorded_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    let query = sqlx::query(sql)
        .bind(row.source.to_owned())
        .bind(row.id.to_owned())
        .bind(version)
        .bind(row.content_hash.to_owned())
        .bind(row.record_key.to_owned())
        .bind(row.recorded_at);
    Ok(conn.execute(query).await?.rows_affected() == 1)
}

/// The newest revision of a record.
pub async fn load_newest(
    conn: &mut Conn,
    key: &RecordKey,
) -> Result<Option<StoredRecord>, StoreError> {
    let place = (key.from, key.meter.as_str(), key.resource.as_str());
    let found = newest(load_revisions_at(conn, &key.owner, place, i64::MAX).await?);
    Ok(found.into_iter().find(|record| record.key.identity == key.identity))
}

/// Adds the revision by which a record does not count any more.
pub async fn withdraw(
    conn: &mut Conn,
    engine: Engine,
    key: &RecordKey,
    recorded_at: i64,
) -> Result<(), StoreError> {
    let Some(found) = load_newest(conn, key).await? else { return Ok(()) };
    let revision = found.key.revision + 1;
    let withdrawn = StoredRecord {
        key: RecordKey { revision, ..found.key },
        kind: RecordKind::Delta,
        quantity: Exact::ZERO,
        recorded_at,
        ..found
    };
    save_records(conn, engine, &[withdrawn]).await?;
    let sql = "UPDATE lasting_usage SET withdrawn_at = $1 WHERE source = $2 AND owner = $3 \
               AND meter = $4 AND resource = $5 AND span_from = $6 AND identity = $7";
    let query = sqlx::query(sql)
        .bind(recorded_at)
        .bind(key.owner.source.0.clone())
        .bind(key.owner.id.clone())
        .bind(key.meter.clone())
        .bind(key.resource.clone())
        .bind(key.from)
        .bind(key.identity.clone());
    conn.execute(query).await?;
    Ok(())
}

/// How a record reaches beyond its own month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Long,
    Counter,
    Level,
}

impl Class {
    fn as_str(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Counter => "counter",
            Self::Level => "level",
        }
    }

    /// The class of a record; `None` for those that are found by their start.
    pub fn of(record: &StoredRecord) -> Option<Self> {
        let open = record.key.from == record.until;
        match record.kind {
            RecordKind::Cumulative => Some(Self::Counter),
            RecordKind::Gauge if open => Some(Self::Level),
            RecordKind::Interval | RecordKind::Delta | RecordKind::Gauge => {
                (record.until - record.key.from > RECORD_SECONDS_MAX).then_some(Self::Long)
            }
        }
    }
}

/// The classes under which a record is found: every level ends the one before it.
pub fn classes_of(record: &StoredRecord) -> BTreeSet<Class> {
    let level = (record.kind == RecordKind::Gauge).then_some(Class::Level);
    Class::of(record).into_iter().chain(level).collect()
}

/// Notes where to find those of the records that last.
pub async fn save_lasting(
    conn: &mut Conn,
    engine: Engine,
    records: &[StoredRecord],
) -> Result<(), StoreError> {
    let (mut rows, mut series) = (Vec::new(), BTreeSet::new());
    for record in records {
        for class in classes_of(record) {
            let key = &record.key;
            let name = [
                key.owner.source.0.as_str(),
                &key.owner.id,
                class.as_str(),
                &key.meter,
                &key.resource,
            ];
            let texts = || name.iter().map(|text| Value::Text((*text).to_owned()));
            let place = [
                Value::Int(key.from),
                Value::Int(record.until),
                Value::Text(key.identity.clone()),
                Value::Int(record.recorded_at),
            ];
            rows.push(texts().chain(place).collect());
            if class != Class::Long {
                series.insert(name);
            }
        }
    }
    let columns = [
        "source",
        "owner",
        "class",
        "meter",
        "resource",
        "span_from",
        "span_until",
        "identity",
        "recorded_at",
    ];
    let series: Vec<Vec<Value>> = series
        .into_iter()
        .map(|name| name.into_iter().map(|text| Value::Text(text.to_owned())).collect())
        .collect();
    for (table, columns, rows) in
        [("lasting_usage", &columns[..], rows), ("lasting_series", &columns[..5], series)]
    {
        let target = Target { table, columns, on_conflict: OnConflict::Skip };
        bulk::insert(conn, engine, target, rows).await?;
    }
    Ok(())
}

/// Every revision of an owner's records that began before `span` and reach beyond its end,
/// ascending by key.
pub async fn load_long(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: Span,
    known_at: i64,
) -> Result<Vec<StoredRecord>, StoreError> {
    let sql = "SELECT u.span_from, u.meter, u.resource, u.identity, u.revision, u.span_until, \
               u.kind, u.quantity, u.attribute_set, u.evidence, u.evidence_index, u.recorded_at \
               FROM lasting_usage l JOIN usage_record u ON u.source = l.source \
                 AND u.owner = l.owner AND u.span_from = l.span_from AND u.meter = l.meter \
                 AND u.resource = l.resource AND u.identity = l.identity \
               WHERE l.source = $1 AND l.owner = $2 AND l.class = 'long' AND l.span_from < $3 \
                 AND l.span_until > $4 AND u.recorded_at <= $5 \
               ORDER BY u.span_from, u.meter, u.resource, u.identity, u.revision";
    let query = sqlx::query(sql)
        .bind(owner.source.0.clone())
        .bind(owner.id.clone())
        .bind(span.from)
        .bind(span.until)
        .bind(known_at);
    let rows = conn.fetch_all(query).await?;
    rows.iter().map(|row| record_row(owner, row)).collect()
}

/// A counter or level of an owner.
struct Series {
    class: Class,
    meter: String,
    resource: String,
}

/// Of each counter and level of an owner the last reading before `span`, which counts inside it,
/// and of each counter with one also the first reading after. Withheld ones are passed over.
pub async fn load_around(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: Span,
    known_at: i64,
) -> Result<Vec<StoredRecord>, StoreError> {
    let mut found = Vec::new();
    for series in load_series(conn, owner).await? {
        let before = reading(conn, owner, &series, (Side::Before(span.from), known_at)).await?;
        found.extend(before);
        if series.class == Class::Counter {
            let after = Side::After(span.until);
            found.extend(reading(conn, owner, &series, (after, known_at)).await?);
        }
    }
    Ok(found)
}

async fn load_series(conn: &mut Conn, owner: &OwnerRef) -> Result<Vec<Series>, StoreError> {
    let sql = "SELECT class, meter, resource FROM lasting_series \
               WHERE source = $1 AND owner = $2 ORDER BY class, meter, resource";
    let query = sqlx::query(sql).bind(owner.source.0.clone()).bind(owner.id.clone());
    let mut series = Vec::new();
    for row in conn.fetch_all(query).await? {
        let class: String = row.try_get(0)?;
        let class = match class.as_str() {
            "counter" => Class::Counter,
            "level" => Class::Level,
            other => {
                let id = owner.to_string();
                let at = At { table: "lasting_series", id: &id, column: "class" };
                return Err(at.corrupt(other));
            }
        };
        series.push(Series { class, meter: row.try_get(1)?, resource: row.try_get(2)? });
    }
    Ok(series)
}

#[derive(Clone, Copy)]
enum Side {
    Before(i64),
    /// At the instant or after it.
    After(i64),
}

/// The nearest reading on a side that counts.
async fn reading(
    conn: &mut Conn,
    owner: &OwnerRef,
    series: &Series,
    (mut side, known_at): (Side, i64),
) -> Result<Option<StoredRecord>, StoreError> {
    while let Some(at) = nearest(conn, owner, series, (side, known_at)).await? {
        let place = (at, series.meter.as_str(), series.resource.as_str());
        let mut records = newest(load_revisions_at(conn, owner, place, known_at).await?);
        // A row that was replaced leaves a record of another kind behind.
        records.retain(|record| classes_of(record).contains(&series.class));
        if !records.is_empty() {
            let withheld = load_withheld(conn, owner, Span::new(at, at + 1), known_at).await?;
            records.retain(|record| !withheld.contains(&record.key));
        }
        if let Some(last) = records.pop() {
            return Ok(Some(last));
        }
        side = match side {
            Side::Before(_) => Side::Before(at),
            Side::After(_) => Side::After(at + 1),
        };
    }
    Ok(None)
}

/// The instant of the nearest reading on a side.
async fn nearest(
    conn: &mut Conn,
    owner: &OwnerRef,
    series: &Series,
    (side, known_at): (Side, i64),
) -> Result<Option<i64>, StoreError> {
    let (sql, at) = match side {
        Side::Before(at) => {
            let sql = "SELECT MAX(span_from) FROM lasting_usage WHERE source = $1 AND owner = $2 \
                       AND class = $3 AND meter = $4 AND resource = $5 AND span_from < $6 \
                       AND recorded_at <= $7";
            (sql, at)
        }
        Side::After(at) => {
            let sql = "SELECT MIN(span_from) FROM lasting_usage WHERE source = $1 AND owner = $2 \
                       AND class = $3 AND meter = $4 AND resource = $5 AND span_from >= $6 \
                       AND recorded_at <= $7";
            (sql, at)
        }
    };
    let query = sqlx::query(sql)
        .bind(owner.source.0.clone())
        .bind(owner.id.clone())
        .bind(series.class.as_str())
        .bind(series.meter.clone())
        .bind(series.resource.clone())
        .bind(at)
        .bind(known_at);
    Ok(conn.fetch_one(query).await?.try_get(0)?)
}

/// The instants of the readings before and after one of the same counter or level, as known now.
pub async fn load_neighbours(
    conn: &mut Conn,
    record: &StoredRecord,
) -> Result<(Option<i64>, Option<i64>), StoreError> {
    let Some(class) = Class::of(record) else { return Ok((None, None)) };
    let key = &record.key;
    let series = Series { class, meter: key.meter.clone(), resource: key.resource.clone() };
    let before = (Side::Before(key.from), i64::MAX);
    let after = (Side::After(key.from + 1), i64::MAX);
    let before = nearest(conn, &key.owner, &series, before).await?;
    Ok((before, nearest(conn, &key.owner, &series, after).await?))
}

/// Records of readings of the same counter or level at the same instant, under other ids.
pub async fn load_same_instant(
    conn: &mut Conn,
    record: &StoredRecord,
) -> Result<Vec<StoredRecord>, StoreError> {
    let key = &record.key;
    let class = Class::of(record);
    let place = (key.from, key.meter.as_str(), key.resource.as_str());
    let mut found = newest(load_revisions_at(conn, &key.owner, place, i64::MAX).await?);
    found.retain(|one| one.key.identity != key.identity && Class::of(one) == class);
    Ok(found)
}

/// Whether lasting usage that counts inside `span` was recorded at `since` or later: long records
/// and readings around it. What begins inside is not looked for.
pub async fn lasting_since(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: Span,
    since: i64,
) -> Result<bool, StoreError> {
    let sql = "SELECT l.identity FROM lasting_usage l WHERE l.source = $1 AND l.owner = $2 \
                 AND (l.recorded_at >= $3 OR l.withdrawn_at >= $3) AND (\
                 (l.class = 'long' AND l.span_from < $4 AND l.span_until > $5) OR \
                 (l.class <> 'long' AND l.span_from < $5 AND NOT EXISTS (\
                   SELECT 1 FROM lasting_usage n WHERE n.source = l.source \
                     AND n.owner = l.owner AND n.class = l.class AND n.meter = l.meter \
                     AND n.resource = l.resource AND n.withdrawn_at IS NULL \
                     AND n.span_from > l.span_from \
                     AND n.span_from <= $5)) OR \
                 (l.class = 'counter' AND l.span_from >= $4 AND NOT EXISTS (\
                   SELECT 1 FROM lasting_usage n WHERE n.source = l.source \
                     AND n.owner = l.owner AND n.class = l.class AND n.meter = l.meter \
                     AND n.resource = l.resource AND n.withdrawn_at IS NULL \
                     AND n.span_from < l.span_from \
                     AND n.span_from >= $4))) LIMIT 1";
    let query = sqlx::query(sql)
        .bind(owner.source.0.clone())
        .bind(owner.id.clone())
        .bind(since)
        .bind(span.until)
        .bind(span.from);
    Ok(conn.fetch_optional(query).await?.is_some())
}
