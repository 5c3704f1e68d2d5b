//! One `[[price]]` of a book. PURE.

use super::book::{Defaults, Problems, refuse_bad_code};
use super::book_read::{Field, Table};
use super::hint::did_you_mean;
use super::price::{Conditions, Dimension, Model, MonthMode, Price, Tier, TierScope, Unit};
use super::unit;
use crate::meter;
use crate::money::Exact;

const PRICE_KEYS: [&str; 19] = [
    "code",
    "component",
    "meter",
    "unit",
    "month",
    "model",
    "amount",
    "per",
    "size",
    "tiers",
    "prorate",
    "included",
    "minimum",
    "cap",
    "scope",
    "tier_restart",
    "tax_class",
    "text",
    "when",
];

const MODELS: [&str; 6] = ["per_unit", "graduated", "volume", "package", "flat", "one_off"];

const SCOPES: [(&str, TierScope); 5] = [
    ("resource", TierScope::Resource),
    ("project", TierScope::Project),
    ("account", TierScope::Account),
    ("customer", TierScope::Customer),
    ("seller_pool", TierScope::SellerPool),
];

const MONTHS: [MonthMode; 3] = [MonthMode::Calendar, MonthMode::Fixed730, MonthMode::Fixed720];

/// Reads a price; gives it with the place of its code when its essentials are right.
pub(super) fn read(
    table: &Table<'_>,
    defaults: &Defaults,
    problems: &mut Problems,
) -> Option<(Price, usize)> {
    table.refuse_unknown(problems, &PRICE_KEYS, "[[price]]");
    let code = read_code(table, problems);
    let meter = read_meter(table, &defaults.imported_meters, problems);
    let model = read_model(table, problems);
    let unit = read_unit(table, meter.as_deref(), defaults, problems);
    let conditions = read_conditions(table, meter.as_deref(), problems);
    let component = read_component(table, meter.as_deref(), unit, &conditions, problems);
    let included = table.number("included", problems).given().unwrap_or(Exact::ZERO);
    let (minimum, cap) = read_bounds(table, problems);
    let tier_scope = read_scope(table, problems);
    let tier_restart = table.flag("tier_restart", problems).given().unwrap_or(false);
    let tax_class = table.text("tax_class", problems).given();
    let text = table.text("text", problems).given();
    if let (Some(Model::OneOff { .. }), Some(unit)) = (&model, unit)
        && unit != (Unit { dimension: Dimension::Count, per: super::price::Per::Amount })
    {
        let at = table.key_offset("model").unwrap_or(table.offset());
        let hint = "price pieces of an imported meter, or use model = \"flat\"";
        problems.add(at, "model \"one_off\" needs the unit \"piece\" or \"request\"", hint);
    }
    let (code, offset) = code?;
    let price = Price {
        code,
        component: component?,
        meter: meter?,
        unit: unit?,
        model: model?,
        conditions: conditions?,
        included,
        minimum,
        cap,
        tier_scope,
        tier_restart,
        tax_class: tax_class.unwrap_or_else(|| "standard".to_owned()),
        text,
    };
    Some((price, offset))
}

fn read_code(table: &Table<'_>, problems: &mut Problems) -> Option<(String, usize)> {
    match table.text("code", problems) {
        Field::Given(code, offset) => {
            refuse_bad_code(&code, offset, problems);
            Some((code, offset))
        }
        Field::Wrong => None,
        Field::Missing => {
            let hint = "give it one that stays through all versions: code = \"vm-medium\"";
            problems.add(table.offset(), "the price has no code", hint);
            None
        }
    }
}

fn read_meter(table: &Table<'_>, imported: &[String], problems: &mut Problems) -> Option<String> {
    let (code, offset) = match table.text("meter", problems) {
        Field::Given(code, offset) => (code, offset),
        Field::Wrong => return None,
        Field::Missing => {
            let hint = "say what it prices, such as meter = \"vm_running\"";
            problems.add(table.offset(), "the price has no meter", hint);
            return None;
        }
    };
    match meter::meter_of(&code) {
        Some(known) if known.informational => {
            let message = format!("meter {code:?} is never billed by itself");
            problems.add(offset, message, "price \"vm_running\" and \"vm_stopped\"");
            None
        }
        Some(_) => Some(code),
        None if imported.contains(&code) => Some(code),
        None => {
            let known = meter::METERS.iter().filter(|meter| !meter.informational);
            let words = known.map(|meter| meter.code).chain(imported.iter().map(String::as_str));
            let hint = did_you_mean(&code, words);
            let hint = format!("{hint} (name imported meters in imported_meters of [book])");
            problems.add(offset, format!("unknown meter {code:?}"), hint);
            None
        }
    }
}

