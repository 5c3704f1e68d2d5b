//! The pen: places text and shapes on pages from top to bottom, and begins new pages.

use super::page::{Colour, Item, Line, Mark, Mil, PAGE_WIDTH, Pages, Style, mm, pt};
use super::text::Shaper;

/// DIN 5008 margins: 25 mm at the left, 20 mm at the right.
pub const LEFT: Mil = mm(250);
pub const RIGHT: Mil = PAGE_WIDTH - mm(200);
pub const WIDTH: Mil = RIGHT - LEFT;
/// Where the content of the second and later pages begins.
const TOP: Mil = mm(225);
pub const HAIRLINE: Mil = pt(5);

/// Places things. The page is the last one; `y` is the place below what was placed last.
pub struct Pen<'s, 'f> {
    pub shaper: &'s mut Shaper<'f>,
    pub out: Pages,
    pub y: Mil,
    /// Where the content of every page ends.
    pub bottom: Mil,
    /// Fills and rules in the seller's colour, and text in it as far as it can be read.
    pub accent: Colour,
    pub accent_text: Colour,
}

/// Lines of text below each other, in a column.
#[derive(Default)]
pub struct Block {
    pub lines: Vec<(Line, Style)>,
}

impl Block {
    pub fn height(&self) -> Mil {
        self.lines.iter().map(|(_, style)| style.leading()).sum()
    }

    /// Width of the widest line.
    pub fn width(&self) -> Mil {
        self.lines.iter().map(|(line, style)| line.width(style.size)).max().unwrap_or(0)
    }
}

impl<'s, 'f> Pen<'s, 'f> {
    pub fn new(shaper: &'s mut Shaper<'f>, colour: &str, bottom: Mil) -> Self {
        let accent = Colour::parse(colour).unwrap_or(Colour::INK);
        let accent_text = if accent.is_readable() { accent } else { Colour::INK };
        let mut pen = Self { shaper, out: Pages::default(), y: 0, bottom, accent, accent_text };
        pen.out.pages.push(Vec::new());
        pen
    }

    pub fn begin_page(&mut self) {
        self.out.pages.push(Vec::new());
        self.y = TOP;
    }

    /// Room left on the page.
    pub fn room(&self) -> Mil {
        self.bottom - self.y
    }

    /// Begins a page where less than `height` is left, unless the page is still empty.
    pub fn need(&mut self, height: Mil) {
        if self.room() < height && self.y > TOP {
            self.begin_page();
        }
    }

    pub fn node(&mut self, kind: &'static str, parent: usize) -> usize {
        self.out.node(kind, parent)
    }

    pub fn push(&mut self, item: Item) {
        if let Some(page) = self.out.pages.last_mut() {
            page.push(item);
        }
    }

    pub fn fill(&mut self, x: Mil, y: Mil, width: Mil, height: Mil, colour: Colour) {
        self.push(Item::Fill { x, y, width, height, colour });
    }

    /// A thin rule over the content's width.
    pub fn rule(&mut self, y: Mil, colour: Colour) {
        self.fill(LEFT, y, WIDTH, HAIRLINE, colour);
    }

    /// One line of text with its top at `y`.
    pub fn put(&mut self, text: &str, style: Style, x: Mil, y: Mil, mark: Mark) {
        let line = self.shaper.line(text, style.bold);
        self.put_line(line, style, x, y, mark);
    }

    /// The same, ending at `right`.
    pub fn put_right(&mut self, text: &str, style: Style, right: Mil, y: Mil, mark: Mark) {
        let line = self.shaper.line(text, style.bold);
        let x = right - line.width(style.size);
        self.put_line(line, style, x, y, mark);
    }

    fn put_line(&mut self, line: Line, style: Style, x: Mil, y: Mil, mark: Mark) {
        if !line.pieces.is_empty() {
            let y = y + style.ascent();
            self.push(Item::Text { line, style, x, y, slanted: false, mark });
        }
    }

    /// Text broken to a width.
    pub fn block(&mut self, text: &str, style: Style, width: Mil) -> Block {
        let lines = self.shaper.wrap(text, style.bold, style.size, width);
        Block { lines: lines.into_iter().map(|line| (line, style)).collect() }
    }

    /// Adds further text below a block.
    pub fn extend(&mut self, block: &mut Block, text: &str, style: Style, width: Mil) {
        block.lines.extend(self.block(text, style, width).lines);
    }

    /// A quantity beside its unit, or above it where both are too wide.
    pub fn quantity(
        &mut self,
        quantity: &str,
        unit: &str,
        (main, below): (Style, Style),
        width: Mil,
    ) -> Block {
        let together = format!("{quantity}\u{a0}{unit}");
        let line = self.shaper.line(&together, main.bold);
        if line.width(main.size) <= width {
            return Block { lines: vec![(line, main)] };
        }
        let mut block = self.block(quantity, main, width);
        self.extend(&mut block, unit, below, width);
        block
    }

    /// Places a block with its top at `y`: from `x`, or ending at `x`. Gives the place below.
    pub fn put_block(&mut self, block: Block, x: Mil, right: bool, y: Mil, mark: Mark) -> Mil {
        let mut y = y;
        for (line, style) in block.lines {
            let from = if right { x - line.width(style.size) } else { x };
            self.put_line(line, style, from, y, mark);
            y += style.leading();
        }
        y
    }

    /// A paragraph over the content's width, as a node of its own, on one page.
    pub fn paragraph(&mut self, text: &str, style: Style, kind: &'static str) {
        let block = self.block(text, style, WIDTH);
        self.need(block.height());
        let mark = Mark::Node(self.node(kind, 0));
        self.y = self.put_block(block, LEFT, false, self.y, mark);
    }
}

/// A cell of a table's row.
pub struct Cell {
    pub block: Block,
    /// The left edge, or the right one of a cell set to the right.
    pub x: Mil,
    pub right: bool,
    pub kind: &'static str,
    pub scope: Option<&'static str>,
    pub col_span: usize,
}

impl Cell {
    pub fn left(block: Block, x: Mil) -> Self {
        Self { block, x, right: false, kind: "TD", scope: None, col_span: 1 }
    }

    pub fn right(block: Block, x: Mil) -> Self {
        Self { right: true, ..Self::left(block, x) }
    }

    pub fn head(self, scope: &'static str) -> Self {
        Self { kind: "TH", scope: Some(scope), ..self }
    }

    pub fn span(self, col_span: usize) -> Self {
        Self { col_span, ..self }
    }
}

/// Height of a row's highest cell.
pub fn row_height(cells: &[Cell]) -> Mil {
    cells.iter().map(|cell| cell.block.height()).max().unwrap_or(0)
}

impl Pen<'_, '_> {
    /// Places a row below a table's node; without a node as an artifact.
    pub fn row(&mut self, cells: Vec<Cell>, table: Option<usize>) {
        let height = row_height(&cells);
        let row = table.map(|table| self.node("TR", table));
        for cell in cells {
            let mark = match row {
                Some(row) => {
                    let node = self.node(cell.kind, row);
                    self.out.nodes[node].scope = cell.scope;
                    self.out.nodes[node].col_span = cell.col_span;
                    Mark::Node(node)
                }
                None => Mark::Artifact,
            };
            self.put_block(cell.block, cell.x, cell.right, self.y, mark);
        }
        self.y += height;
    }
}
