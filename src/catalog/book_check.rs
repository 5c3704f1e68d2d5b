//! What must hold between the prices of one book. PURE.

use std::collections::BTreeMap;

use super::book::{Placed, Problems};
use super::price::{Conditions, Dimension, Price};

/// Reports codes used twice, and prices between which chance would choose.
pub(super) fn check(prices: &[Placed], problems: &mut Problems) {
    let mut codes: BTreeMap<&str, &Placed> = BTreeMap::new();
    let mut bases: BTreeMap<Vec<String>, &Placed> = BTreeMap::new();
    for placed in prices {
        let price = &placed.price;
        if let Some(first) = codes.get(price.code.as_str()) {
            let message =
                format!("code {:?} is used twice, first in line {}", price.code, first.line);
            problems.add(placed.offset, message, "give every price a code of its own");
        } else {
            codes.insert(&price.code, placed);
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

/// Size in GiB and in GB is one dimension: both would charge the same bytes twice.
fn dimension_word(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Resource => "resource",
        Dimension::Vcpu => "vcpu",
        Dimension::RamGib => "ram",
        Dimension::Gpu => "gpu",
        Dimension::Gib | Dimension::Gb => "size",
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
