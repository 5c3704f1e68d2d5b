//! Discovered offerings; price books and their versions.
//!
//! Invariants: a version is never changed after it is applied; a book is taken whole or
//! refused whole; an item's history is added to, never rewritten.

pub mod apply;
pub mod book;
mod book_check;
pub mod book_diff;
mod book_price;
mod book_read;
pub mod book_write;
pub mod generate;
mod hint;
pub mod price;
pub mod store;
pub mod suggest;
pub mod sync;
pub mod unit;
