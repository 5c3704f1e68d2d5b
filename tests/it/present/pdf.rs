//! Goal: the PDF is what the law and the reader need: valid PDF/A, whole, the same every time.
//! Method: judged by veraPDF, read back by poppler, compared over two processes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use billow::present::pdf::{PdfError, PdfInput, PdfOutput, render};
use sha2::{Digest, Sha256};

use super::sample::{Sample, draft, long, samples, scripts, short};
use crate::support::db::folder;

const PRINT_HASHES: &str = "BILLOW_PRINT_PDF_HASHES";

fn try_render(sample: &Sample) -> Result<PdfOutput, PdfError> {
    render(&PdfInput {
        document: &sample.document,
        contact: sample.contact.as_ref(),
        parts: &sample.parts,
        logo: sample.logo.as_deref(),
        font_folders: &[],
    })
}

fn draw(sample: &Sample) -> PdfOutput {
    try_render(sample).expect("draw the document")
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}{errors}");
    text
}

/// The file of a sample in a folder of its own.
fn file(sample: &Sample) -> PathBuf {
    let path = folder("pdf").join(format!("{}.pdf", sample.name));
    std::fs::write(&path, draw(sample).bytes).expect("write the PDF");
    path
}

fn text_of(path: &PathBuf) -> String {
    run(Command::new("pdftotext").args(["-layout", "-enc", "UTF-8"]).arg(path).arg("-"))
}

#[test]
fn slow_verapdf_accepts_every_sample() {
    let jar = std::env::var("BILLOW_VERAPDF_JAR")
        .expect("BILLOW_VERAPDF_JAR names no veraPDF: run the tests by tests/run");
    let files: Vec<PathBuf> = samples().iter().map(file).collect();
    let logs = folder("verapdf");
    for flavour in ["3a", "ua1"] {
        let report = run(Command::new("java")
            // It leaves logs where temporary files go.
            .arg(format!("-Djava.io.tmpdir={}", logs.display()))
            .args(["-cp", &jar, "org.verapdf.apps.GreenfieldCliWrapper", "-f", flavour])
            .args(["--format", "text"])
            .args(&files));
        let passed = report.lines().filter(|line| line.starts_with("PASS ")).count();
        assert_eq!(passed, files.len(), "{flavour}:\n{report}");
    }
}

#[test]
fn qpdf_finds_no_fault() {
    for sample in samples() {
        run(Command::new("qpdf").arg("--check").arg(file(&sample)));
    }
}

/// Words of a text that stand in one direction: what poppler gives back in reading order.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let right_to_left = |c: char| ('\u{590}'..='\u{8ff}').contains(&c);
    // Narrow columns cut the longest words.
    text.split_whitespace()
        .filter(move |word| !word.contains(right_to_left) && word.chars().count() < 24)
}

#[test]
fn poppler_reads_every_text_back() {
    for sample in samples() {
        let text = text_of(&file(&sample)).replace(['\u{a0}', '\u{202f}'], " ");
        let document = &sample.document;
        let mut wanted: Vec<String> =
            vec![document.seller.name.clone(), document.buyer.name.clone()];
        wanted.extend(document.number.clone());
        wanted.extend(document.reason.clone());
        wanted.extend(document.style.closing.clone());
        wanted.extend(document.buyer.address.lines.clone());
        wanted.extend(document.style.footer.iter().flatten().cloned());
        wanted.extend(sample.contact.iter().filter_map(|contact| contact.name.clone()));
        for line in &document.lines {
            wanted.extend([line.text.clone(), line.number.to_string()]);
            wanted.extend(line.detail.clone());
            wanted.push(billow::present::format::amount(
                line.net_minor,
                document.currency,
                document.language,
            ));
        }
        for subtotal in &document.taxes {
            wanted.extend(subtotal.tax.reason.clone());
        }
        wanted.extend(sample.parts.iter().map(|part| part.resource_name.clone()));
        // A host without fonts for these scripts shows, and reports, a mark in their place.
        let missing = draw(&sample).missing_glyphs;
        assert!(missing.iter().all(|c| *c > '\u{2e80}'), "{}: {missing:?}", sample.name);
        for wanted in wanted {
            for word in words(&wanted).filter(|word| !word.contains(missing.as_slice())) {
                let word = word.replace('\u{202f}', " ");
                assert!(text.contains(&word), "{}: {word:?} of {wanted:?}\n{text}", sample.name);
            }
        }
    }
}

#[test]
fn arabic_and_hebrew_names_come_back() {
    let text = text_of(&file(&scripts()));
    let plain: String = text.chars().filter(|c| !('\u{202a}'..='\u{202e}').contains(c)).collect();
    for name in ["شركة السحاب العربية المحدودة", "חברת הענן בע״מ", "פרויקט אתר"]
    {
        assert!(plain.contains(name), "{name}\n{plain}");
    }
}

/// Amounts after a label, in order.
fn amounts_after(text: &str, label: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix(label))
        .map(|rest| rest.trim().to_owned())
        .collect()
}

