//! Goal: no page makes the parser panic, and no row of a page is lost without a word. Method:
//! seeded mutations of recorded bytes until a deadline.

use std::time::{Duration, Instant};

use billow::orchestrator::{Orchestrator, RawPage};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::support::{adapter, recorded};

const DEADLINE: Duration = Duration::from_secs(30);
const SEED: u64 = 0x0b11_1077;
const MUTATIONS_MAX: usize = 8;
const FILES: [&str; 4] = [
    "usage-daily/day-20.all.json",
    "usage-daily/day-19.all.oldformat.json",
    "usage-daily/day-21.all.read-again-after-volume-migration.json",
    "usage-10min-real-time/window3.all.json",
];
/// Rows of a page before it is mutated: short pages are read more often.
const ROWS: usize = 3;
const TOKENS: [&str; 28] = [
    "\\",
    "\\u",
    "\\u00",
    "\\ud800",
    "\\&",
    "\"",
    "'T'",
    "null",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "-1",
    "1e309",
    "1e-9",
    "99999999999999999999999",
    "0.1",
    "+0000",
    "+1€",
    "ö",
    "\u{0}",
    "response",
    "count",
    "usagetype",
    "rawusage",
    "Volume Id:",
];

fn mutate(random: &mut StdRng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.random_range(1..=MUTATIONS_MAX) {
        if bytes.is_empty() {
            break;
        }
        let at = random.random_range(0..bytes.len());
        let until = (at + random.random_range(1..40)).min(bytes.len());
        match random.random_range(0..6) {
            0 => bytes[at] = random.random(),
            1 => drop(bytes.drain(at..until)),
            2 => bytes.truncate(at),
            3 => {
                let token = TOKENS[random.random_range(0..TOKENS.len())];
                bytes.splice(at..at, token.bytes());
            }
            4 => {
                let copy = bytes[at..until].to_vec();
                let target = random.random_range(0..bytes.len());
                bytes.splice(target..target, copy);
            }
            _ => {
                let token = TOKENS[random.random_range(0..TOKENS.len())];
                bytes.splice(at..until, token.bytes());
            }
        }
    }
    bytes
}

/// Short pages of recorded rows, and one answer that is no valid JSON.
fn pages() -> Vec<Vec<u8>> {
    let mut pages = vec![recorded("lists/listBackups.listall.json")];
    for file in FILES {
        let all: Value = serde_json::from_slice(&recorded(file)).expect("JSON");
        let rows = all["listusagerecordsresponse"]["usagerecord"].as_array().expect("rows");
        for rows in rows.chunks(ROWS) {
            let inner = json!({ "count": rows.len(), "usagerecord": rows });
            pages.push(json!({ "listusagerecordsresponse": inner }).to_string().into_bytes());
        }
    }
    pages
}

/// Rows of the first list of a valid answer, counted without the adapter's help.
fn rows_in(bytes: &[u8]) -> Option<usize> {
    let all: Value = serde_json::from_slice(bytes).ok()?;
    let mut envelopes = all.as_object()?.iter().filter(|(name, _)| name.ends_with("response"));
    let (_, inner) = envelopes.next()?;
    let one = envelopes.next().is_none();
    let inner = inner.as_object()?;
    let arrays: Vec<&Vec<Value>> = inner.values().filter_map(Value::as_array).collect();
    (one && arrays.len() == 1 && !inner.contains_key("uuidList")).then(|| arrays[0].len())
}

#[test]
fn slow_mutated_pages_never_panic_and_keep_every_row() {
    let adapter = adapter("http://127.0.0.1:9/client/api", "key", "secret");
    let files = pages();
    let mut random = StdRng::seed_from_u64(SEED);
    let began = Instant::now();
    let (mut pages, mut rejected, mut read) = (0_u64, 0_u64, 0_u64);
    while began.elapsed() < DEADLINE {
        let file = &files[random.random_range(0..files.len())];
        let body = mutate(&mut random, file);
        let page = RawPage { request: "fuzz".to_owned(), page: 1, body };
        let parsed = adapter.parse_usage(&page);
        pages += 1;
        let Ok(parsed) = parsed else { continue };
        read += 1;
        if let Some(rows) = rows_in(&page.body) {
            assert_eq!(parsed.len(), rows, "{}", String::from_utf8_lossy(&page.body));
        }
        for row in &parsed {
            let raw = adapter.raw_record(&page, row.index);
            let body = String::from_utf8_lossy(&page.body);
            assert!(raw.is_some(), "row {} of {body}", row.index);
            match &row.outcome {
                Ok(record) => assert!(!record.quantity.is_negative() && !record.span.is_empty()),
                Err(refused) => {
                    assert!(!refused.reason.is_empty());
                    rejected += 1;
                }
            }
        }
    }
    assert!(pages > 1_000 && read > 500 && rejected > 100, "{pages} {read} {rejected}");
}
