//! Usage records as JSON, with the names and ids that hold when they are read.

use super::api::Call;
use super::shape::{Object, array, human_size};
use super::usage::{Amount, Detail, Usage};
use super::world::{Machine, Owner, Volume, World};

/// The fields that tell whose something is, as listings and usage records begin with them.
pub fn owner_fields(call: &Call<'_>, owner: Owner) -> Object {
    let world = &call.cloud.world;
    match owner {
        Owner::Account(index) => {
            let account = &world.accounts[index];
            Object::new()
                .text("account", account.name_at(call.now))
                .text("accountid", &account.ids.uuid)
        }
        Owner::Project(index) => {
            let project = &world.projects[index];
            Object::new().text("projectid", &project.ids.uuid).text("project", &project.name)
        }
    }
}

/// `domainid`, `domain`, `domainpath`.
pub fn domain_fields(world: &World, owner: Owner) -> Object {
    let domain = &world.domains[world.domain_of(owner)];
    Object::new()
        .text("domainid", &domain.ids.uuid)
        .text("domain", &domain.name)
        .text("domainpath", &domain.path)
}

/// One usage record.
pub fn record(call: &Call<'_>, usage: &Usage) -> String {
    let world = &call.cloud.world;
    let forms = &call.settings.forms;
    let (raw, shown) = match usage.amount {
        Amount::Millis(millis) => {
            let hours = forms.hours(millis);
            let shown = format!("{hours} Hrs");
            (hours, shown)
        }
        Amount::Count(count) => (count.to_string(), format!("{count} {}", unit(usage.kind))),
    };
    let row = owner_fields(call, usage.owner)
        .and(domain_fields(world, usage.owner))
        .maybe("zoneid", usage.zone.map(|zone| world.zones[zone].ids.uuid.as_str()))
        .text("description", &description(call, usage))
        .text("usage", &shown)
        .number("usagetype", usage.kind)
        .text("rawusage", &raw)
        .and(middle(call, usage))
        .text("startdate", &forms.date(usage.span.from))
        .text("enddate", &forms.date(usage.span.until - 1))
        .and(tail(world, usage));
    let tags = if call.parameters.flag("includetags") { tags(world, usage) } else { Vec::new() };
    row.raw("tags", &array(&tags)).done()
}

fn unit(kind: u8) -> &'static str {
    match kind {
        4 => "bytes sent",
        5 => "bytes received",
        21 => "io read",
        22 => "io write",
        23 => "bytes read",
        24 => "bytes write",
        _ => "bytes",
    }
}

/// The fields between `rawusage` and `startdate`.
fn middle(call: &Call<'_>, usage: &Usage) -> Object {
    let world = &call.cloud.world;
    let row = Object::new();
    match &usage.detail {
        Detail::Machine { machine, offering, shape } => {
            let machine = &world.machines[*machine];
            let template = &world.images[machine.template];
            let os = &world.os_types[template.os];
            let (category, name) = &world.os_categories[os.category];
            row.text("virtualmachineid", &machine.ids.uuid)
                .text("name", &machine.name)
                .text("offeringid", &world.service_offerings[*offering].ids.uuid)
                .text("templateid", &template.ids.uuid)
                .text("ostypeid", &os.uuid)
                .text("osdisplayname", &os.name)
                .text("oscategoryid", category)
                .text("oscategoryname", name)
                .text("usageid", &machine.ids.uuid)
                .text("type", "Simulator")
                .number("cpunumber", shape.cpus)
                .number("cpuspeed", shape.mhz)
                .number("memory", shape.ram_mib)
        }
        Detail::Address(index) => row.text("usageid", &world.addresses[*index].ids.uuid),
        Detail::Traffic(index) => {
            let network = &world.networks[*index];
            let name = network.vpc.is_none().then_some(network.name.as_str());
            row.maybe("name", name)
                .text("usageid", &network.router.uuid)
                .text("type", "DomainRouter")
        }
        Detail::Volume { volume, bytes, machine } => {
            let volume = &world.volumes[*volume];
            row.maybe("virtualmachineid", machine.map(|m| world.machines[m].ids.uuid.as_str()))
                .maybe("offeringid", volume.offering.map(|o| disk_offering(world, o)))
                .maybe("templateid", volume.template.map(|t| world.images[t].ids.uuid.as_str()))
                .maybe("usageid", volume_id(call, usage, volume))
                .number("size", bytes)
        }
        Detail::Image(index) => {
            let image = &world.images[*index];
            row.text("usageid", &image.ids.uuid)
                .number("size", image.bytes)
                .number("virtualsize", image.bytes)
        }
        Detail::Snapshot(index) => {
            let copy = &world.snapshots[*index];
            row.text("usageid", &copy.ids.uuid).number("size", copy.bytes)
        }
        _ => more_middle(call, usage),
    }
}

