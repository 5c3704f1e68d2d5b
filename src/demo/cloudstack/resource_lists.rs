//! Listings of owned things: machines, volumes, networks and all else that usage names.

use super::api::Call;
use super::people_lists::{Reach, reach};
use super::render::{domain_fields, instance_name};
use super::shape::{Object, Refusal, array};
use super::world::{Ids, Life, Owner, Rule};

/// Answers the listings of this file.
pub fn run(call: &Call<'_>, name: &str) -> Option<Result<String, Refusal>> {
    Some(match name {
        "listVirtualMachines" => machines(call, name),
        "listVolumes" => volumes(call, name),
        "listSnapshots" => snapshots(call, name),
        "listVMSnapshot" => machine_snapshots(call, name),
        "listBackups" => backups(call, name),
        "listBuckets" => buckets(call, name),
        "listPublicIpAddresses" => addresses(call, name),
        "listNetworks" => networks(call, name),
        "listVPCs" => vpcs(call, name),
        "listTags" => tags(call, name),
        "listLoadBalancerRules" => balancers(call, name),
        "listPortForwardingRules" => forwardings(call, name),
        "listSecurityGroups" => security_groups(call, name),
        "listVpnUsers" => vpn_users(call, name),
        _ => return None,
    })
}

/// Positions of the things that the caller reaches, that live now and that `id` names.
fn present<T>(
    call: &Call<'_>,
    name: &str,
    items: &[T],
    of: impl Fn(&T) -> (&Ids, Owner, Life),
) -> Result<Vec<usize>, Refusal> {
    let reach = reach(call, name)?;
    let shown = |index: &usize| {
        let (ids, owner, life) = of(&items[*index]);
        life.holds(call.now) && named(call, ids) && shown_to(call, reach, owner)
    };
    Ok((0..items.len()).filter(shown).collect())
}

/// A named thing is shown to an administrator without `listall` too.
fn shown_to(call: &Call<'_>, reach: Reach, owner: Owner) -> bool {
    let root = call.cloud.world.role_of(call.caller.user).kind >= super::world::RoleKind::Admin;
    reach.holds(call, owner) || (root && call.parameters.get("id").is_some())
}

/// An id without `since` is also taken as the internal number.
fn named(call: &Call<'_>, ids: &Ids) -> bool {
    let one = call.parameters.get("id");
    one.is_none_or(|id| id == ids.uuid || id == ids.number.to_string())
}

/// `account` or `projectid` and `project`, then the domain: as listings show the owner.
fn owner(call: &Call<'_>, owner: Owner) -> Object {
    let world = &call.cloud.world;
    let row = match owner {
        Owner::Account(index) => {
            Object::new().text("account", world.accounts[index].name_at(call.now))
        }
        Owner::Project(index) => {
            let project = &world.projects[index];
            Object::new().text("projectid", &project.ids.uuid).text("project", &project.name)
        }
    };
    row.and(domain_fields(world, owner))
}

fn zone(call: &Call<'_>, index: usize) -> Object {
    let zone = &call.cloud.world.zones[index];
    Object::new().text("zoneid", &zone.ids.uuid).text("zonename", &zone.name)
}

fn machines(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let found = present(call, name, &world.machines, |m| (&m.ids, m.owner, m.life))?;
    let state = call.parameters.get("state");
    let found = found.into_iter().filter(|index| state.is_none_or(|s| s == state_of(call, *index)));
    call.list("virtualmachine", found.collect(), |index| machine_row(call, *index))
}

