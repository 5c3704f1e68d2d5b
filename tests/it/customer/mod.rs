//! Tests of sellers, customers, owners.

mod changes;
mod details;
mod mapping;
pub mod stories;
mod timeline;
