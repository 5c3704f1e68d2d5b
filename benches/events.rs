//! Taking in events against bare inserts of the same messages: `cargo bench --bench events`.
//!
//! The recorded stream of a real OpenStack (565 messages of all services, both formats of Nova),
//! again and again with other resources, in batches of 500. Billow parses each message, keeps the
//! words of those that tell something, and stores what they tell, once each. The yardstick puts
//! the same messages into a table with an id as its key, 500 a transaction.
//!
//! Goal: at least 5,000 messages a second on SQLite.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use billow::app::App;
use billow::audit::Actor;
use billow::clock::ManualClock;
use billow::collect::events::intake::take_events;
use billow::config::{Config, SourceConfig, SourceKind};
use billow::orchestrator::openstack::OpenStack;
use billow::store::{Db, migrate};

const COPIES: usize = 40;
const BATCH: usize = 500;
const ROUNDS: usize = 3;
/// Length of a UUID's text, and where its hyphens are.
const UUID: usize = 36;
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let messages = messages()?;
    let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
    let mut fresh = 0;
    for round in 0..ROUNDS {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("events-{round}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        bare = bare.min(insert(&folder, &messages)?);
        let (app, source) = app(&folder).await?;
        let begun = Instant::now();
        fresh = 0;
        for batch in messages.chunks(BATCH) {
            fresh += take_events(&app, &source, batch).await?.fresh;
        }
        ours = ours.min(begun.elapsed());
    }
    let rate = |spent: Duration| format!("{:.0}/s", messages.len() as f64 / spent.as_secs_f64());
    println!("{} messages, {fresh} observations", messages.len());
    println!("events: {ours:?}, {} (goal: at least 5,000/s)", rate(ours));
    println!("bare inserts: {bare:?}, {}", rate(bare));
    println!("ratio {:.2}", bare.as_secs_f64() / ours.as_secs_f64());
    Ok(())
}

/// The messages as they come on the wire, each copy of the stream about other resources.
fn messages() -> anyhow::Result<Vec<Vec<u8>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text =
        std::fs::read_to_string(root.join("tests/recorded/openstack/notifications/stream.jsonl"))?;
    let mut all = Vec::new();
    for copy in 0..COPIES {
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(&renamed(line, copy))?;
            let message = line["message"].to_string();
            let wire = serde_json::json!({ "oslo.version": "2.0", "oslo.message": message });
            all.push(wire.to_string().into_bytes());
        }
    }
    Ok(all)
}

/// The text with every UUID in it beginning with the copy's number.
fn renamed(text: &str, copy: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let number = format!("{copy:04x}");
    let mut at = 0;
    while at + UUID <= bytes.len() {
        let is_uuid = bytes[at..at + UUID].iter().enumerate().all(|(index, byte)| {
            if HYPHENS.contains(&index) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
        });
        if is_uuid {
            bytes[at..at + number.len()].copy_from_slice(number.as_bytes());
            at += UUID;
        } else {
            at += 1;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn app(folder: &Path) -> anyhow::Result<(App, OpenStack)> {
    let secret = folder.join("secret");
    std::fs::write(&secret, "secret\n")?;
    let config = SourceConfig {
        user: Some("billow".to_owned()),
        project: Some("service".to_owned()),
        secret_file: Some(secret),
        ..SourceConfig::new("os1", SourceKind::Openstack, "http://127.0.0.1:9/v3")
    };
    let source = OpenStack::new(&config)?;
    let address = format!("sqlite:{}", folder.join("billow.db").display());
    let db = Db::open(&address).await?;
    migrate::migrate(&db).await?;
    let text = format!("[database]\naddress = \"{address}\"\n");
    let app = App {
        config: Arc::new(Config::parse(&text, "bench")?),
        db,
        clock: Arc::new(ManualClock::at("2026-11-26T00:00:00Z".parse()?)),
        orchestrators: Vec::new(),
        actor: Actor("bench".to_owned()),
        looks: Default::default(),
    };
    Ok((app, source))
}

fn insert(folder: &Path, messages: &[Vec<u8>]) -> anyhow::Result<Duration> {
    let mut conn = rusqlite::Connection::open(folder.join("bare.db"))?;
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         CREATE TABLE message (id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    )?;
    let begun = Instant::now();
    for (batch, bodies) in messages.chunks(BATCH).enumerate() {
        let tx = conn.transaction()?;
        let mut statement = tx.prepare("INSERT INTO message VALUES (?1, ?2)")?;
        for (index, body) in bodies.iter().enumerate() {
            let id = i64::try_from(batch * BATCH + index).context("an id")?;
            statement.execute((id, body))?;
        }
        drop(statement);
        tx.commit()?;
    }
    Ok(begun.elapsed())
}
