//! Goal: the demo's small world is prepared by the ordinary code, and again without harm.

use billow::bill::verify::verify;
use billow::demo::cloudstack::{Defects, Settings};
use billow::demo::run::{Options, World, prepare, present_before};
use billow::demo::seed::Size;

use crate::support::db::folder;

fn options(folder: std::path::PathBuf) -> Options {
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
    assert_eq!(first.issued.len(), 4);
    assert!(first.issued.iter().all(|line| line.gross_minor > 0));
    let verified = verify(&first.app, &|_, _| {}).await.expect("verify");
    assert!(verified.is_good(), "{verified:?}");
    let logins = first.logins.clone();
    drop(first);
    let again = make(&options).await;
    assert!(again.issued.is_empty(), "issued twice: {:?}", again.issued);
    assert_eq!(again.logins, logins);
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
