//! Metering and rating against a plain loop: `cargo bench --bench rate`.
//!
//! 100 customers × 200 series × 30 daily records (600,000), a book of 60 prices with tiers and
//! conditions, the trace kept: every charge, its record, and why the other prices lost. The
//! yardstick is what a rating without any of that must do at least: one pass over the same
//! records with two hash look-ups each, the meter's price and the resource's total.
//!
//! Goal: at least 0.15 × the yardstick's records a second, on one core.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use billow::catalog::price::{
    BookVersion, Conditions, Dimension, Model, MonthMode, Per, Price, Tier, TierScope, Unit,
};
use billow::collect::record::{Attributes, RecordKey, RecordKind, StoredRecord};
use billow::ids::{CustomerId, OwnerRef, SourceName};
use billow::meter::quantities::{MeteringInput, quantities};
use billow::meter::{Facts, meter_of};
use billow::money::Exact;
use billow::period::{Period, PeriodLabel, Span};
use billow::rate::RatingInput;
use billow::rate::engine::rate;

const CUSTOMERS: usize = 100;
const DAYS: i64 = 30;
const DAY: i64 = 86_400;
/// 2026-09-01 in UTC.
const START: i64 = 1_788_220_800;
const ROUNDS: usize = 7;

/// Meter, series of it for each customer, base of the daily quantity.
const SERIES: [(&str, usize); 8] = [
    ("vm_running", 40),
    ("vm_allocated", 40),
    ("volume", 60),
    ("ip_address", 20),
    ("network_sent", 15),
    ("network_received", 10),
    ("snapshot", 10),
    ("load_balancer", 5),
];

struct Account {
    customer: CustomerId,
    records: Vec<StoredRecord>,
    facts: Vec<Arc<Facts>>,
    /// The same quantities as integers, for the yardstick.
    plain: Vec<i64>,
}

/// Small numbers that look random and are the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % bound
    }

    fn hex(&mut self) -> String {
        format!(
            "{:08x}-{:04x}-{:04x}",
            self.below(1 << 30),
            self.below(1 << 16),
            self.below(65_536)
        )
    }
}

