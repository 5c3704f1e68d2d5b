//! Goal: every listing has the real server's fields and types, and shows each role what it may
//! see. Method: fields of all rows are looked up in the recorded rows of the same command.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cloud::{Cloud, recorded};

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

/// Envelope, list name and the types of all fields of a recorded answer.
fn fields_of(text: &str) -> (String, String, BTreeMap<String, &'static str>) {
    // Escapes that JSON does not know stand for their character.
    let json: Value = serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&text.replace("\\&", "&")))
        .expect("recorded JSON");
    let (envelope, inner) = json.as_object().and_then(|o| o.iter().next()).expect("an envelope");
    let lists = inner.as_object().expect("an object").iter();
    let (name, list) = lists.into_iter().find(|(_, value)| !value.is_number()).expect("a list");
    let mut fields = BTreeMap::new();
    let one = [list.clone()];
    let rows = list.as_array().map_or(&one[..], Vec::as_slice);
    for row in rows {
        for (field, value) in row.as_object().expect("a row") {
            fields.insert(field.clone(), kind(value));
        }
    }
    (envelope.clone(), name.clone(), fields)
}

/// Command, parameters and recorded file; then fields that the recorded cloud had no case for.
type Case =
    (&'static str, &'static [(&'static str, &'static str)], &'static str, &'static [&'static str]);

const ALL: &[(&str, &str)] = &[("listall", "true")];
const CASES: [Case; 31] = [
    ("listAccounts", ALL, "lists/listAccounts.listall.details-min.json", &[]),
    ("listBackupOfferings", &[], "lists/listBackupOfferings.json", &[]),
    ("listBackups", ALL, "lists/listBackups.listall.json", &[]),
    ("listBuckets", ALL, "lists/listBuckets.listall.json", &[]),
    ("listCapabilities", &[], "lists/listCapabilities.json", &[]),
    ("listConfigurations", &[], "lists/listConfigurations.usage-keyword.json", &[]),
    ("listDiskOfferings", &[], "lists/listDiskOfferings.json", &["tags", "miniops", "maxiops"]),
    ("listDomains", ALL, "lists/listDomains.details-min.json", &[]),
    ("listIsos", &[("isofilter", "all")], "lists/listIsos.all.json", &[]),
    ("listLoadBalancerRules", ALL, "lists/listLoadBalancerRules.listall.json", &[]),
    ("listNetworkOfferings", &[], "lists/listNetworkOfferings.json", &[]),
    ("listNetworks", ALL, "lists/listNetworks.listall.json", &[]),
    ("listOsCategories", &[], "lists/listOsCategories.json", &[]),
    ("listOsTypes", &[], "lists/listOsTypes.page1-of-20.json", &[]),
    ("listPortForwardingRules", ALL, "lists/listPortForwardingRules.listall.json", &[]),
    ("listProjects", ALL, "lists/listProjects.listall.json", &[]),
    ("listPublicIpAddresses", ALL, "lists/listPublicIpAddresses.listall.json", &[]),
    ("listSecurityGroups", ALL, "lists/listSecurityGroups.listall.json", &[]),
    (
        "listServiceOfferings",
        &[],
        "lists/listServiceOfferings.all-states.json",
        &["storagetags", "gpucardname", "vgpuprofilename", "gpucount"],
    ),
    ("listSnapshots", ALL, "lists/listSnapshots.listall.json", &[]),
    ("listTags", ALL, "lists/listTags.listall.json", &[]),
    ("listTemplates", &[("templatefilter", "all")], "lists/listTemplates.all.json", &[]),
    ("listUsageServerMetrics", &[], "lists/listUsageServerMetrics.json", &[]),
    ("listUsageTypes", &[], "lists/listUsageTypes.json", &[]),
    ("listUsers", ALL, "lists/listUsers.by-username.json", &[]),
    ("listVMSnapshot", ALL, "lists/listVMSnapshot.listall.json", &[]),
    ("listVPCOfferings", &[], "lists/listVPCOfferings.json", &[]),
    ("listVPCs", ALL, "lists/listVPCs.listall.json", &[]),
    (
        "listVirtualMachines",
        &[("listall", "true"), ("projectid", "-1")],
        "lists/listVirtualMachines.listall-projectid-minus-1.json",
        &[],
    ),
    (
        "listVolumes",
        &[("listall", "true"), ("projectid", "-1")],
        "lists/listVolumes.listall-projectid-minus-1.json",
        &[],
    ),
    ("listZones", &[], "lists/listZones.json", &[]),
];

#[tokio::test]
async fn fields_and_types_are_the_recorded_ones() {
    let cloud = Cloud::start().await;
    // Before the youngest snapshot of a machine ends.
    cloud.clock.set(super::cloud::START + 12 * billow::demo::seed::DAY);
    let mut broken = Vec::new();
    for (command, parameters, file, further) in CASES {
        let answer = cloud.call("cloud-admin", command, parameters).await;
        assert_eq!(answer.status, 200, "{command}: {}", answer.text);
        let text = if command == "listBackups" {
            answer.text.replace("\\&", "&").replace("\\=", "=")
        } else {
            answer.text.clone()
        };
        let (envelope, list, own) = fields_of(&text);
        let (real_envelope, real_list, real) = fields_of(&recorded(file));
        assert_eq!((envelope, list), (real_envelope, real_list), "{command}");
        for (field, kind) in own {
            match real.get(&field) {
                Some(recorded) if *recorded == kind => {}
                None if further.contains(&field.as_str()) => {}
                other => broken.push(format!("{command}.{field} is {kind}, recorded {other:?}")),
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test]
async fn some_answers_are_no_json() {
    let cloud = Cloud::start().await;
    let answer = cloud.call("cloud-admin", "listBackups", ALL).await;
    assert!(answer.text.contains("\"volumes\":\"[{\\\"uuid\\\""), "{}", answer.text);
    let open = cloud.call("harbour-admin", "listBackups", &[]).await;
    assert_eq!(open.status, 200);
}

#[tokio::test]
async fn each_role_reaches_what_it_may() {
    let cloud = Cloud::start().await;
    let number = async |user: &str, command: &str, more: &[(&str, &str)]| {
        let answer = cloud.call(user, command, more).await;
        assert_eq!(answer.status, 200, "{user} {command}: {}", answer.text);
        answer.rows().len()
    };
    let everybody = number("cloud-admin", "listUsers", ALL).await;
    assert_eq!(number("auditor", "listUsers", ALL).await, everybody);
    assert_eq!(number("cloud-admin", "listUsers", &[]).await, 1);
    assert_eq!(number("alpine-admin", "listUsers", ALL).await, 2);
    // An account's administrator sees all its users, a user itself alone.
    assert_eq!(number("harbour-admin", "listUsers", ALL).await, 1);
    assert_eq!(number("cloud-admin", "listVirtualMachines", &[]).await, 0);
    let all = number("cloud-admin", "listVirtualMachines", ALL).await;
    let alpine = number("alpine-admin", "listVirtualMachines", ALL).await;
    let harbour = number("harbour-admin", "listVirtualMachines", ALL).await;
    assert!(harbour > 0 && alpine > 0 && harbour + alpine < all, "{harbour} {alpine} {all}");
    assert_eq!(number("harbour-admin", "listVirtualMachines", &[]).await, harbour);
    let with_projects = [("listall", "true"), ("projectid", "-1")];
    assert_eq!(number("harbour-admin", "listVirtualMachines", &with_projects).await, harbour + 1);
}

#[tokio::test]
async fn forbidden_and_foreign_things_are_refused_as_recorded() {
    let cloud = Cloud::start().await;
    let world = cloud.simulator.world();
    let thames = world.domains.iter().find(|one| one.name == "thames").expect("a domain");
    let project = world.projects[0].ids.uuid.as_str();
    let foreign = world.accounts.last().expect("an account").ids.uuid.as_str();
    let domain = thames.ids.uuid.as_str();
    let cases: [(&str, &str, &[(&str, &str)], u16, &str); 9] = [
        ("harbour-admin", "listUsageRecords", &[], 432, "errorresponse"),
        ("harbour-admin", "listDomains", &[], 432, "errorresponse"),
        ("alpine-admin", "listUsageTypes", &[], 432, "errorresponse"),
        ("alpine-admin", "listUsageServerMetrics", &[], 432, "errorresponse"),
        ("billow", "validateUserTwoFactorAuthenticationCode", &[], 432, "errorresponse"),
        ("alpine-admin", "listVirtualMachines", &[("domainid", domain)], 531, "listvirtualm"),
        ("harbour-admin", "listVirtualMachines", &[("domainid", domain)], 531, "listvirtualm"),
        ("harbour-admin", "listAccounts", &[("id", foreign)], 531, "listaccounts"),
        ("foxglove-admin", "listVirtualMachines", &[("projectid", project)], 432, "errorresp"),
    ];
    for (user, command, more, status, envelope) in cases {
        let answer = cloud.call(user, command, more).await;
        assert_eq!(answer.status, status, "{user} {command}: {}", answer.text);
        assert!(answer.text.starts_with(&format!("{{\"{envelope}")), "{}", answer.text);
    }
    let unknown = cloud.call("harbour-admin", "listApis", &[("name", "listUsageRecords")]).await;
    assert_eq!(unknown.status, 530);
    let known = cloud.call("harbour-admin", "listApis", &[("name", "listUsers")]).await;
    assert_eq!(known.rows()[0]["name"], "listUsers");
}

#[tokio::test]
async fn internal_numbers_find_networks_and_removed_things_are_gone() {
    let cloud = Cloud::start().await;
    let network = &cloud.simulator.world().networks[0];
    let number = network.ids.number.to_string();
    let found = cloud.call("cloud-admin", "listNetworks", &[("id", &number)]).await;
    assert_eq!(found.rows()[0]["id"], network.ids.uuid.as_str());
    cloud.clock.set(network.life.from - 1);
    let before = cloud.call("cloud-admin", "listNetworks", &[("id", &number)]).await;
    assert_eq!(before.text, "{\"listnetworksresponse\":{}}");
}
