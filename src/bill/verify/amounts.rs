//! A period rated again with the knowledge of then, and compared line by line.

use std::collections::BTreeSet;

use super::{Verdict, Verifier};
use crate::bill::ENGINE;
use crate::bill::document::{ChargePart, DocumentKind, InvoiceDocument, Line};
use crate::bill::month::{Gathered, MonthRequest, finish, gather};
use crate::bill::store::ChainRow;
use crate::customer::Agreement;
use crate::customer::store::load_customer_agreements;
use crate::store::{Conn, StoreError};

impl Verifier<'_> {
    /// Compares what the document bills with what its usage costs.
    pub(super) async fn amounts(
        &mut self,
        conn: &mut Conn,
        (row, document): (&ChainRow, &InvoiceDocument),
        parts: &[ChargePart],
    ) -> Result<(), StoreError> {
        if document.engine != ENGINE {
            let what = format!("made by rules {}, this program has {ENGINE}", document.engine);
            self.note(&row.number, Verdict::RulesChanged, what);
            return Ok(());
        }
        let agreements =
            load_customer_agreements(conn, &document.customer_id, document.known_at).await?;
        let Some(agreement) = agreements.iter().find(|one| one.id == document.agreement_id) else {
            self.tampered(row, format!("its agreement {} is gone", document.agreement_id));
            return Ok(());
        };
        if document.kind == DocumentKind::Invoice {
            self.own(conn, (row, document), agreement, parts).await?;
        }
        self.corrections(conn, (row, document), agreement, parts).await
    }

    /// Lines of the document's own period.
    async fn own(
        &mut self,
        conn: &mut Conn,
        (row, document): (&ChainRow, &InvoiceDocument),
        agreement: &Agreement,
        parts: &[ChargePart],
    ) -> Result<(), StoreError> {
        let request = MonthRequest {
            agreement,
            period: document.period,
            known_at: document.known_at,
            prices_known_at: document.known_at,
        };
        let gathered = self.gather(conn, &request).await?;
        self.records(conn, row, &gathered.records).await?;
        let again = finish(&request, gathered, document.id.clone(), Vec::new())?;
        let own: Vec<&Line> =
            document.lines.iter().filter(|line| line.corrects.is_none()).collect();
        let numbers: BTreeSet<u32> = own.iter().map(|line| line.number).collect();
        let of_period = parts.iter().filter(|part| numbers.contains(&part.line));
        for part in of_period.filter(|part| part.record_count > 0) {
            let place = (part.line, part.ordinal);
            let same = again.parts.iter().find(|one| (one.line, one.ordinal) == place);
            if same.is_none_or(|same| same.record_hash != part.record_hash) {
                self.tampered(row, records_changed(part));
            }
        }
        for (then, now) in own.iter().zip(&again.document.lines) {
            if let Some(what) = difference(then, now) {
                self.tampered(row, what);
            }
        }
        let (then, now) = (own.len(), again.document.lines.len());
        if then != now {
            self.tampered(row, format!("{then} lines on it, {now} from its evidence"));
        }
        Ok(())
    }

    /// Rates a period; documents of one knowledge share the histories.
    pub(super) async fn gather(
        &mut self,
        conn: &mut Conn,
        request: &MonthRequest<'_>,
    ) -> Result<Gathered, StoreError> {
        let mut histories = self.histories.remove(&request.known_at).unwrap_or_default();
        let gathered = gather(conn, request, &mut histories).await;
        self.histories.insert(request.known_at, histories);
        gathered
    }
}

/// What differs between a line and the same line made again.
fn difference(then: &Line, now: &Line) -> Option<String> {
    if then.net_minor != now.net_minor {
        return Some(format!(
            "line {}: {} minor units on it, {} from its evidence",
            then.number, then.net_minor, now.net_minor
        ));
    }
    (then != now).then(|| format!("line {}: other words or numbers from its evidence", then.number))
}

/// A pool as a whole has no meter, and no resource unless all of it has one.
pub(super) fn records_changed(part: &ChargePart) -> String {
    let names = [part.meter.as_str(), part.resource.as_str()];
    let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
    let of = if names.is_empty() { "its pool".to_owned() } else { names.join(" ") };
    format!("line {}: the records of {of} were changed", part.line)
}
