//! What follows the lines: totals, notes, payment, breakdowns and the annex.

use super::layout::{Cell, HAIRLINE, LEFT, Pen, RIGHT, WIDTH, row_height};
use super::page::{Colour, Item, Mark, Mil, Style, mm, pt};
use crate::bill::document::{ChargePart, InvoiceDocument};
use crate::present::format;
use crate::present::payment_code::PaymentCode;
use crate::present::sheet::{Breakdown, BreakdownRow, Sheet};
use crate::present::texts::{text, text_with};

const BODY: Style = Style::new(88);
const HEADING: Style = Style::new(105).bold();
const TOTAL: Style = Style::new(90);
const GRAND: Style = Style::new(120).bold();
const SMALL: Style = Style::new(78);
const QUIET: Style = Style::new(72).colour(Colour::QUIET);
const TOTALS_LEFT: Mil = LEFT + mm(700);
const AMOUNT_WIDTH: Mil = mm(420);
const PAD: Mil = pt(26);
const INSET: Mil = mm(40);
const CODE_SIDE: Mil = mm(260);
const COLUMN_GAP: Mil = mm(100);
/// Breakdowns of more rows are not set side by side.
const PAIR_ROWS_MAX: usize = 14;

/// The totals, kept together.
pub fn totals(pen: &mut Pen<'_, '_>, sheet: &Sheet) {
    let rows: Vec<(Vec<Cell>, bool)> = sheet
        .totals
        .iter()
        .map(|total| {
            let style = if total.grand { GRAND } else { TOTAL };
            let style = if total.grand { style.colour(pen.accent_text) } else { style };
            let value = pen.block(&total.value, style, AMOUNT_WIDTH);
            let room = RIGHT - TOTALS_LEFT - value.width() - 2 * INSET;
            let label = pen.block(&total.label, style, room);
            let cells = vec![
                Cell::left(label, TOTALS_LEFT + INSET).head("Row"),
                Cell::right(value, RIGHT - INSET),
            ];
            (cells, total.grand)
        })
        .collect();
    let height: Mil = rows.iter().map(|(cells, _)| row_height(cells) + 4 * PAD).sum();
    pen.need(height);
    let table = pen.node("Table", 0);
    for (cells, grand) in rows {
        let pad = if grand { 2 * PAD } else { PAD };
        if grand {
            let height = row_height(&cells) + 2 * pad;
            pen.y += PAD;
            pen.fill(TOTALS_LEFT, pen.y, RIGHT - TOTALS_LEFT, height, pen.accent.tint(1));
            pen.fill(TOTALS_LEFT, pen.y, RIGHT - TOTALS_LEFT, pt(12), pen.accent);
        }
        pen.y += pad;
        pen.row(cells, Some(table));
        pen.y += pad;
    }
    pen.y += pt(80);
    for note in &sheet.notes {
        pen.paragraph(note, BODY, "P");
        pen.y += pt(30);
    }
}