fn more_middle(call: &Call<'_>, usage: &Usage) -> Object {
    let world = &call.cloud.world;
    let row = Object::new();
    match &usage.detail {
        Detail::SecurityGroup(index) => {
            let rule = &world.security_groups[*index];
            let machine = rule.machine.map(|m| world.machines[m].ids.uuid.as_str());
            row.maybe("virtualmachineid", machine).text("usageid", &rule.ids.uuid)
        }
        Detail::Balancer(index) => row.text("usageid", &world.balancers[*index].ids.uuid),
        Detail::Forwarding(index) => row.text("usageid", &world.forwardings[*index].ids.uuid),
        Detail::Interface(index) => {
            let machine = &world.machines[*index];
            let offering = world.networks[machine.network].offering;
            row.text("virtualmachineid", &machine.ids.uuid)
                .text("offeringid", &world.network_offerings[offering].ids.uuid)
        }
        Detail::Disk { machine, volume } => row
            .text("virtualmachineid", &world.machines[*machine].ids.uuid)
            .maybe("usageid", volume_id(call, usage, &world.volumes[*volume]))
            .text("type", "VirtualMachine"),
        Detail::MachineSnapshot { snapshot, volume, bytes } => {
            let copy = &world.machine_snapshots[*snapshot];
            let offering = world.volumes[*volume].offering;
            let number = offering.map(|o| world.disk_offerings[o].ids.number.to_string());
            row.maybe("virtualmachineid", copy.of.map(|m| world.machines[m].ids.uuid.as_str()))
                .text("name", &copy.name)
                .maybe("offeringid", number.as_deref())
                .text("usageid", &copy.ids.uuid)
                .number("size", bytes)
        }
        Detail::SnapshotOnPrimary(index) => {
            let copy = &world.machine_snapshots[*index];
            row.maybe("virtualmachineid", copy.of.map(|m| world.machines[m].ids.uuid.as_str()))
                .text("name", &copy.name)
                .text("usageid", &copy.ids.uuid)
                .number("size", copy.bytes)
        }
        Detail::Backup { machine, bytes } => {
            let machine = &world.machines[*machine];
            row.text("virtualmachineid", &machine.ids.uuid)
                .text("name", &instance_name(world, machine))
                .text("usageid", &machine.ids.uuid)
                .number("size", bytes)
                .number("virtualsize", bytes)
        }
        Detail::Bucket(index) => {
            let bucket = &world.buckets[*index];
            row.text("name", &bucket.name).text("usageid", &bucket.ids.uuid)
        }
        _ => row,
    }
}

/// The fields behind `enddate`.
fn tail(world: &World, usage: &Usage) -> Object {
    let row = Object::new();
    match &usage.detail {
        Detail::Address(index) => {
            row.flag("issourcenat", world.addresses[*index].source_nat).flag("issystem", false)
        }
        Detail::Traffic(index) => {
            let network = &world.networks[*index];
            match network.vpc {
                Some(vpc) => row.text("vpcid", &world.vpcs[vpc].ids.uuid),
                None => row.text("networkid", &network.ids.uuid),
            }
        }
        Detail::Interface(_) => row.flag("isdefault", true),
        _ => row,
    }
}

