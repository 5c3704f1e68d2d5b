//! The faces of a document: the built-in ones, and those of the host for what these do not have.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rustybuzz::ttf_parser;

/// Where hosts keep their fonts; searched after the configured folders.
const HOST_FOLDER: &str = "/usr/share/fonts";
/// Depth of folders below a font folder, files in all, and bytes of one file that are looked at.
const DEPTH_MAX: usize = 6;
const FILES_MAX: usize = 5_000;
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Words in the names of files that hold another weight or style than the regular one.
const OTHER_STYLES: [&str; 10] =
    ["bold", "italic", "oblique", "black", "light", "thin", "medium", "condensed", "emoji", "mono"];

const REGULAR: &[u8] = include_bytes!("../../../assets/fonts/NotoSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../../assets/fonts/NotoSans-Bold.ttf");
const HEBREW: &[u8] = include_bytes!("../../../assets/fonts/NotoSansHebrew-Regular.ttf");
const THAI: &[u8] = include_bytes!("../../../assets/fonts/NotoSansThai-Regular.ttf");
const ARABIC: &[u8] = include_bytes!("../../../assets/fonts/NotoSansArabic-Regular.ttf");

/// Position of the regular and the bold face in [`Faces`].
pub const FACE_REGULAR: usize = 0;
pub const FACE_BOLD: usize = 1;

static BUILT_IN: LazyLock<Vec<Face<'static>>> = LazyLock::new(|| {
    [REGULAR, BOLD, HEBREW, THAI, ARABIC]
        .into_iter()
        .map(|data| Face::new(data, 0).expect("the built-in faces are whole"))
        .collect()
});

/// A face that can be shaped and embedded.
#[derive(Clone)]
pub struct Face<'a> {
    pub data: &'a [u8],
    pub index: u32,
    pub shaping: rustybuzz::Face<'a>,
    pub units_per_em: i64,
}

impl<'a> Face<'a> {
    fn new(data: &'a [u8], index: u32) -> Option<Self> {
        let shaping = rustybuzz::Face::from_slice(data, index)?;
        let units_per_em = i64::from(shaping.units_per_em()).max(1);
        Some(Self { data, index, shaping, units_per_em })
    }

    pub fn has(&self, c: char) -> bool {
        self.shaping.glyph_index(c).is_some()
    }

    /// The PostScript name, in characters that a PDF name takes as they are.
    pub fn name(&self) -> String {
        let names = self.shaping.names();
        let found = names
            .into_iter()
            .find(|name| name.name_id == ttf_parser::name_id::POST_SCRIPT_NAME && name.is_unicode())
            .and_then(|name| name.to_string());
        let name = found.unwrap_or_else(|| "Font".to_owned());
        name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
    }
}

/// The faces of one document.
pub struct Faces<'a> {
    faces: Vec<Face<'a>>,
}

impl<'a> Faces<'a> {
    /// The built-in faces and the loaded ones.
    pub fn new(loaded: &'a [LoadedFont]) -> Self {
        let mut faces: Vec<Face<'a>> = BUILT_IN.iter().cloned().collect();
        faces.extend(loaded.iter().filter_map(|font| Face::new(&font.data, font.index)));
        Self { faces }
    }

    pub fn get(&self, face: usize) -> &Face<'a> {
        &self.faces[face]
    }

    /// The first face that has a character. Fallback faces have one weight.
    pub fn find(&self, c: char, bold: bool) -> Option<usize> {
        let first = if bold { FACE_BOLD } else { FACE_REGULAR };
        if self.faces[first].has(c) {
            return Some(first);
        }
        (FACE_BOLD + 1..self.faces.len()).find(|face| self.faces[*face].has(c))
    }
}

/// A font file of the host, in memory while a document needs it.
pub struct LoadedFont {
    data: Vec<u8>,
    index: u32,
}

/// What a face of the host has.
struct Entry {
    path: PathBuf,
    index: u32,
    family: String,
    /// Code points, as inclusive ranges, ascending.
    ranges: Vec<(u32, u32)>,
}

impl Entry {
    fn has(&self, c: char) -> bool {
        let code = u32::from(c);
        self.ranges
            .binary_search_by(|(from, until)| {
                if *until < code {
                    std::cmp::Ordering::Less
                } else if *from > code {
                    std::cmp::Ordering::Greater
                } else {
                    std::cmp::Ordering::Equal
                }
            })
            .is_ok()
    }
}

type Index = Arc<Vec<Entry>>;

/// What was found in folders; kept for the life of the process, as the built-in faces are.
static INDEXES: LazyLock<Mutex<HashMap<Vec<PathBuf>, Index>>> = LazyLock::new(Mutex::default);

