//! What lies beside a document's text: its links, columns, files and ledger entry.

use std::collections::BTreeMap;

use super::{Verdict, Verifier};
use crate::bill::document::{DocumentKind, InvoiceDocument};
use crate::bill::issue::{chain_hash, contact_hash, sha256};
use crate::bill::store::{self, ChainRow};
use crate::bill::tax;
use crate::ids::EntryId;
use crate::ledger::posting::for_document;
use crate::store::codec::enum_text;
use crate::store::{Conn, StoreError};

impl Verifier<'_> {
    /// The chain: each link holds the one before it, and numbers have no gaps.
    pub(super) fn link(&mut self, previous: Option<&ChainRow>, row: &ChainRow) {
        let before =
            previous.filter(|before| before.seller == row.seller && before.series == row.series);
        let hash = before.map_or("", |before| before.chain_hash.as_str());
        if row.previous_chain_hash != hash {
            self.tampered(row, "its link to the document before it is broken");
        }
        let expected =
            before.filter(|before| before.year == row.year).map_or(1, |b| b.sequence + 1);
        if row.sequence != expected {
            self.tampered(row, format!("number {expected} of its series and year is missing"));
        }
        let made =
            chain_hash(&row.previous_chain_hash, &row.number, &row.content_hash, &row.charges_hash);
        if made != row.chain_hash {
            self.tampered(row, "its chain hash does not follow from its row");
        }
    }

    /// The last number of each series and year, which no later link holds.
    pub(super) async fn ends(
        &mut self,
        conn: &mut Conn,
        rows: &[ChainRow],
    ) -> Result<(), StoreError> {
        for end in store::load_series_ends(conn).await? {
            let last = rows
                .iter()
                .filter(|row| row.seller == end.seller && row.series == end.series)
                .filter(|row| row.year == end.year)
                .map(|row| row.sequence)
                .max();
            if last.unwrap_or(0) < end.last_number {
                let number = format!("{}-{}-{:05}", end.series, end.year, end.last_number);
                let what = "the last document of its series and year is missing".to_owned();
                self.note(&number, Verdict::Tampered, what);
            }
        }
        Ok(())
    }

    /// The columns by which lists are cut, against the document.
    pub(super) fn columns(&mut self, row: &ChainRow, document: &InvoiceDocument) {
        let corrects = document.corrects.as_ref().map(|of| of.id.to_string());
        let minor = |minor: i64| minor.to_string();
        let text = |text: &Option<String>| text.clone().unwrap_or_else(String::new);
        let pairs = [
            ("id", row.id.to_string(), document.id.to_string()),
            ("number", row.number.clone(), text(&document.number)),
            ("kind", row.kind.clone(), enum_text(&document.kind)),
            ("seller_id", row.seller.to_string(), document.seller_id.to_string()),
            ("customer_id", row.customer.clone(), document.customer_id.to_string()),
            ("customer_name", row.customer_name.clone(), document.buyer.name.clone()),
            ("agreement_id", row.agreement.clone(), document.agreement_id.to_string()),
            ("period", row.period.clone(), document.period.label.to_string()),
            ("corrects_id", text(&row.corrects), text(&corrects)),
            ("issue_date", row.issue_date.clone(), text(&document.issue_date)),
            ("due_date", row.due_date.clone(), text(&document.due_date)),
            ("currency", row.currency.clone(), document.currency.to_string()),
            ("net_minor", minor(row.net_minor), minor(document.net_minor)),
            ("tax_minor", minor(row.tax_minor), minor(document.tax_minor)),
            ("gross_minor", minor(row.gross_minor), minor(document.gross_minor)),
        ];
        for (column, stored, frozen) in pairs {
            if stored != frozen {
                let what =
                    format!("the row's {column} is {stored:?}, its document says {frozen:?}");
                self.tampered(row, what);
            }
        }
    }

    /// Who may see it.
    pub(super) async fn owners(
        &mut self,
        conn: &mut Conn,
        row: &ChainRow,
        document: &InvoiceDocument,
    ) -> Result<(), StoreError> {
        let stored = store::load_owners(conn, &row.seller, &row.id).await?;
        if stored != document.owners.iter().cloned().collect() {
            self.tampered(row, "the owners that decide who sees it were changed");
        }
        Ok(())
    }

    pub(super) async fn files(
        &mut self,
        conn: &mut Conn,
        row: &ChainRow,
        document: &InvoiceDocument,
    ) -> Result<(), StoreError> {
        if let Some((body, hash)) = store::load_file(conn, &row.seller, &row.id).await?
            && sha256(&[&body]) != hash
        {
            self.tampered(row, "the PDF's bytes were changed");
        }
        // Erased contact data is no tampering; changed contact data is.
        if let Some((contact, salt)) = store::load_contact(conn, &row.seller, &row.id).await?
            && document.contact_hash.as_deref() != Some(contact_hash(&contact, &salt).as_str())
        {
            self.tampered(row, "the contact data was changed");
        }
        Ok(())
    }

    /// Lines, VAT and totals against each other; whether they agree.
    pub(super) fn sums(&mut self, row: &ChainRow, document: &InvoiceDocument) -> bool {
        let lines: i128 = document.lines.iter().map(|line| i128::from(line.net_minor)).sum();
        let vat: i128 = document.taxes.iter().map(|tax| i128::from(tax.tax_minor)).sum();
        let (net, tax) = (i128::from(document.net_minor), i128::from(document.tax_minor));
        let gross = i128::from(document.gross_minor);
        let mut good = lines == net && vat == tax && net + tax == gross;
        // The VAT of a credit note is what is left of its invoice's.
        if document.kind == DocumentKind::Invoice {
            let again = tax::subtotals(&document.lines, document.currency, document.rounding);
            good &= again.is_ok_and(|again| again == document.taxes);
        }
        if !good {
            self.tampered(row, "its lines, its VAT and its totals do not agree");
        }
        good
    }

    /// The ledger entry that was written with it.
    pub(super) async fn entry(
        &mut self,
        conn: &mut Conn,
        row: &ChainRow,
        document: &InvoiceDocument,
    ) -> Result<(), StoreError> {
        let stored = crate::ledger::store::load_entry(conn, &row.seller, &row.id).await?;
        let id = EntryId(stored.first().map_or_else(String::new, |one| one.entry.clone()));
        let made = for_document(document, id.clone(), row.issued_at);
        let expected: Vec<_> = crate::ledger::store::rows_of(&made);
        if stored != expected {
            self.tampered(row, format!("its ledger entry {id} was changed"));
        }
        Ok(())
    }

    /// Entries of no document, and the sum of all.
    pub(super) async fn ledger(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        for (id, number) in crate::ledger::store::load_strays(conn).await? {
            let what = format!("ledger entry {id} belongs to no issued document");
            self.note(&number, Verdict::Tampered, what);
        }
        let balances = crate::ledger::store::load_balances(conn, None).await?;
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for (_, currency, minor) in balances {
            *sums.entry(currency).or_insert(0) += minor;
        }
        for (currency, minor) in sums.into_iter().filter(|(_, minor)| *minor != 0) {
            self.note("ledger", Verdict::Tampered, format!("{currency}: sums to {minor}, not 0"));
        }
        Ok(())
    }
}
