//! The compute service: machines, their actions, flavors.

use serde_json::{Value, json};

use super::api::{Call, Outcome, Refusal, answer};
use super::dates;
use super::machine::{Action, Seen, Server};
use super::nova_change;
use super::nova_usage;
use super::tokens::Held;
use super::world::{World, ZONE};
use crate::demo::http::Response;

/// The greatest microversion.
const NEWEST: u16 = 96;
/// From here on the flavor is embedded in a machine.
const EMBEDDED: u16 = 47;

/// What the oldest microversion does not show of a machine.
const NEWER_FIELDS: [&str; 16] = [
    "OS-EXT-SRV-ATTR:hostname",
    "OS-EXT-SRV-ATTR:kernel_id",
    "OS-EXT-SRV-ATTR:launch_index",
    "OS-EXT-SRV-ATTR:ramdisk_id",
    "OS-EXT-SRV-ATTR:reservation_id",
    "OS-EXT-SRV-ATTR:root_device_name",
    "OS-EXT-SRV-ATTR:user_data",
    "locked",
    "description",
    "tags",
    "trusted_image_certificates",
    "locked_reason",
    "pinned_availability_zone",
    "host_status",
    "scheduler_hints",
    "server_groups",
];

/// Parameters of the list of machines; others are refused, as newer microversions do.
const PARAMETERS: [&str; 10] = [
    "all_tenants",
    "changes-since",
    "deleted",
    "limit",
    "marker",
    "name",
    "project_id",
    "sort_dir",
    "sort_key",
    "status",
];

/// Answers a call below `/compute`.
pub fn answer_call(call: &Call<'_>) -> Outcome {
    let version = microversion(call)?;
    let mut response = route(call, version)?;
    let header = ("OpenStack-API-Version".to_owned(), format!("compute 2.{version}"));
    response.headers.push(header);
    Ok(response)
}

fn route(call: &Call<'_>, version: u16) -> Outcome {
    let method = call.request.method.as_str();
    let below = call.path.get(1..).unwrap_or(&[]);
    match (method, call.path.first().copied(), below) {
        ("GET", None, []) => Ok(answer(200, &json!({ "versions": [own_version(call)] }))),
        ("GET", Some("v2.1"), []) => {
            call.caller()?;
            Ok(answer(200, &json!({ "version": own_version(call) })))
        }
        ("GET", Some("v2.1"), ["servers", "detail"]) => list(call, version),
        ("POST", Some("v2.1"), ["servers"]) => nova_change::create(call),
        ("GET", Some("v2.1"), ["servers", id]) => show(call, id, version),
        ("DELETE", Some("v2.1"), ["servers", id]) => nova_change::delete(call, id),
        ("POST", Some("v2.1"), ["servers", id, "action"]) => nova_change::act(call, id),
        ("GET", Some("v2.1"), ["servers", id, "os-instance-actions"]) => actions(call, id),
        ("GET", Some("v2.1"), ["servers", id, "os-instance-actions", request]) => {
            action(call, id, request)
        }
        ("GET", Some("v2.1"), ["flavors", "detail"]) => flavors(call),
        ("GET", Some("v2.1"), ["os-availability-zone"]) => zones(call),
        ("GET", Some("v2.1"), ["os-simple-tenant-usage"]) => nova_usage::tenants(call),
        _ => Err(Refusal::no_path()),
    }
}

fn own_version(call: &Call<'_>) -> Value {
    json!({
        "id": "v2.1", "status": "CURRENT", "version": format!("2.{NEWEST}"),
        "min_version": "2.1", "updated": "2013-07-23T11:33:21Z",
        "links": [{ "rel": "self", "href": format!("{}/compute/v2.1/", call.origin) }],
    })
}

/// The asked-for microversion; the oldest where none is.
fn microversion(call: &Call<'_>) -> Result<u16, Refusal> {
    let Some(asked) = call.request.header("openstack-api-version") else { return Ok(1) };
    let Some(text) = asked.strip_prefix("compute ") else { return Ok(1) };
    let minor = text.strip_prefix("2.").and_then(|minor| minor.parse().ok());
    minor.filter(|minor| (1..=NEWEST).contains(minor)).ok_or_else(|| {
        let text = format!(
            "Version {text} is not supported by the API. Minimum is 2.1 and maximum is 2.{NEWEST}."
        );
        Refusal::new(406, text)
    })
}

