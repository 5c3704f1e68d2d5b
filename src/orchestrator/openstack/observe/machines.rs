//! Machines: all that exist, and what happened to those that changed.
//!
//! A page bundles each machine's own JSON with that of its actions, flavor, images and boot
//! volume, so that it explains itself.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Section;
use super::boot::Boot;
use crate::collect::observation::ResourceKind;
use crate::orchestrator::openstack::client::{CALLS_AT_ONCE_MAX, Call, Client};
use crate::orchestrator::openstack::list::{List, Page, Paging};
use crate::orchestrator::openstack::service::Service;
use crate::orchestrator::openstack::{OpenStack, date, json};
use crate::orchestrator::{Answer, OrchestratorError};

/// Machines on one page.
const MACHINES_MAX: usize = 500;
/// Actions whose single steps tell more than their end: a machine may be kept on its host first
/// and leave it later, and a flavor holds from one step of several.
const STEPPED: [&str; 2] = ["shelve", "resize"];
const MACHINES: &[ResourceKind] = &[ResourceKind::Machine];

/// All machines, and the histories of those that changed since.
pub async fn fetch(cloud: &OpenStack, boot: &Boot, since: Option<i64>) -> Answer<Section> {
    let client = &cloud.client;
    if client.endpoint(Service::Compute).await?.is_none() {
        return Ok(Section::skipped(
            MACHINES,
            "machines: the cloud runs no such service".to_owned(),
        ));
    }
    let list = List::new(Service::Compute, "servers/detail", "servers");
    let list = list.with("all_tenants", "1").with("sort_key", "created_at").with("sort_dir", "asc");
    let from = date::text(since.unwrap_or(0));
    let changed_list = list.clone().with("changes-since", from.as_str());
    // Deleted machines are listed among those that changed.
    let changed = client.pages(&changed_list).await?;
    let present = match since {
        Some(_) => client.pages(&list).await?,
        None => Vec::new(),
    };
    let changed_ids: BTreeSet<String> =
        changed.iter().flat_map(Page::values).filter_map(|row| json::text(&row, "id")).collect();
    let mut section = Section { shows: MACHINES, whole: true, ..Section::default() };
    let mut down = 0;
    for page in &changed {
        let found = histories(client, boot, page, since, &mut section.skipped).await?;
        down += page.rows.len() - found.len();
        for (index, machines) in found.chunks(MACHINES_MAX).enumerate() {
            section.pages.push((request(page, index), body(machines)));
        }
    }
    for page in &present {
        let rows: Vec<String> = page
            .rows
            .iter()
            .filter_map(|row| {
                let server = json::read(row);
                down += usize::from(is_partial(&server));
                let changed = json::text(&server, "id").is_some_and(|id| changed_ids.contains(&id));
                (!changed && !is_partial(&server)).then(|| bundle(boot, row, &server))
            })
            .collect();
        for (index, machines) in rows.chunks(MACHINES_MAX).enumerate() {
            section.pages.push((request(page, index), body(machines)));
        }
    }
    if down > 0 {
        section.whole = false;
        section.skipped.push(format!("{down} machines lie in a cell that does not answer now"));
    }
    Ok(section)
}

fn request(page: &Page, index: usize) -> String {
    if index == 0 { page.request.clone() } else { format!("{} part {}", page.request, index + 1) }
}

/// A row of a cell that is down: an id, and nothing to meter by.
fn is_partial(server: &Value) -> bool {
    json::text(server, "status").as_deref() == Some("UNKNOWN") && server.get("flavor").is_none()
}

/// The machines of a page, each with its actions.
async fn histories(
    client: &Client,
    boot: &Boot,
    page: &Page,
    since: Option<i64>,
    skipped: &mut Vec<String>,
) -> Answer<Vec<String>> {
    let mut wanted = Vec::new();
    for row in &page.rows {
        let server = json::read(row);
        if !is_partial(&server) {
            wanted.push(history(client, boot, row, server, since));
        }
    }
    let found: Vec<(String, bool)> =
        stream::iter(wanted).buffered(CALLS_AT_ONCE_MAX).try_collect().await?;
    if found.iter().any(|(_, allowed)| !allowed) {
        let line = "histories of machines may not be read: states are as exact as the listings";
        if !skipped.iter().any(|known| known == line) {
            skipped.push(line.to_owned());
        }
    }
    Ok(found.into_iter().map(|(text, _)| text).collect())
}

