//! The frame of the letter: head, address window, facts, title; and what every page carries.

use super::layout::{Block, Cell, LEFT, Pen, RIGHT, WIDTH, row_height};
use super::logo::Logo;
use super::page::{Colour, Item, Mark, Mil, PAGE_HEIGHT, PAGE_WIDTH, Style, mm, pt};
use crate::bill::document::InvoiceDocument;
use crate::present::sheet::{self, Sheet};
use crate::present::texts::{text, text_with};

const BAND: Mil = mm(25);
/// DIN 5008, form B: the window begins 45 mm from the top, is 85 mm wide and 45 mm high.
const WINDOW_TOP: Mil = mm(450);
const WINDOW_WIDTH: Mil = mm(800);
const ADDRESS_TOP: Mil = mm(530);
const ADDRESS_BOTTOM: Mil = mm(890);
const FACTS_LEFT: Mil = mm(1200);
const TITLE_TOP: Mil = mm(1010);
/// Folding and punching marks.
const MARKS: [(Mil, Mil); 3] = [(mm(1050), mm(40)), (mm(1485), mm(60)), (mm(2100), mm(40))];

const LOGO_TOP: Mil = mm(120);
const LOGO_HEIGHT_MAX: i64 = 28;
const LOGO_WIDTH_MAX: Mil = mm(800);

const FOOTER_BOTTOM: Mil = PAGE_HEIGHT - mm(85);
const FOOTER_COLUMNS: usize = 3;
const FOOTER_GAP: Mil = mm(50);
const FOOTER_LINES_MAX: usize = 8;

const BODY: Style = Style::new(90);
const SMALL: Style = Style::new(65).colour(Colour::QUIET);
const FACT_LABEL: Style = Style::new(84).colour(Colour::QUIET);
const FACT_VALUE: Style = Style::new(84);
const TITLE: Style = Style::new(190).bold();
const NOTE: Style = Style::new(85);
/// Length of the word across a draft.
const DRAFT_MARK_WIDTH: Mil = mm(2300);
const DRAFT_MARK_SIZE_MAX: Mil = pt(1300);

/// The first page down to the title and the reason.
pub fn head(pen: &mut Pen<'_, '_>, document: &InvoiceDocument, sheet: &Sheet, logo: Option<&Logo>) {
    sender(pen, document, logo);
    address(pen, document, sheet);
    facts(pen, sheet);
    for (y, length) in MARKS {
        pen.fill(mm(50), y, length, pt(3), Colour::HAIRLINE);
    }
    pen.y = pen.y.max(TITLE_TOP);
    let title = pen.node("H1", 0);
    let style = TITLE.colour(pen.accent_text);
    let block = pen.block(&sheet.full_title, style, WIDTH);
    pen.y = pen.put_block(block, LEFT, false, pen.y, Mark::Node(title)) + pt(40);
    if let Some(note) = &sheet.draft_note {
        let style = NOTE.bold().colour(Colour::WARNING);
        pen.paragraph(note, style, "P");
        pen.y += pt(30);
    }
    if let Some((label, reason)) = &sheet.reason {
        pen.paragraph(&format!("{label}: {reason}"), BODY, "P");
        pen.y += pt(30);
    }
    pen.y += pt(60);
}

/// The logo, or the seller's name where there is none.
fn sender(pen: &mut Pen<'_, '_>, document: &InvoiceDocument, logo: Option<&Logo>) {
    let Some(logo) = logo else {
        let style = Style::new(170).bold().colour(pen.accent_text);
        let node = pen.node("P", 0);
        let block = pen.block(&document.seller.name, style, WIDTH);
        pen.put_block(block, RIGHT, true, LOGO_TOP + mm(20), Mark::Node(node));
        return;
    };
    let wanted = i64::from(document.style.logo_height_mm).clamp(4, LOGO_HEIGHT_MAX);
    let mut height = mm(wanted * 10);
    let mut width = height * i64::from(logo.width) / i64::from(logo.height).max(1);
    if width > LOGO_WIDTH_MAX {
        height = height * LOGO_WIDTH_MAX / width;
        width = LOGO_WIDTH_MAX;
    }
    let node = pen.node("Figure", 0);
    let alt = text_with(document.language, "logo-alt", &[("name", &document.seller.name)]);
    pen.out.nodes[node].alt = Some(alt);
    pen.push(Item::Logo { x: RIGHT - width, y: LOGO_TOP, width, height, node });
}

fn address(pen: &mut Pen<'_, '_>, document: &InvoiceDocument, sheet: &Sheet) {
    let node = Mark::Node(pen.node("P", 0));
    let sender = pen.block(&sheet::sender_line(document), SMALL, WINDOW_WIDTH);
    let top = ADDRESS_TOP - sender.height() - pt(60);
    let rule = pen.put_block(sender, LEFT, false, top.max(WINDOW_TOP), node);
    pen.fill(LEFT, rule + pt(8), WINDOW_WIDTH, pt(3), Colour::HAIRLINE);
    let node = Mark::Node(pen.node("P", 0));
    let mut y = ADDRESS_TOP;
    for (index, line) in sheet.buyer.iter().enumerate() {
        let style = if index == 0 { Style::new(100).bold() } else { Style::new(100) };
        let block = pen.block(line, style, WINDOW_WIDTH);
        // What does not fit the window still stands on the invoice: the law asks for it.
        y = pen.put_block(block, LEFT, false, y, node);
    }
    pen.y = if y > ADDRESS_BOTTOM { y + mm(80) } else { 0 };
}

