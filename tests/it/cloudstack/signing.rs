//! Goal: signatures are those of a real server. Method: its recorded vectors.

use billow::orchestrator::cloudstack::sign;
use serde_json::Value;

use super::support::recorded;

#[test]
fn signed_texts_and_signatures_are_those_that_a_server_accepted() {
    let vectors: Vec<Value> =
        serde_json::from_slice(&recorded("signed/signing-vectors.json")).expect("vectors");
    let mut accepted = 0;
    for vector in &vectors {
        let name = &vector["name"];
        let parameters: sign::Parameters = vector["parameters"]
            .as_object()
            .expect("parameters")
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
            .collect();
        let Some(expected) = vector["signed_text"].as_str() else { continue };
        let text = sign::signed_text(&parameters);
        assert_eq!(text, expected, "{name}");
        if vector["http_status"] == 200 {
            let secret = vector["secret"].as_str().expect("a secret");
            assert_eq!(sign::signature(&text, secret), vector["signature"], "{name}");
            accepted += 1;
        }
    }
    assert!(accepted >= 10, "only {accepted} accepted vectors");
}

#[test]
fn the_vector_of_the_documentation_is_met() {
    let parameters: sign::Parameters = [
        ("command", "listUsageRecords"),
        ("response", "json"),
        ("apikey", "EXAMPLE-Api_Key"),
        ("startdate", "2026-08-20 00:00:00"),
        ("enddate", "2026-08-20 23:59:59"),
        ("page", "1"),
        ("pagesize", "500"),
        ("signatureversion", "3"),
        ("expires", "2026-08-21T00:10:00+0000"),
        ("keyword", "a+b~c*d/é"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let text = sign::signed_text(&parameters);
    assert!(text.contains("keyword=a%2bb%7ec*d%2f%c3%a9"), "{text}");
    assert_eq!(sign::signature(&text, "example-secret-key"), "lsJ9IIH4547Gol9buDT5RF9ZMHA=");
}

#[test]
fn a_signed_query_expires_and_never_holds_the_secret() {
    let parameters = vec![("command".to_owned(), "listUsers".to_owned())];
    let query = sign::signed_query(parameters, "the key", "the secret");
    assert!(query.contains("signatureversion=3"), "{query}");
    assert!(query.contains("expires=") && query.contains("%2B0000"), "{query}");
    assert!(query.contains("apikey=the%20key"), "{query}");
    assert!(!query.contains("secret"), "{query}");
}
