//! Goal: `bill run` and `bill issue`, killed at any point and started again, end as if nothing had
//! happened. Method: the real program is killed with SIGKILL at 20 seeded moments of both verbs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use billow::bill::store::{InvoiceFilter, load_invoices};
use billow::bill::verify::verify;
use billow::ledger::store::load_balances;
use billow::scope::Scope;
use billow::store::{Db, migrate};
use rand::{Rng, SeedableRng};

use super::shop::{Opening, Shop, hourly, open};
use crate::support::db::folder;

const CUSTOMERS: usize = 30;
const KILLS: usize = 20;
const MONTH: (&str, &str) = ("2025-09-01T00:00:00Z", "2025-10-01T00:00:00Z");

fn billow(config: &Path, verb: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_billow"));
    command.arg("--config").arg(config).args(["--as-of", "2025-10-10T00:00:00Z", "--json"]);
    command.args(["bill", verb, "--period", "2025-09"]);
    command.env_remove("BILLOW_DATABASE").stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Runs a verb to its end.
fn finish(config: &Path, verb: &str) {
    let output = billow(config, verb).output().expect("start billow");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "bill {verb}: {text}");
}

/// `(number, customer, gross)` of everything issued, and the ledger's sum.
async fn issued(shop: &Shop) -> (Vec<(String, String, i64)>, i64) {
    let mut conn = shop.app.db.read().await.expect("read");
    let filter = InvoiceFilter { limit: 1000, ..InvoiceFilter::default() };
    let rows = load_invoices(&mut conn, &Scope::Provider, &filter).await.expect("invoices");
    let mut rows: Vec<(String, String, i64)> =
        rows.into_iter().map(|row| (row.number, row.customer_name, row.gross_minor)).collect();
    rows.sort();
    let balances = load_balances(&mut conn, None).await.expect("balances");
    (rows, balances.iter().map(|(_, _, minor)| minor).sum())
}

#[tokio::test]
async fn killed_at_any_point_and_started_again() {
    let folder = folder("kill");
    let address = format!("sqlite:{}", folder.join("billow.db").display());
    let config = folder.join("billow.toml");
    std::fs::write(&config, format!("[database]\naddress = \"{address}\"\n")).expect("write");
    let db = Db::open(&address).await.expect("open");
    migrate::migrate(&db).await.expect("migrate");
    let opening = Opening { customers: CUSTOMERS, ..Opening::default() };
    let shop = open(db, opening, &hourly("0.10")).await;
    for number in 1..=CUSTOMERS {
        let hours = (100 + number).to_string();
        shop.used_by(number, "vm_running", &format!("v{number}"), MONTH, &hours, &[]).await;
    }
    let mut random = rand::rngs::StdRng::seed_from_u64(20);
    for kill in 0..KILLS {
        let verb = if kill % 2 == 0 { "run" } else { "issue" };
        let mut child = billow(&config, verb).spawn().expect("start billow");
        // Not a wait for something: the moment of the kill is the test's input.
        // The wait is the test: the program is killed at a random moment of its work.
        #[expect(clippy::disallowed_methods, reason = "a random moment is what is wanted")]
        std::thread::sleep(Duration::from_millis(random.random_range(5..250)));
        child.kill().expect("kill");
        child.wait().expect("reap");
    }
    finish(&config, "run");
    finish(&config, "issue");
    let (rows, ledger) = issued(&shop).await;
    let expected: Vec<(String, i64)> = (1..=CUSTOMERS)
        .map(|number| {
            let net = 10 * (100 + i64::try_from(number).expect("small"));
            let tax = (net * 19 + 50) / 100;
            (format!("Customer {number}"), net + tax)
        })
        .collect();
    let numbers: Vec<String> = (1..=CUSTOMERS).map(|n| format!("INV-2025-{n:05}")).collect();
    assert_eq!(rows.iter().map(|row| row.0.clone()).collect::<Vec<_>>(), numbers);
    let found: Vec<(String, i64)> = rows.into_iter().map(|row| (row.1, row.2)).collect();
    assert_eq!(found, expected, "in the order of customers, each once");
    assert_eq!(ledger, 0);
    let verified = verify(&shop.app, &|_, _| {}).await.expect("verify");
    assert!(verified.is_good(), "{:?}", verified.deviations);
}
