//! Goal: the messages of the bus tell a life exactly, the same in both of their formats, and
//! what is not about usage says nothing. Method: every message that real services sent.

use std::collections::{BTreeMap, BTreeSet};

use billow::collect::observation::{Certainty, Observation, ResourceKind, ResourceState};
use billow::orchestrator::openstack::OpenStack;
use billow::orchestrator::{Orchestrator, OrchestratorError, ParsedEvent, RawPage};
use serde_json::{Value, json};

use super::observations::text;
use super::support::{ALPHA, config};

const WEB: &str = "c3ae2d6f-eaea-48a8-b11f-57bfd7ef2317";

fn adapter() -> OpenStack {
    OpenStack::new(&config("http://127.0.0.1:9/v3")).expect("an adapter")
}

fn file(name: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/openstack/notifications/");
    std::fs::read_to_string(format!("{root}{name}")).expect("a recorded file")
}

/// Every message of the recorded stream, in the envelope of the wire.
pub fn stream() -> Vec<Vec<u8>> {
    let lines = file("stream.jsonl");
    let wire = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let message = line["message"].to_string();
        json!({ "oslo.version": "2.0", "oslo.message": message }).to_string().into_bytes()
    };
    lines.lines().map(wire).collect()
}

fn parsed() -> Vec<ParsedEvent> {
    let adapter = adapter();
    stream().iter().map(|body| adapter.parse_event(body).expect("a message")).collect()
}

fn observations(events: &[ParsedEvent], wanted: impl Fn(&str) -> bool) -> Vec<Observation> {
    let events = events.iter().filter(|event| wanted(&event.name));
    let outcomes = events.flat_map(|event| &event.observations);
    outcomes.map(|one| one.outcome.clone().expect("an observation")).collect()
}

fn is_versioned(name: &str) -> bool {
    name.starts_with("instance.")
}

#[test]
fn the_whole_stream_is_understood() {
    let events = parsed();
    assert_eq!(events.len(), 565);
    let ids: BTreeSet<&str> = events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids.len(), events.len(), "an id for each message");
    let mut kinds: BTreeMap<ResourceKind, BTreeSet<String>> = BTreeMap::new();
    for one in observations(&events, |_| true) {
        assert_eq!(one.owner.source.0, "os1");
        kinds.entry(one.kind).or_default().insert(one.resource);
    }
    let counts: Vec<(ResourceKind, usize)> =
        kinds.iter().map(|(kind, resources)| (*kind, resources.len())).collect();
    let expected = [
        (ResourceKind::Machine, 4),
        (ResourceKind::Volume, 5),
        (ResourceKind::Snapshot, 2),
        (ResourceKind::Image, 5),
        // Two that float, and two of routers' gateways.
        (ResourceKind::Address, 4),
        (ResourceKind::Router, 2),
        (ResourceKind::Network, 3),
    ];
    assert_eq!(counts, expected);
}

#[test]
fn a_machines_life_is_told_to_the_second() {
    use ResourceState::{
        Building, Gone, Paused, Running, Shelved, ShelvedOffloaded, Stopped, Suspended,
    };
    let events = parsed();
    for versioned in [false, true] {
        let mut life: Vec<Observation> =
            observations(&events, |name| is_versioned(name) == versioned)
                .into_iter()
                .filter(|one| one.resource == WEB && one.certainty.is_event())
                .collect();
        life.sort_by_key(|one| one.at_micros);
        let told: Vec<(String, Option<ResourceState>)> =
            life.iter().map(|one| (text(one.at_micros), one.state)).collect();
        let expected = [
            ("07:53:53", Some(Building)),
            ("07:53:55", Some(Running)),
            ("07:53:56", Some(Stopped)),
            ("07:53:57", Some(Running)),
            ("07:53:58", Some(Paused)),
            ("07:53:58", Some(Running)),
            ("07:53:59", Some(Suspended)),
            ("07:54:00", Some(Running)),
            ("07:54:02", None),
            ("07:54:03", Some(Running)),
            ("07:54:03", Some(Shelved)),
            ("07:54:04", Some(ShelvedOffloaded)),
            ("07:54:05", Some(Running)),
            ("07:55:19", Some(Gone)),
        ];
        let expected: Vec<(String, Option<ResourceState>)> =
            expected.map(|(at, state)| (at.to_owned(), state)).into();
        // The hour's audit tells the end once more, at the same instant.
        let ends = told.iter().filter(|(_, state)| *state == Some(Gone)).count();
        assert_eq!(ends, 2);
        assert_eq!(told[..told.len() - 1], expected, "versioned: {versioned}");
        let flavor = |at: usize| life[at].attributes["offering_name"].as_str();
        assert_eq!((flavor(1), flavor(7), flavor(8)), ("m1.small", "m1.small", "m1.medium"));
        assert_eq!(life[8].attributes["offering"], "3");
        assert_eq!(life[8].attributes["vcpus"], "2");
        assert_eq!(life[8].attributes["size_bytes"], (40_i64 << 30).to_string());
        assert_eq!(life[1].attributes["template"], "05b5051a-f8b9-4c5f-9ce4-8d0fb0ea5720");
        assert!(life.iter().all(|one| one.owner.id == ALPHA));
    }
}