/// Refuses what only administrators may.
pub fn refuse_unless(may: bool, policy: &str) -> Result<(), Refusal> {
    let text = format!("Policy doesn't allow os_compute_api:{policy} to be performed.");
    if may { Ok(()) } else { Err(Refusal::new(403, text)) }
}

/// The position of a machine that the caller may see.
pub fn find(world: &World, caller: &Held, id: &str, now: i64) -> Result<usize, Refusal> {
    let seen = |server: &Server| {
        let own = caller.project() == Some(server.project) || caller.is_admin(world);
        server.id == id && own && server.created() <= now
    };
    let missing = || Refusal::new(404, format!("Instance {id} could not be found."));
    world.servers.iter().position(seen).ok_or_else(missing)
}

fn list(call: &Call<'_>, version: u16) -> Outcome {
    let caller = call.caller()?;
    if let Some((name, _)) = call.query.iter().find(|(key, _)| !PARAMETERS.contains(&key.as_str()))
    {
        let text = format!("Additional properties are not allowed ('{name}' was unexpected)");
        return Err(Refusal::new(400, text));
    }
    let since = match call.parameter("changes-since") {
        Some(text) => {
            let at = dates::read(text);
            Some(at.ok_or_else(|| Refusal::new(400, "Invalid changes-since value"))?)
        }
        None => None,
    };
    let (all, deleted) = (call.flag("all_tenants"), call.flag("deleted"));
    let rows = call.with(|world| {
        let is_admin = caller.is_admin(world);
        refuse_unless(!all || is_admin, "servers:detail:get_all_tenants")?;
        let mut found: Vec<(&Server, Seen)> = world
            .servers
            .iter()
            .filter(|server| all || caller.project() == Some(server.project))
            .filter_map(|server| Some((server, server.at(call.now)?)))
            .filter(|(_, seen)| match since {
                Some(since) => seen.updated >= since && (!deleted || seen.is_deleted()),
                None => seen.is_deleted() == (deleted && is_admin),
            })
            .collect();
        found.sort_by_key(|(server, _)| (server.created(), &server.id));
        if call.parameter("sort_dir") != Some("asc") {
            found.reverse();
        }
        let look = Look { call, world, is_admin, version };
        Ok(found.into_iter().map(|(server, seen)| look.row(server, &seen)).collect())
    })?;
    Ok(call.page(rows, "id")?.linked("servers"))
}

fn show(call: &Call<'_>, id: &str, version: u16) -> Outcome {
    let caller = call.caller()?;
    call.with(|world| {
        let server = &world.servers[find(world, &caller, id, call.now)?];
        let seen = server.at(call.now).filter(|seen| !seen.is_deleted());
        let seen =
            seen.ok_or_else(|| Refusal::new(404, format!("Instance {id} could not be found.")))?;
        let look = Look { call, world, is_admin: caller.is_admin(world), version };
        Ok(answer(200, &json!({ "server": look.row(server, &seen) })))
    })
}

/// How machines are shown.
struct Look<'a> {
    call: &'a Call<'a>,
    world: &'a World,
    is_admin: bool,
    version: u16,
}

