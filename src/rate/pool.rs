//! A pool: the usage over which one price's included units, tiers, packages, minimum and cap
//! count. PURE.
//!
//! Order of operations (billing-rules 1.6): usage, included units, tiers; then the price's own
//! minimum and cap. Usage fills in order of start, then resource. The position in the tiers goes
//! on when a new version of the price begins, unless that version restarts it. Bounds of month
//! prices count unit-months: they are scaled by the month's hours, so that quantities stay hours.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Charge, ChargeKind, ChargedResource, PoolKey, RatingInput, TierSpan};
use crate::catalog::price::{Model, MonthMode, Per, Price, Tier};
use crate::meter::Metered;
use crate::money::Exact;
use crate::period::Span;

/// One quantity in a pool.
pub(super) struct Item {
    pub metered: usize,
    pub version: usize,
    pub price: usize,
    /// Units of the price in one hour, byte, request or piece of the record.
    pub factor: Exact,
}

/// The usage that counts together.
pub(super) struct Pool {
    pub key: Arc<PoolKey>,
    pub items: Vec<Item>,
}

/// What pricing a pool needs.
pub(super) struct PoolPrice<'a> {
    pub input: &'a RatingInput<'a>,
    pub segments: &'a [Span],
}

/// What a pool has used so far.
#[derive(Default)]
struct Position {
    /// Units after the included ones.
    units: Exact,
    included: Exact,
    tiers_touched: BTreeSet<(usize, usize)>,
    flat_resources: BTreeSet<Arc<str>>,
    packages: i128,
    version: Option<usize>,
}

impl Pool {
    pub fn new(key: Arc<PoolKey>) -> Self {
        Self { key, items: Vec::new() }
    }

    /// Turns the pool's usage into charges.
    pub fn price(&mut self, pricing: &PoolPrice<'_>, charges: &mut Vec<Charge>) {
        let metered = pricing.input.metered;
        let order = |a: &Item, b: &Item| order_of(&metered[a.metered], &metered[b.metered]);
        if !self.items.is_sorted_by(|a, b| order(a, b) != Ordering::Greater) {
            self.items.sort_by(order);
        }
        let first = charges.len();
        let mut run = Run {
            pricing,
            key: &self.key,
            position: Position::default(),
            totals: self.totals(pricing),
            charges,
        };
        for item in &self.items {
            run.item(item);
        }
        run.packages(&self.items);
        run.limits(&self.items, first);
        let customer = pricing.input.customer;
        let mut index = first;
        let owner = self.items.first().map(|item| &metered[item.metered].facts.customer);
        let pools_adjustments = owner == Some(customer);
        while index < charges.len() {
            let keep = match &charges[index].resource {
                Some(resource) => resource.facts.customer == *customer,
                None => pools_adjustments,
            };
            if keep {
                index += 1;
            } else {
                charges.remove(index);
            }
        }
    }

    /// Units of the whole period after the included ones, for volume prices.
    fn totals(&self, pricing: &PoolPrice<'_>) -> Exact {
        let mut total = Exact::ZERO;
        let mut needed = false;
        let mut included = Exact::ZERO;
        for item in &self.items {
            let price = price_at(pricing, item);
            needed |= matches!(price.model, Model::Volume { .. } | Model::Package { .. });
            total.add_assign(&units(pricing, item));
            included = price.included.times(&month_hours(pricing, price));
        }
        if !needed {
            return Exact::ZERO;
        }
        total.minus(&included).max(Exact::ZERO)
    }
}

struct Run<'a, 'c> {
    pricing: &'a PoolPrice<'a>,
    key: &'a Arc<PoolKey>,
    position: Position,
    totals: Exact,
    charges: &'c mut Vec<Charge>,
}

/// What every charge of one item has in common.
struct Common {
    version: usize,
    price: usize,
    segment: Span,
    resource: ChargedResource,
}

/// A quantity at a price.
struct Part {
    kind: ChargeKind,
    tier: Option<TierSpan>,
    quantity: Exact,
    unit_price: Exact,
    base: Exact,
}

