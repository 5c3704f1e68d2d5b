//! The rating engine: finds each quantity's prices and the pools they count in. PURE.
//!
//! Decisions are made once for each (facts, meter, version) and kept; the work for one quantity
//! is two look-ups. What tiers, included units, packages, minimum and cap do is in `pool.rs`.

use std::collections::HashMap;
use std::sync::Arc;

use super::matching::{Matched, matched};
use super::pool::{Item, Pool, PoolPrice};
use super::{Decision, PoolKey, Rating, RatingInput, Unpriced};
use crate::catalog::price::{BookVersion, TierScope};
use crate::meter::{Facts, Metered};
use crate::money::Exact;
use crate::period::Span;

/// Rates metered quantities. A function of its input alone: same input, same charges.
pub fn rate(input: &RatingInput<'_>) -> Rating {
    let mut rater = Rater::new(input);
    for index in 0..input.metered.len() {
        rater.take(index);
    }
    rater.finish()
}

/// What was decided for one (facts, meter, version).
struct Decided {
    winners: Vec<Winner>,
    /// Position in the list of unpriced usage, once some came.
    unpriced: Option<usize>,
    priced: bool,
}

struct Winner {
    price: usize,
    factor: Exact,
    /// Where the pool does not depend on the resource.
    pool: Option<usize>,
}

struct Rater<'a> {
    input: &'a RatingInput<'a>,
    segments: Vec<Span>,
    decided: HashMap<(usize, usize, usize), usize>,
    decisions: Vec<Decided>,
    pools: Vec<Pool>,
    pool_index: HashMap<PoolKey, usize>,
    rating: Rating,
}

impl<'a> Rater<'a> {
    fn new(input: &'a RatingInput<'a>) -> Self {
        Self {
            input,
            segments: segments(input.period.span, input.boundaries),
            decided: HashMap::new(),
            decisions: Vec::new(),
            pools: Vec::new(),
            pool_index: HashMap::new(),
            rating: Rating::default(),
        }
    }

    fn take(&mut self, index: usize) {
        let metered = &self.input.metered[index];
        let at = metered.span.from;
        let Some(version) = self.version_at(at) else {
            self.unpriced_without_version(index);
            return;
        };
        let decision = self.decide(metered, version);
        if !self.decisions[decision].priced {
            self.unpriced(index, decision);
        }
        for position in 0..self.decisions[decision].winners.len() {
            let winner = &self.decisions[decision].winners[position];
            let (price, factor, known) = (winner.price, winner.factor.clone(), winner.pool);
            let pool = match known {
                Some(pool) => pool,
                None => self.pool_of(version, price, metered),
            };
            self.pools[pool].items.push(Item { metered: index, version, price, factor });
        }
    }

    fn version_at(&self, at: i64) -> Option<usize> {
        let versions = self.input.versions;
        let index = versions.partition_point(|version| version.span.from <= at).checked_sub(1)?;
        versions[index].span.contains(at).then_some(index)
    }

    fn decide(&mut self, metered: &Metered, version: usize) -> usize {
        let facts = Arc::as_ptr(&metered.facts).addr();
        let meter = metered.meter.as_ptr().addr();
        if let Some(decision) = self.decided.get(&(facts, meter, version)) {
            return *decision;
        }
        let book = &self.input.versions[version];
        let found = matched(book, &metered.meter, &metered.facts);
        self.note(version, metered, &found);
        let winners = found
            .winners
            .into_iter()
            .map(|(price, factor)| {
                let scoped = book.prices[price].tier_scope == TierScope::Resource;
                let pool = (!scoped).then(|| self.pool_of(version, price, metered));
                Winner { price, factor, pool }
            })
            .collect();
        self.decisions.push(Decided { winners, unpriced: None, priced: found.priced });
        let decision = self.decisions.len() - 1;
        self.decided.insert((facts, meter, version), decision);
        decision
    }

    fn note(&mut self, version: usize, metered: &Metered, found: &Matched) {
        if metered.facts.customer != *self.input.customer {
            return;
        }
        self.rating.decisions.push(Decision {
            version,
            meter: metered.meter.to_string(),
            winners: found.winners.iter().map(|(price, _)| *price).collect(),
            losers: found.losers.clone(),
            facts: Some(metered.facts.clone()),
        });
    }