fn attributes(meter: &str, numbers: &mut Numbers) -> Attributes {
    let mut pairs: Vec<(&str, String)> = vec![
        ("name", format!("r-{}", numbers.hex())),
        ("zone", format!("zone-{}", numbers.below(3))),
        ("offering", format!("offering-{}", numbers.below(24))),
    ];
    if meter.starts_with("vm_") {
        pairs.push(("vcpus", format!("{}", 1 << numbers.below(4))));
        pairs.push(("ram_mib", format!("{}", 1024 << numbers.below(5))));
        pairs.push((
            "os",
            ["Debian 12", "Windows Server 2022"][usize::from(numbers.below(3) == 0)].into(),
        ));
        pairs.push(("template", format!("template-{}", numbers.below(12))));
    }
    if ["volume", "snapshot"].contains(&meter) {
        pairs.push(("size_bytes", format!("{}", (10 + numbers.below(490)) << 30)));
        pairs.push((
            "storage_tag",
            ["ssd", "hdd", "nvme"][usize::from(numbers.below(3) == 1)].into(),
        ));
    }
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn account(number: usize) -> Account {
    let mut numbers = Numbers(number as u64 * 7919 + 1);
    let customer = CustomerId(format!("customer-{number}"));
    let owner =
        OwnerRef { source: SourceName("cs1".into()), id: format!("owner-{}", numbers.hex()) };
    let mut series = Vec::new();
    let mut machines: Vec<(String, Attributes)> = Vec::new();
    for (meter, count) in SERIES {
        for at in 0..count {
            let (resource, attributes) = match (meter, machines.get(at)) {
                ("vm_allocated", Some(machine)) => machine.clone(),
                _ => (numbers.hex(), attributes(meter, &mut numbers)),
            };
            if meter == "vm_running" {
                machines.push((resource.clone(), attributes.clone()));
            }
            let facts = Arc::new(Facts {
                customer: customer.clone(),
                owner: owner.clone(),
                account: Some((owner.id.clone(), format!("account-{number}"))),
                project: (at % 3 == 0).then(|| (format!("project-{}", at % 4), "shop".into())),
                domain_path: format!("ROOT/reseller-{}/account-{number}", number % 5),
                attributes,
            });
            series.push((meter, resource, facts));
        }
    }
    let mut account =
        Account { customer, records: Vec::new(), facts: Vec::new(), plain: Vec::new() };
    series.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    for day in 0..DAYS {
        for (meter, resource, facts) in &series {
            add(&mut account, &owner, (meter, resource, facts), START + day * DAY, &mut numbers);
        }
    }
    account
}

fn add(
    account: &mut Account,
    owner: &OwnerRef,
    series: (&str, &str, &Arc<Facts>),
    from: i64,
    numbers: &mut Numbers,
) {
    let (meter, resource, facts) = series;
    let (plain, quantity) = if meter.starts_with("network_") {
        let bytes = i64::try_from(numbers.below(20_000_000_000)).expect("fits");
        (bytes, Exact::int(i128::from(bytes)))
    } else {
        let hours = if meter == "vm_running" { 23_000_000 } else { 24_000_000 };
        let millionths = hours + i64::try_from(numbers.below(3)).expect("fits");
        (millionths, Exact::ratio(i128::from(millionths), 1_000_000))
    };
    account.records.push(StoredRecord {
        key: RecordKey {
            owner: owner.clone(),
            from,
            meter: meter.to_owned(),
            resource: resource.to_owned(),
            identity: "0123456789abcdef0123456789abcdef".to_owned(),
            revision: 0,
        },
        kind: if meter.starts_with("network_") { RecordKind::Delta } else { RecordKind::Interval },
        until: from + DAY,
        quantity,
        attribute_set: 0,
        evidence: 0,
        evidence_index: 0,
        recorded_at: 0,
    });
    account.facts.push(Arc::clone(facts));
    account.plain.push(plain);
}

fn exact(text: &str) -> Exact {
    text.parse().expect("a decimal number")
}

fn price(code: String, meter: &str, unit: (Dimension, Per), model: Model) -> Price {
    Price {
        code,
        component: meter_of(meter).map_or("other", |meter| meter.component).to_owned(),
        meter: meter.to_owned(),
        unit: Unit { dimension: unit.0, per: unit.1 },
        model,
        conditions: Conditions::default(),
        included: Exact::ZERO,
        minimum: None,
        cap: None,
        tier_scope: TierScope::Customer,
        tier_restart: false,
        tax_class: "standard".to_owned(),
        text: None,
    }
}

fn tiers() -> Vec<Tier> {
    let tier = |up_to: Option<&str>, amount| Tier {
        up_to: up_to.map(exact),
        amount: exact(amount),
        flat: Exact::ZERO,
    };
    vec![tier(Some("100"), "0.05"), tier(Some("1000"), "0.04"), tier(None, "0.03")]
}

/// 60 prices: 20 machines by offering, 12 licences by template or system, 12 storage prices by
/// tag and zone, dimensions for all else, tiers on traffic and storage, an allotment, a cap.
fn book() -> BookVersion {
    use Dimension::{Gb, Gib, RamGib, Resource, Vcpu};
    let month = Per::Month(MonthMode::Calendar);
    let per_unit = |amount| Model::PerUnit { amount: exact(amount), base: Exact::ONE };
    let hour =
        |code: String, meter, amount| price(code, meter, (Resource, Per::Hour), per_unit(amount));
    let mut prices = Vec::new();
    for number in 0..20 {
        let mut offering = hour(format!("vm-{number}"), "vm_running", "0.0415");
        offering.conditions.offering = vec![format!("offering-{number}")];
        prices.push(offering);
    }
    for number in 0..11 {
        let mut licence = hour(format!("application-{number}"), "vm_running", "0.02");
        licence.component = "application".to_owned();
        licence.conditions.template = vec![format!("template-{number}")];
        prices.push(licence);
    }
    let mut licence = hour("licence-windows".to_owned(), "vm_running", "0.03");
    licence.component = "licence".to_owned();
    licence.conditions.os = vec!["Windows Server 2022".to_owned()];
    prices.push(licence);
    for tag in ["ssd", "hdd", "nvme"] {
        for zone in 0..4 {
            let code = format!("disk-{tag}-{zone}");
            let mut disk = price(code, "volume", (Gib, month), Model::Graduated { tiers: tiers() });
            disk.conditions.storage_tag = vec![tag.to_owned()];
            disk.conditions.zone = vec![format!("zone-{zone}")];
            prices.push(disk);
        }
    }
    prices.push(price("vcpu".into(), "vm_running", (Vcpu, Per::Hour), per_unit("0.012")));
    prices.push(price("ram".into(), "vm_running", (RamGib, Per::Hour), per_unit("0.004")));
    prices.push(hour("stopped".into(), "vm_stopped", "0.001"));
    prices.push(price("disk".into(), "volume", (Gib, month), per_unit("0.09")));
    for (code, meter) in [("sent", "network_sent"), ("received", "network_received")] {
        let model = Model::Graduated { tiers: tiers() };
        let mut traffic = price(code.into(), meter, (Gb, Per::Amount), model);
        traffic.included = exact("100");
        prices.push(traffic);
    }
    let mut snapshot = price("snapshot".into(), "snapshot", (Gib, month), per_unit("0.03"));
    snapshot.cap = Some(exact("250"));
    prices.push(snapshot);
    prices.push(hour("balancer".into(), "load_balancer", "0.01"));
    for project in 0..8 {
        let mut address = hour(format!("address-{project}"), "ip_address", "0.003");
        if project > 0 {
            address.conditions.project = vec![format!("project-{project}")];
        }
        prices.push(address);
    }
    assert_eq!(prices.len(), 60, "the book of the goal");
    BookVersion {
        id: "bench@1".to_owned(),
        book: "bench".to_owned(),
        currency: "EUR".parse().expect("a currency"),
        span: Span::new(0, i64::MAX),
        recorded_at: 0,
        prices,
    }
}

/// Meters and rates all accounts; gives the number of charges and decisions.
fn billow(accounts: &[Account], versions: &[BookVersion]) -> (usize, usize) {
    let label: PeriodLabel = "2026-09".parse().expect("a label");
    let period = Period { label, span: Span::new(START, START + DAYS * DAY) };
    let mut counts = (0, 0);
    for account in accounts {
        let metering = quantities(&MeteringInput {
            records: &account.records,
            facts: &account.facts,
            span: period.span,
            boundaries: &[],
        });
        let rating = rate(&RatingInput {
            period,
            period_hours: Exact::int(720),
            metered: &metering.metered,
            versions,
            boundaries: &[],
            customer: &account.customer,
        });
        assert!(rating.unpriced.is_empty(), "all usage has a price");
        counts.0 += black_box(&rating.charges).len();
        counts.1 += rating.decisions.len();
    }
    counts
}

/// The yardstick: price of the meter, total of the resource.
fn plain_loop(accounts: &[Account], prices: &HashMap<&str, i128>) -> i128 {
    let mut sum = 0;
    for account in accounts {
        let mut totals: HashMap<&str, i128> = HashMap::new();
        for (record, quantity) in account.records.iter().zip(&account.plain) {
            let price = prices[record.key.meter.as_str()];
            *totals.entry(&record.key.resource).or_insert(0) += i128::from(*quantity) * price;
        }
        sum += black_box(&totals).values().sum::<i128>();
    }
    sum
}

fn best(mut run: impl FnMut()) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..ROUNDS).map(timed).min().expect("rounds")
}

fn main() {
    let accounts: Vec<Account> = (0..CUSTOMERS).map(account).collect();
    let versions = [book()];
    let prices: HashMap<&str, i128> = SERIES.iter().map(|(meter, _)| (*meter, 415)).collect();
    let records: usize = accounts.iter().map(|account| account.records.len()).sum();
    let (charges, decisions) = billow(&accounts, &versions);
    let ours = best(|| assert_eq!(black_box(billow(&accounts, &versions)).0, charges));
    let yardstick = best(|| assert!(black_box(plain_loop(&accounts, &prices)) > 0));
    let each = |time: Duration| time.as_nanos() / records as u128;
    let ratio = Exact::ratio(yardstick.as_nanos() as i128, ours.as_nanos() as i128);
    println!("{records} records, {} prices, {charges} charges, {decisions} decisions", 60);
    println!("meter + rate: {ours:?}, {} ns a record", each(ours));
    println!("plain loop:   {yardstick:?}, {} ns a record", each(yardstick));
    println!("ratio: {} × the yardstick (goal: at least 0.15)", ratio.to_text_rounded(3));
}
