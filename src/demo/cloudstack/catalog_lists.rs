//! Listings of offerings, templates, zones, operating systems, settings and capabilities.

use super::api::Call;
use super::people_lists::reach;
use super::shape::{Object, Refusal, array};
use super::world::{Image, Owner, PlainOffering};

/// Answers the listings of this file.
pub fn run(call: &Call<'_>, name: &str) -> Option<Result<String, Refusal>> {
    Some(match name {
        "listCapabilities" => Ok(capabilities()),
        "listConfigurations" => configurations(call),
        "listServiceOfferings" => service_offerings(call),
        "listDiskOfferings" => disk_offerings(call),
        "listNetworkOfferings" => network_offerings(call),
        "listVPCOfferings" => vpc_offerings(call),
        "listBackupOfferings" => backup_offerings(call),
        "listTemplates" => images(call, false),
        "listIsos" => images(call, true),
        "listOsTypes" => os_types(call),
        "listOsCategories" => os_categories(call),
        "listZones" => zones(call),
        _ => return None,
    })
}

fn capabilities() -> String {
    let capability = Object::new()
        .flag("securitygroupsenabled", true)
        .flag("dynamicrolesenabled", true)
        .text("cloudstackversion", "4.23.0.0-SNAPSHOT")
        .flag("userpublictemplateenabled", true)
        .text("supportELB", "false")
        .flag("projectinviterequired", false)
        .flag("allowusercreateprojects", true)
        .number("customdiskofferingminsize", 1)
        .number("customdiskofferingmaxsize", 1024)
        .flag("regionsecondaryenabled", false)
        .flag("kvmsnapshotenabled", true)
        .flag("allowuserviewdestroyedvm", true)
        .flag("kubernetesserviceenabled", false)
        .number("defaultuipagesize", 20)
        .flag("instanceleaseenabled", false)
        .flag("dynamicscalingenabled", true);
    Object::new().raw("capability", &capability.done()).done()
}

/// The settings that decide about usage; a domain admin sees none of them.
fn configurations(call: &Call<'_>) -> Result<String, Refusal> {
    let settings = &call.settings;
    let range = settings.range_minutes.to_string();
    let pages = settings.page_size_max.to_string();
    let all: [(&str, &str, &str, &str); 13] = [
        ("Advanced", "default.page.size", &pages, "Number"),
        ("Usage", "direct.network.stats.interval", "86400", "Number"),
        ("Usage", "enable.usage.server", "true", "Boolean"),
        ("Advanced", "integration.api.port", "0", "Number"),
        ("Advanced", "publish.usage.events", "true", "Boolean"),
        ("Advanced", "router.stats.interval", "300", "Number"),
        ("Usage", "usage.aggregation.timezone", "GMT", "String"),
        ("Usage", "usage.execution.timezone", "GMT", "String"),
        ("Usage", "usage.sanity.check.interval", "1", "Number"),
        ("Usage", "usage.snapshot.virtualsize.select", "false", "Boolean"),
        ("Usage", "usage.stats.job.aggregation.range", &range, "Number"),
        ("Usage", "usage.stats.job.exec.time", "00:15", "String"),
        ("Advanced", "vm.disk.stats.interval", "300", "Number"),
    ];
    let world = &call.cloud.world;
    let root = world.role_of(call.caller.user).kind == super::world::RoleKind::Admin;
    let asked = |key: &str| call.parameters.get(key);
    let found: Vec<_> = all
        .into_iter()
        .filter(|(category, name, ..)| {
            root && asked("name").is_none_or(|wanted| wanted == *name)
                && asked("category").is_none_or(|wanted| wanted == *category)
                && asked("keyword").is_none_or(|wanted| name.contains(wanted))
        })
        .collect();
    call.list("configuration", found, |(category, name, value, kind)| {
        let mut words = name.replace('.', " ");
        if let Some(first) = words.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Object::new()
            .text("category", category)
            .text("group", "Miscellaneous")
            .text("subgroup", "Others")
            .text("name", name)
            .text("value", value)
            .flag("isdynamic", false)
            .text("component", "management-server")
            .text("displaytext", &words)
            .text("type", kind)
            .done()
    })
}

/// Positions of the items that a listing by id, name and time shows.
fn wanted<T>(call: &Call<'_>, items: &[T], of: impl Fn(&T) -> (String, String, i64)) -> Vec<usize> {
    let shown = |index: &usize| {
        let (id, name, created) = of(&items[*index]);
        let by_id = call.parameters.get("id").is_none_or(|wanted| wanted == id);
        let by_name = call.parameters.get("name").is_none_or(|wanted| wanted == name);
        by_id && by_name && created <= call.now
    };
    (0..items.len()).filter(shown).collect()
}

