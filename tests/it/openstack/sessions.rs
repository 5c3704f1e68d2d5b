//! Goal: the adapter signs in once, renews what was refused once, and finds each service. Method:
//! recorded answers on a socket.

use billow::config::Interface;
use billow::orchestrator::openstack::OpenStack;
use billow::orchestrator::{Orchestrator, OrchestratorError};
use serde_json::json;

use super::support::{Cloud, SECRET, ok, status};

const TOKENS: &str = "/identity/v3/auth/tokens";

#[tokio::test]
async fn one_sign_in_serves_many_calls() {
    let cloud = Cloud::start().await;
    let adapter = cloud.adapter();
    adapter.fetch_owners().await.expect("owners");
    adapter.fetch_catalog().await.expect("a catalogue");
    let sign_ins = cloud.asked(TOKENS);
    assert_eq!(sign_ins.len(), 1);
    let body: serde_json::Value = serde_json::from_str(&sign_ins[0].body).expect("JSON");
    assert_eq!(body["auth"]["identity"]["methods"], json!(["password"]));
    let user = &body["auth"]["identity"]["password"]["user"];
    assert_eq!((&user["name"], &user["domain"]["name"]), (&json!("billow"), &json!("Default")));
    let project = &body["auth"]["scope"]["project"];
    assert_eq!(
        (&project["name"], &project["domain"]["name"]),
        (&json!("service"), &json!("Default"))
    );
    let calls = cloud.server.requests();
    let tokens = calls.iter().filter(|call| call.path() != TOKENS);
    assert!(tokens.into_iter().all(|call| call.header("x-auth-token") == Some("token-1")));
}

