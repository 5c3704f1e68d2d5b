//! Goal: details hold from their day on, as they were known, and wrong ones are refused.
//! Method: dated changes looked at from several instants; a table of wrong details.

use billow::bill::document::{BankAccount, TaxCategory};
use billow::customer::check::{customer_problems, seller_problems};
use billow::customer::store::{AsOf, load_changes, load_customer, load_seller};
use billow::customer::{
    CustomerDetails, SellerDetails, TaxRule, save_customer_details, save_seller_details,
};
use billow::ids::IdMaker;
use billow::period::Span;

use super::stories::{change, customer, seller, seller_details, two_sellers};
use crate::catalog::fake::seconds;
use crate::on_both_engines;

on_both_engines! {
    async fn a_seller_is_what_was_known_of_it(db: Db) {
        let world = two_sellers(db).await;
        let provider = seller(&world, "provider").await;
        let recorded = world.now();
        world.at("2026-11-02T00:00:00Z");
        let ids = IdMaker::new(world.app.clock.as_ref());
        let november = seconds("2026-11-01T00:00:00Z");
        for name in ["First", "Second"] {
            // Two rows of one second: the later one holds.
            let mut tx = world.app.db.begin().await.expect("begin");
            let details = seller_details(name);
            let told = change(&world, &ids);
            save_seller_details(&mut tx, &provider.id, &details, november, &told)
                .await
                .expect("saved");
            tx.commit().await.expect("commit");
        }
        let mut conn = world.app.db.read().await.expect("read");
        let mut name = async |at: i64, known_at: i64| {
            let found = load_seller(&mut conn, &provider.id, AsOf { at, known_at }).await;
            found.expect("load").map(|seller| seller.details.name)
        };
        let now = world.now();
        assert_eq!(name(november, now).await.as_deref(), Some("Second"));
        assert_eq!(name(november - 1, now).await.as_deref(), Some("provider"));
        assert_eq!(name(november, recorded).await.as_deref(), Some("provider"));
        assert_eq!(name(november, recorded - 1).await, None);
    }
}

on_both_engines! {
    async fn changes_inside_a_period_are_told(db: Db) {
        let world = two_sellers(db).await;
        let acme = customer(&world, "acme").await;
        let provider = seller(&world, "provider").await;
        let ids = IdMaker::new(world.app.clock.as_ref());
        let (move_day, name_day) =
            (seconds("2026-10-12T22:00:00Z"), seconds("2026-10-20T00:00:00Z"));
        let mut tx = world.app.db.begin().await.expect("begin");
        let told = change(&world, &ids);
        let details = CustomerDetails { vat_id: Some("DE1".to_owned()), ..acme.details.clone() };
        save_customer_details(&mut tx, &acme.id, &details, move_day, &told).await.expect("saved");
        let details = seller_details("New name");
        save_seller_details(&mut tx, &provider.id, &details, name_day, &told).await.expect("saved");
        tx.commit().await.expect("commit");
        let mut conn = world.app.db.read().await.expect("read");
        let october = Span::new(seconds("2026-09-30T22:00:00Z"), seconds("2026-10-31T23:00:00Z"));
        let found = load_changes(&mut conn, &provider.id, &acme.id, october).await.expect("load");
        assert_eq!(found, [move_day, name_day]);
        let from_there = Span::new(move_day, name_day);
        let found = load_changes(&mut conn, &provider.id, &acme.id, from_there).await;
        assert!(found.expect("load").is_empty(), "neither bound lies inside");
        let as_of = AsOf { at: move_day, known_at: world.now() };
        let found = load_customer(&mut conn, &acme.id, as_of).await.expect("load").expect("acme");
        assert_eq!(found.details.vat_id.as_deref(), Some("DE1"));
    }
}

