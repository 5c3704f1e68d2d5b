//! Goal: documents that an older program issued are still read, and hash as they did. Method: one
//! document and its parts of each stored format, kept in `tests/golden` and never written anew.

use billow::bill::document::{ChargePart, InvoiceDocument};
use billow::bill::issue::charges_hash;
use billow::store::codec::to_json;
use sha2::{Digest, Sha256};

/// Format, document, parts, and the hashes with which they were chained.
const KEPT: [(u32, &str, &str, [&str; 2]); 1] = [(
    1,
    include_str!("../../golden/document-1.json"),
    include_str!("../../golden/parts-1.json"),
    [
        "bd2e9523b59cd9cabece1a245fb1872565f56df4312aec5074fa2544fce1cf80",
        "303b6b69ec0f506c25b13e9a45fd556b85cc219e2f8e3d248014db84bb61810b",
    ],
)];

#[test]
fn documents_of_every_format_are_read_and_hash_as_they_did() {
    for (format, document, parts, [content, charges]) in KEPT {
        let document = document.trim_end();
        let read: InvoiceDocument = serde_json::from_str(document).expect("read the document");
        assert_eq!(read.format, format);
        assert_eq!(to_json(&read), document, "format {format} is written in another way");
        assert_eq!(hex::encode(Sha256::digest(document)), content);
        let read: Vec<ChargePart> = serde_json::from_str(parts).expect("read the parts");
        assert_eq!(to_json(&read), parts.trim_end(), "parts of format {format}");
        assert_eq!(charges_hash(&read), charges);
    }
    assert_eq!(KEPT.last().map(|kept| kept.0), Some(billow::bill::FORMAT), "keep the newest too");
}
