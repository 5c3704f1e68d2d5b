//! `/api/v1/price-books`: versions of price books, for the staff that sell by them.

use std::collections::BTreeSet;

use actix_web::web;
use serde::Serialize;

use super::json::{SpanJson, instant};
use crate::catalog::store::{VersionRow, load_book_versions, load_version, load_version_rows};
use crate::customer::store::load_agreements;
use crate::period::Span;
use crate::scope::Scope;
use crate::store::Conn;
use crate::web::api::sellers;
use crate::web::error::{ApiError, ErrorBody};
use crate::web::extract::Staff;
use crate::web::state::State;

#[derive(Serialize, utoipa::ToSchema)]
pub struct PriceBookList {
    pub price_books: Vec<VersionSummary>,
}

/// A version of a price book.
#[derive(Serialize, utoipa::ToSchema)]
pub struct VersionSummary {
    /// `<book>@<number>`.
    pub id: String,
    pub book: String,
    pub number: i64,
    pub currency: String,
    pub valid_from: String,
    pub recorded_at: String,
    pub applied_by: String,
    /// SHA-256 of the file it was applied from.
    pub hash: String,
}

impl From<VersionRow> for VersionSummary {
    fn from(row: VersionRow) -> Self {
        Self {
            id: row.id,
            book: row.book,
            number: row.number,
            currency: row.currency,
            valid_from: instant(row.valid_from),
            recorded_at: instant(row.recorded_at),
            applied_by: row.applied_by,
            hash: row.hash,
        }
    }
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct PriceBookShown {
    pub price_book: PriceBookJson,
}

/// A version with its prices.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = PriceBook)]
pub struct PriceBookJson {
    pub id: String,
    pub book: String,
    pub currency: String,
    /// From its start until the next version begins.
    pub span: SpanJson,
    /// The prices; decimals are text.
    #[schema(value_type = Vec<Object>)]
    pub prices: Vec<crate::catalog::price::Price>,
    /// The TOML text it was applied from.
    pub file: String,
}

/// Names of the books that a scope sells by; `None` is all.
async fn load_books(
    conn: &mut Conn,
    scope: &Scope,
    now: i64,
) -> Result<Option<BTreeSet<String>>, ApiError> {
    if *scope == Scope::Provider {
        return Ok(None);
    }
    let mut books = BTreeSet::new();
    for seller in sellers::load_all(conn, scope, now).await? {
        let always = Span::new(i64::MIN, i64::MAX);
        let agreements = load_agreements(conn, &seller.id, always, now).await?;
        books.extend(agreements.into_iter().map(|agreement| agreement.price_book));
        books.insert(seller.details.price_book);
    }
    Ok(Some(books))
}

/// Lists the versions of the books that the caller sells by.
#[utoipa::path(
    get, path = "/api/v1/price-books", tag = "price books",
    responses((status = 200, body = PriceBookList), (status = 403, body = ErrorBody))
)]
pub async fn list(
    state: web::Data<State>,
    caller: Staff,
) -> Result<web::Json<PriceBookList>, ApiError> {
    let now = state.now();
    let mut conn = state.app.db.read().await?;
    let books = load_books(&mut conn, &caller.scope, now).await?;
    let mut rows = load_version_rows(&mut conn, None, now).await?;
    rows.retain(|row| books.as_ref().is_none_or(|books| books.contains(&row.book)));
    let price_books = rows.into_iter().map(VersionSummary::from).collect();
    Ok(web::Json(PriceBookList { price_books }))
}

/// Shows a version by its id.
#[utoipa::path(
    get, path = "/api/v1/price-books/{id}", tag = "price books",
    params(("id" = String, Path, description = "`<book>@<number>`")),
    responses((status = 200, body = PriceBookShown), (status = 404, body = ErrorBody))
)]
pub async fn show(
    state: web::Data<State>,
    caller: Staff,
    id: web::Path<String>,
) -> Result<web::Json<PriceBookShown>, ApiError> {
    let now = state.now();
    let not_found = || ApiError::not_found("price book");
    let mut conn = state.app.db.read().await?;
    let (version, file) = load_version(&mut conn, &id).await?.ok_or_else(not_found)?;
    let books = load_books(&mut conn, &caller.scope, now).await?;
    if books.is_some_and(|books| !books.contains(&version.book)) {
        return Err(not_found());
    }
    let span = Span::new(version.span.from, i64::MAX);
    let valid = load_book_versions(&mut conn, &version.book, span, now).await?;
    let clipped = valid.iter().find(|valid| valid.id == version.id).map_or(span, |v| v.span);
    let price_book = PriceBookJson {
        id: version.id,
        book: version.book,
        currency: version.currency.code().to_owned(),
        span: clipped.into(),
        prices: version.prices,
        file,
    };
    Ok(web::Json(PriceBookShown { price_book }))
}
