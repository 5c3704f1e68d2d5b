//! Records become quantities: the figures of counters, gauges and states, and every cut.

use std::sync::Arc;

use billow::collect::record::RecordKind::{Cumulative, Delta, Gauge};
use billow::meter::quantities::Metering;
use billow::money::Exact;
use billow::period::Span;

use super::world::{DAY, GIB_MONTH, HOUR, World, cents, exact, facts, per_unit, price, record};

fn world() -> World {
    World::new("UTC", "2026-09")
}

/// `from..until quantity` of each quantity of a meter, offsets in hours.
fn parts(world: &World, metering: &Metering, meter: &str) -> Vec<String> {
    let start = world.period.span.from;
    let of_meter = metering.metered.iter().filter(|metered| &*metered.meter == meter);
    let hours = |at: i64| Exact::ratio(i128::from(at - start), 3600);
    of_meter
        .map(|m| format!("{}..{} {}", hours(m.span.from), hours(m.span.until), m.quantity))
        .collect()
}

#[track_caller]
fn check(world: &World, meter: &str, expected: &[&str]) {
    assert_eq!(parts(world, &world.metering(), meter), expected);
}

#[test]
fn keeps_what_no_boundary_cuts_as_reported() {
    let world = world().used("ip_address", "ip", (0, DAY), "24.000002");
    check(&world, "ip_address", &["0..24 24.000002"]);
}

#[test]
fn cuts_at_the_period() {
    let over_the_start = world().used("network_sent", "n", (-HOUR / 2, HOUR / 2), "120");
    check(&over_the_start.of_kind(Delta), "network_sent", &["0..0.5 60"]);
    let end = 30 * DAY;
    let over_the_end = world().used("network_sent", "n", (end - HOUR / 2, end + HOUR / 2), "120");
    check(&over_the_end, "network_sent", &["719.5..720 60"]);
    let uneven = world().used("volume", "v", (-HOUR, 2 * HOUR), "1");
    check(&uneven, "volume", &["0..2 2/3"]);
    let outside =
        world().used("volume", "v", (-HOUR, 0), "1").used("volume", "w", (end, end + 1), "1");
    check(&outside, "volume", &[]);
}

#[test]
fn cuts_at_boundaries_and_the_parts_sum_to_the_whole() {
    let mut world = world().used("volume", "v", (0, DAY), "24.000002");
    world.boundaries = vec![world.at(8 * HOUR), world.at(12 * HOUR), world.at(DAY)];
    let expected = ["0..8 24.000002", "8..12 24.000002", "12..24 24.000002"];
    let metering = world.metering();
    assert_eq!(metering.metered.len(), expected.len());
    let sum = Exact::sum(metering.metered.iter().map(|metered| &metered.quantity));
    assert_eq!(sum, exact("24.000002"));
    assert_eq!(
        metering.metered[1].quantity,
        exact("4.000000333333").plus(&Exact::ratio(1, 3_000_000_000_000))
    );
}

#[test]
fn an_instant_stays_one() {
    let world = world().used("setup", "s", (HOUR, HOUR), "1").of_kind(Delta);
    check(&world, "setup", &["1..1 1"]);
    let at_the_end = World::new("UTC", "2026-09").used("setup", "s", (30 * DAY, 30 * DAY), "1");
    check(&at_the_end, "setup", &[]);
}

/// Readings `(hour, value)` of a counter, from before the period on.
#[track_caller]
fn check_counter(bits: Option<&str>, readings: &[(i64, &str)], expected: &[&str]) {
    let attributes: Vec<_> = bits.map(|bits| ("counter_bits", bits)).into_iter().collect();
    check_readings(&attributes, readings, expected);
}

#[track_caller]
fn check_readings(attributes: &[(&str, &str)], readings: &[(i64, &str)], expected: &[&str]) {
    let mut world = world();
    for (hour, value) in readings.iter().rev() {
        let at = world.at(hour * HOUR);
        let mut reading = record("network_sent", "n", Span::new(at, at), exact(value));
        reading.kind = Cumulative;
        world.push(reading, Arc::new(facts(attributes)));
    }
    check(&world, "network_sent", expected);
}

