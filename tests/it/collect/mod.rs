//! Tests of collecting and findings.

mod recorded;
mod rules;
pub mod world;
