//! Tests of invoices: price book and usage in, invoice out; issue, corrections, credit notes.

mod case;
pub mod cloud;
mod corrections;
mod credit;
mod evidence;
mod golden;
mod imported;
mod issue;
mod issued;
mod kill;
mod knowledge;
mod lines;
mod rules;
pub mod shop;
mod tax;
