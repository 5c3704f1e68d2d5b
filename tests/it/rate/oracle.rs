//! A slow, obvious rating beside the engine: it walks through usage unit by unit and looks
//! everything up anew for each. Both must charge the same for every price and every segment.

use std::collections::{BTreeMap, BTreeSet};

use billow::catalog::price::{Model, Price, Tier, TierScope};
use billow::meter::{Facts, Metered};
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

/// Whether a new version of a price starts its tiers anew.
fn restarts(old: &Price, new: &Price) -> bool {
    new.tier_restart && old != new
}

fn is_volume(price: &Price) -> bool {
    matches!(price.model, Model::Volume { .. })
}

/// A pool under one version of its price.
struct Stage<'a> {
    version: usize,
    price: &'a Price,
    /// The tiers began anew.
    restarted: bool,
    /// Paid units at its end, since the tiers began.
    after: i128,
}

struct Oracle<'a> {
    world: &'a World,
    metered: Vec<Metered>,
    pools: BTreeMap<(String, String), Pool>,
    amounts: Amounts,
}

impl<'a> Oracle<'a> {
    fn new(world: &'a World) -> Self {
        let mut metered = world.metering().metered;
        metered.sort_by(|a, b| (a.span.from, &a.resource).cmp(&(b.span.from, &b.resource)));
        Self { world, metered, pools: BTreeMap::new(), amounts: Amounts::new() }
    }

    fn amounts(mut self) -> Amounts {
        for m in self.metered.clone() {
            let versions = &self.world.versions;
            let version = versions.iter().position(|v| v.span.contains(m.span.from)).unwrap();
            for at in winners(&versions[version].prices, &m) {
                self.rate(&m, version, &versions[version].prices[at]);
            }
        }
        for (key, mut pool) in std::mem::take(&mut self.pools) {
            if let Some((version, _, _)) = pool.last {
                self.volume_fee(&key, version, &mut pool);
            }
            self.bounds(&key, pool);
        }
        self.amounts.retain(|_, amount| !amount.is_zero());
        self.amounts
    }

    fn rate(&mut self, m: &Metered, version: usize, price: &Price) {
        let key = (price.code.clone(), scope_id(price, m));
        let quantity = units(price, m);
        if quantity == 0 {
            return;
        }
        let segment = self.segment(version);
        let volume = is_volume(price).then(|| self.volume_total(&key, version));
        let mut pool = self.pools.remove(&key).unwrap_or_default();
        if let Some((old, before, _)) = pool.last.clone()
            && old != version
        {
            self.volume_fee(&key, old, &mut pool);
            if restarts(&before, price) {
                (pool.paid, pool.covered) = (0, 0);
                pool.fees.clear();
            }
        }
        pool.last = Some((version, price.clone(), segment));
        for _ in 0..quantity {
            if Exact::int(pool.free) < price.included {
                pool.free += 1;
                continue;
            }
            let amount = next_unit(&mut pool, price, volume);
            pool.total = pool.total.plus(&amount);
            self.add(&price.code, segment, &amount);
        }
        self.pools.insert(key, pool);
    }

    fn segment(&self, version: usize) -> i64 {
        self.world.versions[version].span.from.max(self.world.period.span.from)
    }

    fn add(&mut self, code: &str, segment: i64, amount: &Exact) {
        let sum = self.amounts.entry((code.to_owned(), segment)).or_default();
        *sum = sum.plus(amount);
    }

    /// Units of a pool under one version.
    fn used(&self, version: usize, (code, scope): &(String, String)) -> i128 {
        let version = &self.world.versions[version];
        let of_version = self.metered.iter().filter(|m| version.span.contains(m.span.from));
        of_version
            .flat_map(|m| winners(&version.prices, m).into_iter().map(move |at| (at, m)))
            .map(|(at, m)| (&version.prices[at], m))
            .filter(|(price, m)| price.code == *code && scope_id(price, m) == *scope)
            .map(|(price, m)| units(price, m))
            .sum()
    }

