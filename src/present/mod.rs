//! What people read: documents as PDF, HTML and CSV, amounts and dates in their language.

pub mod csv;
pub mod html;
pub mod pdf;
