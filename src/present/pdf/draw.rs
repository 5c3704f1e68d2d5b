//! The back end: pages of glyph runs and shapes become PDF objects. The only file that writes by
//! printpdf; floats appear here because its operators take them.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use printpdf::{
    Codepoint, Color, DictItem, FontId, FontMetrics, FontType, LinePoint, Mm, Op, PaintMode,
    ParsedFont, PdfDocument, PdfFont, PdfFontHandle, PdfFontMetricsStub, PdfPage, PdfSaveOptions,
    Point, Polygon, PolygonRing, Pt, Rect, Rgb, TextItem, TextMatrix, WindingOrder, XObjectId,
    XObjectTransform,
};
use sha2::{Digest, Sha256};
use subsetter::GlyphRemapper;

use super::fonts::{Face, Faces};
use super::logo::Logo;
use super::page::{Colour, Glyph, Item, Line, Mark, Mil, PAGE_HEIGHT, Pages, Piece, Style};

/// Level of all our streams: 9 costs twice the time for one percent.
const DEFLATE_LEVEL: u32 = 6;
const LOGO_ID: &str = "L";
/// cos 45° and sin 45°.
const DIAGONAL: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// Content of one page that belongs to a node of the structure tree, in order of its id.
pub type MarkedContent = Vec<usize>;

/// The document as objects, and what of it is marked.
pub struct Drawn {
    pub document: lopdf::Document,
    /// For each page, the node of each marked content id.
    pub marked: Vec<MarkedContent>,
}

/// Draws pages. With `tagged`, content is marked by its meaning.
pub fn draw(
    pages: &Pages,
    faces: &Faces<'_>,
    logo: Option<&Logo>,
    tagged: bool,
) -> Result<Drawn, String> {
    let mut pdf = PdfDocument::new("");
    if let Some(logo) = logo {
        pdf.resources.xobjects.map.insert(XObjectId(LOGO_ID.to_owned()), logo.xobject.clone());
    }
    let mut fonts = Fonts::new(faces);
    let mut marked = Vec::new();
    for items in &pages.pages {
        let mut page = PagePen::new(&mut fonts, tagged);
        for item in items {
            page.item(item);
        }
        page.close();
        marked.push(page.marked);
        pdf.pages.push(PdfPage::new(Mm(210.0), Mm(297.0), page.ops));
    }
    for (id, font) in fonts.cut()? {
        pdf.resources.fonts.map.insert(id, font);
    }
    let options = PdfSaveOptions {
        optimize: false,
        subset_fonts: false,
        secure: true,
        image_optimization: None,
    };
    let mut warnings = Vec::new();
    let document = pdf.to_lopdf_document(&options, &mut warnings);
    match warnings.first() {
        Some(warning) => Err(format!("the PDF library warns: {warning:?}")),
        None => Ok(Drawn { document, marked }),
    }
}

/// Deflates a stream.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(DEFLATE_LEVEL));
    // Writing to memory cannot fail.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("deflate in memory")
}

fn points(length: Mil) -> f32 {
    length as f32 / 1000.0
}

/// Faces in use, with the glyphs seen so far.
struct Fonts<'a> {
    faces: &'a Faces<'a>,
    used: BTreeMap<usize, UsedFace>,
}

#[derive(Default)]
struct UsedFace {
    remapper: GlyphRemapper,
    /// Text of each glyph for searching and copying: the first one seen.
    texts: HashMap<u16, String>,
    /// Width of each new glyph in thousandths of an em, cut as printpdf cuts it.
    widths: BTreeMap<u16, u16>,
}

impl<'a> Fonts<'a> {
    fn new(faces: &'a Faces<'a>) -> Self {
        Self { faces, used: BTreeMap::new() }
    }

    /// Cuts each face down to its used glyphs.
    fn cut(&self) -> Result<Vec<(FontId, PdfFont)>, String> {
        let mut fonts = Vec::new();
        for (number, used) in &self.used {
            let face = self.faces.get(*number);
            let name = face.name();
            let data = subsetter::subset(face.data, face.index, &used.remapper)
                .map_err(|error| format!("face {name} cannot be cut: {error}"))?;
            fonts.push((font_id(*number), PdfFont::new(parsed(face, &name, data, used))));
        }
        Ok(fonts)
    }
}

fn font_id(face: usize) -> FontId {
    FontId(format!("F{face}"))
}

fn parsed(face: &Face<'_>, name: &str, data: Vec<u8>, used: &UsedFace) -> ParsedFont {
    let shaping = &face.shaping;
    let bounds = shaping.global_bounding_box();
    let units_per_em = u16::try_from(face.units_per_em).unwrap_or(1000);
    let is_cff = data.starts_with(b"OTTO");
    ParsedFont {
        font_name: Some(format!("{}+{name}", tag(&data))),
        original_bytes: data,
        font_index: 0,
        codepoint_to_glyph: BTreeMap::new(),
        glyph_widths: used.widths.clone(),
        units_per_em,
        font_metrics: FontMetrics { ascent: shaping.ascender(), descent: shaping.descender() },
        font_type: if is_cff { FontType::OpenTypeCFF(()) } else { FontType::TrueType },
        pdf_font_metrics: PdfFontMetricsStub {
            units_per_em,
            x_min: bounds.x_min,
            y_min: bounds.y_min,
            x_max: bounds.x_max,
            y_max: bounds.y_max,
            caret_slope_rise: 1,
            caret_slope_run: 0,
            us_weight_class: shaping.weight().to_number(),
        },
    }
}

