//! The frozen invoice: everything its PDF, HTML, CSV, e-invoice and explanation need. PURE.
//!
//! The JSON of an [`InvoiceDocument`] is what the hash chain protects; it never changes once
//! issued, and newer code must go on reading it (golden files in `tests/golden`).

use serde::{Deserialize, Serialize};

use crate::ids::{AgreementId, CustomerId, InvoiceId, OwnerRef, SellerId};
use crate::meter::Category;
use crate::money::{Currency, Exact, RoundingMode};
use crate::period::Period;
use crate::rate::{ChargeKind, PoolKey, TierSpan};

/// Invoice (UNTDID 1001 code 380) or credit note (381).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    Invoice,
    CreditNote,
}

/// A language in which documents are made.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Default, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    En,
    De,
    Fr,
}

/// A postal address.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Address {
    pub lines: Vec<String>,
    pub postal_code: String,
    pub city: String,
    pub region: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

/// Seller or buyer as they were at issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Legal name (BT-27, BT-44).
    pub name: String,
    pub address: Address,
    pub vat_id: Option<String>,
    pub tax_number: Option<String>,
    /// Register entry, such as a court and number.
    pub registration: Option<String>,
    /// The customer's number at the seller; absent for sellers.
    pub number: Option<String>,
}

/// Contact data of the buyer; lies in a row of its own so that it can be erased, and is part
/// of the document by hash only.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Contact {
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
}

/// VAT category of EN 16931 (UNCL5305).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
pub enum TaxCategory {
    /// Standard or reduced rate.
    S,
    /// Zero rated.
    Z,
    /// Exempt.
    E,
    /// Reverse charge.
    AE,
    /// Intra-community supply.
    K,
    /// Export outside the EU.
    G,
    /// Outside the scope of VAT.
    O,
}

/// The tax that holds for a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaxRate {
    pub category: TaxCategory,
    /// Percent, exact: 19, 8.1.
    pub percent: Exact,
    /// Why no tax is due (BT-120); required for all categories but S and Z.
    pub reason: Option<String>,
}

/// One line. `net_minor` is the rounded `quantity × price ÷ base`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// From 1.
    pub number: u32,
    pub category: Category,
    pub kind: ChargeKind,
    /// What is paid for, in the document's language.
    pub text: String,
    /// Second row: project, resource, tier or the corrected invoice, in the same language.
    pub detail: Option<String>,
    /// First and last day (inclusive) of the service, local dates `YYYY-MM-DD`.
    pub service_from: String,
    pub service_until: String,
    /// Half-open instants of the same, unix seconds.
    pub service_span: crate::period::Span,
    pub quantity: Exact,
    /// UN/ECE Recommendation 20 code: HUR, MON, C62, E34 (gigabyte).
    pub unit_code: String,
    /// The price's unit, such as `vcpu_hour`; its name is translated at print.
    pub unit: String,
    /// Net price for `base` units (BT-146, BT-149).
    pub price: Exact,
    pub base: Exact,
    pub tier: Option<TierSpan>,
    pub pool: Option<PoolKey>,
    pub price_code: Option<String>,
    /// `<book>@<number>`.
    pub price_version: Option<String>,
    pub component: Option<String>,
    pub meter: Option<String>,
    pub offering: Option<String>,
    /// Project id and name when the line was cut by project.
    pub project: Option<String>,
    pub tax: TaxRate,
    /// Exact amount before rounding, decimal text or fraction.
    pub exact: Exact,
    pub net_minor: i64,
    /// The invoice whose period this line corrects (late usage).
    pub corrects: Option<Reference>,
}

/// Another document (BT-25, BT-26).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    pub id: InvoiceId,
    pub number: String,
    pub issue_date: String,
}

/// VAT of one category and rate (BG-23).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxSubtotal {
    pub tax: TaxRate,
    pub base_minor: i64,
    pub tax_minor: i64,
}

/// A group of a breakdown; the amounts of one breakdown sum to the invoice's net.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakdownEntry {
    /// Stable key: category code, project id, resource id or `key=value` of a tag.
    pub key: String,
    /// Name for people; for categories the code, translated at print.
    pub label: String,
    pub net_minor: i64,
}

