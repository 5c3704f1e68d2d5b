//! Billow: metering, rating, billing and payment for clouds. `ARCHITECTURE.md` is the map.

pub mod app;
pub mod audit;
pub mod bill;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod config;
pub mod customer;
pub mod demo;
pub mod finding;
pub mod ids;
pub mod jobs;
pub mod ledger;
pub mod meter;
pub mod money;
pub mod orchestrator;
pub mod period;
pub mod present;
pub mod rate;
pub mod reconcile;
pub mod scope;
pub mod store;
pub mod web;

/// Reading pages and rating make many small values, which the C library's allocator is slow with:
/// see `docs/performance.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
