//! Typed ids: sortable by time and order of making, made from an injected clock, a counter and
//! random numbers.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// Counts the ids of this program, so that those of one millisecond sort as they were made: an
/// invoice run makes many, and lists page by time and id.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Makes ids: UUID version 7 with the business clock's time, so that they sort by it.
pub struct IdMaker<'a> {
    clock: &'a dyn Clock,
}

impl<'a> IdMaker<'a> {
    pub fn new(clock: &'a dyn Clock) -> Self {
        Self { clock }
    }

    /// A fresh UUID text.
    pub fn fresh(&self) -> String {
        let millis = u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0);
        let count = MADE.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 10];
        bytes[4..].copy_from_slice(&uuid::Uuid::new_v4().as_bytes()[10..]);
        // 26 bits of the count around the bits of version and variant: 12, then 6, then 8.
        let low = count & 0x3fff;
        let high = (count >> 14) & 0x0fff;
        [bytes[0], bytes[1]] = u16::try_from(high).unwrap_or(0).to_be_bytes();
        [bytes[2], bytes[3]] = u16::try_from(low).unwrap_or(0).to_be_bytes();
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid().to_string()
    }
}

/// The seconds in a UUID of version 7.
pub fn made_at(id: &str) -> Option<i64> {
    let (seconds, _) = uuid::Uuid::parse_str(id).ok()?.get_timestamp()?.to_unix();
    i64::try_from(seconds).ok()
}

/// Declares an id type that wraps text and is stored, shown and compared as that text.
#[macro_export]
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, utoipa::ToSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// A fresh id.
            pub fn fresh(ids: &$crate::ids::IdMaker<'_>) -> Self {
                Self(ids.fresh())
            }

            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// When it was made, unix seconds of the business clock; `None` for an id that
            /// [`IdMaker`] did not make.
            ///
            /// [`IdMaker`]: $crate::ids::IdMaker
            pub fn made_at(&self) -> Option<i64> {
                $crate::ids::made_at(&self.0)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A seller: who bills.
    SellerId
);
text_id!(
    /// A customer: who is billed.
    CustomerId
);
text_id!(
    /// An agreement between a seller and a buyer.
    AgreementId
);
text_id!(
    /// An invoice or credit note, draft or issued.
    InvoiceId
);
text_id!(
    /// A doubt about a record or a gap.
    FindingId
);
text_id!(
    /// A ledger entry.
    EntryId
);

/// The configured name of an orchestrator or another source of usage: `cs1`, `import`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct SourceName(pub String);

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The orchestrator's scope that consumed, with its source. `id` is the orchestrator's stable id.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
pub struct OwnerRef {
    pub source: SourceName,
    pub id: String,
}

impl fmt::Display for OwnerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.id)
    }
}
