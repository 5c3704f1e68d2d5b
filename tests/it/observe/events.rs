//! Events as they come: once, twice, late, broken.

use billow::collect::events::intake::{EventsReport, take_events};
use billow::collect::observation::{Observation, ResourceState};
use billow::collect::observe::excerpt::element;
use billow::collect::store::load_evidence;
use billow::finding::store::load_findings;
use billow::ids::OwnerRef;

use sqlx::{Executor, Row};

use super::world::{World, machine, owner, told};
use crate::on_both_engines;
use ResourceState::{Gone, Running, Stopped};

fn message(id: &str, told: &[Observation]) -> Vec<u8> {
    serde_json::to_vec(&(id, told)).expect("JSON")
}

async fn take(world: &World, bodies: &[Vec<u8>]) -> EventsReport {
    take_events(&world.app, world.source.as_ref(), bodies).await.expect("stored")
}

on_both_engines! {
    async fn an_event_counts_once_in_whatever_order_and_however_often(db: Db) {
        let world = World::new(db, "2026-11-02T00:00:00Z");
        world.collect("2026-11-02T00:20:00Z").await;
        let start = message("e1", &[machine(Some("2026-11-02T08:00:00Z"), Running, "2")]);
        let stop = message("e2", &[machine(Some("2026-11-02T10:00:00.5Z"), Stopped, "2")]);
        let end = message("e3", &[machine(Some("2026-11-02T11:00:00Z"), Gone, "2")]);
        let report = take(&world, &[end.clone(), stop.clone()]).await;
        assert_eq!((report.events, report.malformed, report.fresh), (2, 0, 2));
        let report = take(&world, &[stop.clone(), start.clone(), stop, end, start]).await;
        assert_eq!((report.events, report.malformed, report.fresh), (5, 0, 1));
        world.collect("2026-11-03T00:20:00Z").await;
        let metered = told(&world, i64::MAX).await;
        assert_eq!(metered, ["vm_running 28800..36000 r0", "vm_stopped 36000..39600 r0"]);
    }
}

on_both_engines! {
    /// Neither what is no JSON, nor what no machine can be, nor characters that a database
    /// refuses keep the others waiting; the words of each are kept.
    async fn what_cannot_be_read_is_a_finding_and_delays_nobody(db: Db) {
        let world = World::new(db, "2026-11-02T00:00:00Z");
        world.collect("2026-11-02T00:20:00Z").await;
        let at = Some("2026-11-02T08:00:00Z");
        let nul = OwnerRef { id: "p\0".to_owned(), ..owner() };
        let odd = machine(at, Running, "2");
        let odd = Observation { resource: "m\0".to_owned(), owner: nul, ..odd };
        let bodies = [
            b"<html>".to_vec(),
            message("e\0", &[odd]),
            b"\xff\xfe".to_vec(),
            message("e1", &[machine(at, Running, "2")]),
        ];
        for _ in 0..2 {
            let report = take(&world, &bodies).await;
            assert_eq!((report.events, report.malformed), (2, 2));
        }
        world.show(vec![machine(None, Running, "2")]);
        world.collect("2026-11-03T00:20:00Z").await;
        assert_eq!(told(&world, i64::MAX).await, ["vm_running 28800..86400 r0"]);
        let mut conn = world.app.db.read().await.expect("read");
        let findings = load_findings(&mut conn, true).await.expect("findings");
        let [finding] = findings.as_slice() else { panic!("one for all alike: {findings:?}") };
        assert_eq!(
            finding.message,
            "an event cannot be read: os1: answered event with something else than expected: \
             expected value at line 1 column 1"
        );
        let evidence = finding.detail["evidence"].as_i64().expect("a page");
        let page = load_evidence(&mut conn, evidence).await.expect("read").expect("a page");
        let kept = element(&page.body, 0).expect("words");
        assert_eq!(kept, r#"{"base64":"PGh0bWw+"}"#, "<html>, as it came");
        let sql = "SELECT COUNT(*) FROM evidence_page WHERE request LIKE 'event that%'";
        let row = conn.fetch_one(sql).await.expect("read");
        let count: i64 = row.try_get(0).expect("a count");
        assert_eq!(count, 4, "each message of both deliveries");
    }
}
