//! Goal: the reference page tells what the program does. Method: make it and compare;
//! `BILLOW_UPDATE_DOCS=1` writes it anew.

#[test]
fn the_reference_of_the_command_line_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let made = billow::cli::verbs::reference();
    if std::env::var_os("BILLOW_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).expect("write the page");
    }
    let kept = std::fs::read_to_string(&path).expect("read the page");
    assert!(kept == made, "docs/cli.md is stale: run with BILLOW_UPDATE_DOCS=1");
}

/// Every test that the page of bad input names is there, so that none of its rows is a promise.
#[test]
fn bad_input_is_shown_by_tests_that_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/bad-input.md")).expect("read the page");
    let names: Vec<&str> = page.split('`').filter(|word| word.matches("::").count() == 2).collect();
    assert!(names.len() > 50, "{} tests are named", names.len());
    let mut missing = Vec::new();
    for name in names {
        let (place, test) = name.rsplit_once("::").expect("a test");
        let file = root.join("tests/it").join(place.replace("::", "/")).with_extension("rs");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if !text.contains(&format!("fn {test}(")) {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "docs/bad-input.md names tests that are not there: {missing:?}");
}
