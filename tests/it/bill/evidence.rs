//! Goal: each line of each issued document leads down to the orchestrator's own JSON, and what is
//! changed by hand afterwards is named with its document. Method: usage comes from pages of
//! evidence; every kind of line is made, explained and verified, then one thing is changed.

use std::collections::BTreeSet;

use billow::bill::credit::CreditRequest;
use billow::bill::document::{DocumentKind, InvoiceDocument};
use billow::bill::explain::{ExplainRequest, load_explanation};
use billow::bill::file::pdf;
use billow::bill::issue::{chain_hash, charges_hash, sha256};
use billow::bill::run::{create_credit_note, issue_one};
use billow::bill::store::{InvoiceFilter, load_invoices};
use billow::bill::verify::{Verdict, Verification, verify};
use billow::finding::decision::{Decision, decide};
use billow::rate::ChargeKind;
use billow::scope::Scope;
use serde_json::json;
use sqlx::{Executor, Row};

use super::cloud::{ADDRESS, ALLOCATED, CloudShop, RUNNING, SENT, VOLUME, VPC, row, with};
use super::shop::Opening;
use crate::on_both_engines;
use crate::support::db::sqlite;

const FIRST: &str = "INV-2025-00001";
const SECOND: &str = "INV-2025-00002";
const THIRD: &str = "INV-2025-00003";
/// On the first invoice, and on the line of the second that corrects the first.
const LESS: &str = "CN-2025-00001";
const LESS_LATE: &str = "CN-2025-00002";
const AGREED: &str = "CN-2025-00003";

/// One price for each kind of charge.
const PRICES: &str = r#"
[[price]]
code = "vm"
meter = "vm_running"
unit = "hour"
amount = "0.10"
[[price]]
code = "off"
meter = "vm_stopped"
unit = "hour"
amount = "0.01"
[[price]]
code = "out"
meter = "network_sent"
unit = "gb"
model = "graduated"
included = "10"
tiers = [{ up_to = "20", amount = "0.10", flat = "1" }, { amount = "0.05" }]
[[price]]
code = "ip"
meter = "ip_address"
unit = "hour"
model = "package"
size = "100"
amount = "2"
minimum = "50"
[[price]]
code = "disk"
meter = "volume"
unit = "hour"
amount = "1"
cap = "10"
[[price]]
code = "vpc"
meter = "vpc"
unit = "month"
model = "flat"
amount = "7"
"#;

/// A month of usage, issued; late usage, which the next invoice pays; usage that was less, which a
/// run credits; and a credit note by a person.
async fn billed(db: billow::store::Db) -> CloudShop {
    let cloud = CloudShop::open(db, Opening::default(), PRICES).await;
    let day = "2025-09-10";
    let disk = json!({ "size": 10_737_418_240_u64 });
    let rows = [
        row(RUNNING, "vm1", day, "20"),
        row(ALLOCATED, "vm1", day, "24"),
        row(SENT, "net1", day, "50000000000"),
        row(ADDRESS, "ip1", day, "24"),
        with(row(VOLUME, "disk1", day, "24"), disk),
        row(VPC, "vpc1", day, "24"),
    ];
    cloud.shop.at("2025-10-05T00:00:00Z");
    cloud.collect(day, &rows).await;
    cloud.collect("2025-09-30", &[]).await;
    issue(&cloud, "2025-09", &[FIRST]).await;
    cloud.shop.at("2025-10-20T00:00:00Z");
    let late = with(row(RUNNING, "vm2", "2025-09-11", "24"), json!({}));
    cloud.collect("2025-09-11", &[late]).await;
    cloud.collect("2025-10-05", &[row(RUNNING, "vm1", "2025-10-05", "24")]).await;
    cloud.collect("2025-10-31", &[]).await;
    cloud.shop.at("2025-11-05T00:00:00Z");
    issue(&cloud, "2025-10", &[SECOND]).await;
    cloud.shop.at("2025-11-20T00:00:00Z");
    let less = [row(RUNNING, "vm1", day, "15"), row(SENT, "net1", day, "15000000000")];
    cloud.collect(day, &less).await;
    for finding in cloud.world.findings("changed_on_reread").await {
        decide(&cloud.shop.app, &finding.id, Decision::Release, "less was used")
            .await
            .expect("release");
    }
    cloud.collect("2025-11-30", &[]).await;
    cloud.shop.at("2025-12-05T00:00:00Z");
    issue(&cloud, "2025-11", &[THIRD, LESS, LESS_LATE]).await;
    cloud.shop.at("2025-12-06T00:00:00Z");
    let lines = CreditRequest::Lines(vec![(1, None), (2, Some(1))]);
    let id = create_credit_note(&cloud.shop.app, SECOND, &lines, "agreed").await.expect("draft");
    issue_one(&cloud.shop.app, &id).await.expect("issue").expect("the note");
    cloud
}