/// The host's faces for characters that no built-in face has. A file that cannot be read counts
/// as absent: its characters are reported as missing.
pub fn load_for(wanted: &BTreeSet<char>, folders: &[PathBuf]) -> Vec<LoadedFont> {
    let index = index_of(folders);
    let mut chosen: Vec<&Entry> = Vec::new();
    for c in wanted {
        if chosen.iter().any(|entry| entry.has(*c)) {
            continue;
        }
        let candidates = index.iter().filter(|entry| entry.has(*c));
        if let Some(entry) = candidates.min_by_key(|entry| region_rank(&entry.family, wanted)) {
            chosen.push(entry);
        }
    }
    let load = |entry: &Entry| {
        let data = std::fs::read(&entry.path).ok()?;
        Some(LoadedFont { data, index: entry.index })
    };
    chosen.into_iter().filter_map(load).collect()
}

/// Han characters look different by region: kana ask for Japanese shapes, hangul for Korean ones,
/// bopomofo for traditional Chinese ones, nothing of these for simplified Chinese ones.
fn region_rank(family: &str, wanted: &BTreeSet<char>) -> u8 {
    let holds = |from: char, until: char| wanted.range(from..=until).next().is_some();
    let region = if holds('\u{3041}', '\u{30ff}') {
        "JP"
    } else if holds('\u{ac00}', '\u{d7a3}') {
        "KR"
    } else if holds('\u{3105}', '\u{312f}') {
        "TC"
    } else {
        "SC"
    };
    let is_cjk = family.contains("CJK");
    u8::from(is_cjk && !family.split_whitespace().any(|word| word == region))
}

fn index_of(folders: &[PathBuf]) -> Index {
    let mut key = folders.to_vec();
    key.push(PathBuf::from(HOST_FOLDER));
    let known = INDEXES.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    if let Some(index) = known {
        return index;
    }
    let mut entries = Vec::new();
    for folder in &key {
        let mut files = Vec::new();
        list_fonts(folder, DEPTH_MAX, &mut files);
        files.sort_by_cached_key(|path| (file_rank(path), path.clone()));
        for file in files {
            read_entries(&file, &mut entries);
        }
    }
    let index: Index = Arc::new(entries);
    let mut indexes = INDEXES.lock().unwrap_or_else(PoisonError::into_inner);
    indexes.entry(key).or_insert(index).clone()
}

fn list_fonts(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if files.len() >= FILES_MAX {
            return;
        }
        if path.is_dir() {
            if depth > 0 {
                list_fonts(&path, depth - 1, files);
            }
        } else if is_regular_font(&path) {
            files.push(path);
        }
    }
}

fn is_regular_font(path: &Path) -> bool {
    let text = |part: Option<&std::ffi::OsStr>| {
        part.and_then(|part| part.to_str()).map(str::to_ascii_lowercase)
    };
    let (Some(ending), Some(name)) = (text(path.extension()), text(path.file_stem())) else {
        return false;
    };
    ["ttf", "otf", "ttc"].contains(&ending.as_str())
        && !OTHER_STYLES.iter().any(|style| name.contains(style))
}

/// Sans before serif, as the built-in faces are.
fn file_rank(path: &Path) -> u8 {
    let name = path.file_stem().map(|name| name.to_string_lossy().to_ascii_lowercase());
    match name {
        Some(name) if name.contains("notosans") && name.contains("regular") => 0,
        Some(name) if name.contains("sans") => 1,
        _ => 2,
    }
}

fn read_entries(path: &Path, entries: &mut Vec<Entry>) {
    let small = std::fs::metadata(path).is_ok_and(|data| data.len() <= FILE_BYTES_MAX);
    let Some(data) = small.then(|| std::fs::read(path).ok()).flatten() else { return };
    let count = ttf_parser::fonts_in_collection(&data).unwrap_or(1);
    for index in 0..count {
        let Ok(face) = ttf_parser::Face::parse(&data, index) else { continue };
        // Colour bitmaps and variable outlines of other kinds cannot be embedded.
        if face.tables().glyf.is_none() && face.tables().cff.is_none() {
            continue;
        }
        let names = face.names();
        let family = names
            .into_iter()
            .find(|name| name.name_id == ttf_parser::name_id::FAMILY && name.is_unicode())
            .and_then(|name| name.to_string())
            .unwrap_or_else(String::new);
        let ranges = coverage(&face);
        entries.push(Entry { path: path.to_owned(), index, family, ranges });
    }
}

/// What a face has, by its fullest Unicode table.
fn coverage(face: &ttf_parser::Face<'_>) -> Vec<(u32, u32)> {
    let Some(cmap) = face.tables().cmap else { return Vec::new() };
    let mut codes: Vec<u32> = Vec::new();
    for subtable in cmap.subtables.into_iter().filter(|subtable| subtable.is_unicode()) {
        let mut own = Vec::new();
        subtable.codepoints(|code| own.push(code));
        if own.len() > codes.len() {
            codes = own;
        }
    }
    codes.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for code in codes {
        match ranges.last_mut() {
            Some((_, until)) if *until + 1 >= code => *until = code,
            _ => ranges.push((code, code)),
        }
    }
    ranges
}
