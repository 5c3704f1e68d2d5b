//! The identity service: tokens, domains, projects.

use serde_json::{Value, json};
use sha1::Digest;

use super::api::{Call, Outcome, Refusal, answer, empty};
use super::dates;
use super::tokens::Held;
use super::world::{Place, REGION, Role, World};
use crate::app::SystemClock;
use crate::clock::Clock;
use crate::demo::server::lock;

/// Types, names and paths of the services in the catalogue.
const CATALOG: [(&str, &str, &str); 6] = [
    ("identity", "keystone", "identity/v3"),
    ("compute", "nova", "compute/v2.1"),
    ("block-storage", "cinder", "volume/v3"),
    ("image", "glance", "image"),
    ("network", "neutron", "network"),
    ("metric", "gnocchi", "metric"),
];

/// Answers a call below `/identity`.
pub fn answer_call(call: &Call<'_>) -> Outcome {
    let method = call.request.method.as_str();
    match (method, call.path.as_slice()) {
        ("GET", []) => Ok(answer(300, &json!({ "versions": { "values": [version(call)] } }))),
        ("GET", ["v3"]) => Ok(answer(200, &json!({ "version": version(call) }))),
        ("POST", ["v3", "auth", "tokens"]) => issue(call),
        ("GET", ["v3", "auth", "tokens"]) => validate(call),
        ("DELETE", ["v3", "auth", "tokens"]) => revoke(call),
        ("GET", ["v3", "auth", "projects"]) => own_projects(call),
        ("GET", ["v3", "auth", "domains"]) => own_domains(call),
        ("GET", ["v3", "domains"]) => domains(call),
        ("GET", ["v3", "projects"]) => projects(call),
        _ => Err(Refusal::no_path()),
    }
}

fn version(call: &Call<'_>) -> Value {
    let own = format!("{}/identity/v3/", call.origin);
    json!({
        "id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
        "links": [{ "rel": "self", "href": own }],
        "media-types": [{
            "base": "application/json", "type": "application/vnd.openstack.identity-v3+json",
        }],
    })
}

fn text<'v>(value: &'v Value, path: &str) -> Option<&'v str> {
    value.pointer(path).and_then(Value::as_str)
}

/// A domain by id or name.
fn domain_of(world: &World, named: &Value) -> Option<usize> {
    let (id, name) = (text(named, "/id"), text(named, "/name"));
    world
        .domains
        .iter()
        .position(|one| id.map_or_else(|| name == Some(one.name.as_str()), |id| id == one.id))
}

/// A project by id, or by name and domain.
fn project_of(world: &World, named: &Value) -> Option<usize> {
    if let Some(id) = text(named, "/id") {
        return world.projects.iter().position(|one| one.id == id);
    }
    let domain = domain_of(world, named.get("domain")?)?;
    let name = text(named, "/name")?;
    world.projects.iter().position(|one| one.domain == domain && one.name == name)
}

/// A user by id, or by name and domain.
fn user_of(world: &World, named: &Value) -> Option<usize> {
    if let Some(id) = text(named, "/id") {
        return world.users.iter().position(|one| one.id == id);
    }
    let domain = domain_of(world, named.get("domain")?)?;
    let name = text(named, "/name")?;
    world.users.iter().position(|one| one.domain == domain && one.name == name)
}

/// Who asks for a token, and by what.
struct Login {
    user: usize,
    methods: Vec<String>,
    credential: Option<usize>,
    /// The token that it is made from.
    parent: Option<Held>,
}

fn login(call: &Call<'_>, world: &World, identity: &Value) -> Option<Login> {
    let methods: Vec<&str> =
        identity["methods"].as_array()?.iter().filter_map(Value::as_str).collect();
    let login = |user, method: &str| Login {
        user,
        methods: vec![method.to_owned()],
        credential: None,
        parent: None,
    };
    match methods.as_slice() {
        ["password"] => {
            let named = identity.pointer("/password/user")?;
            let user = user_of(world, named)?;
            let password = &world.users[user].password;
            (text(named, "/password") == Some(password)).then(|| login(user, "password"))
        }
        ["application_credential"] => {
            let shown = identity.get("application_credential")?;
            let (id, secret) = (text(shown, "/id")?, text(shown, "/secret")?);
            let found = world.credentials.iter().position(|one| one.id == id)?;
            let held = &world.credentials[found];
            let made = login(held.user, "application_credential");
            (held.secret == secret).then_some(Login { credential: Some(found), ..made })
        }
        ["token"] => {
            let parent = call.token(text(identity, "/token/id")?)?;
            let made = login(parent.user, "token");
            // What a program was given is used as it is.
            parent.credential.is_none().then_some(Login { parent: Some(parent), ..made })
        }
        _ => None,
    }
}

