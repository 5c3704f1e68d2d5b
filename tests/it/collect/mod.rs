//! Tests of collecting and findings.

mod buckets;
mod import;
mod import_fuzz;
mod neighbours;
mod recorded;
mod rules;
mod told;
pub mod world;
