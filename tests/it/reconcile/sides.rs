//! Goal: every difference between what was recorded, metered, billed and is there has a row and a
//! named reason, and what a side does not tell is missing, never zero. Method: usage comes from a
//! source by the ordinary way, is billed, and one side is changed at a time.

use billow::customer::{Change, OwnerMapping, map_owner};
use billow::finding::decision::{Decision, decide};
use billow::ids::IdMaker;
use billow::orchestrator::AccountedLife;
use billow::reconcile::load::{ReconcileRequest, load_reconciliation};
use billow::reconcile::{Reason, Reconciliation, Row};
use billow::store::Db;
use serde_json::json;

use crate::bill::cloud::{
    ADDRESS, ALLOCATED, CloudShop, RUNNING, SENT, VOLUME, VPC, item, row, with,
};
use crate::bill::shop::{Opening, hourly, owner};
use crate::on_both_engines;
use crate::support::db::sqlite;

const FIRST: &str = "2025-09-01";
const LAST: &str = "2025-09-30";
const LONG_AGO: &str = "2025-01-01T00:00:00Z";

/// A shop with a machine that ran on the first and the last day of September.
async fn september(db: Db, prices: &str) -> CloudShop {
    let shop = CloudShop::open(db, Opening::default(), prices).await;
    shop.shop.at("2025-10-01T06:00:00Z");
    for day in [FIRST, LAST] {
        shop.collect(day, &[row(RUNNING, "vm1", day, "24"), row(ALLOCATED, "vm1", day, "24")])
            .await;
    }
    shop.shop.at("2025-10-10T00:00:00Z");
    shop
}

async fn bill(shop: &CloudShop, label: &str) {
    shop.shop.run(label).await;
    shop.shop.issue(label).await;
}

async fn reconcile(shop: &CloudShop) -> Reconciliation {
    let request = ReconcileRequest {
        label: "2025-09".parse().expect("a period"),
        sellers: None,
        customer: None,
        ask_inventory: true,
    };
    load_reconciliation(&shop.shop.app, &request, &|_, _| {}).await.expect("reconcile")
}

fn row_of<'a>(found: &'a Reconciliation, meter: &str) -> &'a Row {
    let rows: Vec<&Row> = found.rows.iter().filter(|row| row.meter == meter).collect();
    assert_eq!(rows.len(), 1, "{meter}: {found:#?}");
    rows[0]
}

/// Reasons of a row with whether they are open.
fn reasons(row: &Row) -> Vec<(Reason, bool)> {
    row.differences.iter().map(|one| (one.reason, one.open)).collect()
}

fn quantity(of: Option<&billow::money::Exact>) -> Option<String> {
    of.map(ToString::to_string)
}

on_both_engines! {
    async fn a_billed_month_agrees(db: Db) {
        let shop = september(db, &hourly("0.10")).await;
        shop.show_inventory(vec![item("vm_allocated", "vm1", LONG_AGO)]);
        let before = reconcile(&shop).await;
        assert!(!before.good);
        let running = row_of(&before, "vm_running");
        assert_eq!(reasons(running), [(Reason::NotBilled, true)]);
        assert_eq!(running.billed, None, "no document is no zero");
        shop.shop.run("2025-09").await;
        let drafted = reconcile(&shop).await;
        assert_eq!(reasons(row_of(&drafted, "vm_running")), [(Reason::NotIssued, true)]);
        shop.shop.issue("2025-09").await;
        let found = reconcile(&shop).await;
        assert!(found.good, "{found:#?}");
        let running = row_of(&found, "vm_running");
        let recorded = running.recorded.as_ref().expect("records");
        assert_eq!((recorded.records, recorded.resources), (2, 1));
        assert_eq!(quantity(recorded.quantity.as_ref()).as_deref(), Some("48"));
        let billed = running.billed.as_ref().expect("a document");
        assert_eq!(billed.measure.quantity.to_string(), "48");
        assert_eq!(billed.net_minor, 480);
        assert_eq!(billed.documents[0].number.as_deref(), Some("INV-2025-00001"));
        let allocated = row_of(&found, "vm_allocated");
        assert_eq!((&allocated.metered, &allocated.billed), (&None, &None), "evidence alone");
        assert_eq!(allocated.inventory, Some(1));
        assert_eq!(running.inventory, None, "the inventory does not tell running machines");
    }
}

