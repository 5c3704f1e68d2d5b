//! Events of the server's bus and of its webhooks. PURE.
//!
//! An event names a thing and says that something happened to it, not what it is now (neither size
//! nor offering, of a failed action not even that it failed): it asks for a look. The instants of
//! starts and stops stand in what is listed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::json;
use crate::ids::SourceName;
use crate::orchestrator::{Answer, Delivery, EventRoute, HeaderOf, OrchestratorError, ParsedEvent};

/// The header with Base64 of the HMAC-SHA256 of the body.
const SIGNATURE_HEADER: &str = "x-cs-signature";
const EVENT_HEADER: &str = "x-cs-event";
/// What a trial says there; its body is whatever was asked for.
const TRIAL: &str = "TEST.WEBHOOK";

/// Beginnings of the names of events after which a list shows something else.
const SHOWN: [&str; 8] = [
    "VM.",
    "VOLUME.",
    "SNAPSHOT.",
    "NET.IP",
    "PORTABLE.IP",
    "ACCOUNT.DELETE",
    "PROJECT.DELETE",
    "VMSNAPSHOT.REVERT",
];

/// Where the bus publishes usage events, as its documentation sets it up.
pub fn routes() -> Vec<EventRoute> {
    vec![EventRoute {
        exchange: "cloudstack-events".to_owned(),
        routing_key: "management-server.UsageEvent.#".to_owned(),
    }]
}

/// Reads an event. The body of the bus and that of a webhook differ in what they name beside it.
pub fn parse(source: &SourceName, body: &[u8]) -> Answer<ParsedEvent> {
    let malformed = |detail: String| OrchestratorError::Malformed {
        source_name: source.0.clone(),
        request: "event".to_owned(),
        detail,
    };
    let text = json::mend(body).map_err(malformed)?;
    let row: Value =
        serde_json::from_str(&text).map_err(|error| malformed(format!("no JSON ({error})")))?;
    // Changes of state and jobs, which a bus may be set up to send as well, have no such name.
    let other = || ["old-state", "command"].iter().any(|field| row.get(field).is_some());
    let name = match json::text(&row, "event") {
        Some(name) => name,
        None if other() => "other".to_owned(),
        None => return Err(malformed("event is missing".to_owned())),
    };
    // Actions tell how far they are; usage events tell only what is done.
    let done = json::text_in(&row, "status").is_none_or(|status| status == "Completed");
    let look = done && SHOWN.iter().any(|prefix| name.starts_with(prefix));
    // Bodies carry no id of the event.
    let id = hex::encode(&Sha256::digest(body)[..16]);
    Ok(ParsedEvent { id, name, look, observations: Vec::new() })
}

/// What a delivery is, by its headers and the secret that both sides know.
pub fn delivery(header: HeaderOf<'_>, body: &[u8], secret: &str) -> Delivery {
    let signed = header(SIGNATURE_HEADER).is_some_and(|given| is_signed(body, &given, secret));
    match header(EVENT_HEADER).as_deref() {
        _ if !signed => Delivery::Unsigned,
        Some(TRIAL) => Delivery::Trial,
        _ => Delivery::Event,
    }
}

/// Whether a signature is that of a body.
fn is_signed(body: &[u8], signature: &str, secret: &str) -> bool {
    let (Ok(given), Ok(mut mac)) =
        (STANDARD.decode(signature.trim()), Hmac::<Sha256>::new_from_slice(secret.as_bytes()))
    else {
        return false;
    };
    mac.update(body);
    // In constant time.
    mac.verify_slice(&given).is_ok()
}