impl Run<'_, '_> {
    fn item(&mut self, item: &Item) {
        let price = price_at(self.pricing, item);
        if price.tier_restart && self.position.version.is_some_and(|v| v != item.version) {
            self.position.units = Exact::ZERO;
            self.position.tiers_touched.clear();
        }
        self.position.version = Some(item.version);
        let common = self.common(item);
        let scale = month_hours(self.pricing, price);
        let mut left = units(self.pricing, item);
        if !left.is_positive() {
            return;
        }
        if !price.included.is_zero() {
            left = self.take_included(&common, price, &scale, left);
            if !left.is_positive() {
                return;
            }
        }
        match &price.model {
            Model::PerUnit { amount, base } => {
                self.push(&common, usage(left, amount, scale.times(base)));
            }
            Model::OneOff { amount } => {
                let part = Part { kind: ChargeKind::OneOff, ..usage(left, amount, Exact::ONE) };
                self.push(&common, part);
            }
            Model::Graduated { tiers } => self.graduated(&common, tiers, &scale, left),
            Model::Volume { tiers } => self.volume(&common, tiers, &scale, left),
            Model::Flat { amount, prorate } => self.flat(&common, item, amount, *prorate),
            // Whole packages are known at the end only.
            Model::Package { .. } => self.position.units.add_assign(&left),
        }
    }

    fn common(&self, item: &Item) -> Common {
        let metered = &self.pricing.input.metered[item.metered];
        Common {
            version: item.version,
            price: item.price,
            segment: segment_at(self.pricing, metered.span.from),
            resource: resource_of(metered),
        }
    }

    fn push(&mut self, common: &Common, part: Part) {
        self.charges.push(Charge {
            kind: part.kind,
            pool: self.key.clone(),
            version: common.version,
            price: common.price,
            tier: part.tier,
            segment: common.segment,
            quantity: part.quantity,
            unit_price: part.unit_price,
            base: part.base,
            resource: Some(common.resource.clone()),
        });
    }

    fn push_for_pool(&mut self, common: &Common, kind: ChargeKind, amount: Exact) {
        let quantity = if amount.is_negative() { Exact::int(-1) } else { Exact::ONE };
        let unit_price = if amount.is_negative() { amount.negated() } else { amount };
        self.charges.push(Charge {
            kind,
            pool: self.key.clone(),
            version: common.version,
            price: common.price,
            tier: None,
            segment: common.segment,
            quantity,
            unit_price,
            base: Exact::ONE,
            resource: None,
        });
    }

    fn take_included(
        &mut self,
        common: &Common,
        price: &Price,
        scale: &Exact,
        left: Exact,
    ) -> Exact {
        let free = price.included.times(scale).minus(&self.position.included);
        if !free.is_positive() {
            return left;
        }
        let taken = left.clone().min(free);
        self.position.included.add_assign(&taken);
        let part = Part {
            kind: ChargeKind::Included,
            tier: None,
            quantity: taken.clone(),
            unit_price: Exact::ZERO,
            base: scale.clone(),
        };
        self.push(common, part);
        left.minus(&taken)
    }

    fn graduated(&mut self, common: &Common, tiers: &[Tier], scale: &Exact, mut left: Exact) {
        let mut from = Exact::ZERO;
        for (index, tier) in tiers.iter().enumerate() {
            let bound = tier.up_to.as_ref().map(|up_to| up_to.times(scale));
            let room = bound.as_ref().map(|bound| bound.minus(&self.position.units));
            if room.as_ref().is_none_or(Exact::is_positive) {
                let taken = room.map_or_else(|| left.clone(), |room| left.clone().min(room));
                self.position.units.add_assign(&taken);
                left = left.minus(&taken);
                self.touch(common, index, tier);
                let span = TierSpan { index, from: from.clone(), up_to: tier.up_to.clone() };
                let part = usage(taken, &tier.amount, scale.clone());
                self.push(common, Part { tier: Some(span), ..part });
                if !left.is_positive() {
                    return;
                }
            }
            if let Some(up_to) = &tier.up_to {
                from = up_to.clone();
            }
        }
    }

    fn volume(&mut self, common: &Common, tiers: &[Tier], scale: &Exact, left: Exact) {
        let mut from = Exact::ZERO;
        for (index, tier) in tiers.iter().enumerate() {
            let inside = tier.up_to.as_ref().is_none_or(|up_to| self.totals <= up_to.times(scale));
            if inside {
                self.touch(common, index, tier);
                let span = TierSpan { index, from, up_to: tier.up_to.clone() };
                let part = usage(left, &tier.amount, scale.clone());
                self.push(common, Part { tier: Some(span), ..part });
                return;
            }
            if let Some(up_to) = &tier.up_to {
                from = up_to.clone();
            }
        }
    }

    /// The flat fee of a tier, due once for each version that touches it.
    fn touch(&mut self, common: &Common, index: usize, tier: &Tier) {
        let new = !self.position.tiers_touched.iter().any(|(tier, _)| *tier == index);
        if new && !tier.flat.is_zero() {
            self.push_for_pool(common, ChargeKind::TierFee, tier.flat.clone());
        }
        self.position.tiers_touched.insert((index, common.version));
    }

