//! First collection of a large region: `cargo bench --bench collect`.
//!
//! 2,000 machines with a month of history, and what the simulated region has beside them, behind
//! services that take 20 ms for each call. The program itself collects into SQLite: the catalogue's
//! owners, listings, the history of every machine, and the usage of all days.
//!
//! Goal: at most 60 s, with at most 8 calls at a time (the adapter's own limit, which a test
//! counts), and 200 MB.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use billow::app::SystemClock;
use billow::demo::openstack::world::World;
use billow::demo::openstack::{Fault, Settings, Simulator, seed};
use billow::demo::seed::Size;

const MACHINES: usize = 2_000;
const LATENCY: Duration = Duration::from_millis(20);
/// More calls than are made.
const CALLS_MAX: usize = 50_000;
const DAY: i64 = 86_400;
const DAYS: i64 = 31;

/// A region whose machines are repeated, under ids of their own, until they are enough.
fn region(start: i64) -> World {
    let mut world = seed::world(7, Size::Full, start);
    let made = world.servers.clone();
    for (number, server) in made.iter().cycle().enumerate().skip(made.len()) {
        if world.servers.len() == MACHINES {
            break;
        }
        let mut server = server.clone();
        let own = |id: &str| format!("{number:08x}{}", &id[8..]);
        server.id = own(&server.id);
        server.port.0 = own(&server.port.0);
        server.number += u32::try_from(number).unwrap_or(0);
        for action in &mut server.actions {
            action.request = format!("req-{}", own(action.request.trim_start_matches("req-")));
        }
        world.servers.push(server);
    }
    world
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-collect");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let today = jiff::Timestamp::now().as_second().div_euclid(DAY) * DAY;
    let start = today - DAYS * DAY;
    let simulator =
        Simulator::start(region(start), Settings::usual(), Arc::new(SystemClock), 0).await?;
    let world = simulator.world();
    let user = world.users.iter().find(|user| user.name == "billow");
    let user = user.ok_or_else(|| anyhow::anyhow!("the region has no user for Billow"))?;
    std::fs::write(folder.join("secret"), &user.password)?;
    let from = jiff::Timestamp::from_second(start)?;
    let text = format!(
        "[database]\naddress = \"sqlite:{0}/billow.db\"\n[[source]]\nname = \"os1\"\n\
         kind = \"openstack\"\nauth_url = \"{1}\"\nregion = \"RegionOne\"\nuser = \"billow\"\n\
         project = \"service\"\nsecret_file = \"{0}/secret\"\ncollect_from = \"{from}\"\n",
        folder.display(),
        simulator.endpoint(),
    );
    let config = folder.join("billow.toml");
    std::fs::write(&config, text)?;
    let status = billow(&config, "migrate").status()?;
    anyhow::ensure!(status.success(), "billow migrate: {status}");
    simulator.fail_next(Fault::Latency(LATENCY), CALLS_MAX);
    let begun = Instant::now();
    let mut child = billow(&config, "collect").spawn()?;
    let memory = watch(&mut child).await?;
    let taken = begun.elapsed();
    let calls = simulator.calls().len();
    println!("{MACHINES} machines, {DAYS} days, {calls} calls of {LATENCY:?}");
    println!("first collection: {taken:?} (goal: at most 60 s)");
    println!("peak memory: {} MB (goal: at most 200)", memory.div_ceil(1_000));
    Ok(())
}

fn billow(config: &Path, verb: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_billow"));
    command.arg("--config").arg(config).arg(verb).env_remove("BILLOW_DATABASE");
    command.stdout(Stdio::null());
    command
}

/// Waits for the program's end; gives the most memory that it had, in kB.
async fn watch(child: &mut Child) -> anyhow::Result<u64> {
    let path = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        if let Some(status) = child.try_wait()? {
            anyhow::ensure!(status.success(), "billow collect: {status}");
            return Ok(most);
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or("");
        most = most.max(line.split_whitespace().nth(1).unwrap_or("0").parse()?);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