/// The net, cut four ways.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Breakdowns {
    pub category: Vec<BreakdownEntry>,
    pub project: Vec<BreakdownEntry>,
    pub resource: Vec<BreakdownEntry>,
    pub tag: Vec<BreakdownEntry>,
}

/// How to pay.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BankAccount {
    pub holder: String,
    pub iban: String,
    pub bic: Option<String>,
    pub bank: Option<String>,
}

/// How a seller's documents look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentStyle {
    /// `#rrggbb` of headings and rules.
    pub colour: String,
    /// SHA-256 (hex) of the logo's PNG bytes in table `asset`, if there is one.
    pub logo: Option<String>,
    /// Height of the logo in millimetres.
    pub logo_height_mm: u8,
    /// Legal footer, up to three columns of lines.
    pub footer: Vec<Vec<String>>,
    /// Free text under the totals.
    pub closing: Option<String>,
    /// The resource annex is printed on the PDF too.
    pub annex: bool,
    /// Payment QR code (EPC069-12), for euro invoices with an IBAN.
    pub payment_qr: bool,
}

impl Default for DocumentStyle {
    fn default() -> Self {
        Self {
            colour: "#1f4e79".to_owned(),
            logo: None,
            logo_height_mm: 16,
            footer: Vec::new(),
            closing: None,
            annex: false,
            payment_qr: true,
        }
    }
}

/// An issued document, or a draft of one while `number` is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceDocument {
    /// Version of this format.
    pub format: u32,
    pub kind: DocumentKind,
    pub id: InvoiceId,
    pub number: Option<String>,
    pub series: String,
    pub seller_id: SellerId,
    pub customer_id: CustomerId,
    pub agreement_id: AgreementId,
    pub seller: Party,
    pub buyer: Party,
    /// SHA-256 (hex) of the buyer's [`Contact`] JSON and a random salt kept beside it.
    pub contact_hash: Option<String>,
    /// Local dates of the seller; `None` on drafts.
    pub issue_date: Option<String>,
    pub due_date: Option<String>,
    pub payment_terms_days: u16,
    pub period: Period,
    pub time_zone: String,
    /// First and last local day of the period.
    pub period_from: String,
    pub period_until: String,
    pub currency: Currency,
    pub rounding: RoundingMode,
    pub language: Language,
    pub lines: Vec<Line>,
    pub taxes: Vec<TaxSubtotal>,
    /// BT-109, BT-110, BT-112, BT-115; all of one sign, positive on credit notes too.
    pub net_minor: i64,
    pub tax_minor: i64,
    pub gross_minor: i64,
    pub payable_minor: i64,
    pub breakdowns: Breakdowns,
    /// All owners whose usage is on the document: decides who may see it.
    pub owners: Vec<OwnerRef>,
    /// The credited invoice and why, on credit notes.
    pub corrects: Option<Reference>,
    pub reason: Option<String>,
    /// Made by a bill run because usage changed after issue, not by a person's decision.
    #[serde(default)]
    pub automatic: bool,
    /// Prices known at this instant (unix seconds) were used for the periods it corrects, by an
    /// explicit correction run; later corrections of them go on from these prices.
    #[serde(default)]
    pub prices_corrected_at: Option<i64>,
    pub bank: Option<BankAccount>,
    /// What to write on the transfer: the number, once issued.
    pub style: DocumentStyle,
    /// Knowledge the amounts rest on: unix seconds, greatest record revision, engine version.
    pub known_at: i64,
    pub record_revision_max: i64,
    pub engine: String,
}

/// One resource's part of a line: row of the usage annex. The parts of a line sum to its net.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargePart {
    pub line: u32,
    pub ordinal: u32,
    pub owner: OwnerRef,
    pub project: Option<String>,
    pub account: Option<String>,
    pub meter: String,
    pub resource: String,
    pub resource_name: String,
    pub tags: Vec<String>,
    pub quantity: Exact,
    pub exact: Exact,
    pub net_minor: i64,
    /// First and last record key (JSON), count and SHA-256 of the records behind it.
    pub record_first: String,
    pub record_last: String,
    pub record_count: u32,
    pub record_hash: String,
}
