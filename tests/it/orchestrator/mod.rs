//! The contract that every orchestrator keeps.

pub(crate) mod contract;
