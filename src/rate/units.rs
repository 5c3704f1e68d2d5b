//! Which units fit which quantities, and how many price units one unit of quantity is. PURE.

use crate::catalog::price::{Dimension, Model, MonthMode, Per, Price, Unit};
use crate::collect::record::attribute;
use crate::meter::quantities::UNIT_HELD;
use crate::meter::{Facts, MeterUnit, meter_of};
use crate::money::Exact;
use crate::money::amount::parse_stored;

const KIB: i128 = 1024;
const GIB: i128 = KIB * KIB * KIB;
const GB: i128 = 1_000_000_000;

/// What a metered quantity counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Hours,
    Bytes,
    /// Requests and pieces.
    Pieces,
    /// Pieces (or another level) × hours.
    Held,
}

impl Counted {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Hours => "hours",
            Self::Bytes => "bytes",
            Self::Pieces => "pieces",
            Self::Held => "held",
        }
    }
}

/// What the quantities of a meter with these facts count: built-in meters by their unit, imported
/// ones by the unit given with the record.
pub(super) fn counted(meter: &str, facts: &Facts) -> Counted {
    let unit = facts.attributes.get(attribute::UNIT).map(String::as_str);
    if unit.is_some_and(|unit| unit.ends_with(UNIT_HELD)) {
        return Counted::Held;
    }
    match meter_of(meter).map(|meter| meter.unit) {
        Some(MeterUnit::Hour) => Counted::Hours,
        Some(MeterUnit::Byte) => Counted::Bytes,
        Some(MeterUnit::Request | MeterUnit::Piece) => Counted::Pieces,
        None => match unit {
            Some("hour") => Counted::Hours,
            Some("byte") => Counted::Bytes,
            Some(_) | None => Counted::Pieces,
        },
    }
}

/// Whether a price's unit can count such quantities.
pub(super) fn fits(price: &Price, counted: Counted) -> bool {
    use Dimension::{Count, Gb, Gib, Gpu, Iops, RamGib, Resource, Vcpu};
    if matches!(price.model, Model::Flat { .. }) && price.unit.dimension == Resource {
        return true;
    }
    let held = price.unit.per != Per::Amount;
    match (counted, price.unit.dimension) {
        (Counted::Hours, Resource | Vcpu | RamGib | Gpu | Gib | Gb | Iops) => held,
        // An imported count of hours may be priced by the piece that is held.
        (Counted::Hours | Counted::Held, Count) => held,
        (Counted::Bytes, Gib | Gb) | (Counted::Pieces, Count) => !held,
        (Counted::Bytes | Counted::Pieces | Counted::Held, _) => false,
    }
}

/// Price units in one unit of the quantity: vCPUs of the machine for `vcpu_hour`, 1 ÷ 10^9 for
/// bytes priced by the GB. `None` when the facts do not tell it.
pub(super) fn factor(unit: Unit, facts: &Facts) -> Option<Exact> {
    let fact = |key| facts.attributes.get(key).and_then(|text| parse_stored(text).ok());
    let size = |divisor| match unit.per {
        Per::Amount => Some(Exact::ratio(1, divisor)),
        Per::Hour | Per::Month(_) => {
            fact(attribute::SIZE_BYTES).map(|bytes| bytes.times(&Exact::ratio(1, divisor)))
        }
    };
    let factor = match unit.dimension {
        Dimension::Resource | Dimension::Count => Some(Exact::ONE),
        Dimension::Vcpu => fact(attribute::VCPUS),
        Dimension::RamGib => fact(attribute::RAM_MIB).map(|mib| mib.times(&Exact::ratio(1, KIB))),
        Dimension::Gpu => fact(attribute::GPU_COUNT).filter(Exact::is_positive),
        Dimension::Gib => size(GIB),
        Dimension::Gb => size(GB),
        Dimension::Iops => fact(attribute::IOPS),
    };
    factor.filter(|factor| !factor.is_negative()).map(|factor| factor.reduced())
}

/// Whether a resource of this kind always has the dimension, so that a missing one is a doubt and
/// not a property: a machine without a GPU is ordinary, a machine without memory is not.
pub(super) fn must_be_known(dimension: Dimension) -> bool {
    match dimension {
        Dimension::Vcpu | Dimension::RamGib | Dimension::Gib | Dimension::Gb => true,
        Dimension::Resource | Dimension::Gpu | Dimension::Iops | Dimension::Count => false,
    }
}

/// Hours of a month, 1 for units that are not held by the month: what the quantity is divided by
/// at the very end.
pub(super) fn month_hours(per: Per, period_hours: &Exact) -> Exact {
    match per {
        Per::Amount | Per::Hour => Exact::ONE,
        Per::Month(MonthMode::Calendar) => period_hours.clone(),
        Per::Month(MonthMode::Fixed730) => Exact::int(730),
        Per::Month(MonthMode::Fixed720) => Exact::int(720),
    }
}

/// The dimension's key in prices and explanations.
pub(super) fn dimension_name(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Resource => "resource",
        Dimension::Vcpu => "vcpu",
        Dimension::RamGib => "ram_gib",
        Dimension::Gpu => "gpu",
        Dimension::Gib => "gib",
        Dimension::Gb => "gb",
        Dimension::Iops => "iops",
        Dimension::Count => "count",
    }
}
