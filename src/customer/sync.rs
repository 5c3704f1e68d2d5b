//! Keeps the owners' history and maps new owners to customers; a part of the catalogue sync.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::json;

use super::assign::{Assignment, Step, steps};
use super::change::{self, Change, CustomerError, NewAgreement, NewCustomer};
use super::store::{self, AsOf, OwnerHistory, Recorded, UNMAPPED_OWNER};
use super::{CustomerDetails, OwnerMapping, Seller};
use crate::config::AutoOwners;
use crate::finding::store::NewFinding;
use crate::ids::{CustomerId, OwnerRef, SellerId, SourceName};
use crate::orchestrator::{OwnerInfo, OwnerKind};
use crate::period::Span;
use crate::store::Conn;

/// State of an owner that the orchestrator does not show any more.
pub const REMOVED: &str = "removed";

/// Name of the one customer to whom internal owners belong.
const INTERNAL_NAME: &str = "Internal";

/// What a reading of the owners changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OwnerReport {
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
    pub customers_created: u64,
    pub mapped: u64,
    /// Customers who go to another seller, and projects that go to another customer.
    pub moved: u64,
    /// Owners that nobody is billed for.
    pub unmapped: u64,
}

/// What a reading of the owners needs.
pub struct OwnerReading<'a> {
    pub source: &'a SourceName,
    pub auto: AutoOwners,
    /// All owners as the orchestrator shows them now.
    pub owners: Vec<OwnerInfo>,
}

/// Adds to the owners' history what changed, then maps what is new. The caller's transaction
/// holds all of it; once more with the same owners it changes nothing.
pub async fn sync_owners(
    conn: &mut Conn,
    reading: OwnerReading<'_>,
    change: &Change<'_>,
) -> Result<OwnerReport, CustomerError> {
    store::lock_customers(conn).await?;
    let before = store::load_owner_history(conn, reading.source, change.at).await?;
    let mut report = OwnerReport::default();
    save_history(conn, &reading, &before, change, &mut report).await?;
    let sellers = store::load_sellers(conn, AsOf::now(change.at)).await?;
    let mapped = load_mapped(conn, reading.source, change.at).await?;
    let billed_by = store::load_sellers_of_customers(conn, AsOf::now(change.at)).await?;
    let plan = steps(&Assignment {
        auto: reading.auto,
        owners: &reading.owners,
        before: &before,
        sellers: &sellers,
        mapped: &mapped,
        billed_by: &billed_by,
    });
    let mut work = Work { conn, source: reading.source, change, sellers, mapped, report };
    let mut doubts = Vec::new();
    for step in plan {
        work.run(step, &mut doubts).await?;
    }
    work.doubt_unknown(&reading.owners, &before, &mut doubts).await?;
    let Work { conn, mut report, .. } = work;
    report.unmapped = u64::try_from(doubts.len()).unwrap_or(u64::MAX);
    if !doubts.is_empty() {
        crate::finding::store::save_findings(conn, doubts, change.ids, change.at).await?;
    }
    Ok(report)
}

async fn save_history(
    conn: &mut Conn,
    reading: &OwnerReading<'_>,
    before: &OwnerHistory,
    change: &Change<'_>,
    report: &mut OwnerReport,
) -> Result<(), CustomerError> {
    let when = Recorded { valid_from: change.at, recorded_at: change.at };
    for owner in &reading.owners {
        let last = before.owners.get(&owner.id).and_then(|states| states.last());
        let counter = match last {
            Some((_, last)) if last == owner => continue,
            Some(_) => &mut report.changed,
            None => &mut report.added,
        };
        if store::insert_owner(conn, reading.source, owner, when).await? {
            *counter += 1;
        }
    }
    let shown: BTreeSet<&str> = reading.owners.iter().map(|owner| owner.id.as_str()).collect();
    for last in before.latest() {
        if !shown.contains(last.id.as_str()) && last.state != REMOVED {
            let gone = OwnerInfo { state: REMOVED.to_owned(), ..last.clone() };
            if store::insert_owner(conn, reading.source, &gone, when).await? {
                report.removed += 1;
            }
        }
    }
    Ok(())
}

/// Whose each owner of a source is at an instant.
async fn load_mapped(
    conn: &mut Conn,
    source: &SourceName,
    at: i64,
) -> Result<BTreeMap<String, CustomerId>, CustomerError> {
    let mappings = store::load_source_mappings(conn, source, at).await?;
    let holds = |mapping: &OwnerMapping| Span::new(mapping.from, mapping.until).contains(at);
    let holding = mappings.into_iter().filter(holds);
    Ok(holding.map(|mapping| (mapping.owner.id, mapping.customer)).collect())
}

struct Work<'a> {
    conn: &'a mut Conn,
    source: &'a SourceName,
    change: &'a Change<'a>,
    sellers: Vec<Seller>,
    mapped: BTreeMap<String, CustomerId>,
    report: OwnerReport,
}