on_both_engines! {
    async fn a_new_anchor_day_waits_for_the_period_to_end(db: Db) {
        let world = two_sellers(db).await;
        let acme = customer(&world, "acme").await;
        let ids = IdMaker::new(world.app.clock.as_ref());
        let told = change(&world, &ids);
        let details = CustomerDetails { anchor_day: 15, ..acme.details.clone() };
        let mut tx = world.app.db.begin().await.expect("begin");
        let inside = seconds("2026-10-15T00:00:00Z");
        let refused = save_customer_details(&mut tx, &acme.id, &details, inside, &told).await;
        assert_eq!(
            refused.expect_err("inside the period").to_string(),
            "the billing period of C00001 changes at a period boundary only: use 2026-10-01 or \
             2026-11-01"
        );
        let boundary = seconds("2026-10-31T23:00:00Z");
        save_customer_details(&mut tx, &acme.id, &details, boundary, &told).await.expect("saved");
    }
}

/// `(what is made wrong, what is said)`.
type Spoil<T> = (fn(&mut T), &'static str);

const SELLERS: &[Spoil<SellerDetails>] = &[
    (|s| s.name = " ".to_owned(), "name is empty"),
    (
        |s| s.time_zone = "Berlin".to_owned(),
        "\"Berlin\" is not a time zone of the IANA database such as Europe/Berlin",
    ),
    (
        |s| s.address.country = "Germany".to_owned(),
        "address.country \"Germany\": write two capital letters of ISO 3166-1, such as DE",
    ),
    (
        |s| s.credit_series = "INV".to_owned(),
        "invoice_series and credit_series are both \"INV\": give credit notes their own, such \
         as CN",
    ),
    (
        |s| s.invoice_series = "R/".to_owned(),
        "invoice_series \"R/\": use 1 to 12 letters, digits and dashes, such as INV",
    ),
    (|s| s.style.colour = "blue".to_owned(), "style.colour \"blue\": write it as #1f4e79"),
    (
        |s| {
            s.bank = Some(BankAccount {
                holder: "H".to_owned(),
                iban: "DE89 3704 0044 0532 0130 01".to_owned(),
                ..BankAccount::default()
            });
        },
        "bank.iban \"DE89 3704 0044 0532 0130 01\" has a wrong check sum or form",
    ),
    (
        |s| s.tax_rules = vec![rule(TaxCategory::AE, "0", None)],
        "tax_rules, rule 1: category AE needs a reason (BT-120)",
    ),
    (
        |s| s.tax_rules = vec![rule(TaxCategory::Z, "19", None)],
        "tax_rules, rule 1: category Z with 19 percent: S has a rate above zero, all others \
         have 0",
    ),
    (
        |s| s.tax_rules = vec![rule(TaxCategory::S, "19", Some("soon"))],
        "tax_rules, rule 1: from \"soon\" is not a day; write YYYY-MM-DD",
    ),
];

fn rule(category: TaxCategory, percent: &str, from: Option<&str>) -> TaxRule {
    TaxRule {
        country: None,
        class: "standard".to_owned(),
        category,
        percent: percent.parse().expect("a decimal"),
        reason: None,
        from: from.map(str::to_owned),
    }
}

#[test]
fn wrong_details_of_a_seller_are_told() {
    assert!(seller_problems(&seller_details("Right")).is_empty());
    for (spoil, wanted) in SELLERS {
        let mut details = seller_details("Right");
        spoil(&mut details);
        assert_eq!(seller_problems(&details), [*wanted]);
    }
    let mut right = seller_details("Right");
    right.bank = Some(BankAccount {
        holder: "H".to_owned(),
        iban: "DE89 3704 0044 0532 0130 00".to_owned(),
        bic: Some("COBADEFFXXX".to_owned()),
        bank: None,
    });
    right.tax_rules = vec![rule(TaxCategory::S, "19", Some("2026-01-01"))];
    assert!(seller_problems(&right).is_empty());
}

#[test]
fn wrong_details_of_a_customer_are_told() {
    let cases: [Spoil<CustomerDetails>; 4] = [
        (|c| c.name = String::new(), "name is empty"),
        (|c| c.anchor_day = 32, "anchor day 32 is not between 1 and 31"),
        (|c| c.tax_category = Some(TaxCategory::AE), "tax_category AE needs a tax_reason (BT-120)"),
        (|c| c.contact_email = Some("nobody".to_owned()), "contact_email \"nobody\" has no @"),
    ];
    for (spoil, wanted) in cases {
        let mut details = CustomerDetails::named("Right");
        spoil(&mut details);
        assert_eq!(customer_problems(&details), [wanted]);
    }
}
