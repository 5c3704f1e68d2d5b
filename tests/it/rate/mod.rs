//! Tests of metering and rating.
