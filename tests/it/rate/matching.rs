//! Which price wins: components, bases, specificity, dimensions; and what is told of the losers.

use billow::catalog::price::{Conditions, Dimension, Model, Per, Price};
use billow::collect::record::RecordKind::{Delta, Gauge};
use billow::rate::Lost;

use super::world::{
    DAY, GB, GIB_MONTH, HOUR, HOURLY, MONTHLY, PIECE, World, exact, per_unit, price, unit,
};

const MACHINE: [(&str, &str); 8] = [
    ("offering", "o-1"),
    ("offering_name", "small"),
    ("zone", "z-1"),
    ("os", "Windows Server 2022"),
    ("vcpus", "2"),
    ("ram_mib", "4096"),
    ("tag:env", "prod"),
    ("source_nat", "true"),
];

fn vm(code: &str, amount: &str) -> Price {
    price(code, "vm_running", HOURLY, per_unit(amount))
}

fn by_dimension(code: &str, dimension: Dimension) -> Price {
    price(code, "vm_running", unit(dimension, Per::Hour), per_unit("1"))
}

/// A condition as `key: value`.
fn when(mut price: Price, conditions: &[(&str, &str)]) -> Price {
    for (name, wanted) in conditions {
        let Conditions {
            offering,
            template,
            os,
            storage_tag,
            gpu_model,
            zone,
            domain,
            account,
            project,
            tag,
            attribute,
        } = &mut price.conditions;
        let list = match *name {
            "offering" => offering,
            "template" => template,
            "os" => os,
            "storage_tag" => storage_tag,
            "gpu_model" => gpu_model,
            "zone" => zone,
            "domain" => domain,
            "account" => account,
            "project" => project,
            "tag" => tag,
            "attribute" => attribute,
            other => panic!("no condition {other}"),
        };
        list.push((*wanted).to_owned());
    }
    price
}

fn in_component(mut price: Price, component: &str) -> Price {
    price.component = component.to_owned();
    price
}

fn machine(prices: Vec<Price>) -> World {
    World::new("UTC", "2026-09")
        .used_with("vm_running", "vm", (0, HOUR), "1", &MACHINE)
        .by(|facts| facts.project = Some(("p-1".to_owned(), "shop".to_owned())))
        .priced(prices)
}

/// Codes of the winning prices.
fn winners(world: &World) -> Vec<String> {
    let rating = world.rate();
    let prices = &world.versions[0].prices;
    rating.decisions[0].winners.iter().map(|at| prices[*at].code.clone()).collect()
}

#[track_caller]
fn check(prices: Vec<Price>, expected: &[&str]) {
    assert_eq!(winners(&machine(prices)), expected);
}

#[test]
fn an_offering_beats_dimensions() {
    let dimensions =
        || [by_dimension("vcpu", Dimension::Vcpu), by_dimension("ram", Dimension::RamGib)];
    let [vcpu, ram] = dimensions();
    check(vec![vcpu, ram], &["vcpu", "ram"]);
    for name in ["o-1", "small"] {
        let [vcpu, ram] = dimensions();
        check(vec![vcpu, when(vm("small", "1"), &[("offering", name)]), ram], &["small"]);
    }
    let [vcpu, ram] = dimensions();
    check(vec![vcpu, when(vm("large", "1"), &[("offering", "large")]), ram], &["vcpu", "ram"]);
    // Even where the dimension prices are narrower.
    let [vcpu, _] = dimensions();
    let narrow = when(vcpu, &[("project", "p-1")]);
    check(vec![narrow, when(vm("small", "1"), &[("offering", "small")])], &["small"]);
    // A custom offering may be priced by its own dimensions.
    let [vcpu, ram] = dimensions().map(|price| when(price, &[("offering", "small")]));
    check(vec![vm("any", "1"), vcpu, ram], &["vcpu", "ram"]);
}

#[test]
fn the_more_specific_price_wins() {
    let order = [
        ("all", vec![]),
        ("zone", vec![("zone", "z-1")]),
        ("os", vec![("os", "Windows Server 2022")]),
        ("os in zone", vec![("os", "Windows Server 2022"), ("zone", "z-1")]),
        ("tag", vec![("tag", "env=prod")]),
        ("north", vec![("domain", "ROOT/north")]),
        ("north/acme", vec![("domain", "ROOT/north/acme")]),
        ("account", vec![("account", "acme")]),
        ("account in domain", vec![("account", "a1"), ("domain", "ROOT")]),
        ("project", vec![("project", "shop")]),
        ("project with tag", vec![("project", "p-1"), ("tag", "env")]),
    ];
    for (at, (code, conditions)) in order.iter().enumerate() {
        for (weaker, others) in &order[..at] {
            let strong = || when(vm(code, "1"), conditions);
            let weak = || when(vm(weaker, "1"), others);
            check(vec![strong(), weak()], &[code]);
            check(vec![weak(), strong()], &[code]);
        }
    }
    check(vec![vm("first", "1"), vm("second", "2")], &["first"]);
    let equal = [("os", "Windows Server 2022"), ("attribute", "source_nat=true")];
    check(vec![when(vm("os", "1"), &equal[..1]), when(vm("nat", "1"), &equal[1..])], &["os"]);
}