/// A machine with its actions, and whether these may be read.
async fn history(
    client: &Client,
    boot: &Boot,
    row: &RawValue,
    server: Value,
    since: Option<i64>,
) -> Answer<(String, bool)> {
    let mut text = bundle(boot, row, &server);
    let actions = actions(client, &server, since).await?;
    text.pop();
    add_list(&mut text, "actions", actions.iter().flatten().map(Box::as_ref));
    if let Some(since) = since {
        text.push_str(&format!(",\"actions_since\":\"{}\"", date::text(since)));
    }
    text.push('}');
    Ok((text, actions.is_some()))
}

/// The actions of a machine, with their steps where these tell more; `None` where the role may
/// not read them. A machine that was purged meanwhile has none.
async fn actions(
    client: &Client,
    server: &Value,
    since: Option<i64>,
) -> Answer<Option<Vec<Box<RawValue>>>> {
    let Some(id) = json::text(server, "id") else { return Ok(Some(Vec::new())) };
    let path = format!("servers/{id}/os-instance-actions");
    let mut list = List::new(Service::Compute, &path, "instanceActions");
    list = list.paged(Paging::Marker("request_id"));
    if let Some(since) = since {
        list = list.with("changes-since", date::text(since));
    }
    let pages = match client.pages(&list).await {
        Ok(pages) => pages,
        Err(OrchestratorError::Forbidden { .. }) => return Ok(None),
        Err(OrchestratorError::Refused { .. }) => return Ok(Some(Vec::new())),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for row in pages.into_iter().flat_map(|page| page.rows) {
        let action = json::read(&row);
        let name = json::text(&action, "action");
        let stepped = name.is_some_and(|name| STEPPED.contains(&name.as_str()));
        let steps = match json::text(&action, "request_id").filter(|_| stepped) {
            Some(request) => steps(client, &path, &request).await?,
            None => None,
        };
        found.push(steps.unwrap_or(row));
    }
    Ok(Some(found))
}

/// An action with its steps.
async fn steps(client: &Client, path: &str, request: &str) -> Answer<Option<Box<RawValue>>> {
    let call = Call::get(Service::Compute, &format!("{path}/{request}"));
    let reply = match client.call_if_there(&call).await {
        Ok(Some(reply)) => reply,
        Ok(None) | Err(OrchestratorError::Forbidden { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let malformed = |detail| client.malformed(&call.text(), detail);
    let mut top = json::top(&reply.body).map_err(malformed)?;
    Ok(top.remove("instanceAction"))
}

/// A machine's JSON with that of what it is made of; the closing brace is last.
fn bundle(boot: &Boot, row: &RawValue, server: &Value) -> String {
    let mut text = format!("{{\"server\":{}", row.get());
    let mut add = |name: &str, value: Option<&RawValue>| {
        if let Some(value) = value {
            text.push_str(&format!(",\"{name}\":{}", value.get()));
        }
    };
    add("flavor", boot.flavor(server));
    let volume = boot.volume(server);
    add("volume", volume);
    let own = server.get("image").and_then(|image| json::text(image, "id"));
    let booted = volume.and_then(|volume| {
        json::text(json::read(volume).get("volume_image_metadata")?, "image_id")
    });
    let images = own.or(booted).map_or(Vec::new(), |image| boot.images(&image));
    let owners = images.iter().filter_map(|image| json::text(&json::read(image), "owner"));
    let internal: BTreeSet<String> =
        owners.filter(|owner| boot.projects.internal.contains(owner)).collect();
    add_list(&mut text, "images", images.into_iter());
    text.push_str(&format!(",\"own_projects\":{}", Value::from_iter(internal)));
    text.push('}');
    text
}

fn add_list<'a>(text: &mut String, name: &str, values: impl Iterator<Item = &'a RawValue>) {
    let values: Vec<&str> = values.map(RawValue::get).collect();
    text.push_str(&format!(",\"{name}\":[{}]", values.join(",")));
}

fn body(machines: &[String]) -> Vec<u8> {
    format!("{{\"machines\":[{}]}}", machines.join(",")).into_bytes()
}
