//! What holds for every history: parts sum to the whole, order and cuts of records change
//! nothing, more usage never costs less.

use std::collections::BTreeMap;
use std::sync::Arc;

use billow::catalog::price::{Model, Price};
use billow::money::Exact;
use billow::period::Span;
use billow::rate::{Charge, ChargeKind};
use proptest::prelude::*;

use super::history;
use super::world::{DAY, HOUR, HOURLY, World, per_unit, price, sum};

/// Everything of a charge but the position of its record.
fn shown(charge: &Charge) -> String {
    let resource = charge.resource.as_ref().map(|r| (r.id.clone(), r.span, r.facts.clone()));
    let (quantity, price, base) = (&charge.quantity, &charge.unit_price, &charge.base);
    let place = (charge.version, charge.price, charge.segment);
    format!(
        "{:?} {:?} {place:?} {:?} {quantity} × {price} ÷ {base} {resource:?}",
        charge.kind, charge.pool, charge.tier
    )
}

fn by_segment(world: &World) -> BTreeMap<(String, i64), Exact> {
    let mut amounts = BTreeMap::new();
    for charge in world.rate().charges {
        let key = (charge.pool.price_code.clone(), charge.segment.from);
        let sum: &mut Exact = amounts.entry(key).or_default();
        *sum = sum.plus(&charge.amount());
    }
    amounts
}

/// Each record cut where `cut` says, in permille of its span.
fn split(world: &World, cuts: &[i64]) -> World {
    let mut parts = world.clone();
    parts.records.clear();
    parts.facts.clear();
    for (number, (record, facts)) in world.records.iter().zip(&world.facts).enumerate() {
        let whole = Span::new(record.key.from, record.until);
        let at = whole.from + whole.seconds() * cuts[number % cuts.len()] / 1000;
        for (part, span) in
            [Span::new(whole.from, at), Span::new(at, whole.until)].iter().enumerate()
        {
            if span.is_empty() {
                continue;
            }
            let mut piece = record.clone();
            piece.key.from = span.from;
            piece.until = span.until;
            piece.key.identity = format!("{}/{part}", record.key.identity);
            let share = Exact::ratio(i128::from(span.seconds()), i128::from(whole.seconds()));
            piece.quantity = record.quantity.times(&share);
            parts.push(piece, Arc::clone(facts));
        }
    }
    parts
}

fn monotone(price: &Price) -> bool {
    match &price.model {
        Model::Volume { .. } => false,
        Model::PerUnit { .. }
        | Model::Graduated { .. }
        | Model::Package { .. }
        | Model::Flat { .. }
        | Model::OneOff { .. } => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn order_of_records_changes_nothing(seed in any::<u64>(), turn in 1_usize..50) {
        let world = history::world(seed);
        let mut turned = world.clone();
        let turn = turn % world.records.len();
        turned.records.rotate_left(turn);
        turned.facts.rotate_left(turn);
        turned.records.reverse();
        turned.facts.reverse();
        let charges = |world: &World| world.rate().charges.iter().map(shown).collect::<Vec<_>>();
        prop_assert_eq!(charges(&turned), charges(&world));
        // The engine keeps the fill order by itself too.
        let mut metered = world.metering().metered;
        metered.reverse();
        prop_assert_eq!(sum(&world.rate_metered(&metered, "c1").charges), world.exact_total());
    }

    #[test]
    fn splitting_records_changes_nothing(
        seed in any::<u64>(),
        cuts in prop::collection::vec(0_i64..=1000, 1..9),
    ) {
        let world = history::world(seed);
        prop_assert_eq!(by_segment(&split(&world, &cuts)), by_segment(&world));
    }

    #[test]
    fn a_boundary_without_a_change_changes_nothing(seed in any::<u64>(), at in 1_i64..719) {
        let world = history::world(seed);
        let mut cut = world.clone();
        cut.boundaries.push(cut.at(at * HOUR));
        cut.boundaries.sort_unstable();
        cut.boundaries.dedup();
        prop_assert_eq!(cut.exact_total(), world.exact_total());
    }

    #[test]
    fn charges_count_every_unit_once(seed in any::<u64>()) {
        let world = history::world(seed);
        let rating = world.rate();
        let mut uses: BTreeMap<(usize, usize, i64), Exact> = BTreeMap::new();
        for charge in &rating.charges {
            let paid = [ChargeKind::Usage, ChargeKind::Included].contains(&charge.kind);
            if let (Some(resource), true) = (&charge.resource, paid) {
                let key = (resource.record, charge.price, resource.span.from);
                let sum = uses.entry(key).or_default();
                *sum = sum.plus(&charge.quantity);
            }
        }
        for ((record, at, _), used) in uses {
            let facts = &world.facts[record];
            let price = &world.versions[0].prices[at];
            if world.versions.iter().any(|v| matches!(v.prices[at].model, Model::Package { .. })) {
                continue;
            }
            let by_vcpu = price.unit == history::VCPU_HOUR;
            let vcpus = if by_vcpu { &facts.attributes["vcpus"] } else { "1" };
            prop_assert_eq!(used, world.records[record].quantity.times(&vcpus.parse().unwrap()));
        }
    }

    #[test]
    fn more_usage_never_costs_less(seed in any::<u64>(), at in 0_usize..50, more in 1_i128..500) {
        // Within one version: more units at an old price may move later ones to cheaper tiers.
        let world = history::world(seed);
        let mut prices = world.versions[0].prices.clone();
        prices.retain(monotone);
        let mut world = world.priced(prices);
        let before = world.exact_total();
        let at = at % world.records.len();
        world.records[at].quantity = world.records[at].quantity.plus(&Exact::ratio(more, 7));
        prop_assert!(world.exact_total() >= before);
    }

    #[test]
    fn a_span_costs_what_its_parts_cost(middle in 1_i64..30 * DAY, hours in 1_i128..10_000_000) {
        let hourly = || vec![price("vm", "vm_running", HOURLY, per_unit("0.0123"))];
        let hours = Exact::ratio(hours, 1_000_000);
        let whole = World::new("UTC", "2026-09").used("vm_running", "vm", (0, 30 * DAY), "0");
        let mut whole = whole.priced(hourly());
        whole.records[0].quantity = hours;
        let mut cut = whole.clone();
        cut.boundaries = vec![cut.at(middle)];
        prop_assert_eq!(cut.rate().charges.len(), 2);
        prop_assert_eq!(cut.exact_total(), whole.exact_total());
    }
}
