//! Pages of listings and histories into observations. PURE.

use serde_json::Value;
use serde_json::value::RawValue;

use super::history::{Change, Life, Piece, changes};
use super::resources::NEW_SINCE;
use crate::collect::observation::{Certainty, Observation, ResourceKind, ResourceState};
use crate::collect::record::{Attributes, attribute};
use crate::ids::{OwnerRef, SourceName};
use crate::orchestrator::openstack::flavor::{self, GpuAliases};
use crate::orchestrator::openstack::image::Images;
use crate::orchestrator::openstack::state::machine_state;
use crate::orchestrator::openstack::{date, json, things};
use crate::orchestrator::{Answer, OrchestratorError, ParsedObservation, RawPage, RejectedRecord};

/// The keys under which pages have their rows.
const KEYS: [&str; 12] = [
    "machines",
    "volumes",
    "snapshots",
    "backups",
    "images",
    "floatingips",
    "routers",
    "networks",
    "ports",
    "loadbalancers",
    "shares",
    "object_storage",
];

/// What pages are read with.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    pub source: &'a SourceName,
    pub gpus: &'a GpuAliases,
}

/// Reads the observations of a page that was fetched at `seen_at`.
pub fn parse(reader: Reader<'_>, page: &RawPage, seen_at: i64) -> Answer<Vec<ParsedObservation>> {
    let malformed = |detail| OrchestratorError::Malformed {
        source_name: reader.source.0.clone(),
        request: page.request.clone(),
        detail,
    };
    let (key, rows) = rows_of(&page.body).map_err(malformed)?;
    let new_since = page.request.rsplit_once(NEW_SINCE).map(|(_, text)| text);
    let look = Look {
        reader,
        seen: seen_at.saturating_mul(1_000_000),
        new_since: new_since.and_then(date::micros),
        by_network: page.request.contains("network_id="),
    };
    let mut found = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let row = json::read(row);
        let outcomes = match key {
            "machines" => look.machine(&row),
            key => look.thing(key, &row),
        };
        found.extend(outcomes.into_iter().map(|outcome| ParsedObservation { index, outcome }));
    }
    Ok(found)
}

fn rows_of(body: &[u8]) -> Result<(&'static str, Vec<Box<RawValue>>), String> {
    let top = json::top(body)?;
    let key = KEYS.into_iter().find(|key| top.contains_key(*key));
    let key = key.ok_or("none of the lists that are known")?;
    Ok((key, json::rows(&top, key)?))
}

/// The JSON at a position of a page, as it came.
pub fn raw_row(page: &RawPage, index: usize) -> Option<String> {
    let (_, rows) = rows_of(&page.body).ok()?;
    rows.get(index).map(|row| row.get().to_owned())
}

type Outcome = Result<Observation, RejectedRecord>;

struct Look<'a> {
    reader: Reader<'a>,
    seen: i64,
    /// Only what was made since then tells its beginning; `None` for all.
    new_since: Option<i64>,
    /// The page lists the interfaces of one external network.
    by_network: bool,
}