#[test]
fn sums_are_carried_over_every_break() {
    let sample = long();
    let path = file(&sample);
    let text = text_of(&path);
    let pages: Vec<&str> = text.split('\u{c}').filter(|page| !page.trim().is_empty()).collect();
    assert_eq!(pages.len(), 3, "sixty lines take three pages");
    let mut sum = 0;
    for (index, page) in pages.iter().enumerate() {
        let brought = amounts_after(page, "Brought forward");
        let carried = amounts_after(page, "Carried forward");
        let shown = |minor| {
            billow::present::format::amount(
                minor,
                sample.document.currency,
                sample.document.language,
            )
        };
        assert_eq!(brought, if index == 0 { vec![] } else { vec![shown(sum)] });
        for line in &sample.document.lines {
            let here = page.lines().any(|row| {
                row.split_whitespace().next() == Some(&line.number.to_string())
                    && row.trim_end().ends_with(&shown(line.net_minor))
            });
            sum += if here { line.net_minor } else { 0 };
        }
        let last = index + 1 == pages.len();
        assert_eq!(carried, if last { vec![] } else { vec![shown(sum)] });
        assert!(page.contains(&format!("Page {} of 3", index + 1)));
        assert!(page.contains("Amtsgericht Hamburg, HRB 123456"), "the footer of each page");
        assert!(page.contains("Description"), "the heads of each page");
    }
    assert_eq!(sum, sample.document.net_minor);
}

#[test]
fn the_file_is_small_tagged_and_named() {
    let sample = long();
    let path = file(&sample);
    let size = std::fs::metadata(&path).expect("the file").len();
    assert!(size <= 100_000, "{size} bytes");
    let info = run(Command::new("pdfinfo").env("TZ", "UTC").arg(&path));
    let facts: BTreeMap<&str, &str> = info
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    assert_eq!(facts["Title"], "Invoice NL-2026-00042");
    assert_eq!(facts["Author"], "Nordlicht Cloud GmbH");
    assert_eq!(facts["Tagged"], "yes");
    assert_eq!(facts["JavaScript"], "no");
    assert_eq!(facts["Pages"], "3");
    assert_eq!(facts["PDF version"], "1.7");
    assert!(facts["Page size"].ends_with("(A4)"), "{}", facts["Page size"]);
    assert!(facts["CreationDate"].contains("Nov  5 00:00:00 2026"), "{}", facts["CreationDate"]);
}

#[test]
fn a_draft_says_so_on_its_face() {
    let text = text_of(&file(&draft()));
    assert!(text.contains("Projet de facture"));
    assert!(text.contains("n’appelle aucun paiement"));
    let issued = text_of(&file(&short()));
    assert!(!issued.contains("Entwurf"));
}

fn hashes() -> Vec<String> {
    let hash = |sample: &Sample| hex::encode(Sha256::digest(draw(sample).bytes));
    samples().iter().map(|sample| format!("{} {}", sample.name, hash(sample))).collect()
}

/// Speaks only when the test below starts it in a process of its own.
#[test]
fn hashes_for_another_process() {
    if std::env::var_os(PRINT_HASHES).is_some() {
        for line in hashes() {
            println!("hash {line}");
        }
    }
}

#[test]
fn equal_rows_give_equal_bytes_in_every_process() {
    let own = hashes();
    assert_eq!(own, hashes(), "in this process");
    let program = std::env::current_exe().expect("this test's program");
    let output = run(Command::new(program)
        .args(["--exact", "present::pdf::hashes_for_another_process", "--nocapture"])
        .env(PRINT_HASHES, "1"));
    let other: Vec<String> = output
        .lines()
        .filter_map(|line| line.split_once("hash "))
        .map(|(_, hash)| hash.to_owned())
        .collect();
    assert_eq!(own, other, "in another process");
}

#[test]
fn a_character_without_a_glyph_is_reported_and_marked() {
    let mut sample = short();
    sample.document.lines[0].text = "Machine \u{10fffd} one".to_owned();
    let output = draw(&sample);
    assert_eq!(output.missing_glyphs, vec!['\u{10fffd}']);
    assert!(text_of(&file(&sample)).contains("Machine \u{fffd} one"));
}

#[test]
fn control_characters_and_joiners_leave_no_trace() {
    let mut sample = short();
    sample.document.lines[0].text = "a\u{0}b\u{200d}c\u{7}d\u{feff}".to_owned();
    let output = draw(&sample);
    assert_eq!(output.missing_glyphs, Vec::<char>::new());
    let text = text_of(&file(&sample));
    assert!(text.contains("a b\u{200d}c d\u{feff}") || text.contains("a bc d"), "{text}");
}

#[test]
fn a_logo_that_is_no_png_is_refused_by_name() {
    let mut sample = short();
    sample.logo = Some(b"GIF89a".to_vec());
    let Err(error) = try_render(&sample) else { panic!("a GIF is no PNG") };
    let text = error.to_string();
    assert!(text.contains(&sample.document.id.0) && text.contains("PNG"), "{text}");
}

#[test]
fn a_document_without_lines_is_drawn() {
    let mut sample = short();
    sample.document.lines.clear();
    sample.document.taxes.clear();
    assert!(text_of(&file(&sample)).contains("Rechnung NL-2026-00043"));
}
