//! The compute service's own usage of each tenant: machines from their last launch to their end.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::{Call, Outcome, Refusal};
use super::dates;
use super::machine::{Seen, Server};
use super::nova::refuse_unless;
use super::world::World;

/// `GET /os-simple-tenant-usage`, each machine by itself.
pub fn tenants(call: &Call<'_>) -> Outcome {
    let caller = call.caller()?;
    let instant = |name: &str| {
        let at = call.parameter(name).and_then(dates::read_naive);
        at.ok_or_else(|| Refusal::new(400, format!("Datetime is in invalid format: {name}")))
    };
    let (from, until) = (instant("start")?, instant("end")?);
    if from >= until {
        return Err(Refusal::new(
            400,
            "Invalid start time. The start time cannot occur after the end time.",
        ));
    }
    let machines = call.with(|world| {
        refuse_unless(caller.is_admin(world), "os-simple-tenant-usage:list")?;
        let mut found: Vec<(&Server, Seen, i64)> = world
            .servers
            .iter()
            .filter_map(|server| {
                let seen = server.at(call.now)?;
                let launched = seen.launched.filter(|at| *at < until)?;
                seen.terminated.is_none_or(|at| at >= from).then_some((server, seen, launched))
            })
            .collect();
        found.sort_by_key(|(server, _, _)| (&world.projects[server.project].id, &server.id));
        let until = until.min(call.now);
        let row = |(server, seen, launched): (&Server, Seen, i64)| {
            machine(world, (server, &seen), launched, (from, until))
        };
        Ok(found.into_iter().map(row).collect())
    })?;
    let page = call.page(machines, "instance_id")?;
    let mut tenants: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in page.rows {
        let tenant = row["tenant_id"].as_str().unwrap_or_default().to_owned();
        tenants.entry(tenant).or_default().push(row);
    }
    let stamps = (dates::naive(from), dates::naive(until.min(call.now)));
    let tenants = tenants.iter().map(|(id, machines)| tenant(id, machines, &stamps)).collect();
    Ok(super::api::Page { rows: tenants, next: page.next }.linked("tenant_usages"))
}

fn machine(
    world: &World,
    (server, seen): (&Server, &Seen),
    launched: i64,
    (from, until): (i64, i64),
) -> Value {
    let flavor = &world.flavors[seen.flavor];
    let ended = seen.terminated.unwrap_or(until);
    let hours = f64::from(u32::try_from(ended.min(until) - launched.max(from)).unwrap_or(0));
    let state = if seen.is_deleted() { "terminated" } else { seen.vm_state };
    json!({
        "hours": hours / 3_600.0, "flavor": flavor.name, "instance_id": server.id,
        "name": server.name, "tenant_id": world.projects[server.project].id,
        "memory_mb": flavor.ram_mib, "local_gb": flavor.disk_gib, "vcpus": flavor.vcpus,
        "started_at": dates::naive(launched), "ended_at": seen.terminated.map(dates::naive),
        "state": state, "uptime": ended - launched,
    })
}

/// A tenant's machines of the page with their sums, in unit hours.
fn tenant(id: &str, machines: &[Value], (start, stop): &(String, String)) -> Value {
    let number = |row: &Value, field: &str| row[field].as_f64().unwrap_or(0.0);
    let sum = |field: &str| -> f64 {
        machines.iter().map(|row| number(row, "hours") * number(row, field)).sum()
    };
    json!({
        "tenant_id": id, "server_usages": machines,
        "total_local_gb_usage": sum("local_gb"), "total_vcpus_usage": sum("vcpus"),
        "total_memory_mb_usage": sum("memory_mb"),
        "total_hours": machines.iter().map(|row| number(row, "hours")).sum::<f64>(),
        "start": start, "stop": stop,
    })
}
