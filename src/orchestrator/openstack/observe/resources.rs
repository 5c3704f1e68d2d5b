//! Everything that only exists or does not: snapshots, backups, addresses, routers, networks,
//! interfaces, load balancers and shares.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{Section, tolerated};
use crate::collect::observation::ResourceKind;
use crate::config::PortPolicy;
use crate::orchestrator::Answer;
use crate::orchestrator::openstack::catalog::{external_networks, network_list};
use crate::orchestrator::openstack::client::{CALLS_AT_ONCE_MAX, Client};
use crate::orchestrator::openstack::list::{List, Page, Paging};
use crate::orchestrator::openstack::service::Service;
use crate::orchestrator::openstack::{OpenStack, date, json};

/// Written behind the request of a page of which only newer rows tell their beginning.
pub const NEW_SINCE: &str = "; new since ";

const ADDRESSES: &[ResourceKind] = &[ResourceKind::Address];

/// One listing.
pub struct Group {
    pub what: &'static str,
    list: List,
    shows: &'static [ResourceKind],
}

/// The listings of a round.
pub fn all(ports: PortPolicy) -> Vec<Group> {
    let blocks = |path, key| {
        List::new(Service::BlockStorage, path, key)
            .with("all_tenants", "1")
            .with("sort", "created_at:asc,id:asc")
    };
    let group = |what, list, shows| Group { what, list, shows };
    let mut groups = vec![
        group("snapshots", blocks("snapshots/detail", "snapshots"), &[ResourceKind::Snapshot]),
        group("backups", blocks("backups/detail", "backups"), &[ResourceKind::Backup]),
        group("floating IPs", network_list("floatingips", "floatingips"), ADDRESSES),
        group(
            "routers",
            network_list("routers", "routers"),
            &[ResourceKind::Router, ResourceKind::Address],
        ),
        group("networks", network_list("networks", "networks"), &[ResourceKind::Network]),
        group(
            "load balancers",
            List::new(Service::LoadBalancer, "lbaas/loadbalancers", "loadbalancers"),
            &[ResourceKind::LoadBalancer],
        ),
        group(
            "shares",
            List::new(Service::Share, "shares/detail", "shares")
                .with("all_tenants", "1")
                .with("sort_key", "created_at")
                .with("sort_dir", "asc")
                .paged(Paging::Offset),
            &[ResourceKind::Share],
        ),
    ];
    if ports == PortPolicy::All {
        groups.push(group("interfaces", network_list("ports", "ports"), &[ResourceKind::Port]));
    }
    groups
}

/// One listing to the end, or the line that says why not.
pub async fn fetch(client: &Client, group: &Group, since: Option<i64>) -> Answer<Section> {
    let Group { what, list, shows } = group;
    match client.endpoint(list.call.service).await {
        Ok(Some(_)) => {}
        Ok(None) => {
            let line = format!("{what}: the cloud runs no such service");
            return Ok(Section::skipped(shows, line));
        }
        Err(error) => return tolerated(client, what, shows, error),
    }
    match client.pages(list).await {
        Ok(pages) => {
            let pages = pages.into_iter().map(|page| raw(page, since)).collect();
            Ok(Section { pages, shows, whole: true, skipped: Vec::new() })
        }
        Err(error) => tolerated(client, what, shows, error),
    }
}

/// The interfaces on external networks: addresses that machines have without a floating one.
pub async fn fetch_external_ports(cloud: &OpenStack, since: Option<i64>) -> Answer<Section> {
    if cloud.ports == PortPolicy::None {
        return Ok(Section::default());
    }
    let what = "interfaces on external networks";
    let client = &cloud.client;
    match client.endpoint(Service::Network).await {
        Ok(Some(_)) => {}
        Ok(None) => return Ok(Section::default()),
        Err(error) => return tolerated(client, what, ADDRESSES, error),
    }
    match external_ports(client).await {
        Ok(pages) => {
            let pages = pages.into_iter().map(|page| raw(page, since));
            Ok(Section { pages: pages.collect(), shows: ADDRESSES, whole: true, skipped: vec![] })
        }
        Err(error) => tolerated(client, what, ADDRESSES, error),
    }
}

async fn external_ports(client: &Client) -> Answer<Vec<Page>> {
    let networks = client.rows(&external_networks()).await?;
    let ids: Vec<String> = networks.iter().filter_map(|row| json::text(row, "id")).collect();
    let lists: Vec<List> =
        ids.into_iter().map(|id| network_list("ports", "ports").with("network_id", id)).collect();
    let mut wanted = Vec::new();
    for list in &lists {
        wanted.push(client.pages(list));
    }
    let found: Vec<Vec<Page>> =
        stream::iter(wanted).buffered(CALLS_AT_ONCE_MAX).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// A page as evidence.
pub fn raw(page: Page, since: Option<i64>) -> (String, Vec<u8>) {
    let request = match since {
        Some(since) => format!("{}{NEW_SINCE}{}", page.request, date::text(since)),
        None => page.request,
    };
    (request, page.body)
}