/// Six capital letters that differ between cuts of one face.
fn tag(data: &[u8]) -> String {
    let hash = Sha256::digest(data);
    hash.iter().take(6).map(|byte| char::from(b'A' + byte % 26)).collect()
}

/// Writes one page's operators.
struct PagePen<'p, 'a> {
    fonts: &'p mut Fonts<'a>,
    ops: Vec<Op>,
    tagged: bool,
    open: Option<Mark>,
    marked: MarkedContent,
    colour: Option<Colour>,
}

impl<'p, 'a> PagePen<'p, 'a> {
    fn new(fonts: &'p mut Fonts<'a>, tagged: bool) -> Self {
        Self { fonts, ops: Vec::new(), tagged, open: None, marked: Vec::new(), colour: None }
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Text { line, style, x, y, slanted, mark } => {
                self.begin(*mark);
                self.text(line, *style, (*x, *y), *slanted);
            }
            Item::Fill { x, y, width, height, colour } => {
                self.begin(Mark::Artifact);
                self.paint(*colour);
                let mut rectangle = Rect::from_xywh(
                    Pt(points(*x)),
                    Pt(points(PAGE_HEIGHT - y - height)),
                    Pt(points(*width)),
                    Pt(points(*height)),
                );
                rectangle.mode = Some(PaintMode::Fill);
                rectangle.winding_order = Some(WindingOrder::NonZero);
                self.ops.push(Op::DrawRectangle { rectangle });
            }
            Item::Code { x, y, module, runs, node } => {
                self.begin(Mark::Node(*node));
                self.paint(Colour(0, 0, 0));
                self.code((*x, *y), *module, runs);
            }
            Item::Logo { x, y, width, height, node } => {
                self.begin(Mark::Node(*node));
                let transform = XObjectTransform {
                    translate_x: Some(Pt(points(*x))),
                    translate_y: Some(Pt(points(PAGE_HEIGHT - y - height))),
                    scale_x: Some(points(*width)),
                    scale_y: Some(points(*height)),
                    ..XObjectTransform::default()
                };
                self.ops.push(Op::UseXobject { id: XObjectId(LOGO_ID.to_owned()), transform });
            }
        }
    }

    /// Begins content of another meaning, if it is another.
    fn begin(&mut self, mark: Mark) {
        if !self.tagged || self.open == Some(mark) {
            return;
        }
        self.close();
        self.open = Some(mark);
        match mark {
            Mark::Artifact => {
                self.ops.push(Op::BeginMarkedContent { tag: "Artifact".to_owned() });
            }
            Mark::Node(node) => {
                let id = i64::try_from(self.marked.len()).unwrap_or(i64::MAX);
                self.marked.push(node);
                self.ops.push(Op::BeginMarkedContentWithProperties {
                    tag: "Span".to_owned(),
                    properties: dict([("MCID", DictItem::Int(id))]),
                });
            }
        }
    }

    fn close(&mut self) {
        if self.open.take().is_some() {
            self.ops.push(Op::EndMarkedContent);
        }
    }

    fn paint(&mut self, colour: Colour) {
        if self.colour == Some(colour) {
            return;
        }
        self.colour = Some(colour);
        let part = |value: u8| f32::from(value) / 255.0;
        let rgb =
            Rgb { r: part(colour.0), g: part(colour.1), b: part(colour.2), icc_profile: None };
        self.ops.push(Op::SetFillColor { col: Color::Rgb(rgb) });
    }

    fn code(&mut self, (x, y): (Mil, Mil), module: Mil, runs: &[(usize, usize, usize)]) {
        let length = |modules: usize| module * i64::try_from(modules).unwrap_or(0);
        let corner = |x: Mil, y: Mil| LinePoint {
            p: Point { x: Pt(points(x)), y: Pt(points(PAGE_HEIGHT - y)) },
            bezier: false,
        };
        let rings = runs.iter().map(|(column, row, count)| {
            let (left, top) = (x + length(*column), y + length(*row));
            let (right, bottom) = (left + length(*count), top + module);
            PolygonRing {
                points: vec![
                    corner(left, top),
                    corner(right, top),
                    corner(right, bottom),
                    corner(left, bottom),
                ],
            }
        });
        let polygon = Polygon {
            rings: rings.collect(),
            mode: PaintMode::Fill,
            winding_order: WindingOrder::NonZero,
        };
        self.ops.push(Op::DrawPolygon { polygon });
    }

    fn text(&mut self, line: &Line, style: Style, (x, y): (Mil, Mil), slanted: bool) {
        self.paint(style.colour);
        self.ops.push(Op::StartTextSection);
        let mut x = x;
        let mut pieces = line.pieces.as_slice();
        while let Some(first) = pieces.first() {
            let count = pieces.iter().take_while(|piece| piece.face == first.face).count();
            let (same, rest) = pieces.split_at(count);
            let face = self.fonts.faces.get(first.face);
            let matrix = if slanted {
                let (left, up) = (points(x), points(PAGE_HEIGHT - y));
                TextMatrix::Raw([DIAGONAL, DIAGONAL, -DIAGONAL, DIAGONAL, left, up])
            } else {
                TextMatrix::Translate(Pt(points(x)), Pt(points(PAGE_HEIGHT - y)))
            };
            self.ops.push(Op::SetFont {
                font: PdfFontHandle::External(font_id(first.face)),
                size: Pt(points(style.size)),
            });
            self.ops.push(Op::SetTextMatrix { matrix });
            let used = self.fonts.used.entry(first.face).or_default();
            let mut run = Run { face, used, size: style.size, items: Vec::new() };
            for piece in same {
                run.piece(piece, &mut self.ops);
                let advance: i64 = piece.glyphs.iter().map(|g| i64::from(g.advance)).sum();
                x += advance * style.size / face.units_per_em;
            }
            run.flush(&mut self.ops);
            pieces = rest;
        }
        self.ops.push(Op::EndTextSection);
    }
}

