//! Goal: a backup taken while others write is whole, and restoring it loses nothing of it.
//! Method: write, back up, write more, restore, read.

use billow::jobs::serve_lock::ServeLock;
use billow::store::{Db, backup};
use sqlx::{Executor, Row};

use crate::support::db;

async fn count(db: &Db) -> i64 {
    let mut conn = db.read().await.expect("connect");
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM asset";
    conn.fetch_one(sql).await.expect("count").try_get(0).expect("a number")
}

async fn add(db: &Db, hash: &str) {
    let mut tx = db.begin().await.expect("begin");
    let sql = "INSERT INTO asset (hash, media_type, body, recorded_at) VALUES ($1, 'x', $2, 0)";
    let query = sqlx::query(sql).bind(hash.to_owned()).bind(vec![1_u8, 2]);
    tx.execute(query).await.expect("insert");
    tx.commit().await.expect("commit");
}

#[tokio::test]
async fn a_backup_taken_while_writing_restores_what_it_held() {
    let folder = db::folder("backup");
    let database = db::sqlite().await;
    add(&database, "before").await;
    let open = database.begin().await.expect("a writer is at work");
    let file = folder.join("copy.db");
    let bytes = backup::backup(&database, &file).await.expect("back up");
    assert!(bytes > 0);
    drop(open);
    add(&database, "after").await;
    assert_eq!(count(&database).await, 2);
    let again = backup::backup(&database, &file).await.expect_err("must not overwrite");
    assert!(again.to_string().contains("exists: name another file"), "{again}");

    let lock = ServeLock::take(&database).expect("nobody serves");
    let former = backup::restore(&database, &file, 7).await.expect("restore");
    drop(lock);
    assert!(former.is_some_and(|path| path.exists()), "the former database is kept");
    let restored = Db::open(database.address()).await.expect("open");
    assert_eq!(count(&restored).await, 1);
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_nothing_is_lost() {
    let folder = db::folder("damaged");
    let database = db::sqlite().await;
    add(&database, "kept").await;
    let file = folder.join("copy.db");
    std::fs::write(&file, b"this is no database at all, only some text of a certain length")
        .expect("write");
    backup::restore(&database, &file, 7).await.expect_err("refused");
    assert_eq!(count(&database).await, 1);
}

#[tokio::test]
async fn the_second_daemon_on_one_file_is_told_who_serves() {
    let database = db::sqlite().await;
    let first = ServeLock::take(&database).expect("the first serves");
    let second = ServeLock::take(&database).err().expect("the second is refused");
    let expected = format!("is served by process {} already", std::process::id());
    assert!(second.to_string().contains(&expected), "{second}");
    drop(first);
    ServeLock::take(&database).expect("free again");
}
