//! The block storage service: volumes, snapshots, backups, types.

use serde_json::{Value, json};

use super::api::{Call, Outcome, Refusal, answer};
use super::dates;
use super::world::{Copy, Volume, World, ZONE};

const NEWEST: u16 = 71;
/// The microversion from which a volume's row has all that is shown here.
const WHOLE: u16 = 65;

/// What the oldest microversion does not show of a volume.
const NEWER_FIELDS: [&str; 8] = [
    "group_id",
    "provider_id",
    "shared_targets",
    "service_uuid",
    "cluster_name",
    "volume_type_id",
    "consumes_quota",
    "migration_status",
];

/// Answers a call below `/volume`.
pub fn answer_call(call: &Call<'_>) -> Outcome {
    let minor = microversion(call)?;
    let mut response = route(call, minor)?;
    let header = ("OpenStack-API-Version".to_owned(), format!("volume 3.{minor}"));
    response.headers.push(header);
    Ok(response)
}

fn route(call: &Call<'_>, minor: u16) -> Outcome {
    match (call.request.method.as_str(), call.path.as_slice()) {
        ("GET", [] | ["v3"]) => Ok(answer(200, &json!({ "versions": [own_version(call)] }))),
        ("GET", ["v3", "volumes", "detail"]) => volumes(call, minor),
        ("GET", ["v3", "snapshots", "detail"]) => snapshots(call),
        ("GET", ["v3", "backups", "detail"]) => backups(call),
        ("GET", ["v3", "types"]) => types(call),
        ("GET", ["v3", "qos-specs"]) => policies(call),
        ("GET", ["v3", "os-availability-zone"]) => {
            call.caller()?;
            let zone = json!({ "zoneName": ZONE, "zoneState": { "available": true } });
            Ok(answer(200, &json!({ "availabilityZoneInfo": [zone] })))
        }
        _ => Err(Refusal::no_path()),
    }
}

fn own_version(call: &Call<'_>) -> Value {
    json!({
        "id": "v3.0", "status": "CURRENT", "version": format!("3.{NEWEST}"),
        "min_version": "3.0", "updated": "2024-10-01T00:00:00Z",
        "links": [{ "rel": "self", "href": format!("{}/volume/v3/", call.origin) }],
    })
}

fn microversion(call: &Call<'_>) -> Result<u16, Refusal> {
    let Some(asked) = call.request.header("openstack-api-version") else { return Ok(0) };
    let minor = asked.strip_prefix("volume 3.").and_then(|minor| minor.parse().ok());
    minor
        .filter(|minor| *minor <= NEWEST)
        .ok_or_else(|| Refusal::new(406, format!("Version {asked} is not supported by the API.")))
}

/// Rows of the caller's project, or of all where an administrator asks for them; others who ask
/// are shown their own, and nobody says so.
fn visible<T>(
    call: &Call<'_>,
    rows: impl Fn(&World) -> Vec<(usize, T)>,
    show: impl Fn(&World, &T) -> Value,
) -> Result<Vec<Value>, Refusal> {
    let caller = call.caller()?;
    Ok(call.with(|world| {
        let all = call.flag("all_tenants") && caller.is_admin(world);
        let seen = rows(world).into_iter();
        let seen = seen.filter(|(project, _)| all || caller.project() == Some(*project));
        seen.map(|(_, row)| show(world, &row)).collect()
    }))
}

fn links(call: &Call<'_>, kind: &str, id: &str) -> Value {
    json!([
        { "rel": "self", "href": format!("{}/volume/v3/{kind}/{id}", call.origin) },
        { "rel": "bookmark", "href": format!("{}/volume/{kind}/{id}", call.origin) },
    ])
}

fn volumes(call: &Call<'_>, minor: u16) -> Outcome {
    let now = call.now;
    let rows = visible(
        call,
        |world| {
            let held = world.volumes.iter().enumerate();
            let held = held.filter(|(_, volume)| volume.life.holds(now));
            held.map(|(index, volume)| (volume.project, index)).collect()
        },
        |world, index| volume_row(call, world, &world.volumes[*index], minor),
    )?;
    Ok(call.page(rows, "id")?.linked("volumes"))
}

