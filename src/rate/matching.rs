//! Which prices win for a resource: one basis in each component, the most specific price in each
//! dimension. PURE.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Decision, Lost, units};
use crate::catalog::price::{BookVersion, Conditions, Dimension, Price, Unit};
use crate::collect::record::attribute;
use crate::meter::{Facts, meter_of};
use crate::money::Exact;

/// The prices of one meter in one version, and which facts decide between them.
pub(super) struct MeterPrices<'a> {
    prices: Vec<Entry<'a>>,
    /// Distinct units of these prices.
    units: Vec<Unit>,
    /// Attributes that a condition reads.
    keys: BTreeSet<String>,
    by_account: bool,
    by_project: bool,
    by_domain: bool,
    version: usize,
    meter: String,
}

/// A price of the meter.
struct Entry<'a> {
    price: &'a Price,
    /// Position in the version.
    position: usize,
    /// Position of the unit in [`MeterPrices::units`].
    unit: usize,
    code: Arc<str>,
    /// Conditions that name ids, with what they want as text.
    named: Vec<(Named, Arc<str>)>,
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
    entry: &'a Entry<'a>,
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
            meter: meter.to_owned(),
        };
        for (position, price) in book.prices.iter().enumerate() {
            if price.meter == meter {
                found.add(position, price);
            }
        }
        found
    }

    fn add(&mut self, position: usize, price: &'a Price) {
        let known = self.units.iter().position(|unit| *unit == price.unit);
        let unit = known.unwrap_or_else(|| {
            self.units.push(price.unit);
            self.units.len() - 1
        });
        let conditions = &price.conditions;
        self.by_account |= !conditions.account.is_empty();
        self.by_project |= !conditions.project.is_empty();
        self.by_domain |= !conditions.domain.is_empty();
        let mut named = Vec::new();
        for condition in Named::ALL {
            let wanted = condition.wanted(conditions);
            if !wanted.is_empty() {
                self.keys.extend(condition.keys().iter().map(|key| (*key).to_owned()));
                named.push((condition, Arc::from(wanted.join(", "))));
            }
        }
        let code = Arc::from(price.code.as_str());
        self.prices.push(Entry { price, position, unit, code, named });
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
        let read = Read::new(facts);
        let mut losers = Vec::new();
        let mut components: BTreeMap<&str, Vec<Candidate<'_>>> = BTreeMap::new();
        for entry in self.prices.iter().filter(|entry| units::fits(entry.price, counted)) {
            let dimension = entry.price.unit.dimension;
            let known = factors[entry.unit].is_some();
            match read.check(entry) {
                Err(lost) => losers.push((entry.position, lost)),
                Ok(_) if !known && !units::must_be_known(dimension) => {
                    losers.push((entry.position, no_dimension(entry.price)));
                }
                Ok(specificity) => {
                    let candidate = Candidate { entry, specificity, known };
                    components.entry(&entry.price.component).or_default().push(candidate);
                }
            }
        }
        let mut winners = Vec::new();
        let mut won = Vec::new();
        let mut missing = false;
        for (component, candidates) in components {
            for best in basis(candidates, &mut losers) {
                let entry = best.entry;
                if best.known {
                    won.push(component);
                    winners.push((entry.position, entry.unit));
                } else {
                    missing = true;
                    losers.push((entry.position, no_dimension(entry.price)));
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

/// A condition that names ids or names of what was used, or of who used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Offering,
    Template,
    Os,
    StorageTag,
    GpuModel,
    Zone,
    Account,
    Project,
}

impl Named {
    /// In the order in which they are checked.
    const ALL: [Self; 8] = [
        Self::Offering,
        Self::Template,
        Self::Os,
        Self::StorageTag,
        Self::GpuModel,
        Self::Zone,
        Self::Account,
        Self::Project,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Offering => "offering",
            Self::Template => "template",
            Self::Os => "os",
            Self::StorageTag => "storage_tag",
            Self::GpuModel => "gpu_model",
            Self::Zone => "zone",
            Self::Account => "account",
            Self::Project => "project",
        }
    }

    fn wanted(self, conditions: &Conditions) -> &[String] {
        match self {
            Self::Offering => &conditions.offering,
            Self::Template => &conditions.template,
            Self::Os => &conditions.os,
            Self::StorageTag => &conditions.storage_tag,
            Self::GpuModel => &conditions.gpu_model,
            Self::Zone => &conditions.zone,
            Self::Account => &conditions.account,
            Self::Project => &conditions.project,
        }
    }

    /// Attributes that may match, by id and by name.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Offering => &[attribute::OFFERING, attribute::OFFERING_NAME],
            Self::Template => &[attribute::TEMPLATE, attribute::TEMPLATE_NAME],
            Self::Os => &[attribute::OS, attribute::OS_CATEGORY],
            Self::StorageTag => &[attribute::STORAGE_TAG],
            Self::GpuModel => &[attribute::GPU_MODEL],
            Self::Zone => &[attribute::ZONE, attribute::ZONE_NAME],
            Self::Account | Self::Project => &[],
        }
    }

    /// What the facts have.
    fn found(self, facts: &Facts) -> Vec<&str> {
        let who = match self {
            Self::Account => &facts.account,
            Self::Project => &facts.project,
            Self::Offering
            | Self::Template
            | Self::Os
            | Self::StorageTag
            | Self::GpuModel
            | Self::Zone => &None,
        };
        let who = who.iter().flat_map(|(id, name)| [id.as_str(), name.as_str()]);
        let found = self.keys().iter().filter_map(|key| facts.attributes.get(*key));
        let found = found.map(String::as_str).chain(who);
        match self {
            // A storage offering may carry several tags, with commas between.
            Self::StorageTag => found.flat_map(|tags| tags.split(',')).map(str::trim).collect(),
            _ => found.collect(),
        }
    }

    /// What it adds to the price's specificity.
    fn group(self) -> u8 {
        match self {
            Self::Offering => 0,
            Self::Template | Self::Os | Self::StorageTag | Self::GpuModel => KIND,
            Self::Zone => ZONE,
            Self::Account => ACCOUNT,
            Self::Project => PROJECT,
        }
    }
}

