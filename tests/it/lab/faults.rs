//! Goal: a service that fails for a while costs nothing and is told. Method: break the real one,
//! look, mend it, look again, and read what is metered.

use std::time::{Duration, Instant};

use super::billed::metered;
use super::cloud::Lab;
use super::gate::Gate;
use super::life::{Server, Tenants, live_on};
use super::shop::LabShop;
use crate::support::db::{postgres, sqlite};

/// What a failed round says.
async fn refused(shop: &LabShop) -> String {
    let failed = shop.try_round().await.expect_err("the round fails");
    format!("{failed:#}")
}

#[tokio::test]
async fn keystone_away_and_a_revoked_login_lose_nothing() {
    let lab = Lab::open();
    let _beside = lab.shared().await;
    let admin = lab.admin().await;
    let tenants = Tenants::settle(&lab).await;
    let gate = Gate::open(&lab).await;
    gate.close(true);
    let shop = LabShop::behind(sqlite().await, &lab, &tenants, &gate.auth_url()).await;
    let said = refused(&shop).await;
    assert!(said.contains("503"), "{said}");
    gate.close(false);
    shop.round().await;
    let server = Server::create(&tenants, "m1.small").await;
    shop.round().await;
    gate.close(true);
    live_on().await;
    server.stop().await;
    let said = refused(&shop).await;
    assert!(said.contains("503"), "{said}");
    gate.revoke().await;
    let said = refused(&shop).await;
    assert!(said.contains("503"), "{said}");
    let told = shop.last_error().await.expect("doctor tells it");
    assert!(told.contains("503"), "{told}");
    live_on().await;
    server.start().await;
    gate.close(false);
    // Keystone's own processes learn of a revocation within seconds; then a new login is opened.
    let (revoked, begun) = (gate.token(), Instant::now());
    while gate.token() == revoked {
        assert!(begun.elapsed() < Duration::from_secs(120), "the revoked token serves on");
        live_on().await;
        shop.round().await;
    }
    assert_eq!(shop.last_error().await, None);
    server.delete().await;
    shop.round().await;
    let stretches = server.stretches(&admin, &["m1.small"]).await;
    shop.close().await;
    let found = metered(&shop, &tenants.one.project, &server.id).await;
    assert_eq!(found, super::billed::to_meter(&stretches, ""));
}

#[tokio::test]
async fn a_service_that_is_gone_for_a_while_takes_nothing_with_it() {
    let lab = Lab::open();
    let _alone = lab.alone().await;
    let tenants = Tenants::settle(&lab).await;
    let shop = LabShop::open(postgres().await, &lab, &tenants).await;
    let volume = tenants.volume(10).await;
    shop.round().await;
    lab.control("stop", "cinder").await;
    let server = Server::create(&tenants, "m1.small").await;
    live_on().await;
    let report = shop.look().await;
    let said = report.skipped.join("\n");
    assert!(said.contains("volumes"), "the service is named: {said}");
    let project = &tenants.one.project;
    assert_eq!(shop.so_far(project, &server.id).await.len(), 1, "the others go on");
    lab.control("start", "cinder").await;
    shop.round().await;
    live_on().await;
    let volumes = format!("block-storage /{project}/volumes");
    let volume = tenants.delete(&tenants.one, &volumes, volume).await;
    shop.round().await;
    server.delete().await;
    shop.close().await;
    let found = metered(&shop, project, &volume[0].resource).await;
    let [(_, from, until)] = found.as_slice() else { panic!("one stretch: {found:?}") };
    assert_eq!(*from, volume[0].from);
    assert!(volume[0].until - until < 30, "as long as it was seen: {found:?} {volume:?}");
    assert!(until <= &volume[0].until);
}
