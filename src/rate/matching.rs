//! Which prices win for one meter and one set of facts. PURE.
//!
//! Within a component exactly one basis wins: a price that names the offering, else the prices by
//! dimension, of each dimension the most specific. Components add up.

use std::collections::BTreeMap;

use super::Lost;
use crate::catalog::price::{BookVersion, Conditions, Dimension, Per, Price};
use crate::collect::record::attribute;
use crate::meter::{Facts, MeterUnit, meter_of};
use crate::money::Exact;

/// The winners of one version for one meter and set of facts.
#[derive(Clone, Debug, Default)]
pub(super) struct Matched {
    /// Position of the price, and the factor that turns the record's quantity into its unit.
    pub winners: Vec<(usize, Exact)>,
    pub losers: Vec<(usize, Lost)>,
    /// The meter's own component has a price.
    pub priced: bool,
}

/// Finds the winners of one version.
pub(super) fn matched(version: &BookVersion, meter: &str, facts: &Facts) -> Matched {
    let mut result = Matched::default();
    let mut components: BTreeMap<&str, Vec<Candidate>> = BTreeMap::new();
    for (index, price) in version.prices.iter().enumerate() {
        if price.meter != meter {
            continue;
        }
        match candidate(index, price, facts) {
            Ok(candidate) => components.entry(&price.component).or_default().push(candidate),
            Err(lost) => result.losers.push((index, lost)),
        }
    }
    let own = meter_of(meter).map(|meter| meter.component);
    for (component, candidates) in components {
        result.priced |= own.is_none_or(|own| own == component);
        decide(version, candidates, &mut result);
    }
    result.losers.sort_by_key(|(index, _)| *index);
    result
}

struct Candidate {
    index: usize,
    factor: Exact,
    by_offering: bool,
    dimension: Dimension,
    /// Weights of the conditions it names, then the depth of its domain.
    specificity: (u32, usize),
}

fn decide(version: &BookVersion, candidates: Vec<Candidate>, result: &mut Matched) {
    let offering_wins = candidates.iter().any(|candidate| candidate.by_offering);
    let mut best: BTreeMap<u8, Candidate> = BTreeMap::new();
    let mut beaten = Vec::new();
    for candidate in candidates {
        if offering_wins && !candidate.by_offering {
            beaten.push((candidate.index, None));
            continue;
        }
        // By offering there is one winner in all, by dimension one for each dimension.
        let slot = if offering_wins { 0 } else { dimension_slot(candidate.dimension) };
        match best.remove(&slot) {
            None => {
                best.insert(slot, candidate);
            }
            Some(other) => {
                let (winner, loser) = if candidate.specificity > other.specificity {
                    (candidate, other)
                } else {
                    (other, candidate)
                };
                beaten.push((loser.index, Some(slot)));
                best.insert(slot, winner);
            }
        }
    }
    for (index, slot) in beaten {
        let winner = slot.and_then(|slot| best.get(&slot)).or_else(|| best.values().next());
        if let Some(winner) = winner {
            let by = version.prices[winner.index].code.clone();
            result.losers.push((index, Lost::Beaten { by }));
        }
    }
    for candidate in best.into_values() {
        result.winners.push((candidate.index, candidate.factor));
    }
}

fn dimension_slot(dimension: Dimension) -> u8 {
    match dimension {
        Dimension::Resource => 0,
        Dimension::Vcpu => 1,
        Dimension::RamGib => 2,
        Dimension::Gpu => 3,
        // Size by either unit is one dimension: it is never paid twice.
        Dimension::Gib | Dimension::Gb => 4,
        Dimension::Iops => 5,
        Dimension::Count => 6,
    }
}

fn candidate(index: usize, price: &Price, facts: &Facts) -> Result<Candidate, Lost> {
    let specificity = specificity(&price.conditions, facts)?;
    let factor = factor(price, facts)?;
    Ok(Candidate {
        index,
        factor,
        by_offering: !price.conditions.offering.is_empty(),
        dimension: price.unit.dimension,
        specificity,
    })
}

