//! Goal: the program helps who calls it for the first time. Method: run it, and read what it says.

use std::process::{Command, Stdio};

use billow::customer::SellerDetails;
use billow::customer::check::seller_problems;
use billow::finding::{Finding, FindingState, repeated};
use billow::ids::{FindingId, IdMaker, OwnerRef, SourceName};
use billow::period::Span;

use crate::support::db::folder;

fn billow(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_billow"));
    command.args(arguments).env_remove("BILLOW_CONFIG").env_remove("BILLOW_DATABASE");
    command
}

/// Standard error of a command that fails.
#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let output = billow(arguments).output().expect("run billow");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).expect("readable")
}

#[test]
fn a_missing_configuration_tells_how_to_make_one() {
    let path = folder("cli").join("none.toml").display().to_string();
    let said = refused(&["--config", &path, "doctor"]);
    assert!(said.starts_with(&format!("billow: {path}: ")), "{said}");
    assert!(said.contains("billow config init writes one, --config or BILLOW_CONFIG"), "{said}");
}

#[test]
fn a_database_that_cannot_be_opened_is_named_once() {
    let folder = folder("cli");
    let (config, database) = (folder.join("b.toml"), folder.join("none/billow.db"));
    let text = format!("[database]\naddress = \"sqlite:{}\"\n", database.display());
    std::fs::write(&config, text).expect("write the configuration");
    let said = refused(&["--config", &config.display().to_string(), "migrate"]);
    assert!(said.contains(&format!("the database file {}", database.display())), "{said}");
    assert!(said.contains("does its folder exist"), "{said}");
    assert_eq!(said.matches("unable to open").count(), 1, "{said}");
}

#[test]
fn a_configuration_without_a_cloud_is_said_to_lack_one() {
    let config = folder("cli").join("b.toml").display().to_string();
    let made = billow(&["config", "init", &config]).output().expect("run billow");
    assert!(made.status.success(), "{made:?}");
    assert!(refused(&["config", "init", &config]).contains("exists: name another file"));
    let checked = billow(&["--config", &config, "config", "check"]).output().expect("run billow");
    let said = String::from_utf8(checked.stdout).expect("readable");
    assert_eq!(
        said,
        format!("{config}: good, but it names no cloud yet: add a [[source]] block\n")
    );
}

#[test]
fn a_reader_that_leaves_ends_the_program_quietly() {
    let config = folder("cli").join("b.toml").display().to_string();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = billow(&["config", "init", &config]);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().expect("run billow");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn the_example_of_a_seller_can_be_stored_and_names_every_key() {
    let example = billow::cli::sellers::EXAMPLE;
    let details: SellerDetails = toml::from_str(example).expect("the example is read");
    assert_eq!(seller_problems(&details), Vec::<String>::new());
    // With everything that is commented out as well.
    let whole: String = example
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains(" = ") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let whole: SellerDetails = toml::from_str(&whole).unwrap_or_else(|error| panic!("{error}"));
    let known = serde_json::to_value(&whole).expect("a value");
    for (key, value) in known.as_object().expect("an object") {
        assert!(example.contains(key.as_str()), "{key} is missing in the example");
        for key in value.as_object().into_iter().flatten().map(|(key, _)| key) {
            assert!(example.contains(key.as_str()), "{key} is missing in the example");
        }
    }
}

#[test]
fn ids_of_one_instant_sort_as_they_were_made() {
    let clock = billow::clock::ManualClock::at("2026-11-05T09:00:00Z".parse().expect("instant"));
    let ids = IdMaker::new(&clock);
    let made: Vec<String> = (0..20_000).map(|_| ids.fresh()).collect();
    assert!(made.is_sorted_by(|a, b| a < b), "not ascending");
    assert!(made[0].starts_with("01a1aaef-ba80-7"), "{}", made[0]);
}

fn gap(day: i64, resource: &str) -> Finding {
    Finding {
        id: FindingId(format!("{resource}-{day}")),
        rule: "gap".to_owned(),
        owner: OwnerRef { source: SourceName("cs1".to_owned()), id: "a".to_owned() },
        meter: "volume".to_owned(),
        resource: resource.to_owned(),
        span: Span::new(day * 86_400, (day + 1) * 86_400),
        record_key: None,
        state: FindingState::Open,
        message: "no usage in this window".to_owned(),
        detail: serde_json::Value::Null,
        recorded_at: 0,
    }
}

#[test]
fn the_same_doubt_is_told_once_with_its_span() {
    let findings = [gap(3, "v1"), gap(1, "v1"), gap(2, "v2"), gap(2, "v1")];
    let told: Vec<String> = repeated(&findings)
        .iter()
        .map(|one| one.text((one.count > 1).then_some("DATA-1")))
        .collect();
    assert_eq!(
        told,
        [
            "gap: DATA-1: no usage in this window (3 times, 1970-01-02 to 1970-01-04)",
            "gap: v2: no usage in this window",
        ]
    );
}