impl Look<'_> {
    fn owner(&self, id: String) -> OwnerRef {
        OwnerRef { source: self.reader.source.clone(), id }
    }

    fn machine(&self, row: &Value) -> Vec<Outcome> {
        let server = row.get("server").unwrap_or(&Value::Null);
        let named = json::text(server, "id").zip(json::text(server, "tenant_id"));
        let Some((resource, owner)) = named else {
            return vec![Err(rejected(ResourceKind::Machine, "id or tenant_id is missing"))];
        };
        let owner = self.owner(owner);
        let life = Life::of(server);
        let flavor = self.flavor(row, server);
        let image = image_attributes(row, server);
        let observe = |at_micros, certainty, state, attributes| {
            Ok(Observation {
                owner: owner.clone(),
                kind: ResourceKind::Machine,
                resource: resource.clone(),
                at_micros,
                certainty,
                state,
                attributes,
            })
        };
        let mut found = Vec::new();
        if row.get("actions").is_some() {
            let since = json::text(row, "actions_since").and_then(|text| date::micros(&text));
            let made_since = life.created.zip(since).is_some_and(|(made, since)| made >= since);
            let whole = since.is_none() || made_since;
            for change in changes(&life, json::list(row, "actions"), whole) {
                let attributes = change_attributes(&change, server, &flavor, &image);
                let at = change.at_micros;
                found.push(observe(at, Certainty::Event, change.state, attributes));
            }
        }
        if life.deleted.is_none() {
            let state = machine_state(server, life.launched.is_some());
            let mut attributes = zone(server);
            attributes.extend(flavor);
            attributes.extend(image);
            found.push(observe(self.seen, Certainty::Seen, state, attributes));
        }
        found
    }

    fn flavor(&self, row: &Value, server: &Value) -> Attributes {
        let Some(embedded) = server.get("flavor") else { return Attributes::new() };
        let id = row.get("flavor").and_then(|flavor| json::text(flavor, "id"));
        flavor::embedded(embedded, id, boots_from_volume(server), self.reader.gpus)
    }

    fn thing(&self, key: &str, row: &Value) -> Vec<Outcome> {
        let things = match things::read(key, row, self.by_network) {
            Ok(things) => things,
            Err((kind, reason)) => return vec![Err(rejected(kind, &reason))],
        };
        let mut found = Vec::new();
        for thing in things {
            let owner = self.owner(thing.owner);
            let observe = |at_micros, certainty, state, attributes| {
                Ok(Observation {
                    owner: owner.clone(),
                    kind: thing.kind,
                    resource: thing.resource.clone(),
                    at_micros,
                    certainty,
                    state,
                    attributes,
                })
            };
            let is_new = |made: &i64| self.new_since.is_none_or(|since| *made >= since);
            if let Some(made) = thing.created.filter(is_new)
                && thing.state == ResourceState::Present
            {
                found.push(observe(made, Certainty::Made, None, Attributes::new()));
            }
            found.push(observe(self.seen, Certainty::Seen, Some(thing.state), thing.attributes));
        }
        found
    }
}

/// A machine without an image of its own boots from a volume.
pub fn boots_from_volume(server: &Value) -> bool {
    server.get("image").is_none_or(|image| json::text(image, "id").is_none())
}

fn zone(server: &Value) -> Attributes {
    let zone = json::text(server, "OS-EXT-AZ:availability_zone");
    zone.map(|zone| (attribute::ZONE.to_owned(), zone)).into_iter().collect()
}

/// The image of a machine, or the one that its boot volume was made from, and its system.
fn image_attributes(row: &Value, server: &Value) -> Attributes {
    let own = server.get("image").and_then(|image| json::text(image, "id"));
    let volume = || {
        let metadata = row.get("volume")?.get("volume_image_metadata")?;
        json::text(metadata, "image_id")
    };
    let Some(image) = own.or_else(volume) else { return Attributes::new() };
    let internal = json::list(row, "own_projects").iter().filter_map(Value::as_str);
    let images = Images::new(json::list(row, "images"), &internal.map(str::to_owned).collect());
    let mut attributes = Attributes::from([(attribute::TEMPLATE.to_owned(), image.clone())]);
    images.add_system(&mut attributes, &image);
    attributes
}

fn change_attributes(
    change: &Change,
    server: &Value,
    flavor: &Attributes,
    image: &Attributes,
) -> Attributes {
    let mut attributes = Attributes::new();
    if change.created {
        attributes.extend(zone(server));
    }
    match change.flavor {
        Piece::Last => attributes.extend(flavor.clone()),
        // Before it is made there is nothing to take back.
        Piece::Unknown if !change.created => attributes.extend(flavor::unknown()),
        Piece::Same | Piece::Unknown => {}
    }
    if change.image == Piece::Last {
        attributes.extend(image.clone());
    }
    attributes
}

fn rejected(kind: ResourceKind, reason: &str) -> RejectedRecord {
    let (meter, reason) = (kind.as_str().to_owned(), reason.to_owned());
    RejectedRecord { owner: None, meter, span: None, reason }
}
