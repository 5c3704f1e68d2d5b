//! An invoice's PDF against the bare back end: `cargo bench --bench pdf`.
//!
//! A document of 3 pages and 60 lines, from its frozen rows to the bytes of a tagged PDF/A-3a file:
//! texts, shaping, layout, tags, metadata. The yardstick draws the same glyphs and shapes at the
//! same places, laid out before, as a plain PDF with neither tags nor what PDF/A asks for.
//!
//! Goals: at least 0.5 × the yardstick's documents a second; at most 100 kB, tagged.

use std::hint::black_box;
use std::time::{Duration, Instant};

use billow::present::pdf::{PdfInput, Prepared, render};

#[path = "../tests/it/present/sample.rs"]
#[expect(dead_code, reason = "one of the samples that tests draw")]
mod sample;

const ROUNDS: usize = 60;

fn main() {
    let sample = sample::long();
    let input = PdfInput {
        document: &sample.document,
        contact: sample.contact.as_ref(),
        parts: &sample.parts,
        logo: sample.logo.as_deref(),
        font_folders: &[],
    };
    let prepared = Prepared::of(&input).expect("a document laid out");
    let (mut ours, mut bare) = (Duration::MAX, Duration::MAX);
    let mut size = 0;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        size = black_box(render(&input).expect("a PDF")).bytes.len();
        ours = ours.min(begun.elapsed());
        let begun = Instant::now();
        black_box(prepared.write_bare().expect("a plain PDF"));
        bare = bare.min(begun.elapsed());
    }
    let (pages, lines) = (prepared.page_count(), sample.document.lines.len());
    println!("{pages} pages, {lines} lines, {} kB (goal: at most 100)", size.div_ceil(1000));
    println!("rows to PDF/A:  {ours:?}");
    println!("bare back end:  {bare:?}");
    let ratio = bare.as_nanos() * 100 / ours.as_nanos().max(1);
    println!("ratio {}.{:02} (goal 0.50)", ratio / 100, ratio % 100);
}
