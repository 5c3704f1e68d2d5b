//! Goal: every rule and figure of the billing rules that is arithmetic holds on the invoice.
//! Method: one line a case: price book as TOML and usage in, nets of the lines out, on a real
//! database; beside each worked example its boundaries.

use billow::customer::{LineCut, SellerDetails};
use billow::money::RoundingMode;
use billow::period::{BillingCycle, PeriodLabel};

use super::case::{Case, Table, totals};
use crate::support::db::sqlite;

async fn table() -> Table {
    Table::new(sqlite().await).await
}

/// A `[[price]]` of a meter by a unit; `rest` has the other keys.
pub fn price(code: &str, meter: &str, unit: &str, rest: &str) -> String {
    format!("[[price]]\ncode = {code:?}\nmeter = {meter:?}\nunit = {unit:?}\n{rest}\n")
}

pub fn hourly(amount: &str) -> String {
    price("vm", "vm_running", "hour", &format!("amount = {amount:?}"))
}

fn jobs(rest: &str) -> String {
    price("jobs", "jobs", "piece", rest)
}

const TIERS: &str = "tiers = [{ up_to = \"100\", amount = \"0.10\" }, \
                     { up_to = \"1000\", amount = \"0.08\" }, { amount = \"0.05\" }]";

fn half_even(details: &mut SellerDetails) {
    details.rounding = RoundingMode::HalfEven;
}

fn per_resource(details: &mut SellerDetails) {
    details.line_cut = LineCut::PerResource;
}

// 1.1 Numbers.

#[tokio::test]
async fn long_numbers_survive_the_whole_way() {
    let table = table().await;
    for (amount, quantity, nets) in [
        ("0.000000001", "9999999999999.999", "10000.00"),
        ("0.000000001", "4999999.999999999", "0.00"),
        ("0.000000001", "5000000", "0.01"),
        ("0.1", "0.05", "0.01"),
        ("0.1", "0.0499999999999999999999", "0.00"),
        ("9999999999999.99", "1", "9999999999999.99"),
        ("0.30", "3", "0.90"),
    ] {
        let prices = jobs(&format!("amount = {amount:?}"));
        let case = Case::new(format!("{quantity} × {amount}"), prices);
        let line = case.used(format!("jobs j month {quantity}"));
        if nets == "0.00" {
            line.gives_nothing(&table).await;
            continue;
        }
        let document = line.gives(&table, nets).await;
        let line = &document.lines[0];
        assert_eq!(line.quantity, quantity.parse().expect("a quantity"));
        assert_eq!(line.price, amount.parse().expect("a price"));
        assert_eq!(line.exact, line.quantity.times(&line.price));
        assert_eq!(document.breakdowns.resource[0].net_minor, document.net_minor);
    }
}

#[tokio::test]
async fn what_does_not_fit_is_held_and_never_wraps() {
    let table = table().await;
    let huge = "amount = \"9999999999999999\"";
    let case = Case::new("one line", jobs(huge)).used("jobs j month 10");
    case.held_for(&table, "too large").await;
    let case = Case::new("sum of lines", jobs(huge)).seller(per_resource);
    let case = (0..10).fold(case, |case, number| case.used(format!("jobs j{number} month 1")));
    case.held_for(&table, "too large").await;
    let case = Case::new("gross", jobs("amount = \"90000000000000000\"")).used("jobs j month 1");
    case.held_for(&table, "too large").await;
}

// 1.2 Time.

