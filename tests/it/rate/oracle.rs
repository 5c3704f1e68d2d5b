//! A slow, obvious rating beside the engine: it walks through usage unit by unit and looks
//! everything up anew for each. Both must charge the same for every price and every segment.

use std::collections::{BTreeMap, BTreeSet};

use billow::catalog::price::{Model, Price, Tier, TierScope};
use billow::meter::{Facts, Metered, meter_of};
use billow::money::Exact;
use billow::rate::ChargeKind;

use super::history;
use super::history::VCPU_HOUR;
use super::world::{World, exact};

/// Amounts by price code and start of segment.
type Amounts = BTreeMap<(String, i64), Exact>;

/// What the oracle remembers of a pool.
#[derive(Default)]
struct Pool {
    free: i128,
    paid: i128,
    covered: i128,
    fees: Vec<usize>,
    total: Exact,
    last: Option<(usize, Price, i64)>,
}

fn holds(price: &Price, facts: &Facts) -> bool {
    let attribute = |key: &str| facts.attributes.get(key).cloned();
    let project = facts.project.as_ref().map(|(id, _)| id.clone());
    let one = |wanted: &[String], found: Option<String>| {
        wanted.is_empty() || found.is_some_and(|found| wanted.contains(&found))
    };
    one(&price.conditions.zone, attribute("zone"))
        && one(&price.conditions.offering, attribute("offering"))
        && one(&price.conditions.project, project)
}

/// The prices that win, as positions.
fn winners(prices: &[Price], metered: &Metered) -> Vec<usize> {
    let mut matching: Vec<usize> = (0..prices.len())
        .filter(|at| prices[*at].meter == *metered.meter && holds(&prices[*at], &metered.facts))
        .collect();
    if matching.iter().any(|at| !prices[*at].conditions.offering.is_empty()) {
        matching.retain(|at| !prices[*at].conditions.offering.is_empty());
    }
    let weight = |at: &usize| {
        let conditions = &prices[*at].conditions;
        let project = if conditions.project.is_empty() { 0 } else { 64 };
        project + if conditions.zone.is_empty() { 0 } else { 2 }
    };
    let mut best: Vec<usize> = Vec::new();
    for at in matching {
        match best.iter().position(|other| prices[*other].unit == prices[at].unit) {
            None => best.push(at),
            Some(other) if weight(&at) > weight(&best[other]) => best[other] = at,
            Some(_) => {}
        }
    }
    best
}

fn scope_id(price: &Price, metered: &Metered) -> String {
    let project = || metered.facts.project.as_ref().map(|(id, _)| id.clone());
    match price.tier_scope {
        TierScope::Resource => metered.resource.to_string(),
        TierScope::Project => project().unwrap_or("a1".to_owned()),
        TierScope::Account => "a1".to_owned(),
        TierScope::Customer | TierScope::SellerPool => "c1".to_owned(),
    }
}

fn units(price: &Price, metered: &Metered) -> i128 {
    let factor = if price.unit == VCPU_HOUR { &metered.facts.attributes["vcpus"] } else { "1" };
    metered.quantity.times(&exact(factor)).ceil().unwrap()
}

/// The tier of the `number`th unit, counted from 1.
fn tier(tiers: &[Tier], number: i128) -> usize {
    let inside = |tier: &Tier| tier.up_to.as_ref().is_none_or(|up_to| Exact::int(number) <= *up_to);
    tiers.iter().position(inside).unwrap()
}