fn dict<const N: usize>(entries: [(&str, DictItem); N]) -> DictItem {
    let map = entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    DictItem::Dict { map }
}

/// Glyphs of one face on one baseline.
struct Run<'r, 'a> {
    face: &'r Face<'a>,
    used: &'r mut UsedFace,
    size: Mil,
    items: Vec<Codepoint>,
}

impl Run<'_, '_> {
    fn piece(&mut self, piece: &Piece, ops: &mut Vec<Op>) {
        let mut glyphs = piece.glyphs.as_slice();
        while let Some(first) = glyphs.first() {
            let count = glyphs.iter().take_while(|glyph| glyph.from == first.from).count();
            let (cluster, rest) = glyphs.split_at(count);
            let (from, until) = (first.from as usize, first.until as usize);
            self.cluster(cluster, &piece.text[from..until], ops);
            glyphs = rest;
        }
    }

    /// A cluster that its glyphs' own texts do not tell is told by `ActualText`.
    fn cluster(&mut self, glyphs: &[Glyph], text: &str, ops: &mut Vec<Op>) {
        let single = match glyphs {
            [glyph] => self.text_of(glyph.gid, text) == text,
            _ => false,
        };
        if !single {
            self.flush(ops);
            let mut actual = vec![0xfe, 0xff];
            actual.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
            ops.push(Op::BeginMarkedContentWithProperties {
                tag: "Span".to_owned(),
                properties: dict([(
                    "ActualText",
                    DictItem::String { data: actual, literal: false },
                )]),
            });
        }
        for glyph in glyphs {
            self.glyph(glyph, text, ops);
        }
        if !single {
            self.flush(ops);
            ops.push(Op::EndMarkedContent);
        }
    }

    /// The text that searching finds for a glyph.
    fn text_of(&mut self, gid: u16, text: &str) -> &str {
        self.used.texts.entry(gid).or_insert_with(|| text.to_owned())
    }

    fn glyph(&mut self, glyph: &Glyph, text: &str, ops: &mut Vec<Op>) {
        let upm = self.face.units_per_em;
        let new = self.used.remapper.remap(glyph.gid);
        let own = self.face.shaping.glyph_hor_advance(rustybuzz::ttf_parser::GlyphId(glyph.gid));
        let own = own.unwrap_or(0);
        self.used.widths.insert(new, own);
        let text = self.text_of(glyph.gid, text).to_owned();
        let printed = i64::from(own) * 1000 / upm;
        let kern = printed as f32 - glyph.advance as f32 * 1000.0 / upm as f32;
        if glyph.dx == 0 && glyph.dy == 0 {
            self.items.push(Codepoint::with_cid(new, kern, text));
            return;
        }
        self.flush(ops);
        let shift = glyph.dx as f32 * 1000.0 / upm as f32;
        let rise = points(i64::from(glyph.dy) * self.size / upm);
        ops.push(Op::SetLineOffset { multiplier: rise });
        ops.push(Op::ShowText {
            items: vec![
                TextItem::Offset(-shift),
                TextItem::GlyphIds(vec![Codepoint::with_cid(new, kern + shift, text)]),
            ],
        });
        ops.push(Op::SetLineOffset { multiplier: 0.0 });
    }

    fn flush(&mut self, ops: &mut Vec<Op>) {
        if !self.items.is_empty() {
            let items = vec![TextItem::GlyphIds(std::mem::take(&mut self.items))];
            ops.push(Op::ShowText { items });
        }
    }
}
