//! Goal: what a document rests on is exact: what is recorded in the same second, or by a
//! transaction that was on its way, is neither lost nor called a change by hand. Method: records
//! come in at the worst moment of a run, and everything is verified and billed on.

use std::time::Duration;

use billow::bill::run::{RunRequest, run};
use billow::bill::verify::verify;
use billow::collect::record::{RecordKey, RecordKind, StoredRecord};
use billow::collect::store::{attribute_set_id, save_attribute_sets, save_records};
use billow::store::knowledge;

use super::cloud::{CloudShop, RUNNING, row};
use super::shop::{Opening, Shop, hourly, open, owner, seconds};
use crate::on_both_engines;

const MONTH: (&str, &str) = ("2025-09-01T00:00:00Z", "2025-10-01T00:00:00Z");

async fn check_verified(shop: &Shop) {
    let verified = verify(&shop.app, &|_, _| {}).await.expect("verify");
    assert!(verified.is_good(), "{:?}", verified.deviations);
}

on_both_engines! {
    async fn a_record_of_the_same_second_is_billed_later_and_no_tampering(db: Db) {
        let cloud = CloudShop::open(db, Opening::default(), &hourly("0.10")).await;
        let shop = &cloud.shop;
        shop.at("2025-10-10T00:00:00Z");
        cloud.collect("2025-09-30", &[row(RUNNING, "vm1", "2025-09-30", "24")]).await;
        shop.run("2025-09").await;
        // The clock stands: the second of the draft goes on.
        cloud.collect("2025-09-01", &[row(RUNNING, "vm1", "2025-09-01", "10")]).await;
        let issued = shop.issue("2025-09").await;
        assert_eq!(issued[0].net_minor, 240);
        check_verified(shop).await;
        cloud.collect("2025-10-31", &[]).await;
        shop.at("2025-11-10T00:00:00Z");
        shop.run("2025-10").await;
        assert_eq!(shop.issue("2025-10").await[0].net_minor, 100, "nothing is lost");
        check_verified(shop).await;
    }
}

on_both_engines! {
    async fn a_second_run_in_the_same_second_sees_what_came_between(db: Db) {
        let cloud = CloudShop::open(db, Opening::default(), &hourly("0.10")).await;
        let shop = &cloud.shop;
        shop.at("2025-10-10T00:00:00Z");
        cloud.collect("2025-09-30", &[row(RUNNING, "vm1", "2025-09-30", "24")]).await;
        let first = shop.draft("2025-09").await;
        cloud.collect("2025-09-01", &[row(RUNNING, "vm1", "2025-09-01", "10")]).await;
        let second = shop.draft("2025-09").await;
        assert_eq!((first.net_minor, second.net_minor), (240, 340));
        assert!(second.known_at > first.known_at);
        shop.issue("2025-09").await;
        check_verified(shop).await;
    }
}

on_both_engines! {
    async fn a_run_waits_for_what_is_being_recorded(db: Db) {
        let shop = open(db, Opening::default(), &hourly("0.10")).await;
        shop.used("vm_running", "v1", MONTH, "10").await;
        shop.at("2025-10-09T23:59:59Z");
        let engine = shop.app.db.engine();
        let mut tx = shop.app.db.begin().await.expect("begin");
        let clock = shop.app.clock.as_ref();
        let at = knowledge::recording_at(&mut tx, engine, clock).await.expect("an instant");
        shop.at("2025-10-10T00:00:00Z");
        let request = RunRequest {
            label: "2025-09".parse().expect("a period"),
            seller: None,
            correct_prices: false,
            preview: false,
        };
        let mut running = Box::pin(run(&shop.app, &request, &|_, _| {}));
        // The wait is the test: what must not happen is that the run ends before the records are
        // there.
        let early = tokio::time::timeout(Duration::from_millis(700), &mut running).await;
        assert!(early.is_err(), "the run did not wait: {early:?}");
        save_one(&mut tx, engine, at).await;
        tx.commit().await.expect("commit");
        let report = running.await.expect("run");
        assert_eq!(report.drafts[0].net_minor, 300, "10 h and 20 h");
        shop.issue("2025-09").await;
        check_verified(&shop).await;
    }
}

/// A record of the first customer, recorded at an instant.
async fn save_one(conn: &mut billow::store::Conn, engine: billow::store::Engine, at: i64) {
    let (set, hash) = attribute_set_id("{}");
    let record = StoredRecord {
        key: RecordKey {
            owner: owner(1),
            from: seconds(MONTH.0),
            meter: "vm_running".to_owned(),
            resource: "v2".to_owned(),
            identity: "0".repeat(32),
            revision: 0,
        },
        kind: RecordKind::Interval,
        until: seconds(MONTH.1),
        quantity: "20".parse().expect("a quantity"),
        attribute_set: set,
        evidence: 1,
        evidence_index: 0,
        recorded_at: at,
    };
    let sets = vec![(set, hash, "{}".to_owned())];
    save_attribute_sets(conn, engine, sets).await.expect("attributes");
    save_records(conn, engine, &[record]).await.expect("records");
}

on_both_engines! {
    async fn a_clock_that_stands_or_lies_back_records_after_the_seal(db: Db) {
        let shop = open(db, Opening::default(), &hourly("0.10")).await;
        let clock = shop.app.clock.as_ref();
        shop.at("2025-10-10T00:00:00Z");
        let sealed = knowledge::seal(&shop.app.db, clock).await.expect("seal");
        assert_eq!(sealed, seconds("2025-10-10T00:00:00Z"));
        shop.at("2025-10-01T00:00:00Z");
        let (tx, at) = shop.app.record().await.expect("record");
        tx.rollback().await.expect("rollback");
        assert_eq!(at, sealed + 1);
        assert_eq!(knowledge::seal(&shop.app.db, clock).await.expect("seal"), sealed + 1);
        shop.at("2025-10-11T00:00:00Z");
        let (tx, at) = shop.app.record().await.expect("record");
        tx.rollback().await.expect("rollback");
        assert_eq!(at, seconds("2025-10-11T00:00:00Z"), "with the clock again");
    }
}

#[tokio::test]
async fn nothing_is_billed_in_the_future() {
    let shop = open(crate::support::db::sqlite().await, Opening::default(), &hourly("0.10")).await;
    let config = crate::support::db::folder("future").join("billow.toml");
    let path = shop.app.db.sqlite_path().expect("a file");
    let text = format!("[database]\naddress = \"sqlite:{}\"\n", path.display());
    std::fs::write(&config, text).expect("write");
    for (verb, status) in [("run", 2), ("issue", 2), ("preview", 0)] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_billow"));
        command.arg("--config").arg(&config).args(["--as-of", "2999-01-01T00:00:00Z", "bill"]);
        command.args([verb, "--period", "2025-09"]).env_remove("BILLOW_DATABASE");
        let output = command.output().expect("start billow");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{verb}: {text}");
        assert_eq!(text.contains("2999-01-01T00:00:00Z lies in the future"), status == 2, "{text}");
    }
}
