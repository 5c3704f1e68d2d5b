//! Goal: credit notes never exceed an invoice, and a full set reaches it exactly.
//! Method: the rules' figures by line, by amount and in full, through the database.

use billow::bill::credit::{CreditError, CreditRequest};
use billow::bill::document::{InvoiceDocument, TaxCategory};
use billow::bill::run::{create_credit_note, issue_one};
use billow::customer::{LineCut, SellerDetails};

use super::shop::{Opening, Shop, hourly, open};
use crate::support::db::sqlite;

/// Lines 41.67, 41.67, 33.35 and 25.01 at 20 %.
async fn shop() -> (Shop, InvoiceDocument) {
    let change: fn(&mut SellerDetails) = |details| {
        details.line_cut = LineCut::PerResource;
        let rule = serde_json::json!({ "category": TaxCategory::S, "percent": "20" });
        details.tax_rules = vec![serde_json::from_value(rule).expect("a rule")];
    };
    let shop = open(sqlite().await, Opening { change, ..Opening::default() }, &hourly("1")).await;
    let month = ("2025-09-01T00:00:00Z", "2025-10-01T00:00:00Z");
    for (resource, hours) in [("a", "41.67"), ("b", "41.67"), ("c", "33.35"), ("d", "25.01")] {
        shop.used("vm_running", resource, month, hours).await;
    }
    shop.at("2025-10-10T00:00:00Z");
    shop.run("2025-09").await;
    let number = shop.issue("2025-09").await[0].number.clone();
    let invoice = shop.invoice(&number).await;
    assert_eq!((invoice.net_minor, invoice.tax_minor, invoice.gross_minor), (14170, 2834, 17004));
    (shop, invoice)
}

async fn credit(shop: &Shop, request: CreditRequest) -> anyhow::Result<InvoiceDocument> {
    let id = create_credit_note(&shop.app, "INV-2025-00001", &request, "agreed").await?;
    let line = issue_one(&shop.app, &id).await?.expect("issued");
    Ok(shop.invoice(&line.number).await)
}

#[tokio::test]
async fn a_set_of_lines_reaches_the_invoice_exactly() {
    let (shop, invoice) = shop().await;
    let mut sums = (0, 0, 0);
    for line in 1..=4 {
        let note = credit(&shop, CreditRequest::Lines(vec![(line, None)])).await.expect("note");
        sums.0 += note.net_minor;
        sums.1 += note.tax_minor;
        sums.2 += note.gross_minor;
    }
    assert_eq!(sums, (invoice.net_minor, invoice.tax_minor, invoice.gross_minor));
    let error = credit(&shop, CreditRequest::Full).await.expect_err("one more");
    let error = error.downcast::<CreditError>().expect("a credit error");
    assert_eq!(error, CreditError::NothingLeft("INV-2025-00001".to_owned()));
}

#[tokio::test]
async fn amounts_and_the_rest_reach_it_too() {
    let (shop, invoice) = shop().await;
    let mut gross = 0;
    for minor in [1, 33, 1999] {
        let note = credit(&shop, CreditRequest::Lines(vec![(1, Some(minor))])).await;
        gross += note.expect("note").gross_minor;
    }
    gross += credit(&shop, CreditRequest::Full).await.expect("the rest").gross_minor;
    assert_eq!(gross, invoice.gross_minor);
}

#[tokio::test]
async fn more_than_a_line_has_is_refused() {
    let (shop, _) = shop().await;
    let error = credit(&shop, CreditRequest::Lines(vec![(1, Some(4168))])).await;
    let text = error.expect_err("too much").to_string();
    assert_eq!(text, "INV-2025-00001 line 1: 41.68 is more than the 41.67 that is left to credit");
    let error = credit(&shop, CreditRequest::Lines(vec![(5, None)])).await;
    assert_eq!(
        error.expect_err("no line").to_string(),
        "INV-2025-00001 has no line 5: it has lines 1 to 4"
    );
}
