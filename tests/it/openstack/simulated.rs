//! Goal: the adapter keeps the contract against a region that was written without it. Method: the
//! simulated OpenStack with its histories, page sizes, faults and ends of tokens.

use std::sync::Arc;

use billow::clock::ManualClock;
use billow::collect::observation::{Observation, ResourceKind};
use billow::config::{SourceConfig, SourceKind};
use billow::demo::openstack::{Fault, Settings, Simulator, seed};
use billow::demo::seed::Size;
use billow::orchestrator::openstack::OpenStack;
use billow::orchestrator::{ObservationAsk, Orchestrator, SignIn};
use billow::period::Span;

use crate::orchestrator::contract::{self, KnownUser};

const DAY: i64 = 86_400;
/// 1 October 2026, 00:00 UTC.
const START: i64 = 1_790_812_800;
const NOW: i64 = START + 20 * DAY;
const WINDOW: Span = Span { from: START + 10 * DAY, until: NOW };

struct Region {
    simulator: Simulator,
    adapter: OpenStack,
}

async fn region(size: Size) -> Region {
    let world = seed::world(7, size, START);
    let now = jiff::Timestamp::from_second(NOW).expect("an instant");
    let clock = Arc::new(ManualClock::at(now));
    let simulator = Simulator::start(world, Settings::usual(), clock, 0).await;
    let simulator = simulator.expect("a simulator");
    let world = simulator.world();
    let billow = world.users.iter().find(|user| user.name == "billow").expect("the user");
    let file = format!("{}/openstack-simulated", env!("CARGO_TARGET_TMPDIR"));
    static WRITTEN: std::sync::Once = std::sync::Once::new();
    // One seed, one password; tests read it while others begin.
    WRITTEN.call_once(|| std::fs::write(&file, &billow.password).expect("write the secret"));
    // Another test of the same process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let adapter = OpenStack::new(&SourceConfig {
        user: Some("billow".to_owned()),
        project: Some("service".to_owned()),
        region: Some("RegionOne".to_owned()),
        secret_file: Some(file.into()),
        ..SourceConfig::new("os1", SourceKind::Openstack, &simulator.endpoint())
    });
    Region { simulator, adapter: adapter.expect("an adapter") }
}

fn member(region: &Region) -> KnownUser {
    let world = region.simulator.world();
    let user = world.users.iter().find(|user| user.name == "harbour-ops").expect("a member");
    let domain = world.domains[user.domain].name.clone();
    KnownUser { name: user.name.clone(), password: user.password.clone(), domain }
}

#[tokio::test]
async fn the_contract_holds() {
    for size in [Size::Small, Size::Full] {
        let region = region(size).await;
        contract::holds(&region.adapter, WINDOW, &member(&region)).await;
        // The adapter's own alone: whatever it opened for others, it ended.
        assert_eq!(region.simulator.open_tokens(), 1, "a login was left open");
    }
}

#[tokio::test]
async fn every_check_of_a_whole_region_is_good() {
    let region = region(Size::Small).await;
    let checks = region.adapter.check().await;
    let bad: Vec<_> = checks.iter().filter(|check| !check.ok).collect();
    assert!(bad.is_empty(), "{bad:?}");
}

async fn look(adapter: &OpenStack) -> Vec<Observation> {
    let ask = ObservationAsk { now: NOW, since: None };
    let raw = adapter.fetch_observations(ask).await.expect("a round");
    let mut all = Vec::new();
    for page in &raw.pages {
        for row in adapter.parse_observations(page, raw.seen_at).expect("a page") {
            all.push(row.outcome.expect("an observation"));
        }
    }
    all.sort_by_key(|one| format!("{one:?}"));
    all
}

#[tokio::test]
async fn pages_of_any_size_tell_the_same() {
    let region = region(Size::Full).await;
    let whole = look(&region.adapter).await;
    for size in [1, 3, 7] {
        region.simulator.change(|settings| settings.page_size_max = size);
        assert!(whole == look(&region.adapter).await, "pages of {size}");
    }
}

#[tokio::test]
async fn faults_and_revoked_tokens_lose_nothing_and_add_nothing() {
    let region = region(Size::Small).await;
    let plain = look(&region.adapter).await;
    for fault in [Fault::Throttled, Fault::Unavailable, Fault::Cut, Fault::Closed] {
        region.simulator.fail_next(fault, 2);
        assert!(plain == look(&region.adapter).await, "{fault:?}");
    }
    region.simulator.revoke_tokens();
    assert!(plain == look(&region.adapter).await, "after the tokens ended");
}

#[tokio::test]
async fn everything_that_is_metered_is_there() {
    let region = region(Size::Full).await;
    let all = look(&region.adapter).await;
    for kind in [
        ResourceKind::Machine,
        ResourceKind::Volume,
        ResourceKind::Snapshot,
        ResourceKind::Backup,
        ResourceKind::Image,
        ResourceKind::Address,
        ResourceKind::Router,
        ResourceKind::Network,
    ] {
        assert!(all.iter().any(|one| one.kind == kind), "{kind:?}");
    }
    let gpus = all.iter().filter(|one| one.attributes.get("gpu_count").is_some_and(|n| n == "1"));
    assert!(gpus.count() > 0, "no GPU");
}

#[tokio::test]
async fn members_and_managers_see_their_own_project_or_domain() {
    use billow::orchestrator::{Credential, Rank};
    let region = region(Size::Small).await;
    let world = region.simulator.world();
    for (name, project, rank) in [
        ("harbour-ops", None, Rank::User),
        ("harbour-ops", Some(seed::SHARED), Rank::User),
        ("polder-admin", None, Rank::DomainAdmin),
        ("admin", Some("admin"), Rank::Operator),
    ] {
        let user = world.users.iter().find(|user| user.name == name).expect("a user");
        let login = Credential::Password {
            name: name.to_owned(),
            password: user.password.clone(),
            domain: world.domains[user.domain].name.clone(),
            project: project.map(str::to_owned),
            second_factor: None,
        };
        let answer = region.adapter.sign_in(login).await.expect("an answer");
        let SignIn::Accepted(identity) = answer else { panic!("{name}: {answer:?}") };
        assert_eq!((identity.rank, identity.user_name.as_str()), (rank, name));
        if name == "harbour-ops" {
            let own = world.project(seed::SHARED).expect("a project");
            assert_eq!(identity.owners, std::slice::from_ref(&world.projects[own].id));
        }
    }
    let foreign = Credential::Password {
        name: "harbour-ops".to_owned(),
        password: member(&region).password,
        domain: "Default".to_owned(),
        project: Some("admin".to_owned()),
        second_factor: None,
    };
    let answer = region.adapter.sign_in(foreign).await.expect("an answer");
    assert!(matches!(answer, SignIn::Refused { .. }), "{answer:?}");
}
