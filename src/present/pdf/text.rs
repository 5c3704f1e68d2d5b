//! From text to lines of glyphs: faces, directions, shaping and line breaks.
//!
//! Words between two chances to break are shaped once and kept, because shaping is what costs.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use rustybuzz::{Direction, ShapePlan, UnicodeBuffer};
use unicode_bidi::BidiInfo;

use super::fonts::Faces;
use super::page::{Glyph, Line, Mil, Piece};

/// What stands for a character that no face has.
const REPLACEMENT: char = '\u{fffd}';

/// Shapes text with the faces of one document.
pub struct Shaper<'a> {
    faces: &'a Faces<'a>,
    /// Regular and bold ones.
    words: [HashMap<String, Line>; 2],
    plans: HashMap<(usize, bool, rustybuzz::Script), ShapePlan>,
    missing: BTreeSet<char>,
}

impl<'a> Shaper<'a> {
    pub fn new(faces: &'a Faces<'a>) -> Self {
        Self { faces, words: Default::default(), plans: HashMap::new(), missing: BTreeSet::new() }
    }

    /// Characters met so far that no face has.
    pub fn missing(&self) -> &BTreeSet<char> {
        &self.missing
    }

    /// A text as one line, however long.
    pub fn line(&mut self, text: &str, bold: bool) -> Line {
        let text = clean(text);
        if has_right_to_left(&text) {
            return self.bidi_lines(&text, bold, i64::MAX / 4, 1_000_000).remove(0);
        }
        let mut line = Line::default();
        for (from, until) in words(&text) {
            append(&mut line, &self.word(&text[from..until], bold));
        }
        line
    }

    /// A text in lines no wider than `width` at a size. Line feeds in the text begin new lines.
    /// Never empty.
    pub fn wrap(&mut self, text: &str, bold: bool, size: Mil, width: Mil) -> Vec<Line> {
        let mut lines = Vec::new();
        for paragraph in text.split('\n') {
            let paragraph = clean(paragraph);
            if has_right_to_left(&paragraph) {
                lines.extend(self.bidi_lines(&paragraph, bold, width, size));
            } else {
                self.wrap_plain(&paragraph, bold, size, width, &mut lines);
            }
        }
        lines
    }

    fn wrap_plain(&mut self, text: &str, bold: bool, size: Mil, width: Mil, lines: &mut Vec<Line>) {
        let mut line = Line::default();
        for (from, until) in self.ranges(text, bold, size, width) {
            let word = self.word(&text[from..until], bold);
            let seen = self.word(text[from..until].trim_end(), bold);
            if !line.pieces.is_empty() && line.width(size) + seen.width(size) > width {
                lines.push(std::mem::take(&mut line));
            }
            append(&mut line, &word);
        }
        lines.push(line);
    }

    /// Words of a text; one wider than a line is cut between characters.
    fn ranges(&mut self, text: &str, bold: bool, size: Mil, width: Mil) -> Vec<(usize, usize)> {
        let mut ranges = Vec::new();
        for (from, until) in words(text) {
            let word = text[from..until].trim_end();
            if self.word(word, bold).width(size) <= width {
                ranges.push((from, until));
                continue;
            }
            let mut start = from;
            for (offset, c) in text[from..until].char_indices() {
                let end = from + offset + c.len_utf8();
                let wide = self.word(text[start..end].trim_end(), bold).width(size) > width;
                if wide && start < from + offset && !joins(c) {
                    ranges.push((start, from + offset));
                    start = from + offset;
                }
            }
            ranges.push((start, until));
        }
        ranges
    }

    fn word(&mut self, word: &str, bold: bool) -> Line {
        if let Some(line) = self.words[usize::from(bold)].get(word) {
            return line.clone();
        }
        let line = self.shape(word, bold, false);
        self.words[usize::from(bold)].insert(word.to_owned(), line.clone());
        line
    }

    /// Text with right-to-left parts, broken by the widths of its words, then put into the order
    /// in which it is seen.
    fn bidi_lines(&mut self, text: &str, bold: bool, width: Mil, size: Mil) -> Vec<Line> {
        let mut spans: Vec<(usize, usize)> = Vec::new();
        let mut used = 0;
        for (from, until) in self.ranges(text, bold, size, width) {
            let advance = self.word(&text[from..until], bold).width(size);
            let seen = self.word(text[from..until].trim_end(), bold).width(size);
            match spans.last_mut() {
                Some((_, end)) if used + seen <= width => {
                    *end = until;
                    used += advance;
                }
                _ => {
                    spans.push((from, until));
                    used = advance;
                }
            }
        }
        let bidi = BidiInfo::new(text, None);
        let mut lines = Vec::new();
        for (from, until) in spans {
            let end = from + text[from..until].trim_end().len();
            let mut line = Line::default();
            let paragraph = bidi.paragraphs.iter().find(|paragraph| {
                paragraph.range.start <= from && from < paragraph.range.end.max(from + 1)
            });
            if let Some(paragraph) = paragraph.filter(|_| end > from) {
                let (levels, runs) = bidi.visual_runs(paragraph, from..end);
                for run in runs {
                    let backwards = levels[run.start].is_rtl();
                    append(&mut line, &self.shape(&text[run], bold, backwards));
                }
            }
            lines.push(line);
        }
        if lines.is_empty() {
            lines.push(Line::default());
        }
        lines
    }

