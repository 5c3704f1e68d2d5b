//! Tests of running: configuration, doctor, backup, tidiness.

mod backup;
mod bulk;
mod cli;
mod config;
mod migrate;
mod month;
mod pages;
mod reference;
pub(crate) mod stopped;
mod tidy;