/// Facts as conditions read them, each kind once for all prices.
struct Read<'f> {
    facts: &'f Facts,
    found: [OnceCell<(Vec<&'f str>, Arc<str>)>; Named::ALL.len()],
}

impl<'f> Read<'f> {
    fn new(facts: &'f Facts) -> Self {
        Self { facts, found: Default::default() }
    }

    /// What the facts have for a condition, and the same as one text.
    fn found(&self, condition: Named) -> &(Vec<&'f str>, Arc<str>) {
        self.found[condition as usize].get_or_init(|| {
            let found = condition.found(self.facts);
            let text = Arc::from(found.join(", "));
            (found, text)
        })
    }

    /// Whether all conditions hold, and how specific they are; else the first that does not.
    fn check(&self, entry: &Entry<'_>) -> Result<Specificity, Lost> {
        let conditions = &entry.price.conditions;
        let mut groups = 0;
        for (condition, text) in &entry.named {
            let (found, found_text) = self.found(*condition);
            let wanted = condition.wanted(conditions);
            if !wanted.iter().any(|wanted| found.contains(&wanted.as_str())) {
                return Err(Lost::Condition {
                    name: condition.name(),
                    wanted: Arc::clone(text),
                    found: Arc::clone(found_text),
                });
            }
            groups |= condition.group();
        }
        groups |= check_pairs("tag", &conditions.tag, attribute::TAG_PREFIX, self.facts, TAG)?;
        groups |= check_pairs("attribute", &conditions.attribute, "", self.facts, KIND)?;
        let domain_depth = check_domain(&conditions.domain, &self.facts.domain_path)?;
        if domain_depth > 0 {
            groups |= DOMAIN;
        }
        Ok(Specificity { groups, domain_depth })
    }
}

fn key_of(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(key, _)| key)
}

fn no_dimension(price: &Price) -> Lost {
    Lost::NoDimension { dimension: units::dimension_name(price.unit.dimension) }
}

/// The one basis of a component: the prices by offering where there are any, else those by
/// dimension; of each dimension the most specific, the earlier in the book among equals.
fn basis<'a>(
    candidates: Vec<Candidate<'a>>,
    losers: &mut Vec<(usize, Lost)>,
) -> Vec<Candidate<'a>> {
    let by_offering =
        |candidate: &Candidate<'_>| !candidate.entry.price.conditions.offering.is_empty();
    let dimension_of = |candidate: &Candidate<'_>| candidate.entry.price.unit.dimension;
    let offering_wins = candidates.iter().any(by_offering);
    let mut best: Vec<Candidate<'a>> = Vec::new();
    let mut beaten: Vec<(usize, Option<Dimension>)> = Vec::new();
    for candidate in candidates {
        if offering_wins && !by_offering(&candidate) {
            beaten.push((candidate.entry.position, None));
            continue;
        }
        let dimension = dimension_of(&candidate);
        match best.iter_mut().find(|best| dimension_of(best) == dimension) {
            None => best.push(candidate),
            Some(best) if candidate.specificity > best.specificity => {
                beaten.push((best.entry.position, Some(dimension)));
                *best = candidate;
            }
            Some(_) => beaten.push((candidate.entry.position, Some(dimension))),
        }
    }
    for (position, dimension) in beaten {
        let by = best
            .iter()
            .find(|best| dimension.is_none_or(|dimension| dimension_of(best) == dimension));
        if let Some(by) = by {
            losers.push((position, Lost::Beaten { by: Arc::clone(&by.entry.code) }));
        }
    }
    best
}

/// `key=value`, or `key` for any value.
fn check_pairs(
    name: &'static str,
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
    let found = found.collect::<Vec<_>>().join(", ").into();
    Err(Lost::Condition { name, wanted: wanted.join(", ").into(), found })
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
        name: "domain",
        wanted: wanted.join(", ").into(),
        found: path.into(),
    })
}
