//! Images, load balancers, and everything of the network: the payload holds the row that a list
//! would show. PURE.

use serde_json::Value;

use super::{Notification, Told};
use crate::collect::observation::{Certainty, ResourceKind, ResourceState};
use crate::collect::record::Attributes;
use crate::config::PortPolicy;
use crate::orchestrator::openstack::things::{self, Thing};
use crate::orchestrator::openstack::{date, json};

fn told_of(thing: Thing, at_micros: i64, certainty: Certainty, state: ResourceState) -> Told {
    let gone = state == ResourceState::Gone;
    Told {
        kind: thing.kind,
        resource: Some(thing.resource),
        owner: Some(thing.owner),
        at_micros,
        certainty,
        state: Some(state),
        attributes: if gone { Attributes::new() } else { thing.attributes },
    }
}

/// An image counts from the moment it was begun, once it is stored.
pub fn image(notification: &Notification, operation: &str) -> Vec<Told> {
    let payload = &notification.payload;
    let now = notification.at_micros;
    match operation {
        "activate" => {
            let things = things::read("images", payload, false).unwrap_or_else(|_| Vec::new());
            let tell = |thing: Thing| {
                let at = thing.created.unwrap_or(now);
                told_of(thing, at, Certainty::Event, ResourceState::Present)
            };
            things.into_iter().map(tell).collect()
        }
        "delete" => {
            let deleted = json::text(payload, "deleted_at");
            vec![Told {
                kind: ResourceKind::Image,
                resource: json::text(payload, "id"),
                owner: json::text(payload, "owner"),
                at_micros: deleted.and_then(|text| date::micros(&text)).unwrap_or(now),
                certainty: Certainty::Event,
                state: Some(ResourceState::Gone),
                attributes: Attributes::new(),
            }]
        }
        _ => Vec::new(),
    }
}

/// The payload is the balancer as its drivers see it, whose id has a name of its own.
pub fn load_balancer(notification: &Notification, operation: &str) -> Vec<Told> {
    let mut row = notification.payload.clone();
    if let (Some(fields), Some(id)) =
        (row.as_object_mut(), json::text(&notification.payload, "loadbalancer_id"))
    {
        fields.insert("id".to_owned(), Value::from(id));
    }
    let Ok(things) = things::load_balancer(&row) else { return Vec::new() };
    let now = notification.at_micros;
    let tell = |thing: Thing| match operation {
        "create.end" => {
            let (at, state) = (thing.created.unwrap_or(now), thing.state);
            Some(told_of(thing, at, Certainty::Event, state))
        }
        "update.end" => {
            let state = thing.state;
            Some(told_of(thing, now, Certainty::Seen, state))
        }
        "delete.end" => Some(told_of(thing, now, Certainty::Event, ResourceState::Gone)),
        _ => None,
    };
    things.into_iter().filter_map(tell).collect()
}

/// Addresses, routers, networks, and interfaces where all of them are metered. Objects that go
/// without their row are found gone by the next listing.
pub fn network(
    notification: &Notification,
    room: &str,
    operation: &str,
    ports: PortPolicy,
) -> Vec<Told> {
    let (single, several) = match room {
        "floatingip" => ("floatingip", "floatingips"),
        "router" => ("router", "routers"),
        "network" => ("network", "networks"),
        _ if ports == PortPolicy::All => ("port", "ports"),
        _ => return Vec::new(),
    };
    let payload = &notification.payload;
    let rows: Vec<&Value> =
        payload.get(single).into_iter().chain(json::list(payload, several)).collect();
    let now = notification.at_micros;
    let mut told = Vec::new();
    for row in rows {
        for thing in things::read(several, row, false).unwrap_or_else(|_| Vec::new()) {
            let at = thing.created.unwrap_or(now);
            told.extend(match operation {
                "create.end" => Some(told_of(thing, at, Certainty::Event, ResourceState::Present)),
                // An interface is its machine's only after it was made.
                "update.end" if thing.kind == ResourceKind::Port => {
                    Some(told_of(thing, at, Certainty::Event, ResourceState::Present))
                }
                "update.end" => Some(told_of(thing, now, Certainty::Seen, ResourceState::Present)),
                "delete.end" => Some(told_of(thing, now, Certainty::Event, ResourceState::Gone)),
                _ => None,
            });
        }
    }
    told
}
