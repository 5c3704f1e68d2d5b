//! Worlds that tests of customers and catalogue begin in.

use billow::bill::document::Address;
use billow::catalog::sync::sync;
use billow::customer::store::{AsOf, load_customers, load_sellers};
use billow::customer::{
    Agreement, Change, Customer, NewSeller, Seller, SellerDetails, save_seller,
};
use billow::ids::{IdMaker, OwnerRef, SellerId};
use billow::store::Db;
use sqlx::Executor;

use crate::catalog::fake::{World, account, domain, project};

/// Details of a seller in Berlin that bills in euro by the book `standard`.
pub fn seller_details(name: &str) -> SellerDetails {
    SellerDetails {
        name: name.to_owned(),
        address: Address { country: "DE".to_owned(), ..Address::default() },
        vat_id: None,
        tax_number: None,
        registration: None,
        currency: "EUR".parse().expect("a currency"),
        time_zone: "Europe/Berlin".to_owned(),
        language: Default::default(),
        rounding: Default::default(),
        invoice_series: "INV".to_owned(),
        credit_series: "CN".to_owned(),
        line_cut: Default::default(),
        zero_invoices: Default::default(),
        approval: Default::default(),
        payment_terms_days: 14,
        bank: None,
        tax_rules: Vec::new(),
        style: Default::default(),
        price_book: "standard".to_owned(),
    }
}

pub fn change<'a>(world: &'a World, ids: &'a IdMaker<'a>) -> Change<'a> {
    Change { ids, at: world.now(), actor: &world.app.actor, reason: None }
}

/// Makes a seller in a transaction of its own.
pub async fn make_seller(
    world: &World,
    code: &str,
    parent: Option<SellerId>,
    domain_id: Option<&str>,
) -> SellerId {
    let ids = IdMaker::new(world.app.clock.as_ref());
    let mut tx = world.app.db.begin().await.expect("begin");
    let domain = domain_id.map(|id| OwnerRef { source: world.source(), id: id.to_owned() });
    let details = seller_details(code);
    let new = NewSeller { code: code.to_owned(), parent, domain, details, from: 0 };
    let id = save_seller(&mut tx, new, &change(world, &ids)).await.expect("seller");
    tx.commit().await.expect("commit");
    id
}

/// At noon of 10 October 2026: a provider, and a reseller `alpha` with the domain `da`; two
/// accounts of the provider (`acme`, `beta`), one of alpha (`gamma`), a project of acme, and an
/// internal account, all synced.
pub async fn two_sellers(db: Db) -> World {
    world_with(db, "").await
}

/// The same with other options in the configuration.
pub async fn world_with(db: Db, options: &str) -> World {
    let world = World::new(db, "2026-10-10T12:00:00Z", options);
    let provider = make_seller(&world, "provider", None, None).await;
    make_seller(&world, "alpha", Some(provider), Some("da")).await;
    let root = domain("dr", None, "ROOT");
    let alpha = domain("da", Some("dr"), "ROOT/alpha");
    let below = domain("dx", Some("da"), "ROOT/alpha/x");
    let acme = account("a1", "acme", &root);
    let internal = account("a0", "admin", &root);
    let owners = vec![
        project("p1", "shop", &acme),
        account("a3", "gamma", &below),
        acme,
        account("a2", "beta", &root),
        billow::orchestrator::OwnerInfo { internal: true, ..internal },
        root,
        alpha,
        below,
    ];
    world.show(|shown| shown.owners = owners);
    sync(&world.app, &world.source()).await.expect("the first sync");
    world
}

pub async fn sellers(world: &World) -> Vec<Seller> {
    let mut conn = world.app.db.read().await.expect("read");
    load_sellers(&mut conn, AsOf::now(world.now())).await.expect("sellers")
}

pub async fn seller(world: &World, code: &str) -> Seller {
    sellers(world).await.into_iter().find(|seller| seller.code == code).expect("the seller")
}

pub async fn customer(world: &World, name: &str) -> Customer {
    let mut conn = world.app.db.read().await.expect("read");
    let all = load_customers(&mut conn, AsOf::now(world.now())).await.expect("customers");
    all.into_iter().find(|customer| customer.details.name == name).expect("the customer")
}

/// A row as bill would leave it for an issued invoice.
pub async fn pretend_issued(world: &World, agreement: &Agreement, period: &str) {
    let mut tx = world.app.db.begin().await.expect("begin");
    let sql = "INSERT INTO invoice (seller_id, id, kind, number, series, year, sequence, \
               customer_id, agreement_id, period, issue_date, issued_at, customer_name, due_date, \
               currency, net_minor, tax_minor, gross_minor, document, content_hash, charges_hash, \
               previous_chain_hash, chain_hash) VALUES ($1, $2, 'invoice', $2, 'INV', 2026, 1, \
               $3, $4, $5, '2026-11-04', 0, '', '', 'EUR', 0, 0, 0, '', '', '', '', '')";
    let query = sqlx::query(sql)
        .bind(agreement.seller.0.clone())
        .bind(format!("{}-{period}", agreement.id))
        .bind(agreement.customer.0.clone())
        .bind(agreement.id.0.clone())
        .bind(period.to_owned());
    tx.execute(query).await.expect("insert");
    tx.commit().await.expect("commit");
}
