//! What exists now: machines, volumes, snapshots and addresses, as they are listed.
//!
//! Usage comes in windows that are closed hours or a day later; what is observed here gives the
//! figures until then. Listings tell the owner by name and domain only: each page keeps the ids of
//! the accounts that it names beside it, so that it can be read without asking again.

use std::collections::BTreeMap;

use serde_json::Value;

use super::accounts::account_ids;
use super::client::{Client, Page, command, instant};
use super::json;
use crate::collect::observation::{Certainty, Observation, ResourceKind, ResourceState};
use crate::collect::record::{Attributes, attribute};
use crate::ids::{OwnerRef, SourceName};
use crate::orchestrator::{
    Answer, ObservationAsk, OrchestratorError, ParsedObservation, RawObservations, RawPage,
    RejectedRecord,
};

/// The member of a page that holds the ids of accounts.
const ACCOUNTS: &str = "accounts";

/// A list of what exists.
struct List {
    command: &'static str,
    /// The array of its rows.
    key: &'static str,
    /// Beside `listall` and projects of all.
    parameters: &'static [(&'static str, &'static str)],
    kind: ResourceKind,
}

const LISTS: [List; 4] = [
    List {
        command: "listVirtualMachines",
        key: "virtualmachine",
        // Offering with its sizes and template; all else is dear to the server.
        parameters: &[("details", "servoff,tmpl")],
        kind: ResourceKind::Machine,
    },
    List { command: "listVolumes", key: "volume", parameters: &[], kind: ResourceKind::Volume },
    List {
        command: "listSnapshots",
        key: "snapshot",
        parameters: &[],
        kind: ResourceKind::Snapshot,
    },
    List {
        command: "listPublicIpAddresses",
        key: "publicipaddress",
        parameters: &[],
        kind: ResourceKind::Address,
    },
];

/// All lists; one that the role may not read is a line and is not complete.
pub async fn fetch(client: &Client, ask: ObservationAsk) -> Answer<RawObservations> {
    let mut raw = RawObservations {
        seen_at: ask.now,
        pages: Vec::new(),
        complete: Vec::new(),
        skipped: Vec::new(),
    };
    let mut read = Vec::new();
    for list in &LISTS {
        let mut parameters = vec![("listall", "true"), ("projectid", "-1")];
        parameters.extend_from_slice(list.parameters);
        match client.pages(command(list.command, &parameters)).await {
            Ok(pages) => {
                if is_whole(&pages) {
                    raw.complete.push(list.kind);
                }
                read.extend(pages);
            }
            Err(error @ OrchestratorError::Forbidden { .. }) => {
                let what = list.kind.as_str();
                raw.skipped.push(format!("{what}: not counted before it is billed: {error}"));
            }
            Err(error) => return Err(error),
        }
    }
    // Asked for last, so that it knows the accounts of all that was listed.
    let ids = account_ids(client).await?;
    for page in read {
        let named: BTreeMap<String, &String> = json::rows(&page.inner)
            .iter()
            .filter_map(|row| {
                let (domain, account) = account_of(row)?;
                let id = ids.get(&(domain.clone(), account.clone()))?;
                Some((key_of(&domain, &account), id))
            })
            .collect();
        let body = json::beside(&page.body, ACCOUNTS, &named)
            .map_err(|detail| client.malformed(&page.request, detail))?;
        let number = u32::try_from(raw.pages.len() + 1).unwrap_or(u32::MAX);
        raw.pages.push(RawPage { request: page.request, page: number, body });
    }
    Ok(raw)
}

/// Whether the pages show all: what came and went while they were read may have moved a row to a
/// page that was read already.
fn is_whole(pages: &[Page]) -> bool {
    let rows: usize = pages.iter().map(|page| json::rows(&page.inner).len()).sum();
    let counts = pages.iter().map(|page| json::count(&page.inner).unwrap_or(0));
    let total = u64::try_from(rows).unwrap_or(u64::MAX);
    // A page past the end tells no count.
    counts
        .take(1)
        .chain(pages.iter().skip(1).filter_map(|page| json::count(&page.inner)))
        .all(|count| count == total)
}

/// Reads a page.
pub fn parse(source: &SourceName, page: &RawPage, seen_at: i64) -> Answer<Vec<ParsedObservation>> {
    let malformed = |detail: String| OrchestratorError::Malformed {
        source_name: source.0.clone(),
        request: page.request.clone(),
        detail,
    };
    let (_, inner) = json::envelope(&page.body).map_err(malformed)?;
    let rows = json::rows(&inner);
    if rows.is_empty() {
        let empty = inner.as_object().is_some_and(|fields| fields.keys().all(|key| key == "count"));
        let detail = "neither rows nor their count".to_owned();
        return if empty { Ok(Vec::new()) } else { Err(malformed(detail)) };
    }
    let list = LISTS.iter().find(|list| inner.get(list.key).is_some());
    let list = list.ok_or_else(|| malformed("none of the lists that are known".to_owned()))?;
    let look = Look { source, list, seen_at, ids: json::member(&page.body, ACCOUNTS) };
    let mut found = Vec::new();
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| is_metered(row)) {
        match look.row(row) {
            Ok(told) => found
                .extend(told.into_iter().map(|one| ParsedObservation { index, outcome: Ok(one) })),
            Err(reason) => {
                let (owner, meter) = (look.owner(row).ok(), list.kind.as_str().to_owned());
                let outcome = Err(RejectedRecord { owner, meter, span: None, reason });
                found.push(ParsedObservation { index, outcome });
            }
        }
    }
    Ok(found)
}

