//! Which customers a caller reaches, and whether wholly or by some owners only.
//!
//! A user of the cloud reaches a customer wholly when their owners cover all of the customer's
//! in the span asked for, or when the customer names them as a billing contact; else only the
//! usage of the owners they share.

use std::collections::{BTreeMap, BTreeSet};

use super::error::ApiError;
use crate::customer::store::{self, AsOf};
use crate::customer::{Agreement, Customer};
use crate::ids::{CustomerId, OwnerRef, SellerId};
use crate::period::Span;
use crate::scope::Scope;
use crate::store::{Conn, StoreError};

/// How far a caller reaches into a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    Whole,
    Owners(BTreeSet<OwnerRef>),
}

impl Reach {
    /// Whether usage of an owner may be shown.
    pub fn sees(&self, owner: &OwnerRef) -> bool {
        match self {
            Self::Whole => true,
            Self::Owners(owners) => owners.contains(owner),
        }
    }

    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

/// How far a scope reaches into a customer that `seller` bills in `span`; `None` is not at all.
pub async fn load_reach(
    conn: &mut Conn,
    scope: &Scope,
    agreement: &Agreement,
    span: Span,
    known_at: i64,
) -> Result<Option<Reach>, StoreError> {
    match scope {
        Scope::Provider => Ok(Some(Reach::Whole)),
        Scope::Sellers(sellers) => Ok(sellers.contains(&agreement.seller).then_some(Reach::Whole)),
        Scope::Owners { owners, contact_of } => {
            let customer = &agreement.customer;
            if contact_of.contains(customer) {
                return Ok(Some(Reach::Whole));
            }
            let mappings = store::load_mappings(conn, customer, span, known_at).await?;
            let all: BTreeSet<OwnerRef> = mappings.into_iter().map(|m| m.owner).collect();
            let shared: BTreeSet<OwnerRef> = all.intersection(owners).cloned().collect();
            Ok(match shared.len() {
                0 => None,
                count if count == all.len() => Some(Reach::Whole),
                _ => Some(Reach::Owners(shared)),
            })
        }
    }
}

/// A customer that a caller reaches, with the agreements that they may know of.
#[derive(Clone, Debug)]
pub struct Reached {
    pub customer: Customer,
    pub agreements: Vec<Agreement>,
    pub reach: Reach,
}

/// The customers that a scope reaches now, ascending by number.
pub async fn load_customers(
    conn: &mut Conn,
    scope: &Scope,
    now: i64,
) -> Result<Vec<Reached>, StoreError> {
    let ids: Option<BTreeSet<CustomerId>> = match scope {
        Scope::Provider => None,
        Scope::Sellers(sellers) => Some(load_customers_of(conn, sellers, now).await?),
        Scope::Owners { owners, contact_of } => {
            let mut ids = contact_of.clone();
            for owner in owners {
                ids.extend(store::load_customer_of_owner(conn, owner, AsOf::now(now)).await?);
            }
            Some(ids)
        }
    };
    let customers = store::load_customers(conn, AsOf::now(now)).await?;
    let mut reached = Vec::new();
    for customer in customers {
        if ids.as_ref().is_some_and(|ids| !ids.contains(&customer.id)) {
            continue;
        }
        reached.extend(reach_of(conn, scope, customer, now).await?);
    }
    Ok(reached)
}

/// One customer by id or number, if the scope reaches it.
pub async fn load_customer(
    conn: &mut Conn,
    scope: &Scope,
    id_or_number: &str,
    now: i64,
) -> Result<Reached, ApiError> {
    let as_of = AsOf::now(now);
    let id = CustomerId(id_or_number.to_owned());
    let mut found = store::load_customer(conn, &id, as_of).await?;
    if found.is_none() {
        found = store::load_customer_by_number(conn, id_or_number, as_of).await?;
    }
    let customer = found.ok_or_else(|| ApiError::not_found("customer"))?;
    let reached = reach_of(conn, scope, customer, now).await?;
    reached.ok_or_else(|| ApiError::not_found("customer"))
}

async fn load_customers_of(
    conn: &mut Conn,
    sellers: &BTreeSet<SellerId>,
    now: i64,
) -> Result<BTreeSet<CustomerId>, StoreError> {
    let mut ids = BTreeSet::new();
    for seller in sellers {
        let always = Span::new(i64::MIN, i64::MAX);
        let agreements = store::load_agreements(conn, seller, always, now).await?;
        ids.extend(agreements.into_iter().map(|agreement| agreement.customer));
    }
    Ok(ids)
}

async fn reach_of(
    conn: &mut Conn,
    scope: &Scope,
    customer: Customer,
    now: i64,
) -> Result<Option<Reached>, StoreError> {
    let mut agreements = store::load_customer_agreements(conn, &customer.id, now).await?;
    let reach = match scope {
        Scope::Provider => Some(Reach::Whole),
        Scope::Sellers(sellers) => {
            agreements.retain(|agreement| sellers.contains(&agreement.seller));
            (!agreements.is_empty()).then_some(Reach::Whole)
        }
        Scope::Owners { owners, contact_of } => {
            let moment = Span::new(now, now + 1);
            let mappings = store::load_mappings(conn, &customer.id, moment, now).await?;
            let all: BTreeSet<OwnerRef> = mappings.into_iter().map(|m| m.owner).collect();
            let shared: BTreeSet<OwnerRef> = all.intersection(owners).cloned().collect();
            let whole = contact_of.contains(&customer.id) || shared.len() == all.len();
            match (whole, shared.is_empty()) {
                (false, true) => None,
                (true, true) if !contact_of.contains(&customer.id) => None,
                (true, _) => Some(Reach::Whole),
                (false, false) => Some(Reach::Owners(shared)),
            }
        }
    };
    let Some(reach) = reach else { return Ok(None) };
    let mut customer = customer;
    let last = agreements.iter().map(|agreement| agreement.until).max();
    if let (Scope::Sellers(_), Some(until)) = (scope, last.filter(|until| *until <= now)) {
        // A seller that lost the customer goes on to see it as it was then, not as it is.
        let as_of = AsOf { at: until - 1, known_at: now };
        if let Some(then) = store::load_customer(conn, &customer.id, as_of).await? {
            customer = then;
        }
    }
    Ok(Some(Reached { customer, agreements, reach }))
}

/// Owners with the spans in which a scope sees their usage; `None` sees all. Sellers see an
/// owner while they billed it; after a move, the new side does not see the old months.
pub async fn load_owner_spans(
    conn: &mut Conn,
    scope: &Scope,
    now: i64,
) -> Result<Option<BTreeMap<OwnerRef, Vec<Span>>>, StoreError> {
    let always = Span::new(i64::MIN, i64::MAX);
    let sellers = match scope {
        Scope::Provider => return Ok(None),
        Scope::Owners { owners, .. } => {
            return Ok(Some(owners.iter().map(|o| (o.clone(), vec![always])).collect()));
        }
        Scope::Sellers(sellers) => sellers,
    };
    let mut spans: BTreeMap<OwnerRef, Vec<Span>> = BTreeMap::new();
    for seller in sellers {
        for agreement in store::load_agreements(conn, seller, always, now).await? {
            let span = Span::new(agreement.from, agreement.until);
            for mapping in store::load_mappings(conn, &agreement.customer, span, now).await? {
                let seen = span.intersect(Span::new(mapping.from, mapping.until));
                spans.entry(mapping.owner).or_default().push(seen);
            }
        }
    }
    Ok(Some(spans))
}
