//! Usage, facts and price books made in one line each, and the way from them to amounts.

use std::sync::Arc;

use billow::catalog::price::{
    BookVersion, Conditions, Dimension, Model, MonthMode, Per, Price, Tier, TierScope, Unit,
};
use billow::collect::record::{RecordKey, RecordKind, StoredRecord};
use billow::ids::{CustomerId, OwnerRef, SourceName};
use billow::meter::quantities::{Metering, MeteringInput, quantities};
use billow::meter::{Facts, Metered};
use billow::money::round::round_units;
use billow::money::{Exact, RoundingMode};
use billow::period::{BillingCycle, Period, PeriodLabel, Span};
use billow::rate::engine::rate;
use billow::rate::{Charge, ChargeKind, Rating, RatingInput};

pub const HOUR: i64 = 3600;
pub const DAY: i64 = 24 * HOUR;

pub fn exact(text: &str) -> Exact {
    text.parse().unwrap()
}

pub fn period(zone: &str, label: &str) -> Period {
    let label: PeriodLabel = label.parse().unwrap();
    BillingCycle::new(zone, 1).unwrap().period(label).unwrap()
}

pub fn unit(dimension: Dimension, per: Per) -> Unit {
    Unit { dimension, per }
}

pub const HOURLY: Unit = Unit { dimension: Dimension::Resource, per: Per::Hour };
pub const GB: Unit = Unit { dimension: Dimension::Gb, per: Per::Amount };
pub const PIECE: Unit = Unit { dimension: Dimension::Count, per: Per::Amount };
pub const MONTHLY: Unit =
    Unit { dimension: Dimension::Resource, per: Per::Month(MonthMode::Calendar) };
pub const GIB_MONTH: Unit =
    Unit { dimension: Dimension::Gib, per: Per::Month(MonthMode::Calendar) };

pub fn per_unit(amount: &str) -> Model {
    Model::PerUnit { amount: exact(amount), base: Exact::ONE }
}

/// `"100@0.10 1000@0.08 rest@0.05"`; a flat fee after a plus sign: `rest@0.05+3`.
pub fn tiers(text: &str) -> Vec<Tier> {
    let tier = |part: &str| {
        let (up_to, amount) = part.split_once('@').unwrap();
        let (amount, flat) = amount.split_once('+').unwrap_or((amount, "0"));
        let up_to = (up_to != "rest").then(|| exact(up_to));
        Tier { up_to, amount: exact(amount), flat: exact(flat) }
    };
    text.split(' ').map(tier).collect()
}

/// A price of the meter's own component, pooled by customer.
pub fn price(code: &str, meter: &str, unit: Unit, model: Model) -> Price {
    let component = billow::meter::meter_of(meter).map_or("other", |meter| meter.component);
    Price {
        code: code.to_owned(),
        component: component.to_owned(),
        meter: meter.to_owned(),
        unit,
        model,
        conditions: Conditions::default(),
        included: Exact::ZERO,
        minimum: None,
        cap: None,
        tier_scope: TierScope::Customer,
        tier_restart: false,
        tax_class: "standard".to_owned(),
        text: None,
    }
}

/// A customer's usage and the prices for it.
#[derive(Clone)]
pub struct World {
    pub period: Period,
    pub period_hours: Exact,
    pub records: Vec<StoredRecord>,
    pub facts: Vec<Arc<Facts>>,
    pub versions: Vec<BookVersion>,
    pub boundaries: Vec<i64>,
}

impl World {
    pub fn new(zone: &str, label: &str) -> Self {
        let period = period(zone, label);
        let period_hours = Exact::ratio(i128::from(period.span.seconds()), 3600);
        let (records, facts) = (Vec::new(), Vec::new());
        Self { period, period_hours, records, facts, versions: Vec::new(), boundaries: Vec::new() }
    }

    /// Prices for all time.
    pub fn priced(mut self, prices: Vec<Price>) -> Self {
        self.versions = vec![version(1, i64::MIN / 2, i64::MAX / 2, prices)];
        self
    }

    /// Prices until an instant and from it on.
    pub fn repriced(mut self, at: i64, before: Vec<Price>, after: Vec<Price>) -> Self {
        let after = version(2, at, i64::MAX / 2, after);
        self.versions = vec![version(1, i64::MIN / 2, at, before), after];
        self.boundaries = vec![at];
        self
    }

