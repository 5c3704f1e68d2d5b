//! Charts as SVG made by the daemon, so that they print, mail and read aloud; each with the same
//! figures as a table beside it. Geometry in whole units: no floats near an amount.

use maud::{Markup, html};

use super::texts::text;
use crate::bill::document::Language;
use crate::money::Exact;

const WIDTH: i64 = 960;
const HEIGHT: i64 = 220;
/// Room for the scale at the left, for labels below, and above the highest bar.
const LEFT: i64 = 88;
const BOTTOM: i64 = 26;
const TOP: i64 = 12;
/// Labels of bars shown at most; the rest would overlap.
const LABELS_MAX: i64 = 12;
/// Steps of the scale.
const STEPS: i64 = 4;

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
            figcaption { (title) }
            svg.bars.framed role="img" aria-label=(title) viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) {
                @if top.is_positive() { (grid(&top, scale)) }
                (columns(bars, &top))
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

fn grid(top: &Exact, scale: &dyn Fn(&Exact) -> String) -> Markup {
    html! {
        @for step in 0..=STEPS {
            @let y = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * step / STEPS;
            @let value = top.times(&Exact::ratio(i128::from(step), i128::from(STEPS)));
            line.grid x1=(LEFT) x2=(WIDTH) y1=(y) y2=(y) {}
            text.axis x=(LEFT - 8) y=(y + 4) text-anchor="end" { (scale(&value)) }
        }
    }
}

fn columns(bars: &[Bar], top: &Exact) -> Markup {
    let count = i64::try_from(bars.len()).unwrap_or(i64::MAX).max(1);
    let room = WIDTH - LEFT;
    let every = (count + LABELS_MAX - 1) / LABELS_MAX;
    html! {
        @for (index, bar) in (0_i64..).zip(bars) {
            @let from = LEFT + room * index / count;
            @let until = LEFT + room * (index + 1) / count;
            @let gap = ((until - from) / 6).max(1);
            @let height = bar_height(&bar.value, top);
            rect x=(from + gap) y=(HEIGHT - BOTTOM - height)
                width=((until - from - 2 * gap).max(1)) height=(height) rx="2" {
                title { (bar.name) ": " (bar.text) }
            }
            @if index % every == 0 {
                text.axis x=((from + until) / 2) y=(HEIGHT - 8) text-anchor="middle" { (bar.label) }
            }
        }
    }
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