fn tags(world: &World, usage: &Usage) -> Vec<String> {
    let held = match &usage.detail {
        Detail::Machine { machine, .. } => &world.machines[*machine].tags,
        Detail::Volume { volume, .. } | Detail::Disk { volume, .. } => &world.volumes[*volume].tags,
        _ => return Vec::new(),
    };
    held.iter()
        .map(|(key, value)| Object::new().text("key", key).text("value", value).done())
        .collect()
}

/// The id by which `usageid=` finds a record; several types are never found.
pub fn found_by(call: &Call<'_>, usage: &Usage) -> Option<String> {
    let world = &call.cloud.world;
    match &usage.detail {
        Detail::Machine { machine, .. } | Detail::Backup { machine, .. } => {
            Some(world.machines[*machine].ids.uuid.clone())
        }
        Detail::Address(index) => Some(world.addresses[*index].ids.uuid.clone()),
        Detail::Traffic(index) => Some(world.networks[*index].router.uuid.clone()),
        Detail::Volume { volume, .. } | Detail::Disk { volume, .. } => {
            volume_id(call, usage, &world.volumes[*volume]).map(str::to_owned)
        }
        Detail::Image(index) => Some(world.images[*index].ids.uuid.clone()),
        Detail::Snapshot(index) => Some(world.snapshots[*index].ids.uuid.clone()),
        Detail::SecurityGroup(index) => Some(world.security_groups[*index].ids.uuid.clone()),
        Detail::Balancer(index) => Some(world.balancers[*index].ids.uuid.clone()),
        Detail::Forwarding(index) => Some(world.forwardings[*index].ids.uuid.clone()),
        Detail::Interface(index) => {
            let offering = world.networks[world.machines[*index].network].offering;
            Some(world.network_offerings[offering].ids.uuid.clone())
        }
        _ => None,
    }
}

/// A volume's id, unless it moved to another pool after this record.
fn volume_id<'w>(call: &Call<'_>, usage: &Usage, volume: &'w Volume) -> Option<&'w str> {
    let lost = volume.moved.is_some_and(|moved| {
        call.settings.defects.lost_volume_ids && moved <= call.now && usage.span.until <= moved
    });
    (!lost).then_some(volume.ids.uuid.as_str())
}

fn disk_offering(world: &World, index: usize) -> &str {
    &world.disk_offerings[index].ids.uuid
}

/// `i-6-8-VM`: account's and machine's numbers.
pub fn instance_name(world: &World, machine: &Machine) -> String {
    let owner = match machine.owner {
        Owner::Account(account) => world.accounts[account].ids.number,
        Owner::Project(project) => world.projects[project].ids.number,
    };
    format!("i-{owner}-{}-VM", machine.ids.number)
}

fn description(call: &Call<'_>, usage: &Usage) -> String {
    if call.parameters.flag("oldformat") && usage.kind != 28 {
        old_description(&call.cloud.world, usage)
    } else {
        new_description(call, usage)
    }
}