#[test]
fn counters() {
    let resets = [(0, "1000"), (1, "4000"), (2, "500"), (3, "2500")];
    check_counter(None, &resets, &["0..1 3000", "1..2 500", "2..3 2000"]);
    check_counter(Some("32"), &[(0, "4294967000"), (1, "704")], &["0..1 1000"]);
    check_counter(None, &[(0, "4294967000"), (1, "704")], &["0..1 704"]);
    // A wrap is believed only from above nine tenths of the width.
    check_counter(Some("32"), &[(0, "3865470566"), (1, "704")], &["0..1 704"]);
    check_counter(Some("32"), &[(0, "3865470567"), (1, "704")], &["0..1 429497433"]);
    // The first reading is a baseline, and of two at one instant the first counts.
    check_counter(None, &[(1, "500")], &[]);
    check_counter(None, &[(0, "5"), (0, "5"), (1, "7")], &["0..1 2"]);
    check_counter(None, &[(0, "5"), (1, "5")], &["0..1 0"]);
    // The baseline lies before the period, the last reading after it.
    check_counter(
        None,
        &[(-1, "0"), (1, "120"), (719, "120"), (721, "320")],
        &["0..1 60", "1..719 0", "719..720 100"],
    );
}

/// In an hour of whose polls half came before a reset, the mean is neither the one nor the other.
#[test]
fn a_mean_across_a_reset_bills_nothing_anew() {
    let fell = [(0, "5000"), (1, "2510"), (2, "50"), (3, "80")];
    check_readings(&[("bucket_seconds", "3600")], &fell, &["0..2 50", "2..3 30"]);
    // A bucket that holds one poll tells what it held.
    let one = ["0..1 2510", "1..2 50", "2..3 30"];
    check_readings(&[("bucket_seconds", "300")], &fell, &one);
    check_readings(&[], &fell, &one);
    let quick = [(0, "100"), (1, "60"), (2, "900"), (3, "40"), (4, "70")];
    let expected = ["0..2 800", "2..4 70"];
    check_readings(&[("bucket_seconds", "301")], &quick, &expected);
    // Two resets right after each other: the second one's mean is taken as it is.
    let twice = [(0, "100"), (1, "60"), (2, "30"), (3, "10")];
    check_readings(&[("bucket_seconds", "3600")], &twice, &["0..2 30"]);
}

#[test]
fn gauges_are_weighted_by_time() {
    let ten_days = 10 * DAY;
    let world = world()
        .used("bucket", "b", (0, ten_days), "107374182400")
        .of_kind(Gauge)
        .used("bucket", "b", (ten_days, 30 * DAY), "214748364800")
        .of_kind(Gauge)
        .priced(vec![price("objects", "bucket", GIB_MONTH, per_unit("0.08"))]);
    check(&world, "bucket", &["0..240 240", "240..720 480"]);
    assert_eq!(world.exact_total(), Exact::ratio(40, 3));
    assert_eq!(cents(&world.exact_total()), "13.33");
}

#[test]
fn other_gauges_become_level_times_hours() {
    let imported = world().used("seats", "s", (0, DAY), "5").of_kind(Gauge);
    check(&imported, "seats", &["0..24 120"]);
    let bytes = world().used_with("archive", "a", (0, DAY), "4096", &[("unit", "byte")]);
    let bytes = bytes.of_kind(Gauge);
    check(&bytes, "archive", &["0..24 24"]);
    let metering = bytes.metering();
    assert_eq!(metering.metered[0].facts.attributes["size_bytes"], "4096");
}

fn machine(world: World, meter: &str, window: (i64, i64), hours: &str, offering: &str) -> World {
    world.used_with(meter, "vm", window, hours, &[("offering", offering)])
}

/// `(meter, offering, hours)` in one window of a day.
#[track_caller]
fn check_stopped(rows: &[(&str, &str, &str)], expected: &[(&str, &str)], beyond: &[&str]) {
    let mut world = world();
    for (meter, offering, hours) in rows {
        world = machine(world, meter, (0, DAY), hours, offering);
        let last = world.records.len();
        world.records[last - 1].key.identity = last.to_string();
    }
    let metering = world.metering();
    assert!(metering.metered.iter().all(|metered| &*metered.meter != "vm_allocated"));
    let stopped: Vec<_> = metering.metered.iter().filter(|m| &*m.meter == "vm_stopped").collect();
    let stopped: Vec<(String, String)> = stopped
        .iter()
        .map(|m| (m.facts.attributes["offering"].clone(), m.quantity.to_string()))
        .collect();
    let expected: Vec<(String, String)> =
        expected.iter().map(|(o, h)| ((*o).to_owned(), (*h).to_owned())).collect();
    assert_eq!(stopped, expected);
    let over: Vec<String> =
        metering.running_beyond_allocated.iter().map(|(_, hours)| hours.to_string()).collect();
    assert_eq!(over, beyond);
}