/// The server meters nothing that is hidden from its owner, or that is its own.
fn is_metered(row: &Value) -> bool {
    let is = |field: &str, flag: &str| json::text_in(row, field).as_deref() == Some(flag);
    let hidden = ["displayvm", "displayvolume", "fordisplay"].iter().any(|name| is(name, "false"));
    !hidden && !is("issystem", "true")
}

/// Domain and name of the account that owns a row.
fn account_of(row: &Value) -> Option<(String, String)> {
    Some((json::text(row, "domainid")?, json::text(row, "account")?))
}

/// Domains' ids have no space.
fn key_of(domain: &str, account: &str) -> String {
    format!("{domain} {account}")
}

/// Ids of accounts by [`key_of`].
type Ids = BTreeMap<String, String>;

struct Look<'a> {
    source: &'a SourceName,
    list: &'a List,
    seen_at: i64,
    ids: Ids,
}

impl Look<'_> {
    fn owner(&self, row: &Value) -> Result<OwnerRef, String> {
        let id = match json::text(row, "projectid") {
            Some(project) => project,
            None => {
                let (domain, account) = account_of(row).ok_or("neither account nor projectid")?;
                let id = self.ids.get(&key_of(&domain, &account)).cloned();
                id.ok_or_else(|| format!("account {account:?} of domain {domain} is not listed"))?
            }
        };
        Ok(OwnerRef { source: self.source.clone(), id })
    }

    fn row(&self, row: &Value) -> Result<Vec<Observation>, String> {
        let owner = self.owner(row)?;
        let resource = json::text(row, "id").ok_or("id is missing")?;
        let state = self.state(row)?;
        let tell = |at: i64, certainty, state, attributes| Observation {
            owner: owner.clone(),
            kind: self.list.kind,
            resource: resource.clone(),
            at_micros: at * 1_000_000,
            certainty,
            state,
            attributes,
        };
        let mut told = Vec::new();
        let made = instant(row, "created").or_else(|| instant(row, "allocated"));
        if let Some(made) = made
            && state.exists()
        {
            told.push(tell(made, Certainty::Made, None, Attributes::new()));
        }
        // A machine's row is written at each change of its state, and at no other time.
        if let Some(changed) = instant(row, "lastupdated")
            && changed <= self.seen_at
        {
            told.push(tell(changed, Certainty::Event, Some(state), Attributes::new()));
        }
        told.push(tell(self.seen_at, Certainty::Seen, Some(state), self.attributes(row)));
        Ok(told)
    }

    fn state(&self, row: &Value) -> Result<ResourceState, String> {
        use ResourceState::{Building, Error, Gone, Present, Running, SoftDeleted, Stopped};
        let machine = self.list.kind == ResourceKind::Machine;
        let text = json::text_in(row, "state").ok_or("state is missing")?;
        Ok(match text.as_ref() {
            // As the server meters them: a machine runs from the end of its start to the end of
            // its stop, and is allocated all the time.
            "Running" | "Stopping" | "Migrating" if machine => Running,
            "Stopped" | "Starting" if machine => Stopped,
            "Destroyed" if machine => SoftDeleted,
            "Expunging" | "Expunged" | "Shutdown" if machine => Gone,
            "Error" | "Unknown" if machine => Error,
            other if machine => return Err(format!("state: {other:?} is none that is known")),
            "Destroy" | "Destroying" | "Destroyed" | "Expunge" | "Expunging" | "Expunged"
            | "Releasing" | "Free" => Gone,
            "UploadError" | "UploadAbandoned" | "Error" => Error,
            "NotUploaded" | "UploadInProgress" | "Allocating" => Building,
            // Whatever is done with it, it is there and metered.
            _ => Present,
        })
    }

    /// As usage records name them.
    fn attributes(&self, row: &Value) -> Attributes {
        let fields: &[(&str, &str)] = match self.list.kind {
            ResourceKind::Machine => &[
                ("name", attribute::NAME),
                ("zoneid", attribute::ZONE),
                ("serviceofferingid", attribute::OFFERING),
                ("templateid", attribute::TEMPLATE),
                ("osdisplayname", attribute::OS),
                ("cpunumber", attribute::VCPUS),
                ("cpuspeed", attribute::CPU_MHZ),
                ("memory", attribute::RAM_MIB),
                ("hypervisor", attribute::HYPERVISOR),
            ],
            ResourceKind::Volume => &[
                ("name", attribute::NAME),
                ("zoneid", attribute::ZONE),
                ("diskofferingid", attribute::OFFERING),
                ("templateid", attribute::TEMPLATE),
                ("size", attribute::SIZE_BYTES),
            ],
            ResourceKind::Address => &[
                ("ipaddress", attribute::NAME),
                ("zoneid", attribute::ZONE),
                ("issourcenat", attribute::SOURCE_NAT),
            ],
            _ => &[
                ("name", attribute::NAME),
                ("zoneid", attribute::ZONE),
                ("physicalsize", attribute::SIZE_BYTES),
                ("virtualsize", attribute::VIRTUAL_SIZE_BYTES),
            ],
        };
        let told = |(field, key): &(&str, &str)| Some(((*key).to_owned(), json::text(row, field)?));
        fields.iter().filter_map(told).filter(|(_, value)| !value.is_empty()).collect()
    }
}
