//! Goal: what the bus tells is billed as what the APIs tell, and a broker that goes away costs
//! nothing. Method: a life on the real cloud that nobody looks at, heard from the real broker;
//! the listener, and then the broker, are away for a part of it.

use std::time::{Duration, Instant};

use billow::collect::observation::ResourceState;

use super::billed::{Metered, metered, metered_of, to_meter};
use super::cloud::Lab;
use super::life::{Server, Tenants, live_on, now};
use super::shop::{LabShop, Listening};
use crate::support::db::{postgres, sqlite};

/// How long an event may take to arrive on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until what is metered so far, without any look, is as wanted.
async fn until(shop: &LabShop, project: &str, resource: &str, wanted: impl Fn(&Metered) -> bool) {
    let begun = Instant::now();
    loop {
        let found = metered_of(shop.so_far(project, resource).await);
        if wanted(&found) {
            return;
        }
        let events = shop.events().await;
        assert!(begun.elapsed() < PATIENCE, "{resource} stays {found:?} after {events} events");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until the bus told that a resource is in a state.
async fn told(shop: &LabShop, project: &str, resource: &str, wanted: ResourceState) {
    let begun = Instant::now();
    loop {
        let found = shop.last_state(project, resource).await;
        if found == Some(wanted) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{resource} stays {found:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Nova stamps an event and the step that it ends one after the other: whole seconds may differ
/// by one.
fn close_to(found: &Metered, expected: &Metered) -> bool {
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(one, other)| {
            one.0 == other.0 && (one.1 - other.1).abs() <= 1 && (one.2 - other.2).abs() <= 1
        })
}

#[tokio::test]
async fn a_life_that_was_only_heard_of_is_billed_to_the_second() {
    let lab = Lab::open();
    let _beside = lab.shared().await;
    let admin = lab.admin().await;
    let tenants = Tenants::settle(&lab).await;
    let shop = LabShop::open(sqlite().await, &lab, &tenants).await;
    shop.round().await;
    let listening = Listening::begin(&lab, &shop).await;
    let (one, other) = (tenants.one.project.as_str(), tenants.other.project.as_str());
    let server = Server::create(&tenants, "m1.small").await;
    let mut volume = tenants.volume(10).await;
    told(&shop, one, &server.id, ResourceState::Running).await;
    live_on().await;
    server.stop().await;
    told(&shop, one, &server.id, ResourceState::Stopped).await;
    // The daemon is away; its queue is not.
    let queue = listening.end().await;
    live_on().await;
    server.start().await;
    tenants.extend(&mut volume, 20).await;
    live_on().await;
    let listening = Listening::again(&lab, &shop, queue).await;
    server.resize("m1.medium").await;
    live_on().await;
    tenants.transfer(&mut volume).await;
    server.shelve().await;
    live_on().await;
    server.unshelve().await;
    live_on().await;
    let volumes = format!("block-storage /{other}/volumes");
    let volume = tenants.delete(&tenants.other, &volumes, volume).await;
    server.delete().await;
    let stretches = server.stretches(&admin, &["m1.small", "m1.medium"]).await;
    let expected = to_meter(&stretches, "");
    until(&shop, one, &server.id, |found| close_to(found, &expected)).await;
    let disk: Vec<&_> = volume.iter().collect();
    let disk_of = |project: &str| -> Metered {
        let own = disk.iter().filter(|stretch| stretch.project == project);
        own.map(|stretch| ("volume".to_owned(), stretch.from, stretch.until)).collect()
    };
    let id = volume[0].resource.clone();
    until(&shop, one, &id, |found| close_to(found, &disk_of(one))).await;
    until(&shop, other, &id, |found| close_to(found, &disk_of(other))).await;
    listening.end().await;
    let heard = metered_of(shop.so_far(other, &id).await);
    shop.close().await;
    assert_eq!(metered(&shop, one, &server.id).await, expected, "as if it had been watched");
    assert_eq!(metered(&shop, other, &id).await, heard, "a look shows nothing that was not heard");
    assert!(close_to(&metered(&shop, one, &id).await, &disk_of(one)));
}

#[tokio::test]
async fn a_broker_that_was_away_costs_nothing() {
    let lab = Lab::open();
    let _alone = lab.alone().await;
    let admin = lab.admin().await;
    let tenants = Tenants::settle(&lab).await;
    let shop = LabShop::open(postgres().await, &lab, &tenants).await;
    shop.round().await;
    let listening = Listening::begin(&lab, &shop).await;
    let one = tenants.one.project.as_str();
    let server = Server::create(&tenants, "m1.small").await;
    told(&shop, one, &server.id, ResourceState::Running).await;
    lab.control("stop", "rabbitmq").await;
    let told = listening.until(|checks| !checks[0].ok).await;
    assert!(told[0].what.starts_with("source lab: events: "), "{told:?}");
    assert!(told[0].mend.contains("events.address_env"), "{told:?}");
    // Looks go on without it.
    let before = shop.so_far_until().await;
    live_on().await;
    shop.round().await;
    assert!(shop.so_far_until().await > before, "the figures move on");
    lab.control("start", "rabbitmq").await;
    let told = listening.until(|checks| checks[0].ok).await;
    assert!(told[0].what.contains(" events wait in the queue billow."), "{told:?}");
    server.stop().await;
    live_on().await;
    shop.round().await;
    // Its exchanges come back with the next that is published, and are bound again.
    let begun = Instant::now();
    let heard = shop.events().await;
    while shop.events().await == heard {
        assert!(begun.elapsed() < 3 * PATIENCE, "no event since the broker is back");
        server.start().await;
        server.stop().await;
    }
    server.delete().await;
    let ended = now();
    until(&shop, one, &server.id, |found| found.last().is_some_and(|last| last.2 + 2 >= ended))
        .await;
    listening.end().await;
    let record = server.record(&admin).await;
    let invoices = shop.close().await;
    assert_eq!(invoices.len(), 1);
    let found = metered(&shop, one, &server.id).await;
    let whole = |pair: &[(String, i64, i64)]| pair[0].2 == pair[1].1;
    assert!(found.windows(2).all(whole), "neither a hole nor twice: {found:?}");
    let until = super::cloud::text(&record, "/OS-SRV-USG:terminated_at");
    assert_eq!(found.last().map(|last| last.2), Some(super::life::seconds(&until)));
}