#[test]
fn conditions_must_hold() {
    for (name, right, wrong) in [
        ("offering", "small", "Small"),
        ("os", "Windows Server 2022", "Windows"),
        ("zone", "z-1", "z-2"),
        ("domain", "ROOT/north", "ROOT/nor"),
        ("domain", "ROOT/north/acme", "ROOT/north/acme/sub"),
        ("account", "acme", "north"),
        ("project", "shop", "p-2"),
        ("tag", "env=prod", "env=test"),
        ("tag", "env", "environment"),
        ("attribute", "source_nat=true", "source_nat=false"),
        ("attribute", "vcpus", "gpus"),
    ] {
        check(vec![when(vm("p", "1"), &[(name, right)])], &["p"]);
        check(vec![when(vm("p", "1"), &[(name, wrong)])], &[]);
        check(vec![when(vm("p", "1"), &[(name, wrong), (name, right)])], &["p"]);
    }
    let volume = World::new("UTC", "2026-09").used_with(
        "volume",
        "v",
        (0, DAY),
        "24",
        &[("size_bytes", "1073741824"), ("storage_tag", "fast, ssd")],
    );
    let disk =
        |tag| vec![when(price(tag, "volume", GIB_MONTH, per_unit("1")), &[("storage_tag", tag)])];
    assert_eq!(winners(&volume.clone().priced(disk("ssd"))), ["ssd"]);
    assert_eq!(winners(&volume.priced(disk("hdd"))), [""; 0]);
}

#[test]
fn components_add_up() {
    let licence =
        in_component(when(vm("windows", "0.05"), &[("os", "Windows Server 2022")]), "licence");
    let world = machine(vec![vm("vm", "0.10"), licence]);
    assert_eq!(winners(&world), ["vm", "windows"]);
    assert_eq!(world.total(), "0.15");
}

#[test]
fn dimensions_multiply() {
    let priced = |dimension, attributes: &[(&str, &str)]| {
        World::new("UTC", "2026-09")
            .used_with("vm_running", "vm", (0, HOUR), "1", attributes)
            .priced(vec![by_dimension("d", dimension)])
            .exact_total()
    };
    assert_eq!(priced(Dimension::Vcpu, &MACHINE), exact("2"));
    assert_eq!(priced(Dimension::RamGib, &MACHINE), exact("4"));
    assert_eq!(priced(Dimension::RamGib, &[("ram_mib", "1536")]), exact("1.5"));
    assert_eq!(priced(Dimension::Gpu, &[("gpu_count", "3")]), exact("3"));
    assert_eq!(priced(Dimension::Iops, &[("iops", "500")]), exact("500"));
    assert_eq!(priced(Dimension::Gb, &[("size_bytes", "5000000000")]), exact("5"));
    assert_eq!(priced(Dimension::Gib, &[("size_bytes", "5368709120")]), exact("5"));
}

#[test]
fn a_missing_dimension_is_told_and_never_free() {
    let world = |prices| {
        World::new("UTC", "2026-09")
            .used_with("vm_running", "vm", (0, HOUR), "1", &[("vcpus", "2")])
            .priced(prices)
    };
    // No GPU is ordinary.
    let gpu = in_component(by_dimension("gpu", Dimension::Gpu), "gpu");
    let rating = world(vec![vm("vm", "1"), gpu]).rate();
    let lost = Lost::NoDimension { dimension: "gpu" };
    assert_eq!(rating.decisions[0].losers, [(1, lost)]);
    assert!(rating.unpriced.is_empty());
    // No memory is a doubt, although the processors have a price.
    let both = vec![by_dimension("vcpu", Dimension::Vcpu), by_dimension("ram", Dimension::RamGib)];
    let rating = world(both).rate();
    let lost = Lost::NoDimension { dimension: "ram_gib" };
    assert_eq!(rating.decisions[0].losers, [(1, lost)]);
    assert_eq!(rating.charges.len(), 1);
    assert_eq!(rating.unpriced.len(), 1);
    // And so is a volume without a size.
    let volume = World::new("UTC", "2026-09").used("volume", "v", (0, DAY), "24");
    let disk = volume.priced(vec![price("disk", "volume", GIB_MONTH, per_unit("1"))]);
    assert_eq!(disk.rate().unpriced.len(), 1);
}