#[test]
fn both_formats_tell_the_same() {
    let events = parsed();
    let told = |versioned: bool| {
        let all = observations(&events, |name| {
            name.contains("instance.") && is_versioned(name) == versioned
        });
        let mut told: Vec<_> = all
            .into_iter()
            .map(|one| {
                // A message follows its twin within a moment.
                let at = one.at_micros.div_euclid(1_000_000);
                (one.resource, at, one.certainty, one.state, one.attributes)
            })
            .collect();
        told.sort();
        told
    };
    let (flat, nested) = (told(false), told(true));
    assert_eq!(flat.len(), nested.len());
    for (flat, nested) in flat.iter().zip(&nested) {
        assert_eq!((&flat.0, flat.2, flat.3, &flat.4), (&nested.0, nested.2, nested.3, &nested.4));
        assert!((flat.1 - nested.1).abs() <= 1, "{flat:?} {nested:?}");
    }
}

#[test]
fn audits_confirm_and_add_no_time() {
    let events = parsed();
    let audits = observations(&events, |name| name.ends_with(".exists"));
    for one in &audits {
        let end = one.state == Some(ResourceState::Gone);
        assert_eq!(one.certainty, if end { Certainty::Event } else { Certainty::Seen });
    }
    let volumes = audits.iter().filter(|one| one.kind == ResourceKind::Volume);
    assert_eq!(volumes.count(), 0, "a deleted volume's audit does not tell when it ended");
}

#[test]
fn a_volume_grows_and_ends() {
    let events = parsed();
    let life: Vec<(String, Option<ResourceState>, String)> = observations(&events, |_| true)
        .into_iter()
        .filter(|one| one.resource == "61e5923c-527c-4a24-b05f-aeb4dc17b05b")
        .map(|one| {
            let size = one.attributes.get("size_bytes").cloned().unwrap_or_else(String::new);
            (text(one.at_micros), one.state, size)
        })
        .collect();
    let gib = |size: i64| (size << 30).to_string();
    assert_eq!(life[0], ("07:45:29".to_owned(), Some(ResourceState::Present), gib(10)));
    assert_eq!(life[1], ("07:45:30".to_owned(), None, gib(20)));
    assert_eq!(life.last().expect("an end").1, Some(ResourceState::Gone));
}

#[test]
fn messages_of_the_wire_and_of_the_older_envelope_are_one() {
    let adapter = adapter();
    let wire: Value = serde_json::from_str(&file("wire-example.json")).expect("JSON");
    let body = wire["body"].to_string();
    let new = adapter.parse_event(body.as_bytes()).expect("a message");
    assert_eq!((new.name.as_str(), new.observations.len()), ("compute.instance.create.end", 1));
    let inner = wire["body"]["oslo.message"].as_str().expect("text");
    assert_eq!(adapter.parse_event(inner.as_bytes()).expect("a message"), new);
    // The evidence of it is the payload alone.
    let page = RawPage { request: "event".to_owned(), page: 1, body: body.into_bytes() };
    let shown = adapter.raw_record(&page, 0).expect("the payload");
    assert!(shown.starts_with("{\"tenant_id\"") && !shown.contains("_context"), "{shown}");
}

#[test]
fn foreign_bodies_are_refused_and_foreign_events_say_nothing() {
    let adapter = adapter();
    for body in ["", "{", "[]", "{}", r#"{"oslo.message":7}"#, r#"{"message_id":"a"}"#] {
        let refused = adapter.parse_event(body.as_bytes());
        assert!(matches!(refused, Err(OrchestratorError::Malformed { .. })), "{body:?}");
    }
    let message = |event: &str, payload: Value| {
        json!({
            "message_id": "m-1", "event_type": event, "timestamp": "2026-11-22 08:00:00.000001",
            "payload": payload,
        })
        .to_string()
    };
    for event in ["orchestration.stack.create.end", "compute", "port.create.end", "volume"] {
        let parsed = adapter.parse_event(message(event, json!({})).as_bytes()).expect("a message");
        assert_eq!((parsed.name.as_str(), parsed.observations.len()), (event, 0));
    }
    // What should be understood and is not is kept with its reason.
    let parsed = message("volume.create.end", json!({ "volume_id": "v-1", "size": 1 }));
    let parsed = adapter.parse_event(parsed.as_bytes()).expect("a message");
    let rejected = parsed.observations[0].outcome.clone().expect_err("no owner");
    assert_eq!(rejected.reason, "the project is missing in the payload");
}

