//! What a page holds: glyph runs and shapes at places, and what each of them means. Knows no PDF
//! library.
//!
//! Lengths are whole thousandths of a point, measured from the page's upper left corner, so that
//! the same rows give the same places on every machine.

use std::rc::Rc;

/// A thousandth of a point.
pub type Mil = i64;

/// A4.
pub const PAGE_WIDTH: Mil = 595_276;
pub const PAGE_HEIGHT: Mil = 841_890;

/// Tenths of a millimetre as a length.
pub const fn mm(tenths: i64) -> Mil {
    tenths * 72_000 / 254
}

/// Tenths of a point as a length.
pub const fn pt(tenths: i64) -> Mil {
    tenths * 100
}

/// A colour of the sRGB space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    pub const INK: Self = Self(0x1f, 0x23, 0x28);
    pub const QUIET: Self = Self(0x5b, 0x61, 0x68);
    pub const HAIRLINE: Self = Self(0xd9, 0xdc, 0xe0);
    pub const WARNING: Self = Self(0xa8, 0x3a, 0x00);
    pub const WHITE: Self = Self(0xff, 0xff, 0xff);

    /// Reads `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let value = u32::from_str_radix(digits, 16).ok()?;
        let [_, r, g, b] = value.to_be_bytes();
        Some(Self(r, g, b))
    }

    /// Mixed with white: `parts` of ten remain.
    pub fn tint(self, parts: u16) -> Self {
        let mix = |c: u8| {
            let mixed = (u16::from(c) * parts + 255 * (10 - parts)) / 10;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        Self(mix(self.0), mix(self.1), mix(self.2))
    }

    /// Whether text in this colour can be read on white.
    pub fn is_readable(self) -> bool {
        let weighed = u32::from(self.0) * 299 + u32::from(self.1) * 587 + u32::from(self.2) * 114;
        weighed <= 130_000
    }
}

/// A shaped glyph; advances and offsets in the face's units.
#[derive(Clone, Debug)]
pub struct Glyph {
    pub gid: u16,
    pub advance: i32,
    pub dx: i32,
    pub dy: i32,
    /// Bytes of the piece's text that this glyph (with the others of its cluster) shows.
    pub from: u32,
    pub until: u32,
}

/// Shaped text of one face, glyphs in the order in which they are drawn.
#[derive(Debug)]
pub struct Piece {
    pub face: usize,
    pub text: String,
    pub glyphs: Vec<Glyph>,
}

/// Pieces side by side.
#[derive(Clone, Debug, Default)]
pub struct Line {
    pub pieces: Vec<Rc<Piece>>,
    /// Width at a size of one million units; see [`Line::width`].
    pub width_millionths: i64,
}

impl Line {
    /// Width at a size.
    pub fn width(&self, size: Mil) -> Mil {
        self.width_millionths * size / 1_000_000
    }
}

/// How text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub size: Mil,
    pub bold: bool,
    pub colour: Colour,
}

impl Style {
    pub const fn new(tenths: i64) -> Self {
        Self { size: pt(tenths), bold: false, colour: Colour::INK }
    }

    pub const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub const fn colour(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }

    pub const fn quiet(self) -> Self {
        self.colour(Colour::QUIET)
    }

    /// From one baseline to the next.
    pub const fn leading(self) -> Mil {
        self.size * 128 / 100
    }

    /// From the top of a line to its baseline.
    pub const fn ascent(self) -> Mil {
        self.size
    }
}

/// What something on a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Repeated on every page, or mere looks: not read aloud.
    Artifact,
    /// Content of a node of the structure tree.
    Node(usize),
}

/// Something on a page.
#[derive(Debug)]
pub enum Item {
    Text {
        line: Line,
        style: Style,
        x: Mil,
        /// The baseline.
        y: Mil,
        /// Drawn upwards at 45 degrees.
        slanted: bool,
        mark: Mark,
    },
    Fill {
        x: Mil,
        y: Mil,
        width: Mil,
        height: Mil,
        colour: Colour,
    },
    /// A QR code: horizontal runs of dark modules.
    Code {
        x: Mil,
        y: Mil,
        module: Mil,
        runs: Vec<(usize, usize, usize)>,
        node: usize,
    },
    Logo {
        x: Mil,
        y: Mil,
        width: Mil,
        height: Mil,
        node: usize,
    },
}

/// A node of the structure tree, as PDF names it: `Document`, `H1`, `Table`, `TR`, `TD`.
#[derive(Debug)]
pub struct Node {
    pub kind: &'static str,
    pub parent: usize,
    /// `Row` or `Column`, for header cells.
    pub scope: Option<&'static str>,
    pub col_span: usize,
    pub alt: Option<String>,
}

/// The pages and their meaning; node 0 is the document.
#[derive(Debug)]
pub struct Pages {
    pub pages: Vec<Vec<Item>>,
    pub nodes: Vec<Node>,
}

impl Default for Pages {
    fn default() -> Self {
        let document = Node { kind: "Document", parent: 0, scope: None, col_span: 1, alt: None };
        Self { pages: Vec::new(), nodes: vec![document] }
    }
}

impl Pages {
    /// Adds a node below another.
    pub fn node(&mut self, kind: &'static str, parent: usize) -> usize {
        self.nodes.push(Node { kind, parent, scope: None, col_span: 1, alt: None });
        self.nodes.len() - 1
    }
}
