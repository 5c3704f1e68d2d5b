//! The telemetry service: what the interfaces of machines sent and received.
//!
//! A collector polls each guest every five minutes and keeps the means of these for two days, and
//! those of hours for a year. A guest that is started anew counts from zero.

use serde_json::{Value, json};
use sha1::Digest;

use super::api::{Call, Outcome, Refusal, answer};
use super::dates;
use super::machine::{Server, Verb};
use super::world::{Role, World};

const POLL_SECONDS: i64 = 300;
const HOUR_SECONDS: i64 = 3_600;
const DAY_SECONDS: i64 = 86_400;
/// For how long the buckets of a poll are kept.
const SHORT_KEPT_SECONDS: i64 = 2 * DAY_SECONDS;

const INTERFACE: &str = "instance_network_interface";

/// Name of a counter, and by how much less it counts than what is sent.
const COUNTERS: [(&str, i64); 2] = [("network.outgoing.bytes", 1), ("network.incoming.bytes", 3)];

/// Answers a call below `/metric`.
pub fn answer_call(call: &Call<'_>) -> Outcome {
    let method = call.request.method.as_str();
    match (method, call.path.as_slice()) {
        ("GET", []) => Ok(answer(200, &versions(call))),
        ("GET", ["v1", "status"]) => status(call),
        ("POST", ["v1", "aggregates"]) => aggregates(call),
        _ => Err(Refusal::no_path()),
    }
}

fn versions(call: &Call<'_>) -> Value {
    let href = format!("{}/metric/v1/", call.origin);
    json!({ "build": "4.7.1", "versions": [{
        "status": "CURRENT", "links": [{ "rel": "self", "href": href }], "id": "v1.0",
        "updated": "2015-03-19",
    }] })
}

fn status(call: &Call<'_>) -> Outcome {
    let caller = call.caller()?;
    let may = call.with(|world| caller.is_admin(world));
    if !may {
        return Err(Refusal::new(403, "Insufficient privileges"));
    }
    let summary = json!({ "metrics": 0, "measures": 0 });
    Ok(answer(
        200,
        &json!({
            "storage": { "summary": summary, "measures_to_process": {} },
            "metricd": { "processors": ["region"], "statistics": {} },
        }),
    ))
}

/// The means of a counter of all interfaces that the caller may see.
fn aggregates(call: &Call<'_>) -> Outcome {
    let caller = call.caller()?;
    let body = call.body()?;
    let operations = body["operations"].as_str().unwrap_or("");
    let name = operations.strip_prefix("(metric ").and_then(|text| text.strip_suffix(" mean)"));
    let name = name.ok_or_else(|| Refusal::new(400, "Invalid operations"))?;
    let counter = COUNTERS.iter().find(|(known, _)| *known == name);
    let missing = || Refusal::new(404, format!("Metric ['{name}'] does not exist"));
    let (_, less) = counter.filter(|_| body["resource_type"] == INTERFACE).ok_or_else(missing)?;
    let instant = |name: &str| {
        let at = call.parameter(name).and_then(dates::read);
        at.ok_or_else(|| Refusal::new(400, format!("Invalid value for {name}")))
    };
    let (start, stop) = (instant("start")?, instant("stop")?.min(call.now));
    let ended = body["search"]["or"][1][">="]["ended_at"].as_str().and_then(dates::read);
    let mut measures = serde_json::Map::new();
    let mut references = Vec::new();
    call.with(|world| {
        let roles = caller.roles(world);
        let all = caller.is_admin(world) || roles.contains(&Role::Service);
        for server in &world.servers {
            let Some(seen) = server.at(call.now) else { continue };
            let own = all || caller.project() == Some(server.project);
            let gone = seen.terminated.zip(ended).is_some_and(|(end, ended)| end < ended);
            let guests = guests(server, call.now);
            let Some(first) = guests.first().filter(|_| own && !gone) else { continue };
            let means = means(server.number, &guests, (start, stop), call.now);
            let means: Vec<Value> = means
                .into_iter()
                .map(|(at, seconds, value)| json!([stamp(at), seconds, value / less]))
                .map(as_floats)
                .collect();
            let interface = Interface { world, server, began: first.from, ended: seen.terminated };
            let id = interface.id();
            references.push(interface.row());
            if !means.is_empty() {
                measures.insert(id, json!({ name: { "mean": means } }));
            }
        }
    });
    if references.is_empty() {
        return Err(missing());
    }
    Ok(answer(200, &json!({ "measures": measures, "references": references })))
}

/// Lengths and values are floating-point numbers, whole ones too.
fn as_floats(mut row: Value) -> Value {
    for at in [1, 2] {
        row[at] = json!(row[at].as_f64());
    }
    row
}

fn stamp(at: i64) -> String {
    dates::zulu(at).replace('Z', "+00:00")
}

/// A machine's interface as a resource.
struct Interface<'a> {
    world: &'a World,
    server: &'a Server,
    began: i64,
    ended: Option<i64>,
}

