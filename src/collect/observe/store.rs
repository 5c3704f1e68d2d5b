//! SQL of observations, of what is known last of each resource, and of how sources are observed.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Executor, Row};

use super::interval::{Knowledge, Observed};
use super::news::Look;
use crate::collect::observation::{Certainty, Observation, ResourceKind, ResourceState};
use crate::collect::record::Attributes;
use crate::collect::store::{attribute_set_id, load_attribute_sets, save_attribute_sets};
use crate::ids::{OwnerRef, SourceName};
use crate::store::bulk::{self, OnConflict, Target, Value};
use crate::store::codec::{At, to_json};
use crate::store::{Conn, Engine, StoreError};

/// Resources asked for in one statement.
const RESOURCES_MAX: usize = 400;

/// The end of what still exists.
pub const NEVER: i64 = i64::MAX;

/// A resource of a source.
pub type ResourceKey = (ResourceKind, String);

/// What is known last of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    pub knowledge: Knowledge,
    /// The id of the knowledge's attribute set.
    pub attribute_set: i64,
    pub since_micros: i64,
    /// The instant of the last observation.
    pub last_micros: i64,
    /// Hash of all that the last round told of it and that was known; 0 where there is none.
    pub known_hash: i64,
    /// The last incomplete listing that showed it.
    pub seen_micros: i64,
    /// [`NEVER`] while it exists.
    pub gone_micros: i64,
}

/// How a source is observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservationState {
    /// Usage is made of observations from here; `None` where the orchestrator reports usage.
    pub derived_from: Option<i64>,
    /// Usage is made up to here.
    pub derived_until: Option<i64>,
    /// Unix seconds of the last round that came to its end.
    pub last_round_at: i64,
    pub last_error: Option<String>,
    pub last_error_at: Option<i64>,
    /// When the last event was received (unix seconds), and when it had happened.
    pub last_event_at: i64,
    pub last_event_micros: i64,
    pub events: i64,
    pub events_malformed: i64,
}

const STATE_COLUMNS: &str = "derived_from, derived_until, last_round_at, last_error, \
                             last_error_at, last_event_at, last_event_micros, events, \
                             events_malformed";

/// Locks how a source is observed until the transaction ends, and gives it.
pub async fn lock_state(
    conn: &mut Conn,
    source: &SourceName,
) -> Result<ObservationState, StoreError> {
    let sql = format!(
        "INSERT INTO observation_state (source, last_round_at, last_event_at, last_event_micros, \
         events, events_malformed) VALUES ($1, 0, 0, 0, 0, 0) \
         ON CONFLICT (source) DO UPDATE SET source = excluded.source RETURNING {STATE_COLUMNS}"
    );
    let row = conn.fetch_one(sqlx::query(AssertSqlSafe(sql)).bind(source.0.clone())).await?;
    state_row(&row)
}

/// How a source is observed, if it ever was.
pub async fn load_state(
    conn: &mut Conn,
    source: &SourceName,
) -> Result<Option<ObservationState>, StoreError> {
    let sql = format!("SELECT {STATE_COLUMNS} FROM observation_state WHERE source = $1");
    let query = sqlx::query(AssertSqlSafe(sql)).bind(source.0.clone());
    conn.fetch_optional(query).await?.as_ref().map(state_row).transpose()
}

fn state_row(row: &AnyRow) -> Result<ObservationState, StoreError> {
    Ok(ObservationState {
        derived_from: row.try_get(0)?,
        derived_until: row.try_get(1)?,
        last_round_at: row.try_get(2)?,
        last_error: row.try_get(3)?,
        last_error_at: row.try_get(4)?,
        last_event_at: row.try_get(5)?,
        last_event_micros: row.try_get(6)?,
        events: row.try_get(7)?,
        events_malformed: row.try_get(8)?,
    })
}