fn read_unit(
    table: &Table<'_>,
    meter: Option<&str>,
    defaults: &Defaults,
    problems: &mut Problems,
) -> Option<Unit> {
    let month = read_month(table, problems);
    let mode = match &month {
        Field::Given(mode, _) => *mode,
        Field::Missing | Field::Wrong => defaults.month.unwrap_or(MonthMode::Calendar),
    };
    let (name, offset) = match table.text("unit", problems) {
        Field::Given(name, offset) => (name, offset),
        Field::Wrong => return None,
        Field::Missing => {
            let fitting = meter.map_or_else(|| unit::names().collect(), unit::names_for);
            let hint = format!("write unit = one of {}", fitting.join(", "));
            problems.add(table.offset(), "the price has no unit", hint);
            return None;
        }
    };
    let Some(found) = Unit::from_name(&name, mode) else {
        let fitting = meter.map_or_else(|| unit::names().collect(), unit::names_for);
        problems.add(offset, format!("unknown unit {name:?}"), did_you_mean(&name, fitting));
        return None;
    };
    if let Some(meter) = meter {
        let fitting = unit::names_for(meter);
        if !fitting.contains(&name.as_str()) {
            let message = format!("unit {name:?} does not fit the meter {meter:?}");
            problems.add(offset, message, format!("it takes {}", fitting.join(", ")));
            return None;
        }
    }
    if let (Field::Given(_, _), false, Some(at)) =
        (&month, found.is_monthly(), table.key_offset("month"))
    {
        let message = format!("month has no meaning for the unit {name:?}");
        problems.add(at, message, "leave month out, or price by the month");
    }
    Some(found)
}

/// `month` of a price or of the book.
pub(super) fn read_month(table: &Table<'_>, problems: &mut Problems) -> Field<MonthMode> {
    match table.text("month", problems) {
        Field::Given(text, offset) => match MONTHS.into_iter().find(|mode| mode.as_str() == text) {
            Some(mode) => Field::Given(mode, offset),
            None => {
                let hint = "write \"calendar\", \"730\" or \"720\"";
                problems.add(offset, format!("unknown month {text:?}"), hint);
                Field::Wrong
            }
        },
        Field::Missing => Field::Missing,
        Field::Wrong => Field::Wrong,
    }
}

/// Keys that only some models read; the others refuse them.
const MODEL_KEYS: [(&str, &[&str]); 7] = [
    ("amount", &["per_unit", "package", "flat", "one_off"]),
    ("per", &["per_unit"]),
    ("size", &["package"]),
    ("tiers", &["graduated", "volume"]),
    ("prorate", &["flat"]),
    ("included", &["per_unit", "graduated", "volume", "package", "one_off"]),
    ("tier_restart", &["per_unit", "graduated", "volume", "package"]),
];

fn read_model(table: &Table<'_>, problems: &mut Problems) -> Option<Model> {
    let (model, offset) = match table.text("model", problems) {
        Field::Given(model, offset) => (model, offset),
        Field::Missing => ("per_unit".to_owned(), table.offset()),
        Field::Wrong => return None,
    };
    if !MODELS.contains(&model.as_str()) {
        let hint = did_you_mean(&model, MODELS);
        problems.add(offset, format!("unknown model {model:?}"), hint);
        return None;
    }
    for (key, models) in MODEL_KEYS {
        if let Some(at) = table.key_offset(key)
            && !models.contains(&model.as_str())
        {
            let hint = format!("leave {key} out, or use model {}", models.join(", "));
            problems.add(at, format!("{key} has no meaning for the model {model:?}"), hint);
        }
    }
    match model.as_str() {
        "graduated" => Some(Model::Graduated { tiers: read_tiers(table, &model, problems)? }),
        "volume" => Some(Model::Volume { tiers: read_tiers(table, &model, problems)? }),
        "package" => {
            let size = match table.number_above_zero("size", problems) {
                Field::Given(size, _) => Some(size),
                Field::Wrong => None,
                Field::Missing => {
                    let hint = "say how many units a package holds: size = \"100\"";
                    problems.add(table.offset(), "model \"package\" has no size", hint);
                    None
                }
            };
            let amount = read_amount(table, problems)?;
            Some(Model::Package { size: size?, amount })
        }
        "flat" => {
            let prorate = table.flag("prorate", problems).given().unwrap_or(false);
            Some(Model::Flat { amount: read_amount(table, problems)?, prorate })
        }
        "one_off" => Some(Model::OneOff { amount: read_amount(table, problems)? }),
        _ => {
            let base = match table.number_above_zero("per", problems) {
                Field::Given(base, _) => Some(base),
                Field::Missing => Some(Exact::ONE),
                Field::Wrong => None,
            };
            Some(Model::PerUnit { amount: read_amount(table, problems)?, base: base? })
        }
    }
}

