//! `billow doctor`: what is wrong, why it matters, how to mend it; one line each.

use serde::Serialize;

use super::output::table;
use super::{Exit, Output};
use crate::app::App;
use crate::bill::document::Address;
use crate::catalog::store::load_book_versions;
use crate::collect::events::bus::buses;
use crate::collect::observe::store::load_state;
use crate::collect::store::{load_source_state, load_watermarks};
use crate::customer::Customer;
use crate::customer::store::{AsOf, load_customers, load_sellers};
use crate::ids::SourceName;
use crate::orchestrator::Check;
use crate::period::Span;
use crate::store::{Engine, StoreError, health, knowledge};

/// Lag beyond this many windows' worth of seconds is worth a line.
const LAG_SECONDS_MAX: i64 = 2 * 86_400;

/// Runs in one second move the seal ahead of the clock by one second each.
const AHEAD_SECONDS_MAX: i64 = 60;

#[derive(clap::Args)]
pub struct Args {
    /// Show what is well, too.
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
struct Answer {
    ok: bool,
    checks: Vec<Check>,
}

/// Looks at everything; exit status 1 when something is wrong.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    let mut checks = configuration(app);
    let schema = app.check_schema().await;
    checks.push(schema_check(&schema));
    if schema.is_ok() {
        checks.extend(database(app).await?);
        checks.extend(sellers(app).await?);
        checks.extend(customers(app).await?);
        checks.extend(doubts(app).await?);
        checks.extend(lags(app).await?);
        checks.extend(looks(app).await?);
    }
    for orchestrator in &app.orchestrators {
        checks.extend(orchestrator.check().await);
    }
    for bus in buses(app) {
        checks.extend(bus.check().await);
    }
    let ok = checks.iter().all(|check| check.ok);
    let answer = Answer { ok, checks };
    out.show(&answer, || text(&answer, args.all));
    Ok(if ok { Exit::Done } else { Exit::Found })
}

fn text(answer: &Answer, all: bool) -> String {
    let shown: Vec<&Check> = answer.checks.iter().filter(|check| all || !check.ok).collect();
    if shown.is_empty() {
        return format!("all {} checks are well", answer.checks.len());
    }
    table(
        &["", "what", "why it matters", "how to mend it"],
        shown.iter().map(|check| {
            let mark = if check.ok { "ok" } else { "!!" };
            vec![mark.to_owned(), check.what.clone(), check.why.clone(), check.mend.clone()]
        }),
    )
}

fn well(what: impl Into<String>) -> Check {
    Check { ok: true, what: what.into(), why: String::new(), mend: String::new() }
}

fn wrong(what: impl Into<String>, why: &str, mend: impl Into<String>) -> Check {
    Check { ok: false, what: what.into(), why: why.to_owned(), mend: mend.into() }
}

fn configuration(app: &App) -> Vec<Check> {
    let problems = app.config.problems();
    if problems.is_empty() && !app.config.sources.is_empty() {
        return vec![well("configuration")];
    }
    let mut checks: Vec<Check> = problems
        .into_iter()
        .map(|problem| {
            let why = "Billow cannot work as it is configured";
            wrong(problem, why, "edit the file; billow config check reads it again")
        })
        .collect();
    if app.config.sources.is_empty() {
        checks.push(wrong(
            "no [[source]] is configured",
            "there is no cloud to collect usage from",
            "add a [[source]] block to the configuration",
        ));
    }
    checks
}

fn schema_check(schema: &Result<(), StoreError>) -> Check {
    match schema {
        Ok(()) => well("database schema"),
        Err(error) => wrong(
            error.to_string(),
            "nothing can be read or written safely",
            "run billow migrate, or the Billow that made this database",
        ),
    }
}

async fn database(app: &App) -> anyhow::Result<Vec<Check>> {
    let mut checks = Vec::new();
    let mut conn = app.db.read().await?;
    if app.db.engine() == Engine::Postgres {
        let collation = health::collation(&mut conn).await?;
        checks.push(if collation == "C" {
            well("collation of the database")
        } else {
            wrong(
                format!("the database's collation is {collation}, not C"),
                "texts sort by locale, and lists page in another order than on other machines",
                "make the database anew with LC_COLLATE 'C' and load a dump into it",
            )
        });
    }
    let sealed = knowledge::sealed_until(&mut conn).await?;
    let ahead = sealed - app.clock.now_seconds();
    checks.push(if ahead <= AHEAD_SECONDS_MAX {
        well("the clock")
    } else {
        wrong(
            format!("documents were made {ahead} seconds after now"),
            "what is recorded now counts from then on only",
            "set the machine's clock by NTP; it was ahead when billow bill run was called",
        )
    });
    let unbalanced = health::unbalanced_entries(&mut conn).await?;
    checks.push(if unbalanced == 0 {
        well("the ledger balances")
    } else {
        wrong(
            format!("{unbalanced} ledger entries do not balance"),
            "receivables and revenue are wrong",
            "run billow verify; restore the rows that were changed by hand",
        )
    });
    Ok(checks)
}

