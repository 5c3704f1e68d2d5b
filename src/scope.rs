//! What a caller may see. Every `load_…` that reads for a caller takes a [`Scope`]; there is no
//! query without one.

use std::collections::BTreeSet;

use crate::ids::{CustomerId, OwnerRef, SellerId};

/// The part of the data that a caller may see, decided once by `web/auth.rs` (or full for the
/// command line).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The provider's staff: everything.
    Provider,
    /// A seller's staff: its own documents and those of the sellers below it.
    Sellers(BTreeSet<SellerId>),
    /// A user of the orchestrator: the usage of these owners; an invoice only if these cover
    /// every owner on it, or if the user is a named billing contact of its customer.
    Owners { owners: BTreeSet<OwnerRef>, contact_of: BTreeSet<CustomerId> },
}

impl Scope {
    /// Whether usage of an owner that `seller` bills may be shown.
    pub fn sees_owner(&self, owner: &OwnerRef, seller: Option<&SellerId>) -> bool {
        match self {
            Self::Provider => true,
            Self::Sellers(sellers) => seller.is_some_and(|seller| sellers.contains(seller)),
            Self::Owners { owners, .. } => owners.contains(owner),
        }
    }

    /// Whether an issued document with these frozen parties and owners may be shown.
    pub fn sees_invoice(
        &self,
        seller: &SellerId,
        customer: &CustomerId,
        invoice_owners: &BTreeSet<OwnerRef>,
    ) -> bool {
        match self {
            Self::Provider => true,
            Self::Sellers(sellers) => sellers.contains(seller),
            Self::Owners { owners, contact_of } => {
                contact_of.contains(customer)
                    || (!invoice_owners.is_empty() && invoice_owners.is_subset(owners))
            }
        }
    }
}
