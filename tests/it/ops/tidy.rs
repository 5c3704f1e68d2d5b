//! Goal: the tree keeps its shape. Method: read the sources and name every broken rule.

use std::path::{Path, PathBuf};

const COLUMNS_MAX: usize = 100;
const FUNCTION_LINES_MAX: usize = 70;

/// Files in which no floats, clocks, effects or databases may appear.
const PURE: [&str; 18] = [
    "src/ids.rs",
    "src/period.rs",
    "src/scope.rs",
    "src/money/",
    "src/meter/",
    "src/rate/",
    "src/catalog/price.rs",
    "src/catalog/book",
    "src/collect/record.rs",
    "src/finding/rules",
    "src/bill/draft",
    "src/bill/tax.rs",
    "src/bill/issue.rs",
    "src/bill/credit.rs",
    "src/bill/document.rs",
    "src/ledger/posting.rs",
    "src/reconcile/compare.rs",
    "src/clock.rs",
];

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> =
        vec![root.join("src"), root.join("tests"), root.join("benches")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("read a folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("below the root").display().to_string();
                let text = std::fs::read_to_string(&path).expect("read a source");
                files.push((name, text));
            }
        }
    }
    files.sort();
    files
}

/// Code without comments and string contents, line by line, so that words in texts do not count.
fn code_lines(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| {
            let line = line.split("//").next().unwrap_or("");
            let mut code = String::new();
            let mut quoted = false;
            let mut previous = ' ';
            for character in line.chars() {
                if character == '"' && previous != '\\' {
                    quoted = !quoted;
                }
                if !quoted {
                    code.push(character);
                }
                previous = character;
            }
            code
        })
        .collect()
}

fn names_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !inside(before) && !inside(after)
    })
}

