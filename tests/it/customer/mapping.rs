//! Goal: every owner has one customer at every instant, made and moved by the rule of
//! `owners.auto`. Method: a fake orchestrator whose accounts, projects and domains change.

use billow::catalog::sync::sync;
use billow::customer::store::{
    AsOf, load_agreements, load_customer_agreements, load_customer_of_owner, load_customers,
    load_mappings, load_owner_history,
};
use billow::customer::{OwnerMapping, map_owner};
use billow::ids::{IdMaker, OwnerRef};
use billow::period::Span;

use billow::finding::store::load_open_findings;

use super::stories::{
    change, customer, make_seller, pretend_issued, seller, two_sellers, world_with,
};
use crate::catalog::fake::{World, account, domain, seconds};
use crate::on_both_engines;

const ALWAYS: Span = Span { from: 0, until: i64::MAX };

fn owner(world: &World, id: &str) -> OwnerRef {
    OwnerRef { source: world.source(), id: id.to_owned() }
}

/// Name of the customer of an owner at an instant, as known now.
async fn whose(world: &World, id: &str, at: i64) -> Option<String> {
    let mut conn = world.app.db.read().await.expect("read");
    let as_of = AsOf { at, known_at: world.now() };
    let found = load_customer_of_owner(&mut conn, &owner(world, id), as_of).await.expect("load");
    let found = found?;
    let all = load_customers(&mut conn, AsOf::now(world.now())).await.expect("customers");
    all.into_iter().find(|customer| customer.id == found).map(|customer| customer.details.name)
}

/// Code of the seller that bills a customer at an instant.
async fn billed_by(world: &World, name: &str, at: i64) -> String {
    let customer = customer(world, name).await;
    let mut conn = world.app.db.read().await.expect("read");
    let agreements = load_customer_agreements(&mut conn, &customer.id, world.now()).await;
    let agreements = agreements.expect("agreements");
    let holding: Vec<_> = agreements.iter().filter(|a| a.from <= at && at < a.until).collect();
    assert_eq!(holding.len(), 1, "one agreement holds at an instant: {agreements:?}");
    let sellers = super::stories::sellers(world).await;
    let found = sellers.into_iter().find(|seller| seller.id == holding[0].seller);
    found.expect("its seller").code
}

on_both_engines! {
    async fn accounts_become_customers_of_the_nearest_seller(db: Db) {
        let world = two_sellers(db).await;
        let now = world.now();
        let mut conn = world.app.db.read().await.expect("read");
        let customers = load_customers(&mut conn, AsOf::now(now)).await.expect("customers");
        let listed: Vec<_> = customers
            .iter()
            .map(|c| (c.number.as_str(), c.details.name.as_str(), c.internal))
            .collect();
        assert_eq!(
            listed,
            [
                ("C00001", "acme", false),
                ("C00002", "beta", false),
                ("C00003", "gamma", false),
                ("INTERNAL", "Internal", true),
            ]
        );
        let provider = seller(&world, "provider").await;
        let year = Span::new(seconds("2020-01-01T00:00:00Z"), seconds("2020-02-01T00:00:00Z"));
        let agreements = load_agreements(&mut conn, &provider.id, year, now).await.expect("load");
        let ids: Vec<_> = agreements.iter().map(|a| a.customer.clone()).collect();
        assert_eq!(ids, [customers[0].id.clone(), customers[1].id.clone()]);
        drop(conn);
        assert_eq!(billed_by(&world, "gamma", now).await, "alpha");
        // Usage from before the first sight is covered, and projects follow their account.
        assert_eq!(whose(&world, "p1", 1).await.as_deref(), Some("acme"));
        assert_eq!(whose(&world, "a0", 1).await.as_deref(), Some("Internal"));
        let again = sync(&world.app, &world.source()).await.expect("sync");
        assert_eq!(again.owners, Default::default());
    }
}

