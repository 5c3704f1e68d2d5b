//! Listings of domains, accounts, users, projects, roles and commands, each as far as the caller
//! reaches; and the reach of listings of owned things.

use super::api::Call;
use super::commands::{COMMANDS, Command, allowed};
use super::render::domain_fields;
use super::shape::{Object, Refusal, array};
use super::usage_list::{account_named, find_domain, out_of_domain};
use super::world::{Owner, RoleKind};

/// Answers the listings of this file.
pub fn run(call: &Call<'_>, name: &str) -> Option<Result<String, Refusal>> {
    Some(match name {
        "listDomains" => domains(call),
        "listDomainChildren" => domain_children(call),
        "listAccounts" => accounts(call),
        "listUsers" => users(call),
        "listProjects" => projects(call),
        "listProjectAccounts" => project_accounts(call),
        "listRoles" => roles(call),
        "listRolePermissions" => role_permissions(call),
        "listApis" => apis(call),
        _ => return None,
    })
}

/// Which owners' things a listing shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    All { projects: bool },
    Domain { domain: usize, recursive: bool, projects: bool },
    Account { account: usize, projects: bool },
    Project(usize),
}

impl Reach {
    /// Whether an owner's things are shown.
    pub fn holds(self, call: &Call<'_>, owner: Owner) -> bool {
        let world = &call.cloud.world;
        let project = matches!(owner, Owner::Project(_));
        match self {
            Self::All { projects } => projects || !project,
            Self::Domain { domain, recursive, projects } => {
                let home = world.domain_of(owner);
                let inside = if recursive { world.is_below(home, domain) } else { home == domain };
                inside && (projects || !project)
            }
            Self::Account { account, projects } => match owner {
                Owner::Account(index) => index == account,
                Owner::Project(index) => projects && is_member(call, index, account),
            },
            Self::Project(index) => owner == Owner::Project(index),
        }
    }
}

fn is_member(call: &Call<'_>, project: usize, account: usize) -> bool {
    let project = &call.cloud.world.projects[project];
    project.owner == account || project.members.contains(&account)
}

fn kind_of(call: &Call<'_>) -> RoleKind {
    call.cloud.world.role_of(call.caller.user).kind
}

fn own_account(call: &Call<'_>) -> usize {
    call.cloud.world.users[call.caller.user].account
}

fn home(call: &Call<'_>) -> usize {
    call.cloud.world.accounts[own_account(call)].domain
}

/// Whether the caller may operate in a domain.
fn reaches_domain(call: &Call<'_>, domain: usize) -> bool {
    match kind_of(call) {
        RoleKind::Admin | RoleKind::ResourceAdmin => true,
        RoleKind::DomainAdmin => call.cloud.world.is_below(domain, home(call)),
        RoleKind::User => domain == home(call),
    }
}

/// The reach that caller and parameters give.
pub fn reach(call: &Call<'_>, name: &str) -> Result<Reach, Refusal> {
    let world = &call.cloud.world;
    let own = own_account(call);
    let projects = call.parameters.get("projectid") == Some("-1");
    if let Some(id) = call.parameters.get("projectid").filter(|_| !projects) {
        let found = world.projects.iter().position(|project| project.ids.uuid == id);
        let project = found.ok_or_else(|| call.unknown_id("projectid", id))?;
        if kind_of(call) == RoleKind::User && !is_member(call, project, own) {
            let text = format!(
                "The API [{name}] does not exist or is not available for this account/user in \
                 project [{id}]."
            );
            return Err(Refusal { anonymous: true, ..Refusal::new(432, 9999, text) });
        }
        return Ok(Reach::Project(project));
    }
    if let Some(domain) = find_domain(call)? {
        if !reaches_domain(call, domain) {
            return Err(out_of_domain(call, domain));
        }
        if let Some(account) = call.parameters.get("account") {
            let account = account_named(call, account, domain)?;
            if kind_of(call) == RoleKind::User && account != own {
                return Err(caller_refused());
            }
            return Ok(Reach::Account { account, projects });
        }
        let recursive = call.parameters.flag("isrecursive");
        return Ok(match kind_of(call) {
            RoleKind::User => Reach::Account { account: own, projects },
            _ => Reach::Domain { domain, recursive, projects },
        });
    }
    Ok(match (call.parameters.flag("listall"), kind_of(call)) {
        (true, RoleKind::Admin | RoleKind::ResourceAdmin) => Reach::All { projects },
        (true, RoleKind::DomainAdmin) => {
            Reach::Domain { domain: home(call), recursive: true, projects }
        }
        _ => Reach::Account { account: own, projects },
    })
}

