//! What machines are made of: flavors, images and volumes, each list read once in a round.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_json::value::RawValue;

use super::{Section, tolerated};
use crate::collect::observation::ResourceKind;
use crate::orchestrator::openstack::catalog::{flavors, image_list};
use crate::orchestrator::openstack::client::Client;
use crate::orchestrator::openstack::flavor::FlavorIds;
use crate::orchestrator::openstack::list::{List, Page};
use crate::orchestrator::openstack::owners::{Projects, fetch_projects};
use crate::orchestrator::openstack::service::Service;
use crate::orchestrator::openstack::{OpenStack, json};
use crate::orchestrator::{Answer, OrchestratorError};

const IMAGES: &[ResourceKind] = &[ResourceKind::Image];
const VOLUMES: &[ResourceKind] = &[ResourceKind::Volume];

/// The lists, and where a row of theirs is.
pub struct Boot {
    pub flavors: FlavorIds,
    pub projects: Projects,
    flavor_rows: BTreeMap<String, Box<RawValue>>,
    image_rows: BTreeMap<String, Box<RawValue>>,
    volume_rows: BTreeMap<String, Box<RawValue>>,
    images: Listed,
    volumes: Listed,
}

impl Boot {
    /// Reads the lists. Flavors and projects must be readable or plainly forbidden; what came of
    /// images and volumes is kept.
    pub async fn fetch(cloud: &OpenStack) -> Answer<Self> {
        let client = &cloud.client;
        let (flavors, projects, images, volumes) = futures_util::join!(
            fetch_flavors(client),
            fetch_projects(client, &cloud.internal),
            fetch_images(client),
            fetch_volumes(client),
        );
        let flavors = allowed(flavors)?.unwrap_or_else(Vec::new);
        let projects =
            allowed(projects)?.unwrap_or(Projects { all: Vec::new(), internal: BTreeSet::new() });
        let flavor_rows = by_id(&flavors);
        let values: Vec<Value> = flavor_rows.values().map(|row| json::read(row)).collect();
        let found = |pages: &Listed| match pages {
            Ok(Some(pages)) => by_id(pages),
            Ok(None) | Err(_) => BTreeMap::new(),
        };
        Ok(Self {
            flavors: FlavorIds::new(&values),
            projects,
            flavor_rows,
            image_rows: found(&images),
            volume_rows: found(&volumes),
            images,
            volumes,
        })
    }

    /// The row of a flavor that is still the one a machine has.
    pub fn flavor(&self, server: &Value) -> Option<&RawValue> {
        let id = self.flavors.of(server.get("flavor")?)?;
        self.flavor_rows.get(id).map(Box::as_ref)
    }

    /// The volume that a machine without an image boots from.
    pub fn volume(&self, server: &Value) -> Option<&RawValue> {
        if json::text(server.get("image")?, "id").is_some() {
            return None;
        }
        let id = json::text(server, "id");
        let root = json::text(server, "OS-EXT-SRV-ATTR:root_device_name");
        let attached = json::list(server, "os-extended-volumes:volumes_attached").iter();
        let rows: Vec<&RawValue> = attached
            .filter_map(|volume| self.volume_rows.get(&json::text(volume, "id")?))
            .map(Box::as_ref)
            .collect();
        let is_root = |row: &&&RawValue| {
            let row = json::read(row);
            let mut places = json::list(&row, "attachments").iter();
            places.any(|place| {
                json::text(place, "server_id") == id && json::text(place, "device") == root
            })
        };
        let boots =
            |row: &&&RawValue| json::text(&json::read(row), "bootable").as_deref() == Some("true");
        let found = rows.iter().find(is_root).or_else(|| rows.iter().find(boots));
        found.copied()
    }

    /// An image and the one it was made from.
    pub fn images(&self, image: &str) -> Vec<&RawValue> {
        let Some(own) = self.image_rows.get(image) else { return Vec::new() };
        let base = json::text(&json::read(own), "base_image_ref");
        let base = base.and_then(|base| self.image_rows.get(&base));
        std::iter::once(own).chain(base).map(Box::as_ref).collect()
    }

    /// The listed volumes and images as parts of the round.
    pub fn sections(self, client: &Client, since: Option<i64>) -> Answer<[Section; 2]> {
        sections(client, since, (self.volumes, self.images))
    }
}

/// Volumes and images alone, all of them.
pub async fn fetch_listed(client: &Client) -> Answer<[Section; 2]> {
    sections(client, None, futures_util::join!(fetch_volumes(client), fetch_images(client)))
}

/// What came of a list that is read in pages; `None` where the cloud runs no such service.
type Listed = Answer<Option<Vec<Page>>>;

fn sections(
    client: &Client,
    since: Option<i64>,
    (volumes, images): (Listed, Listed),
) -> Answer<[Section; 2]> {
    let section = |what, shows, pages: Listed| match pages {
        Ok(Some(pages)) => {
            let pages = pages.into_iter().map(|page| super::resources::raw(page, since));
            Ok(Section { pages: pages.collect(), shows, whole: true, skipped: Vec::new() })
        }
        Ok(None) => Ok(Section::skipped(shows, format!("{what}: the cloud runs no such service"))),
        Err(error) => tolerated(client, what, shows, error),
    };
    Ok([section("volumes", VOLUMES, volumes)?, section("images", IMAGES, images)?])
}

/// `None` where the role may not.
fn allowed<T>(answer: Answer<T>) -> Answer<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(OrchestratorError::Forbidden { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn fetch_flavors(client: &Client) -> Answer<Vec<Page>> {
    if client.endpoint(Service::Compute).await?.is_none() {
        return Ok(Vec::new());
    }
    client.pages(&flavors()).await
}

async fn fetch_images(client: &Client) -> Listed {
    if client.endpoint(Service::Image).await?.is_none() {
        return Ok(None);
    }
    let mut pages = Vec::new();
    for hidden in ["false", "true"] {
        pages.extend(client.pages(&image_list(hidden)).await?);
    }
    Ok(Some(pages))
}

async fn fetch_volumes(client: &Client) -> Listed {
    if client.endpoint(Service::BlockStorage).await?.is_none() {
        return Ok(None);
    }
    let list = List::new(Service::BlockStorage, "volumes/detail", "volumes");
    let list = list.with("all_tenants", "1").with("sort", "created_at:asc,id:asc");
    client.pages(&list).await.map(Some)
}

fn by_id(pages: &[Page]) -> BTreeMap<String, Box<RawValue>> {
    let rows = pages.iter().flat_map(|page| &page.rows);
    rows.filter_map(|row| Some((json::text(&json::read(row), "id")?, row.clone()))).collect()
}
