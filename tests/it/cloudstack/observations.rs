//! Goal: what is listed now becomes the running month's figures until the usage server has closed
//! its time, and equals then what it says. Method: the recorded lists behind a real socket, and a
//! day of the simulated cloud, looked at every half hour and then read as usage.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use billow::clock::ManualClock;
use billow::collect::observation::{Certainty, Observation, ResourceKind, ResourceState};
use billow::collect::observe::interval::{Observed, timeline};
use billow::collect::observe::meters::records;
use billow::collect::record::attribute;
use billow::demo::cloudstack::{Defects, Settings};
use billow::meter::kind::{VM_RUNNING, VOLUME};
use billow::orchestrator::cloudstack::CloudStack;
use billow::orchestrator::{ObservationAsk, Orchestrator, RawObservations};
use billow::period::Span;
use serde_json::{Value, json};

use super::lists::{self, forbidden};
use super::simulated::{DAY, START, cloud_at};
use super::support::{Reply, Request, Server, ok, recorded};

/// 2026-11-22T17:00:00Z, after all that was recorded.
const NOW: i64 = 1_795_366_800;

async fn look(adapter: &CloudStack, now: i64) -> RawObservations {
    let ask = ObservationAsk { now, since: None };
    adapter.fetch_observations(ask).await.expect("a round")
}

fn parse(adapter: &CloudStack, raw: &RawObservations) -> Vec<Observation> {
    let mut all = Vec::new();
    for page in &raw.pages {
        for row in adapter.parse_observations(page, raw.seen_at).expect("a page") {
            let one = row.outcome.expect("an observation");
            let text = adapter.raw_record(page, row.index).expect("the row as it came");
            assert!(text.contains(&one.resource), "{text}");
            all.push(one);
        }
    }
    all
}

fn answer(request: &Request) -> Reply {
    match request.command() {
        "listPublicIpAddresses" => ok(recorded("lists/listPublicIpAddresses.listall.json")),
        _ => lists::answer(request),
    }
}

#[tokio::test]
async fn recorded_lists_tell_owner_state_and_what_it_is_made_of() {
    let server = Server::start(answer).await;
    let adapter = server.adapter();
    let owners = adapter.fetch_owners().await.expect("owners");
    let raw = look(&adapter, NOW).await;
    let kinds = [
        ResourceKind::Machine,
        ResourceKind::Volume,
        ResourceKind::Snapshot,
        ResourceKind::Address,
    ];
    assert_eq!(raw.complete, kinds);
    let all = parse(&adapter, &raw);
    let seen: Vec<&Observation> =
        all.iter().filter(|one| one.certainty == Certainty::Seen).collect();
    let count = |kind| seen.iter().filter(|one| one.kind == kind).count();
    // Of eight addresses two are the cloud's own.
    assert_eq!(kinds.map(count), [11, 15, 1, 6]);
    let owner_of = |name: &str| {
        let owner = owners.iter().find(|owner| owner.name == name).expect(name);
        seen.iter().filter(|one| one.owner.id == owner.id).count()
    };
    assert_eq!((owner_of("CustA1"), owner_of("O'Brien Inc")), (24, 5));
    // A machine and a volume of a project are the project's.
    let projects = adapter.fetch_owners().await.expect("owners");
    let projects: BTreeSet<&String> =
        projects.iter().filter(|one| one.account_id.is_some()).map(|one| &one.id).collect();
    assert_eq!(seen.iter().filter(|one| projects.contains(&one.owner.id)).count(), 3);

    let named = |name: &str| {
        let found = seen.iter().find(|one| one.attributes[attribute::NAME] == name);
        *found.unwrap_or_else(|| panic!("{name} is missing"))
    };
    let web = named("web1");
    assert_eq!((web.state, web.at()), (Some(ResourceState::Running), NOW));
    for (key, value) in [
        (attribute::VCPUS, "1"),
        (attribute::RAM_MIB, "1024"),
        (attribute::CPU_MHZ, "1000"),
        (attribute::OFFERING, "8b29b220-1ff8-4574-9b49-e0c37f46387e"),
        (attribute::TEMPLATE, "e76b66ab-e68c-11f1-b1b6-02fc00000001"),
        (attribute::OS, "CentOS 5.6 (64-bit)"),
    ] {
        assert_eq!(web.attributes[key], value, "{key}");
    }
    let told = |resource: &str, certainty: Certainty| {
        let of = |one: &&Observation| one.resource == resource && one.certainty == certainty;
        all.iter().find(of).map(Observation::at)
    };
    // 16:10:01 and 16:10:04: made, and running since then.
    assert_eq!(told(&web.resource, Certainty::Made), Some(NOW - 2_999));
    assert_eq!(told(&web.resource, Certainty::Event), Some(NOW - 2_996));
    let never = named("neverstarted");
    assert_eq!(never.state, Some(ResourceState::Stopped));
    assert_eq!(told(&never.resource, Certainty::Event), None);
    assert_eq!(named("203.0.113.15").attributes[attribute::SOURCE_NAT], "false");
    assert_eq!(named("data-custom").state, Some(ResourceState::Present));
    assert_eq!(named("snap-1").attributes[attribute::VIRTUAL_SIZE_BYTES], "2147483648");
}

