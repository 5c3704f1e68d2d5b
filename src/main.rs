//! The `billow` program: starts the log and hands the command line over.

use std::io::IsTerminal;
use std::process::ExitCode;

use billow::cli::Exit;
use billow::cli::verbs::{Cli, run};
use clap::Parser;

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
            eprintln!("billow: {}", told(&error));
            ExitCode::from(2)
        }
    }
}

/// An error with its causes, each told once: many name their cause in their own text.
fn told(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}

fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("BILLOW_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,billow=info"));
    let json = std::env::var("BILLOW_LOG_FORMAT").is_ok_and(|format| format == "json");
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Colours are for people; a file keeps words.
    let log = log.with_ansi(std::io::stderr().is_terminal());
    if json { log.json().init() } else { log.init() }
}