#[tokio::test]
async fn months_are_those_of_the_customers_zone() {
    let table = table().await;
    let ams = "Europe/Amsterdam";
    let ny = "America/New_York";
    for (zone, label, hours, nets) in [
        (ams, "2026-03", "743", "74.30"),
        (ams, "2026-10", "745", "74.50"),
        (ny, "2026-11", "721", "72.10"),
        ("UTC", "2026-03", "744", "74.40"),
        ("UTC", "2026-02", "672", "67.20"),
        ("UTC", "2028-02", "696", "69.60"),
        ("Asia/Kolkata", "2026-03", "744", "74.40"),
        ("Australia/Lord_Howe", "2026-10", "743.5", "74.35"),
        ("Australia/Lord_Howe", "2026-04", "720.5", "72.05"),
    ] {
        let name = format!("{zone} {label}");
        let case = Case::new(name.clone(), hourly("0.10")).month(zone, label);
        let document = case.used(format!("vm_running v month {hours}")).gives(&table, nets).await;
        // The hours of the month are what the span of the period has.
        let seconds = document.period.span.seconds();
        assert_eq!((seconds as f64 / 3600.0).to_string(), hours, "{name}");
        assert_eq!(document.lines[0].service_from, format!("{label}-01"), "{name}");
    }
    // Days in UTC, as an orchestrator reports them, cut at the local midnights: 743 hours.
    let mut case = Case::new("UTC days", hourly("0.10")).month(ams, "2026-03");
    for day in ["2026-02-28", "2026-03-31"] {
        case = case.used(format!("vm_running v {day}T00:00:00Z..{day}T23:59:59Z 0"));
    }
    case = case.used("vm_running v 2026-02-28T00:00:00Z..2026-03-01T00:00:00Z 24");
    case = case.used("vm_running v 2026-03-01T00:00:00Z..2026-03-31T00:00:00Z 720");
    case = case.used("vm_running v 2026-03-31T00:00:00Z..2026-04-01T00:00:00Z 24");
    case.gives(&table, "74.30").await;
}

#[tokio::test]
async fn days_of_clock_changes_have_their_own_hours() {
    let table = table().await;
    let ams = "Europe/Amsterdam";
    for (label, day, next, nets) in [
        ("2026-03", "2026-03-29", "2026-03-30", "2.30"),
        ("2026-10", "2026-10-25", "2026-10-26", "2.50"),
        ("2026-10", "2026-10-24", "2026-10-25", "2.40"),
    ] {
        let hours = match nets {
            "2.30" => "23",
            "2.50" => "25",
            _ => "24",
        };
        let case = Case::new(day, hourly("0.10")).month(ams, label);
        case.used(format!("vm_running v {day}..{next} {hours}")).gives(&table, nets).await;
    }
    // 02:00+02:00 and 02:00+01:00 are two hours.
    let case = Case::new("the hour twice", hourly("0.10")).month(ams, "2026-10");
    let case = case.used("vm_running v 2026-10-25T00:00:00Z..2026-10-25T01:00:00Z 1");
    let case = case.used("vm_running v 2026-10-25T01:00:00Z..2026-10-25T02:00:00Z 1");
    case.gives(&table, "0.20").await;
}

#[tokio::test]
async fn hours_that_straddle_a_local_midnight_are_cut() {
    let table = table().await;
    for (zone, label, hour, nets) in [
        ("Asia/Kolkata", "2026-03", "2026-02-28T18:00:00Z..2026-02-28T19:00:00Z", "0.50"),
        ("Asia/Kolkata", "2026-02", "2026-02-28T18:00:00Z..2026-02-28T19:00:00Z", "0.50"),
        ("Asia/Kathmandu", "2026-03", "2026-02-28T18:00:00Z..2026-02-28T19:00:00Z", "0.75"),
        ("Asia/Kathmandu", "2026-02", "2026-02-28T18:00:00Z..2026-02-28T19:00:00Z", "0.25"),
        ("UTC", "2026-02", "2026-02-28T23:30:00Z..2026-03-01T00:30:00Z", "0.50"),
        ("UTC", "2026-02", "2026-02-28T23:59:23Z..2026-03-01T00:59:23Z", "0.01"),
    ] {
        let case = Case::new(format!("{zone} {label} {hour}"), hourly("1")).month(zone, label);
        case.used(format!("vm_running v {hour} 1")).gives(&table, nets).await;
    }
}