fn caller_refused() -> Refusal {
    Refusal::permission("Caller does not have permission to operate with provided resource.")
}

fn domains(call: &Call<'_>) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let all = call.parameters.flag("listall") || kind_of(call) >= RoleKind::ResourceAdmin;
    let wanted = |index: &usize| {
        let domain = &world.domains[*index];
        let reached = world.is_below(*index, home(call)) && (all || *index == home(call));
        let by_id = call.parameters.get("id").is_none_or(|id| id == domain.ids.uuid);
        let by_name = call.parameters.get("name").is_none_or(|name| name == domain.name);
        reached && by_id && by_name && domain.created <= call.now
    };
    let found = (0..world.domains.len()).filter(wanted).collect();
    call.list("domain", found, |index| domain_row(call, *index))
}

fn domain_children(call: &Call<'_>) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let above = match call.parameters.get("id") {
        Some(id) => world
            .domains
            .iter()
            .position(|domain| domain.ids.uuid == id)
            .ok_or_else(|| call.unknown_id("id", id))?,
        None => home(call),
    };
    if !reaches_domain(call, above) {
        return Err(out_of_domain(call, above));
    }
    let recursive = call.parameters.flag("isrecursive");
    let below = |index: &usize| {
        let direct = world.domains[*index].parent == Some(above);
        let deep = recursive && *index != above && world.is_below(*index, above);
        direct || deep
    };
    let found = (0..world.domains.len()).filter(below).collect();
    call.list("domain", found, |index| domain_row(call, *index))
}

fn domain_row(call: &Call<'_>, index: usize) -> String {
    let world = &call.cloud.world;
    let domain = &world.domains[index];
    let level = domain.path.matches('/').count();
    let parent = domain.parent.map(|parent| &world.domains[parent]);
    let children = world.domains.iter().any(|other| other.parent == Some(index));
    Object::new()
        .text("id", &domain.ids.uuid)
        .text("name", &domain.name)
        .number("level", level)
        .maybe("parentdomainid", parent.map(|parent| parent.ids.uuid.as_str()))
        .maybe("parentdomainname", parent.map(|parent| parent.name.as_str()))
        .flag("haschild", children)
        .text("path", &domain.path)
        .text("state", "Active")
        .text("created", &call.date(domain.created))
        .raw("secondarystoragetotal", "0.0")
        .flag("hasannotations", false)
        .done()
}

fn accounts(call: &Call<'_>) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    if let Some(id) = call.parameters.get("id") {
        let found = world.accounts.iter().position(|account| account.ids.uuid == id);
        let index = found.ok_or_else(|| call.unknown_id("id", id))?;
        let domain = world.accounts[index].domain;
        let may = index == own_account(call)
            || (kind_of(call) > RoleKind::User && reaches_domain(call, domain));
        if !may {
            return Err(caller_refused());
        }
        return call.list("account", vec![index], |index| account_row(call, *index));
    }
    let reach = reach(call, "listAccounts")?;
    let wanted = |index: &usize| {
        let account = &world.accounts[*index];
        let by_name =
            call.parameters.get("name").is_none_or(|name| name == account.name_at(call.now));
        // The system's own account is never listed, though records name it.
        *index != 0
            && account.life.holds(call.now)
            && by_name
            && reach.holds(call, Owner::Account(*index))
    };
    let found = (0..world.accounts.len()).filter(wanted).collect();
    call.list("account", found, |index| account_row(call, *index))
}

