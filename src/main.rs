//! The `billow` program: reads the command line and hands over to one file per verb.

use std::path::PathBuf;
use std::process::ExitCode;

use billow::app::App;
use billow::cli::{self, Exit, Output};
use billow::config::Config;
use clap::{Parser, Subcommand};
use jiff::Timestamp;

/// Metering, rating, billing and payment beside your cloud.
#[derive(Parser)]
#[command(name = "billow", version, about, max_term_width = 100)]
struct Cli {
    /// Configuration file.
    #[arg(long, global = true, env = "BILLOW_CONFIG", default_value = "/etc/billow/billow.toml")]
    config: PathBuf,
    /// Print one complete JSON value instead of text for people.
    #[arg(long, global = true)]
    json: bool,
    /// Business time to take for now: RFC 3339. Signatures and time-outs use the machine's clock.
    #[arg(long, global = true, value_name = "INSTANT")]
    as_of: Option<Timestamp>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Write or check the configuration file.
    Config(cli::config::Args),
    /// Bring the database to this program's schema.
    Migrate(cli::migrate::Args),
    /// Copy the SQLite database while it serves.
    Backup(cli::backup::Args),
    /// Put a backup in the place of the SQLite database.
    Restore(cli::restore::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("billow: a TLS provider was installed twice");
        return ExitCode::from(2);
    }
    let cli = Cli::parse();
    start_log();
    match run(cli).await {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::Found) => ExitCode::from(1),
        Err(error) => {
            eprintln!("billow: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<Exit> {
    let out = Output::new(cli.json);
    let verb = match cli.verb {
        Verb::Config(args) => return cli::config::run(&cli.config, args, out),
        other => other,
    };
    let app = App::open(Config::load(&cli.config)?, cli.as_of).await?;
    match verb {
        Verb::Migrate(args) => cli::migrate::run(&app, args, out).await,
        Verb::Backup(args) => cli::backup::run(&app, args, out).await,
        Verb::Restore(args) => cli::restore::run(&app, args, out).await,
        Verb::Config(_) => Ok(Exit::Done),
    }
}

fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("BILLOW_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,billow=info"));
    let json = std::env::var("BILLOW_LOG_FORMAT").is_ok_and(|format| format == "json");
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json { log.json().init() } else { log.init() }
}
