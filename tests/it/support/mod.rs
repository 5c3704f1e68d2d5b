//! What tests stand on: databases of both engines, scripted servers, and files of their own.

pub mod db;
pub mod prometheus;
pub mod server;