    fn pool_of(&mut self, version: usize, price: usize, metered: &Metered) -> usize {
        let price = &self.input.versions[version].prices[price];
        let key = PoolKey {
            price_code: price.code.clone(),
            scope: price.tier_scope,
            scope_id: scope_id(price.tier_scope, metered),
        };
        if let Some(pool) = self.pool_index.get(&key) {
            return *pool;
        }
        self.pools.push(Pool::new(Arc::new(key.clone())));
        self.pool_index.insert(key, self.pools.len() - 1);
        self.pools.len() - 1
    }

    fn unpriced(&mut self, index: usize, decision: usize) {
        let metered = &self.input.metered[index];
        if metered.facts.customer != *self.input.customer {
            return;
        }
        let position = match self.decisions[decision].unpriced {
            Some(position) => position,
            None => {
                self.rating.unpriced.push(unpriced_of(metered));
                let position = self.rating.unpriced.len() - 1;
                self.decisions[decision].unpriced = Some(position);
                position
            }
        };
        add_unpriced(&mut self.rating.unpriced[position], metered);
    }

    fn unpriced_without_version(&mut self, index: usize) {
        let metered = &self.input.metered[index];
        if metered.facts.customer != *self.input.customer {
            return;
        }
        let same = |other: &Unpriced| {
            other.meter == metered.meter && Arc::ptr_eq(&other.facts, &metered.facts)
        };
        let position = match self.rating.unpriced.iter().position(same) {
            Some(position) => position,
            None => {
                self.rating.unpriced.push(unpriced_of(metered));
                self.rating.unpriced.len() - 1
            }
        };
        add_unpriced(&mut self.rating.unpriced[position], metered);
    }

    fn finish(mut self) -> Rating {
        self.pools.sort_by(|a, b| a.key.cmp(&b.key));
        let pricing = PoolPrice { input: self.input, segments: &self.segments };
        for pool in &mut self.pools {
            pool.price(&pricing, &mut self.rating.charges);
        }
        self.rating
    }
}

fn unpriced_of(metered: &Metered) -> Unpriced {
    Unpriced {
        meter: metered.meter.clone(),
        facts: metered.facts.clone(),
        quantity: Exact::ZERO,
        resource: metered.resource.clone(),
        span: metered.span,
        records: Vec::new(),
    }
}

fn add_unpriced(unpriced: &mut Unpriced, metered: &Metered) {
    unpriced.quantity.add_assign(&metered.quantity);
    unpriced.span.from = unpriced.span.from.min(metered.span.from);
    unpriced.span.until = unpriced.span.until.max(metered.span.until);
    unpriced.records.push(metered.record);
}

fn scope_id(scope: TierScope, metered: &Metered) -> String {
    let facts: &Facts = &metered.facts;
    match scope {
        TierScope::Resource => format!("{}/{}", facts.owner, metered.resource),
        TierScope::Project => facts.owner.to_string(),
        TierScope::Account => match &facts.account {
            Some((id, _)) => format!("{}/{id}", facts.owner.source),
            None => facts.owner.to_string(),
        },
        TierScope::Customer => facts.customer.to_string(),
        TierScope::SellerPool => "seller".to_owned(),
    }
}

/// The pieces of the period between boundaries.
fn segments(period: Span, boundaries: &[i64]) -> Vec<Span> {
    let mut from = period.from;
    let mut pieces = Vec::new();
    for at in boundaries.iter().copied().filter(|at| period.from < *at && *at < period.until) {
        if at > from {
            pieces.push(Span::new(from, at));
            from = at;
        }
    }
    pieces.push(Span::new(from, period.until));
    pieces
}

/// The version that a charge's `version` and `price` name; for readers of a [`Rating`].
pub fn price_of<'a>(
    versions: &'a [BookVersion],
    charge: &super::Charge,
) -> &'a crate::catalog::price::Price {
    &versions[charge.version].prices[charge.price]
}
