//! The configuration: one TOML file, secrets from the environment or files of their own.

mod events;
mod source;
mod telemetry;
mod webhook;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use events::EventsConfig;
pub use source::{Interface, PortPolicy, SourceConfig, SourceKind};
pub use telemetry::{Counter, TelemetryConfig, TelemetryStore};
pub use webhook::WebhookConfig;

/// Everything the operator sets. Unknown keys are refused with their place in the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub database: DatabaseConfig,
    #[serde(default)]
    pub server: ServerConfig,
    #[serde(default)]
    pub billing: BillingConfig,
    #[serde(default)]
    pub owners: OwnersConfig,
    #[serde(default, rename = "source")]
    pub sources: Vec<SourceConfig>,
    #[serde(default)]
    pub documents: DocumentsConfig,
}

/// Where data lies.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:/var/lib/billow/billow.db` or `postgres://user@host/billow`.
    pub address: Option<String>,
    /// A file whose first line is the address, to keep a password out of the configuration.
    pub address_file: Option<PathBuf>,
}

impl DatabaseConfig {
    /// The address from `BILLOW_DATABASE`, the file of its own, or the configuration.
    pub fn address(&self) -> anyhow::Result<String> {
        if let Ok(address) = std::env::var("BILLOW_DATABASE") {
            return Ok(address);
        }
        if let Some(path) = &self.address_file {
            return first_line(path);
        }
        self.address.clone().ok_or_else(|| {
            anyhow::anyhow!("[database] has neither address nor address_file: set one of them")
        })
    }
}

/// The HTTP server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port to listen on.
    pub listen: String,
    /// The address people reach it by; links and the `Secure` flag of cookies follow from it.
    pub public_url: Option<String>,
    /// Origins that may show the pages in a frame, besides Billow's own.
    pub frame_ancestors: Vec<String>,
    /// Requests a minute for one caller.
    pub requests_per_minute: u32,
    /// Sign-in attempts a minute for one address.
    pub sign_ins_per_minute: u32,
    /// Seconds after which a token of ours ends.
    pub token_seconds: u32,
    /// Seconds for which an orchestrator's answer about a caller is believed.
    pub identity_cache_seconds: u32,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8780".to_owned(),
            public_url: None,
            frame_ancestors: Vec::new(),
            requests_per_minute: 600,
            sign_ins_per_minute: 10,
            token_seconds: 900,
            identity_cache_seconds: 60,
        }
    }
}

/// When periods close and stages run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BillingConfig {
    /// Days after its end until a period may be issued.
    pub close_after_days: u16,
    /// Seconds between two rounds of collecting while serving.
    pub collect_every_seconds: u32,
    /// Seconds between two looks at what exists now, for live figures, while serving.
    pub observe_every_seconds: u32,
    /// Seconds between two rounds of the catalogue sync while serving.
    pub catalog_every_seconds: u32,
    /// Days of usage that every collection reads again.
    pub reread_days: u16,
}

impl Default for BillingConfig {
    fn default() -> Self {
        Self {
            close_after_days: 3,
            collect_every_seconds: 900,
            observe_every_seconds: 30,
            catalog_every_seconds: 3600,
            reread_days: 7,
        }
    }
}

/// How owners become customers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnersConfig {
    pub auto: AutoOwners,
}

impl Default for OwnersConfig {
    fn default() -> Self {
        Self { auto: AutoOwners::Account }
    }
}

/// `account`: each account becomes a customer; `manual`: an unmapped owner is a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoOwners {
    Account,
    Manual,
}

/// Fonts and the like for documents.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DocumentsConfig {
    /// Folders searched for further fonts (CJK, Arabic, Thai …); `/usr/share/fonts` always is.
    pub font_folders: Vec<PathBuf>,
}

impl Config {
    /// Reads a configuration file; errors name file, line, column and key.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| anyhow::anyhow!("{}: {error}{}", path.display(), hint_of(&error)))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads configuration text; `name` is the file's name in errors.
    pub fn parse(text: &str, name: &str) -> anyhow::Result<Self> {
        toml::from_str(text).map_err(|error| {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            anyhow::anyhow!("{name}:{line}:{column}: {}", error.message())
        })
    }
}

/// How to get a configuration where there is none.
fn hint_of(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            "; billow config init writes one, --config or BILLOW_CONFIG names another"
        }
        _ => "",
    }
}

/// Line and column, from 1, of a byte offset.
pub fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
    (line, column)
}

fn from_environment(source: &str, key: &str, name: &str) -> anyhow::Result<String> {
    std::env::var(name)
        .map_err(|_| anyhow::anyhow!("source {source}: {key} names {name}, which is not set"))
}

fn is_web_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

fn first_line(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    Ok(text.lines().next().unwrap_or("").trim().to_owned())
}

/// Smallest and greatest values that make sense, for [`Config::problems`].
const CLOSE_AFTER_DAYS_MAX: u16 = 60;
const REREAD_DAYS_MAX: u16 = 62;

impl Config {
    /// What is wrong although every key is known; one line each, empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Err(error) = self.database.address() {
            problems.push(format!("[database] {error:#}"));
        }
        if self.server.listen.parse::<std::net::SocketAddr>().is_err() {
            let listen = &self.server.listen;
            problems.push(format!(
                "[server] listen: {listen:?} is no address and port such as 127.0.0.1:8780"
            ));
        }
        if self.billing.close_after_days > CLOSE_AFTER_DAYS_MAX {
            problems.push(format!(
                "[billing] close_after_days: {} is more than {CLOSE_AFTER_DAYS_MAX}",
                self.billing.close_after_days
            ));
        }
        if self.billing.reread_days > REREAD_DAYS_MAX {
            problems.push(format!(
                "[billing] reread_days: {} is more than {REREAD_DAYS_MAX}",
                self.billing.reread_days
            ));
        }
        self.source_problems(&mut problems);
        problems
    }

    fn source_problems(&self, problems: &mut Vec<String>) {
        let mut names = std::collections::BTreeSet::new();
        for source in &self.sources {
            let name = &source.name;
            if !names.insert(name) {
                problems.push(format!("[[source]] name: {name:?} is used twice"));
            }
            problems.extend(source.problems());
        }
    }
}