fn service_offerings(call: &Call<'_>) -> Result<String, Refusal> {
    let offerings = &call.cloud.world.service_offerings;
    if call.parameters.flag("issystem") {
        return call.list("serviceoffering", Vec::<usize>::new(), |_| String::new());
    }
    let found =
        wanted(call, offerings, |item| (item.ids.uuid.clone(), item.name.clone(), item.created));
    call.list("serviceoffering", found, |index| {
        let item = &offerings[*index];
        let mut row = Object::new()
            .text("id", &item.ids.uuid)
            .text("name", &item.name)
            .text("state", "Active")
            .text("displaytext", &item.name);
        if let Some(size) = item.size {
            row = row
                .number("cpunumber", size.cpus)
                .number("cpuspeed", size.mhz)
                .number("memory", size.ram_mib);
        }
        row = row
            .text("created", &call.date(item.created))
            .text("storagetype", "shared")
            .text("provisioningtype", "thin")
            .flag("offerha", false)
            .flag("limitcpuuse", false)
            .flag("isvolatile", false)
            .maybe("storagetags", item.storage_tags.as_deref())
            .flag("issystem", false)
            .flag("defaultuse", false);
        if item.size.is_none() {
            let limits = Object::new().text("maxcpunumber", "32").text("mincpunumber", "1");
            let limits = limits.text("minmemory", "512").text("maxmemory", "131072");
            row = row.raw("serviceofferingdetails", &limits.done());
        }
        row = row
            .flag("iscustomized", item.size.is_none())
            .number("rootdisksize", 0)
            .flag("dynamicscalingenabled", true)
            .flag("diskofferingstrictness", false)
            .flag("encryptroot", false);
        if let Some((card, count)) = &item.gpu {
            row = row.text("gpucardname", card).text("vgpuprofilename", "passthrough");
            row = row.number("gpucount", count);
        }
        row.flag("gpudisplay", false).flag("hasannotations", false).done()
    })
}

fn disk_offerings(call: &Call<'_>) -> Result<String, Refusal> {
    let offerings = &call.cloud.world.disk_offerings;
    let found =
        wanted(call, offerings, |item| (item.ids.uuid.clone(), item.name.clone(), item.created));
    call.list("diskoffering", found, |index| {
        let item = &offerings[*index];
        let mut row = Object::new()
            .text("id", &item.ids.uuid)
            .text("name", &item.name)
            .text("state", "Active")
            .text("displaytext", &item.name)
            .number("disksize", item.gib.unwrap_or(0))
            .text("created", &call.date(item.created))
            .flag("iscustomized", item.gib.is_none())
            .maybe("tags", item.tags.as_deref());
        if let Some((least, most)) = item.iops {
            row = row.number("miniops", least).number("maxiops", most);
        }
        row.text("storagetype", "shared")
            .text("provisioningtype", "thin")
            .flag("displayoffering", true)
            .flag("disksizestrictness", false)
            .flag("encrypt", false)
            .flag("hasannotations", false)
            .done()
    })
}

fn plain(call: &Call<'_>, items: &[PlainOffering]) -> Vec<usize> {
    wanted(call, items, |item| (item.ids.uuid.clone(), item.name.clone(), item.created))
}

fn network_offerings(call: &Call<'_>) -> Result<String, Refusal> {
    let offerings = &call.cloud.world.network_offerings;
    call.list("networkoffering", plain(call, offerings), |index| {
        let item = &offerings[*index];
        Object::new()
            .text("id", &item.ids.uuid)
            .text("name", &item.name)
            .text("displaytext", &item.text)
            .text("created", &call.date(item.created))
            .text("traffictype", "Guest")
            .flag("isdefault", true)
            .flag("specifyvlan", false)
            .flag("conservemode", true)
            .text("availability", "Optional")
            .number("networkrate", 200)
            .text("state", "Enabled")
            .text("guestiptype", &item.detail)
            .raw("service", "[]")
            .flag("forvpc", item.name.contains("VPC"))
            .flag("ispersistent", false)
            .flag("egressdefaultpolicy", false)
            .text("internetprotocol", "IPv4")
            .flag("hasannotations", false)
            .done()
    })
}

fn vpc_offerings(call: &Call<'_>) -> Result<String, Refusal> {
    let offerings = &call.cloud.world.vpc_offerings;
    call.list("vpcoffering", plain(call, offerings), |index| {
        let item = &offerings[*index];
        Object::new()
            .text("id", &item.ids.uuid)
            .text("name", &item.name)
            .text("displaytext", &item.text)
            .text("created", &call.date(item.created))
            .flag("isdefault", true)
            .text("state", "Enabled")
            .raw("service", "[]")
            .flag("distributedvpcrouter", false)
            .text("internetprotocol", "IPv4")
            .flag("conservemode", false)
            .done()
    })
}

