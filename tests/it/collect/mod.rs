//! Tests of collecting, findings, import and reconciliation.

mod import;
mod recorded;
mod rules;
mod world;