#[tokio::test]
async fn withheld_records_are_named_with_their_finding() {
    let shop = CloudShop::open(sqlite().await, Opening::default(), &hourly("0.10")).await;
    shop.shop.at("2025-10-01T06:00:00Z");
    shop.collect(FIRST, &[row(RUNNING, "vm1", FIRST, "48"), row(RUNNING, "vm2", FIRST, "24")])
        .await;
    shop.collect(LAST, &[]).await;
    shop.shop.at("2025-10-10T00:00:00Z");
    shop.shop.run("2025-09").await;
    let found = reconcile(&shop).await;
    let running = row_of(&found, "vm_running");
    assert_eq!(reasons(running), [(Reason::Withheld, true), (Reason::Held, true)]);
    let withheld = &running.differences[0];
    let finding = withheld.finding.clone().expect("a finding");
    assert_eq!(withheld.resources, ["vm1"]);
    assert_eq!(quantity(withheld.quantity.as_ref()).as_deref(), Some("48"));
    assert!(withheld.message.contains("longer_than_window"), "{}", withheld.message);
    assert!(withheld.message.contains(finding.as_str()), "{}", withheld.message);
    assert_eq!(running.metered.as_ref().expect("metered").quantity.to_string(), "24");
    decide(&shop.shop.app, &finding, Decision::Reject, "a merged record").await.expect("decide");
    shop.shop.at("2025-10-11T00:00:00Z");
    bill(&shop, "2025-09").await;
    let found = reconcile(&shop).await;
    assert!(found.good, "{found:#?}");
    assert_eq!(reasons(row_of(&found, "vm_running")), [(Reason::Rejected, false)]);
}

#[tokio::test]
async fn unpriced_and_free_usage_are_told_apart() {
    let free = "[[price]]\ncode = \"ip\"\nmeter = \"ip_address\"\nunit = \"hour\"\n\
                amount = \"0\"\n";
    let shop = september(sqlite().await, &format!("{}{free}", hourly("0.10"))).await;
    shop.collect(
        "2025-09-02",
        &[row(ADDRESS, "ip1", "2025-09-02", "24"), row(VPC, "vpc1", "2025-09-02", "24")],
    )
    .await;
    shop.shop.at("2025-10-11T00:00:00Z");
    shop.shop.run("2025-09").await;
    let found = reconcile(&shop).await;
    assert_eq!(reasons(row_of(&found, "ip_address"))[0], (Reason::Free, false));
    assert_eq!(reasons(row_of(&found, "vpc"))[0], (Reason::Unpriced, true));
    assert!(!found.good);
}

#[tokio::test]
async fn usage_after_the_invoice_is_late_until_it_is_corrected() {
    let shop = september(sqlite().await, &hourly("0.10")).await;
    bill(&shop, "2025-09").await;
    shop.shop.at("2025-10-20T00:00:00Z");
    shop.collect(
        "2025-09-02",
        &[row(RUNNING, "vm1", "2025-09-02", "12"), row(RUNNING, "vm2", "2025-09-02", "6")],
    )
    .await;
    let found = reconcile(&shop).await;
    let running = row_of(&found, "vm_running");
    assert_eq!(reasons(running), [(Reason::Late, true)]);
    assert_eq!(running.differences[0].resources, ["vm1", "vm2"]);
    assert_eq!(quantity(running.differences[0].quantity.as_ref()).as_deref(), Some("18"));
    assert_eq!(running.billed.as_ref().expect("billed").measure.quantity.to_string(), "48");
    shop.collect("2025-10-31", &[]).await;
    shop.shop.at("2025-11-10T00:00:00Z");
    bill(&shop, "2025-10").await;
    let found = reconcile(&shop).await;
    assert!(found.good, "{found:#?}");
    let billed = row_of(&found, "vm_running").billed.as_ref().expect("billed");
    assert_eq!((billed.measure.quantity.to_string(), billed.net_minor), ("66".to_owned(), 660));
    assert_eq!(billed.documents.len(), 2);
}

