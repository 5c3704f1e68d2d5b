//! Goal: a machine's actions tell its life in every order in which things happen. Method: pages
//! of one machine, in the form that the adapter bundles them.

use billow::collect::observation::{Certainty, Observation, ResourceState};
use billow::orchestrator::openstack::OpenStack;
use billow::orchestrator::{Orchestrator, RawPage};
use serde_json::{Value, json};

use super::observations::{NOW, text};
use super::support::config;

/// An action that began and ended at times of one day.
fn action(name: &str, start: &str, end: &str) -> Value {
    json!({
        "action": name, "request_id": format!("req-{name}-{start}"), "message": null,
        "start_time": format!("2026-11-22T{start}.000000"),
        "updated_at": format!("2026-11-22T{end}.000000"),
    })
}

fn failed(name: &str, start: &str, end: &str) -> Value {
    let mut action = action(name, start, end);
    action["message"] = json!("Error");
    action
}

/// A machine that was made at one o'clock and has `vm_state`; `more` overrides its fields.
fn server(vm_state: &str, more: Value) -> Value {
    let mut server = json!({
        "id": "i-1", "tenant_id": "p-1", "name": "web", "status": "ACTIVE",
        "created": "2026-11-22T01:00:00Z", "updated": "2026-11-22T07:00:00Z",
        "image": { "id": "image-1" }, "OS-EXT-AZ:availability_zone": "nova",
        "OS-EXT-STS:vm_state": vm_state, "OS-EXT-STS:task_state": null,
        "OS-EXT-STS:power_state": 1, "OS-SRV-USG:launched_at": "2026-11-22T01:00:09.000000",
        "OS-SRV-USG:terminated_at": null,
        "flavor": {
            "vcpus": 2, "ram": 1024, "disk": 10, "ephemeral": 0, "swap": 0,
            "original_name": "m1.now", "extra_specs": {},
        },
    });
    server.as_object_mut().expect("fields").extend(more.as_object().expect("f").clone());
    server
}

fn observe(machine: Value) -> Vec<Observation> {
    let adapter = OpenStack::new(&config("http://127.0.0.1:9/v3")).expect("an adapter");
    let body = json!({ "machines": [machine] }).to_string().into_bytes();
    let page = RawPage { request: "GET compute/servers/detail".to_owned(), page: 1, body };
    let parsed = adapter.parse_observations(&page, NOW).expect("a page");
    parsed.into_iter().map(|one| one.outcome.expect("an observation")).collect()
}

