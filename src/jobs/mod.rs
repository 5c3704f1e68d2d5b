//! Stages that run in the background, and the leases that keep two of them apart.

pub mod lease;
