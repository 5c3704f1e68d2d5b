//! A price for usage that has none, interpolated from its neighbours in the book. PURE.

use std::collections::BTreeMap;

use super::generate::{self, GenerateInput, Rates, machine_size, slug};
use super::price::{Conditions, Dimension, Model, MonthMode, Per, Price};
use crate::collect::record::{Attributes, attribute};
use crate::meter::{self, kind};
use crate::money::{Currency, Exact};
use crate::orchestrator::CatalogItem;

/// Decimals of a suggested amount.
const DECIMALS: u8 = 6;

/// What a suggestion is made from.
pub struct SuggestInput<'a> {
    pub meter: &'a str,
    /// The attributes of the usage, completed from the catalogue.
    pub attributes: &'a Attributes,
    /// The prices that hold now.
    pub prices: &'a [Price],
    pub currency: Currency,
    /// The catalogue as it is now.
    pub items: &'a [CatalogItem],
}

/// Prices to add to the book, and how they were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// Empty where only a person can tell.
    pub prices: Vec<Price>,
    pub why: String,
}

/// Suggests prices for usage of a meter.
pub fn suggest(input: &SuggestInput<'_>) -> Suggestion {
    let mut suggestion = match input.meter {
        kind::VM_RUNNING => machine(input),
        _ => other(input),
    };
    for price in &mut suggestion.prices {
        price.code = free_code(input.prices, &price.code);
    }
    suggestion
}

fn free_code(prices: &[Price], wanted: &str) -> String {
    let taken = |code: &str| prices.iter().any(|price| price.code == code);
    let mut code = wanted.to_owned();
    let mut number = 2;
    while taken(&code) {
        code = format!("{wanted}-{number}");
        number += 1;
    }
    code
}

/// The prices that the generator would write for a meter without any catalogue.
fn usual(input: &SuggestInput<'_>) -> Vec<Price> {
    let book = generate::generate(&GenerateInput {
        code: "usual".to_owned(),
        name: "usual".to_owned(),
        currency: input.currency,
        month: month_of(input.prices),
        rates: Rates::usual(input.currency),
        items: &[],
        licences: BTreeMap::new(),
    });
    book.prices
        .into_iter()
        .filter(|price| price.meter == input.meter && price.conditions == Conditions::default())
        .collect()
}

/// The mode of a month that the book uses.
fn month_of(prices: &[Price]) -> MonthMode {
    let found = prices.iter().find_map(|price| match price.unit.per {
        Per::Month(mode) => Some(mode),
        Per::Hour | Per::Amount => None,
    });
    found.unwrap_or(MonthMode::Calendar)
}

fn rounded(amount: &Exact) -> Exact {
    amount.to_text_rounded(DECIMALS).parse().unwrap_or_else(|_| amount.clone())
}

/// The plain amount of a price for one unit.
fn amount_of(price: &Price) -> Option<Exact> {
    match &price.model {
        Model::PerUnit { amount, base } => amount.divided_by(base),
        Model::Graduated { .. }
        | Model::Volume { .. }
        | Model::Package { .. }
        | Model::Flat { .. }
        | Model::OneOff { .. } => None,
    }
}

/// A neighbour: vCPUs, GiB of RAM, amount an hour.
struct Point {
    vcpus: Exact,
    ram: Exact,
    amount: Exact,
}

fn machine(input: &SuggestInput<'_>) -> Suggestion {
    let number = |key: &str| input.attributes.get(key).and_then(|text| text.parse::<Exact>().ok());
    let ram = number(attribute::RAM_MIB).map(|mib| mib.times(&Exact::ratio(1, 1024)));
    let offering = input.attributes.get(attribute::OFFERING);
    let (Some(vcpus), Some(ram), Some(offering)) = (number(attribute::VCPUS), ram, offering) else {
        let why = "the usage tells no size of the machine: prices by vCPU and RAM at usual rates";
        let compute = |price: &Price| price.component == "compute";
        let prices = usual(input).into_iter().filter(compute).collect();
        return Suggestion { prices, why: why.to_owned() };
    };
    let points = neighbours(input);
    let (amount, why) = match fitted(&points, &vcpus, &ram) {
        Some(amount) => (amount, format!("fitted to {} priced offerings", points.len())),
        None => {
            let rates = Rates::usual(input.currency);
            let usual = |vcpus: &Exact, ram: &Exact| {
                vcpus.times(&rates.vcpu_hour).plus(&ram.times(&rates.ram_gib_hour))
            };
            let of_points: Vec<Exact> =
                points.iter().map(|point| usual(&point.vcpus, &point.ram)).collect();
            let charged = Exact::sum(points.iter().map(|point| &point.amount));
            match charged.divided_by(&Exact::sum(&of_points)) {
                Some(level) => {
                    let amount = usual(&vcpus, &ram).times(&level);
                    (amount, format!("at the level of {} priced offerings", points.len()))
                }
                None => (usual(&vcpus, &ram), "no offering is priced: usual rates".to_owned()),
            }
        }
    };
    let name = input.attributes.get(attribute::OFFERING_NAME).unwrap_or(offering);
    let mut price = template_price(input, format!("vm-{}", slug(name)));
    price.model = Model::PerUnit { amount: rounded(&amount), base: Exact::ONE };
    price.conditions.offering = vec![offering.clone()];
    Suggestion { prices: vec![price], why }
}

