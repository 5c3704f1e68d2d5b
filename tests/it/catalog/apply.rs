//! Goal: a version that would not be billed, or mix currencies, is refused with a way out.
//! Method: books applied over issued invoices and over agreements of another currency.

use billow::catalog::apply::{Applied, ApplyError, NewBook, apply};
use billow::catalog::book::{Book, parse};
use billow::customer::store::{AsOf, load_customer_agreements, load_customers};
use sqlx::{Executor, Row};

use super::fake::{World, seconds};
use super::versions::book;
use crate::customer::stories;
use crate::on_both_engines;

async fn try_apply(
    world: &World,
    book: &Book,
    from: &str,
    backdate: bool,
    reason: Option<&str>,
) -> Result<Applied, ApplyError> {
    let ids = billow::ids::IdMaker::new(world.app.clock.as_ref());
    let mut change = stories::change(world, &ids);
    change.reason = reason;
    let mut tx = world.app.db.begin().await.expect("begin");
    let new = NewBook { book, file: None, from: seconds(from), backdate };
    let applied = apply(&mut tx, new, &change).await?;
    tx.commit().await.expect("commit");
    Ok(applied)
}

on_both_engines! {
    async fn a_backdated_version_needs_to_be_asked_for_with_a_reason(db: Db) {
        let world = stories::two_sellers(db).await;
        let mut conn = world.app.db.read().await.expect("read");
        let now = world.now();
        let customers = load_customers(&mut conn, AsOf::now(now)).await.expect("customers");
        let agreements = load_customer_agreements(&mut conn, &customers[0].id, now).await;
        let agreement = agreements.expect("agreements").remove(0);
        drop(conn);
        let mut world_book = book("1");
        world_book.code = agreement.price_book.clone();
        let from = "2026-01-01T00:00:00Z";
        try_apply(&world, &world_book, from, false, None).await.expect("the first version");
        stories::pretend_issued(&world, &agreement, "2026-10").await;
        let mut second = world_book.clone();
        second.prices[0].text = Some("dearer".to_owned());
        let refused = try_apply(&world, &second, "2026-10-15T00:00:00Z", false, None).await;
        assert_eq!(
            refused.expect_err("backdated").to_string(),
            "invoices of book standard are issued up to 2026-10-31T23:00:00Z, after \
             2026-10-15T00:00:00Z: a version from then on is billed by an explicit correction \
             run only; repeat with --backdate and --reason"
        );
        let refused = try_apply(&world, &second, "2026-10-15T00:00:00Z", true, None).await;
        assert!(matches!(refused, Err(ApplyError::NoReason)));
        let why = Some("wrong by mistake");
        let stored = try_apply(&world, &second, "2026-10-15T00:00:00Z", true, why).await;
        let stored = stored.expect("stored");
        assert_eq!(stored.issued_until, Some(seconds("2026-10-31T23:00:00Z")));
        let mut third = world_book.clone();
        third.prices[0].text = Some("from November".to_owned());
        let fine = try_apply(&world, &third, "2026-10-31T23:00:00Z", false, None).await;
        assert_eq!(fine.expect("not backdated").issued_until, None);
        let mut conn = world.app.db.read().await.expect("read");
        let sql = "SELECT reason FROM audit_log WHERE action = 'prices.applied' AND subject = $1";
        let row = conn.fetch_one(sqlx::query(sql).bind(stored.version)).await.expect("audited");
        assert_eq!(row.get::<String, _>(0), "wrong by mistake");
    }
}

on_both_engines! {
    async fn a_book_keeps_its_currency_and_its_agreements(db: Db) {
        let world = stories::two_sellers(db).await;
        let yen = |code: &str| {
            let text = format!(
                "[book]\ncode = \"{code}\"\ncurrency = \"JPY\"\n[[price]]\ncode = \"v\"\n\
                 meter = \"vpc\"\nunit = \"hour\"\namount = \"1\""
            );
            parse(&text, "yen").expect("right")
        };
        let from = "2026-12-01T00:00:00Z";
        let refused = try_apply(&world, &yen("standard"), from, false, None).await;
        let message = refused.expect_err("sellers bill in EUR").to_string();
        assert!(message.starts_with("book standard is in JPY, but seller "), "{message}");
        try_apply(&world, &book("1"), from, false, None).await.expect("b is in EUR");
        let refused = try_apply(&world, &yen("b"), from, false, None).await;
        assert_eq!(
            refused.expect_err("b is in EUR").to_string(),
            "book b is in EUR and the new version in JPY: a book keeps its currency; give the \
             new one another code and a new agreement"
        );
        // What was refused took no number.
        let next = try_apply(&world, &book("2"), from, false, None).await.expect("applied");
        assert_eq!(next.version, "b@2");
    }
}
