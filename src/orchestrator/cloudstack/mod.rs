//! Apache CloudStack behind the orchestrator trait.

use futures_util::future::BoxFuture;

use super::{
    Answer, Capabilities, CatalogItem, Check, Credential, InventoryItem, Orchestrator, OwnerInfo,
    ParsedRecord, RawPage, RawWindow, SignIn, Watermark,
};
use crate::config::SourceConfig;
use crate::ids::SourceName;
use crate::period::Span;

/// A CloudStack management server.
pub struct CloudStack {
    source: SourceName,
}

impl CloudStack {
    /// Builds the adapter; calls nobody.
    pub fn new(config: &SourceConfig) -> anyhow::Result<Self> {
        Ok(Self { source: SourceName(config.name.clone()) })
    }
}

impl Orchestrator for CloudStack {
    fn source(&self) -> &SourceName {
        &self.source
    }
    fn capabilities(&self) -> Capabilities {
        todo!()
    }
    fn fetch_watermark(&self) -> BoxFuture<'_, Answer<Watermark>> {
        todo!()
    }
    fn fetch_usage(&self, _window: Span) -> BoxFuture<'_, Answer<RawWindow>> {
        todo!()
    }
    fn parse_usage(&self, _page: &RawPage) -> Answer<Vec<ParsedRecord>> {
        todo!()
    }
    fn raw_record(&self, _page: &RawPage, _index: usize) -> Option<String> {
        todo!()
    }
    fn fetch_catalog(&self) -> BoxFuture<'_, Answer<Vec<CatalogItem>>> {
        todo!()
    }
    fn fetch_owners(&self) -> BoxFuture<'_, Answer<Vec<OwnerInfo>>> {
        todo!()
    }
    fn fetch_inventory(&self) -> BoxFuture<'_, Answer<Vec<InventoryItem>>> {
        todo!()
    }
    fn sign_in(&self, _credential: Credential) -> BoxFuture<'_, Answer<SignIn>> {
        todo!()
    }
    fn check(&self) -> BoxFuture<'_, Vec<Check>> {
        todo!()
    }
}
