//! `listUsageRecords` with its filters and scopes, `listUsageTypes`, `listUsageServerMetrics`.

use super::api::{Call, parse_date};
use super::render;
use super::session::machine_seconds;
use super::shape::{Object, Refusal};
use super::usage::{Usage, records as records_of, spans_of_run};
use super::world::{Life, Owner, RoleKind};

/// Numbers and names of the usage types, as a 4.23 server lists them.
const TYPES: [(u8, &str, &str); 25] = [
    (1, "RUNNING_VM", "Running Vm Usage"),
    (2, "ALLOCATED_VM", "Allocated Vm Usage"),
    (3, "IP_ADDRESS", "IP Address Usage"),
    (4, "NETWORK_BYTES_SENT", "Network Usage (Bytes Sent)"),
    (5, "NETWORK_BYTES_RECEIVED", "Network Usage (Bytes Received)"),
    (6, "VOLUME", "Volume Usage"),
    (7, "TEMPLATE", "Template Usage"),
    (8, "ISO", "ISO Usage"),
    (9, "SNAPSHOT", "Snapshot Usage"),
    (10, "SECURITY_GROUP", "Security Group Usage"),
    (11, "LOAD_BALANCER_POLICY", "Load Balancer Usage"),
    (12, "PORT_FORWARDING_RULE", "Port Forwarding Usage"),
    (13, "NETWORK_OFFERING", "Network Offering Usage"),
    (14, "VPN_USERS", "VPN users usage"),
    (21, "VM_DISK_IO_READ", "VM Disk usage(I/O Read)"),
    (22, "VM_DISK_IO_WRITE", "VM Disk usage(I/O Write)"),
    (23, "VM_DISK_BYTES_READ", "VM Disk usage(Bytes Read)"),
    (24, "VM_DISK_BYTES_WRITE", "VM Disk usage(Bytes Write)"),
    (25, "VM_SNAPSHOT", "VM Snapshot storage usage"),
    (26, "VOLUME_SECONDARY", "Volume on secondary storage usage"),
    (27, "VM_SNAPSHOT_ON_PRIMARY", "VM Snapshot on primary storage usage"),
    (28, "BACKUP", "Backup storage usage"),
    (29, "BUCKET", "Bucket storage usage"),
    (30, "NETWORK", "Network usage"),
    (31, "VPC", "VPC usage"),
];

/// `listUsageTypes`.
pub fn types(call: &Call<'_>) -> Result<String, Refusal> {
    call.list("usagetype", TYPES.to_vec(), |(id, name, description)| {
        let row = Object::new().number("id", id).text("name", name);
        row.text("description", description).done()
    })
}

/// `listUsageServerMetrics`: the watermark is the cloud's time, the rest the machine's.
pub fn metrics(call: &Call<'_>) -> String {
    let machine = machine_seconds(call.cloud);
    let job = call.cloud.job(&call.settings);
    let runs = job.runs(call.now);
    let last = match runs.checked_sub(1) {
        Some(last) => job.window(last).until - 1,
        None => job.start - 1,
    };
    let metrics = Object::new()
        .text("collectiontime", &call.date(machine))
        .text("hostname", "N/A")
        .text("state", "Down")
        .text("lastheartbeat", &call.date(machine - machine.rem_euclid(60)))
        .text("lastsuccessfuljob", &call.date(last));
    Object::new().raw("usageMetrics", &metrics.done()).done()
}

/// Which owners' records are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Everybody,
    Only(Owner),
    /// Accounts of a domain, and below it when recursive; projects count as accounts of theirs.
    Domain(usize, bool),
    Nobody,
}

