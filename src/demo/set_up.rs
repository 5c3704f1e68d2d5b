//! What the demo sets up before its story: sellers, the customer of both clouds, price books and
//! addresses, by the functions behind the command line.

use anyhow::Context;

use super::openstack::seed::SHARED;
use super::run::{Step, World, name};
use super::seed::{CLOUDSTACK, OPENSTACK};
use super::sellers::{SELLERS, Seat, with_address};
use crate::app::App;
use crate::catalog::apply::{NewBook, apply};
use crate::catalog::book;
use crate::catalog::generate::{GenerateInput, Rates, generate_text};
use crate::catalog::price::MonthMode;
use crate::catalog::store::load_present_items;
use crate::catalog::sync::sync;
use crate::customer::store::{AsOf, load_customers, load_sellers, load_source_mappings};
use crate::customer::{
    Change, NewSeller, OwnerMapping, map_owner, save_customer_details, save_seller,
};
use crate::ids::{IdMaker, OwnerRef};
use crate::money::{Currency, Exact};

/// Sellers, first catalogue, price books and addresses; nothing where there are sellers already.
pub(super) async fn set_up(world: &World, progress: &(dyn Fn(Step) + Sync)) -> anyhow::Result<()> {
    let app = &world.app;
    let mut conn = app.db.read().await?;
    let sellers = load_sellers(&mut conn, AsOf::now(i64::MAX)).await?;
    drop(conn);
    if sellers.is_empty() {
        make_sellers(world).await?;
    }
    let cloud = sync(app, &name(CLOUDSTACK)).await.context("reading the catalogue")?;
    if sellers.is_empty() {
        // Before its project is seen, so that no customer of its own is made of it.
        share_customer(world).await?;
    }
    let region = sync(app, &name(OPENSTACK)).await.context("reading the region's catalogue")?;
    if sellers.is_empty() || world.billed() == 0 {
        apply_books(app, world.start()).await?;
        give_addresses(world).await?;
    }
    let items = [&cloud, &region].map(|report| report.items_added + report.items_changed);
    let made = [&cloud, &region].map(|report| report.owners.customers_created);
    progress(Step::Catalogue { items: items.iter().sum(), customers: made.iter().sum() });
    Ok(())
}

async fn make_sellers(world: &World) -> anyhow::Result<()> {
    let app = &world.app;
    let (mut tx, now) = app.record().await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let change = Change { ids: &ids, at: now, actor: &app.actor, reason: None };
    let mut root = None;
    for seller in &SELLERS {
        let domain = domain_of(world, seller.domain).context("a seller's domain is missing")?;
        let new = NewSeller {
            code: seller.code.to_owned(),
            parent: root.clone(),
            domain: Some(domain),
            details: seller.details()?,
            from: 0,
        };
        let made = save_seller(&mut tx, new, &change).await?;
        root.get_or_insert(made);
    }
    tx.commit().await?;
    Ok(())
}

/// The domain of one of the clouds.
fn domain_of(world: &World, seat: Seat) -> Option<OwnerRef> {
    match seat {
        Seat::Cloud(path) => {
            let domains = &world.simulator.world().domains;
            let domain = domains.iter().find(|domain| domain.path == path)?;
            Some(OwnerRef { source: name(CLOUDSTACK), id: domain.ids.uuid.clone() })
        }
        Seat::Region(path) => {
            let domains = world.region.world().domains;
            let domain = domains.into_iter().find(|domain| domain.name == path)?;
            Some(OwnerRef { source: name(OPENSTACK), id: domain.id })
        }
    }
}

/// Who has an account of one cloud and a project of the other: the owners, and the people who
/// may see every invoice.
struct Shared {
    account: OwnerRef,
    project: OwnerRef,
    people: [OwnerRef; 2],
}

impl Shared {
    fn of(world: &World) -> Option<Self> {
        let (cloud, region) = (world.simulator.world(), world.region.world());
        let user = cloud.users.iter().find(|user| user.name == "harbour-admin")?;
        let member = region.users.iter().find(|user| user.name == "harbour-ops")?;
        let project = &region.projects[region.project(SHARED)?];
        let here = |id: &str| OwnerRef { source: name(CLOUDSTACK), id: id.to_owned() };
        let there = |id: &str| OwnerRef { source: name(OPENSTACK), id: id.to_owned() };
        Some(Self {
            account: here(&cloud.accounts[user.account].ids.uuid),
            project: there(&project.id),
            people: [here(&user.ids.uuid), there(&member.id)],
        })
    }
}

