//! Records against metered, billed, and what the orchestrator itself lists and accounts, by owner
//! and meter.
//!
//! Each side is read by itself, and every difference has a name with its likely reason. Invariant:
//! what a side does not tell is `None`, never zero.

mod accounting;
pub mod compare;
pub mod load;
mod sides;

use serde::Serialize;

use crate::bill::store::DraftState;
use crate::ids::{FindingId, InvoiceId, OwnerRef};
use crate::money::{Currency, Exact};
use crate::period::PeriodLabel;

/// Everything that was compared.
#[derive(Clone, Debug, Serialize)]
pub struct Reconciliation {
    pub period: PeriodLabel,
    /// Whether no difference is open.
    pub good: bool,
    /// Unix seconds: what was recorded later is not in it.
    pub known_at: i64,
    pub sources: Vec<SourceSide>,
    /// Ascending by seller, customer, owner and meter; owners that are nobody's come last.
    pub rows: Vec<Row>,
}

/// How far a source of usage could be compared.
#[derive(Clone, Debug, Serialize)]
pub struct SourceSide {
    pub source: String,
    /// Usage is collected up to this instant (unix seconds); `None`: never collected.
    pub collected_until: Option<i64>,
    /// Meters of which the inventory tells the resources; `None` where it was not asked, or did
    /// not answer.
    pub inventory_meters: Option<Vec<String>>,
    pub differences: Vec<Difference>,
}

/// One owner and meter.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Code of the seller; `None` where nobody bills it.
    pub seller: Option<String>,
    /// Number and name of the customer; `None` where the owner is nobody's.
    pub customer: Option<String>,
    pub customer_name: Option<String>,
    /// An empty id: charged for several owners as a whole.
    pub owner: OwnerRef,
    pub owner_name: Option<String>,
    pub meter: String,
    /// Unit of the quantities: hour, byte, request, piece, or an imported one.
    pub unit: String,
    /// What was received, withheld records too; `None` for what is derived from another meter.
    pub recorded: Option<Recorded>,
    /// What is billable of it; `None` for a meter that is evidence of another one.
    pub metered: Option<Measure>,
    /// What stands on the documents of the period; `None` while there is none.
    pub billed: Option<Billed>,
    /// Resources that the inventory knows; `None` where it does not tell this meter.
    pub inventory: Option<usize>,
    /// Hours by the orchestrator's own accounting, which may forget some; `None` where it has none.
    pub accounted: Option<Measure>,
    pub differences: Vec<Difference>,
}

/// What was received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Recorded {
    pub records: usize,
    pub resources: usize,
    /// Inside the period; `None` for levels and counter readings, which have no sum.
    pub quantity: Option<Exact>,
}

/// A quantity and the resources that have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Measure {
    pub resources: usize,
    pub quantity: Exact,
}

/// What stands on documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Billed {
    /// The quantity as it was known to the newest of the documents.
    pub measure: Measure,
    /// Net of the lines' parts, credit notes taken off.
    pub net_minor: i64,
    pub currency: Currency,
    pub documents: Vec<DocumentState>,
}

/// A document of the period: the invoice, one with later differences, or a credit note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentState {
    pub id: InvoiceId,
    /// `None` while it is a draft.
    pub number: Option<String>,
    /// `None` once it is issued.
    pub draft: Option<DraftState>,
}

/// Which two sides differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Between {
    RecordsAndMetered,
    MeteredAndBilled,
    InventoryAndRecords,
    /// The orchestrator's own usage and what is collected of it.
    SourceAndRecords,
}

/// The likely reason of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A finding that is not decided holds records back.
    Withheld,
    /// A person decided that records do not count.
    Rejected,
    /// Records of a volume's attachment tell again what the volume's own do.
    Attachment,
    /// None of the known reasons: look at the records.
    Unexplained,
    Unpriced,
    /// The price book says 0.
    Free,
    /// There is no document of the period yet.
    NotBilled,
    /// A draft waits to be issued.
    NotIssued,
    /// A draft is held.
    Held,
    /// The provider's own; never billed.
    Internal,
    /// Its customer has no agreement in the period.
    NoAgreement,
    UnmappedOwner,
    /// Known after the document was made; the next bill run corrects it.
    Late,
    /// Billed, and not known any more; the next bill run credits it.
    Withdrawn,
    /// The inventory knows the resource, and there is no usage of it.
    MissingUsage,
    /// The same, accepted by a person.
    GapAccepted,
    /// Its usage goes on, and the inventory does not know it.
    UnknownToInventory,
    /// The orchestrator's own accounting has hours of which there is no usage.
    BelowAccounting,
    /// There is usage after the end that the orchestrator's own accounting tells.
    BeyondAccounting,
    /// Usage is not collected up to the period's end.
    NotCollected,
    /// The orchestrator did not tell its inventory.
    InventoryMissing,
}

impl Reason {
    /// Whether somebody has to do something about it.
    pub fn is_open(self) -> bool {
        match self {
            Self::Rejected | Self::Attachment | Self::Free | Self::Internal | Self::GapAccepted => {
                false
            }
            Self::Withheld
            | Self::Unexplained
            | Self::Unpriced
            | Self::NotBilled
            | Self::NotIssued
            | Self::Held
            | Self::NoAgreement
            | Self::UnmappedOwner
            | Self::Late
            | Self::Withdrawn
            | Self::MissingUsage
            | Self::UnknownToInventory
            | Self::BelowAccounting
            | Self::BeyondAccounting
            | Self::NotCollected
            | Self::InventoryMissing => true,
        }
    }
}

/// A difference between two sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub between: Between,
    pub reason: Reason,
    /// Whether somebody has to do something about it.
    pub open: bool,
    /// Ids of the resources it is about.
    pub resources: Vec<String>,
    /// How much it is, where the sides have quantities.
    pub quantity: Option<Exact>,
    pub finding: Option<FindingId>,
    /// What it is and how to mend it.
    pub message: String,
}

impl Difference {
    /// A difference with what is likely behind it.
    pub fn new(between: Between, reason: Reason, message: String) -> Self {
        Self {
            between,
            reason,
            open: reason.is_open(),
            resources: Vec::new(),
            quantity: None,
            finding: None,
            message,
        }
    }
}
