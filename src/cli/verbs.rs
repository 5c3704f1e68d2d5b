//! The whole command line: its verbs, and which file runs each.

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use jiff::Timestamp;

use super::{Exit, Output};
use crate::app::App;
use crate::config::Config;

/// Metering, rating, billing and payment beside your cloud.
#[derive(Parser)]
#[command(name = "billow", version, about, max_term_width = 100)]
pub struct Cli {
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
    Config(super::config::Args),
    /// Bring the database to this program's schema.
    Migrate(super::migrate::Args),
    /// Two simulated clouds with months of history, billed and served, without any set-up.
    Demo(super::demo::Args),
    /// Say what is wrong, why it matters, and how to mend it.
    Doctor(super::doctor::Args),
    /// Serve API and pages, and run the stages in the background.
    Serve(super::serve::Args),
    /// Pull usage past the watermark, or a span again.
    Collect(super::collect::Args),
    /// Look at usage records; decide on doubtful ones.
    Usage(super::usage::Args),
    /// Offerings, zones, templates and owners of the clouds.
    Catalog(super::catalog::Args),
    /// Price books: files, versions, differences.
    Prices(super::prices::Args),
    /// Who bills: the provider and the resellers below it.
    Sellers(super::sellers::Args),
    /// Who is billed, and which owner belongs to whom since when.
    Customers(super::customers::Args),
    /// A customer's month to date, or a closed month, without storing anything.
    Rate(super::rate::Args),
    /// Drafts of a period, their approval, and issue.
    Bill(super::bill::Args),
    /// Issued invoices and credit notes, and why they are what they are.
    Invoices(super::invoices::Args),
    /// Credit lines or amounts of an issued invoice.
    CreditNotes(super::credit_notes::Args),
    /// A customer's statement of account.
    Statement(super::statement::Args),
    /// Records, metered, billed and the cloud's inventory of a period side by side.
    Reconcile(super::reconcile::Args),
    /// Recompute everything issued from its evidence, and check the chain.
    Verify(super::verify::Args),
    /// Copy the SQLite database while it serves.
    Backup(super::backup::Args),
    /// Put a backup in the place of the SQLite database.
    Restore(super::restore::Args),
}

impl Verb {
    /// Whether drafts or issued documents come of it.
    fn makes_documents(&self) -> bool {
        if let Self::Bill(args) = self {
            return args.makes_documents();
        }
        matches!(self, Self::CreditNotes(_))
    }
}

/// Runs what the command line asks for.
pub async fn run(cli: Cli) -> anyhow::Result<Exit> {
    let out = Output::new(cli.json);
    let verb = match cli.verb {
        Verb::Config(args) => return super::config::run(&cli.config, args, out),
        Verb::Demo(args) => return super::demo::run(args, out).await,
        other => other,
    };
    let app = App::open(Config::load(&cli.config)?, cli.as_of).await?;
    match verb {
        Verb::Migrate(args) => super::migrate::run(&app, args, out).await,
        Verb::Restore(args) => super::restore::run(&app, args, out).await,
        Verb::Doctor(args) => super::doctor::run(&app, args, out).await,
        other => {
            if other.makes_documents() {
                app.refuse_future()?;
            }
            app.check_schema().await?;
            run_on_schema(&app, other, out).await
        }
    }
}

async fn run_on_schema(app: &App, verb: Verb, out: Output) -> anyhow::Result<Exit> {
    match verb {
        Verb::Serve(args) => super::serve::run(app, args, out).await,
        Verb::Collect(args) => super::collect::run(app, args, out).await,
        Verb::Usage(args) => super::usage::run(app, args, out).await,
        Verb::Catalog(args) => super::catalog::run(app, args, out).await,
        Verb::Prices(args) => super::prices::run(app, args, out).await,
        Verb::Sellers(args) => super::sellers::run(app, args, out).await,
        Verb::Customers(args) => super::customers::run(app, args, out).await,
        Verb::Rate(args) => super::rate::run(app, args, out).await,
        Verb::Bill(args) => super::bill::run(app, args, out).await,
        Verb::Invoices(args) => super::invoices::run(app, args, out).await,
        Verb::CreditNotes(args) => super::credit_notes::run(app, args, out).await,
        Verb::Statement(args) => super::statement::run(app, args, out).await,
        Verb::Reconcile(args) => super::reconcile::run(app, args, out).await,
        Verb::Verify(args) => super::verify::run(app, args, out).await,
        Verb::Backup(args) => super::backup::run(app, args, out).await,
        Verb::Config(_) | Verb::Demo(_) | Verb::Migrate(_) | Verb::Restore(_) | Verb::Doctor(_) => {
            Ok(Exit::Done)
        }
    }
}

/// The reference page of all verbs and options, made from the definitions above.
pub fn reference() -> String {
    let mut command = Cli::command();
    command.build();
    let mut page = String::from(
        "# Command line\n\nMade from the program by its tests; do not edit by hand.\n\n\
         Every verb takes `--config FILE`, `--json` and `--as-of INSTANT`. Exit status: 0 done, \
         1 something was found or refused, 2 called wrongly or failed.\n",
    );
    describe(&command, "billow", &mut page);
    page
}

fn describe(command: &clap::Command, path: &str, page: &mut String) {
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let path = format!("{path} {}", verb.get_name());
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        let long = verb.get_long_about().map(ToString::to_string).unwrap_or(about);
        page.push_str(&format!("\n## `{path}`\n\n{long}\n"));
        let arguments: Vec<String> = verb
            .get_arguments()
            .filter(|argument| !argument.is_global_set() && argument.get_id() != "help")
            .map(describe_argument)
            .collect();
        if !arguments.is_empty() {
            page.push_str(&format!("\n{}\n", arguments.join("\n")));
        }
        describe(verb, &path, page);
    }
}

fn describe_argument(argument: &clap::Arg) -> String {
    let values: Vec<String> =
        argument.get_value_names().unwrap_or(&[]).iter().map(ToString::to_string).collect();
    let takes_value = argument.get_action().takes_values();
    let name = match argument.get_long() {
        Some(long) if takes_value => format!("--{long} {}", values.join(" ")),
        Some(long) => format!("--{long}"),
        None => values.join(" "),
    };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let needed = if argument.is_required_set() { " (required)" } else { "" };
    format!("- `{name}`{needed}: {help}")
}