#[test]
fn stopped_is_allocated_less_running() {
    let (a, r) = ("vm_allocated", "vm_running");
    check_stopped(&[(a, "s", "24"), (r, "s", "10.5")], &[("s", "13.5")], &[]);
    check_stopped(&[(a, "s", "24")], &[("s", "24")], &[]);
    check_stopped(&[(r, "s", "24")], &[], &[]);
    check_stopped(&[(a, "s", "24"), (r, "s", "24")], &[], &[]);
    check_stopped(&[(a, "s", "24.000002"), (r, "s", "24")], &[("s", "0.000002")], &[]);
    // Beyond allocated: a second is tolerated, more is told.
    check_stopped(&[(a, "s", "23.9998"), (r, "s", "24")], &[], &[]);
    check_stopped(&[(a, "s", "23"), (r, "s", "24")], &[], &["1"]);
    // Scaled while allocated as one offering, and allocated in two parts.
    check_stopped(&[(a, "s", "24"), (r, "s", "8"), (r, "m", "6")], &[("s", "10")], &[]);
    let upgraded = [(a, "s", "10"), (a, "m", "14"), (r, "m", "14"), (r, "s", "4")];
    check_stopped(&upgraded, &[("s", "6")], &[]);
    let crossed = [(a, "s", "10"), (a, "m", "14"), (r, "l", "12"), (r, "m", "5")];
    check_stopped(&crossed, &[("m", "7")], &[]);
}

#[test]
fn stopped_time_counts_by_window_and_owner() {
    let world = machine(world(), "vm_allocated", (0, DAY), "24", "s");
    let world = machine(world, "vm_allocated", (DAY, 2 * DAY), "24", "s");
    let world = machine(world, "vm_running", (DAY, 2 * DAY), "20", "s");
    check(&world, "vm_stopped", &["0..24 24", "24..48 4"]);
    // Fragments inside the allocated window count against it.
    let world = machine(world, "vm_running", (0, 10 * HOUR), "10", "s");
    let world = machine(world, "vm_running", (10 * HOUR, DAY), "13", "s");
    check(&world, "vm_stopped", &["0..24 1", "24..48 4"]);
    let mut other = machine(world, "vm_running", (0, DAY), "24", "s");
    other.records.last_mut().unwrap().key.owner = super::world::owner("a2");
    check(&other, "vm_stopped", &["0..24 1", "24..48 4"]);
}

#[test]
fn stopped_windows_are_cut_too() {
    let mut world = machine(world(), "vm_allocated", (-12 * HOUR, 12 * HOUR), "24", "s");
    world = machine(world, "vm_running", (-12 * HOUR, 12 * HOUR), "12", "s");
    world.boundaries = vec![world.at(6 * HOUR)];
    check(&world, "vm_stopped", &["0..6 3", "6..12 3"]);
    check(&world, "vm_running", &["0..6 3", "6..12 3"]);
}

#[test]
fn attachments_count_only_without_a_record_of_the_volume() {
    let attached = [("machine", "vm")];
    let twin = world().used("volume", "v", (0, DAY), "24").used_with(
        "volume",
        "v",
        (0, DAY),
        "10",
        &attached,
    );
    check(&twin, "volume", &["0..24 24"]);
    let alone = world().used_with("volume", "v", (0, DAY), "24", &attached);
    check(&alone, "volume", &["0..24 24"]);
    let other_day = alone.used("volume", "v", (DAY, 2 * DAY), "24");
    check(&other_day, "volume", &["0..24 24", "24..48 24"]);
}

#[test]
fn order_of_records_does_not_matter() {
    let mut world = machine(world(), "vm_allocated", (0, DAY), "24", "s");
    world = machine(world, "vm_running", (0, DAY), "6", "s");
    world = world.used("volume", "a", (0, DAY), "24").used("ip_address", "b", (0, DAY), "24");
    let forth: Vec<String> =
        world.metering().metered.iter().map(|m| format!("{} {}", m.meter, m.resource)).collect();
    assert_eq!(forth, ["volume a", "ip_address b", "vm_running vm", "vm_stopped vm"]);
    world.records.reverse();
    world.facts.reverse();
    let back: Vec<String> =
        world.metering().metered.iter().map(|m| format!("{} {}", m.meter, m.resource)).collect();
    assert_eq!(back, forth);
}