/// The description as stored, with internal numbers.
fn old_description(world: &World, usage: &Usage) -> String {
    match &usage.detail {
        Detail::Machine { machine, offering, .. } => {
            let machine = &world.machines[*machine];
            let offering = world.service_offerings[*offering].ids.number;
            let template = world.images[machine.template].ids.number;
            let what = if usage.kind == 1 { "running time" } else { "allocated" };
            let name = &machine.name;
            format!("{name} {what} (ServiceOffering: {offering}) (Template: {template})")
        }
        Detail::Traffic(index) => {
            let way = if usage.kind == 4 { "sent" } else { "received" };
            let router = world.networks[*index].router.number;
            format!("network bytes {way} for Host: {router}")
        }
        Detail::Volume { volume, machine, .. } => old_volume(world, *volume, *machine),
        Detail::Image(index) => {
            let image = &world.images[*index];
            let kind = if image.iso { "ISO" } else { "Template" };
            let size = human_size(image.bytes);
            format!("{kind} Id:{} Size:{size} VirtualSize: {size}", image.ids.number)
        }
        Detail::Snapshot(index) => {
            let copy = &world.snapshots[*index];
            format!("Snapshot Id:{} Size:{}", copy.ids.number, human_size(copy.bytes))
        }
        Detail::SecurityGroup(index) => {
            let rule = &world.security_groups[*index];
            let machine = rule.machine.map_or(0, |m| world.machines[m].ids.number);
            format!("Security Group: {} for Vm : {machine} usage time", rule.ids.number)
        }
        Detail::Balancer(index) => {
            format!("Load Balancing Policy: {} usage time", world.balancers[*index].ids.number)
        }
        Detail::Forwarding(index) => {
            format!("Port Forwarding Rule: {} usage time", world.forwardings[*index].ids.number)
        }
        Detail::Interface(index) => {
            let machine = &world.machines[*index];
            let offering = world.networks[machine.network].offering;
            let offering = world.network_offerings[offering].ids.number;
            format!("Network offering:{offering} for Vm : {} usage time", machine.ids.number)
        }
        Detail::VpnUser(index) => {
            let user = &world.vpn_users[*index];
            format!("VPN User: {}, Id: {} usage time", user.name, user.ids.number)
        }
        _ => old_copy(world, usage),
    }
}

fn old_volume(world: &World, volume: usize, machine: Option<usize>) -> String {
    let volume = &world.volumes[volume];
    let mut text = format!("Volume Id: {} usage time", volume.ids.number);
    if let Some(offering) = volume.offering {
        text += &format!(" (DiskOffering: {})", world.disk_offerings[offering].ids.number);
    }
    if let Some(template) = volume.template {
        text += &format!(" (Template: {})", world.images[template].ids.number);
    }
    if let Some(machine) = machine {
        text += &format!(" (VM: {})", world.machines[machine].ids.number);
    }
    text
}

fn old_copy(world: &World, usage: &Usage) -> String {
    match &usage.detail {
        Detail::Disk { machine, volume } => {
            let what = match usage.kind {
                21 => "disk I/O read (io requests)",
                22 => "disk I/O write (io requests)",
                23 => "disk I/O read (bytes)",
                _ => "disk I/O write (bytes)",
            };
            let machine = world.machines[*machine].ids.number;
            let volume = world.volumes[*volume].ids.number;
            format!("{what} for Vm: {machine} and Volume: {volume}")
        }
        Detail::MachineSnapshot { snapshot, volume, bytes } => {
            let copy = &world.machine_snapshots[*snapshot];
            let machine = copy.of.map_or(0, |m| world.machines[m].ids.number);
            let disk = &world.volumes[*volume];
            let number = disk.ids.number;
            let offering = disk.offering.map_or_else(String::new, |offering| {
                format!(" DiskOffering: {}", world.disk_offerings[offering].ids.number)
            });
            let size = human_size(*bytes);
            let id = copy.ids.number;
            format!(
                "VMSnapshot Id: {id} Usage: VM Id: {machine} Volume Id: {number} {offering} \
                 Size: {size}"
            )
        }
        Detail::SnapshotOnPrimary(index) => {
            let copy = &world.machine_snapshots[*index];
            let machine = copy.of.map_or(0, |m| world.machines[m].ids.number);
            let size = human_size(copy.bytes);
            let id = copy.ids.number;
            format!("VMSnapshot Id: {id} On Primary Usage: VM Id: {machine} Size: {size}")
        }
        Detail::Upload(index) => {
            let copy = &world.uploads[*index];
            format!("Volume Id: {} usage time on secondary", copy.ids.number)
        }
        _ => numbered(world, usage),
    }
}

