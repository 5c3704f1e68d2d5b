//! Tests of the CloudStack adapter.