/// Instant, state and flavor of each observation: `05:00:00 running m1.now`.
#[track_caller]
fn check(server: Value, actions: &[Value], expected: &[&str]) {
    let machine = json!({ "server": server, "flavor": { "id": "7" }, "actions": actions });
    let told: Vec<String> = observe(machine)
        .iter()
        .map(|one| {
            let state = one.state.map_or("-", ResourceState::as_str);
            let flavor = one
                .attributes
                .get("offering_name")
                .map_or("-", |flavor| if flavor.is_empty() { "unknown" } else { flavor });
            let seen = if one.certainty == Certainty::Seen { "seen " } else { "" };
            format!("{seen}{} {state} {flavor}", text(one.at_micros))
        })
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn a_plain_life() {
    check(
        server("stopped", json!({ "OS-EXT-STS:power_state": 4 })),
        &[action("stop", "05:00:00", "05:00:03"), action("create", "01:00:00", "01:00:09")],
        &[
            "01:00:00 building m1.now",
            "01:00:09 running -",
            "05:00:03 stopped -",
            "seen 08:10:00 stopped m1.now",
        ],
    );
}

#[test]
fn resizes_are_known_from_the_one_that_brought_the_present_flavor() {
    let create = action("create", "01:00:00", "01:00:09");
    check(
        server("active", json!({})),
        &[
            create.clone(),
            action("resize", "02:00:00", "02:00:09"),
            action("confirmResize", "02:01:00", "02:01:01"),
            action("resize", "03:00:00", "03:00:09"),
        ],
        &[
            "01:00:00 building -",
            "01:00:09 running -",
            "02:00:09 - unknown",
            "03:00:09 - m1.now",
            "seen 08:10:00 running m1.now",
        ],
    );
    // What was undone: the first flavor again, and known to be it.
    check(
        server("active", json!({})),
        &[
            create.clone(),
            action("resize", "02:00:00", "02:00:09"),
            action("revertResize", "02:30:00", "02:30:05"),
        ],
        &[
            "01:00:00 building m1.now",
            "01:00:09 running -",
            "02:00:09 - unknown",
            "02:30:05 - m1.now",
            "seen 08:10:00 running m1.now",
        ],
    );
    check(
        server("active", json!({})),
        &[create, failed("resize", "02:00:00", "02:00:09")],
        &["01:00:00 building m1.now", "01:00:09 running -", "seen 08:10:00 running m1.now"],
    );
}

#[test]
fn a_stopped_machine_is_stopped_through_its_resize() {
    check(
        server("resized", json!({ "OS-EXT-STS:power_state": 4 })),
        &[
            action("create", "01:00:00", "01:00:09"),
            action("stop", "02:00:00", "02:00:01"),
            action("resize", "03:00:00", "03:00:09"),
        ],
        &[
            "01:00:00 building -",
            "01:00:09 running -",
            "02:00:01 stopped -",
            "03:00:09 - m1.now",
            "seen 08:10:00 stopped m1.now",
        ],
    );
}

#[test]
fn what_is_under_way_has_not_happened() {
    check(
        server("active", json!({ "OS-EXT-STS:task_state": "powering-off" })),
        &[action("create", "01:00:00", "01:00:09"), action("stop", "05:00:00", "05:00:00")],
        &["01:00:00 building m1.now", "01:00:09 running -", "seen 08:10:00 running m1.now"],
    );
    let mut shelve = action("shelve", "05:00:00", "05:00:02");
    shelve["events"] = json!([
        { "event": "compute_shelve_instance", "result": "Success",
          "start_time": "2026-11-22T05:00:00.000000", "finish_time": "2026-11-22T05:00:02.000000" },
        { "event": "compute_shelve_offload_instance", "result": null,
          "start_time": "2026-11-22T05:00:02.000000", "finish_time": null },
    ]);
    check(
        server("shelved", json!({ "OS-EXT-STS:task_state": "shelving_offloading" })),
        &[action("create", "01:00:00", "01:00:09"), shelve],
        &[
            "01:00:00 building m1.now",
            "01:00:09 running -",
            "05:00:02 shelved -",
            "seen 08:10:00 shelved m1.now",
        ],
    );
}

#[test]
fn a_machine_that_never_ran_is_never_running() {
    let never = json!({ "OS-SRV-USG:launched_at": null, "status": "ERROR" });
    check(
        server("error", never),
        &[failed("create", "01:00:00", "01:00:09")],
        &["01:00:00 building m1.now", "01:00:09 building -", "seen 08:10:00 building m1.now"],
    );
    check(
        server("error", json!({ "status": "ERROR" })),
        &[action("create", "01:00:00", "01:00:09"), failed("reboot", "06:00:00", "06:00:30")],
        &[
            "01:00:00 building m1.now",
            "01:00:09 running -",
            "06:00:30 error -",
            "seen 08:10:00 error m1.now",
        ],
    );
}

#[test]
fn a_soft_deletion_may_be_undone_and_a_hard_one_is_the_end() {
    let create = action("create", "01:00:00", "01:00:09");
    let soft = action("delete", "02:00:00", "02:00:01");
    check(
        server("soft-delete", json!({ "status": "SOFT_DELETED" })),
        &[create.clone(), soft.clone()],
        &[
            "01:00:00 building m1.now",
            "01:00:09 running -",
            "02:00:01 soft_deleted -",
            "seen 08:10:00 soft_deleted m1.now",
        ],
    );
    let gone = json!({
        "status": "DELETED", "OS-SRV-USG:terminated_at": "2026-11-22T04:00:05.000000",
    });
    check(
        server("deleted", gone),
        &[
            create,
            soft,
            action("restore", "03:00:00", "03:00:02"),
            action("delete", "04:00:00", "04:00:06"),
        ],
        &[
            "01:00:00 building m1.now",
            "01:00:09 running -",
            "02:00:01 soft_deleted -",
            "03:00:02 running -",
            "04:00:05 gone -",
        ],
    );
}

#[test]
fn without_actions_the_last_launch_is_all_that_is_known() {
    let gone = json!({
        "status": "DELETED", "OS-SRV-USG:terminated_at": "2026-11-22T04:00:05.000000",
    });
    check(
        server("deleted", gone),
        &[],
        &["01:00:00 building m1.now", "01:00:09 running -", "04:00:05 gone -"],
    );
}

#[test]
fn a_later_reading_tells_no_beginning_that_it_did_not_read() {
    let machine = json!({
        "server": server("stopped", json!({})), "flavor": { "id": "7" },
        "actions": [action("stop", "07:00:00", "07:00:01")],
        "actions_since": "2026-11-22T06:00:00Z",
    });
    let told = observe(machine);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0].state, Some(ResourceState::Stopped));
}

#[test]
fn rebuilding_changes_the_image_from_its_end_on() {
    let actions =
        [action("create", "01:00:00", "01:00:09"), action("rebuild", "02:00:00", "02:00:20")];
    let machine = json!({ "server": server("active", json!({})), "actions": actions });
    let told = observe(machine);
    let image = |at: usize| told[at].attributes.get("template").map(String::as_str);
    assert_eq!((image(0), image(2)), (None, Some("image-1")));
    assert_eq!((text(told[2].at_micros), told[2].state), ("02:00:20".to_owned(), None));
}

#[test]
fn a_flavor_that_is_not_listed_any_more_has_an_empty_id_and_its_own_sizes() {
    let flavor = json!({
        "vcpus": 4, "ram": 2048, "disk": 1, "ephemeral": 3, "swap": 0, "original_name": "gone",
        "extra_specs": {
            "pci_passthrough:alias": "a100:2", "hw:cpu_policy": "dedicated",
        },
    });
    let machine = json!({ "server": server("active", json!({ "flavor": flavor })) });
    let seen = &observe(machine)[0];
    let attribute = |key: &str| seen.attributes[key].as_str();
    assert_eq!((attribute("offering"), attribute("offering_name")), ("", "gone"));
    assert_eq!((attribute("vcpus"), attribute("ram_mib")), ("4", "2048"));
    assert_eq!(attribute("size_bytes"), (4_i64 << 30).to_string());
    assert_eq!((attribute("gpu_count"), attribute("gpu_model")), ("2", "a100"));
    assert_eq!(attribute("cpu_policy"), "dedicated");
}
