//! What resources were, in their own words, each time that these changed.
//!
//! A measure belongs to what its machine was then: read after a resize, the hours before it keep
//! their flavor. Telemetry dates a change when it hears of it, a poll later at most.

use reqwest_session::Url;
use serde_json::value::RawValue;

use super::{RESOURCES_MAX, alive_since, search};
use crate::orchestrator::openstack::client::{Call, Client};
use crate::orchestrator::openstack::date;
use crate::orchestrator::openstack::service::Service;
use crate::orchestrator::{Answer, OrchestratorError};
use crate::period::Span;

/// Readings of a list whose marker was gone while it was read.
const READINGS_MAX: usize = 3;

/// Revisions of the resources of a type that touch a window or came later; none where the service
/// knows no such type.
pub(super) async fn fetch(
    client: &Client,
    resource_type: &str,
    window: Span,
) -> Answer<Vec<Box<RawValue>>> {
    let mut reading = 1;
    loop {
        match read(client, resource_type, window).await {
            // The row that a page goes on after may be deleted meanwhile.
            Err(OrchestratorError::Refused { .. }) if reading < READINGS_MAX => reading += 1,
            other => return other,
        }
    }
}

async fn read(client: &Client, resource_type: &str, window: Span) -> Answer<Vec<Box<RawValue>>> {
    let from = date::text(window.from);
    let lasted = serde_json::json!({
        "or": [{ "=": { "revision_end": null } }, { ">=": { "revision_end": from } }]
    });
    let filter = serde_json::json!({ "and": [alive_since(window.from), lasted] });
    let mut all: Vec<Box<RawValue>> = Vec::new();
    let mut marker: Option<String> = None;
    loop {
        let path = format!("search/resource/{resource_type}");
        let call = Call::get(Service::Metric, &path)
            .with("history", "true")
            .with("limit", RESOURCES_MAX.to_string())
            .with("sort", "id:asc")
            .with("sort", "revision_start:asc");
        let call = match &marker {
            Some(marker) => call.with("marker", marker.as_str()),
            None => call,
        };
        let call = search(call, filter.clone());
        let Some(reply) = client.call_if_there(&call).await? else { return Ok(all) };
        let malformed = |detail: String| client.malformed(&call.text(), detail);
        let rows: Vec<Box<RawValue>> =
            serde_json::from_slice(&reply.body).map_err(|error| malformed(error.to_string()))?;
        all.extend(rows);
        let next = reply.header("link").and_then(next_marker);
        match next {
            None => return Ok(all),
            Some(next) if marker.as_ref() == Some(&next) => {
                return Err(malformed("a page was given twice".to_owned()));
            }
            Some(next) => marker = Some(next),
        }
    }
}

/// Of histories only the link to the next page tells where it begins.
fn next_marker(header: &str) -> Option<String> {
    let (link, rest) = header.trim().strip_prefix('<')?.split_once('>')?;
    if !rest.contains("rel=\"next\"") && !rest.contains("rel=next") {
        return None;
    }
    let url = Url::parse(link).ok()?;
    url.query_pairs().find(|(name, _)| name == "marker").map(|(_, value)| value.into_owned())
}
