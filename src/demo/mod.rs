//! Simulated clouds on real sockets, for the demo and the tests, and the demo itself.

pub mod clock;
pub mod cloudstack;
mod files;
mod http;
mod life;
pub mod openstack;
pub mod run;
pub mod seed;
mod seed_machines;
mod seed_people;
mod sellers;
mod server;
mod set_up;
