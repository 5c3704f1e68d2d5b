//! The one test binary; folders mirror `src`.

mod bill;
mod catalog;
mod cloudstack;
mod collect;
mod customer;
mod demo;
mod lab;
mod observe;
mod openstack;
mod ops;
mod orchestrator;
mod present;
mod rate;
mod reconcile;
mod support;
mod web;