impl Interface<'_> {
    fn tap(&self) -> String {
        format!("tap{}", &self.server.port.0[..11])
    }

    fn original(&self) -> String {
        format!("instance-{:08x}-{}-{}", self.server.number, self.server.id, self.tap())
    }

    fn id(&self) -> String {
        made_of(&self.original())
    }

    fn row(&self) -> Value {
        let metrics: serde_json::Map<String, Value> = COUNTERS
            .iter()
            .map(|(name, _)| ((*name).to_owned(), json!(made_of(&format!("{name}/{}", self.id())))))
            .collect();
        let creator = self.world.users.iter().find(|user| !user.person);
        let creator = creator.map_or("", |user| user.id.as_str());
        let place = &self.world.projects[0].id;
        json!({
            "id": self.id(), "creator": format!("{creator}:{place}"),
            "started_at": stamp(self.began), "revision_start": stamp(self.began),
            "ended_at": self.ended.map(stamp), "user_id": null,
            "project_id": self.world.projects[self.server.project].id,
            "original_resource_id": self.original(), "type": INTERFACE, "name": self.tap(),
            "instance_id": self.server.id, "revision_end": null, "metrics": metrics,
            "created_by_user_id": creator, "created_by_project_id": place,
        })
    }
}

/// An id that follows from a text.
fn made_of(text: &str) -> String {
    let digest = sha1::Sha1::digest(text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// A guest of the hypervisor from its start to its end, and when its CPUs ran.
struct Guest {
    from: i64,
    until: i64,
    /// Ascending; the last one goes on to the guest's end where it has none.
    active: Vec<(i64, i64)>,
}

/// The guests that a machine has had.
fn guests(server: &Server, now: i64) -> Vec<Guest> {
    let mut all: Vec<Guest> = Vec::new();
    let mut runs = false;
    let end = |all: &mut Vec<Guest>, at: i64| {
        if let Some(guest) = all.last_mut().filter(|guest| guest.until == i64::MAX) {
            guest.until = at;
            if let Some(active) = guest.active.last_mut() {
                active.1 = active.1.min(at);
            }
        }
    };
    for action in server.begun(now) {
        match action.verb {
            Verb::Stop | Verb::Suspend | Verb::Shelve | Verb::Delete => {
                end(&mut all, action.from);
                runs = false;
            }
            Verb::Resize(_) => end(&mut all, action.from),
            Verb::Pause => {
                if let Some(active) = all.last_mut().and_then(|guest| guest.active.last_mut()) {
                    active.1 = active.1.min(action.until);
                }
            }
            Verb::Unpause => {
                if let Some(guest) = all.last_mut() {
                    guest.active.push((action.until, i64::MAX));
                }
            }
            Verb::Create | Verb::Start | Verb::Resume | Verb::Unshelve => runs = true,
            Verb::ConfirmResize => {}
        }
        let starts = matches!(
            action.verb,
            Verb::Create | Verb::Start | Verb::Resume | Verb::Unshelve | Verb::Resize(_)
        );
        if starts && runs && action.until <= now {
            let (from, until) = (action.until, i64::MAX);
            all.push(Guest { from, until, active: vec![(from, until)] });
        }
    }
    all
}

impl Guest {
    /// What its interface sent from its start to an instant, bytes.
    fn sent(&self, number: u32, at: i64) -> i64 {
        let spans = self.active.iter().map(|(from, until)| (*from, (*until).min(at)));
        spans.filter(|(from, until)| from < until).map(|span| sent(number, span)).sum()
    }
}

/// Bytes of a span: each machine has a pace of its own, and days when more is asked of it.
fn sent(number: u32, (from, until): (i64, i64)) -> i64 {
    let number = i64::from(number);
    let pace = 4_000 + number * 7_919 % 40 * 1_000;
    let mut bytes = 0;
    let mut at = from;
    while at < until {
        let day = at.div_euclid(DAY_SECONDS);
        let end = until.min((day + 1) * DAY_SECONDS);
        bytes += (end - at) * pace * (2 + (day + number) % 5) / 4;
        at = end;
    }
    bytes
}

/// Start, length and mean of each bucket that begins in a span and was polled before `now`.
fn means(
    number: u32,
    guests: &[Guest],
    (start, stop): (i64, i64),
    now: i64,
) -> Vec<(i64, i64, i64)> {
    let offset = i64::from(number) * 37 % POLL_SECONDS;
    let polled = |bucket: i64| {
        let at = bucket + offset;
        let guest = guests.iter().find(|guest| guest.from <= at && at < guest.until);
        guest.filter(|_| at < now).map(|guest| guest.sent(number, at))
    };
    let mut all = Vec::new();
    let first = |length: i64| (start + length - 1).div_euclid(length) * length;
    let mut hour = first(HOUR_SECONDS);
    while hour < stop {
        let polls: Vec<i64> = (0..HOUR_SECONDS / POLL_SECONDS)
            .filter_map(|n| polled(hour + n * POLL_SECONDS))
            .collect();
        if !polls.is_empty() {
            let count = i64::try_from(polls.len()).unwrap_or(1);
            all.push((hour, HOUR_SECONDS, polls.iter().sum::<i64>() / count));
        }
        hour += HOUR_SECONDS;
    }
    let mut bucket = first(POLL_SECONDS).max(now - SHORT_KEPT_SECONDS);
    bucket = bucket.div_euclid(POLL_SECONDS) * POLL_SECONDS;
    while bucket < stop {
        all.extend(polled(bucket).map(|value| (bucket, POLL_SECONDS, value)));
        bucket += POLL_SECONDS;
    }
    all
}