fn account_row(call: &Call<'_>, index: usize) -> String {
    let world = &call.cloud.world;
    let account = &world.accounts[index];
    let role = &world.roles[account.role];
    let users = world.users.iter().enumerate().filter(|(_, user)| user.account == index);
    let users: Vec<_> = users.map(|(user, _)| user_row(call, user)).collect();
    Object::new()
        .text("id", &account.ids.uuid)
        .text("name", account.name_at(call.now))
        .number("accounttype", role.kind.account_type())
        .text("roleid", &role.uuid)
        .text("roletype", role.kind.as_str())
        .text("rolename", &role.name)
        .and(domain_fields(world, Owner::Account(index)))
        .raw("secondarystoragetotal", "0.0")
        .text("state", if account.locked { "locked" } else { "enabled" })
        .text("created", &call.date(account.life.from))
        .raw("user", &array(&users))
        .flag("isdefault", role.kind == RoleKind::Admin && index < 2)
        .raw("groups", "[]")
        .text("apikeyaccess", "INHERIT")
        .done()
}

fn users(call: &Call<'_>) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let kind = kind_of(call);
    let all = call.parameters.flag("listall") && kind > RoleKind::User;
    let wanted = |index: &usize| {
        let user = &world.users[*index];
        let reached = match kind {
            RoleKind::User => *index == call.caller.user,
            _ if all => reaches_domain(call, world.accounts[user.account].domain),
            _ => user.account == own_account(call),
        };
        let by_id = call.parameters.get("id").is_none_or(|id| id == user.ids.uuid);
        let by_name = call.parameters.get("username").is_none_or(|name| name == user.name);
        reached && by_id && by_name && user.created <= call.now
    };
    let found = (0..world.users.len()).filter(wanted).collect();
    call.list("user", found, |index| user_row(call, *index))
}

fn user_row(call: &Call<'_>, index: usize) -> String {
    let world = &call.cloud.world;
    let user = &world.users[index];
    let account = &world.accounts[user.account];
    let role = &world.roles[account.role];
    let key = world.keys.iter().find(|key| key.user == index && key.rules.is_empty());
    let row = Object::new()
        .text("id", &user.ids.uuid)
        .text("username", &user.name)
        .text("firstname", "Demo")
        .text("lastname", &user.name)
        .text("email", &format!("{}@example.com", user.name))
        .text("created", &call.date(user.created))
        .text("state", if account.locked { "locked" } else { "enabled" })
        .text("account", account.name_at(call.now))
        .number("accounttype", role.kind.account_type())
        .text("usersource", "native")
        .text("roleid", &role.uuid)
        .text("roletype", role.kind.as_str())
        .text("rolename", &role.name)
        .text("domainid", &world.domains[account.domain].ids.uuid)
        .text("domain", &world.domains[account.domain].name)
        .text("timezone", &user.time_zone)
        .maybe("apikey", key.map(|key| key.api_key.as_str()))
        .text("accountid", &account.ids.uuid)
        .flag("iscallerchilddomain", account.domain != home(call))
        .flag("isdefault", false)
        .flag("is2faenabled", user.second_factor.is_some())
        .flag("is2famandated", false);
    let root = kind_of(call) == RoleKind::Admin;
    row.maybe("apikeyaccess", root.then_some("INHERIT")).done()
}

fn projects(call: &Call<'_>) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let own = own_account(call);
    let all = call.parameters.flag("listall");
    let wanted = |index: &usize| {
        let project = &world.projects[*index];
        let admin = all && kind_of(call) >= RoleKind::DomainAdmin;
        let reached =
            is_member(call, *index, own) || (admin && reaches_domain(call, project.domain));
        let by_id = call.parameters.get("id").is_none_or(|id| id == project.ids.uuid);
        reached && by_id && project.life.holds(call.now)
    };
    let found = (0..world.projects.len()).filter(wanted).collect();
    call.list("project", found, |index| project_row(call, *index))
}

