//! Goal: the demo's small world is prepared by the ordinary code, and again without harm; one
//! customer has both clouds on one invoice.

use std::collections::{BTreeMap, BTreeSet};

use billow::bill::explain::{ExplainRequest, load_explanation};
use billow::bill::store::{load_invoice, load_parts};
use billow::bill::verify::verify;
use billow::collect::observe::live::load_live;
use billow::collect::observe::round::observe;
use billow::demo::cloudstack::{Defects, Settings};
use billow::demo::run::{Options, World, prepare, present_before};
use billow::demo::seed::{CLOUDSTACK, OPENSTACK, Size};
use billow::ids::OwnerRef;
use billow::period::Span;
use billow::reconcile::load::{ReconcileRequest, load_reconciliation};
use billow::reconcile::{Between, Difference};
use billow::scope::Scope;

use serde_json::json;

use crate::support::db::folder;

/// A small demo with one closed month.
pub fn options(folder: std::path::PathBuf) -> Options {
    // Without the two defects that hold invoices by themselves.
    let defects =
        Defects { lost_volume_ids: false, live_scale_overwrites: false, ..Defects::usual() };
    let _ = rustls::crypto::ring::default_provider().install_default();
    Options {
        seed: 5,
        size: Size::Small,
        closed_months: 1,
        folder,
        listen: "127.0.0.1:0".to_owned(),
        present: "2026-11-14T10:00:00Z".parse().expect("an instant"),
        database: None,
        settings: Settings { defects, ..Settings::usual() },
    }
}

async fn make(options: &Options) -> World {
    prepare(options, &|_| {}).await.expect("prepare the demo")
}

#[tokio::test]
async fn the_small_world_is_billed_and_goes_on_where_it_ended() {
    let options = options(folder("demo"));
    let first = make(&options).await;
    assert_eq!(first.running.to_string(), "2026-11");
    assert!(first.held.is_empty(), "{:?}", first.held);
    assert_eq!(first.issued.len(), 5);
    assert!(first.issued.iter().all(|line| line.gross_minor > 0));
    check_both_clouds(&first).await;
    check_what_is_not_collected_yet(&first).await;
    check_the_regions_own_accounting(&first).await;
    check_the_regions_traffic(&first).await;
    let verified = verify(&first.app, &|_, _| {}).await.expect("verify");
    assert!(verified.is_good(), "{verified:?}");
    let logins = first.logins.clone();
    drop(first);
    let again = make(&options).await;
    assert!(again.issued.is_empty(), "issued twice: {:?}", again.issued);
    assert_eq!(again.logins, logins);
}

/// What the region accounts of its machines, in whatever state, is metered.
async fn check_the_regions_own_accounting(world: &World) {
    let request = ReconcileRequest {
        label: world.running.previous(),
        sellers: None,
        customer: None,
        ask_inventory: true,
    };
    let found = load_reconciliation(&world.app, &request, &|_, _| {}).await.expect("reconcile");
    let accounted: Vec<_> = found.rows.iter().filter(|row| row.accounted.is_some()).collect();
    assert!(!accounted.is_empty(), "the region has machines");
    // What its services list is what usage tells.
    for row in found.rows.iter().filter(|row| row.owner.source.0 == OPENSTACK) {
        let own = |one: &&Difference| one.between != Between::MeteredAndBilled;
        assert!(!row.differences.iter().filter(own).any(|one| one.open), "{row:#?}");
    }
    for row in accounted {
        assert_eq!((row.owner.source.0.as_str(), row.meter.as_str()), (OPENSTACK, "vm_allocated"));
        assert!(row.accounted.as_ref().is_some_and(|of| of.resources > 0));
        assert!(row.differences.iter().all(|one| !one.open), "{row:#?}");
    }
}