/// Checks all conditions; gives their weights: project, account, domain, tag, what the resource
/// is made of, zone, in this order.
fn specificity(conditions: &Conditions, facts: &Facts) -> Result<(u32, usize), Lost> {
    let mut weight = 0;
    let has = |keys: &[&str]| -> Vec<String> {
        keys.iter().filter_map(|key| facts.attributes.get(*key).cloned()).collect()
    };
    let named = |pair: &Option<(String, String)>| -> Vec<String> {
        pair.iter().flat_map(|(id, name)| [id.clone(), name.clone()]).collect()
    };
    let lists: [(&str, &[String], Vec<String>, u32); 8] = [
        ("project", &conditions.project, named(&facts.project), 64),
        ("account", &conditions.account, named(&facts.account), 32),
        (
            "offering",
            &conditions.offering,
            has(&[attribute::OFFERING, attribute::OFFERING_NAME]),
            4,
        ),
        (
            "template",
            &conditions.template,
            has(&[attribute::TEMPLATE, attribute::TEMPLATE_NAME]),
            4,
        ),
        ("os", &conditions.os, has(&[attribute::OS, attribute::OS_CATEGORY]), 4),
        ("storage_tag", &conditions.storage_tag, has(&[attribute::STORAGE_TAG]), 4),
        ("gpu_model", &conditions.gpu_model, has(&[attribute::GPU_MODEL]), 4),
        ("zone", &conditions.zone, has(&[attribute::ZONE, attribute::ZONE_NAME]), 2),
    ];
    for (name, wanted, found, bit) in lists {
        if wanted.is_empty() {
            continue;
        }
        if !wanted.iter().any(|one| found.iter().any(|other| other == one)) {
            return Err(condition(name, wanted, &found));
        }
        weight |= bit;
    }
    weight |= pairs("tag", &conditions.tag, attribute::TAG_PREFIX, facts, 8)?;
    weight |= pairs("attribute", &conditions.attribute, "", facts, 4)?;
    let depth = domain(&conditions.domain, facts)?;
    if depth > 0 {
        weight |= 16;
    }
    Ok((weight, depth))
}

fn condition(name: &str, wanted: &[String], found: &[String]) -> Lost {
    Lost::Condition { name: name.to_owned(), wanted: wanted.join(", "), found: found.join(", ") }
}

/// `key=value`, or `key` for any value.
fn pairs(
    name: &str,
    wanted: &[String],
    prefix: &str,
    facts: &Facts,
    bit: u32,
) -> Result<u32, Lost> {
    if wanted.is_empty() {
        return Ok(0);
    }
    let mut found = Vec::new();
    for one in wanted {
        let (key, value) = match one.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (one.as_str(), None),
        };
        if let Some(held) = facts.attributes.get(&format!("{prefix}{key}")) {
            if value.is_none_or(|value| value == held) {
                return Ok(bit);
            }
            found.push(format!("{key}={held}"));
        }
    }
    Err(condition(name, wanted, &found))
}

/// Depth of the deepest named domain that the owner lies in; 0 when none is named.
fn domain(wanted: &[String], facts: &Facts) -> Result<usize, Lost> {
    if wanted.is_empty() {
        return Ok(0);
    }
    let path = facts.domain_path.as_str();
    wanted
        .iter()
        .filter(|domain| {
            path == domain.as_str()
                || path.strip_prefix(domain.as_str()).is_some_and(|rest| rest.starts_with('/'))
        })
        .map(|domain| domain.split('/').count())
        .max()
        .ok_or_else(|| condition("domain", wanted, &[path.to_owned()]))
}

/// What one hour, byte, request or piece of the record is in units of the price.
fn factor(price: &Price, facts: &Facts) -> Result<Exact, Lost> {
    let meter_unit = meter_of(&price.meter).map(|meter| meter.unit);
    let over_time = price.unit.per != Per::Amount;
    let bytes = meter_unit == Some(MeterUnit::Byte);
    let dimension = price.unit.dimension;
    let number = |key: &str| number(facts, key, dimension);
    match (dimension, over_time, bytes) {
        (Dimension::Resource | Dimension::Count, _, _) => Ok(Exact::ONE),
        (Dimension::Gib, false, true) => Ok(Exact::ratio(1, 1 << 30)),
        (Dimension::Gb, false, true) => Ok(Exact::ratio(1, 1_000_000_000)),
        (Dimension::Vcpu, _, _) => number(attribute::VCPUS),
        (Dimension::RamGib, _, _) => Ok(number(attribute::RAM_MIB)?.times(&Exact::ratio(1, 1_024))),
        (Dimension::Gpu, _, _) => number(attribute::GPU_COUNT),
        (Dimension::Iops, _, _) => number(attribute::IOPS),
        (Dimension::Gib, _, _) => {
            Ok(number(attribute::SIZE_BYTES)?.times(&Exact::ratio(1, 1 << 30)))
        }
        (Dimension::Gb, _, _) => {
            Ok(number(attribute::SIZE_BYTES)?.times(&Exact::ratio(1, 1_000_000_000)))
        }
    }
}

/// A numeric attribute; a resource without it, or with none of it, lacks the dimension. A size
/// of zero is a size: an empty snapshot costs nothing and is not unpriced.
fn number(facts: &Facts, key: &str, dimension: Dimension) -> Result<Exact, Lost> {
    let lacks = || Lost::NoDimension { dimension: key.to_owned() };
    let text = facts.attributes.get(key).ok_or_else(lacks)?;
    let value: Exact = text.parse().map_err(|_| lacks())?;
    if dimension == Dimension::Gpu && !value.is_positive() {
        return Err(lacks());
    }
    Ok(value)
}
