//! Prices per hour and month, tiers, packages, flat prices, allotments, minimum and cap: the
//! figures of the trade and the units on each side of every bound.

use billow::catalog::price::{Dimension, Model, MonthMode, Per, Price, TierScope};
use billow::collect::record::RecordKind::Delta;
use billow::money::Exact;
use billow::rate::ChargeKind;

use super::world::{
    DAY, GB, GIB_MONTH, HOUR, HOURLY, MONTHLY, PIECE, World, cents, exact, of_kind, per_unit,
    price, sum, tiers, unit,
};

const TIERS: &str = "100@0.10 1000@0.08 rest@0.05";

fn september() -> World {
    World::new("UTC", "2026-09")
}

fn pieces(model: Model) -> Price {
    price("p", "jobs", PIECE, model)
}

/// `quantity` pieces in one record.
fn jobs(quantity: &str) -> World {
    september().used("jobs", "j", (0, HOUR), quantity).of_kind(Delta)
}

#[track_caller]
fn check(world: &World, expected: &str) {
    assert_eq!(world.total(), expected);
}

#[test]
fn hours_of_a_local_month() {
    let machine = |zone: &str, label: &str| {
        let world = World::new(zone, label);
        let seconds = world.period.span.seconds();
        let hours = Exact::ratio(i128::from(seconds), 3600).to_string();
        let hourly = vec![price("vm", "vm_running", HOURLY, per_unit("0.10"))];
        world.used("vm_running", "vm", (0, seconds), &hours).priced(hourly)
    };
    check(&machine("Europe/Amsterdam", "2026-03"), "74.30");
    check(&machine("Europe/Amsterdam", "2026-10"), "74.50");
    check(&machine("UTC", "2026-03"), "74.40");
}

#[test]
fn gigabytes_are_no_gibibytes() {
    let sent = |dimension| {
        let unit = unit(dimension, Per::Amount);
        let prices = vec![price("t", "network_sent", unit, per_unit("0.05"))];
        september().used("network_sent", "n", (0, HOUR), "5000000000").of_kind(Delta).priced(prices)
    };
    check(&sent(Dimension::Gb), "0.25");
    check(&sent(Dimension::Gib), "0.23");
    assert_eq!(sent(Dimension::Gib).exact_total().to_text_rounded(6), "0.232831");
}

#[test]
fn month_prices_divide_last() {
    let february = |mode, hours: i64, days: i64| {
        let unit = unit(Dimension::Resource, Per::Month(mode));
        let prices = vec![price("vm", "vm_running", unit, per_unit("36.00"))];
        let label = if days == 28 { "2026-02" } else { "2026-03" };
        World::new("UTC", label)
            .used("vm_running", "vm", (0, hours * HOUR), &hours.to_string())
            .priced(prices)
    };
    check(&february(MonthMode::Calendar, 100, 28), "5.36");
    check(&february(MonthMode::Fixed730, 100, 28), "4.93");
    check(&february(MonthMode::Fixed720, 100, 28), "5.00");
    assert_eq!(february(MonthMode::Calendar, 672, 28).exact_total(), exact("36"));
    assert_eq!(february(MonthMode::Calendar, 744, 31).exact_total(), exact("36"));
    check(&february(MonthMode::Fixed720, 744, 31), "37.20");
    check(&february(MonthMode::Fixed730, 744, 31), "36.69");
}

#[test]
fn a_resource_there_all_month_costs_the_price_however_many_records() {
    let mut world = World::new("Europe/Amsterdam", "2026-10");
    for hour in 0..745 {
        world = world.used("vm_running", "vm", (hour * HOUR, (hour + 1) * HOUR), "1");
    }
    let world = world.priced(vec![price("vm", "vm_running", MONTHLY, per_unit("36.00"))]);
    assert_eq!(world.exact_total(), exact("36"));
}

#[test]
fn a_cap_binds_the_fixed_month() {
    let capped = |hours: &str, resources: usize| {
        let fixed = unit(Dimension::Resource, Per::Month(MonthMode::Fixed720));
        let mut price = price("vm", "vm_running", fixed, per_unit("36.00"));
        price.cap = Some(exact("36"));
        price.tier_scope = TierScope::Resource;
        let mut world = World::new("UTC", "2026-03");
        for number in 0..resources {
            let name = format!("vm{number}");
            world = world.used("vm_running", &name, (0, 31 * DAY), hours);
        }
        world.priced(vec![price])
    };
    check(&capped("744", 1), "36.00");
    check(&capped("720", 1), "36.00");
    check(&capped("719", 1), "35.95");
    check(&capped("744", 3), "108.00");
    let rating = capped("744", 1).rate();
    let cap = of_kind(&rating.charges, ChargeKind::Cap);
    assert_eq!((&cap[0].quantity, &cap[0].unit_price), (&exact("-1"), &exact("1.2")));
    assert!(of_kind(&capped("720", 1).rate().charges, ChargeKind::Cap).is_empty());
}

