//! Prices and price-book versions, parsed and valid. PURE.

use serde::{Deserialize, Serialize};

use crate::money::{Currency, Exact};
use crate::period::Span;

/// What one unit of a price counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The resource itself: machine hours, address hours.
    Resource,
    Vcpu,
    RamGib,
    Gpu,
    /// Stored size in GiB (2^30 bytes).
    Gib,
    /// Stored size, or traffic, in GB (10^9 bytes).
    Gb,
    Iops,
    /// Requests or pieces, as they come.
    Count,
}

/// How hours become months.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MonthMode {
    /// The hours of the billing period in the customer's zone.
    #[serde(rename = "calendar")]
    Calendar,
    #[serde(rename = "730")]
    Fixed730,
    #[serde(rename = "720")]
    Fixed720,
}

/// Whether the unit is an amount, or an amount held over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// A plain amount: GB of traffic, requests, pieces.
    Amount,
    Hour,
    Month(MonthMode),
}

/// The unit of a price: `vcpu_hour`, `gib_month`, `gb`, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unit {
    pub dimension: Dimension,
    pub per: Per,
}

/// One tier, half-open above: units from the former bound up to and including `up_to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// `None`: no upper bound; only on the last tier.
    pub up_to: Option<Exact>,
    pub amount: Exact,
    /// Fee due once when the tier is touched.
    pub flat: Exact,
}

/// How quantity becomes money. Amounts are major units of the book's currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// `amount` for each `base` units.
    PerUnit {
        amount: Exact,
        base: Exact,
    },
    Graduated {
        tiers: Vec<Tier>,
    },
    Volume {
        tiers: Vec<Tier>,
    },
    /// `amount` for each package of `size` begun.
    Package {
        size: Exact,
        amount: Exact,
    },
    /// `amount` once for each resource and period in which it is used; prorated by used hours
    /// of the period when `prorate`.
    Flat {
        amount: Exact,
        prorate: bool,
    },
    /// `amount` for each piece, once.
    OneOff {
        amount: Exact,
    },
}

/// Over what the tiers, included units, minimum and cap of a price count.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "snake_case")]
pub enum TierScope {
    Resource,
    Project,
    Account,
    #[default]
    Customer,
    /// All customers of the agreement's seller together.
    SellerPool,
}

/// When a price applies. Empty lists do not restrict; one match in each list is needed.
/// `offering` names ids or names; the others likewise; `domain` matches the path and below.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    pub offering: Vec<String>,
    pub template: Vec<String>,
    pub os: Vec<String>,
    pub storage_tag: Vec<String>,
    pub gpu_model: Vec<String>,
    pub zone: Vec<String>,
    pub domain: Vec<String>,
    pub account: Vec<String>,
    pub project: Vec<String>,
    /// `key=value`, or `key` for any value.
    pub tag: Vec<String>,
    /// Any other attribute of the usage record: `key=value`.
    pub attribute: Vec<String>,
}

/// One entry of a price book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Stable through versions of the book; tier positions go on by it.
    pub code: String,
    /// Within a component exactly one basis wins.
    pub component: String,
    pub meter: String,
    pub unit: Unit,
    pub model: Model,
    pub conditions: Conditions,
    /// Units free of charge in each period and tier scope.
    pub included: Exact,
    /// Least amount for each period and tier scope in which there is usage.
    pub minimum: Option<Exact>,
    /// Greatest amount for each period and tier scope.
    pub cap: Option<Exact>,
    pub tier_scope: TierScope,
    /// Start the tiers anew when a new version of this price begins.
    pub tier_restart: bool,
    /// The class of tax rate, `standard` unless said.
    pub tax_class: String,
    /// Text on the invoice; made from meter and offering when absent.
    pub text: Option<String>,
}

/// A version of a price book: valid `[from, until)`, never changed after it is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookVersion {
    /// `<book>@<number>`.
    pub id: String,
    pub book: String,
    pub currency: Currency,
    pub span: Span,
    pub recorded_at: i64,
    pub prices: Vec<Price>,
}
