//! The webhook by which a source tells what happens, where it has no bus.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::{first_line, from_environment};

/// What proves that a delivery comes from the source.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Environment variable or file with the secret that both sides know.
    pub secret_env: Option<String>,
    pub secret_file: Option<PathBuf>,
}

impl WebhookConfig {
    /// The secret from the environment or a file.
    pub fn secret(&self, source: &str) -> anyhow::Result<SecretString> {
        let secret = match (&self.secret_env, &self.secret_file) {
            (Some(name), _) => from_environment(source, "webhook.secret_env", name)?,
            (None, Some(path)) => first_line(path)?,
            (None, None) => {
                anyhow::bail!("source {source}: set webhook.secret_env or webhook.secret_file")
            }
        };
        anyhow::ensure!(
            !secret.is_empty(),
            "source {source}: the webhook's secret is empty: anybody could sign with it"
        );
        Ok(secret.into())
    }
}