#[tokio::test]
async fn anchors_keep_their_day() {
    let table = table().await;
    for (anchor, label, from, until, nets) in [
        (31, "2026-01", "2026-01-31", "2026-02-27", "67.20"),
        (31, "2026-02", "2026-02-28", "2026-03-30", "74.40"),
        (31, "2026-03", "2026-03-31", "2026-04-29", "72.00"),
        (31, "2026-04", "2026-04-30", "2026-05-30", "74.40"),
        (31, "2028-01", "2028-01-31", "2028-02-28", "69.60"),
        (29, "2028-02", "2028-02-29", "2028-03-28", "69.60"),
        (29, "2026-02", "2026-02-28", "2026-03-28", "69.60"),
        (15, "2026-02", "2026-02-15", "2026-03-14", "67.20"),
    ] {
        let mut case = Case::new(format!("{anchor} {label}"), hourly("0.10")).month("UTC", label);
        case.anchor = anchor;
        // A machine that runs all the time, reported by calendar months.
        let month: PeriodLabel = label.parse().expect("a label");
        for one in [month, month.next()] {
            let span =
                BillingCycle::new("UTC", 1).expect("a cycle").period(one).expect("a period").span;
            let at = |at| jiff::Timestamp::from_second(at).expect("time");
            let hours = span.seconds() / 3600;
            case = case.used(format!("vm_running v {}..{} {hours}", at(span.from), at(span.until)));
        }
        let document = case.gives(&table, nets).await;
        assert_eq!((&*document.period_from, &*document.period_until), (from, until));
    }
}

// 1.3 Counters, gauges, states.

#[tokio::test]
async fn counters_through_resets_wraps_and_months() {
    let table = table().await;
    let prices = price("counter", "counter", "piece", "amount = \"1\"");
    for (name, bits, readings, nets) in [
        ("reset", "", "01:1000 02:4000 03:500 04:2500", "5500.00"),
        ("wrap", "counter_bits=32", "01:4294967000 02:704", "1000.00"),
        ("a wrap that is none", "counter_bits=32", "01:3865470566 02:704", "704.00"),
        ("a wrap at nine tenths", "counter_bits=32", "01:3865470567 02:704", "429497433.00"),
        ("no width, no wrap", "", "01:4294967000 02:704", "704.00"),
        ("equal instants", "", "01:1000 02:4000 02:4000 03:5000", "4000.00"),
        ("out of order", "", "03:500 01:1000 04:2500 02:4000", "5500.00"),
    ] {
        let mut case = Case::new(name, prices.clone());
        for reading in readings.split(' ') {
            let (day, value) = reading.split_once(':').expect("a reading");
            let line = format!("counter c 2025-09-{day} {value} kind=counter {bits}");
            case = case.used(line);
        }
        case.gives(&table, nets).await;
    }
    Case::new("a baseline alone", prices.clone())
        .used("counter c 2025-09-05 1000 kind=counter")
        .gives_nothing(&table)
        .await;
    // 120 units between 23:30 and 00:30: 60 on either side of the month's end, both ends.
    Case::new("from the month before", prices.clone())
        .used("counter c 2025-08-31T23:30:00Z 1000 kind=counter")
        .used("counter c 2025-09-01T00:30:00Z 1120 kind=counter")
        .gives(&table, "60.00")
        .await;
    Case::new("into the next month", prices.clone())
        .used("counter c 2025-09-30T22:30:00Z 1000 kind=counter")
        .used("counter c 2025-09-30T23:30:00Z 1003 kind=counter")
        .used("counter c 2025-10-01T00:30:00Z 1123 kind=counter")
        .gives(&table, "63.00")
        .await;
    Case::new("a month without a reading", prices.clone())
        .used("counter c 2025-08-31T00:00:00Z 0 kind=counter")
        .used("counter c 2025-10-02T00:00:00Z 3200 kind=counter")
        .gives(&table, "3000.00")
        .await;
}

#[tokio::test]
async fn intervals_that_cross_a_boundary_are_split_linearly() {
    let table = table().await;
    let jobs = jobs("amount = \"1\"");
    for (label, nets) in [("2025-09", "60.00"), ("2025-08", "60.00")] {
        let case = Case::new(label, jobs.clone()).month("UTC", label);
        let case = case.used("jobs j 2025-08-31T23:30:00Z..2025-09-01T00:30:00Z 120");
        case.gives(&table, nets).await;
    }
}

#[tokio::test]
async fn gauges_are_weighted_by_time() {
    let table = table().await;
    let storage = price("gib", "volume", "gib_month", "amount = \"0.08\"");
    let document = Case::new("100 GiB, then 200 GiB", storage.clone())
        .used("volume v 2025-09-01..2025-09-11 100GiB kind=gauge")
        .used("volume v 2025-09-11..2025-10-01 200GiB kind=gauge")
        .gives(&table, "13.33")
        .await;
    assert_eq!(document.lines[0].exact, billow::money::Exact::ratio(40, 3));
    Case::new("all month", storage.clone())
        .used("volume v month 100GiB kind=gauge")
        .gives(&table, "8.00")
        .await;
    Case::new("nothing held", storage)
        .used("volume v month 0 kind=gauge")
        .gives_nothing(&table)
        .await;
    Case::new("seats", price("seat", "level", "piece_month", "amount = \"30\""))
        .used("level l 2025-09-01..2025-09-16 4 kind=gauge")
        .used("level l 2025-09-16..2025-10-01 5 kind=gauge")
        .gives(&table, "135.00")
        .await;
}