impl Look<'_> {
    fn row(&self, server: &Server, seen: &Seen) -> Value {
        let project = &self.world.projects[server.project];
        let host = if seen.is_deleted() { "" } else { "UP" };
        let mut row = json!({
            "accessIPv4": "", "accessIPv6": "", "addresses": self.addresses(server, seen),
            "created": dates::zulu(server.created()),
            "flavor": self.flavor(seen.flavor),
            "hostId": format!("{}{}", project.id, &project.id[..24]),
            "id": server.id, "image": self.image(server),
            "links": links(self.call, &format!("servers/{}", server.id)),
            "metadata": server.metadata.iter().cloned()
                .map(|(key, value)| (key, Value::from(value))).collect::<serde_json::Map<_, _>>(),
            "name": server.name, "status": seen.status, "tenant_id": project.id,
            "user_id": self.world.users[server.user].id, "updated": dates::zulu(seen.updated),
            "OS-DCF:diskConfig": "MANUAL", "OS-EXT-AZ:availability_zone": ZONE,
            "config_drive": "", "key_name": null,
            "OS-SRV-USG:launched_at": seen.launched.map(dates::naive),
            "OS-SRV-USG:terminated_at": seen.terminated.map(dates::naive),
            "OS-EXT-STS:task_state": seen.task, "OS-EXT-STS:vm_state": seen.vm_state,
            "OS-EXT-STS:power_state": seen.power,
            "os-extended-volumes:volumes_attached": self.volumes(server, seen),
            "locked": false, "description": null, "tags": [],
            "trusted_image_certificates": null, "locked_reason": null,
            "pinned_availability_zone": null,
        });
        if matches!(seen.status, "ACTIVE" | "BUILD" | "VERIFY_RESIZE") {
            row["progress"] = json!(0);
        }
        if self.is_admin {
            self.add_host(&mut row, server, host);
        }
        if self.version < EMBEDDED {
            for name in NEWER_FIELDS {
                row.as_object_mut().map(|row| row.remove(name));
            }
        }
        row
    }

    fn add_host(&self, row: &mut Value, server: &Server, status: &str) {
        let node = format!("node{}", server.number % 4 + 1);
        let more = [
            ("host", json!(node)),
            ("instance_name", json!(format!("instance-{:08x}", server.number))),
            ("hypervisor_hostname", json!(node)),
            ("hostname", json!(server.name)),
            ("kernel_id", json!("")),
            ("launch_index", json!(0)),
            ("ramdisk_id", json!("")),
            ("reservation_id", json!(format!("r-{:08x}", server.number))),
            ("root_device_name", json!("/dev/vda")),
            ("user_data", Value::Null),
        ];
        for (name, value) in more {
            row[format!("OS-EXT-SRV-ATTR:{name}")] = value;
        }
        row["host_status"] = json!(status);
    }

    fn flavor(&self, flavor: usize) -> Value {
        let flavor = &self.world.flavors[flavor];
        if self.version < EMBEDDED {
            let href = format!("{}/compute/flavors/{}", self.call.origin, flavor.id);
            return json!({
                "id": flavor.id, "links": [{ "rel": "bookmark", "href": href }],
            });
        }
        json!({
            "vcpus": flavor.vcpus, "ram": flavor.ram_mib, "disk": flavor.disk_gib,
            "ephemeral": 0, "swap": 0, "original_name": flavor.name,
            "extra_specs": specs(&flavor.specs),
        })
    }

    /// Empty text where it boots from a volume.
    fn image(&self, server: &Server) -> Value {
        let Some(image) = server.image else { return json!("") };
        let id = &self.world.images[image].id;
        let href = format!("{}/compute/images/{id}", self.call.origin);
        json!({ "id": id, "links": [{ "rel": "bookmark", "href": href }] })
    }

    fn position(&self, server: &Server) -> Option<usize> {
        self.world.servers.iter().position(|one| one.id == server.id)
    }

    fn volumes(&self, server: &Server, seen: &Seen) -> Value {
        let position = self.position(server).filter(|_| !seen.is_deleted());
        let volumes = self.world.volumes.iter().filter(|volume| {
            let held = volume.attached.as_ref().map(|(server, _)| *server);
            held.is_some() && held == position && volume.life.holds(self.call.now)
        });
        volumes.map(|volume| json!({ "id": volume.id, "delete_on_termination": false })).collect()
    }

    fn addresses(&self, server: &Server, seen: &Seen) -> Value {
        let network = self.world.network_of(server.project);
        let Some(network) = network.filter(|_| seen.launched.is_some() && !seen.is_deleted())
        else {
            return json!({});
        };
        let (id, last) = &server.port;
        let mac = format!("fa:16:3e:{}:{}:{}", &id[..2], &id[2..4], &id[4..6]);
        let entry = |address: &str, kind: &str| {
            json!({
                "version": 4, "addr": address, "OS-EXT-IPS:type": kind,
                "OS-EXT-IPS-MAC:mac_addr": mac,
            })
        };
        let position = self.position(server);
        let mut entries = vec![entry(&format!("10.0.0.{last}"), "fixed")];
        let floating = self.world.addresses.iter();
        let floating = floating.filter(|address| {
            address.server.is_some()
                && address.server == position
                && address.life.holds(self.call.now)
        });
        entries.extend(floating.map(|address| entry(&address.address, "floating")));
        json!({ self.world.networks[network].name.as_str(): entries })
    }
}

