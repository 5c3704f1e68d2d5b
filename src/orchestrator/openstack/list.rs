//! Lists of the services, page by page to the end, each page in the service's own bytes.

use serde_json::Value;
use serde_json::value::RawValue;

use super::client::{Call, Client};
use super::json::{self, Top};
use super::service::Service;
use crate::orchestrator::{Answer, OrchestratorError};

/// Rows asked for; services with a smaller limit of their own give fewer.
pub const PAGE_ROWS: usize = 1_000;
/// Pages of one list.
const PAGES_MAX: usize = 2_000;
/// Readings of a list whose marker was deleted while it was read.
const READINGS_MAX: usize = 3;

/// How a list goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// After the last row's field.
    Marker(&'static str),
    /// After the field of the last element of the last row's list.
    InnerMarker(&'static str, &'static str),
    /// By the number of rows before.
    Offset,
    /// The service gives all at once.
    Whole,
}

/// A list to read.
#[derive(Clone, Debug)]
pub struct List {
    pub call: Call,
    /// The key of the rows.
    pub key: &'static str,
    pub paging: Paging,
}

impl List {
    /// A list that pages by the last row's `id`.
    pub fn new(service: Service, path: &str, key: &'static str) -> Self {
        Self { call: Call::get(service, path), key, paging: Paging::Marker("id") }
    }

    /// The same with a parameter more.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.call = self.call.with(name, value);
        self
    }

    /// The same with another way of paging.
    pub fn paged(mut self, paging: Paging) -> Self {
        self.paging = paging;
        self
    }
}

/// A page as it came.
pub struct Page {
    /// The request without credentials.
    pub request: String,
    pub body: Vec<u8>,
    pub rows: Vec<Box<RawValue>>,
}

impl Page {
    /// The rows' fields.
    pub fn values(&self) -> impl Iterator<Item = Value> + '_ {
        self.rows.iter().map(|row| json::read(row))
    }
}

impl Client {
    /// All pages of a list; read again from the start where a page's marker is gone.
    pub async fn pages(&self, list: &List) -> Answer<Vec<Page>> {
        let mut reading = 1;
        loop {
            match self.read_pages(list).await {
                // 400 or 404 on a later page: the row it goes on after was deleted meanwhile.
                Err((OrchestratorError::Refused { .. }, true)) if reading < READINGS_MAX => {
                    reading += 1;
                }
                Err((error, _)) => return Err(error),
                Ok(pages) => return Ok(pages),
            }
        }
    }

    /// The rows of all pages.
    pub async fn rows(&self, list: &List) -> Answer<Vec<Value>> {
        let pages = self.pages(list).await?;
        Ok(pages.iter().flat_map(Page::values).collect())
    }

    /// The rows of all pages; none where the role may not read them or the cloud does not have
    /// them, which `doctor` names.
    pub async fn rows_if_allowed(&self, list: &List) -> Answer<Vec<Value>> {
        if self.endpoint(list.call.service).await?.is_none() {
            return Ok(Vec::new());
        }
        match self.rows(list).await {
            Err(OrchestratorError::Forbidden { .. } | OrchestratorError::Refused { .. }) => {
                Ok(Vec::new())
            }
            other => other,
        }
    }

    /// Pages, or what went wrong and whether it was past the first page.
    async fn read_pages(&self, list: &List) -> Result<Vec<Page>, (OrchestratorError, bool)> {
        let name = list.call.text();
        let mut pages: Vec<Page> = Vec::new();
        let mut marker: Option<String> = None;
        let mut count = 0;
        for _ in 0..PAGES_MAX {
            let later = !pages.is_empty();
            let mut call = list.call.clone();
            if list.paging != Paging::Whole {
                call = call.with("limit", PAGE_ROWS.to_string());
            }
            match (list.paging, &marker) {
                (Paging::Marker(_) | Paging::InnerMarker(..), Some(marker)) => {
                    call = call.with("marker", marker.as_str());
                }
                (Paging::Offset, Some(count)) => call = call.with("offset", count.as_str()),
                _ => {}
            }
            let body = self.call(&call).await.map_err(|error| (error, later))?.body;
            let malformed = |detail| (self.malformed(&name, detail), later);
            let top = json::top(&body).map_err(malformed)?;
            let rows = json::rows(&top, list.key).map_err(malformed)?;
            count += rows.len();
            let next = goes_on(list, &top, &rows, count).map_err(malformed)?;
            pages.push(Page { request: call.text(), body, rows });
            match next {
                None => return Ok(pages),
                Some(next) if marker.as_ref() == Some(&next) => {
                    return Err(malformed("a page was given twice".to_owned()));
                }
                Some(next) => marker = Some(next),
            }
        }
        Err((self.malformed(&name, format!("more than {PAGES_MAX} pages")), true))
    }
}

/// What to go on after, where the list goes on; `count` rows were read.
fn goes_on(
    list: &List,
    top: &Top,
    rows: &[Box<RawValue>],
    count: usize,
) -> Result<Option<String>, String> {
    let Some(last) = rows.last() else { return Ok(None) };
    let linked = has_next(list.key, top);
    if !linked && top.get("truncated").is_some_and(|value| value.get() == "true") {
        return Err("the list was cut by the service's list_limit: raise it".to_owned());
    }
    match list.paging {
        Paging::Whole => Ok(None),
        Paging::Offset if rows.len() < PAGE_ROWS => Ok(None),
        Paging::Offset => Ok(Some(count.to_string())),
        Paging::Marker(_) | Paging::InnerMarker(..) if !linked => Ok(None),
        Paging::Marker(field) => {
            let marker = json::text(&json::read(last), field);
            marker.map(Some).ok_or_else(|| format!("the last row has no {field}"))
        }
        Paging::InnerMarker(list, field) => {
            let row = json::read(last);
            let marker = json::list(&row, list).last().and_then(|last| json::text(last, field));
            marker.map(Some).ok_or_else(|| format!("the last row has no {field} in {list}"))
        }
    }
}

/// Whether the answer links a next page: `servers_links`, `links`, `links.next`, or `next`.
fn has_next(key: &str, top: &Top) -> bool {
    let read = |name: &str| top.get(name).map(|value| json::read(value));
    let is_next = |link: &Value| json::text(link, "rel").as_deref() == Some("next");
    let linked = |links: Value| match links {
        Value::Array(links) => links.iter().any(is_next),
        Value::Object(_) => json::text(&links, "next").is_some(),
        _ => false,
    };
    read(&format!("{key}_links")).is_some_and(linked)
        || read("links").is_some_and(linked)
        || read("next").is_some_and(|next| next.as_str().is_some())
}