#[tokio::test]
async fn stopped_is_allocated_less_running_on_a_line_of_its_own() {
    let table = table().await;
    let stopped = price("off", "vm_stopped", "hour", "amount = \"0.01\"");
    let prices = format!("{}{stopped}", hourly("0.10"));
    for (running, allocated, nets) in [
        ("500", "720", "50.00 2.20"),
        ("720", "720", "72.00"),
        ("0", "720", "7.20"),
        ("719.5", "720", "71.95 0.01"),
    ] {
        let case = Case::new(format!("{running} of {allocated}"), prices.clone());
        let case = case.used(format!("vm_allocated v month {allocated}"));
        case.used(format!("vm_running v month {running}")).gives(&table, nets).await;
    }
}

#[tokio::test]
async fn gigabytes_are_no_gibibytes() {
    let table = table().await;
    for (unit, quantity, nets, shown) in [
        ("gb", "5GB", "0.25", "gb"),
        ("gib", "5GB", "0.23", "gib"),
        ("gib", "5GiB", "0.25", "gib"),
        ("gb", "5GiB", "0.27", "gb"),
    ] {
        let prices = price("out", "network_sent", unit, "amount = \"0.05\"");
        let case = Case::new(format!("{quantity} by {unit}"), prices);
        let document = case.used(format!("network_sent n month {quantity}")).gives(&table, nets);
        assert_eq!(document.await.lines[0].unit, shown);
    }
}

// 1.4 Prices by the month.

fn monthly(mode: &str, rest: &str) -> String {
    price("vm", "vm_running", "month", &format!("amount = \"36.00\"\nmonth = {mode:?}\n{rest}"))
}

#[tokio::test]
async fn month_prices_divide_last() {
    let table = table().await;
    for (mode, label, hours, nets) in [
        ("calendar", "2026-02", "100", "5.36"),
        ("730", "2026-02", "100", "4.93"),
        ("720", "2026-02", "100", "5.00"),
        ("calendar", "2026-02", "672", "36.00"),
        ("730", "2026-02", "672", "33.14"),
        ("720", "2026-02", "672", "33.60"),
        ("calendar", "2028-02", "696", "36.00"),
        ("calendar", "2026-01", "744", "36.00"),
        ("730", "2026-01", "744", "36.69"),
        ("720", "2026-01", "744", "37.20"),
        ("calendar", "2026-01", "743", "35.95"),
        ("calendar", "2026-01", "1", "0.05"),
    ] {
        let case = Case::new(format!("{mode} {hours} h"), monthly(mode, "")).month("UTC", label);
        case.used(format!("vm_running v month {hours}")).gives(&table, nets).await;
    }
    let ams = Case::new("743 h of a short month", monthly("calendar", ""));
    let ams = ams.month("Europe/Amsterdam", "2026-03");
    ams.used("vm_running v month 743").gives(&table, "36.00").await;
    // Thirds of a machine that was there all month, in one record, by day, by hour and odd ones.
    let many = |count: i64| {
        let mut case = Case::new(format!("{count} records"), monthly("calendar", ""));
        let step = 720 * 3600 / count;
        let start = super::shop::seconds("2025-09-01T00:00:00Z");
        let at = |n: i64| jiff::Timestamp::from_second(start + n * step).expect("time").to_string();
        for number in 0..count {
            let hours = billow::money::Exact::ratio(720, i128::from(count));
            let span = format!("{}..{}", at(number), at(number + 1));
            case = case.used(format!("vm_running v {span} {hours}"));
        }
        case
    };
    for count in [1, 2, 30, 96, 720] {
        many(count).gives(&table, "36.00").await;
    }
}