#[tokio::test]
async fn an_application_credential_names_no_project() {
    let cloud = Cloud::start().await;
    let mut config = cloud.config();
    (config.user, config.project) = (None, None);
    config.application_credential_id = Some("0123456789abcdef".to_owned());
    OpenStack::new(&config).expect("an adapter").fetch_owners().await.expect("owners");
    let body: serde_json::Value = serde_json::from_str(&cloud.asked(TOKENS)[0].body).expect("JSON");
    let identity = &body["auth"]["identity"];
    assert_eq!(identity["methods"], json!(["application_credential"]));
    assert_eq!(identity["application_credential"]["id"], json!("0123456789abcdef"));
    assert_eq!(body["auth"].get("scope"), None);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once() {
    let cloud = Cloud::start().await;
    let adapter = cloud.adapter();
    adapter.fetch_owners().await.expect("owners");
    cloud.script.lock().expect("no panic").revoked.push("token-1".to_owned());
    adapter.fetch_owners().await.expect("owners with a new token");
    assert_eq!(cloud.asked(TOKENS).len(), 2);
}

#[tokio::test]
async fn a_login_whose_tokens_are_all_refused_is_told_so() {
    let cloud = Cloud::start().await;
    cloud.set("GET /identity/v3/domains", |_| status(401, ""));
    let error = cloud.adapter().fetch_owners().await.expect_err("no owners");
    assert!(matches!(error, OrchestratorError::Unauthenticated { .. }), "{error}");
    assert_eq!(cloud.asked("/identity/v3/domains").len(), 2, "with a new token, once");
}

#[tokio::test]
async fn wrong_secrets_are_asked_about_once_and_never_shown() {
    let cloud = Cloud::start().await;
    cloud.set("POST /identity/v3/auth/tokens", |_| status(401, r#"{"error":{"code":401}}"#));
    let error = cloud.adapter().fetch_owners().await.expect_err("no owners");
    assert!(matches!(error, OrchestratorError::Unauthenticated { .. }), "{error}");
    assert_eq!(cloud.asked(TOKENS).len(), 1, "failures are counted against the user");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[tokio::test]
async fn an_identity_service_that_is_down_is_asked_again() {
    let cloud = Cloud::start().await;
    cloud.set("POST /identity/v3/auth/tokens", |_| status(503, "busy"));
    let error = cloud.adapter().fetch_owners().await.expect_err("no owners");
    assert!(matches!(error, OrchestratorError::Unavailable { .. }), "{error}");
    assert!(error.is_retryable());
    assert_eq!(cloud.asked(TOKENS).len(), 4);
}

#[tokio::test]
async fn microversions_are_pinned_and_never_above_what_a_service_knows() {
    let cloud = Cloud::start().await;
    let adapter = cloud.adapter();
    adapter.fetch_catalog().await.expect("a catalogue");
    let flavors = &cloud.asked("/compute/v2.1/flavors/detail")[0];
    assert_eq!(flavors.header("openstack-api-version"), Some("compute 2.96"));
    let types = &cloud.asked("/volume/v3/types")[0];
    assert_eq!(types.header("openstack-api-version"), Some("volume 3.70"));

    let old = Cloud::start().await;
    let version = |newest: &str| json!({ "version": { "id": "v2.1", "version": newest } });
    old.set_body("GET /compute/v2.1/", version("2.79"));
    old.adapter().fetch_catalog().await.expect("a catalogue");
    let flavors = &old.asked("/compute/v2.1/flavors/detail")[0];
    assert_eq!(flavors.header("openstack-api-version"), Some("compute 2.79"));

    old.set_body("GET /compute/v2.1/", version("2.42"));
    let error = old.adapter().fetch_inventory().await.expect_err("too old");
    assert!(error.to_string().contains("2.61 is needed"), "{error}");
}

#[tokio::test]
async fn a_service_is_found_by_its_other_names_and_by_the_public_interface() {
    let cloud = Cloud::start().await;
    {
        let mut script = cloud.script.lock().expect("no panic");
        let catalog = script.token["token"]["catalog"].as_array_mut().expect("a catalogue");
        catalog.retain(|service| service["type"] != "block-storage");
        for service in catalog.iter_mut() {
            if service["type"] == "volumev3" {
                let endpoints = service["endpoints"].as_array_mut().expect("endpoints");
                // As older releases register it: only public, with the project.
                endpoints.retain(|endpoint| endpoint["interface"] == "public");
                let url = endpoints[0]["url"].as_str().expect("a URL").to_owned();
                endpoints[0]["url"] = json!(format!("{url}/efc1ca5de6934b09af550f98b360aa4a"));
            }
        }
    }
    let types = "GET /volume/v3/efc1ca5de6934b09af550f98b360aa4a/types";
    cloud.set_body(types, json!({ "volume_types": [{ "id": "t1", "name": "ssd" }] }));
    let items = cloud.adapter().fetch_catalog().await.expect("a catalogue");
    assert!(items.iter().any(|item| item.id == "t1"));
}

#[tokio::test]
async fn another_region_is_another_cloud() {
    let cloud = Cloud::start().await;
    let mut config = cloud.config();
    config.region = Some("RegionTwo".to_owned());
    config.interface = Interface::Public;
    let adapter = OpenStack::new(&config).expect("an adapter");
    let items = adapter.fetch_catalog().await.expect("a catalogue");
    assert_eq!(items, Vec::new());
    let checks = adapter.check().await;
    let found = checks.iter().find(|check| !check.ok).expect("a finding");
    assert!(found.what.contains("no service at all"), "{found:?}");
    assert!(found.mend.contains("region"), "{found:?}");
}

#[tokio::test]
async fn certificates_are_read_and_mistakes_named() {
    let cloud = Cloud::start().await;
    let mut config = cloud.config();
    let file = format!("{}/no-certificate.pem", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, "nothing").expect("write a file");
    config.ca_file = Some(file.into());
    let error = OpenStack::new(&config).err().expect("no adapter");
    assert!(error.to_string().contains("no certificate in it"), "{error}");
    config.ca_file = Some("/nonexistent/ca.pem".into());
    let error = OpenStack::new(&config).err().expect("no adapter");
    assert!(error.to_string().contains("ca_file /nonexistent/ca.pem"), "{error}");
}

#[tokio::test]
async fn no_service_but_identity_is_no_error() {
    let cloud = Cloud::start().await;
    cloud.script.lock().expect("no panic").token["token"]["catalog"] = json!([]);
    cloud.set("GET /identity/v3/projects", |_| ok(r#"{"projects":[]}"#));
    let raw = cloud.adapter().fetch_observations(super::observations::ask(None)).await;
    let raw = raw.expect("observations");
    assert_eq!((raw.pages.len(), raw.complete.len()), (0, 0));
    assert!(raw.skipped.iter().any(|line| line.starts_with("machines:")), "{:?}", raw.skipped);
}