/// Stores how a source is observed; its row is locked by the caller.
pub async fn save_state(
    conn: &mut Conn,
    source: &SourceName,
    state: &ObservationState,
) -> Result<(), StoreError> {
    let sql = "UPDATE observation_state SET derived_from = $1, derived_until = $2, \
               last_round_at = $3, last_error = $4, last_error_at = $5, last_event_at = $6, \
               last_event_micros = $7, events = $8, events_malformed = $9 WHERE source = $10";
    let query = sqlx::query(sql)
        .bind(state.derived_from)
        .bind(state.derived_until)
        .bind(state.last_round_at)
        .bind(state.last_error.clone())
        .bind(state.last_error_at)
        .bind(state.last_event_at)
        .bind(state.last_event_micros)
        .bind(state.events)
        .bind(state.events_malformed)
        .bind(source.0.clone());
    conn.execute(query).await?;
    Ok(())
}

/// 63 bits of the hash of all that an observation tells.
pub fn digest(observation: &Observation, shown_micros: Option<i64>) -> i64 {
    let mut hash = Sha256::new();
    for part in [
        observation.certainty.as_str(),
        observation.state.map_or("", ResourceState::as_str),
        &observation.owner.id,
        &to_json(&observation.attributes),
        &shown_micros.map_or_else(String::new, |shown| shown.to_string()),
    ] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    high_bits(hash)
}

fn high_bits(hash: Sha256) -> i64 {
    let bytes = hash.finalize();
    let mut high = [0; 8];
    high.copy_from_slice(&bytes[..8]);
    i64::try_from(u64::from_be_bytes(high) >> 1).unwrap_or(0)
}

/// 63 bits of the hash of all that a round tells of a resource; when it listed it does not count.
pub fn hash_of_round(group: &[Observed]) -> i64 {
    let mut parts: Vec<(i64, i64)> = group
        .iter()
        .map(|one| {
            let told = &one.observation;
            let exact = told.certainty.is_exact();
            (if exact { told.at_micros } else { i64::MIN }, digest(told, one.shown_micros))
        })
        .collect();
    parts.sort_unstable();
    let mut hash = Sha256::new();
    for (at, digest) in parts {
        hash.update(at.to_be_bytes());
        hash.update(digest.to_be_bytes());
    }
    high_bits(hash)
}

fn marks(first: usize, count: usize) -> String {
    let marks: Vec<String> = (first..first + count).map(|number| format!("${number}")).collect();
    marks.join(", ")
}

/// Keys by kind, in pieces that fit one statement.
fn by_kind<'a>(
    keys: impl IntoIterator<Item = &'a ResourceKey>,
) -> Vec<(ResourceKind, Vec<&'a str>)> {
    let mut kinds: BTreeMap<ResourceKind, Vec<&str>> = BTreeMap::new();
    for (kind, resource) in keys {
        kinds.entry(*kind).or_default().push(resource);
    }
    let pieces = kinds.into_iter().flat_map(|(kind, resources)| {
        let pieces: Vec<_> =
            resources.chunks(RESOURCES_MAX).map(|piece| (kind, piece.to_vec())).collect();
        pieces
    });
    pieces.collect()
}