#[tokio::test]
async fn a_cap_binds_the_fixed_month() {
    let table = table().await;
    let capped = |mode| monthly(mode, "cap = \"36.00\"\nscope = \"resource\"");
    for (mode, label, hours, nets, total) in [
        ("720", "2026-01", "744", "37.20 -1.20", "36.00"),
        ("730", "2026-01", "744", "36.69 -0.69", "36.00"),
        ("720", "2026-01", "720", "36.00", "36.00"),
        ("720", "2026-01", "720.2", "36.01 -0.01", "36.00"),
        ("720", "2026-01", "719.8", "35.99", "35.99"),
        ("calendar", "2026-01", "744", "36.00", "36.00"),
    ] {
        let case = Case::new(format!("cap {mode} {hours}"), capped(mode)).month("UTC", label);
        let case = case.used(format!("vm_running v month {hours}"));
        let document = case.gives(&table, nets).await;
        assert!(totals(&document).starts_with(total), "{}", totals(&document));
    }
}

/// The lines that a cap or a minimum bounds are rounded one by one; what they come to together is
/// still the bound, to the cent.
#[tokio::test]
async fn bounds_hold_to_the_cent() {
    let table = table().await;
    for (name, bound, seller, uses, total) in [
        ("cap", "cap = \"100\"", per_resource as fn(&mut SellerDetails), 3, "100.00"),
        ("minimum", "minimum = \"200\"", per_resource, 3, "200.00"),
    ] {
        let prices = jobs(&format!("amount = \"1\"\n{bound}"));
        let mut case = Case::new(name, prices).seller(seller);
        for number in 0..uses {
            case = case.used(format!("jobs j{number} month 41.115"));
        }
        let (document, _) = case.draft(&table).await;
        let document = document.expect("an invoice");
        super::case::check_sums(name, &document);
        assert!(totals(&document).starts_with(total), "{name}: {}", totals(&document));
    }
}

// 1.5 Tiers.

#[tokio::test]
async fn tiers_by_model() {
    let table = table().await;
    let graduated = jobs(&format!("model = \"graduated\"\n{TIERS}"));
    let volume = jobs(&format!("model = \"volume\"\n{TIERS}"));
    let package = jobs("model = \"package\"\nsize = \"100\"\namount = \"9\"");
    for (units, by_graduated, by_volume, by_package) in [
        ("1", "0.10", "0.10", "9.00"),
        ("99", "9.90", "9.90", "9.00"),
        ("100", "10.00", "10.00", "9.00"),
        ("100.5", "10.00 0.04", "8.04", "18.00"),
        ("101", "10.00 0.08", "8.08", "18.00"),
        ("200", "10.00 8.00", "16.00", "18.00"),
        ("200.000001", "10.00 8.00", "16.00", "27.00"),
        ("999", "10.00 71.92", "79.92", "90.00"),
        ("1000", "10.00 72.00", "80.00", "90.00"),
        ("1001", "10.00 72.00 0.05", "50.05", "99.00"),
        ("1500", "10.00 72.00 25.00", "75.00", "135.00"),
    ] {
        for (prices, nets) in
            [(&graduated, by_graduated), (&volume, by_volume), (&package, by_package)]
        {
            let case = Case::new(format!("{units}: {nets}"), prices.clone());
            case.used(format!("jobs j month {units}")).gives(&table, nets).await;
        }
    }
    for prices in [graduated, volume, package] {
        Case::new("nothing", prices).used("jobs j month 0").gives_nothing(&table).await;
    }
}

#[tokio::test]
async fn fees_are_due_for_tiers_that_are_touched() {
    let table = table().await;
    let fees = "tiers = [{ up_to = \"100\", amount = \"0.10\", flat = \"1\" }, \
                { up_to = \"1000\", amount = \"0.08\", flat = \"2.50\" }, \
                { amount = \"0.05\", flat = \"7\" }]";
    for (units, graduated, volume) in [
        ("1", "1.10", "1.10"),
        ("100", "11.00", "11.00"),
        ("101", "13.58", "10.58"),
        ("1000", "85.50", "82.50"),
        ("1001", "92.55", "57.05"),
        ("1500", "117.50", "82.00"),
    ] {
        for (model, net) in [("graduated", graduated), ("volume", volume)] {
            let prices = jobs(&format!("model = {model:?}\n{fees}"));
            let case = Case::new(format!("{model} {units}"), prices);
            let (document, _) = case.used(format!("jobs j month {units}")).draft(&table).await;
            let document = document.expect("an invoice");
            assert!(totals(&document).starts_with(&format!("{net} ")), "{}", totals(&document));
        }
    }
}

