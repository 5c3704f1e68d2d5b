//! A machine's true life, drawn at random, and what listings and events tell of it.

use billow::collect::observation::{Certainty, Observation, ResourceKind, ResourceState};
use billow::collect::observe::interval::{Interval, Observed};
use billow::collect::record::Attributes;
use billow::ids::{OwnerRef, SourceName};
use proptest::prelude::*;

pub const SECOND: i64 = 1_000_000;
/// 2026-11-02T00:00:00Z in seconds.
pub const START: i64 = 1_793_577_600;

/// What a machine is from an instant on.
#[derive(Clone, Debug, PartialEq)]
pub struct Being {
    pub at: i64,
    pub state: ResourceState,
    pub owner: &'static str,
    pub size: u8,
}

/// A life: begins with the first being, ends with `Gone`, if it ends.
#[derive(Clone, Debug)]
pub struct Life(pub Vec<Being>);

pub fn owner(id: &str) -> OwnerRef {
    OwnerRef { source: SourceName("c1".to_owned()), id: id.to_owned() }
}

/// Sizes above one have a GPU; the others are told to have none.
pub fn attributes(size: u8) -> Attributes {
    let gpu = if size > 1 { size.to_string() } else { String::new() };
    [("offering", format!("size-{size}")), ("vcpus", (size + 1).to_string()), ("gpu_count", gpu)]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
}

pub fn told(being: &Being, at: i64, certainty: Certainty) -> Observation {
    Observation {
        owner: owner(being.owner),
        kind: ResourceKind::Machine,
        resource: "m1".to_owned(),
        at_micros: at,
        certainty,
        state: Some(being.state),
        attributes: attributes(being.size),
    }
}

pub fn observed(observation: Observation) -> Observed {
    Observed {
        read_micros: observation.at_micros,
        observation,
        shown_micros: None,
        evidence: 1,
        evidence_index: 0,
    }
}

impl Life {
    pub fn at(&self, micros: i64) -> Option<&Being> {
        self.0.iter().rfind(|being| being.at <= micros)
    }

    pub fn exists(&self, micros: i64) -> bool {
        self.at(micros).is_some_and(|being| being.state != ResourceState::Gone)
    }

    pub fn events(&self) -> Vec<Observed> {
        self.0.iter().map(|being| observed(told(being, being.at, Certainty::Event))).collect()
    }

    /// A listing that began at `at`, looked at the machine some time later, and ended at `read`.
    pub fn listing(&self, at: i64, looked: i64, read: i64, shown: Option<i64>) -> Observed {
        let seen = match self.at(looked).filter(|being| being.state != ResourceState::Gone) {
            Some(being) => observed(told(being, at, Certainty::Seen)),
            None => {
                let gone = Being { at, state: ResourceState::Gone, owner: "a", size: 0 };
                let mut missing = told(&gone, at, Certainty::Missing);
                missing.attributes = Attributes::new();
                Observed { shown_micros: shown, ..observed(missing) }
            }
        };
        Observed { read_micros: read, ..seen }
    }

    /// The end of the life, or `now`.
    pub fn end(&self, now: i64) -> i64 {
        let last = &self.0[self.0.len() - 1];
        if last.state == ResourceState::Gone { last.at } else { now }
    }
}

fn state() -> impl Strategy<Value = ResourceState> {
    prop::sample::select(vec![
        ResourceState::Building,
        ResourceState::Running,
        ResourceState::Paused,
        ResourceState::Suspended,
        ResourceState::Stopped,
        ResourceState::Shelved,
        ResourceState::ShelvedOffloaded,
        ResourceState::Rescued,
        ResourceState::Error,
        ResourceState::SoftDeleted,
    ])
}

/// A life of up to twelve changes, some of them close together, that ends or goes on.
pub fn life() -> impl Strategy<Value = Life> {
    let gap = prop_oneof![1..90 * SECOND, 1..7_200 * SECOND, 1..2 * SECOND];
    let change = (gap, state(), prop::sample::select(vec!["a", "b"]), 0..4_u8);
    (prop::collection::vec(change, 1..12), any::<bool>()).prop_map(|(changes, ends)| {
        let mut at = START * SECOND;
        let mut beings: Vec<Being> = Vec::new();
        for (gap, state, owner, size) in changes {
            at += gap;
            let being = Being { at, state, owner, size };
            let same = beings.last().is_some_and(|last| {
                (last.state, last.owner, last.size) == (being.state, being.owner, being.size)
            });
            if !same {
                beings.push(being);
            }
        }
        if ends {
            at += 61 * SECOND;
            let last = beings[beings.len() - 1].clone();
            beings.push(Being { at, state: ResourceState::Gone, ..last });
        }
        Life(beings)
    })
}

/// What of intervals is billed: where they were read does not count.
pub fn shown(intervals: &[Interval]) -> Vec<String> {
    intervals
        .iter()
        .map(|one| {
            let (from, until) = (one.from_micros, one.until_micros);
            format!("{from}..{until:?} {} {:?} {:?}", one.owner, one.state, one.attributes)
        })
        .collect()
}
