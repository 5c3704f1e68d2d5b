//! Issue: a draft gets its number and dates, and its hash joins the chain of its series. PURE.

use sha2::{Digest, Sha256};

use super::document::{ChargePart, Contact, DocumentKind, InvoiceDocument};
use crate::ids::EntryId;
use crate::ledger::posting::{Entry, for_document};
use crate::period::{local_date, local_date_plus};
use jiff::tz::TimeZone;

/// The number that a document takes, and what the chain of its series ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub series: String,
    /// Year of the seller's local issue date.
    pub year: i16,
    pub sequence: i64,
    /// The local issue date, never before the one of the series' last document.
    pub issue_date: String,
    pub previous_chain_hash: String,
}

/// An issued document with everything that is stored with it.
#[derive(Clone, Debug)]
pub struct Issued {
    pub document: InvoiceDocument,
    pub slot: Slot,
    pub number: String,
    /// The frozen JSON.
    pub json: String,
    pub content_hash: String,
    pub charges_hash: String,
    pub chain_hash: String,
    pub entry: Entry,
    pub issued_at: i64,
}

/// A document cannot be issued.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IssueError {
    #[error("draft {0}: its total is below zero; nothing below zero is ever issued")]
    BelowZero(String),
    #[error("draft {0}: the issue date {1} lies outside the calendar")]
    Date(String, i64),
}

/// The local date on which a document issued at `now` is dated: today at the seller's, or the
/// date of the series' last document where that is later.
pub fn issue_date(now: i64, zone: &TimeZone, last: &str) -> Option<String> {
    let today = local_date(now, zone)?.to_string();
    Some(if today.as_str() < last { last.to_owned() } else { today })
}

/// Freezes a draft.
pub fn issue(
    mut document: InvoiceDocument,
    parts: &[ChargePart],
    slot: Slot,
    stamp: Stamp<'_>,
) -> Result<Issued, IssueError> {
    let id = document.id.to_string();
    if document.gross_minor < 0 || document.net_minor < 0 {
        return Err(IssueError::BelowZero(id));
    }
    let number = format!("{}-{}-{:05}", slot.series, slot.year, slot.sequence);
    let noon_offset = i64::from(document.payment_terms_days);
    let due = local_date_plus(stamp.now, stamp.zone, noon_offset)
        .ok_or_else(|| IssueError::Date(id.clone(), stamp.now))?
        .to_string();
    document.number = Some(number.clone());
    document.issue_date = Some(slot.issue_date.clone());
    document.due_date = match document.kind {
        DocumentKind::Invoice => {
            Some(if due < slot.issue_date { slot.issue_date.clone() } else { due })
        }
        DocumentKind::CreditNote => None,
    };
    let json = crate::store::codec::to_json(&document);
    let content_hash = sha256(&[json.as_bytes()]);
    let charges_hash = charges_hash(parts);
    let chain_hash = chain_hash(&slot.previous_chain_hash, &number, &content_hash, &charges_hash);
    let entry = for_document(&document, stamp.entry, stamp.now);
    Ok(Issued {
        document,
        slot,
        number,
        json,
        content_hash,
        charges_hash,
        chain_hash,
        entry,
        issued_at: stamp.now,
    })
}

/// When, where and under which ledger entry a document is issued.
pub struct Stamp<'a> {
    pub now: i64,
    pub zone: &'a TimeZone,
    pub entry: EntryId,
}

/// SHA-256 (hex) over a document's parts, in order of line and ordinal.
pub fn charges_hash(parts: &[ChargePart]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(crate::store::codec::to_json(part).as_bytes());
        hasher.update([0x0a]);
    }
    hex::encode(hasher.finalize())
}

/// The link of a document: the link before it, its number, and the hashes of what it holds.
pub fn chain_hash(previous: &str, number: &str, content: &str, charges: &str) -> String {
    let parts = [previous, number, content, charges];
    sha256(&parts.map(|part| [part.as_bytes(), b"\n"]).concat())
}

/// Hash of contact data with its salt; the document holds this instead of the data.
pub fn contact_hash(contact: &Contact, salt: &str) -> String {
    sha256(&[salt.as_bytes(), b"\n", crate::store::codec::to_json(contact).as_bytes()])
}

/// SHA-256 (hex) of some bytes.
pub fn sha256(pieces: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for piece in pieces {
        hasher.update(piece);
    }
    hex::encode(hasher.finalize())
}