/// Descriptions that show internal numbers in both formats.
fn numbered(world: &World, usage: &Usage) -> String {
    match &usage.detail {
        Detail::Address(index) => format!("IPAddress: {}", world.addresses[*index].address),
        Detail::Bucket(_) => "Bucket Size".to_owned(),
        Detail::Network(index) => {
            let network = &world.networks[*index];
            let offering = world.network_offerings[network.offering].ids.number;
            let number = network.ids.number;
            format!("Network usage for network ID: {number}, network offering: {offering}")
        }
        Detail::Vpc(index) => {
            format!("VPC usage for VPC ID: {}", world.vpcs[*index].ids.number)
        }
        _ => "Future usage".to_owned(),
    }
}

/// The description with names and UUIDs.
fn new_description(call: &Call<'_>, usage: &Usage) -> String {
    let world = &call.cloud.world;
    match &usage.detail {
        Detail::Machine { machine, offering, .. } => {
            let machine = &world.machines[*machine];
            let offering = &world.service_offerings[*offering];
            let template = &world.images[machine.template];
            let what = if usage.kind == 1 { "Running" } else { "Allocated" };
            format!(
                "{what} VM usage for {} ({}) ({}) using service offering {} ({}) and template {} \
                 ({})",
                machine.name,
                instance_name(world, machine),
                machine.ids.uuid,
                offering.name,
                offering.ids.uuid,
                template.name,
                template.ids.uuid
            )
        }
        Detail::Traffic(index) => {
            let network = &world.networks[*index];
            let way = if usage.kind == 4 { "sent" } else { "received" };
            let Amount::Count(bytes) = usage.amount else { return String::new() };
            let name = if network.vpc.is_some() { "" } else { network.name.as_str() };
            let number = network.router.number;
            format!(
                "Bytes {way} by network {name} ({})  {} using router r-{number}-VM ({})",
                network.ids.uuid,
                human_size(bytes),
                network.router.uuid
            )
        }
        Detail::Volume { volume, bytes, machine } => {
            let volume = &world.volumes[*volume];
            new_volume(call, usage, volume, (*bytes, *machine))
        }
        Detail::Image(index) => {
            let image = &world.images[*index];
            let kind = if image.iso { "ISO" } else { "Template" };
            let size = human_size(image.bytes);
            let name = named(&image.name, &image.ids.uuid);
            format!("{kind} usage for {name} with size {size} and virtual size {size}")
        }
        Detail::Snapshot(index) => {
            let copy = &world.snapshots[*index];
            let name = named(&copy.name, &copy.ids.uuid);
            format!("Snapshot usage for {name} with size {}", human_size(copy.bytes))
        }
        _ => new_rule(call, usage),
    }
}

fn named(name: &str, uuid: &str) -> String {
    format!("{name} ({uuid})")
}

fn machine_named(world: &World, machine: Option<usize>) -> String {
    machine.map_or_else(String::new, |index| {
        let machine = &world.machines[index];
        named(&machine.name, &machine.ids.uuid)
    })
}

fn new_volume(
    call: &Call<'_>,
    usage: &Usage,
    volume: &Volume,
    piece: (u64, Option<usize>),
) -> String {
    let world = &call.cloud.world;
    let mut text = match volume_id(call, usage, volume) {
        Some(uuid) => format!("Volume usage for {}", named(&volume.name, uuid)),
        None => "Volume usage for (null)".to_owned(),
    };
    if piece.1.is_some() {
        text += &format!(" attached to VM {}", machine_named(world, piece.1));
    }
    if let Some(offering) = volume.offering {
        let offering = &world.disk_offerings[offering];
        text += &format!(" with disk offering {}", named(&offering.name, &offering.ids.uuid));
    }
    if let Some(template) = volume.template {
        let template = &world.images[template];
        text += &format!(" and template {}", named(&template.name, &template.ids.uuid));
    }
    text + &format!(" and size {}", human_size(piece.0))
}

