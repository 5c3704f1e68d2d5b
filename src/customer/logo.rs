//! Logos of sellers: PNG files, kept by the hash of their bytes.

use sha2::{Digest, Sha256};

use super::change::{Change, CustomerError};
use super::store::{self, Asset};
use crate::store::Conn;

/// Largest logo in bytes: it lies in every PDF.
pub const LOGO_BYTES_MAX: usize = 512 * 1024;
/// Largest width and height in pixels.
const LOGO_PIXELS_MAX: u32 = 3000;

/// Memory that reading a logo may take, in bytes.
const LOGO_MEMORY_MAX: usize = 64 * 1024 * 1024;

/// Checks that bytes are a whole PNG that fits; the error says what is wrong.
pub fn check_png(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() > LOGO_BYTES_MAX {
        return Err(format!("it has {} bytes; {LOGO_BYTES_MAX} are allowed", bytes.len()));
    }
    let limits = png::Limits { bytes: LOGO_MEMORY_MAX };
    let decoder = png::Decoder::new_with_limits(std::io::Cursor::new(bytes), limits);
    let mut reader = decoder.read_info().map_err(|error| format!("it is no PNG: {error}"))?;
    let (width, height) = (reader.info().width, reader.info().height);
    if width > LOGO_PIXELS_MAX || height > LOGO_PIXELS_MAX {
        return Err(format!(
            "it has {width} × {height} pixels; {LOGO_PIXELS_MAX} × {LOGO_PIXELS_MAX} are allowed"
        ));
    }
    let size = reader.output_buffer_size().ok_or_else(|| "it is too large".to_owned())?;
    let mut frame = vec![0; size];
    reader.next_frame(&mut frame).map_err(|error| format!("it is damaged: {error}"))?;
    Ok(())
}

/// Stores a logo; gives the hash that [`crate::bill::document::DocumentStyle`] names.
pub async fn save_logo(
    conn: &mut Conn,
    bytes: &[u8],
    change: &Change<'_>,
) -> Result<String, CustomerError> {
    check_png(bytes).map_err(|problem| CustomerError::Invalid {
        subject: "logo".to_owned(),
        problems: vec![problem],
    })?;
    let hash = hex::encode(Sha256::digest(bytes));
    let asset = Asset { hash: &hash, media_type: "image/png", body: bytes };
    store::insert_asset(conn, asset, change.at).await?;
    Ok(hash)
}