#[test]
fn tier_tables() {
    let rows = [
        ("0", "0.00", "0.00", "0.00"),
        ("0.5", "0.05", "0.05", "9.00"),
        ("99.5", "9.95", "9.95", "9.00"),
        ("100", "10.00", "10.00", "9.00"),
        ("100.5", "10.04", "8.04", "18.00"),
        ("101", "10.08", "8.08", "18.00"),
        ("1000", "82.00", "80.00", "90.00"),
        ("1001", "82.05", "50.05", "99.00"),
        ("1500", "107.00", "75.00", "135.00"),
    ];
    for (units, graduated, volume, package) in rows {
        let model = |model| jobs(units).priced(vec![pieces(model)]);
        check(&model(Model::Graduated { tiers: tiers(TIERS) }), graduated);
        check(&model(Model::Volume { tiers: tiers(TIERS) }), volume);
        let nine = Model::Package { size: exact("100"), amount: exact("9") };
        check(&model(nine), package);
    }
}

/// Ten records of 150.
fn ten_times_150(model: Model) -> World {
    let mut world = september();
    for hour in 0..10 {
        let resource = format!("j{}", hour % 3);
        world = world.used("jobs", &resource, (hour * HOUR, (hour + 1) * HOUR), "150");
    }
    world.priced(vec![pieces(model)])
}

#[test]
fn tiers_count_over_the_period() {
    check(&ten_times_150(Model::Graduated { tiers: tiers(TIERS) }), "107.00");
    check(&ten_times_150(Model::Volume { tiers: tiers(TIERS) }), "75.00");
    let nine = Model::Package { size: exact("100"), amount: exact("9") };
    check(&ten_times_150(nine), "135.00");
}

#[test]
fn tiers_count_over_the_declared_scope() {
    let scoped = |scope| {
        let mut price = pieces(Model::Graduated { tiers: tiers(TIERS) });
        price.tier_scope = scope;
        let world = jobs("150").used("jobs", "k", (0, HOUR), "150").by(|facts| {
            facts.account = Some(("a2".to_owned(), "b".to_owned()));
            facts.project = Some(("p1".to_owned(), "shop".to_owned()));
        });
        let world = world.used("jobs", "j", (0, HOUR), "150");
        world.priced(vec![price])
    };
    // 300 + 150, 300 + 150, 300 + 150, 450.
    check(&scoped(TierScope::Resource), "40.00");
    check(&scoped(TierScope::Account), "40.00");
    check(&scoped(TierScope::Project), "40.00");
    check(&scoped(TierScope::Customer), "38.00");
}

#[test]
fn the_fee_of_a_tier_is_due_when_it_is_touched() {
    let with_fees = "100@0.10+1 1000@0.08+2.50 rest@0.05+7";
    let rows = [
        ("0", "0.00", "0.00"),
        ("1", "1.10", "1.10"),
        ("100", "11.00", "11.00"),
        ("101", "13.58", "10.58"),
        ("1500", "117.50", "82.00"),
    ];
    for (units, graduated, volume) in rows {
        let model = |model| jobs(units).priced(vec![pieces(model)]);
        check(&model(Model::Graduated { tiers: tiers(with_fees) }), graduated);
        check(&model(Model::Volume { tiers: tiers(with_fees) }), volume);
    }
    check(&ten_times_150(Model::Graduated { tiers: tiers(with_fees) }), "117.50");
}

#[test]
fn an_allotment_is_pooled_and_applied_once() {
    let mut hourly = price("vm", "vm_running", HOURLY, per_unit("0.02"));
    hourly.included = exact("750");
    hourly.tier_scope = TierScope::Account;
    let world = |hours: &str| {
        World::new("UTC", "2026-03")
            .used("vm_running", "vm1", (0, 31 * DAY), hours)
            .used("vm_running", "vm2", (0, 31 * DAY), hours)
            .priced(vec![hourly.clone()])
    };
    check(&world("744"), "14.76");
    check(&world("375"), "0.00");
    check(&world("375.5"), "0.02");
    let rating = world("744").rate();
    let free: Vec<_> =
        of_kind(&rating.charges, ChargeKind::Included).iter().map(|c| c.quantity.clone()).collect();
    assert_eq!(free, [exact("744"), exact("6")]);
    assert!(rating.unpriced.is_empty());
}

