//! Which commands there are, whom their annotations authorize, and what a role's rules say.

use super::session::Caller;
use super::shape::Refusal;
use super::world::{Role, RoleKind, World};

/// A command: name, the least kind of role it is open to, and whether it changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    pub name: &'static str,
    pub open_to: RoleKind,
}

const fn open(name: &'static str, open_to: RoleKind) -> Command {
    Command { name, open_to }
}

use RoleKind::{Admin, DomainAdmin, User};

/// All commands of the simulated server, with the annotations of the real one.
pub const COMMANDS: [Command; 39] = [
    open("listAccounts", User),
    open("listApis", User),
    open("listBackupOfferings", User),
    open("listBackups", User),
    open("listBuckets", User),
    open("listCapabilities", User),
    open("listConfigurations", DomainAdmin),
    open("listDiskOfferings", User),
    open("listDomainChildren", DomainAdmin),
    open("listDomains", DomainAdmin),
    open("listIsos", User),
    open("listLoadBalancerRules", User),
    open("listNetworkOfferings", User),
    open("listNetworks", User),
    open("listOsCategories", User),
    open("listOsTypes", User),
    open("listPortForwardingRules", User),
    open("listProjectAccounts", User),
    open("listProjects", User),
    open("listPublicIpAddresses", User),
    open("listRolePermissions", DomainAdmin),
    open("listRoles", DomainAdmin),
    open("listSecurityGroups", User),
    open("listServiceOfferings", User),
    open("listSnapshots", User),
    open("listTags", User),
    open("listTemplates", User),
    open("listUsageRecords", DomainAdmin),
    open("listUsageServerMetrics", Admin),
    open("listUsageTypes", Admin),
    open("listUsers", User),
    open("listVMSnapshot", User),
    open("listVPCOfferings", User),
    open("listVPCs", User),
    open("listVirtualMachines", User),
    open("listVolumes", User),
    open("listVpnUsers", User),
    open("listZones", User),
    open("validateUserTwoFactorAuthenticationCode", User),
];

/// The command of a name, letter for letter.
pub fn find(name: &str) -> Option<Command> {
    COMMANDS.into_iter().find(|command| command.name == name)
}

/// Whether a caller may call a command: the key's rules, then the role's, then the annotation.
pub fn allowed(world: &World, caller: &Caller, command: Command) -> bool {
    if !caller.rules.is_empty() && !caller.rules.iter().any(|rule| rule == command.name) {
        return false;
    }
    role_allows(world.role_of(caller.user), command)
}

fn role_allows(role: &Role, command: Command) -> bool {
    let matched = role.rules.iter().find(|(rule, _)| matches(rule, command.name));
    match matched {
        Some((_, allow)) => *allow,
        None => role.kind >= command.open_to,
    }
}

fn matches(rule: &str, command: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(start) => command.starts_with(start),
        None => rule == command,
    }
}

/// The refusal of a command that is unknown in a session or forbidden to the caller.
pub fn forbidden(world: &World, caller: &Caller, command: &str, now: i64) -> Refusal {
    let account = world.accounts[world.users[caller.user].account].name_at(now);
    let text = format!(
        "The API [{command}] does not exist or is not available for the account {account}."
    );
    Refusal { anonymous: true, ..Refusal::new(432, 9999, text) }
}
