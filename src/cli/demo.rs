//! `billow demo`: a simulated CloudStack and a simulated OpenStack with months of history, billed
//! and served.

use std::io::IsTerminal;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::serve::wait_for_signal;
use super::{Exit, Output};
use crate::app::SystemClock;
use crate::clock::Clock;
use crate::demo::cloudstack::{Defects, Settings};
use crate::demo::run::{Options, Step, World, prepare, present_before};
use crate::demo::seed::Size;
use crate::jobs::{schedule, serve_lock::ServeLock};
use crate::web;

/// How fast the simulated cloud's time runs until it has caught up: a day in two minutes.
const SPEED: u32 = 720;

/// How often the present is kept, so that a demo goes on where it ended.
const KEEP: Duration = Duration::from_secs(5);

#[derive(clap::Args, Debug)]
pub struct Args {
    /// From which the clouds, their people and their months are made.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the data here and go on with it; a temporary folder where nothing is given.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Port of the console.
    #[arg(long, default_value_t = 8780)]
    port: u16,
}

/// A folder that goes with the demo.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn make(kept: Option<PathBuf>) -> anyhow::Result<Self> {
        let temporary = kept.is_none();
        let name = format!("billow-demo-{}", std::process::id());
        let path = kept.unwrap_or_else(|| std::env::temp_dir().join(name));
        std::fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        let path = path.canonicalize().with_context(|| path.display().to_string())?;
        Ok(Self { path, temporary })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(folder = %self.path.display(), %error, "not removed");
        }
    }
}

/// Makes the world, shows what to do with it, and serves until Ctrl-C.
pub async fn run(args: Args, out: Output) -> anyhow::Result<Exit> {
    let folder = Folder::make(args.dir)?;
    let listen = format!("127.0.0.1:{}", args.port);
    let listener = TcpListener::bind(&listen)
        .with_context(|| format!("listening on {listen}: choose another port with --port"))?;
    let listen = listener.local_addr()?.to_string();
    let options = Options {
        seed: args.seed,
        size: Size::Full,
        closed_months: 4,
        folder: folder.path.clone(),
        listen: listen.clone(),
        present: present_before(SystemClock.now()),
        database: None,
        settings: settings(),
    };
    let bar = bar(out);
    let tell = |step| show(&bar, out, &step);
    let prepared = tokio::select! {
        prepared = prepare(&options, &tell) => Some(prepared?),
        () = wait_for_signal() => None,
    };
    bar.finish_and_clear();
    match prepared {
        Some(world) => serve(world, listener, &listen, out).await,
        None => Ok(Exit::Done),
    }
}

/// The usual defects, and one late stop in a closed month with its fragments.
fn settings() -> Settings {
    let defects = Defects { late_events: true, ..Defects::usual() };
    Settings { defects, ..Settings::usual() }
}

fn bar(out: Output) -> ProgressBar {
    let target = match !out.is_json() && std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} days") {
        bar.set_style(style);
    }
    bar.set_message("collecting");
    bar
}

fn show(bar: &ProgressBar, out: Output, step: &Step) {
    let line = match step {
        Step::Started { cloudstack, openstack } => format!(
            "a simulated CloudStack speaks at {cloudstack}\n\
             a simulated OpenStack speaks at {openstack}"
        ),
        Step::Catalogue { customers, .. } => {
            format!("catalogue and {customers} customers read, price books generated and applied")
        }
        Step::Collecting { done, all, .. } => {
            bar.set_length(u64::try_from(*all).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(*done).unwrap_or(u64::MAX));
            return;
        }
        Step::Billed { period, issued, held: 0 } => format!("{period}: {issued} invoices issued"),
        Step::Billed { period, issued, held } => {
            format!("{period}: {issued} invoices issued, {held} held by findings")
        }
        Step::Running { since } => format!("{since}: open, and growing"),
    };
    bar.suspend(|| out.say(&line));
}

