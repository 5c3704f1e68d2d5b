//! Seeded random usage and price books, with whole numbers of units so that a unit can be
//! counted by hand.

use billow::catalog::price::{Dimension, Model, Per, Price, TierScope, Unit};
use billow::collect::record::RecordKind::Delta;
use billow::money::Exact;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::world::{HOUR, HOURLY, PIECE, World, exact, per_unit, price, tiers};

pub const VCPU_HOUR: Unit = Unit { dimension: Dimension::Vcpu, per: Per::Hour };

const SCOPES: [TierScope; 4] =
    [TierScope::Resource, TierScope::Project, TierScope::Account, TierScope::Customer];

fn random_model(rng: &mut StdRng) -> Model {
    let ladders = [
        "100@0.10 1000@0.08 rest@0.05",
        "10@1+2 20@0.5+1 rest@0.25",
        "7@0 rest@3",
        "50@0.2 60@0.3+5 rest@0.1",
    ];
    let ladder = tiers(ladders.choose(rng).unwrap());
    match rng.random_range(0..5) {
        0 => per_unit("0.07"),
        1 => Model::PerUnit { amount: exact("3"), base: exact("7") },
        2 => Model::Graduated { tiers: ladder },
        3 => Model::Volume { tiers: ladder },
        _ => Model::Package { size: exact("13"), amount: exact("2.5") },
    }
}

fn random_price(rng: &mut StdRng, number: usize) -> Price {
    let (meter, unit) =
        *[("jobs", PIECE), ("vm_running", HOURLY), ("vm_running", VCPU_HOUR)].choose(rng).unwrap();
    let mut price = price(&format!("p{number}"), meter, unit, random_model(rng));
    price.tier_scope = *SCOPES.choose(rng).unwrap();
    price.tier_restart = rng.random_bool(0.3);
    if rng.random_bool(0.3) {
        price.included = Exact::int(rng.random_range(1..60));
    }
    if rng.random_bool(0.3) {
        price.minimum = Some(Exact::int(rng.random_range(1..40)));
    }
    if rng.random_bool(0.3) {
        price.cap = Some(Exact::int(rng.random_range(40..90)));
    }
    let conditions = &mut price.conditions;
    if rng.random_bool(0.3) {
        conditions.zone = vec![format!("z{}", rng.random_range(0..2))];
    }
    if rng.random_bool(0.2) {
        conditions.project = vec![format!("pr{}", rng.random_range(0..2))];
    }
    if rng.random_bool(0.2) {
        conditions.offering = vec![format!("o{}", rng.random_range(0..2))];
    }
    price
}

/// A later version: some prices as they were, some changed.
fn changed(rng: &mut StdRng, before: &[Price]) -> Vec<Price> {
    let change = |price: &Price| {
        let mut price = price.clone();
        if rng.random_bool(0.5) {
            price.model = random_model(rng);
        }
        price
    };
    before.iter().map(change).collect()
}

fn random_use(rng: &mut StdRng, world: World) -> World {
    let meter = if rng.random_bool(0.5) { "jobs" } else { "vm_running" };
    let resource = format!("r{}", rng.random_range(0..4));
    let vcpus = rng.random_range(1..4).to_string();
    let zone = format!("z{}", rng.random_range(0..2));
    let offering = format!("o{}", rng.random_range(0..3));
    let project = rng.random_range(0..3);
    // Windows of ten hours, none across the middle of the period, where prices may change.
    let from = rng.random_range(0..72) * 10 * HOUR;
    let quantity = rng.random_range(0..90).to_string();
    let attributes =
        [("vcpus", vcpus.as_str()), ("zone", zone.as_str()), ("offering", offering.as_str())];
    let world = world.used_with(meter, &resource, (from, from + 10 * HOUR), &quantity, &attributes);
    let world = world.by(|facts| {
        if project < 2 {
            facts.project = Some((format!("pr{project}"), "shop".to_owned()));
        }
    });
    if meter == "jobs" { world.of_kind(Delta) } else { world }
}

/// The same world for the same seed.
pub fn world(seed: u64) -> World {
    let rng = &mut StdRng::seed_from_u64(seed);
    let mut world = World::new("UTC", "2026-09");
    for _ in 0..rng.random_range(1..25) {
        world = random_use(rng, world);
    }
    for (number, record) in world.records.iter_mut().enumerate() {
        record.key.identity = format!("{number:04}");
    }
    let count = rng.random_range(1..8);
    let prices: Vec<Price> = (0..count).map(|number| random_price(rng, number)).collect();
    let middle = world.at(360 * HOUR);
    if rng.random_bool(0.5) {
        let after = changed(rng, &prices);
        world.repriced(middle, prices, after)
    } else {
        world.priced(prices)
    }
}