/// What is known last of the resources with these keys.
pub async fn load_tails(
    conn: &mut Conn,
    source: &SourceName,
    keys: impl IntoIterator<Item = &ResourceKey>,
) -> Result<BTreeMap<ResourceKey, Tail>, StoreError> {
    let mut tails = BTreeMap::new();
    for (kind, resources) in by_kind(keys) {
        let sql = format!(
            "SELECT {TAIL_COLUMNS} FROM observed_resource \
             WHERE source = $1 AND kind = $2 AND resource IN ({})",
            marks(3, resources.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(source.0.clone()).bind(kind.as_str());
        for resource in resources {
            query = query.bind(resource.to_owned());
        }
        for row in conn.fetch_all(query).await? {
            let (key, tail) = tail_row(source, &row)?;
            tails.insert(key, tail);
        }
    }
    Ok(tails)
}

const TAIL_COLUMNS: &str = "kind, resource, owner, state, attribute_set, since_micros, \
                            last_micros, known_hash, seen_micros, gone_micros";

/// All resources of a source that exist. Their attributes are not loaded.
pub async fn load_existing(
    conn: &mut Conn,
    source: &SourceName,
) -> Result<BTreeMap<ResourceKey, Tail>, StoreError> {
    let sql = format!(
        "SELECT {TAIL_COLUMNS} FROM observed_resource WHERE source = $1 AND gone_micros = $2"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(source.0.clone()).bind(NEVER);
    let rows = conn.fetch_all(query).await?;
    rows.iter().map(|row| tail_row(source, row)).collect()
}

fn tail_row(source: &SourceName, row: &AnyRow) -> Result<(ResourceKey, Tail), StoreError> {
    let resource: String = row.try_get(1)?;
    let at = |column| At { table: "observed_resource", id: &resource, column };
    let kind = kind_of(at("kind"), &row.try_get::<String, _>(0)?)?;
    let tail = Tail {
        knowledge: Knowledge {
            owner: OwnerRef { source: source.clone(), id: row.try_get(2)? },
            state: state_of(at("state"), &row.try_get::<String, _>(3)?)?,
            attributes: Attributes::new(),
        },
        attribute_set: row.try_get(4)?,
        since_micros: row.try_get(5)?,
        last_micros: row.try_get(6)?,
        known_hash: row.try_get(7)?,
        seen_micros: row.try_get(8)?,
        gone_micros: row.try_get(9)?,
    };
    Ok(((kind, resource), tail))
}

fn kind_of(at: At<'_>, text: &str) -> Result<ResourceKind, StoreError> {
    ResourceKind::parse(text).ok_or_else(|| at.corrupt(text))
}

fn state_of(at: At<'_>, text: &str) -> Result<Option<ResourceState>, StoreError> {
    match text {
        "" => Ok(None),
        text => ResourceState::parse(text).map(Some).ok_or_else(|| at.corrupt(text)),
    }
}

/// Fills in the attributes of tails.
pub async fn load_attributes_of(
    conn: &mut Conn,
    tails: &mut BTreeMap<ResourceKey, Tail>,
) -> Result<(), StoreError> {
    let ids: Vec<i64> = tails.values().map(|tail| tail.attribute_set).collect();
    let sets = load_attribute_sets(conn, &ids).await?;
    for ((_, resource), tail) in tails.iter_mut() {
        let set = sets.get(&tail.attribute_set).ok_or_else(|| {
            let at = At { table: "observed_resource", id: resource, column: "attribute_set" };
            at.corrupt(&tail.attribute_set.to_string())
        })?;
        tail.knowledge.attributes = set.clone();
    }
    Ok(())
}

/// All observations of resources, by resource and instant, as known at `known_at`.
pub async fn load_observations(
    conn: &mut Conn,
    source: &SourceName,
    keys: impl IntoIterator<Item = &ResourceKey>,
    known_at: i64,
) -> Result<BTreeMap<ResourceKey, Vec<Observed>>, StoreError> {
    let mut rows: Vec<(ResourceKey, Observed, i64)> = Vec::new();
    for (kind, resources) in by_kind(keys) {
        let sql = format!(
            "SELECT resource, at_micros, certainty, state, owner, attribute_set, read_micros, \
             shown_micros, evidence, evidence_index FROM observation WHERE source = $1 \
             AND kind = $2 AND recorded_at <= $3 AND resource IN ({}) \
             ORDER BY resource, at_micros, digest",
            marks(4, resources.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql))
            .bind(source.0.clone())
            .bind(kind.as_str())
            .bind(known_at);
        for resource in resources {
            query = query.bind(resource.to_owned());
        }
        for row in conn.fetch_all(query).await? {
            rows.push(observation_row(source, kind, &row)?);
        }
    }
    let ids: Vec<i64> = rows.iter().map(|(_, _, set)| *set).collect();
    let sets = load_attribute_sets(conn, &ids).await?;
    let mut found: BTreeMap<ResourceKey, Vec<Observed>> = BTreeMap::new();
    for (key, mut observed, set) in rows {
        let attributes = sets.get(&set).ok_or_else(|| {
            let at = At { table: "observation", id: &key.1, column: "attribute_set" };
            at.corrupt(&set.to_string())
        })?;
        observed.observation.attributes = attributes.clone();
        found.entry(key).or_default().push(observed);
    }
    Ok(found)
}

fn observation_row(
    source: &SourceName,
    kind: ResourceKind,
    row: &AnyRow,
) -> Result<(ResourceKey, Observed, i64), StoreError> {
    let resource: String = row.try_get(0)?;
    let at = |column| At { table: "observation", id: &resource, column };
    let certainty: String = row.try_get(2)?;
    let observation = Observation {
        owner: OwnerRef { source: source.clone(), id: row.try_get(4)? },
        kind,
        resource: resource.clone(),
        at_micros: row.try_get(1)?,
        certainty: Certainty::parse(&certainty)
            .ok_or_else(|| at("certainty").corrupt(&certainty))?,
        state: state_of(at("state"), &row.try_get::<String, _>(3)?)?,
        attributes: Attributes::new(),
    };
    let observed = Observed {
        observation,
        read_micros: row.try_get(6)?,
        shown_micros: row.try_get(7)?,
        evidence: row.try_get(8)?,
        evidence_index: row.try_get(9)?,
    };
    let set = row.try_get(5)?;
    Ok(((kind, resource), observed, set))
}

/// Adds observations; those that are there stay. Gives how many were new.
pub async fn save_observations(
    conn: &mut Conn,
    engine: Engine,
    source: &SourceName,
    observed: &[Observed],
    recorded_at: i64,
) -> Result<u64, StoreError> {
    let told = observed.iter().map(|one| &one.observation.attributes);
    save_sets(conn, engine, told).await?;
    let owners: BTreeSet<(&str, &str, &str)> = observed
        .iter()
        .map(|one| &one.observation)
        .map(|one| (one.owner.id.as_str(), one.kind.as_str(), one.resource.as_str()))
        .collect();
    let rows = owners.iter().map(|(owner, kind, resource)| {
        [source.0.as_str(), owner, kind, resource].map(|text| Value::Text(text.to_owned())).to_vec()
    });
    let target = Target {
        table: "observed_owner",
        columns: &["source", "owner", "kind", "resource"],
        on_conflict: OnConflict::Skip,
    };
    bulk::insert(conn, engine, target, rows.collect()).await?;
    let rows = observed.iter().map(|one| observation_values(source, one, recorded_at)).collect();
    let target = Target {
        table: "observation",
        columns: &[
            "source",
            "kind",
            "resource",
            "at_micros",
            "digest",
            "certainty",
            "state",
            "owner",
            "attribute_set",
            "read_micros",
            "shown_micros",
            "evidence",
            "evidence_index",
            "recorded_at",
        ],
        on_conflict: OnConflict::Skip,
    };
    bulk::insert(conn, engine, target, rows).await
}

fn observation_values(source: &SourceName, one: &Observed, recorded_at: i64) -> Vec<Value> {
    let told = &one.observation;
    vec![
        Value::Text(source.0.clone()),
        Value::Text(told.kind.as_str().to_owned()),
        Value::Text(told.resource.clone()),
        Value::Int(told.at_micros),
        Value::Int(digest(told, one.shown_micros)),
        Value::Text(told.certainty.as_str().to_owned()),
        Value::Text(told.state.map_or("", ResourceState::as_str).to_owned()),
        Value::Text(told.owner.id.clone()),
        Value::Int(set_of(&told.attributes)),
        Value::Int(one.read_micros),
        Value::OptInt(one.shown_micros),
        Value::Int(one.evidence),
        Value::Int(one.evidence_index),
        Value::Int(recorded_at),
    ]
}

/// The id of an attribute set.
pub fn set_of(attributes: &Attributes) -> i64 {
    attribute_set_id(&to_json(attributes)).0
}

async fn save_sets(
    conn: &mut Conn,
    engine: Engine,
    attributes: impl Iterator<Item = &Attributes>,
) -> Result<(), StoreError> {
    let mut sets: BTreeMap<i64, (String, String)> = BTreeMap::new();
    let distinct: BTreeSet<&Attributes> = attributes.collect();
    for one in distinct {
        let json = to_json(one);
        let (id, hash) = attribute_set_id(&json);
        sets.insert(id, (hash, json));
    }
    let sets = sets.into_iter().map(|(id, (hash, json))| (id, hash, json)).collect();
    save_attribute_sets(conn, engine, sets).await
}

/// Stores what is known last of resources.
pub async fn save_tails(
    conn: &mut Conn,
    engine: Engine,
    source: &SourceName,
    tails: &BTreeMap<ResourceKey, Tail>,
) -> Result<(), StoreError> {
    save_sets(conn, engine, tails.values().map(|tail| &tail.knowledge.attributes)).await?;
    let rows = tails.iter().map(|((kind, resource), tail)| {
        vec![
            Value::Text(source.0.clone()),
            Value::Text(kind.as_str().to_owned()),
            Value::Text(resource.clone()),
            Value::Text(tail.knowledge.owner.id.clone()),
            Value::Text(tail.knowledge.state.map_or("", ResourceState::as_str).to_owned()),
            Value::Int(tail.attribute_set),
            Value::Int(tail.since_micros),
            Value::Int(tail.last_micros),
            Value::Int(tail.known_hash),
            Value::Int(tail.seen_micros),
            Value::Int(tail.gone_micros),
        ]
    });
    let target = Target {
        table: "observed_resource",
        columns: &[
            "source",
            "kind",
            "resource",
            "owner",
            "state",
            "attribute_set",
            "since_micros",
            "last_micros",
            "known_hash",
            "seen_micros",
            "gone_micros",
        ],
        on_conflict: OnConflict::Replace { key: 3 },
    };
    bulk::insert(conn, engine, target, rows.collect()).await?;
    Ok(())
}

/// Notes that an incomplete listing showed resources as they were known.
pub async fn save_seen(
    conn: &mut Conn,
    source: &SourceName,
    keys: &[ResourceKey],
    at_micros: i64,
) -> Result<(), StoreError> {
    for (kind, resources) in by_kind(keys) {
        let sql = format!(
            "UPDATE observed_resource SET seen_micros = $1 WHERE source = $2 AND kind = $3 \
             AND seen_micros < $4 AND resource IN ({})",
            marks(5, resources.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql))
            .bind(at_micros)
            .bind(source.0.clone())
            .bind(kind.as_str())
            .bind(at_micros);
        for resource in resources {
            query = query.bind(resource.to_owned());
        }
        conn.execute(query).await?;
    }
    Ok(())
}

/// The last rounds of a kind, in microseconds; 0 where there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindRounds {
    /// Listed to its end.
    pub listed_micros: i64,
    /// And read without a doubt: what it did not show is gone.
    pub complete_micros: i64,
}

/// The last rounds of each kind that was ever listed to its end.
pub async fn load_kinds(
    conn: &mut Conn,
    source: &SourceName,
) -> Result<BTreeMap<ResourceKind, KindRounds>, StoreError> {
    let sql = "SELECT kind, listed_micros, complete_micros FROM observation_kind WHERE source = $1";
    let mut kinds = BTreeMap::new();
    for row in conn.fetch_all(sqlx::query(sql).bind(source.0.clone())).await? {
        let kind: String = row.try_get(0)?;
        let at = At { table: "observation_kind", id: &source.0, column: "kind" };
        let rounds =
            KindRounds { listed_micros: row.try_get(1)?, complete_micros: row.try_get(2)? };
        kinds.insert(kind_of(at, &kind)?, rounds);
    }
    Ok(kinds)
}

/// The bit of a kind in a round's `kinds`.
fn bit(kind: ResourceKind) -> i64 {
    let position = ResourceKind::ALL.iter().position(|one| *one == kind).unwrap_or(0);
    1 << position
}

/// A round that listed kinds to their end.
pub struct Round<'a> {
    pub at_micros: i64,
    /// The instant at which it had ended.
    pub read_micros: i64,
    pub listed: &'a [ResourceKind],
    /// Those of them that were read without a doubt.
    pub complete: &'a [ResourceKind],
}

/// Notes a round.
pub async fn save_round(
    conn: &mut Conn,
    source: &SourceName,
    round: &Round<'_>,
) -> Result<(), StoreError> {
    let at = round.at_micros;
    let sum: i64 = round.complete.iter().fold(0, |sum, kind| sum | bit(*kind));
    let sql = "INSERT INTO observation_round (source, at_micros, read_micros, kinds) \
               VALUES ($1, $2, $3, $4) ON CONFLICT (source, at_micros) DO UPDATE SET \
               kinds = observation_round.kinds | excluded.kinds, \
               read_micros = CASE WHEN observation_round.read_micros > excluded.read_micros \
                 THEN observation_round.read_micros ELSE excluded.read_micros END";
    let query = sqlx::query(sql).bind(source.0.clone()).bind(at).bind(round.read_micros).bind(sum);
    conn.execute(query).await?;
    let sql = "INSERT INTO observation_kind (source, kind, listed_micros, complete_micros) \
               VALUES ($1, $2, $3, $4) ON CONFLICT (source, kind) DO UPDATE SET \
               listed_micros = CASE WHEN observation_kind.listed_micros > excluded.listed_micros \
                 THEN observation_kind.listed_micros ELSE excluded.listed_micros END, \
               complete_micros = CASE WHEN observation_kind.complete_micros > \
                 excluded.complete_micros \
                 THEN observation_kind.complete_micros ELSE excluded.complete_micros END";
    for kind in round.listed {
        let complete = if round.complete.contains(kind) { at } else { 0 };
        let query =
            sqlx::query(sql).bind(source.0.clone()).bind(kind.as_str()).bind(at).bind(complete);
        conn.execute(query).await?;
    }
    Ok(())
}

/// The first complete round of a kind after an instant.
pub async fn load_round_after(
    conn: &mut Conn,
    source: &SourceName,
    kind: ResourceKind,
    at_micros: i64,
) -> Result<Option<Look>, StoreError> {
    let sql = "SELECT at_micros, read_micros FROM observation_round \
               WHERE source = $1 AND at_micros > $2 AND (kinds & $3) <> 0 \
               ORDER BY at_micros LIMIT 1";
    let query = sqlx::query(sql).bind(source.0.clone()).bind(at_micros).bind(bit(kind));
    let Some(row) = conn.fetch_optional(query).await? else { return Ok(None) };
    Ok(Some(Look { at_micros: row.try_get(0)?, read_micros: row.try_get(1)? }))
}

/// Notes that usage made before has to be made again, for each resource from an instant on.
pub async fn save_due(
    conn: &mut Conn,
    source: &SourceName,
    due: &BTreeMap<ResourceKey, i64>,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO observation_due (source, kind, resource, from_at) \
               VALUES ($1, $2, $3, $4) ON CONFLICT (source, kind, resource) DO UPDATE SET \
               from_at = CASE WHEN observation_due.from_at < excluded.from_at \
                 THEN observation_due.from_at ELSE excluded.from_at END";
    for ((kind, resource), from) in due {
        let query = sqlx::query(sql)
            .bind(source.0.clone())
            .bind(kind.as_str())
            .bind(resource.clone())
            .bind(*from);
        conn.execute(query).await?;
    }
    Ok(())
}

/// Resources whose usage has to be made again, at most `limit`, with the instant from which on.
pub async fn load_due(
    conn: &mut Conn,
    source: &SourceName,
    limit: i64,
) -> Result<BTreeMap<ResourceKey, i64>, StoreError> {
    let sql = "SELECT kind, resource, from_at FROM observation_due WHERE source = $1 \
               ORDER BY kind, resource LIMIT $2";
    let query = sqlx::query(sql).bind(source.0.clone()).bind(limit);
    let mut due = BTreeMap::new();
    for row in conn.fetch_all(query).await? {
        let resource: String = row.try_get(1)?;
        let at = At { table: "observation_due", id: &resource, column: "kind" };
        let kind = kind_of(at, &row.try_get::<String, _>(0)?)?;
        due.insert((kind, resource), row.try_get(2)?);
    }
    Ok(due)
}

/// Usage of these resources was made again.
pub async fn delete_due(
    conn: &mut Conn,
    source: &SourceName,
    due: &BTreeMap<ResourceKey, i64>,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM observation_due WHERE source = $1 AND kind = $2 AND resource = $3";
    for (kind, resource) in due.keys() {
        let query =
            sqlx::query(sql).bind(source.0.clone()).bind(kind.as_str()).bind(resource.clone());
        conn.execute(query).await?;
    }
    Ok(())
}

/// Resources that existed at or after an instant, after a key, at most `limit`, ascending.
pub async fn load_keys_after(
    conn: &mut Conn,
    source: &SourceName,
    from_micros: i64,
    after: Option<&ResourceKey>,
    limit: i64,
) -> Result<Vec<ResourceKey>, StoreError> {
    let (kind, resource) = after.map_or(("", ""), |(kind, resource)| (kind.as_str(), resource));
    let sql = "SELECT kind, resource FROM observed_resource WHERE source = $1 \
               AND (kind > $2 OR (kind = $3 AND resource > $4)) AND gone_micros > $5 \
               ORDER BY kind, resource LIMIT $6";
    let query = sqlx::query(sql)
        .bind(source.0.clone())
        .bind(kind)
        .bind(kind)
        .bind(resource.to_owned())
        .bind(from_micros)
        .bind(limit);
    keys(conn.fetch_all(query).await?)
}

/// How many resources existed at or after an instant.
pub async fn count_after(
    conn: &mut Conn,
    source: &SourceName,
    from_micros: i64,
) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM observed_resource WHERE source = $1 AND gone_micros > $2";
    let query = sqlx::query(sql).bind(source.0.clone()).bind(from_micros);
    Ok(conn.fetch_one(query).await?.try_get(0)?)
}

/// Resources that an owner ever had and that existed at or after an instant.
pub async fn load_keys_of_owner(
    conn: &mut Conn,
    owner: &OwnerRef,
    from_micros: i64,
) -> Result<Vec<ResourceKey>, StoreError> {
    let sql = "SELECT o.kind, o.resource FROM observed_owner o JOIN observed_resource r \
               ON r.source = o.source AND r.kind = o.kind AND r.resource = o.resource \
               WHERE o.source = $1 AND o.owner = $2 AND r.gone_micros > $3 \
               ORDER BY o.kind, o.resource";
    let query =
        sqlx::query(sql).bind(owner.source.0.clone()).bind(owner.id.clone()).bind(from_micros);
    keys(conn.fetch_all(query).await?)
}

fn keys(rows: Vec<AnyRow>) -> Result<Vec<ResourceKey>, StoreError> {
    let key = |row: &AnyRow| {
        let resource: String = row.try_get(1)?;
        let at = At { table: "observed_resource", id: &resource, column: "kind" };
        Ok((kind_of(at, &row.try_get::<String, _>(0)?)?, resource))
    };
    rows.iter().map(key).collect()
}
