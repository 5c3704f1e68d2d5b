//! Tests of sign-in, API and pages, over HTTP against a server on a port of its own.

mod app;
pub(crate) mod browser;
mod changes;
mod cloud;
mod guard;
mod invoices;
pub mod isolation;
mod pages;
mod reconciliation;
mod shown_token;
mod sign_in;
mod world;