fn oracle(world: &World) -> Amounts {
    let mut metered = world.metering().metered;
    metered.sort_by(|a, b| (a.span.from, &a.resource).cmp(&(b.span.from, &b.resource)));
    let mut pools: BTreeMap<(String, String), Pool> = BTreeMap::new();
    let mut amounts = Amounts::new();
    let uses = |version: usize, code: &str, scope: &str| -> i128 {
        let prices = &world.versions[version].prices;
        let of_version =
            metered.iter().filter(|m| world.versions[version].span.contains(m.span.from));
        of_version
            .flat_map(|m| winners(prices, m).into_iter().map(move |at| (at, m)))
            .filter(|(at, m)| prices[*at].code == code && scope_id(&prices[*at], m) == scope)
            .map(|(at, m)| units(&prices[at], m))
            .sum()
    };
    for m in &metered {
        let version = world.versions.iter().position(|v| v.span.contains(m.span.from)).unwrap();
        let segment = world.versions[version].span.from.max(world.period.span.from);
        for at in winners(&world.versions[version].prices, m) {
            let price = &world.versions[version].prices[at];
            let scope = scope_id(price, m);
            let pool = pools.entry((price.code.clone(), scope.clone())).or_default();
            let quantity = units(price, m);
            if quantity == 0 {
                continue;
            }
            let restarted = |old: &Price, new: &Price| new.tier_restart && old != new;
            if let Some((old, before, _)) = &pool.last
                && *old != version
                && restarted(before, price)
            {
                (pool.paid, pool.covered) = (0, 0);
                pool.fees.clear();
            }
            pool.last = Some((version, price.clone(), segment));
            let mut add = |amount: Exact, pool: &mut Pool| {
                pool.total = pool.total.plus(&amount);
                let sum = amounts.entry((price.code.clone(), segment)).or_default();
                *sum = sum.plus(&amount);
            };
            // All units of the pool that count together, less the free ones.
            let volume = || {
                let all: Vec<(i128, &Price)> = (0..world.versions.len())
                    .map(|v| (uses(v, &price.code, &scope), &world.versions[v].prices[at]))
                    .collect();
                let mut free = 0;
                let mut paid = 0;
                let mut before: Option<&Price> = None;
                for (number, (used, of)) in all.into_iter().enumerate() {
                    if used == 0 {
                        continue;
                    }
                    if before.is_some_and(|before| restarted(before, of)) {
                        if number > version {
                            break;
                        }
                        paid = 0;
                    }
                    before = Some(of);
                    let included = of.included.ceil().unwrap();
                    let now_free = (included - free).clamp(0, used);
                    free += now_free;
                    paid += used - now_free;
                }
                paid
            };
            for _ in 0..quantity {
                if Exact::int(pool.free) < price.included {
                    pool.free += 1;
                    continue;
                }
                pool.paid += 1;
                // A unit that another model has paid needs no package.
                if !matches!(price.model, Model::Package { .. }) {
                    pool.covered = pool.covered.max(pool.paid);
                }
                match &price.model {
                    Model::PerUnit { amount, base } => {
                        add(amount.divided_by(base).unwrap(), pool);
                    }
                    Model::Graduated { tiers } => {
                        let tier_at = tier(tiers, pool.paid);
                        if !pool.fees.contains(&tier_at) {
                            pool.fees.push(tier_at);
                            add(tiers[tier_at].flat.clone(), pool);
                        }
                        add(tiers[tier_at].amount.clone(), pool);
                    }
                    Model::Volume { tiers } => {
                        add(tiers[tier(tiers, volume())].amount.clone(), pool);
                    }
                    Model::Package { size, amount } => {
                        if pool.paid > pool.covered {
                            pool.covered += size.ceil().unwrap();
                            add(amount.clone(), pool);
                        }
                    }
                    Model::Flat { .. } | Model::OneOff { .. } => unreachable!("not in histories"),
                }
            }
        }
    }
    bounds(world, pools, &mut amounts, &metered, &uses);
    amounts.retain(|_, amount| !amount.is_zero());
    amounts
}