#[tokio::test]
async fn a_destroyed_machine_counts_no_more_and_a_hidden_one_never() {
    let server = Server::start(|request| match request.command() {
        "listVirtualMachines" => ok(recorded("lists/listVirtualMachines.destroyed.json")),
        "listVolumes" => {
            let mut all: Value = serde_json::from_slice(&recorded(
                "lists/listVolumes.listall-projectid-minus-1.json",
            ))
            .expect("JSON");
            for row in all["listvolumesresponse"]["volume"].as_array_mut().expect("rows") {
                row["displayvolume"] = json!(false);
            }
            ok(all.to_string())
        }
        "listSnapshots" | "listPublicIpAddresses" => ok(r#"{"listresponse":{}}"#),
        _ => lists::answer(request),
    })
    .await;
    let adapter = server.adapter();
    let all = parse(&adapter, &look(&adapter, NOW).await);
    let told: Vec<_> = all.iter().map(|one| (one.certainty, one.state)).collect();
    let gone = Some(ResourceState::SoftDeleted);
    assert_eq!(told, [(Certainty::Made, None), (Certainty::Event, gone), (Certainty::Seen, gone)]);
}

#[tokio::test]
async fn a_list_that_may_not_be_read_or_that_moved_meanwhile_ends_nothing() {
    let server = Server::start(|request| match request.command() {
        "listSnapshots" => forbidden(),
        // It says that there is one more than it shows.
        "listVolumes" => {
            let mut all: Value = serde_json::from_slice(&recorded(
                "lists/listVolumes.listall-projectid-minus-1.json",
            ))
            .expect("JSON");
            let inner = &mut all["listvolumesresponse"];
            inner["count"] = json!(inner["count"].as_u64().expect("a count") + 1);
            ok(all.to_string())
        }
        _ => answer(request),
    })
    .await;
    let raw = look(&server.adapter(), NOW).await;
    assert_eq!(raw.complete, [ResourceKind::Machine, ResourceKind::Address]);
    assert_eq!(raw.skipped.len(), 1);
    assert!(raw.skipped[0].contains("listSnapshots"), "{:?}", raw.skipped);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named_with_its_field() {
    for (field, value, reason) in [
        ("state", json!("Levitating"), r#"state: "Levitating" is none that is known"#),
        ("account", json!("nobody"), "account \"nobody\" of domain"),
        ("id", Value::Null, "id is missing"),
    ] {
        let server = Server::start(move |request| match request.command() {
            "listVirtualMachines" => {
                let file = recorded("lists/listVirtualMachines.listall-projectid-minus-1.json");
                let mut all: Value = serde_json::from_slice(&file).expect("JSON");
                all["listvirtualmachinesresponse"]["virtualmachine"][0][field] = value.clone();
                ok(all.to_string())
            }
            _ => answer(request),
        })
        .await;
        let adapter = server.adapter();
        let raw = look(&adapter, NOW).await;
        let parsed = adapter.parse_observations(&raw.pages[0], NOW).expect("a page");
        let bad: Vec<String> = parsed
            .iter()
            .filter_map(|row| Some(row.outcome.as_ref().err()?.reason.clone()))
            .collect();
        assert_eq!(bad.len(), 1, "{bad:?}");
        assert!(bad[0].contains(reason), "{bad:?}");
        assert!(parsed.len() > 20, "all others are read");
    }
}

/// Hours by meter and resource inside a window.
type Hours = BTreeMap<(String, String), f64>;

const LOOK_SECONDS: i64 = 1_800;

#[tokio::test]
async fn a_day_that_was_looked_at_is_the_day_that_is_billed() {
    let window = Span::new(START + 10 * DAY, START + 11 * DAY);
    let instant = |at| jiff::Timestamp::from_second(at).expect("an instant");
    let clock = Arc::new(ManualClock::at(instant(window.from)));
    let settings = Settings { defects: Defects::none(), ..Settings::usual() };
    let (_simulator, adapter) = cloud_at(settings, clock.clone()).await;
    let mut seen: BTreeMap<(ResourceKind, String), Vec<Observed>> = BTreeMap::new();
    let mut shown: BTreeMap<(ResourceKind, String), i64> = BTreeMap::new();
    for look_at in (window.from..=window.until).step_by(LOOK_SECONDS as usize) {
        clock.set(instant(look_at));
        let all = parse(&adapter, &look(&adapter, look_at).await);
        let mut now = BTreeSet::new();
        for one in all {
            let key = (one.kind, one.resource.clone());
            if one.certainty == Certainty::Seen {
                now.insert(key.clone());
            }
            seen.entry(key).or_default().push(observed(one, None));
        }
        for (key, last) in shown.iter().filter(|(key, _)| !now.contains(*key)) {
            let history = seen.get_mut(key).expect("it was shown");
            let missing = Observation {
                certainty: Certainty::Missing,
                state: Some(ResourceState::Gone),
                at_micros: look_at * 1_000_000,
                ..history.last().expect("observed").observation.clone()
            };
            history.push(observed(missing, Some(last * 1_000_000)));
        }
        shown.retain(|key, _| now.contains(key));
        shown.extend(now.into_iter().map(|key| (key, look_at)));
    }
    let mut looked = Hours::new();
    for ((kind, resource), history) in &seen {
        for one in records((*kind, resource), &timeline(history).intervals(), window) {
            let hours: f64 = one.record.span.seconds() as f64 / 3_600.0;
            *looked.entry((one.record.meter, resource.clone())).or_default() += hours;
        }
    }
    clock.set(instant(window.until + DAY));
    let mut billed = Hours::new();
    let raw = adapter.fetch_usage(window).await.expect("a window");
    for page in &raw.pages {
        for row in adapter.parse_usage(page).expect("a page") {
            let record = row.outcome.expect("a record");
            let hours: f64 = record.quantity.to_string().parse().expect("a number");
            *billed.entry((record.meter, record.resource)).or_default() += hours;
        }
    }
    for (meter, least) in [(VM_RUNNING, 10), (VOLUME, 10), ("ip_address", 5)] {
        let of = |hours: &Hours| -> Hours {
            hours.clone().into_iter().filter(|((own, _), _)| own == meter).collect()
        };
        let (looked, billed) = (of(&looked), of(&billed));
        assert!(billed.len() >= least, "{meter}: {} resources", billed.len());
        let mut exact = 0;
        for key in looked.keys().chain(billed.keys()) {
            let hours = |of: &Hours| of.get(key).copied().unwrap_or(0.0);
            let apart = (hours(&looked) - hours(&billed)).abs();
            // What ended between two looks is counted up to the first.
            assert!(apart * 3_600.0 <= LOOK_SECONDS as f64, "{key:?}: {apart} h");
            exact += usize::from(apart * 3_600.0 <= 1.0);
        }
        assert!(exact * 10 >= (looked.len() + billed.len()) * 9, "{meter}: {exact} are exact");
    }
}

fn observed(observation: Observation, shown_micros: Option<i64>) -> Observed {
    let read_micros = observation.at_micros;
    Observed { observation, read_micros, shown_micros, evidence: 1, evidence_index: 0 }
}
