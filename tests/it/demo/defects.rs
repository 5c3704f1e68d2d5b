//! Goal: each documented defect can be asked for, and shows as it was seen on a real server.

use billow::demo::cloudstack::{Defects, Settings};
use billow::demo::seed::{DAY, HOUR};
use serde_json::Value;

use super::cloud::{Cloud, START};

async fn with(defects: Defects) -> Cloud {
    Cloud::with(Settings { defects, ..Settings::usual() }).await
}

fn of_type(rows: &[Value], kind: u64) -> Vec<&Value> {
    rows.iter().filter(|row| row["usagetype"] == kind).collect()
}

fn hours(row: &Value) -> &str {
    row["rawusage"].as_str().expect("hours")
}

#[tokio::test]
async fn windows_come_again_at_every_run() {
    let cloud = with(Defects { repeats: 2, ..Defects::none() }).await;
    let (from, until) = (START + 9 * DAY, START + 10 * DAY);
    let mut counts = Vec::new();
    for day in 0..4 {
        cloud.clock.set(until + day * DAY + HOUR);
        counts.push(cloud.usage(from, until, &[]).await.len());
    }
    let one = counts[0];
    assert_eq!(counts, [one, 2 * one, 3 * one, 3 * one]);
}

#[tokio::test]
async fn late_events_bring_a_fragment_and_all_windows_after_it_again() {
    let cloud = with(Defects { late_events: true, ..Defects::none() }).await;
    let late = cloud.simulator.world().machines.iter().find_map(|machine| machine.late);
    let late = late.expect("a machine that stopped unnoticed");
    let window = START + 12 * DAY;
    let next = (window + DAY, window + 2 * DAY);
    let run = START + 15 * DAY + HOUR;
    cloud.clock.set(run - DAY);
    let before = cloud.usage(window, window + DAY, &[]).await.len();
    let next_before = cloud.usage(next.0, next.1, &[]).await.len();
    cloud.clock.set(run);
    let after = cloud.usage(window, window + DAY, &[]).await;
    assert_eq!(cloud.usage(next.0, next.1, &[]).await.len(), 2 * next_before);
    let fragments: Vec<_> =
        after.iter().filter(|row| row["startdate"] == "2026-10-13T20:00:00+0000").collect();
    assert!(!fragments.is_empty());
    assert_eq!(after.len(), before + fragments.len());
    assert_eq!(late.stop.until - late.stop.from, 2 * HOUR);
    let short = fragments.iter().filter(|row| row["usagetype"] == 1 && hours(row) == "2");
    assert_eq!(short.count(), 1, "only the stopped machine ran 2 of the 4 hours");
}

#[tokio::test]
async fn attached_volumes_have_twins() {
    let day = (START + 9 * DAY, START + 10 * DAY);
    let plain = with(Defects::none()).await.usage(day.0, day.1, &[("type", "6")]).await;
    assert!(plain.iter().all(|row| row.get("virtualmachineid").is_none()));
    let twins = Defects { volume_twins: true, ..Defects::none() };
    let twins = with(twins).await.usage(day.0, day.1, &[("type", "6")]).await;
    let attached = twins.iter().filter(|row| row.get("virtualmachineid").is_some()).count();
    assert_eq!(twins.len(), plain.len() + attached);
    assert!(attached > 3);
}

#[tokio::test]
async fn network_changes_begin_parts() {
    let cloud = with(Defects { network_parts: true, ..Defects::none() }).await;
    let changed = cloud.simulator.world().networks.iter().find(|net| !net.changes.is_empty());
    let Some(network) = changed else { panic!("no network of this seed changes its state") };
    let at = network.changes[0];
    cloud.clock.set(at + 3 * DAY);
    let from = at - (at - START).rem_euclid(DAY);
    let mark = format!("network ID: {},", network.ids.number);
    let rows = cloud.usage(from, from + DAY, &[("type", "30")]).await;
    let parts =
        rows.iter().filter(|row| row["description"].as_str().is_some_and(|t| t.contains(&mark)));
    assert_eq!(parts.count(), 2);
}

#[tokio::test]
async fn two_machines_become_one_record() {
    let cloud = with(Defects { merged_machines: true, ..Defects::none() }).await;
    let merged = cloud.simulator.world().merged.expect("two machines to merge");
    let world = cloud.simulator.world();
    let rows = cloud.usage(merged.span.from, merged.span.until, &[]).await;
    let of = |index: usize, kind| {
        let id = world.machines[index].ids.uuid.as_str();
        of_type(&rows, kind).into_iter().filter(|row| row["usageid"] == id).map(hours).collect()
    };
    let lost: Vec<&str> = of(merged.lost, 1);
    assert!(lost.is_empty());
    let kept: Vec<&str> = of(merged.kept, 1);
    assert_eq!(kept, ["48"]);
}

#[tokio::test]
async fn a_moved_volume_loses_its_id_in_old_records() {
    let cloud = with(Defects { lost_volume_ids: true, ..Defects::none() }).await;
    let world = cloud.simulator.world();
    let volume = world.volumes.iter().find(|volume| volume.moved.is_some()).expect("one");
    let moved = volume.moved.expect("when");
    let day = (START + 9 * DAY, START + 10 * DAY);
    let lost = |rows: &[Value]| {
        rows.iter().filter(|row| row["usagetype"] == 6 && row.get("usageid").is_none()).count()
    };
    cloud.clock.set(moved - 1);
    assert_eq!(lost(&cloud.usage(day.0, day.1, &[]).await), 0);
    cloud.clock.set(moved);
    let rows = cloud.usage(day.0, day.1, &[]).await;
    assert_eq!(lost(&rows), 1);
    let row = rows.iter().find(|row| row["usagetype"] == 6 && row.get("usageid").is_none());
    let text = row.and_then(|row| row["description"].as_str()).expect("a description");
    assert!(text.contains("(null)"), "{text}");
}

#[tokio::test]
async fn a_live_change_of_offering_loses_allocated_time() {
    for overwrites in [true, false] {
        let defects = Defects { live_scale_overwrites: overwrites, ..Defects::none() };
        let cloud = with(defects).await;
        let world = cloud.simulator.world();
        let scaled = world.machines.iter().find(|machine| {
            let phases = &machine.phases;
            phases.len() > 1
                && phases[0].running
                && phases[1].running
                && phases[0].offering != phases[1].offering
        });
        let scaled = scaled.expect("a machine scaled while it ran");
        let at = scaled.phases[1].from;
        let from = at - (at - START).rem_euclid(DAY);
        cloud.clock.set(at + 3 * DAY);
        let more = [("type", "2"), ("usageid", scaled.ids.uuid.as_str())];
        let rows = cloud.usage(from, from + DAY, &more).await;
        assert_eq!(rows.len(), if overwrites { 1 } else { 2 });
        let more = [("type", "1"), ("usageid", scaled.ids.uuid.as_str())];
        assert_eq!(cloud.usage(from, from + DAY, &more).await.len(), 2);
    }
}

#[tokio::test]
async fn hours_are_those_of_a_short_float() {
    let noisy = with(Defects { float_noise: true, ..Defects::none() }).await;
    let rows = noisy.usage(START + 5 * DAY, START + 20 * DAY, &[]).await;
    assert!(rows.iter().any(|row| hours(row) == "24.000002"));
    assert!(rows.iter().any(|row| hours(row) == "24"));
    let unknown = with(Defects { unknown_type: true, ..Defects::none() }).await;
    let rows = unknown.usage(START + 5 * DAY, START + 6 * DAY, &[("type", "99")]).await;
    assert_eq!(rows.len(), 1);
}
