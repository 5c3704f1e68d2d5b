//! Discovered offerings; price books and their versions.

pub mod price;
pub mod store;
