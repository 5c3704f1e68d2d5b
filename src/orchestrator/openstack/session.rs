//! The login as a service: a session of the `openstack` crate, with a client of our own.
//!
//! The crate signs in, keeps the catalogue, and renews the token ten minutes before it ends. A
//! token that is refused earlier is not renewed by it (its forced renewal keeps a token that has
//! time left), so a refused one is replaced by a new session of the same login.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use openstack::auth::{Password, Scope};
use openstack::{EndpointFilters, Error, ErrorKind, IdOrName, InterfaceType, session};
use osauth::identity::ApplicationCredential;
use reqwest_session::{Certificate, Client, RequestBuilder, Url};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::service::Service;
use crate::config::{Interface, SourceConfig};

const CONNECT_SECONDS_MAX: u64 = 10;

/// Hexadecimal digits of a project's id.
const ID_LENGTH: usize = 32;

/// Name and version by which servers see who calls.
const USER_AGENT: &str = concat!("billow/", env!("CARGO_PKG_VERSION"));

/// How the service itself signs in. It holds the secret: never shown, not even for debugging.
enum Login {
    Password(Password),
    Credential(ApplicationCredential),
}

/// A login and the session it opened, if it was needed yet.
pub struct Sessions {
    pub http: Client,
    login: Login,
    filters: EndpointFilters,
    open: Mutex<Option<Arc<session::Session>>>,
}

impl Sessions {
    /// Prepares the login; calls nobody.
    pub fn new(config: &SourceConfig) -> anyhow::Result<Self> {
        let secret = config.secret()?;
        let secret = secret.expose_secret();
        let address = config.endpoint.as_str();
        let login = match (&config.application_credential_id, &config.user, &config.project) {
            (Some(id), _, _) => {
                Login::Credential(ApplicationCredential::new(address, id.as_str(), secret)?)
            }
            (None, Some(user), Some(project)) => {
                let domain = config.user_domain.as_str();
                let scope = scope(project, &config.project_domain);
                let login = Password::new(address, user.as_str(), secret, domain)?;
                Login::Password(login.with_scope(scope))
            }
            (None, _, _) => anyhow::bail!(
                "source {}: set user and project, or application_credential_id",
                config.name
            ),
        };
        let filters = filters(config);
        Ok(Self { http: http_client(config)?, login, filters, open: Mutex::new(None) })
    }

    /// The open session; signs in where there is none.
    pub async fn get(&self) -> Result<Arc<session::Session>, Error> {
        let mut open = self.open.lock().await;
        if let Some(session) = &*open {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(self.sign_in().await?);
        *open = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Drops a session whose token was refused, unless another call did so already.
    pub async fn drop_refused(&self, refused: &Arc<session::Session>) {
        let mut open = self.open.lock().await;
        if open.as_ref().is_some_and(|session| Arc::ptr_eq(session, refused)) {
            *open = None;
        }
    }

    async fn sign_in(&self) -> Result<session::Session, Error> {
        let http = self.http.clone();
        let session = match &self.login {
            Login::Password(login) => session::Session::new_with_client(http, login.clone()).await,
            Login::Credential(login) => {
                session::Session::new_with_client(http, login.clone()).await
            }
        };
        Ok(session?.with_endpoint_filters(self.filters.clone()))
    }

    /// Puts the token on a request, which signs in or renews where needed.
    pub async fn authenticate(
        &self,
        session: &session::Session,
        request: RequestBuilder,
    ) -> Result<RequestBuilder, Error> {
        session.auth_type().authenticate(&self.http, request).await
    }

    /// The session's own token.
    pub async fn token(&self, session: &session::Session) -> Result<String, Error> {
        let request = self.http.get("http://localhost/");
        let request = self.authenticate(session, request).await?.build()?;
        let token = request.headers().get("x-auth-token").and_then(|value| value.to_str().ok());
        let missing = || Error::new(ErrorKind::InvalidResponse, "the session has no token");
        token.map(str::to_owned).ok_or_else(missing)
    }

    /// The address of a service by its types, for the configured region and interface; `None`
    /// where the catalogue has none.
    pub async fn address(
        &self,
        session: &session::Session,
        service: Service,
    ) -> Result<Option<Url>, Error> {
        for name in service.types() {
            let filters = session.endpoint_filters();
            match session.auth_type().get_endpoint(&self.http, name, filters).await {
                Ok(address) => return Ok(Some(address)),
                Err(error) if error.kind() == ErrorKind::EndpointNotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// A project by its id, or by its name and its domain's.
fn scope(project: &str, domain: &str) -> Scope {
    let is_id = project.len() == ID_LENGTH && project.chars().all(|c| c.is_ascii_hexdigit());
    if is_id {
        return Scope::Project { project: IdOrName::from_id(project), domain: None };
    }
    let domain = Some(IdOrName::from_name(domain));
    Scope::Project { project: IdOrName::from_name(project), domain }
}

/// The configured interface first; the public one where a service has no other.
fn filters(config: &SourceConfig) -> EndpointFilters {
    let own = match config.interface {
        Interface::Public => InterfaceType::Public,
        Interface::Internal => InterfaceType::Internal,
        Interface::Admin => InterfaceType::Admin,
    };
    let filters = EndpointFilters::default().with_interfaces(vec![own, InterfaceType::Public]);
    match &config.region {
        Some(region) => filters.with_region(region.as_str()),
        None => filters,
    }
}

/// A client with time-outs, the host's certificates and no redirects: tokens go where they were
/// sent.
fn http_client(config: &SourceConfig) -> anyhow::Result<Client> {
    let timeout = Duration::from_secs(config.timeout_seconds.max(1));
    let mut client = Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(CONNECT_SECONDS_MAX)))
        .redirect(reqwest_session::redirect::Policy::none())
        .user_agent(USER_AGENT);
    if let Some(path) = &config.ca_file {
        for certificate in certificates(path)? {
            client = client.add_root_certificate(certificate);
        }
    }
    Ok(client.build()?)
}

fn certificates(path: &Path) -> anyhow::Result<Vec<Certificate>> {
    let explain = |error: &dyn std::fmt::Display| {
        anyhow::anyhow!("ca_file {}: {error}; give certificates in PEM form", path.display())
    };
    let bytes = std::fs::read(path).map_err(|error| explain(&error))?;
    let found = Certificate::from_pem_bundle(&bytes).map_err(|error| explain(&error))?;
    if found.is_empty() {
        return Err(explain(&"there is no certificate in it"));
    }
    Ok(found)
}
