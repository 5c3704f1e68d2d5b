//! Minimums and caps hold to the cent. PURE.
//!
//! The lines that a bound is about are rounded one by one, so that the exact difference to the
//! bound would miss it by what rounding added or took. The line of the bound therefore takes the
//! difference in whole minor units: what it and the lines of its price come to together is their
//! exact sum, rounded once.

use std::collections::BTreeMap;

use super::document::{ChargePart, Line};
use crate::money::allocate::largest_remainder;
use crate::money::{Currency, Exact, Money, MoneyError, RoundingMode};
use crate::rate::ChargeKind;

/// Gives the lines of minimums and caps what the rounded lines of their price leave to the bound;
/// one of nothing, or of the wrong sign, is dropped. Lines are numbered anew.
pub(super) fn settle(
    lines: &mut Vec<Line>,
    parts: &mut Vec<ChargePart>,
    currency: Currency,
    rounding: RoundingMode,
) -> Result<(), MoneyError> {
    let mut of_price: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        of_price.entry(line.price_code.clone()).or_default().push(index);
    }
    let mut dropped = false;
    for indexes in of_price.values() {
        let (bounds, plain): (Vec<usize>, Vec<usize>) =
            indexes.iter().copied().partition(|index| is_bound(&lines[*index]));
        if bounds.is_empty() {
            continue;
        }
        let exact = Exact::sum(indexes.iter().map(|index| &lines[*index].exact));
        let mut left = Money::round(&exact, currency, rounding)?;
        for index in plain {
            left = left.checked_sub(Money { minor: lines[index].net_minor, currency })?;
        }
        let weights: Vec<Exact> =
            bounds.iter().map(|index| magnitude(&lines[*index].exact)).collect();
        for (index, minor) in bounds.into_iter().zip(largest_remainder(left.minor, &weights)) {
            let line = &mut lines[index];
            let right = line.exact.is_negative() == (minor < 0);
            line.net_minor = if right { minor } else { 0 };
            line.price = magnitude(&Money { minor: line.net_minor, currency }.to_exact());
            share(line, parts);
            dropped |= line.net_minor == 0;
        }
    }
    if dropped {
        drop_empty_bounds(lines, parts);
    }
    Ok(())
}

fn is_bound(line: &Line) -> bool {
    matches!(line.kind, ChargeKind::Minimum | ChargeKind::Cap)
}

fn magnitude(number: &Exact) -> Exact {
    if number.is_negative() { number.negated() } else { number.clone() }
}

fn share(line: &Line, parts: &mut [ChargePart]) {
    let mut own: Vec<&mut ChargePart> =
        parts.iter_mut().filter(|part| part.line == line.number).collect();
    let weights: Vec<Exact> = own.iter().map(|part| magnitude(&part.exact)).collect();
    for (part, minor) in own.iter_mut().zip(largest_remainder(line.net_minor, &weights)) {
        part.net_minor = minor;
    }
}

fn drop_empty_bounds(lines: &mut Vec<Line>, parts: &mut Vec<ChargePart>) {
    lines.retain(|line| !is_bound(line) || line.net_minor != 0);
    let numbers: BTreeMap<u32, u32> = lines.iter().map(|line| line.number).zip(1..).collect();
    parts.retain(|part| numbers.contains_key(&part.line));
    for line in lines {
        line.number = numbers[&line.number];
    }
    for part in parts {
        part.line = numbers[&part.line];
    }
}