/// `listUsageRecords`.
pub fn records(call: &Call<'_>) -> Result<String, Refusal> {
    let start = date(call, "startdate", 0)?;
    let end = date(call, "enddate", 86_399)?;
    let kind = match call.parameters.get("type") {
        Some(text) => Some(text.parse::<u32>().map_err(|_| call.invalid("type", text))?),
        None => None,
    };
    let whose = whose(call)?;
    if start > end {
        let text = format!(
            "Incorrect Date Range. Start date: {} is after end date:{}",
            java_date(start),
            java_date(end)
        );
        return Err(Refusal::value(text));
    }
    let id = call.parameters.get("usageid");
    if id.is_some() && kind.is_none() {
        return Err(Refusal::value("Usageid must be specified together with usageType"));
    }
    let mut found = Vec::new();
    if start < end {
        collect(call, Life { from: start, until: end }, &mut |usage| {
            let wanted = kind.is_none_or(|kind| u32::from(usage.kind) == kind)
                && belongs(call, whose, usage.owner)
                && id.is_none_or(|id| render::found_by(call, &usage).is_some_and(|own| own == id));
            if wanted {
                found.push(usage);
            }
        });
    }
    call.list("usagerecord", found, |usage| render::record(call, usage))
}

/// All records whose start and end lie inside, in the order in which they were written.
fn collect(call: &Call<'_>, inside: Life, take: &mut impl FnMut(Usage)) {
    let world = &call.cloud.world;
    let job = call.cloud.job(&call.settings);
    let defects = &call.settings.defects;
    for run in 0..job.runs(call.now) {
        for span in spans_of_run(world, job, defects, run) {
            if span.within(Life { from: inside.from, until: inside.until + 1 }).is_none() {
                continue;
            }
            for usage in records_of(world, defects, span, run) {
                // Ends are stored at one-second resolution: the last second of the span.
                if usage.span.from >= inside.from && usage.span.until - 1 <= inside.until {
                    take(usage);
                }
            }
        }
    }
}

fn date(call: &Call<'_>, name: &str, end: i64) -> Result<i64, Refusal> {
    let text = call.required(name)?;
    parse_date(text, end).ok_or_else(|| {
        Refusal::parameter(format!(
            "Unable to parse date {text} for command {}, please pass dates in the format \
             mentioned in the api documentation",
            call.command
        ))
    })
}

fn java_date(at: i64) -> String {
    jiff::Timestamp::from_second(at)
        .map(|at| at.strftime("%a %b %d %H:%M:%S UTC %Y").to_string())
        .unwrap_or_default()
}

/// The owners that caller and filters leave.
fn whose(call: &Call<'_>) -> Result<Whose, Refusal> {
    let world = &call.cloud.world;
    let own = world.users[call.caller.user].account;
    let domain = find_domain(call)?;
    let by_id = find_account(call)?;
    let by_name = match (call.parameters.get("account"), domain) {
        (Some(name), Some(domain)) => Some(account_named(call, name, domain)?),
        // An account without its domain is ignored: everything comes back.
        _ => None,
    };
    let project = find_project(call)?;
    if project.is_some() && (by_id.is_some() || by_name.is_some()) {
        return Err(Refusal::value("Projectid and accountId can't be specified together"));
    }
    let recursive = call.parameters.flag("isrecursive");
    match world.role_of(call.caller.user).kind {
        RoleKind::User => user_scope(own, by_id.or(by_name), domain.is_some(), recursive),
        RoleKind::DomainAdmin => {
            let asked = Asked { by_id, by_name, domain, project, recursive };
            domain_admin_scope(call, own, asked)
        }
        RoleKind::Admin | RoleKind::ResourceAdmin => Ok(match (project, by_id.or(by_name)) {
            (Some(project), _) => Whose::Only(Owner::Project(project)),
            (None, Some(account)) => Whose::Only(Owner::Account(account)),
            (None, None) => match domain {
                Some(domain) => Whose::Domain(domain, recursive),
                None => Whose::Everybody,
            },
        }),
    }
}

struct Asked {
    by_id: Option<usize>,
    by_name: Option<usize>,
    domain: Option<usize>,
    project: Option<usize>,
    recursive: bool,
}

fn user_scope(
    own: usize,
    asked: Option<usize>,
    domain: bool,
    recursive: bool,
) -> Result<Whose, Refusal> {
    if asked.is_some_and(|asked| asked != own) {
        return Err(Refusal::permission(
            "Users are only allowed to list usage records for their own account.",
        ));
    }
    if domain {
        return Err(Refusal::permission(
            "Users are not allowed to list usage records for a domain",
        ));
    }
    if recursive {
        return Err(Refusal::permission(
            "Users are not allowed to list usage records recursively.",
        ));
    }
    Ok(Whose::Only(Owner::Account(own)))
}

