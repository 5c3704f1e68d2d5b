//! Goal: the catalogue's history keeps what was, and a sync is harmless twice. Method: a fake
//! orchestrator that changes between readings.

use billow::catalog::store::{load_history, load_item_states, load_present_items};
use billow::catalog::sync::sync;
use billow::orchestrator::{CatalogItem, ItemKind};

use super::fake::{World, seconds};
use crate::customer::stories;
use crate::on_both_engines;

fn offering(id: &str, name: &str, vcpus: &str) -> CatalogItem {
    let attributes = [("vcpus".to_owned(), vcpus.to_owned())].into();
    CatalogItem {
        kind: ItemKind::ServiceOffering,
        id: id.to_owned(),
        name: name.to_owned(),
        attributes,
    }
}

on_both_engines! {
    async fn items_change_vanish_and_return(db: Db) {
        let world = stories::two_sellers(db).await;
        let source = world.source();
        world.at("2026-11-01T00:00:00Z");
        world.show(|shown| shown.items = vec![offering("o1", "M", "2"), offering("o2", "L", "4")]);
        let report = sync(&world.app, &source).await.expect("sync");
        assert_eq!((report.items_added, report.items_changed, report.items_removed), (2, 0, 0));
        let again = sync(&world.app, &source).await.expect("sync");
        assert_eq!((again.items_added, again.items_changed, again.items_removed), (0, 0, 0));
        world.at("2026-11-05T00:00:00Z");
        world.show(|shown| shown.items = vec![offering("o1", "M", "3")]);
        let report = sync(&world.app, &source).await.expect("sync");
        assert_eq!((report.items_added, report.items_changed, report.items_removed), (0, 1, 1));
        world.at("2026-11-09T00:00:00Z");
        world.show(|shown| shown.items.push(offering("o2", "L", "4")));
        let report = sync(&world.app, &source).await.expect("sync");
        assert_eq!((report.items_added, report.items_changed, report.items_removed), (0, 1, 0));

        let mut conn = world.app.db.read().await.expect("read");
        let known = world.now();
        let history = load_history(&mut conn, &source, known).await.expect("history");
        let vcpus = |at: &str| {
            let item = history.at(ItemKind::ServiceOffering, "o1", seconds(at)).expect("o1");
            item.attributes["vcpus"].clone()
        };
        assert_eq!(vcpus("2026-10-01T00:00:00Z"), "2");
        assert_eq!(vcpus("2026-11-04T23:59:59Z"), "2");
        assert_eq!(vcpus("2026-11-05T00:00:00Z"), "3");
        // What is gone is still described by its last state.
        let gone = history.at(ItemKind::ServiceOffering, "o2", seconds("2026-11-06T00:00:00Z"));
        assert_eq!(gone.expect("o2").name, "L");
        let earlier = seconds("2026-11-06T00:00:00Z");
        let present = load_present_items(&mut conn, &source, earlier).await.expect("present");
        assert_eq!(present.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["o1"]);
        let states = load_item_states(&mut conn, &source, known).await.expect("states");
        assert_eq!(states.len(), 5);
        let early = load_history(&mut conn, &source, seconds("2026-11-04T00:00:00Z")).await;
        let states = &early.expect("history").items[&(ItemKind::ServiceOffering, "o1".to_owned())];
        assert_eq!(states.len(), 1);
    }
}

on_both_engines! {
    async fn no_owner_at_all_changes_nothing(db: Db) {
        let world = stories::two_sellers(db).await;
        world.show(|shown| shown.owners.clear());
        let refused = sync(&world.app, &world.source()).await.expect_err("no owners");
        assert_eq!(
            refused.to_string(),
            "cs1 showed no owner at all, not even its own administrator; nothing was changed: \
             check the rights of the key with billow doctor"
        );
    }
}

on_both_engines! {
    async fn without_a_seller_it_says_what_to_do(db: Db) {
        let world = World::new(db, "2026-11-01T00:00:00Z", "");
        let refused = sync(&world.app, &world.source()).await.expect_err("no seller");
        assert_eq!(
            refused.to_string(),
            "there is no seller yet: make the provider first, with billow sellers set provider \
             --file seller.toml"
        );
    }
}
