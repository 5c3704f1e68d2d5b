//! Tests of the simulated cloud against the recorded answers of a real one, and of the demo.

mod cloud;
mod defects;
mod faults;
mod lists;
mod live;
mod program;
mod region;
mod region_lists;
mod seed;
mod sessions;
mod signed;
mod story;
mod usage;
