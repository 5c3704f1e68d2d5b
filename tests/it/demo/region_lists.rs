//! Goal: every answer of the simulated region has the real services' envelope, fields and types,
//! and shows each role what it may see. Method: each field of each row is looked up in the
//! recorded answer of the same call.

use std::collections::{BTreeMap, BTreeSet};

use billow::demo::openstack::seed::SHARED;
use billow::demo::seed::DAY;
use serde_json::{Value, json};

use super::cloud::START;
use super::region::{Region, Told};

fn recorded(name: &str) -> Value {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/openstack/api/");
    let text = std::fs::read_to_string(format!("{root}{name}.json"));
    let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).expect("a recorded answer")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Objects whose keys are names that somebody gave.
const NAMED: [&str; 6] =
    ["addresses", "metadata", "extra_specs", "specs", "options", "volume_image_metadata"];

type Kinds = BTreeMap<String, BTreeSet<&'static str>>;

/// Paths of all fields with their types; elements of lists share a path.
fn fields(value: &Value, path: &str, found: &mut Kinds) {
    found.entry(path.to_owned()).or_default().insert(kind(value));
    match value {
        Value::Object(map) => {
            let named = NAMED.contains(&path.rsplit('.').next().unwrap_or(""));
            for (key, value) in map.iter().filter(|_| !named) {
                fields(value, &format!("{path}.{key}"), found);
            }
        }
        Value::Array(list) => {
            for value in list {
                fields(value, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

/// What the simulated answer has and the recorded one has not. `more` are fields of which the
/// recorded cloud had no case, or another type.
fn differences(own: &Value, real: &Value, more: &[&str]) -> Vec<String> {
    let (mut own_fields, mut real_fields) = (Kinds::new(), Kinds::new());
    fields(own, "", &mut own_fields);
    fields(real, "", &mut real_fields);
    let mut broken = Vec::new();
    for (path, kinds) in &own_fields {
        let known = real_fields.get(path);
        let further = |path: &str| more.iter().any(|more| path.starts_with(more));
        if further(path) {
            continue;
        }
        match known {
            None => broken.push(format!("{path} is not recorded")),
            Some(known) if !kinds.is_subset(known) => {
                broken.push(format!("{path} is {kinds:?}, recorded {known:?}"));
            }
            Some(_) => {}
        }
    }
    // What every recorded row has, every own row has.
    for path in real_fields.keys() {
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
        if own_fields.contains_key(parent) && !own_fields.contains_key(path) {
            broken.push(format!("{path} is missing"));
        }
    }
    broken
}

/// Path, recorded file, and fields that the recorded cloud had no case for.
type Case = (&'static str, &'static str, &'static [&'static str]);

const CASES: [Case; 12] = [
    ("/identity/v3", "keystone/version", &[]),
    ("/identity/v3/domains?limit=1000", "keystone/domains", &[]),
    ("/identity/v3/projects?limit=1000", "keystone/projects", &[]),
    ("/compute/", "nova/versions", &[]),
    (
        "/compute/v2.1/servers/detail?all_tenants=1",
        "nova/servers-detail-all-2.96",
        // A machine that boots from a volume has an empty text for its image.
        &[".servers[].image", ".servers[].os-extended-volumes:volumes_attached[]"],
    ),
    ("/compute/v2.1/flavors/detail?is_public=None", "nova/flavors-detail-2.61", &[]),
    (
        "/volume/v3/volumes/detail?all_tenants=1",
        "cinder/volumes-detail-all-3.70",
        &[".volumes[].attachments[]", ".volumes[].volume_image_metadata"],
    ),
    // Types without a limit were recorded alone.
    ("/volume/v3/types?is_public=None", "cinder/volume-types", &[".volume_types[].qos_specs_id"]),
    (
        "/image/v2/images?visibility=all",
        "glance/images",
        &[
            ".images[].os_distro",
            ".images[].os_version",
            ".images[].os_type",
            ".images[].base_image_ref",
            ".images[].image_type",
        ],
    ),
    ("/network/v2.0/networks", "neutron/networks", &[]),
    ("/network/v2.0/routers", "neutron/routers", &[]),
    ("/network/v2.0/ports", "neutron/ports", &[]),
];

#[tokio::test]
async fn fields_and_types_are_the_recorded_ones() {
    let region = Region::start().await;
    let admin = region.admin().await;
    let mut broken = Vec::new();
    for (path, file, more) in CASES {
        let told = region.get(&admin, path).await;
        assert_eq!(told.status, 200, "{path}: {}", told.body);
        let mut real = recorded(file)["response"]["body"].take();
        // A link to the page before, which nobody follows.
        real.as_object_mut().expect("an answer").remove("ports_links");
        let found = differences(&told.body, &real, more);
        broken.extend(found.into_iter().map(|what| format!("{path}: {what}")));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A floating IP was recorded as a message alone, which holds the same row.
#[tokio::test]
async fn floating_ips_are_those_of_the_recorded_messages() {
    let region = Region::start().await;
    let admin = region.admin().await;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/openstack/notifications/");
    let stream = std::fs::read_to_string(format!("{root}stream.jsonl")).expect("the messages");
    let line = stream.lines().find(|line| line.contains("\"floatingip.create.end\""));
    let line: Value = serde_json::from_str(line.expect("such a message")).expect("JSON");
    let row = line["message"]["payload"]["floatingip"].clone();
    let told = region.get(&admin, "/network/v2.0/floatingips").await;
    let free = [".floatingips[].port_id", ".floatingips[].fixed_ip_address"];
    let none = [".floatingips[].router_id", ".floatingips[].port_details"];
    let more: Vec<&str> = free.into_iter().chain(none).collect();
    let found = differences(&told.body, &json!({ "floatingips": [row] }), &more);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn machines_tell_their_history_as_recorded() {
    let region = Region::start().await;
    // The trial machine is gone by then.
    region.clock.set(START + 75 * DAY);
    let admin = region.admin().await;
    let path = "/compute/v2.1/servers/detail?all_tenants=1&deleted=true\
                &changes-since=2026-12-01T00:00:00Z";
    let told = region.get(&admin, path).await;
    let rows = told.body["servers"].as_array().expect("machines").clone();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["status"] == "DELETED"), "{rows:?}");
    let real = recorded("nova/servers-detail-deleted-changes-since")["response"]["body"].clone();
    let own = json!({ "servers": rows });
    let found = differences(&own, &json!({ "servers": real["servers"] }), &[]);
    assert!(found.is_empty(), "{}", found.join("\n"));
    let id = rows[0]["id"].as_str().expect("an id");
    let path = format!("/compute/v2.1/servers/{id}/os-instance-actions");
    let told = region.get(&admin, &path).await;
    let real = &recorded("nova/instance-actions-deleted-server")["response"]["body"];
    assert_eq!(differences(&told.body, real, &[]), Vec::<String>::new());
    let names: Vec<&str> = told.body["instanceActions"]
        .as_array()
        .expect("actions")
        .iter()
        .filter_map(|action| action["action"].as_str())
        .collect();
    assert_eq!(names, ["delete", "create"], "the latest first");
}

#[tokio::test]
async fn the_oldest_microversion_is_what_a_member_saw() {
    let region = Region::start().await;
    let member = region.token("harbour-ops", SHARED).await;
    let headers = [("X-Auth-Token", member.as_str())];
    let told = region.call("GET", "/compute/v2.1/servers/detail", &headers, None).await;
    assert_eq!(told.headers["openstack-api-version"], "compute 2.1");
    let real = &recorded("nova/servers-as-member")["response"]["body"];
    let more = [".servers[].image", ".servers[].os-extended-volumes:volumes_attached[]"];
    assert_eq!(differences(&told.body, real, &more), Vec::<String>::new());
    let world = region.simulator.world();
    let own = &world.projects[world.project(SHARED).expect("a project")].id;
    let rows = told.body["servers"].as_array().expect("machines");
    assert!(!rows.is_empty() && rows.iter().all(|row| row["tenant_id"] == own.as_str()));
}

#[track_caller]
fn same(told: &Told, file: &str) {
    let real = recorded(file);
    assert_eq!(told.status, real["response"]["status"], "{file}: {}", told.body);
    assert_eq!(told.body, real["response"]["body"], "{file}");
}

#[tokio::test]
async fn tokens_are_issued_validated_and_refused_as_recorded() {
    let region = Region::start().await;
    let project = json!({ "project": { "name": SHARED, "domain": { "id": "default" } } });
    let login = region.login("harbour-ops", project);
    let told = region.ask_token(&login).await;
    assert_eq!(told.status, 201);
    let real = &recorded("keystone/token-issue-password-member")["response"]["body"];
    assert_eq!(differences(&told.body, real, &[]), Vec::<String>::new());
    let member = told.headers["x-subject-token"].to_str().expect("a token").to_owned();
    let mut wrong = login.clone();
    wrong["auth"]["identity"]["password"]["user"]["password"] = json!("another");
    same(&region.ask_token(&wrong).await, "keystone/token-issue-password-wrong-401");
    let service = region.token("billow", "service").await;
    let validate = async |caller: &str, subject: &str, query: &str| {
        let headers = [("X-Auth-Token", caller), ("X-Subject-Token", subject)];
        let path = format!("/identity/v3/auth/tokens{query}");
        region.call("GET", &path, &headers, None).await
    };
    let told = validate(&service, &member, "?nocatalog").await;
    let real = &recorded("keystone/token-validate-nocatalog")["response"]["body"];
    assert_eq!(differences(&told.body, real, &[]), Vec::<String>::new());
    assert_eq!(told.headers["x-subject-token"], member.as_str());
    let told = validate(&service, &member, "").await;
    let real = &recorded("keystone/token-validate-member")["response"]["body"];
    assert_eq!(differences(&told.body, real, &[]), Vec::<String>::new());
    assert_eq!(validate(&member, &member, "").await.status, 200, "one's own token");
    same(&validate(&service, "nobody's", "").await, "keystone/token-validate-unknown-404");
    same(&validate(&member, &service, "").await, "keystone/token-validate-as-member-other-403");
    same(&validate("nobody's", &member, "").await, "keystone/token-validate-bad-caller-401");
    let headers = [("X-Auth-Token", member.as_str()), ("X-Subject-Token", member.as_str())];
    let ended = region.call("DELETE", "/identity/v3/auth/tokens", &headers, None).await;
    assert_eq!(ended.status, recorded("keystone/token-revoke")["response"]["status"]);
    assert_eq!(validate(&service, &member, "").await.status, 404, "it has ended");
}

#[tokio::test]
async fn programs_sign_in_by_their_credential() {
    let region = Region::start().await;
    let world = region.simulator.world();
    let held = &world.credentials[0];
    let ask = async |secret: &str| {
        let shown = json!({ "id": held.id, "secret": secret });
        let identity =
            json!({ "methods": ["application_credential"], "application_credential": shown });
        region.ask_token(&json!({ "auth": { "identity": identity } })).await
    };
    let told = ask(&held.secret).await;
    assert_eq!(told.status, 201, "{}", told.body);
    let real = &recorded("keystone/token-issue-appcred")["response"]["body"];
    assert_eq!(differences(&told.body, real, &[]), Vec::<String>::new());
    assert_eq!(ask("another").await.status, 401);
}

#[tokio::test]
async fn members_are_shown_their_own_and_refused_the_rest() {
    let region = Region::start().await;
    let member = region.token("harbour-ops", SHARED).await;
    let told = region.get(&member, "/identity/v3/projects").await;
    same(&told, "keystone/projects-as-member-403");
    let told = region.get(&member, "/identity/v3/auth/projects").await;
    let real = &recorded("keystone/auth-projects-as-member")["response"]["body"];
    assert_eq!(differences(&told.body, real, &[]), Vec::<String>::new());
    assert_eq!(told.body["projects"].as_array().map(Vec::len), Some(1));
    let told = region.get(&member, "/compute/v2.1/servers/detail?all_tenants=1").await;
    let real = &recorded("nova/simple-tenant-usage-as-member-other-403")["response"]["body"];
    assert_eq!(told.status, 403);
    assert_eq!(differences(&told.body, real, &[]), Vec::<String>::new());
    let told = region.get("nobody's", "/compute/v2.1/servers/detail").await;
    same(&told, "gnocchi/no-token-401");
    let number = async |token: &str, path: &str, key: &str| {
        let told = region.get(token, path).await;
        told.body[key].as_array().expect("rows").len()
    };
    let admin = region.admin().await;
    for (path, key) in [
        ("/volume/v3/volumes/detail?all_tenants=1", "volumes"),
        ("/network/v2.0/floatingips", "floatingips"),
        ("/network/v2.0/ports", "ports"),
        ("/image/v2/images?visibility=all", "images"),
    ] {
        let (own, all) = (number(&member, path, key).await, number(&admin, path, key).await);
        assert!(0 < own && own < all, "{path}: {own} of {all}");
    }
}

#[tokio::test]
async fn users_make_stop_and_delete_machines() {
    let region = Region::start().await;
    let world = region.simulator.world();
    let member = region.token("harbour-ops", SHARED).await;
    let headers = [("X-Auth-Token", member.as_str())];
    let wanted = json!({ "server": {
        "name": "made-now", "flavorRef": world.flavors[0].id, "imageRef": world.images[0].id,
    } });
    let told = region.call("POST", "/compute/v2.1/servers", &headers, Some(&wanted)).await;
    assert_eq!(told.status, 202, "{}", told.body);
    let id = told.body["server"]["id"].as_str().expect("an id").to_owned();
    let path = format!("/compute/v2.1/servers/{id}");
    let state = async || {
        let told = region.get(&member, &path).await;
        told.body["server"]["status"].as_str().unwrap_or("gone").to_owned()
    };
    assert_eq!(state().await, "BUILD");
    let act = async |action: &str| {
        let path = format!("{path}/action");
        region.call("POST", &path, &headers, Some(&json!({ action: null }))).await
    };
    region.clock.set(START + 30 * DAY + 60);
    assert_eq!(state().await, "ACTIVE");
    let conflict = act("os-start").await;
    let real = recorded("nova/server-action-stop-conflict");
    let text = real["response"]["body"]["conflictingRequest"]["message"].as_str().expect("words");
    let words = text.split_once("instance ").expect("an instance").1;
    let real_id = words.split(' ').next().expect("an id");
    assert_eq!(conflict.status, 409);
    assert_eq!(
        conflict.body["conflictingRequest"]["message"].as_str(),
        Some(text.replace(real_id, &id).as_str())
    );
    assert_eq!(act("os-stop").await.status, 202);
    region.clock.set(START + 30 * DAY + 120);
    assert_eq!(state().await, "SHUTOFF");
    let other = region.token("tern-ops", "Tern Observatory").await;
    let theirs = [("X-Auth-Token", other.as_str())];
    assert_eq!(region.call("DELETE", &path, &theirs, None).await.status, 404, "not theirs");
    assert_eq!(region.call("DELETE", &path, &headers, None).await.status, 204);
    region.clock.set(START + 30 * DAY + 180);
    assert_eq!(state().await, "gone");
    let told = region.get(&member, &format!("{path}/os-instance-actions")).await;
    let actions = told.body["instanceActions"].as_array().expect("actions").clone();
    let names: Vec<_> = actions.iter().filter_map(|one| one["action"].as_str()).collect();
    assert_eq!(names, ["delete", "stop", "create"]);
}

#[test]
fn the_same_seed_gives_the_same_region() {
    use billow::demo::openstack::seed::world;
    use billow::demo::seed::Size;
    let one = world(3, Size::Full, START);
    assert_eq!(one, world(3, Size::Full, START));
    assert_ne!(one, world(4, Size::Full, START));
    // Actions follow each other, and each may be done in the state that the last one left.
    for server in &one.servers {
        for pair in server.actions.windows(2) {
            let state = server.at(pair[0].until).expect("it exists").vm_state;
            assert!(pair[0].until < pair[1].from, "{}: {pair:?}", server.name);
            assert!(pair[1].verb.fits(state), "{}: {pair:?} in {state}", server.name);
        }
    }
}

#[tokio::test]
async fn the_compute_services_own_usage_is_told_as_recorded() {
    let region = Region::start().await;
    let admin = region.admin().await;
    let path = "/compute/v2.1/os-simple-tenant-usage";
    let of = "detailed=1&start=2026-10-01T00:00:00&end=2026-11-01T00:00:00";
    let told = region.get(&admin, &format!("{path}?{of}")).await;
    assert_eq!(told.status, 200, "{}", told.body);
    let real = &recorded("nova/simple-tenant-usage-all-detailed")["response"]["body"];
    assert_eq!(differences(&told.body, real, &["tenant_usages_links"]), Vec::<String>::new());
    let machines = |told: &Told| -> Vec<String> {
        let tenants = told.body["tenant_usages"].as_array().expect("tenants");
        let machines = tenants.iter().flat_map(|one| one["server_usages"].as_array());
        machines.flatten().map(|one| one["instance_id"].as_str().expect("an id").into()).collect()
    };
    let all = machines(&told);
    assert!(all.len() > 2, "{all:?}");
    // Page by page it is the same, after the last machine of each.
    let mut paged: Vec<String> = Vec::new();
    loop {
        let marker = paged.last().map_or(String::new(), |last| format!("&marker={last}"));
        let page = region.get(&admin, &format!("{path}?{of}&limit=1{marker}")).await;
        let found = machines(&page);
        assert_eq!(page.body.get("tenant_usages_links").is_some(), !found.is_empty());
        if found.is_empty() {
            break;
        }
        paged.extend(found);
    }
    assert_eq!(paged, all);
    let member = region.token("harbour-ops", SHARED).await;
    let refused = region.get(&member, &format!("{path}?{of}")).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
}

#[tokio::test]
async fn counters_of_interfaces_are_told_as_recorded() {
    let region = Region::start().await;
    let admin = region.admin().await;
    let of =
        "/metric/v1/aggregates?details=true&start=2026-10-10T00:00:00Z&stop=2026-10-11T00:00:00Z";
    let ask = |metric: &str| {
        json!({
            "resource_type": "instance_network_interface",
            "search": { "or": [
                { "=": { "ended_at": null } }, { ">=": { "ended_at": "2026-10-10T00:00:00Z" } },
            ] },
            "operations": format!("(metric {metric} mean)"),
        })
    };
    let told = region.search(&admin, of, &ask("network.incoming.bytes")).await;
    assert_eq!(told.status, 200, "{}", told.body);
    let real = &recorded("gnocchi/aggregates-incoming-bytes")["response"]["body"];
    // Measures lie under the ids of their resources.
    let one = |body: &Value| {
        let measures = body["measures"].as_object().expect("measures");
        let measures: Vec<&Value> = measures.values().collect();
        json!({ "measures": measures, "references": body["references"] })
    };
    let more = &[".references[].metrics.network.outgoing", ".references[].ended_at"];
    assert_eq!(differences(&one(&told.body), &one(real), more), Vec::<String>::new());
    assert!(told.headers.contains_key("date"));
    let measures = told.body["measures"].as_object().expect("measures");
    assert!(measures.len() > 3, "{measures:?}");
    for reference in told.body["references"].as_array().expect("resources") {
        assert!(reference["original_resource_id"].as_str().is_some_and(|id| id.contains("-tap")));
    }
    let none = region.search(&admin, of, &ask("nope")).await;
    let real = recorded("gnocchi/aggregates-no-such-metric");
    assert_eq!(Value::from(none.status), real["response"]["status"]);
    assert_eq!(none.body, real["response"]["body"]);
    let member = region.token("harbour-ops", SHARED).await;
    let own = region.search(&member, of, &ask("network.incoming.bytes")).await;
    let count = |told: &Told| told.body["references"].as_array().map_or(0, Vec::len);
    assert!(0 < count(&own) && count(&own) < count(&told));
    let same_status = region.get(&admin, "/metric/v1/status").await;
    let real = &recorded("gnocchi/status")["response"]["body"];
    let more = &[".metricd"];
    assert_eq!(differences(&same_status.body, real, more), Vec::<String>::new());
}
