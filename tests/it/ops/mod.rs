//! Tests of running: configuration, doctor, backup, tidiness.

mod migrate;
