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
