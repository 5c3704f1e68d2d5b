//! Goal: a round shows what exists and what changed, complete where it is, and says so where it
//! is not. Method: recorded answers on a socket, changed by the tests.

use std::collections::BTreeMap;

use billow::collect::observation::{Certainty, Observation, ResourceKind, ResourceState};
use billow::config::PortPolicy;
use billow::orchestrator::openstack::OpenStack;
use billow::orchestrator::{ObservationAsk, Orchestrator, RawObservations};
use serde_json::{Value, json};

use super::support::{ALPHA, Cloud, body, ok, status};

/// 2026-11-22T08:10:00Z.
pub const NOW: i64 = 1_795_335_000;
/// The machine of the recorded life.
const WEB: &str = "c3ae2d6f-eaea-48a8-b11f-57bfd7ef2317";

pub fn ask(since: Option<i64>) -> ObservationAsk {
    ObservationAsk { now: NOW, since }
}

/// All observations of a round; none may be rejected.
pub fn parsed(adapter: &OpenStack, raw: &RawObservations) -> Vec<Observation> {
    let mut all = Vec::new();
    for page in &raw.pages {
        for one in adapter.parse_observations(page, raw.seen_at).expect("a page") {
            assert!(adapter.raw_record(page, one.index).is_some(), "{one:?}");
            all.push(one.outcome.expect("an observation"));
        }
    }
    all
}

pub fn text(micros: i64) -> String {
    let at = jiff::Timestamp::from_microsecond(micros).expect("an instant");
    at.strftime("%H:%M:%S").to_string()
}

fn of<'a>(all: &'a [Observation], resource: &str) -> Vec<&'a Observation> {
    all.iter().filter(|one| one.resource == resource).collect()
}

fn attribute<'a>(one: &'a Observation, key: &str) -> &'a str {
    one.attributes.get(key).map_or("-", String::as_str)
}

#[tokio::test]
async fn a_first_round_reads_all_there_is() {
    let cloud = Cloud::start().await;
    let deleted = body("nova/servers-detail-deleted-changes-since");
    let listed = body("nova/servers-detail-all-2.96");
    let mut servers = listed["servers"].as_array().expect("servers").clone();
    servers.extend(deleted["servers"].as_array().expect("servers").clone());
    let all = json!({ "servers": servers });
    cloud.set_body("GET /compute/v2.1/servers/detail", all);
    let adapter = cloud.adapter();
    let raw = adapter.fetch_observations(ask(None)).await.expect("a round");
    assert_eq!(raw.seen_at, NOW);
    let complete = [
        ResourceKind::Machine,
        ResourceKind::Volume,
        ResourceKind::Snapshot,
        ResourceKind::Backup,
        ResourceKind::Image,
        ResourceKind::Address,
        ResourceKind::Router,
        ResourceKind::Network,
    ];
    assert_eq!(raw.complete, complete, "{:?}", raw.skipped);
    for what in ["load balancers", "shares", "object storage"] {
        let line = format!("{what}: the cloud runs no such service");
        assert!(raw.skipped.contains(&line), "{:?}", raw.skipped);
    }
    let lists = cloud.asked("/compute/v2.1/servers/detail");
    assert_eq!(lists.len(), 1, "what changed since ever is all there is");
    assert_eq!(lists[0].get("changes-since"), Some("1970-01-01T00:00:00Z"));
    let all = parsed(&adapter, &raw);
    let kinds: BTreeMap<ResourceKind, usize> =
        all.iter().fold(BTreeMap::new(), |mut counts, one| {
            *counts.entry(one.kind).or_insert(0) += 1;
            counts
        });
    assert!(kinds[&ResourceKind::Router] >= 2, "{kinds:?}");
    let volume = of(&all, "946f18f8-02ec-4b05-bbdf-e9ba8a054506");
    assert_eq!(volume.len(), 2);
    assert_eq!((volume[0].certainty, volume[1].certainty), (Certainty::Made, Certainty::Seen));
    assert_eq!((text(volume[0].at_micros), volume[1].at()), ("08:05:02".to_owned(), NOW));
    assert_eq!(attribute(volume[1], "size_bytes"), (5_i64 << 30).to_string());
    assert_eq!(attribute(volume[1], "offering"), "e3ab68ee-a0ca-423a-8b4a-5503a16d6bd5");
    assert_eq!(volume[0].owner.id, ALPHA);
}

