//! Billing periods: local midnights, anchors, clock changes.

use billow::period::{BillingCycle, PeriodLabel, Span, local_date, midnight, zone_of};
use jiff::Timestamp;
use jiff::civil::date;
use proptest::prelude::*;

fn cycle(zone: &str, anchor: i8) -> BillingCycle {
    BillingCycle::new(zone, anchor).unwrap()
}

fn label(text: &str) -> PeriodLabel {
    text.parse().unwrap()
}

fn utc(at: i64) -> String {
    Timestamp::from_second(at).unwrap().to_string()
}

/// A period by zone, anchor and label, as UTC instants and minutes.
#[track_caller]
fn check(zone: &str, anchor: i8, name: &str, from: &str, until: &str, minutes: i64) {
    let span = cycle(zone, anchor).period(label(name)).unwrap().span;
    assert_eq!((utc(span.from).as_str(), utc(span.until).as_str()), (from, until));
    assert_eq!(span.seconds(), minutes * 60);
}

#[test]
fn months_are_local_midnights() {
    let (ams, ny) = ("Europe/Amsterdam", "America/New_York");
    check(ams, 1, "2026-03", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z", 743 * 60);
    check(ams, 1, "2026-10", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z", 745 * 60);
    check(ny, 1, "2026-11", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z", 721 * 60);
    check("UTC", 1, "2026-02", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", 672 * 60);
    check("UTC", 1, "2028-02", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z", 696 * 60);
    check("UTC", 1, "2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", 744 * 60);
    // Offsets of half and three quarters of an hour, and a clock change of half an hour.
    let (delhi, nepal, howe) = ("Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe");
    check(delhi, 1, "2026-03", "2026-02-28T18:30:00Z", "2026-03-31T18:30:00Z", 744 * 60);
    check(nepal, 1, "2026-03", "2026-02-28T18:15:00Z", "2026-03-31T18:15:00Z", 744 * 60);
    check(howe, 1, "2026-10", "2026-09-30T13:30:00Z", "2026-10-31T13:00:00Z", 744 * 60 - 30);
    // Where the clock change skips midnight, the day begins with its first instant.
    check(
        "America/Santiago",
        6,
        "2026-09",
        "2026-09-06T04:00:00Z",
        "2026-10-06T03:00:00Z",
        719 * 60,
    );
}

#[test]
fn days_of_clock_changes() {
    let zone = zone_of("Europe/Amsterdam").unwrap();
    let hours = |day, next| (midnight(next, &zone).unwrap() - midnight(day, &zone).unwrap()) / 3600;
    assert_eq!(hours(date(2026, 3, 29), date(2026, 3, 30)), 23);
    assert_eq!(hours(date(2026, 10, 25), date(2026, 10, 26)), 25);
    assert_eq!(hours(date(2026, 10, 24), date(2026, 10, 25)), 24);
    // 02:30 comes twice on that day: two instants, one date.
    let first = "2026-10-25T00:30:00Z".parse::<Timestamp>().unwrap().as_second();
    assert_eq!(local_date(first, &zone), local_date(first + 3600, &zone));
}

#[test]
fn anchors_keep_their_day() {
    let starts = |anchor: i8, months: &[&str]| -> Vec<String> {
        let cycle = cycle("UTC", anchor);
        let start =
            |name: &&str| utc(cycle.period(label(name)).unwrap().span.from)[..10].to_owned();
        months.iter().map(start).collect()
    };
    let months = ["2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2028-02"];
    let last = ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2028-02-29"];
    assert_eq!(starts(31, &months), last);
    let thirty =
        ["2026-01-30", "2026-02-28", "2026-03-30", "2026-04-30", "2026-05-30", "2028-02-29"];
    assert_eq!(starts(30, &months), thirty);
    let fifteen =
        ["2026-01-15", "2026-02-15", "2026-03-15", "2026-04-15", "2026-05-15", "2028-02-15"];
    assert_eq!(starts(15, &months), fifteen);
}

#[test]
fn an_instant_belongs_to_one_period() {
    let cycle = cycle("Europe/Amsterdam", 31);
    let at = |text: &str| {
        let at = text.parse::<Timestamp>().unwrap().as_second();
        cycle.period_at(at).unwrap().label.to_string()
    };
    assert_eq!(at("2026-01-30T22:59:59Z"), "2025-12");
    assert_eq!(at("2026-01-30T23:00:00Z"), "2026-01");
    assert_eq!(at("2026-02-27T22:59:59Z"), "2026-01");
    assert_eq!(at("2026-02-27T23:00:00Z"), "2026-02");
    assert_eq!(at("2026-03-30T21:59:59Z"), "2026-02");
    assert_eq!(at("2026-03-30T22:00:00Z"), "2026-03");
}

#[test]
fn labels_and_mistakes() {
    assert_eq!(label("2026-12").next(), label("2027-01"));
    assert_eq!(label("2026-01").previous(), label("2025-12"));
    assert_eq!(label("2026-03").plus_months(-15), label("2024-12"));
    for wrong in [
        "2026",
        "2026-00",
        "2026-13",
        "26-01",
        "2026-+1",
        "2026-1",
        "2026/01",
        "+026-01",
        "2026-01-01",
    ] {
        assert!(wrong.parse::<PeriodLabel>().is_err(), "{wrong}");
    }
    assert!(BillingCycle::new("UTC", 0).is_err());
    assert!(BillingCycle::new("UTC", 32).is_err());
    assert!(BillingCycle::new("Mars/Olympus", 1).is_err());
}

#[test]
fn spans_are_half_open() {
    let span = Span::new(10, 20);
    assert!(span.contains(10) && !span.contains(20) && !span.contains(9));
    assert!(!span.overlaps(Span::new(20, 30)) && span.overlaps(Span::new(19, 30)));
    assert_eq!(span.intersect(Span::new(15, 30)), Span::new(15, 20));
    assert!(span.intersect(Span::new(30, 40)).is_empty());
    assert!(Span::new(5, 3).is_empty());
}

proptest! {
    #[test]
    fn periods_leave_no_gap(
        anchor in 1_i8..=31,
        months in -600..600_i32,
        zone in prop::sample::select(vec![
            "UTC", "Europe/Amsterdam", "America/New_York", "Asia/Kathmandu",
            "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia",
        ]),
        inside in 0_i64..2_000_000,
    ) {
        let cycle = cycle(zone, anchor);
        let name = label("2026-01").plus_months(months);
        let period = cycle.period(name).unwrap();
        prop_assert_eq!(period.span.until, cycle.period(name.next()).unwrap().span.from);
        let at = period.span.from + inside;
        prop_assert_eq!(cycle.period_at(at).unwrap(), period);
    }
}
