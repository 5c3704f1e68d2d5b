//! Goal: the invoice shows each stretch of a tenant's life to the second, whether the daemon
//! watched or was down. Method: live it on the real cloud, observe by the real adapter, issue the
//! month's invoices, and compare with what the APIs' own timestamps say. A unit of money is a
//! second, so that each amount can be read as a length.

use billow::bill::document::InvoiceDocument;
use billow::collect::record::StoredRecord;
use billow::money::Exact;

use super::cloud::Lab;
use super::life::{Server, Stretch, Tenants, live_on, now};
use super::shop::LabShop;
use crate::support::db::{postgres, sqlite};

/// Seconds of a resource by meter, ascending and joined over midnights.
pub type Metered = Vec<(String, i64, i64)>;

pub async fn metered(shop: &LabShop, project: &str, resource: &str) -> Metered {
    metered_of(shop.records(project, resource).await)
}

pub fn metered_of(records: Vec<StoredRecord>) -> Metered {
    let mut all = Metered::new();
    for record in records {
        let (meter, from, until) = (record.key.meter, record.key.from, record.until);
        match all.last_mut() {
            Some((last, _, end)) if *last == meter && *end == from && from % 86_400 == 0 => {
                *end = until;
            }
            _ => all.push((meter, from, until)),
        }
    }
    all
}

/// What is to be metered of stretches; what was being built is not.
pub fn to_meter(stretches: &[Stretch], present: &str) -> Metered {
    let meter = |stretch: &Stretch| match stretch.state {
        "present" => present.to_owned(),
        state => format!("vm_{state}"),
    };
    let serves = |stretch: &&Stretch| stretch.state != "building" && stretch.from < stretch.until;
    let told = stretches.iter().filter(serves);
    told.map(|stretch| (meter(stretch), stretch.from, stretch.until)).collect()
}

/// The seconds that an invoice bills by a price.
fn billed(invoice: &InvoiceDocument, price: &str) -> i64 {
    let own = |code: &Option<String>| code.as_deref() == Some(price);
    let lines = invoice.lines.iter().filter(|line| own(&line.price_code));
    let minor: i64 = lines.map(|line| line.net_minor).sum();
    assert_eq!(minor % 100, 0, "{price} is whole seconds");
    minor / 100
}

fn length(stretches: &[Stretch], state: &str, size: &str) -> i64 {
    let own =
        |stretch: &&Stretch| stretch.state == state && (size.is_empty() || stretch.size == size);
    stretches.iter().filter(own).map(|stretch| stretch.until - stretch.from).sum()
}

#[tokio::test]
async fn a_servers_invoice_is_its_life_to_the_second_watched_or_not() {
    let lab = Lab::open();
    let _beside = lab.shared().await;
    let admin = lab.admin().await;
    let tenants = Tenants::settle(&lab).await;
    let watching = LabShop::open(sqlite().await, &lab, &tenants).await;
    let sleeping = LabShop::open(postgres().await, &lab, &tenants).await;
    let server = Server::create(&tenants, "m1.small").await;
    watching.round().await;
    sleeping.round().await;
    live_on().await;
    server.stop().await;
    watching.round().await;
    live_on().await;
    server.start().await;
    live_on().await;
    watching.round().await;
    server.resize("m1.medium").await;
    watching.round().await;
    live_on().await;
    server.shelve().await;
    live_on().await;
    watching.round().await;
    server.unshelve().await;
    live_on().await;
    server.delete().await;
    let stretches = server.stretches(&admin, &["m1.small", "m1.medium"]).await;
    assert_eq!(stretches.len(), 7);
    // Running goes on through the resize; only the flavor changes.
    let expected = to_meter(&stretches, "");
    for shop in [&watching, &sleeping] {
        let invoices = shop.close().await;
        assert_eq!(metered(shop, &tenants.one.project, &server.id).await, expected);
        let [invoice] = invoices.as_slice() else { panic!("one invoice: {invoices:?}") };
        for (price, state, flavor) in [
            ("small", "running", "m1.small"),
            ("medium", "running", "m1.medium"),
            ("stopped", "stopped", ""),
            ("shelved", "shelved", ""),
        ] {
            let seconds = length(&stretches, state, flavor);
            assert_eq!(billed(invoice, price), seconds, "{price} of {stretches:?}");
        }
        assert_eq!(invoice.net_minor, 100 * length(&expected_whole(&stretches), "whole", ""));
        // Nova tells the time since its last launch, which is the unshelving; all of it is billed.
        let rows = shop.accounted().await;
        let [row] = rows.as_slice() else { panic!("one tenant's machine: {rows:?}") };
        let accounted = row.accounted.as_ref().expect("Nova's own hours");
        assert_eq!(accounted.resources, 1);
        assert!(accounted.quantity <= Exact::ratio(stretches_seconds(&stretches), 3_600));
        assert!(!accounted.quantity.is_zero(), "{row:?}");
        assert!(row.differences.iter().all(|one| !one.open), "{row:?}");
    }
}