/// What the region's counters say of the closed month, by their readings, is metered and billed.
async fn check_the_regions_traffic(world: &World) {
    let end = "2026-10-31T23:00:00Z".parse::<jiff::Timestamp>().expect("an instant").as_second();
    let mut expected: BTreeMap<String, i64> = BTreeMap::new();
    for (owner, readings) in counters(world).await {
        let mut before = readings[0].1;
        let mut fell = false;
        for (_, now) in readings.iter().skip(1).take_while(|(at, _)| *at <= end) {
            // The mean of an hour in which a guest was started anew is of two guests: the next one
            // tells what the new guest counted, from zero.
            if *now < before && !fell {
                fell = true;
                continue;
            }
            *expected.entry(owner.clone()).or_insert(0) +=
                if *now < before { *now } else { now - before };
            (before, fell) = (*now, false);
        }
    }
    let request = ReconcileRequest {
        label: world.running.previous(),
        sellers: None,
        customer: None,
        ask_inventory: false,
    };
    let found = load_reconciliation(&world.app, &request, &|_, _| {}).await.expect("reconcile");
    let told = found.rows.iter().filter(|row| {
        row.owner.source.0 == OPENSTACK && row.meter == "network_sent" && row.customer.is_some()
    });
    let mut net = 0;
    let mut metered: BTreeMap<String, i64> = BTreeMap::new();
    for row in told {
        let quantity = &row.metered.as_ref().expect("metered").quantity;
        metered.insert(row.owner.id.clone(), quantity.to_string().parse().expect("whole bytes"));
        net += row.billed.as_ref().map_or(0, |billed| billed.net_minor);
    }
    expected.retain(|owner, _| metered.contains_key(owner));
    assert!(!metered.is_empty());
    assert_eq!(metered, expected);
    assert!(net > 0, "some of it is beyond what is free");
}

/// Readings of each interface with its owner: unix seconds and bytes sent, as hours tell them.
async fn counters(world: &World) -> Vec<(String, Vec<(i64, i64)>)> {
    let root = world.region.endpoint();
    let root = root.strip_suffix("/identity/v3").expect("the identity service's address");
    let held = world.region.world();
    let user = held.users.iter().find(|user| user.name == "billow").expect("the user");
    let login = json!({ "auth": {
        "identity": { "methods": ["password"], "password": { "user": {
            "name": user.name, "password": user.password, "domain": { "name": "Default" },
        } } },
        "scope": { "project": { "name": "service", "domain": { "name": "Default" } } },
    } });
    let client = reqwest::Client::new();
    let token = client.post(format!("{root}/identity/v3/auth/tokens")).json(&login).send().await;
    let token = token.expect("an answer").headers()["x-subject-token"].clone();
    let from = "2026-10-01T00:00:00Z";
    let ask = json!({
        "resource_type": "instance_network_interface",
        "search": { "or": [{ "=": { "ended_at": null } }, { ">=": { "ended_at": from } }] },
        "operations": "(metric network.outgoing.bytes mean)",
    });
    let path = format!("{root}/metric/v1/aggregates?details=true&start={from}");
    let told = client.post(format!("{path}&stop=2026-11-05T00:00:00Z"));
    let told = told.header("x-auth-token", token).json(&ask).send().await.expect("an answer");
    let told: serde_json::Value = told.json().await.expect("JSON");
    let mut all = Vec::new();
    for row in told["references"].as_array().expect("resources") {
        let id = row["id"].as_str().expect("an id");
        let means = told["measures"][id]["network.outgoing.bytes"]["mean"].as_array();
        let readings = means.into_iter().flatten().filter(|one| one[1] == json!(3600.0));
        let reading = |one: &serde_json::Value| {
            let at: jiff::Timestamp = one[0].as_str().expect("a text").parse().expect("an instant");
            #[allow(clippy::cast_possible_truncation)]
            let bytes = one[2].as_f64().expect("a number") as i64;
            (at.as_second(), bytes)
        };
        let owner = row["project_id"].as_str().expect("a project").to_owned();
        all.push((owner, readings.map(reading).collect()));
    }
    all
}

