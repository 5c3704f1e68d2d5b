//! What stands on a document, as text in its language: the PDF and the HTML draw the same sheet.

use super::format;
use super::texts::{text, text_with};
use crate::bill::document::{
    BreakdownEntry, Contact, DocumentKind, InvoiceDocument, Language, Line, TaxSubtotal,
};
use crate::meter::Category;
use crate::money::Money;

/// A document's texts.
pub struct Sheet {
    pub full_title: String,
    pub draft_note: Option<String>,
    pub buyer: Vec<String>,
    /// Label and value: number, dates, customer number, period, tax ids.
    pub facts: Vec<(String, String)>,
    pub reason: Option<(String, String)>,
    pub groups: Vec<Group>,
    pub totals: Vec<Total>,
    pub notes: Vec<String>,
    pub breakdowns: Vec<Breakdown>,
    pub payment: Payment,
}

/// The lines of one category.
pub struct Group {
    pub name: String,
    pub rows: Vec<Row>,
    pub subtotal_label: String,
    pub subtotal: String,
}

/// One line.
pub struct Row {
    pub number: u32,
    pub text: String,
    pub details: Vec<String>,
    pub quantity: String,
    pub unit: String,
    pub price: String,
    /// What the price is for, where that is not one unit.
    pub price_base: Option<String>,
    pub tax: String,
    pub net: String,
    pub net_minor: i64,
}

/// A row under the lines.
pub struct Total {
    pub label: String,
    pub value: String,
    /// The document's total: drawn strongest.
    pub grand: bool,
}

/// A cut of the net.
pub struct Breakdown {
    pub title: String,
    pub rows: Vec<BreakdownRow>,
}

/// A group of a breakdown.
pub struct BreakdownRow {
    pub label: String,
    pub amount: String,
    pub share: String,
    pub net_minor: i64,
}

/// How to pay.
#[derive(Default)]
pub struct Payment {
    pub sentences: Vec<String>,
    pub facts: Vec<(String, String)>,
    /// What the QR code says, for who cannot see it.
    pub code_text: String,
}

impl Sheet {
    pub fn of(document: &InvoiceDocument, contact: Option<&Contact>) -> Self {
        let language = document.language;
        Self {
            full_title: format::full_title(document),
            draft_note: document.number.is_none().then(|| text(language, "draft-note")),
            buyer: buyer_lines(document, contact),
            facts: facts(document),
            reason: document
                .reason
                .as_ref()
                .map(|reason| (text(language, "label-reason"), reason.clone())),
            groups: groups(document),
            totals: totals(document),
            notes: notes(document),
            breakdowns: breakdowns(document),
            payment: payment(document),
        }
    }
}

fn money(document: &InvoiceDocument, minor: i64) -> String {
    format::money(Money { minor, currency: document.currency }, document.language)
}

fn buyer_lines(document: &InvoiceDocument, contact: Option<&Contact>) -> Vec<String> {
    let mut lines = vec![document.buyer.name.clone()];
    let person = contact.and_then(|contact| contact.name.clone());
    lines.extend(person.filter(|name| !name.trim().is_empty() && *name != document.buyer.name));
    lines.extend(format::address_lines(&document.buyer.address, &document.seller.address.country));
    lines
}

fn facts(document: &InvoiceDocument) -> Vec<(String, String)> {
    let language = document.language;
    let mut facts = Vec::new();
    let mut add = |id: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
            facts.push((text(language, id), value));
        }
    };
    let number = match document.kind {
        DocumentKind::Invoice => "label-number-invoice",
        DocumentKind::CreditNote => "label-number-credit-note",
    };
    let day = |day: &Option<String>| day.as_ref().map(|day| format::date(day, language));
    add(number, document.number.clone());
    add("label-issue-date", day(&document.issue_date));
    add("label-due-date", day(&document.due_date));
    add(
        "label-corrects",
        document.corrects.as_ref().map(|invoice| {
            let of = text(language, "label-corrects-date");
            format!("{} {of} {}", invoice.number, format::date(&invoice.issue_date, language))
        }),
    );
    add(
        "label-period",
        Some(format::date_range(&document.period_from, &document.period_until, language)),
    );
    add("label-customer", document.buyer.number.clone());
    add("label-vat-buyer", document.buyer.vat_id.clone());
    add("label-vat-seller", document.seller.vat_id.clone());
    if document.seller.vat_id.is_none() {
        add("label-tax-number-seller", document.seller.tax_number.clone());
    }
    facts
}

