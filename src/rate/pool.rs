//! Rates the runs of a pool one after the other: included units, the price's model, and at the
//! pool's end its minimum and cap. PURE.
//!
//! What a pool of several customers owes as a whole (minimum, cap, the fee of a volume tier) is
//! shared in proportion to what each of them owes or used; the shares sum to the whole.

use std::collections::HashSet;
use std::sync::Arc;

use super::gather::{Gathered, Run, Use};
use super::tiers::{Allotment, Ladder};
use super::{Behind, Charge, ChargeKind, ChargedResource, PoolKey, RatingInput, TierSpan, units};
use crate::catalog::price::{Model, Per, Price};
use crate::collect::record::attribute;
use crate::meter::Metered;
use crate::money::Exact;

/// All pools while their runs are rated in order.
pub(super) struct Pools<'a> {
    input: &'a RatingInput<'a>,
    gathered: &'a Gathered,
    /// Runs of each pool, in order.
    runs_of: Vec<Vec<usize>>,
    states: Vec<State>,
    /// Whose flat price is charged.
    flat: HashSet<FlatKey<'a>>,
    charges: Vec<Charge>,
}

/// What a pool remembers from run to run.
#[derive(Default)]
struct State {
    /// Position of the last run in the pool's runs.
    done: usize,
    allotment: Allotment,
    /// Paid units so far, and those of the wanted customer.
    position: Exact,
    own_position: Exact,
    /// Units that packages already begun cover.
    covered: Exact,
    /// Tiers whose fee is charged.
    fees: Vec<usize>,
    /// What the chain of volume runs comes to.
    volume: Option<Volume>,
    /// The pool has a minimum or a cap, so that its amount must be known.
    bounded: bool,
    amount: Exact,
    own_amount: Exact,
    /// The first use was the wanted customer's.
    begun_by_own: Option<bool>,
}

/// The paid units of all runs that count together.
#[derive(Clone)]
struct Volume {
    total: Exact,
    own: Exact,
    /// The run at whose end the tier's fee is due.
    last: usize,
}

/// What a run reads again and again.
struct Terms<'a> {
    price: &'a Price,
    /// What the quantity's scale has for one price unit: the month's hours, else 1.
    scale: Exact,
    included: Exact,
    kind: ChargeKind,
    unit_price: Exact,
    base: Exact,
    /// The run, as charges name it.
    version: usize,
    price_position: usize,
    segment: usize,
    pool: usize,
}

impl<'a> Pools<'a> {
    pub(super) fn new(input: &'a RatingInput<'a>, gathered: &'a Gathered) -> Self {
        let mut runs_of = vec![Vec::new(); gathered.pools.len()];
        let mut states: Vec<State> = Vec::new();
        states.resize_with(gathered.pools.len(), State::default);
        let mut uses = 0;
        for (number, run) in gathered.runs.iter().enumerate() {
            runs_of[run.pool].push(number);
            uses += run.uses.len();
            let price = &input.versions[run.version].prices[run.price];
            states[run.pool].bounded |= price.minimum.is_some() || price.cap.is_some();
        }
        let charges = Vec::with_capacity(uses);
        Self { input, gathered, runs_of, states, flat: HashSet::new(), charges }
    }

    pub(super) fn charges(mut self) -> Vec<Charge> {
        for (number, run) in self.gathered.runs.iter().enumerate() {
            let terms = self.terms(run);
            self.begin(run, terms.price);
            match &terms.price.model {
                Model::PerUnit { .. } | Model::OneOff { .. } | Model::Flat { .. } => {
                    self.rate_plain(run, &terms);
                }
                Model::Graduated { tiers } => {
                    self.rate_graduated(run, &terms, &Ladder::new(tiers, &terms.scale));
                }
                Model::Volume { tiers } => {
                    self.rate_volume(number, run, &terms, &Ladder::new(tiers, &terms.scale));
                }
                Model::Package { size, .. } => {
                    self.rate_packages(run, &terms, &size.times(&terms.scale));
                }
            }
            self.states[run.pool].done += 1;
            if self.states[run.pool].done == self.runs_of[run.pool].len() {
                self.apply_bounds(&terms);
            }
        }
        self.charges
    }

