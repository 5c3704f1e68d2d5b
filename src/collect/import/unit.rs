//! Units in which imported quantities may be given, and which of them fit a meter. PURE.

use crate::collect::record::RecordKind;
use crate::meter::{Category, Meter, MeterUnit, meter_of};
use crate::money::Exact;

/// Names of units, the base unit they count in, and how many of it one is.
const UNITS: [(&str, MeterUnit, i128, i128); 17] = [
    ("second", MeterUnit::Hour, 1, 3_600),
    ("minute", MeterUnit::Hour, 1, 60),
    ("hour", MeterUnit::Hour, 1, 1),
    ("day", MeterUnit::Hour, 24, 1),
    ("byte", MeterUnit::Byte, 1, 1),
    ("kB", MeterUnit::Byte, 1_000, 1),
    ("MB", MeterUnit::Byte, 1_000_000, 1),
    ("GB", MeterUnit::Byte, 1_000_000_000, 1),
    ("TB", MeterUnit::Byte, 1_000_000_000_000, 1),
    ("PB", MeterUnit::Byte, 1_000_000_000_000_000, 1),
    ("KiB", MeterUnit::Byte, 1 << 10, 1),
    ("MiB", MeterUnit::Byte, 1 << 20, 1),
    ("GiB", MeterUnit::Byte, 1 << 30, 1),
    ("TiB", MeterUnit::Byte, 1 << 40, 1),
    ("PiB", MeterUnit::Byte, 1 << 50, 1),
    ("request", MeterUnit::Request, 1, 1),
    ("piece", MeterUnit::Piece, 1, 1),
];

/// The base unit's name, as records keep it.
pub(super) fn base_name(base: MeterUnit) -> &'static str {
    match base {
        MeterUnit::Hour => "hour",
        MeterUnit::Byte => "byte",
        MeterUnit::Request => "request",
        MeterUnit::Piece => "piece",
    }
}

/// The base unit of a quantity, and how many of it one of the given unit is. `Gb` is refused: it
/// would be bits. Without a name it is the meter's own, hours of an interval, bytes of a level of
/// stored size, else pieces.
pub(super) fn unit_of(
    meter: &str,
    kind: RecordKind,
    name: &str,
) -> Result<(MeterUnit, Exact), String> {
    let known = meter_of(meter);
    let default = match known.map(|meter| meter.unit) {
        Some(MeterUnit::Hour) if kind == RecordKind::Gauge => MeterUnit::Byte,
        Some(own) => own,
        None if kind == RecordKind::Interval => MeterUnit::Hour,
        None => MeterUnit::Piece,
    };
    let (base, factor) = match name {
        "" => (default, Exact::ONE),
        name => {
            let lower = |known: &str| known.to_lowercase() == name;
            let found = UNITS.iter().find(|(known, ..)| *known == name || lower(known));
            let (_, base, n, d) = found.ok_or_else(|| {
                let names: Vec<&str> = UNITS.iter().map(|(name, ..)| *name).collect();
                format!("{name:?}: use {}", names.join(", "))
            })?;
            (*base, Exact::ratio(*n, *d))
        }
    };
    match known {
        Some(meter) => fits_built_in(meter, kind, base)?,
        None => fits_imported(kind, base)?,
    }
    Ok((base, factor))
}

fn fits_built_in(meter: &Meter, kind: RecordKind, base: MeterUnit) -> Result<(), String> {
    let (code, own) = (meter.code, base_name(meter.unit));
    if kind == RecordKind::Gauge {
        return match (meter.unit, meter.category, base) {
            (MeterUnit::Hour, Category::Storage, MeterUnit::Byte) => Ok(()),
            (MeterUnit::Hour, Category::Storage, _) => {
                Err(format!("a level of {code} is its size: give it in byte, GB or GiB"))
            }
            _ => Err(format!("{code} has no level: use kind delta, cumulative or interval")),
        };
    }
    if base != meter.unit {
        return Err(format!("{:?}: {code} counts in {own}", base_name(base)));
    }
    fits_interval(kind, base)
}

fn fits_imported(kind: RecordKind, base: MeterUnit) -> Result<(), String> {
    match (kind, base) {
        (RecordKind::Gauge, MeterUnit::Hour | MeterUnit::Request) => {
            Err("a level is a number of pieces, or a size in byte, GB or GiB".to_owned())
        }
        _ => fits_interval(kind, base),
    }
}

fn fits_interval(kind: RecordKind, base: MeterUnit) -> Result<(), String> {
    match (kind, base) {
        (RecordKind::Interval, MeterUnit::Byte | MeterUnit::Request | MeterUnit::Piece) => {
            Err("an interval counts hours: use kind delta for amounts, gauge for levels".to_owned())
        }
        _ => Ok(()),
    }
}
