//! Apache CloudStack behind the orchestrator trait.

mod accounts;
mod catalog;
mod check;
mod client;
mod date;
mod events;
mod json;
mod observe;
mod session;
pub mod sign;
mod usage;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};

use super::{
    Answer, Capabilities, CatalogItem, Check, Credential, Delivery, EventRoute, HeaderOf,
    InventoryItem, ObservationAsk, Orchestrator, OwnerInfo, ParsedEvent, ParsedObservation,
    ParsedRecord, RawObservations, RawPage, RawWindow, SignIn, Watermark,
};
use crate::config::SourceConfig;
use crate::ids::SourceName;
use crate::period::Span;
use client::Client;

/// A CloudStack management server.
pub struct CloudStack {
    client: Client,
    webhook: Option<SecretString>,
}

impl CloudStack {
    /// Builds the adapter; calls nobody.
    pub fn new(config: &SourceConfig) -> anyhow::Result<Self> {
        let webhook = config.webhook.as_ref().map(|webhook| webhook.secret(&config.name));
        Ok(Self { client: Client::new(config)?, webhook: webhook.transpose()? })
    }
}

impl Orchestrator for CloudStack {
    fn source(&self) -> &SourceName {
        &self.client.source
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            windowed_usage: true,
            observations: true,
            derived_usage: false,
            console_session: true,
            signed_request: true,
            token: false,
            password: true,
            projects: false,
            second_factor: true,
        }
    }

    fn fetch_watermark(&self) -> BoxFuture<'_, Answer<Watermark>> {
        usage::fetch_watermark(&self.client).boxed()
    }

    fn fetch_usage(&self, window: Span) -> BoxFuture<'_, Answer<RawWindow>> {
        usage::fetch_usage(&self.client, window).boxed()
    }

    fn parse_usage(&self, page: &RawPage) -> Answer<Vec<ParsedRecord>> {
        usage::parse_usage(&self.client.source, page)
    }

    fn raw_record(&self, page: &RawPage, index: usize) -> Option<String> {
        json::raw_row(&page.body, index)
    }

    fn fetch_observations(&self, ask: ObservationAsk) -> BoxFuture<'_, Answer<RawObservations>> {
        observe::fetch(&self.client, ask).boxed()
    }

    fn parse_observations(&self, page: &RawPage, seen_at: i64) -> Answer<Vec<ParsedObservation>> {
        observe::parse(&self.client.source, page, seen_at)
    }

    fn event_routes(&self) -> Vec<EventRoute> {
        events::routes()
    }

    fn parse_event(&self, body: &[u8]) -> Answer<ParsedEvent> {
        events::parse(&self.client.source, body)
    }

    fn verify_delivery(&self, header: HeaderOf<'_>, body: &[u8]) -> Option<Delivery> {
        let secret = self.webhook.as_ref()?.expose_secret();
        Some(events::delivery(header, body, secret))
    }

    fn fetch_catalog(&self) -> BoxFuture<'_, Answer<Vec<CatalogItem>>> {
        catalog::fetch(&self.client).boxed()
    }

    fn fetch_owners(&self) -> BoxFuture<'_, Answer<Vec<OwnerInfo>>> {
        accounts::fetch_owners(&self.client).boxed()
    }

    fn fetch_inventory(&self) -> BoxFuture<'_, Answer<Vec<InventoryItem>>> {
        accounts::fetch_inventory(&self.client).boxed()
    }

    fn sign_in(&self, credential: Credential) -> BoxFuture<'_, Answer<SignIn>> {
        session::sign_in(&self.client, credential).boxed()
    }

    fn check(&self) -> BoxFuture<'_, Vec<Check>> {
        check::check(&self.client).boxed()
    }
}
