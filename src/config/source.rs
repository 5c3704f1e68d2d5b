//! A source of usage: which orchestrator, how to sign in there, and what to read.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::{
    EventsConfig, TelemetryConfig, WebhookConfig, first_line, from_environment, is_web_address,
};

/// Which adapter a source needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    Cloudstack,
    Openstack,
}

/// Which address of a service is called, where a catalogue offers several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interface {
    Public,
    #[default]
    Internal,
    Admin,
}

/// Which network interfaces are metered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortPolicy {
    None,
    /// Machines' own addresses on external networks, as public addresses.
    #[default]
    External,
    /// These, and every interface of a machine as an interface.
    All,
}

/// An orchestrator to collect from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The name under which its records are kept; never changed later.
    pub name: String,
    pub kind: SourceKind,
    /// The API's address; for `openstack` the identity service's.
    #[serde(alias = "auth_url")]
    pub endpoint: String,
    /// Key, or the environment variable that holds it.
    pub api_key: Option<String>,
    pub api_key_env: Option<String>,
    /// The secret comes from the environment or a file only: the API key's secret, the user's
    /// password, or the application credential's secret.
    pub secret_env: Option<String>,
    pub secret_file: Option<PathBuf>,
    /// Seconds that one call may take.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
    /// First instant to collect when nothing was collected yet; RFC 3339 or `YYYY-MM-DD`.
    pub collect_from: Option<String>,
    /// Region of the catalogue. Each region is a source of its own.
    pub region: Option<String>,
    #[serde(default)]
    pub interface: Interface,
    /// User, and the project whose roles are used, each with the name of its domain.
    pub user: Option<String>,
    #[serde(default = "default_domain")]
    pub user_domain: String,
    pub project: Option<String>,
    #[serde(default = "default_domain")]
    pub project_domain: String,
    /// Id of an application credential, instead of user and project.
    pub application_credential_id: Option<String>,
    /// Certificates (PEM) trusted besides the host's.
    pub ca_file: Option<PathBuf>,
    /// Projects of the installation itself, by id or as `domain/project`: collected, not billed.
    #[serde(default = "service_projects")]
    pub internal_projects: Vec<String>,
    /// Domains of the installation itself, by id or name, with every project in them.
    #[serde(default)]
    pub internal_domains: Vec<String>,
    /// Roles whose holders are operators of Billow, on whatever project or domain.
    #[serde(default = "operator_roles")]
    pub operator_roles: Vec<String>,
    /// Roles whose holders read what an operator reads and change nothing.
    #[serde(default)]
    pub auditor_roles: Vec<String>,
    #[serde(default)]
    pub ports: PortPolicy,
    /// PCI aliases that are GPUs; every alias of a flavor is one where the list is empty.
    #[serde(default)]
    pub gpu_aliases: Vec<String>,
    /// Where it tells what happens, as it happens.
    pub events: Option<EventsConfig>,
    /// How it proves that a webhook is its own.
    pub webhook: Option<WebhookConfig>,
    /// Counters that its telemetry keeps, such as traffic.
    pub telemetry: Option<TelemetryConfig>,
}

fn default_timeout() -> u64 {
    60
}

fn default_domain() -> String {
    "Default".to_owned()
}

fn service_projects() -> Vec<String> {
    vec!["Default/service".to_owned()]
}

fn operator_roles() -> Vec<String> {
    vec!["admin".to_owned()]
}

