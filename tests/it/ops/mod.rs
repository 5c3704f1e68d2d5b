//! Tests of running: configuration, doctor, backup, tidiness.

mod backup;
mod config;
mod migrate;
mod reference;
mod tidy;