fn volume_row(call: &Call<'_>, world: &World, volume: &Volume, minor: u16) -> Value {
    let kind = &world.volume_types[volume.kind];
    let last = volume.sizes.iter().rev().find(|(from, _)| *from <= call.now);
    let updated = last.map_or(volume.life.from, |(from, _)| *from);
    let holder = volume.attached.as_ref().filter(|(server, _)| {
        world.servers[*server].at(call.now).is_some_and(|seen| !seen.is_deleted())
    });
    let attachments: Vec<Value> = holder
        .map(|(server, device)| {
            json!({
                "id": volume.id, "attachment_id": volume.id, "volume_id": volume.id,
                "server_id": world.servers[*server].id, "host_name": null, "device": device,
                "attached_at": dates::naive(updated),
            })
        })
        .into_iter()
        .collect();
    let mut row = json!({
        "id": volume.id, "status": if holder.is_some() { "in-use" } else { "available" },
        "size": volume.gib_at(call.now), "availability_zone": ZONE,
        "created_at": dates::naive(volume.life.from), "updated_at": dates::naive(updated),
        "name": volume.name, "description": null, "volume_type": kind.name,
        "snapshot_id": null, "source_volid": null, "metadata": {},
        "links": links(call, "volumes", &volume.id),
        "user_id": world.users[volume.user].id,
        "bootable": if volume.image.is_some() { "true" } else { "false" }, "encrypted": false,
        "replication_status": null, "consistencygroup_id": null, "multiattach": false,
        "attachments": attachments, "migration_status": null, "group_id": null,
        "provider_id": null, "shared_targets": false,
        "service_uuid": world.volume_types[0].id, "cluster_name": null,
        "volume_type_id": kind.id, "consumes_quota": true,
        "os-vol-tenant-attr:tenant_id": world.projects[volume.project].id,
        "os-vol-mig-status-attr:migstat": null, "os-vol-mig-status-attr:name_id": null,
        "os-vol-host-attr:host": format!("node1@{0}#{0}", kind.back_end),
    });
    if let Some(image) = volume.image.map(|image| &world.images[image]) {
        row["volume_image_metadata"] = json!({
            "image_id": image.id, "image_name": image.name, "size": image.bytes.to_string(),
        });
    }
    if minor < WHOLE {
        for name in NEWER_FIELDS {
            row.as_object_mut().map(|row| row.remove(name));
        }
    }
    row
}

/// Snapshots and backups belong to their volume's project.
fn copies(
    call: &Call<'_>,
    of: impl Fn(&World) -> &[Copy],
    show: impl Fn(&World, &Copy) -> Value,
) -> Result<Vec<Value>, Refusal> {
    let now = call.now;
    visible(
        call,
        |world| {
            let held = of(world).iter().enumerate().filter(|(_, copy)| copy.life.holds(now));
            held.map(|(index, copy)| (world.volumes[copy.volume].project, index)).collect()
        },
        |world, index| show(world, &of(world)[*index]),
    )
}

fn snapshots(call: &Call<'_>) -> Outcome {
    let show = |world: &World, copy: &Copy| {
        let volume = &world.volumes[copy.volume];
        json!({
            "id": copy.id, "name": copy.name, "description": null, "volume_id": volume.id,
            "status": "available", "size": copy.gib, "metadata": {},
            "created_at": dates::naive(copy.life.from), "updated_at": dates::naive(copy.life.from),
            "os-extended-snapshot-attributes:project_id": world.projects[volume.project].id,
            "os-extended-snapshot-attributes:progress": "100%",
        })
    };
    let rows = copies(call, |world| &world.snapshots, show)?;
    Ok(call.page(rows, "id")?.linked("snapshots"))
}

fn backups(call: &Call<'_>) -> Outcome {
    let show = |world: &World, copy: &Copy| {
        let volume = &world.volumes[copy.volume];
        json!({
            "id": copy.id, "name": copy.name, "description": null, "volume_id": volume.id,
            "status": "available", "size": copy.gib, "object_count": 1, "container": "backups",
            "availability_zone": ZONE, "is_incremental": false, "has_dependent_backups": false,
            "fail_reason": null, "snapshot_id": null, "links": links(call, "backups", &copy.id),
            "created_at": dates::naive(copy.life.from), "updated_at": dates::naive(copy.life.from),
            "data_timestamp": dates::naive(copy.life.from),
            "os-backup-project-attr:project_id": world.projects[volume.project].id,
        })
    };
    let rows = copies(call, |world| &world.backups, show)?;
    Ok(call.page(rows, "id")?.linked("backups"))
}

fn types(call: &Call<'_>) -> Outcome {
    call.caller()?;
    let rows = call.with(|world| {
        let rows = world.volume_types.iter().map(|kind| {
            json!({
                "id": kind.id, "name": kind.name, "is_public": true, "description": null,
                "extra_specs": { "volume_backend_name": kind.back_end },
                "qos_specs_id": kind.limit.as_ref().map(|(id, _)| id),
                "os-volume-type-access:is_public": true,
            })
        });
        rows.collect()
    });
    Ok(call.page(rows, "id")?.linked("volume_types"))
}

/// Limits of types; for administrators.
fn policies(call: &Call<'_>) -> Outcome {
    let caller = call.caller()?;
    call.with(|world| {
        if !caller.is_admin(world) {
            let text = "Policy doesn't allow volume_extension:qos_specs_manage:get_all to be \
                        performed.";
            return Err(Refusal::new(403, text));
        }
        let limited = world.volume_types.iter().filter_map(|kind| {
            let (id, iops) = kind.limit.as_ref()?;
            Some(json!({
                "id": id, "name": format!("{}-limit", kind.name), "consumer": "front-end",
                "specs": { "total_iops_sec": iops.to_string() },
            }))
        });
        Ok(answer(200, &json!({ "qos_specs": limited.collect::<Vec<Value>>() })))
    })
}
