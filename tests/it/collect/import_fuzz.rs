//! Goal: no bytes make the readers of imports panic, and every refusal has a place and a reason.
//! Method: seeded mutations of real files and events until a deadline.

use std::time::{Duration, Instant};

use billow::collect::import::row::Place;
use billow::collect::import::{COLUMNS, Format, Parsed, parse};
use billow::collect::record::IMPORTED;
use billow::ids::{OwnerRef, SourceName};
use jiff::tz::TimeZone;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// How long the test mutates.
const DEADLINE: Duration = Duration::from_secs(30);
const SEED: u64 = 20_261_125;

const ROWS: &str = "desk,1,cs1/a1,set_up,s1,delta,2026-09-11T00:00:00Z,2026-09-11T00:00:00Z,1,,\
     \"{\"\"name\"\":\"\"Büro\"\"}\"\n\
     app,2,cs1/a1,volume,v,gauge,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,107374182400,byte,\n";

const EVENT: &str = r#"[{"specversion":"1.0","id":"1","source":"desk","type":"billow.usage.v1",
"data":{"owner":"cs1/a1","meter":"calls","resource":"x","kind":"cumulative",
"from":"2026-09-01T00:00:00Z","until":"2026-09-02T00:00:00Z","quantity":"12.5",
"unit":"piece","attributes":{"name":"X","counter_bits":"32"}}}]"#;

/// Pieces that are likely to reach deep into the readers.
const PIECES: [&str; 14] = [
    ",",
    "\"",
    "\"\"",
    "\n",
    "\r",
    "é",
    "{",
    "}",
    "-",
    "e9",
    "99999999999999999999999999999999",
    "9999-12-31T23:59:59Z",
    "-9999-01-01T00:00:00Z",
    "null",
];

fn mutate(rng: &mut StdRng, bytes: &mut Vec<u8>) {
    let at = rng.random_range(0..=bytes.len());
    let end = (at + rng.random_range(0..20)).min(bytes.len());
    match rng.random_range(0..5) {
        0 => bytes.insert(at, rng.random()),
        1 => drop(bytes.drain(at..end)),
        2 => drop(bytes.splice(at..end, PIECES[rng.random_range(0..PIECES.len())].bytes())),
        3 => {
            let copy = bytes[at..end].to_vec();
            let to = rng.random_range(0..=bytes.len());
            bytes.splice(to..to, copy);
        }
        _ => bytes.truncate(at.max(bytes.len() / 2)),
    }
}

/// Whether it was read; a refusal must say where and why.
fn judged(parsed: &Parsed, bytes: &[u8]) -> bool {
    let owner = OwnerRef { source: SourceName("cs1".to_owned()), id: "a1".to_owned() };
    for one in &parsed.rows {
        assert!(!one.quantity.is_negative(), "{one:?}");
        let place = Place { owner: owner.clone(), zone: &TimeZone::UTC };
        match one.to_record(place) {
            Ok(record) => {
                assert!(record.span.until >= record.span.from, "{one:?}");
                assert!(record.identity.starts_with(IMPORTED), "{one:?}");
            }
            Err(wrong) => assert!(wrong.iter().all(|(_, what)| !what.is_empty()), "{wrong:?}"),
        }
    }
    let text = String::from_utf8_lossy(bytes);
    for error in &parsed.errors {
        assert!(!error.column.is_empty() && !error.what.is_empty(), "{error:?}\n{text}");
    }
    parsed.errors.is_empty()
}

#[test]
fn no_bytes_make_the_readers_of_imports_panic() {
    let file = format!("{}\n{ROWS}", COLUMNS.join(","));
    let mut rng = StdRng::seed_from_u64(SEED);
    let started = Instant::now();
    let (mut read, mut refused) = ([0_u64; 2], [0_u64; 2]);
    while started.elapsed() < DEADLINE {
        for (which, seed) in [file.as_str(), EVENT].into_iter().enumerate() {
            let mut bytes = seed.as_bytes().to_vec();
            for _ in 0..rng.random_range(1..5) {
                mutate(&mut rng, &mut bytes);
            }
            let format = if which == 0 { Format::Csv } else { Format::Events };
            if judged(&parse(format, &bytes, "fuzz"), &bytes) {
                read[which] += 1;
            } else {
                refused[which] += 1;
            }
        }
    }
    let enough = read.iter().chain(&refused).all(|count| *count > 100);
    assert!(enough, "{read:?} read, {refused:?} refused: mutations too weak");
}
