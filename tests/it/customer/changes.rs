//! Goal: customers move and change terms at period boundaries, never over issued invoices,
//! and every change is audited. Method: moves at right and wrong instants.

use billow::customer::change::change_terms;
use billow::customer::store::{AsOf, load_customer_agreements, load_customer_by_number};
use billow::customer::{CustomerError, NewSeller, NewTerms, move_customer, save_seller};
use billow::ids::IdMaker;
use sqlx::{Executor, Row};

use super::stories::{change, customer, pretend_issued, seller, seller_details, two_sellers};
use crate::catalog::fake::seconds;
use crate::on_both_engines;

on_both_engines! {
    async fn a_customer_moves_at_a_boundary_and_not_over_invoices(db: Db) {
        let world = two_sellers(db).await;
        let acme = customer(&world, "acme").await;
        let alpha = seller(&world, "alpha").await;
        let ids = IdMaker::new(world.app.clock.as_ref());
        let mut conn = world.app.db.read().await.expect("read");
        let now = world.now();
        let agreements = load_customer_agreements(&mut conn, &acme.id, now).await.expect("load");
        drop(conn);
        pretend_issued(&world, &agreements[0], "2026-09").await;
        let told = change(&world, &ids);
        let mut tx = world.app.db.begin().await.expect("begin");
        let inside = seconds("2026-10-15T12:00:00Z");
        let refused = move_customer(&mut tx, &acme.id, &alpha.id, inside, &told).await;
        assert_eq!(
            refused.expect_err("inside a period").to_string(),
            "the agreement of C00001 changes at a period boundary only: use 2026-10-01 or \
             2026-11-01"
        );
        let issued = seconds("2026-08-31T22:00:00Z");
        let refused = move_customer(&mut tx, &acme.id, &alpha.id, issued, &told).await;
        assert_eq!(
            refused.expect_err("over an invoice").to_string(),
            "C00001: 2026-09 is issued already; the change can begin at 2026-10-01 at the earliest"
        );
        let boundary = seconds("2026-10-31T23:00:00Z");
        move_customer(&mut tx, &acme.id, &alpha.id, boundary, &told).await.expect("moved");
        tx.commit().await.expect("commit");
        let mut conn = world.app.db.read().await.expect("read");
        let found = load_customer_agreements(&mut conn, &acme.id, now).await.expect("load");
        let spans: Vec<_> = found.iter().map(|a| (a.from, a.until)).collect();
        assert_eq!(spans, [(0, boundary), (boundary, i64::MAX)]);
        assert_eq!(found[1].seller, alpha.id);
        let sql = "SELECT subject, customer_id, actor FROM audit_log \
                   WHERE action = 'agreement.changed'";
        let row = conn.fetch_one(sql).await.expect("audited");
        assert_eq!(row.get::<String, _>(0), "C00001");
        assert_eq!(row.get::<String, _>(1), acme.id.0);
        assert_eq!(row.get::<String, _>(2), "test");
    }
}

on_both_engines! {
    async fn later_terms_that_never_began_are_cancelled(db: Db) {
        let world = two_sellers(db).await;
        let acme = customer(&world, "acme").await;
        let ids = IdMaker::new(world.app.clock.as_ref());
        let told = change(&world, &ids);
        let mut tx = world.app.db.begin().await.expect("begin");
        for (book, from) in
            [("gold", "2026-12-31T23:00:00Z"), ("silver", "2026-10-31T23:00:00Z")]
        {
            let price_book = Some(book.to_owned());
            let terms =
                NewTerms { seller: None, currency: None, price_book, from: seconds(from) };
            change_terms(&mut tx, &acme.id, terms, &told).await.expect("changed");
        }
        tx.commit().await.expect("commit");
        let mut conn = world.app.db.read().await.expect("read");
        let found = load_customer_agreements(&mut conn, &acme.id, world.now()).await;
        let found = found.expect("load");
        let november = seconds("2026-10-31T23:00:00Z");
        let spans: Vec<_> =
            found.iter().map(|a| (a.price_book.as_str(), a.from, a.until)).collect();
        assert_eq!(spans, [("standard", 0, november), ("silver", november, i64::MAX)]);
    }
}

on_both_engines! {
    async fn sellers_have_one_root_and_domains_one_seller(db: Db) {
        let world = two_sellers(db).await;
        let ids = IdMaker::new(world.app.clock.as_ref());
        let told = change(&world, &ids);
        let provider = seller(&world, "provider").await;
        let alpha = seller(&world, "alpha").await;
        let mut tx = world.app.db.begin().await.expect("begin");
        let new = |code: &str, parent, domain| NewSeller {
            code: code.to_owned(),
            parent,
            domain,
            details: seller_details("Any"),
            from: 0,
        };
        let refused = save_seller(&mut tx, new("second", None, None), &told).await;
        assert!(matches!(refused, Err(CustomerError::SecondRoot { .. })));
        let parent = Some(provider.id.clone());
        let refused = save_seller(&mut tx, new("alpha", parent.clone(), None), &told).await;
        assert!(matches!(refused, Err(CustomerError::SellerExists { .. })));
        let refused = save_seller(&mut tx, new("twin", parent.clone(), alpha.domain), &told).await;
        assert!(matches!(refused, Err(CustomerError::DomainTaken { .. })));
        let refused = save_seller(&mut tx, new("Böse", parent, None), &told).await;
        assert_eq!(
            refused.expect_err("a bad code").to_string(),
            "seller Böse: a seller's code has small letters, digits and dashes alone"
        );
    }
}

on_both_engines! {
    async fn customers_are_found_by_number(db: Db) {
        let world = two_sellers(db).await;
        let mut conn = world.app.db.read().await.expect("read");
        let as_of = AsOf::now(world.now());
        let found = load_customer_by_number(&mut conn, "c00002", as_of).await.expect("load");
        assert_eq!(found.expect("there").details.name, "beta");
        assert!(load_customer_by_number(&mut conn, "C9", as_of).await.expect("load").is_none());
    }
}
