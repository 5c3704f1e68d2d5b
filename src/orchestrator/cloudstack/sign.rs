//! Signatures of API calls, version 3 with an expiry. PURE but for the machine's clock.
//!
//! The text that is signed: parameters by name, values form-encoded with `%20` for a space, joined
//! by `&`, all lower case; HMAC-SHA1 with the secret, Base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;

/// Parameters of a call, without signature.
pub type Parameters = Vec<(String, String)>;

/// Seconds for which a signature holds; servers allow at most 15 minutes.
const EXPIRES_SECONDS: i64 = 600;

/// Form-encodes a value as the server does: `A–Z a–z 0–9 . - * _` stay, a space is `%20`.
pub fn encode(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b".-*_".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The text that is signed.
pub fn signed_text(parameters: &Parameters) -> String {
    let mut sorted: Vec<&(String, String)> = parameters.iter().collect();
    sorted.sort();
    let pairs: Vec<String> =
        sorted.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    pairs.join("&").to_lowercase()
}

/// The signature of a text.
pub fn signature(text: &str, secret: &str) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The query of a signed call.
pub fn signed_query(mut parameters: Parameters, key: &str, secret: &str) -> String {
    // The machine's clock, not the business's: the server compares it with its own.
    let expires = Timestamp::now().as_second() + EXPIRES_SECONDS;
    let expires = Timestamp::from_second(expires).unwrap_or(Timestamp::MAX);
    parameters.push(("apikey".to_owned(), key.to_owned()));
    parameters.push(("signatureversion".to_owned(), "3".to_owned()));
    parameters.push(("expires".to_owned(), super::date::text(expires.as_second())));
    parameters.push(("response".to_owned(), "json".to_owned()));
    let signature = signature(&signed_text(&parameters), secret);
    parameters.push(("signature".to_owned(), signature));
    query(&parameters)
}

/// Parameters as a query string.
pub fn query(parameters: &Parameters) -> String {
    let pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    pairs.join("&")
}