async fn issue(cloud: &CloudShop, label: &str, numbers: &[&str]) {
    let report = cloud.shop.run(label).await;
    let issued = cloud.shop.issue(label).await;
    let issued: Vec<&str> = issued.iter().map(|line| line.number.as_str()).collect();
    assert_eq!(issued, numbers, "{:?}", report.drafts);
}

async fn documents(cloud: &CloudShop) -> Vec<InvoiceDocument> {
    let mut conn = cloud.shop.app.db.read().await.expect("read");
    let filter = InvoiceFilter { limit: 100, ..InvoiceFilter::default() };
    let rows = load_invoices(&mut conn, &Scope::Provider, &filter).await.expect("invoices");
    drop(conn);
    let mut documents = Vec::new();
    for row in rows {
        documents.push(cloud.shop.invoice(&row.number).await);
    }
    documents
}

async fn verified(cloud: &CloudShop) -> Verification {
    verify(&cloud.shop.app, &|_, _| {}).await.expect("verify")
}

on_both_engines! {
    async fn each_line_leads_to_the_orchestrators_words(db: Db) {
        let cloud = billed(db).await;
        let mut kinds: BTreeSet<String> = BTreeSet::new();
        let app = &cloud.shop.app;
        for document in documents(&cloud).await {
            let number = document.number.clone().expect("issued");
            for line in &document.lines {
                let name = format!("{number} line {}: {}", line.number, line.text);
                let mut conn = app.db.read().await.expect("read");
                let ask = ExplainRequest {
                    invoice: &number,
                    line: line.number,
                    resource: None,
                    limit: 10,
                };
                let found =
                    load_explanation(&mut conn, &app.orchestrators, &Scope::Provider, ask).await;
                let explained = found.expect("explain").expect("the line");
                assert!(!explained.records.is_empty(), "{name}: nothing behind it");
                for record in &explained.records {
                    let raw = record.raw.as_ref();
                    let raw = raw.unwrap_or_else(|| panic!("{name}: no raw of {record:?}"));
                    assert_eq!(raw["usageid"], record.key.resource.as_str(), "{name}");
                    assert_eq!(raw["accountid"], "a1", "{name}");
                    assert!(raw["rawusage"].is_string(), "{name}: {raw}");
                    assert!(record.body_hash.is_some() && record.request.is_some(), "{name}");
                }
                let correction = match (document.kind, line.corrects.is_some()) {
                    (DocumentKind::CreditNote, _) if document.automatic => " withdrawn",
                    (DocumentKind::CreditNote, _) => " credited",
                    (DocumentKind::Invoice, true) => " correction",
                    (DocumentKind::Invoice, false) => "",
                };
                kinds.insert(format!("{:?}{correction}", line.kind));
            }
        }
        let expected = [
            ChargeKind::Cap,
            ChargeKind::Flat,
            ChargeKind::Included,
            ChargeKind::Minimum,
            ChargeKind::Package,
            ChargeKind::TierFee,
            ChargeKind::Usage,
        ];
        let mut expected: BTreeSet<String> =
            expected.iter().map(|kind| format!("{kind:?}")).collect();
        for kind in ["Usage correction", "Usage withdrawn", "TierFee withdrawn", "Usage credited"] {
            expected.insert(kind.to_owned());
        }
        assert_eq!(kinds, expected);
    }
}

/// Changes one byte in the middle of the first value that `select` finds; `update` writes it back.
async fn flip_a_byte(cloud: &CloudShop, select: &'static str, update: &'static str) {
    let mut tx = cloud.shop.app.db.begin().await.expect("begin");
    let row = tx.fetch_one(sqlx::query(select)).await.expect("a value");
    let mut bytes: Vec<u8> = row.get(0);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    tx.execute(sqlx::query(update).bind(bytes)).await.expect("change");
    tx.commit().await.expect("commit");
}

async fn execute(cloud: &CloudShop, change: &'static str) {
    let mut tx = cloud.shop.app.db.begin().await.expect("begin");
    let done = tx.execute(change).await.expect("change");
    assert!(done.rows_affected() > 0, "{change}: nothing changed");
    tx.commit().await.expect("commit");
}

fn check_named(change: &str, found: &Verification, number: &str, what: &str) {
    assert!(!found.is_good(), "{change}");
    let named = found.deviations.iter().any(|one| {
        one.verdict == Verdict::Tampered && one.number == number && one.what.contains(what)
    });
    assert!(named, "{change}: {:?}", found.deviations);
}