/// Gives the region's project to the customer of the other cloud's account.
async fn share_customer(world: &World) -> anyhow::Result<()> {
    let app = &world.app;
    let shared = Shared::of(world).context("the shared customer is missing")?;
    let (mut tx, now) = app.record().await?;
    let source = &shared.account.source;
    let mappings = load_source_mappings(&mut tx, source, now).await?;
    let own = mappings.into_iter().find(|mapping| mapping.owner == shared.account);
    let own = own.context("the shared customer's account is not mapped")?;
    let ids = IdMaker::new(app.clock.as_ref());
    let change = Change { ids: &ids, at: now, actor: &app.actor, reason: None };
    map_owner(&mut tx, &OwnerMapping { owner: shared.project, ..own }, &change).await?;
    tx.commit().await?;
    Ok(())
}

/// A generated book for each seller, with the offerings of both clouds; the resellers' rates lie
/// above the provider's.
async fn apply_books(app: &App, from: i64) -> anyhow::Result<()> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let sellers = load_sellers(&mut conn, AsOf::now(now)).await?;
    let mut items = load_present_items(&mut conn, &name(CLOUDSTACK), now).await?;
    items.extend(load_present_items(&mut conn, &name(OPENSTACK), now).await?);
    drop(conn);
    for (index, seller) in sellers.iter().enumerate() {
        let currency = seller.details.currency;
        let windows = Exact::ratio(5 + i128::try_from(index)?, 100);
        let licences = [("Windows".to_owned(), windows)].into_iter().collect();
        let input = GenerateInput {
            code: seller.details.price_book.clone(),
            name: format!("Price list of {}", seller.details.name),
            currency,
            month: MonthMode::Calendar,
            rates: rates(currency, index)?,
            items: &items,
            licences,
        };
        let text = generate_text(&input);
        let book = book::parse(&text, "the generated book")?;
        let (mut tx, now) = app.record().await?;
        let ids = IdMaker::new(app.clock.as_ref());
        let change = Change { ids: &ids, at: now, actor: &app.actor, reason: None };
        let new = NewBook { book: &book, file: Some(&text), from, backdate: false };
        apply(&mut tx, new, &change).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn rates(currency: Currency, index: usize) -> anyhow::Result<Rates> {
    let dearer = i128::try_from(index)? * 2;
    let mut rates = Rates::usual(currency);
    rates.vcpu_hour = Exact::ratio(120 + dearer * 6, 10_000);
    rates.storage_gib_month = Exact::ratio(1_000 + dearer * 50, 10_000);
    rates.traffic_gb = Exact::ratio(150 + dearer * 10, 10_000);
    rates.traffic_included_gb = Exact::int(200);
    rates.iops_month = Exact::ratio(3, 1_000);
    Ok(rates)
}

/// Customers made by the sync have a name alone: invoices need an address.
async fn give_addresses(world: &World) -> anyhow::Result<()> {
    let app = &world.app;
    let shared = Shared::of(world).context("the shared customer is missing")?;
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let customers = load_customers(&mut conn, AsOf::now(now)).await?;
    let sellers = load_sellers(&mut conn, AsOf::now(now)).await?;
    let mapped = load_source_mappings(&mut conn, &shared.project.source, now).await?;
    let both = mapped.into_iter().find(|mapping| mapping.owner == shared.project);
    let both = both.map(|mapping| mapping.customer);
    let mut countries = Vec::new();
    for customer in &customers {
        let agreements = crate::customer::store::load_customer_agreements;
        let held = agreements(&mut conn, &customer.id, now).await?;
        let seller = held.first().and_then(|held| sellers.iter().find(|s| s.id == held.seller));
        countries.push(seller.map(|seller| seller.details.address.country.clone()));
    }
    drop(conn);
    let (mut tx, now) = app.record().await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let change = Change { ids: &ids, at: now, actor: &app.actor, reason: None };
    for (index, (customer, country)) in customers.iter().zip(countries).enumerate() {
        let Some(country) = country.filter(|_| !customer.internal) else { continue };
        let mut details = with_address(&customer.details, &country, index);
        if both.as_ref() == Some(&customer.id) {
            details.billing_contacts = shared.people.to_vec();
        }
        if details != customer.details {
            save_customer_details(&mut tx, &customer.id, &details, 0, &change).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}