#[tokio::test]
async fn a_deleted_machine_has_its_whole_life() {
    let cloud = Cloud::start().await;
    let mut deleted = body("nova/servers-detail-deleted-changes-since");
    deleted["servers"].as_array_mut().expect("servers").truncate(1);
    deleted["servers_links"] = json!([]);
    cloud.set_body("GET /compute/v2.1/servers/detail", deleted);
    cloud.set(&steps("req-d4faae3b-20da-4ed2-8113-2223a08dc406"), |_| ok(shelve().to_string()));
    cloud.set(&steps("req-59531e47-9c86-447c-91b9-d65115d3ff40"), |_| ok(resize().to_string()));
    let adapter = cloud.adapter();
    let raw = adapter.fetch_observations(ask(None)).await.expect("a round");
    let all = parsed(&adapter, &raw);
    let life: Vec<(String, Option<ResourceState>, String)> = of(&all, WEB)
        .into_iter()
        .map(|one| {
            assert_eq!(one.certainty, Certainty::Event);
            (text(one.at_micros), one.state, attribute(one, "offering_name").to_owned())
        })
        .collect();
    use ResourceState::{
        Building, Gone, Paused, Running, Shelved, ShelvedOffloaded, Stopped, Suspended,
    };
    let expected = [
        // The flavor before the resize is one that nobody tells.
        ("07:53:53", Some(Building), "-"),
        ("07:53:55", Some(Running), "-"),
        ("07:53:56", Some(Stopped), "-"),
        ("07:53:57", Some(Running), "-"),
        ("07:53:58", Some(Paused), "-"),
        ("07:53:58", Some(Running), "-"),
        ("07:53:59", Some(Suspended), "-"),
        ("07:54:00", Some(Running), "-"),
        ("07:54:02", None, "m1.medium"),
        ("07:54:03", Some(Shelved), "-"),
        ("07:54:04", Some(ShelvedOffloaded), "-"),
        ("07:54:05", Some(Running), "-"),
        ("07:55:19", Some(Gone), "-"),
    ];
    let expected: Vec<(String, Option<ResourceState>, String)> =
        expected.map(|(at, state, flavor)| (at.to_owned(), state, flavor.to_owned())).into();
    assert_eq!(life, expected);
    let resized = of(&all, WEB)[8];
    assert_eq!(attribute(resized, "offering"), "3");
    assert_eq!(attribute(resized, "vcpus"), "2");
    assert_eq!(attribute(resized, "ram_mib"), "4096");
    assert_eq!(attribute(resized, "size_bytes"), (40_i64 << 30).to_string());
}

fn steps(request: &str) -> String {
    format!("GET /compute/v2.1/servers/{WEB}/os-instance-actions/{request}")
}

/// The steps of an action, in the form that the service has for them.
fn action(name: &str, start: &str, events: &[(&str, &str, &str)]) -> Value {
    let events: Vec<Value> = events
        .iter()
        .map(|(event, start, end)| {
            json!({
                "event": event, "start_time": format!("2026-11-22T{start}.000000"),
                "finish_time": format!("2026-11-22T{end}.000000"), "result": "Success",
            })
        })
        .collect();
    json!({ "instanceAction": {
        "action": name, "start_time": format!("2026-11-22T{start}.000000"), "message": null,
        "instance_uuid": WEB, "events": events,
    } })
}