on_both_engines! {
    async fn a_changed_byte_is_named(db: Db) {
        let cloud = billed(db).await;
        let app = &cloud.shop.app;
        for document in documents(&cloud).await {
            pdf(app, &document).await.expect("a PDF");
        }
        let good = verified(&cloud).await;
        assert!(good.is_good() && good.deviations.is_empty(), "{:?}", good.deviations);
        assert!(good.documents == 6 && good.records >= 7 && good.pages >= 3, "{good:?}");
        let select = "SELECT body FROM invoice_file WHERE invoice_id = \
                      (SELECT id FROM invoice WHERE number = 'INV-2025-00001')";
        let update = "UPDATE invoice_file SET body = $1 WHERE invoice_id = \
                      (SELECT id FROM invoice WHERE number = 'INV-2025-00001')";
        flip_a_byte(&cloud, select, update).await;
        check_named("PDF", &verified(&cloud).await, FIRST, "the PDF's bytes were changed");
        flip_a_byte(&cloud, select, update).await;
        assert!(verified(&cloud).await.is_good(), "the byte is back");
        let select = "SELECT body FROM evidence_body WHERE hash = (SELECT body_hash FROM \
                      evidence_page WHERE id = (SELECT evidence FROM usage_record \
                      WHERE resource = 'vm2'))";
        let update = "UPDATE evidence_body SET body = $1 WHERE hash = (SELECT body_hash FROM \
                      evidence_page WHERE id = (SELECT evidence FROM usage_record \
                      WHERE resource = 'vm2'))";
        flip_a_byte(&cloud, select, update).await;
        check_named("evidence", &verified(&cloud).await, SECOND, "evidence page");
    }
}

/// A change, the document that it touches, and words by which it is named.
const CHANGED: &[(&str, &str, &str)] = &[
    (
        "UPDATE usage_record SET quantity = '21' WHERE resource = 'vm1' AND quantity = '20' \
          AND meter = 'vm_running'",
        FIRST,
        "differs from row 0 of evidence page",
    ),
    ("UPDATE usage_record SET quantity = '23' WHERE resource = 'vm2'", SECOND, "differs from"),
    (
        "UPDATE usage_record SET resource = 'vm9' WHERE resource = 'ip1'",
        FIRST,
        "the records of ip1 were changed",
    ),
    ("DELETE FROM usage_record WHERE resource = 'net1'", FIRST, "from its evidence"),
    (
        "UPDATE evidence_page SET body_hash = (SELECT body_hash FROM evidence_page WHERE id = \
          (SELECT MIN(evidence) FROM usage_record WHERE resource = 'vm1')) WHERE id = \
          (SELECT evidence FROM usage_record WHERE resource = 'vm2')",
        SECOND,
        "differs from row",
    ),
    ("UPDATE charge SET part = REPLACE(part, 'disk1', 'disk2')", FIRST, "charges behind"),
    (
        "UPDATE invoice SET document = REPLACE(document, '\"vm\"', '\"wm\"') \
             WHERE sequence = 1",
        FIRST,
        "the document's text was changed",
    ),
    ("UPDATE invoice SET chain_hash = 'ab' WHERE sequence = 1", FIRST, "chain hash"),
    ("UPDATE invoice SET net_minor = net_minor - 1 WHERE sequence = 2", SECOND, "net_minor"),
    (
        "UPDATE price_book_version SET prices = REPLACE(prices, '\"0.1\"', '\"0.2\"')",
        FIRST,
        "from its evidence",
    ),
    ("UPDATE posting SET amount_minor = amount_minor + 1 WHERE ordinal = 0", "ledger", "sums to"),
    ("DELETE FROM invoice WHERE number = 'INV-2025-00002'", THIRD, "number 2 of its series"),
    ("DELETE FROM invoice WHERE number = 'INV-2025-00002'", SECOND, "no issued document"),
    ("DELETE FROM invoice WHERE number = 'INV-2025-00003'", THIRD, "is missing"),
    (
        "UPDATE posting SET amount_minor = amount_minor * 2 WHERE entry_id = (SELECT id FROM \
             ledger_entry WHERE text = 'INV-2025-00002')",
        SECOND,
        "its ledger entry",
    ),
    (
        "DELETE FROM posting WHERE entry_id = (SELECT id FROM ledger_entry \
             WHERE text = 'CN-2025-00003')",
        AGREED,
        "its ledger entry",
    ),
    ("UPDATE ledger_entry SET invoice_id = 'x' WHERE text = 'CN-2025-00001'", LESS, "ledger"),
    (
        "UPDATE ledger_entry SET invoice_id = 'x' WHERE text = 'INV-2025-00001'",
        FIRST,
        "belongs to no issued document",
    ),
    (
        "UPDATE attribute_set SET attributes = REPLACE(attributes, '10737418240', '1')",
        FIRST,
        "attributes",
    ),
    (
        "UPDATE usage_record SET quantity = '14' WHERE revision = 1 AND resource = 'vm1'",
        LESS_LATE,
        "line",
    ),
    (
        "DELETE FROM usage_record WHERE revision = 1 AND resource = 'net1'",
        LESS,
        "from its evidence",
    ),
    ("UPDATE usage_record SET quantity = 'many' WHERE resource = 'ip1'", FIRST, "many"),
    ("UPDATE usage_record SET kind = 'gauge' WHERE resource = 'ip1'", FIRST, "differs from row 3"),
    ("UPDATE invoice SET due_date = '2030-01-01' WHERE sequence = 1", FIRST, "due_date"),
    ("UPDATE invoice SET customer_id = 'x' WHERE number = 'CN-2025-00003'", AGREED, "customer_id"),
    ("UPDATE invoice_owner SET owner = 'a2'", FIRST, "owners"),
];