fn read_amount(table: &Table<'_>, problems: &mut Problems) -> Option<Exact> {
    match table.number("amount", problems) {
        Field::Given(amount, _) => Some(amount),
        Field::Wrong => None,
        Field::Missing => {
            let hint = "write amount = \"0.045\"; what is free has amount = \"0\"";
            problems.add(table.offset(), "the price has no amount", hint);
            None
        }
    }
}

fn read_tiers(table: &Table<'_>, model: &str, problems: &mut Problems) -> Option<Vec<Tier>> {
    let example = "tiers = [{ up_to = \"100\", amount = \"0.10\" }, { amount = \"0.08\" }]";
    let tables = match table.tables("tiers", problems) {
        Field::Given(tables, _) => tables,
        Field::Wrong => return None,
        Field::Missing => {
            let message = format!("model {model:?} has no tiers");
            problems.add(table.offset(), message, format!("write {example}"));
            return None;
        }
    };
    if tables.is_empty() {
        let at = table.key_offset("tiers").unwrap_or(table.offset());
        problems.add(at, "tiers is an empty list", format!("write {example}"));
        return None;
    }
    let count = tables.len();
    let mut tiers = Vec::with_capacity(count);
    let mut below = Exact::ZERO;
    for (index, tier) in tables.iter().enumerate() {
        tier.refuse_unknown(problems, &["up_to", "amount", "flat"], "a tier");
        let up_to = read_up_to(tier, index + 1 == count, &mut below, problems);
        let flat = tier.number("flat", problems).given().unwrap_or(Exact::ZERO);
        if let (Some(amount), Some(up_to)) = (read_amount(tier, problems), up_to) {
            tiers.push(Tier { up_to, amount, flat });
        }
    }
    (tiers.len() == count).then_some(tiers)
}

/// The upper bound of a tier: above the one before, and absent on the last alone.
fn read_up_to(
    tier: &Table<'_>,
    last: bool,
    below: &mut Exact,
    problems: &mut Problems,
) -> Option<Option<Exact>> {
    match (tier.number_above_zero("up_to", problems), last) {
        (Field::Missing, true) => Some(None),
        (Field::Missing, false) => {
            let hint = "only the last tier is without up_to";
            problems.add(tier.offset(), "a tier before the last has no up_to", hint);
            None
        }
        (Field::Given(bound, offset), true) => {
            let message = format!("the last tier ends at {bound}: units above it have no price");
            problems.add(offset, message, "leave up_to out of the last tier");
            None
        }
        (Field::Given(bound, offset), false) if bound <= *below => {
            let message = format!("tier up to {bound} does not lie above the one up to {below}");
            problems.add(offset, message, "order the tiers from small to large");
            None
        }
        (Field::Given(bound, _), false) => {
            *below = bound.clone();
            Some(Some(bound))
        }
        (Field::Wrong, _) => None,
    }
}

fn read_bounds(table: &Table<'_>, problems: &mut Problems) -> (Option<Exact>, Option<Exact>) {
    let minimum = table.number("minimum", problems).given();
    let (cap, offset) = match table.number("cap", problems) {
        Field::Given(cap, offset) => (Some(cap), offset),
        Field::Missing | Field::Wrong => (None, 0),
    };
    if let (Some(minimum), Some(cap)) = (&minimum, &cap)
        && minimum > cap
    {
        let message = format!("cap {cap} is below minimum {minimum}");
        problems.add(offset, message, "raise the cap or lower the minimum");
    }
    (minimum, cap)
}

