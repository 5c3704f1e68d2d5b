//! A list of 20 invoices, signed in, against a bare handler: `cargo bench --bench api`.
//!
//! Both serve from the same SQLite file with 2 workers. The yardstick reads the same 20 rows by
//! one statement and writes them as JSON; Billow besides finds the caller by the token, counts
//! limits, applies the scope, logs, counts, and sets its headers.
//!
//! Goal: at least 0.5 × the yardstick's requests a second, p99 at most 3 × its own.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{HttpResponse, HttpServer, web};
use billow::app::{App, SystemClock};
use billow::audit::Actor;
use billow::config::Config;
use billow::store::bulk::{self, OnConflict, Target, Value};
use billow::store::{Db, migrate};
use sqlx::{Executor, Row};

const CUSTOMERS: i64 = 1_000;
const INVOICES_EACH: i64 = 24;
const CONNECTIONS: usize = 8;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(5);
const ROUNDS: usize = 3;
const TOKEN: &str = "blw_bench";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-api");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("make a folder");
    let db =
        Db::open(&format!("sqlite:{}", folder.join("billow.db").display())).await.expect("open");
    migrate::migrate(&db).await.expect("migrate");
    fill(&db).await;
    let bare = serve_bare(db.clone());
    let full = serve_full(db.clone()).await;
    let (mut best_bare, mut best_full) = (Figures::default(), Figures::default());
    for _ in 0..ROUNDS {
        best_bare = best_bare.better(measure(&format!("{bare}/bare")).await);
        best_full = best_full.better(measure(&format!("{full}/api/v1/invoices?limit=20")).await);
    }
    println!("bare handler   {:>7} requests/s, p99 {:?}", best_bare.rate, best_bare.p99);
    println!("API list of 20 {:>7} requests/s, p99 {:?}", best_full.rate, best_full.p99);
    let ratio = best_full.rate * 100 / best_bare.rate.max(1);
    let tail = best_full.p99.as_micros() * 100 / best_bare.p99.as_micros().max(1);
    println!("ratio 0.{ratio:02} (goal 0.50); p99 × {}.{:02} (goal 3.00)", tail / 100, tail % 100);
}

/// Documents of 1,000 customers, two years each; the caller is one of them.
async fn fill(db: &Db) {
    let mut invoices = Vec::new();
    let mut owners = Vec::new();
    for customer in 0..CUSTOMERS {
        for month in 0..INVOICES_EACH {
            let row = invoice_row(customer, month);
            let owner = text(&format!("a-{customer}"));
            owners.push(vec![text("s"), row[1].1.clone(), text("cs1"), owner]);
            invoices.push(row);
        }
    }
    let columns: Vec<&'static str> = invoices[0].iter().map(|(column, _)| *column).collect();
    let values = |row: Vec<(_, Value)>| row.into_iter().map(|(_, value)| value).collect();
    let invoices = invoices.into_iter().map(values).collect();
    insert(db, "invoice", &columns, invoices).await;
    insert(db, "invoice_owner", &["seller_id", "invoice_id", "source", "owner"], owners).await;
    let identity = serde_json::json!({
        "source": "cs1", "user_id": "u", "user_certain": true, "user_name": "u",
        "account_id": "a-7", "domain_id": "d", "domain_path": "ROOT/d", "rank": "user",
        "owners": ["a-7"],
    });
    let row = vec![
        text(&billow::web::auth::token_hash(TOKEN)),
        text(&identity.to_string()),
        Value::Int(0),
        Value::Int(i64::MAX),
    ];
    let columns = ["token_hash", "identity", "created_at", "expires_at"];
    insert(db, "session_token", &columns, vec![row]).await;
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn invoice_row(customer: i64, month: i64) -> Vec<(&'static str, Value)> {
    let number = month * CUSTOMERS + customer + 1;
    vec![
        ("seller_id", text("s")),
        ("id", text(&format!("id-{month:02}-{customer:05}"))),
        ("kind", text("invoice")),
        ("number", text(&format!("INV-{number}"))),
        ("series", text("INV")),
        ("year", Value::Int(2026)),
        ("sequence", Value::Int(number)),
        ("customer_id", text(&format!("c-{customer}"))),
        ("agreement_id", text("agreement")),
        ("period", text("2026-01")),
        ("issue_date", text("2026-02-01")),
        ("issued_at", Value::Int(1_700_000_000 + month * 86_400)),
        ("customer_name", text(&format!("Customer {customer}"))),
        ("due_date", text("2026-02-15")),
        ("currency", text("EUR")),
        ("net_minor", Value::Int(10_000)),
        ("tax_minor", Value::Int(1_900)),
        ("gross_minor", Value::Int(11_900)),
        ("document", text("{}")),
        ("content_hash", text("h")),
        ("charges_hash", text("h")),
        ("previous_chain_hash", text("h")),
        ("chain_hash", text("h")),
    ]
}

async fn insert(db: &Db, table: &'static str, columns: &[&'static str], rows: Vec<Vec<Value>>) {
    let mut tx = db.begin().await.expect("begin");
    let target = Target { table, columns, on_conflict: OnConflict::Fail };
    bulk::insert(&mut tx, db.engine(), target, rows).await.expect("insert");
    tx.commit().await.expect("commit");
}

