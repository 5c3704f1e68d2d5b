//! OpenStack behind the orchestrator trait: one region of a cloud, all its services.

mod accounting;
mod catalog;
mod check;
mod client;
mod date;
mod events;
mod flavor;
mod image;
mod inventory;
mod json;
mod list;
mod login;
mod observe;
mod owners;
mod service;
mod session;
mod state;
mod telemetry;
mod things;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{
    AccountedLife, Answer, Capabilities, CatalogItem, Check, Credential, EventRoute, InventoryItem,
    ObservationAsk, Orchestrator, OwnerInfo, ParsedEvent, ParsedObservation, ParsedRecord,
    RawObservations, RawPage, RawWindow, SignIn, Watermark,
};
use crate::config::{PortPolicy, SourceConfig};
use crate::ids::SourceName;
use crate::period::Span;
use client::Client;
use flavor::GpuAliases;
use login::LoginRules;
use owners::Internal;
use telemetry::Telemetry;

/// Why there is no windowed usage.
const NO_WINDOWS: &str = "without [source.telemetry] usage is made of what is observed alone";

/// A region of an OpenStack.
pub struct OpenStack {
    client: Client,
    internal: Internal,
    gpus: GpuAliases,
    ports: PortPolicy,
    logins: LoginRules,
    telemetry: Option<Telemetry>,
}

impl OpenStack {
    /// Builds the adapter; calls nobody.
    pub fn new(config: &SourceConfig) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::new(config)?,
            internal: Internal::new(config),
            gpus: GpuAliases::new(config),
            ports: config.ports,
            logins: LoginRules::new(config),
            telemetry: Telemetry::new(config)?,
        })
    }
}

impl Orchestrator for OpenStack {
    fn source(&self) -> &SourceName {
        &self.client.source
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            windowed_usage: self.telemetry.is_some(),
            observations: true,
            derived_usage: true,
            console_session: false,
            signed_request: false,
            token: true,
            password: true,
            projects: true,
            second_factor: true,
        }
    }

    fn raw_record(&self, page: &RawPage, index: usize) -> Option<String> {
        observe::raw_row(page, index)
            .or_else(|| telemetry::raw_row(page, index))
            .or_else(|| events::raw_payload(&page.body).filter(|_| index == 0))
    }

    fn fetch_observations(&self, ask: ObservationAsk) -> BoxFuture<'_, Answer<RawObservations>> {
        observe::fetch(self, ask).boxed()
    }

    fn parse_observations(&self, page: &RawPage, seen_at: i64) -> Answer<Vec<ParsedObservation>> {
        let reader = observe::Reader { source: &self.client.source, gpus: &self.gpus };
        observe::parse(reader, page, seen_at)
    }

    fn event_routes(&self) -> Vec<EventRoute> {
        events::routes()
    }

    fn parse_event(&self, body: &[u8]) -> Answer<ParsedEvent> {
        events::parse(&self.client.source, self.ports, body)
    }

    fn fetch_catalog(&self) -> BoxFuture<'_, Answer<Vec<CatalogItem>>> {
        catalog::fetch(self).boxed()
    }

    fn fetch_watermark(&self) -> BoxFuture<'_, Answer<Watermark>> {
        if let Some(telemetry) = &self.telemetry {
            return telemetry.watermark(&self.client).boxed();
        }
        let refused = self.client.refused("usage", NO_WINDOWS.to_owned());
        async { Err(refused) }.boxed()
    }

    fn fetch_usage(&self, window: Span) -> BoxFuture<'_, Answer<RawWindow>> {
        if let Some(telemetry) = &self.telemetry {
            return telemetry.fetch(&self.client, window).boxed();
        }
        let detail = format!("{NO_WINDOWS} (asked for {} to {})", window.from, window.until);
        let refused = self.client.refused("usage", detail);
        async { Err(refused) }.boxed()
    }

    fn parse_usage(&self, page: &RawPage) -> Answer<Vec<ParsedRecord>> {
        telemetry::parse(&self.client.source, page)
    }

    fn fetch_inventory(&self) -> BoxFuture<'_, Answer<Vec<InventoryItem>>> {
        inventory::fetch(self).boxed()
    }

    fn fetch_accounting(&self, span: Span) -> BoxFuture<'_, Answer<Option<Vec<AccountedLife>>>> {
        accounting::fetch(&self.client, span).boxed()
    }

    fn sign_in(&self, credential: Credential) -> BoxFuture<'_, Answer<SignIn>> {
        login::sign_in(self, credential).boxed()
    }
    fn check(&self) -> BoxFuture<'_, Vec<Check>> {
        check::check(self).boxed()
    }

    fn fetch_owners(&self) -> BoxFuture<'_, Answer<Vec<OwnerInfo>>> {
        owners::fetch(&self.client, &self.internal).boxed()
    }
}
