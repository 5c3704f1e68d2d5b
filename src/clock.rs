//! The business clock: what "now" means to billing. `SystemClock` is built in `app.rs` alone.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Gives the business time. Signatures, tokens and time-outs use the machine's clock instead.
pub trait Clock: Send + Sync {
    /// The present instant of the business.
    fn now(&self) -> Timestamp;

    /// The present instant in whole unix seconds, as the database stores it.
    fn now_seconds(&self) -> i64 {
        self.now().as_second()
    }
}

/// A clock that stands still until it is moved: `--as-of`, the demo's past, and tests.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock standing at `at`.
    pub fn at(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.as_second()))
    }

    /// Moves the clock.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.as_second(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}
