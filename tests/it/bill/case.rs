//! One line of a table test: a price book as TOML, usage records as text, and the invoice that
//! comes of them, on a real database. Each case has a seller, a customer and a book of its own.

use billow::app::App;
use billow::bill::document::{InvoiceDocument, Line};
use billow::bill::run::{self, RunLine, RunRequest};
use billow::bill::store::load_drafts;
use billow::catalog::apply::{NewBook, apply};
use billow::catalog::book;
use billow::collect::record::{Attributes, RecordKey, RecordKind, StoredRecord};
use billow::collect::store::{attribute_set_id, save_attribute_sets, save_records};
use billow::customer::{
    Change, CustomerDetails, NewAgreement, NewCustomer, NewSeller, OwnerMapping, SellerDetails,
    map_owner, save_customer, save_seller,
};
use billow::ids::{IdMaker, OwnerRef, SellerId, SourceName};
use billow::money::Money;
use billow::period::{BillingCycle, Period, Span, midnight};
use billow::scope::Scope;
use billow::store::Db;

use super::shop::{Opening, Shop, open, seconds};

/// A database with a provider, under which every case opens a seller.
pub struct Table {
    pub shop: Shop,
}

impl Table {
    pub async fn new(db: Db) -> Self {
        Self { shop: open(db, Opening::default(), &super::shop::hourly("1")).await }
    }
}

/// What is rated and how. Without changes: Europe/Berlin is not asked, all is UTC, EUR, 19 %.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    pub label: &'static str,
    pub zone: &'static str,
    pub anchor: i8,
    pub currency: &'static str,
    /// Start of a version of the book, and its `[[price]]` tables.
    pub books: Vec<(&'static str, String)>,
    /// `meter resource span quantity key=value …`, see [`use_of`].
    pub usage: Vec<String>,
    pub agreed_from: &'static str,
    pub seller: fn(&mut SellerDetails),
    pub customer: fn(&mut CustomerDetails),
}

impl Case {
    pub fn new(name: impl Into<String>, prices: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            label: "2025-09",
            zone: "UTC",
            anchor: 1,
            currency: "EUR",
            books: vec![("1970-01-01T00:00:00Z", prices.into())],
            usage: Vec::new(),
            agreed_from: "1970-01-01T00:00:00Z",
            seller: |_| {},
            customer: |_| {},
        }
    }

    pub fn month(mut self, zone: &'static str, label: &'static str) -> Self {
        (self.zone, self.label) = (zone, label);
        self
    }

    pub fn then(mut self, from: &'static str, prices: impl Into<String>) -> Self {
        self.books.push((from, prices.into()));
        self
    }

    pub fn used(mut self, line: impl Into<String>) -> Self {
        self.usage.push(line.into());
        self
    }

    pub fn seller(mut self, change: fn(&mut SellerDetails)) -> Self {
        self.seller = change;
        self
    }

    pub fn customer(mut self, change: fn(&mut CustomerDetails)) -> Self {
        self.customer = change;
        self
    }

    pub fn currency(mut self, code: &'static str) -> Self {
        self.currency = code;
        self
    }

    /// The drafted invoice; none when nothing is billed.
    pub async fn draft(&self, table: &Table) -> (Option<InvoiceDocument>, Vec<RunLine>) {
        Open::new(table, self).await.run(self.label).await
    }

    /// Checks the nets of the lines in order, `10.00 0.08`, and that all sums hold.
    pub async fn gives(self, table: &Table, nets: &str) -> InvoiceDocument {
        let (document, lines) = self.draft(table).await;
        let document = document.unwrap_or_else(|| panic!("{}: no invoice", self.name));
        assert!(lines[0].holds.is_empty(), "{}: {:?}", self.name, lines[0].holds);
        let found: Vec<String> = document.lines.iter().map(|line| net(&document, line)).collect();
        assert_eq!(found.join(" "), nets, "{}", self.name);
        check_sums(&self.name, &document);
        document
    }

    /// Checks that nothing is billed and nothing held.
    pub async fn gives_nothing(self, table: &Table) {
        let (document, lines) = self.draft(table).await;
        assert!(document.is_none() && lines.is_empty(), "{}: {lines:?}", self.name);
    }

    /// Checks that the invoice is held, and why.
    pub async fn held_for(self, table: &Table, why: &str) {
        let (_, lines) = self.draft(table).await;
        let holds = lines.first().map_or(&[][..], |line| &line.holds);
        assert!(holds.iter().any(|hold| hold.contains(why)), "{}: {holds:?}", self.name);
    }
}

fn net(document: &InvoiceDocument, line: &Line) -> String {
    Money { minor: line.net_minor, currency: document.currency }.to_decimal_text()
}

