//! Simulated clouds on real sockets, for the demo and the tests, and the demo itself.

pub mod clock;
pub mod cloudstack;
pub mod run;
pub mod seed;
mod seed_machines;
mod seed_people;
mod sellers;
