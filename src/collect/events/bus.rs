//! Events from a message broker (AMQP 0-9-1).
//!
//! Billow has a durable queue of its own, bound beside those of others, so that it takes nobody's
//! messages and misses none while it is away. A message is acknowledged once it is stored. A lost
//! connection is made again for ever, after waits that grow to a minute.

use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};
use secrecy::ExposeSecret;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::intake::take_events;
use crate::app::App;
use crate::config::{EventsConfig, SourceConfig};
use crate::orchestrator::{Check, EventRoute, Orchestrator};

/// Messages that are under way at most: what a batch may hold, and the bound of memory.
const PREFETCH: u16 = 1_000;
/// Messages stored in one transaction.
const BATCH_MAX: usize = 500;
const CONNECT_SECONDS: u64 = 30;
/// Waits between two tries to connect.
const WAIT_FIRST: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(60);
/// After so long, exchanges that were not there are looked for again.
const REBIND: Duration = Duration::from_secs(15);

/// A source's bus.
pub struct Bus<'a> {
    pub orchestrator: &'a dyn Orchestrator,
    pub config: &'a EventsConfig,
}

/// The buses of all sources that have one.
pub fn buses(app: &App) -> Vec<Bus<'_>> {
    let found = app.orchestrators.iter().filter_map(|orchestrator| {
        let own = |source: &&SourceConfig| source.name == orchestrator.source().0;
        let config = app.config.sources.iter().find(own)?.events.as_ref()?;
        Some(Bus { orchestrator: orchestrator.as_ref(), config })
    });
    found.collect()
}

/// Takes events until `stop` is cancelled.
pub async fn listen(app: &App, bus: &Bus<'_>, stop: &CancellationToken) {
    let source = bus.orchestrator.source();
    let connected = metrics::gauge!("billow_events_connected", "source" => source.0.clone());
    let mut wait = WAIT_FIRST;
    loop {
        let mut heard = false;
        let ended = bus.hear(app, stop, &mut heard, &connected).await;
        connected.set(0.0);
        if stop.is_cancelled() {
            return;
        }
        if heard {
            wait = WAIT_FIRST;
        }
        let error = match ended {
            Ok(()) => anyhow::anyhow!("the broker ended the connection"),
            Err(error) => error,
        };
        tracing::warn!(
            %source,
            error = format!("{error:#}"),
            wait_seconds = wait.as_secs_f32(),
            "the bus of events is away; it is tried again"
        );
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(WAIT_MAX),
        }
    }
}