/// The place that a token is wanted for; `None` where there is no such place.
fn place_of(world: &World, login: &Login, scope: Option<&Value>) -> Option<Option<Place>> {
    if let Some(credential) = login.credential {
        return Some(Some(Place::Project(world.credentials[credential].project)));
    }
    let Some(scope) = scope.filter(|scope| scope.is_object()) else { return Some(None) };
    if let Some(project) = scope.get("project") {
        return project_of(world, project).map(|project| Some(Place::Project(project)));
    }
    let domain = domain_of(world, scope.get("domain")?)?;
    Some(Some(Place::Domain(domain)))
}

fn issue(call: &Call<'_>) -> Outcome {
    let body = call.body()?;
    let auth =
        body.get("auth").ok_or_else(|| Refusal::new(400, "'auth' is a required property"))?;
    let identity = auth.get("identity").unwrap_or(&Value::Null);
    let world = lock(&call.cloud.world);
    let login = login(call, &world, identity).ok_or_else(Refusal::unknown)?;
    let place = place_of(&world, &login, auth.get("scope")).ok_or_else(Refusal::unknown)?;
    if place.is_some_and(|place| world.roles_on(login.user, place).is_empty()) {
        return Err(Refusal::unknown());
    }
    let now = SystemClock.now_seconds();
    let lasts = now + lock(&call.cloud.settings).token_seconds;
    let mut tokens = lock(&call.cloud.tokens);
    let mut audit = vec![tokens.audit_id()];
    audit.extend(login.parent.as_ref().and_then(|parent| parent.audit.last().cloned()));
    let held = Held {
        user: login.user,
        place,
        methods: login.methods,
        credential: login.credential,
        issued: now,
        // A token made from another one ends with it.
        expires: login.parent.as_ref().map_or(lasts, |parent| parent.expires),
        audit,
    };
    let shown = show(call, &world, &held);
    let mut response = answer(201, &json!({ "token": shown }));
    response.headers.push(("X-Subject-Token".to_owned(), tokens.issue(held)));
    Ok(response)
}

/// The body of a token.
fn show(call: &Call<'_>, world: &World, held: &Held) -> Value {
    let domain = |position: usize| {
        let domain = &world.domains[position];
        json!({ "id": domain.id, "name": domain.name })
    };
    let user = &world.users[held.user];
    let mut shown = json!({
        "methods": held.methods,
        "user": {
            "domain": domain(user.domain), "id": user.id, "name": user.name,
            "password_expires_at": null,
        },
        "audit_ids": held.audit,
        "expires_at": dates::micros(held.expires),
        "issued_at": dates::micros(held.issued),
    });
    match held.place {
        Some(Place::Project(project)) => {
            let project = &world.projects[project];
            shown["project"] =
                json!({ "domain": domain(project.domain), "id": project.id, "name": project.name });
            shown["is_domain"] = json!(false);
        }
        Some(Place::Domain(place)) => shown["domain"] = domain(place),
        None => return shown,
    }
    let roles = held.roles(world);
    shown["roles"] = roles
        .iter()
        .map(|role| {
            json!({
                "id": role_id(*role), "name": role.as_str(),
            })
        })
        .collect();
    if let Some(credential) = held.credential {
        let credential = &world.credentials[credential];
        shown["application_credential"] =
            json!({ "id": credential.id, "name": credential.name, "restricted": true });
    }
    if !call.query.iter().any(|(key, _)| key == "nocatalog") {
        shown["catalog"] = CATALOG.iter().map(|entry| catalog_entry(call, *entry)).collect();
    }
    shown
}

/// Ids that are the same in every region of this kind.
fn role_id(role: Role) -> String {
    id_of(role.as_str())
}