async fn serve(
    mut world: World,
    listener: TcpListener,
    listen: &str,
    out: Output,
) -> anyhow::Result<Exit> {
    let _lock = ServeLock::take(&world.app.db)?;
    let mut app = world.app.clone();
    app.actor = crate::audit::Actor("stage:serve".to_owned());
    let server = web::serve(app.clone(), listener).await?;
    let handle = server.handle();
    let stop = CancellationToken::new();
    let stages = tokio::spawn(schedule::run(app, stop.clone()));
    world.clock.run(SPEED);
    introduce(&world, listen, out);
    let ender = stop.clone();
    tokio::spawn(async move {
        wait_for_signal().await;
        ender.cancel();
        handle.stop(true).await;
    });
    let mut server = std::pin::pin!(server);
    loop {
        tokio::select! {
            ended = &mut server => {
                ended.context("serving")?;
                break;
            }
            () = tokio::time::sleep(KEEP) => world.keep()?,
        }
    }
    stop.cancel();
    stages.await.context("ending the stages")?;
    world.keep()?;
    Ok(Exit::Done)
}

fn introduce(world: &World, listen: &str, out: Output) {
    let address = format!("http://{listen}");
    let config = world.config_path();
    let tries = things_to_try(world, &address, &config);
    if out.is_json() {
        let logins: Vec<_> = world
            .logins
            .iter()
            .map(|login| {
                json!({
                    "source": login.source, "role": login.role, "user": login.name,
                    "domain": login.domain, "project": login.project,
                    "password": login.password, "second_factor": login.second_factor,
                })
            })
            .collect();
        let value = json!({
            "address": address, "config": config, "logins": logins, "things_to_try": tries,
            "cloudstack": world.simulator.endpoint(), "openstack": world.region.endpoint(),
            "running": world.running,
        });
        out.show(&value, String::new);
        return;
    }
    out.say(&format!("\nThe console:  {address}\n"));
    let rows = world.logins.iter().map(|login| {
        let (code, project) = (login.second_factor.clone(), login.project.clone());
        vec![
            login.source.clone(),
            login.role.clone(),
            login.name.clone(),
            login.password.clone(),
            login.domain.clone(),
            project.unwrap_or_default(),
            code.unwrap_or_default(),
        ]
    });
    let header = ["cloud", "sign in as", "user", "password", "domain", "project", "second factor"];
    out.say(&super::output::table(&header, rows));
    out.say("\nFive things to try:");
    for (number, one) in tries.iter().enumerate() {
        let user = one.user.map(|user| format!(" as {user}")).unwrap_or_default();
        out.say(&format!("  {}. {}{user}\n     {}", number + 1, one.what, one.shows));
    }
    out.say("\nCtrl-C ends all.");
}

/// A page to open, or a command to run in another terminal.
#[derive(serde::Serialize)]
struct Try {
    /// An address or a whole command.
    what: String,
    /// Who opens the page.
    user: Option<&'static str>,
    shows: String,
}

fn things_to_try(world: &World, address: &str, config: &Path) -> [Try; 5] {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("billow"));
    let billow = format!("{} --config {}", program.display(), config.display());
    let page = |path: &str, user, shows: &str| Try {
        what: format!("{address}{path}"),
        user: Some(user),
        shows: shows.to_owned(),
    };
    let command =
        |words: &str, shows: String| Try { what: format!("{billow} {words}"), user: None, shows };
    let running = world.running;
    [
        page(
            "/billing",
            "harbour-admin",
            "a customer of both clouds: the month to date grows while you watch",
        ),
        page(
            "/billing/invoices",
            "alpine-admin",
            "a reseller sees its own customers' invoices; open one, and the amount of a line",
        ),
        page(
            "/billing/findings",
            "cloud-admin",
            "doubts about usage, with the money; each holds the invoice of the customer it touches",
        ),
        command(
            &format!("bill preview --period {running}"),
            format!("what {running} will bill, and what holds whom"),
        ),
        command("verify", "recomputes everything that was issued".to_owned()),
    ]
}
