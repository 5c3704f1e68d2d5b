//! Goal: whatever stops the program is told by it, by `doctor` and by its exit status, and nothing
//! is changed. Method: the real program against a real socket and real files.

use std::path::{Path, PathBuf};
use std::process::Output;

use billow::jobs::serve_lock::ServeLock;
use billow::store::{Db, migrate};
use sqlx::Executor;

use crate::support::db::folder;
use crate::support::server::{Server, status};

/// A migrated database and a configuration that names it and a cloud.
async fn configured(endpoint: &str) -> (PathBuf, Db) {
    let folder = folder("stopped");
    let (config, secret) = (folder.join("billow.toml"), folder.join("secret"));
    std::fs::write(&secret, "a-secret-that-nobody-sees\n").expect("write the secret");
    let address = format!("sqlite:{}", folder.join("billow.db").display());
    let text = format!(
        "[database]\naddress = \"{address}\"\n[server]\nlisten = \"127.0.0.1:0\"\n\
         [[source]]\nname = \"cs1\"\nkind = \"cloudstack\"\nendpoint = \"{endpoint}\"\n\
         api_key = \"EXAMPLE\"\nsecret_file = {secret:?}\ncollect_from = \"2026-11-18\"\n\
         timeout_seconds = 1\n"
    );
    std::fs::write(&config, text).expect("write the configuration");
    let db = Db::open(&address).await.expect("open");
    migrate::migrate(&db).await.expect("migrate");
    (config, db)
}

/// The program's answer, while a server of this process may be asked.
pub async fn billow(config: &Path, words: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_billow"));
    command.arg("--config").arg(config).args(["--as-of", "2026-11-23T00:00:00Z"]).args(words);
    command.env_remove("BILLOW_DATABASE").output().await.expect("run billow")
}

#[track_caller]
fn refused(output: &Output, expected: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(said.contains(expected), "{said:?} does not hold {expected:?}");
    assert!(!said.contains("a-secret-that-nobody-sees"), "{said}");
}

#[tokio::test]
async fn a_second_daemon_says_who_serves_and_leaves() {
    let (config, db) = configured("http://127.0.0.1:9/client/api").await;
    let first = ServeLock::take(&db).expect("the first serves");
    let second = billow(&config, &["serve"]).await;
    refused(&second, &format!("is served by process {} already", std::process::id()));
    let beside = billow(&config, &["customers", "list"]).await;
    assert_eq!(beside.status.code(), Some(0), "commands go on: {beside:?}");
    drop(first);
}

#[tokio::test]
async fn a_schema_of_another_version_stops_every_verb() {
    let (config, db) = configured("http://127.0.0.1:9/client/api").await;
    for (version, compatible_from, expected) in [
        (99, 99, "the schema wants version 99, this program knows"),
        (3, 1, "the schema has version 3, this program needs at least"),
    ] {
        let sql = "UPDATE schema_compatibility SET schema_version = $1, compatible_from = $2";
        let mut tx = db.begin().await.expect("begin");
        tx.execute(sqlx::query(sql).bind(version).bind(compatible_from)).await.expect("change");
        tx.commit().await.expect("commit");
        for words in [&["customers", "list"][..], &["collect"], &["serve"], &["verify"]] {
            refused(&billow(&config, words).await, expected);
        }
        let doctor = billow(&config, &["doctor"]).await;
        let said = String::from_utf8_lossy(&doctor.stdout);
        assert_eq!(doctor.status.code(), Some(1), "{doctor:?}");
        assert!(said.contains(expected) && said.contains("run billow migrate"), "{said}");
    }
}

#[tokio::test]
async fn a_cloud_that_refuses_leaves_a_lag_that_doctor_shows() {
    let server = Server::start(|_| status(401, "{\"listresponse\":{\"errorcode\":401}}")).await;
    let (config, db) = configured(&format!("{}/client/api", server.address)).await;
    let collect = billow(&config, &["collect"]).await;
    refused(&collect, "cs1: refuses the credentials for ");
    for (collected_until, expected) in [
        (0, "source cs1: nothing was collected yet: cs1: refuses the credentials for "),
        (1_795_132_800, "source cs1: usage ends 72 hours ago: cs1: refuses the credentials for "),
        (1_795_305_600, "source cs1: the last round failed: cs1: refuses the credentials for "),
    ] {
        let sql = "UPDATE source_state SET collected_until = $1 WHERE source = 'cs1'";
        let mut tx = db.begin().await.expect("begin");
        tx.execute(sqlx::query(sql).bind(collected_until)).await.expect("change");
        tx.commit().await.expect("commit");
        let doctor = billow(&config, &["doctor", "--json"]).await;
        let said = String::from_utf8_lossy(&doctor.stdout);
        assert_eq!(doctor.status.code(), Some(1), "{doctor:?}");
        assert!(said.contains(expected), "{said} does not hold {expected}");
    }
}
