//! Changes to sellers, customers, agreements and mappings: checked, stored as new rows, and
//! written into the audit log in the caller's transaction.

use serde_json::json;

use super::store::{self, AsOf, NewSellerRow, Recorded};
use super::{Agreement, Customer, CustomerDetails, OwnerMapping, Seller, SellerDetails, check};
use crate::audit::{self, Actor};
use crate::ids::{AgreementId, CustomerId, IdMaker, OwnerRef, SellerId};
use crate::money::Currency;
use crate::period::{BillingCycle, PeriodError, PeriodLabel, Span};
use crate::store::{Conn, StoreError};

/// Who changes something, when and why.
pub struct Change<'a> {
    pub ids: &'a IdMaker<'a>,
    /// When it is recorded, unix seconds of the business clock.
    pub at: i64,
    pub actor: &'a Actor,
    pub reason: Option<&'a str>,
}

/// A change is refused.
#[derive(Debug, thiserror::Error)]
pub enum CustomerError {
    #[error("{subject}: {}", .problems.join("; "))]
    Invalid { subject: String, problems: Vec<String> },
    #[error("no seller {0:?}: billow sellers list shows them")]
    UnknownSeller(String),
    #[error("no customer {0:?}: billow customers list shows them")]
    UnknownCustomer(String),
    #[error("seller {code} exists already; change its details without --parent and --domain")]
    SellerExists { code: String },
    #[error("seller {root} has no parent already: name it as the parent of {code}")]
    SecondRoot { code: String, root: String },
    #[error("domain {domain} belongs to seller {seller} already")]
    DomainTaken { domain: OwnerRef, seller: String },
    #[error("{number} has no agreement that goes on at that time")]
    NoAgreement { number: String },
    #[error("customer {0} is internal: it is never billed and has no seller")]
    Internal(String),
    #[error("{what} of {number} changes at a period boundary only: use {before} or {after}")]
    NotABoundary { what: &'static str, number: String, before: String, after: String },
    #[error("{number}: {period} is issued already; the change can begin at {from} at the earliest")]
    Issued { number: String, period: String, from: String },
    #[error(transparent)]
    Period(#[from] PeriodError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A seller to be made.
pub struct NewSeller {
    /// Short stable code for the command line: `provider`, `alpha`.
    pub code: String,
    /// `None` for the provider alone.
    pub parent: Option<SellerId>,
    /// The orchestrator's domain that the seller owns; the provider may go without.
    pub domain: Option<OwnerRef>,
    pub details: SellerDetails,
    /// From when the details hold.
    pub from: i64,
}

/// Makes a seller. Customers below its domain are not moved; see [`take_over`].
pub async fn save_seller(
    conn: &mut Conn,
    new: NewSeller,
    change: &Change<'_>,
) -> Result<SellerId, CustomerError> {
    store::lock_customers(conn).await?;
    let sellers = store::load_sellers(conn, AsOf::now(change.at)).await?;
    refuse_bad_seller(&new, &sellers)?;
    let id = SellerId::fresh(change.ids);
    let row = NewSellerRow {
        id: &id,
        code: &new.code,
        parent: new.parent.as_ref(),
        domain: new.domain.as_ref(),
    };
    store::insert_seller(conn, row, change.at).await?;
    let when = Recorded { valid_from: new.from, recorded_at: change.at };
    store::insert_seller_details(conn, &id, &new.details, when).await?;
    let detail = json!({
        "code": new.code, "parent": new.parent, "domain": new.domain, "from": new.from,
        "details": new.details,
    });
    log(conn, change, "seller.created", Subject { id: id.as_str(), customer: None }, detail)
        .await?;
    Ok(id)
}

fn refuse_bad_seller(new: &NewSeller, sellers: &[Seller]) -> Result<(), CustomerError> {
    let mut problems = check::seller_problems(&new.details);
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if new.code.is_empty() || !new.code.chars().all(allowed) {
        problems.push("a seller's code has small letters, digits and dashes alone".to_owned());
    }
    if !problems.is_empty() {
        return Err(CustomerError::Invalid { subject: format!("seller {}", new.code), problems });
    }
    if sellers.iter().any(|seller| seller.code == new.code) {
        return Err(CustomerError::SellerExists { code: new.code.clone() });
    }
    match &new.parent {
        Some(parent) if !sellers.iter().any(|seller| seller.id == *parent) => {
            return Err(CustomerError::UnknownSeller(parent.0.clone()));
        }
        None => {
            if let Some(root) = sellers.iter().find(|seller| seller.parent.is_none()) {
                let root = root.code.clone();
                return Err(CustomerError::SecondRoot { code: new.code.clone(), root });
            }
        }
        Some(_) => {}
    }
    if let Some(domain) = &new.domain
        && let Some(owner) = sellers.iter().find(|seller| seller.domain.as_ref() == Some(domain))
    {
        let seller = owner.code.clone();
        return Err(CustomerError::DomainTaken { domain: domain.clone(), seller });
    }
    Ok(())
}

/// Stores a new state of a seller's details that holds from `from` on.
pub async fn save_seller_details(
    conn: &mut Conn,
    id: &SellerId,
    details: &SellerDetails,
    from: i64,
    change: &Change<'_>,
) -> Result<(), CustomerError> {
    if !store::lock_seller(conn, id).await? {
        return Err(CustomerError::UnknownSeller(id.0.clone()));
    }
    let as_of = AsOf { at: from, known_at: change.at };
    let present = store::load_seller(conn, id, as_of).await?;
    let present = present.ok_or_else(|| CustomerError::UnknownSeller(id.0.clone()))?;
    let problems = check::seller_problems(details);
    if !problems.is_empty() {
        let subject = format!("seller {}", present.code);
        return Err(CustomerError::Invalid { subject, problems });
    }
    let when = Recorded { valid_from: from, recorded_at: change.at };
    store::insert_seller_details(conn, id, details, when).await?;
    let detail = json!({ "from": from, "old": present.details, "new": details });
    log(conn, change, "seller.changed", Subject { id: id.as_str(), customer: None }, detail).await
}

/// A customer to be made.
pub struct NewCustomer {
    pub details: CustomerDetails,
    /// From when the details hold.
    pub from: i64,
    /// Who bills; `None` for the internal customer alone.
    pub agreement: Option<NewAgreement>,
}

/// The agreement of a new customer.
pub struct NewAgreement {
    pub seller: SellerId,
    pub from: i64,
    pub currency: Currency,
    pub price_book: String,
}

/// Makes a customer with its number, its details and its agreement.
pub async fn save_customer(
    conn: &mut Conn,
    new: NewCustomer,
    change: &Change<'_>,
) -> Result<CustomerId, CustomerError> {
    store::lock_customers(conn).await?;
    let problems = check::customer_problems(&new.details);
    if !problems.is_empty() {
        let subject = format!("customer {}", new.details.name);
        return Err(CustomerError::Invalid { subject, problems });
    }
    let number = match &new.agreement {
        Some(_) => store::take_customer_number(conn).await?,
        None => store::INTERNAL_NUMBER.to_owned(),
    };
    let id = CustomerId::fresh(change.ids);
    store::insert_customer(conn, &id, &number, new.agreement.is_none(), change.at).await?;
    let when = Recorded { valid_from: new.from, recorded_at: change.at };
    store::insert_customer_details(conn, &id, &new.details, when).await?;
    if let Some(terms) = &new.agreement {
        let agreement = Agreement {
            id: AgreementId::fresh(change.ids),
            seller: terms.seller.clone(),
            customer: id.clone(),
            from: terms.from,
            until: i64::MAX,
            currency: terms.currency,
            price_book: terms.price_book.clone(),
        };
        store::insert_agreement(conn, &agreement, change.at).await?;
    }
    let detail = json!({
        "number": number, "from": new.from, "details": new.details,
        "seller": new.agreement.as_ref().map(|terms| &terms.seller),
        "price_book": new.agreement.as_ref().map(|terms| &terms.price_book),
    });
    let subject = Subject { id: &number, customer: Some(&id) };
    log(conn, change, "customer.created", subject, detail).await?;
    Ok(id)
}

/// Stores a new state of a customer's details that holds from `from` on. A new time zone or
/// anchor day begins at a boundary of the present periods, or with the customer's history.
pub async fn save_customer_details(
    conn: &mut Conn,
    id: &CustomerId,
    details: &CustomerDetails,
    from: i64,
    change: &Change<'_>,
) -> Result<(), CustomerError> {
    let unknown = || CustomerError::UnknownCustomer(id.0.clone());
    if !store::lock_customer(conn, id).await? {
        return Err(unknown());
    }
    let as_of = AsOf { at: from, known_at: change.at };
    let present = store::load_customer(conn, id, as_of).await?.ok_or_else(unknown)?;
    let problems = check::customer_problems(details);
    if !problems.is_empty() {
        let subject = format!("customer {}", present.number);
        return Err(CustomerError::Invalid { subject, problems });
    }
    let same_cycle = details.anchor_day == present.details.anchor_day
        && details.time_zone == present.details.time_zone;
    let agreements = store::load_customer_agreements(conn, id, change.at).await?;
    if !same_cycle && let Some(agreement) = holding(&agreements, from) {
        let seller = load_seller(conn, &agreement.seller, as_of).await?;
        let cycle = cycle_of(&present, &seller)?;
        if from > agreement.from {
            refuse_inside_period("the billing period", &present, &cycle, from)?;
        }
        refuse_issued(conn, &present, agreement, &cycle, from).await?;
    }
    let when = Recorded { valid_from: from, recorded_at: change.at };
    store::insert_customer_details(conn, id, details, when).await?;
    let detail = json!({ "from": from, "old": present.details, "new": details });
    let subject = Subject { id: &present.number, customer: Some(id) };
    log(conn, change, "customer.changed", subject, detail).await
}

/// Gives an owner to a customer for a span; what was mapped there before is superseded.
pub async fn map_owner(
    conn: &mut Conn,
    mapping: &OwnerMapping,
    change: &Change<'_>,
) -> Result<(), CustomerError> {
    store::lock_customers(conn).await?;
    let as_of = AsOf::now(change.at);
    let customer = store::load_customer(conn, &mapping.customer, as_of).await?;
    let customer =
        customer.ok_or_else(|| CustomerError::UnknownCustomer(mapping.customer.0.clone()))?;
    if mapping.from >= mapping.until {
        let subject = format!("mapping of {}", mapping.owner);
        let problems = vec!["it ends before it begins".to_owned()];
        return Err(CustomerError::Invalid { subject, problems });
    }
    store::insert_mapping(conn, mapping, change.at).await?;
    store::close_unmapped_findings(conn, mapping, &customer.number, change).await?;
    let detail = json!({
        "owner": mapping.owner, "number": customer.number,
        "from": mapping.from, "until": mapping.until,
    });
    let owner = mapping.owner.to_string();
    let subject = Subject { id: &owner, customer: Some(&mapping.customer) };
    log(conn, change, "owner.mapped", subject, detail).await
}

/// New terms of a customer; what is `None` stays.
pub struct NewTerms {
    pub seller: Option<SellerId>,
    pub currency: Option<Currency>,
    pub price_book: Option<String>,
    /// A period boundary that no issued invoice lies after, or an instant before the
    /// customer's first agreement.
    pub from: i64,
}

/// Moves a customer to another seller, with that seller's currency and price book.
pub async fn move_customer(
    conn: &mut Conn,
    customer: &CustomerId,
    to: &SellerId,
    from: i64,
    change: &Change<'_>,
) -> Result<AgreementId, CustomerError> {
    let as_of = AsOf { at: from, known_at: change.at };
    let seller = load_seller(conn, to, as_of).await?;
    let terms = NewTerms {
        seller: Some(to.clone()),
        currency: Some(seller.details.currency),
        price_book: Some(seller.details.price_book),
        from,
    };
    change_terms(conn, customer, terms, change).await
}

/// Ends the present agreement at `from` and begins another. Agreements that would begin later
/// are cancelled.
pub async fn change_terms(
    conn: &mut Conn,
    id: &CustomerId,
    terms: NewTerms,
    change: &Change<'_>,
) -> Result<AgreementId, CustomerError> {
    store::lock_customers(conn).await?;
    let as_of = AsOf { at: terms.from, known_at: change.at };
    let customer = store::load_customer(conn, id, as_of).await?;
    let customer = customer.ok_or_else(|| CustomerError::UnknownCustomer(id.0.clone()))?;
    if customer.internal {
        return Err(CustomerError::Internal(customer.number));
    }
    let agreements = store::load_customer_agreements(conn, id, change.at).await?;
    let present = holding(&agreements, terms.from).cloned();
    let no_agreement = || CustomerError::NoAgreement { number: customer.number.clone() };
    let present = present.ok_or_else(no_agreement)?;
    let seller = load_seller(conn, &present.seller, as_of).await?;
    let cycle = cycle_of(&customer, &seller)?;
    let begins = terms.from.max(present.from);
    if begins > present.from {
        refuse_inside_period("the agreement", &customer, &cycle, begins)?;
    }
    for agreement in agreements.iter().filter(|agreement| agreement.until > begins) {
        refuse_issued(conn, &customer, agreement, &cycle, begins).await?;
        let mut ended = agreement.clone();
        ended.until = begins.max(agreement.from);
        store::insert_agreement(conn, &ended, change.at).await?;
    }
    let next = Agreement {
        id: AgreementId::fresh(change.ids),
        seller: terms.seller.unwrap_or_else(|| present.seller.clone()),
        customer: id.clone(),
        from: begins,
        until: i64::MAX,
        currency: terms.currency.unwrap_or(present.currency),
        price_book: terms.price_book.unwrap_or_else(|| present.price_book.clone()),
    };
    store::insert_agreement(conn, &next, change.at).await?;
    let detail = json!({
        "from": begins,
        "old": { "agreement": present.id, "seller": present.seller,
                 "currency": present.currency, "price_book": present.price_book },
        "new": { "agreement": next.id, "seller": next.seller,
                 "currency": next.currency, "price_book": next.price_book },
    });
    let subject = Subject { id: &customer.number, customer: Some(id) };
    log(conn, change, "agreement.changed", subject, detail).await?;
    Ok(next.id)
}

/// A customer that [`take_over`] moved.
pub struct TakenOver {
    pub customer: Customer,
    /// From when the new seller bills.
    pub from: i64,
}

/// Moves the customers whose accounts lie in a new seller's domain from the sellers above it,
/// each from `from`, or from the end of its last issued period where that is later.
pub async fn take_over(
    conn: &mut Conn,
    to: &Seller,
    from: i64,
    change: &Change<'_>,
) -> Result<Vec<TakenOver>, CustomerError> {
    let Some(domain) = &to.domain else { return Ok(Vec::new()) };
    let sellers = store::load_sellers(conn, AsOf::now(change.at)).await?;
    let mut above = Vec::new();
    let mut parent = to.parent.as_ref();
    while let Some(id) = parent {
        above.push(id.clone());
        parent = sellers.iter().find(|s| s.id == *id).and_then(|s| s.parent.as_ref());
    }
    let history = store::load_owner_history(conn, &domain.source, change.at).await?;
    let tree = super::assign::DomainTree::new(history.latest());
    let mut moved: Vec<TakenOver> = Vec::new();
    for mapping in store::load_source_mappings(conn, &domain.source, change.at).await? {
        let Some(owner) = history.at(&mapping.owner.id, change.at) else { continue };
        let nearest = tree.seller_of(owner.domain_id.as_deref(), &sellers);
        let account = owner.kind == crate::orchestrator::OwnerKind::Account;
        let holds = Span::new(mapping.from, mapping.until).contains(change.at);
        let done = moved.iter().any(|taken| taken.customer.id == mapping.customer);
        if !account || !holds || done || nearest != Some(&to.id) {
            continue;
        }
        let agreements =
            store::load_customer_agreements(conn, &mapping.customer, change.at).await?;
        let Some(last) = agreements.last().filter(|last| above.contains(&last.seller)) else {
            continue;
        };
        let as_of = AsOf::now(change.at);
        let customer = store::load_customer(conn, &mapping.customer, as_of).await?;
        let Some(customer) = customer else { continue };
        let seller = load_seller(conn, &last.seller, as_of).await?;
        let begins = earliest_change(conn, &customer, &seller, last, from).await?;
        move_customer(conn, &mapping.customer, &to.id, begins, change).await?;
        moved.push(TakenOver { customer, from: begins });
    }
    Ok(moved)
}

/// The first instant not before `from` at which new terms may begin.
async fn earliest_change(
    conn: &mut Conn,
    customer: &Customer,
    seller: &Seller,
    agreement: &Agreement,
    from: i64,
) -> Result<i64, CustomerError> {
    let cycle = cycle_of(customer, seller)?;
    let issued = store::load_last_issued_period(conn, &agreement.id).await?;
    let free = match issued {
        Some(label) => cycle.period(label)?.span.until,
        None => agreement.from,
    };
    if from <= free {
        return Ok(free);
    }
    let period = cycle.period_at(from)?;
    Ok(if period.span.from == from { from } else { period.span.until })
}

/// The first period boundary after an instant, in the customer's cycle.
pub async fn next_boundary(
    conn: &mut Conn,
    id: &CustomerId,
    at: i64,
) -> Result<i64, CustomerError> {
    let as_of = AsOf::now(at);
    let customer = store::load_customer(conn, id, as_of).await?;
    let customer = customer.ok_or_else(|| CustomerError::UnknownCustomer(id.0.clone()))?;
    let agreements = store::load_customer_agreements(conn, id, at).await?;
    let cycle = match holding(&agreements, at) {
        Some(agreement) => {
            let seller = load_seller(conn, &agreement.seller, as_of).await?;
            cycle_of(&customer, &seller)?
        }
        None => BillingCycle::new("UTC", 1)?,
    };
    Ok(cycle.period_at(at)?.span.until)
}

/// The customer's periods: its own zone or the seller's, and its anchor day.
pub fn cycle_of(customer: &Customer, seller: &Seller) -> Result<BillingCycle, PeriodError> {
    let zone = customer.details.time_zone.as_ref().unwrap_or(&seller.details.time_zone);
    BillingCycle::new(zone, customer.details.anchor_day)
}

/// The agreement that holds at an instant, or the first one where the instant lies before it.
fn holding(agreements: &[Agreement], at: i64) -> Option<&Agreement> {
    let holds = |agreement: &&Agreement| agreement.until > at;
    agreements.iter().find(holds)
}

async fn load_seller(conn: &mut Conn, id: &SellerId, as_of: AsOf) -> Result<Seller, CustomerError> {
    let seller = store::load_seller(conn, id, as_of).await?;
    seller.ok_or_else(|| CustomerError::UnknownSeller(id.0.clone()))
}

fn refuse_inside_period(
    what: &'static str,
    customer: &Customer,
    cycle: &BillingCycle,
    at: i64,
) -> Result<(), CustomerError> {
    let period = cycle.period_at(at)?;
    if period.span.from == at {
        return Ok(());
    }
    Err(CustomerError::NotABoundary {
        what,
        number: customer.number.clone(),
        before: local_text(period.span.from, cycle),
        after: local_text(period.span.until, cycle),
    })
}

async fn refuse_issued(
    conn: &mut Conn,
    customer: &Customer,
    agreement: &Agreement,
    cycle: &BillingCycle,
    from: i64,
) -> Result<(), CustomerError> {
    let Some(label) = store::load_last_issued_period(conn, &agreement.id).await? else {
        return Ok(());
    };
    let until = cycle.period(label)?.span.until;
    if from >= until {
        return Ok(());
    }
    Err(CustomerError::Issued {
        number: customer.number.clone(),
        period: label_text(label),
        from: local_text(until, cycle),
    })
}

fn label_text(label: PeriodLabel) -> String {
    label.to_string()
}

/// A local day of the cycle's zone, as `--from` takes it.
fn local_text(at: i64, cycle: &BillingCycle) -> String {
    crate::period::local_date(at, cycle.zone()).map_or(at.to_string(), |day| day.to_string())
}

struct Subject<'a> {
    id: &'a str,
    customer: Option<&'a CustomerId>,
}

async fn log(
    conn: &mut Conn,
    change: &Change<'_>,
    action: &'static str,
    subject: Subject<'_>,
    detail: serde_json::Value,
) -> Result<(), CustomerError> {
    let entry = audit::Entry {
        id: change.ids.fresh(),
        at: change.at,
        actor: change.actor,
        action,
        subject: subject.id,
        customer: subject.customer,
        reason: change.reason,
        detail,
    };
    Ok(audit::record(conn, entry).await?)
}
