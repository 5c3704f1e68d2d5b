//! What counts across the uses of a pool: free units, tier positions, packages begun, and the
//! amount so far. PURE.
//!
//! All positions are kept in the quantity's scale: for a price per month in unit-hours, where a
//! bound of 10 units is 10 × the month's hours. So a position is a sum and never a quotient.

use super::TierSpan;
use crate::catalog::price::Tier;
use crate::money::Exact;

/// Free units taken so far in the pool.
#[derive(Clone, Default)]
pub(super) struct Allotment {
    taken: Exact,
}

impl Allotment {
    /// Splits a quantity in its free and its paid part, where `included` units are free in all.
    pub(super) fn take(&mut self, included: &Exact, quantity: Exact) -> (Exact, Exact) {
        let left = included.minus(&self.taken);
        if !left.is_positive() {
            return (Exact::ZERO, quantity);
        }
        let free = if quantity <= left { quantity.clone() } else { left };
        let paid = quantity.minus(&free);
        self.taken.add_assign(&free);
        (free, paid)
    }
}

/// The tiers of a price with bounds in the quantity's scale.
pub(super) struct Ladder<'a> {
    tiers: &'a [Tier],
    bounds: Vec<Option<Exact>>,
}

impl<'a> Ladder<'a> {
    pub(super) fn new(tiers: &'a [Tier], scale: &Exact) -> Self {
        let bound = |tier: &Tier| tier.up_to.as_ref().map(|bound| bound.times(scale).reduced());
        Self { tiers, bounds: tiers.iter().map(bound).collect() }
    }

    /// The tier in which the next unit after `position` falls. Bounds are inclusive above.
    pub(super) fn tier_after(&self, position: &Exact) -> usize {
        self.find(|bound| bound > position)
    }

    /// The tier in which the last unit of `total` falls.
    pub(super) fn tier_of(&self, total: &Exact) -> usize {
        self.find(|bound| bound >= total)
    }

    fn find(&self, holds: impl Fn(&Exact) -> bool) -> usize {
        let last = self.bounds.len().saturating_sub(1);
        let found = self.bounds.iter().position(|bound| bound.as_ref().is_none_or(&holds));
        found.unwrap_or(last)
    }

    /// Units from `position` to the upper bound of a tier; `None` without end.
    pub(super) fn room(&self, tier: usize, position: &Exact) -> Option<Exact> {
        if tier + 1 == self.tiers.len() {
            return None;
        }
        self.bounds[tier].as_ref().map(|bound| bound.minus(position))
    }

    pub(super) fn tier(&self, index: usize) -> &'a Tier {
        &self.tiers[index]
    }

    /// How a charge names a tier: in price units.
    pub(super) fn span(&self, index: usize) -> TierSpan {
        let below = index.checked_sub(1).and_then(|below| self.tiers[below].up_to.clone());
        let up_to = self.tiers[index].up_to.clone();
        TierSpan { index, from: below.unwrap_or(Exact::ZERO), up_to }
    }
}
