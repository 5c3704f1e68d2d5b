//! The bill stage: drafts of a period, their holds, approval and issue.
//!
//! Every step may be repeated and killed anywhere: a draft replaces the one of the same agreement
//! and period, and a document is issued in one transaction with its number, its ledger entry and
//! the audit log, which also removes the draft.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde::Serialize;

use super::change::{Decrease, changes};
use super::credit::{CreditRequest, Creditable, credit, left_of_lines};
use super::document::{ChargePart, Contact, DocumentKind, InvoiceDocument};
use super::draft::Correction;
use super::facts::Histories;
use super::issue::{Stamp, contact_hash, issue, issue_date};
use super::month::{MonthRequest, cycle_of, finish, gather};
use super::store::{self, Draft, DraftState};
use super::{texts, unbilled};
use crate::app::App;
use crate::audit;
use crate::customer::store::{AsOf, load_agreements, load_customer, load_seller, load_sellers};
use crate::customer::{Agreement, Approval, Customer, Seller, ZeroInvoices};
use crate::finding::store::load_open_findings;
use crate::ids::{EntryId, IdMaker, InvoiceId, SellerId};
use crate::jobs::lease;
use crate::ledger;
use crate::period::{PeriodLabel, Span, zone_of};
use crate::scope::Scope;
use crate::store::{Conn, StoreError, knowledge};

const DAY_SECONDS: i64 = 86_400;

/// A lease is renewed after this long, well before it ends.
const RENEW_AFTER: std::time::Duration = std::time::Duration::from_secs(30);

/// Tries of a transaction that another one got in the way of.
const TRIES_MAX: u32 = 20;

/// Issued periods further back than this are not looked at again.
const CORRECTION_MONTHS_MAX: i32 = 24;

/// Which drafts are to be made.
#[derive(Clone, Debug)]
pub struct RunRequest {
    pub label: PeriodLabel,
    pub seller: Option<SellerId>,
    /// Bill backdated changes of prices and details too.
    pub correct_prices: bool,
    /// Compute and report only.
    pub preview: bool,
}

/// What came of one customer.
#[derive(Clone, Debug, Serialize)]
pub struct RunLine {
    pub seller: String,
    pub customer: String,
    pub customer_name: String,
    pub draft: String,
    /// The asked period; an earlier one where its usage was on no invoice yet.
    pub period: PeriodLabel,
    pub kind: DocumentKind,
    pub currency: String,
    pub net_minor: i64,
    pub tax_minor: i64,
    pub gross_minor: i64,
    pub state: DraftState,
    pub holds: Vec<String>,
    pub lines: usize,
}

/// What a run made.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RunReport {
    pub drafts: Vec<RunLine>,
    /// Customers with nothing to bill, or whose period is issued already.
    pub skipped: u64,
}

/// Makes the drafts of a period; `progress` is told after each customer: done, all.
pub async fn run(
    app: &App,
    request: &RunRequest,
    progress: &dyn Fn(usize, usize),
) -> anyhow::Result<RunReport> {
    let mut report = RunReport::default();
    // One knowledge for all sellers and customers, read before the first of them.
    let known_at = match request.preview {
        true => knowledge::present(&mut *app.db.read().await?, app.clock.as_ref()).await?,
        false => knowledge::seal(&app.db, app.clock.as_ref()).await?,
    };
    for seller in sellers(app, request.seller.as_ref(), known_at).await? {
        let name = format!("bill:{}", seller.id);
        let holder = lease::holder("billow bill run");
        let lease = match request.preview {
            true => None,
            false => Some(lease::take(&app.db, &name, &holder).await?),
        };
        let done = run_seller(app, (request, known_at), &seller, (&mut report, progress)).await;
        if let Some(lease) = lease {
            lease::release(&app.db, lease).await?;
        }
        done.with_context(|| format!("billing for seller {}", seller.code))?;
    }
    Ok(report)
}

async fn sellers(
    app: &App,
    wanted: Option<&SellerId>,
    now: i64,
) -> Result<Vec<Seller>, StoreError> {
    let mut conn = app.db.read().await?;
    let mut sellers = load_sellers(&mut conn, AsOf { at: now, known_at: now }).await?;
    sellers.retain(|seller| wanted.is_none_or(|wanted| seller.id == *wanted));
    Ok(sellers)
}

