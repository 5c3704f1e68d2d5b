//! Usage records become metered quantities: cut at period and price boundaries, stopped time
//! derived, counters and gauges turned into amounts. PURE.

pub mod counter;
mod cut;
pub(crate) mod intern;
pub mod kind;
mod level;
pub mod quantities;
mod stopped;

use std::sync::Arc;

use crate::collect::record::Attributes;
use crate::ids::{CustomerId, OwnerRef};
use crate::money::Exact;
use crate::period::Span;

pub use cut::inside;
pub use kind::{Category, METERS, Meter, MeterUnit, category_of, meter_of};

/// What is known of a resource while it was used: shared by all quantities it holds for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub customer: CustomerId,
    pub owner: OwnerRef,
    /// Id and name of the account that used, or that owns the project.
    pub account: Option<(String, String)>,
    /// Id and name of the project, where a project used.
    pub project: Option<(String, String)>,
    /// Path of the owner's domain at the time: `ROOT/reseller/customer`.
    pub domain_path: String,
    /// The record's attributes, completed from the catalogue of the time.
    pub attributes: Attributes,
}

/// A quantity of one meter, one resource and one span that no boundary cuts.
#[derive(Clone, Debug)]
pub struct Metered {
    pub meter: Arc<str>,
    pub resource: Arc<str>,
    pub facts: Arc<Facts>,
    pub span: Span,
    /// Hours, bytes, requests or pieces ([`MeterUnit`]).
    pub quantity: Exact,
    /// Position of the usage record behind it in the caller's list.
    pub record: usize,
}
