//! What corrects an issued period, formed again with the knowledge of then: lines of an invoice
//! that pay for later usage, and credit notes on what was billed too much.

use std::collections::{BTreeMap, BTreeSet};

use super::Verifier;
use super::amounts::records_changed;
use crate::bill::change::{Changes, changes, key_of};
use crate::bill::credit::{credited_again, credited_number};
use crate::bill::document::{ChargePart, DocumentKind, InvoiceDocument, Line};
use crate::bill::month::{MonthRequest, finish};
use crate::bill::run::prices_of;
use crate::bill::store::{self, ChainRow};
use crate::collect::record::StoredRecord;
use crate::customer::Agreement;
use crate::ids::InvoiceId;
use crate::store::{Conn, StoreError};

/// An issued period rated again: its differences, and the hashes of the records behind them.
struct Again {
    changes: Changes,
    hashes: BTreeSet<String>,
}

impl Verifier<'_> {
    /// Correction lines of an invoice; all of a credit note.
    pub(super) async fn corrections(
        &mut self,
        conn: &mut Conn,
        (row, document): (&ChainRow, &InvoiceDocument),
        agreement: &Agreement,
        parts: &[ChargePart],
    ) -> Result<(), StoreError> {
        let credited = document.corrects.as_ref();
        if credited.is_none() && document.lines.iter().all(|line| line.corrects.is_none()) {
            return Ok(());
        }
        let issued =
            store::load_issued_of_agreement(conn, &document.seller_id, &document.agreement_id)
                .await?;
        let one = One { row, document, agreement, issued: &issued };
        match credited {
            None => self.late(conn, &one, parts).await,
            Some(of) => match issued.iter().find(|invoice| invoice.id == of.id) {
                Some(invoice) => self.credit_note(conn, &one, invoice).await,
                None => {
                    self.tampered(row, format!("the invoice {} that it credits is gone", of.id));
                    Ok(())
                }
            },
        }
    }

    /// Lines for later usage of earlier periods.
    async fn late(
        &mut self,
        conn: &mut Conn,
        one: &One<'_>,
        parts: &[ChargePart],
    ) -> Result<(), StoreError> {
        let late = |line: &&Line| line.corrects.is_some();
        let lines: Vec<&Line> = one.document.lines.iter().filter(late).collect();
        let mut hashes: BTreeSet<String> = BTreeSet::new();
        let ids: BTreeSet<&InvoiceId> =
            lines.iter().filter_map(|line| line.corrects.as_ref()).map(|of| &of.id).collect();
        for id in ids {
            let Some(again) = self.again(conn, one, id).await? else { continue };
            hashes.extend(again.hashes);
            let own =
                lines.iter().filter(|line| line.corrects.as_ref().is_some_and(|o| o.id == *id));
            let mut wanted = BTreeMap::new();
            for increase in &again.changes.increases {
                *wanted.entry(key_of(&increase.line)).or_insert(0) += increase.minor;
            }
            for line in own {
                let now = wanted.remove(&key_of(line)).unwrap_or(0);
                if now != line.net_minor && !one.saw_what_changed() {
                    self.differs(one, line, now);
                }
            }
            if !wanted.is_empty() && !one.saw_what_changed() {
                let what = format!("{} lines that correct {id} are missing", wanted.len());
                self.tampered(one.row, what);
            }
        }
        let numbers: BTreeSet<u32> = lines.iter().map(|line| line.number).collect();
        let of_lines = parts.iter().filter(|part| numbers.contains(&part.line));
        for part in of_lines.filter(|part| !hashes.contains(&part.record_hash)) {
            self.tampered(one.row, records_changed(part));
        }
        Ok(())
    }

    /// A credit note: each line is its invoice's, and no more than that; one that a run made is
    /// what its usage costs less.
    async fn credit_note(
        &mut self,
        conn: &mut Conn,
        one: &One<'_>,
        invoice: &InvoiceDocument,
    ) -> Result<(), StoreError> {
        for line in &one.document.lines {
            let again = credited_number(line)
                .and_then(|number| credited_again(invoice, number, line.net_minor, line.number));
            if again.as_ref() != Some(line) {
                let what = format!("line {}: it is not the invoice's line", line.number);
                self.tampered(one.row, what);
            }
        }
        self.credited_too_much(one, invoice);
        if !one.document.automatic {
            return Ok(());
        }
        let mut ids: BTreeSet<&InvoiceId> = BTreeSet::from([&invoice.id]);
        let lines = &one.document.lines;
        ids.extend(lines.iter().filter_map(|line| line.corrects.as_ref()).map(|of| &of.id));
        let mut wanted: BTreeMap<u32, i64> = BTreeMap::new();
        for id in ids {
            let Some(again) = self.again(conn, one, id).await? else { continue };
            let here = again.changes.decreases.into_iter().filter(|d| d.invoice == invoice.id);
            for decrease in here {
                *wanted.entry(decrease.line).or_insert(0) += decrease.minor;
            }
        }
        for line in lines {
            let number = credited_number(line).unwrap_or(0);
            let left = one.left_before(invoice, number);
            let now = wanted.get(&number).map_or(0, |minor| left.min(*minor));
            if now != line.net_minor && !one.saw_what_changed() {
                self.differs(one, line, now);
            }
        }
        Ok(())
    }

    /// No line is credited beyond what it billed, by all notes together.
    fn credited_too_much(&mut self, one: &One<'_>, invoice: &InvoiceDocument) {
        for line in &invoice.lines {
            let credited: i64 = one.notes_on(invoice).map(|note| net_on(note, line.number)).sum();
            if credited.abs() > line.net_minor.abs()
                && net_on(one.document, line.number) != 0
                && credited.signum() == line.net_minor.signum()
            {
                let number = line.number;
                let what = format!("{credited} minor units of line {number} are credited in all");
                self.tampered(one.row, what);
            }
        }
    }

    /// An earlier invoice's period with the knowledge of this document.
    async fn again(
        &mut self,
        conn: &mut Conn,
        one: &One<'_>,
        id: &InvoiceId,
    ) -> Result<Option<Again>, StoreError> {
        let Some(invoice) = one.issued.iter().find(|invoice| invoice.id == *id) else {
            self.tampered(one.row, format!("the invoice {id} that it corrects is gone"));
            return Ok(None);
        };
        let known_at = one.document.known_at;
        let before: Vec<InvoiceDocument> =
            one.issued.iter().filter(|other| other.known_at < known_at).cloned().collect();
        let prices_known_at = match one.document.prices_corrected_at {
            Some(at) => at,
            None => prices_of(invoice, &before),
        };
        let request = MonthRequest {
            agreement: one.agreement,
            period: invoice.period,
            known_at,
            prices_known_at,
        };
        let gathered = self.gather(conn, &request).await?;
        // What was known before is verified with the invoice that billed it.
        let later = gathered.records.iter().filter(|one| one.recorded_at > invoice.known_at);
        let later: Vec<StoredRecord> = later.cloned().collect();
        self.records(conn, one.row, &later).await?;
        let month = finish(&request, gathered, invoice.id.clone(), Vec::new())?;
        let changes = changes(invoice, &before, (&month.document, &month.parts));
        let hashes = month.parts.into_iter().map(|part| part.record_hash).collect();
        Ok(Some(Again { changes, hashes }))
    }

    fn differs(&mut self, one: &One<'_>, line: &Line, now: i64) {
        let (number, then) = (line.number, line.net_minor);
        let what = format!("line {number}: {then} minor units on it, {now} from its evidence");
        self.tampered(one.row, what);
    }
}