    /// Shapes text of one direction; pieces come in the order in which they are seen.
    fn shape(&mut self, text: &str, bold: bool, backwards: bool) -> Line {
        let mut parts = self.by_face(text, bold);
        if backwards {
            parts.reverse();
        }
        let mut line = Line::default();
        for (face, part) in parts {
            let piece = self.shape_part(face, part, backwards);
            let advance: i64 = piece.glyphs.iter().map(|glyph| i64::from(glyph.advance)).sum();
            line.width_millionths += advance * 1_000_000 / self.faces.get(face).units_per_em;
            line.pieces.push(Rc::new(piece));
        }
        line
    }

    /// Cuts text where the face changes. Spaces and marks stay with what is before them.
    fn by_face(&mut self, text: &str, bold: bool) -> Vec<(usize, String)> {
        let mut parts: Vec<(usize, String)> = Vec::new();
        for c in text.chars() {
            let before = parts.last().map(|(face, _)| *face);
            let stays = before
                .filter(|face| (c.is_whitespace() || joins(c)) && self.faces.get(*face).has(c));
            let own = stays.or_else(|| self.faces.find(c, bold)).map(|face| (face, c));
            let found = own.or_else(|| {
                let other = substitute(c)?;
                self.faces.find(other, bold).map(|face| (face, other))
            });
            let (face, c) = match found {
                Some(found) => found,
                // Joiners and marks of direction show nothing by themselves.
                None if is_invisible(c) => continue,
                None => {
                    self.missing.insert(c);
                    let face = self.faces.find(REPLACEMENT, bold);
                    (face.unwrap_or(super::fonts::FACE_REGULAR), REPLACEMENT)
                }
            };
            match parts.last_mut() {
                Some((last, part)) if *last == face => part.push(c),
                _ => parts.push((face, c.to_string())),
            }
        }
        parts
    }

    fn shape_part(&mut self, face: usize, text: String, backwards: bool) -> Piece {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(&text);
        buffer.guess_segment_properties();
        let direction = if backwards { Direction::RightToLeft } else { Direction::LeftToRight };
        buffer.set_direction(direction);
        let script = buffer.script();
        let shaping = &self.faces.get(face).shaping;
        let plan = self
            .plans
            .entry((face, backwards, script))
            .or_insert_with(|| ShapePlan::new(shaping, direction, Some(script), None, &[]));
        let output = rustybuzz::shape_with_plan(shaping, plan, buffer);
        let mut starts: Vec<u32> = output.glyph_infos().iter().map(|info| info.cluster).collect();
        starts.sort_unstable();
        starts.dedup();
        starts.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        let positions = output.glyph_positions().iter();
        let glyphs = output.glyph_infos().iter().zip(positions).map(|(info, position)| {
            let at = starts.partition_point(|start| *start <= info.cluster);
            Glyph {
                gid: u16::try_from(info.glyph_id).unwrap_or(0),
                advance: position.x_advance,
                dx: position.x_offset,
                dy: position.y_offset,
                from: info.cluster,
                until: starts[at],
            }
        });
        let glyphs = glyphs.collect();
        Piece { face, text, glyphs }
    }
}

fn append(line: &mut Line, more: &Line) {
    line.pieces.extend(more.pieces.iter().cloned());
    line.width_millionths += more.width_millionths;
}

/// Byte ranges between chances to break a line.
fn words(text: &str) -> Vec<(usize, usize)> {
    let mut from = 0;
    let mut ranges = Vec::new();
    for (until, _) in unicode_linebreak::linebreaks(text) {
        if until > from {
            ranges.push((from, until));
            from = until;
        }
    }
    ranges
}

/// Control characters become spaces: they have no glyph and no place in a document.
fn clean(text: &str) -> String {
    let text = text.trim();
    text.chars().map(|c| if c.is_control() || c == '\u{2028}' { ' ' } else { c }).collect()
}

fn has_right_to_left(text: &str) -> bool {
    text.chars().any(|c| {
        matches!(u32::from(c), 0x590..=0x8ff | 0xfb1d..=0xfdff | 0xfe70..=0xfeff
            | 0x10800..=0x10fff | 0x1e800..=0x1efff)
    })
}

/// A character that says the same, for those that few faces have.
fn substitute(c: char) -> Option<char> {
    match c {
        '\u{2212}' => Some('–'),
        '\u{2010}' | '\u{2011}' => Some('-'),
        c if c.is_whitespace() => Some(' '),
        _ => None,
    }
}

/// Marks that belong to the character before them.
fn joins(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36f | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20ff
        | 0xfe20..=0xfe2f | 0x591..=0x5c7 | 0x610..=0x61a | 0x64b..=0x65f | 0xe31 | 0xe34..=0xe3a
        | 0xe47..=0xe4e | 0x93a..=0x94f)
        || is_invisible(c)
}

/// Joiners, marks of direction and variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c), 0xad | 0x61c | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2069
        | 0xfe00..=0xfe0f | 0xfeff | 0xe0100..=0xe01ef)
}
