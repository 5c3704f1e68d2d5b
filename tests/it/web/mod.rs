//! Tests of API and pages.