impl Work<'_> {
    async fn run(&mut self, step: Step, doubts: &mut Vec<NewFinding>) -> Result<(), CustomerError> {
        match step {
            Step::NewCustomer { account, seller } => {
                let customer = self.create(&account, &seller).await?;
                self.map(&account.id, customer, 0).await
            }
            Step::Internal { owner } => {
                let customer = self.internal_customer().await?;
                self.map(&owner.id, customer, 0).await
            }
            Step::FollowAccount { project, account } => match self.mapped.get(&account) {
                Some(customer) => {
                    let customer = customer.clone();
                    self.map(&project.id, customer, 0).await
                }
                None => {
                    doubts.push(doubt(self.source, &project.id, "its account is unmapped"));
                    Ok(())
                }
            },
            Step::ChangeAccount { project, account, from } => {
                let Some(customer) = self.mapped.get(&account).cloned() else {
                    doubts.push(doubt(self.source, &project.id, "its new account is unmapped"));
                    return Ok(());
                };
                let at = change::next_boundary(self.conn, &from, self.change.at).await?;
                self.report.moved += 1;
                self.map(&project.id, customer, at).await
            }
            Step::ChangeSeller { customer, account, to } => {
                self.change_seller(&customer, &account, &to).await
            }
            Step::Unmapped { owner, why } => {
                doubts.push(doubt(self.source, &owner.id, &format!("{}: {why}", owner.name)));
                Ok(())
            }
        }
    }

    async fn create(
        &mut self,
        account: &OwnerInfo,
        seller: &SellerId,
    ) -> Result<CustomerId, CustomerError> {
        let found = self.sellers.iter().find(|candidate| candidate.id == *seller);
        let found = found.ok_or_else(|| CustomerError::UnknownSeller(seller.0.clone()))?;
        let agreement = NewAgreement {
            seller: seller.clone(),
            // Usage from before the first sight of the account is covered too.
            from: 0,
            currency: found.details.currency,
            price_book: found.details.price_book.clone(),
        };
        let shown = account.name.trim();
        let details = CustomerDetails::named(if shown.is_empty() { &account.id } else { shown });
        let new = NewCustomer { details, from: 0, agreement: Some(agreement) };
        self.report.customers_created += 1;
        change::save_customer(self.conn, new, self.change).await
    }

    async fn internal_customer(&mut self) -> Result<CustomerId, CustomerError> {
        let as_of = AsOf::now(self.change.at);
        let number = store::INTERNAL_NUMBER;
        if let Some(found) = store::load_customer_by_number(self.conn, number, as_of).await? {
            return Ok(found.id);
        }
        let details = CustomerDetails::named(INTERNAL_NAME);
        let new = NewCustomer { details, from: 0, agreement: None };
        change::save_customer(self.conn, new, self.change).await
    }

    async fn map(
        &mut self,
        owner: &str,
        customer: CustomerId,
        from: i64,
    ) -> Result<(), CustomerError> {
        let owner_ref = OwnerRef { source: self.source.clone(), id: owner.to_owned() };
        let mapping =
            OwnerMapping { owner: owner_ref, customer: customer.clone(), from, until: i64::MAX };
        change::map_owner(self.conn, &mapping, self.change).await?;
        self.report.mapped += 1;
        if from <= self.change.at {
            self.mapped.insert(owner.to_owned(), customer);
        }
        Ok(())
    }

    /// Only a customer with this one account follows it; of others a person decides.
    async fn change_seller(
        &mut self,
        customer: &CustomerId,
        account: &OwnerInfo,
        to: &SellerId,
    ) -> Result<(), CustomerError> {
        let everything = Span::new(0, i64::MAX);
        let known_at = self.change.at;
        let mappings = store::load_mappings(self.conn, customer, everything, known_at).await?;
        let history = store::load_owner_history(self.conn, self.source, known_at).await?;
        let accounts: BTreeSet<&str> = mappings
            .iter()
            .map(|mapping| mapping.owner.id.as_str())
            .filter(|id| {
                history.at(id, known_at).is_none_or(|owner| owner.kind == OwnerKind::Account)
            })
            .collect();
        if accounts.len() != 1 || !accounts.contains(account.id.as_str()) {
            tracing::warn!(
                customer.id = %customer,
                owner.id = %account.id,
                "an account of a customer with several accounts came below another seller; \
                 decide with billow customers move"
            );
            return Ok(());
        }
        let at = change::next_boundary(self.conn, customer, known_at).await?;
        change::move_customer(self.conn, customer, to, at, self.change).await?;
        self.report.moved += 1;
        Ok(())
    }

    /// Owners that have usage and were never shown: removed before the first reading.
    async fn doubt_unknown(
        &mut self,
        owners: &[OwnerInfo],
        before: &OwnerHistory,
        doubts: &mut Vec<NewFinding>,
    ) -> Result<(), CustomerError> {
        let shown: BTreeSet<&str> = owners.iter().map(|owner| owner.id.as_str()).collect();
        for owner in store::load_owners_with_usage(self.conn, self.source).await? {
            let known = shown.contains(owner.as_str()) || before.owners.contains_key(&owner);
            if !known && !self.mapped.contains_key(&owner) {
                let why = "it has usage, and the orchestrator does not show it any more";
                doubts.push(doubt(self.source, &owner, why));
            }
        }
        Ok(())
    }
}

fn doubt(source: &SourceName, owner: &str, why: &str) -> NewFinding {
    let owner = OwnerRef { source: source.clone(), id: owner.to_owned() };
    NewFinding {
        rule: UNMAPPED_OWNER,
        message: format!("{owner} belongs to no customer: {why}; use billow customers map"),
        detail: json!({ "why": why }),
        fingerprint: format!("{UNMAPPED_OWNER}:{owner}"),
        owner,
        meter: String::new(),
        resource: String::new(),
        span: Span::new(0, i64::MAX),
        record_key: None,
        withholds: false,
        repaired: false,
        proposal: None,
    }
}
