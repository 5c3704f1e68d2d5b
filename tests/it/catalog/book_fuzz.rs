//! Goal: no bytes make the reader of price books panic, and every refusal has a place.
//! Method: seeded mutations of real books until a deadline.

use std::time::{Duration, Instant};

use billow::catalog::book::parse;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// How long the test mutates.
const DEADLINE: Duration = Duration::from_secs(30);
const SEED: u64 = 20_261_124;

const SEEDS: [&str; 2] = [
    "[book]\ncode = \"b\"\nname = \"Büro\"\ncurrency = \"EUR\"\nmonth = \"730\"\n\
     imported_meters = [\"call\"]\n\n[[price]]\ncode = \"a\"\nmeter = \"vm_running\"\n\
     unit = \"vcpu_month\"\namount = \"0.045\"\nper = \"10\"\nincluded = \"5\"\n\
     when = { offering = [\"o\", \"p\"], tag = \"env=prod\" }\n\n[[price]]\ncode = \"b\"\n\
     meter = \"network_sent\"\nunit = \"gb\"\nmodel = \"graduated\"\n\
     tiers = [{ up_to = \"100\", amount = \"0.10\", flat = \"1\" }, { amount = \"0.05\" }]\n",
    "[book]\ncode = \"c\"\ncurrency = \"JPY\"\n[[price]]\ncode = \"f\"\ncomponent = \"fee\"\n\
     meter = \"load_balancer\"\nunit = \"month\"\nmodel = \"flat\"\namount = \"500\"\n\
     prorate = true\nminimum = \"1\"\ncap = \"900\"\nscope = \"project\"\n\
     [price.when]\nzone = \"z\"\nattribute = [\"a=b\"]\n",
];

/// Pieces that are likely to reach deep into the reader.
const PIECES: [&str; 24] = [
    "[[price]]",
    "[book]",
    "tiers = [",
    "{ ",
    " }",
    "\"",
    "'''",
    "\"\"\"",
    "\\u0000",
    "= 0.5",
    "= -1",
    "= true",
    "= []",
    "= {}",
    "= 1979-05-27",
    "= inf",
    "amount",
    "when.",
    "up_to = \"",
    "\n",
    "é",
    "99999999999999999999999999999999999999999999999999999999999999999",
    "0x",
    "[[[[",
];

fn mutate(rng: &mut StdRng, bytes: &mut Vec<u8>) {
    let at = rng.random_range(0..=bytes.len());
    let end = (at + rng.random_range(0..20)).min(bytes.len());
    match rng.random_range(0..7) {
        0 => bytes.insert(at, rng.random()),
        1 => drop(bytes.drain(at..end)),
        2 if at < bytes.len() => bytes[at] = rng.random(),
        3 => {
            let piece = PIECES[rng.random_range(0..PIECES.len())];
            bytes.splice(at..at, piece.bytes());
        }
        4 => {
            let copy = bytes[at..end].to_vec();
            let to = rng.random_range(0..=bytes.len());
            bytes.splice(to..to, copy);
        }
        5 => bytes.truncate(at),
        _ => {
            let other = SEEDS[rng.random_range(0..SEEDS.len())].as_bytes();
            let cut = rng.random_range(0..other.len());
            bytes.splice(at..end, other[cut..(cut + 40).min(other.len())].iter().copied());
        }
    }
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let mut rng = StdRng::seed_from_u64(SEED);
    let started = Instant::now();
    let (mut read, mut refused) = (0_u64, 0_u64);
    while started.elapsed() < DEADLINE {
        let mut bytes = SEEDS[rng.random_range(0..SEEDS.len())].as_bytes().to_vec();
        for _ in 0..rng.random_range(1..12) {
            mutate(&mut rng, &mut bytes);
        }
        let text = String::from_utf8_lossy(&bytes);
        match parse(&text, "fuzz.toml") {
            Ok(book) => {
                read += 1;
                assert!(!book.prices.is_empty(), "a book without prices in\n{text}");
            }
            Err(errors) => {
                refused += 1;
                assert!(!errors.errors.is_empty(), "refused without a reason:\n{text}");
                let lines = text.matches('\n').count() + 1;
                for error in &errors.errors {
                    let placed = (1..=lines).contains(&error.line) && error.column >= 1;
                    assert!(placed, "{}:{} in\n{text}", error.line, error.column);
                    assert!(!error.message.is_empty() && !error.hint.is_empty(), "{error:?}");
                }
            }
        }
    }
    assert!(read > 100 && refused > 100, "{read} read, {refused} refused: mutations too weak");
}
