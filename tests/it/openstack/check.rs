//! Goal: `doctor` names each missing right with the call and the role that gives it. Method:
//! recorded answers with one thing taken away at a time.

use billow::orchestrator::{Check, Orchestrator};
use serde_json::json;

use super::support::{Cloud, body, status};

async fn findings(cloud: &Cloud) -> Vec<Check> {
    let checks = cloud.adapter().check().await;
    for check in &checks {
        let told = !check.why.is_empty() && !check.mend.is_empty();
        assert!(check.ok || told, "{check:?}");
    }
    checks.into_iter().filter(|check| !check.ok).collect()
}

#[tokio::test]
async fn a_good_cloud_has_no_findings() {
    let cloud = Cloud::start().await;
    let checks = cloud.adapter().check().await;
    let bad: Vec<&Check> = checks.iter().filter(|check| !check.ok).collect();
    assert!(bad.is_empty(), "{bad:?}");
    let told = |text: &str| checks.iter().any(|check| check.what.contains(text));
    assert!(told("may check users' tokens"));
    assert!(told("compute at http://"), "{checks:?}");
    assert!(told("microversion 2.96 of 2.104"));
    assert!(told("no load-balancer: it is not metered"));
    assert!(told("deleted machines keep their actions"));
}

#[tokio::test]
async fn each_missing_right_is_named() {
    for (call, file, role) in [
        ("identity/v3/projects", "keystone/projects-as-member-403", "reader on the system"),
        ("compute/v2.1/servers/detail", "keystone/projects-as-member-403", "get_all_tenants"),
        ("volume/v3/volumes/detail", "keystone/projects-as-member-403", "context_is_admin"),
        ("image/v2/images", "keystone/projects-as-member-403", "role admin"),
        ("network/v2.0/floatingips", "keystone/projects-as-member-403", "get_floatingip"),
    ] {
        let cloud = Cloud::start().await;
        let refused = body(file).to_string();
        cloud.set(&format!("GET /{call}"), move |_| status(403, refused.clone()));
        let findings = findings(&cloud).await;
        let last = call.rsplit('/').next().expect("a name");
        let found = findings.iter().find(|finding| finding.what.contains(last));
        let found = found.unwrap_or_else(|| panic!("{call}: {findings:?}"));
        assert!(found.mend.contains(role), "{found:?}");
    }
}

#[tokio::test]
async fn lists_that_hide_others_are_found() {
    let cloud = Cloud::start().await;
    let mut token = body("keystone/token-validate-nocatalog");
    token["token"]["roles"] = json!([{ "name": "reader" }]);
    cloud.set("GET /identity/v3/auth/tokens", move |_| super::support::ok(token.to_string()));
    let findings = findings(&cloud).await;
    let about = |text: &str| findings.iter().find(|finding| finding.what.contains(text));
    let roles = about("has the roles reader only").expect("the missing role");
    assert!(roles.mend.contains("role service"), "{roles:?}");
    // All recorded rows are of the project that this login has.
    let volumes = about("volumes/detail shows no other project than its own").expect("hidden");
    assert!(volumes.why.contains("nobody says so"), "{volumes:?}");
}

#[tokio::test]
async fn a_cloud_that_does_not_let_one_in_is_one_finding() {
    let cloud = Cloud::start().await;
    cloud.set("POST /identity/v3/auth/tokens", |_| status(401, "{}"));
    let findings = findings(&cloud).await;
    assert_eq!(findings.len(), 1);
    assert!(findings[0].why.contains("nothing can be collected"), "{findings:?}");
}

#[tokio::test]
async fn clocks_that_differ_and_archives_that_are_too_quick_are_found() {
    let cloud = Cloud::start().await;
    let mut token = body("keystone/token-validate-nocatalog");
    token["token"]["roles"] = json!([{ "name": "admin" }]);
    let ahead = jiff::Timestamp::now().as_second() + 300;
    let ahead = jiff::Timestamp::from_second(ahead).expect("an instant");
    token["token"]["issued_at"] = json!(ahead.to_string());
    cloud.set("GET /identity/v3/auth/tokens", move |_| super::support::ok(token.to_string()));
    let id = "8f6baede-f6f5-4eeb-aebf-a34757a2d1b6";
    let actions = format!("GET /compute/v2.1/servers/{id}/os-instance-actions");
    cloud.set_body(&actions, json!({ "instanceActions": [] }));
    let findings = findings(&cloud).await;
    let about = |text: &str| findings.iter().any(|finding| finding.what.contains(text));
    assert!(about("ahead of this machine's"), "{findings:?}");
    assert!(about("has no actions any more"), "{findings:?}");
}
