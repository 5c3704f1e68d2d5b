//! Goal: both engines reach the same schema. Method: migrate twice and check the version.

use billow::store::migrate::{SCHEMA_VERSION, check_version, migrate};
use sqlx::Executor;

use crate::on_both_engines;

on_both_engines! {
    async fn migrates_once(db: Db) {
        let again = billow::store::migrate::migrate(&db).await.expect("migrate again");
        assert!(again.is_empty());
        billow::store::migrate::check_version(&db).await.expect("fits");
    }
}

on_both_engines! {
    /// A later program's schema is read while it says that it may be, and left alone.
    async fn a_schema_of_another_version_is_named_and_kept(db: Db) {
        for (version, compatible_from, expected) in [
            (99, SCHEMA_VERSION, String::new()),
            (99, 99, format!(
                "the schema wants version 99, this program knows {SCHEMA_VERSION}: update Billow"
            )),
            (3, 1, format!(
                "the schema has version 3, this program needs at least {SCHEMA_VERSION}: run \
                 billow migrate"
            )),
        ] {
            let sql = "UPDATE schema_compatibility SET schema_version = $1, compatible_from = $2";
            let mut tx = db.begin().await.expect("begin");
            let query = sqlx::query(sql).bind(i64::from(version)).bind(compatible_from);
            tx.execute(query).await.expect("change");
            tx.commit().await.expect("commit");
            let said = check_version(&db).await.err();
            assert_eq!(said.map_or_else(String::new, |error| error.to_string()), expected);
            assert!(migrate(&db).await.expect("migrate").is_empty(), "nothing is applied");
        }
    }
}
