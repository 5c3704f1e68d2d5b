//! What tests stand on: databases of both engines, and files of their own.

pub mod db;