#[test]
fn free_units_come_before_tiers() {
    let mut price = pieces(Model::Graduated { tiers: tiers(TIERS) });
    price.included = exact("500");
    check(&jobs("1500").priced(vec![price.clone()]), "82.00");
    price.model = Model::Volume { tiers: tiers(TIERS) };
    check(&jobs("600").priced(vec![price.clone()]), "10.00");
    check(&jobs("601").priced(vec![price.clone()]), "8.08");
    price.model = Model::Package { size: exact("100"), amount: exact("9") };
    check(&jobs("500").priced(vec![price.clone()]), "0.00");
    check(&jobs("500.5").priced(vec![price]), "9.00");
}

#[test]
fn a_minimum_is_trued_up() {
    let mut priced = pieces(per_unit("1"));
    priced.minimum = Some(exact("500.00"));
    let world = |units: &str| jobs(units).priced(vec![priced.clone()]);
    let rating = world("430.25").rate();
    let minimum = of_kind(&rating.charges, ChargeKind::Minimum);
    assert_eq!((&minimum[0].quantity, &minimum[0].unit_price), (&exact("1"), &exact("69.75")));
    check(&world("430.25"), "500.00");
    check(&world("500"), "500.00");
    check(&world("500.01"), "500.01");
    check(&world("0"), "0.00");
    check(&september().priced(vec![priced.clone()]), "0.00");
}

#[test]
fn the_minimum_of_a_short_first_period_is_its_part() {
    let mut priced = pieces(per_unit("1"));
    priced.minimum = Some(exact("500.00"));
    let mut world = jobs("1").priced(vec![priced]);
    world.period.span.from += 10 * DAY;
    for record in &mut world.records {
        record.key.from += 10 * DAY;
        record.until += 10 * DAY;
    }
    assert_eq!(world.exact_total(), Exact::ratio(1000, 3));
    check(&world, "333.33");
}

#[test]
fn flat_prices_are_due_once_for_each_resource() {
    let flat = |prorate| {
        let model = Model::Flat { amount: exact("30"), prorate };
        let price = price("lb", "load_balancer", MONTHLY, model);
        let mut world = september();
        for day in 0..10 {
            world = world.used("load_balancer", "lb1", (day * DAY, (day + 1) * DAY), "24");
        }
        let world = world.used("load_balancer", "lb2", (0, 30 * DAY), "720");
        world.used("load_balancer", "lb3", (0, DAY), "0").priced(vec![price])
    };
    check(&flat(false), "60.00");
    check(&flat(true), "40.00");
}

#[test]
fn one_off_prices_are_due_for_each_piece() {
    let model = Model::OneOff { amount: exact("49.90") };
    let world = jobs("2").priced(vec![pieces(model)]);
    check(&world, "99.80");
    assert_eq!(world.rate().charges[0].kind, ChargeKind::OneOff);
}

#[test]
fn late_units_cost_what_they_would_have_cost() {
    let world = |units: &str| {
        jobs(units).priced(vec![pieces(Model::Graduated { tiers: tiers(TIERS) })]).exact_total()
    };
    assert_eq!(cents(&world("950")), "78.00");
    assert_eq!(cents(&world("1050")), "84.50");
    assert_eq!(cents(&world("1050").minus(&world("950"))), "6.50");
}

fn hourly(amount: &str) -> Vec<Price> {
    vec![price("vm", "vm_running", HOURLY, per_unit(amount))]
}

#[test]
fn a_price_change_splits_the_record() {
    let world = september().used("vm_running", "vm", (0, DAY), "24");
    let noon = world.at(12 * HOUR);
    let world = world.repriced(noon, hourly("0.10"), hourly("0.12"));
    check(&world, "2.64");
    let rating = world.rate();
    let amounts: Vec<String> = rating.charges.iter().map(|c| cents(&c.amount())).collect();
    assert_eq!(amounts, ["1.20", "1.44"]);
    let versions: Vec<usize> = rating.charges.iter().map(|charge| charge.version).collect();
    assert_eq!(versions, [0, 1]);
    assert_eq!(rating.charges[0].segment.until, noon);
    assert_eq!(rating.charges[1].segment.from, noon);
}

/// 600 units on each side of a change.
fn changed(before: Price, after: Price) -> World {
    let world = september().used("jobs", "j", (0, 15 * DAY), "600").used(
        "jobs",
        "j",
        (15 * DAY, 30 * DAY),
        "600",
    );
    let middle = world.at(15 * DAY);
    world.repriced(middle, vec![before], vec![after])
}