fn read_scope(table: &Table<'_>, problems: &mut Problems) -> TierScope {
    let Field::Given(text, offset) = table.text("scope", problems) else {
        return TierScope::default();
    };
    match SCOPES.iter().find(|(name, _)| *name == text) {
        Some((_, scope)) => *scope,
        None => {
            let hint = did_you_mean(&text, SCOPES.iter().map(|(name, _)| *name));
            problems.add(offset, format!("unknown scope {text:?}"), hint);
            TierScope::default()
        }
    }
}

impl TierScope {
    /// The text in price books.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Project => "project",
            Self::Account => "account",
            Self::Customer => "customer",
            Self::SellerPool => "seller_pool",
        }
    }
}

/// Keys of `when`.
const CONDITION_KEYS: [&str; 11] = [
    "offering",
    "template",
    "os",
    "storage_tag",
    "gpu_model",
    "zone",
    "domain",
    "account",
    "project",
    "tag",
    "attribute",
];

/// Conditions that only machines can meet.
const MACHINE_CONDITIONS: [&str; 2] = ["os", "gpu_model"];

fn read_conditions(
    table: &Table<'_>,
    meter: Option<&str>,
    problems: &mut Problems,
) -> Option<Conditions> {
    let when = match table.table("when", problems) {
        Field::Given(when, _) => when,
        Field::Missing => return Some(Conditions::default()),
        Field::Wrong => return None,
    };
    when.refuse_unknown(problems, &CONDITION_KEYS, "when");
    let machine = meter.is_none_or(is_machine);
    for key in MACHINE_CONDITIONS {
        if let (Some(at), false) = (when.key_offset(key), machine) {
            let message = format!("{key} can never hold for the meter {}", meter.unwrap_or("?"));
            problems.add(at, message, "only machines have it: leave it out");
        }
    }
    let mut list = |key: &str| match when.texts(key, problems) {
        Field::Given(texts, _) => texts,
        Field::Missing | Field::Wrong => Vec::new(),
    };
    let plain = |texts: Vec<(String, usize)>| texts.into_iter().map(|(text, _)| text).collect();
    let mut conditions = Conditions {
        offering: plain(list("offering")),
        template: plain(list("template")),
        os: plain(list("os")),
        storage_tag: plain(list("storage_tag")),
        gpu_model: plain(list("gpu_model")),
        zone: plain(list("zone")),
        domain: plain(list("domain")),
        account: plain(list("account")),
        project: plain(list("project")),
        tag: plain(list("tag")),
        attribute: Vec::new(),
    };
    for (text, offset) in list("attribute") {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                conditions.attribute.push(text);
            }
            _ => {
                let message = format!("attribute {text:?} has no value");
                problems.add(offset, message, "write attribute = [\"key=value\"]");
            }
        }
    }
    Some(conditions)
}

fn is_machine(meter: &str) -> bool {
    [meter::kind::VM_RUNNING, meter::kind::VM_STOPPED].contains(&meter)
}

fn read_component(
    table: &Table<'_>,
    meter: Option<&str>,
    unit: Option<Unit>,
    conditions: &Option<Conditions>,
    problems: &mut Problems,
) -> Option<String> {
    match table.text("component", problems) {
        Field::Given(component, offset) => {
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !component.chars().all(allowed) {
                let message = format!("component {component:?} is not a component");
                let hint = "use small letters, digits and underscores, such as \"licence\"";
                problems.add(offset, message, hint);
            }
            return Some(component);
        }
        Field::Wrong => return None,
        Field::Missing => {}
    }
    let meter = meter?;
    let by_system =
        conditions.as_ref().is_some_and(|when| !when.os.is_empty() || !when.template.is_empty());
    if by_system && is_machine(meter) {
        let message = "a price by os or template must say its component";
        let hint = "write component = \"licence\" to add it to the machine's price, or \
                    component = \"compute\" to replace that price";
        problems.add(table.offset(), message, hint);
        return None;
    }
    Some(default_component(meter, unit).to_owned())
}

/// The component of a price that names none: the meter's, or `gpu` for GPUs of a machine.
pub(super) fn default_component(meter: &str, unit: Option<Unit>) -> &'static str {
    if unit.is_some_and(|unit| unit.dimension == Dimension::Gpu) {
        return "gpu";
    }
    meter::meter_of(meter).map_or("other", |meter| meter.component)
}
