//! Which prices win for a resource: one basis in each component, the most specific price in each
//! dimension. PURE.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Decision, Lost, units};
use crate::catalog::price::{BookVersion, Conditions, Dimension, Price, Unit};
use crate::collect::record::attribute;
use crate::meter::{Facts, meter_of};
use crate::money::Exact;

/// The prices of one meter in one version, and which facts decide between them.
pub(super) struct MeterPrices<'a> {
    /// Position in the version, and position of the unit in `units`.
    prices: Vec<(usize, usize)>,
    /// Distinct units of these prices.
    units: Vec<Unit>,
    /// Attributes that a condition reads.
    keys: BTreeSet<String>,
    by_account: bool,
    by_project: bool,
    by_domain: bool,
    version: usize,
    book: &'a BookVersion,
    meter: String,
}

/// What decides: facts with equal signatures have the same winners and losers.
pub(super) type Signature<'f> = Vec<Option<&'f str>>;

/// What holds for one signature.
pub(super) struct Verdict {
    /// Position of the price and of its unit.
    pub winners: Vec<(usize, usize)>,
    /// The meter's own component has a winner, and no dimension that should be known is missing.
    pub priced: bool,
}

/// How narrowly a price is conditioned, greater is narrower: the groups of conditions it has,
/// then the depth of the domain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Specificity {
    groups: u8,
    domain_depth: usize,
}

const PROJECT: u8 = 64;
const ACCOUNT: u8 = 32;
const DOMAIN: u8 = 16;
const TAG: u8 = 8;
const KIND: u8 = 4;
const ZONE: u8 = 2;

/// A price whose conditions hold.
struct Candidate<'a> {
    position: usize,
    unit: usize,
    price: &'a Price,
    specificity: Specificity,
    /// Whether the resource's amount of the unit's dimension is known.
    known: bool,
}

impl<'a> MeterPrices<'a> {
    pub(super) fn new(version: usize, book: &'a BookVersion, meter: &str) -> Self {
        let mut found = Self {
            prices: Vec::new(),
            units: Vec::new(),
            keys: BTreeSet::new(),
            by_account: false,
            by_project: false,
            by_domain: false,
            version,
            book,
            meter: meter.to_owned(),
        };
        for (position, price) in book.prices.iter().enumerate() {
            if price.meter == meter {
                found.add(position, price);
            }
        }
        found
    }

    fn add(&mut self, position: usize, price: &Price) {
        let known = self.units.iter().position(|unit| *unit == price.unit);
        let unit = known.unwrap_or_else(|| {
            self.units.push(price.unit);
            self.units.len() - 1
        });
        self.prices.push((position, unit));
        let conditions = &price.conditions;
        self.by_account |= !conditions.account.is_empty();
        self.by_project |= !conditions.project.is_empty();
        self.by_domain |= !conditions.domain.is_empty();
        for (wanted, keys) in [
            (&conditions.offering, OFFERING),
            (&conditions.template, TEMPLATE),
            (&conditions.os, OS),
            (&conditions.zone, ZONES),
            (&conditions.storage_tag, &[attribute::STORAGE_TAG]),
            (&conditions.gpu_model, &[attribute::GPU_MODEL]),
        ] {
            if !wanted.is_empty() {
                self.keys.extend(keys.iter().map(|key| (*key).to_owned()));
            }
        }
        for (wanted, prefix) in
            [(&conditions.tag, attribute::TAG_PREFIX), (&conditions.attribute, "")]
        {
            self.keys.extend(wanted.iter().map(|pair| format!("{prefix}{}", key_of(pair))));
        }
    }

    /// Price units in one unit of the quantity, for each distinct unit.
    pub(super) fn factors(&self, facts: &Facts) -> Vec<Option<Exact>> {
        self.units.iter().map(|unit| units::factor(*unit, facts)).collect()
    }

