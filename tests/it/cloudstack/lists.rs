//! Goal: owners, catalogue and inventory are those of the recorded cloud, also page by page and
//! with a role that may not read all. Method: the recorded lists behind a real socket.

use std::collections::BTreeMap;

use billow::collect::record::attribute;
use billow::orchestrator::{CatalogItem, ItemKind, Orchestrator, OrchestratorError, OwnerKind};
use serde_json::json;

use super::support::{Reply, Request, Server, ok, recorded, status};

const FILES: [(&str, &str); 22] = [
    ("listDomains", "listDomains.details-min"),
    ("listAccounts", "listAccounts.listall.details-min"),
    ("listProjects", "listProjects.listall"),
    ("listServiceOfferings", "listServiceOfferings.all-states"),
    ("listDiskOfferings", "listDiskOfferings"),
    ("listNetworkOfferings", "listNetworkOfferings"),
    ("listVPCOfferings", "listVPCOfferings"),
    ("listBackupOfferings", "listBackupOfferings"),
    ("listTemplates", "listTemplates.all"),
    ("listIsos", "listIsos.all"),
    ("listOsTypes", "listOsTypes.page1-of-20"),
    ("listZones", "listZones"),
    ("listVirtualMachines", "listVirtualMachines.listall-projectid-minus-1"),
    ("listVolumes", "listVolumes.listall-projectid-minus-1"),
    ("listTags", "listTags.listall"),
    ("listSnapshots", "listSnapshots.listall"),
    ("listLoadBalancerRules", "listLoadBalancerRules.listall"),
    ("listSecurityGroups", "listSecurityGroups.listall"),
    ("listBackups", "listBackups.listall"),
    ("listUsageTypes", "listUsageTypes"),
    ("listUsageServerMetrics", "listUsageServerMetrics"),
    ("listConfigurations", "listConfigurations.name-exact"),
];

pub fn answer(request: &Request) -> Reply {
    let found = FILES.iter().find(|(command, _)| *command == request.command());
    match found {
        Some((_, file)) => ok(recorded(&format!("lists/{file}.json"))),
        None => forbidden(),
    }
}

pub fn forbidden() -> Reply {
    status(432, recorded("api-keys/narrow-role.listVirtualMachines.error.json"))
}

#[tokio::test]
async fn owners_are_the_tree_of_domains_with_its_accounts_and_projects() {
    let server = Server::start(answer).await;
    let owners = server.adapter().fetch_owners().await.expect("owners");
    let count = |kind| owners.iter().filter(|owner| owner.kind == kind).count();
    assert_eq!((count(OwnerKind::Domain), count(OwnerKind::Account)), (5, 11));
    let named = |name: &str| owners.iter().find(|owner| owner.name == name).expect(name);
    assert_eq!(named("ROOT").domain_id, None);
    assert_eq!(named("CustomerA1").domain_path, "ROOT/ResellerA/CustomerA1");
    assert_eq!(named("CustomerA1").domain_id.as_ref(), Some(&named("ResellerA").id));
    let customer = named("CustA1");
    assert_eq!(customer.domain_path, "ROOT/ResellerA/CustomerA1");
    assert_eq!(customer.state, "enabled");
    let project = named("Project Ω \"quoted\", & co");
    assert_eq!(project.kind, OwnerKind::Project);
    assert_eq!(project.account_id.as_ref(), Some(&customer.id));
    let mut internal: Vec<&str> =
        owners.iter().filter(|owner| owner.internal).map(|owner| owner.name.as_str()).collect();
    internal.sort_unstable();
    assert_eq!(internal, ["Auditor", "Ops Admin", "admin"]);
    for request in server.requests() {
        assert_eq!(request.method, "GET");
        assert_eq!(request.get("signatureversion"), Some("3"));
        assert_eq!(request.get("pagesize"), Some("500"));
        assert!(request.get("signature").is_some() && request.get("expires").is_some());
    }
}