fn report(broken: &[String]) {
    assert!(broken.is_empty(), "{} broken rules:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn files_have_headers_and_fit_the_page() {
    let mut broken = Vec::new();
    for (name, text) in sources() {
        if !text.starts_with("//!") {
            broken.push(format!("{name}: no //! header that tells its purpose"));
        }
        for (index, line) in text.lines().enumerate() {
            if line.chars().count() > COLUMNS_MAX && !line.contains("http") {
                broken.push(format!("{name}:{}: over {COLUMNS_MAX} columns", index + 1));
            }
        }
    }
    report(&broken);
}

#[test]
fn functions_fit_a_screen() {
    let mut broken = Vec::new();
    for (name, text) in sources() {
        let mut open: Option<(usize, usize)> = None;
        for (index, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start();
            let starts = [
                "fn ",
                "pub fn ",
                "pub(crate) fn ",
                "async fn ",
                "pub async fn ",
                "pub(crate) async fn ",
                "pub(super) fn ",
                "pub(super) async fn ",
                "const fn ",
            ]
            .iter()
            .any(|start| head.starts_with(start));
            if starts && !line.trim_end().ends_with(';') && !line.trim_end().ends_with('}') {
                open = Some((index, indent));
            }
            if let Some((from, depth)) = open
                && indent == depth
                && head.starts_with('}')
            {
                let length = index - from + 1;
                if length > FUNCTION_LINES_MAX {
                    broken.push(format!("{name}:{}: a function of {length} lines", from + 1));
                }
                open = None;
            }
        }
    }
    report(&broken);
}

#[test]
fn pure_files_are_pure() {
    let banned =
        ["async", "await", "sqlx", "reqwest", "actix_web", "f32", "f64", "tokio", "SystemTime"];
    let mut broken = Vec::new();
    for (name, text) in sources() {
        if !PURE.iter().any(|pure| name.starts_with(pure)) || name.ends_with("store.rs") {
            continue;
        }
        for (index, code) in code_lines(&text).iter().enumerate() {
            for word in banned {
                if names_word(code, word) {
                    broken.push(format!("{name}:{}: {word} in a pure file", index + 1));
                }
            }
            if code.contains(".unwrap()") || code.contains("::now()") {
                broken.push(format!("{name}:{}: unwrap or a clock in a pure file", index + 1));
            }
        }
    }
    report(&broken);
}

/// Which library may be named where.
#[test]
fn libraries_stay_in_their_rooms() {
    type Room = fn(&str) -> bool;
    let rooms: [(&str, Room); 4] = [
        ("sqlx", |name| name.ends_with("/store.rs") || name.starts_with("src/store/")),
        ("actix_web", |name| {
            name.starts_with("src/web/") || name == "src/app.rs" || name.starts_with("src/demo/")
        }),
        ("reqwest", |name| name.starts_with("src/orchestrator/")),
        ("maud", |name| {
            name.ends_with("/view.rs")
                || name.starts_with("src/present/")
                || name.starts_with("src/web/pages")
        }),
    ];
    // These two write one statement each, in the transaction of every other change.
    let exceptions = ["src/audit.rs", "src/jobs/lease.rs"];
    let mut broken = Vec::new();
    for (name, text) in sources() {
        if !name.starts_with("src/") || exceptions.contains(&name.as_str()) {
            continue;
        }
        for (index, code) in code_lines(&text).iter().enumerate() {
            for (library, may) in rooms {
                if names_word(code, library) && !may(&name) {
                    broken.push(format!("{name}:{}: {library} has no business here", index + 1));
                }
            }
        }
    }
    report(&broken);
}

/// No file outside the adapters, the demo, the composition root and configuration values names
/// an orchestrator.
#[test]
fn orchestrators_are_named_by_their_adapters_alone() {
    let allowed = |name: &str| {
        name.starts_with("src/orchestrator/")
            || name.starts_with("src/demo/")
            || name == "src/app.rs"
            || name == "src/config.rs"
            || name == "src/config/source.rs"
            || name == "src/cli/demo.rs"
            || name == "src/lib.rs"
            || !name.starts_with("src/")
    };
    let mut broken = Vec::new();
    for (name, text) in sources() {
        if allowed(&name) {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            if line.contains("cloudstack") || line.contains("openstack") {
                broken.push(format!("{name}:{}: names an orchestrator", index + 1));
            }
        }
    }
    report(&broken);
}

/// Stages import only leftwards, so that money never depends on how it is shown or collected.
#[test]
fn stages_import_leftwards() {
    let order = [
        "money", "customer", "catalog", "collect", "finding", "meter", "rate", "ledger", "bill",
        "present", "web",
    ];
    // Plain types shared by earlier rooms, without behaviour of the room they lie in.
    let types = [
        "bill::document",
        "bill::file",
        "bill::month",
        // What a doubt would cost is shown beside it.
        "bill::stake",
        "collect::record",
        "collect::store",
        // A stored window and its doubts are one transaction.
        "finding::audit",
        "finding::store",
        "finding::{",
        "finding::Finding",
        "meter::kind",
        "meter::Category",
        "meter::{",
        "meter::meter_of",
        "meter::METERS",
        "meter::MeterUnit",
        "meter::Meter",
        "catalog::price",
        // The PDF of a document is made once, when it is first wanted, and kept with it.
        "present::pdf",
    ];
    let mut broken = Vec::new();
    for (name, text) in sources() {
        let Some(room) = name.strip_prefix("src/").and_then(|rest| rest.split('/').next()) else {
            continue;
        };
        let Some(rank) = order.iter().position(|stage| *stage == room) else { continue };
        for (index, code) in code_lines(&text).iter().enumerate() {
            for later in &order[rank + 1..] {
                let path = format!("crate::{later}::");
                let Some(at) = code.find(&path) else { continue };
                let rest = &code[at + "crate::".len()..];
                if !types.iter().any(|shared| rest.starts_with(shared)) {
                    broken.push(format!("{name}:{}: {room} imports {later}", index + 1));
                }
            }
        }
    }
    report(&broken);
}

#[test]
fn nothing_is_left_undone() {
    let words = ["todo!(", "unimplemented!(", "#[ignore", "allow(dead_code", "allow(unused"];
    let mut broken = Vec::new();
    for (name, text) in sources() {
        if name.ends_with("ops/tidy.rs") {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            for word in words {
                if line.contains(word) && !line.contains("unused_imports") {
                    broken.push(format!("{name}:{}: {word}", index + 1));
                }
            }
        }
    }
    report(&broken);
}

/// A source file that no `mod` names is dead weight.
#[test]
fn every_file_is_used() {
    let files = sources();
    let mut broken = Vec::new();
    for (name, _) in &files {
        let path = Path::new(name);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
        let root = ["main", "lib"].contains(&stem) || name.starts_with("benches/");
        if root {
            continue;
        }
        let module = if stem == "mod" {
            path.parent().and_then(Path::file_name).and_then(|n| n.to_str()).unwrap_or("")
        } else {
            stem
        };
        let declared = files.iter().any(|(_, text)| {
            text.lines().any(|line| {
                let line = line.trim().trim_end_matches(';');
                line.ends_with(&format!("mod {module}"))
                    || line.contains(&format!("mod {module} {{"))
            })
        });
        if !declared {
            broken.push(format!("{name}: no `mod {module}` anywhere"));
        }
    }
    report(&broken);
}