async fn run_seller(
    app: &App,
    (request, known_at): (&RunRequest, i64),
    seller: &Seller,
    (report, progress): (&mut RunReport, &dyn Fn(usize, usize)),
) -> anyhow::Result<()> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    // A period's local bounds differ by customer; two days on either side cover all zones.
    let until = crate::period::BillingCycle::new("UTC", 31)?.period(request.label.next())?;
    let span = Span::new(0, until.span.until);
    let agreements = load_agreements(&mut conn, &seller.id, span, known_at).await?;
    let existing = store::load_drafts(&mut conn, &Scope::Provider, Some(&seller.id), None).await?;
    let began = store::first_invoiced_period(&mut conn, &seller.id).await?;
    drop(conn);
    let mut histories = Histories::default();
    let count = agreements.len();
    let mut renewed = std::time::Instant::now();
    for (index, agreement) in agreements.iter().enumerate() {
        if !request.preview && renewed.elapsed() > RENEW_AFTER {
            let holder = lease::holder("billow bill run");
            lease::take(&app.db, &format!("bill:{}", seller.id), &holder).await?;
            renewed = std::time::Instant::now();
        }
        let billing = Billing { app, request, agreement, existing: &existing, now, known_at };
        let named = || format!("billing agreement {}", agreement.id);
        let mut lines = billing.bill(&mut histories).await.with_context(named)?;
        for label in billing.missed(began).await.with_context(named)? {
            let request = RunRequest { label, ..request.clone() };
            let earlier = Billing { request: &request, ..billing };
            lines.extend(earlier.bill_missed(&mut histories).await.with_context(named)?);
        }
        if lines.is_empty() {
            report.skipped += 1;
        }
        report.drafts.extend(lines);
        progress(index + 1, count);
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Billing<'a> {
    app: &'a App,
    request: &'a RunRequest,
    agreement: &'a Agreement,
    /// Drafts of the seller, of all periods.
    existing: &'a [Draft],
    now: i64,
    /// What the documents rest on; sealed but for a preview.
    known_at: i64,
}

/// A draft before it is compared with the one that is there.
struct Made {
    document: InvoiceDocument,
    parts: Vec<ChargePart>,
    holds: Vec<String>,
}

