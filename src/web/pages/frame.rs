//! The frame around a page's content: head, navigation, main part.

use maud::{DOCTYPE, Markup, html};

use crate::bill::document::Language;

/// The console's style sheet.
pub const CSS: &str = "";

/// Colours of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    Light,
    Dark,
    Auto,
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
    pub embedded: bool,
    pub style_href: &'a str,
    pub script_src: Option<&'a str>,
    pub home: &'a str,
    pub nav: &'a [NavItem],
    pub skip_text: &'a str,
    pub corner: Option<Markup>,
}

/// A whole page.
pub fn page(shell: &Shell<'_>, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html {
            head { title { (shell.title) } link rel="stylesheet" href=(shell.style_href); }
            body { (body) }
        }
    }
}
