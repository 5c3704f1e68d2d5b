//! Goal: the adapter keeps the contract against a cloud that was written without it. Method: the
//! simulated CloudStack with its defects, page sizes, forms of dates and faults.

use std::collections::BTreeMap;
use std::sync::Arc;

use billow::clock::ManualClock;
use billow::demo::cloudstack::{Defects, Fault, Settings, Simulator};
use billow::demo::seed::{self, Size};
use billow::orchestrator::cloudstack::CloudStack;
use billow::orchestrator::{Orchestrator, OrchestratorError};
use billow::period::Span;

use super::support::adapter;
use crate::orchestrator::contract::{self, KnownUser};

pub const DAY: i64 = 86_400;
/// 1 October 2026, 00:00 UTC.
pub const START: i64 = 1_790_812_800;
const WINDOW: Span = Span { from: START + 10 * DAY, until: START + 11 * DAY };

async fn cloud(settings: Settings) -> (Simulator, CloudStack) {
    let now = jiff::Timestamp::from_second(START + 20 * DAY).expect("an instant");
    cloud_at(settings, Arc::new(ManualClock::at(now))).await
}

/// A small cloud that lives by a clock, and the adapter that its key opens.
pub async fn cloud_at(settings: Settings, clock: Arc<ManualClock>) -> (Simulator, CloudStack) {
    let world = seed::world(7, Size::Small, START);
    let pair = world
        .keys
        .iter()
        .find(|pair| {
            world.roles[world.accounts[world.users[pair.user].account].role]
                .name
                .contains("Billing")
        })
        .or(world.keys.first())
        .expect("a key")
        .clone();
    let simulator = Simulator::start(world, settings, clock, 0).await.expect("a simulator");
    let adapter = adapter(&simulator.endpoint(), &pair.api_key, &pair.secret);
    (simulator, adapter)
}

fn user(simulator: &Simulator) -> KnownUser {
    let login = seed::logins(simulator.world())
        .into_iter()
        .find(|login| login.second_factor.is_none())
        .expect("a login");
    KnownUser { name: login.name, password: login.password, domain: login.domain }
}

#[tokio::test]
async fn the_contract_holds_with_a_faultless_server() {
    let settings = Settings { defects: Defects::none(), ..Settings::usual() };
    let (simulator, adapter) = cloud(settings).await;
    contract::holds(&adapter, WINDOW, &user(&simulator)).await;
    assert_eq!(simulator.open_sessions(), 0, "a login was left open");
}

#[tokio::test]
async fn the_contract_holds_with_everything_that_a_real_server_does_wrong() {
    let mut settings = Settings { defects: Defects::all(), ..Settings::usual() };
    settings.forms.quoted_dates = true;
    settings.forms.decimal_comma = true;
    settings.forms.offset_minutes = 330;
    let (simulator, adapter) = cloud(settings).await;
    contract::holds(&adapter, WINDOW, &user(&simulator)).await;
}

/// Everything of a window but the attributes, which show present names.
async fn read(adapter: &CloudStack) -> BTreeMap<String, usize> {
    let raw = adapter.fetch_usage(WINDOW).await.expect("a window");
    let mut rows = BTreeMap::new();
    for page in &raw.pages {
        for row in adapter.parse_usage(page).expect("a page") {
            let record = row.outcome.expect("a record");
            let key = (record.owner, record.meter, record.resource, record.identity);
            *rows.entry(format!("{key:?} {} {:?}", record.quantity, record.span)).or_insert(0) += 1;
        }
    }
    rows
}

#[tokio::test]
async fn the_form_of_dates_and_numbers_changes_nothing() {
    let (simulator, adapter) = cloud(Settings::usual()).await;
    let plain = read(&adapter).await;
    simulator.change(|settings| {
        settings.forms.quoted_dates = true;
        settings.forms.decimal_comma = true;
        settings.forms.offset_minutes = -180;
    });
    assert_eq!(plain, read(&adapter).await);
}

#[tokio::test]
async fn faults_on_the_way_lose_nothing_and_add_nothing() {
    let (simulator, adapter) = cloud(Settings::usual()).await;
    let plain = read(&adapter).await;
    for fault in [Fault::Throttled, Fault::Unavailable, Fault::Html, Fault::Cut, Fault::Closed] {
        simulator.fail_next(fault, 2);
        assert_eq!(plain, read(&adapter).await, "{fault:?}");
    }
}

#[tokio::test]
async fn a_revoked_key_is_named_as_such() {
    let (simulator, adapter) = cloud(Settings::usual()).await;
    let keys: Vec<String> =
        simulator.world().keys.iter().map(|pair| pair.api_key.clone()).collect();
    for key in &keys {
        simulator.revoke_key(key);
    }
    let refused = adapter.fetch_usage(WINDOW).await.expect_err("no usage");
    assert!(matches!(refused, OrchestratorError::Unauthenticated { .. }), "{refused}");
    assert!(!keys.iter().any(|key| refused.to_string().contains(key.as_str())));
    let checks = adapter.check().await;
    assert!(checks.len() == 1 && !checks[0].ok, "{checks:?}");
}
