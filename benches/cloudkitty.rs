//! Rating of the points that CloudKitty rated in the same run: `tests/compare/cloudkitty` runs it.
//!
//! `BILLOW_COMPARE_POINTS` names a file of points: project, machine, flavor, from and until (unix
//! seconds), with tabs between them. All of a project's are metered and rated as one month of one
//! customer, by a book with a price for each flavor, the trace kept. Prints points a second.
//!
//! Goal: at least 20 × the points a second of CloudKitty's HashMap alone.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use billow::catalog::price::{
    BookVersion, Conditions, Dimension, Model, Per, Price, TierScope, Unit,
};
use billow::collect::record::{Attributes, RecordKey, RecordKind, StoredRecord};
use billow::ids::{CustomerId, OwnerRef, SourceName};
use billow::meter::Facts;
use billow::meter::quantities::{MeteringInput, quantities};
use billow::money::Exact;
use billow::period::{Period, Span};
use billow::rate::RatingInput;
use billow::rate::engine::rate;

const ROUNDS: usize = 15;
const PRICES: [(&str, &str); 3] =
    [("m1.tiny", "0.01"), ("m1.small", "0.025"), ("m1.medium", "0.05")];

/// Records of one month, and what is known of each machine.
struct Points {
    records: Vec<StoredRecord>,
    facts: Vec<Arc<Facts>>,
    span: Span,
}

fn read(path: &str) -> anyhow::Result<Points> {
    let text = std::fs::read_to_string(path)?;
    let mut known: BTreeMap<String, Arc<Facts>> = BTreeMap::new();
    let mut points = Points { records: Vec::new(), facts: Vec::new(), span: Span::new(0, 0) };
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [project, machine, flavor, from, until] = fields.as_slice() else {
            anyhow::bail!("{path}: {line:?} has not five fields");
        };
        let (from, until): (i64, i64) = (from.parse()?, until.parse()?);
        let owner = OwnerRef { source: SourceName("lab".to_owned()), id: (*project).to_owned() };
        points.records.push(StoredRecord {
            key: RecordKey {
                owner: owner.clone(),
                from,
                meter: "vm_running".to_owned(),
                resource: (*machine).to_owned(),
                identity: "compare".to_owned(),
                revision: 0,
            },
            kind: RecordKind::Interval,
            until,
            quantity: Exact::ratio(i128::from(until - from), 3_600),
            attribute_set: 0,
            evidence: 0,
            evidence_index: 0,
            recorded_at: 0,
        });
        let facts = known.entry((*machine).to_owned()).or_insert_with(|| {
            let attributes: Attributes =
                [("offering".to_owned(), (*flavor).to_owned())].into_iter().collect();
            Arc::new(Facts {
                customer: CustomerId("compare".to_owned()),
                owner,
                account: None,
                project: None,
                domain_path: "Default".to_owned(),
                attributes,
            })
        });
        points.facts.push(Arc::clone(facts));
    }
    let first = points.records.iter().map(|record| record.key.from).min().unwrap_or(0);
    let last = points.records.iter().map(|record| record.until).max().unwrap_or(0);
    points.span = Span::new(first, last);
    Ok(points)
}

fn book() -> anyhow::Result<BookVersion> {
    let mut prices = Vec::new();
    for (flavor, amount) in PRICES {
        prices.push(Price {
            code: flavor.replace('.', "-"),
            component: "compute".to_owned(),
            meter: "vm_running".to_owned(),
            unit: Unit { dimension: Dimension::Resource, per: Per::Hour },
            model: Model::PerUnit { amount: amount.parse()?, base: Exact::ONE },
            conditions: Conditions { offering: vec![flavor.to_owned()], ..Conditions::default() },
            included: Exact::ZERO,
            minimum: None,
            cap: None,
            tier_scope: TierScope::Customer,
            tier_restart: false,
            tax_class: "standard".to_owned(),
            text: None,
        });
    }
    Ok(BookVersion {
        id: "compare@1".to_owned(),
        book: "compare".to_owned(),
        currency: "EUR".parse()?,
        span: Span::new(0, i64::MAX),
        recorded_at: 0,
        prices,
    })
}

/// Meters and rates; gives the number of charges.
fn rated(points: &Points, versions: &[BookVersion]) -> usize {
    let metering = quantities(&MeteringInput {
        records: &points.records,
        facts: &points.facts,
        span: points.span,
        boundaries: &[],
    });
    let customer = CustomerId("compare".to_owned());
    let rating = rate(&RatingInput {
        period: Period { label: "2026-11".parse().expect("a label"), span: points.span },
        period_hours: Exact::int(720),
        metered: &metering.metered,
        versions,
        boundaries: &[],
        customer: &customer,
    });
    assert!(rating.unpriced.is_empty(), "all usage has a price");
    black_box(&rating.charges).len()
}

fn main() -> anyhow::Result<()> {
    let Ok(path) = std::env::var("BILLOW_COMPARE_POINTS") else {
        println!("tests/compare/cloudkitty runs this benchmark, beside CloudKitty");
        return Ok(());
    };
    let (points, versions) = (read(&path)?, [book()?]);
    let charges = rated(&points, &versions);
    anyhow::ensure!(charges > 0, "{path} holds nothing that costs");
    let timed = |_| {
        let start = Instant::now();
        assert_eq!(rated(&points, &versions), charges);
        start.elapsed()
    };
    let best: Duration = (0..ROUNDS).map(timed).min().expect("rounds");
    let count = points.records.len();
    let speed = count as u128 * 1_000_000_000 / best.as_nanos().max(1);
    println!("{count} points, {charges} charges, {best:?}, points a second: {speed}");
    Ok(())
}