#[tokio::test]
async fn the_catalogue_has_one_item_an_id_with_its_dimensions_and_tags() {
    let server = Server::start(answer).await;
    let items = server.adapter().fetch_catalog().await.expect("a catalogue");
    let of: BTreeMap<(ItemKind, &str), &CatalogItem> =
        items.iter().map(|item| ((item.kind, item.id.as_str()), item)).collect();
    assert_eq!(of.len(), items.len(), "an id twice");
    let value = |kind, id, key: &str| of[&(kind, id)].attributes.get(key).map(String::as_str);
    let medium = "a2106a16-e975-49f1-8c23-c2281167140d";
    assert_eq!(value(ItemKind::ServiceOffering, medium, attribute::VCPUS), Some("2"));
    assert_eq!(value(ItemKind::ServiceOffering, medium, attribute::RAM_MIB), Some("2048"));
    assert_eq!(value(ItemKind::ServiceOffering, medium, "fixed"), Some("true"));
    let constrained = "6f22b54e-2edb-4b3a-97fe-ae369f9de826";
    assert_eq!(value(ItemKind::ServiceOffering, constrained, "fixed"), Some("false"));
    let old = of[&(ItemKind::ServiceOffering, "6ff58df5-7ad0-4f39-b374-27fe36cad4fd")];
    assert_eq!(old.name, "Old offering (renamed)");
    // One row a zone, one item.
    let centos = "e76b66ab-e68c-11f1-b1b6-02fc00000001";
    assert_eq!(value(ItemKind::Template, centos, attribute::OS), Some("CentOS 5.6 (64-bit)"));
    assert_eq!(value(ItemKind::Template, centos, attribute::OS_CATEGORY), Some("CentOS"));
    let web = "d112ac74-b9a7-4f64-b84d-5623123d9027";
    assert_eq!(of[&(ItemKind::Resource, web)].name, "web1");
    assert_eq!(value(ItemKind::Resource, web, "tag:project"), Some("apollo"));
    assert_eq!(value(ItemKind::Resource, web, "tag:größe"), Some("ä & b, \"c\" 'd'"));
    for (id, name) in [
        ("6293ccfd-847b-4f9f-b36a-acbd5c2ad7b6", "snap-1"),
        ("6a185d19-0d88-4c37-bf53-c25d047bcacc", "lb \"web\" & co"),
        ("297405fd-c18b-40f2-886f-0685e8b45a55", "alice iso"),
    ] {
        assert_eq!(of[&(ItemKind::Resource, id)].name, name);
    }
}

#[tokio::test]
async fn the_inventory_names_owners_as_usage_does() {
    let server = Server::start(answer).await;
    let adapter = server.adapter();
    let owners = adapter.fetch_owners().await.expect("owners");
    let items = adapter.fetch_inventory().await.expect("an inventory");
    assert!(items.len() > 20, "{}", items.len());
    for item in &items {
        assert!(owners.iter().any(|owner| owner.id == item.owner), "{item:?}");
        assert!(item.created.is_some(), "{item:?}");
    }
    let project = items.iter().find(|item| item.name == "proj-vm").expect("the project's");
    assert_eq!(project.owner, "701ee3ab-409d-4073-9005-90d068773ac2");
    assert!(!items.iter().any(|item| item.name == "hidden-vm"), "hidden ones are not metered");
}

#[tokio::test]
async fn lists_that_the_role_may_not_read_are_left_out_and_others_are_errors() {
    let server = Server::start(|request| match request.command() {
        "listServiceOfferings" => answer(request),
        _ => forbidden(),
    })
    .await;
    let items = server.adapter().fetch_catalog().await.expect("what may be read");
    assert!(items.iter().all(|item| item.kind == ItemKind::ServiceOffering));
    assert!(!items.is_empty());
    let owners = server.adapter().fetch_owners().await;
    assert!(matches!(owners, Err(OrchestratorError::Forbidden { .. })), "{owners:?}");
}

#[tokio::test]
async fn lists_are_read_to_the_last_page() {
    let server = Server::start(|request| match request.command() {
        "listDomains" => {
            let page: usize = request.get("page").and_then(|p| p.parse().ok()).expect("a page");
            let rows = if page == 1 { 0..500 } else { 500..620 };
            let rows: Vec<_> = rows
                .map(|n| json!({ "id": n.to_string(), "name": n.to_string(), "path": "ROOT/x" }))
                .collect();
            let answer = json!({ "listdomainsresponse": { "count": 620, "domain": rows } });
            ok(answer.to_string())
        }
        _ => ok(r#"{"listresponse":{}}"#),
    })
    .await;
    let owners = server.adapter().fetch_owners().await.expect("owners");
    assert_eq!(owners.len(), 620);
}

#[tokio::test]
async fn doctor_names_each_missing_right_and_doubtful_setting() {
    let server = Server::start(|request| match (request.command(), request.get("name")) {
        ("listCapabilities", _) => ok(recorded("lists/listCapabilities.json")),
        ("listConfigurations", Some("usage.stats.job.aggregation.range")) => answer(request),
        ("listConfigurations", Some(name @ ("integration.api.port" | "default.page.size"))) => {
            let rows = [json!({ "name": name, "value": "100" })];
            let answer = json!({ "listconfigurationsresponse": {
                "count": 1, "configuration": rows } });
            ok(answer.to_string())
        }
        ("listConfigurations", _) => ok(recorded("lists/listConfigurations.unknown-name.json")),
        ("listUsageRecords", _) => ok(r#"{"listusagerecordsresponse":{}}"#),
        ("listSnapshots" | "listPublicIpAddresses", _) => forbidden(),
        _ => answer(request),
    })
    .await;
    let checks = server.adapter().check().await;
    let bad: Vec<String> = checks.iter().filter(|c| !c.ok).map(|c| c.what.clone()).collect();
    assert_eq!(
        bad,
        [
            "source cs1 may not call listSnapshots",
            "source cs1 may not call listPublicIpAddresses",
            "source cs1: usage.stats.job.aggregation.range is 10",
            "source cs1: integration.api.port is 100",
            "source cs1: default.page.size is 100",
        ]
    );
    assert!(checks.iter().all(|c| c.ok || (!c.why.is_empty() && !c.mend.is_empty())));
    assert!(checks.iter().any(|c| c.what.contains("vm.disk.stats.interval is off")));
}
