//! SQL of usage records, attribute sets, evidence and watermarks.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use sqlx::{Executor, Row};

use super::import::store::load_long;
use super::record::{Attributes, IMPORTED, RecordKey, RecordKind, StoredRecord};
use crate::ids::{OwnerRef, SourceName};
use crate::period::Span;
use crate::store::bulk::{self, OnConflict, Target, Value};
use crate::store::codec::{At, to_json};
use crate::store::{Conn, Engine, StoreError};

/// Records of an orchestrator are no longer than this; imported ones may be, and are found by
/// `lasting_usage` then.
pub const RECORD_SECONDS_MAX: i64 = 40 * 86_400;

/// Compression of evidence: level 3 is zstd's own balance.
const ZSTD_LEVEL: i32 = 3;

/// Source name of imported and pushed usage.
pub const IMPORT: &str = "import";

const RECORD_COLUMNS: [&str; 14] = [
    "source",
    "owner",
    "span_from",
    "meter",
    "resource",
    "identity",
    "revision",
    "span_until",
    "kind",
    "quantity",
    "attribute_set",
    "evidence",
    "evidence_index",
    "recorded_at",
];

/// Billable records of an owner that touch `span`, as known at `known_at`: for each key the
/// newest revision; records withheld by a finding that is not released are left out. Ascending
/// by span start, meter, resource, identity.
pub async fn load_records(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: Span,
    known_at: i64,
) -> Result<Vec<StoredRecord>, StoreError> {
    let mut records = load_all_records(conn, owner, span, known_at).await?;
    let withheld = load_withheld(conn, owner, span, known_at).await?;
    if !withheld.is_empty() {
        records.retain(|record| !withheld.contains(&record.key));
    }
    Ok(records)
}

/// The same with withheld records: what is there, whether it counts or not.
pub async fn load_all_records(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: Span,
    known_at: i64,
) -> Result<Vec<StoredRecord>, StoreError> {
    let mut records = newest(load_revisions(conn, owner, span, known_at).await?);
    // A revision may end earlier than what it supersedes.
    records.retain(|record| touches(record, span) && !record.is_withdrawn());
    Ok(records)
}

fn touches(record: &StoredRecord, span: Span) -> bool {
    let (from, until) = (record.key.from, record.until);
    until > span.from || (until == from && from >= span.from)
}

/// Every revision of an owner's records that touch `span`, ascending by key; revisions of one
/// whose first touches it, and some others, may end before it.
pub async fn load_revisions(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: Span,
    known_at: i64,
) -> Result<Vec<StoredRecord>, StoreError> {
    let sql = "SELECT span_from, meter, resource, identity, revision, span_until, kind, quantity, \
               attribute_set, evidence, evidence_index, recorded_at FROM usage_record \
               WHERE source = $1 AND owner = $2 AND span_from >= $3 AND span_from < $4 \
                 AND (span_until > $5 OR (span_until = span_from AND span_from >= $6) \
                   OR revision > 0) AND recorded_at <= $7 \
               ORDER BY span_from, meter, resource, identity, revision";
    let earliest = span.from.saturating_sub(RECORD_SECONDS_MAX);
    let mut revisions = load_long(conn, owner, Span::new(earliest, span.from), known_at).await?;
    let query = sqlx::query(sql)
        .bind(owner.source.0.clone())
        .bind(owner.id.clone())
        .bind(earliest)
        .bind(span.until)
        .bind(span.from)
        .bind(span.from)
        .bind(known_at);
    for row in conn.fetch_all(query).await? {
        revisions.push(record_row(owner, &row)?);
    }
    Ok(revisions)
}

