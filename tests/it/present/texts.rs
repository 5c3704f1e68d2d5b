//! Goal: no word is missing in any language. Method: read the Fluent files and compare.

use std::collections::{BTreeMap, BTreeSet};

use billow::bill::document::Language::{De, En, Fr};
use billow::present::texts;

const EN: &str = include_str!("../../../src/present/texts/en.ftl");
const DE: &str = include_str!("../../../src/present/texts/de.ftl");
const FR: &str = include_str!("../../../src/present/texts/fr.ftl");

/// Names of the texts of a file with the placeables that each fills.
fn names(source: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut last = String::new();
    for line in source.lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with([' ', '}'])) {
            last = name.to_owned();
            names.entry(last.clone()).or_default();
        }
        let placeables = line
            .split('$')
            .skip(1)
            .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric()).collect::<String>());
        if let Some(known) = names.get_mut(&last) {
            known.extend(placeables);
        }
    }
    names
}

#[test]
fn every_text_exists_in_every_language_with_the_same_placeables() {
    let english = names(EN);
    assert!(english.len() > 100, "the file was read");
    for (language, source) in [(De, DE), (Fr, FR)] {
        let mut expected = english.clone();
        // Only English writes months short; units may be the same for one and many.
        expected.retain(|name, _| !name.starts_with("month-short-"));
        let found = names(source);
        let missing: Vec<_> = expected.keys().filter(|name| !found.contains_key(*name)).collect();
        let more: Vec<_> = found.keys().filter(|name| !expected.contains_key(*name)).collect();
        assert!(missing.is_empty() && more.is_empty(), "{language:?}: {missing:?}, {more:?}");
        for (name, placeables) in &found {
            let allowed = &expected[name];
            let unit = name.starts_with("unit-");
            assert!(
                placeables == allowed || (unit && placeables.is_subset(allowed)) || {
                    // A short tax name of a rate of zero needs no percentage.
                    name.starts_with("tax-") && placeables.is_subset(allowed)
                },
                "{language:?}: {name} fills {placeables:?}, not {allowed:?}"
            );
        }
    }
}

#[test]
fn every_text_can_be_said() {
    for (language, source) in [(En, EN), (De, DE), (Fr, FR)] {
        for (name, placeables) in names(source) {
            let fills: Vec<(&str, &str)> =
                placeables.iter().map(|name| (name.as_str(), "·x·")).collect();
            let text = texts::text_with(language, &name, &fills);
            assert!(!text.trim().is_empty(), "{language:?}: {name}");
            assert!(!text.contains(['{', '\u{2068}']), "{language:?}: {name}: {text}");
        }
    }
}
