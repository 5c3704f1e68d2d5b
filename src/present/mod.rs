//! What people read: documents as PDF, HTML and CSV, amounts and dates in their language, and
//! the shell and style of every page.

pub mod chart;
mod country;
pub mod csv;
pub mod format;
pub mod html;
pub mod page;
mod payment_code;
pub mod pdf;
mod sheet;
pub mod texts;
