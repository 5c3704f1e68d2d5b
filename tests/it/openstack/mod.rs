//! The OpenStack adapter: against what real services answered and sent, against the simulated
//! region, and, where the tests are started with one (`BILLOW_TEST_OPENSTACK`), against real
//! services.

mod check;
mod events;
mod faults;
mod history;
mod lists;
mod logins;
mod observations;
mod prometheus;
mod sessions;
mod simulated;
mod support;
mod telemetry;
