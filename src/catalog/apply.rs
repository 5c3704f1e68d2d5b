//! Applying a price book: a new version that holds from an instant on, audited.

use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::book::Book;
use super::book_write;
use super::store::{self, NewVersion};
use crate::audit;
use crate::customer::change::{Change, cycle_of};
use crate::customer::store::AsOf;
use crate::customer::{self, CustomerError};
use crate::period::Span;
use crate::store::{Conn, StoreError};

/// A book to be applied.
pub struct NewBook<'a> {
    pub book: &'a Book,
    /// The file as it was written, kept for export; `None`: it is made from the book.
    pub file: Option<&'a str>,
    /// From when the version holds, unix seconds.
    pub from: i64,
    /// Store it although invoices of that time are issued; needs a reason.
    pub backdate: bool,
}

/// An applied version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// `<book>@<number>`.
    pub version: String,
    pub from: i64,
    /// The instant at which a later version takes over, if there is one.
    pub until: Option<i64>,
    pub prices: usize,
    /// The same file was applied from the same instant before; nothing was added.
    pub unchanged: bool,
    /// End of the last issued period that the version touches: billed anew only by an explicit
    /// correction run.
    pub issued_until: Option<i64>,
}

/// A book is not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error(
        "book {book} is in {old} and the new version in {new}: a book keeps its currency; give \
         the new one another code and a new agreement"
    )]
    CurrencyChanged { book: String, old: String, new: String },
    #[error(
        "book {book} is in {new}, but {who} bills in {old} by it: a book and its invoices have \
         one currency"
    )]
    CurrencyInUse { book: String, who: String, old: String, new: String },
    #[error(
        "invoices of book {book} are issued up to {until}, after {from}: a version from then on \
         is billed by an explicit correction run only; repeat with --backdate and --reason"
    )]
    Backdated { book: String, from: String, until: String },
    #[error("a backdated version needs a --reason, which the audit log keeps")]
    NoReason,
    #[error(transparent)]
    Customer(#[from] CustomerError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores a version in the caller's transaction. Applying the same file from the same instant
/// once more adds nothing.
pub async fn apply(
    conn: &mut Conn,
    new: NewBook<'_>,
    change: &Change<'_>,
) -> Result<Applied, ApplyError> {
    let book = new.book;
    let number = store::take_version_number(conn, &book.code).await?;
    refuse_other_currency(conn, book, change.at).await?;
    let made;
    let file = match new.file {
        Some(file) => file,
        None => {
            made = book_write::write(book);
            &made
        }
    };
    let hash = hex::encode(Sha256::digest(file.as_bytes()));
    let rows = store::load_version_rows(conn, Some(&book.code), change.at).await?;
    let until = rows.iter().map(|row| row.valid_from).filter(|from| *from > new.from).min();
    let mut applied = Applied {
        version: String::new(),
        from: new.from,
        until,
        prices: book.prices.len(),
        unchanged: false,
        issued_until: None,
    };
    let same_start = rows.iter().rfind(|row| row.valid_from == new.from);
    if let Some(same) = same_start.filter(|row| row.hash == hash) {
        store::give_back_version_number(conn, &book.code).await?;
        return Ok(Applied { version: same.id.clone(), unchanged: true, ..applied });
    }
    applied.issued_until =
        load_issued_until(conn, &book.code, change.at).await?.filter(|issued| new.from < *issued);
    if let Some(issued) = applied.issued_until {
        refuse_backdating(&new, issued, change)?;
    }
    let version = NewVersion {
        book: &book.code,
        currency: book.currency.code(),
        valid_from: new.from,
        recorded_at: change.at,
        applied_by: &change.actor.0,
        file,
        prices: &book.prices,
        hash: &hash,
    };
    applied.version = store::insert_version(conn, number, version).await?;
    let entry = audit::Entry {
        id: change.ids.fresh(),
        at: change.at,
        actor: change.actor,
        action: "prices.applied",
        subject: &applied.version,
        customer: None,
        reason: change.reason,
        detail: json!({
            "from": new.from, "until": until, "hash": hash, "prices": book.prices.len(),
            "backdated": applied.issued_until.is_some(),
        }),
    };
    audit::record(conn, entry).await?;
    Ok(applied)
}

fn refuse_backdating(
    new: &NewBook<'_>,
    issued: i64,
    change: &Change<'_>,
) -> Result<(), ApplyError> {
    if !new.backdate {
        return Err(ApplyError::Backdated {
            book: new.book.code.clone(),
            from: instant_text(new.from),
            until: instant_text(issued),
        });
    }
    match change.reason {
        Some(reason) if !reason.trim().is_empty() => Ok(()),
        _ => Err(ApplyError::NoReason),
    }
}

fn instant_text(at: i64) -> String {
    jiff::Timestamp::from_second(at).map_or_else(|_| at.to_string(), |instant| instant.to_string())
}

async fn refuse_other_currency(
    conn: &mut Conn,
    book: &Book,
    known_at: i64,
) -> Result<(), ApplyError> {
    let rows = store::load_version_rows(conn, Some(&book.code), known_at).await?;
    let new = book.currency.to_string();
    if let Some(row) = rows.iter().find(|row| row.currency != new) {
        let old = row.currency.clone();
        return Err(ApplyError::CurrencyChanged { book: book.code.clone(), old, new });
    }
    let sellers = customer::store::load_sellers(conn, AsOf::now(known_at)).await?;
    for seller in sellers {
        let details = &seller.details;
        if details.price_book == book.code && details.currency != book.currency {
            let (who, old) = (format!("seller {}", seller.code), details.currency.to_string());
            return Err(ApplyError::CurrencyInUse { book: book.code.clone(), who, old, new });
        }
    }
    for agreement in customer::store::load_agreements_of_book(conn, &book.code, known_at).await? {
        if agreement.currency != book.currency {
            let who = format!("agreement {}", agreement.id);
            let old = agreement.currency.to_string();
            return Err(ApplyError::CurrencyInUse { book: book.code.clone(), who, old, new });
        }
    }
    Ok(())
}

/// End of the last issued period of any agreement with the book.
async fn load_issued_until(
    conn: &mut Conn,
    book: &str,
    known_at: i64,
) -> Result<Option<i64>, ApplyError> {
    let mut latest = None;
    for agreement in customer::store::load_agreements_of_book(conn, book, known_at).await? {
        let label = customer::store::load_last_issued_period(conn, &agreement.id).await?;
        let Some(label) = label else { continue };
        let as_of = AsOf::now(known_at);
        let seller = customer::store::load_seller(conn, &agreement.seller, as_of).await?;
        let customer = customer::store::load_customer(conn, &agreement.customer, as_of).await?;
        let (Some(seller), Some(customer)) = (seller, customer) else { continue };
        let cycle = cycle_of(&customer, &seller).map_err(CustomerError::from)?;
        let period = cycle.period(label).map_err(CustomerError::from)?;
        let billed = period.span.intersect(Span::new(agreement.from, agreement.until));
        latest = latest.max(Some(billed.until));
    }
    Ok(latest)
}
