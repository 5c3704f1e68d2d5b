//! Puts each metered quantity into the runs of the prices that win it. PURE.
//!
//! A run is what one price rates of one pool in one segment, in fill order. All the work that
//! depends on facts alone is done once for each set of facts; what is left for a quantity is one
//! look-up.

use std::collections::HashMap;
use std::sync::Arc;

use super::matching::{MeterPrices, Signature, Verdict};
use super::{Decision, PoolKey, RatingInput, Unpriced};
use crate::catalog::price::{Price, TierScope};
use crate::meter::intern::QuickMap;
use crate::meter::{Facts, Metered, meter_of};
use crate::money::Exact;
use crate::period::Span;

/// A piece of the period that no boundary cuts, and the version that holds in it.
pub(super) struct Segment {
    pub span: Span,
    pub version: Option<usize>,
}

/// A quantity under a price.
#[derive(Clone, Copy)]
pub(super) struct Use {
    pub metered: usize,
    /// Position in [`Gathered::winners`].
    pub winner: usize,
}

/// What one price rates of one pool in one segment, in fill order.
pub(super) struct Run {
    pub segment: usize,
    pub version: usize,
    pub price: usize,
    pub pool: usize,
    pub uses: Vec<Use>,
}

/// A price that wins for a set of facts in a segment.
pub(super) struct Winner {
    price: usize,
    version: usize,
    segment: usize,
    pub factor: Exact,
    /// The facts are those of the customer whose charges are wanted.
    pub mine: bool,
    /// The run; `None` where each resource has its own.
    run: Option<usize>,
}

/// All uses by run.
pub(super) struct Gathered {
    pub segments: Vec<Segment>,
    pub winners: Vec<Winner>,
    pub runs: Vec<Run>,
    pub pools: Vec<Arc<PoolKey>>,
    pub unpriced: Vec<Unpriced>,
    pub decisions: Vec<Decision>,
}

/// What is known for one set of facts, one meter and one segment.
#[derive(Clone)]
struct Plan {
    winners: std::ops::Range<usize>,
    priced: bool,
    mine: bool,
}

struct Gatherer<'a> {
    input: &'a RatingInput<'a>,
    out: Gathered,
    /// By address of facts and meter, and segment. Never iterated.
    plan_of: QuickMap<(usize, usize, usize), Plan>,
    prices_of: HashMap<(usize, &'a str), usize>,
    prices: Vec<MeterPrices<'a>>,
    verdict_of: HashMap<(usize, bool, Signature<'a>), usize>,
    verdicts: Vec<Verdict>,
    pool_of: HashMap<PoolKey, usize>,
    run_of: QuickMap<(usize, usize, usize), usize>,
    resource_runs: QuickMap<(usize, usize, &'a str), usize>,
    unpriced_of: HashMap<(usize, &'a str, &'a str), usize>,
}

/// Sorts all quantities into runs.
pub(super) fn gather(input: &RatingInput<'_>) -> Gathered {
    let out = Gathered {
        segments: segments(input),
        winners: Vec::new(),
        runs: Vec::new(),
        pools: Vec::new(),
        unpriced: Vec::new(),
        decisions: Vec::new(),
    };
    let mut gatherer = Gatherer {
        input,
        out,
        plan_of: QuickMap::default(),
        prices_of: HashMap::new(),
        prices: Vec::new(),
        verdict_of: HashMap::new(),
        verdicts: Vec::new(),
        pool_of: HashMap::new(),
        run_of: QuickMap::default(),
        resource_runs: QuickMap::default(),
        unpriced_of: HashMap::new(),
    };
    let mut segment = 0;
    let mut add = |position: usize| {
        let metered = &input.metered[position];
        let next_begins = |segment: usize, segments: &[Segment]| {
            segments.get(segment + 1).is_some_and(|next| next.span.from <= metered.span.from)
        };
        while next_begins(segment, &gatherer.out.segments) {
            segment += 1;
        }
        gatherer.add(position, metered, segment);
    };
    let in_order =
        |a: &Metered, b: &Metered| (a.span.from, &a.resource) <= (b.span.from, &b.resource);
    if input.metered.is_sorted_by(in_order) {
        (0..input.metered.len()).for_each(&mut add);
    } else {
        fill_order(input.metered).into_iter().for_each(&mut add);
    }
    gatherer.out
}

/// Positions by record start, then resource; what is equal in both by all else that tells it.
fn fill_order(metered: &[Metered]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..metered.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&metered[*a], &metered[*b]);
        let key = |of: &Metered| (of.span.from, of.span.until);
        (a.span.from, &a.resource, &a.meter)
            .cmp(&(b.span.from, &b.resource, &b.meter))
            .then_with(|| key(a).cmp(&key(b)))
            .then_with(|| a.facts.owner.cmp(&b.facts.owner))
            .then_with(|| a.quantity.cmp(&b.quantity))
    });
    order
}

