//! Billow beside a real OpenStack: the one that `tests/lab/up` starts and `tests/run` ends.

mod billed;
mod cloud;
mod faults;
mod gate;
mod heard;
mod life;
mod lived;
mod logins;
mod prometheus;
mod shop;
mod telemetry;
mod wished;
