//! Stopped time: allocated less running, by machine and window. PURE.

use std::sync::Arc;

use super::Facts;
use crate::collect::record::{StoredRecord, attribute};
use crate::money::Exact;
use crate::period::Span;

/// Allocated hours of a record that no running hours cover.
pub(super) struct Stopped {
    /// Position of the allocated record.
    pub record: usize,
    pub hours: Exact,
}

/// What comparing allocated with running gives.
#[derive(Default)]
pub(super) struct Comparison {
    pub stopped: Vec<Stopped>,
    /// First running record of a window, and the hours that no allocation covers.
    pub beyond: Vec<(usize, Exact)>,
}

/// Hours that running may exceed allocated by without a finding: one second.
fn tolerance() -> Exact {
    Exact::ratio(1, 3600)
}

/// A record of a machine's hours, as windows are compared.
#[derive(Clone, Copy)]
pub(super) struct Hours {
    /// Numbers of the resource and of its owner.
    pub machine: (usize, usize),
    pub span: Span,
    /// Position of the record.
    pub record: usize,
}

impl Hours {
    fn window(&self) -> ((usize, usize), Span) {
        (self.machine, self.span)
    }
}

/// Compares the windows of all machines. Positions point into `records` and `facts`.
/// A running record counts against the allocated ones of its own window; where there is none,
/// against the window that holds it. Machines without any allocated record have no stopped
/// time: their source does not tell it.
pub(super) fn compare(
    mut allocated: Vec<Hours>,
    mut running: Vec<Hours>,
    records: &[StoredRecord],
    facts: &[Arc<Facts>],
) -> Comparison {
    let by_key = |a: &Hours, b: &Hours| records[a.record].key.cmp(&records[b.record].key);
    let by_window = |a: &Hours, b: &Hours| a.window().cmp(&b.window()).then_with(|| by_key(a, b));
    allocated.sort_unstable_by(by_window);
    running.sort_unstable_by(by_window);
    let windows: Vec<&[Hours]> = allocated.chunk_by(|a, b| a.window() == b.window()).collect();
    let mut runs: Vec<(usize, usize)> = Vec::with_capacity(running.len());
    for run in running {
        if let Some(window) = window_of(&run, &windows) {
            runs.push((window, run.record));
        }
    }
    runs.sort_by_key(|(window, _)| *window);
    let mut work = Work { records, facts, result: Comparison::default() };
    let mut next = 0;
    for (number, window) in windows.iter().enumerate() {
        let first = next;
        while runs.get(next).is_some_and(|(of, _)| *of == number) {
            next += 1;
        }
        work.window(window, &runs[first..next]);
    }
    // Numbers are given by the order of the records, which must not show.
    let mut result = work.result;
    result.beyond.sort_by(|(a, _), (b, _)| records[*a].key.cmp(&records[*b].key));
    result
}

struct Work<'a> {
    records: &'a [StoredRecord],
    facts: &'a [Arc<Facts>],
    result: Comparison,
}

impl Work<'_> {
    fn window(&mut self, allocated: &[Hours], runs: &[(usize, usize)]) {
        let quantity = |at: usize| self.records[at].quantity.clone();
        if let ([one], []) = (allocated, runs) {
            return self.add(one.record, quantity(one.record));
        }
        let mut rests: Vec<Exact> = allocated.iter().map(|one| quantity(one.record)).collect();
        let mut over: Vec<Exact> = runs.iter().map(|(_, at)| quantity(*at)).collect();
        if allocated.len() > 1 {
            let offering = |at: usize| self.facts[at].attributes.get(attribute::OFFERING);
            for ((_, run), left) in runs.iter().zip(&mut over) {
                for (of, rest) in allocated.iter().zip(&mut rests) {
                    if offering(*run) == offering(of.record) {
                        settle(rest, left);
                    }
                }
            }
        }
        for left in &mut over {
            for rest in &mut rests {
                settle(rest, left);
            }
        }
        for (of, hours) in allocated.iter().zip(rests) {
            self.add(of.record, hours);
        }
        let beyond = Exact::sum(&over);
        if let Some((_, record)) = runs.first()
            && beyond > tolerance()
        {
            self.result.beyond.push((*record, beyond));
        }
    }

    fn add(&mut self, record: usize, hours: Exact) {
        if !hours.is_zero() {
            self.result.stopped.push(Stopped { record, hours });
        }
    }
}

/// Takes what fits of `left` out of `rest`.
fn settle(rest: &mut Exact, left: &mut Exact) {
    if left.is_zero() || rest.is_zero() {
        return;
    }
    if *left <= *rest {
        *rest = rest.minus(left);
        *left = Exact::ZERO;
    } else {
        *left = left.minus(rest);
        *rest = Exact::ZERO;
    }
}

fn window_of(run: &Hours, windows: &[&[Hours]]) -> Option<usize> {
    match windows.binary_search_by(|window| window[0].window().cmp(&run.window())) {
        Ok(exact) => Some(exact),
        Err(next) => {
            // The windows around: those that begin before, or with it and end later.
            let before = windows[..next].iter().enumerate().rev();
            let mut around = before
                .take_while(|(_, window)| window[0].machine == run.machine)
                .filter(|(_, window)| window[0].span.until >= run.span.until);
            let same_start = || {
                windows.get(next).is_some_and(|window| {
                    window[0].machine == run.machine && window[0].span.from == run.span.from
                })
            };
            if same_start() { Some(next) } else { around.next().map(|(number, _)| number) }
        }
    }
}
