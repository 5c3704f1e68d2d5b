//! Composition root: the only file that names an orchestrator, and the only one that reads the
//! wall clock for the business.

use std::sync::Arc;

use jiff::Timestamp;

use crate::audit::Actor;
use crate::clock::{Clock, ManualClock};
use crate::config::{Config, SourceConfig, SourceKind};
use crate::ids::SourceName;
use crate::jobs::looks::Looks;
use crate::orchestrator::Orchestrator;
use crate::orchestrator::cloudstack::CloudStack;
use crate::orchestrator::openstack::OpenStack;
use crate::store::{Db, StoreError, Tx, knowledge};

/// The machine's clock as the business clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// All that a command, a stage or a handler needs.
#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub db: Db,
    pub clock: Arc<dyn Clock>,
    pub orchestrators: Vec<Arc<dyn Orchestrator>>,
    /// Who acts, for the audit log.
    pub actor: Actor,
    /// Wishes to the stage that looks at the sources.
    pub looks: Looks,
}

impl App {
    /// Opens the database and builds the adapters; does not migrate and calls nobody.
    pub async fn open(config: Config, as_of: Option<Timestamp>) -> anyhow::Result<Self> {
        let db = Db::open(&config.database.address()?).await?;
        let orchestrators =
            config.sources.iter().map(build_orchestrator).collect::<anyhow::Result<Vec<_>>>()?;
        let clock: Arc<dyn Clock> = match as_of {
            Some(at) => Arc::new(ManualClock::at(at)),
            None => Arc::new(SystemClock),
        };
        let actor = Actor(format!("cli:{}", system_user()));
        Ok(Self {
            config: Arc::new(config),
            db,
            clock,
            orchestrators,
            actor,
            looks: Looks::default(),
        })
    }

    /// The orchestrator of a source, if one is configured under that name.
    pub fn orchestrator(&self, source: &SourceName) -> Option<&Arc<dyn Orchestrator>> {
        self.orchestrators.iter().find(|candidate| candidate.source() == source)
    }

    /// Refuses a business time after the machine's: what is drafted or issued then would rest on
    /// facts that are not there yet, and date the documents after it into the future.
    pub fn refuse_future(&self) -> anyhow::Result<()> {
        let (business, machine) = (self.clock.now(), SystemClock.now());
        anyhow::ensure!(
            business.as_second() <= machine.as_second(),
            "--as-of {business} lies in the future: nothing can be billed before its time; \
             bill preview shows what is known"
        );
        Ok(())
    }

    /// A transaction that records facts, and the instant under which it records them.
    pub async fn record(&self) -> Result<(Tx, i64), StoreError> {
        let mut tx = self.db.begin().await?;
        let engine = self.db.engine();
        let at = knowledge::recording_at(&mut tx, engine, self.clock.as_ref()).await?;
        Ok((tx, at))
    }

    /// Checks that program and schema fit together.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        crate::store::migrate::check_version(&self.db).await
    }
}

fn build_orchestrator(source: &SourceConfig) -> anyhow::Result<Arc<dyn Orchestrator>> {
    match source.kind {
        SourceKind::Cloudstack => Ok(Arc::new(CloudStack::new(source)?)),
        SourceKind::Openstack => Ok(Arc::new(OpenStack::new(source)?)),
    }
}

/// Who called: behind `sudo` its caller, else the name of the process's user, else their number.
fn system_user() -> String {
    use std::os::unix::fs::MetadataExt;
    if let Ok(user) = std::env::var("SUDO_USER") {
        return user;
    }
    let Ok(process) = std::fs::metadata("/proc/self") else {
        return std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    };
    let number = process.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_else(|_| String::new());
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("uid {number}"))
}