on_both_engines! {
    async fn renames_keep_history_and_customers(db: Db) {
        let world = two_sellers(db).await;
        let first = world.now();
        world.at("2026-11-20T00:00:00Z");
        world.show(|shown| {
            for owner in &mut shown.owners {
                owner.domain_path = owner.domain_path.replace("ROOT/alpha", "ROOT/omega");
                if owner.id == "a3" {
                    owner.name = "gamma-2".to_owned();
                }
            }
            shown.owners.retain(|owner| owner.id != "a2");
        });
        let report = sync(&world.app, &world.source()).await.expect("sync");
        let counts = (report.owners.added, report.owners.changed, report.owners.removed);
        assert_eq!(counts, (0, 3, 1));
        assert_eq!((report.owners.moved, report.owners.customers_created), (0, 0));
        let mut conn = world.app.db.read().await.expect("read");
        let history = load_owner_history(&mut conn, &world.source(), world.now()).await;
        let history = history.expect("history");
        let path = |at: i64| history.at("a3", at).expect("a3").domain_path.clone();
        assert_eq!(path(first - 86_400), "ROOT/alpha/x");
        assert_eq!(path(world.now() - 1), "ROOT/alpha/x");
        assert_eq!(path(world.now()), "ROOT/omega/x");
        assert_eq!(history.at("a2", world.now()).expect("a2").state, "removed");
        let early = load_owner_history(&mut conn, &world.source(), first).await.expect("history");
        assert_eq!(early.at("a3", world.now()).expect("a3").name, "gamma");
        drop(conn);
        assert_eq!(whose(&world, "a2", world.now()).await.as_deref(), Some("beta"));
        assert_eq!(whose(&world, "a3", world.now()).await.as_deref(), Some("gamma"));
    }
}

on_both_engines! {
    async fn a_project_follows_its_new_account_from_the_next_period(db: Db) {
        let world = two_sellers(db).await;
        world.at("2026-10-20T00:00:00Z");
        world.show(|shown| {
            let project = shown.owners.iter_mut().find(|owner| owner.id == "p1").expect("p1");
            project.account_id = Some("a2".to_owned());
        });
        let report = sync(&world.app, &world.source()).await.expect("sync");
        assert_eq!(report.owners.moved, 1);
        let boundary = seconds("2026-10-31T23:00:00Z");
        assert_eq!(whose(&world, "p1", boundary - 1).await.as_deref(), Some("acme"));
        assert_eq!(whose(&world, "p1", boundary).await.as_deref(), Some("beta"));
        world.at("2026-10-21T00:00:00Z");
        let again = sync(&world.app, &world.source()).await.expect("sync");
        assert_eq!(again.owners.moved, 0);
        let mut conn = world.app.db.read().await.expect("read");
        let acme = customer(&world, "acme").await;
        let found = load_mappings(&mut conn, &acme.id, ALWAYS, world.now()).await.expect("load");
        let spans: Vec<_> = found.iter().map(|m| (m.owner.id.as_str(), m.from, m.until)).collect();
        assert_eq!(spans, [("a1", 0, i64::MAX), ("p1", 0, boundary)]);
        let known = seconds("2026-10-19T00:00:00Z");
        let before = load_mappings(&mut conn, &acme.id, ALWAYS, known).await.expect("load");
        assert_eq!(before[1].until, i64::MAX, "as it was known before the change");
    }
}

on_both_engines! {
    async fn an_account_below_another_seller_moves_with_the_next_period(db: Db) {
        let world = two_sellers(db).await;
        world.at("2026-10-20T00:00:00Z");
        let alpha = domain("da", Some("dr"), "ROOT/alpha");
        world.show(|shown| {
            shown.owners.retain(|owner| owner.id != "a2");
            shown.owners.push(account("a2", "beta", &alpha));
        });
        let report = sync(&world.app, &world.source()).await.expect("sync");
        assert_eq!(report.owners.moved, 1);
        let boundary = seconds("2026-10-31T23:00:00Z");
        assert_eq!(billed_by(&world, "beta", boundary - 1).await, "provider");
        assert_eq!(billed_by(&world, "beta", boundary).await, "alpha");
        world.at("2026-11-20T00:00:00Z");
        let again = sync(&world.app, &world.source()).await.expect("sync");
        assert_eq!(again.owners.moved, 0);
    }
}

