//! The part of an answer that observations were read from, as evidence. PURE.
//!
//! A cloud at rest shows the same thousands of resources every minute. Kept are the orchestrator's
//! own words about what was new, each as it came, and the request that brought them; the position
//! of an observation's evidence is its element's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Elements of answers, in the order in which they were added.
#[derive(Default)]
pub struct Excerpt {
    elements: Vec<Box<RawValue>>,
}

/// The body of an excerpt: what tells it from an answer that is kept whole.
#[derive(Serialize)]
struct Written<'a> {
    excerpt: &'a [Box<RawValue>],
}

#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    excerpt: Vec<&'a RawValue>,
}

/// What stands for bytes that are no JSON.
#[derive(Serialize)]
struct Bytes {
    base64: String,
}

impl Excerpt {
    /// Adds an element; gives its position. Bytes that are no JSON are kept in base64.
    pub fn add(&mut self, words: &[u8]) -> i64 {
        let text = std::str::from_utf8(words).ok().map(str::to_owned);
        let raw = text.and_then(|text| RawValue::from_string(text).ok());
        let raw = raw.unwrap_or_else(|| {
            let bytes = Bytes { base64: STANDARD.encode(words) };
            match serde_json::value::to_raw_value(&bytes) {
                Ok(raw) => raw,
                Err(error) => panic!("a text must have JSON: {error}"),
            }
        });
        self.elements.push(raw);
        i64::try_from(self.elements.len()).unwrap_or(i64::MAX) - 1
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The body to be kept.
    pub fn body(&self) -> Vec<u8> {
        crate::store::codec::to_json(&Written { excerpt: &self.elements }).into_bytes()
    }
}

/// The words at a position of an excerpt; `None` when the body is no excerpt or has no such place.
pub fn element(body: &[u8], index: i64) -> Option<String> {
    let read: Read<'_> = serde_json::from_slice(body).ok()?;
    let index = usize::try_from(index).ok()?;
    read.excerpt.get(index).map(|raw| raw.get().to_owned())
}