/// Number, dates and ids beside the window.
fn facts(pen: &mut Pen<'_, '_>, sheet: &Sheet) {
    let table = pen.node("Table", 0);
    let below = pen.y;
    pen.y = ADDRESS_TOP - mm(20);
    for (label, value) in &sheet.facts {
        let label = pen.block(label, FACT_LABEL, mm(330));
        let room = RIGHT - FACTS_LEFT - label.width() - mm(20);
        let value = pen.block(value, FACT_VALUE, room);
        let cells = vec![Cell::left(label, FACTS_LEFT).head("Row"), Cell::right(value, RIGHT)];
        let height = row_height(&cells);
        let top = pen.y;
        pen.row(cells, Some(table));
        pen.y = top + height + pt(22);
    }
    pen.y = below.max(pen.y + mm(60));
}

/// The legal footer's blocks and their height.
pub fn footer(pen: &mut Pen<'_, '_>, document: &InvoiceDocument) -> (Vec<Block>, Mil) {
    let mut columns = sheet::footer(document);
    columns.truncate(FOOTER_COLUMNS);
    let count = i64::try_from(columns.len().max(1)).unwrap_or(1);
    let width = (WIDTH - FOOTER_GAP * (count - 1)) / count;
    let mut blocks = Vec::new();
    for column in columns {
        let mut block = Block::default();
        for line in column {
            pen.extend(&mut block, &line, SMALL, width);
        }
        block.lines.truncate(FOOTER_LINES_MAX);
        blocks.push(block);
    }
    let height = blocks.iter().map(Block::height).max().unwrap_or(0);
    (blocks, height)
}

/// Where the content ends above a footer of some height.
pub fn content_bottom(footer_height: Mil) -> Mil {
    FOOTER_BOTTOM - footer_height - SMALL.leading() - mm(65)
}

/// Bands, running heads, footers and page numbers of all pages.
pub fn frame(pen: &mut Pen<'_, '_>, document: &InvoiceDocument, sheet: &Sheet, footer: Vec<Block>) {
    let count = pen.out.pages.len();
    let content = std::mem::take(&mut pen.out.pages);
    let all = count.to_string();
    for (index, items) in content.into_iter().enumerate() {
        // What lies behind the content comes first.
        pen.out.pages.push(Vec::new());
        if document.number.is_none() {
            draft_mark(pen, document);
        }
        if let Some(page) = pen.out.pages.last_mut() {
            page.extend(items);
        }
        pen.fill(0, 0, PAGE_WIDTH, BAND, pen.accent);
        if index > 0 {
            running_head(pen, document, sheet);
        }
        let page = (index + 1).to_string();
        let number = text_with(document.language, "page-of", &[("page", &page), ("pages", &all)]);
        page_foot(pen, &footer, &number);
    }
}

fn running_head(pen: &mut Pen<'_, '_>, document: &InvoiceDocument, sheet: &Sheet) {
    let y = mm(130);
    pen.put(&sheet.full_title, SMALL.bold(), LEFT, y, Mark::Artifact);
    pen.put_right(&document.seller.name, SMALL, RIGHT, y, Mark::Artifact);
    pen.rule(y + SMALL.leading() + pt(30), Colour::HAIRLINE);
}

fn page_foot(pen: &mut Pen<'_, '_>, footer: &[Block], number: &str) {
    let height = footer.iter().map(Block::height).max().unwrap_or(0);
    let top = FOOTER_BOTTOM - height;
    pen.put_right(number, SMALL, RIGHT, top - SMALL.leading() - mm(20), Mark::Artifact);
    pen.rule(top - mm(15), Colour::HAIRLINE);
    let count = i64::try_from(footer.len().max(1)).unwrap_or(1);
    let width = (WIDTH - FOOTER_GAP * (count - 1)) / count;
    let mut x = LEFT;
    for block in footer {
        let copy = Block { lines: block.lines.clone() };
        pen.put_block(copy, x, false, top, Mark::Artifact);
        x += width + FOOTER_GAP;
    }
}

/// A pale word across the page.
fn draft_mark(pen: &mut Pen<'_, '_>, document: &InvoiceDocument) {
    let word = text(document.language, "draft").to_uppercase();
    let line = pen.shaper.line(&word, true);
    let size = DRAFT_MARK_WIDTH * 1_000 / (line.width(1_000)).max(1);
    let size = size.min(DRAFT_MARK_SIZE_MAX);
    let style = Style { size, bold: true, colour: Colour::WARNING.tint(1) };
    // Half the width, seen at 45 degrees: cos 45° is 0.7071.
    let half = line.width(style.size) * 7_071 / 20_000;
    let (x, y) = (PAGE_WIDTH / 2 - half + size / 4, PAGE_HEIGHT / 2 + half + size / 4);
    pen.push(Item::Text { line, style, x, y, slanted: true, mark: Mark::Artifact });
}