async fn sellers(app: &App) -> anyhow::Result<Vec<Check>> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let sellers = load_sellers(&mut conn, AsOf { at: now, known_at: now }).await?;
    if sellers.is_empty() {
        let mend = "billow sellers example > seller.toml; edit it; billow sellers set provider \
                    --file seller.toml --reason \"first set-up\"";
        return Ok(vec![wrong("there is no seller", "nobody can issue an invoice", mend)]);
    }
    let mut checks = Vec::new();
    for seller in sellers {
        let book = &seller.details.price_book;
        let versions = load_book_versions(&mut conn, book, Span::new(now, now + 1), now).await?;
        checks.push(match versions.first() {
            None => wrong(
                format!("seller {}: price book {book} has no version valid now", seller.code),
                "its customers' usage has no price and every invoice is held",
                format!("billow prices apply FILE --from DATE --book {book}"),
            ),
            Some(version) if version.currency != seller.details.currency => wrong(
                format!("seller {}: price book {book} is in {}", seller.code, version.currency),
                "one invoice has one currency",
                format!("use a book in {}, or change the seller", seller.details.currency),
            ),
            Some(_) => well(format!("seller {}: price book {book}", seller.code)),
        });
        if seller.details.tax_rules.is_empty() {
            checks.push(wrong(
                format!("seller {} has no tax rules", seller.code),
                "no tax can be decided and every invoice is held",
                format!("add tax_rules: billow sellers set {} --file …", seller.code),
            ));
        }
    }
    Ok(checks)
}

/// Customers whom an invoice would reach without an address.
async fn customers(app: &App) -> anyhow::Result<Vec<Check>> {
    let mut conn = app.db.read().await?;
    let mut customers = load_customers(&mut conn, AsOf::now(app.clock.now_seconds())).await?;
    let lacking =
        |customer: &Customer| !customer.internal && customer.details.address == Address::default();
    customers.retain(lacking);
    let Some(first) = customers.first() else {
        return Ok(vec![well("every customer has an address")]);
    };
    let (number, name) = (&first.number, &first.details.name);
    Ok(vec![wrong(
        format!("{} customers have no address, such as {number} {name}", customers.len()),
        "an invoice names its buyer's address; many buyers may not pay one without",
        format!(
            "billow customers set {number} --field 'address.lines=[\"…\"]' \
             --field address.postal_code=… --field address.city=… --field address.country=…"
        ),
    )])
}

async fn doubts(app: &App) -> anyhow::Result<Vec<Check>> {
    let mut conn = app.db.read().await?;
    let open = health::open_findings(&mut conn).await?;
    if open.is_empty() {
        return Ok(vec![well("no open findings")]);
    }
    Ok(open
        .into_iter()
        .map(|(rule, count)| {
            wrong(
                format!("{count} open findings of rule {rule}"),
                "they hold the invoices of the customers they touch",
                "billow usage quarantine list, then release or reject each",
            )
        })
        .collect())
}

async fn lags(app: &App) -> anyhow::Result<Vec<Check>> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let watermarks = load_watermarks(&mut conn).await?;
    let mut checks = Vec::new();
    for source in &app.config.sources {
        let name = &source.name;
        let found = watermarks.iter().find(|(own, until, _)| own == name && *until > 0);
        let state = load_source_state(&mut conn, &SourceName(name.clone())).await?;
        let failed = state.and_then(|state| state.last_error);
        let because = failed.as_ref().map_or_else(String::new, |error| format!(": {error}"));
        checks.push(match found {
            None => wrong(
                format!("source {name}: nothing was collected yet{because}"),
                "there is no usage to bill",
                format!("billow collect --source {name}"),
            ),
            Some((_, collected, _)) if now - collected > LAG_SECONDS_MAX => wrong(
                format!(
                    "source {name}: usage ends {} hours ago{because}",
                    (now - collected) / 3_600
                ),
                "months cannot close, and month to date is behind",
                format!("billow collect --source {name}; its error tells what stops it"),
            ),
            Some(_) if failed.is_some() => wrong(
                format!("source {name}: the last round failed{because}"),
                "usage falls behind while it does",
                format!("billow collect --source {name}"),
            ),
            Some(_) => well(format!("source {name}: collected")),
        });
    }
    Ok(checks)
}

/// How each source stands of which the running month shows what is seen.
async fn looks(app: &App) -> anyhow::Result<Vec<Check>> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let mut checks = Vec::new();
    for source in &app.config.sources {
        let name = &source.name;
        let state = load_state(&mut conn, &SourceName(name.clone())).await?.unwrap_or_default();
        if let Some(error) = &state.last_error {
            checks.push(wrong(
                format!("source {name}: the last look at it failed: {error}"),
                "the running month shows nothing newer",
                "see the checks of its API; billow serve looks again by itself",
            ));
        }
        let at = state.last_event_at;
        match source.webhook {
            Some(_) if at == 0 => checks.push(wrong(
                format!("source {name}: no event came by its webhook yet"),
                "changes are seen as late as the next look at the cloud",
                format!(
                    "call createWebhook with the payloadurl …/api/v1/sources/{name}/events and the \
                     same secret, and executeWebhookDelivery for a trial"
                ),
            )),
            Some(_) => checks.push(well(format!(
                "source {name}: the last event came {} s ago",
                (now - at).max(0)
            ))),
            None => {}
        }
    }
    Ok(checks)
}
