//! Whose an imported row is: the owner that its sender names, as far as they may bill it, and the
//! time zone in which its days begin.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::row::{Imported, OwnerName, Place};
use crate::collect::store::IMPORT;
use crate::customer::change::cycle_of;
use crate::customer::store::{
    AsOf, OwnerHistory, load_customer, load_customer_agreements, load_customer_by_number,
    load_owner_history, load_seller, load_sellers, load_source_mappings,
};
use crate::customer::{Agreement, OwnerMapping};
use crate::ids::{CustomerId, OwnerRef, SourceName};
use crate::orchestrator::OwnerKind;
use crate::period::{Span, zone_of};
use crate::scope::Scope;
use crate::store::{Conn, StoreError};

/// What is known of the owners of one source.
struct Source {
    history: OwnerHistory,
    mappings: BTreeMap<String, Vec<OwnerMapping>>,
}

/// Who is billed, by whom, and in which zone.
struct Billed {
    agreements: Vec<Agreement>,
    zone: TimeZone,
}

/// Finds owners for a caller; what was looked up once is remembered.
pub struct Owners<'a> {
    scope: &'a Scope,
    now: i64,
    sources: BTreeMap<SourceName, Source>,
    customers: BTreeMap<CustomerId, Billed>,
    numbers: BTreeMap<String, Option<CustomerId>>,
    provider_zone: TimeZone,
    /// Mappings that customers billed by number need before their usage counts.
    pub new_mappings: Vec<OwnerMapping>,
}

impl<'a> Owners<'a> {
    /// Owners as far as `scope` may bill them, as known at `now`.
    pub async fn new(conn: &mut Conn, scope: &'a Scope, now: i64) -> Result<Self, StoreError> {
        let sellers = load_sellers(conn, AsOf::now(now)).await?;
        let root = sellers.iter().find(|seller| seller.parent.is_none());
        let zone = zone_of(root.map_or("UTC", |seller| &seller.details.time_zone));
        Ok(Self {
            scope,
            now,
            sources: BTreeMap::new(),
            customers: BTreeMap::new(),
            numbers: BTreeMap::new(),
            provider_zone: zone.map_err(|error| StoreError::Conflict(error.to_string()))?,
            new_mappings: Vec::new(),
        })
    }

