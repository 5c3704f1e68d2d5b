//! Days of usage made of observations, on both databases. Goal: every second of each state once,
//! whatever came when. Method: a source shows listings and histories, the collect stage runs.

use billow::collect::observation::{Observation, ResourceState};
use billow::collect::observe::excerpt::element;
use billow::collect::store::{load_all_records, load_evidence};
use billow::period::Span;

use super::world::{World, instant, machine, owner, seconds, told};
use crate::on_both_engines;
use ResourceState::{Gone, Running, Stopped};

const MADE: &str = "2026-11-02T09:30:10Z";

on_both_engines! {
    /// Events are billed to the second; a day is made after its end, once.
    async fn days_are_made_of_listings_and_histories(db: Db) {
        let world = World::new(db, "2026-11-02T08:00:00Z");
        world.collect("2026-11-02T08:00:00Z").await;
        world.show(vec![machine(Some(MADE), Running, "2"), machine(None, Running, "2")]);
        let report = world.collect("2026-11-02T10:00:00Z").await;
        assert_eq!(report.records, 0, "the day is not over");
        world.collect("2026-11-03T00:10:00Z").await;
        assert_eq!(told(&world, i64::MAX).await, [] as [&str; 0], "events may come late");
        let report = world.collect("2026-11-03T00:16:00Z").await;
        assert_eq!((report.records, report.collected_until), (1, seconds("2026-11-03T00:00:00Z")));
        assert_eq!(told(&world, i64::MAX).await, ["vm_running 34210..86400 r0"]);
        let report = world.collect("2026-11-03T00:16:00Z").await;
        assert_eq!((report.records, report.findings), (0, 0), "the same again makes nothing");

        let mut conn = world.app.db.read().await.expect("connect");
        let span = Span::new(0, seconds("2026-12-01T00:00:00Z"));
        let records = load_all_records(&mut conn, &owner(), span, i64::MAX).await.expect("records");
        let page = load_evidence(&mut conn, records[0].evidence).await.expect("read");
        let words = element(&page.expect("a page").body, records[0].evidence_index);
        let words: Observation = serde_json::from_str(&words.expect("words")).expect("JSON");
        assert_eq!(words, machine(Some(MADE), Running, "2"));
    }
}

on_both_engines! {
    /// What is learned about a day that was made takes back what was not so, by revisions; what
    /// was known before stays readable.
    async fn better_evidence_makes_revisions(db: Db) {
        let world = World::new(db, "2026-11-02T08:00:00Z");
        world.collect("2026-11-02T08:00:00Z").await;
        world.show(vec![machine(None, Running, "2")]);
        world.collect("2026-11-02T10:00:00Z").await;
        world.collect("2026-11-02T23:00:00Z").await;
        world.collect("2026-11-03T00:20:00Z").await;
        let before = world.app.clock.now_seconds();
        assert_eq!(told(&world, before).await, ["vm_running 36000..86400 r0"]);

        // Its history, late: made before it was seen, and stopped for some hours between two looks.
        let history = || {
            vec![
                machine(Some(MADE), Running, "2"),
                machine(Some("2026-11-02T11:00:00.9Z"), Stopped, "2"),
                machine(Some("2026-11-02T20:00:00Z"), Running, "2"),
            ]
        };
        let mut told_now = history();
        told_now.push(machine(None, Running, "2"));
        world.show(told_now);
        let report = world.collect("2026-11-03T01:00:00Z").await;
        assert!(report.findings > 0, "the operator is told");
        let expected = [
            "vm_running 34210..39600 r0",
            "vm_stopped 39600..72000 r0",
            "vm_running 72000..86400 r0",
        ];
        assert_eq!(told(&world, i64::MAX).await, expected, "the record from 36000 on is gone");
        assert_eq!(told(&world, before).await, ["vm_running 36000..86400 r0"]);

        // It comes again, in another order and twice: nothing changes.
        let mut again = history();
        again.reverse();
        again.extend(history());
        again.push(machine(None, Running, "2"));
        world.show(again);
        let report = world.collect("2026-11-03T02:00:00Z").await;
        assert_eq!((report.records, report.findings), (0, 0));
        assert_eq!(told(&world, i64::MAX).await, expected);
    }
}

on_both_engines! {
    /// A complete listing that lacks a resource ends it at the last one that showed it; one that
    /// fails, or does not list its kind to the end, ends nothing.
    async fn what_is_missing_ends_where_it_was_seen_last(db: Db) {
        let world = World::new(db, "2026-11-02T08:00:00Z");
        world.show(vec![machine(None, Running, "2")]);
        world.collect("2026-11-02T10:00:00Z").await;
        world.collect("2026-11-02T12:00:00Z").await;
        world.show(Vec::new());
        let complete = std::mem::take(&mut world.source.shown.lock().expect("lock").complete);
        world.collect("2026-11-02T13:00:00Z").await;
        world.source.shown.lock().expect("lock").complete = complete;
        world.source.shown.lock().expect("lock").down = true;
        world.clock.set(instant("2026-11-02T13:30:00Z"));
        let failed = billow::collect::observe::round::observe(&world.app, world.source.as_ref());
        assert!(failed.await.is_err());
        world.source.shown.lock().expect("lock").down = false;
        world.collect("2026-11-02T14:00:00Z").await;
        world.collect("2026-11-03T00:20:00Z").await;
        assert_eq!(told(&world, i64::MAX).await, ["vm_running 36000..43200 r0"]);
        // The exact end is learned: the record lasts longer.
        world.show(vec![machine(Some("2026-11-02T13:15:00Z"), Gone, "2")]);
        world.collect("2026-11-03T00:40:00Z").await;
        assert_eq!(told(&world, i64::MAX).await, ["vm_running 36000..47700 r1"]);
    }
}