#[test]
fn losers_are_told_why() {
    let prices = vec![
        when(vm("hamburg", "1"), &[("zone", "z-2")]),
        vm("all", "1"),
        when(vm("shop", "1"), &[("project", "shop")]),
        when(vm("small", "1"), &[("offering", "small")]),
        when(vm("small again", "1"), &[("offering", "o-1")]),
        by_dimension("vcpu", Dimension::Vcpu),
    ];
    let rating = machine(prices).rate();
    let beaten = || Lost::Beaten { by: "small".into() };
    let (name, wanted, found) = ("zone", "z-2".into(), "z-1".into());
    let expected = [
        (0, Lost::Condition { name, wanted, found }),
        (1, beaten()),
        (2, beaten()),
        (4, beaten()),
        (5, beaten()),
    ];
    assert_eq!(rating.decisions[0].losers, expected);
    assert_eq!(rating.decisions[0].winners, [3]);
}

#[test]
fn decisions_are_told_once() {
    let mut world = machine(vec![vm("all", "1")]);
    for hour in 1..10 {
        world =
            world.used_with("vm_running", "vm", (hour * HOUR, (hour + 1) * HOUR), "1", &MACHINE);
    }
    assert_eq!(world.rate().decisions.len(), 1);
}

/// Number of unpriced entries, and records in the first.
#[track_caller]
fn check_unpriced(world: World, prices: Vec<Price>, entries: usize, records: usize) {
    let unpriced = world.priced(prices).rate().unpriced;
    assert_eq!(unpriced.len(), entries);
    assert_eq!(unpriced.first().map_or(0, |first| first.records.len()), records);
}

#[test]
fn usage_without_a_price_is_told() {
    let address = || {
        World::new("UTC", "2026-09").used("ip_address", "ip", (0, DAY), "24").used(
            "ip_address",
            "ip",
            (DAY, 2 * DAY),
            "24",
        )
    };
    let mut shared = address();
    shared.facts[1] = shared.facts[0].clone();
    let unpriced = shared.clone().rate().unpriced;
    assert_eq!(unpriced.len(), 1, "without any version");
    assert_eq!(unpriced[0].quantity, exact("48"));
    assert_eq!(unpriced[0].span.seconds(), 2 * DAY);
    check_unpriced(shared, vec![vm("vm", "1")], 1, 2);
    let free = vec![price("ip", "ip_address", HOURLY, per_unit("0"))];
    check_unpriced(address(), free, 0, 0);
    // A licence does not price the machine.
    let licence = in_component(vm("licence", "1"), "licence");
    check_unpriced(machine(vec![]), vec![licence], 1, 1);
    // Imported meters may be priced by any component.
    let jobs = || World::new("UTC", "2026-09").used("jobs", "j", (0, HOUR), "1").of_kind(Delta);
    check_unpriced(jobs(), vec![in_component(price("j", "jobs", PIECE, per_unit("1")), "x")], 0, 0);
    check_unpriced(jobs(), vec![], 1, 1);
    check_unpriced(World::new("UTC", "2026-09").used("jobs", "j", (0, HOUR), "0"), vec![], 0, 0);
    // Below zero is no usage, whatever the price.
    let withdrawn = World::new("UTC", "2026-09").used("jobs", "j", (0, HOUR), "-1");
    check_unpriced(withdrawn, vec![price("j", "jobs", PIECE, per_unit("1"))], 1, 1);
}

#[test]
fn units_must_fit_the_quantity() {
    let fits = |world: World, priced: Price| {
        let rating = world.priced(vec![priced]).rate();
        rating.unpriced.is_empty()
    };
    let imported = |unit: &str| {
        World::new("UTC", "2026-09").used_with("m", "r", (0, HOUR), "1", &[("unit", unit)])
    };
    let m = |unit| price("m", "m", unit, per_unit("1"));
    assert!(fits(imported("piece"), m(PIECE)));
    assert!(!fits(imported("piece"), m(HOURLY)));
    assert!(!fits(imported("piece"), m(GB)));
    assert!(fits(imported("hour"), m(HOURLY)) && fits(imported("hour"), m(MONTHLY)));
    assert!(!fits(imported("hour"), m(PIECE)));
    assert!(fits(imported("byte"), m(GB)) && !fits(imported("byte"), m(PIECE)));
    let piece_hour = unit(Dimension::Count, Per::Hour);
    assert!(fits(imported("piece").of_kind(Gauge), m(piece_hour)));
    assert!(!fits(imported("piece").of_kind(Gauge), m(PIECE)));
    assert!(fits(imported("byte").of_kind(Gauge), m(GIB_MONTH)));
    // A flat price needs no quantity that fits.
    let flat = Model::Flat { amount: exact("1"), prorate: false };
    assert!(fits(imported("byte"), price("m", "m", MONTHLY, flat)));
    let sent = World::new("UTC", "2026-09").used("network_sent", "n", (0, HOUR), "1");
    assert!(!fits(sent, price("t", "network_sent", HOURLY, per_unit("1"))));
}