impl SourceConfig {
    /// A source with nothing set but what every source has.
    pub fn new(name: &str, kind: SourceKind, endpoint: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            endpoint: endpoint.to_owned(),
            api_key: None,
            api_key_env: None,
            secret_env: None,
            secret_file: None,
            timeout_seconds: default_timeout(),
            collect_from: None,
            region: None,
            interface: Interface::default(),
            user: None,
            user_domain: default_domain(),
            project: None,
            project_domain: default_domain(),
            application_credential_id: None,
            ca_file: None,
            internal_projects: service_projects(),
            internal_domains: Vec::new(),
            operator_roles: operator_roles(),
            auditor_roles: Vec::new(),
            ports: PortPolicy::default(),
            gpu_aliases: Vec::new(),
            events: None,
            webhook: None,
            telemetry: None,
        }
    }

    /// The API key from the environment or the configuration.
    pub fn key(&self) -> anyhow::Result<String> {
        match (&self.api_key_env, &self.api_key) {
            (Some(name), _) => from_environment(&self.name, "api_key_env", name),
            (None, Some(key)) => Ok(key.clone()),
            (None, None) => anyhow::bail!("source {}: set api_key or api_key_env", self.name),
        }
    }

    /// The secret from the environment or a file.
    pub fn secret(&self) -> anyhow::Result<SecretString> {
        match (&self.secret_env, &self.secret_file) {
            (Some(name), _) => Ok(from_environment(&self.name, "secret_env", name)?.into()),
            (None, Some(path)) => Ok(first_line(path)?.into()),
            (None, None) => anyhow::bail!("source {}: set secret_env or secret_file", self.name),
        }
    }

    /// What is wrong with it although every key is known; one line each.
    pub fn problems(&self) -> Vec<String> {
        let name = &self.name;
        let mut problems = Vec::new();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(fits) {
            problems.push(format!("[[source]] name: {name:?}: use letters, digits, - and _ only"));
        }
        if !is_web_address(&self.endpoint) {
            problems.push(format!("source {name}: endpoint is no http or https address"));
        }
        match self.kind {
            SourceKind::Cloudstack => {
                problems.extend(self.key().err().map(|error| format!("{error:#}")));
                self.foreign_keys(&mut problems);
            }
            SourceKind::Openstack => self.login_problems(&mut problems),
        }
        problems.extend(self.telemetry.iter().flat_map(|telemetry| telemetry.problems(name)));
        let webhook = self.webhook.as_ref().and_then(|webhook| webhook.secret(name).err());
        problems.extend(webhook.map(|error| format!("{error:#}")));
        problems.extend(self.events.iter().flat_map(|events| events.problems(name)));
        problems.extend(self.secret().err().map(|error| format!("{error:#}")));
        problems
    }

    /// Keys that this kind of source would ignore.
    fn foreign_keys(&self, problems: &mut Vec<String>) {
        let keys = [
            ("region", self.region.is_some()),
            ("user", self.user.is_some()),
            ("project", self.project.is_some()),
            ("application_credential_id", self.application_credential_id.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("telemetry", self.telemetry.is_some()),
        ];
        for (key, given) in keys {
            if given {
                let name = &self.name;
                problems.push(format!("source {name}: {key} is for kind = \"openstack\" only"));
            }
        }
    }

    fn login_problems(&self, problems: &mut Vec<String>) {
        let name = &self.name;
        if self.api_key.is_some() || self.api_key_env.is_some() {
            problems.push(format!(
                "source {name}: api_key is for kind = \"cloudstack\" only; set user and project, \
                 or application_credential_id"
            ));
        }
        if self.webhook.is_some() {
            problems.push(format!(
                "source {name}: webhook is for kind = \"cloudstack\" only; set events"
            ));
        }
        match (&self.application_credential_id, &self.user, &self.project) {
            (Some(_), None, None) | (None, Some(_), Some(_)) => {}
            (Some(_), _, _) => problems.push(format!(
                "source {name}: application_credential_id stands for user and project: \
                 remove these"
            )),
            (None, Some(_), None) => problems.push(format!(
                "source {name}: project is missing: the roles of {} are those on a project",
                self.user.as_deref().unwrap_or("the user")
            )),
            (None, None, _) => problems
                .push(format!("source {name}: set user and project, or application_credential_id")),
        }
        if let Some(path) = &self.ca_file
            && let Err(error) = std::fs::read(path)
        {
            problems.push(format!("source {name}: ca_file {}: {error}", path.display()));
        }
        for entry in &self.internal_projects {
            let parts: Vec<&str> = entry.split('/').collect();
            let named = parts.len() == 2 && parts.iter().all(|part| !part.is_empty());
            let id = entry.len() == 32 && entry.chars().all(|c| c.is_ascii_hexdigit());
            if !named && !id {
                problems.push(format!(
                    "source {name}: internal_projects: {entry:?} is neither an id nor \
                     domain/project"
                ));
            }
        }
        if self.operator_roles.is_empty() {
            problems.push(format!(
                "source {name}: operator_roles is empty: nobody could act as operator"
            ));
        }
    }
}
