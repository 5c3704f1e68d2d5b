//! Charts as SVG made by the daemon, so that they print, mail and read aloud; each with the same
//! figures as a table beside it. Geometry in whole units: no floats near an amount.

use maud::{Markup, html};

use super::texts::text;
use crate::bill::document::Language;
use crate::money::Exact;

/// Height of the whole, of the room for labels below, and above the highest bar, in pixels.
const HEIGHT: i64 = 200;
const BOTTOM: i64 = 26;
const TOP: i64 = 12;
/// Width of the scale beside the bars.
const SCALE: i64 = 64;
/// Labels of bars shown at most; the rest would overlap on a narrow screen.
const LABELS_MAX: i64 = 12;
/// Steps of the scale.
const STEPS: i64 = 4;
/// Hundredths of a percent: places across the bars, which grow with the screen.
const WHOLE: i64 = 10_000;

/// A bar.
pub struct Bar {
    /// Below the bar: a day's number.
    pub label: String,
    /// The full name in the table and the tooltip: the date.
    pub name: String,
    pub value: Exact,
    /// The value for people.
    pub text: String,
}

/// A bar for each entry, and the same as a table. `scale` writes a value at the axis. Values
/// below zero are drawn as nothing; the table has them.
pub fn bars(
    title: &str,
    value_head: &str,
    bars: &[Bar],
    scale: &dyn Fn(&Exact) -> String,
    language: Language,
) -> Markup {
    let greatest = bars.iter().map(|bar| bar.value.clone()).fold(Exact::ZERO, Exact::max);
    let top = ceiling(&greatest);
    html! {
        figure.chart {
            figcaption { (title) ", " (value_head) }
            div.plot {
                svg.scale aria-hidden="true" width=(SCALE) height=(HEIGHT) {
                    @if top.is_positive() { (steps(&top, scale)) }
                }
                svg.bars role="img" aria-label=(title) height=(HEIGHT) {
                    @if top.is_positive() { (grid()) }
                    (columns(bars, &top))
                }
            }
            details {
                summary { (text(language, "chart-values")) }
                table.list {
                    thead { tr {
                        th scope="col" { (text(language, "chart-day")) }
                        th.number scope="col" { (value_head) }
                    } }
                    tbody { @for bar in bars {
                        tr { th scope="row" { (bar.name) } td.number { (bar.text) } }
                    } }
                }
            }
        }
    }
}

fn height_of(step: i64) -> i64 {
    HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * step / STEPS
}

fn steps(top: &Exact, scale: &dyn Fn(&Exact) -> String) -> Markup {
    html! {
        @for step in 0..=STEPS {
            @let value = top.times(&Exact::ratio(i128::from(step), i128::from(STEPS)));
            text.axis x=(SCALE - 8) y=(height_of(step) + 4) text-anchor="end" { (scale(&value)) }
        }
    }
}

fn grid() -> Markup {
    html! {
        @for step in 0..=STEPS {
            line.grid x1="0" x2="100%" y1=(height_of(step)) y2=(height_of(step)) {}
        }
    }
}

fn columns(bars: &[Bar], top: &Exact) -> Markup {
    let count = i64::try_from(bars.len()).unwrap_or(i64::MAX).max(1);
    let every = (count + LABELS_MAX - 1) / LABELS_MAX;
    html! {
        @for (index, bar) in (0_i64..).zip(bars) {
            @let from = WHOLE * index / count;
            @let until = WHOLE * (index + 1) / count;
            @let gap = (until - from) / 6;
            @let height = bar_height(&bar.value, top);
            rect x=(percent(from + gap)) y=(HEIGHT - BOTTOM - height)
                width=(percent(until - from - 2 * gap)) height=(height) rx="2" {
                title { (bar.name) ": " (bar.text) }
            }
            @if index % every == 0 {
                text.axis x=(percent((from + until) / 2)) y=(HEIGHT - 8) text-anchor="middle" {
                    (bar.label)
                }
            }
        }
    }
}

/// Hundredths of a percent as SVG reads them.
fn percent(hundredths: i64) -> String {
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// Whole units of height; what is above zero is seen.
fn bar_height(value: &Exact, top: &Exact) -> i64 {
    if !value.is_positive() {
        return 0;
    }
    let full = HEIGHT - BOTTOM - TOP;
    let share = value.mul_int(i128::from(full)).divided_by(top);
    let height = share.and_then(|share| share.floor_and_half().0.to_i64());
    height.map_or(0, |height| height.clamp(1, full))
}

/// The smallest of 1, 2, 4, 5, 8 times a power of ten that is not below a value.
fn ceiling(value: &Exact) -> Exact {
    if !value.is_positive() {
        return Exact::ZERO;
    }
    let mut power = Exact::ONE;
    while power > *value {
        power = power.times(&Exact::ratio(1, 10));
    }
    loop {
        for factor in [1, 2, 4, 5, 8] {
            let candidate = power.mul_int(factor);
            if candidate >= *value {
                return candidate;
            }
        }
        power = power.mul_int(10);
    }
}
