//! Goal: a suggested price lies on the line of its neighbours. Method: books whose offerings
//! cost a × vCPU + b × GiB, and others that do not tell.

use billow::catalog::book::parse;
use billow::catalog::book_write::write_price;
use billow::catalog::suggest::{SuggestInput, Suggestion, suggest};
use billow::orchestrator::{CatalogItem, ItemKind};

fn offering(id: &str, vcpus: &str, ram: &str) -> CatalogItem {
    let attributes =
        [("vcpus".to_owned(), vcpus.to_owned()), ("ram_mib".to_owned(), ram.to_owned())].into();
    CatalogItem {
        kind: ItemKind::ServiceOffering,
        id: id.to_owned(),
        name: id.to_owned(),
        attributes,
    }
}

fn asked(prices: &str, meter: &str, attributes: &[(&str, &str)]) -> Suggestion {
    let text = format!("[book]\ncode = \"b\"\ncurrency = \"EUR\"\n{prices}");
    let book = parse(&text, "book").unwrap_or_else(|errors| panic!("{errors}"));
    let items =
        [offering("o1", "1", "1024"), offering("o2", "2", "8192"), offering("o3", "4", "8192")];
    let attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let currency = book.currency;
    let input = SuggestInput {
        meter,
        attributes: &attributes,
        prices: &book.prices,
        currency,
        items: &items,
    };
    suggest(&input)
}

fn machine(code: &str, amount: &str) -> String {
    format!(
        "[[price]]\ncode = \"{code}\"\nmeter = \"vm_running\"\nunit = \"hour\"\n\
         amount = \"{amount}\"\nwhen = {{ offering = \"{code}\" }}\n"
    )
}

const NEW: [(&str, &str); 4] =
    [("offering", "o9"), ("offering_name", "Large X"), ("vcpus", "8"), ("ram_mib", "16384")];

#[test]
fn a_machine_lies_on_its_neighbours_plane() {
    // 0.02 × vCPU + 0.01 × GiB.
    let book = [machine("o1", "0.03"), machine("o2", "0.12"), machine("o3", "0.16")].concat();
    let found = asked(&book, "vm_running", &NEW);
    assert_eq!(found.why, "fitted to 3 priced offerings");
    assert_eq!(
        write_price(&found.prices[0]),
        "[[price]]\ncode = \"vm-large-x\"\ncomponent = \"compute\"\nmeter = \"vm_running\"\n\
         unit = \"hour\"\namount = \"0.32\"\nwhen = { offering = \"o9\" }\n"
    );
}

#[test]
fn one_neighbour_gives_the_level() {
    // 0.012 + 0.006 at the usual rates; twice as dear here, so 2 × (0.096 + 0.096).
    let found = asked(&machine("o1", "0.036"), "vm_running", &NEW);
    assert_eq!(found.why, "at the level of 1 priced offerings");
    assert!(write_price(&found.prices[0]).contains("amount = \"0.384\""));
}

#[test]
fn volumes_take_the_mean_and_a_free_code() {
    let disk = |code: &str, amount: &str| {
        format!(
            "[[price]]\ncode = \"{code}\"\nmeter = \"volume\"\nunit = \"gib_month\"\n\
             month = \"730\"\namount = \"{amount}\"\nwhen = {{ offering = \"{code}\" }}\n"
        )
    };
    let book = [disk("volume-ssd", "0.10"), disk("b", "0.05")].concat();
    let found = asked(&book, "volume", &[("offering", "d9"), ("offering_name", "SSD")]);
    let text = write_price(&found.prices[0]);
    assert!(text.contains("code = \"volume-ssd-2\""), "{text}");
    assert!(text.contains("month = \"730\"\namount = \"0.075\""), "{text}");
}

#[test]
fn what_only_a_person_can_tell_is_said() {
    let found = asked(&machine("o1", "1"), "support_call", &[]);
    assert_eq!(found.why, "the meter is imported: only you know what a unit of it costs");
    let snapshots = "[[price]]\ncode = \"s\"\nmeter = \"snapshot\"\nunit = \"gib_month\"\n\
                     amount = \"1\"\n";
    let found = asked(snapshots, "snapshot", &[]);
    assert_eq!(
        found.why,
        "price s counts by gib_month, which the usage does not tell: sync the catalogue, or add \
         a price by the hour"
    );
}
