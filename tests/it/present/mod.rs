//! Tests of documents: what people read is right in every form and language.

mod csv;
mod format;
mod html;
mod page;
mod pdf;
pub mod sample;
mod texts;
