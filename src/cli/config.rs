//! `billow config init|check`: write a commented configuration, or check one.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use super::{Exit, Output};
use crate::config::Config;

/// The commented configuration that `init` writes; a test reads it back.
pub const EXAMPLE: &str = include_str!("../../docs/billow.example.toml");

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Write a commented configuration file.
    Init {
        /// Where to write it; the `--config` file when absent.
        file: Option<PathBuf>,
        /// Replace an existing file.
        #[arg(long)]
        force: bool,
    },
    /// Read the file and say what is wrong with it, at file:line:column.
    Check,
}

#[derive(Serialize)]
struct Answer {
    file: String,
    ok: bool,
    problems: Vec<String>,
    /// Names of the clouds that are configured.
    sources: Vec<String>,
}

/// Runs the verb; needs no database.
pub fn run(config: &Path, args: Args, out: Output) -> anyhow::Result<Exit> {
    match args.action {
        Action::Init { file, force } => init(file.as_deref().unwrap_or(config), force, out),
        Action::Check => check(config, out),
    }
}

fn init(file: &Path, force: bool, out: Output) -> anyhow::Result<Exit> {
    if file.exists() && !force {
        anyhow::bail!("{} exists: name another file, or add --force", file.display());
    }
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|error| anyhow::anyhow!("{}: {error}", folder.display()))?;
    }
    std::fs::write(file, EXAMPLE)
        .map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
    let name = file.display().to_string();
    let answer = Answer { file: name, ok: true, problems: Vec::new(), sources: Vec::new() };
    out.show(&answer, || {
        format!("wrote {}\nnext: edit it, then billow config check", file.display())
    });
    Ok(Exit::Done)
}

fn check(file: &Path, out: Output) -> anyhow::Result<Exit> {
    let (problems, sources) = match Config::load(file) {
        Ok(config) => {
            let names = config.sources.iter().map(|source| source.name.clone()).collect();
            (config.problems(), names)
        }
        Err(error) => (vec![format!("{error:#}")], Vec::new()),
    };
    let ok = problems.is_empty();
    let answer = Answer { file: file.display().to_string(), ok, problems, sources };
    out.show(&answer, || match (answer.ok, answer.sources.as_slice()) {
        (false, _) => answer.problems.join("\n"),
        (true, []) => {
            format!("{}: good, but it names no cloud yet: add a [[source]] block", answer.file)
        }
        (true, names) => format!("{}: good; clouds: {}", answer.file, names.join(", ")),
    });
    Ok(if ok { Exit::Done } else { Exit::Found })
}