#[tokio::test]
async fn usage_that_became_another_customers_is_withdrawn() {
    let opening = Opening { customers: 2, ..Opening::default() };
    let shop = CloudShop::open(sqlite().await, opening, &hourly("0.10")).await;
    shop.shop.at("2025-10-01T06:00:00Z");
    shop.collect(FIRST, &[row(RUNNING, "vm1", FIRST, "24")]).await;
    shop.collect(LAST, &[]).await;
    shop.shop.at("2025-10-10T00:00:00Z");
    bill(&shop, "2025-09").await;
    shop.shop.at("2025-10-20T00:00:00Z");
    let app = &shop.shop.app;
    let ids = IdMaker::new(app.clock.as_ref());
    let at = app.clock.now_seconds();
    let change = Change { ids: &ids, at, actor: &app.actor, reason: Some("a mistake") };
    let mut tx = app.db.begin().await.expect("begin");
    let second = billow::customer::store::load_customer_by_number(
        &mut tx,
        "C00002",
        billow::customer::store::AsOf::now(at),
    );
    let second = second.await.expect("load").expect("the second customer").id;
    let mapping = OwnerMapping { owner: owner(1), customer: second, from: 0, until: i64::MAX };
    map_owner(&mut tx, &mapping, &change).await.expect("map");
    tx.commit().await.expect("commit");
    let found = reconcile(&shop).await;
    let of = |number: &str| {
        let mut rows = found.rows.iter().filter(|row| row.customer.as_deref() == Some(number));
        rows.next().unwrap_or_else(|| panic!("no row of {number}: {found:#?}"))
    };
    assert_eq!(reasons(of("C00001")), [(Reason::Withdrawn, true)]);
    assert_eq!(of("C00001").metered, None);
    assert_eq!(reasons(of("C00002")), [(Reason::NotBilled, true)]);
}

#[tokio::test]
async fn owners_that_are_nobodys_have_rows() {
    let shop = september(sqlite().await, &hourly("0.10")).await;
    let strange = json!({ "account": "other", "accountid": "other" });
    shop.collect("2025-09-02", &[with(row(RUNNING, "vm9", "2025-09-02", "7"), strange)]).await;
    bill(&shop, "2025-09").await;
    let found = reconcile(&shop).await;
    assert!(!found.good);
    let last = found.rows.last().expect("rows");
    assert_eq!((last.owner.id.as_str(), &last.customer, &last.metered), ("other", &None, &None));
    assert_eq!(reasons(last), [(Reason::UnmappedOwner, true)]);
    let recorded = last.recorded.as_ref().expect("records").quantity.as_ref();
    assert_eq!(quantity(recorded).as_deref(), Some("7"));
    assert!(last.differences[0].message.contains("cs1/other"), "{:?}", last.differences);
}

#[tokio::test]
async fn the_inventory_is_compared_both_ways() {
    let shop = september(sqlite().await, &hourly("0.10")).await;
    bill(&shop, "2025-09").await;
    shop.show_inventory(vec![
        item("vm_allocated", "vm2", LONG_AGO),
        // Made in the last window, after the period: nothing can be expected of it yet.
        item("vm_allocated", "vm3", "2025-10-09T00:00:00Z"),
    ]);
    let found = reconcile(&shop).await;
    let allocated = row_of(&found, "vm_allocated");
    assert_eq!(allocated.inventory, Some(2));
    let expected = [(Reason::MissingUsage, true), (Reason::UnknownToInventory, true)];
    assert_eq!(reasons(allocated), expected);
    assert_eq!(allocated.differences[0].resources, ["vm2"]);
    assert!(allocated.differences[0].message.contains("name of vm2"));
    assert_eq!(allocated.differences[1].resources, ["vm1"], "its usage reaches the watermark");
}