fn groups(document: &InvoiceDocument) -> Vec<Group> {
    let mut groups = Vec::new();
    for category in Category::ALL {
        let lines: Vec<&Line> =
            document.lines.iter().filter(|line| line.category == category).collect();
        if lines.is_empty() {
            continue;
        }
        let name = format::category(category, document.language);
        let subtotal = lines.iter().map(|line| line.net_minor).sum();
        groups.push(Group {
            subtotal_label: text_with(document.language, "subtotal", &[("group", &name)]),
            subtotal: format::amount(subtotal, document.currency, document.language),
            rows: lines.into_iter().map(|line| row(document, line)).collect(),
            name,
        });
    }
    groups
}

fn row(document: &InvoiceDocument, line: &Line) -> Row {
    let (language, currency) = (document.language, document.currency);
    Row {
        number: line.number,
        text: line.text.clone(),
        details: details(document, line),
        unit: format::unit(&line.unit, &line.quantity, language),
        quantity: format::quantity(&line.quantity, language),
        price: format::price(&line.price, currency, language),
        price_base: format::price_base(line, language),
        tax: format::tax_short(&line.tax, language),
        net: format::amount(line.net_minor, currency, language),
        net_minor: line.net_minor,
    }
}

/// The second row; the service period and the corrected invoice are added where they are not
/// the document's own and not said yet.
fn details(document: &InvoiceDocument, line: &Line) -> Vec<String> {
    let language = document.language;
    let mut details = Vec::new();
    let given = line.detail.clone().filter(|detail| !detail.trim().is_empty());
    let said = |what: &str| given.as_ref().is_some_and(|detail| detail.contains(what));
    let own = (&line.service_from, &line.service_until)
        == (&document.period_from, &document.period_until);
    let mut more = Vec::new();
    if !own {
        more.push(format::date_range(&line.service_from, &line.service_until, language));
    }
    if let Some(invoice) = line.corrects.as_ref().filter(|invoice| !said(&invoice.number)) {
        let day = format::date(&invoice.issue_date, language);
        more.push(text_with(
            language,
            "corrects-line",
            &[("number", &invoice.number), ("date", &day)],
        ));
    }
    details.extend(given);
    if !more.is_empty() {
        details.push(more.join(" · "));
    }
    details
}

fn totals(document: &InvoiceDocument) -> Vec<Total> {
    let language = document.language;
    let total = |label, minor, grand| Total { label, value: money(document, minor), grand };
    let mut totals = vec![total(text(language, "total-net"), document.net_minor, false)];
    for subtotal in &document.taxes {
        totals.push(total(tax_label(document, subtotal), subtotal.tax_minor, false));
    }
    let (id, due) = match document.kind {
        DocumentKind::Invoice => ("total-gross", document.payable_minor != document.gross_minor),
        DocumentKind::CreditNote => ("total-credit", false),
    };
    totals.push(total(text(language, id), document.gross_minor, !due));
    if due {
        totals.push(total(text(language, "payable"), document.payable_minor, true));
    }
    totals
}

fn tax_label(document: &InvoiceDocument, subtotal: &TaxSubtotal) -> String {
    let tax = format::tax(&subtotal.tax, document.language);
    let base = money(document, subtotal.base_minor);
    text_with(document.language, "total-tax", &[("tax", &tax), ("base", &base)])
}

