//! What users do to machines by the compute service: each becomes a part of the region's life.

use serde_json::{Value, json};

use super::api::{Call, Outcome, Refusal, answer, empty};
use super::machine::{Action, Server, Verb};
use super::nova::{find, refuse_unless};
use super::tokens::Held;
use super::world::{Role, World};
use crate::demo::server::lock;

/// Seconds of the region's time that a change takes.
const SECONDS: i64 = 4;

/// The member role on a project, or an administrator.
fn may_change(world: &World, caller: &Held) -> bool {
    caller.project().is_some() && caller.roles(world).contains(&Role::Member)
}

/// A request id and an id, from what is there already: the same requests give the same ids.
fn ids(world: &World, now: i64) -> (String, String) {
    use sha1::Digest;
    let acts: usize = world.servers.iter().map(|server| server.actions.len()).sum();
    let made = |what: &str| {
        let text = format!("{}/{}/{acts}/{now}/{what}", world.seed, world.servers.len());
        let digest = sha1::Sha1::digest(text.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    };
    (format!("req-{}", made("request")), made("id"))
}

fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str, Refusal> {
    let found = value.get(name).and_then(Value::as_str);
    found
        .ok_or_else(|| Refusal::new(400, format!("Invalid input: '{name}' is a required property")))
}

/// `POST /servers`.
pub fn create(call: &Call<'_>) -> Outcome {
    let caller = call.caller()?;
    let body = call.body()?;
    let wanted = body.get("server").unwrap_or(&Value::Null);
    let (name, flavor) = (text(wanted, "name")?, text(wanted, "flavorRef")?);
    let image = text(wanted, "imageRef")?;
    let mut world = lock(&call.cloud.world);
    refuse_unless(may_change(&world, &caller), "servers:create")?;
    let unknown =
        |what: &str, id: &str| Refusal::new(400, format!("{what} {id} could not be found."));
    let flavor = world.flavors.iter().position(|one| one.id == flavor || one.name == flavor);
    let flavor =
        flavor.ok_or_else(|| unknown("Flavor", text(wanted, "flavorRef").unwrap_or("")))?;
    let image = world.images.iter().position(|one| one.id == image);
    let image = image.ok_or_else(|| unknown("Image", text(wanted, "imageRef").unwrap_or("")))?;
    let (request, id) = ids(&world, call.now);
    let number = u32::try_from(world.servers.len() + 1).unwrap_or(u32::MAX);
    let action = Action {
        verb: Verb::Create,
        request,
        user: caller.user,
        from: call.now,
        until: call.now + SECONDS,
    };
    world.servers.push(Server {
        id: id.clone(),
        number,
        name: name.to_owned(),
        project: caller.project().unwrap_or(0),
        user: caller.user,
        flavor,
        image: Some(image),
        port: (id.clone(), u8::try_from(10 + number % 240).unwrap_or(10)),
        metadata: Vec::new(),
        actions: vec![action],
    });
    let href = format!("{}/compute/v2.1/servers/{id}", call.origin);
    Ok(answer(
        202,
        &json!({ "server": {
        "id": id, "links": [{ "rel": "self", "href": href }], "OS-DCF:diskConfig": "MANUAL",
        "security_groups": [{ "name": "default" }],
    } }),
    ))
}

/// `DELETE /servers/{id}`.
pub fn delete(call: &Call<'_>, id: &str) -> Outcome {
    change(call, id, Verb::Delete)?;
    Ok(empty(204))
}

/// `POST /servers/{id}/action`.
pub fn act(call: &Call<'_>, id: &str) -> Outcome {
    let body = call.body()?;
    let named = body.as_object().and_then(|fields| fields.iter().next());
    let Some((name, value)) = named else {
        return Err(Refusal::new(400, "There is no such action: "));
    };
    let verb = match name.as_str() {
        "os-stop" => Verb::Stop,
        "os-start" => Verb::Start,
        "pause" => Verb::Pause,
        "unpause" => Verb::Unpause,
        "suspend" => Verb::Suspend,
        "resume" => Verb::Resume,
        "shelve" => Verb::Shelve,
        "unshelve" => Verb::Unshelve,
        "confirmResize" => Verb::ConfirmResize,
        "resize" => {
            let flavor = text(value, "flavorRef")?;
            let found = call.with(|world| world.flavors.iter().position(|one| one.id == flavor));
            let missing = || Refusal::new(400, format!("Flavor {flavor} could not be found."));
            Verb::Resize(found.ok_or_else(missing)?)
        }
        other => return Err(Refusal::new(400, format!("There is no such action: {other}"))),
    };
    change(call, id, verb)?;
    Ok(empty(202))
}

fn change(call: &Call<'_>, id: &str, verb: Verb) -> Result<(), Refusal> {
    let caller = call.caller()?;
    let mut world = lock(&call.cloud.world);
    let position = find(&world, &caller, id, call.now)?;
    refuse_unless(may_change(&world, &caller), &format!("servers:{}", verb.name()))?;
    let server = &world.servers[position];
    let missing = || Refusal::new(404, format!("Instance {id} could not be found."));
    let seen = server.at(call.now).filter(|seen| !seen.is_deleted()).ok_or_else(missing)?;
    let name = verb.name();
    if let Some(task) = seen.task.filter(|_| verb != Verb::Delete) {
        let text = format!("Cannot '{name}' instance {id} while it is in task_state {task}");
        return Err(Refusal::new(409, text));
    }
    if !verb.fits(seen.vm_state) {
        let state = seen.vm_state;
        let text = format!("Cannot '{name}' instance {id} while it is in vm_state {state}");
        return Err(Refusal::new(409, text));
    }
    let (request, _) = ids(&world, call.now);
    let action =
        Action { verb, request, user: caller.user, from: call.now, until: call.now + SECONDS };
    let actions = &mut world.servers[position].actions;
    // What the world had in store for it does not come any more.
    actions.retain(|action| action.from <= call.now);
    actions.push(action);
    Ok(())
}
