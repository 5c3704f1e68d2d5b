//! Usage records in the neutral form, as every source of usage gives them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::OwnerRef;
use crate::money::Exact;
use crate::period::Span;

/// How the quantity of a record is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// Hours of use inside the span.
    Interval,
    /// An amount that arose inside the span (bytes, requests, pieces).
    Delta,
    /// A counter's reading at the end of the span.
    Cumulative,
    /// A level that held all through the span; from an instant on where the span is empty, until
    /// the next level of the same owner, meter and resource.
    Gauge,
}

impl RecordKind {
    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Delta => "delta",
            Self::Cumulative => "cumulative",
            Self::Gauge => "gauge",
        }
    }
}

/// Facts about the resource at the time, by neutral key ([`attribute`]).
pub type Attributes = BTreeMap<String, String>;

/// Neutral keys of [`Attributes`]; price conditions and dimensions read them.
pub mod attribute {
    pub const NAME: &str = "name";
    pub const OFFERING: &str = "offering";
    pub const OFFERING_NAME: &str = "offering_name";
    pub const TEMPLATE: &str = "template";
    pub const TEMPLATE_NAME: &str = "template_name";
    pub const OS: &str = "os";
    pub const OS_CATEGORY: &str = "os_category";
    pub const ZONE: &str = "zone";
    pub const ZONE_NAME: &str = "zone_name";
    pub const VCPUS: &str = "vcpus";
    pub const CPU_MHZ: &str = "cpu_mhz";
    pub const RAM_MIB: &str = "ram_mib";
    pub const SIZE_BYTES: &str = "size_bytes";
    pub const VIRTUAL_SIZE_BYTES: &str = "virtual_size_bytes";
    pub const STORAGE_TAG: &str = "storage_tag";
    pub const IOPS: &str = "iops";
    pub const GPU_COUNT: &str = "gpu_count";
    pub const GPU_MODEL: &str = "gpu_model";
    /// `shared` or `dedicated`: whether a machine's CPUs are its own.
    pub const CPU_POLICY: &str = "cpu_policy";
    pub const MACHINE: &str = "machine";
    pub const NETWORK: &str = "network";
    pub const HYPERVISOR: &str = "hypervisor";
    pub const SOURCE_NAT: &str = "source_nat";
    pub const DEFAULT: &str = "default";
    pub const DESCRIPTION: &str = "description";
    /// Unit of an imported quantity, where the meter is not one of the built-in ones.
    pub const UNIT: &str = "unit";
    /// The sending system of imported usage; no other usage has it.
    pub const EVENT_SOURCE: &str = "event_source";
    /// Seconds of the bucket that a counter's reading is the mean of; it begins at the reading.
    pub const BUCKET_SECONDS: &str = "bucket_seconds";
    /// Prefix of a resource tag: `tag:cost-centre`.
    pub const TAG_PREFIX: &str = "tag:";
}

/// A usage record in neutral form, before it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRecord {
    pub owner: OwnerRef,
    /// Meter code, see [`crate::meter::Meter`]; unknown codes are kept and found unpriced.
    pub meter: String,
    /// The resource's stable id; empty only where the source has none and none can be derived.
    pub resource: String,
    pub kind: RecordKind,
    pub span: Span,
    /// Hours, bytes, requests or pieces, as reported: nothing is snapped.
    pub quantity: Exact,
    pub attributes: Attributes,
    /// Hash (32 hex digits) of the remaining natural-key fields and the part's number; of imported
    /// usage see [`IMPORTED`].
    pub identity: String,
}

/// Begins the identity of imported usage: then come the hash of its sender's source and id, and,
/// where the row was replaced, its version.
pub const IMPORTED: &str = "import:";

/// Identity of records that are made of observations: one resource is in one state at a time, so
/// that nothing else of the natural key is left.
pub const OBSERVED: &str = "observed";

/// The key of a stored usage record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordKey {
    pub owner: OwnerRef,
    pub from: i64,
    pub meter: String,
    pub resource: String,
    pub identity: String,
    pub revision: i64,
}

impl RecordKey {
    /// Whether the record was imported, under whatever owner.
    pub fn is_imported(&self) -> bool {
        self.identity.starts_with(IMPORTED)
    }
}

/// A stored usage record: never changed; a correction is a new revision of the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    pub key: RecordKey,
    pub kind: RecordKind,
    pub until: i64,
    pub quantity: Exact,
    /// Id of the interned attribute set; equal attributes have equal ids.
    pub attribute_set: i64,
    /// The page of evidence and the position in it.
    pub evidence: i64,
    pub evidence_index: i64,
    /// When Billow stored it, unix seconds of the business clock.
    pub recorded_at: i64,
}

impl StoredRecord {
    /// In which order records of one time came.
    pub fn came_at(&self) -> (i64, i64) {
        (self.recorded_at, self.evidence_index)
    }

    /// Whether it is no usage any more: the row of an import that it was is another record now, or
    /// better evidence showed that what was observed was not so.
    pub fn is_withdrawn(&self) -> bool {
        let observed = self.key.identity == OBSERVED && self.key.revision > 0;
        let imported = self.key.is_imported() && self.kind == RecordKind::Delta;
        (observed || imported) && self.quantity.is_zero()
    }
}
