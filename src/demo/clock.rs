//! The demo's clock: stands still while the past is billed, then runs faster than the world's.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

use crate::clock::Clock;

/// A business clock that is set by hand, and then runs at a chosen speed.
pub struct DemoClock(Mutex<State>);

#[derive(Clone, Copy)]
struct State {
    base: i64,
    /// Since when it runs, and how many seconds of the demo pass in one of ours.
    running: Option<(Instant, u32)>,
}

impl DemoClock {
    /// A clock standing at `at` (unix seconds).
    pub fn at(at: i64) -> Self {
        Self(Mutex::new(State { base: at, running: None }))
    }

    /// Stops the clock at `at`.
    pub fn set(&self, at: i64) {
        *self.state() = State { base: at, running: None };
    }

    /// Lets the clock run from where it stands, `speed` seconds in one second.
    pub fn run(&self, speed: u32) {
        let base = self.now_seconds();
        *self.state() = State { base, running: Some((Instant::now(), speed)) };
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for DemoClock {
    fn now(&self) -> Timestamp {
        let state = *self.state();
        let passed = state.running.map_or(0, |(since, speed)| {
            let millis = since.elapsed().as_millis().saturating_mul(u128::from(speed)) / 1000;
            i64::try_from(millis).unwrap_or(i64::MAX)
        });
        Timestamp::from_second(state.base.saturating_add(passed)).unwrap_or(Timestamp::MAX)
    }
}
