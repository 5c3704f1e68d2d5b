//! A billed world: two months of usage for two sellers' customers, prices, and the first month
//! issued, all through the ordinary stages.

use billow::bill::run::{RunRequest, issue_all, run};
use billow::catalog::apply::{NewBook, apply};
use billow::catalog::book::parse;
use billow::clock::Clock;
use billow::customer::change::Change;
use billow::ids::IdMaker;
use billow::store::bulk::{self, OnConflict, Target, Value};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::app::TestApp;

pub const BOOK: &str = r#"
[book]
code = "standard"
name = "Standard"
currency = "EUR"

[[price]]
code = "vm"
meter = "vm_running"
unit = "hour"
amount = "0.05"

[[price]]
code = "disk"
meter = "volume"
unit = "gib_month"
amount = "0.10"
"#;

/// First day of usage, and the day after the last.
const FIRST: &str = "2026-08-31T22:00:00Z";
const END: &str = "2026-10-14T22:00:00Z";

/// Resources: owner, meter, resource, name, attribute set.
const RESOURCES: [(&str, &str, &str, &str); 6] = [
    ("acme", "vm_running", "vm-acme-1", "web1"),
    ("acme", "volume", "vol-acme-1", "web1-root"),
    ("apollo", "vm_running", "vm-apollo-1", "rocket"),
    ("zeta", "vm_running", "vm-zeta-1", "zeus"),
    ("leafy", "vm_running", "vm-leafy-1", "leaf"),
    ("bolt", "vm_running", "vm-bolt-1", "thunder"),
];

fn seconds(text: &str) -> i64 {
    text.parse::<Timestamp>().expect("an instant").as_second()
}

/// Fills the world: usage to mid-October, prices from the start, September issued.
pub async fn fill(app: &TestApp) {
    app.clock.set("2026-08-01T00:00:00Z".parse().expect("instant"));
    add_prices(app).await;
    app.clock.set("2026-10-05T08:00:00Z".parse().expect("instant"));
    add_usage(app, seconds(FIRST), seconds(END)).await;
    issue_month(app, "2026-09").await;
    app.clock.set("2026-10-15T12:00:00Z".parse().expect("instant"));
}

async fn add_prices(app: &TestApp) {
    let at = app.clock.now_seconds();
    let ids = IdMaker::new(&*app.clock);
    let change = Change { ids: &ids, at, actor: &app.app.actor, reason: None };
    let book = parse(BOOK, "standard.toml").expect("a valid book");
    let new = NewBook { book: &book, file: Some(BOOK), from: 0, backdate: false };
    let mut tx = app.app.db.begin().await.expect("begin");
    apply(&mut tx, new, &change).await.expect("apply");
    tx.commit().await.expect("commit");
}

/// Makes the drafts of a month and issues what nothing holds.
pub async fn issue_month(app: &TestApp, label: &str) {
    let request = RunRequest {
        label: label.parse().expect("a period"),
        seller: None,
        correct_prices: false,
        preview: false,
    };
    run(&app.app, &request, &|_, _| {}).await.expect("drafts");
    issue_all(&app.app, Some(request.label), None, &|_, _| {}).await.expect("issue");
}

/// Daily records of every resource in a span, each with its page of evidence.
pub async fn add_usage(app: &TestApp, from: i64, until: i64) {
    let recorded_at = app.clock.now_seconds();
    let mut rows = Vec::new();
    let mut words = Vec::new();
    let day = SignedDuration::from_hours(24).as_secs();
    for (owner, meter, resource, _) in RESOURCES {
        let set = i64::try_from(RESOURCES.iter().position(|one| one.2 == resource).expect("one"))
            .expect("small");
        let mut start = from;
        while start < until {
            let index = i64::try_from(words.len()).expect("small");
            words.push(serde_json::json!({ "resource": resource, "hours": "24", "from": start }));
            rows.push(vec![
                Value::Text("cs1".to_owned()),
                Value::Text(owner.to_owned()),
                Value::Int(start),
                Value::Text(meter.to_owned()),
                Value::Text(resource.to_owned()),
                Value::Text(hex::encode(&Sha256::digest(resource)[..16])),
                Value::Int(0),
                Value::Int(start + day),
                Value::Text("interval".to_owned()),
                Value::Text("24".to_owned()),
                Value::Int(set),
                Value::Int(1),
                Value::Int(index),
                Value::Int(recorded_at),
            ]);
            start += day;
        }
    }
    save(app, "usage_record", &USAGE_COLUMNS, rows).await;
    add_evidence(app, &serde_json::Value::Array(words).to_string(), (from, until)).await;
    add_attributes(app).await;
    let state = vec![
        Value::Text("cs1".to_owned()),
        Value::Int(until),
        Value::Int(until),
        Value::Int(day),
        Value::Int(recorded_at),
    ];
    let columns =
        ["source", "collected_until", "orchestrator_until", "window_seconds", "last_success_at"];
    save(app, "source_state", &columns, vec![state]).await;
}

