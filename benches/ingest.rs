//! Taking in a month of usage against bare inserts of the same rows: `cargo bench --bench ingest`.
//!
//! 200 accounts × 20 resources × 30 daily windows (120,000 rows) in pages of 500, with the fields
//! that a server sends. Billow reads the JSON, keeps the pages compressed and hashed, checks every
//! row against what is stored and what exists, makes keys and stores records, watermark and
//! pointers. The yardsticks put the same rows, columns and key in: prepared inserts, 10,000 a
//! transaction, on SQLite; a binary COPY on PostgreSQL, where `BILLOW_TEST_POSTGRES` names one.
//!
//! Goals: at least 0.2 × the yardstick's rows a second on SQLite, 0.25 × on PostgreSQL.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use billow::app::App;
use billow::audit::Actor;
use billow::clock::ManualClock;
use billow::collect::inventory::Inventory;
use billow::collect::job::{CollectReport, Ingest};
use billow::config::Config;
use billow::orchestrator::cloudstack::CloudStack;
use billow::orchestrator::{RawPage, RawWindow, Watermark};
use billow::period::Span;
use billow::store::{Db, migrate};
use serde_json::{Value, json};
use sqlx::{Executor, Row};

const ACCOUNTS: usize = 200;
const RESOURCES: usize = 20;
const WINDOWS: i64 = 30;
const PAGE_ROWS: usize = 500;
const DAY: i64 = 86_400;
/// 2026-09-01 in UTC.
const START: i64 = 1_788_220_800;
const ROUNDS: usize = 3;
const COLUMNS: &str = "source, owner, span_from, meter, resource, identity, revision, span_until, \
                       kind, quantity, attribute_set, evidence, evidence_index, recorded_at";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let windows: Vec<RawWindow> = (0..WINDOWS).map(window).collect();
    let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
    for round in 0..ROUNDS {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ingest-{round}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        let address = format!("sqlite:{}", folder.join("billow.db").display());
        let app = app(&address, &folder).await?;
        ours = ours.min(ingest(&app, &windows).await?);
        let rows = rows(&app.db).await?;
        bare = bare.min(insert(&folder.join("bare.db"), &rows)?);
        app.db.close().await;
        std::fs::remove_dir_all(&folder)?;
    }
    report("SQLite", ours, ("prepared inserts", bare), 20);
    let Ok(address) = std::env::var("BILLOW_TEST_POSTGRES") else {
        println!("PostgreSQL: BILLOW_TEST_POSTGRES names none");
        return Ok(());
    };
    let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let server = sqlx::PgPool::connect(&format!("{address}/postgres")).await?;
        let name = format!("billow_bench_{}", std::process::id());
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        server.execute(sqlx::AssertSqlSafe(drop.clone())).await?;
        server.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ingest-postgres");
        std::fs::create_dir_all(&folder)?;
        let app = app(&format!("{address}/{name}"), &folder).await?;
        ours = ours.min(ingest(&app, &windows).await?);
        let rows = rows(&app.db).await?;
        app.db.close().await;
        bare = bare.min(copy(&format!("{address}/{name}"), &rows).await?);
        server.execute(sqlx::AssertSqlSafe(drop)).await?;
    }
    report("PostgreSQL", ours, ("binary COPY", bare), 25);
    Ok(())
}

fn report(engine: &str, ours: Duration, (what, bare): (&str, Duration), goal: u128) {
    let rows = (ACCOUNTS * RESOURCES) as u128 * WINDOWS as u128;
    let a_second = |time: Duration| rows * 1_000_000 / time.as_micros().max(1);
    let ratio = bare.as_micros() * 100 / ours.as_micros().max(1);
    println!("{engine}: {rows} rows, {} rows/s", a_second(ours));
    println!("  {what}: {} rows/s", a_second(bare));
    println!("  ratio 0.{ratio:02} (goal 0.{goal})");
}

async fn app(address: &str, folder: &Path) -> anyhow::Result<App> {
    let secret = folder.join("secret");
    std::fs::write(&secret, "example-secret-key\n")?;
    let text = format!(
        "[database]\naddress = \"sqlite:unused\"\n[[source]]\nname = \"cs1\"\n\
         kind = \"cloudstack\"\nendpoint = \"http://127.0.0.1:1/client/api\"\n\
         api_key = \"EXAMPLE\"\nsecret_file = {:?}\ncollect_from = \"2026-09-01\"\n",
        secret.display().to_string()
    );
    let db = Db::open(address).await?;
    migrate::migrate(&db).await?;
    Ok(App {
        config: Arc::new(Config::parse(&text, "bench")?),
        db,
        clock: Arc::new(ManualClock::at("2026-10-10T00:00:00Z".parse()?)),
        orchestrators: Vec::new(),
        actor: Actor("bench".to_owned()),
        looks: Default::default(),
    })
}