fn shelve() -> Value {
    let events = [
        ("compute_shelve_instance", "07:54:03", "07:54:03"),
        ("compute_shelve_offload_instance", "07:54:03", "07:54:04"),
    ];
    action("shelve", "07:54:03", &events)
}

fn resize() -> Value {
    let events = [
        ("cold_migrate", "07:54:00", "07:54:01"),
        ("compute_prep_resize", "07:54:01", "07:54:01"),
        ("compute_resize_instance", "07:54:01", "07:54:02"),
        ("compute_finish_resize", "07:54:02", "07:54:02"),
    ];
    action("resize", "07:54:00", &events)
}

#[tokio::test]
async fn later_rounds_read_what_changed_and_list_the_rest() {
    let cloud = Cloud::start().await;
    cloud.set("GET /compute/v2.1/servers/detail", |request| {
        let listed = body("nova/servers-detail-all-2.96");
        let servers = listed["servers"].as_array().expect("servers");
        let some = if request.get("changes-since").is_some() { &servers[..1] } else { servers };
        ok(json!({ "servers": some }).to_string())
    });
    cloud.set_body(
        "GET /compute/v2.1/servers/8f6baede-f6f5-4eeb-aebf-a34757a2d1b6/os-instance-actions",
        json!({ "instanceActions": [{
            "action": "reboot", "request_id": "req-1", "message": null,
            "start_time": "2026-11-22T08:03:42.000000", "updated_at": "2026-11-22T08:03:43.000000",
        }] }),
    );
    let adapter = cloud.adapter();
    let raw = adapter.fetch_observations(ask(Some(NOW - 600))).await.expect("a round");
    assert!(raw.complete.contains(&ResourceKind::Machine));
    let changed = cloud.asked("/compute/v2.1/servers/detail");
    let since: Vec<_> = changed.iter().map(|request| request.get("changes-since")).collect();
    // A quarter of an hour earlier: clocks differ.
    assert_eq!(since, [Some("2026-11-22T07:45:00Z"), None]);
    let all = parsed(&adapter, &raw);
    let db = of(&all, "8f6baede-f6f5-4eeb-aebf-a34757a2d1b6");
    assert_eq!(db.len(), 3, "made in that time, rebooted, seen: {db:?}");
    assert_eq!(db[0].state, Some(ResourceState::Building));
    assert_eq!(attribute(db[0], "offering_name"), "m1.tiny");
    let other = of(&all, "f60e237a-87d2-4d22-aa48-3545a0f78928");
    assert_eq!(other.len(), 1, "{other:?}");
    assert_eq!((other[0].certainty, other[0].at()), (Certainty::Seen, NOW));
    assert_eq!(other[0].state, Some(ResourceState::Running));
    assert_eq!(attribute(other[0], "template"), "05b5051a-f8b9-4c5f-9ce4-8d0fb0ea5720");
    assert_eq!(attribute(other[0], "gpu_count"), "0");
    // Made since: 08:05; the routers are older.
    let volume = of(&all, "946f18f8-02ec-4b05-bbdf-e9ba8a054506");
    assert_eq!(volume.len(), 2);
    let router = of(&all, "74b838fe-5344-4e3d-a4ec-f53f136110f3");
    assert_eq!(router.iter().filter(|one| one.certainty == Certainty::Seen).count(), 1);
}

