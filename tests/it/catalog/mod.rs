//! Tests of price books and the catalogue.

mod apply;
mod book_errors;
mod book_format;
mod book_fuzz;
mod cli;
pub mod fake;
mod generate;
mod suggest;
mod sync;
mod versions;