const USAGE_COLUMNS: [&str; 14] = [
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

async fn add_evidence(app: &TestApp, body: &str, (from, until): (i64, i64)) {
    let hash = hex::encode(Sha256::digest(body));
    let packed = zstd::encode_all(body.as_bytes(), 3).expect("compress");
    let size = i64::try_from(body.len()).expect("small");
    let row = vec![Value::Text(hash.clone()), Value::Int(size), Value::Bytes(packed)];
    save(app, "evidence_body", &["hash", "size", "body"], vec![row]).await;
    let page = vec![
        Value::Int(1),
        Value::Text("cs1".to_owned()),
        Value::Text("reading-1".to_owned()),
        Value::Text("listUsageRecords page=1".to_owned()),
        Value::Int(from),
        Value::Int(until),
        Value::Int(1),
        Value::Int(app.clock.now_seconds()),
        Value::Text(hash),
    ];
    let columns = [
        "id",
        "source",
        "reading",
        "request",
        "window_from",
        "window_until",
        "page",
        "fetched_at",
        "body_hash",
    ];
    save(app, "evidence_page", &columns, vec![page]).await;
}

async fn add_attributes(app: &TestApp) {
    let mut rows = Vec::new();
    for (id, (_, meter, _, name)) in (0_i64..).zip(RESOURCES) {
        let mut attributes = serde_json::json!({ "name": name, "zone": "z1" });
        if meter == "volume" {
            attributes["size_bytes"] = "53687091200".into();
        } else {
            attributes["offering"] = "o-small".into();
            attributes["offering_name"] = "Small".into();
            attributes["vcpus"] = "2".into();
            attributes["ram_mib"] = "4096".into();
        }
        let text = attributes.to_string();
        let hash = hex::encode(Sha256::digest(&text));
        rows.push(vec![Value::Int(id), Value::Text(hash), Value::Text(text)]);
    }
    save(app, "attribute_set", &["id", "hash", "attributes"], rows).await;
}

/// Inserts rows; what is there stays.
pub async fn save(
    app: &TestApp,
    table: &'static str,
    columns: &[&'static str],
    rows: Vec<Vec<Value>>,
) {
    let mut tx = app.app.db.begin().await.expect("begin");
    let target = Target { table, columns, on_conflict: OnConflict::Skip };
    bulk::insert(&mut tx, app.app.db.engine(), target, rows).await.expect("insert");
    tx.commit().await.expect("commit");
}

/// A doubt about an owner's resource in October; gives its id.
pub async fn add_finding(app: &TestApp, id: &str, owner: &str, recorded_at: i64) {
    let from = seconds("2026-10-02T00:00:00Z");
    let row = vec![
        Value::Text(id.to_owned()),
        Value::Text("fragment".to_owned()),
        Value::Text("cs1".to_owned()),
        Value::Text(owner.to_owned()),
        Value::Text("vm_running".to_owned()),
        Value::Text(format!("vm-{owner}-1")),
        Value::Int(from),
        Value::Int(from + 86_400),
        Value::Text(format!("fp-{id}")),
        Value::Int(0),
        Value::Int(0),
        Value::Text(format!("a doubt about {owner}")),
        Value::Text("{}".to_owned()),
        Value::Int(recorded_at),
    ];
    let columns = [
        "id",
        "rule",
        "source",
        "owner",
        "meter",
        "resource",
        "span_from",
        "span_until",
        "fingerprint",
        "withholds",
        "repaired",
        "message",
        "detail",
        "recorded_at",
    ];
    save(app, "finding", &columns, vec![row]).await;
}

/// Says that usage is collected up to an instant.
pub async fn set_collected(app: &TestApp, until: i64) {
    use sqlx::Executor;
    let mut tx = app.app.db.begin().await.expect("begin");
    let sql = "UPDATE source_state SET collected_until = $1, orchestrator_until = $1";
    tx.execute(sqlx::query(sql).bind(until)).await.expect("update");
    tx.commit().await.expect("commit");
}