impl Billing<'_> {
    async fn bill(&self, histories: &mut Histories) -> anyhow::Result<Vec<RunLine>> {
        let mut conn = self.app.db.snapshot().await?;
        let agreement = self.agreement;
        let label = self.request.label;
        let known = AsOf { at: self.now, known_at: self.known_at };
        let Some((seller, customer)) = self.parties(&mut conn, known).await? else {
            return Ok(Vec::new());
        };
        if customer.internal {
            return Ok(Vec::new());
        }
        let cycle = cycle_of(&seller, &customer)?;
        let period = cycle.period(label)?;
        let issued = store::load_issued_of_agreement(&mut conn, &seller.id, &agreement.id).await?;
        let billed =
            issued.iter().any(|one| one.kind == DocumentKind::Invoice && one.period.label == label);
        let agreed = Span::new(agreement.from, agreement.until);
        let mut billing = issued.clone();
        billing.extend(self.waiting());
        let (increases, decreases) = self.corrections(&mut conn, &billing, histories).await?;
        let mut made = Vec::new();
        let left = !agreed.overlaps(period.span);
        if !billed && (!left || !increases.is_empty()) && agreement.from < period.span.until {
            let known_at = self.known_at;
            let request = MonthRequest { agreement, period, known_at, prices_known_at: known_at };
            let gathered = gather(&mut conn, &request, histories).await?;
            let id = self.id_of(DocumentKind::Invoice, None);
            let mut month = finish(&request, gathered, id, increases)?;
            month.document.prices_corrected_at = self.prices_corrected_at();
            let holds = self.holds(&month);
            made.push(Made { document: month.document, parts: month.parts, holds });
        }
        let notes = self.credit_notes(&mut conn, &seller, &issued, decreases).await?;
        made.extend(notes);
        drop(conn);
        let kept = self.keep(&seller, &customer, made).await?;
        if !self.request.preview {
            self.drop_stale(&kept).await?;
        }
        Ok(kept.iter().map(|draft| run_line(&seller, &customer, draft)).collect())
    }

    /// Earlier periods of which usage is known that is on no invoice and on no draft.
    async fn missed(&self, began: Option<PeriodLabel>) -> anyhow::Result<Vec<PeriodLabel>> {
        let oldest = self.request.label.plus_months(-CORRECTION_MONTHS_MAX);
        let Some(first) = began.map(|began| began.max(oldest)) else { return Ok(Vec::new()) };
        let mut conn = self.app.db.snapshot().await?;
        let known = AsOf { at: self.now, known_at: self.known_at };
        let Some((seller, customer)) = self.parties(&mut conn, known).await? else {
            return Ok(Vec::new());
        };
        if customer.internal {
            return Ok(Vec::new());
        }
        let agreement = self.agreement;
        let issued = store::load_issued_of_agreement(&mut conn, &seller.id, &agreement.id).await?;
        let drafts = self.existing.iter().map(|draft| &draft.document);
        let drafts = drafts.filter(|document| document.agreement_id == agreement.id);
        let invoices = issued.iter().chain(drafts).filter(|one| one.kind == DocumentKind::Invoice);
        let billed: BTreeSet<PeriodLabel> = invoices.map(|one| one.period.label).collect();
        let mut labels = Vec::new();
        let mut label = first;
        while label < self.request.label {
            if !billed.contains(&label) {
                labels.push(label);
            }
            label = label.next();
        }
        let cycle = cycle_of(&seller, &customer)?;
        Ok(unbilled::used(&mut conn, agreement, (&cycle, self.known_at), labels).await?)
    }

    /// The first invoice of a period that was run before its usage came: what a run of that period
    /// drafts now, without the corrections of other periods, which the asked period has.
    async fn bill_missed(&self, histories: &mut Histories) -> anyhow::Result<Vec<RunLine>> {
        let mut conn = self.app.db.snapshot().await?;
        let known = AsOf { at: self.now, known_at: self.known_at };
        let Some((seller, customer)) = self.parties(&mut conn, known).await? else {
            return Ok(Vec::new());
        };
        let period = cycle_of(&seller, &customer)?.period(self.request.label)?;
        let (agreement, known_at) = (self.agreement, self.known_at);
        let request = MonthRequest { agreement, period, known_at, prices_known_at: known_at };
        let gathered = gather(&mut conn, &request, histories).await?;
        let id = self.id_of(DocumentKind::Invoice, None);
        let month = finish(&request, gathered, id, Vec::new())?;
        drop(conn);
        let holds = self.holds(&month);
        if month.document.lines.is_empty() && holds.is_empty() {
            return Ok(Vec::new());
        }
        let made = Made { document: month.document, parts: month.parts, holds };
        let kept = self.keep(&seller, &customer, vec![made]).await?;
        Ok(kept.iter().map(|draft| run_line(&seller, &customer, draft)).collect())
    }

    async fn parties(
        &self,
        conn: &mut Conn,
        as_of: AsOf,
    ) -> Result<Option<(Seller, Customer)>, StoreError> {
        let seller = load_seller(conn, &self.agreement.seller, as_of).await?;
        let customer = load_customer(conn, &self.agreement.customer, as_of).await?;
        Ok(seller.zip(customer))
    }

    fn holds(&self, month: &super::month::Month) -> Vec<String> {
        let mut holds = month.hold_texts();
        let end = month.document.period.span.until;
        let wait = i64::from(self.app.config.billing.close_after_days) * DAY_SECONDS;
        if self.now < end + wait {
            let days = self.app.config.billing.close_after_days;
            holds.push(format!("not closed: the period closes {days} days after its end"));
        } else if month.complete_until < end && !self.app.orchestrators.is_empty() {
            holds.push("not closed: usage is not collected up to the period's end".to_owned());
        }
        holds
    }

    /// Increases for this invoice and decreases to be credited, of all earlier issued periods.
    async fn corrections(
        &self,
        conn: &mut Conn,
        issued: &[InvoiceDocument],
        histories: &mut Histories,
    ) -> anyhow::Result<(Vec<Correction>, Vec<Decrease>)> {
        let oldest = self.request.label.plus_months(-CORRECTION_MONTHS_MAX);
        let mut increases = Vec::new();
        let mut decreases = Vec::new();
        let earlier = issued.iter().filter(|one| {
            one.kind == DocumentKind::Invoice
                && one.number.is_some()
                && one.period.label < self.request.label
                && one.period.label >= oldest
        });
        for invoice in earlier {
            if !self.request.correct_prices && !self.changed(conn, invoice).await? {
                continue;
            }
            let prices_known_at = match self.request.correct_prices {
                true => self.known_at,
                false => prices_of(invoice, issued),
            };
            let request = MonthRequest {
                agreement: self.agreement,
                period: invoice.period,
                known_at: self.known_at,
                prices_known_at,
            };
            let gathered = gather(conn, &request, histories).await?;
            if gathered.holds.iter().any(|hold| hold.rule != "unpriced") {
                // A doubt about the old period: it is looked at again when it is decided.
                continue;
            }
            let id = InvoiceId(format!("again:{}", invoice.id));
            let month = finish(&request, gathered, id, Vec::new())?;
            let found = changes(invoice, issued, (&month.document, &month.parts));
            increases.extend(found.increases);
            decreases.extend(found.decreases);
        }
        Ok((increases, decreases))
    }

    fn prices_corrected_at(&self) -> Option<i64> {
        self.request.correct_prices.then_some(self.known_at)
    }

    async fn changed(
        &self,
        conn: &mut Conn,
        invoice: &InvoiceDocument,
    ) -> Result<bool, StoreError> {
        let customer = &self.agreement.customer;
        let span = invoice.period.span;
        let mappings =
            crate::customer::store::load_mappings(conn, customer, span, self.known_at).await?;
        let now: BTreeSet<_> = mappings.iter().map(|mapping| &mapping.owner).collect();
        if invoice.owners.iter().any(|owner| !now.contains(owner)) {
            return Ok(true);
        }
        for mapping in &mappings {
            let since = invoice.known_at;
            if store::changed_since(conn, &mapping.owner, span, since).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn credit_notes(
        &self,
        conn: &mut Conn,
        seller: &Seller,
        issued: &[InvoiceDocument],
        decreases: Vec<Decrease>,
    ) -> anyhow::Result<Vec<Made>> {
        let mut by_invoice: BTreeMap<InvoiceId, BTreeMap<u32, i64>> = BTreeMap::new();
        for one in decreases {
            *by_invoice.entry(one.invoice).or_default().entry(one.line).or_insert(0) += one.minor;
        }
        let mut made = Vec::new();
        for (id, lines) in by_invoice {
            let Some(invoice) = issued.iter().find(|one| one.id == id) else { continue };
            let mut notes = store::load_notes(conn, &seller.id, &id).await?;
            // The draft of an earlier run of this period is replaced, so it takes nothing away.
            notes.retain(|note| {
                note.number.is_some() || !note.automatic || note.period.label != self.request.label
            });
            let parts = store::load_parts(conn, &seller.id, &id).await?;
            let creditable = Creditable {
                invoice,
                parts: &parts,
                notes: &notes,
                credit_series: &seller.details.credit_series,
            };
            let left = left_of_lines(&creditable);
            let lines: Vec<(u32, Option<i64>)> = lines
                .into_iter()
                .map(|(line, minor)| (line, minor.min(left.get(&line).copied().unwrap_or(0))))
                .filter(|(_, minor)| *minor > 0)
                .map(|(line, minor)| (line, Some(minor)))
                .collect();
            if lines.is_empty() {
                continue;
            }
            let number = invoice.number.clone().unwrap_or_else(String::new);
            let reason = texts::withdrawn(invoice.language, &number);
            let request = CreditRequest::Lines(lines);
            let own = self.id_of(DocumentKind::CreditNote, Some(&id));
            let (mut document, parts) = credit(&creditable, &request, own, &reason, self.known_at)?;
            document.automatic = true;
            document.prices_corrected_at = self.prices_corrected_at();
            // Filed under the run that found it.
            document.period.label = self.request.label;
            made.push(Made { document, parts, holds: Vec::new() });
        }
        Ok(made)
    }

    /// The id of the draft that stands there, or a fresh one.
    fn id_of(&self, kind: DocumentKind, corrects: Option<&InvoiceId>) -> InvoiceId {
        self.standing(kind, corrects).map_or_else(
            || InvoiceId::fresh(&IdMaker::new(self.app.clock.as_ref())),
            |draft| draft.document.id.clone(),
        )
    }

    /// Drafts of other periods of the agreement: what they correct is not corrected twice.
    fn waiting(&self) -> impl Iterator<Item = InvoiceDocument> {
        let other = self.existing.iter().map(|draft| &draft.document).filter(|document| {
            document.agreement_id == self.agreement.id
                && document.period.label != self.request.label
                && (document.kind == DocumentKind::Invoice || document.automatic)
        });
        other.cloned()
    }

    fn standing(&self, kind: DocumentKind, corrects: Option<&InvoiceId>) -> Option<&Draft> {
        self.existing.iter().find(|draft| {
            let document = &draft.document;
            document.agreement_id == self.agreement.id
                && document.period.label == self.request.label
                && document.kind == kind
                && document.corrects.as_ref().map(|of| &of.id) == corrects
        })
    }

    async fn keep(
        &self,
        seller: &Seller,
        customer: &Customer,
        made: Vec<Made>,
    ) -> anyhow::Result<Vec<Draft>> {
        let mut kept: Vec<Draft> = Vec::new();
        for one in made {
            let empty = one.document.lines.is_empty() || one.document.gross_minor == 0;
            let skip = seller.details.zero_invoices == ZeroInvoices::Skip;
            if empty && skip && one.holds.is_empty() {
                continue;
            }
            let corrects = one.document.corrects.as_ref().map(|of| of.id.clone());
            let standing = self.standing(one.document.kind, corrects.as_ref());
            let same = standing.filter(|draft| same_amounts(&draft.document, &one.document));
            let state = match same {
                _ if !one.holds.is_empty() => DraftState::Held,
                Some(draft) if draft.state == DraftState::Approved => DraftState::Approved,
                Some(_) | None => DraftState::Ready,
            };
            let draft = Draft {
                state,
                holds: one.holds,
                contact: contact_of(customer),
                customer_number: customer.number.clone(),
                document: one.document,
            };
            if !self.request.preview {
                self.save(&draft, &one.parts).await?;
            }
            kept.push(draft);
        }
        Ok(kept)
    }

    async fn save(&self, draft: &Draft, parts: &[ChargePart]) -> anyhow::Result<()> {
        let engine = self.app.db.engine();
        for tries in 1.. {
            let mut tx = self.app.db.begin().await?;
            let done = store::save_draft(&mut tx, engine, draft, parts, self.now).await;
            let done = match done {
                Ok(()) => tx.commit().await.map_err(StoreError::from),
                Err(error) => Err(error),
            };
            match done {
                Err(error) if error.is_retryable() && tries < TRIES_MAX => {}
                other => return Ok(other?),
            }
        }
        Ok(())
    }

    /// A draft of an earlier run for which there is no reason any more.
    async fn drop_stale(&self, kept: &[Draft]) -> anyhow::Result<()> {
        let stale = self.existing.iter().filter(|draft| {
            draft.document.agreement_id == self.agreement.id
                && draft.document.period.label == self.request.label
                && (draft.document.kind == DocumentKind::Invoice || draft.document.automatic)
                && !kept.iter().any(|one| one.document.id == draft.document.id)
        });
        for draft in stale {
            let mut tx = self.app.db.begin().await?;
            store::delete_draft_of(&mut tx, &draft.document).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

/// From when on an issued period is rated by its original prices: those known when it was drafted,
/// or when an explicit correction run billed others.
pub(crate) fn prices_of(invoice: &InvoiceDocument, issued: &[InvoiceDocument]) -> i64 {
    let corrects = |one: &&InvoiceDocument| {
        let on_lines = one.lines.iter().filter_map(|line| line.corrects.as_ref());
        on_lines.chain(one.corrects.as_ref()).any(|of| of.id == invoice.id)
    };
    let corrected = issued.iter().filter(corrects).filter_map(|one| one.prices_corrected_at);
    corrected.max().unwrap_or(invoice.known_at)
}

fn same_amounts(a: &InvoiceDocument, b: &InvoiceDocument) -> bool {
    let plain = |document: &InvoiceDocument| InvoiceDocument {
        prices_corrected_at: None,
        known_at: 0,
        record_revision_max: 0,
        ..document.clone()
    };
    plain(a) == plain(b)
}

fn contact_of(customer: &Customer) -> Option<Contact> {
    let details = &customer.details;
    let contact = Contact {
        name: details.contact_name.clone(),
        email: details.contact_email.clone(),
        phone: details.contact_phone.clone(),
    };
    (contact != Contact::default()).then_some(contact)
}

fn run_line(seller: &Seller, customer: &Customer, draft: &Draft) -> RunLine {
    let document = &draft.document;
    RunLine {
        seller: seller.code.clone(),
        customer: customer.number.clone(),
        customer_name: customer.details.name.clone(),
        draft: document.id.to_string(),
        period: document.period.label,
        kind: document.kind,
        currency: document.currency.to_string(),
        net_minor: document.net_minor,
        tax_minor: document.tax_minor,
        gross_minor: document.gross_minor,
        state: draft.state,
        holds: draft.holds.clone(),
        lines: document.lines.len(),
    }
}

/// Approves a draft that nothing holds; audited.
pub async fn approve(app: &App, id: &InvoiceId) -> anyhow::Result<()> {
    let mut tx = app.db.begin().await?;
    let draft = store::lock_draft(&mut tx, id).await?;
    let draft = draft.with_context(|| format!("there is no draft {id}"))?;
    if draft.state == DraftState::Held {
        anyhow::bail!("draft {id} is held: {}", draft.holds.join("; "));
    }
    store::approve_draft(&mut tx, id).await?;
    let entry = audit::Entry {
        id: IdMaker::new(app.clock.as_ref()).fresh(),
        at: app.clock.now_seconds(),
        actor: &app.actor,
        action: "draft.approved",
        subject: id.as_str(),
        customer: Some(&draft.document.customer_id),
        reason: None,
        detail: serde_json::json!({ "gross_minor": draft.document.gross_minor }),
    };
    audit::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(())
}

/// One issued document.
#[derive(Clone, Debug, Serialize)]
pub struct IssuedLine {
    pub id: String,
    pub number: String,
    pub kind: DocumentKind,
    pub customer: String,
    pub customer_name: String,
    pub issue_date: String,
    pub currency: String,
    pub net_minor: i64,
    pub tax_minor: i64,
    pub gross_minor: i64,
}

/// Issues the drafts of a period (all periods when `None`) that may be issued, in order of
/// customer numbers; held ones and unapproved ones of sellers who want approval stay.
pub async fn issue_all(
    app: &App,
    label: Option<PeriodLabel>,
    seller: Option<&SellerId>,
    progress: &dyn Fn(usize, usize),
) -> anyhow::Result<Vec<IssuedLine>> {
    let now = app.clock.now_seconds();
    let period = label.map(|label| label.to_string());
    let mut issued = Vec::new();
    for seller in sellers(app, seller, now).await? {
        let lease = lease::take(
            &app.db,
            &format!("bill:{}", seller.id),
            &lease::holder("billow bill issue"),
        )
        .await?;
        let mut conn = app.db.read().await?;
        let scope = Scope::Provider;
        let drafts =
            store::load_drafts(&mut conn, &scope, Some(&seller.id), period.as_deref()).await?;
        drop(conn);
        let automatic = seller.details.approval == Approval::Automatic;
        let ready: Vec<&Draft> = drafts
            .iter()
            .filter(|draft| match draft.state {
                DraftState::Approved => true,
                DraftState::Ready => automatic,
                DraftState::Held => false,
            })
            .collect();
        let mut renewed = std::time::Instant::now();
        for (index, draft) in ready.iter().enumerate() {
            if renewed.elapsed() > RENEW_AFTER {
                let holder = lease::holder("billow bill issue");
                lease::take(&app.db, &format!("bill:{}", seller.id), &holder).await?;
                renewed = std::time::Instant::now();
            }
            issued.extend(issue_one(app, &draft.document.id).await?);
            progress(index + 1, ready.len());
        }
        lease::release(&app.db, lease).await?;
    }
    Ok(issued)
}

/// Issues one draft, whatever its seller's policy; held ones are refused. `None` when the draft is
/// gone, issued by somebody else.
pub async fn issue_one(app: &App, id: &InvoiceId) -> anyhow::Result<Option<IssuedLine>> {
    for tries in 1.. {
        match issue_once(app, id).await {
            Err(error) if tries < TRIES_MAX && is_retryable(&error) => {}
            other => return other,
        }
    }
    Ok(None)
}

fn is_retryable(error: &anyhow::Error) -> bool {
    error.downcast_ref::<StoreError>().is_some_and(StoreError::is_retryable)
}

async fn issue_once(app: &App, id: &InvoiceId) -> anyhow::Result<Option<IssuedLine>> {
    let mut tx = app.db.begin().await?;
    let line = issue_draft(app, &mut tx, id).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(line)
}

/// Issues a draft in the caller's transaction: number, frozen row, ledger entry and audit. `None`
/// when it is gone; an error when something holds it. A transaction that is rolled back takes no
/// number.
pub async fn issue_draft(
    app: &App,
    tx: &mut Conn,
    id: &InvoiceId,
) -> anyhow::Result<Option<IssuedLine>> {
    let now = app.clock.now_seconds();
    let ids = IdMaker::new(app.clock.as_ref());
    let Some(mut draft) = store::lock_draft(tx, id).await? else { return Ok(None) };
    if draft.state == DraftState::Held {
        anyhow::bail!("draft {id} is held: {}", draft.holds.join("; "));
    }
    let known_at = knowledge::present(tx, app.clock.as_ref()).await?;
    if let Some(doubt) = new_doubt(tx, &draft.document, known_at).await? {
        anyhow::bail!("draft {id} is held by a new finding: {doubt}; run billow bill run again");
    }
    let seller_id = draft.document.seller_id.clone();
    let seller = load_seller(tx, &seller_id, AsOf { at: now, known_at: now }).await?;
    let seller = seller.with_context(|| format!("seller {seller_id} is not there"))?;
    let zone = zone_of(&seller.details.time_zone)?;
    let contact = draft.contact.take().map(|contact| {
        let salt = uuid::Uuid::new_v4().to_string();
        draft.document.contact_hash = Some(contact_hash(&contact, &salt));
        (contact, salt)
    });
    let series = draft.document.series.clone();
    let slot =
        store::take_slot(tx, &seller_id, &series, |last| issue_date(now, &zone, last)).await?;
    let parts = store::load_parts(tx, &seller_id, id).await?;
    let stamp = Stamp { now, zone: &zone, entry: EntryId::fresh(&ids) };
    let issued = issue(draft.document, &parts, slot, stamp)?;
    store::save_issued(tx, app.db.engine(), &issued, contact.as_ref()).await?;
    ledger::store::append(tx, &issued.entry).await?;
    let document = &issued.document;
    let entry = audit::Entry {
        id: ids.fresh(),
        at: now,
        actor: &app.actor,
        action: match document.kind {
            DocumentKind::Invoice => "invoice.issued",
            DocumentKind::CreditNote => "credit_note.issued",
        },
        subject: id.as_str(),
        customer: Some(&document.customer_id),
        reason: document.reason.as_deref(),
        detail: serde_json::json!({
            "number": issued.number, "gross_minor": document.gross_minor,
            "currency": document.currency,
        }),
    };
    audit::record(tx, entry).await?;
    Ok(Some(IssuedLine {
        id: document.id.to_string(),
        number: issued.number.clone(),
        kind: document.kind,
        customer: draft.customer_number,
        customer_name: document.buyer.name.clone(),
        issue_date: issued.slot.issue_date.clone(),
        currency: document.currency.to_string(),
        net_minor: document.net_minor,
        tax_minor: document.tax_minor,
        gross_minor: document.gross_minor,
    }))
}

/// An open finding about the document's owners and period that came after it was drafted.
async fn new_doubt(
    conn: &mut Conn,
    document: &InvoiceDocument,
    known_at: i64,
) -> Result<Option<String>, StoreError> {
    if document.kind == DocumentKind::CreditNote {
        return Ok(None);
    }
    for owner in &document.owners {
        let open = load_open_findings(conn, owner, document.period.span, known_at).await?;
        if let Some(finding) = open.first() {
            return Ok(Some(format!("{}: {}", finding.rule, finding.message)));
        }
    }
    Ok(None)
}

/// Makes a credit note by a person's decision and issues it: who dies on the way leaves it whole
/// or not at all. Audited.
pub async fn issue_credit_note(
    app: &App,
    invoice: &str,
    request: &CreditRequest,
    reason: &str,
) -> anyhow::Result<IssuedLine> {
    for tries in 1.. {
        match issue_credit_note_once(app, invoice, request, reason).await {
            Err(error) if tries < TRIES_MAX && is_retryable(&error) => {}
            other => return other,
        }
    }
    anyhow::bail!("the credit note on {invoice} was not made")
}

async fn issue_credit_note_once(
    app: &App,
    invoice: &str,
    request: &CreditRequest,
    reason: &str,
) -> anyhow::Result<IssuedLine> {
    let mut tx = app.db.begin().await?;
    let id = draft_credit_note(app, &mut tx, invoice, request, reason).await?;
    let issued = issue_draft(app, &mut tx, &id).await?;
    tx.commit().await.map_err(StoreError::from)?;
    issued.with_context(|| format!("draft {id} is gone"))
}

/// Makes and stores the draft of a credit note by a person's decision; gives its id. Audited.
pub async fn create_credit_note(
    app: &App,
    invoice: &str,
    request: &CreditRequest,
    reason: &str,
) -> anyhow::Result<InvoiceId> {
    let mut tx = app.db.begin().await?;
    let id = draft_credit_note(app, &mut tx, invoice, request, reason).await?;
    tx.commit().await?;
    Ok(id)
}

/// The same in the caller's transaction.
pub async fn draft_credit_note(
    app: &App,
    tx: &mut Conn,
    invoice: &str,
    request: &CreditRequest,
    reason: &str,
) -> anyhow::Result<InvoiceId> {
    let now = app.clock.now_seconds();
    let ids = IdMaker::new(app.clock.as_ref());
    let found = store::load_invoice(tx, &Scope::Provider, invoice).await?;
    let (document, contact) = found.with_context(|| format!("there is no invoice {invoice}"))?;
    let seller_id = &document.seller_id;
    // The series' row orders credit notes of one seller: two at once cannot both take what is left.
    let seller = load_seller(tx, seller_id, AsOf { at: now, known_at: now }).await?;
    let seller = seller.with_context(|| format!("seller {seller_id} is not there"))?;
    store::lock_series(tx, seller_id, &seller.details.credit_series).await?;
    let notes = store::load_notes(tx, seller_id, &document.id).await?;
    if let Some(draft) = notes.iter().find(|note| note.number.is_none()) {
        anyhow::bail!(
            "credit note draft {} on {invoice} is not issued yet: issue it first, with billow bill \
             issue --period {}",
            draft.id,
            draft.period.label
        );
    }
    let parts = store::load_parts(tx, seller_id, &document.id).await?;
    let creditable = Creditable {
        invoice: &document,
        parts: &parts,
        notes: &notes,
        credit_series: &seller.details.credit_series,
    };
    let (note, note_parts) = credit(&creditable, request, InvoiceId::fresh(&ids), reason, now)?;
    let id = note.id.clone();
    let customer_number = note.buyer.number.clone().unwrap_or_else(String::new);
    let draft = Draft {
        state: DraftState::Ready,
        holds: Vec::new(),
        document: note,
        contact,
        customer_number,
    };
    store::save_draft(tx, app.db.engine(), &draft, &note_parts, now).await?;
    let entry = audit::Entry {
        id: ids.fresh(),
        at: now,
        actor: &app.actor,
        action: "credit_note.drafted",
        subject: id.as_str(),
        customer: Some(&document.customer_id),
        reason: Some(reason),
        detail: serde_json::json!({ "invoice": document.number }),
    };
    audit::record(tx, entry).await?;
    Ok(id)
}