/// How to pay, with the code to scan.
pub fn payment(pen: &mut Pen<'_, '_>, document: &InvoiceDocument, sheet: &Sheet) {
    let code = PaymentCode::of(document);
    let taken = if code.is_some() { CODE_SIDE + INSET } else { 0 };
    let width = WIDTH - 2 * INSET - taken;
    let mut sentences = Vec::new();
    for sentence in &sheet.payment.sentences {
        sentences.push(pen.block(sentence, BODY, width));
    }
    let mut facts = Vec::new();
    for (label, value) in &sheet.payment.facts {
        let label = pen.block(label, BODY.quiet(), mm(380));
        let value = pen.block(value, BODY.bold(), width - mm(400));
        facts.push(vec![
            Cell::left(label, LEFT + INSET).head("Row"),
            Cell::left(value, LEFT + INSET + mm(400)),
        ]);
    }
    let title = pen.block(&text(document.language, "payment"), HEADING, width);
    let written: Mil = title.height()
        + pt(40)
        + sentences.iter().map(|block| block.height() + pt(40)).sum::<Mil>()
        + facts.iter().map(|cells| row_height(cells) + pt(12)).sum::<Mil>();
    let seen = if code.is_some() { CODE_SIDE + QUIET.leading() } else { 0 };
    let height = written.max(seen) + 2 * INSET;
    pen.need(height + pt(60));
    pen.y += pt(60);
    let top = pen.y;
    pen.fill(LEFT, top, WIDTH, height, Colour(0xf6, 0xf7, 0xf9));
    pen.fill(LEFT, top, pt(25), height, pen.accent);
    let node = pen.node("H2", 0);
    let mut y = pen.put_block(title, LEFT + INSET, false, top + INSET, Mark::Node(node)) + pt(40);
    for block in sentences {
        let node = pen.node("P", 0);
        y = pen.put_block(block, LEFT + INSET, false, y, Mark::Node(node)) + pt(40);
    }
    pen.y = y;
    let table = (!facts.is_empty()).then(|| pen.node("Table", 0));
    for cells in facts {
        pen.row(cells, table);
        pen.y += pt(12);
    }
    if let Some(code) = code {
        payment_code(pen, document, sheet, &code, top + INSET);
    }
    pen.y = top + height + pt(90);
}

fn payment_code(
    pen: &mut Pen<'_, '_>,
    document: &InvoiceDocument,
    sheet: &Sheet,
    code: &PaymentCode,
    top: Mil,
) {
    let x = RIGHT - INSET - CODE_SIDE;
    let modules = i64::try_from(code.width).unwrap_or(1);
    // Four light modules all around belong to the code.
    let module = CODE_SIDE / (modules + 8);
    pen.fill(x, top, CODE_SIDE, CODE_SIDE, Colour::WHITE);
    let node = pen.node("Figure", 0);
    pen.out.nodes[node].alt = Some(sheet.payment.code_text.clone());
    let inset = (CODE_SIDE - module * modules) / 2;
    pen.push(Item::Code { x: x + inset, y: top + inset, module, runs: code.runs(), node });
    let caption = pen.block(&text(document.language, "qr-caption"), QUIET, CODE_SIDE);
    let middle = x + (CODE_SIDE + caption.width()) / 2;
    let node = pen.node("P", 0);
    pen.put_block(caption, middle, true, top + CODE_SIDE + pt(10), Mark::Node(node));
}

/// The seller's own closing words.
pub fn closing(pen: &mut Pen<'_, '_>, document: &InvoiceDocument) {
    let closing = document.style.closing.as_ref().filter(|text| !text.trim().is_empty());
    if let Some(closing) = closing {
        for paragraph in closing.split('\n').filter(|paragraph| !paragraph.trim().is_empty()) {
            pen.paragraph(paragraph, BODY, "P");
            pen.y += pt(40);
        }
        pen.y += pt(40);
    }
}

/// The net, cut by category, project and tag.
pub fn breakdowns(pen: &mut Pen<'_, '_>, document: &InvoiceDocument, sheet: &Sheet) {
    if sheet.breakdowns.is_empty() {
        return;
    }
    let half = (WIDTH - COLUMN_GAP) / 2;
    let small = |cut: &Breakdown| cut.rows.len() <= PAIR_ROWS_MAX;
    let title = text(document.language, "breakdowns");
    let row = row_pitch();
    let first = sheet.breakdowns.first().map_or(0, |cut| cut.rows.len().min(PAIR_ROWS_MAX));
    pen.need(
        HEADING.leading()
            + pt(60)
            + BODY.leading()
            + pt(20)
            + row * i64::try_from(first).unwrap_or(0),
    );
    pen.paragraph(&title, HEADING, "H2");
    pen.y += pt(40);
    let mut rest = sheet.breakdowns.as_slice();
    while let Some((cut, others)) = rest.split_first() {
        match others.split_first().filter(|(other, _)| small(cut) && small(other)) {
            Some((other, others)) => {
                let rows = i64::try_from(cut.rows.len().max(other.rows.len())).unwrap_or(0);
                pen.need(BODY.leading() + pt(20) + rows * row);
                let (top, page) = (pen.y, pen.out.pages.len());
                breakdown(pen, document, cut, (LEFT, half));
                let below = pen.y;
                debug_assert_eq!(page, pen.out.pages.len());
                pen.y = top;
                breakdown(pen, document, other, (LEFT + half + COLUMN_GAP, half));
                pen.y = pen.y.max(below);
                rest = others;
            }
            None => {
                let width = if small(cut) { half } else { WIDTH };
                breakdown(pen, document, cut, (LEFT, width));
                rest = others;
            }
        }
        pen.y += pt(100);
    }
}