#[tokio::test]
async fn a_changed_row_is_named() {
    for (change, number, what) in CHANGED {
        let cloud = billed(sqlite().await).await;
        execute(&cloud, change).await;
        check_named(change, &verified(&cloud).await, number, what);
    }
}

/// A document rewritten with all its hashes and those of its chain, by somebody who knows how.
async fn forge(cloud: &CloudShop, number: &str, change: impl Fn(&mut InvoiceDocument)) {
    let mut document = cloud.shop.invoice(number).await;
    change(&mut document);
    let json = billow::store::codec::to_json(&document);
    let mut tx = cloud.shop.app.db.begin().await.expect("begin");
    let parts = billow::bill::store::load_parts(&mut tx, &document.seller_id, &document.id);
    let charges = charges_hash(&parts.await.expect("parts"));
    let sql = "SELECT previous_chain_hash FROM invoice WHERE number = $1";
    let row = tx.fetch_one(sqlx::query(sql).bind(number.to_owned())).await.expect("a row");
    let previous: String = row.get(0);
    let content = sha256(&[json.as_bytes()]);
    let chain = chain_hash(&previous, number, &content, &charges);
    let sql = "UPDATE invoice SET document = $1, content_hash = $2, chain_hash = $3, \
               net_minor = $4, tax_minor = $5, gross_minor = $6 WHERE number = $7";
    let query = sqlx::query(sql).bind(json).bind(content).bind(chain.clone());
    let query = query.bind(document.net_minor).bind(document.tax_minor).bind(document.gross_minor);
    tx.execute(query.bind(number.to_owned())).await.expect("change");
    let sql = "UPDATE series_state SET last_chain_hash = $1 WHERE series = $2";
    let query = sqlx::query(sql).bind(chain).bind(document.series.clone());
    tx.execute(query).await.expect("change");
    tx.commit().await.expect("commit");
}

/// Adds to a line's net, and to all that follows from it but the VAT's rounding.
fn add(document: &mut InvoiceDocument, line: usize, minor: i64) {
    document.lines[line].net_minor += minor;
    document.net_minor += minor;
    document.gross_minor += minor;
    document.payable_minor += minor;
    document.taxes[0].base_minor += minor;
}

#[tokio::test]
async fn what_is_rewritten_with_all_its_hashes_is_named_by_its_amounts() {
    let late = |document: &InvoiceDocument| {
        document.lines.iter().position(|line| line.corrects.is_some()).expect("a correction")
    };
    for (number, change, what) in [
        (FIRST, (|one| add(one, 0, 1)) as fn(&mut InvoiceDocument), "line 1: "),
        (FIRST, |one| one.lines[1].text.push('!'), "line 2: other words"),
        (FIRST, |one| one.tax_minor += 1, "do not agree"),
        (FIRST, |one| drop(one.lines.remove(1)), "do not agree"),
        (SECOND, |one| add(one, 1, 1), "line 2: "),
        (LESS, |one| add(one, 0, -1), "line 1: "),
        (AGREED, |one| add(one, 0, 1), "credited in all"),
        (AGREED, |one| one.lines[1].text.push('!'), "line 2: it is not the invoice's"),
    ] {
        let cloud = billed(sqlite().await).await;
        assert_eq!(late(&cloud.shop.invoice(SECOND).await), 1);
        forge(&cloud, number, change).await;
        check_named(number, &verified(&cloud).await, number, what);
    }
}