#[tokio::test]
async fn tiers_count_over_period_and_scope() {
    let table = table().await;
    for (scope, resources, net) in [
        ("customer", 1, "107.00"),
        ("customer", 10, "107.00"),
        ("account", 10, "107.00"),
        ("project", 10, "107.00"),
        ("seller_pool", 10, "107.00"),
        ("resource", 1, "107.00"),
        ("resource", 10, "140.00"),
    ] {
        let prices = jobs(&format!("model = \"graduated\"\nscope = {scope:?}\n{TIERS}"));
        let mut case = Case::new(format!("{scope} {resources}"), prices);
        for record in 0..10 {
            let (day, next) = (record + 1, record + 2);
            let resource = record % resources;
            let span = format!("2025-09-{day:02}..2025-09-{next:02}");
            case = case.used(format!("jobs j{resource} {span} 150"));
        }
        let (document, _) = case.draft(&table).await;
        let document = document.expect("an invoice");
        assert!(totals(&document).starts_with(&format!("{net} ")), "{}", totals(&document));
    }
}

// 1.6 Allotments and minimums.

#[tokio::test]
async fn allotments_come_first_and_once() {
    let table = table().await;
    let free = |scope: &str| format!("{}included = \"750\"\nscope = {scope:?}\n", hourly("0.02"));
    for (scope, first, second, nets) in [
        ("account", "744", "744", "14.76 0.00"),
        ("customer", "744", "744", "14.76 0.00"),
        ("resource", "744", "744", "0.00"),
        ("account", "750", "0.5", "0.01 0.00"),
        ("account", "375", "375", "0.00"),
        ("account", "375", "376", "0.02 0.00"),
    ] {
        let case = Case::new(format!("{scope} {first} {second}"), free(scope));
        let case = case.month("UTC", "2025-10");
        let case = case.used(format!("vm_running v1 month {first}"));
        let (document, lines) =
            case.used(format!("vm_running v2 month {second}")).draft(&table).await;
        match document {
            Some(document) => {
                let found: Vec<String> = document
                    .lines
                    .iter()
                    .map(|line| {
                        billow::money::Money { minor: line.net_minor, currency: document.currency }
                            .to_decimal_text()
                    })
                    .collect();
                assert_eq!(found.join(" "), nets, "{scope} {first} {second}");
            }
            None => assert!(lines.is_empty() && nets == "0.00", "{scope} {first} {second}"),
        }
    }
    let tiers = jobs(&format!("model = \"graduated\"\nincluded = \"500\"\n{TIERS}"));
    let document = Case::new("free units, then tiers", tiers)
        .used("jobs j month 1500")
        .gives(&table, "10.00 72.00 0.00")
        .await;
    assert_eq!(totals(&document), "82.00 15.58 97.58");
}

#[tokio::test]
async fn minimums_are_trued_up() {
    let table = table().await;
    let minimum = jobs("amount = \"1\"\nminimum = \"500\"");
    for (units, nets) in [
        ("430.25", "430.25 69.75"),
        ("499.99", "499.99 0.01"),
        ("500", "500.00"),
        ("500.01", "500.01"),
        ("0.01", "0.01 499.99"),
    ] {
        let case = Case::new(units, minimum.clone());
        case.used(format!("jobs j month {units}")).gives(&table, nets).await;
    }
    // The contract begins on the 11th, 2nd or last day of a month of 30 days.
    for (from, nets) in [
        ("2025-09-11T00:00:00Z", "1.00 332.33"),
        ("2025-09-02T00:00:00Z", "1.00 482.33"),
        ("2025-09-30T00:00:00Z", "1.00 15.67"),
        ("2025-09-01T00:00:00Z", "1.00 499.00"),
    ] {
        let mut case = Case::new(from, minimum.clone());
        case.agreed_from = from;
        case.used("jobs j 2025-09-30..2025-10-01 1").gives(&table, nets).await;
    }
}

// 1.8 Rounding.

