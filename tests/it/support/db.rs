//! Fresh databases: an SQLite file, or a PostgreSQL database of its own, for each test.

use std::sync::atomic::{AtomicU64, Ordering};

use billow::store::{Db, migrate};
use sqlx::{AssertSqlSafe, Connection, Executor};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A folder of the test's own below the build folder; emptied first.
pub fn folder(name: &str) -> std::path::PathBuf {
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    let base = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = base.join(format!("{name}-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("make the test's folder");
    path
}

/// A migrated SQLite database in a file of its own.
pub async fn sqlite() -> Db {
    let path = folder("sqlite").join("billow.db");
    let db = Db::open(&format!("sqlite:{}", path.display())).await.expect("open SQLite");
    migrate::migrate(&db).await.expect("migrate SQLite");
    db
}

/// A migrated PostgreSQL database of its own on the server that `tests/run` started
/// (`BILLOW_TEST_POSTGRES`, an address without database name).
pub async fn postgres() -> Db {
    let server = std::env::var("BILLOW_TEST_POSTGRES")
        .expect("BILLOW_TEST_POSTGRES names no server: run the tests by tests/run");
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    let name = format!("billow_test_{}_{number}", std::process::id());
    sqlx::any::install_default_drivers();
    let mut admin = sqlx::AnyConnection::connect(&format!("{server}/postgres"))
        .await
        .expect("connect to PostgreSQL");
    let create = format!("CREATE DATABASE {name} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
    admin.execute(AssertSqlSafe(create)).await.expect("create the test's database");
    let db = Db::open(&format!("{server}/{name}")).await.expect("open PostgreSQL");
    migrate::migrate(&db).await.expect("migrate PostgreSQL");
    db
}

/// Expands a store test to one for each engine: `on_both_engines! { async fn name(db: Db) {…} }`.
#[macro_export]
macro_rules! on_both_engines {
    ($(#[doc = $doc:literal])* async fn $name:ident($db:ident: Db) $body:block) => {
        $(#[doc = $doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn story($db: billow::store::Db) $body

            #[tokio::test]
            async fn sqlite() {
                story($crate::support::db::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                story($crate::support::db::postgres().await).await;
            }
        }
    };
}
