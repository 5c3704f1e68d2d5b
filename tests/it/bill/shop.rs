//! A seller with one customer, a price book and usage in one line each.

use std::sync::Arc;

use billow::app::App;
use billow::audit::Actor;
use billow::bill::document::{Address, InvoiceDocument};
use billow::bill::run::{self, IssuedLine, RunReport, RunRequest};
use billow::bill::store::{load_drafts, load_invoice};
use billow::catalog::apply::{NewBook, apply};
use billow::catalog::book;
use billow::clock::ManualClock;
use billow::collect::record::{Attributes, RecordKey, RecordKind, StoredRecord};
use billow::collect::store::{attribute_set_id, save_attribute_sets, save_records};
use billow::config::Config;
use billow::customer::{
    Change, CustomerDetails, NewAgreement, NewCustomer, NewSeller, OwnerMapping, SellerDetails,
    map_owner, save_customer, save_seller,
};
use billow::ids::{IdMaker, OwnerRef, SourceName};
use billow::money::Currency;
use billow::scope::Scope;
use billow::store::Db;
use jiff::Timestamp;

pub struct Shop {
    pub app: App,
    pub clock: Arc<ManualClock>,
    pub currency: Currency,
}

/// What a shop is opened with.
pub struct Opening<'a> {
    pub zone: &'a str,
    pub currency: &'a str,
    /// Changes the seller's details; without it VAT is 19 %.
    pub change: fn(&mut SellerDetails),
    pub customer: fn(&mut CustomerDetails),
    pub customers: usize,
}

impl Default for Opening<'_> {
    fn default() -> Self {
        Self { zone: "UTC", currency: "EUR", change: |_| {}, customer: |_| {}, customers: 1 }
    }
}

pub fn seconds(text: &str) -> i64 {
    text.parse::<Timestamp>().expect("an instant").as_second()
}

pub fn owner(number: usize) -> OwnerRef {
    OwnerRef { source: SourceName("cs1".to_owned()), id: format!("a{number}") }
}

pub fn seller_details(opening: &Opening<'_>) -> SellerDetails {
    let mut details = crate::customer::stories::seller_details("Provider");
    details.time_zone = opening.zone.to_owned();
    details.currency = opening.currency.parse().expect("a currency");
    let rule = serde_json::json!({ "category": "S", "percent": "19" });
    details.tax_rules = vec![serde_json::from_value(rule).expect("a tax rule")];
    (opening.change)(&mut details);
    details
}

/// A shop with a price book, at noon of 20 January 2025.
pub async fn open(db: Db, opening: Opening<'_>, prices: &str) -> Shop {
    let clock = Arc::new(ManualClock::at("2025-01-20T12:00:00Z".parse().expect("an instant")));
    let config = Config::parse("[database]\naddress = \"sqlite:unused\"\n", "test");
    let app = App {
        config: Arc::new(config.expect("configuration")),
        db,
        clock: clock.clone(),
        orchestrators: Vec::new(),
        actor: Actor("test".to_owned()),
        looks: Default::default(),
    };
    let ids = IdMaker::new(clock.as_ref());
    let now = app.clock.now_seconds();
    let change = Change { ids: &ids, at: now, actor: &app.actor, reason: None };
    let mut tx = app.db.begin().await.expect("begin");
    let details = seller_details(&opening);
    let currency = details.currency;
    let new =
        NewSeller { code: "provider".to_owned(), parent: None, domain: None, details, from: 0 };
    let seller = save_seller(&mut tx, new, &change).await.expect("seller");
    for number in 1..=opening.customers {
        let mut details = CustomerDetails::named(&format!("Customer {number}"));
        details.address = Address { country: "DE".to_owned(), ..Address::default() };
        (opening.customer)(&mut details);
        let agreement = NewAgreement {
            seller: seller.clone(),
            from: 0,
            currency,
            price_book: "standard".to_owned(),
        };
        let new = NewCustomer { details, from: 0, agreement: Some(agreement) };
        let id = save_customer(&mut tx, new, &change).await.expect("customer");
        let mapping =
            OwnerMapping { owner: owner(number), customer: id.clone(), from: 0, until: i64::MAX };
        map_owner(&mut tx, &mapping, &change).await.expect("mapping");
    }
    tx.commit().await.expect("commit");
    let shop = Shop { app, clock, currency };
    shop.price("1970-01-01T00:00:00Z", prices).await;
    shop
}

impl Shop {
    pub fn at(&self, text: &str) {
        self.clock.set(text.parse().expect("an instant"));
    }

