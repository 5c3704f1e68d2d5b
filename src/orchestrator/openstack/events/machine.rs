//! Machines in both of their forms: flat and unversioned, nested and versioned. PURE.

use serde_json::Value;

use super::{Notification, Told};
use crate::collect::observation::{Certainty, ResourceKind, ResourceState};
use crate::collect::record::{Attributes, attribute};
use crate::orchestrator::openstack::flavor::Sizes;
use crate::orchestrator::openstack::state::of_vm_state;
use crate::orchestrator::openstack::{date, json};

/// Operations whose end tells the state that the machine has then, and its flavor.
const STATEFUL: [&str; 17] = [
    "create",
    "pause",
    "power_off",
    "power_on",
    "reboot",
    "rescue",
    "resize_confirm",
    "resize_revert",
    "restore",
    "resume",
    "shelve",
    "shelve_offload",
    "soft_delete",
    "suspend",
    "unpause",
    "unrescue",
    "unshelve",
];
/// Operations whose end tells what the machine is made of now, and nothing of its state: one
/// that was stopped before is stopped after.
const MATERIAL: [&str; 2] = ["resize_finish", "rebuild"];

/// What both forms tell.
pub struct Payload {
    id: Option<String>,
    project: Option<String>,
    state: Option<String>,
    old_state: Option<String>,
    created: Option<i64>,
    launched: bool,
    terminated: Option<i64>,
    zone: Option<String>,
    image: Option<String>,
    flavor_id: Option<String>,
    flavor_name: Option<String>,
    sizes: Option<Sizes>,
}

/// Reads the flat form.
pub fn unversioned(payload: &Value) -> Payload {
    let field = |name: &str| json::text(payload, name);
    // The address of an image ends in its id; that of none ends in a slash.
    let image = field("image_ref_url");
    let image = image.and_then(|url| url.rsplit('/').next().map(str::to_owned));
    Payload {
        id: field("instance_id"),
        project: field("tenant_id"),
        state: field("state"),
        old_state: field("old_state"),
        created: field("created_at").and_then(|text| date::micros(&text)),
        launched: field("launched_at").is_some(),
        terminated: field("terminated_at").and_then(|text| date::micros(&text)),
        zone: field("availability_zone"),
        image: image.filter(|id| !id.is_empty()),
        flavor_id: field("instance_flavor_id"),
        flavor_name: field("instance_type"),
        sizes: Sizes::of_payload(payload),
    }
}

/// Reads the nested form.
pub fn versioned(payload: &Value) -> Payload {
    const DATA: &str = "nova_object.data";
    let nothing = Value::Null;
    let data = payload.get(DATA).unwrap_or(&nothing);
    let inner = |name: &str| data.get(name).and_then(|value| value.get(DATA));
    let flavor = inner("flavor").unwrap_or(&nothing);
    let update = inner("state_update");
    let field = |name: &str| json::text(data, name);
    Payload {
        id: field("uuid"),
        project: field("tenant_id"),
        state: field("state"),
        old_state: update.and_then(|update| json::text(update, "old_state")),
        created: field("created_at").and_then(|text| date::micros(&text)),
        launched: field("launched_at").is_some(),
        terminated: field("terminated_at").and_then(|text| date::micros(&text)),
        zone: field("availability_zone"),
        image: field("image_uuid"),
        flavor_id: json::text(flavor, "flavorid"),
        flavor_name: json::text(flavor, "name"),
        sizes: Sizes::of_payload(flavor),
    }
}

impl Payload {
    fn state(&self) -> Option<ResourceState> {
        of_vm_state(self.state.as_deref()?, self.launched)
    }

    /// Flavor and zone; both forms tell the same.
    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::new();
        let mut add = |key: &str, value: &Option<String>| {
            attributes.extend(value.clone().map(|value| (key.to_owned(), value)));
        };
        add(attribute::OFFERING, &self.flavor_id);
        add(attribute::OFFERING_NAME, &self.flavor_name);
        add(attribute::ZONE, &self.zone);
        add(attribute::TEMPLATE, &self.image);
        if let Some(sizes) = self.sizes {
            sizes.add_to(&mut attributes, self.image.is_none());
        }
        attributes
    }
}

/// `compute.instance.finish_resize.end` and `instance.resize_finish.end` are one operation.
fn operation_and_phase(text: &str) -> (&str, &str) {
    match text {
        "finish_resize.end" => ("resize_finish", "end"),
        "resize.confirm.end" => ("resize_confirm", "end"),
        "resize.revert.end" => ("resize_revert", "end"),
        other => other.rsplit_once('.').unwrap_or((other, "")),
    }
}

/// What a notification about a machine says.
pub fn told(notification: &Notification, payload: &Payload, text: &str) -> Vec<Told> {
    let tell = |at_micros, certainty, state, attributes| {
        vec![Told {
            kind: ResourceKind::Machine,
            resource: payload.id.clone(),
            owner: payload.project.clone(),
            at_micros,
            certainty,
            state,
            attributes,
        }]
    };
    let now = notification.at_micros;
    let heard = |state| tell(now, Certainty::Heard, state, payload.attributes());
    // The payload's own instant is that of the change; the message is sent a little beside it.
    let dated = |at: Option<i64>| match at {
        Some(at) => (at, Certainty::Event),
        None => (now, Certainty::Heard),
    };
    match operation_and_phase(text) {
        ("create", "start") => {
            let (at, certainty) = dated(payload.created);
            tell(at, certainty, Some(ResourceState::Building), payload.attributes())
        }
        ("delete", "end") => {
            let (at, certainty) = dated(payload.terminated);
            tell(at, certainty, Some(ResourceState::Gone), Attributes::new())
        }
        (operation, "end") if STATEFUL.contains(&operation) => heard(payload.state()),
        (operation, "end") if MATERIAL.contains(&operation) => heard(None),
        ("exists", "") => exists(payload, now, tell),
        ("update", "") => update(payload, now, tell),
        _ => Vec::new(),
    }
}

/// The audit of a period confirms what is known: a deleted machine its end, others their state.
fn exists(
    payload: &Payload,
    now: i64,
    tell: impl Fn(i64, Certainty, Option<ResourceState>, Attributes) -> Vec<Told>,
) -> Vec<Told> {
    match (payload.state(), payload.terminated) {
        (Some(ResourceState::Gone), Some(at)) => {
            tell(at, Certainty::Event, Some(ResourceState::Gone), Attributes::new())
        }
        (Some(ResourceState::Gone), None) => Vec::new(),
        (state, _) => tell(now, Certainty::Seen, state, payload.attributes()),
    }
}

/// Most changes of state have a message of their own at their end; only that a machine breaks,
/// or is mended, is told by an update alone.
fn update(
    payload: &Payload,
    now: i64,
    tell: impl Fn(i64, Certainty, Option<ResourceState>, Attributes) -> Vec<Told>,
) -> Vec<Told> {
    let is_error = |state: &Option<String>| state.as_deref() == Some("error");
    let changed = payload.old_state.is_some() && payload.old_state != payload.state;
    if !changed || !(is_error(&payload.state) || is_error(&payload.old_state)) {
        return Vec::new();
    }
    match payload.state() {
        Some(state) => tell(now, Certainty::Heard, Some(state), Attributes::new()),
        None => Vec::new(),
    }
}