fn segments(input: &RatingInput<'_>) -> Vec<Segment> {
    let period = input.period.span;
    let mut cuts: Vec<i64> = input.boundaries.to_vec();
    cuts.extend(input.versions.iter().flat_map(|version| [version.span.from, version.span.until]));
    cuts.retain(|at| *at > period.from && *at < period.until);
    cuts.extend([period.from, period.until]);
    cuts.sort_unstable();
    cuts.dedup();
    let segment = |from: i64, until: i64| Segment {
        span: Span::new(from, until),
        version: input.versions.iter().position(|version| version.span.contains(from)),
    };
    cuts.windows(2).map(|cut| segment(cut[0], cut[1])).collect()
}

impl<'a> Gatherer<'a> {
    fn add(&mut self, position: usize, metered: &'a Metered, segment: usize) {
        if metered.quantity.is_zero() || self.out.segments.is_empty() {
            return;
        }
        let facts = Arc::as_ptr(&metered.facts).addr();
        let key = (facts, Arc::as_ptr(&metered.meter).addr(), segment);
        let plan = match self.plan_of.get(&key) {
            Some(plan) => plan.clone(),
            None => {
                let plan = self.plan(metered, segment);
                self.plan_of.insert(key, plan.clone());
                plan
            }
        };
        // What is below zero is no usage: no tier, no package and no minimum knows it.
        let usable = metered.quantity.is_positive();
        if plan.mine && !(plan.priced && usable) {
            self.add_unpriced(metered);
        }
        for winner in plan.winners.filter(|_| usable) {
            let run = match self.out.winners[winner].run {
                Some(run) => run,
                None => self.resource_run(winner, metered),
            };
            self.out.runs[run].uses.push(Use { metered: position, winner });
        }
    }

    fn add_unpriced(&mut self, metered: &'a Metered) {
        let facts = Arc::as_ptr(&metered.facts).addr();
        let key = (facts, &*metered.meter, &*metered.resource);
        let found = self.unpriced_of.get(&key).map(|at| &mut self.out.unpriced[*at]);
        if let Some(found) = found {
            found.quantity.add_assign(&metered.quantity);
            found.span = Span::new(
                found.span.from.min(metered.span.from),
                found.span.until.max(metered.span.until),
            );
            if found.records.last() != Some(&metered.record) {
                found.records.push(metered.record);
            }
            return;
        }
        self.unpriced_of.insert(key, self.out.unpriced.len());
        self.out.unpriced.push(Unpriced {
            meter: Arc::clone(&metered.meter),
            facts: Arc::clone(&metered.facts),
            quantity: metered.quantity.clone(),
            resource: Arc::clone(&metered.resource),
            span: metered.span,
            records: vec![metered.record],
        });
    }

