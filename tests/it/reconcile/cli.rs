//! Goal: `billow reconcile` shows the sides to people and programs, and its exit status tells
//! whether something is open. Method: the real program on a database file.

use std::process::{Command, Output};

use serde_json::Value;

use crate::bill::shop::{Opening, Shop, hourly, open};
use crate::support::db::{folder, sqlite};

const MONTH: (&str, &str) = ("2025-09-01T00:00:00Z", "2025-10-01T00:00:00Z");

fn billow(shop: &Shop, words: &[&str]) -> Output {
    let path = shop.app.db.sqlite_path().expect("a file");
    let config = folder("reconcile").join("billow.toml");
    let text = format!("[database]\naddress = \"sqlite:{}\"\n", path.display());
    std::fs::write(&config, text).expect("write");
    let mut command = Command::new(env!("CARGO_BIN_EXE_billow"));
    command.arg("--config").arg(&config).args(["--as-of", "2025-10-10T00:00:00Z"]);
    command.arg("reconcile").args(words).env_remove("BILLOW_DATABASE");
    command.output().expect("start billow")
}

#[tokio::test]
async fn the_exit_status_tells_and_json_is_complete() {
    let shop =
        open(sqlite().await, Opening { customers: 2, ..Opening::default() }, &hourly("0.10")).await;
    shop.used_by(1, "vm_running", "v1", MONTH, "720", &[]).await;
    shop.used_by(2, "vm_running", "v2", MONTH, "10", &[]).await;
    shop.at("2025-10-10T00:00:00Z");
    let before = billow(&shop, &["--period", "2025-09"]);
    assert_eq!(before.status.code(), Some(1));
    let text = String::from_utf8(before.stdout).expect("text");
    assert!(text.contains("not_billed: 720 hour of 1 resource stands on no document"), "{text}");
    assert!(text.contains("2 of 2 rows have open differences"), "{text}");
    shop.run("2025-09").await;
    shop.issue("2025-09").await;
    let after = billow(&shop, &["--period", "2025-09", "--json"]);
    let text = String::from_utf8_lossy(&after.stderr);
    assert_eq!(after.status.code(), Some(0), "{text}");
    let value: Value = serde_json::from_slice(&after.stdout).expect("JSON");
    let found = &value["reconciliation"];
    assert_eq!(found["good"], true);
    assert_eq!(found["rows"].as_array().map(Vec::len), Some(2));
    let row = &found["rows"][0];
    assert_eq!(
        (&row["customer"], &row["meter"], &row["unit"]),
        (&Value::from("C00001"), &Value::from("vm_running"), &Value::from("hour"))
    );
    assert_eq!(row["billed"]["measure"]["quantity"], "720");
    assert_eq!(row["billed"]["net_minor"], 7200);
    assert_eq!(row["billed"]["documents"][0]["number"], "INV-2025-00001");
    assert_eq!(row["inventory"], Value::Null, "nobody tells it");
    let one = billow(&shop, &["--period", "2025-09", "--customer", "C00002", "--json"]);
    let value: Value = serde_json::from_slice(&one.stdout).expect("JSON");
    assert_eq!(value["reconciliation"]["rows"].as_array().map(Vec::len), Some(1));
    let unknown = billow(&shop, &["--period", "2025-09", "--customer", "C99"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("billow customers list"));
}
