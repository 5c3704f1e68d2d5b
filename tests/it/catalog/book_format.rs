//! Goal: a book means what its reference says, and survives being written. Method: a book
//! with every key, and random books written and read again.

use billow::catalog::book::{Book, parse};
use billow::catalog::book_diff::diff;
use billow::catalog::book_write::write;
use billow::catalog::price::{
    Conditions, Dimension, Model, MonthMode, Per, Price, Tier, TierScope, Unit,
};
use billow::money::Exact;
use proptest::prelude::*;

fn exact(text: &str) -> Exact {
    text.parse().expect("a decimal")
}

const EVERYTHING: &str = r#"
# every key once
[book]
code = "standard"
name = "Standard 2026"
currency = "EUR"
month = "730"
imported_meters = ["support_call"]

[[price]]
code = "vm-medium"
meter = "vm_running"
unit = "month"
amount = "36.00"
minimum = "1"
cap = "36"
scope = "resource"
tax_class = "reduced"
text = "Machine M"
when = { offering = "o-1", zone = ["z1", "z2"], domain = "ROOT/alpha", tag = ["env=prod", "vip"] }

[[price]]
code = "gpu"
meter = "vm_running"
unit = "gpu_hour"
amount = "0.9"
when.gpu_model = "A100"

[[price]]
code = "traffic"
meter = "network_sent"
unit = "gb"
model = "graduated"
included = "100"
scope = "seller_pool"
tier_restart = true
tiers = [{ up_to = "100", amount = "0.10", flat = "2" }, { amount = "0.05" }]

[[price]]
code = "reads"
meter = "disk_read_requests"
unit = "request"
amount = "0.4"
per = "1000000"

[[price]]
code = "calls"
meter = "support_call"
unit = "piece"
model = "one_off"
amount = "25"

[[price]]
code = "lb"
meter = "load_balancer"
unit = "month"
month = "calendar"
model = "flat"
amount = "5"
prorate = true

[[price]]
code = "backup"
meter = "backup"
unit = "gib_month"
model = "package"
size = "100"
amount = "9"

  [price.when]
  account = "acme"
  project = ["p"]
  storage_tag = "ssd"
  template = "t"
  attribute = "hypervisor=KVM"
"#;

#[test]
fn every_key_is_read() {
    let book = parse(EVERYTHING, "book.toml").unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!((book.code.as_str(), book.name.as_str()), ("standard", "Standard 2026"));
    assert_eq!(book.currency.code(), "EUR");
    let vm = &book.prices[0];
    let month = Per::Month(MonthMode::Fixed730);
    assert_eq!(vm.component, "compute");
    assert_eq!(vm.unit, Unit { dimension: Dimension::Resource, per: month });
    assert_eq!(vm.model, Model::PerUnit { amount: exact("36"), base: Exact::ONE });
    assert_eq!((&vm.minimum, &vm.cap), (&Some(exact("1")), &Some(exact("36"))));
    assert_eq!(vm.tier_scope, TierScope::Resource);
    assert_eq!((vm.tax_class.as_str(), vm.text.as_deref()), ("reduced", Some("Machine M")));
    assert_eq!(vm.conditions.zone, ["z1", "z2"]);
    assert_eq!(vm.conditions.tag, ["env=prod", "vip"]);
    assert_eq!(book.prices[1].component, "gpu");
    let traffic = &book.prices[2];
    let tiers = vec![
        Tier { up_to: Some(exact("100")), amount: exact("0.1"), flat: exact("2") },
        Tier { up_to: None, amount: exact("0.05"), flat: Exact::ZERO },
    ];
    assert_eq!(traffic.model, Model::Graduated { tiers });
    assert!(traffic.tier_restart);
    assert_eq!(traffic.included, exact("100"));
    let reads = Model::PerUnit { amount: exact("0.4"), base: exact("1000000") };
    assert_eq!(book.prices[3].model, reads);
    assert_eq!(book.prices[4].component, "other");
    assert_eq!(book.prices[4].model, Model::OneOff { amount: exact("25") });
    assert_eq!(book.prices[5].model, Model::Flat { amount: exact("5"), prorate: true });
    assert_eq!(book.prices[5].unit.per, Per::Month(MonthMode::Calendar));
    let package = Model::Package { size: exact("100"), amount: exact("9") };
    assert_eq!(book.prices[6].model, package);
    assert_eq!(book.prices[6].conditions.attribute, ["hypervisor=KVM"]);
    let again = parse(&write(&book), "again").unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(again, book);
}

#[test]
fn a_difference_names_old_and_new() {
    let old = parse(EVERYTHING, "old").expect("right");
    let text = EVERYTHING
        .replace("amount = \"36.00\"", "amount = \"39.00\"")
        .replace("code = \"lb\"", "code = \"balancer\"")
        .replace("tier_restart = true\n", "");
    let new = parse(&text, "new").expect("right");
    let found = diff(&old, &new);
    assert!(diff(&old, &old).is_empty());
    assert_eq!(found.added.iter().map(|p| p.code.as_str()).collect::<Vec<_>>(), ["balancer"]);
    assert_eq!(found.removed.iter().map(|p| p.code.as_str()).collect::<Vec<_>>(), ["lb"]);
    let changes: Vec<_> = found
        .changed
        .iter()
        .flat_map(|price| price.changes.iter().map(|c| (price.code.as_str(), c)))
        .map(|(code, c)| (code, c.key.as_str(), c.old.as_deref(), c.new.as_deref()))
        .collect();
    assert_eq!(
        changes,
        [
            ("vm-medium", "amount", Some("\"36\""), Some("\"39\"")),
            ("traffic", "tier_restart", Some("true"), None),
        ]
    );
    assert!(!found.reordered);
}

