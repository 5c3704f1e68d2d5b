//! Tests of sign-in, API and pages, over HTTP against a server on a port of its own.

mod app;
mod cloud;
mod guard;
mod invoices;
mod isolation;
mod sign_in;
mod world;
