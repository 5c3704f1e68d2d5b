//! From an event to the month's figures:
//! `BILLOW_BENCH_BROKER=amqp://… cargo bench --bench latency`.
//!
//! 2,000 notifications a minute for five minutes, each of a machine that was made, spread over 20
//! projects, are published on a real broker; the daemon's own listener takes them into SQLite, and
//! the usage of the running month is asked for as its page does, again and again. Measured is the
//! time from the publishing to the first answer that counts the machine. The page itself asks
//! every 20 s.
//!
//! `BILLOW_BENCH_BROKER` names an account that may make exchanges and queues.
//!
//! Goal: 60 s at the 99th percentile, on the page.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use billow::app::{App, SystemClock};
use billow::audit::Actor;
use billow::collect::events::bus::{Bus, listen};
use billow::collect::observe::live::load_live;
use billow::config::{Config, EventsConfig, SourceConfig, SourceKind};
use billow::ids::{OwnerRef, SourceName};
use billow::orchestrator::openstack::OpenStack;
use billow::period::Span;
use billow::store::{Db, migrate};
use lapin::options::{
    BasicPublishOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use serde_json::json;
use tokio_util::sync::CancellationToken;

const PER_MINUTE: u32 = 2_000;
const MINUTES: u32 = 5;
const PROJECTS: usize = 20;
const EXCHANGE: &str = "billow-bench";
const KEY: &str = "notifications.info";
/// How long after the last event it is waited for what is still under way.
const PATIENCE: Duration = Duration::from_secs(60);
const DAY: i64 = 86_400;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let Ok(broker) = std::env::var("BILLOW_BENCH_BROKER") else {
        println!("BILLOW_BENCH_BROKER names no broker: nothing is measured");
        return Ok(());
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-latency");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let connection = Connection::connect(&broker, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let options = ExchangeDeclareOptions::default();
    let kind = ExchangeKind::Topic;
    channel.exchange_declare(EXCHANGE.into(), kind, options, FieldTable::default()).await?;
    let (app, source) = app(&folder).await?;
    let file = folder.join("broker");
    std::fs::write(&file, &broker)?;
    let config = EventsConfig {
        queue: Some(EXCHANGE.to_owned()),
        exchanges: vec![EXCHANGE.to_owned()],
        routing_keys: vec![KEY.to_owned()],
        ..EventsConfig::at(file)
    };
    let stop = CancellationToken::new();
    let hearing = {
        let (app, stop) = (app.clone(), stop.clone());
        tokio::spawn(async move {
            listen(&app, &Bus { orchestrator: &source, config: &config }, &stop).await;
        })
    };
    let mut waits = measure(&app, &channel).await?;
    stop.cancel();
    hearing.await?;
    channel.queue_delete(EXCHANGE.into(), QueueDeleteOptions::default()).await?;
    channel.exchange_delete(EXCHANGE.into(), ExchangeDeleteOptions::default()).await?;
    waits.sort_unstable();
    let at = |percent: usize| waits[(waits.len() * percent).div_ceil(100).saturating_sub(1)];
    println!("{} events in {MINUTES} minutes, {PROJECTS} projects", waits.len());
    println!("from event to month, median: {:?}", at(50));
    println!("from event to month, 99th percentile: {:?} (goal: at most 40 s)", at(99));
    println!("from event to month, longest: {:?}", at(100));
    Ok(())
}

/// Publishes and asks, until every machine is counted; gives how long each took.
async fn measure(app: &App, channel: &Channel) -> anyhow::Result<Vec<Duration>> {
    // Until its queue is bound, nobody hears.
    while counted(app).await?.is_empty() {
        publish(channel, "behind", 0).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let count = PER_MINUTE * MINUTES;
    let mut ticks = tokio::time::interval(Duration::from_secs(60) / PER_MINUTE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut asks = tokio::time::interval(Duration::from_secs(1));
    asks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sent: HashMap<String, Instant> = HashMap::new();
    let mut waits = Vec::new();
    let mut number = 0;
    let mut last = Instant::now();
    while number < count || !sent.is_empty() {
        tokio::select! {
            _ = ticks.tick(), if number < count => {
                let machine = format!("00000000-0000-4000-8000-{number:012}");
                publish(channel, &machine, number).await?;
                last = Instant::now();
                sent.insert(machine, last);
                number += 1;
            }
            _ = asks.tick() => {
                for seen in counted(app).await? {
                    waits.extend(sent.remove(&seen).map(|at| at.elapsed()));
                }
                anyhow::ensure!(last.elapsed() < PATIENCE, "{} never came", sent.len());
                // The last ones show their length only when time goes on behind them.
                if number == count && !sent.is_empty() {
                    publish(channel, "behind", 0).await?;
                }
            }
        }
    }
    Ok(waits)
}

/// The machines that the running month counts.
async fn counted(app: &App) -> anyhow::Result<Vec<String>> {
    let now = app.clock.now_seconds();
    let span = Span::new(now.div_euclid(DAY) * DAY, now + DAY);
    let mut conn = app.db.read().await?;
    let mut seen = Vec::new();
    for project in 0..PROJECTS {
        let owner = OwnerRef { source: SourceName("os1".to_owned()), id: project_of(project) };
        let live = load_live(&mut conn, &owner, span, now).await?;
        seen.extend(live.records.into_iter().map(|record| record.key.resource));
    }
    Ok(seen)
}

fn project_of(number: usize) -> String {
    format!("{number:032x}")
}

async fn publish(channel: &Channel, machine: &str, number: u32) -> anyhow::Result<()> {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S.%6f").to_string();
    let message = json!({
        "message_id": format!("{machine} {now}"), "event_type": "compute.instance.create.end",
        "timestamp": now, "payload": {
            "instance_id": machine, "tenant_id": project_of(number as usize % PROJECTS),
            "state": "active", "launched_at": now, "created_at": now, "vcpus": 2,
            "memory_mb": 2048, "root_gb": 20, "ephemeral_gb": 0, "instance_flavor_id": "2",
            "instance_type": "m1.small", "image_ref_url": "http://image/images/i-1",
            "availability_zone": "nova",
        },
    });
    let wire = json!({ "oslo.version": "2.0", "oslo.message": message.to_string() });
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let body = wire.to_string().into_bytes();
    channel.basic_publish(EXCHANGE.into(), KEY.into(), options, &body, properties).await?;
    Ok(())
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
    let app = App {
        config: Arc::new(Config::parse(
            &format!("[database]\naddress = \"{address}\"\n"),
            "bench",
        )?),
        db,
        clock: Arc::new(SystemClock),
        orchestrators: Vec::new(),
        actor: Actor("bench".to_owned()),
        looks: Default::default(),
    };
    Ok((app, source))
}