fn number() -> impl Strategy<Value = Exact> {
    (0u64.., 0u32..12)
        .prop_map(|(digits, scale)| Exact::ratio(i128::from(digits), 10_i128.pow(scale)))
}

fn positive() -> impl Strategy<Value = Exact> {
    number().prop_map(|number| number.plus(&Exact::ONE))
}

fn tiers() -> impl Strategy<Value = Vec<Tier>> {
    let tier = (positive(), number(), number());
    (proptest::collection::vec(tier, 0..4), number(), number()).prop_map(|(rows, last, flat)| {
        let mut bound = Exact::ZERO;
        let mut tiers: Vec<Tier> = rows
            .into_iter()
            .map(|(step, amount, flat)| {
                bound = bound.plus(&step);
                Tier { up_to: Some(bound.clone()), amount, flat }
            })
            .collect();
        tiers.push(Tier { up_to: None, amount: last, flat });
        tiers
    })
}

fn model() -> impl Strategy<Value = Model> {
    prop_oneof![
        (number(), positive()).prop_map(|(amount, base)| Model::PerUnit { amount, base }),
        tiers().prop_map(|tiers| Model::Graduated { tiers }),
        tiers().prop_map(|tiers| Model::Volume { tiers }),
        (positive(), number()).prop_map(|(size, amount)| Model::Package { size, amount }),
        (number(), any::<bool>()).prop_map(|(amount, prorate)| Model::Flat { amount, prorate }),
    ]
}

/// Any text that a name in another system may be.
fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9 ._-]{1,12}", "\\PC{1,8}", Just("a\"b\\c\n\t'''\u{1}é".to_owned())]
}

fn words() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(word(), 0..3)
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let attribute = proptest::collection::vec((word(), word()), 0..2);
    (words(), words(), words(), words(), words(), words(), attribute).prop_map(
        |(offering, zone, domain, account, project, tag, attribute)| Conditions {
            offering,
            zone,
            domain,
            account,
            project,
            tag,
            attribute: attribute
                .into_iter()
                .map(|(key, value)| format!("k{key}={value}"))
                .collect(),
            ..Conditions::default()
        },
    )
}

const MODES: [MonthMode; 3] = [MonthMode::Calendar, MonthMode::Fixed730, MonthMode::Fixed720];

fn price() -> impl Strategy<Value = Price> {
    let unit = prop_oneof![
        Just(("vm_running", Dimension::Vcpu, Per::Hour)),
        (0..3usize).prop_map(|i| ("volume", Dimension::Gib, Per::Month(MODES[i]))),
        Just(("network_sent", Dimension::Gb, Per::Amount)),
        Just(("disk_read_requests", Dimension::Count, Per::Amount)),
        Just(("imported", Dimension::Count, Per::Amount)),
    ];
    let bounds = (proptest::option::of(number()), proptest::option::of(number()));
    let scopes = proptest::sample::select(vec![
        TierScope::Resource,
        TierScope::Project,
        TierScope::Account,
        TierScope::Customer,
        TierScope::SellerPool,
    ]);
    let texts = (word(), proptest::option::of(word()));
    (unit, model(), conditions(), number(), bounds, scopes, any::<bool>(), texts).prop_map(
        |(
            (meter, dimension, per),
            model,
            conditions,
            included,
            (low, high),
            scope,
            restart,
            texts,
        )| {
            let flat = matches!(model, Model::Flat { .. });
            let cap = high.map(|high| high.plus(low.as_ref().unwrap_or(&Exact::ZERO)));
            Price {
                code: String::new(),
                component: String::new(),
                meter: meter.to_owned(),
                unit: Unit { dimension, per },
                model,
                conditions,
                included: if flat { Exact::ZERO } else { included },
                minimum: low,
                cap,
                tier_scope: scope,
                tier_restart: restart && !flat,
                tax_class: texts.0,
                text: texts.1,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Written and read again, a book is the same book.
    #[test]
    fn a_book_survives_being_written(mut prices in proptest::collection::vec(price(), 1..6)) {
        for (index, price) in prices.iter_mut().enumerate() {
            price.code = format!("p-{index}");
            price.component = format!("component_{index}");
        }
        let book = Book {
            code: "random".to_owned(),
            name: "Any \"name\"".to_owned(),
            currency: "KWD".parse().expect("a currency"),
            imported_meters: vec!["imported".to_owned()],
            prices,
        };
        let text = write(&book);
        match parse(&text, "random.toml") {
            Ok(again) => prop_assert_eq!(again, book),
            Err(errors) => prop_assert!(false, "{}\n{}", errors, text),
        }
    }
}
