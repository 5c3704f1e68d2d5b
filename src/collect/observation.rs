//! What a resource was seen to be, and when: the neutral form of listings and events.
//!
//! An orchestrator that reports no usage of its own is metered from observations: each says that
//! from an instant on a resource had a state, an owner and attributes. Listings, histories and
//! events all become observations, and intervals follow from them.

use serde::{Deserialize, Serialize};

use super::record::Attributes;
use crate::ids::OwnerRef;

/// What kind of thing is observed; decides the meters of its states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    Machine,
    Volume,
    Snapshot,
    Backup,
    Image,
    /// A public address that is owned, used or not.
    Address,
    Router,
    Network,
    /// A network interface.
    Port,
    LoadBalancer,
    Share,
    /// The object storage of one owner.
    ObjectStorage,
}

impl ResourceKind {
    pub const ALL: [Self; 12] = [
        Self::Machine,
        Self::Volume,
        Self::Snapshot,
        Self::Backup,
        Self::Image,
        Self::Address,
        Self::Router,
        Self::Network,
        Self::Port,
        Self::LoadBalancer,
        Self::Share,
        Self::ObjectStorage,
    ];

    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Volume => "volume",
            Self::Snapshot => "snapshot",
            Self::Backup => "backup",
            Self::Image => "image",
            Self::Address => "address",
            Self::Router => "router",
            Self::Network => "network",
            Self::Port => "port",
            Self::LoadBalancer => "load_balancer",
            Self::Share => "share",
            Self::ObjectStorage => "object_storage",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The state of a resource. Kinds without a life of their own are `Present` until `Gone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceState {
    /// Being made; it has not run yet.
    Building,
    Running,
    Paused,
    Suspended,
    Stopped,
    /// Shut down and kept on its host.
    Shelved,
    /// Shut down, and its host's place given back.
    ShelvedOffloaded,
    Rescued,
    /// Broken after it had run.
    Error,
    /// Deleted, and may still be restored.
    SoftDeleted,
    Present,
    Gone,
}

impl ResourceState {
    pub const ALL: [Self; 12] = [
        Self::Building,
        Self::Running,
        Self::Paused,
        Self::Suspended,
        Self::Stopped,
        Self::Shelved,
        Self::ShelvedOffloaded,
        Self::Rescued,
        Self::Error,
        Self::SoftDeleted,
        Self::Present,
        Self::Gone,
    ];

    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Suspended => "suspended",
            Self::Stopped => "stopped",
            Self::Shelved => "shelved",
            Self::ShelvedOffloaded => "shelved_offloaded",
            Self::Rescued => "rescued",
            Self::Error => "error",
            Self::SoftDeleted => "soft_deleted",
            Self::Present => "present",
            Self::Gone => "gone",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// How the instant of an observation is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// A listing tells that it was made at the instant, and not as what: what is observed of it
    /// next held from there. Its own state and attributes count for nothing.
    Made,
    /// The change happened at the instant: a history with times, or an event that names it.
    Event,
    /// A message told the change, and the instant is that of its sending: the history of the same
    /// change, where there is one, dates it more exactly.
    Heard,
    /// A listing showed it so at the instant; since when is not known.
    Seen,
    /// A complete listing of its kind did not show it at the instant. Made by the core alone.
    Missing,
}

impl Certainty {
    /// Whether a change is told, with its instant.
    pub fn is_event(self) -> bool {
        matches!(self, Self::Event | Self::Heard)
    }

    /// Whether the instant is told, and not just the one of a look.
    pub fn is_exact(self) -> bool {
        self == Self::Made || self.is_event()
    }

    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Event => "event",
            Self::Heard => "heard",
            Self::Seen => "seen",
            Self::Missing => "missing",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Made, Self::Event, Self::Heard, Self::Seen, Self::Missing]
            .into_iter()
            .find(|certainty| certainty.as_str() == text)
    }
}

/// From an instant on, a resource had this state, owner and attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The owner from the instant on; a transfer is an observation with another owner.
    pub owner: OwnerRef,
    pub kind: ResourceKind,
    /// The resource's stable id within its kind.
    pub resource: String,
    /// Microseconds since 1970 UTC; metering cuts to whole seconds.
    pub at_micros: i64,
    pub certainty: Certainty,
    /// `None`: the source tells attributes only (an owner's transfer, a resize, a new size); the
    /// state stays what it was.
    pub state: Option<ResourceState>,
    /// Neutral keys of [`super::record::attribute`]. What is absent stays what it was, so that an
    /// event may tell only what changed. An empty value says that the resource has no such thing
    /// (any more): the GPU after a resize to an offering without one. What a listing adds to what
    /// was known, and contradicts nothing of it, holds back to the last change.
    pub attributes: Attributes,
}

impl ResourceState {
    /// Whether a resource of a kind can be in the state: only machines run and stop; only what has
    /// no such life is just there.
    pub fn fits(self, kind: ResourceKind) -> bool {
        let machine = kind == ResourceKind::Machine;
        match self {
            Self::Building | Self::Error | Self::SoftDeleted | Self::Gone => true,
            Self::Running
            | Self::Paused
            | Self::Suspended
            | Self::Stopped
            | Self::Shelved
            | Self::ShelvedOffloaded
            | Self::Rescued => machine,
            Self::Present => !machine,
        }
    }

    /// Whether the resource is there at all, in use or not.
    pub fn exists(self) -> bool {
        self != Self::Gone
    }
}

impl Observation {
    /// The instant in whole seconds, cut.
    pub fn at(&self) -> i64 {
        self.at_micros.div_euclid(1_000_000)
    }
}