    fn flat(&mut self, common: &Common, item: &Item, amount: &Exact, prorate: bool) {
        let metered = &self.pricing.input.metered[item.metered];
        if prorate {
            let base = self.pricing.input.period_hours.clone();
            let part =
                Part { kind: ChargeKind::Flat, ..usage(metered.quantity.clone(), amount, base) };
            self.push(common, part);
        } else if self.position.flat_resources.insert(metered.resource.clone()) {
            let part = Part { kind: ChargeKind::Flat, ..usage(Exact::ONE, amount, Exact::ONE) };
            self.push(common, part);
        }
    }

    /// Packages begun, in order of use; those of a version are shared over its usage.
    fn packages(&mut self, items: &[Item]) {
        let mut position = Exact::ZERO;
        let mut included = Exact::ZERO;
        let mut index = 0;
        while index < items.len() {
            let version = items[index].version;
            let price = price_at(self.pricing, &items[index]);
            let Model::Package { size, amount } = &price.model else { return };
            let scale = month_hours(self.pricing, price);
            let mut shares: Vec<(usize, Exact)> = Vec::new();
            while index < items.len() && items[index].version == version {
                let mut left = units(self.pricing, &items[index]);
                let free = price.included.times(&scale).minus(&included).max(Exact::ZERO);
                let taken = left.clone().min(free);
                included.add_assign(&taken);
                left = left.minus(&taken);
                if left.is_positive() {
                    position.add_assign(&left);
                    shares.push((index, left));
                }
                index += 1;
            }
            let full = size.times(&scale);
            let begun = position.divided_by(&full).and_then(|count| count.ceil()).unwrap_or(0);
            let new = begun - self.position.packages;
            self.position.packages = begun;
            let sum = Exact::sum(shares.iter().map(|(_, units)| units));
            for (item, units) in shares {
                let share = units.times(&Exact::int(new));
                if let Some(share) = share.divided_by(&sum).filter(Exact::is_positive) {
                    let common = self.common(&items[item]);
                    let part = usage(share, amount, Exact::ONE);
                    self.push(&common, Part { kind: ChargeKind::Package, ..part });
                }
            }
        }
    }

    /// Minimum and cap of the price's last version, on all that the pool was charged.
    fn limits(&mut self, items: &[Item], first: usize) {
        let Some(last) = items.last() else { return };
        let price = price_at(self.pricing, last);
        if price.minimum.is_none() && price.cap.is_none() {
            return;
        }
        let amounts: Vec<Exact> = self.charges[first..].iter().map(Charge::amount).collect();
        let total = Exact::sum(&amounts);
        let common = self.common(last);
        if let Some(minimum) = &price.minimum
            && total < *minimum
        {
            self.push_for_pool(&common, ChargeKind::Minimum, minimum.minus(&total));
        }
        if let Some(cap) = &price.cap
            && total > *cap
        {
            self.push_for_pool(&common, ChargeKind::Cap, cap.minus(&total));
        }
    }
}

fn usage(quantity: Exact, unit_price: &Exact, base: Exact) -> Part {
    Part { kind: ChargeKind::Usage, tier: None, quantity, unit_price: unit_price.clone(), base }
}

fn order_of(a: &Metered, b: &Metered) -> Ordering {
    (a.span.from, &a.resource, &a.meter, a.record).cmp(&(
        b.span.from,
        &b.resource,
        &b.meter,
        b.record,
    ))
}

fn price_at<'a>(pricing: &PoolPrice<'a>, item: &Item) -> &'a Price {
    &pricing.input.versions[item.version].prices[item.price]
}

fn units(pricing: &PoolPrice<'_>, item: &Item) -> Exact {
    pricing.input.metered[item.metered].quantity.times(&item.factor)
}

/// Hours of a month for month prices, else 1.
fn month_hours(pricing: &PoolPrice<'_>, price: &Price) -> Exact {
    match price.unit.per {
        Per::Amount | Per::Hour => Exact::ONE,
        Per::Month(MonthMode::Calendar) => pricing.input.period_hours.clone(),
        Per::Month(MonthMode::Fixed730) => Exact::int(730),
        Per::Month(MonthMode::Fixed720) => Exact::int(720),
    }
}

fn segment_at(pricing: &PoolPrice<'_>, at: i64) -> Span {
    let index = pricing.segments.partition_point(|segment| segment.from <= at);
    pricing.segments[index.saturating_sub(1)]
}

fn resource_of(metered: &Metered) -> ChargedResource {
    ChargedResource {
        meter: metered.meter.clone(),
        id: metered.resource.clone(),
        facts: metered.facts.clone(),
        span: metered.span,
        record: metered.record,
    }
}