on_both_engines! {
    async fn what_a_person_mapped_stays(db: Db) {
        let world = two_sellers(db).await;
        let beta = customer(&world, "beta").await;
        let ids = IdMaker::new(world.app.clock.as_ref());
        let from = seconds("2026-10-05T00:00:00Z");
        let mut tx = world.app.db.begin().await.expect("begin");
        let project = owner(&world, "p1");
        let mapping = OwnerMapping { owner: project, customer: beta.id, from, until: i64::MAX };
        map_owner(&mut tx, &mapping, &change(&world, &ids)).await.expect("mapped");
        tx.commit().await.expect("commit");
        assert_eq!(whose(&world, "p1", from - 1).await.as_deref(), Some("acme"));
        assert_eq!(whose(&world, "p1", from).await.as_deref(), Some("beta"));
        world.at("2026-10-20T00:00:00Z");
        world.show(|shown| {
            let project = shown.owners.iter_mut().find(|owner| owner.id == "p1").expect("p1");
            project.account_id = Some("a3".to_owned());
        });
        let report = sync(&world.app, &world.source()).await.expect("sync");
        assert_eq!(report.owners.moved, 0);
        assert_eq!(whose(&world, "p1", i64::MAX - 1).await.as_deref(), Some("beta"));
    }
}

on_both_engines! {
    async fn a_new_reseller_takes_over_its_domain(db: Db) {
        let world = two_sellers(db).await;
        let root = domain("dr", None, "ROOT");
        let later = domain("db", Some("dr"), "ROOT/later");
        world.show(|shown| {
            shown.owners.retain(|owner| owner.id != "a2" && owner.id != "dr");
            shown.owners.extend([root, later.clone(), account("a2", "beta", &later)]);
        });
        world.at("2026-10-11T00:00:00Z");
        sync(&world.app, &world.source()).await.expect("sync");
        assert_eq!(billed_by(&world, "beta", world.now()).await, "provider");
        let provider = seller(&world, "provider").await;
        let beta = customer(&world, "beta").await;
        let mut conn = world.app.db.read().await.expect("read");
        let agreements = load_customer_agreements(&mut conn, &beta.id, world.now()).await;
        let agreement = agreements.expect("agreements").remove(0);
        drop(conn);
        pretend_issued(&world, &agreement, "2026-09").await;
        make_seller(&world, "later", Some(provider.id), Some("db")).await;
        let new = seller(&world, "later").await;
        let ids = IdMaker::new(world.app.clock.as_ref());
        let mut tx = world.app.db.begin().await.expect("begin");
        let told = change(&world, &ids);
        let moved = billow::customer::change::take_over(&mut tx, &new, 0, &told).await;
        tx.commit().await.expect("commit");
        let moved = moved.expect("taken over");
        // September is issued by the provider; October goes to the new seller.
        let october = seconds("2026-09-30T22:00:00Z");
        let named: Vec<_> = moved.iter().map(|t| (t.customer.number.as_str(), t.from)).collect();
        assert_eq!(named, [("C00002", october)]);
        assert_eq!(billed_by(&world, "beta", october - 1).await, "provider");
        assert_eq!(billed_by(&world, "beta", october).await, "later");
        assert_eq!(billed_by(&world, "acme", october).await, "provider");
    }
}

on_both_engines! {
    async fn by_hand_means_findings_until_somebody_decides(db: Db) {
        let world = world_with(db, "[owners]\nauto = \"manual\"\n").await;
        let mut conn = world.app.db.read().await.expect("read");
        let customers = load_customers(&mut conn, AsOf::now(world.now())).await.expect("load");
        let numbers: Vec<_> = customers.iter().map(|c| c.number.as_str()).collect();
        assert_eq!(numbers, ["INTERNAL"]);
        let acme = owner(&world, "a1");
        let open = load_open_findings(&mut conn, &acme, ALWAYS, world.now()).await.expect("load");
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].rule, "unmapped_owner");
        assert_eq!(
            open[0].message,
            "cs1/a1 belongs to no customer: acme: owners.auto is manual, and nobody mapped it; \
             use billow customers map"
        );
        drop(conn);
        let again = sync(&world.app, &world.source()).await.expect("sync");
        assert_eq!(again.owners.unmapped, 4);
        let ids = IdMaker::new(world.app.clock.as_ref());
        let customer = customers[0].id.clone();
        let mapping = OwnerMapping { owner: acme.clone(), customer, from: 0, until: i64::MAX };
        let mut tx = world.app.db.begin().await.expect("begin");
        map_owner(&mut tx, &mapping, &change(&world, &ids)).await.expect("mapped");
        tx.commit().await.expect("commit");
        let mut conn = world.app.db.read().await.expect("read");
        let open = load_open_findings(&mut conn, &acme, ALWAYS, world.now()).await.expect("load");
        assert!(open.is_empty(), "once it is somebody's, the doubt is over: {open:?}");
    }
}