fn project_row(call: &Call<'_>, index: usize) -> String {
    let world = &call.cloud.world;
    let project = &world.projects[index];
    let domain = &world.domains[project.domain];
    let owner = Object::new().text("account", world.accounts[project.owner].name_at(call.now));
    Object::new()
        .text("id", &project.ids.uuid)
        .text("name", &project.name)
        .text("displaytext", &project.name)
        .text("domainid", &domain.ids.uuid)
        .text("domain", &domain.name)
        .raw("owner", &array(&[owner.done()]))
        .text("projectaccountname", &format!("PrjAcct-{}-{}", project.name, domain.ids.number))
        .text("state", "Active")
        .raw("tags", "[]")
        .text("created", &call.date(project.life.from))
        .done()
}

fn project_accounts(call: &Call<'_>) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let id = call.required("projectid")?;
    let found = world.projects.iter().position(|project| project.ids.uuid == id);
    let index = found.ok_or_else(|| call.unknown_id("projectid", id))?;
    let project = &world.projects[index];
    let may = is_member(call, index, own_account(call))
        || (kind_of(call) > RoleKind::User && reaches_domain(call, project.domain));
    if !may {
        return Err(caller_refused());
    }
    let mut members = project.members.clone();
    members.push(project.owner);
    call.list("projectaccount", members, |member| {
        let account = &world.accounts[*member];
        let kind = world.roles[account.role].kind;
        let users = world.users.iter().enumerate().filter(|(_, user)| user.account == *member);
        let users: Vec<_> = users.map(|(user, _)| user_row(call, user)).collect();
        Object::new()
            .text("projectid", &project.ids.uuid)
            .text("project", &project.name)
            .text("accountid", &account.ids.uuid)
            .text("account", account.name_at(call.now))
            .number("accounttype", kind.account_type())
            .text("role", if *member == project.owner { "Admin" } else { "Regular" })
            .and(domain_fields(world, Owner::Account(*member)))
            .raw("user", &array(&users))
            .done()
    })
}

fn roles(call: &Call<'_>) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let most = kind_of(call);
    let id = call.parameters.get("id");
    let wanted = |index: &usize| {
        let role = &world.roles[*index];
        role.kind <= most && id.is_none_or(|id| id == role.uuid)
    };
    let found = (0..world.roles.len()).filter(wanted).collect();
    call.list("role", found, |index| {
        let role = &world.roles[*index];
        Object::new()
            .text("type", role.kind.as_str())
            .flag("isdefault", role.built_in)
            .text("state", "enabled")
            .text("id", &role.uuid)
            .text("name", &role.name)
            .text("description", &role.description)
            .flag("ispublic", true)
            .done()
    })
}

fn role_permissions(call: &Call<'_>) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let wanted = call.parameters.get("roleid");
    let roles = world.roles.iter().filter(|role| wanted.is_none_or(|id| id == role.uuid));
    let rules: Vec<_> = roles.flat_map(|role| role.rules.iter().map(move |r| (role, r))).collect();
    call.list("rolepermission", rules, |(role, (rule, allow))| {
        Object::new()
            .text("id", &role.uuid)
            .text("roleid", &role.uuid)
            .text("rolename", &role.name)
            .text("rule", rule)
            .text("permission", if *allow { "allow" } else { "deny" })
            .done()
    })
}

fn apis(call: &Call<'_>) -> Result<String, Refusal> {
    let world = &call.cloud.world;
    let name = call.parameters.get("name");
    let wanted = |command: &Command| {
        allowed(world, &call.caller, *command) && name.is_none_or(|name| name == command.name)
    };
    let found: Vec<_> = COMMANDS.into_iter().filter(wanted).collect();
    if found.is_empty() {
        return Err(Refusal::new(
            530,
            9999,
            "Api Discovery plugin was unable to find an api by that name or process any apis",
        ));
    }
    let rows: Vec<_> = found
        .iter()
        .map(|command| {
            let get = command.name.starts_with("list");
            Object::new()
                .text("name", command.name)
                .text("description", command.name)
                .flag("isasync", false)
                .text("related", "")
                .raw("params", "[]")
                .raw("response", "[]")
                .text("httprequesttype", if get { "GET" } else { "POST" })
                .done()
        })
        .collect();
    Ok(Object::new().number("count", rows.len()).raw("api", &array(&rows)).done())
}