    /// The facts that decide.
    pub(super) fn signature<'f>(
        &self,
        facts: &'f Facts,
        factors: &[Option<Exact>],
    ) -> Signature<'f> {
        let mut signature = Vec::with_capacity(self.keys.len() + factors.len() + 6);
        let fact = |key: &String| facts.attributes.get(key).map(String::as_str);
        signature.extend(self.keys.iter().map(fact));
        let named = |who: &'f Option<(String, String)>| {
            let (id, name) = who.as_ref().map(|(id, name)| (id.as_str(), name.as_str())).unzip();
            [id, name]
        };
        if self.by_account {
            signature.extend(named(&facts.account));
        }
        if self.by_project {
            signature.extend(named(&facts.project));
        }
        if self.by_domain {
            signature.push(Some(&facts.domain_path));
        }
        signature.extend(factors.iter().map(|factor| factor.as_ref().map(|_| "known")));
        signature.push(Some(units::counted(&self.meter, facts).as_str()));
        signature
    }

    /// Decides which prices win.
    pub(super) fn decide(
        &self,
        facts: &Arc<Facts>,
        factors: &[Option<Exact>],
    ) -> (Verdict, Decision) {
        let counted = units::counted(&self.meter, facts);
        let mut losers = Vec::new();
        let mut components: BTreeMap<&str, Vec<Candidate<'_>>> = BTreeMap::new();
        for (position, unit) in self.prices.iter().copied() {
            let price = &self.book.prices[position];
            if !units::fits(price, counted) {
                continue;
            }
            let known = factors[unit].is_some();
            match check_conditions(&price.conditions, facts) {
                Err(lost) => losers.push((position, lost)),
                Ok(_) if !known && !units::must_be_known(price.unit.dimension) => {
                    losers.push((position, no_dimension(price)));
                }
                Ok(specificity) => {
                    let candidate = Candidate { position, unit, price, specificity, known };
                    components.entry(&price.component).or_default().push(candidate);
                }
            }
        }
        let mut winners = Vec::new();
        let mut won = Vec::new();
        let mut missing = false;
        for (component, candidates) in components {
            for best in basis(candidates, self.book, &mut losers) {
                if best.known {
                    won.push(component);
                    winners.push((best.position, best.unit));
                } else {
                    missing = true;
                    losers.push((best.position, no_dimension(best.price)));
                }
            }
        }
        winners.sort_unstable();
        losers.sort_by_key(|(position, _)| *position);
        let own = meter_of(&self.meter).map(|meter| meter.component);
        let priced = !missing && own.map_or(!won.is_empty(), |own| won.contains(&own));
        let decision = Decision {
            version: self.version,
            meter: self.meter.clone(),
            winners: winners.iter().map(|(price, _)| *price).collect(),
            losers,
            facts: Some(Arc::clone(facts)),
        };
        (Verdict { winners, priced }, decision)
    }
}

/// Keys that a condition may name by id or by name.
const OFFERING: &[&str] = &[attribute::OFFERING, attribute::OFFERING_NAME];
const TEMPLATE: &[&str] = &[attribute::TEMPLATE, attribute::TEMPLATE_NAME];
const OS: &[&str] = &[attribute::OS, attribute::OS_CATEGORY];
const ZONES: &[&str] = &[attribute::ZONE, attribute::ZONE_NAME];

fn key_of(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(key, _)| key)
}

fn no_dimension(price: &Price) -> Lost {
    Lost::NoDimension { dimension: units::dimension_name(price.unit.dimension).to_owned() }
}

/// The one basis of a component: the prices by offering where there are any, else those by
/// dimension; of each dimension the most specific, the earlier in the book among equals.
fn basis<'a>(
    candidates: Vec<Candidate<'a>>,
    version: &BookVersion,
    losers: &mut Vec<(usize, Lost)>,
) -> Vec<Candidate<'a>> {
    let by_offering = |candidate: &Candidate<'_>| !candidate.price.conditions.offering.is_empty();
    let offering_wins = candidates.iter().any(by_offering);
    let mut best: Vec<Candidate<'a>> = Vec::new();
    let mut beaten: Vec<(usize, Option<Dimension>)> = Vec::new();
    for candidate in candidates {
        if offering_wins && !by_offering(&candidate) {
            beaten.push((candidate.position, None));
            continue;
        }
        let dimension = candidate.price.unit.dimension;
        match best.iter_mut().find(|best| best.price.unit.dimension == dimension) {
            None => best.push(candidate),
            Some(best) if candidate.specificity > best.specificity => {
                beaten.push((best.position, Some(dimension)));
                *best = candidate;
            }
            Some(_) => beaten.push((candidate.position, Some(dimension))),
        }
    }
    for (position, dimension) in beaten {
        let by = best
            .iter()
            .find(|best| dimension.is_none_or(|dimension| best.price.unit.dimension == dimension));
        if let Some(by) = by {
            let by = version.prices[by.position].code.clone();
            losers.push((position, Lost::Beaten { by }));
        }
    }
    best
}

