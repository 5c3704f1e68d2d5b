//! Notifications of the services' bus: envelopes, and what each says about usage. PURE.
//!
//! Only the ends of operations count, at the instant of the message or at the one that the
//! payload names more exactly. The owner is the payload's project, never that of whoever
//! triggered the operation. What is not known says nothing about usage and is counted by name.

mod machine;
mod storage;
mod thing;

use serde_json::Value;

use super::{date, json};
use crate::collect::observation::{Certainty, Observation, ResourceKind, ResourceState};
use crate::collect::record::Attributes;
use crate::config::PortPolicy;
use crate::ids::{OwnerRef, SourceName};
use crate::orchestrator::{
    Answer, EventRoute, OrchestratorError, ParsedEvent, ParsedObservation, RejectedRecord,
};

/// Exchanges of the services whose events say something of usage, as they are named by default,
/// and the topic of each form of notifications.
const EXCHANGES: [&str; 6] = ["nova", "cinder", "neutron", "glance", "octavia", "openstack"];
const TOPICS: [&str; 2] = ["notifications.info", "versioned_notifications.info"];

/// Where services publish by default.
pub fn routes() -> Vec<EventRoute> {
    let route = |exchange: &str, topic: &str| EventRoute {
        exchange: exchange.to_owned(),
        routing_key: topic.to_owned(),
    };
    EXCHANGES
        .iter()
        .flat_map(|exchange| TOPICS.iter().map(move |topic| route(exchange, topic)))
        .collect()
}

/// A notification inside its envelope.
struct Notification {
    id: String,
    event: String,
    at_micros: i64,
    payload: Value,
}

/// What an event told, without owner and kind of record around it.
struct Told {
    kind: ResourceKind,
    resource: Option<String>,
    owner: Option<String>,
    at_micros: i64,
    certainty: Certainty,
    state: Option<ResourceState>,
    attributes: Attributes,
}

/// Reads one message.
pub fn parse(source: &SourceName, ports: PortPolicy, body: &[u8]) -> Answer<ParsedEvent> {
    let notification = read(body).map_err(|detail| OrchestratorError::Malformed {
        source_name: source.0.clone(),
        request: "event".to_owned(),
        detail,
    })?;
    let told = told(&notification, ports);
    let observations = told
        .into_iter()
        .map(|told| ParsedObservation { index: 0, outcome: outcome(source, told) })
        .collect();
    let (id, name) = (notification.id, notification.event);
    Ok(ParsedEvent { id, name, look: false, observations })
}

/// The payload of a message, as it came.
pub fn raw_payload(body: &[u8]) -> Option<String> {
    let inner = inner(body).ok()?;
    let top = json::top(inner.as_bytes()).ok()?;
    top.contains_key("message_id").then(|| top.get("payload").map(|raw| raw.get().to_owned()))?
}

/// The message inside the envelope: version 2 holds it as text, version 1 is the message itself.
fn inner(body: &[u8]) -> Result<String, String> {
    let top = json::top(body)?;
    match top.get("oslo.message") {
        Some(text) => serde_json::from_str::<String>(text.get())
            .map_err(|error| format!("oslo.message is no text: {error}")),
        None => String::from_utf8(body.to_vec()).map_err(|error| error.to_string()),
    }
}

fn read(body: &[u8]) -> Result<Notification, String> {
    let message = json::value(inner(body)?.as_bytes())?;
    let field = |name: &str| {
        json::text(&message, name).ok_or_else(|| format!("{name} is missing in the message"))
    };
    let timestamp = field("timestamp")?;
    Ok(Notification {
        id: field("message_id")?,
        event: field("event_type")?,
        at_micros: date::micros(&timestamp)
            .ok_or_else(|| format!("timestamp: {timestamp:?} is no instant"))?,
        payload: message.get("payload").cloned().unwrap_or(Value::Null),
    })
}

fn told(notification: &Notification, ports: PortPolicy) -> Vec<Told> {
    let event = notification.event.as_str();
    let (room, rest) = event.split_once('.').unwrap_or((event, ""));
    match (room, rest.split_once('.')) {
        ("compute", Some(("instance", operation))) => {
            machine::told(notification, &machine::unversioned(&notification.payload), operation)
        }
        ("instance", _) => {
            machine::told(notification, &machine::versioned(&notification.payload), rest)
        }
        ("volume" | "snapshot" | "backup", _) => storage::told(notification, room, rest),
        ("image", _) => thing::image(notification, rest),
        ("octavia", Some(("loadbalancer", operation))) => {
            thing::load_balancer(notification, operation)
        }
        ("floatingip" | "router" | "network" | "port", _) => {
            thing::network(notification, room, rest, ports)
        }
        // Changes of projects and the rest concern the catalogue, which is read as a whole.
        _ => Vec::new(),
    }
}

fn outcome(source: &SourceName, told: Told) -> Result<Observation, RejectedRecord> {
    let owner = told.owner.map(|id| OwnerRef { source: source.clone(), id });
    match (owner, told.resource) {
        (Some(owner), Some(resource)) => Ok(Observation {
            owner,
            kind: told.kind,
            resource,
            at_micros: told.at_micros,
            certainty: told.certainty,
            state: told.state,
            attributes: told.attributes,
        }),
        (owner, resource) => {
            let missing = if resource.is_some() { "the project" } else { "the id" };
            let reason = format!("{missing} is missing in the payload");
            let meter = told.kind.as_str().to_owned();
            Err(RejectedRecord { owner, meter, span: None, reason })
        }
    }
}
