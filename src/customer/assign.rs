//! Which customer an owner belongs to, and which seller bills it, by the rule
//! `owners.auto = account`. PURE.
//!
//! What a person mapped or moved by hand stays: a step follows only from a change that the
//! orchestrator shows, and only where the present state is what this rule had made.

use std::collections::BTreeMap;

use super::Seller;
use super::store::OwnerHistory;
use crate::config::AutoOwners;
use crate::ids::{CustomerId, SellerId};
use crate::orchestrator::{OwnerInfo, OwnerKind};

/// Deepest chain of domains that is followed.
const DOMAIN_DEPTH_MAX: usize = 64;

/// What the rule looks at.
pub struct Assignment<'a> {
    pub auto: AutoOwners,
    /// The owners as the orchestrator shows them now.
    pub owners: &'a [OwnerInfo],
    /// The owners as they were known before.
    pub before: &'a OwnerHistory,
    pub sellers: &'a [Seller],
    /// Whose each owner is now.
    pub mapped: &'a BTreeMap<String, CustomerId>,
    /// Who bills each customer now.
    pub billed_by: &'a BTreeMap<CustomerId, SellerId>,
}

/// What is to be done. Steps come in an order in which each finds what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The account becomes a customer of the seller.
    NewCustomer { account: OwnerInfo, seller: SellerId },
    /// The owner belongs to the installation itself.
    Internal { owner: OwnerInfo },
    /// A project seen for the first time goes to its account's customer.
    FollowAccount { project: OwnerInfo, account: String },
    /// A project's owner account changed.
    ChangeAccount { project: OwnerInfo, account: String, from: CustomerId },
    /// The account came below another seller's domain.
    ChangeSeller { customer: CustomerId, account: OwnerInfo, to: SellerId },
    /// Nobody is billed for the owner until a person decides.
    Unmapped { owner: OwnerInfo, why: String },
}

/// The steps that the present state asks for.
pub fn steps(input: &Assignment<'_>) -> Vec<Step> {
    let now = DomainTree::new(input.owners.iter());
    let before = DomainTree::new(input.before.latest());
    let mut owners: Vec<&OwnerInfo> =
        input.owners.iter().filter(|owner| owner.kind != OwnerKind::Domain).collect();
    // Accounts first, so that projects find them; then the order that numbers customers.
    owners.sort_by_key(|owner| (owner.kind, &owner.domain_path, &owner.name, &owner.id));
    let mut steps = Vec::new();
    for owner in owners {
        let step = match (input.mapped.get(&owner.id), owner.kind) {
            (None, _) => Some(first_step(input, &now, owner)),
            (Some(customer), OwnerKind::Project) => account_change(input, owner, customer),
            (Some(customer), OwnerKind::Account | OwnerKind::Domain) => {
                seller_change(input, &now, &before, owner, customer)
            }
        };
        steps.extend(step);
    }
    steps
}

fn first_step(input: &Assignment<'_>, now: &DomainTree<'_>, owner: &OwnerInfo) -> Step {
    if owner.internal {
        return Step::Internal { owner: owner.clone() };
    }
    if input.auto == AutoOwners::Manual {
        let why = "owners.auto is manual, and nobody mapped it".to_owned();
        return Step::Unmapped { owner: owner.clone(), why };
    }
    if owner.kind == OwnerKind::Account {
        return match now.seller_of(owner.domain_id.as_deref(), input.sellers) {
            Some(seller) => Step::NewCustomer { account: owner.clone(), seller: seller.clone() },
            None => {
                let why = format!("no seller's domain holds {}", owner.domain_path);
                Step::Unmapped { owner: owner.clone(), why }
            }
        };
    }
    let account = owner.account_id.as_deref().filter(|account| {
        input.mapped.contains_key(*account)
            || input.owners.iter().any(|other| other.id == **account)
    });
    match account {
        Some(account) => {
            Step::FollowAccount { project: owner.clone(), account: account.to_owned() }
        }
        None => {
            let why = "the orchestrator shows no owner account of the project".to_owned();
            Step::Unmapped { owner: owner.clone(), why }
        }
    }
}

fn account_change(
    input: &Assignment<'_>,
    project: &OwnerInfo,
    customer: &CustomerId,
) -> Option<Step> {
    if input.auto == AutoOwners::Manual {
        return None;
    }
    let states = input.before.owners.get(&project.id)?;
    let (_, former) = states.last()?;
    let account = project.account_id.as_ref()?;
    if former.account_id.as_ref() == Some(account) {
        return None;
    }
    let former_customer = input.mapped.get(former.account_id.as_ref()?)?;
    (former_customer == customer).then(|| Step::ChangeAccount {
        project: project.clone(),
        account: account.clone(),
        from: customer.clone(),
    })
}

fn seller_change(
    input: &Assignment<'_>,
    now: &DomainTree<'_>,
    before: &DomainTree<'_>,
    account: &OwnerInfo,
    customer: &CustomerId,
) -> Option<Step> {
    if input.auto == AutoOwners::Manual || account.internal {
        return None;
    }
    let (_, former) = input.before.owners.get(&account.id)?.last()?;
    let old = before.seller_of(former.domain_id.as_deref(), input.sellers)?;
    let new = now.seller_of(account.domain_id.as_deref(), input.sellers)?;
    let automatic = input.billed_by.get(customer) == Some(old);
    (old != new && automatic).then(|| Step::ChangeSeller {
        customer: customer.clone(),
        account: account.clone(),
        to: new.clone(),
    })
}

/// Domains by id, to climb from one to the root.
pub struct DomainTree<'a>(BTreeMap<&'a str, &'a OwnerInfo>);

impl<'a> DomainTree<'a> {
    /// The tree of the domains among `owners`.
    pub fn new(owners: impl Iterator<Item = &'a OwnerInfo>) -> Self {
        let domains = owners.filter(|owner| owner.kind == OwnerKind::Domain);
        Self(domains.map(|domain| (domain.id.as_str(), domain)).collect())
    }

    /// The seller of the nearest domain that has one, from `domain` upwards; else the seller
    /// without a parent.
    pub fn seller_of<'s>(
        &self,
        domain: Option<&str>,
        sellers: &'s [Seller],
    ) -> Option<&'s SellerId> {
        let mut domain = domain;
        for _ in 0..DOMAIN_DEPTH_MAX {
            let Some(id) = domain else { break };
            let owns = |seller: &&Seller| seller.domain.as_ref().is_some_and(|own| own.id == id);
            if let Some(seller) = sellers.iter().find(owns) {
                return Some(&seller.id);
            }
            domain = self.0.get(id).and_then(|info| info.domain_id.as_deref());
        }
        sellers.iter().find(|seller| seller.parent.is_none()).map(|seller| &seller.id)
    }
}
