//! Goal: owners and the catalogue are read whole, in neutral words. Method: recorded answers, and
//! lists that the tests cut into pages.

use std::collections::{BTreeMap, BTreeSet};

use billow::collect::observation::ResourceKind;
use billow::orchestrator::{
    ItemKind, ObservationAsk, Orchestrator, OrchestratorError, OwnerInfo, OwnerKind,
};
use billow::period::Span;
use serde_json::{Value, json};

use super::support::{ALPHA, Cloud, Request, body, ok, status};

fn by_id(owners: Vec<OwnerInfo>) -> BTreeMap<String, OwnerInfo> {
    owners.into_iter().map(|owner| (owner.id.clone(), owner)).collect()
}

#[tokio::test]
async fn recorded_projects_are_accounts_of_their_domain() {
    let cloud = Cloud::start().await;
    let owners = by_id(cloud.adapter().fetch_owners().await.expect("owners"));
    assert_eq!(owners["default"].kind, OwnerKind::Domain);
    let alpha = &owners[ALPHA];
    assert_eq!((alpha.kind, alpha.name.as_str()), (OwnerKind::Account, "alpha"));
    assert_eq!(alpha.domain_id.as_deref(), Some("default"));
    assert_eq!(alpha.domain_path, "Default");
    assert_eq!((alpha.account_id.as_deref(), alpha.internal), (None, false));
    assert_eq!(alpha.state, "enabled");
    let internal: Vec<&str> =
        owners.values().filter(|o| o.internal).map(|o| o.name.as_str()).collect();
    assert_eq!(internal, ["service"]);
}

fn project(id: &str, domain: &str, parent: &str, enabled: bool) -> Value {
    json!({
        "id": id, "name": format!("n-{id}"), "domain_id": domain, "parent_id": parent,
        "enabled": enabled, "is_domain": false,
    })
}

#[tokio::test]
async fn projects_below_projects_follow_the_topmost() {
    let cloud = Cloud::start().await;
    let domains = json!({ "domains": [
        { "id": "d1", "name": "a", "enabled": true },
        { "id": "d2", "name": "a/b", "enabled": false },
    ] });
    cloud.set_body("GET /identity/v3/domains", domains);
    let projects = json!({ "projects": [
        project("leaf", "d1", "middle", true),
        project("middle", "d1", "top", false),
        project("top", "d1", "d1", true),
        project("other", "d2", "d2", true),
        { "id": "service-of-tenant", "name": "service", "domain_id": "d2", "parent_id": "d2" },
    ] });
    cloud.set_body("GET /identity/v3/projects", projects);
    let owners = by_id(cloud.adapter().fetch_owners().await.expect("owners"));
    for (id, kind, account) in [
        ("top", OwnerKind::Account, None),
        ("middle", OwnerKind::Project, Some("top")),
        ("leaf", OwnerKind::Project, Some("top")),
        ("other", OwnerKind::Account, None),
    ] {
        assert_eq!((owners[id].kind, owners[id].account_id.as_deref()), (kind, account), "{id}");
    }
    assert_eq!(owners["middle"].state, "disabled");
    // No domain seems to lie below another one, whatever their names are.
    assert_eq!(owners["other"].domain_path, "a%2Fb");
    // Whoever may make projects makes none of them free by its name.
    assert!(!owners["service-of-tenant"].internal);
}

/// Pages of a list, each with a link to the next, as the identity service has them.
fn paged(request: &Request, rows: &[Value], size: usize) -> Value {
    let marker = request.get("marker");
    let after = rows.iter().position(|row| row["id"].as_str() == marker);
    let from = after.map_or(0, |at| at + 1);
    let until = (from + size).min(rows.len());
    let next = (until - from == size).then_some("http://elsewhere/v3/projects?marker=x");
    json!({ "projects": rows[from..until], "links": { "next": next } })
}

#[tokio::test]
async fn lists_are_read_page_by_page_to_the_end() {
    let cloud = Cloud::start().await;
    let rows: Vec<Value> =
        (0..6).map(|number| project(&format!("p{number}"), "default", "default", true)).collect();
    let all = rows.clone();
    cloud.set("GET /identity/v3/projects", move |request| ok(paged(request, &all, 2).to_string()));
    let owners = cloud.adapter().fetch_owners().await.expect("owners");
    assert_eq!(owners.len(), 1 + rows.len());
    let asked = cloud.asked("/identity/v3/projects");
    // A full last page promises one more, which is empty.
    let markers: Vec<_> = asked.iter().map(|request| request.get("marker")).collect();
    assert_eq!(markers, [None, Some("p1"), Some("p3"), Some("p5")]);
    assert!(asked.iter().all(|request| request.get("limit") == Some("1000")));
}

