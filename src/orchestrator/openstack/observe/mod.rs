//! What exists now and what changed: listings of every service and the histories of machines.
//!
//! A service that the cloud does not run, or that the role may not read, costs one line and
//! nothing else. A listing that failed is not complete: nothing is taken to be gone for it.

mod boot;
mod history;
mod machines;
mod object_storage;
mod parse;
mod resources;

pub use parse::{Reader, parse, raw_row};

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::OpenStack;
use super::client::Client;
use crate::collect::observation::ResourceKind;
use crate::orchestrator::{Answer, ObservationAsk, OrchestratorError, RawObservations, RawPage};

/// Seconds before the wanted instant from which changes are read again: clocks differ, and what
/// was under way then is finished now.
const OVERLAP_SECONDS: i64 = 900;

/// What came of one part of a round.
#[derive(Default)]
pub(super) struct Section {
    /// Request and body of each page.
    pub pages: Vec<(String, Vec<u8>)>,
    /// Kinds of which it shows all there is, or a part.
    pub shows: &'static [ResourceKind],
    /// Whether it was read to the end.
    pub whole: bool,
    pub skipped: Vec<String>,
}

impl Section {
    /// Nothing but a line that says why.
    pub fn skipped(shows: &'static [ResourceKind], line: String) -> Self {
        Self { shows, skipped: vec![line], ..Self::default() }
    }
}

/// All listings and the histories of what changed. Machines must be readable; of everything else
/// a failure is told and the rest goes on.
pub async fn fetch(cloud: &OpenStack, ask: ObservationAsk) -> Answer<RawObservations> {
    let since = ask.since.map(|since| since - OVERLAP_SECONDS);
    let boot = boot::Boot::fetch(cloud).await?;
    let groups = resources::all(cloud.ports);
    let (machines, others, ports, objects) = futures_util::join!(
        machines::fetch(cloud, &boot, since),
        join_all(groups.iter().map(|group| resources::fetch(&cloud.client, group, since))),
        resources::fetch_external_ports(cloud, since),
        object_storage::fetch(&cloud.client, &boot.projects),
    );
    let mut sections = vec![machines?];
    sections.extend(boot.sections(&cloud.client, since)?);
    for section in others.into_iter().chain([ports, objects]) {
        sections.push(section?);
    }
    Ok(join(sections, ask.now))
}

/// What is listed, without machines and object storage; a kind is complete as in a round.
pub async fn fetch_listed(cloud: &OpenStack, now: i64) -> Answer<RawObservations> {
    let groups = resources::all(cloud.ports);
    let (images_and_volumes, others, ports) = futures_util::join!(
        boot::fetch_listed(&cloud.client),
        join_all(groups.iter().map(|group| resources::fetch(&cloud.client, group, None))),
        resources::fetch_external_ports(cloud, None),
    );
    let mut sections = Vec::from(images_and_volumes?);
    for section in others.into_iter().chain([ports]) {
        sections.push(section?);
    }
    Ok(join(sections, now))
}

/// A part that failed is one line, unless the login itself is refused.
pub(super) fn tolerated(
    client: &Client,
    what: &str,
    shows: &'static [ResourceKind],
    error: OrchestratorError,
) -> Answer<Section> {
    match error {
        OrchestratorError::Unauthenticated { .. } => Err(error),
        other => {
            tracing::warn!(source = %client.source, what, error = %other, "could not be listed");
            Ok(Section::skipped(shows, format!("{what} could not be listed: {other}")))
        }
    }
}

/// A kind is complete where every part that shows it was read to the end.
fn join(sections: Vec<Section>, seen_at: i64) -> RawObservations {
    let mut raw =
        RawObservations { seen_at, pages: Vec::new(), complete: Vec::new(), skipped: Vec::new() };
    let mut whole: BTreeMap<ResourceKind, bool> = BTreeMap::new();
    for section in sections {
        for kind in section.shows {
            let before = whole.entry(*kind).or_insert(true);
            *before = *before && section.whole;
        }
        for (request, body) in section.pages {
            let page = u32::try_from(raw.pages.len() + 1).unwrap_or(u32::MAX);
            raw.pages.push(RawPage { request, page, body });
        }
        raw.skipped.extend(section.skipped);
    }
    raw.complete = whole.into_iter().filter_map(|(kind, whole)| whole.then_some(kind)).collect();
    raw
}