    /// Decides once for these facts, this meter and this segment.
    fn plan(&mut self, metered: &'a Metered, segment: usize) -> Plan {
        let facts = &metered.facts;
        let mine = facts.customer == *self.input.customer;
        let first = self.out.winners.len();
        let mut priced = meter_of(&metered.meter).is_some_and(|meter| meter.informational);
        if let Some(version) = self.out.segments[segment].version {
            let prices = self.prices_of(version, &metered.meter);
            let factors = self.prices[prices].factors(facts);
            let verdict = self.verdict(prices, facts, &factors, mine);
            priced |= self.verdicts[verdict].priced;
            for (price, unit) in self.verdicts[verdict].winners.clone() {
                let pooled = self.price(version, price).tier_scope == TierScope::SellerPool;
                if let Some(factor) = &factors[unit]
                    && (mine || pooled)
                {
                    let run = self.shared_run(segment, version, price, facts);
                    let factor = factor.clone();
                    let winner = Winner { price, version, segment, factor, mine, run };
                    self.out.winners.push(winner);
                }
            }
        }
        let winners = first..self.out.winners.len();
        Plan { winners, priced, mine }
    }

    fn price(&self, version: usize, price: usize) -> &'a Price {
        &self.input.versions[version].prices[price]
    }

    fn prices_of(&mut self, version: usize, meter: &'a str) -> usize {
        *self.prices_of.entry((version, meter)).or_insert_with(|| {
            let book = &self.input.versions[version];
            self.prices.push(MeterPrices::new(version, book, meter));
            self.prices.len() - 1
        })
    }

    fn verdict(
        &mut self,
        prices: usize,
        facts: &'a Arc<Facts>,
        factors: &[Option<Exact>],
        mine: bool,
    ) -> usize {
        let signature = self.prices[prices].signature(facts, factors);
        *self.verdict_of.entry((prices, mine, signature)).or_insert_with(|| {
            let (verdict, decision) = self.prices[prices].decide(facts, factors);
            self.verdicts.push(verdict);
            if mine {
                self.out.decisions.push(decision);
            }
            self.verdicts.len() - 1
        })
    }

    /// The run of a price whose pool does not depend on the resource.
    fn shared_run(
        &mut self,
        segment: usize,
        version: usize,
        price: usize,
        facts: &Facts,
    ) -> Option<usize> {
        let scope = self.price(version, price).tier_scope;
        let account = || facts.account.as_ref().map_or(&facts.customer.0, |(id, _)| id);
        let scope_id = match scope {
            TierScope::Resource => return None,
            TierScope::Project => facts.project.as_ref().map_or_else(account, |(id, _)| id),
            TierScope::Account => account(),
            TierScope::Customer => &facts.customer.0,
            TierScope::SellerPool => SELLER,
        };
        Some(self.run(segment, version, price, scope_id))
    }

    fn resource_run(&mut self, winner: usize, metered: &'a Metered) -> usize {
        let Winner { segment, version, price, .. } = self.out.winners[winner];
        let key = (segment, price, &*metered.resource);
        if let Some(run) = self.resource_runs.get(&key) {
            return *run;
        }
        let owner = &metered.facts.owner;
        let scope_id = match &*metered.resource {
            "" => &owner.to_string(),
            resource => resource,
        };
        let run = self.run(segment, version, price, scope_id);
        self.resource_runs.insert(key, run);
        run
    }

    fn run(&mut self, segment: usize, version: usize, price: usize, scope_id: &str) -> usize {
        let found = self.price(version, price);
        let key = PoolKey {
            price_code: found.code.clone(),
            scope: found.tier_scope,
            scope_id: scope_id.to_owned(),
        };
        let pools = &mut self.out.pools;
        let pool = *self.pool_of.entry(key).or_insert_with_key(|key| {
            pools.push(Arc::new(key.clone()));
            pools.len() - 1
        });
        let runs = &mut self.out.runs;
        *self.run_of.entry((segment, price, pool)).or_insert_with(|| {
            runs.push(Run { segment, version, price, pool, uses: Vec::new() });
            runs.len() - 1
        })
    }
}

/// Scope id of a pool over all customers of the seller; there is one seller in a rating.
const SELLER: &str = "seller";