#[tokio::test]
async fn gateways_and_external_interfaces_are_addresses() {
    let cloud = Cloud::start().await;
    let network = "ef62489e-8524-44ad-9a30-9673c8adc63c";
    cloud.set("GET /network/v2.0/ports", move |request| {
        let port = |id: &str, owner: &str, ip: &str| {
            json!({
                "id": id, "project_id": ALPHA, "device_owner": owner, "device_id": "m-1",
                "network_id": request.get("network_id").unwrap_or("inner"),
                "fixed_ips": [{ "ip_address": ip }, { "ip_address": "2001:db8::1" }],
                "created_at": "2026-11-22T08:00:00Z",
            })
        };
        let ports = [
            port("p-1", "compute:nova", "203.0.113.9"),
            port("p-2", "network:router_gateway", "203.0.113.104"),
            port("p-3", "network:floatingip", "203.0.113.7"),
        ];
        ok(json!({ "ports": ports }).to_string())
    });
    let adapter = cloud.adapter();
    let raw = adapter.fetch_observations(ask(None)).await.expect("a round");
    let asked = cloud.asked("/network/v2.0/ports");
    assert!(asked.iter().all(|request| request.get("network_id").is_some()), "{asked:?}");
    let all = parsed(&adapter, &raw);
    let gateway = of(&all, "74b838fe-5344-4e3d-a4ec-f53f136110f3/203.0.113.104");
    assert_eq!(gateway[0].kind, ResourceKind::Address);
    assert_eq!(attribute(gateway[0], "source_nat"), "true");
    assert_eq!(attribute(gateway[0], "network"), network);
    let external: Vec<&Observation> =
        all.iter().filter(|one| one.resource.starts_with("p-")).collect();
    assert!(external.iter().all(|one| one.resource == "p-1/203.0.113.9"), "{external:?}");
    assert_eq!(attribute(external[1], "machine"), "m-1");

    let mut config = cloud.config();
    config.ports = PortPolicy::All;
    let adapter = OpenStack::new(&config).expect("an adapter");
    let raw = adapter.fetch_observations(ask(None)).await.expect("a round");
    assert!(raw.complete.contains(&ResourceKind::Port));
    let all = parsed(&adapter, &raw);
    assert_eq!(all.iter().filter(|one| one.kind == ResourceKind::Port).count(), 2);
    config.ports = PortPolicy::None;
    let before = cloud.asked("/network/v2.0/ports").len();
    let adapter = OpenStack::new(&config).expect("an adapter");
    adapter.fetch_observations(ask(None)).await.expect("a round");
    assert_eq!(cloud.asked("/network/v2.0/ports").len(), before);
}

#[tokio::test]
async fn a_listing_that_fails_is_not_complete_and_the_rest_goes_on() {
    let cloud = Cloud::start().await;
    cloud.set("GET /volume/v3/snapshots/detail", |_| status(403, "{}"));
    cloud.set("GET /network/v2.0/routers", |_| status(500, "{}"));
    let adapter = cloud.adapter();
    let raw = adapter.fetch_observations(ask(None)).await.expect("a round");
    for kind in [ResourceKind::Snapshot, ResourceKind::Router, ResourceKind::Address] {
        assert!(!raw.complete.contains(&kind), "{kind:?}: a part of it was not read");
    }
    for kind in [ResourceKind::Machine, ResourceKind::Volume, ResourceKind::Network] {
        assert!(raw.complete.contains(&kind), "{kind:?}");
    }
    let told = |what: &str| raw.skipped.iter().any(|line| line.starts_with(what));
    assert!(told("snapshots could not be listed: os1: the account used may not call"));
    assert!(told("routers could not be listed: os1: is not available (HTTP 500)"));
    // Machines are what everything else hangs on.
    cloud.set("GET /compute/v2.1/servers/detail", |_| status(503, "{}"));
    adapter.fetch_observations(ask(None)).await.expect_err("no round without machines");
}

#[tokio::test]
async fn a_cell_that_is_down_deletes_nobodys_machines() {
    let cloud = Cloud::start().await;
    let mut servers = body("nova/servers-detail-all-2.96");
    let list = servers["servers"].as_array_mut().expect("servers");
    list.push(json!({
        "id": "d0d0", "status": "UNKNOWN", "tenant_id": ALPHA, "created": "2026-11-01T00:00:00Z",
        "links": [],
    }));
    cloud.set_body("GET /compute/v2.1/servers/detail", servers);
    let adapter = cloud.adapter();
    let raw = adapter.fetch_observations(ask(None)).await.expect("a round");
    assert!(!raw.complete.contains(&ResourceKind::Machine));
    let line = "1 machines lie in a cell that does not answer now";
    assert!(raw.skipped.contains(&line.to_owned()), "{:?}", raw.skipped);
    assert!(of(&parsed(&adapter, &raw), "d0d0").is_empty());
}