fn backup_offerings(call: &Call<'_>) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let offerings = &world.backup_offerings;
    call.list("backupoffering", plain(call, offerings), |index| {
        let item = &offerings[*index];
        Object::new()
            .text("id", &item.ids.uuid)
            .text("name", &item.name)
            .text("description", &item.text)
            .text("provider", &item.detail)
            .text("externalid", &item.name)
            .flag("allowuserdrivenbackups", true)
            .text("zoneid", &world.zones[item.zone].ids.uuid)
            .text("zonename", &world.zones[item.zone].name)
            .text("created", &call.date(item.created))
            .done()
    })
}

fn images(call: &Call<'_>, iso: bool) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let (filter, key) = if iso { ("isofilter", "iso") } else { ("templatefilter", "template") };
    let filter = match call.parameters.get(filter) {
        Some(filter) => filter,
        None if iso => "selfexecutable",
        None => call.required(filter)?,
    };
    let root = world.role_of(call.caller.user).kind == super::world::RoleKind::Admin;
    if filter == "all" && !root {
        return Err(Refusal::value("Filter all can be specified by root admin only"));
    }
    let reach = reach(call, if iso { "listIsos" } else { "listTemplates" })?;
    let found = wanted(call, &world.images, |image| {
        (image.ids.uuid.clone(), image.name.clone(), image.life.from)
    });
    let shown = |index: &usize| {
        let image = &world.images[*index];
        let whose = match filter {
            "all" => true,
            "featured" | "community" => image.public,
            "self" | "selfexecutable" => reach.holds(call, image.owner),
            _ => image.public || reach.holds(call, image.owner),
        };
        image.iso == iso && image.life.holds(call.now) && whose
    };
    let found = found.into_iter().filter(shown).collect();
    call.list(key, found, |index| image_row(call, &world.images[*index]))
}

fn image_row(call: &Call<'_>, image: &Image) -> String {
    let world = &call.cloud.world;
    let zone = &world.zones[image.zone];
    let row = Object::new()
        .text("id", &image.ids.uuid)
        .text("name", &image.name)
        .text("displaytext", &image.name)
        .flag("ispublic", image.public)
        .text("created", &call.date(image.life.from))
        .flag("isready", true)
        .flag("passwordenabled", false)
        .text("format", if image.iso { "ISO" } else { "VHD" })
        .flag("isfeatured", image.public)
        .flag("crossZones", false)
        .text("ostypeid", &world.os_types[image.os].uuid)
        .text("ostypename", &world.os_types[image.os].name);
    let row = match image.owner {
        Owner::Account(account) => row.text("account", world.accounts[account].name_at(call.now)),
        Owner::Project(_) => row,
    };
    let row = row
        .text("zoneid", &zone.ids.uuid)
        .text("zonename", &zone.name)
        .text("status", "Download Complete")
        .number("size", image.bytes)
        .number("physicalsize", image.bytes);
    let row = if image.iso {
        row.flag("bootable", true)
    } else {
        row.text("templatetype", "USER").text("hypervisor", "Simulator")
    };
    row.and(super::render::domain_fields(world, image.owner))
        .flag("isextractable", false)
        .text("arch", "x86_64")
        .flag("isdynamicallyscalable", false)
        .flag("directdownload", false)
        .raw("tags", "[]")
        .flag("hasannotations", false)
        .done()
}

fn os_types(call: &Call<'_>) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let found = wanted(call, &world.os_types, |os| (os.uuid.clone(), os.name.clone(), i64::MIN));
    call.list("ostype", found, |index| {
        let os = &world.os_types[*index];
        let (category, name) = &world.os_categories[os.category];
        Object::new()
            .text("id", &os.uuid)
            .text("oscategoryid", category)
            .text("oscategoryname", name)
            .text("name", &os.name)
            .text("description", &os.name)
            .flag("isuserdefined", false)
            .flag("fordisplay", true)
            .done()
    })
}

fn os_categories(call: &Call<'_>) -> Result<String, Refusal> {
    let categories = &call.cloud.world.os_categories;
    call.list("oscategory", categories.iter().collect(), |(id, name)| {
        Object::new().text("id", id).text("name", name).flag("isfeatured", true).done()
    })
}

fn zones(call: &Call<'_>) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let found =
        wanted(call, &world.zones, |zone| (zone.ids.uuid.clone(), zone.name.clone(), i64::MIN));
    call.list("zone", found, |index| {
        let zone = &world.zones[*index];
        Object::new()
            .text("id", &zone.ids.uuid)
            .text("name", &zone.name)
            .text("dns1", "198.51.100.53")
            .text("internaldns1", "198.51.100.53")
            .text("networktype", "Advanced")
            .flag("securitygroupsenabled", zone.security_groups)
            .number("gputotal", 0)
            .number("gpuused", 0)
            .text("allocationstate", "Enabled")
            .text("dhcpprovider", "VirtualRouter")
            .flag("localstorageenabled", false)
            .raw("tags", &array(&[]))
            .text("type", "Core")
            .flag("hasannotations", false)
            .done()
    })
}