/// The time of a machine by the source's own accounting, in instants of UTC.
fn life(resource: &str, from: &str, until: Option<&str>) -> AccountedLife {
    let at = |text: &str| text.parse::<jiff::Timestamp>().expect("an instant").as_second();
    AccountedLife {
        owner: "a1".to_owned(),
        meter: "vm_allocated".to_owned(),
        resource: resource.to_owned(),
        name: format!("name of {resource}"),
        from: at(from),
        until: until.map(at),
    }
}

#[tokio::test]
async fn the_sources_own_accounting_is_held_against_usage() {
    let shop = september(sqlite().await, &hourly("0.10")).await;
    bill(&shop, "2025-09").await;
    // vm1 ran on the first and the last day; a minute is no difference.
    for (lives, expected, told) in [
        (vec![life("vm1", "2025-09-30T00:00:00Z", None)], vec![], "24"),
        (
            vec![life("vm1", "2025-08-30T00:00:00Z", Some("2025-09-01T12:00:00Z"))],
            vec![(Reason::BeyondAccounting, "36")],
            "12",
        ),
        (vec![life("vm1", "2025-09-29T23:59:00Z", None)], vec![], "1441/60"),
        (
            vec![
                life("vm1", "2025-09-29T23:58:00Z", None),
                life("vm9", "2025-09-10T00:00:00Z", Some("2025-09-10T01:00:00Z")),
            ],
            // Two minutes and an hour.
            vec![(Reason::BelowAccounting, "31/30")],
            "751/30",
        ),
    ] {
        shop.world.show(|shown| shown.accounting = Some(lives.clone()));
        let found = reconcile(&shop).await;
        let row = row_of(&found, "vm_allocated");
        assert_eq!(quantity(row.accounted.as_ref().map(|of| &of.quantity)).as_deref(), Some(told));
        let differences: Vec<(Reason, String)> = row
            .differences
            .iter()
            .map(|one| (one.reason, quantity(one.quantity.as_ref()).unwrap_or_default()))
            .collect();
        let expected: Vec<(Reason, String)> =
            expected.into_iter().map(|(reason, hours)| (reason, hours.to_owned())).collect();
        assert_eq!(differences, expected, "{lives:?}");
        assert_eq!(found.good, expected.is_empty());
    }
    let found = reconcile(&shop).await;
    let message = &row_of(&found, "vm_allocated").differences[0].message;
    assert!(message.starts_with("name of vm1, name of vm9: 1.033333 hours of the"), "{message}");
    shop.world.show(|shown| shown.accounting = None);
    assert_eq!(row_of(&reconcile(&shop).await, "vm_allocated").accounted, None);
}

#[tokio::test]
async fn an_accepted_gap_is_no_open_difference() {
    let shop = CloudShop::open(sqlite().await, Opening::default(), &hourly("0.10")).await;
    shop.show_inventory(vec![
        item("vm_allocated", "vm1", LONG_AGO),
        item("vm_allocated", "vm2", LONG_AGO),
    ]);
    shop.shop.at("2025-10-01T06:00:00Z");
    let day = [row(RUNNING, "vm1", LAST, "24"), row(ALLOCATED, "vm1", LAST, "24")];
    shop.collect(LAST, &day).await;
    let gaps = shop.world.findings("gap").await;
    assert_eq!(gaps.len(), 1);
    shop.shop.at("2025-10-10T00:00:00Z");
    let found = reconcile(&shop).await;
    let missing = &row_of(&found, "vm_allocated").differences[0];
    assert_eq!(
        (missing.reason, missing.finding.as_ref()),
        (Reason::MissingUsage, Some(&gaps[0].id))
    );
    decide(&shop.shop.app, &gaps[0].id, Decision::Release, "it never started")
        .await
        .expect("decide");
    shop.shop.at("2025-10-11T00:00:00Z");
    bill(&shop, "2025-09").await;
    let found = reconcile(&shop).await;
    assert!(found.good, "{found:#?}");
    assert_eq!(reasons(row_of(&found, "vm_allocated")), [(Reason::GapAccepted, false)]);
}