#[tokio::test]
async fn histories_that_may_not_be_read_cost_exactness_only() {
    let cloud = Cloud::start().await;
    for id in ["8f6baede-f6f5-4eeb-aebf-a34757a2d1b6", "f60e237a-87d2-4d22-aa48-3545a0f78928"] {
        let path = format!("GET /compute/v2.1/servers/{id}/os-instance-actions");
        cloud.set(&path, |_| status(403, "{}"));
    }
    let raw = cloud.adapter().fetch_observations(ask(None)).await.expect("a round");
    assert!(raw.complete.contains(&ResourceKind::Machine));
    let lines = raw.skipped.iter().filter(|line| line.starts_with("histories of machines"));
    assert_eq!(lines.count(), 1);
}

#[tokio::test]
async fn a_machine_that_boots_from_a_volume_has_no_root_disk_and_the_volumes_system() {
    let cloud = Cloud::start().await;
    let mut servers = body("nova/servers-detail-all-2.96");
    let server = &mut servers["servers"][0];
    server["image"] = json!("");
    server["os-extended-volumes:volumes_attached"] = json!([{ "id": "data" }, { "id": "root" }]);
    let id = server["id"].as_str().expect("an id").to_owned();
    servers["servers"].as_array_mut().expect("servers").truncate(1);
    cloud.set_body("GET /compute/v2.1/servers/detail", servers);
    let place = |device: &str| json!([{ "server_id": id, "device": device }]);
    let volumes = json!({ "volumes": [
        { "id": "data", "size": 1, "os-vol-tenant-attr:tenant_id": ALPHA, "status": "in-use",
          "attachments": place("/dev/sdb"), "bootable": "true",
          "volume_image_metadata": { "image_id": "i-other" } },
        { "id": "root", "size": 8, "os-vol-tenant-attr:tenant_id": ALPHA, "status": "in-use",
          "name": null, "volume_type": null, "attachments": place("/dev/sda"),
          "bootable": "true", "volume_image_metadata": { "image_id": "i-win", "os_distro": "x" } },
        { "id": "copy", "size": 8, "os-vol-tenant-attr:tenant_id": ALPHA, "consumes_quota": false },
    ] });
    cloud.set_body("GET /volume/v3/volumes/detail", volumes);
    cloud.set("GET /image/v2/images", |request| {
        let image = json!({
            "id": "i-win", "owner": "b771c552f53c46f3b6752bd9b4b75108", "visibility": "public",
            "os_distro": "windows", "os_version": "2022", "status": "active", "size": 5,
        });
        let rows = if request.get("os_hidden") == Some("true") { vec![] } else { vec![image] };
        ok(json!({ "images": rows }).to_string())
    });
    let adapter = cloud.adapter();
    let raw = adapter.fetch_observations(ask(None)).await.expect("a round");
    let all = parsed(&adapter, &raw);
    let seen = of(&all, &id).into_iter().find(|one| one.certainty == Certainty::Seen);
    let seen = seen.expect("the machine");
    assert_eq!(attribute(seen, "size_bytes"), "0");
    assert_eq!(attribute(seen, "template"), "i-win");
    assert_eq!(attribute(seen, "os"), "Windows 2022");
    assert_eq!(attribute(seen, "os_category"), "Windows");
    assert!(of(&all, "copy").is_empty(), "a copy that the service makes for itself");
    assert_eq!(of(&all, "root").len(), 1, "without created_at it is only seen");
}