#[track_caller]
fn told(event: &str, payload: Value) -> Observation {
    let body = json!({
        "message_id": "m-1", "event_type": event, "timestamp": "2026-11-22 08:00:00.500000",
        "_context_project_id": "whoever", "payload": payload,
    });
    let parsed = adapter().parse_event(body.to_string().as_bytes()).expect("a message");
    assert_eq!(parsed.observations.len(), 1, "{event}");
    parsed.observations[0].outcome.clone().expect("an observation")
}

#[test]
fn transfers_retypings_and_breakages_are_changes() {
    let volume = |more: Value| {
        let mut payload = json!({
            "volume_id": "v-1", "tenant_id": "new-owner", "size": 3, "volume_type": "t-2",
            "status": "available", "created_at": "2026-11-20T00:00:00+00:00",
        });
        payload.as_object_mut().expect("fields").extend(more.as_object().expect("f").clone());
        payload
    };
    let one = told("volume.transfer.accept.end", volume(json!({})));
    assert_eq!((one.owner.id.as_str(), one.state, one.at()), ("new-owner", None, 1_795_334_400));
    let one = told("volume.retype", volume(json!({})));
    assert_eq!((one.attributes["offering"].as_str(), one.state), ("t-2", None));
    let one = told("volume.create.end", volume(json!({ "status": "error" })));
    assert_eq!(one.state, Some(ResourceState::Error));
    // An audit that repeats a deletion tells when it was.
    let end = json!({ "audit_period_ending": "2026-11-21 10:00:00+00:00" });
    let one = told("volume.delete.end", volume(end));
    assert_eq!(
        (one.state, text(one.at_micros)),
        (Some(ResourceState::Gone), "10:00:00".to_owned())
    );

    let machine = |more: Value| {
        let mut payload = json!({
            "instance_id": "i-1", "tenant_id": "p-1", "state": "error", "old_state": "active",
            "launched_at": "2026-11-20T00:00:00.000000", "terminated_at": "",
        });
        payload.as_object_mut().expect("fields").extend(more.as_object().expect("f").clone());
        payload
    };
    let one = told("compute.instance.update", machine(json!({})));
    assert_eq!((one.state, one.certainty), (Some(ResourceState::Error), Certainty::Heard));
    let one = told("compute.instance.update", machine(json!({ "launched_at": "" })));
    assert_eq!(one.state, Some(ResourceState::Building), "it never ran");
    let one = told("compute.instance.soft_delete.end", machine(json!({ "state": "soft-delete" })));
    assert_eq!(one.state, Some(ResourceState::SoftDeleted));
    let one = told("compute.instance.restore.end", machine(json!({ "state": "active" })));
    assert_eq!(one.state, Some(ResourceState::Running));
    // A machine that was stopped is stopped after its resize and its rebuilding, too.
    for event in ["compute.instance.finish_resize.end", "compute.instance.rebuild.end"] {
        assert_eq!(told(event, machine(json!({ "state": "resized" }))).state, None);
    }
    let from_volume = json!({
        "state": "active", "image_ref_url": "http://image/images/", "vcpus": 1, "memory_mb": 512,
        "root_gb": 20, "ephemeral_gb": 2, "instance_flavor_id": "7", "instance_type": "m1.x",
    });
    let one = told("compute.instance.create.end", machine(from_volume));
    assert_eq!(one.attributes["size_bytes"], (2_i64 << 30).to_string(), "no root disk");
    assert!(!one.attributes.contains_key("template"));
}

#[test]
fn load_balancers_and_bulk_messages_are_read() {
    let balancer = json!({
        "loadbalancer_id": "lb-1", "project_id": "p-1", "provisioning_status": "ACTIVE",
        "flavor_id": "f-1",
    });
    let one = told("octavia.loadbalancer.create.end", balancer.clone());
    assert_eq!((one.kind, one.resource.as_str()), (ResourceKind::LoadBalancer, "lb-1"));
    let one = told("octavia.loadbalancer.delete.end", balancer);
    assert_eq!(one.state, Some(ResourceState::Gone));
    let rows = json!({ "floatingips": [
        { "id": "f-1", "project_id": "p-1", "floating_ip_address": "203.0.113.1",
          "created_at": "2026-11-22T07:00:00Z" },
    ] });
    let one = told("floatingip.create.end", rows);
    assert_eq!(
        (one.attributes["name"].as_str(), text(one.at_micros)),
        ("203.0.113.1", "07:00:00".to_owned())
    );
}
