//! The demo's clock: stands still while the past is billed, then runs faster than the world's
//! until it has caught up with it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

use crate::app::SystemClock;
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

    /// Lets the clock run from where it stands, `speed` seconds in one second until it has
    /// reached the machine's time, and with that from then on.
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
        let Some((since, speed)) = state.running else { return instant(state.base) };
        let seconds = since.elapsed().as_millis().saturating_mul(u128::from(speed)) / 1000;
        let fast = state.base.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX));
        // A clock that was ahead of the machine's waits for it.
        instant(fast.min(SystemClock.now_seconds()).max(state.base))
    }
}

fn instant(at: i64) -> Timestamp {
    Timestamp::from_second(at).unwrap_or(Timestamp::MAX)
}