impl Bus<'_> {
    async fn connect(&self) -> anyhow::Result<Connection> {
        let address = self.config.address(&self.orchestrator.source().0)?;
        let connecting =
            Connection::connect(address.expose_secret(), ConnectionProperties::default());
        let limit = Duration::from_secs(CONNECT_SECONDS);
        let connected = tokio::time::timeout(limit, connecting).await;
        let connected = connected.context("the broker does not answer")?;
        connected.context("connecting to the broker")
    }

    fn queue(&self) -> String {
        self.config.queue(&self.orchestrator.source().0)
    }

    /// The exchanges and routing keys that are listened to.
    fn routes(&self) -> Vec<EventRoute> {
        if self.config.exchanges.is_empty() {
            return self.orchestrator.event_routes();
        }
        let keys = &self.config.routing_keys;
        let all = self.config.exchanges.iter().flat_map(|exchange| {
            keys.iter()
                .map(|key| EventRoute { exchange: exchange.clone(), routing_key: key.clone() })
        });
        all.collect()
    }

    /// One connection, from its beginning to its end.
    async fn hear(
        &self,
        app: &App,
        stop: &CancellationToken,
        heard: &mut bool,
        connected: &metrics::Gauge,
    ) -> anyhow::Result<()> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        self.declare(&channel).await?;
        let mut missing = bind(&connection, &self.queue(), self.routes()).await?;
        let consuming = channel.basic_consume(
            self.queue().into(),
            "billow".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let mut batches = consuming.await?.ready_chunks(BATCH_MAX);
        *heard = true;
        connected.set(1.0);
        tracing::info!(source = %self.orchestrator.source(), "hears events");
        let mut again = tokio::time::interval_at(Instant::now() + REBIND, REBIND);
        loop {
            tokio::select! {
                () = stop.cancelled() => {
                    // What was not acknowledged is delivered again.
                    let ended = connection.close(200, "the daemon ends".into()).await;
                    return ended.context("ending the connection");
                }
                batch = batches.next() => match batch {
                    Some(batch) => self.take(app, &channel, batch).await?,
                    None => return Ok(()),
                },
                _ = again.tick(), if !missing.is_empty() => {
                    missing = bind(&connection, &self.queue(), missing).await?;
                }
            }
        }
    }

    async fn declare(&self, channel: &Channel) -> anyhow::Result<()> {
        let mut arguments = FieldTable::default();
        let length = i64::from(self.config.queue_length_max);
        arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(length));
        let queue = self.queue();
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(queue.as_str().into(), options, arguments).await;
        declared.map(|_| ()).with_context(|| {
            format!(
                "declaring the queue {queue}: where it was made with other settings, remove it \
                 when it is empty, or name another one in events.queue"
            )
        })
    }

    async fn take(
        &self,
        app: &App,
        channel: &Channel,
        batch: Vec<lapin::Result<Delivery>>,
    ) -> anyhow::Result<()> {
        let mut bodies = Vec::with_capacity(batch.len());
        let mut last = None;
        for delivery in batch {
            let delivery = delivery?;
            last = Some(delivery.delivery_tag);
            bodies.push(delivery.data);
        }
        let Some(last) = last else { return Ok(()) };
        let report = take_events(app, self.orchestrator, &bodies).await?;
        tracing::debug!(
            source = %self.orchestrator.source(),
            events = report.events,
            malformed = report.malformed,
            fresh = report.fresh,
            "events"
        );
        channel.basic_ack(last, BasicAckOptions { multiple: true }).await?;
        Ok(())
    }

    /// What `doctor` says of the bus: whether it answers, whether somebody reads the queue, and
    /// how much waits there.
    pub async fn check(&self) -> Vec<Check> {
        let source = self.orchestrator.source();
        let late = "the running month shows changes as late as the next look at the cloud";
        let bad =
            |what: String, mend: String| Check { ok: false, what, why: late.to_owned(), mend };
        let connection = match self.connect().await {
            Ok(connection) => connection,
            Err(error) => {
                let mend = "check events.address_env of the source: user, password, host, port and \
                            virtual host, and the broker itself";
                return vec![bad(format!("source {source}: events: {error:#}"), mend.to_owned())];
            }
        };
        let queue = self.queue();
        let asked = match connection.create_channel().await {
            Ok(channel) => {
                let options = QueueDeclareOptions { passive: true, ..Default::default() };
                channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await
            }
            Err(error) => Err(error),
        };
        let Ok(found) = asked else {
            let what = format!("source {source}: the broker has no queue {queue} yet");
            return vec![bad(what, "start billow serve, which makes it".to_owned())];
        };
        let (waiting, readers) = (found.message_count(), found.consumer_count());
        let line = format!("source {source}: {waiting} events wait in the queue {queue}");
        if readers == 0 {
            return vec![bad(
                format!("{line}, and nobody reads it"),
                "start billow serve".to_owned(),
            )];
        }
        vec![Check { ok: true, what: line, why: String::new(), mend: String::new() }]
    }
}

/// Binds a queue; gives the routes whose exchange is not there, since nobody published yet. A
/// failed binding closes its channel, so each has one of its own.
async fn bind(
    connection: &Connection,
    queue: &str,
    routes: Vec<EventRoute>,
) -> anyhow::Result<Vec<EventRoute>> {
    let mut missing = Vec::new();
    for route in routes {
        let channel = connection.create_channel().await?;
        let bound = channel
            .queue_bind(
                queue.into(),
                route.exchange.as_str().into(),
                route.routing_key.as_str().into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await;
        match bound {
            Ok(()) => channel.close(200, "bound".into()).await?,
            Err(error) => {
                tracing::debug!(exchange = route.exchange, %error, "cannot be bound yet");
                missing.push(route);
            }
        }
    }
    Ok(missing)
}
