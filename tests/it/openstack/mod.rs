//! The OpenStack adapter: against what real services answered and sent, and, where the tests are
//! started with one (`BILLOW_TEST_OPENSTACK`), against real services.

mod check;
mod events;
mod faults;
mod history;
mod lists;
mod logins;
mod observations;
mod sessions;
mod support;