/// Amounts of a document as text: net, VAT, gross.
pub fn totals(document: &InvoiceDocument) -> String {
    let text = |minor| Money { minor, currency: document.currency }.to_decimal_text();
    format!(
        "{} {} {}",
        text(document.net_minor),
        text(document.tax_minor),
        text(document.gross_minor)
    )
}

/// BR-CO-10, -13, -14, -15, and each breakdown sums to the net.
pub fn check_sums(name: &str, document: &InvoiceDocument) {
    let lines: i64 = document.lines.iter().map(|line| line.net_minor).sum();
    let bases: i64 = document.taxes.iter().map(|tax| tax.base_minor).sum();
    let vat: i64 = document.taxes.iter().map(|tax| tax.tax_minor).sum();
    assert_eq!((lines, bases), (document.net_minor, document.net_minor), "{name}: net");
    assert_eq!(vat, document.tax_minor, "{name}: VAT");
    assert_eq!(document.net_minor + vat, document.gross_minor, "{name}: gross");
    let cuts = &document.breakdowns;
    for cut in [&cuts.category, &cuts.project, &cuts.resource, &cuts.tag] {
        let sum: i64 = cut.iter().map(|entry| entry.net_minor).sum();
        assert_eq!(sum, document.net_minor, "{name}: breakdown {cut:?}");
    }
}

/// A case whose seller, customer and usage are stored.
pub struct Open<'a> {
    pub app: &'a App,
    pub shop: &'a Shop,
    pub case: &'a Case,
    pub seller: SellerId,
    pub owner: OwnerRef,
    pub cycle: BillingCycle,
    pub book: String,
}

impl<'a> Open<'a> {
    /// Stores all of a case four days after its month.
    pub async fn new(table: &'a Table, case: &'a Case) -> Self {
        let shop = &table.shop;
        let app = &shop.app;
        let cycle = BillingCycle::new(case.zone, case.anchor).expect("a cycle");
        let period = cycle.period(case.label.parse().expect("a label")).expect("a period");
        let closed = jiff::Timestamp::from_second(period.span.until + 4 * 86_400).expect("time");
        shop.clock.set(closed);
        let ids = IdMaker::new(shop.clock.as_ref());
        let code = ids.fresh().to_ascii_lowercase();
        let mut details = super::shop::seller_details(&Opening {
            zone: case.zone,
            currency: case.currency,
            change: case.seller,
            ..Opening::default()
        });
        details.price_book.clone_from(&code);
        let change = Change { ids: &ids, at: closed.as_second(), actor: &app.actor, reason: None };
        let mut tx = app.db.begin().await.expect("begin");
        let provider = billow::customer::store::load_sellers(
            &mut tx,
            billow::customer::store::AsOf::now(closed.as_second()),
        );
        let provider = provider.await.expect("sellers").into_iter().find(|s| s.parent.is_none());
        let parent = provider.map(|seller| seller.id);
        let currency = details.currency;
        let new = NewSeller { code: code.clone(), parent, domain: None, details, from: 0 };
        let seller = save_seller(&mut tx, new, &change).await.expect("seller");
        let mut details = CustomerDetails::named(&case.name);
        details.address.country = "DE".to_owned();
        details.anchor_day = case.anchor;
        (case.customer)(&mut details);
        let agreement = NewAgreement {
            seller: seller.clone(),
            from: seconds(case.agreed_from),
            currency,
            price_book: code.clone(),
        };
        let new = NewCustomer { details, from: 0, agreement: Some(agreement) };
        let customer = save_customer(&mut tx, new, &change).await.expect("customer");
        let owner = OwnerRef { source: SourceName("cs1".to_owned()), id: code.clone() };
        let mapping = OwnerMapping { owner: owner.clone(), customer, from: 0, until: i64::MAX };
        map_owner(&mut tx, &mapping, &change).await.expect("mapping");
        tx.commit().await.expect("commit");
        let open = Self { app, shop, case, seller, owner, cycle, book: code };
        for (from, prices) in &case.books {
            open.price(from, prices).await;
        }
        open.use_all(&case.usage, period).await;
        open
    }

    pub async fn price(&self, from: &str, prices: &str) {
        let Self { app, book, .. } = self;
        let currency = self.case.currency;
        let text = format!(
            "[book]\ncode = {book:?}\ncurrency = {currency:?}\n\
             imported_meters = [\"jobs\", \"level\", \"counter\"]\n{prices}"
        );
        let name = format!("{}.toml", self.case.name);
        let parsed = book::parse(&text, &name).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let ids = IdMaker::new(self.shop.clock.as_ref());
        let at = app.clock.now_seconds();
        let change = Change { ids: &ids, at, actor: &app.actor, reason: Some("test") };
        let mut tx = app.db.begin().await.expect("begin");
        let new = NewBook { book: &parsed, file: Some(&text), from: seconds(from), backdate: true };
        apply(&mut tx, new, &change).await.expect("apply");
        tx.commit().await.expect("commit");
    }

