//! Goal: at every instant one version of a book holds, as it was known. Method: versions
//! applied in and out of order, looked at through windows of time and knowledge.

use billow::audit::Actor;
use billow::catalog::apply::{NewBook, apply};
use billow::catalog::book::{Book, parse};
use billow::catalog::store::{load_book_versions, load_version};
use billow::clock::ManualClock;
use billow::customer::Change;
use billow::ids::IdMaker;
use billow::period::Span;
use billow::store::{Conn, Db};

use super::fake::{instant, seconds};
use crate::on_both_engines;

pub fn book(amount: &str) -> Book {
    let text = format!(
        "[book]\ncode = \"b\"\ncurrency = \"EUR\"\n[[price]]\ncode = \"vpc\"\nmeter = \"vpc\"\n\
         unit = \"hour\"\namount = \"{amount}\"\n"
    );
    parse(&text, "book").unwrap_or_else(|errors| panic!("{errors}"))
}

async fn apply_at(db: &Db, now: &str, from: &str, amount: &str) -> String {
    let clock = ManualClock::at(instant(now));
    let ids = IdMaker::new(&clock);
    let actor = Actor("test".to_owned());
    let change = Change { ids: &ids, at: seconds(now), actor: &actor, reason: None };
    let mut tx = db.begin().await.expect("begin");
    let new = NewBook { book: &book(amount), file: None, from: seconds(from), backdate: false };
    let applied = apply(&mut tx, new, &change).await.expect("apply");
    tx.commit().await.expect("commit");
    applied.version
}

/// `(version, from, until)` of what holds in a span, as known at an instant.
async fn holding(conn: &mut Conn, span: (&str, &str), known: &str) -> Vec<(String, i64, i64)> {
    let span = Span::new(seconds(span.0), seconds(span.1));
    let versions = load_book_versions(conn, "b", span, seconds(known)).await.expect("load");
    versions.into_iter().map(|v| (v.id, v.span.from, v.span.until)).collect()
}

const JAN: &str = "2026-01-01T00:00:00Z";
const FEB: &str = "2026-02-01T00:00:00Z";
const MAR: &str = "2026-03-01T00:00:00Z";
const APR: &str = "2026-04-01T00:00:00Z";
const MAY: &str = "2026-05-01T00:00:00Z";

on_both_engines! {
    async fn an_earlier_start_holds_until_the_next_later_one(db: Db) {
        apply_at(&db, JAN, JAN, "1").await;
        apply_at(&db, JAN, MAR, "2").await;
        apply_at(&db, FEB, FEB, "3").await;
        let mut conn = db.read().await.expect("read");
        let (jan, feb, mar) = (seconds(JAN), seconds(FEB), seconds(MAR));
        let all = holding(&mut conn, (JAN, MAY), MAY).await;
        assert_eq!(
            all,
            [
                ("b@1".to_owned(), jan, feb),
                ("b@3".to_owned(), feb, mar),
                ("b@2".to_owned(), mar, i64::MAX),
            ]
        );
        // Before February's version was recorded, January's went on to March.
        let known_in_january = holding(&mut conn, (JAN, APR), JAN).await;
        let first = ("b@1".to_owned(), jan, mar);
        assert_eq!(known_in_january, [first, ("b@2".to_owned(), mar, i64::MAX)]);
        // A window sees what overlaps it alone; bounds are half-open.
        assert_eq!(holding(&mut conn, (FEB, MAR), MAY).await, [("b@3".to_owned(), feb, mar)]);
    }
}

on_both_engines! {
    async fn the_same_start_replaces_for_its_span(db: Db) {
        apply_at(&db, JAN, JAN, "1").await;
        apply_at(&db, JAN, MAR, "2").await;
        assert_eq!(apply_at(&db, FEB, JAN, "9").await, "b@3");
        // The same file from the same instant adds nothing.
        assert_eq!(apply_at(&db, FEB, JAN, "9").await, "b@3");
        assert_eq!(apply_at(&db, FEB, APR, "9").await, "b@4");
        let mut conn = db.read().await.expect("read");
        let found = holding(&mut conn, (JAN, MAR), MAY).await;
        assert_eq!(found, [("b@3".to_owned(), seconds(JAN), seconds(MAR))]);
        let (version, file) = load_version(&mut conn, "b@3").await.expect("load").expect("there");
        assert_eq!(version.prices, book("9").prices);
        assert_eq!(parse(&file, "kept").expect("right"), book("9"));
    }
}

on_both_engines! {
    async fn nothing_holds_before_the_first_version(db: Db) {
        apply_at(&db, JAN, MAR, "1").await;
        let mut conn = db.read().await.expect("read");
        assert!(holding(&mut conn, (JAN, MAR), MAY).await.is_empty());
        let other = load_book_versions(&mut conn, "c", Span::new(0, i64::MAX), i64::MAX).await;
        assert!(other.expect("load").is_empty());
    }
}
