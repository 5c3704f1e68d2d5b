//! Simulated clouds on real sockets, for the demo and the tests.

pub mod cloudstack;