#[tokio::test]
async fn a_list_whose_marker_is_gone_is_read_again() {
    let cloud = Cloud::start().await;
    let rows: Vec<Value> =
        (0..3).map(|number| project(&format!("p{number}"), "default", "default", true)).collect();
    let mut failures = 1;
    cloud.set("GET /identity/v3/projects", move |request| {
        if request.get("marker").is_some() && failures > 0 {
            failures -= 1;
            return status(400, r#"{"error":{"message":"marker p1 was not found"}}"#);
        }
        ok(paged(request, &rows, 2).to_string())
    });
    let owners = cloud.adapter().fetch_owners().await.expect("owners");
    assert_eq!(owners.len(), 4);
}

#[tokio::test]
async fn a_list_that_was_cut_or_goes_in_circles_is_an_error() {
    let cloud = Cloud::start().await;
    let cut = json!({ "projects": [project("p1", "default", "default", true)], "truncated": true });
    cloud.set_body("GET /identity/v3/projects", cut);
    let error = cloud.adapter().fetch_owners().await.expect_err("no owners");
    assert!(error.to_string().contains("list_limit"), "{error}");
    let circle = json!({
        "projects": [project("p1", "default", "default", true)], "links": { "next": "again" },
    });
    cloud.set_body("GET /identity/v3/projects", circle);
    let error = cloud.adapter().fetch_owners().await.expect_err("no owners");
    assert!(error.to_string().contains("given twice"), "{error}");
}

#[tokio::test]
async fn the_catalogue_is_in_neutral_words() {
    let cloud = Cloud::start().await;
    let mut flavors = body("nova/flavors-detail-2.61");
    flavors["flavors"][2]["extra_specs"] = json!({
        "resources:VGPU": "1", "hw:cpu_policy": "dedicated", "trait:CUSTOM_SSD": "required",
    });
    cloud.set_body("GET /compute/v2.1/flavors/detail", flavors);
    let mut types = body("cinder/volume-types");
    types["volume_types"][0]["qos_specs_id"] = json!("q1");
    cloud.set_body("GET /volume/v3/types", types);
    let policies = json!({ "qos_specs": [{ "id": "q1", "specs": { "total_iops_sec": "500" } }] });
    cloud.set_body("GET /volume/v3/qos-specs", policies);
    let items = cloud.adapter().fetch_catalog().await.expect("a catalogue");
    let find = |kind: ItemKind, id: &str| {
        let item = items.iter().find(|item| item.kind == kind && item.id == id);
        item.unwrap_or_else(|| panic!("{id} in {items:?}"))
    };
    let medium = find(ItemKind::ServiceOffering, "3");
    assert_eq!(medium.name, "m1.medium");
    let attribute = |key: &str| medium.attributes.get(key).map(String::as_str);
    assert_eq!((attribute("vcpus"), attribute("ram_mib")), (Some("2"), Some("4096")));
    assert_eq!((attribute("gpu_count"), attribute("gpu_model")), (Some("1"), Some("vgpu")));
    assert_eq!(attribute("cpu_policy"), Some("dedicated"));
    assert_eq!(attribute("trait:CUSTOM_SSD"), Some("required"));
    let ssd = find(ItemKind::DiskOffering, "e3ab68ee-a0ca-423a-8b4a-5503a16d6bd5");
    assert_eq!((ssd.name.as_str(), ssd.attributes["storage_tag"].as_str()), ("ssd", "fake"));
    assert_eq!(ssd.attributes["iops"], "500");
    find(ItemKind::Template, "05b5051a-f8b9-4c5f-9ce4-8d0fb0ea5720");
    find(ItemKind::Zone, "nova");
    find(ItemKind::NetworkOffering, "ef62489e-8524-44ad-9a30-9673c8adc63c");
    let named = find(ItemKind::Resource, "8f6baede-f6f5-4eeb-aebf-a34757a2d1b6");
    assert_eq!(named.name, "db-1");
}

#[tokio::test]
async fn what_may_not_be_read_is_left_out_of_the_catalogue_alone() {
    let cloud = Cloud::start().await;
    cloud.set("GET /volume/v3/types", |_| status(403, "{}"));
    let items = cloud.adapter().fetch_catalog().await.expect("a catalogue");
    assert!(!items.iter().any(|item| item.kind == ItemKind::DiskOffering));
    assert!(items.iter().any(|item| item.kind == ItemKind::ServiceOffering));
    cloud.set("GET /identity/v3/domains", |_| status(403, "{}"));
    let error = cloud.adapter().fetch_owners().await.expect_err("no owners");
    assert!(matches!(error, OrchestratorError::Forbidden { .. }), "{error}");
}

#[tokio::test]
async fn the_inventory_has_what_is_there_and_what_ended() {
    let cloud = Cloud::start().await;
    cloud.set("GET /compute/v2.1/servers/detail", |request| {
        let file = match request.get("deleted") {
            Some(_) => "nova/servers-detail-deleted-changes-since",
            None => "nova/servers-detail-all-2.96",
        };
        let mut body = body(file);
        body.as_object_mut().expect("fields").remove("servers_links");
        ok(body.to_string())
    });
    let items = cloud.adapter().fetch_inventory().await.expect("an inventory");
    let machines: Vec<_> = items.iter().filter(|item| item.meter == "vm_allocated").collect();
    assert_eq!(machines.len(), 4);
    assert_eq!(machines.iter().filter(|item| item.removed.is_some()).count(), 2);
    assert!(machines.iter().all(|item| item.owner == ALPHA));
    let volumes: Vec<_> = items.iter().filter(|item| item.meter == "volume").collect();
    assert_eq!(volumes.len(), 1);
    // What is listed is told under the meter that counts it, since when it is there.
    for item in &items {
        let machine = item.meter == "vm_allocated";
        assert!(machine || item.removed.is_none(), "{item:?}");
        assert!(!item.meter.is_empty() && !item.owner.is_empty() && !item.name.is_empty());
    }
    let meters: BTreeSet<&str> = items.iter().map(|item| item.meter.as_str()).collect();
    let expected = ["ip_address", "network", "router", "template", "vm_allocated", "volume"];
    assert_eq!(meters, expected.into_iter().collect());
    let observed = cloud.adapter().fetch_observations(ObservationAsk { now: 0, since: None }).await;
    let observed = observed.expect("a round");
    let addresses: BTreeSet<String> = observed
        .pages
        .iter()
        .flat_map(|page| cloud.adapter().parse_observations(page, 0).expect("a page"))
        .filter_map(|one| one.outcome.ok())
        .filter(|one| one.kind == ResourceKind::Address)
        .map(|one| one.resource)
        .collect();
    let told = items.iter().filter(|item| item.meter == "ip_address");
    assert_eq!(told.map(|item| item.resource.clone()).collect::<BTreeSet<_>>(), addresses);
}

#[tokio::test]
async fn the_compute_services_own_usage_is_read_to_its_last_page() {
    let span = Span::new(1_795_000_000, 1_795_400_000);
    let cloud = Cloud::start().await;
    let told = cloud.adapter().fetch_accounting(span).await.expect("an answer").expect("lives");
    let of_alpha: Vec<(&str, Option<i64>)> = told
        .iter()
        .filter(|life| life.owner == ALPHA && life.name == "web-1-renamed")
        .map(|life| (life.resource.as_str(), life.until.map(|until| until - life.from)))
        .collect();
    let expected = [
        ("9d0bf243-9b46-4712-8832-e72f33511226", Some(6)),
        ("c3ae2d6f-eaea-48a8-b11f-57bfd7ef2317", Some(74)),
    ];
    assert_eq!(of_alpha, expected);
    assert!(told.iter().any(|life| life.until.is_none() && life.meter == "vm_allocated"));
    let asked = cloud.asked("/compute/v2.1/os-simple-tenant-usage");
    let told: Vec<_> = ["start", "end", "detailed"].iter().map(|one| asked[0].get(one)).collect();
    assert_eq!(told, [Some("2026-11-18T11:06:40"), Some("2026-11-23T02:13:20"), Some("1")]);

    // A tenant goes on on the next page; the last page is empty.
    let machine = |id: &str| {
        json!({
            "instance_id": id, "tenant_id": "p", "name": id, "ended_at": null,
            "started_at": "2026-11-20T00:00:00.000000",
        })
    };
    cloud.set("GET /compute/v2.1/os-simple-tenant-usage", move |request| {
        let (machines, goes_on) = match request.get("marker") {
            None => (vec![machine("a"), machine("b")], true),
            Some("b") => (vec![machine("c")], true),
            Some(_) => (vec![], false),
        };
        let tenant = json!({ "tenant_id": "p", "server_usages": machines });
        let mut body = json!({ "tenant_usages": if goes_on { vec![tenant] } else { vec![] } });
        if goes_on {
            body["tenant_usages_links"] = json!([{ "rel": "next", "href": "http://h/next" }]);
        }
        ok(body.to_string())
    });
    let told = cloud.adapter().fetch_accounting(span).await.expect("an answer").expect("lives");
    let ids: Vec<&str> = told.iter().map(|life| life.resource.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"]);

    // Who may not ask has no accounting, and doctor says so.
    let refused = body("nova/simple-tenant-usage-as-member-other-403").to_string();
    cloud.set("GET /compute/v2.1/os-simple-tenant-usage", move |_| status(403, refused.clone()));
    assert_eq!(cloud.adapter().fetch_accounting(span).await.expect("an answer"), None);
    let checks = cloud.adapter().check().await;
    let found = checks.iter().find(|one| one.what.contains("os-simple-tenant-usage"));
    let found = found.expect("doctor tells it");
    assert!(!found.ok && found.mend.contains("os-simple-tenant-usage:list"), "{found:?}");
}
