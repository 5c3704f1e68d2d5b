//! Tests of collecting, findings, import and reconciliation.

mod import;
mod import_fuzz;
mod recorded;
mod rules;
mod world;