/// Whether all conditions hold, and how specific they are; else the first that does not.
fn check_conditions(conditions: &Conditions, facts: &Facts) -> Result<Specificity, Lost> {
    let fact = |key: &&str| facts.attributes.get(*key).map(String::as_str);
    let texts = |keys: &[&str]| keys.iter().filter_map(fact).collect::<Vec<_>>();
    let named = |who: &Option<(String, String)>| -> Vec<String> {
        who.iter().flat_map(|(id, name)| [id.clone(), name.clone()]).collect()
    };
    let (account, project) = (named(&facts.account), named(&facts.project));
    let account: Vec<&str> = account.iter().map(String::as_str).collect();
    let project: Vec<&str> = project.iter().map(String::as_str).collect();
    // A storage offering may carry several tags, with commas between.
    let tags = texts(&[attribute::STORAGE_TAG]);
    let tags: Vec<&str> = tags.iter().flat_map(|tags| tags.split(',')).map(str::trim).collect();
    let mut groups = 0;
    for (name, wanted, found, group) in [
        ("offering", &conditions.offering, texts(OFFERING), 0),
        ("template", &conditions.template, texts(TEMPLATE), KIND),
        ("os", &conditions.os, texts(OS), KIND),
        ("storage_tag", &conditions.storage_tag, tags, KIND),
        ("gpu_model", &conditions.gpu_model, texts(&[attribute::GPU_MODEL]), KIND),
        ("zone", &conditions.zone, texts(ZONES), ZONE),
        ("account", &conditions.account, account, ACCOUNT),
        ("project", &conditions.project, project, PROJECT),
    ] {
        groups |= check_names(name, wanted, &found, group)?;
    }
    groups |= check_pairs("tag", &conditions.tag, attribute::TAG_PREFIX, facts, TAG)?;
    groups |= check_pairs("attribute", &conditions.attribute, "", facts, KIND)?;
    let domain_depth = check_domain(&conditions.domain, &facts.domain_path)?;
    if domain_depth > 0 {
        groups |= DOMAIN;
    }
    Ok(Specificity { groups, domain_depth })
}

/// One of the wanted ids or names must be found; gives the condition's group when there is one.
fn check_names(name: &str, wanted: &[String], found: &[&str], group: u8) -> Result<u8, Lost> {
    if wanted.is_empty() {
        return Ok(0);
    }
    if wanted.iter().any(|wanted| found.contains(&wanted.as_str())) {
        return Ok(group);
    }
    let (name, wanted, found) = (name.to_owned(), wanted.join(", "), found.join(", "));
    Err(Lost::Condition { name, wanted, found })
}

/// `key=value`, or `key` for any value.
fn check_pairs(
    name: &str,
    wanted: &[String],
    prefix: &str,
    facts: &Facts,
    group: u8,
) -> Result<u8, Lost> {
    if wanted.is_empty() {
        return Ok(0);
    }
    let fact = |pair: &str| facts.attributes.get(&format!("{prefix}{}", key_of(pair)));
    let holds = |pair: &String| match (pair.split_once('='), fact(pair)) {
        (_, None) => false,
        (Some((_, value)), Some(found)) => found == value,
        (None, Some(_)) => true,
    };
    if wanted.iter().any(holds) {
        return Ok(group);
    }
    let found = wanted
        .iter()
        .filter_map(|pair| fact(pair).map(|value| format!("{}={value}", key_of(pair))));
    let found = found.collect::<Vec<_>>().join(", ");
    Err(Lost::Condition { name: name.to_owned(), wanted: wanted.join(", "), found })
}

/// The depth of the deepest wanted domain that holds the path; 0 without a condition.
fn check_domain(wanted: &[String], path: &str) -> Result<usize, Lost> {
    let holds = |domain: &&String| {
        let below = path.strip_prefix(domain.trim_end_matches('/'));
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    };
    let depth = |domain: &String| domain.trim_end_matches('/').split('/').count();
    if wanted.is_empty() {
        return Ok(0);
    }
    wanted.iter().filter(holds).map(depth).max().ok_or_else(|| Lost::Condition {
        name: "domain".to_owned(),
        wanted: wanted.join(", "),
        found: path.to_owned(),
    })
}