/// A price of the meter by the hour.
fn template_price(input: &SuggestInput<'_>, code: String) -> Price {
    Price {
        code,
        component: meter::meter_of(input.meter).map_or("other", |meter| meter.component).to_owned(),
        meter: input.meter.to_owned(),
        unit: super::price::Unit { dimension: Dimension::Resource, per: Per::Hour },
        model: Model::PerUnit { amount: Exact::ZERO, base: Exact::ONE },
        conditions: Conditions::default(),
        included: Exact::ZERO,
        minimum: None,
        cap: None,
        tier_scope: super::price::TierScope::default(),
        tier_restart: false,
        tax_class: "standard".to_owned(),
        text: None,
    }
}

/// Offerings of known size that have a price by the hour without other conditions.
fn neighbours(input: &SuggestInput<'_>) -> Vec<Point> {
    let mut points = Vec::new();
    for price in input.prices {
        let mut rest = price.conditions.clone();
        let offerings = std::mem::take(&mut rest.offering);
        let plain = price.meter == kind::VM_RUNNING
            && price.component == "compute"
            && price.unit.dimension == Dimension::Resource
            && price.unit.per == Per::Hour
            && rest == Conditions::default();
        let Some(amount) = amount_of(price).filter(|_| plain) else { continue };
        for wanted in offerings {
            let item = input.items.iter().find(|item| item.id == wanted || item.name == wanted);
            if let Some((vcpus, ram)) = item.and_then(machine_size) {
                points.push(Point { vcpus, ram, amount: amount.clone() });
            }
        }
    }
    points
}

/// Least squares of `amount = a × vCPU + b × GiB`; `None` where the neighbours do not tell both
/// apart or one of them would be below zero.
fn fitted(points: &[Point], vcpus: &Exact, ram: &Exact) -> Option<Exact> {
    let sum =
        |term: &dyn Fn(&Point) -> Exact| Exact::sum(&points.iter().map(term).collect::<Vec<_>>());
    let vv = sum(&|p| p.vcpus.times(&p.vcpus));
    let vr = sum(&|p| p.vcpus.times(&p.ram));
    let rr = sum(&|p| p.ram.times(&p.ram));
    let va = sum(&|p| p.vcpus.times(&p.amount));
    let ra = sum(&|p| p.ram.times(&p.amount));
    let determinant = vv.times(&rr).minus(&vr.times(&vr));
    let a = va.times(&rr).minus(&ra.times(&vr)).divided_by(&determinant)?;
    let b = ra.times(&vv).minus(&va.times(&vr)).divided_by(&determinant)?;
    let sensible = !a.is_negative() && !b.is_negative();
    sensible.then(|| vcpus.times(&a).plus(&ram.times(&b)))
}

fn other(input: &SuggestInput<'_>) -> Suggestion {
    let bare =
        |price: &&Price| price.meter == input.meter && price.conditions == Conditions::default();
    if let Some(price) = input.prices.iter().find(bare) {
        let unit = price.unit.name_for(input.meter);
        let why = format!(
            "price {} counts by {unit}, which the usage does not tell: sync the catalogue, or \
             add a price by the hour",
            price.code
        );
        return Suggestion { prices: Vec::new(), why };
    }
    let usual = usual(input);
    let Some(mut price) = usual.into_iter().next() else {
        let why = "the meter is imported: only you know what a unit of it costs".to_owned();
        return Suggestion { prices: Vec::new(), why };
    };
    let same: Vec<Exact> = input
        .prices
        .iter()
        .filter(|other| other.meter == input.meter && other.unit == price.unit)
        .filter_map(amount_of)
        .collect();
    let count = i128::try_from(same.len()).unwrap_or(1);
    let mean = Exact::sum(&same).divided_by(&Exact::int(count));
    let why = match mean {
        Some(mean) => {
            price.model = Model::PerUnit { amount: rounded(&mean), base: Exact::ONE };
            format!("the mean of {count} prices of {}", input.meter)
        }
        None => "usual rates".to_owned(),
    };
    if let Some(offering) = input.attributes.get(attribute::OFFERING) {
        let name = input.attributes.get(attribute::OFFERING_NAME).unwrap_or(offering);
        price.code = format!("{}-{}", price.code, slug(name));
        price.conditions.offering = vec![offering.clone()];
    }
    Suggestion { prices: vec![price], why }
}
