//! The shell of every page: head, navigation and main part, in light or dark, alone or in a frame.
//!
//! Made for a strict content security policy: one style sheet and one optional script by address,
//! no inline style, no inline script.

use std::sync::LazyLock;

use maud::{DOCTYPE, Markup, html};
use sha2::{Digest, Sha256};

use super::format;
use crate::bill::document::Language;
use crate::money::Money;

/// The style sheet of all pages and documents.
pub const CSS: &str = include_str!("style.css");

static CSS_PATH: LazyLock<String> = LazyLock::new(|| {
    let hash = hex::encode(Sha256::digest(CSS.as_bytes()));
    format!("/assets/billow-{}.css", &hash[..12])
});

/// The style sheet's address: `/assets/billow-<hash>.css`, another one for each content, so that
/// browsers may keep it for ever.
pub fn css_path() -> &'static str {
    &CSS_PATH
}

/// Colours of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
    /// What the visitor's system prefers.
    Auto,
}

impl Theme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::Auto => "auto",
        }
    }
}

/// An entry of the navigation.
pub struct NavItem {
    pub text: String,
    pub href: String,
    /// The page shown, or a page above it.
    pub current: bool,
}

/// All around the content.
pub struct Shell<'a> {
    pub title: &'a str,
    pub language: Language,
    pub theme: Theme,
    /// Inside another console's frame: no header and no navigation of its own.
    pub embedded: bool,
    pub style_href: &'a str,
    /// A script that the page can do without.
    pub script_src: Option<&'a str>,
    /// Where the name at the top leads.
    pub home: &'a str,
    pub nav: &'a [NavItem],
    /// Text of the link past the navigation.
    pub skip_text: &'a str,
    /// Who is signed in, and the way out.
    pub corner: Option<Markup>,
}

/// A whole page.
pub fn page(shell: &Shell<'_>, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(format::language_tag(shell.language)) data-theme=(shell.theme.as_str()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content=(colour_scheme(shell.theme));
                title { (shell.title) " · Billow" }
                link rel="stylesheet" href=(shell.style_href);
                @if !shell.embedded { link rel="icon" type="image/svg+xml" href=(ICON_PATH); }
                @if let Some(script) = shell.script_src { script src=(script) defer {} }
            }
            body class=(if shell.embedded { "embedded" } else { "alone" }) {
                a.skip href="#content" { (shell.skip_text) }
                @if !shell.embedded { (top(shell)) }
                @if shell.embedded && !shell.nav.is_empty() {
                    nav.tabs aria-label="Billow" { (entries(shell.nav)) }
                }
                main id="content" tabindex="-1" { (body) }
            }
        }
    }
}

fn colour_scheme(theme: Theme) -> &'static str {
    match theme {
        Theme::Light => "light",
        Theme::Dark => "dark",
        Theme::Auto => "light dark",
    }
}

fn top(shell: &Shell<'_>) -> Markup {
    html! {
        header.top {
            a.brand href=(shell.home) { (mark()) span { "Billow" } }
            @if !shell.nav.is_empty() {
                nav.main aria-label="Billow" { (entries(shell.nav)) }
            }
            @if let Some(corner) = &shell.corner { div.corner { (corner) } }
        }
    }
}

fn entries(nav: &[NavItem]) -> Markup {
    html! {
        ul { @for item in nav {
            li {
                a href=(item.href) aria-current=[item.current.then_some("page")] { (item.text) }
            }
        } }
    }
}

/// Where the mark is served by itself, for tabs and bookmarks.
pub const ICON_PATH: &str = "/assets/billow.svg";

/// The mark by itself: a whole SVG file.
pub fn icon() -> String {
    let mark = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32" {
            (waves())
        }
    };
    mark.into_string()
}

fn mark() -> Markup {
    html! { svg.mark aria-hidden="true" viewBox="0 0 32 32" width="28" height="28" { (waves()) } }
}

/// Two waves in a square.
fn waves() -> Markup {
    html! {
        rect width="32" height="32" rx="7" fill="#0f6bc2" {}
        path d="M5 14c3.7-5 7.3-5 11 0s7.3 5 11 0" fill="none" stroke="#fff"
            stroke-width="3" stroke-linecap="round" {}
        path d="M5 21c3.7-5 7.3-5 11 0s7.3 5 11 0" fill="none" stroke="#fff"
            stroke-width="3" stroke-linecap="round" opacity=".6" {}
    }
}

/// A table's cell with an amount.
pub fn money_cell(money: Money, language: Language) -> Markup {
    html! { td.number { (format::money(money, language)) } }
}

/// A table's cell with a number of any kind, formatted already.
pub fn number_cell(text: &str) -> Markup {
    html! { td.number { (text) } }
}

/// A list with a head; `numbers` marks the columns that are right-aligned.
pub fn table(caption: &str, heads: &[(&str, bool)], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(caption) {
            table.list {
                caption.hidden { (caption) }
                thead { tr { @for (head, number) in heads {
                    th.number[*number] scope="col" { (head) }
                } } }
                tbody { @for row in rows {
                    tr { @for (cell, (_, number)) in row.iter().zip(heads) {
                        td.number[*number] { (cell) }
                    } }
                } }
            }
        }
    }
}