#[test]
fn tier_positions_continue_through_a_change() {
    let graduated = |text: &str| pieces(Model::Graduated { tiers: tiers(text) });
    let dearer = "100@0.20 1000@0.16 rest@0.10";
    // 100 × 0.10 + 500 × 0.08, then 400 × 0.16 + 200 × 0.10.
    check(&changed(graduated(TIERS), graduated(dearer)), "134.00");
    let mut restarted = graduated(dearer);
    restarted.tier_restart = true;
    // 50, then 100 × 0.20 + 500 × 0.16.
    check(&changed(graduated(TIERS), restarted.clone()), "150.00");
    // A version that leaves the price as it was is no new version of the price.
    check(&changed(restarted.clone(), restarted.clone()), "184.00");
    let volume = |text: &str| pieces(Model::Volume { tiers: tiers(text) });
    check(&changed(volume(TIERS), volume(dearer)), "90.00");
    let mut restarted = volume(dearer);
    restarted.tier_restart = true;
    check(&changed(volume(TIERS), restarted), "144.00");
    // 600 and 600 in packages of 500: two begun before, one after.
    let package = |amount| pieces(Model::Package { size: exact("500"), amount: exact(amount) });
    check(&changed(package("10"), package("11")), "31.00");
    // Positions are known under plain prices too.
    check(&changed(pieces(per_unit("1")), graduated(TIERS)), "642.00");
}

#[test]
fn free_units_and_bounds_go_on_through_a_change() {
    let with = |amount: &str, included: &str| {
        let mut price = pieces(per_unit(amount));
        price.included = exact(included);
        price
    };
    check(&changed(with("1", "700"), with("2", "700")), "1000.00");
    check(&changed(with("1", "100"), with("2", "300")), "1300.00");
    check(&changed(with("1", "700"), with("2", "0")), "1200.00");
    let mut capped = pieces(per_unit("2"));
    capped.cap = Some(exact("1500"));
    check(&changed(pieces(per_unit("1")), capped.clone()), "1500.00");
    capped.minimum = capped.cap.take();
    capped.minimum = Some(exact("2000"));
    check(&changed(pieces(per_unit("1")), capped), "2000.00");
}

#[test]
fn tiers_of_month_prices_count_unit_months() {
    let model = Model::Graduated { tiers: tiers("100@0.10 rest@0.05") };
    let gib = |hours: &str| {
        september()
            .used_with("volume", "v", (0, 30 * DAY), hours, &[("size_bytes", "161061273600")])
            .priced(vec![price("disk", "volume", GIB_MONTH, model.clone())])
    };
    // 150 GiB all month: 100 at 0.10, 50 at 0.05; two thirds of the month: 100 at 0.10.
    check(&gib("720"), "12.50");
    check(&gib("480"), "10.00");
    check(&gib("481"), "10.01");
    let rating = gib("720").rate();
    assert_eq!(rating.charges[0].quantity, exact("72000"));
    assert_eq!(rating.charges[0].base, exact("720"));
    let tier = rating.charges[1].tier.clone().unwrap();
    assert_eq!((tier.index, tier.from, tier.up_to), (1, exact("100"), None));
}

#[test]
fn prices_by_the_thousand() {
    let model = Model::PerUnit { amount: exact("0.004"), base: exact("1000") };
    let world = september().used("disk_read_requests", "v", (0, HOUR), "1250000");
    check(&world.priced(vec![price("io", "disk_read_requests", PIECE, model)]), "5.00");
}

#[test]
fn sellers_pool_tiers_over_their_customers() {
    let mut shared = price("t", "network_sent", GB, Model::Graduated { tiers: tiers(TIERS) });
    shared.tier_scope = TierScope::SellerPool;
    shared.minimum = Some(exact("200"));
    let world = september()
        .used("network_sent", "n1", (0, HOUR), "600000000000")
        .used("network_sent", "n2", (HOUR, 2 * HOUR), "600000000000")
        .by(|facts| facts.customer.0 = "c2".to_owned())
        .priced(vec![shared]);
    let metered = world.metering().metered;
    let (one, two) = (world.rate_metered(&metered, "c1"), world.rate_metered(&metered, "c2"));
    let usage = |rating: &billow::rate::Rating| {
        let usage = of_kind(&rating.charges, ChargeKind::Usage);
        cents(&Exact::sum(&usage.iter().map(|charge| charge.amount()).collect::<Vec<_>>()))
    };
    // 100 × 0.10 + 500 × 0.08, then 400 × 0.08 + 200 × 0.05.
    assert_eq!((usage(&one), usage(&two)), ("50.00".to_owned(), "42.00".to_owned()));
    assert_eq!(sum(&one.charges).plus(&sum(&two.charges)), exact("200"));
    assert!(one.charges.iter().all(|charge| {
        charge.resource.as_ref().is_none_or(|resource| resource.facts.customer.0 == "c1")
    }));
}

#[test]
fn huge_quantities_and_tiny_prices_stay_exact() {
    let world = jobs("9999999999999.999").priced(vec![pieces(per_unit("0.000000001"))]);
    assert_eq!(world.exact_total(), exact("9999.999999999999"));
}