/// Fees of volume tiers, minimum and cap, once the period is over.
fn bounds(
    world: &World,
    pools: BTreeMap<(String, String), Pool>,
    amounts: &mut Amounts,
    metered: &[Metered],
    uses: &dyn Fn(usize, &str, &str) -> i128,
) {
    assert!(metered.iter().all(|m| meter_of(&m.meter).is_none_or(|meter| !meter.informational)));
    for ((code, scope), mut pool) in pools {
        let mut add = |amount: &Exact, segment: i64, pool: &mut Pool| {
            pool.total = pool.total.plus(amount);
            let sum = amounts.entry((code.clone(), segment)).or_default();
            *sum = sum.plus(amount);
        };
        // The fee of a volume tier: once for all versions that count together.
        let chain: Vec<(usize, &Price, i128)> = world
            .versions
            .iter()
            .enumerate()
            .map(|(v, version)| {
                let price = version.prices.iter().find(|price| price.code == code).unwrap();
                (v, price, uses(v, &code, &scope))
            })
            .filter(|(_, _, used)| *used > 0)
            .collect();
        let (mut free, mut paid, mut paid_in) = (0_i128, 0_i128, Vec::new());
        for (at, (_, price, used)) in chain.iter().enumerate() {
            if at > 0 && price.tier_restart && *price != chain[at - 1].1 {
                paid = 0;
            }
            let now_free = (price.included.ceil().unwrap() - free).clamp(0, *used);
            free += now_free;
            paid += used - now_free;
            paid_in.push(paid);
        }
        let volume = |price: &Price| matches!(price.model, Model::Volume { .. });
        let mut fees: Vec<usize> = Vec::new();
        for (at, (v, price, _)) in chain.iter().enumerate() {
            let restarts = |at: usize| chain[at].1.tier_restart && chain[at].1 != chain[at - 1].1;
            if at > 0 && restarts(at) {
                fees.clear();
            }
            if let Model::Graduated { tiers } = &price.model {
                let from = if at > 0 && !restarts(at) { paid_in[at - 1] } else { 0 };
                fees.extend((from + 1..=paid_in[at]).map(|number| tier(tiers, number)));
            }
            let next =
                (at + 1..chain.len()).take_while(|next| !restarts(*next)).collect::<Vec<_>>();
            if !volume(price) || next.iter().any(|next| volume(chain[*next].1)) {
                continue;
            }
            let total = paid_in[next.last().copied().unwrap_or(at)];
            if let Model::Volume { tiers } = &price.model
                && total > 0
                && !fees.contains(&tier(tiers, total))
            {
                let from = world.versions[*v].span.from.max(world.period.span.from);
                fees.push(tier(tiers, total));
                add(&tiers[tier(tiers, total)].flat, from, &mut pool);
            }
        }
        let Some((_, price, segment)) = pool.last.clone() else { continue };
        let missing = price.minimum.map(|minimum| minimum.minus(&pool.total));
        let excess = price.cap.map(|cap| cap.minus(&pool.total));
        if let Some(missing) = missing.filter(Exact::is_positive) {
            add(&missing, segment, &mut pool);
        } else if let Some(excess) = excess.filter(Exact::is_negative) {
            add(&excess, segment, &mut pool);
        }
    }
}

fn engine(world: &World) -> Amounts {
    let mut amounts = Amounts::new();
    for charge in world.rate().charges {
        let sum = amounts.entry((charge.pool.price_code.clone(), charge.segment.from)).or_default();
        *sum = sum.plus(&charge.amount());
    }
    amounts.retain(|_, amount| !amount.is_zero());
    amounts
}

#[test]
fn the_engine_agrees_with_a_slow_and_obvious_rating() {
    let mut kinds = BTreeSet::new();
    for seed in 0..600 {
        let world = history::world(seed);
        assert_eq!(engine(&world), oracle(&world), "seed {seed}");
        kinds.extend(world.rate().charges.into_iter().map(|charge| charge.kind));
    }
    // The histories reach all that they are made of.
    use ChargeKind::{Cap, Included, Minimum, Package, TierFee, Usage};
    assert_eq!(kinds, BTreeSet::from([Usage, Included, TierFee, Package, Minimum, Cap]));
}
