//! Goal: numbers have no gaps whatever happens, and what is issued cannot be changed unseen.
//! Method: many issues at once with aborted transactions; rows changed by hand, then verified.

use billow::bill::run::issue_draft;
use billow::bill::verify::{Verdict, verify};
use billow::ids::InvoiceId;
use billow::store::Db;
use sqlx::{Executor, Row};

use super::shop::{Opening, Shop, hourly, open};
use crate::on_both_engines;
use crate::support::db::sqlite;

const MONTH: (&str, &str) = ("2025-09-01T00:00:00Z", "2025-10-01T00:00:00Z");

async fn drafted(db: Db, customers: usize) -> Shop {
    let opening = Opening { customers, ..Opening::default() };
    let shop = open(db, opening, &hourly("0.10")).await;
    for number in 1..=customers {
        shop.used_by(number, "vm_running", &format!("v{number}"), MONTH, "720", &[]).await;
    }
    shop.at("2025-10-10T00:00:00Z");
    shop.run("2025-09").await;
    shop
}

/// Issues a draft, or gives up just before the commit.
async fn issue(shop: &Shop, id: &InvoiceId, abort: bool) -> bool {
    for _ in 0..50 {
        let mut tx = shop.app.db.begin().await.expect("begin");
        let done = issue_draft(&shop.app, &mut tx, id).await;
        if done.is_err() {
            continue;
        }
        if abort {
            tx.rollback().await.expect("rollback");
            return false;
        }
        if tx.commit().await.is_ok() {
            return true;
        }
    }
    panic!("draft {id} could not be issued")
}

on_both_engines! {
    async fn concurrent_issues_with_aborts_leave_no_gap(db: Db) {
        let count = 100;
        let shop = drafted(db, count).await;
        let ids: Vec<InvoiceId> =
            shop.drafts("2025-09").await.into_iter().map(|draft| draft.id).collect();
        assert_eq!(ids.len(), count);
        let all = ids.iter().enumerate().map(|(index, id)| issue(&shop, id, index % 14 == 3));
        let done = futures_util::future::join_all(all).await;
        let issued = i64::try_from(done.iter().filter(|done| **done).count()).expect("a count");
        let mut conn = shop.app.db.read().await.expect("read");
        let rows = conn.fetch_all("SELECT sequence FROM invoice ORDER BY sequence").await;
        let numbers: Vec<i64> = rows.expect("rows").iter().map(|row| row.get(0)).collect();
        assert_eq!(numbers, (1..=issued).collect::<Vec<i64>>());
    }
}

#[tokio::test]
async fn a_run_issues_in_the_order_of_customers_and_only_once() {
    let shop = drafted(sqlite().await, 12).await;
    let issued = shop.issue("2025-09").await;
    let customers: Vec<String> = issued.iter().map(|line| line.customer.clone()).collect();
    let mut sorted = customers.clone();
    sorted.sort();
    assert_eq!(customers, sorted);
    assert!(shop.run("2025-09").await.drafts.is_empty());
    assert!(shop.issue("2025-09").await.is_empty());
}

#[tokio::test]
async fn verify_names_what_was_changed_by_hand() {
    for (change, number) in [
        ("UPDATE invoice SET gross_minor = gross_minor + 1 WHERE sequence = 2", "INV-2025-00002"),
        (
            "UPDATE invoice SET document = REPLACE(document, 'Customer 2', 'Customer X') \
          WHERE sequence = 2",
            "INV-2025-00002",
        ),
        (
            "UPDATE charge SET part = REPLACE(part, '7200', '7201') WHERE invoice_id = \
          (SELECT id FROM invoice WHERE sequence = 3)",
            "INV-2025-00003",
        ),
        ("UPDATE usage_record SET quantity = '721' WHERE resource = 'v1'", "INV-2025-00001"),
        ("DELETE FROM invoice WHERE sequence = 2", "INV-2025-00003"),
        ("DELETE FROM invoice WHERE sequence = 3", "INV-2025-00003"),
    ] {
        let shop = drafted(sqlite().await, 3).await;
        shop.issue("2025-09").await;
        let before = verify(&shop.app, &|_, _| {}).await.expect("verify");
        assert!(before.is_good(), "{:?}", before.deviations);
        let mut tx = shop.app.db.begin().await.expect("begin");
        tx.execute(change).await.expect("change");
        tx.commit().await.expect("commit");
        let after = verify(&shop.app, &|_, _| {}).await.expect("verify");
        let tampered: Vec<&str> = after
            .deviations
            .iter()
            .filter(|one| one.verdict == Verdict::Tampered)
            .map(|one| one.number.as_str())
            .collect();
        assert!(tampered.contains(&number), "{change}: {:?}", after.deviations);
    }
}
