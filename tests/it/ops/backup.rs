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
    assert_eq!(count(&reopened(&database).await).await, 1);
}

#[tokio::test]
async fn what_a_killed_backup_or_restore_left_is_no_obstacle() {
    let folder = db::folder("backup");
    let database = db::sqlite().await;
    add(&database, "before").await;
    let file = folder.join("copy.db");
    std::fs::write(folder.join("copy.db.partial"), "half of it").expect("write");
    backup::backup(&database, &file).await.expect("back up");
    let left: Vec<_> = std::fs::read_dir(&folder).expect("a folder").flatten().collect();
    assert_eq!(left.len(), 1, "the copy alone: {left:?}");

    let lock = ServeLock::take(&database).expect("nobody serves");
    let path = database.sqlite_path().expect("a file");
    std::fs::write(format!("{}.restoring", path.display()), "half of it").expect("write");
    std::fs::write(format!("{}.before-restore-7", path.display()), "former").expect("write");
    let former = backup::restore(&database, &file, 7).await.expect("restore").expect("a former");
    drop(lock);
    assert!(former.display().to_string().ends_with(".before-restore-7-2"), "{former:?}");
    let former = Db::open(&format!("sqlite:{}", former.display())).await.expect("open");
    assert_eq!((count(&former).await, count(&reopened(&database).await).await), (1, 1));
}

async fn reopened(database: &Db) -> Db {
    Db::open(database.address()).await.expect("open")
}

/// A backup of a fresh database, changed by `damage`.
async fn backup_of(damage: impl AsyncFnOnce(&std::path::Path)) -> std::path::PathBuf {
    let file = db::folder("damaged").join("copy.db");
    let other = db::sqlite().await;
    backup::backup(&other, &file).await.expect("back up");
    damage(&file).await;
    file
}

/// Runs one statement in a database's file.
async fn change(file: &std::path::Path, sql: &'static str) {
    let other = Db::open(&format!("sqlite:{}", file.display())).await.expect("open");
    let mut tx = other.begin().await.expect("begin");
    tx.execute(sql).await.expect("change");
    tx.commit().await.expect("commit");
    other.close().await;
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_nothing_is_lost() {
    let database = db::sqlite().await;
    add(&database, "kept").await;
    let lines = b"this is no database at all, only some text of a certain length";
    let text = backup_of(async |file| std::fs::write(file, lines).expect("write")).await;
    let missing = backup_of(async |file| std::fs::remove_file(file).expect("remove")).await;
    let cut = backup_of(async |file| {
        let bytes = std::fs::read(file).expect("read");
        std::fs::write(file, &bytes[..bytes.len() / 2]).expect("write");
    });
    let spoiled = backup_of(async |file| {
        let mut bytes = std::fs::read(file).expect("read");
        // All pages but the first ones, which hold the schema's beginning.
        let from = bytes.len() / 3;
        bytes[from..].fill(0x5a);
        std::fs::write(file, bytes).expect("write");
    });
    let newer = backup_of(async |file| {
        let sql = "UPDATE schema_compatibility SET schema_version = 99, compatible_from = 99";
        change(file, sql).await;
    });
    let older = backup_of(async |file| {
        change(file, "UPDATE schema_compatibility SET schema_version = 3").await;
    });
    for (name, file, expected) in [
        ("text", text, "is no SQLite database"),
        ("missing", missing, "does not exist"),
        ("cut", cut.await, "damaged: "),
        ("spoiled", spoiled.await, "damaged: "),
        ("newer", newer.await, "the schema wants version 99, this program knows"),
        ("older", older.await, "the schema has version 3, this program needs at least"),
    ] {
        let error = backup::restore(&database, &file, 7).await.expect_err("refused");
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert_eq!(count(&database).await, 1, "{name}: nothing is lost");
    }
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
