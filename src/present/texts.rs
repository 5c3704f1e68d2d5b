//! The words of documents, from the Fluent files in `texts/`, one for each language.
//!
//! Numbers, dates and amounts are formatted by [`super::format`] before they are put into a
//! sentence, so that no float ever touches an amount.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::{LanguageIdentifier, langid};

use crate::bill::document::Language;

type Bundle = FluentBundle<FluentResource>;

static EN: LazyLock<Bundle> = LazyLock::new(|| bundle(langid!("en"), include_str!("texts/en.ftl")));
static DE: LazyLock<Bundle> = LazyLock::new(|| bundle(langid!("de"), include_str!("texts/de.ftl")));
static FR: LazyLock<Bundle> = LazyLock::new(|| bundle(langid!("fr"), include_str!("texts/fr.ftl")));

fn bundle(language: LanguageIdentifier, source: &str) -> Bundle {
    let resource = FluentResource::try_new(source.to_owned())
        .unwrap_or_else(|(_, errors)| panic!("texts of {language}: {errors:?}"));
    let mut bundle = Bundle::new_concurrent(vec![language]);
    // Isolation marks would stand in PDF text and CSV; the layout isolates by itself.
    bundle.set_use_isolating(false);
    if let Err(errors) = bundle.add_resource(resource) {
        panic!("texts hold a name twice: {errors:?}");
    }
    bundle
}

fn bundle_of(language: Language) -> &'static Bundle {
    match language {
        Language::En => &EN,
        Language::De => &DE,
        Language::Fr => &FR,
    }
}

/// Whether a text exists.
pub fn has(language: Language, id: &str) -> bool {
    bundle_of(language).has_message(id)
}

/// The text named `id`.
///
/// # Panics
/// When there is no such text: the test `present::texts` visits every one in every language.
pub fn text(language: Language, id: &str) -> String {
    text_with(language, id, &[])
}

/// The text named `id` with its placeables filled.
///
/// # Panics
/// As [`text`], and when a placeable stays empty.
pub fn text_with(language: Language, id: &str, fills: &[(&str, &str)]) -> String {
    let bundle = bundle_of(language);
    let message = bundle.get_message(id).and_then(|message| message.value());
    let pattern = message.unwrap_or_else(|| panic!("no text {id:?} in {language:?}"));
    let mut args = FluentArgs::with_capacity(fills.len());
    for (name, value) in fills {
        args.set(*name, *value);
    }
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(&args), &mut errors);
    assert!(errors.is_empty(), "text {id:?} in {language:?}: {errors:?}");
    text.into_owned()
}