    pub async fn use_all(&self, lines: &[String], period: Period) {
        let engine = self.app.db.engine();
        let now = self.app.clock.now_seconds();
        let mut sets = Vec::new();
        let mut records = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            let (record, json, hash) = use_of(line, (number, now), self, period);
            sets.push((record.attribute_set, hash, json));
            records.push(record);
        }
        let mut tx = self.app.db.begin().await.expect("begin");
        save_attribute_sets(&mut tx, engine, sets).await.expect("attributes");
        save_records(&mut tx, engine, &records).await.expect("records");
        tx.commit().await.expect("commit");
    }

    pub async fn run(&self, label: &str) -> (Option<InvoiceDocument>, Vec<RunLine>) {
        let request = RunRequest {
            label: label.parse().expect("a label"),
            seller: Some(self.seller.clone()),
            correct_prices: false,
            preview: false,
        };
        let report = run::run(self.app, &request, &|_, _| {}).await.expect("run");
        let mut conn = self.app.db.read().await.expect("read");
        let scope = Scope::Provider;
        let drafts = load_drafts(&mut conn, &scope, Some(&self.seller), Some(label)).await;
        let drafts = drafts.expect("drafts");
        (drafts.into_iter().map(|draft| draft.document).next(), report.drafts)
    }
}

/// Reads `meter resource span quantity key=value …`. The span is the whole month (`month`), local
/// days (`2025-09-01..2025-09-02`) or instants (`2025-09-01T12:00Z..2025-09-02T12:00Z`). `kind=`
/// says how the quantity is meant, other keys are attributes; `4GB` and `4GiB` are bytes.
fn use_of(
    line: &str,
    (number, now): (usize, i64),
    open: &Open<'_>,
    period: Period,
) -> (StoredRecord, String, String) {
    let mut words = line.split_whitespace();
    let mut word = || words.next().unwrap_or_else(|| panic!("{line:?} is too short"));
    let (meter, resource, span, quantity) = (word(), word(), word(), word());
    let span = span_of(span, open, period);
    let mut kind = RecordKind::Interval;
    let mut attributes = Attributes::new();
    for pair in words {
        match pair.split_once('=').unwrap_or_else(|| panic!("{pair:?} in {line:?}")) {
            ("kind", "gauge") => kind = RecordKind::Gauge,
            ("kind", "counter") => kind = RecordKind::Cumulative,
            (key, value) => drop(attributes.insert(key.to_owned(), value.to_owned())),
        }
    }
    let json = serde_json::to_string(&attributes).expect("json");
    let (set, hash) = attribute_set_id(&json);
    let record = StoredRecord {
        key: RecordKey {
            owner: open.owner.clone(),
            from: span.from,
            meter: meter.to_owned(),
            resource: resource.to_owned(),
            identity: format!("{number:032}"),
            revision: 0,
        },
        kind,
        until: span.until,
        quantity: quantity_of(quantity),
        attribute_set: set,
        evidence: 1,
        evidence_index: i64::try_from(number).expect("fits"),
        recorded_at: now,
    };
    (record, json, hash)
}

fn span_of(text: &str, open: &Open<'_>, period: Period) -> Span {
    let at = |text: &str| match text.parse::<jiff::Timestamp>() {
        Ok(instant) => instant.as_second(),
        Err(_) => {
            let day = text.parse().unwrap_or_else(|e| panic!("{text:?}: {e}"));
            midnight(day, open.cycle.zone()).expect("midnight")
        }
    };
    match text.split_once("..") {
        None if text == "month" => period.span,
        None => Span::new(at(text), at(text)),
        Some((from, until)) => Span::new(at(from), at(until)),
    }
}

fn quantity_of(text: &str) -> billow::money::Exact {
    let exact = |text: &str| text.parse().unwrap_or_else(|e| panic!("{e}"));
    let bytes = |text, factor| -> billow::money::Exact {
        billow::money::Exact::mul_int(&exact(text), factor)
    };
    if let Some(gib) = text.strip_suffix("GiB") {
        return bytes(gib, 1 << 30);
    }
    match text.strip_suffix("GB") {
        Some(gb) => bytes(gb, 1_000_000_000),
        None => exact(text),
    }
}
