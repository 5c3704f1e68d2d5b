//! `billow serve` from its start to its first answer, and its memory at rest:
//! `cargo bench --bench start`.
//!
//! An SQLite database with its schema and nothing in it, no source. Memory is what the kernel
//! counts as resident a while after the start, when nobody asks anything.
//!
//! Goals: at most 300 ms; at most 40 MB.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const REST: Duration = Duration::from_secs(10);

#[expect(clippy::disallowed_methods, reason = "another process tells nothing to wait for")]
fn main() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-start");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let config = folder.join("billow.toml");
    let database = folder.join("billow.db");
    let text = format!(
        "[database]\naddress = \"sqlite:{}\"\n[server]\nlisten = \"127.0.0.1:{port}\"\n",
        database.display()
    );
    std::fs::write(&config, text)?;
    let status = billow(&config, "migrate").status()?;
    anyhow::ensure!(status.success(), "billow migrate: {status}");
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let mut child = billow(&config, "serve").spawn()?;
        while !answers(port) {
            anyhow::ensure!(begun.elapsed() < Duration::from_secs(20), "no answer");
            std::thread::sleep(Duration::from_millis(1));
        }
        best = best.min(begun.elapsed());
        end(&mut child)?;
    }
    let mut child = billow(&config, "serve").spawn()?;
    std::thread::sleep(REST);
    let resident = resident_kb(child.id())?;
    end(&mut child)?;
    println!("start to first answer: {best:?} (goal: at most 300 ms)");
    println!("memory at rest: {} MB (goal: at most 40)", resident.div_ceil(1000));
    Ok(())
}

fn billow(config: &Path, verb: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_billow"));
    command.arg("--config").arg(config).arg(verb).env_remove("BILLOW_DATABASE");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Whether the server answers that it is ready.
fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let request = "GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

fn end(child: &mut Child) -> anyhow::Result<()> {
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn resident_kb(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("");
    Ok(line.split_whitespace().nth(1).unwrap_or("0").parse()?)
}
