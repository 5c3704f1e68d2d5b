//! Stages that run in the background, and the leases that keep two of them apart.

pub mod lease;
pub mod looks;
pub mod schedule;
pub mod serve_lock;