fn domain_admin_scope(call: &Call<'_>, own: usize, asked: Asked) -> Result<Whose, Refusal> {
    let world = &call.cloud.world;
    let home = world.accounts[own].domain;
    let reaches = |domain: usize| world.is_below(domain, home);
    if let Some(domain) = asked.domain
        && !reaches(domain)
    {
        return Err(out_of_domain(call, domain));
    }
    if let Some(account) = asked.by_id
        && !reaches(world.accounts[account].domain)
    {
        return Err(Refusal::permission(
            "Domain admins may only retrieve usage records for accounts in their own domain and \
             child domains.",
        ));
    }
    Ok(match asked {
        Asked { project: Some(_), .. } => Whose::Nobody,
        Asked { by_name: Some(account), .. } => Whose::Only(Owner::Account(account)),
        Asked { by_id: Some(account), .. } if account == own => Whose::Only(Owner::Account(own)),
        Asked { by_id: Some(_), .. } => Whose::Nobody,
        Asked { domain, recursive: true, .. } => Whose::Domain(domain.unwrap_or(home), true),
        Asked { domain: Some(domain), .. } if domain != home => Whose::Nobody,
        _ => Whose::Only(Owner::Account(own)),
    })
}

/// The refusal of a domain that the caller's account may not touch.
pub fn out_of_domain(call: &Call<'_>, domain: usize) -> Refusal {
    let world = &call.cloud.world;
    let account = &world.accounts[world.users[call.caller.user].account];
    Refusal::permission(format!(
        "Account Account [{{\"accountName\":\"{}\",\"id\":{},\"uuid\":\"{}\"}}] does not have \
         permission to operate within domain id={}",
        account.name_at(call.now),
        account.ids.number,
        account.ids.uuid,
        world.domains[domain].ids.uuid
    ))
}

/// The domain that a parameter names.
pub fn find_domain(call: &Call<'_>) -> Result<Option<usize>, Refusal> {
    let Some(id) = call.parameters.get("domainid") else { return Ok(None) };
    let found = call
        .cloud
        .world
        .domains
        .iter()
        .position(|domain| domain.ids.uuid == id || domain.ids.number.to_string() == id);
    found.map(Some).ok_or_else(|| call.unknown_id("domainid", id))
}

fn find_account(call: &Call<'_>) -> Result<Option<usize>, Refusal> {
    let Some(id) = call.parameters.get("accountid") else { return Ok(None) };
    let found = call
        .cloud
        .world
        .accounts
        .iter()
        .position(|account| account.ids.uuid == id || account.ids.number.to_string() == id);
    found.map(Some).ok_or_else(|| call.unknown_id("accountid", id))
}

/// The account of a name in a domain: a present one before a removed one.
pub fn account_named(call: &Call<'_>, name: &str, domain: usize) -> Result<usize, Refusal> {
    let world = &call.cloud.world;
    let named = |index: &usize| {
        let account = &world.accounts[*index];
        account.domain == domain && account.name_at(call.now) == name
    };
    let all: Vec<_> = (0..world.accounts.len()).filter(named).collect();
    let present = all.iter().find(|index| world.accounts[**index].life.holds(call.now));
    present.or_else(|| all.last()).copied().ok_or_else(|| {
        let domain = &world.domains[domain].ids.uuid;
        Refusal::value(format!("Unable to find account {name} in domain {domain}"))
    })
}

fn find_project(call: &Call<'_>) -> Result<Option<usize>, Refusal> {
    let Some(id) = call.parameters.get("projectid") else { return Ok(None) };
    if id == "-1" {
        return Err(Refusal::value("Unable to find project by id -1"));
    }
    let found = call.cloud.world.projects.iter().position(|project| project.ids.uuid == id);
    found.map(Some).ok_or_else(|| call.unknown_id("projectid", id))
}

fn belongs(call: &Call<'_>, whose: Whose, owner: Owner) -> bool {
    let world = &call.cloud.world;
    match whose {
        Whose::Everybody => true,
        Whose::Only(only) => only == owner,
        Whose::Domain(domain, true) => world.is_below(world.domain_of(owner), domain),
        Whose::Domain(domain, false) => world.domain_of(owner) == domain,
        Whose::Nobody => false,
    }
}
