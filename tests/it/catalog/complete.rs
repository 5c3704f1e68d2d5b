//! Goal: a record takes from the catalogue of its time what it does not say itself.
//! Method: an item that changed, and records before and after.

use billow::catalog::complete::completed;
use billow::catalog::store::CatalogHistory;
use billow::collect::record::{Attributes, attribute};
use billow::orchestrator::{CatalogItem, ItemKind};

fn item(kind: ItemKind, id: &str, name: &str, attributes: &[(&str, &str)]) -> CatalogItem {
    let attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    CatalogItem { kind, id: id.to_owned(), name: name.to_owned(), attributes }
}

#[test]
fn what_the_record_says_stays() {
    let mut history = CatalogHistory::default();
    let offering =
        |ram| item(ItemKind::ServiceOffering, "o1", "M", &[("vcpus", "2"), ("ram_mib", ram)]);
    history.items.insert(
        (ItemKind::ServiceOffering, "o1".to_owned()),
        vec![(100, offering("2048")), (200, offering("4096"))],
    );
    let machine = item(ItemKind::Resource, "vm1", "web1", &[("tag:env", "prod"), ("vcpus", "9")]);
    history.items.insert((ItemKind::Resource, "vm1".to_owned()), vec![(100, machine)]);
    let template = item(ItemKind::Template, "t1", "deb12", &[("os_category", "Debian")]);
    history.items.insert((ItemKind::Template, "t1".to_owned()), vec![(100, template)]);
    let record: Attributes = [("offering", "o1"), ("template", "t1"), ("vcpus", "4")]
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    let at = |instant| completed(&record, "vm1", instant, &history);
    let value = |attributes: &Attributes, key: &str| attributes.get(key).cloned();
    // Before the first sight, the earliest state is the best that is known.
    assert_eq!(value(&at(50), attribute::RAM_MIB).as_deref(), Some("2048"));
    assert_eq!(value(&at(199), attribute::RAM_MIB).as_deref(), Some("2048"));
    assert_eq!(value(&at(200), attribute::RAM_MIB).as_deref(), Some("4096"));
    assert_eq!(value(&at(200), attribute::VCPUS).as_deref(), Some("4"));
    assert_eq!(value(&at(200), attribute::OFFERING_NAME).as_deref(), Some("M"));
    assert_eq!(value(&at(200), attribute::OS_CATEGORY).as_deref(), Some("Debian"));
    assert_eq!(value(&at(200), "tag:env").as_deref(), Some("prod"));
    assert_eq!(value(&at(200), attribute::NAME).as_deref(), Some("web1"));
}