fn stretches_seconds(stretches: &[Stretch]) -> i128 {
    let whole = expected_whole(stretches);
    i128::from(whole[0].until - whole[0].from)
}

/// From the first running to the end, as one stretch.
fn expected_whole(stretches: &[Stretch]) -> Vec<Stretch> {
    let (first, last) = (&stretches[1], &stretches[stretches.len() - 1]);
    vec![Stretch { state: "whole", until: last.until, ..first.clone() }]
}

/// What has no history is billed as it was seen: each change lies between two rounds.
#[tokio::test]
async fn things_without_history_are_billed_from_when_each_change_was_seen() {
    let lab = Lab::open();
    let _beside = lab.shared().await;
    let tenants = Tenants::settle(&lab).await;
    let shop = LabShop::open(sqlite().await, &lab, &tenants).await;
    let mut rounds = Vec::new();
    let mut volume = tenants.volume(10).await;
    let address = tenants.address().await;
    let snapshot = tenants.snapshot(&volume).await;
    rounds.push(now());
    shop.round().await;
    live_on().await;
    tenants.extend(&mut volume, 20).await;
    rounds.push(now());
    shop.round().await;
    live_on().await;
    let snapshots = format!("block-storage /{}/snapshots", tenants.one.project);
    let snapshot = tenants.delete(&tenants.one, &snapshots, snapshot).await;
    tenants.transfer(&mut volume).await;
    rounds.push(now());
    shop.round().await;
    live_on().await;
    rounds.push(now());
    shop.round().await;
    live_on().await;
    let address = tenants.delete(&tenants.one, "network /v2.0/floatingips", address).await;
    let volumes = format!("block-storage /{}/volumes", tenants.other.project);
    let volume = tenants.delete(&tenants.other, &volumes, volume).await;
    shop.close().await;
    let (one, other) = (tenants.one.project.as_str(), tenants.other.project.as_str());
    let id = &volume[0].resource;
    let seen = |at: i64, round: usize| (at - rounds[round]).abs() <= 1;
    let before = metered(&shop, one, id).await;
    assert_eq!(before.len(), 2, "10 and 20 GiB: {before:?}");
    assert_eq!(before[0].1, volume[0].from, "made when Cinder says");
    assert!(seen(before[0].2, 1) && before[1].1 == before[0].2, "{before:?} {rounds:?}");
    assert!(seen(before[1].2, 2), "{before:?} {rounds:?}");
    let after = metered(&shop, other, id).await;
    assert_eq!(after.len(), 1, "{after:?}");
    assert_eq!(after[0].1, before[1].2, "neither a hole nor twice");
    assert!(seen(after[0].2, 3), "gone since it was last seen: {after:?} {rounds:?}");
    let copies = metered(&shop, one, &snapshot[0].resource).await;
    assert_eq!(copies[0].1, snapshot[0].from);
    assert!(seen(copies[0].2, 1), "gone since it was last seen: {copies:?} {rounds:?}");
    let addresses = metered(&shop, one, &address[0].resource).await;
    assert_eq!(addresses[0].1, address[0].from);
    assert!(seen(addresses[0].2, 3), "gone since it was last seen: {addresses:?} {rounds:?}");
}
