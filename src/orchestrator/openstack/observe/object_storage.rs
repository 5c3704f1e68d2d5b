//! Object storage by account: what each project's account holds.
//!
//! The service answers with headers only; a page is a list of them, a project each.

use futures_util::stream::{self, StreamExt};
use reqwest_session::Method;
use serde_json::{Map, Value, json};

use super::{Section, tolerated};
use crate::collect::observation::ResourceKind;
use crate::orchestrator::Answer;
use crate::orchestrator::openstack::client::{CALLS_AT_ONCE_MAX, Client, Reply};
use crate::orchestrator::openstack::owners::Projects;
use crate::orchestrator::openstack::service::Service;

const WHAT: &str = "object storage";
const SHOWS: &[ResourceKind] = &[ResourceKind::ObjectStorage];
/// Accounts on one page.
const ACCOUNTS_MAX: usize = 1_000;
/// Headers that are kept begin so.
const KEPT: &str = "x-account-";

/// The accounts of all projects.
pub async fn fetch(client: &Client, projects: &Projects) -> Answer<Section> {
    let endpoint = match client.endpoint(Service::ObjectStore).await {
        Ok(Some(endpoint)) => endpoint,
        Ok(None) => {
            let line = format!("{WHAT}: the cloud runs no such service");
            return Ok(Section::skipped(SHOWS, line));
        }
        Err(error) => return tolerated(client, WHAT, SHOWS, error),
    };
    let Some((root, prefix)) = account_prefix(&endpoint.base) else {
        let base = &endpoint.base;
        let line = format!("{WHAT}: {base} names no account that others could be made from");
        return Ok(Section::skipped(SHOWS, line));
    };
    let heads: Vec<(String, Answer<Option<Reply>>)> = stream::iter(projects.all.clone())
        .map(|project| async {
            let reply = head(client, &format!("{root}/{prefix}{project}")).await;
            (project, reply)
        })
        .buffered(CALLS_AT_ONCE_MAX)
        .collect()
        .await;
    let mut accounts = Vec::new();
    for (project, reply) in heads {
        match reply {
            Ok(Some(reply)) => {
                let headers = kept(&reply);
                accounts.push(json!({ "project_id": project, "headers": headers }));
            }
            Ok(None) => {}
            Err(error) => return tolerated(client, WHAT, SHOWS, error),
        }
    }
    let page = |accounts: &[Value]| {
        let body = json!({ "object_storage": accounts }).to_string().into_bytes();
        (format!("HEAD {}/{prefix}*", Service::ObjectStore.name()), body)
    };
    let pages = accounts.chunks(ACCOUNTS_MAX).map(page).collect();
    Ok(Section { pages, shows: SHOWS, whole: true, skipped: Vec::new() })
}

/// Address of the accounts and what stands before a project's id: `…/v1` and `AUTH_`.
fn account_prefix(base: &str) -> Option<(&str, &str)> {
    let (root, account) = base.rsplit_once('/')?;
    let at = account.rfind('_').map_or(0, |at| at + 1);
    let is_id = account.len() - at == 32;
    is_id.then_some((root, &account[..at]))
}

/// What an account holds; `None` where there is none.
async fn head(client: &Client, url: &str) -> Answer<Option<Reply>> {
    let name = "HEAD object-store accounts of other projects (role ResellerAdmin)";
    client
        .repeated(|| async {
            let reply = client.send_to(name, Method::HEAD, url).await?;
            match reply.status {
                404 => Ok(None),
                _ if reply.is_good() => Ok(Some(reply)),
                _ => Err(client.refusal(name, &reply)),
            }
        })
        .await
}

fn kept(reply: &Reply) -> Value {
    let headers = reply.headers.iter().filter_map(|(name, value)| {
        let wanted = name.as_str().starts_with(KEPT);
        Some((name.as_str().to_owned(), Value::from(value.to_str().ok()?))).filter(|_| wanted)
    });
    Value::Object(headers.collect::<Map<String, Value>>())
}
