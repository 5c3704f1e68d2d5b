//! What must hold between the prices of one book. PURE.

use std::collections::BTreeMap;

use super::book::{Placed, Problems};
use super::price::{Conditions, Dimension, Price};

/// Reports codes used twice, and prices between which chance would choose.
pub(super) fn check(prices: &[Placed], problems: &mut Problems) {
    let mut codes: BTreeMap<&str, &Placed> = BTreeMap::new();
    let mut bases: BTreeMap<Vec<String>, &Placed> = BTreeMap::new();
    let mut sizes: BTreeMap<(&str, &str), &Placed> = BTreeMap::new();
    for placed in prices {
        let price = &placed.price;
        if let Some(first) = codes.get(price.code.as_str()) {
            let message =
                format!("code {:?} is used twice, first in line {}", price.code, first.line);
            problems.add(placed.offset, message, "give every price a code of its own");
        } else {
            codes.insert(&price.code, placed);
        }
        if matches!(price.unit.dimension, Dimension::Gib | Dimension::Gb) {
            let first = *sizes.entry((&price.component, &price.meter)).or_insert(placed);
            if first.price.unit.dimension != price.unit.dimension {
                let message = format!(
                    "price {:?} counts by {}, and {:?} in line {} of the same component {:?} by {}",
                    price.code,
                    price.unit.name(),
                    first.price.code,
                    first.line,
                    price.component,
                    first.price.unit.name()
                );
                let hint = "count the sizes of a component by GiB or by GB, else both are charged";
                problems.add(placed.offset, message, hint);
                continue;
            }
        }
        let basis = basis_of(price);
        if let Some(first) = bases.get(&basis) {
            let message = format!(
                "price {:?} is ambiguous: {:?} in line {} has the same component {:?}, meter {:?}, \
                 dimension and conditions",
                price.code, first.price.code, first.line, price.component, price.meter
            );
            let hint = "add a condition, or give it another component to charge both";
            problems.add(placed.offset, message, hint);
        } else {
            bases.insert(basis, placed);
        }
    }
}

/// Equal for two prices between which nothing decides. The order and repetition of a
/// condition's words do not matter.
fn basis_of(price: &Price) -> Vec<String> {
    let mut basis = vec![
        price.component.clone(),
        price.meter.clone(),
        dimension_word(price.unit.dimension).to_owned(),
    ];
    for (key, words) in condition_lists(&price.conditions) {
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        words.sort_unstable();
        words.dedup();
        basis.extend(words.into_iter().map(|word| format!("{key}={word}")));
    }
    basis
}

fn dimension_word(dimension: Dimension) -> &'static str {
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

/// The conditions by key, in the order of the reference.
pub(super) fn condition_lists(conditions: &Conditions) -> [(&'static str, &Vec<String>); 11] {
    [
        ("offering", &conditions.offering),
        ("template", &conditions.template),
        ("os", &conditions.os),
        ("storage_tag", &conditions.storage_tag),
        ("gpu_model", &conditions.gpu_model),
        ("zone", &conditions.zone),
        ("domain", &conditions.domain),
        ("account", &conditions.account),
        ("project", &conditions.project),
        ("tag", &conditions.tag),
        ("attribute", &conditions.attribute),
    ]
}