fn specs(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(key, value)| (key.clone(), Value::from(value.clone()))).collect()
}

fn links(call: &Call<'_>, path: &str) -> Value {
    json!([
        { "rel": "self", "href": format!("{}/compute/v2.1/{path}", call.origin) },
        { "rel": "bookmark", "href": format!("{}/compute/{path}", call.origin) },
    ])
}

fn action_row(world: &World, server: &Server, action: &Action, now: i64) -> Value {
    let ended = action.until <= now;
    json!({
        "action": action.verb.name(), "instance_uuid": server.id, "request_id": action.request,
        "user_id": world.users[action.user].id, "project_id": world.projects[server.project].id,
        "start_time": dates::naive(action.from), "message": null,
        "updated_at": dates::naive(if ended { action.until } else { action.from }),
    })
}

/// What was done to a machine, the latest first; of deleted machines too.
fn actions(call: &Call<'_>, id: &str) -> Outcome {
    let caller = call.caller()?;
    let since = call.parameter("changes-since").and_then(dates::read);
    let rows = call.with(|world| {
        let server = &world.servers[find(world, &caller, id, call.now)?];
        let fits = |action: &&Action| {
            let touched = if action.until <= call.now { action.until } else { action.from };
            since.is_none_or(|since| touched >= since)
        };
        let begun = server.begun(call.now).iter().rev().filter(fits);
        Ok(begun.map(|action| action_row(world, server, action, call.now)).collect())
    })?;
    Ok(call.page(rows, "request_id")?.with("instanceActions", "links"))
}

/// One of them with its steps, which only administrators see whole.
fn action(call: &Call<'_>, id: &str, request: &str) -> Outcome {
    let caller = call.caller()?;
    call.with(|world| {
        let server = &world.servers[find(world, &caller, id, call.now)?];
        let found = server.begun(call.now).iter().find(|action| action.request == request);
        let found = found.ok_or_else(|| {
            Refusal::new(404, format!("Action for request_id {request} on instance {id} not found"))
        })?;
        let mut row = action_row(world, server, found, call.now);
        row["events"] = steps(server, found, call.now);
        Ok(answer(200, &json!({ "instanceAction": row })))
    })
}

/// The steps share the action's time evenly.
fn steps(server: &Server, action: &Action, now: i64) -> Value {
    let names = action.verb.steps();
    let count = i64::try_from(names.len()).unwrap_or(1);
    let at = |step: i64| action.from + (action.until - action.from) * step / count;
    let begun = (0..count).zip(names).filter(|(step, _)| at(*step) <= now);
    begun
        .map(|(step, name)| {
            let end = Some(at(step + 1)).filter(|end| *end <= now);
            json!({
                "event": name, "start_time": dates::naive(at(step)),
                "finish_time": end.map(dates::naive), "result": end.map(|_| "Success"),
                "traceback": null, "host": format!("node{}", server.number % 4 + 1),
                "hostId": "", "details": null,
            })
        })
        .collect()
}

fn flavors(call: &Call<'_>) -> Outcome {
    call.caller()?;
    let rows = call.with(|world| {
        let rows = world.flavors.iter().map(|flavor| json!({
            "id": flavor.id, "name": flavor.name, "ram": flavor.ram_mib, "disk": flavor.disk_gib,
            "swap": "", "OS-FLV-EXT-DATA:ephemeral": 0, "OS-FLV-DISABLED:disabled": false,
            "vcpus": flavor.vcpus, "os-flavor-access:is_public": true, "rxtx_factor": 1,
            "links": links(call, &format!("flavors/{}", flavor.id)), "description": null,
            "extra_specs": specs(&flavor.specs),
        }));
        rows.collect()
    });
    Ok(call.page(rows, "id")?.linked("flavors"))
}

fn zones(call: &Call<'_>) -> Outcome {
    call.caller()?;
    let zone = json!({ "zoneName": ZONE, "zoneState": { "available": true }, "hosts": null });
    let response: Response = answer(200, &json!({ "availabilityZoneInfo": [zone] }));
    Ok(response)
}