    fn price(&self, run: &Run) -> &'a Price {
        &self.input.versions[run.version].prices[run.price]
    }

    fn terms(&self, run: &Run) -> Terms<'a> {
        let price = self.price(run);
        let scale = self.scale(price);
        let (kind, unit_price, base) = match &price.model {
            Model::PerUnit { amount, base } => {
                (ChargeKind::Usage, amount.clone(), base.times(&scale))
            }
            Model::OneOff { amount } => (ChargeKind::OneOff, amount.clone(), scale.clone()),
            Model::Flat { amount, .. } => (ChargeKind::Flat, amount.clone(), scale.clone()),
            Model::Package { amount, .. } => (ChargeKind::Package, amount.clone(), Exact::ONE),
            Model::Graduated { .. } | Model::Volume { .. } => {
                (ChargeKind::Usage, Exact::ZERO, scale.clone())
            }
        };
        Terms {
            price,
            included: price.included.times(&scale),
            scale,
            kind,
            unit_price,
            base,
            version: run.version,
            price_position: run.price,
            segment: run.segment,
            pool: run.pool,
        }
    }

    fn scale(&self, price: &Price) -> Exact {
        match flat_kind(price) {
            Some(true) => self.input.period_hours.clone(),
            Some(false) => Exact::ONE,
            None => units::month_hours(price.unit.per, &self.input.period_hours),
        }
    }

    /// Starts the pool's positions anew where a new version of the price wants it.
    fn begin(&mut self, run: &Run, price: &Price) {
        let before = self.states[run.pool].done.checked_sub(1);
        let Some(before) = before.map(|before| self.runs_of[run.pool][before]) else { return };
        let old = self.price(&self.gathered.runs[before]);
        if !continues(old, price) {
            let state = &mut self.states[run.pool];
            state.position = Exact::ZERO;
            state.own_position = Exact::ZERO;
            state.covered = Exact::ZERO;
            state.fees.clear();
            state.volume = None;
            if !same_scale(old, price) {
                state.allotment = Allotment::default();
            }
        }
        // Units that another model has charged need no package.
        let packages = matches!(old.model, Model::Package { .. });
        let state = &mut self.states[run.pool];
        if !packages && state.covered < state.position {
            state.covered = state.position.clone();
        }
    }

    /// The quantity of a use in the price's scale; `None` when nothing is due for it.
    fn quantity(&mut self, of: Use, terms: &Terms<'a>) -> Option<Exact> {
        let metered = &self.input.metered[of.metered];
        let quantity = match terms.price.model {
            Model::Flat { prorate: true, .. } => used_hours(metered, terms.price),
            Model::Flat { prorate: false, .. } => {
                let key = flat_key(&terms.price.code, metered);
                return self.flat.insert(key).then_some(Exact::ONE);
            }
            Model::PerUnit { .. }
            | Model::Graduated { .. }
            | Model::Volume { .. }
            | Model::Package { .. }
            | Model::OneOff { .. } => {
                metered.quantity.times(&self.gathered.winners[of.winner].factor)
            }
        };
        (!quantity.is_zero()).then_some(quantity)
    }

    fn rate_plain(&mut self, run: &Run, terms: &Terms<'a>) {
        for of in run.uses.iter().copied() {
            if let Some(paid) = self.take_free(of, terms) {
                self.advance(of, terms, &paid);
                self.charge_use(of, terms, paid, terms.unit_price.clone(), None);
            }
        }
    }

    fn rate_graduated(&mut self, run: &Run, terms: &Terms<'a>, ladder: &Ladder<'_>) {
        for of in run.uses.iter().copied() {
            let Some(mut left) = self.take_free(of, terms) else { continue };
            while left.is_positive() {
                let position = &self.states[terms.pool].position;
                let index = ladder.tier_after(position);
                let part = match ladder.room(index, position) {
                    Some(room) if room < left => room,
                    Some(_) | None => left.clone(),
                };
                left = left.minus(&part);
                let tier = ladder.tier(index);
                self.charge_fee((terms, run), index, ladder, &share_of(self.is_own(of)));
                self.advance(of, terms, &part);
                self.charge_use(of, terms, part, tier.amount.clone(), Some(ladder.span(index)));
            }
        }
    }

    fn rate_volume(&mut self, number: usize, run: &Run, terms: &Terms<'a>, ladder: &Ladder<'_>) {
        let volume = match self.states[terms.pool].volume.clone() {
            Some(volume) => volume,
            None => {
                let volume = self.volume_from(number, terms.pool);
                self.states[terms.pool].volume = Some(volume.clone());
                volume
            }
        };
        let index = ladder.tier_of(&volume.total);
        for of in run.uses.iter().copied() {
            let Some(paid) = self.take_free(of, terms) else { continue };
            self.advance(of, terms, &paid);
            let amount = ladder.tier(index).amount.clone();
            self.charge_use(of, terms, paid, amount, Some(ladder.span(index)));
        }
        if volume.last == number && volume.total.is_positive() {
            let own = volume.own.divided_by(&volume.total).unwrap_or(Exact::ZERO);
            self.charge_fee((terms, run), index, ladder, &own);
        }
    }

    /// What the runs from `number` on come to, as far as they count together.
    fn volume_from(&mut self, number: usize, pool: usize) -> Volume {
        let gathered = self.gathered;
        let state = &self.states[pool];
        let mut allotment = state.allotment.clone();
        let mut volume =
            Volume { total: state.position.clone(), own: state.own_position.clone(), last: number };
        let mut old = self.price(&gathered.runs[number]);
        let ahead = self.runs_of[pool][state.done..].to_vec();
        for next in ahead {
            let run = &gathered.runs[next];
            let price = self.price(run);
            if !continues(old, price) {
                break;
            }
            old = price;
            let terms = self.terms(run);
            if matches!(price.model, Model::Volume { .. }) {
                volume.last = next;
            }
            for of in run.uses.iter().copied() {
                let Some(quantity) = self.quantity(of, &terms) else { continue };
                let (_, paid) = allotment.take(&terms.included, quantity);
                volume.total.add_assign(&paid);
                if self.is_own(of) {
                    volume.own.add_assign(&paid);
                }
            }
        }
        volume
    }

    fn rate_packages(&mut self, run: &Run, terms: &Terms<'a>, size: &Exact) {
        let mut own = Exact::ZERO;
        for of in run.uses.iter().copied() {
            let Some(paid) = self.take_free(of, terms) else { continue };
            self.advance(of, terms, &paid);
            let state = &mut self.states[terms.pool];
            let uncovered = state.position.minus(&state.covered);
            if !uncovered.is_positive() {
                continue;
            }
            let begun =
                uncovered.divided_by(size).map_or(Exact::ZERO, |packages| packages.ceiling());
            state.covered.add_assign(&begun.times(size));
            state.amount.add_assign(&begun.times(&terms.unit_price));
            if self.is_own(of) {
                own.add_assign(&begun);
            }
        }
        if own.is_positive() {
            let state = &mut self.states[terms.pool];
            state.own_amount.add_assign(&own.times(&terms.unit_price));
            let mut charge = self.charge(terms, ChargeKind::Package, own, terms.unit_price.clone());
            charge.behind = self.behind(std::iter::once(run));
            self.charges.push(charge);
        }
    }

    /// The paid part of a use; its free part is charged at zero. `None` when nothing is paid.
    fn take_free(&mut self, of: Use, terms: &Terms<'a>) -> Option<Exact> {
        let quantity = self.quantity(of, terms)?;
        let own = self.is_own(of);
        let state = &mut self.states[terms.pool];
        state.begun_by_own.get_or_insert(own);
        if terms.included.is_zero() {
            return Some(quantity);
        }
        let (free, paid) = state.allotment.take(&terms.included, quantity);
        if free.is_positive() && own {
            let mut charge = self.charge(terms, ChargeKind::Included, free, Exact::ZERO);
            charge.base = terms.base.clone();
            charge.resource = Some(self.resource(of));
            self.charges.push(charge);
        }
        paid.is_positive().then_some(paid)
    }

    fn advance(&mut self, of: Use, terms: &Terms<'a>, paid: &Exact) {
        let own = self.is_own(of);
        let state = &mut self.states[terms.pool];
        state.position.add_assign(paid);
        if own {
            state.own_position.add_assign(paid);
        }
    }

    fn charge_use(
        &mut self,
        of: Use,
        terms: &Terms<'a>,
        quantity: Exact,
        unit_price: Exact,
        tier: Option<TierSpan>,
    ) {
        let own = self.is_own(of);
        let state = &mut self.states[terms.pool];
        if !own && !state.bounded {
            return;
        }
        let mut charge = self.charge(terms, terms.kind.clone(), quantity, unit_price);
        charge.base = terms.base.clone();
        self.count(terms.pool, &charge.amount(), own);
        if own {
            charge.tier = tier;
            charge.resource = Some(self.resource(of));
            self.charges.push(charge);
        }
    }

    /// Charges a tier's fee the first time the tier is touched, and of it `own` to the wanted
    /// customer.
    fn charge_fee(
        &mut self,
        (terms, run): (&Terms<'a>, &Run),
        index: usize,
        ladder: &Ladder<'_>,
        own: &Exact,
    ) {
        let state = &mut self.states[terms.pool];
        let fee = &ladder.tier(index).flat;
        if fee.is_zero() || state.fees.contains(&index) {
            return;
        }
        state.fees.push(index);
        state.amount.add_assign(fee);
        state.own_amount.add_assign(&fee.times(own));
        if own.is_positive() {
            let mut charge = self.charge(terms, ChargeKind::TierFee, own.clone(), fee.clone());
            charge.tier = Some(ladder.span(index));
            charge.behind = self.behind(std::iter::once(run));
            self.charges.push(charge);
        }
    }

    /// Lifts the pool to the price's minimum or lowers it to its cap. The price of the pool's
    /// last version speaks for the whole period.
    fn apply_bounds(&mut self, terms: &Terms<'a>) {
        let state = &self.states[terms.pool];
        let Some(begun_by_own) = state.begun_by_own else { return };
        let own = match state.own_amount.divided_by(&state.amount) {
            Some(own) => own,
            None => share_of(begun_by_own),
        };
        let missing = terms
            .price
            .minimum
            .as_ref()
            .map(|minimum| minimum.times(&self.part_of_period()).minus(&state.amount));
        let excess = terms.price.cap.as_ref().map(|cap| state.amount.minus(cap));
        let mut charge = if let Some(missing) = missing.filter(Exact::is_positive) {
            self.charge(terms, ChargeKind::Minimum, Exact::ONE, missing.times(&own).reduced())
        } else if let Some(excess) = excess.filter(Exact::is_positive) {
            self.charge(terms, ChargeKind::Cap, Exact::int(-1), excess.times(&own).reduced())
        } else {
            return;
        };
        if charge.unit_price.is_positive() {
            let runs = self.runs_of[terms.pool].iter().map(|number| &self.gathered.runs[*number]);
            charge.behind = self.behind(runs);
            self.charges.push(charge);
        }
    }

    /// The share of a full billing period that this one has: 1 but for a short first period.
    fn part_of_period(&self) -> Exact {
        let hours = Exact::ratio(i128::from(self.input.period.span.seconds()), 3600);
        match hours.divided_by(&self.input.period_hours) {
            Some(part) => part.min(Exact::ONE),
            None => Exact::ONE,
        }
    }

    fn count(&mut self, pool: usize, amount: &Exact, own: bool) {
        let state = &mut self.states[pool];
        if !state.bounded {
            return;
        }
        state.amount.add_assign(amount);
        if own {
            state.own_amount.add_assign(amount);
        }
    }

    fn is_own(&self, of: Use) -> bool {
        self.gathered.winners[of.winner].mine
    }

    fn charge(
        &self,
        terms: &Terms<'a>,
        kind: ChargeKind,
        quantity: Exact,
        unit_price: Exact,
    ) -> Charge {
        Charge {
            kind,
            pool: Arc::<PoolKey>::clone(&self.gathered.pools[terms.pool]),
            version: terms.version,
            price: terms.price_position,
            tier: None,
            segment: self.gathered.segments[terms.segment].span,
            quantity,
            unit_price,
            base: Exact::ONE,
            resource: None,
            behind: None,
        }
    }

    /// The wanted customer's records in some runs.
    fn behind<'r>(&self, runs: impl Iterator<Item = &'r Run>) -> Option<Behind> {
        let own = runs.flat_map(|run| &run.uses).filter(|of| self.is_own(**of));
        let uses: Vec<&Metered> = own.map(|of| &self.input.metered[of.metered]).collect();
        let facts = Arc::clone(&uses.first()?.facts);
        let mut records: Vec<usize> = uses.into_iter().map(|metered| metered.record).collect();
        records.sort_unstable();
        records.dedup();
        Some(Behind { records, facts })
    }

    fn resource(&self, of: Use) -> ChargedResource {
        let metered = &self.input.metered[of.metered];
        ChargedResource {
            meter: Arc::clone(&metered.meter),
            id: Arc::clone(&metered.resource),
            facts: Arc::clone(&metered.facts),
            span: metered.span,
            record: metered.record,
        }
    }
}