fn new_rule(call: &Call<'_>, usage: &Usage) -> String {
    let world = &call.cloud.world;
    match &usage.detail {
        Detail::SecurityGroup(index) => {
            let rule = &world.security_groups[*index];
            let machine = machine_named(world, rule.machine);
            format!("Security group {} usage for VM {machine}", named(&rule.name, &rule.ids.uuid))
        }
        Detail::Balancer(index) => {
            let rule = &world.balancers[*index];
            format!("Loadbalancer policy usage {}", named(&rule.name, &rule.ids.uuid))
        }
        Detail::Forwarding(index) => {
            format!("Port forwarding rule usage ({})", world.forwardings[*index].ids.uuid)
        }
        Detail::Interface(index) => {
            let offering = world.networks[world.machines[*index].network].offering;
            let offering = &world.network_offerings[offering];
            let offering = named(&offering.name, &offering.ids.uuid);
            let machine = machine_named(world, Some(*index));
            format!("Network offering {offering} usage for VM {machine} ")
        }
        Detail::VpnUser(_) => "VPN usage ".to_owned(),
        _ => new_copy(call, usage),
    }
}

fn new_copy(call: &Call<'_>, usage: &Usage) -> String {
    let world = &call.cloud.world;
    match &usage.detail {
        Detail::Disk { machine, volume } => {
            let what = match usage.kind {
                21 => "read requests",
                22 => "write requests",
                23 => "read bytes",
                _ => "write bytes",
            };
            let disk = &world.volumes[*volume];
            let disk = match volume_id(call, usage, disk) {
                Some(uuid) => named(&disk.name, uuid),
                None => "(null)".to_owned(),
            };
            let machine = machine_named(world, Some(*machine));
            let Amount::Count(count) = usage.amount else { return String::new() };
            let size = human_size(count);
            format!("Disk I/O {what} for VM {machine} and volume {disk} {size}")
        }
        Detail::MachineSnapshot { snapshot, volume, bytes } => {
            let copy = &world.machine_snapshots[*snapshot];
            let machine = machine_named(world, copy.of);
            let offering = world.volumes[*volume].offering.map_or_else(String::new, |offering| {
                let offering = &world.disk_offerings[offering];
                format!(" using disk offering {}", named(&offering.name, &offering.ids.uuid))
            });
            let size = human_size(*bytes);
            let uuid = &copy.ids.uuid;
            format!("VMSnapshot usage Id: {uuid} for VM {machine}{offering} and size {size}")
        }
        Detail::SnapshotOnPrimary(index) => {
            let copy = &world.machine_snapshots[*index];
            let machine = machine_named(world, copy.of);
            let size = human_size(copy.bytes);
            let uuid = &copy.ids.uuid;
            format!(
                "VMSnapshot on primary storage usage Id: {uuid} for VM {machine} with size {size}"
            )
        }
        Detail::Backup { machine, bytes } => {
            let name = machine_named(world, Some(*machine));
            let offering =
                world.machines[*machine].backup.map_or_else(String::new, |(index, _)| {
                    let offering = &world.backup_offerings[index];
                    format!("{} ({}", offering.name, offering.ids.uuid)
                });
            let size = human_size(*bytes);
            format!(
                "Backup usage for VM {name} and backup offering {offering}, user \
                 ad-hoc/scheduled backup allowed: true) with size {size} and with virtual size \
                 {size}"
            )
        }
        Detail::Upload(index) => {
            let copy = &world.uploads[*index];
            let name = named(&copy.name, &copy.ids.uuid);
            format!(
                "Volume usage on secondary storage for {name} with size {}",
                human_size(copy.bytes)
            )
        }
        _ => numbered(world, usage),
    }
}
