//! Goal: signatures and parameter errors are answered as the real server answered them. Method:
//! every recorded vector is sent again, byte for byte, and status and error are compared.

use serde_json::Value;

use super::cloud::{Cloud, recorded};

#[tokio::test]
async fn recorded_vectors_get_the_recorded_status_and_error() {
    let cloud = Cloud::start().await;
    let vectors: Vec<Value> =
        serde_json::from_str(&recorded("signed/signing-vectors.json")).expect("vectors");
    let mut compared = 0;
    for vector in &vectors {
        let name = vector["name"].as_str().expect("a name");
        let line = vector["request_line"].as_str().expect("a request line");
        // This one asks for an account that only the recorded cloud has.
        if vector["method"] != "GET" || name == "ok.unicode-value" {
            continue;
        }
        let query = line.strip_prefix("GET /client/api?").expect("a query");
        let answer = cloud.get(query, None).await;
        let expected = vector["http_status"].as_u64().expect("a status");
        assert_eq!(u64::from(answer.status), expected, "{name}: {}", answer.text);
        compared += 1;
        let xml = !query.contains("response=json");
        assert_eq!(answer.text.starts_with("<?xml"), xml, "{name}: {}", answer.text);
        if xml || expected == 200 {
            continue;
        }
        let file = format!("signed/{name}.json");
        let file: Value = serde_json::from_str(&recorded(&file)).expect("a recorded error");
        assert_eq!(answer.json(), file, "{name}");
        let described = answer.headers.contains_key("x-description");
        assert_eq!(described, expected != 401, "{name}: X-Description");
    }
    assert!(compared > 40, "only {compared} vectors");
}

#[tokio::test]
async fn forms_are_read_like_queries() {
    let cloud = Cloud::start().await;
    let vectors: Vec<Value> =
        serde_json::from_str(&recorded("signed/signing-vectors.json")).expect("vectors");
    let vector = vectors.iter().find(|one| one["name"] == "ok.post-form").expect("the vector");
    let mut form = vec![("signature", vector["signature"].as_str().expect("a signature"))];
    let parameters = vector["parameters"].as_object().expect("parameters");
    form.extend(
        parameters.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or(""))),
    );
    assert_eq!(cloud.post(&form, None).await.status, 200);
    form[0].1 = "AAAA";
    assert_eq!(cloud.post(&form, None).await.status, 401);
}

#[tokio::test]
async fn a_revoked_key_is_refused_until_it_is_restored() {
    let cloud = Cloud::start().await;
    let key = "EXAMPLE-Api_Key";
    assert_eq!(cloud.call("cloud-admin", "listZones", &[]).await.status, 200);
    cloud.simulator.revoke_key(key);
    assert_eq!(cloud.call("cloud-admin", "listZones", &[]).await.status, 401);
    cloud.simulator.restore_key(key);
    assert_eq!(cloud.call("cloud-admin", "listZones", &[]).await.status, 200);
}
