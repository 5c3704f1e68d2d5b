//! Volumes, snapshots and backups. PURE.

use serde_json::Value;

use super::{Notification, Told};
use crate::collect::observation::{Certainty, ResourceKind, ResourceState};
use crate::collect::record::{Attributes, attribute};
use crate::orchestrator::openstack::{date, json};

const GIB: i64 = 1 << 30;

/// What a notification says; `room` is `volume`, `snapshot` or `backup`.
pub fn told(notification: &Notification, room: &str, operation: &str) -> Vec<Told> {
    let payload = &notification.payload;
    let now = notification.at_micros;
    let instant = |field: &str| json::text(payload, field).and_then(|text| date::micros(&text));
    let created = instant("created_at").unwrap_or(now);
    // An audit that repeats what happened names the instant as the end of its period.
    let happened = instant("audit_period_ending").unwrap_or(now);
    let (at, certainty, state) = match operation {
        "create.end" | "manage_existing.end" if !is_broken(payload) => {
            (created, Certainty::Event, Some(ResourceState::Present))
        }
        "create.end" | "reset_status.end" if is_broken(payload) => {
            (now, Certainty::Event, Some(ResourceState::Error))
        }
        "reset_status.end" => (now, Certainty::Event, Some(ResourceState::Present)),
        // Another size, type or owner from now on.
        "resize.end" | "retype" | "transfer.accept.end" | "revert.end" => {
            (now, Certainty::Event, None)
        }
        "delete.end" | "unmanage.end" => (happened, Certainty::Event, Some(ResourceState::Gone)),
        "exists" if !is_deleted(payload) => {
            let state =
                if is_broken(payload) { ResourceState::Error } else { ResourceState::Present };
            (now, Certainty::Seen, Some(state))
        }
        _ => return Vec::new(),
    };
    let (kind, id) = match room {
        "volume" => (ResourceKind::Volume, "volume_id"),
        "snapshot" => (ResourceKind::Snapshot, "snapshot_id"),
        _ => (ResourceKind::Backup, "backup_id"),
    };
    let gone = state == Some(ResourceState::Gone);
    vec![Told {
        kind,
        resource: json::text(payload, id),
        owner: json::text(payload, "tenant_id"),
        at_micros: at,
        certainty,
        state,
        attributes: if gone { Attributes::new() } else { attributes(kind, payload) },
    }]
}

fn is_broken(payload: &Value) -> bool {
    matches!(json::text(payload, "status").as_deref(), Some("error" | "error_deleting"))
}

fn is_deleted(payload: &Value) -> bool {
    matches!(json::text(payload, "status").as_deref(), Some("deleted" | "deleting"))
}

/// Type, size and zone, as listings tell them. A volume's type is its id here.
fn attributes(kind: ResourceKind, payload: &Value) -> Attributes {
    let mut attributes = Attributes::new();
    let mut add = |key: &str, value: Option<String>| {
        attributes.extend(value.map(|value| (key.to_owned(), value)));
    };
    let size = if kind == ResourceKind::Snapshot { "volume_size" } else { "size" };
    let bytes = json::whole(payload, size).map(|gib| gib.saturating_mul(GIB).to_string());
    add(attribute::SIZE_BYTES, bytes);
    if kind == ResourceKind::Volume {
        add(attribute::OFFERING, json::text(payload, "volume_type"));
    }
    if kind != ResourceKind::Snapshot {
        add(attribute::ZONE, json::text(payload, "availability_zone"));
    }
    attributes
}