#[tokio::test]
async fn lines_are_rounded_once_by_the_sellers_mode() {
    let table = table().await;
    for (currency, amount, away, even) in [
        ("EUR", "0.125", "0.13", "0.12"),
        ("EUR", "0.135", "0.14", "0.14"),
        ("EUR", "0.1250000000000000001", "0.13", "0.13"),
        ("EUR", "0.1249999999999999999", "0.12", "0.12"),
        ("JPY", "1234.5", "1235", "1234"),
        ("JPY", "1235.5", "1236", "1236"),
        ("KWD", "1.2345", "1.235", "1.234"),
        ("KWD", "1.2355", "1.236", "1.236"),
        ("CLF", "1.00005", "1.0001", "1.0000"),
    ] {
        let prices = jobs(&format!("amount = {amount:?}"));
        for (mode, seller, nets) in
            [("away", (|_| {}) as fn(&mut SellerDetails), away), ("even", half_even, even)]
        {
            let mut case = Case::new(format!("{amount} {mode}"), prices.clone()).seller(seller);
            case.currency = currency;
            case.used("jobs j month 1").gives(&table, nets).await;
        }
    }
    // Below zero: what a cap takes away.
    let cap = jobs("amount = \"1\"\ncap = \"1\"");
    let case = Case::new("away", cap.clone()).used("jobs j month 1.125");
    case.gives(&table, "1.13 -0.13").await;
    let case = Case::new("even", cap).seller(half_even).used("jobs j month 1.125");
    case.gives(&table, "1.12 -0.12").await;
}

#[tokio::test]
async fn each_printed_line_is_rounded() {
    let table = table().await;
    fn even_lines(details: &mut SellerDetails) {
        per_resource(details);
        half_even(details);
    }
    fn even_total(details: &mut SellerDetails) {
        details.line_cut = LineCut::PerCategory;
        half_even(details);
    }
    fn away_total(details: &mut SellerDetails) {
        details.line_cut = LineCut::PerCategory;
    }
    for (seller, nets) in [
        (per_resource as fn(&mut SellerDetails), "0.34 0.34 0.34"),
        (even_lines, "0.34 0.34 0.34"),
        (away_total, "1.01"),
        (even_total, "1.00"),
    ] {
        let case = Case::new(nets, jobs("amount = \"0.335\"")).seller(seller);
        let case = case.used("jobs a month 1").used("jobs b month 1").used("jobs c month 1");
        let document = case.gives(&table, nets).await;
        let rounding = document.rounding;
        assert_eq!(rounding == RoundingMode::HalfEven, nets != "1.01" && seller_even(seller));
    }
    fn seller_even(change: fn(&mut SellerDetails)) -> bool {
        let mut details = crate::customer::stories::seller_details("any");
        change(&mut details);
        details.rounding == RoundingMode::HalfEven
    }
}

// 1.15 Price changes.

#[tokio::test]
async fn price_changes_split_records_pro_rata_of_time() {
    let table = table().await;
    let day = "vm_running v 2025-09-02..2025-09-03 24";
    for (at, nets) in [
        ("2025-09-02T12:00:00Z", "1.20 1.44"),
        ("2025-09-02T00:00:00Z", "2.88"),
        ("2025-09-03T00:00:00Z", "2.40"),
        ("2025-09-02T00:00:01Z", "0.00 2.88"),
        ("2025-09-02T23:59:59Z", "2.40 0.00"),
        ("2025-09-02T08:00:00Z", "0.80 1.92"),
    ] {
        let case = Case::new(at, hourly("0.10")).then(at, hourly("0.12"));
        case.used(day).gives(&table, nets).await;
    }
    // The tier position goes on through a change, unless the book says restart.
    let tiers = |first: &str, rest: &str| {
        jobs(&format!(
            "model = \"graduated\"\n{rest}\ntiers = [{{ up_to = \"100\", amount = {first:?} }}, \
             {{ amount = \"0.05\" }}]"
        ))
    };
    for (rest, nets) in [("", "9.00 1.20 4.50"), ("tier_restart = true", "9.00 12.00")] {
        let case = Case::new(nets, tiers("0.10", ""));
        let case = case.then("2025-09-16T00:00:00Z", tiers("0.12", rest));
        let case = case.used("jobs a 2025-09-01..2025-09-02 90");
        case.used("jobs a 2025-09-20..2025-09-21 100").gives(&table, nets).await;
    }
}
