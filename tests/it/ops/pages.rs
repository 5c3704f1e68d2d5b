//! Goal: the written pages are true. Method: each file they name exists, and each command they
//! show is one that the program understands.

use std::path::{Path, PathBuf};

use billow::cli::verbs::Cli;
use clap::Parser;
use clap::error::ErrorKind;

/// The pages with their names from the root.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.to_owned(), root.join("docs"), root.join("migrations")];
    folders.extend(["docs/decisions", "docs/howto"].map(|folder| root.join(folder)));
    let mut pages = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(folder).expect("read a folder") {
            let path = entry.expect("read an entry").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.strip_prefix(root).expect("below the root").display().to_string();
                pages.push((name, std::fs::read_to_string(&path).expect("read a page")));
            }
        }
    }
    pages.sort();
    pages
}

/// What stands between single backquotes, outside of fenced blocks.
fn inline_code(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, block) in text.split("```").enumerate() {
        if index % 2 == 0 {
            let parts = block.split('`').skip(1).step_by(2);
            found.extend(parts.map(|code| code.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    found
}

/// Lines of fenced blocks.
fn block_lines(text: &str) -> Vec<String> {
    let blocks = text.split("```").skip(1).step_by(2);
    blocks.flat_map(|block| block.lines().skip(1).map(str::to_owned)).collect()
}

/// `a/{b,c}` as `a/b` and `a/c`.
fn alternatives(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let Some((inner, after)) = rest.split_once('}') else { return vec![path.to_owned()] };
    inner.split(',').map(|one| format!("{before}{}{after}", one.trim())).collect()
}

/// Whether something lies at a path whose parts may hold `*` or a `<placeholder>`.
fn exists(root: &Path, path: &str) -> bool {
    let mut found = vec![root.to_owned()];
    for part in path.trim_end_matches('/').split('/') {
        found = found.iter().flat_map(|folder| entries(folder, part)).collect();
    }
    !found.is_empty()
}

fn entries(folder: &Path, part: &str) -> Vec<PathBuf> {
    let Some(at) = part.find(['*', '<']) else {
        return Some(folder.join(part)).filter(|path| path.exists()).into_iter().collect();
    };
    let (before, after) = (&part[..at], part.rsplit(['*', '>']).next().unwrap_or(""));
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let fits = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| name.starts_with(before) && name.ends_with(after))
    };
    entries.filter_map(Result::ok).map(|entry| entry.path()).filter(fits).collect()
}

const FOLDERS: [&str; 6] = ["src/", "tests/", "docs/", "migrations/", "benches/", "assets/"];

#[test]
fn files_that_pages_name_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for (page, text) in pages() {
        let mut last: Option<PathBuf> = None;
        for code in inline_code(&text) {
            let full = FOLDERS.iter().any(|folder| code.starts_with(folder));
            // A bare name lies beside the file that was named before it.
            let beside = code.ends_with(".rs") && !code.contains(['/', ' ']);
            let base = match (full, &last) {
                (true, _) => root.to_owned(),
                (false, Some(folder)) if beside => folder.clone(),
                _ => continue,
            };
            for path in alternatives(&code) {
                if !exists(&base, &path) {
                    missing.push(format!("{page}: `{code}`"));
                }
                let path = base.join(path);
                let folder = if path.is_dir() { Some(path.as_path()) } else { path.parent() };
                last = folder.map(Path::to_owned);
            }
        }
        let folder = root.join(&page).parent().expect("a folder").to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let link = link.split('#').next().unwrap_or("");
            if !link.is_empty() && !link.contains("://") && !folder.join(link).exists() {
                missing.push(format!("{page}: link to {link}"));
            }
        }
    }
    assert!(missing.is_empty(), "these are named and not there:\n{}", missing.join("\n"));
}

/// The words of a command as a shell would hand them over, without comment and redirection.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
    for character in line.chars() {
        match (quote, character) {
            (None, '#' | '>' | ';' | '&') if !open => break,
            (None, '\'' | '"') => (quote, open) = (Some(character), true),
            (Some(sign), character) if character == sign => quote = None,
            (None, ' ') if open => {
                words.push(std::mem::take(&mut word));
                open = false;
            }
            (None, ' ') => {}
            (_, character) => {
                word.push(character);
                open = true;
            }
        }
    }
    if open {
        words.push(word);
    }
    words
}

#[test]
fn commands_that_pages_show_are_understood() {
    let mut wrong = Vec::new();
    for (page, text) in pages() {
        let mut lines: Vec<(bool, String)> =
            block_lines(&text).into_iter().map(|line| (true, line)).collect();
        lines.extend(inline_code(&text).into_iter().map(|line| (false, line)));
        for (whole, line) in lines {
            let line = line.trim();
            // `…` and `|` stand for more than one command.
            if !line.starts_with("billow ") || line.contains(['…', '|', '<']) {
                continue;
            }
            let Err(error) = Cli::try_parse_from(words(line)) else { continue };
            // In running text a command may be named without what it needs.
            let named = matches!(
                error.kind(),
                ErrorKind::MissingRequiredArgument
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    | ErrorKind::MissingSubcommand
            );
            if whole || !named {
                wrong.push(format!("{page}: {line}\n  {}", error.to_string().trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "the program does not understand:\n{}", wrong.join("\n"));
}
