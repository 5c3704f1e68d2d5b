//! Provisional figures: what was seen counts at once, is marked, and is replaced at close.

use billow::bill::month::{Month, MonthRequest, load_month, load_month_so_far};
use billow::collect::job::{CollectRequest, collect};
use billow::collect::observation::{Observation, ResourceState};
use billow::customer::store::{AsOf, load_agreements, load_sellers};
use billow::period::{BillingCycle, Span};

use super::world::{Source, machine, seconds};
use crate::bill::shop::{Opening, Shop, hourly, open, owner};
use crate::on_both_engines;
use ResourceState::{Gone, Running, Stopped};

fn told(at: Option<&str>, state: ResourceState) -> Observation {
    Observation { owner: owner(1), ..machine(at, state, "2") }
}

async fn look(shop: &Shop, source: &Source, at: &str, shown: Vec<Observation>) {
    shop.at(at);
    source.show(shown);
    collect(&shop.app, source, CollectRequest::default(), &|_| {}).await.expect("collect");
}

/// The first customer's March, stored and so far.
async fn march(shop: &Shop) -> (Month, Month) {
    let now = shop.app.clock.now_seconds();
    let mut conn = shop.app.db.snapshot().await.expect("read");
    let drafted = shop.drafts("2025-03").await;
    assert!(drafted.is_empty(), "nothing of it is stored");
    let sellers = load_sellers(&mut conn, AsOf::now(now)).await.expect("sellers");
    let cycle = BillingCycle::new("UTC", 1).expect("a cycle");
    let period = cycle.period("2025-03".parse().expect("a period")).expect("March");
    let agreements = load_agreements(&mut conn, &sellers[0].id, period.span, now).await;
    let agreements = agreements.expect("agreements");
    let request =
        || MonthRequest { agreement: &agreements[0], period, known_at: now, prices_known_at: now };
    let stored = load_month(&mut conn, request()).await.expect("rate");
    let so_far = load_month_so_far(&mut conn, request(), now).await.expect("rate");
    (stored, so_far)
}

on_both_engines! {
    /// A machine at 1.00 an hour: two hours run and one stopped are seen on the day itself, are
    /// not counted on while the cloud is silent, and the closed month says the same.
    async fn what_was_seen_counts_until_it_is_closed(db: Db) {
        let shop = open(db, Opening::default(), &hourly("1")).await;
        let source = Source::named("cs1");
        look(&shop, &source, "2025-03-02T23:00:00Z", Vec::new()).await;
        look(&shop, &source, "2025-03-03T00:20:00Z", Vec::new()).await;
        let start = || told(Some("2025-03-03T08:30:00Z"), Running);
        let history = vec![start(), told(None, Running)];
        look(&shop, &source, "2025-03-03T10:00:00Z", history).await;
        let (stored, so_far) = march(&shop).await;
        assert_eq!((stored.document.net_minor, stored.provisional), (0, None));
        assert_eq!(so_far.document.net_minor, 150);
        let day = seconds("2025-03-03T00:00:00Z");
        assert_eq!(so_far.provisional, Some(Span::new(day, day + 10 * 3_600)));
        shop.at("2025-03-03T12:00:00Z");
        assert_eq!(march(&shop).await.1.document.net_minor, 150, "nobody looked since");

        let stop = || told(Some("2025-03-03T10:30:00Z"), Stopped);
        let end = || told(Some("2025-03-03T11:30:00Z"), Gone);
        look(&shop, &source, "2025-03-03T12:00:00Z", vec![start(), stop(), end()]).await;
        assert_eq!(march(&shop).await.1.document.net_minor, 200);

        look(&shop, &source, "2025-04-01T00:20:00Z", Vec::new()).await;
        let (stored, so_far) = march(&shop).await;
        assert_eq!((stored.document.net_minor, so_far.document.net_minor), (200, 200));
        assert_eq!(so_far.provisional, None);
        assert_eq!(shop.draft("2025-03").await.net_minor, 200, "to the cent");
    }
}
