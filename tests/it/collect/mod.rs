//! Tests of collecting, findings, import.