/// The document that is verified, among those of its agreement.
struct One<'a> {
    row: &'a ChainRow,
    document: &'a InvoiceDocument,
    agreement: &'a Agreement,
    issued: &'a [InvoiceDocument],
}

impl One<'_> {
    /// Whether the run that made it took another document of the agreement into account that was a
    /// draft then and was drafted anew afterwards: what it said is not known any more, so that
    /// differences cannot be formed again.
    fn saw_what_changed(&self) -> bool {
        let known_at = self.document.known_at;
        self.issued.iter().any(|other| {
            let same_run =
                other.known_at == known_at && other.period.label == self.document.period.label;
            other.id != self.document.id
                && !same_run
                && other.known_at >= known_at
                && other.id.made_at().is_some_and(|made| made <= known_at)
        })
    }

    fn notes_on<'b>(
        &'b self,
        invoice: &'b InvoiceDocument,
    ) -> impl Iterator<Item = &'b InvoiceDocument> {
        self.issued.iter().filter(|note| {
            note.kind == DocumentKind::CreditNote
                && note.corrects.as_ref().is_some_and(|of| of.id == invoice.id)
        })
    }

    /// What earlier notes left of a line.
    fn left_before(&self, invoice: &InvoiceDocument, number: u32) -> i64 {
        let net = invoice.lines.iter().find(|line| line.number == number);
        let net = net.map_or(0, |line| line.net_minor);
        let earlier = self
            .notes_on(invoice)
            .filter(|note| note.id != self.document.id && note.known_at < self.document.known_at);
        net - earlier.map(|note| net_on(note, number)).sum::<i64>()
    }
}

/// The net that a credit note takes of a line of its invoice.
fn net_on(note: &InvoiceDocument, number: u32) -> i64 {
    let lines = note.lines.iter().filter(|line| credited_number(line) == Some(number));
    lines.map(|line| line.net_minor).sum()
}
