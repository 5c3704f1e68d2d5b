//! Goal: both engines reach the same schema. Method: migrate twice and check the version.

use crate::on_both_engines;

on_both_engines! {
    async fn migrates_once(db: Db) {
        let again = billow::store::migrate::migrate(&db).await.expect("migrate again");
        assert!(again.is_empty());
        billow::store::migrate::check_version(&db).await.expect("fits");
    }
}