/// Takes in all windows, each in its transaction.
async fn ingest(app: &App, windows: &[RawWindow]) -> anyhow::Result<Duration> {
    let orchestrator = CloudStack::new(&app.config.sources[0])?;
    let inventory = Inventory::new(Vec::new());
    let closed_until = START + WINDOWS * DAY;
    let watermark = Watermark {
        closed_until,
        window_seconds: DAY,
        zone: "UTC".to_owned(),
        late_seconds: None,
        bulk_seconds: None,
    };
    let ingest =
        Ingest { app, orchestrator: &orchestrator, inventory: &inventory, watermark: &watermark };
    let mut report = CollectReport::default();
    let begun = Instant::now();
    for raw in windows {
        ingest.window(raw, raw.window.until, &mut report).await?;
    }
    let taken = begun.elapsed();
    let expected = (ACCOUNTS * RESOURCES) as u64 * WINDOWS.unsigned_abs();
    anyhow::ensure!(report.records == expected, "{report:?}");
    Ok(taken)
}

/// The answer about one day.
fn window(day: i64) -> RawWindow {
    let window = Span::new(START + day * DAY, START + (day + 1) * DAY);
    let mut rows = Vec::with_capacity(ACCOUNTS * RESOURCES);
    for account in 0..ACCOUNTS {
        for resource in 0..RESOURCES {
            rows.push(row(account, resource, window));
        }
    }
    let pages = rows.chunks(PAGE_ROWS).zip(1..).map(|(rows, page)| {
        let answer = json!({ "listusagerecordsresponse": {
            "count": ACCOUNTS * RESOURCES, "usagerecord": rows,
        }});
        RawPage {
            request: format!("command=listUsageRecords&page={page}&pagesize={PAGE_ROWS}"),
            page,
            body: answer.to_string().into_bytes(),
        }
    });
    RawWindow { window, pages: pages.collect() }
}

/// A row with the fields that a 4.23 server gives one of its type.
fn row(account: usize, resource: usize, window: Span) -> Value {
    let id = format!("{account:08x}-0000-4000-8000-{resource:012x}");
    let name = format!("machine-{resource}");
    let hours = "23.866667";
    let date = |at: i64| {
        let at = jiff::Timestamp::from_second(at).expect("an instant");
        at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
    };
    let mut row = json!({
        "account": format!("account-{account}"), "accountid": format!("account-{account:08}"),
        "domainid": "11111111-aaaa-4bbb-8ccc-000000000001", "domain": "customers",
        "domainpath": "ROOT/customers", "zoneid": "cc03e860-7fb1-467a-b3ee-be4a49e57ebb",
        "usageid": id, "usage": format!("{hours} Hrs"), "rawusage": hours, "tags": [],
        "startdate": date(window.from), "enddate": date(window.until - 1),
    });
    let fields = match resource % 4 {
        kind @ (0 | 1) => json!({
            "usagetype": kind + 1, "virtualmachineid": id, "name": name,
            "description": format!("Running VM usage for {name} using service offering Medium"),
            "offeringid": "a2106a16-e975-49f1-8c23-c2281167140d", "type": "KVM",
            "templateid": "e76b66ab-e68c-11f1-b1b6-02fc00000001", "memory": 2048,
            "ostypeid": "bdd06037-e68c-11f1-b1b6-02fc00000001", "osdisplayname": "Debian 12",
            "oscategoryid": "bdcb6393-e68c-11f1-b1b6-02fc00000001", "oscategoryname": "Debian",
            "cpunumber": 2, "cpuspeed": 1500,
        }),
        2 => json!({
            "usagetype": 6, "size": 2_147_483_648_u64,
            "description": "Volume usage for a root disk",
            "templateid": "e76b66ab-e68c-11f1-b1b6-02fc00000001",
        }),
        _ => json!({
            "usagetype": 3, "description": "IPAddress: 203.0.113.12", "issourcenat": true,
            "issystem": false,
        }),
    };
    if let (Value::Object(row), Value::Object(fields)) = (&mut row, fields) {
        row.extend(fields);
    }
    row
}

