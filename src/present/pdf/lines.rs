//! The table of lines: grouped by category with subtotals, heads repeated and sums carried over
//! page breaks.

use super::layout::{Cell, HAIRLINE, LEFT, Pen, RIGHT, WIDTH, row_height};
use super::page::{Colour, Mil, Style, mm, pt};
use crate::bill::document::InvoiceDocument;
use crate::present::format;
use crate::present::sheet::{Group, Row, Sheet};
use crate::present::texts::{text, text_with};

/// Right edges of the columns that are set to the right, and the text column between the first
/// two.
const NUMBER_RIGHT: Mil = LEFT + mm(70);
const TEXT_LEFT: Mil = LEFT + mm(100);
const QUANTITY_RIGHT: Mil = LEFT + mm(1000);
const PRICE_RIGHT: Mil = LEFT + mm(1270);
const TAX_RIGHT: Mil = LEFT + mm(1420);
const TEXT_WIDTH: Mil = mm(570);
const QUANTITY_WIDTH: Mil = mm(315);
const PRICE_WIDTH: Mil = mm(250);
const TAX_WIDTH: Mil = mm(140);
const NET_WIDTH: Mil = mm(220);
const COLUMNS: usize = 6;

const PAD: Mil = pt(22);
const HEAD: Style = Style::new(75).bold();
const MAIN: Style = Style::new(85);
const DETAIL: Style = Style::new(72).colour(Colour::QUIET);
const CARRY: Style = Style::new(75).colour(Colour::QUIET);
const CARRY_HEIGHT: Mil = CARRY.leading() + 2 * PAD;

/// Draws all lines.
pub fn table(pen: &mut Pen<'_, '_>, document: &InvoiceDocument, sheet: &Sheet) {
    if sheet.groups.is_empty() {
        return;
    }
    let node = pen.node("Table", 0);
    let mut table = Table { document, node, carried: 0, begun: false };
    table.head(pen, Some(node));
    let subtotals = sheet.groups.len() > 1;
    for group in &sheet.groups {
        table.group(pen, group, subtotals);
    }
    pen.fill(LEFT, pen.y, WIDTH, pt(10), pen.accent);
    pen.y += pt(60);
}

struct Table<'a> {
    document: &'a InvoiceDocument,
    node: usize,
    /// Net of the lines so far.
    carried: i64,
    /// A line stands on the page already.
    begun: bool,
}

