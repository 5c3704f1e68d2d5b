//! Metered quantities and prices become charges: exact amounts, each with the price, the tier
//! and the records that made it. PURE; a function of its input alone.

pub mod engine;
mod gather;
mod matching;
mod pool;
mod tiers;
mod units;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::price::{BookVersion, TierScope};
use crate::ids::CustomerId;
use crate::meter::{Facts, Metered};
use crate::money::Exact;
use crate::period::{Period, Span};

/// Everything the engine may know.
pub struct RatingInput<'a> {
    pub period: Period,
    /// Hours of the full billing period for calendar-month prices, as an exact number: 743 for
    /// March in Amsterdam. The nominal period's where the real one is a short first one.
    pub period_hours: Exact,
    /// Quantities cut at [`BookVersion`] and tax boundaries, of `customer`, and of the other
    /// customers of the seller where a price pools over the seller.
    pub metered: &'a [Metered],
    /// Versions valid at some time in the period, ascending, not overlapping.
    pub versions: &'a [BookVersion],
    /// Cut instants inside the period: versions, tax rates, agreements. Ascending.
    pub boundaries: &'a [i64],
    /// Whose charges are wanted.
    pub customer: &'a CustomerId,
}

/// The pool in which tiers, included units, minimum and cap count, and in which late usage is
/// compared with what was billed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PoolKey {
    pub price_code: String,
    pub scope: TierScope,
    /// Resource, project, account or customer id, or the seller's; empty text never.
    pub scope_id: String,
}

/// What a charge pays for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeKind {
    Usage,
    /// Units of the allotment, at a price of zero.
    Included,
    /// The flat fee of a tier that was touched.
    TierFee,
    /// Packages begun in the pool.
    Package,
    Flat,
    OneOff,
    /// What is missing to the price's minimum.
    Minimum,
    /// What exceeds the price's cap, as an amount below zero.
    Cap,
}

/// The tier a charge fell in: units above `from`, up to and including `up_to`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TierSpan {
    pub index: usize,
    pub from: Exact,
    pub up_to: Option<Exact>,
}

/// A rated quantity. `quantity × price ÷ base` is its exact amount in major units, before any
/// rounding; [`ChargeKind::Minimum`] and `Cap` have quantity 1 (or −1) at their amount.
#[derive(Clone, Debug)]
pub struct Charge {
    pub kind: ChargeKind,
    /// Shared by all charges of the pool.
    pub pool: Arc<PoolKey>,
    /// Position of the version in [`RatingInput::versions`] and of the price in it.
    pub version: usize,
    pub price: usize,
    pub tier: Option<TierSpan>,
    /// The boundary segment of the period in which it was used.
    pub segment: Span,
    /// In the price's unit: hours where the unit is a month, with `base` the month's hours.
    pub quantity: Exact,
    pub unit_price: Exact,
    pub base: Exact,
    /// `None` for charges of the pool as a whole (packages, tier fees, minimum, cap).
    pub resource: Option<ChargedResource>,
    /// What a charge of the pool as a whole stands on; `None` where `resource` tells it.
    pub behind: Option<Behind>,
}

/// The wanted customer's usage in a pool that is charged as a whole.
#[derive(Clone, Debug)]
pub struct Behind {
    /// Positions of the usage records in the caller's list, ascending, each once.
    pub records: Vec<usize>,
    /// Facts of the first use.
    pub facts: Arc<Facts>,
}

/// The resource behind a charge.
#[derive(Clone, Debug)]
pub struct ChargedResource {
    pub meter: Arc<str>,
    pub id: Arc<str>,
    pub facts: Arc<Facts>,
    /// When the quantity was used.
    pub span: Span,
    /// Position of the usage record in the caller's list.
    pub record: usize,
}

impl Charge {
    /// `quantity × price ÷ base`, exact, in major units.
    pub fn amount(&self) -> Exact {
        let product = self.quantity.times(&self.unit_price);
        product.divided_by(&self.base).unwrap_or(Exact::ZERO)
    }
}

/// A quantity that no price of its meter's component covers.
#[derive(Clone, Debug)]
pub struct Unpriced {
    pub meter: Arc<str>,
    pub facts: Arc<Facts>,
    pub quantity: Exact,
    pub resource: Arc<str>,
    pub span: Span,
    pub records: Vec<usize>,
}

/// Why a price that names the meter did not win; for `rate --explain`. Texts are shared: many
/// prices lose for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Lost {
    /// A condition did not hold: which, and what was found.
    Condition {
        name: &'static str,
        #[serde(serialize_with = "as_text")]
        wanted: Arc<str>,
        #[serde(serialize_with = "as_text")]
        found: Arc<str>,
    },
    /// Another price of the component was more specific, or went by offering.
    Beaten {
        #[serde(serialize_with = "as_text")]
        by: Arc<str>,
    },
    /// The resource has no such dimension (no GPU, no size).
    NoDimension { dimension: &'static str },
}

fn as_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// The decision for one set of facts, one meter and one version.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    pub version: usize,
    pub meter: String,
    /// Positions of the winning prices.
    pub winners: Vec<usize>,
    pub losers: Vec<(usize, Lost)>,
    #[serde(skip)]
    pub facts: Option<Arc<Facts>>,
}

/// What rating gives.
#[derive(Debug, Default)]
pub struct Rating {
    /// In order of segment, price, pool, record start and resource.
    pub charges: Vec<Charge>,
    pub unpriced: Vec<Unpriced>,
    pub decisions: Vec<Decision>,
}