/// Height of a breakdown's row of one line.
fn row_pitch() -> Mil {
    SMALL.leading() + 2 * pt(16)
}

fn breakdown(
    pen: &mut Pen<'_, '_>,
    document: &InvoiceDocument,
    cut: &Breakdown,
    (x, width): (Mil, Mil),
) {
    pen.need(BODY.leading() + 2 * row_pitch());
    let node = pen.node("P", 0);
    let title = pen.block(&cut.title, BODY.bold(), width);
    pen.y = pen.put_block(title, x, false, pen.y, Mark::Node(node)) + pt(20);
    let table = pen.node("Table", 0);
    for row in &cut.rows {
        breakdown_row(pen, document, row, table, (x, width));
    }
}

fn breakdown_row(
    pen: &mut Pen<'_, '_>,
    document: &InvoiceDocument,
    row: &BreakdownRow,
    table: usize,
    (x, width): (Mil, Mil),
) {
    let share_width = mm(130);
    let amount = pen.block(&row.amount, SMALL, mm(280));
    let room = width - share_width - amount.width() - mm(30);
    let label = pen.block(&row.label, SMALL, room);
    let share = pen.block(&row.share, SMALL.quiet(), share_width);
    let cells = vec![
        Cell::left(label, x).head("Row"),
        Cell::right(amount, x + width - share_width),
        Cell::right(share, x + width),
    ];
    pen.need(row_height(&cells) + 2 * pt(16));
    pen.y += pt(10);
    pen.row(cells, Some(table));
    pen.y += pt(10);
    // The rule below a row is also its bar.
    pen.fill(x, pen.y, width, pt(12), Colour::HAIRLINE);
    let whole = document.net_minor.max(1);
    let part = row.net_minor.clamp(0, whole);
    let length = i128::from(width) * i128::from(part) / i128::from(whole);
    let length = Mil::try_from(length).unwrap_or(width);
    if length > 0 {
        pen.fill(x, pen.y, length, pt(12), pen.accent);
    }
    pen.y += pt(12);
}

/// The usage annex: each resource's part of each line, on pages of its own.
pub fn annex(pen: &mut Pen<'_, '_>, document: &InvoiceDocument, parts: &[ChargePart]) {
    if !document.style.annex || parts.is_empty() {
        return;
    }
    pen.begin_page();
    let language = document.language;
    pen.paragraph(&text(language, "annex"), HEADING, "H2");
    pen.paragraph(&text(language, "annex-note"), BODY.quiet(), "P");
    pen.y += pt(60);
    let table = pen.node("Table", 0);
    annex_head(pen, document, Some(table));
    for line in &document.lines {
        let mut own = parts.iter().filter(|part| part.line == line.number).peekable();
        if own.peek().is_none() {
            continue;
        }
        let number = line.number.to_string();
        let fills = [("number", number.as_str()), ("text", &line.text)];
        let title = text_with(language, "annex-line", &fills);
        let net = format::amount(line.net_minor, document.currency, language);
        let cells = vec![
            Cell::left(pen.block(&title, SMALL.bold(), ANNEX_TITLE_WIDTH), LEFT)
                .head("Row")
                .span(3),
            Cell::right(pen.block(&net, SMALL.bold(), ANNEX_NET_WIDTH), RIGHT),
        ];
        annex_need(pen, document, row_height(&cells) + 2 * SMALL.leading() + pt(80));
        pen.y += pt(40);
        pen.row(cells, Some(table));
        for part in own {
            annex_row(pen, document, part, &line.unit, table);
        }
    }
}

