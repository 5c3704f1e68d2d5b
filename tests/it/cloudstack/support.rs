//! Recorded files, and an adapter that points at a scripted server.

use billow::config::{SourceConfig, SourceKind};
use billow::orchestrator::cloudstack::CloudStack;

pub use crate::support::server::{Reply, Request, Server, ok, status};

pub const SECRET: &str = "secret-that-must-not-be-seen";
pub const KEY: &str = "key-of-billow";

/// The bytes of a recorded file.
pub fn recorded(path: &str) -> Vec<u8> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/cloudstack/");
    std::fs::read(format!("{root}{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// An adapter with a time-out of one second.
pub fn adapter(endpoint: &str, key: &str, secret: &str) -> CloudStack {
    // Another test of the same process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let digits: String = secret.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    let file = format!("{}/secret-{digits}", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, secret).expect("write the secret's file");
    CloudStack::new(&SourceConfig {
        api_key: Some(key.to_owned()),
        secret_file: Some(file.into()),
        timeout_seconds: 1,
        ..SourceConfig::new("cs1", SourceKind::Cloudstack, endpoint)
    })
    .expect("an adapter")
}

impl Server {
    /// Where the API lies.
    pub fn endpoint(&self) -> String {
        format!("{}/client/api", self.address)
    }

    pub fn adapter(&self) -> CloudStack {
        adapter(&self.endpoint(), KEY, SECRET)
    }
}