fn id_of(text: &str) -> String {
    let digest = sha1::Sha1::digest(text.as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn catalog_entry(call: &Call<'_>, (kind, name, path): (&str, &str, &str)) -> Value {
    let endpoints: Vec<Value> = ["admin", "public", "internal"]
        .iter()
        .map(|interface| {
            json!({
                "id": id_of(&format!("{kind}/{interface}")), "interface": interface,
                "region_id": REGION, "region": REGION, "url": format!("{}/{path}", call.origin),
            })
        })
        .collect();
    json!({ "endpoints": endpoints, "id": id_of(kind), "type": kind, "name": name })
}

fn denied(action: &str) -> Refusal {
    let text =
        format!("You are not authorized to perform the requested action: identity:{action}.");
    Refusal::new(403, text)
}

fn subject<'c>(call: &'c Call<'_>) -> &'c str {
    call.request.header("x-subject-token").unwrap_or("")
}

/// What a token says, to those who may ask: administrators, services, and the user it is of.
fn validate(call: &Call<'_>) -> Outcome {
    let caller = call.caller()?;
    let Some(held) = call.token(subject(call)) else {
        return Err(Refusal::new(404, "Could not recognize Fernet token"));
    };
    call.with(|world| {
        let roles = caller.roles(world);
        let may = roles.contains(&Role::Admin) || roles.contains(&Role::Service);
        if !may && caller.user != held.user {
            return Err(denied("validate_token"));
        }
        let shown = show(call, world, &held);
        let mut response = answer(200, &json!({ "token": shown }));
        response.headers.push(("X-Subject-Token".to_owned(), subject(call).to_owned()));
        Ok(response)
    })
}

fn revoke(call: &Call<'_>) -> Outcome {
    let caller = call.caller()?;
    let Some(held) = call.token(subject(call)) else {
        return Err(Refusal::new(404, "Could not recognize Fernet token"));
    };
    if held.user != caller.user && !call.with(|world| caller.is_admin(world)) {
        return Err(denied("revoke_token"));
    }
    lock(&call.cloud.tokens).revoke(subject(call));
    Ok(empty(204))
}

fn domain_row(call: &Call<'_>, world: &World, domain: usize) -> Value {
    let domain = &world.domains[domain];
    let own = format!("{}/identity/v3/domains/{}", call.origin, domain.id);
    json!({
        "id": domain.id, "name": domain.name, "description": "", "enabled": true, "tags": [],
        "options": {}, "links": { "self": own },
    })
}

fn project_row(call: &Call<'_>, world: &World, project: usize) -> Value {
    let project = &world.projects[project];
    let domain = &world.domains[project.domain].id;
    let parent = project.parent.map_or(domain, |parent| &world.projects[parent].id);
    let own = format!("{}/identity/v3/projects/{}", call.origin, project.id);
    json!({
        "id": project.id, "name": project.name, "domain_id": domain, "description": "",
        "enabled": true, "parent_id": parent, "is_domain": false, "tags": [], "options": {},
        "links": { "self": own },
    })
}

/// A list in the form of this service: one object of links.
fn list(call: &Call<'_>, key: &str, mut rows: Vec<Value>) -> Outcome {
    rows.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
    let page = call.page(rows, "id")?;
    let own = format!("{}{}", call.origin, call.request.path);
    let links = json!({ "next": page.next, "self": own, "previous": null });
    Ok(answer(200, &json!({ key: page.rows, "links": links })))
}

fn may_list(call: &Call<'_>, action: &str) -> Result<(), Refusal> {
    let caller = call.caller()?;
    let may = call.with(|world| caller.roles(world).contains(&Role::Admin));
    if may { Ok(()) } else { Err(denied(action)) }
}

fn domains(call: &Call<'_>) -> Outcome {
    may_list(call, "list_domains")?;
    let rows = call.with(|world| {
        (0..world.domains.len()).map(|domain| domain_row(call, world, domain)).collect()
    });
    list(call, "domains", rows)
}

fn projects(call: &Call<'_>) -> Outcome {
    may_list(call, "list_projects")?;
    let rows = call.with(|world| {
        (0..world.projects.len()).map(|project| project_row(call, world, project)).collect()
    });
    list(call, "projects", rows)
}

fn own_projects(call: &Call<'_>) -> Outcome {
    let user = call.caller()?.user;
    let rows = call.with(|world| {
        let own = |project: &usize| !world.roles_on(user, Place::Project(*project)).is_empty();
        let found = (0..world.projects.len()).filter(own);
        found.map(|project| project_row(call, world, project)).collect()
    });
    list(call, "projects", rows)
}

fn own_domains(call: &Call<'_>) -> Outcome {
    let user = call.caller()?.user;
    let rows = call.with(|world| {
        let own = |domain: &usize| !world.roles_on(user, Place::Domain(*domain)).is_empty();
        let found = (0..world.domains.len()).filter(own);
        found.map(|domain| domain_row(call, world, domain)).collect()
    });
    list(call, "domains", rows)
}
