//! Tests of the CloudStack adapter: recorded answers, faults on the way, and the contract of the
//! trait against the simulated cloud.

mod billed;
pub(crate) mod events;
pub(crate) mod faults;
mod fuzz;
mod interrupted;
mod lists;
mod observations;
mod sessions;
mod signing;
mod simulated;
mod support;
mod usage;
mod watermark;
