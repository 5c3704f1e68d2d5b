//! What the demo keeps in its folder: configuration, secrets, and where its story stands.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::run::{Options, first_instant, label_at};
use super::seed::{CLOUDSTACK, OPENSTACK, Size};

/// What is kept beside the database, so that the same world goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    pub seed: u64,
    pub small: bool,
    pub closed_months: u8,
    /// First instant of usage, unix seconds.
    pub start: i64,
    /// The cloud's present when it was last kept.
    pub present: i64,
    /// Months billed by the preparation.
    pub billed: u8,
}

/// A user by which Billow itself signs in.
pub(super) struct Key<'a> {
    /// Where the cloud is asked.
    pub endpoint: String,
    /// Key or name.
    pub user: &'a str,
    pub secret: &'a str,
}

/// The sources by which the two clouds are configured, and where everything lies.
pub(super) struct Sources<'a> {
    pub cloud: Key<'a>,
    pub region: Key<'a>,
    /// First instant of usage.
    pub from: String,
}

impl Sources<'_> {
    /// Writes secrets and configuration; gives the configuration's path and text.
    pub fn write(&self, options: &Options, database: &str) -> anyhow::Result<(PathBuf, String)> {
        let cloud = options.folder.join("cloudstack-secret");
        let region = options.folder.join("openstack-secret");
        write_secret(&cloud, self.cloud.secret)?;
        write_secret(&region, self.region.secret)?;
        let text = self.text(&options.listen, database, (&cloud, &region));
        let path = options.folder.join("billow.toml");
        std::fs::write(&path, &text).with_context(|| path.display().to_string())?;
        Ok((path, text))
    }

    fn text(&self, listen: &str, database: &str, secrets: (&Path, &Path)) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let path = |path: &Path| quoted(&path.display().to_string());
        let from = quoted(&self.from);
        format!(
            "# Written by billow demo for the commands beside it.\n\
             [database]\naddress = {}\n\n\
             [server]\nlisten = {}\n\n\
             [billing]\ncollect_every_seconds = 15\nobserve_every_seconds = 5\n\
             catalog_every_seconds = 30\n\n\
             [[source]]\nname = \"{CLOUDSTACK}\"\nkind = \"cloudstack\"\nendpoint = {}\n\
             api_key = {}\nsecret_file = {}\ncollect_from = {from}\n\n\
             [[source]]\nname = \"{OPENSTACK}\"\nkind = \"openstack\"\nendpoint = {}\n\
             region = \"{}\"\nuser = {}\nproject = \"service\"\nsecret_file = {}\n\
             internal_projects = [\"Default/service\", \"Default/admin\"]\n\
             collect_from = {from}\n\n\
             [source.telemetry]\nmeters = [\"network_sent\"]\n\
             settle_seconds = 60\n",
            quoted(database),
            quoted(listen),
            quoted(&self.cloud.endpoint),
            quoted(self.cloud.user),
            path(secrets.0),
            quoted(&self.region.endpoint),
            super::openstack::world::REGION,
            quoted(self.region.user),
            path(secrets.1),
        )
    }
}

fn state_path(folder: &Path) -> PathBuf {
    folder.join("demo.toml")
}

/// Where the story stands; at its beginning where nothing was kept.
pub(super) fn load_state(options: &Options) -> anyhow::Result<State> {
    let path = state_path(&options.folder);
    let small = options.size == Size::Small;
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let state: State = toml::from_str(&text).with_context(|| path.display().to_string())?;
            anyhow::ensure!(
                state.seed == options.seed && state.small == small,
                "{0} holds a demo of seed {1}: go on with --seed {1}, or take another folder",
                options.folder.display(),
                state.seed
            );
            Ok(state)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let present = options.present.as_second();
            let first = label_at(present).plus_months(-i32::from(options.closed_months));
            Ok(State {
                seed: options.seed,
                small,
                closed_months: options.closed_months,
                start: first_instant(first)?,
                present,
                billed: 0,
            })
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Keeps where the story stands.
pub(super) fn save_state(folder: &Path, state: &State) -> anyhow::Result<()> {
    let path = state_path(folder);
    let text = toml::to_string(state)?;
    let fresh = folder.join("demo.toml.new");
    std::fs::write(&fresh, text).with_context(|| fresh.display().to_string())?;
    std::fs::rename(&fresh, &path).with_context(|| path.display().to_string())
}

fn write_secret(path: &Path, secret: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::File::options();
    options.create(true).truncate(true).write(true).mode(0o600);
    let mut file = options.open(path).with_context(|| path.display().to_string())?;
    writeln!(file, "{secret}").with_context(|| path.display().to_string())
}
