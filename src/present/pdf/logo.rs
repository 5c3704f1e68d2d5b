//! The seller's logo: a PNG, decoded and deflated once, then kept while its seller prints.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};

use printpdf::{DictItem, ExternalStream, ExternalXObject, XObject};
use sha2::{Digest, Sha256};

use super::draw::deflate;

/// Pixels of a logo at most, and logos kept.
const PIXELS_MAX: u64 = 4_000_000;
const KEPT_MAX: usize = 16;
/// PNG's filter `up`: each row as the difference from the one above.
const FILTER_UP: u8 = 2;
const PREDICTOR_PNG: i64 = 15;

static KEPT: Mutex<Vec<([u8; 32], Arc<Logo>)>> = Mutex::new(Vec::new());

/// A logo, ready to be written into documents.
pub struct Logo {
    pub width: u32,
    pub height: u32,
    pub xobject: XObject,
}

impl Logo {
    /// The logo in PNG bytes. The error says what is wrong with them.
    pub fn of(png: &[u8]) -> Result<Arc<Self>, String> {
        let hash: [u8; 32] = Sha256::digest(png).into();
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, logo)) = kept.iter().find(|(known, _)| *known == hash) {
            return Ok(logo.clone());
        }
        let logo = Arc::new(decode(png)?);
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        kept.push((hash, logo.clone()));
        Ok(logo)
    }
}

fn decode(bytes: &[u8]) -> Result<Logo, String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let (width, height) = (reader.info().width, reader.info().height);
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > PIXELS_MAX {
        return Err(format!("{width} × {height} pixels; at most {PIXELS_MAX} can be printed"));
    }
    let size = reader.output_buffer_size().ok_or("its size cannot be told")?;
    let mut buffer = vec![0; size];
    let info = reader.next_frame(&mut buffer).map_err(|error| error.to_string())?;
    let samples = info.color_type.samples();
    let pixels: Vec<&[u8]> = buffer[..info.buffer_size()].chunks_exact(samples).collect();
    let (colours, alphas): (Vec<[u8; 3]>, Vec<u8>) = pixels
        .into_iter()
        .map(|pixel| match *pixel {
            [grey] => ([grey; 3], u8::MAX),
            [grey, alpha] => ([grey; 3], alpha),
            [r, g, b] => ([r, g, b], u8::MAX),
            [r, g, b, alpha, ..] => ([r, g, b], alpha),
            [] => ([0; 3], 0),
        })
        .unzip();
    let mask = alphas.iter().any(|alpha| *alpha != u8::MAX);
    let mask = mask.then(|| image(&alphas, (width, height), 1, None));
    let colours: Vec<u8> = colours.into_iter().flatten().collect();
    let stream = image(&colours, (width, height), 3, mask);
    let xobject =
        XObject::External(ExternalXObject { stream, width: None, height: None, dpi: None });
    Ok(Logo { width, height, xobject })
}

fn image(
    samples: &[u8],
    (width, height): (u32, u32),
    channels: usize,
    mask: Option<ExternalStream>,
) -> ExternalStream {
    let name = |text: &str| DictItem::Name(text.as_bytes().to_vec());
    let row = usize::try_from(width).map_or(1, |width| (width * channels).max(1));
    let colours = i64::try_from(channels).unwrap_or(1);
    let params = [
        ("Predictor", DictItem::Int(PREDICTOR_PNG)),
        ("Colors", DictItem::Int(colours)),
        ("BitsPerComponent", DictItem::Int(8)),
        ("Columns", DictItem::Int(i64::from(width))),
    ];
    let params = params.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let space = if channels == 1 { "DeviceGray" } else { "DeviceRGB" };
    let entries = [
        ("Type", name("XObject")),
        ("Subtype", name("Image")),
        ("Width", DictItem::Int(i64::from(width))),
        ("Height", DictItem::Int(i64::from(height))),
        ("ColorSpace", name(space)),
        ("BitsPerComponent", DictItem::Int(8)),
        ("Filter", name("FlateDecode")),
        ("DecodeParms", DictItem::Dict { map: params }),
    ];
    let mut dict: BTreeMap<String, DictItem> =
        entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    if let Some(stream) = mask {
        dict.insert("SMask".to_owned(), DictItem::Stream { stream });
    }
    ExternalStream { dict, content: deflate(&filtered(samples, row)), compress: false }
}

fn filtered(samples: &[u8], row: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(samples.len() + samples.len() / row + 1);
    let above = vec![0; row];
    let mut above: &[u8] = &above;
    for line in samples.chunks(row) {
        out.push(FILTER_UP);
        out.extend(line.iter().zip(above).map(|(now, before)| now.wrapping_sub(*before)));
        above = line;
    }
    out
}
