//! Many rows at once: what comes out is what went in, whatever its characters are.

use billow::store::Db;
use billow::store::bulk::{self, OnConflict, Target, Value};
use sqlx::{Executor, Row};

use crate::on_both_engines;

const TEXTS: [&str; 13] = [
    "",
    "NULL",
    "null",
    "a,b",
    "{}",
    "{\"key\":\"a \\\"quoted\\\" word\"}",
    "\\",
    "\"",
    "\\\\\"\\",
    " around ",
    "lines\r\nand\ttabs",
    "ü € 😀",
    "it's $1 ? ::text[]",
];

/// More rows than one statement takes on either engine.
const ROWS: usize = 9_000;

async fn insert(
    db: &Db,
    (table, columns): (&'static str, &[&'static str]),
    on_conflict: OnConflict,
    rows: Vec<Vec<Value>>,
) -> u64 {
    let mut tx = db.begin().await.expect("begin");
    let target = Target { table, columns, on_conflict };
    let inserted = bulk::insert(&mut tx, db.engine(), target, rows).await.expect("insert");
    tx.commit().await.expect("commit");
    inserted
}

on_both_engines! {
    /// Texts with every character that an engine's array or literal gives a meaning to.
    async fn texts_stay_as_they_are(db: Db) {
        let columns = ["id", "hash", "attributes"];
        let row = |id: usize| {
            let text = TEXTS[id % TEXTS.len()].to_owned();
            let number = i64::try_from(id).expect("a small number") - 3;
            vec![Value::Int(number), Value::Text(format!("h{id}")), Value::Text(text)]
        };
        let into = ("attribute_set", &columns[..]);
        let rows = (0..ROWS).map(row).collect();
        assert_eq!(insert(&db, into, OnConflict::Fail, rows).await, ROWS as u64);
        let rows = (ROWS - 5..ROWS + 2).map(row).collect();
        assert_eq!(insert(&db, into, OnConflict::Skip, rows).await, 2);
        assert_eq!(insert(&db, into, OnConflict::Fail, Vec::new()).await, 0);
        let mut conn = db.read().await.expect("connect");
        let rows = conn.fetch_all("SELECT attributes FROM attribute_set ORDER BY id").await;
        let rows = rows.expect("rows");
        assert_eq!(rows.len(), ROWS + 2);
        for (id, row) in rows.iter().enumerate() {
            assert_eq!(row.get::<String, _>(0), TEXTS[id % TEXTS.len()], "row {id}");
        }
    }
}

on_both_engines! {
    async fn bytes_and_absent_values_stay_as_they_are(db: Db) {
        let bytes: Vec<u8> = (0..=255).collect();
        let row = |hash: &str, body: &[u8]| {
            vec![Value::Text(hash.to_owned()), Value::Int(i64::MIN), Value::Bytes(body.to_vec())]
        };
        let rows = vec![row("all", &bytes), row("none", &[])];
        let into = ("evidence_body", &["hash", "size", "body"][..]);
        assert_eq!(insert(&db, into, OnConflict::Fail, rows).await, 2);
        let into = (
            "source_state",
            &["source", "collected_until", "orchestrator_until", "window_seconds",
              "last_success_at", "last_error", "last_error_at"][..],
        );
        let state = |source: &str, error: Option<&str>, at: Option<i64>| {
            let mut row = vec![Value::Text(source.to_owned())];
            row.extend([0, 0, 0, 0].map(Value::Int));
            row.push(Value::OptText(error.map(str::to_owned)));
            row.push(Value::OptInt(at));
            row
        };
        let rows = vec![state("a", None, Some(-7)), state("b", Some("NULL"), None)];
        assert_eq!(insert(&db, into, OnConflict::Fail, rows).await, 2);
        let rows = vec![state("b", Some("later"), Some(9))];
        insert(&db, into, OnConflict::Replace { key: 1 }, rows).await;
        let mut conn = db.read().await.expect("connect");
        let bodies = conn.fetch_all("SELECT body, size FROM evidence_body ORDER BY hash").await;
        let bodies = bodies.expect("rows");
        assert_eq!(bodies[0].get::<Vec<u8>, _>(0), bytes);
        assert_eq!(bodies[1].get::<Vec<u8>, _>(0), Vec::<u8>::new());
        assert_eq!(bodies[1].get::<i64, _>(1), i64::MIN);
        let states = "SELECT last_error, last_error_at FROM source_state ORDER BY source";
        let states = conn.fetch_all(states).await.expect("rows");
        let found = |at: usize| -> (Option<String>, Option<i64>) {
            (states[at].get(0), states[at].get(1))
        };
        assert_eq!(found(0), (None, Some(-7)));
        assert_eq!(found(1), (Some("later".to_owned()), Some(9)));
    }
}