/// A stored row: its texts and its numbers, in the order of [`COLUMNS`].
struct Stored {
    texts: [String; 7],
    numbers: [i64; 7],
}

/// Which column is a text.
const IS_TEXT: [bool; 14] =
    [true, true, false, true, true, true, false, false, true, true, false, false, false, false];

async fn rows(db: &Db) -> anyhow::Result<Vec<Stored>> {
    let mut conn = db.read().await?;
    let sql = format!("SELECT {COLUMNS} FROM usage_record ORDER BY recorded_at, evidence");
    let found = conn.fetch_all(sqlx::AssertSqlSafe(sql)).await?;
    let stored = found.iter().map(|row| {
        let mut stored = Stored { texts: Default::default(), numbers: [0; 7] };
        let (mut texts, mut numbers) = (0, 0);
        for (column, is_text) in IS_TEXT.into_iter().enumerate() {
            if is_text {
                stored.texts[texts] = row.try_get(column)?;
                texts += 1;
            } else {
                stored.numbers[numbers] = row.try_get(column)?;
                numbers += 1;
            }
        }
        Ok(stored)
    });
    stored.collect()
}

/// The same table, with nothing beside it.
fn table(name: &str) -> String {
    let types = COLUMNS.split(", ").zip(IS_TEXT);
    let columns: Vec<String> = types
        .map(|(column, is_text)| {
            format!("{column} {} NOT NULL", if is_text { "TEXT" } else { "BIGINT" })
        })
        .collect();
    format!(
        "CREATE TABLE {name} ({}, PRIMARY KEY (source, owner, span_from, meter, resource, \
         identity, revision))",
        columns.join(", ")
    )
}

/// The yardstick on SQLite.
fn insert(path: &Path, rows: &[Stored]) -> anyhow::Result<Duration> {
    let mut connection = rusqlite::Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute(&format!("{} WITHOUT ROWID", table("bare")), [])?;
    let begun = Instant::now();
    for chunk in rows.chunks(10_000) {
        let tx = connection.transaction()?;
        let sql = format!("INSERT INTO bare VALUES ({})", ["?"; 14].join(", "));
        let mut statement = tx.prepare(&sql)?;
        for row in chunk {
            let (mut texts, mut numbers) = (row.texts.iter(), row.numbers.iter());
            for (column, is_text) in IS_TEXT.into_iter().enumerate() {
                match is_text {
                    true => statement.raw_bind_parameter(column + 1, texts.next())?,
                    false => statement.raw_bind_parameter(column + 1, numbers.next())?,
                }
            }
            statement.raw_execute()?;
        }
        drop(statement);
        tx.commit()?;
    }
    Ok(begun.elapsed())
}

/// The yardstick on PostgreSQL: the binary form of COPY, as its manual describes it.
async fn copy(address: &str, rows: &[Stored]) -> anyhow::Result<Duration> {
    let pool = sqlx::PgPool::connect(address).await?;
    pool.execute(sqlx::AssertSqlSafe(table("bare"))).await?;
    let begun = Instant::now();
    let mut connection = pool.acquire().await?;
    let mut copy = connection.copy_in_raw("COPY bare FROM STDIN (FORMAT binary)").await?;
    let mut buffer: Vec<u8> = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for row in rows {
        let (mut texts, mut numbers) = (row.texts.iter(), row.numbers.iter());
        buffer.extend(14_i16.to_be_bytes());
        for is_text in IS_TEXT {
            let number = if is_text { None } else { numbers.next().map(|n| n.to_be_bytes()) };
            let text = if is_text { texts.next().map(String::as_bytes) } else { None };
            let value = number.as_ref().map(|bytes| &bytes[..]).or(text).unwrap_or_default();
            buffer.extend(i32::try_from(value.len())?.to_be_bytes());
            buffer.extend(value);
        }
        if buffer.len() > 1 << 16 {
            copy.send(std::mem::take(&mut buffer)).await?;
        }
    }
    buffer.extend((-1_i16).to_be_bytes());
    copy.send(buffer).await?;
    anyhow::ensure!(copy.finish().await? == rows.len() as u64, "rows copied");
    let taken = begun.elapsed();
    drop(connection);
    pool.close().await;
    Ok(taken)
}
