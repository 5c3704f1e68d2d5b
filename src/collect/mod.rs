//! Pulls usage past the watermark into append-only records with evidence.
//!
//! Invariants: records and evidence are only ever added; a window, its findings and the moved
//! watermark are one transaction; reading anything again adds nothing that was there.

mod bucket;
pub mod decide;
pub mod events;
mod fragment;
pub mod import;
pub mod inventory;
pub mod job;
pub mod observation;
pub mod observe;
pub mod record;
pub mod store;
pub mod window;
