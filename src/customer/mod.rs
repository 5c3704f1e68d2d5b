//! Who bills whom: sellers and their tree, customers, agreements, and the mapping of the
//! orchestrator's owners to customers. Every dated fact is superseded, never updated.

pub mod assign;
pub mod change;
pub mod check;
pub mod logo;
pub mod store;
pub mod sync;
pub mod timeline;

pub use change::{
    Change, CustomerError, NewAgreement, NewCustomer, NewSeller, NewTerms, map_owner,
    move_customer, save_customer, save_customer_details, save_seller, save_seller_details,
};

use serde::{Deserialize, Serialize};

use crate::bill::document::{Address, BankAccount, DocumentStyle, Language, TaxCategory};
use crate::ids::{AgreementId, CustomerId, OwnerRef, SellerId};
use crate::money::{Currency, Exact, RoundingMode};

/// How charges become lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineCut {
    PerResource,
    #[default]
    PerOfferingAndProject,
    PerCategory,
}

/// What happens with an invoice of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZeroInvoices {
    #[default]
    Skip,
    Issue,
}

/// Whether drafts without holds wait for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    #[default]
    Automatic,
    Manual,
}

/// A rate of a tax class from a local day on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxRule {
    /// Buyer's country (ISO 3166-1) the rule is for; `None` for all others.
    #[serde(default)]
    pub country: Option<String>,
    #[serde(default = "standard_class")]
    pub class: String,
    pub category: TaxCategory,
    pub percent: Exact,
    #[serde(default)]
    pub reason: Option<String>,
    /// First day, `YYYY-MM-DD`, from its midnight in the customer's zone; `None`: always.
    #[serde(default)]
    pub from: Option<String>,
}

fn standard_class() -> String {
    "standard".to_owned()
}

/// What is known of a seller from an instant on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SellerDetails {
    pub name: String,
    pub address: Address,
    #[serde(default)]
    pub vat_id: Option<String>,
    #[serde(default)]
    pub tax_number: Option<String>,
    #[serde(default)]
    pub registration: Option<String>,
    pub currency: Currency,
    pub time_zone: String,
    #[serde(default)]
    pub language: Language,
    #[serde(default)]
    pub rounding: RoundingMode,
    /// Series of invoices and of credit notes, the first part of their numbers.
    pub invoice_series: String,
    pub credit_series: String,
    #[serde(default)]
    pub line_cut: LineCut,
    #[serde(default)]
    pub zero_invoices: ZeroInvoices,
    #[serde(default)]
    pub approval: Approval,
    #[serde(default = "fourteen")]
    pub payment_terms_days: u16,
    #[serde(default)]
    pub bank: Option<BankAccount>,
    #[serde(default)]
    pub tax_rules: Vec<TaxRule>,
    #[serde(default)]
    pub style: DocumentStyle,
    /// The price book of new agreements.
    pub price_book: String,
}

fn fourteen() -> u16 {
    14
}

/// A seller: the provider, or a reseller below it, bound to a domain of the orchestrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seller {
    pub id: SellerId,
    /// Short stable code for the command line: `provider`, `alpha`.
    pub code: String,
    pub parent: Option<SellerId>,
    /// The orchestrator's domain (source and stable id) that the seller owns.
    pub domain: Option<OwnerRef>,
    pub details: SellerDetails,
}

/// What is known of a customer from an instant on; unset fields follow the seller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerDetails {
    pub name: String,
    #[serde(default)]
    pub address: Address,
    #[serde(default)]
    pub vat_id: Option<String>,
    #[serde(default)]
    pub tax_number: Option<String>,
    /// Overrides the category that the seller's tax rules give (`AE`, `E`, …).
    #[serde(default)]
    pub tax_category: Option<TaxCategory>,
    #[serde(default)]
    pub tax_reason: Option<String>,
    #[serde(default)]
    pub language: Option<Language>,
    #[serde(default)]
    pub time_zone: Option<String>,
    #[serde(default = "one")]
    pub anchor_day: i8,
    #[serde(default)]
    pub line_cut: Option<LineCut>,
    #[serde(default)]
    pub payment_terms_days: Option<u16>,
    #[serde(default)]
    pub contact_name: Option<String>,
    #[serde(default)]
    pub contact_email: Option<String>,
    #[serde(default)]
    pub contact_phone: Option<String>,
    /// Orchestrator users (source/user id) who may see every invoice of this customer.
    #[serde(default)]
    pub billing_contacts: Vec<OwnerRef>,
}

impl CustomerDetails {
    /// Details of which the name alone is known; all else follows the seller.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            address: Address::default(),
            vat_id: None,
            tax_number: None,
            tax_category: None,
            tax_reason: None,
            language: None,
            time_zone: None,
            anchor_day: one(),
            line_cut: None,
            payment_terms_days: None,
            contact_name: None,
            contact_email: None,
            contact_phone: None,
            billing_contacts: Vec::new(),
        }
    }
}

fn one() -> i8 {
    1
}

/// A customer: who is billed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    pub id: CustomerId,
    /// Gapless per installation, `C00001`; issue order of a bill run.
    pub number: String,
    /// Internal owners (system accounts) are collected and never billed.
    pub internal: bool,
    pub details: CustomerDetails,
}

/// Seller, buyer, valid span, currency and price book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    pub id: AgreementId,
    pub seller: SellerId,
    pub customer: CustomerId,
    pub from: i64,
    /// `i64::MAX` while open.
    pub until: i64,
    pub currency: Currency,
    pub price_book: String,
}

/// An owner belongs to a customer for a span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerMapping {
    pub owner: OwnerRef,
    pub customer: CustomerId,
    pub from: i64,
    pub until: i64,
}
