//! Tests of collecting, findings, import and reconciliation.

mod recorded;
mod rules;
mod world;
