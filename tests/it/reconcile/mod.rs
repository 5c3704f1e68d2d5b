//! Tests of comparing records, metered, billed and the inventory.

mod cli;
mod sides;
