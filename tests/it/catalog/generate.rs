//! Goal: a generated book is right and leaves nothing without a price. Method: a small
//! catalogue with awkward names, generated, checked and looked through.

use std::collections::{BTreeMap, BTreeSet};

use billow::catalog::book::parse;
use billow::catalog::generate::{GenerateInput, Rates, generate, generate_text};
use billow::catalog::price::{Model, MonthMode};
use billow::meter::METERS;
use billow::money::Exact;
use billow::orchestrator::{CatalogItem, ItemKind};

fn item(kind: ItemKind, id: &str, name: &str, attributes: &[(&str, &str)]) -> CatalogItem {
    let attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    CatalogItem { kind, id: id.to_owned(), name: name.to_owned(), attributes }
}

fn items() -> Vec<CatalogItem> {
    let fixed = [("vcpus", "2"), ("ram_mib", "4096"), ("fixed", "true")];
    vec![
        item(ItemKind::ServiceOffering, "o1", "Medium \"M\" Größe", &fixed),
        item(ItemKind::ServiceOffering, "o2", "medium m gr e", &fixed),
        item(ItemKind::ServiceOffering, "o3", "Custom", &[("fixed", "false")]),
        item(ItemKind::ServiceOffering, "o4", "日本\n", &[("vcpus", "1"), ("ram_mib", "512")]),
        item(ItemKind::DiskOffering, "d1", "SSD", &[("storage_tag", "ssd")]),
        item(ItemKind::Template, "t1", "deb12", &[("os_category", "Debian")]),
        item(ItemKind::Template, "t2", "win", &[("os_category", "Windows")]),
        item(ItemKind::Template, "t3", "mail appliance", &[("os_category", "Debian")]),
        item(ItemKind::Zone, "z1", "Zone", &[]),
    ]
}

fn input<'a>(items: &'a [CatalogItem], currency: &str) -> GenerateInput<'a> {
    let currency = currency.parse().expect("a currency");
    let licence = |amount: &str| amount.parse::<Exact>().expect("a decimal");
    GenerateInput {
        code: "standard".to_owned(),
        name: "Standard".to_owned(),
        currency,
        month: MonthMode::Fixed730,
        rates: Rates::usual(currency),
        items,
        licences: BTreeMap::from([
            ("Windows".to_owned(), licence("0.02")),
            ("mail appliance".to_owned(), licence("0.05")),
        ]),
    }
}

#[test]
fn what_is_generated_passes_the_check() {
    let items = items();
    for currency in ["EUR", "JPY", "KWD"] {
        let input = input(&items, currency);
        let book = generate(&input);
        let text = generate_text(&input);
        let read = parse(&text, "generated").unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        assert_eq!(read, book);
    }
}

#[test]
fn every_meter_and_every_offering_has_a_price() {
    let items = items();
    let book = generate(&input(&items, "EUR"));
    let priced: BTreeSet<&str> = book.prices.iter().map(|price| price.meter.as_str()).collect();
    for meter in METERS.iter().filter(|meter| !meter.informational) {
        assert!(priced.contains(meter.code), "{} has no price", meter.code);
        let bare = |price: &&billow::catalog::price::Price| {
            price.meter == meter.code
                && price.component == meter.component
                && price.conditions == Default::default()
        };
        assert!(book.prices.iter().any(|p| bare(&p)), "{} is priced in part only", meter.code);
    }
    let amount = |code: &str| {
        let price = book.prices.iter().find(|price| price.code == code);
        match &price.unwrap_or_else(|| panic!("no price {code}")).model {
            Model::PerUnit { amount, .. } => amount.to_string(),
            other => panic!("{other:?}"),
        }
    };
    // 2 × 0.012 + 4 × 0.006; 1 × 0.012 + 0.5 × 0.006.
    assert_eq!(amount("vm-medium-m-gr-e"), "0.048");
    assert_eq!(amount("vm-medium-m-gr-e-2"), "0.048");
    assert_eq!(amount("vm-unnamed"), "0.015");
    assert_eq!(amount("disk-ssd"), "0.1");
    assert_eq!(amount("licence-debian"), "0");
    assert_eq!(amount("licence-windows"), "0.02");
    assert_eq!(amount("licence-mail-appliance"), "0.05");
    assert!(!book.prices.iter().any(|price| price.code == "vm-custom"), "by vCPU and RAM");
}