const ANNEX_METER_LEFT: Mil = LEFT + mm(720);
const ANNEX_QUANTITY_RIGHT: Mil = LEFT + mm(1380);
const ANNEX_TITLE_WIDTH: Mil = mm(1350);
const ANNEX_NAME_WIDTH: Mil = mm(700);
const ANNEX_METER_WIDTH: Mil = mm(330);
const ANNEX_QUANTITY_WIDTH: Mil = mm(320);
const ANNEX_NET_WIDTH: Mil = mm(250);

fn annex_head(pen: &mut Pen<'_, '_>, document: &InvoiceDocument, table: Option<usize>) {
    let language = document.language;
    let style = Style::new(72).bold().colour(pen.accent_text);
    let mut cell = |id: &str, width| pen.block(&text(language, id), style, width);
    let cells = vec![
        Cell::left(cell("column-resource", ANNEX_NAME_WIDTH), LEFT).head("Column"),
        Cell::left(cell("column-meter", ANNEX_METER_WIDTH), ANNEX_METER_LEFT).head("Column"),
        Cell::right(cell("column-quantity", ANNEX_QUANTITY_WIDTH), ANNEX_QUANTITY_RIGHT)
            .head("Column"),
        Cell::right(cell("column-net", ANNEX_NET_WIDTH), RIGHT).head("Column"),
    ];
    pen.row(cells, table);
    pen.y += pt(15);
    pen.fill(LEFT, pen.y, WIDTH, pt(10), pen.accent);
    pen.y += pt(15);
}

fn annex_need(pen: &mut Pen<'_, '_>, document: &InvoiceDocument, height: Mil) {
    if pen.room() < height {
        pen.begin_page();
        annex_head(pen, document, None);
    }
}

fn annex_row(
    pen: &mut Pen<'_, '_>,
    document: &InvoiceDocument,
    part: &ChargePart,
    unit: &str,
    table: usize,
) {
    let language = document.language;
    let mut name = vec![part_name(part)];
    name.extend([part.project.as_deref(), part.account.as_deref()].into_iter().flatten());
    let name = pen.block(&name.join(" · "), SMALL, ANNEX_NAME_WIDTH);
    let quantity = format::quantity(&part.quantity, language);
    let unit = format::unit(unit, &part.quantity, language);
    let amount = pen.quantity(&quantity, &unit, (SMALL, QUIET), ANNEX_QUANTITY_WIDTH);
    let net = format::amount(part.net_minor, document.currency, language);
    let cells = vec![
        Cell::left(name, LEFT),
        Cell::left(
            pen.block(&format::meter(&part.meter, language), SMALL, ANNEX_METER_WIDTH),
            ANNEX_METER_LEFT,
        ),
        Cell::right(amount, ANNEX_QUANTITY_RIGHT),
        Cell::right(pen.block(&net, SMALL, ANNEX_NET_WIDTH), RIGHT),
    ];
    annex_need(pen, document, row_height(&cells) + pt(40));
    pen.fill(LEFT, pen.y, WIDTH, HAIRLINE, Colour::HAIRLINE);
    pen.y += pt(18);
    pen.row(cells, Some(table));
    pen.y += pt(12);
}

fn part_name(part: &ChargePart) -> &str {
    if part.resource_name.trim().is_empty() { &part.resource } else { &part.resource_name }
}
