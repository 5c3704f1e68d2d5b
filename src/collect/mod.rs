//! Pulls usage past the watermark into append-only records with evidence.

pub mod record;
pub mod store;