    /// The versions under which a pool has usage.
    fn stages(&self, key: &(String, String)) -> Vec<Stage<'a>> {
        let mut stages: Vec<Stage<'a>> = Vec::new();
        let mut free = 0;
        for (version, book) in self.world.versions.iter().enumerate() {
            let price = book.prices.iter().find(|price| price.code == key.0).unwrap();
            let used = self.used(version, key);
            if used == 0 {
                continue;
            }
            let now_free = (price.included.ceil().unwrap() - free).clamp(0, used);
            free += now_free;
            let last = stages.last();
            let restarted = last.is_some_and(|last| restarts(last.price, price));
            let before = last.filter(|_| !restarted).map_or(0, |last| last.after);
            let after = before + used - now_free;
            stages.push(Stage { version, price, restarted, after });
        }
        stages
    }

    /// Paid units of a pool that count together with those of a version.
    fn volume_total(&self, key: &(String, String), version: usize) -> i128 {
        let stages = self.stages(key);
        let at = stages.iter().position(|stage| stage.version == version).unwrap();
        let together = stages[at + 1..].iter().take_while(|stage| !stage.restarted);
        together.last().unwrap_or(&stages[at]).after
    }

    /// The fee of a volume tier, due with the last version that counts by volume: once for all
    /// versions that count together.
    fn volume_fee(&mut self, key: &(String, String), version: usize, pool: &mut Pool) {
        let stages = self.stages(key);
        let at = stages.iter().position(|stage| stage.version == version).unwrap();
        let mut later = stages[at + 1..].iter().take_while(|stage| !stage.restarted);
        let total = self.volume_total(key, version);
        let Model::Volume { tiers } = &stages[at].price.model else { return };
        if later.any(|later| is_volume(later.price)) || total == 0 {
            return;
        }
        let index = tier(tiers, total);
        if !pool.fees.contains(&index) && !tiers[index].flat.is_zero() {
            pool.fees.push(index);
            pool.total = pool.total.plus(&tiers[index].flat);
            self.add(&key.0, self.segment(version), &tiers[index].flat);
        }
    }

    /// Minimum and cap, once the period is over.
    fn bounds(&mut self, key: &(String, String), pool: Pool) {
        let Some((_, price, segment)) = pool.last else { return };
        let missing = price.minimum.map(|minimum| minimum.minus(&pool.total));
        let excess = price.cap.map(|cap| cap.minus(&pool.total));
        if let Some(missing) = missing.filter(Exact::is_positive) {
            self.add(&key.0, segment, &missing);
        } else if let Some(excess) = excess.filter(Exact::is_negative) {
            self.add(&key.0, segment, &excess);
        }
    }
}

/// What the next paid unit of a pool costs.
fn next_unit(pool: &mut Pool, price: &Price, volume: Option<i128>) -> Exact {
    pool.paid += 1;
    // A unit that another model has paid needs no package.
    if !matches!(price.model, Model::Package { .. }) {
        pool.covered = pool.covered.max(pool.paid);
    }
    match &price.model {
        Model::PerUnit { amount, base } => amount.divided_by(base).unwrap(),
        Model::Graduated { tiers } => {
            let at = tier(tiers, pool.paid);
            // A fee of zero does not stand for the fee of a later version.
            if pool.fees.contains(&at) || tiers[at].flat.is_zero() {
                return tiers[at].amount.clone();
            }
            pool.fees.push(at);
            tiers[at].flat.plus(&tiers[at].amount)
        }
        Model::Volume { tiers } => tiers[tier(tiers, volume.unwrap())].amount.clone(),
        Model::Package { size, amount } if pool.paid > pool.covered => {
            pool.covered += size.ceil().unwrap();
            amount.clone()
        }
        Model::Package { .. } => Exact::ZERO,
        Model::Flat { .. } | Model::OneOff { .. } => unreachable!("not in histories"),
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
        assert_eq!(engine(&world), Oracle::new(&world).amounts(), "seed {seed}");
        kinds.extend(world.rate().charges.into_iter().map(|charge| charge.kind));
    }
    // The histories reach all that they are made of.
    use ChargeKind::{Cap, Included, Minimum, Package, TierFee, Usage};
    assert_eq!(kinds, BTreeSet::from([Usage, Included, TierFee, Package, Minimum, Cap]));
}
