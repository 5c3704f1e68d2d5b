//! Names of price units, and which unit fits which meter. PURE.

use super::price::{Dimension, MonthMode, Per, Unit};
use crate::meter::{self, Category, MeterUnit};

/// Names of units without the mode of a month: `(name, dimension, kind)`.
const NAMES: [(&str, Dimension, Held); 20] = [
    ("hour", Dimension::Resource, Held::Hour),
    ("month", Dimension::Resource, Held::Month),
    ("vcpu_hour", Dimension::Vcpu, Held::Hour),
    ("vcpu_month", Dimension::Vcpu, Held::Month),
    ("ram_gib_hour", Dimension::RamGib, Held::Hour),
    ("ram_gib_month", Dimension::RamGib, Held::Month),
    ("gpu_hour", Dimension::Gpu, Held::Hour),
    ("gpu_month", Dimension::Gpu, Held::Month),
    ("gib_hour", Dimension::Gib, Held::Hour),
    ("gib_month", Dimension::Gib, Held::Month),
    ("gb_hour", Dimension::Gb, Held::Hour),
    ("gb_month", Dimension::Gb, Held::Month),
    ("iops_hour", Dimension::Iops, Held::Hour),
    ("iops_month", Dimension::Iops, Held::Month),
    ("piece_hour", Dimension::Count, Held::Hour),
    ("piece_month", Dimension::Count, Held::Month),
    ("gib", Dimension::Gib, Held::Amount),
    ("gb", Dimension::Gb, Held::Amount),
    ("request", Dimension::Count, Held::Amount),
    ("piece", Dimension::Count, Held::Amount),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Amount,
    Hour,
    Month,
}

impl Held {
    fn of(per: Per) -> Self {
        match per {
            Per::Amount => Self::Amount,
            Per::Hour => Self::Hour,
            Per::Month(_) => Self::Month,
        }
    }
}

impl Unit {
    /// The unit with a name; months get `month`, which other units do not carry.
    pub fn from_name(name: &str, month: MonthMode) -> Option<Self> {
        let (_, dimension, held) = NAMES.iter().find(|(known, _, _)| *known == name)?;
        let per = match held {
            Held::Amount => Per::Amount,
            Held::Hour => Per::Hour,
            Held::Month => Per::Month(month),
        };
        Some(Self { dimension: *dimension, per })
    }

    /// The name in price books and on lines: `vcpu_hour`. Plain counts are pieces; see
    /// [`Unit::name_for`].
    pub fn name(self) -> &'static str {
        let held = Held::of(self.per);
        let mut names = NAMES.iter().rev();
        let found =
            names.find(|(_, dimension, known)| *dimension == self.dimension && *known == held);
        // A unit that no name has cannot be parsed; it is shown by its nearest kin.
        found.map_or("piece", |(name, _, _)| name)
    }

    /// The name for a meter: plain counts of a meter of requests are requests.
    pub fn name_for(self, meter: &str) -> &'static str {
        let requests = meter::meter_of(meter).is_some_and(|m| m.unit == MeterUnit::Request);
        match self.name() {
            "piece" if requests => "request",
            name => name,
        }
    }

    /// Whether the unit is a month of any mode.
    pub fn is_monthly(self) -> bool {
        Held::of(self.per) == Held::Month
    }
}

impl MonthMode {
    /// The text in price books.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Calendar => "calendar",
            Self::Fixed730 => "730",
            Self::Fixed720 => "720",
        }
    }
}

/// All unit names.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, _, _)| *name)
}

/// The names of units that fit a meter; those of imported meters for an unknown one.
pub fn names_for(code: &str) -> Vec<&'static str> {
    let fits = |name: &&str| {
        Unit::from_name(name, MonthMode::Calendar).is_some_and(|unit| fits_meter(unit, name, code))
    };
    names().filter(fits).collect()
}

/// Whether a unit can price a meter: the quantity must have that dimension.
fn fits_meter(unit: Unit, name: &str, code: &str) -> bool {
    let amount = unit.per == Per::Amount;
    let Some(meter) = meter::meter_of(code) else {
        // What is imported says by its own unit what it counts.
        return match unit.dimension {
            Dimension::Count => name != "request",
            Dimension::Resource | Dimension::Gib | Dimension::Gb => true,
            Dimension::Vcpu | Dimension::RamGib | Dimension::Gpu | Dimension::Iops => false,
        };
    };
    match meter.unit {
        MeterUnit::Byte => amount && matches!(unit.dimension, Dimension::Gib | Dimension::Gb),
        MeterUnit::Request => name == "request",
        MeterUnit::Piece => name == "piece",
        MeterUnit::Hour => !amount && dimension_fits(unit.dimension, meter),
    }
}

fn dimension_fits(dimension: Dimension, meter: &meter::Meter) -> bool {
    let machine = meter::kind::MACHINE_METERS.contains(&meter.code);
    match dimension {
        Dimension::Resource => true,
        Dimension::Vcpu | Dimension::RamGib | Dimension::Gpu => machine,
        Dimension::Gib | Dimension::Gb => meter.category == Category::Storage,
        Dimension::Iops => meter.code == meter::kind::VOLUME,
        Dimension::Count => false,
    }
}