/// Until the cloud has closed its usage, the month counts what is seen of it.
async fn check_what_is_not_collected_yet(world: &World) {
    let named = |name: &str| {
        let mut all = world.app.orchestrators.iter();
        all.find(|one| one.source().0 == name).expect("a source").clone()
    };
    let cloud = named(CLOUDSTACK);
    let now = world.app.clock.now_seconds();
    let owners = cloud.fetch_owners().await.expect("owners");
    let observed = observe(&world.app, cloud.as_ref()).await.expect("a look");
    assert!(observed.fresh > 0 && observed.rejected == 0, "{observed:?}");
    let mut conn = world.app.db.read().await.expect("a connection");
    let mut meters = BTreeSet::new();
    for owner in owners {
        let owner = OwnerRef { source: cloud.source().clone(), id: owner.id };
        let span = Span::new(now - 40 * 86_400, now + 86_400);
        let live = load_live(&mut conn, &owner, span, now).await.expect("live usage");
        for record in &live.records {
            let time = live.span.expect("the time that is provisional");
            assert!(time.until == now && time.from <= record.key.from, "{record:?}");
            assert!(record.until <= now && now - time.from < 3 * 86_400, "{record:?}");
            meters.insert(record.key.meter.clone());
        }
    }
    for meter in ["vm_running", "volume", "ip_address"] {
        assert!(meters.contains(meter), "{meters:?}");
    }
}

/// One invoice has lines of both clouds, of the same meters where they mean the same, and each
/// line can be explained by what its cloud said.
async fn check_both_clouds(world: &World) {
    let harbour = world.issued.iter().find(|line| line.customer_name == "Harbour Logistics");
    let number = &harbour.expect("its invoice").number;
    let mut conn = world.app.db.read().await.expect("a connection");
    let found = load_invoice(&mut conn, &Scope::Provider, number).await.expect("load");
    let (document, _) = found.expect("the invoice");
    let parts = load_parts(&mut conn, &document.seller_id, &document.id).await.expect("parts");
    let mut of: BTreeMap<&str, BTreeMap<&str, i64>> = BTreeMap::new();
    for part in &parts {
        let sums = of.entry(part.owner.source.0.as_str()).or_default();
        *sums.entry(part.meter.as_str()).or_insert(0) += part.net_minor;
    }
    assert_eq!(of.keys().copied().collect::<Vec<_>>(), [CLOUDSTACK, OPENSTACK]);
    for (source, sums) in &of {
        for meter in ["vm_running", "volume", "ip_address"] {
            assert!(sums.get(meter).is_some_and(|net| *net > 0), "{source}: {meter}: {sums:?}");
        }
    }
    let net: i64 = of.values().flat_map(BTreeMap::values).sum();
    assert_eq!(net, document.net_minor, "the parts are the invoice");
    for source in [CLOUDSTACK, OPENSTACK] {
        let part = parts.iter().find(|part| part.owner.source.0 == source && part.net_minor > 0);
        let part = part.expect("a part");
        let resource = Some(part.resource.as_str());
        let ask = ExplainRequest { invoice: number, line: part.line, resource, limit: 1_000 };
        let (clouds, all) = (&world.app.orchestrators, &Scope::Provider);
        let told = load_explanation(&mut conn, clouds, all, ask).await.expect("explain");
        let told = told.expect("the line");
        assert!(!told.records.is_empty(), "{}", told.arithmetic);
        for record in &told.records {
            assert_eq!(record.key.owner.source.0, source);
            assert!(record.raw.is_some(), "{:?} has no words of its cloud", record.key);
        }
    }
}

#[test]
fn the_present_lies_some_days_back_and_far_enough_into_its_month() {
    for (now, present) in [
        ("2026-11-24T16:00:00Z", "2026-11-14T16:00:00Z"),
        ("2026-11-16T16:00:00Z", "2026-11-06T16:00:00Z"),
        ("2026-11-15T16:00:00Z", "2026-10-31T16:00:00Z"),
        ("2026-11-11T16:00:00Z", "2026-10-31T16:00:00Z"),
        ("2026-03-03T00:00:00Z", "2026-02-21T00:00:00Z"),
    ] {
        let now = now.parse().expect("an instant");
        assert_eq!(present_before(now).to_string(), present);
    }
}