async fn serve_full(db: Db) -> String {
    let text = "[database]\naddress = \"sqlite:bench\"\n[server]\n\
                requests_per_minute = 100000000\nidentity_cache_seconds = 60\n";
    let app = App {
        config: Arc::new(Config::parse(text, "bench.toml").expect("a configuration")),
        db,
        clock: Arc::new(SystemClock),
        orchestrators: Vec::new(),
        actor: Actor("bench".to_owned()),
        looks: Default::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(billow::web::serve(app, listener).await.expect("serve"));
    address
}

fn serve_bare(db: Db) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let db = web::Data::new(db);
    let server = HttpServer::new(move || {
        actix_web::App::new().app_data(db.clone()).route("/bare", web::get().to(bare))
    });
    let server = server.workers(2).disable_signals().listen(listener).expect("listen").run();
    tokio::spawn(server);
    address
}

async fn bare(db: web::Data<Db>) -> HttpResponse {
    let sql = "SELECT i.id, i.number, i.kind, i.seller_id, i.customer_id, i.customer_name, \
               i.period, i.issue_date, i.due_date, i.issued_at, i.currency, i.net_minor, \
               i.tax_minor, i.gross_minor FROM invoice_owner o JOIN invoice i \
               ON i.seller_id = o.seller_id AND i.id = o.invoice_id \
               WHERE o.source = 'cs1' AND o.owner = 'a-7' \
               ORDER BY i.issued_at DESC, i.id DESC LIMIT 20";
    let mut conn = db.read().await.expect("connect");
    let rows = conn.fetch_all(sql).await.expect("rows");
    let rows: Vec<serde_json::Value> = rows
        .iter()
        .map(|row| {
            let text = |index: usize| row.get::<String, _>(index);
            let int = |index: usize| row.get::<i64, _>(index);
            serde_json::json!({
                "id": text(0), "number": text(1), "kind": text(2), "seller_id": text(3),
                "customer_id": text(4), "customer_name": text(5), "period": text(6),
                "issue_date": text(7), "due_date": text(8), "issued_at": int(9),
                "currency": text(10), "net": int(11), "tax": int(12), "gross": int(13),
            })
        })
        .collect();
    HttpResponse::Ok().json(serde_json::json!({ "invoices": rows }))
}

#[derive(Clone, Copy)]
struct Figures {
    rate: u64,
    p99: Duration,
}

impl Default for Figures {
    fn default() -> Self {
        Self { rate: 0, p99: Duration::MAX }
    }
}

impl Figures {
    fn better(self, other: Self) -> Self {
        Self { rate: self.rate.max(other.rate), p99: self.p99.min(other.p99) }
    }
}

/// Requests a second and the 99th percentile, over kept-alive connections.
async fn measure(url: &str) -> Figures {
    let client = reqwest::Client::new();
    let begin = Instant::now();
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (client, url) = (client.clone(), url.to_owned());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while begin.elapsed() < WARM_UP + MEASURED {
                    let sent = Instant::now();
                    let answer = client.get(&url).bearer_auth(TOKEN).send().await.expect("answer");
                    assert!(answer.status().is_success(), "{}", answer.status());
                    let body = answer.bytes().await.expect("body");
                    assert!(body.len() > 2_000, "20 rows");
                    if begin.elapsed() > WARM_UP {
                        times.push(sent.elapsed());
                    }
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("a client"));
    }
    times.sort();
    let rate = u64::try_from(times.len()).expect("small") / MEASURED.as_secs();
    Figures { rate, p99: times[times.len() * 99 / 100] }
}