/// Every revision of records of a source that begin inside `span`, for those of its owners that
/// are named: by owner, ascending by key within each.
pub(super) async fn load_revisions_begun(
    conn: &mut Conn,
    source: &SourceName,
    (owners, span): (&[&str], Span),
    known_at: i64,
) -> Result<BTreeMap<OwnerRef, Vec<StoredRecord>>, StoreError> {
    let mut revisions: BTreeMap<OwnerRef, Vec<StoredRecord>> = BTreeMap::new();
    for chunk in owners.chunks(bulk::IDS_MAX) {
        let marks: Vec<String> = (5..chunk.len() + 5).map(|number| format!("${number}")).collect();
        let sql = format!(
            "SELECT span_from, meter, resource, identity, revision, span_until, kind, quantity, \
             attribute_set, evidence, evidence_index, recorded_at, owner FROM usage_record \
             WHERE source = $1 AND span_from >= $2 AND span_from < $3 AND recorded_at <= $4 \
               AND owner IN ({}) ORDER BY span_from, meter, resource, identity, revision",
            marks.join(", ")
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(source.0.clone())
            .bind(span.from)
            .bind(span.until)
            .bind(known_at);
        for owner in chunk {
            query = query.bind((*owner).to_owned());
        }
        for row in conn.fetch_all(query).await? {
            let owner = OwnerRef { source: source.clone(), id: row.try_get(12)? };
            let record = record_row(&owner, &row)?;
            revisions.entry(owner).or_default().push(record);
        }
    }
    Ok(revisions)
}

/// Every revision of the records that an owner has of a meter and resource from an instant on.
pub(super) async fn load_revisions_at(
    conn: &mut Conn,
    owner: &OwnerRef,
    (from, meter, resource): (i64, &str, &str),
    known_at: i64,
) -> Result<Vec<StoredRecord>, StoreError> {
    let sql = "SELECT span_from, meter, resource, identity, revision, span_until, kind, quantity, \
               attribute_set, evidence, evidence_index, recorded_at FROM usage_record \
               WHERE source = $1 AND owner = $2 AND span_from = $3 AND meter = $4 \
                 AND resource = $5 AND recorded_at <= $6 ORDER BY identity, revision";
    let query = sqlx::query(sql)
        .bind(owner.source.0.clone())
        .bind(owner.id.clone())
        .bind(from)
        .bind(meter.to_owned())
        .bind(resource.to_owned())
        .bind(known_at);
    let rows = conn.fetch_all(query).await?;
    rows.iter().map(|row| record_row(owner, row)).collect()
}

/// Of each counter of an owner the last reading at or before a span, which is the baseline of what
/// follows, and the first at or after its end, to which the span's last part leads. Readings
/// further away than the longest record are no neighbours any more. Imported counters are read by
/// `import::store::load_around`.
pub async fn load_counter_neighbours(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: Span,
    known_at: i64,
) -> Result<Vec<StoredRecord>, StoreError> {
    let sides = [
        (Span::new(span.from - RECORD_SECONDS_MAX, span.from), Side::Before),
        (Span::new(span.until, span.until + RECORD_SECONDS_MAX), Side::After),
    ];
    let mut found = Vec::new();
    for (within, side) in sides {
        let mut nearest = Nearest::load(conn, owner, (within, side), known_at, NEAREST_MAX).await?;
        if !nearest.is_told() {
            // All that was looked at is withheld.
            nearest = Nearest::load(conn, owner, (within, side), known_at, i64::MAX).await?;
        }
        found.extend(nearest.counters.into_values().flatten());
    }
    Ok(found)
}

/// Revisions of a counter that are looked at for a neighbour that is not withheld.
const NEAREST_MAX: i64 = 8;

/// On which side of a span a neighbour is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// The nearest reading of each counter that has some; `None` where all that were loaded are
/// withheld.
struct Nearest {
    counters: BTreeMap<(String, String), Option<StoredRecord>>,
}

impl Nearest {
    async fn load(
        conn: &mut Conn,
        owner: &OwnerRef,
        (within, side): (Span, Side),
        known_at: i64,
        most: i64,
    ) -> Result<Self, StoreError> {
        let order = match side {
            Side::Before => "DESC",
            Side::After => "ASC",
        };
        // The kind stands in the text, so that the partial index of counters serves it.
        let sql = format!(
            "SELECT span_from, meter, resource, identity, revision, span_until, kind, quantity, \
             attribute_set, evidence, evidence_index, recorded_at FROM ( \
               SELECT span_from, meter, resource, identity, revision, span_until, kind, quantity, \
                 attribute_set, evidence, evidence_index, recorded_at, ROW_NUMBER() OVER ( \
                   PARTITION BY meter, resource \
                   ORDER BY span_from {order}, identity {order}, revision DESC) AS place \
               FROM usage_record WHERE kind = 'cumulative' AND source = $1 AND owner = $2 \
                 AND span_from >= $3 AND span_from <= $4 AND recorded_at <= $5 \
                 AND identity NOT LIKE '{IMPORTED}%') AS near \
             WHERE place <= $6 ORDER BY span_from, meter, resource, identity, revision"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(owner.source.0.clone())
            .bind(owner.id.clone())
            .bind(within.from)
            .bind(within.until)
            .bind(known_at)
            .bind(most);
        let rows = conn.fetch_all(query).await?;
        let mut counters: BTreeMap<(String, String), Option<StoredRecord>> = BTreeMap::new();
        if rows.is_empty() {
            return Ok(Self { counters });
        }
        let whole = Span::new(within.from, within.until.saturating_add(1));
        let withheld = load_withheld(conn, owner, whole, known_at).await?;
        let revisions: Result<Vec<_>, _> = rows.iter().map(|row| record_row(owner, row)).collect();
        for record in newest(revisions?) {
            if side == Side::Before && record.until > within.until {
                continue;
            }
            let counter = (record.key.meter.clone(), record.key.resource.clone());
            let nearest = counters.entry(counter).or_default();
            let nearer = nearest.as_ref().is_none_or(|found| match side {
                Side::Before => found.until <= record.until,
                Side::After => found.until > record.until,
            });
            if nearer && !withheld.contains(&record.key) {
                *nearest = Some(record);
            }
        }
        Ok(Self { counters })
    }

    fn is_told(&self) -> bool {
        self.counters.values().all(Option::is_some)
    }
}

/// Of revisions ascending by key the newest of each key.
pub(super) fn newest(revisions: Vec<StoredRecord>) -> Vec<StoredRecord> {
    let mut records: Vec<StoredRecord> = Vec::new();
    for record in revisions {
        match records.last_mut() {
            Some(last) if same_key(&last.key, &record.key) => *last = record,
            Some(_) | None => records.push(record),
        }
    }
    records
}

/// The newest revisions of a resource's records of one identity that begin inside `span`.
pub async fn load_of_resource(
    conn: &mut Conn,
    owner: &OwnerRef,
    (resource, identity): (&str, &str),
    span: Span,
) -> Result<Vec<StoredRecord>, StoreError> {
    let sql = "SELECT span_from, meter, resource, identity, revision, span_until, kind, quantity, \
               attribute_set, evidence, evidence_index, recorded_at FROM usage_record \
               WHERE source = $1 AND owner = $2 AND span_from >= $3 AND span_from < $4 \
                 AND resource = $5 AND identity = $6 \
               ORDER BY span_from, meter, resource, identity, revision";
    let query = sqlx::query(sql)
        .bind(owner.source.0.clone())
        .bind(owner.id.clone())
        .bind(span.from)
        .bind(span.until)
        .bind(resource.to_owned())
        .bind(identity.to_owned());
    let rows = conn.fetch_all(query).await?;
    let revisions: Result<Vec<_>, _> = rows.iter().map(|row| record_row(owner, row)).collect();
    Ok(newest(revisions?))
}

/// The newest revision stored under a key, if there is any.
pub async fn load_newest_revision(
    conn: &mut Conn,
    key: &RecordKey,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT revision FROM usage_record WHERE source = $1 AND owner = $2 \
               AND span_from = $3 AND meter = $4 AND resource = $5 AND identity = $6 \
               ORDER BY revision DESC LIMIT 1";
    let query = sqlx::query(sql)
        .bind(key.owner.source.0.clone())
        .bind(key.owner.id.clone())
        .bind(key.from)
        .bind(key.meter.clone())
        .bind(key.resource.clone())
        .bind(key.identity.clone());
    conn.fetch_optional(query).await?.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// Whether two keys differ in the revision alone.
pub fn same_key(a: &RecordKey, b: &RecordKey) -> bool {
    (a.from, &a.meter, &a.resource, &a.identity) == (b.from, &b.meter, &b.resource, &b.identity)
}

pub(super) fn record_row(
    owner: &OwnerRef,
    row: &sqlx::any::AnyRow,
) -> Result<StoredRecord, StoreError> {
    let identity: String = row.try_get(3)?;
    let kind: String = row.try_get(6)?;
    let quantity: String = row.try_get(7)?;
    let at = |column| At { table: "usage_record", id: &identity, column };
    let kind = match kind.as_str() {
        "interval" => RecordKind::Interval,
        "delta" => RecordKind::Delta,
        "cumulative" => RecordKind::Cumulative,
        "gauge" => RecordKind::Gauge,
        other => return Err(at("kind").corrupt(other)),
    };
    let quantity = at("quantity").exact(&quantity)?;
    Ok(StoredRecord {
        kind,
        until: row.try_get(5)?,
        quantity,
        attribute_set: row.try_get(8)?,
        evidence: row.try_get(9)?,
        evidence_index: row.try_get(10)?,
        recorded_at: row.try_get(11)?,
        key: RecordKey {
            owner: owner.clone(),
            from: row.try_get(0)?,
            meter: row.try_get(1)?,
            resource: row.try_get(2)?,
            revision: row.try_get(4)?,
            identity,
        },
    })
}

/// Keys of records that do not count: their finding withholds them and was not released.
pub(super) async fn load_withheld(
    conn: &mut Conn,
    owner: &OwnerRef,
    span: Span,
    known_at: i64,
) -> Result<BTreeSet<RecordKey>, StoreError> {
    let sql = "SELECT f.id, f.record_key FROM finding f WHERE f.source = $1 AND f.owner = $2 \
                 AND f.withholds = 1 AND f.span_from < $3 AND f.span_until >= $4 \
                 AND f.recorded_at <= $5 AND COALESCE((SELECT d.decision FROM finding_decision d \
                   WHERE d.finding_id = f.id AND d.recorded_at <= $6 \
                   ORDER BY d.recorded_at DESC, d.id DESC LIMIT 1), 'reopen') <> 'release'";
    let query = sqlx::query(sql)
        .bind(owner.source.0.clone())
        .bind(owner.id.clone())
        .bind(span.until)
        .bind(span.from)
        .bind(known_at)
        .bind(known_at);
    let mut keys = BTreeSet::new();
    for row in conn.fetch_all(query).await? {
        let id: String = row.try_get(0)?;
        let key: Option<String> = row.try_get(1)?;
        if let Some(key) = key {
            keys.insert(At { table: "finding", id: &id, column: "record_key" }.json(&key)?);
        }
    }
    Ok(keys)
}

/// Stores new records; those whose key is there already are left as they are. Gives how many
/// were new.
pub async fn save_records(
    conn: &mut Conn,
    engine: Engine,
    records: &[StoredRecord],
) -> Result<u64, StoreError> {
    let rows = records
        .iter()
        .map(|record| {
            let key = &record.key;
            vec![
                Value::Text(key.owner.source.0.clone()),
                Value::Text(key.owner.id.clone()),
                Value::Int(key.from),
                Value::Text(key.meter.clone()),
                Value::Text(key.resource.clone()),
                Value::Text(key.identity.clone()),
                Value::Int(key.revision),
                Value::Int(record.until),
                Value::Text(record.kind.as_str().to_owned()),
                Value::Text(record.quantity.to_string()),
                Value::Int(record.attribute_set),
                Value::Int(record.evidence),
                Value::Int(record.evidence_index),
                Value::Int(record.recorded_at),
            ]
        })
        .collect();
    let target =
        Target { table: "usage_record", columns: &RECORD_COLUMNS, on_conflict: OnConflict::Skip };
    bulk::insert(conn, engine, target, rows).await
}

/// The id of an attribute set: 63 bits of the hash of its JSON, so that no counter is shared.
pub fn attribute_set_id(json: &str) -> (i64, String) {
    let hash = hex::encode(Sha256::digest(json.as_bytes()));
    (id_of_hash(&hash), hash)
}

fn id_of_hash(hash: &str) -> i64 {
    let high = u64::from_str_radix(hash.get(..16).unwrap_or("0"), 16).unwrap_or(0);
    i64::try_from(high >> 1).unwrap_or(0)
}

/// Interns attribute sets given as `(id, hash, json)`; known ones are left alone.
pub async fn save_attribute_sets(
    conn: &mut Conn,
    engine: Engine,
    sets: Vec<(i64, String, String)>,
) -> Result<(), StoreError> {
    let ids: Vec<(i64, String)> = sets.iter().map(|(id, hash, _)| (*id, hash.clone())).collect();
    let count = u64::try_from(sets.len()).unwrap_or(0);
    let rows = sets
        .into_iter()
        .map(|(id, hash, json)| vec![Value::Int(id), Value::Text(hash), Value::Text(json)])
        .collect();
    let target = Target {
        table: "attribute_set",
        columns: &["id", "hash", "attributes"],
        on_conflict: OnConflict::Skip,
    };
    let inserted = bulk::insert(conn, engine, target, rows).await?;
    if inserted == count {
        return Ok(());
    }
    // Some were there: make sure that they are the same sets, not others of the same id.
    for (id, hash) in ids {
        let sql = "SELECT hash FROM attribute_set WHERE id = $1";
        let row = conn.fetch_optional(sqlx::query(sql).bind(id)).await?;
        let found: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
        if found.as_deref() != Some(hash.as_str()) {
            let id_text = id.to_string();
            let at = At { table: "attribute_set", id: &id_text, column: "hash" };
            return Err(at.corrupt(found.as_deref().unwrap_or("nothing")));
        }
    }
    Ok(())
}

/// Attribute sets by id.
pub async fn load_attribute_sets(
    conn: &mut Conn,
    ids: &[i64],
) -> Result<BTreeMap<i64, Attributes>, StoreError> {
    let wanted: BTreeSet<i64> = ids.iter().copied().collect();
    let mut sets = BTreeMap::new();
    for (id, json) in bulk::select_texts_by_id(conn, "attribute_set", "attributes", wanted).await? {
        let id_text = id.to_string();
        let at = At { table: "attribute_set", id: &id_text, column: "attributes" };
        sets.insert(id, at.json(&json)?);
    }
    Ok(sets)
}

/// A page of evidence as it came, with the request that brought it.
#[derive(Clone, Debug)]
pub struct EvidencePage {
    pub id: i64,
    pub source: String,
    pub request: String,
    pub window: Span,
    pub page: i64,
    pub fetched_at: i64,
    pub body_hash: String,
    /// Uncompressed; its SHA-256 is checked against `body_hash` when read.
    pub body: Vec<u8>,
}

/// A page of evidence; `Corrupt` when its body does not have its hash.
pub async fn load_evidence(conn: &mut Conn, id: i64) -> Result<Option<EvidencePage>, StoreError> {
    let sql = "SELECT p.source, p.request, p.window_from, p.window_until, p.page, p.fetched_at, \
               p.body_hash, b.body FROM evidence_page p \
               JOIN evidence_body b ON b.hash = p.body_hash WHERE p.id = $1";
    let Some(row) = conn.fetch_optional(sqlx::query(sql).bind(id)).await? else { return Ok(None) };
    let hash: String = row.try_get(6)?;
    let packed: Vec<u8> = row.try_get(7)?;
    let at = At { table: "evidence_body", id: &hash, column: "body" };
    let body = zstd::decode_all(packed.as_slice()).map_err(|e| at.corrupt(&e.to_string()))?;
    if hex::encode(Sha256::digest(&body)) != hash {
        return Err(at.corrupt("bytes that do not have their hash"));
    }
    Ok(Some(EvidencePage {
        id,
        source: row.try_get(0)?,
        request: row.try_get(1)?,
        window: Span::new(row.try_get(2)?, row.try_get(3)?),
        page: row.try_get(4)?,
        fetched_at: row.try_get(5)?,
        body_hash: hash,
        body,
    }))
}

/// A page to be kept.
pub struct NewPage<'a> {
    pub source: &'a SourceName,
    /// Names this reading of the window; the same for all its pages.
    pub reading: &'a str,
    pub request: &'a str,
    pub window: Span,
    pub page: u32,
    pub fetched_at: i64,
    pub body: &'a [u8],
}

/// SHA-256 (hex) of a body.
pub fn body_hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

/// Whether a body was read for this window before, so that nothing new can be on it.
pub async fn is_known_page(
    conn: &mut Conn,
    source: &SourceName,
    window: Span,
    hash: &str,
) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM evidence_page WHERE source = $1 AND window_from = $2 \
               AND window_until = $3 AND body_hash = $4 LIMIT 1";
    let query = sqlx::query(sql)
        .bind(source.0.clone())
        .bind(window.from)
        .bind(window.until)
        .bind(hash.to_owned());
    Ok(conn.fetch_optional(query).await?.is_some())
}

/// A body compressed as it is stored.
pub fn pack(body: &[u8]) -> Result<Vec<u8>, StoreError> {
    zstd::encode_all(body, ZSTD_LEVEL)
        .map_err(|error| StoreError::Conflict(format!("compressing evidence: {error}")))
}

/// Keeps a page: its body once for each content, a row for each reading. Gives the page's id.
pub async fn save_page(conn: &mut Conn, page: NewPage<'_>) -> Result<i64, StoreError> {
    let hash = body_hash(page.body);
    save_hashed_page(conn, page, (hash, None)).await
}

/// The same for a page whose hash is known, and, where somebody made it, its packed body.
pub(super) async fn save_hashed_page(
    conn: &mut Conn,
    page: NewPage<'_>,
    (hash, packed): (String, Option<Vec<u8>>),
) -> Result<i64, StoreError> {
    let known = conn
        .fetch_optional(
            sqlx::query("SELECT size FROM evidence_body WHERE hash = $1").bind(hash.clone()),
        )
        .await?;
    if known.is_none() {
        let packed = packed.map_or_else(|| pack(page.body), Ok)?;
        let sql = "INSERT INTO evidence_body (hash, size, body) VALUES ($1, $2, $3) \
                   ON CONFLICT DO NOTHING";
        let size = i64::try_from(page.body.len()).unwrap_or(i64::MAX);
        let query = sqlx::query(sql).bind(hash.clone()).bind(size).bind(packed);
        conn.execute(query).await?;
    }
    let name = format!("{}\n{}\n{}\n{hash}", page.source, page.reading, page.page);
    let id = id_of_hash(&body_hash(name.as_bytes()));
    let sql = "INSERT INTO evidence_page (id, source, reading, request, window_from, \
               window_until, page, fetched_at, body_hash) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    let query = sqlx::query(sql)
        .bind(id)
        .bind(page.source.0.clone())
        .bind(page.reading.to_owned())
        .bind(page.request.to_owned())
        .bind(page.window.from)
        .bind(page.window.until)
        .bind(i64::from(page.page))
        .bind(page.fetched_at)
        .bind(hash);
    conn.execute(query).await?;
    Ok(id)
}

/// How far every source is collected: `(source, collected_until, orchestrator_until)`. Where
/// usage is made of observations, it is complete when both they and the windows are.
pub async fn load_watermarks(conn: &mut Conn) -> Result<Vec<(String, i64, i64)>, StoreError> {
    let sql = "SELECT s.source, \
                 CASE WHEN o.derived_until IS NOT NULL AND o.derived_until < s.collected_until \
                   THEN o.derived_until ELSE s.collected_until END, s.orchestrator_until \
               FROM source_state s LEFT JOIN observation_state o ON o.source = s.source \
               WHERE s.source <> 'import' ORDER BY s.source";
    let rows = conn.fetch_all(sql).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

/// How far one source is collected, and how its last round went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    pub collected_until: i64,
    pub orchestrator_until: i64,
    pub window_seconds: i64,
    pub last_success_at: i64,
    pub last_error: Option<String>,
    pub last_error_at: Option<i64>,
}

/// The state of a source, if it was ever collected.
pub async fn load_source_state(
    conn: &mut Conn,
    source: &SourceName,
) -> Result<Option<SourceState>, StoreError> {
    let sql = "SELECT collected_until, orchestrator_until, window_seconds, last_success_at, \
               last_error, last_error_at FROM source_state WHERE source = $1";
    let row = conn.fetch_optional(sqlx::query(sql).bind(source.0.clone())).await?;
    row.map(|row| {
        Ok(SourceState {
            collected_until: row.try_get(0)?,
            orchestrator_until: row.try_get(1)?,
            window_seconds: row.try_get(2)?,
            last_success_at: row.try_get(3)?,
            last_error: row.try_get(4)?,
            last_error_at: row.try_get(5)?,
        })
    })
    .transpose()
}

/// Moves a source's watermark forward, never back, in the transaction of the window's records.
pub async fn advance(
    conn: &mut Conn,
    source: &SourceName,
    state: &SourceState,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO source_state (source, collected_until, orchestrator_until, \
               window_seconds, last_success_at, last_error, last_error_at) \
               VALUES ($1, $2, $3, $4, $5, NULL, NULL) ON CONFLICT (source) DO UPDATE SET \
               collected_until = CASE WHEN source_state.collected_until > excluded.collected_until \
                 THEN source_state.collected_until ELSE excluded.collected_until END, \
               orchestrator_until = excluded.orchestrator_until, \
               window_seconds = excluded.window_seconds, \
               last_success_at = excluded.last_success_at, last_error = NULL";
    let query = sqlx::query(sql)
        .bind(source.0.clone())
        .bind(state.collected_until)
        .bind(state.orchestrator_until)
        .bind(state.window_seconds)
        .bind(state.last_success_at);
    conn.execute(query).await?;
    Ok(())
}

/// Makes a source known whose usage is not collected yet, so that nothing counts as complete.
pub async fn ensure_source(conn: &mut Conn, source: &SourceName) -> Result<(), StoreError> {
    let sql = "INSERT INTO source_state (source, collected_until, orchestrator_until, \
               window_seconds, last_success_at) VALUES ($1, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
    conn.execute(sqlx::query(sql).bind(source.0.clone())).await?;
    Ok(())
}

/// Notes that a round failed; the watermark stays.
pub async fn note_error(
    conn: &mut Conn,
    source: &SourceName,
    error: &str,
    at: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO source_state (source, collected_until, orchestrator_until, \
               window_seconds, last_success_at, last_error, last_error_at) \
               VALUES ($1, 0, 0, 0, 0, $2, $3) ON CONFLICT (source) DO UPDATE SET \
               last_error = excluded.last_error, last_error_at = excluded.last_error_at";
    let query = sqlx::query(sql).bind(source.0.clone()).bind(error.to_owned()).bind(at);
    conn.execute(query).await?;
    Ok(())
}

/// The JSON of a record's key, as findings hold it.
pub fn key_json(key: &RecordKey) -> String {
    to_json(key)
}
