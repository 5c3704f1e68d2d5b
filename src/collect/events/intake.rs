//! A batch of events into the database, in one transaction with the evidence.
//!
//! What cannot be read is kept with its words as a finding and never keeps the rest waiting.

use anyhow::Context;

use crate::app::App;
use crate::collect::observe::excerpt::Excerpt;
use crate::collect::observe::intake::{Answers, Arrived, take};
use crate::collect::observe::round::{fitting, rejected_finding};
use crate::collect::observe::store::{lock_state, save_state};
use crate::collect::store::{NewPage, save_page};
use crate::finding::store::save_findings;
use crate::ids::{IdMaker, OwnerRef};
use crate::orchestrator::plain::{plain, plain_rejected};
use crate::orchestrator::{Orchestrator, ParsedEvent, RejectedRecord};
use crate::period::Span;
use crate::store::{Conn, StoreError};

/// Tries of a transaction that another one got in the way of.
const TRIES_MAX: u32 = 20;

/// What a batch brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventsReport {
    pub events: u64,
    /// Messages that are no event of the source.
    pub malformed: u64,
    /// Whether only a look tells what changed; it is wished for.
    pub look: bool,
    /// Observations that were new: those of an event that came again are not.
    pub fresh: u64,
}

/// Takes messages as they came, however often and in whatever order. When it returns, all of them
/// are stored for good.
pub async fn take_events(
    app: &App,
    orchestrator: &dyn Orchestrator,
    bodies: &[Vec<u8>],
) -> anyhow::Result<EventsReport> {
    let batch = Batch::read(orchestrator, bodies);
    let reading = IdMaker::new(app.clock.as_ref()).fresh();
    let mut tries = 0;
    let report = loop {
        tries += 1;
        match batch.save(app, orchestrator, bodies, &reading).await {
            Err(error) if error.is_retryable() && tries < TRIES_MAX => {}
            other => break other.context("taking events")?,
        }
    };
    if report.look {
        app.looks.wish(orchestrator.source());
    }
    Ok(report)
}

/// Messages, read.
#[derive(Default)]
struct Batch {
    arrived: Vec<Arrived>,
    /// With the number of the message. There is one finding for all that are wrong alike: a
    /// foreign queue bound by mistake shall not bury the others. Each message is kept.
    rejected: Vec<(usize, RejectedRecord)>,
    /// What each message is, for the evidence.
    names: Vec<String>,
    events: u64,
    malformed: u64,
    look: bool,
    /// The last instant that any of them tells.
    last_micros: i64,
}

impl Batch {
    fn read(orchestrator: &dyn Orchestrator, bodies: &[Vec<u8>]) -> Self {
        let mut batch = Self::default();
        for (answer, body) in bodies.iter().enumerate() {
            match orchestrator.parse_event(body) {
                Ok(event) => batch.add(answer, event),
                Err(error) => {
                    batch.malformed += 1;
                    batch.names.push("event that cannot be read".to_owned());
                    let reason = plain(format!("an event cannot be read: {error}"));
                    let (meter, owner) = ("event".to_owned(), None);
                    let rejected = RejectedRecord { owner, meter, span: None, reason };
                    batch.rejected.push((answer, rejected));
                }
            }
        }
        batch
    }

    fn add(&mut self, answer: usize, event: ParsedEvent) {
        self.events += 1;
        self.look |= event.look;
        self.names.push(plain(format!("event {} {}", event.name, event.id)));
        for parsed in event.observations {
            match parsed.outcome.map_err(plain_rejected).and_then(fitting) {
                Ok(observation) => {
                    self.last_micros = self.last_micros.max(observation.at_micros);
                    self.arrived.push(Arrived {
                        read_micros: observation.at_micros,
                        observation,
                        shown_micros: None,
                        answer,
                        index: parsed.index,
                    });
                }
                Err(rejected) => self.rejected.push((answer, rejected)),
            }
        }
    }

    async fn save(
        &self,
        app: &App,
        orchestrator: &dyn Orchestrator,
        bodies: &[Vec<u8>],
        reading: &str,
    ) -> Result<EventsReport, StoreError> {
        let (mut tx, now) = app.record().await?;
        let source = orchestrator.source();
        let mut state = lock_state(&mut tx, source).await?;
        let request = |answer: usize| self.names.get(answer).cloned().unwrap_or_default();
        let words = |answer: usize, _: usize| bodies.get(answer).cloned().unwrap_or_default();
        let window = Span::new(now, now);
        let answers =
            Answers { reading, window, fetched_at: now, request: &request, words: &words };
        let arrived = self.arrived.clone();
        let taken = take(&mut tx, app.db.engine(), (source, &state), arrived, &answers).await?;
        self.save_rejected(&mut tx, app, orchestrator, (bodies, reading, now)).await?;
        state.events += i64::try_from(self.events).unwrap_or(0);
        state.events_malformed += i64::try_from(self.malformed).unwrap_or(0);
        state.last_event_at = now;
        state.last_event_micros = state.last_event_micros.max(self.last_micros);
        save_state(&mut tx, source, &state).await?;
        tx.commit().await?;
        let (events, malformed, look) = (self.events, self.malformed, self.look);
        Ok(EventsReport { events, malformed, look, fresh: taken.fresh })
    }

    async fn save_rejected(
        &self,
        conn: &mut Conn,
        app: &App,
        orchestrator: &dyn Orchestrator,
        (bodies, reading, now): (&[Vec<u8>], &str, i64),
    ) -> Result<(), StoreError> {
        let source = orchestrator.source();
        let ids = IdMaker::new(app.clock.as_ref());
        let window = Span::new(now, now);
        let mut findings = Vec::new();
        for (answer, rejected) in &self.rejected {
            let (Some(body), Some(name)) = (bodies.get(*answer), self.names.get(*answer)) else {
                continue;
            };
            let mut excerpt = Excerpt::default();
            let position = excerpt.add(body);
            let page = NewPage {
                source,
                reading,
                request: name,
                window,
                page: u32::try_from(*answer).unwrap_or(u32::MAX),
                fetched_at: now,
                body: &excerpt.body(),
            };
            let evidence = save_page(conn, page).await?;
            let nobody = OwnerRef { source: source.clone(), id: String::new() };
            let owner = rejected.owner.clone().unwrap_or(nobody);
            findings.push(rejected_finding(owner, rejected, (evidence, position), window));
        }
        save_findings(conn, findings, &ids, now).await?;
        Ok(())
    }
}
