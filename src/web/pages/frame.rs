//! The frame around a page's content: head, navigation, main part.

use maud::{DOCTYPE, Markup, html};

use crate::bill::document::Language;

/// The console's style sheet.
pub const CSS: &str = include_str!("../assets/console.css");

/// Colours of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
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
    pub current: bool,
}

/// All around the content.
pub struct Shell<'a> {
    pub title: &'a str,
    pub language: Language,
    pub theme: Theme,
    /// Inside another page's frame: no header of its own but the navigation.
    pub embedded: bool,
    pub script_src: Option<&'a str>,
    pub home: &'a str,
    pub nav: &'a [NavItem],
    pub skip_text: &'a str,
    pub corner: Option<Markup>,
}

/// Where the style sheet is served.
const STYLE: &str = "/assets/billow.css";

/// A whole page.
pub fn page(shell: &Shell<'_>, body: Markup) -> Markup {
    let language = match shell.language {
        Language::En => "en",
        Language::De => "de",
        Language::Fr => "fr",
    };
    let class = if shell.embedded { "console embedded" } else { "console" };
    let has_top = !shell.nav.is_empty() || !shell.embedded;
    html! {
        (DOCTYPE)
        html lang=(language) data-theme=(shell.theme.as_str()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (shell.title) " · Billow" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(STYLE);
                @if let Some(src) = shell.script_src { script type="module" src=(src) {} }
            }
            body class=(class) {
                a.skip href="#content" { (shell.skip_text) }
                @if has_top {
                    header.top {
                        @if !shell.embedded { a.brand href=(shell.home) { "Billow" } }
                        nav {
                            @for item in shell.nav {
                                a href=(item.href) aria-current=[item.current.then_some("page")] {
                                    (item.text)
                                }
                            }
                        }
                        @if let Some(corner) = &shell.corner { div.corner { (corner) } }
                    }
                }
                main #content { (body) }
            }
        }
    }
}
