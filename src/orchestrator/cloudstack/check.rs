//! What `doctor` asks a management server: rights, settings, clocks.

use super::client::{Client, PAGE_ROWS, command};
use super::usage::setting;
use crate::orchestrator::{Check, OrchestratorError};

/// Calls that Billow makes, and what each is for.
const CALLS: [(&str, &[(&str, &str)], &str); 21] = [
    ("listUsageServerMetrics", &[], "how far usage is closed"),
    ("listConfigurations", &[("name", "usage.stats.job.aggregation.range")], "the usage settings"),
    ("listServiceOfferings", &[], "offerings"),
    ("listDiskOfferings", &[], "disk offerings"),
    ("listNetworkOfferings", &[], "network offerings"),
    ("listVPCOfferings", &[], "VPC offerings"),
    ("listBackupOfferings", &[], "backup offerings"),
    ("listTemplates", &[("templatefilter", "all")], "templates and their systems"),
    ("listZones", &[], "zones"),
    ("listDomains", &[], "the tree of domains"),
    ("listAccounts", &[("details", "min")], "accounts"),
    ("listProjects", &[], "projects"),
    ("listVirtualMachines", &[("details", "min")], "the inventory of machines"),
    ("listVolumes", &[], "the inventory of volumes"),
    ("listTags", &[], "tags"),
    ("listOsTypes", &[], "the families of guest systems"),
    ("listIsos", &[("isofilter", "all")], "names of ISOs"),
    ("listSnapshots", &[], "snapshots and their names"),
    ("listPublicIpAddresses", &[], "addresses before they are billed"),
    ("listLoadBalancerRules", &[], "names of load balancers"),
    ("listSecurityGroups", &[], "names of security groups"),
];

/// Settings worth a line: name, values that are well, why it matters, what to set.
const SETTINGS: [(&str, &[&str], &str, &str); 3] = [
    ("enable.usage.server", &["true"], "no usage is recorded at all", "set it to true"),
    (
        "usage.stats.job.aggregation.range",
        &["1440", "60"],
        "other windows do not line up with days, and their usage cannot be read whole",
        "set it to 1440 or 60 and restart the usage server",
    ),
    (
        "integration.api.port",
        &["0"],
        "everybody who reaches that port is the system itself",
        "set it to 0",
    ),
];

/// Settings that are a choice: name, the value that switches it off, what is missing then.
const CHOICES: [(&str, &str, &str); 3] = [
    ("vm.disk.stats.interval", "0", "requests and bytes of disks are not metered"),
    ("vm.network.stats.interval", "0", "traffic of machines on shared networks is not metered"),
    ("usage.sanity.check.interval", "0", "the server does not check its own records"),
];

/// All checks; never fails, a server that does not answer is one bad line.
pub async fn check(client: &Client) -> Vec<Check> {
    let name = &client.source;
    let mut checks = Vec::new();
    if let Err(error) = client.call(command("listCapabilities", &[])).await {
        checks.push(Check {
            ok: false,
            what: error.to_string(),
            why: "nothing can be collected from it".to_owned(),
            mend: "check endpoint, key and secret of the source, and the server itself".to_owned(),
        });
        return checks;
    }
    let now = jiff::Timestamp::now().as_second();
    let (from, until) = (super::date::text(now - 3_600), super::date::text(now - 3_599));
    let span = [("startdate", from.as_str()), ("enddate", until.as_str())];
    let usage = ("listUsageRecords", &span[..], "usage itself");
    for (call, parameters, purpose) in CALLS.into_iter().chain([usage]) {
        let mut parameters = parameters.to_vec();
        if call.starts_with("list") && call != "listUsageServerMetrics" {
            parameters.extend([("page", "1"), ("pagesize", "1")]);
        }
        checks.push(match client.call(command(call, &parameters)).await {
            Ok(_) => Check {
                ok: true,
                what: format!("source {name} may call {call}"),
                why: String::new(),
                mend: String::new(),
            },
            Err(OrchestratorError::Forbidden { .. }) => Check {
                ok: false,
                what: format!("source {name} may not call {call}"),
                why: format!("Billow cannot read {purpose}"),
                mend: format!("add the rule {call} = allow to the role of its key"),
            },
            Err(error) => Check {
                ok: false,
                what: error.to_string(),
                why: format!("Billow cannot read {purpose}"),
                mend: "see the server's log".to_owned(),
            },
        });
    }
    checks.extend(settings(client).await);
    checks
}

async fn settings(client: &Client) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, good, why, mend) in SETTINGS {
        let Ok(Some(value)) = setting(client, name).await else { continue };
        checks.push(Check {
            ok: good.contains(&value.as_str()),
            what: format!("source {}: {name} is {value}", client.source),
            why: why.to_owned(),
            mend: mend.to_owned(),
        });
    }
    for (name, off, missing) in CHOICES {
        let Ok(value) = setting(client, name).await else { continue };
        if value.as_deref().is_none_or(|value| value == off) {
            checks.push(Check {
                ok: true,
                what: format!("source {}: {name} is off: {missing}", client.source),
                why: String::new(),
                mend: String::new(),
            });
        }
    }
    checks.extend(page_size(client).await);
    checks
}

/// A server that gives shorter pages refuses Billow's.
async fn page_size(client: &Client) -> Option<Check> {
    let name = "default.page.size";
    let value = setting(client, name).await.ok().flatten()?;
    let rows: i64 = value.trim().parse().ok()?;
    let enough = rows < 0 || usize::try_from(rows).is_ok_and(|rows| rows >= PAGE_ROWS);
    Some(Check {
        ok: enough,
        what: format!("source {}: {name} is {value}", client.source),
        why: format!("Billow asks for pages of {PAGE_ROWS} rows, which the server refuses"),
        mend: format!("set it to {PAGE_ROWS} and restart the management server"),
    })
}