#[tokio::test]
async fn tenants_cannot_forge_the_system_of_an_image() {
    let cloud = Cloud::start().await;
    let image = |id: &str, owner: &str, visibility: &str, more: Value| {
        let mut row = json!({
            "id": id, "owner": owner, "visibility": visibility, "status": "active", "size": 1,
        });
        let fields = more.as_object().expect("an object").clone();
        row.as_object_mut().expect("an object").extend(fields);
        row
    };
    let service = "318bc4307fc04b6399e413bf274faec7";
    let windows = json!({ "os_distro": "windows" });
    let images = [
        image("public", ALPHA, "public", windows.clone()),
        image("ours", service, "private", json!({ "os_distro": "rhel", "os_version": "9" })),
        image("forged", ALPHA, "private", windows.clone()),
        image("shared", ALPHA, "community", windows),
        image("snapshot", ALPHA, "private", json!({ "base_image_ref": "public" })),
    ];
    cloud.set("GET /image/v2/images", move |request| {
        let hidden = request.get("os_hidden") == Some("true");
        let rows = if hidden { Vec::new() } else { images.to_vec() };
        ok(json!({ "images": rows }).to_string())
    });
    let items = cloud.adapter().fetch_catalog().await.expect("a catalogue");
    let system = |id: &str| {
        let template = billow::orchestrator::ItemKind::Template;
        let item = items.iter().find(|item| item.kind == template && item.id == id);
        item.expect("an image").attributes.get("os").cloned()
    };
    assert_eq!(system("public").as_deref(), Some("Windows"));
    assert_eq!(system("ours").as_deref(), Some("RedHat 9"));
    assert_eq!(system("forged"), None);
    assert_eq!(system("shared"), None);
    assert_eq!(system("snapshot").as_deref(), Some("Windows"), "it is made of the public one");
}

#[tokio::test]
async fn object_storage_is_asked_for_each_project() {
    let cloud = Cloud::start().await;
    {
        let mut script = cloud.script.lock().expect("no panic");
        let catalog = script.token["token"]["catalog"].as_array_mut().expect("a catalogue");
        let host = "http://127.0.0.1:8889";
        let url = format!("{host}/v1/AUTH_318bc4307fc04b6399e413bf274faec7");
        catalog.push(json!({ "type": "object-store", "endpoints": [
            { "interface": "internal", "region": "RegionOne", "url": url },
        ] }));
    }
    let account = format!("HEAD /rating/v1/AUTH_{ALPHA}");
    cloud.set(&account, |_| super::support::Reply::Answer {
        status: 204,
        headers: "X-Account-Bytes-Used: 12345\r\nX-Account-Object-Count: 2\r\nX-Trans-Id: t\r\n"
            .to_owned(),
        body: Vec::new(),
    });
    let adapter = cloud.adapter();
    let raw = adapter.fetch_observations(ask(None)).await.expect("a round");
    assert!(raw.complete.contains(&ResourceKind::ObjectStorage), "{:?}", raw.skipped);
    let all = parsed(&adapter, &raw);
    let stored: Vec<&Observation> =
        all.iter().filter(|one| one.kind == ResourceKind::ObjectStorage).collect();
    assert_eq!(stored.len(), 1, "the other projects have no account");
    assert_eq!(attribute(stored[0], "size_bytes"), "12345");
    cloud.set(&account, |_| status(403, ""));
    let raw = adapter.fetch_observations(ask(None)).await.expect("a round");
    assert!(!raw.complete.contains(&ResourceKind::ObjectStorage));
    assert!(raw.skipped.iter().any(|line| line.contains("ResellerAdmin")), "{:?}", raw.skipped);
}

#[tokio::test]
async fn the_same_state_gives_the_same_bytes() {
    let cloud = Cloud::start().await;
    let adapter = cloud.adapter();
    let first = adapter.fetch_observations(ask(Some(NOW))).await.expect("a round");
    let second = adapter.fetch_observations(ask(Some(NOW))).await.expect("a round");
    assert_eq!(first, second, "evidence is kept once for each content");
}
