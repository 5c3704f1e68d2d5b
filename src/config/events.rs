//! The bus on which a source tells what happens: where it is, and what of it is read.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::{first_line, from_environment};

/// A broker, and Billow's own queue there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    /// Environment variable or file with the address, which holds a password:
    /// `amqps://user:password@host:5671/vhost`.
    pub address_env: Option<String>,
    pub address_file: Option<PathBuf>,
    /// Queue that nobody else reads; `billow.` and the source's name without it.
    pub queue: Option<String>,
    /// Exchanges to listen to; those that the orchestrator is known to use without it.
    #[serde(default)]
    pub exchanges: Vec<String>,
    /// Routing keys to listen for on each of these exchanges.
    #[serde(default)]
    pub routing_keys: Vec<String>,
    /// Messages that the queue holds at most while Billow is away; the oldest are dropped first.
    #[serde(default = "default_length")]
    pub queue_length_max: u32,
}

fn default_length() -> u32 {
    1_000_000
}

impl EventsConfig {
    /// A bus whose address is in a file, with nothing else set.
    pub fn at(address_file: PathBuf) -> Self {
        Self {
            address_env: None,
            address_file: Some(address_file),
            queue: None,
            exchanges: Vec::new(),
            routing_keys: Vec::new(),
            queue_length_max: default_length(),
        }
    }

    /// The broker's address from the environment or a file.
    pub fn address(&self, source: &str) -> anyhow::Result<SecretString> {
        match (&self.address_env, &self.address_file) {
            (Some(name), _) => Ok(from_environment(source, "events.address_env", name)?.into()),
            (None, Some(path)) => Ok(first_line(path)?.into()),
            (None, None) => {
                anyhow::bail!("source {source}: set events.address_env or events.address_file")
            }
        }
    }

    /// The queue's name.
    pub fn queue(&self, source: &str) -> String {
        self.queue.clone().unwrap_or_else(|| format!("billow.{source}"))
    }

    /// What is wrong with it; one line each.
    pub(super) fn problems(&self, source: &str) -> Vec<String> {
        let mut problems: Vec<String> =
            self.address(source).err().map(|error| format!("{error:#}")).into_iter().collect();
        if self.exchanges.is_empty() != self.routing_keys.is_empty() {
            problems.push(format!(
                "source {source}: events.exchanges and events.routing_keys go together: set both \
                 or none"
            ));
        }
        if self.queue_length_max == 0 {
            problems.push(format!(
                "source {source}: events.queue_length_max is 0: the queue would hold nothing"
            ));
        }
        problems
    }
}