impl Table<'_> {
    /// The column heads; on later pages a repetition that is not read aloud.
    fn head(&self, pen: &mut Pen<'_, '_>, node: Option<usize>) {
        let language = self.document.language;
        let currency = self.document.currency.code();
        let style = HEAD.colour(pen.accent_text);
        let net = text_with(language, "column-net-in", &[("currency", currency)]);
        let mut cell = |id: &str, width| pen.block(&text(language, id), style, width);
        let cells = [
            Cell::right(cell("column-number", mm(100)), NUMBER_RIGHT),
            Cell::left(cell("column-text", TEXT_WIDTH), TEXT_LEFT),
            Cell::right(cell("column-quantity", QUANTITY_WIDTH), QUANTITY_RIGHT),
            Cell::right(cell("column-price", PRICE_WIDTH), PRICE_RIGHT),
            Cell::right(cell("column-tax", TAX_WIDTH), TAX_RIGHT),
            Cell::right(pen.block(&net, style, NET_WIDTH), RIGHT),
        ];
        let cells: Vec<Cell> = cells.into_iter().map(|cell| cell.head("Column")).collect();
        let height = row_height(&cells) + 2 * PAD;
        pen.fill(LEFT, pen.y, WIDTH, height, pen.accent.tint(1));
        pen.fill(LEFT, pen.y + height, WIDTH, pt(10), pen.accent);
        pen.y += PAD;
        pen.row(cells, node);
        pen.y += PAD + pt(10);
    }

    /// Breaks the page before something of a height, and carries the sum over.
    fn need(&mut self, pen: &mut Pen<'_, '_>, height: Mil) {
        if pen.room() >= height + CARRY_HEIGHT {
            return;
        }
        if self.begun {
            self.carry(pen, "carried-forward");
        }
        pen.begin_page();
        self.head(pen, None);
        if self.begun {
            self.carry(pen, "brought-forward");
            pen.fill(LEFT, pen.y, WIDTH, HAIRLINE, Colour::HAIRLINE);
        }
    }

    fn carry(&self, pen: &mut Pen<'_, '_>, id: &str) {
        let language = self.document.language;
        let sum = format::amount(self.carried, self.document.currency, language);
        pen.y += PAD;
        let cells = vec![
            Cell::right(pen.block(&text(language, id), CARRY, WIDTH - NET_WIDTH), TAX_RIGHT),
            Cell::right(pen.block(&sum, CARRY.bold(), NET_WIDTH), RIGHT),
        ];
        pen.row(cells, None);
        pen.y += PAD;
    }

    fn group(&mut self, pen: &mut Pen<'_, '_>, group: &Group, subtotals: bool) {
        let style = MAIN.bold().colour(pen.accent_text);
        let name = pen.block(&group.name, style, WIDTH);
        let mut rows = group.rows.iter().map(|row| (row, row_cells(pen, row)));
        let Some((first, cells)) = rows.next() else { return };
        let title = name.height() + PAD + pt(45);
        let rest: Vec<(&Row, Vec<Cell>)> = rows.collect();
        // A title never stands alone at the end of a page.
        self.need(pen, title + row_height(&cells) + 2 * PAD);
        pen.y += pt(45);
        pen.row(vec![Cell::left(name, LEFT).head("Row").span(COLUMNS)], Some(self.node));
        pen.y += PAD;
        self.line(pen, first, cells);
        let last = rest.len();
        for (index, (row, cells)) in rest.into_iter().enumerate() {
            // Nor does a subtotal at the beginning of one.
            let below = if subtotals && index + 1 == last { MAIN.leading() + 2 * PAD } else { 0 };
            self.need(pen, row_height(&cells) + 2 * PAD + below);
            self.line(pen, row, cells);
        }
        if subtotals {
            self.subtotal(pen, group);
        }
    }

    fn line(&mut self, pen: &mut Pen<'_, '_>, row: &Row, cells: Vec<Cell>) {
        pen.fill(LEFT, pen.y, WIDTH, HAIRLINE, Colour::HAIRLINE);
        pen.y += PAD;
        pen.row(cells, Some(self.node));
        pen.y += PAD;
        self.carried += row.net_minor;
        self.begun = true;
    }

    fn subtotal(&mut self, pen: &mut Pen<'_, '_>, group: &Group) {
        self.need(pen, MAIN.leading() + 2 * PAD);
        let style = MAIN.bold();
        pen.fill(LEFT, pen.y, WIDTH, HAIRLINE, pen.accent);
        pen.y += PAD;
        let label = pen.block(&group.subtotal_label, style, TAX_RIGHT - LEFT);
        let cells = vec![
            Cell::right(label, TAX_RIGHT).head("Row").span(COLUMNS - 1),
            Cell::right(pen.block(&group.subtotal, style, NET_WIDTH), RIGHT),
        ];
        pen.row(cells, Some(self.node));
        pen.y += PAD;
    }
}

fn row_cells(pen: &mut Pen<'_, '_>, row: &Row) -> Vec<Cell> {
    let mut what = pen.block(&row.text, MAIN, TEXT_WIDTH);
    for detail in &row.details {
        pen.extend(&mut what, detail, DETAIL, TEXT_WIDTH);
    }
    let quantity = pen.quantity(&row.quantity, &row.unit, (MAIN, DETAIL), QUANTITY_WIDTH);
    let mut price = pen.block(&row.price, MAIN, PRICE_WIDTH);
    if let Some(base) = &row.price_base {
        pen.extend(&mut price, base, DETAIL, PRICE_WIDTH);
    }
    vec![
        Cell::right(pen.block(&row.number.to_string(), DETAIL, mm(100)), NUMBER_RIGHT),
        Cell::left(what, TEXT_LEFT),
        Cell::right(quantity, QUANTITY_RIGHT),
        Cell::right(price, PRICE_RIGHT),
        Cell::right(pen.block(&row.tax, MAIN, TAX_WIDTH), TAX_RIGHT),
        Cell::right(pen.block(&row.net, MAIN, NET_WIDTH), RIGHT),
    ]
}