    /// Whose a row is; the message says how to mend it. What the caller may not bill is answered as
    /// what does not exist.
    pub async fn place(
        &mut self,
        conn: &mut Conn,
        row: &Imported,
    ) -> Result<Result<Place<'_>, String>, StoreError> {
        // A day in another zone differs by hours, which decide nothing here.
        let Some(at) = row.from.at(&self.provider_zone) else {
            return Ok(Err("its `from` lies outside the calendar".to_owned()));
        };
        let (owner, customer) = match &row.owner {
            OwnerName::Customer(number) => {
                let Some(customer) = self.customer(conn, number).await? else {
                    return Ok(Err(unknown_customer(number)));
                };
                let owner =
                    OwnerRef { source: SourceName(IMPORT.to_owned()), id: number.to_uppercase() };
                self.map(conn, &owner, &customer).await?;
                (owner, Some(customer))
            }
            OwnerName::Owner(named) => {
                let ids = self.candidates(conn, named).await?;
                let mut seen = Vec::new();
                for id in ids {
                    let owner = OwnerRef { source: named.source.clone(), id };
                    let customer = self.customer_at(&owner, at);
                    if self.sees(conn, &owner, customer.as_ref(), at).await? {
                        seen.push((owner, customer));
                    }
                }
                match (seen.pop(), seen.is_empty()) {
                    (Some(found), true) => found,
                    (Some(_), false) => {
                        return Ok(Err(format!("{named} names several owners: use an id")));
                    }
                    (None, _) => return Ok(Err(unknown_owner(named))),
                }
            }
        };
        if matches!(row.owner, OwnerName::Customer(_))
            && !self.sees(conn, &owner, customer.as_ref(), at).await?
        {
            return Ok(Err(unknown_customer(&owner.id)));
        }
        let billed = customer.and_then(|customer| self.customers.get(&customer));
        let zone = billed.map_or(&self.provider_zone, |billed| &billed.zone);
        Ok(Ok(Place { owner, zone }))
    }

    /// Ids of owners that have the id, or else the name.
    async fn candidates(
        &mut self,
        conn: &mut Conn,
        named: &OwnerRef,
    ) -> Result<Vec<String>, StoreError> {
        if !self.sources.contains_key(&named.source) {
            let source = load_source(conn, &named.source, self.now).await?;
            self.sources.insert(named.source.clone(), source);
        }
        let Some(source) = self.sources.get(&named.source) else { return Ok(Vec::new()) };
        let domain = |id: &str| {
            source.history.at(id, self.now).is_some_and(|owner| owner.kind == OwnerKind::Domain)
        };
        let known = source.history.owners.contains_key(&named.id) && !domain(&named.id);
        if known || source.mappings.contains_key(&named.id) {
            return Ok(vec![named.id.clone()]);
        }
        let owners = source.history.latest().filter(|owner| owner.kind != OwnerKind::Domain);
        Ok(owners.filter(|owner| owner.name == named.id).map(|owner| owner.id.clone()).collect())
    }

    fn customer_at(&self, owner: &OwnerRef, at: i64) -> Option<CustomerId> {
        let mappings = self.sources.get(&owner.source)?.mappings.get(&owner.id)?;
        let holds = |mapping: &&OwnerMapping| Span::new(mapping.from, mapping.until).contains(at);
        mappings.iter().find(holds).map(|mapping| mapping.customer.clone())
    }

    /// Whether the caller may bill the owner at an instant.
    async fn sees(
        &mut self,
        conn: &mut Conn,
        owner: &OwnerRef,
        customer: Option<&CustomerId>,
        at: i64,
    ) -> Result<bool, StoreError> {
        if let Some(customer) = customer {
            self.load_billed(conn, customer).await?;
        }
        let billed = customer.and_then(|customer| self.customers.get(customer));
        let agreement = billed.and_then(|billed| {
            billed.agreements.iter().find(|one| Span::new(one.from, one.until).contains(at))
        });
        Ok(self.scope.sees_owner(owner, agreement.map(|agreement| &agreement.seller)))
    }

    /// A customer that is billed, by number.
    async fn customer(
        &mut self,
        conn: &mut Conn,
        number: &str,
    ) -> Result<Option<CustomerId>, StoreError> {
        if let Some(known) = self.numbers.get(number) {
            return Ok(known.clone());
        }
        let found = load_customer_by_number(conn, number, AsOf::now(self.now)).await?;
        let found = found.filter(|customer| !customer.internal).map(|customer| customer.id);
        self.numbers.insert(number.to_owned(), found.clone());
        Ok(found)
    }

    /// Notes that a customer's own owner needs its mapping, where it has none.
    async fn map(
        &mut self,
        conn: &mut Conn,
        owner: &OwnerRef,
        customer: &CustomerId,
    ) -> Result<(), StoreError> {
        if !self.sources.contains_key(&owner.source) {
            let source = load_source(conn, &owner.source, self.now).await?;
            self.sources.insert(owner.source.clone(), source);
        }
        let Some(source) = self.sources.get_mut(&owner.source) else { return Ok(()) };
        if source.mappings.contains_key(&owner.id) {
            return Ok(());
        }
        let mapping = OwnerMapping {
            owner: owner.clone(),
            customer: customer.clone(),
            from: 0,
            until: i64::MAX,
        };
        source.mappings.insert(owner.id.clone(), vec![mapping.clone()]);
        self.new_mappings.push(mapping);
        Ok(())
    }

    async fn load_billed(
        &mut self,
        conn: &mut Conn,
        customer: &CustomerId,
    ) -> Result<(), StoreError> {
        if self.customers.contains_key(customer) {
            return Ok(());
        }
        let as_of = AsOf::now(self.now);
        let agreements = load_customer_agreements(conn, customer, self.now).await?;
        let mut zone = self.provider_zone.clone();
        if let (Some(found), Some(last)) =
            (load_customer(conn, customer, as_of).await?, agreements.last())
            && let Some(seller) = load_seller(conn, &last.seller, as_of).await?
        {
            let cycle = cycle_of(&found, &seller);
            let cycle = cycle.map_err(|error| StoreError::Conflict(error.to_string()))?;
            zone = cycle.zone().clone();
        }
        self.customers.insert(customer.clone(), Billed { agreements, zone });
        Ok(())
    }
}

async fn load_source(conn: &mut Conn, source: &SourceName, now: i64) -> Result<Source, StoreError> {
    let history = load_owner_history(conn, source, now).await?;
    let mut mappings: BTreeMap<String, Vec<OwnerMapping>> = BTreeMap::new();
    for mapping in load_source_mappings(conn, source, now).await? {
        mappings.entry(mapping.owner.id.clone()).or_default().push(mapping);
    }
    Ok(Source { history, mappings })
}

fn unknown_owner(named: &OwnerRef) -> String {
    format!(
        "no account or project {named}: billow customers show prints owners; run billow catalog \
         sync if it is new"
    )
}

fn unknown_customer(number: &str) -> String {
    format!("no customer {number} who is billed: billow customers list shows them")
}

/// The earliest and latest instants that an import may name, from now.
pub const YEARS_BACK_MAX: i64 = 10;
/// See [`YEARS_BACK_MAX`].
pub const YEARS_AHEAD_MAX: i64 = 5;
const YEAR_SECONDS: i64 = 366 * 86_400;

/// Refuses years that are mistyped.
pub fn check_years(span: Span, now: i64) -> Result<(), (&'static str, String)> {
    let allowed =
        Span::new(now - YEARS_BACK_MAX * YEAR_SECONDS, now + YEARS_AHEAD_MAX * YEAR_SECONDS);
    for (column, at) in [("from", span.from), ("until", span.until)] {
        if !allowed.contains(at) {
            let what = format!(
                "lies more than {YEARS_BACK_MAX} years back or {YEARS_AHEAD_MAX} ahead: check the \
                 year"
            );
            return Err((column, what));
        }
    }
    Ok(())
}