/// Why no tax is due, once for each reason.
fn notes(document: &InvoiceDocument) -> Vec<String> {
    let mut notes = Vec::new();
    for subtotal in &document.taxes {
        let Some(reason) = &subtotal.tax.reason else { continue };
        let name = format::tax(&subtotal.tax, document.language);
        let same = name.to_lowercase() == reason.trim_end_matches('.').to_lowercase();
        let note = if same { reason.clone() } else { format!("{name}: {reason}") };
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

fn breakdowns(document: &InvoiceDocument) -> Vec<Breakdown> {
    let language = document.language;
    let cuts = &document.breakdowns;
    let label_category = |entry: &BreakdownEntry| format::category_key(&entry.key, language);
    let label_or = |none: &str, entry: &BreakdownEntry| {
        if entry.label.trim().is_empty() { text(language, none) } else { entry.label.clone() }
    };
    let mut breakdowns = Vec::new();
    let mut add = |id: &str, entries: &[BreakdownEntry], label: &dyn Fn(&_) -> String| {
        // One group says nothing that the total does not.
        if entries.len() < 2 {
            return;
        }
        let rows = entries.iter().map(|entry| BreakdownRow {
            label: label(entry),
            amount: format::amount(entry.net_minor, document.currency, language),
            share: format::share(entry.net_minor, document.net_minor, language),
            net_minor: entry.net_minor,
        });
        breakdowns.push(Breakdown { title: text(language, id), rows: rows.collect() });
    };
    add("breakdown-category", &cuts.category, &label_category);
    add("breakdown-project", &cuts.project, &|entry| label_or("no-project", entry));
    add("breakdown-tag", &cuts.tag, &|entry| label_or("no-tag", entry));
    breakdowns
}

fn payment(document: &InvoiceDocument) -> Payment {
    let language = document.language;
    let amount = money(document, document.payable_minor);
    let mut payment = Payment::default();
    match (document.kind, document.payable_minor) {
        (DocumentKind::CreditNote, _) => {
            payment.sentences.push(text_with(language, "payment-credit", &[("amount", &amount)]));
            return payment;
        }
        (DocumentKind::Invoice, 0) => {
            payment.sentences.push(text(language, "payment-none"));
            return payment;
        }
        (DocumentKind::Invoice, _) => payment.sentences.push(due(document, &amount)),
    }
    let Some(bank) = &document.bank else { return payment };
    let holder = if bank.holder.trim().is_empty() { &document.seller.name } else { &bank.holder };
    let mut add = |id: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
            payment.facts.push((text(language, id), value));
        }
    };
    add("bank-holder", Some(holder.clone()));
    add("bank-iban", Some(format::iban(&bank.iban)));
    add("bank-bic", bank.bic.clone());
    add("bank-name", bank.bank.clone());
    add("bank-reference", document.number.clone());
    if let Some(number) = &document.number {
        let iban = format::iban(&bank.iban);
        let fills = [
            ("amount", amount.as_str()),
            ("holder", holder),
            ("iban", &iban),
            ("reference", number),
        ];
        payment.code_text = text_with(language, "qr-alt", &fills);
    }
    payment
}

fn due(document: &InvoiceDocument, amount: &str) -> String {
    let language = document.language;
    match (&document.due_date, document.payment_terms_days) {
        (Some(day), _) if document.number.is_some() => {
            let day = format::date(day, language);
            text_with(language, "payment-due", &[("amount", amount), ("date", &day)])
        }
        (_, 0) => text(language, "payment-now"),
        (_, days) => text_with(language, "payment-terms", &[("days", &days.to_string())]),
    }
}

/// The sender's line above the address window.
pub fn sender_line(document: &InvoiceDocument) -> String {
    let mut parts = vec![document.seller.name.clone()];
    parts.extend(format::address_lines(&document.seller.address, &document.buyer.address.country));
    parts.join(" · ")
}

/// The legal footer's columns: the seller's own, else one made of what the law asks for.
pub fn footer(document: &InvoiceDocument) -> Vec<Vec<String>> {
    let own: Vec<Vec<String>> =
        document.style.footer.iter().filter(|column| !column.is_empty()).cloned().collect();
    if !own.is_empty() {
        return own;
    }
    let (seller, language) = (&document.seller, document.language);
    let mut first = vec![seller.name.clone()];
    first.extend(format::address_lines(&seller.address, ""));
    let mut second: Vec<String> = seller.registration.iter().cloned().collect();
    second.extend(labelled(language, "label-vat-seller", seller.vat_id.as_ref()));
    second.extend(labelled(language, "label-tax-number-seller", seller.tax_number.as_ref()));
    let mut third = Vec::new();
    if let Some(bank) = &document.bank {
        third.extend(bank.bank.clone());
        third.extend(labelled(language, "bank-iban", Some(&format::iban(&bank.iban))));
        third.extend(labelled(language, "bank-bic", bank.bic.as_ref()));
    }
    [first, second, third].into_iter().filter(|column| !column.is_empty()).collect()
}

fn labelled(language: Language, id: &str, value: Option<&String>) -> Option<String> {
    value.map(|value| format!("{}: {value}", text(language, id)))
}
