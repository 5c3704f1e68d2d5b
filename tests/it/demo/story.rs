//! Goal: the demo's small world is prepared by the ordinary code, and again without harm; one
//! customer has both clouds on one invoice.

use std::collections::BTreeMap;

use billow::bill::explain::{ExplainRequest, load_explanation};
use billow::bill::store::{load_invoice, load_parts};
use billow::bill::verify::verify;
use billow::demo::cloudstack::{Defects, Settings};
use billow::demo::run::{Options, World, prepare, present_before};
use billow::demo::seed::{CLOUDSTACK, OPENSTACK, Size};
use billow::scope::Scope;

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
    let verified = verify(&first.app, &|_, _| {}).await.expect("verify");
    assert!(verified.is_good(), "{verified:?}");
    let logins = first.logins.clone();
    drop(first);
    let again = make(&options).await;
    assert!(again.issued.is_empty(), "issued twice: {:?}", again.issued);
    assert_eq!(again.logins, logins);
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