    /// Start of the period plus seconds.
    pub fn at(&self, seconds: i64) -> i64 {
        self.period.span.from + seconds
    }

    pub fn push(&mut self, record: StoredRecord, facts: Arc<Facts>) {
        self.records.push(record);
        self.facts.push(facts);
    }

    /// An interval or delta of plain facts, offsets from the period's start.
    pub fn used(mut self, meter: &str, resource: &str, span: (i64, i64), quantity: &str) -> Self {
        let span = Span::new(self.at(span.0), self.at(span.1));
        self.push(record(meter, resource, span, exact(quantity)), Arc::new(facts(&[])));
        self
    }

    /// The same with attributes.
    pub fn used_with(
        mut self,
        meter: &str,
        resource: &str,
        span: (i64, i64),
        quantity: &str,
        attributes: &[(&str, &str)],
    ) -> Self {
        let span = Span::new(self.at(span.0), self.at(span.1));
        self.push(record(meter, resource, span, exact(quantity)), Arc::new(facts(attributes)));
        self
    }

    /// Makes the last record one of another kind.
    pub fn of_kind(mut self, kind: RecordKind) -> Self {
        self.records.last_mut().unwrap().kind = kind;
        self
    }

    /// Gives the last record other facts.
    pub fn by(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(Arc::make_mut(self.facts.last_mut().unwrap()));
        self
    }

    pub fn metering(&self) -> Metering {
        quantities(&MeteringInput {
            records: &self.records,
            facts: &self.facts,
            span: self.period.span,
            boundaries: &self.boundaries,
        })
    }

    pub fn rate(&self) -> Rating {
        self.rate_metered(&self.metering().metered, "c1")
    }

    pub fn rate_metered(&self, metered: &[Metered], customer: &str) -> Rating {
        rate(&RatingInput {
            period: self.period,
            period_hours: self.period_hours.clone(),
            metered,
            versions: &self.versions,
            boundaries: &self.boundaries,
            customer: &CustomerId(customer.to_owned()),
        })
    }

    /// The sum of all charges, rounded once to cents.
    pub fn total(&self) -> String {
        cents(&self.exact_total())
    }

    pub fn exact_total(&self) -> Exact {
        sum(&self.rate().charges)
    }
}

pub fn version(number: i64, from: i64, until: i64, prices: Vec<Price>) -> BookVersion {
    BookVersion {
        id: format!("retail@{number}"),
        book: "retail".to_owned(),
        currency: "EUR".parse().unwrap(),
        span: Span::new(from, until),
        recorded_at: 0,
        prices,
    }
}

pub fn facts(attributes: &[(&str, &str)]) -> Facts {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Facts {
        customer: CustomerId("c1".to_owned()),
        owner: owner("a1"),
        account: Some(("a1".to_owned(), "acme".to_owned())),
        project: None,
        domain_path: "ROOT/north/acme".to_owned(),
        attributes: attributes.iter().map(pair).collect(),
    }
}

pub fn owner(id: &str) -> OwnerRef {
    OwnerRef { source: SourceName("cs1".to_owned()), id: id.to_owned() }
}

pub fn record(meter: &str, resource: &str, span: Span, quantity: Exact) -> StoredRecord {
    StoredRecord {
        key: RecordKey {
            owner: owner("a1"),
            from: span.from,
            meter: meter.to_owned(),
            resource: resource.to_owned(),
            identity: format!("{}", span.until),
            revision: 0,
        },
        kind: RecordKind::Interval,
        until: span.until,
        quantity,
        attribute_set: 0,
        evidence: 0,
        evidence_index: 0,
        recorded_at: 0,
    }
}

pub fn sum(charges: &[Charge]) -> Exact {
    let amounts: Vec<Exact> = charges.iter().map(Charge::amount).collect();
    Exact::sum(&amounts)
}

pub fn cents(amount: &Exact) -> String {
    let minor = round_units(amount, 2, RoundingMode::HalfAwayFromZero).unwrap();
    Exact::ratio(i128::from(minor), 100)
        .to_decimal_text()
        .map(|text| {
            let (major, minor) = text.split_once('.').unwrap_or((&text, ""));
            format!("{major}.{minor:0<2}")
        })
        .unwrap()
}

pub fn of_kind(charges: &[Charge], kind: ChargeKind) -> Vec<&Charge> {
    charges.iter().filter(|charge| charge.kind == kind).collect()
}
