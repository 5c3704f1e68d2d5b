//! Goal: what the tests hold Billow against is true. Method: live a life through the APIs, and
//! compare what their timestamps say with Nova's own account of usage.

use super::cloud::Lab;
use super::life::{Server, Tenants, live_on, now, seconds};

/// Nova keeps whole seconds; each of two boundaries may be cut on another side.
const CUT: i64 = 2;

#[tokio::test]
async fn a_servers_actions_add_up_to_its_life() {
    let lab = Lab::open();
    let _beside = lab.shared().await;
    let admin = lab.admin().await;
    let tenants = Tenants::settle(&lab).await;
    let begun = now();
    let server = Server::create(&tenants, "m1.small").await;
    live_on().await;
    server.stop().await;
    live_on().await;
    server.start().await;
    live_on().await;
    server.resize("m1.medium").await;
    live_on().await;
    server.shelve().await;
    live_on().await;
    server.unshelve().await;
    live_on().await;
    server.delete().await;
    let stretches = server.stretches(&admin, &["m1.small", "m1.medium"]).await;
    let told: Vec<(&str, &str)> =
        stretches.iter().map(|stretch| (stretch.state, stretch.size.as_str())).collect();
    assert_eq!(
        told,
        [
            ("building", "m1.small"),
            ("running", "m1.small"),
            ("stopped", "m1.small"),
            ("running", "m1.small"),
            ("running", "m1.medium"),
            ("shelved", "m1.medium"),
            ("running", "m1.medium"),
        ]
    );
    assert!(stretches[0].from >= begun - 1 && stretches[6].until <= now());
    assert!(stretches.iter().all(|stretch| stretch.from <= stretch.until), "{stretches:?}");
    // Nova's own usage tells the last launch, which is the resize, until the end, all of it as
    // if it had run.
    let stamp = |at: i64| jiff::Timestamp::from_second(at).expect("a time").strftime("%FT%T");
    let (from, until) = (stamp(begun - 60), stamp(now() + 60));
    let project = &tenants.one.project;
    let place = format!("compute /os-simple-tenant-usage/{project}?start={from}&end={until}");
    let usage = admin.get(&place).await;
    let usages = usage["tenant_usage"]["server_usages"].as_array().expect("usages").clone();
    assert_eq!(usages.len(), 1);
    assert_eq!(usages[0]["flavor"], "m1.medium");
    let launched = seconds(usages[0]["started_at"].as_str().expect("a start"));
    let ended = seconds(usages[0]["ended_at"].as_str().expect("an end"));
    assert!((launched - stretches[4].from).abs() <= CUT, "{launched} {stretches:?}");
    assert!((ended - stretches[6].until).abs() <= CUT, "{ended} {stretches:?}");
}

#[tokio::test]
async fn things_without_states_say_when_they_change() {
    let lab = Lab::open();
    let _beside = lab.shared().await;
    let tenants = Tenants::settle(&lab).await;
    let begun = now();
    let mut volume = tenants.volume(10).await;
    tenants.extend(&mut volume, 20).await;
    let snapshot = tenants.snapshot(&volume).await;
    let snapshots = format!("block-storage /{}/snapshots", tenants.one.project);
    let snapshot = tenants.delete(&tenants.one, &snapshots, snapshot).await;
    tenants.transfer(&mut volume).await;
    let address = tenants.address().await;
    let address = tenants.delete(&tenants.one, "network /v2.0/floatingips", address).await;
    let volumes = format!("block-storage /{}/volumes", tenants.other.project);
    let volume = tenants.delete(&tenants.other, &volumes, volume).await;
    let (one, other) = (tenants.one.project.as_str(), tenants.other.project.as_str());
    let told: Vec<(&str, &str)> =
        volume.iter().map(|stretch| (stretch.project.as_str(), stretch.size.as_str())).collect();
    assert_eq!(told, [(one, "10"), (one, "20"), (other, "20")]);
    assert_eq!(snapshot[0].size, "20");
    for stretch in volume.iter().chain(&snapshot).chain(&address) {
        assert!(begun - 1 <= stretch.from && stretch.from <= stretch.until, "{stretch:?}");
        assert!(stretch.until <= now(), "{stretch:?}");
    }
}
