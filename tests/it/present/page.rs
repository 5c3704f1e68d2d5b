//! Goal: the shell of pages holds with a strict policy, in frames, and is read by everybody.
//! Method: rules over its markup, and contrast computed from the style sheet's own colours.

use std::collections::BTreeMap;

use billow::bill::document::Language;
use billow::money::Exact;
use billow::present::chart::{self, Bar};
use billow::present::page::{CSS, NavItem, Shell, Theme, css_path, page};

fn shell(nav: &[NavItem], embedded: bool) -> Shell<'_> {
    Shell {
        title: "Invoices",
        language: Language::De,
        theme: Theme::Dark,
        embedded,
        style_href: css_path(),
        script_src: None,
        home: "/billing",
        nav,
        skip_text: "Zum Inhalt",
        corner: None,
    }
}

#[test]
fn a_page_has_one_style_sheet_and_nothing_inline() {
    let nav = [NavItem { text: "Rechnungen".into(), href: "/i?a=1&b=2".into(), current: true }];
    let text = page(&shell(&nav, false), maud::PreEscaped("<p>x</p>".into())).into_string();
    assert!(text.starts_with("<!DOCTYPE html>"));
    assert!(text.contains("<html lang=\"de\" data-theme=\"dark\">"));
    assert!(text.contains(&format!("<link rel=\"stylesheet\" href=\"{}\">", css_path())));
    assert!(text.contains("aria-current=\"page\""));
    assert!(text.contains("href=\"/i?a=1&amp;b=2\""));
    assert!(text.contains("<main id=\"content\""));
    for word in ["<script", "style=", "<style", "onclick"] {
        assert!(!text.contains(word), "{word}");
    }
    assert!(css_path().starts_with("/assets/billow-") && css_path().ends_with(".css"));
}

#[test]
fn a_page_in_a_frame_has_no_head_of_its_own() {
    let text = page(&shell(&[], true), maud::PreEscaped("<p>x</p>".into())).into_string();
    assert!(!text.contains("<header"));
    assert!(!text.contains("<nav"));
    assert!(text.contains("class=\"embedded\""));
}

#[test]
fn a_chart_has_its_figures_beside_it() {
    let bars: Vec<Bar> = ["0", "12.5", "3", "-4"]
        .iter()
        .enumerate()
        .map(|(day, value)| Bar {
            label: (day + 1).to_string(),
            name: format!("{} Oct 2026", day + 1),
            value: value.parse().expect("a decimal"),
            text: format!("€{value}"),
        })
        .collect();
    let scale = |value: &Exact| value.to_text_rounded(2);
    let chart = chart::bars("Cost by day", "Net", &bars, &scale, Language::En).into_string();
    assert_eq!(chart.matches("<rect").count(), 4);
    assert!(chart.contains(">20</text>"), "the scale ends at a round number: {chart}");
    assert!(chart.contains("<th scope=\"row\">2 Oct 2026</th><td class=\"number\">€12.5</td>"));
    assert!(chart.contains("role=\"img\" aria-label=\"Cost by day\""));
    let empty = chart::bars("Cost by day", "Net", &[], &scale, Language::En).into_string();
    assert!(!empty.contains("<rect"));
}

/// The colours that a block of the style sheet sets.
fn colours(block: &str) -> BTreeMap<String, [u8; 3]> {
    let from = CSS.find(block).unwrap_or_else(|| panic!("{block} in the style sheet"));
    let body = CSS[from..].split('}').next().expect("a block");
    body.lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": #"))
        .filter_map(|(name, hex)| {
            let value = u32::from_str_radix(hex, 16).ok()?;
            let [_, r, g, b] = value.to_be_bytes();
            Some((name.to_owned(), [r, g, b]))
        })
        .collect()
}

/// Relative luminance of WCAG 2.
fn luminance(colour: [u8; 3]) -> f64 {
    let [r, g, b] = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_text_can_be_read_in_both_themes() {
    let pairs = [
        ("text", "ground", 4.5),
        ("text", "sheet", 4.5),
        ("text", "raised", 4.5),
        ("quiet", "ground", 4.5),
        ("quiet", "sheet", 4.5),
        ("quiet", "raised", 4.5),
        ("accent", "ground", 4.5),
        ("accent", "sheet", 4.5),
        ("accent", "raised", 4.5),
        ("accent-strong", "sheet", 4.5),
        ("on-accent", "accent", 4.5),
        ("on-accent", "accent-strong", 4.5),
        ("text", "accent-soft", 4.5),
        ("accent", "accent-soft", 4.5),
        ("text", "warning-soft", 4.5),
        ("warning", "warning-soft", 4.5),
        ("accent", "warning-soft", 4.5),
        ("text", "good-soft", 4.5),
        ("good", "good-soft", 4.5),
        ("text", "error-soft", 4.5),
        ("error", "error-soft", 4.5),
        ("edge", "sheet", 3.0),
        ("bar", "sheet", 3.0),
    ];
    for block in [":root {", ":root[data-theme=\"dark\"] {", ":root[data-theme=\"auto\"] {"] {
        let colours = colours(block);
        for (front, back, least) in pairs {
            let found = contrast(colours[front], colours[back]);
            assert!(found >= least, "{block} {front} on {back}: {found:.2}");
        }
    }
}

#[test]
fn both_ways_to_the_dark_theme_have_the_same_colours() {
    assert_eq!(colours(":root[data-theme=\"dark\"] {"), colours(":root[data-theme=\"auto\"] {"));
}
