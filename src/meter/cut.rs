//! Cuts spans and quantities at the period and at boundaries, pro rata of time. PURE.

use num_integer::Integer;

use crate::money::Exact;
use crate::period::Span;

/// The period and the instants inside it at which quantities are cut.
#[derive(Clone, Copy)]
pub(super) struct Cutter<'a> {
    pub span: Span,
    pub boundaries: &'a [i64],
}

impl Cutter<'_> {
    /// The parts of `span` inside the period that no boundary cuts. An instant stays one.
    pub fn parts(&self, span: Span) -> impl Iterator<Item = Span> + '_ {
        let inside = span.intersect(self.span);
        let instant = span.is_empty() && self.span.contains(span.from);
        let first = self.boundaries.partition_point(|at| *at <= inside.from);
        let last = self.boundaries.partition_point(|at| *at < inside.until).max(first);
        let mut from = inside.from;
        let cuts = self.boundaries[first..last].iter().copied();
        cuts.chain([inside.until]).filter_map(move |until| {
            let part = Span::new(from, until);
            from = until;
            (instant || !part.is_empty()).then_some(part)
        })
    }

    /// Whether a span lies inside the period and no boundary cuts it.
    pub fn keeps(&self, span: Span) -> bool {
        if span.from < self.span.from || span.until > self.span.until || span.is_empty() {
            return false;
        }
        let cuts = |at: &i64| *at > span.from && *at < span.until;
        !self.boundaries.iter().any(cuts)
    }
}

/// The share of `quantity` that falls in `part` of `whole`, linear in time and exact.
pub(super) fn share(quantity: &Exact, part: Span, whole: Span) -> Exact {
    if part == whole {
        return quantity.clone();
    }
    let (seconds, of) = (i128::from(part.seconds()), i128::from(whole.seconds()));
    let common = seconds.gcd(&of);
    quantity.times(&Exact::ratio(seconds / common, of / common))
}

/// How much of a quantity that was used in `whole` falls inside `span`. An instant's falls wholly
/// inside or outside.
pub fn inside(quantity: &Exact, whole: Span, span: Span) -> Exact {
    if whole.is_empty() {
        return if span.contains(whole.from) { quantity.clone() } else { Exact::ZERO };
    }
    share(quantity, whole.intersect(span), whole)
}

/// Hours of a span, in seconds of 3600.
pub(super) fn hours(span: Span) -> Exact {
    Exact::ratio(i128::from(span.seconds()), 3600)
}