fn state_of(call: &Call<'_>, machine: usize) -> &'static str {
    let running = call.cloud.world.machines[machine].phase_at(call.now);
    if running.is_some_and(|phase| phase.running) { "Running" } else { "Stopped" }
}

/// The last change of a machine's state.
fn updated_at(call: &Call<'_>, machine: usize) -> i64 {
    let machine = &call.cloud.world.machines[machine];
    let Some(now) = machine.phase_at(call.now) else { return machine.life.from };
    let mut since = now.from;
    for before in machine.phases.iter().rev().filter(|phase| phase.until <= now.from) {
        if before.running != now.running || before.until != since {
            break;
        }
        since = before.from;
    }
    since
}

fn machine_row(call: &Call<'_>, index: usize) -> String {
    let world = &call.cloud.world;
    let machine = &world.machines[index];
    let user = &world.users[machine.user];
    let template = &world.images[machine.template];
    let os = &world.os_types[template.os];
    let mut row = Object::new()
        .text("id", &machine.ids.uuid)
        .text("name", &machine.name)
        .text("displayname", &machine.name)
        .and(owner(call, machine.owner))
        .text("userid", &user.ids.uuid)
        .text("username", &user.name)
        .text("created", &call.date(machine.life.from))
        .text("lastupdated", &call.date(updated_at(call, index)))
        .text("state", state_of(call, index))
        .flag("haenable", false)
        .and(zone(call, machine.zone))
        .text("templateid", &template.ids.uuid)
        .text("templatename", &template.name)
        .flag("passwordenabled", false);
    if let Some(phase) = machine.phase_at(call.now) {
        let offering = &world.service_offerings[phase.offering];
        row = row
            .text("serviceofferingid", &offering.ids.uuid)
            .text("serviceofferingname", &offering.name)
            .number("cpunumber", phase.shape.cpus)
            .number("cpuspeed", phase.shape.mhz)
            .number("memory", phase.shape.ram_mib);
    }
    if let Some((offering, since)) = machine.backup
        && since <= call.now
    {
        let offering = &world.backup_offerings[offering];
        row = row.text("backupofferingid", &offering.ids.uuid);
        row = row.text("backupofferingname", &offering.name);
    }
    let network = &world.networks[machine.network];
    let nic = Object::new()
        .text("id", &network.router.uuid)
        .text("networkid", &network.ids.uuid)
        .text("networkname", &network.name)
        .text("type", "Isolated")
        .flag("isdefault", true);
    row.text("guestosid", &os.uuid)
        .raw("nic", &array(&[nic.done()]))
        .text("hypervisor", "Simulator")
        .text("instancename", &instance_name(world, machine))
        .raw("details", "{}")
        .flag("displayvm", !machine.hidden)
        .flag("isdynamicallyscalable", false)
        .flag("deleteprotection", false)
        .text("ostypeid", &os.uuid)
        .text("osdisplayname", &os.name)
        .text("arch", "x86_64")
        .raw(
            "tags",
            &array(&tag_rows(call, &machine.tags, ("UserVm", &machine.ids, machine.owner))),
        )
        .flag("hasannotations", false)
        .done()
}

fn tag_rows(call: &Call<'_>, tags: &[(String, String)], of: (&str, &Ids, Owner)) -> Vec<String> {
    let (kind, ids, whose) = of;
    let row = |(key, value): &(String, String)| {
        Object::new()
            .text("key", key)
            .text("value", value)
            .text("resourcetype", kind)
            .text("resourceid", &ids.uuid)
            .and(owner(call, whose))
            .done()
    };
    tags.iter().map(row).collect()
}

fn tags(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let reach = reach(call, name)?;
    let mut rows = Vec::new();
    for machine in &world.machines {
        if machine.life.holds(call.now) && reach.holds(call, machine.owner) {
            let of = ("UserVm", &machine.ids, machine.owner);
            rows.extend(tag_rows(call, &machine.tags, of).into_iter().map(|row| ("UserVm", row)));
        }
    }
    for volume in &world.volumes {
        if volume.life.holds(call.now) && reach.holds(call, volume.owner) {
            let of = ("Volume", &volume.ids, volume.owner);
            rows.extend(tag_rows(call, &volume.tags, of).into_iter().map(|row| ("Volume", row)));
        }
    }
    let kind = call.parameters.get("resourcetype");
    rows.retain(|(own, _)| kind.is_none_or(|kind| kind.eq_ignore_ascii_case(own)));
    call.list("tag", rows, |(_, row)| row.clone())
}

fn volumes(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let found = present(call, name, &world.volumes, |v| (&v.ids, v.owner, v.life))?;
    call.list("volume", found, |index| {
        let volume = &world.volumes[*index];
        let attached = volume.attached.iter().find(|(_, life)| life.holds(call.now));
        let mut row = Object::new()
            .text("id", &volume.ids.uuid)
            .text("name", &volume.name)
            .and(zone(call, volume.zone))
            .text("type", if volume.root { "ROOT" } else { "DATADISK" });
        if let Some((machine, since)) = attached {
            let machine = &world.machines[*machine];
            row = row
                .text("virtualmachineid", &machine.ids.uuid)
                .text("vmname", &machine.name)
                .text("vmdisplayname", &machine.name)
                .text("attached", &call.date(since.from));
        }
        row = row
            .text("provisioningtype", "thin")
            .number("size", volume.bytes_at(call.now))
            .text("created", &call.date(volume.life.from))
            .text("state", "Ready")
            .and(owner(call, volume.owner))
            .text("storagetype", "shared")
            .text("hypervisor", "Simulator");
        if let Some(offering) = volume.offering {
            let offering = &world.disk_offerings[offering];
            row = row
                .text("diskofferingid", &offering.ids.uuid)
                .text("diskofferingname", &offering.name);
        }
        if let Some(template) = volume.template {
            let template = &world.images[template];
            row = row.text("templateid", &template.ids.uuid);
            row = row.text("templatename", &template.name);
        }
        row.flag("destroyed", false)
            .flag("isextractable", true)
            .flag("displayvolume", true)
            .raw(
                "tags",
                &array(&tag_rows(call, &volume.tags, ("Volume", &volume.ids, volume.owner))),
            )
            .flag("hasannotations", false)
            .done()
    })
}

fn snapshots(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let found = present(call, name, &world.snapshots, |s| (&s.ids, s.owner, s.life))?;
    call.list("snapshot", found, |index| {
        let copy = &world.snapshots[*index];
        let volume = copy.of.map(|volume| &world.volumes[volume]);
        Object::new()
            .text("id", &copy.ids.uuid)
            .and(owner(call, copy.owner))
            .maybe("volumeid", volume.map(|volume| volume.ids.uuid.as_str()))
            .maybe("volumename", volume.map(|volume| volume.name.as_str()))
            .text("created", &call.date(copy.life.from))
            .text("name", &copy.name)
            .text("intervaltype", "MANUAL")
            .text("state", "BackedUp")
            .number("physicalsize", copy.bytes)
            .and(zone(call, copy.zone))
            .flag("revertable", false)
            .number("virtualsize", copy.bytes)
            .raw("tags", "[]")
            .flag("hasannotations", false)
            .done()
    })
}

fn machine_snapshots(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let found = present(call, name, &world.machine_snapshots, |s| (&s.ids, s.owner, s.life))?;
    call.list("vmSnapshot", found, |index| {
        let copy = &world.machine_snapshots[*index];
        let machine = copy.of.map(|machine| &world.machines[machine]);
        Object::new()
            .text("id", &copy.ids.uuid)
            .text("name", &copy.name)
            .text("state", "Ready")
            .text("displayname", &copy.name)
            .and(zone(call, copy.zone))
            .maybe("virtualmachineid", machine.map(|machine| machine.ids.uuid.as_str()))
            .maybe("virtualmachinename", machine.map(|machine| machine.name.as_str()))
            .flag("current", true)
            .text("type", "Disk")
            .text("created", &call.date(copy.life.from))
            .and(owner(call, copy.owner))
            .text("hypervisor", "Simulator")
            .raw("tags", "[]")
            .flag("hasannotations", false)
            .done()
    })
}

/// One backup of each machine with a backup offering; its `volumes` are JSON inside of text,
/// which the real server escapes as JSON does not know.
fn backups(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let found = present(call, name, &world.machines, |m| (&m.ids, m.owner, m.life))?;
    let made = |index: &usize| world.machines[*index].backup.is_some_and(|(_, at)| at <= call.now);
    let found = found.into_iter().filter(made).collect();
    call.list("backup", found, |index| {
        let machine = &world.machines[*index];
        let held = world.volumes.iter().filter(|volume| {
            volume.attached.iter().any(|(to, life)| to == index && life.holds(call.now))
        });
        let held: Vec<_> = held.collect();
        let bytes: u64 = held.iter().map(|volume| volume.bytes_at(call.now)).sum();
        let rows: Vec<_> = held
            .iter()
            .map(|volume| {
                Object::new()
                    .text("uuid", &volume.ids.uuid)
                    .number("size", volume.bytes_at(call.now))
                    .text("path", &volume.name)
                    .done()
            })
            .collect();
        let offering = machine.backup.map(|(offering, _)| &world.backup_offerings[offering]);
        let since = machine.backup.map_or(0, |(_, since)| since);
        let row = Object::new()
            .text("id", &machine.ids.uuid)
            .text("name", &machine.name)
            .text("virtualmachineid", &machine.ids.uuid)
            .text("virtualmachinename", &machine.name)
            .text("type", "FULL")
            .text("created", &call.date(since))
            .number("size", bytes)
            .number("virtualsize", bytes)
            .text("status", "BackedUp")
            .nested_json("volumes", &array(&rows))
            .maybe("backupofferingid", offering.map(|offering| offering.ids.uuid.as_str()))
            .maybe("backupofferingname", offering.map(|offering| offering.name.as_str()));
        row.and(super::render::owner_fields(call, machine.owner)).done()
    })
}

fn buckets(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let found = present(call, name, &world.buckets, |b| (&b.ids, b.owner, b.life))?;
    call.list("bucket", found, |index| {
        let bucket = &world.buckets[*index];
        let row = Object::new()
            .text("id", &bucket.ids.uuid)
            .text("name", &bucket.name)
            .text("created", &call.date(bucket.life.from));
        let row = match bucket.owner {
            Owner::Account(index) => row.text("account", world.accounts[index].name_at(call.now)),
            Owner::Project(_) => row,
        };
        row.number("size", bucket.bytes.0)
            .text("state", "Created")
            .number("quota", 1024)
            .flag("encryption", false)
            .flag("versioning", false)
            .flag("objectlocking", false)
            .text("provider", "Simulator")
            .raw("tags", "[]")
            .done()
    })
}

fn addresses(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let found = present(call, name, &world.addresses, |a| (&a.ids, a.owner, a.life))?;
    call.list("publicipaddress", found, |index| {
        let address = &world.addresses[*index];
        Object::new()
            .text("id", &address.ids.uuid)
            .text("ipaddress", &address.address)
            .text("allocated", &call.date(address.life.from))
            .and(zone(call, address.zone))
            .flag("issourcenat", address.source_nat)
            .and(owner(call, address.owner))
            .flag("forvirtualnetwork", true)
            .flag("isstaticnat", false)
            .flag("issystem", false)
            .text("networkid", &world.networks[address.network].ids.uuid)
            .text("state", "Allocated")
            .raw("tags", "[]")
            .flag("isportable", false)
            .flag("fordisplay", true)
            .flag("hasannotations", false)
            .done()
    })
}

fn networks(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let found = present(call, name, &world.networks, |n| (&n.ids, n.owner, n.life))?;
    call.list("network", found, |index| network_row(call, *index))
}

fn network_row(call: &Call<'_>, index: usize) -> String {
    let world = &call.cloud.world;
    let network = &world.networks[index];
    let offering = &world.network_offerings[network.offering];
    let vpc = network.vpc.map(|vpc| &world.vpcs[vpc]);
    Object::new()
        .text("id", &network.ids.uuid)
        .text("name", &network.name)
        .text("displaytext", &network.name)
        .text("traffictype", "Guest")
        .and(zone(call, network.zone))
        .text("networkofferingid", &offering.ids.uuid)
        .text("networkofferingname", &offering.name)
        .flag("issystem", false)
        .text("state", "Implemented")
        .text("type", "Isolated")
        .text("acltype", "Account")
        .and(owner(call, network.owner))
        .raw("service", "[]")
        .maybe("vpcid", vpc.map(|vpc| vpc.ids.uuid.as_str()))
        .maybe("vpcname", vpc.map(|vpc| vpc.name.as_str()))
        .flag("canusefordeploy", true)
        .raw("tags", "[]")
        .flag("displaynetwork", true)
        .text("created", &call.date(network.life.from))
        .number("receivedbytes", 0)
        .number("sentbytes", 0)
        .flag("hasannotations", false)
        .done()
}

fn vpcs(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let found = present(call, name, &world.vpcs, |v| (&v.ids, v.owner, v.life))?;
    call.list("vpc", found, |index| {
        let vpc = &world.vpcs[*index];
        let offering = &world.vpc_offerings[vpc.offering];
        let tiers = world.networks.iter().enumerate().filter(|(_, n)| n.vpc == Some(*index));
        let tiers: Vec<_> = tiers.map(|(tier, _)| network_row(call, tier)).collect();
        Object::new()
            .text("id", &vpc.ids.uuid)
            .text("name", &vpc.name)
            .text("displaytext", &vpc.name)
            .text("state", "Enabled")
            .and(zone(call, vpc.zone))
            .raw("service", "[]")
            .text("cidr", "10.9.0.0/16")
            .text("vpcofferingid", &offering.ids.uuid)
            .text("vpcofferingname", &offering.name)
            .text("created", &call.date(vpc.life.from))
            .and(owner(call, vpc.owner))
            .raw("network", &array(&tiers))
            .raw("tags", "[]")
            .flag("hasannotations", false)
            .done()
    })
}

fn rules<'w>(call: &Call<'_>, name: &str, items: &'w [Rule]) -> Result<Vec<&'w Rule>, Refusal> {
    let found = present(call, name, items, |r| (&r.ids, r.owner, r.life))?;
    Ok(found.into_iter().map(|index| &items[index]).collect())
}

fn balancers(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    call.list("loadbalancerrule", rules(call, name, &world.balancers)?, |rule| {
        let address = rule.address.map(|address| &world.addresses[address]);
        Object::new()
            .text("id", &rule.ids.uuid)
            .text("name", &rule.name)
            .maybe("publicipid", address.map(|address| address.ids.uuid.as_str()))
            .maybe("publicip", address.map(|address| address.address.as_str()))
            .text("publicport", "80")
            .text("privateport", "8080")
            .text("algorithm", "roundrobin")
            .and(owner(call, rule.owner))
            .text("state", "Active")
            .and(zone(call, rule.zone))
            .raw("tags", "[]")
            .flag("fordisplay", true)
            .done()
    })
}

fn forwardings(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    call.list("portforwardingrule", rules(call, name, &world.forwardings)?, |rule| {
        let address = rule.address.map(|address| &world.addresses[address]);
        let machine = rule.machine.map(|machine| &world.machines[machine]);
        Object::new()
            .text("id", &rule.ids.uuid)
            .text("privateport", "22")
            .text("protocol", "tcp")
            .text("publicport", "22")
            .maybe("virtualmachineid", machine.map(|machine| machine.ids.uuid.as_str()))
            .maybe("virtualmachinename", machine.map(|machine| machine.name.as_str()))
            .maybe("ipaddressid", address.map(|address| address.ids.uuid.as_str()))
            .maybe("ipaddress", address.map(|address| address.address.as_str()))
            .text("state", "Active")
            .raw("tags", "[]")
            .flag("fordisplay", true)
            .done()
    })
}

fn security_groups(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    call.list("securitygroup", rules(call, name, &world.security_groups)?, |rule| {
        let machine =
            rule.machine.map(|machine| format!("\"{}\"", world.machines[machine].ids.uuid));
        Object::new()
            .text("id", &rule.ids.uuid)
            .text("name", &rule.name)
            .text("description", &rule.name)
            .and(owner(call, rule.owner))
            .raw("ingressrule", "[]")
            .raw("egressrule", "[]")
            .raw("tags", "[]")
            .number("virtualmachinecount", machine.iter().count())
            .raw("virtualmachineids", &array(&Vec::from_iter(machine)))
            .done()
    })
}

fn vpn_users(call: &Call<'_>, name: &str) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    call.list("vpnuser", rules(call, name, &world.vpn_users)?, |rule| {
        Object::new()
            .text("id", &rule.ids.uuid)
            .text("username", &rule.name)
            .and(owner(call, rule.owner))
            .text("state", "Add")
            .done()
    })
}