    /// Applies a version of the book from an instant on; `prices` are its `[[price]]` tables.
    pub async fn price(&self, from: &str, prices: &str) {
        let text =
            format!("[book]\ncode = \"standard\"\ncurrency = \"{}\"\n{prices}", self.currency);
        let book = book::parse(&text, "standard.toml").unwrap_or_else(|e| panic!("{e}"));
        let ids = IdMaker::new(self.clock.as_ref());
        let at = self.app.clock.now_seconds();
        let change = Change { ids: &ids, at, actor: &self.app.actor, reason: Some("test") };
        let mut tx = self.app.db.begin().await.expect("begin");
        let new = NewBook { book: &book, file: Some(&text), from: seconds(from), backdate: true };
        apply(&mut tx, new, &change).await.expect("apply");
        tx.commit().await.expect("commit");
    }

    /// Usage of the first customer: meter, resource, from, until, quantity.
    pub async fn used(&self, meter: &str, resource: &str, span: (&str, &str), quantity: &str) {
        self.used_by(1, meter, resource, span, quantity, &[]).await;
    }

    #[expect(clippy::too_many_arguments, reason = "one row of a table test")]
    pub async fn used_by(
        &self,
        number: usize,
        meter: &str,
        resource: &str,
        (from, until): (&str, &str),
        quantity: &str,
        attributes: &[(&str, &str)],
    ) {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let attributes: Attributes = attributes.iter().map(pair).collect();
        let json = serde_json::to_string(&attributes).expect("json");
        let (set, hash) = attribute_set_id(&json);
        let engine = self.app.db.engine();
        let record = StoredRecord {
            key: RecordKey {
                owner: owner(number),
                from: seconds(from),
                meter: meter.to_owned(),
                resource: resource.to_owned(),
                identity: "0".repeat(32),
                revision: 0,
            },
            kind: RecordKind::Interval,
            until: seconds(until),
            quantity: quantity.parse().expect("a quantity"),
            attribute_set: set,
            evidence: 1,
            evidence_index: 0,
            recorded_at: self.app.clock.now_seconds(),
        };
        let mut tx = self.app.db.begin().await.expect("begin");
        save_attribute_sets(&mut tx, engine, vec![(set, hash, json)]).await.expect("attributes");
        save_records(&mut tx, engine, &[record]).await.expect("records");
        tx.commit().await.expect("commit");
    }

    /// A newer revision of a record with another quantity.
    pub async fn revised(&self, meter: &str, resource: &str, span: (&str, &str), quantity: &str) {
        let engine = self.app.db.engine();
        let (set, hash) = attribute_set_id("{}");
        let record = StoredRecord {
            key: RecordKey {
                owner: owner(1),
                from: seconds(span.0),
                meter: meter.to_owned(),
                resource: resource.to_owned(),
                identity: "0".repeat(32),
                revision: 1,
            },
            kind: RecordKind::Interval,
            until: seconds(span.1),
            quantity: quantity.parse().expect("a quantity"),
            attribute_set: set,
            evidence: 1,
            evidence_index: 0,
            recorded_at: self.app.clock.now_seconds(),
        };
        let mut tx = self.app.db.begin().await.expect("begin");
        let sets = vec![(set, hash, "{}".to_owned())];
        save_attribute_sets(&mut tx, engine, sets).await.expect("attributes");
        save_records(&mut tx, engine, &[record]).await.expect("records");
        tx.commit().await.expect("commit");
    }

    pub async fn run(&self, label: &str) -> RunReport {
        self.run_with(label, false).await
    }

    pub async fn run_with(&self, label: &str, correct_prices: bool) -> RunReport {
        let label = label.parse().expect("a period");
        let request = RunRequest { label, seller: None, correct_prices, preview: false };
        run::run(&self.app, &request, &|_, _| {}).await.expect("run")
    }

    pub async fn issue(&self, label: &str) -> Vec<IssuedLine> {
        let label = label.parse().expect("a period");
        run::issue_all(&self.app, Some(label), None, &|_, _| {}).await.expect("issue")
    }

    /// The drafted invoices of a period.
    pub async fn drafts(&self, label: &str) -> Vec<InvoiceDocument> {
        let mut conn = self.app.db.read().await.expect("read");
        let drafts = load_drafts(&mut conn, &Scope::Provider, None, Some(label)).await;
        drafts.expect("drafts").into_iter().map(|draft| draft.document).collect()
    }

    /// The one drafted document of a period.
    pub async fn draft(&self, label: &str) -> InvoiceDocument {
        self.run(label).await;
        let mut drafts = self.drafts(label).await;
        assert_eq!(drafts.len(), 1, "one draft");
        drafts.remove(0)
    }

    pub async fn invoice(&self, number: &str) -> InvoiceDocument {
        let mut conn = self.app.db.read().await.expect("read");
        let found = load_invoice(&mut conn, &Scope::Provider, number).await.expect("invoice");
        found.unwrap_or_else(|| panic!("no invoice {number}")).0
    }
}

/// An hourly price of running machines.
pub fn hourly(amount: &str) -> String {
    format!(
        "[[price]]\ncode = \"vm\"\nmeter = \"vm_running\"\nunit = \"hour\"\namount = \"{amount}\"\n"
    )
}