#[tokio::test]
async fn an_inventory_that_is_not_told_is_missing() {
    let shop = september(sqlite().await, &hourly("0.10")).await;
    bill(&shop, "2025-09").await;
    assert!(reconcile(&shop).await.good);
    shop.world.show(|shown| shown.inventory_down = true);
    let found = reconcile(&shop).await;
    assert!(!found.good);
    let source = &found.sources[0];
    assert_eq!((source.source.as_str(), &source.inventory_meters), ("cs1", &None));
    assert_eq!(source.differences[0].reason, Reason::InventoryMissing);
    assert!(source.differences[0].message.contains("cs1"), "{}", source.differences[0].message);
    assert!(found.rows.iter().all(|row| row.inventory.is_none()), "never zero");
}

#[tokio::test]
async fn a_period_that_is_not_collected_is_open() {
    let shop = CloudShop::open(sqlite().await, Opening::default(), &hourly("0.10")).await;
    shop.shop.at("2025-10-10T00:00:00Z");
    shop.collect(FIRST, &[row(RUNNING, "vm1", FIRST, "24")]).await;
    let found = reconcile(&shop).await;
    assert!(found.sources[0].differences.iter().any(|one| one.reason == Reason::NotCollected));
}

#[tokio::test]
async fn what_is_charged_as_a_whole_counts_as_billed() {
    let package = "[[price]]\ncode = \"t\"\nmeter = \"network_sent\"\nunit = \"gb\"\n\
                   model = \"package\"\nsize = \"100\"\namount = \"9\"\nscope = \"customer\"\n";
    let minimum = format!("{}minimum = \"50\"\nscope = \"customer\"\n", hourly("0.10"));
    let shop = september(sqlite().await, &format!("{minimum}{package}")).await;
    shop.collect(
        "2025-09-02",
        &[
            row(SENT, "n1", "2025-09-02", "60000000000"),
            row(SENT, "n2", "2025-09-02", "70000000000"),
        ],
    )
    .await;
    shop.shop.at("2025-10-11T00:00:00Z");
    bill(&shop, "2025-09").await;
    let found = reconcile(&shop).await;
    assert!(found.good, "{found:#?}");
    let sent = row_of(&found, "network_sent").billed.as_ref().expect("billed");
    assert_eq!((sent.measure.resources, sent.net_minor), (2, 1_800));
    assert_eq!(sent.measure.quantity.to_string(), "130000000000");
    let running = row_of(&found, "vm_running").billed.as_ref().expect("billed");
    assert_eq!((running.measure.quantity.to_string(), running.net_minor), ("48".to_owned(), 5_000));
}

#[tokio::test]
async fn records_of_attachments_do_not_count_twice() {
    let volume = "[[price]]\ncode = \"disk\"\nmeter = \"volume\"\nunit = \"gib_month\"\n\
                  amount = \"0.10\"\n";
    let shop = september(sqlite().await, &format!("{}{volume}", hourly("0.10"))).await;
    let own = json!({ "size": 10_737_418_240_i64, "diskofferingid": "d1" });
    let twin = json!({ "size": 10_737_418_240_i64, "virtualmachineid": "vm1" });
    let disk = || row(VOLUME, "vol1", "2025-09-02", "24");
    shop.collect("2025-09-02", &[with(disk(), own), with(disk(), twin)]).await;
    shop.shop.at("2025-10-11T00:00:00Z");
    bill(&shop, "2025-09").await;
    let found = reconcile(&shop).await;
    let volume = row_of(&found, "volume");
    assert_eq!(reasons(volume), [(Reason::Attachment, false)]);
    assert_eq!(volume.recorded.as_ref().expect("records").records, 2);
    assert_eq!(volume.metered.as_ref().expect("metered").quantity.to_string(), "24");
}
