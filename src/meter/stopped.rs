//! Stopped time: allocated less running, by machine and window. PURE.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Facts;
use crate::collect::record::{StoredRecord, attribute};
use crate::ids::OwnerRef;
use crate::money::Exact;

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

/// Compares the windows of all machines. Positions point into `records` and `facts`.
/// A running record counts against the allocated ones of its own window; where there is none,
/// against the window that holds it. Machines without any allocated record have no stopped
/// time: their source does not tell it.
pub(super) fn compare(
    mut allocated: Vec<usize>,
    mut running: Vec<usize>,
    records: &[StoredRecord],
    facts: &[Arc<Facts>],
) -> Comparison {
    let by_window = |a: &usize, b: &usize| {
        let (a, b) = (&records[*a], &records[*b]);
        window_order(a, b).then_with(|| a.key.cmp(&b.key))
    };
    allocated.sort_by(by_window);
    running.sort_by(by_window);
    let windows: Vec<&[usize]> = allocated
        .chunk_by(|a, b| window_order(&records[*a], &records[*b]) == Ordering::Equal)
        .collect();
    let mut runs: Vec<(usize, usize)> = Vec::with_capacity(running.len());
    for record in running {
        if let Some(window) = window_of(&records[record], &windows, records) {
            runs.push((window, record));
        }
    }
    runs.sort_by_key(|(window, _)| *window);
    let mut result = Comparison::default();
    let mut next = 0;
    for (number, window) in windows.iter().enumerate() {
        let first = next;
        while runs.get(next).is_some_and(|(of, _)| *of == number) {
            next += 1;
        }
        compare_window(window, &runs[first..next], records, facts, &mut result);
    }
    result
}

fn compare_window(
    allocated: &[usize],
    runs: &[(usize, usize)],
    records: &[StoredRecord],
    facts: &[Arc<Facts>],
    result: &mut Comparison,
) {
    let mut rests: Vec<Exact> = allocated.iter().map(|at| records[*at].quantity.clone()).collect();
    let mut over: Vec<Exact> = runs.iter().map(|(_, at)| records[*at].quantity.clone()).collect();
    if allocated.len() > 1 {
        let offering = |at: usize| facts[at].attributes.get(attribute::OFFERING);
        for ((_, run), left) in runs.iter().zip(&mut over) {
            for (at, rest) in allocated.iter().zip(&mut rests) {
                if offering(*run) == offering(*at) {
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
    for (record, hours) in allocated.iter().copied().zip(rests) {
        if !hours.is_zero() {
            result.stopped.push(Stopped { record, hours });
        }
    }
    let beyond = Exact::sum(&over);
    if let Some((_, record)) = runs.first()
        && beyond > tolerance()
    {
        result.beyond.push((*record, beyond));
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

type Machine<'a> = (&'a str, &'a OwnerRef);

fn machine(record: &StoredRecord) -> Machine<'_> {
    (&record.key.resource, &record.key.owner)
}

fn window_order(a: &StoredRecord, b: &StoredRecord) -> Ordering {
    machine(a).cmp(&machine(b)).then_with(|| (a.key.from, a.until).cmp(&(b.key.from, b.until)))
}

fn window_of(run: &StoredRecord, windows: &[&[usize]], records: &[StoredRecord]) -> Option<usize> {
    let of = |window: &[usize]| &records[window[0]];
    match windows.binary_search_by(|window| window_order(of(window), run)) {
        Ok(exact) => Some(exact),
        Err(next) => {
            // The windows around: those that begin before, or with it and end later.
            let before = windows[..next].iter().enumerate().rev();
            let mut around = before
                .take_while(|(_, window)| machine(of(window)) == machine(run))
                .filter(|(_, window)| of(window).until >= run.until);
            let same_start = || {
                windows.get(next).is_some_and(|window| {
                    machine(of(window)) == machine(run) && of(window).key.from == run.key.from
                })
            };
            if same_start() { Some(next) } else { around.next().map(|(number, _)| number) }
        }
    }
}
