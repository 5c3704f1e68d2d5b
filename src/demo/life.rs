//! Spans of life of what simulated clouds hold.

/// A span of life; `until` is exclusive and `i64::MAX` while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    pub from: i64,
    pub until: i64,
}

impl Life {
    /// A life that goes on.
    pub fn since(from: i64) -> Self {
        Self { from, until: i64::MAX }
    }

    /// Whether it has begun and not ended at `at`.
    pub fn holds(self, at: i64) -> bool {
        self.from <= at && at < self.until
    }

    /// The part inside another span, if there is one.
    pub fn within(self, other: Self) -> Option<Self> {
        let part = Self { from: self.from.max(other.from), until: self.until.min(other.until) };
        (part.from < part.until).then_some(part)
    }

    /// Seconds inside another span.
    pub fn seconds_in(self, other: Self) -> i64 {
        self.within(other).map_or(0, |part| part.until - part.from)
    }
}
