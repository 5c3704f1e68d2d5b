//! Goal: of each counter the readings beside a month are found, however many of them do not count.
//! Method: readings on both sides of a span, some withheld, on both engines.

use billow::clock::ManualClock;
use billow::collect::record::{RecordKey, RecordKind, StoredRecord};
use billow::collect::store::{key_json, load_counter_neighbours, save_records};
use billow::finding::store::{NewFinding, save_findings};
use billow::ids::{IdMaker, OwnerRef, SourceName};
use billow::money::Exact;
use billow::period::Span;
use billow::store::Db;

use crate::on_both_engines;

const MONTH: Span = Span { from: 1_000_000, until: 2_000_000 };

fn owner() -> OwnerRef {
    OwnerRef { source: SourceName("os1".to_owned()), id: "p".to_owned() }
}

fn reading(resource: &str, at: i64, revision: i64) -> StoredRecord {
    StoredRecord {
        key: RecordKey {
            owner: owner(),
            from: at,
            meter: "network_sent".to_owned(),
            resource: resource.to_owned(),
            identity: "counter".to_owned(),
            revision,
        },
        kind: RecordKind::Cumulative,
        until: at,
        quantity: Exact::int(i128::from(at)),
        attribute_set: 0,
        evidence: 0,
        evidence_index: 0,
        recorded_at: 10 + revision,
    }
}

fn doubt(of: &StoredRecord) -> NewFinding {
    NewFinding {
        rule: "negative",
        owner: owner(),
        meter: of.key.meter.clone(),
        resource: of.key.resource.clone(),
        span: Span::new(of.key.from, of.until),
        record_key: Some(key_json(&of.key)),
        withholds: true,
        repaired: false,
        proposal: None,
        message: "a doubt".to_owned(),
        detail: serde_json::Value::Null,
        fingerprint: key_json(&of.key),
    }
}

/// Resource, instant and revision of what is found, known so early.
async fn found(db: &Db, known_at: i64) -> Vec<(String, i64, i64)> {
    let mut conn = db.read().await.expect("read");
    let found = load_counter_neighbours(&mut conn, &owner(), MONTH, known_at).await;
    let mut found: Vec<_> = found
        .expect("neighbours")
        .into_iter()
        .map(|one| (one.key.resource, one.key.from, one.key.revision))
        .collect();
    found.sort();
    found
}

on_both_engines! {
    async fn the_nearest_readings_that_count_are_found(db: Db) {
        let mut readings = Vec::new();
        // One right at each end, with others further away and inside.
        for at in [900_000, 1_000_000, 1_000_001, 1_999_999, 2_000_000, 2_100_000] {
            readings.push(reading("close", at, 0));
        }
        readings.push(reading("close", 1_000_000, 1));
        // Twenty on each side of which the nearest nineteen are in doubt.
        let far: Vec<StoredRecord> = (1..=20)
            .flat_map(|n| [reading("far", 1_000_000 - n, 0), reading("far", 2_000_000 + n, 0)])
            .collect();
        readings.extend(far.iter().cloned());
        // All of it in doubt, and older than anything that is near.
        let lost = [reading("lost", 999_000, 0), reading("ancient", -9_000_000, 0)];
        readings.extend(lost.iter().cloned());
        let mut tx = db.begin().await.expect("begin");
        save_records(&mut tx, db.engine(), &readings).await.expect("store");
        let nearest = |one: &&StoredRecord| ![999_980, 2_000_020].contains(&one.until);
        let doubts: Vec<NewFinding> =
            far.iter().filter(nearest).chain(&lost[..1]).map(doubt).collect();
        let clock = ManualClock::at("2026-11-05T09:00:00Z".parse().expect("an instant"));
        save_findings(&mut tx, doubts, &IdMaker::new(&clock), 10).await.expect("store");
        tx.commit().await.expect("commit");
        let at = |resource: &str, at: i64, revision: i64| (resource.to_owned(), at, revision);
        let far = [at("far", 999_980, 0), at("far", 2_000_020, 0)];
        let close = [at("close", 1_000_000, 1), at("close", 2_000_000, 0)];
        assert_eq!(found(&db, 11).await, [close, far.clone()].concat());
        let before = [at("close", 1_000_000, 0), at("close", 2_000_000, 0)];
        assert_eq!(found(&db, 10).await, [before, far].concat(), "as it was known then");
        assert_eq!(found(&db, 9).await, []);
    }
}