fn share_of(own: bool) -> Exact {
    if own { Exact::ONE } else { Exact::ZERO }
}

/// Whether the positions under an old price go on under a new one.
fn continues(old: &Price, new: &Price) -> bool {
    same_scale(old, new) && (!new.tier_restart || old == new)
}

/// Whether quantities under two prices count the same.
fn same_scale(old: &Price, new: &Price) -> bool {
    old.unit == new.unit && flat_kind(old) == flat_kind(new)
}

/// `prorate` of flat prices.
fn flat_kind(price: &Price) -> Option<bool> {
    match price.model {
        Model::Flat { prorate, .. } => Some(prorate),
        Model::PerUnit { .. }
        | Model::Graduated { .. }
        | Model::Volume { .. }
        | Model::Package { .. }
        | Model::OneOff { .. } => None,
    }
}

/// Price code, source, owner and resource.
type FlatKey<'a> = (&'a str, &'a str, &'a str, &'a str);

/// An orchestrator's resource is one whoever owns it; senders of imported usage name theirs for
/// each owner anew.
fn flat_key<'a>(code: &'a str, metered: &'a Metered) -> FlatKey<'a> {
    let owner = &metered.facts.owner;
    let imported = metered.facts.attributes.contains_key(attribute::EVENT_SOURCE);
    (code, &owner.source.0, if imported { &owner.id } else { "" }, &metered.resource)
}

/// The hours for which a prorated flat price is due.
fn used_hours(metered: &Metered, price: &Price) -> Exact {
    let counted = units::counted(&metered.meter, &metered.facts);
    if counted == units::Counted::Hours && price.unit.per != Per::Amount {
        metered.quantity.clone()
    } else {
        Exact::ratio(i128::from(metered.span.seconds()), 3600)
    }
}
