//! `/api/v1/invoices`: issued invoices and credit notes, as JSON, PDF, HTML and CSV.

use actix_web::http::header::{CONTENT_DISPOSITION, ContentType};
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::json::{Meta, MoneyJson, OwnerJson, SpanJson, cut, instant};
use crate::bill::document::{
    Address, BreakdownEntry, ChargePart, Contact, DocumentKind, InvoiceDocument, Line, Party,
    Reference, TaxCategory, TaxRate, TaxSubtotal,
};
use crate::bill::store::{InvoiceFilter, InvoiceRow};
use crate::bill::{file, store};
use crate::ids::{CustomerId, SellerId};
use crate::meter::Category;
use crate::money::Currency;
use crate::scope::Scope;
use crate::store::Conn;
use crate::web::error::{ApiError, ErrorBody};
use crate::web::extract::{Caller, Paging, cursor_of};
use crate::web::state::State;

/// What the list is cut by.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InvoiceQuery {
    /// A customer's id.
    pub customer: Option<String>,
    /// A seller's id.
    pub seller: Option<String>,
    /// A billing period such as `2026-10`.
    pub period: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct InvoiceList {
    pub invoices: Vec<InvoiceSummary>,
    pub meta: Meta,
}

/// An issued document as lists show it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct InvoiceSummary {
    pub id: String,
    pub number: String,
    pub kind: DocumentKind,
    pub seller_id: String,
    pub customer_id: String,
    pub customer_name: String,
    pub period: String,
    /// Local date of the seller.
    pub issue_date: String,
    pub due_date: Option<String>,
    pub issued_at: String,
    pub net: MoneyJson,
    pub tax: MoneyJson,
    pub gross: MoneyJson,
}

impl From<InvoiceRow> for InvoiceSummary {
    fn from(row: InvoiceRow) -> Self {
        let money = |minor| MoneyJson::of(minor, row.currency);
        Self {
            net: money(row.net_minor),
            tax: money(row.tax_minor),
            gross: money(row.gross_minor),
            id: row.id.0,
            number: row.number,
            kind: row.kind,
            seller_id: row.seller_id.0,
            customer_id: row.customer_id.0,
            customer_name: row.customer_name,
            period: row.period,
            issue_date: row.issue_date,
            due_date: row.due_date,
            issued_at: instant(row.issued_at),
        }
    }
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct InvoiceShown {
    pub invoice: InvoiceJson,
}

/// An issued document with all that it says.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Invoice)]
pub struct InvoiceJson {
    pub id: String,
    /// Absent on drafts.
    pub number: Option<String>,
    pub kind: DocumentKind,
    pub seller_id: String,
    pub customer_id: String,
    pub agreement_id: String,
    pub seller: PartyJson,
    pub buyer: PartyJson,
    pub contact: Option<ContactJson>,
    pub issue_date: Option<String>,
    pub due_date: Option<String>,
    pub period: String,
    pub period_span: SpanJson,
    pub time_zone: String,
    pub net: MoneyJson,
    pub tax: MoneyJson,
    pub gross: MoneyJson,
    pub payable: MoneyJson,
    pub lines: Vec<LineJson>,
    pub taxes: Vec<TaxJson>,
    pub breakdowns: BreakdownsJson,
    pub owners: Vec<OwnerJson>,
    pub corrects: Option<ReferenceJson>,
    pub reason: Option<String>,
    /// Nothing recorded after this counts in it.
    pub known_at: String,
    /// Version of Billow that rated it.
    pub engine: String,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Party)]
pub struct PartyJson {
    pub name: String,
    pub address: Address,
    pub vat_id: Option<String>,
    pub tax_number: Option<String>,
    pub registration: Option<String>,
    pub number: Option<String>,
}

impl From<Party> for PartyJson {
    fn from(party: Party) -> Self {
        Self {
            name: party.name,
            address: party.address,
            vat_id: party.vat_id,
            tax_number: party.tax_number,
            registration: party.registration,
            number: party.number,
        }
    }
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Contact)]
pub struct ContactJson {
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
}

impl From<Contact> for ContactJson {
    fn from(contact: Contact) -> Self {
        Self { name: contact.name, email: contact.email, phone: contact.phone }
    }
}

/// Another document.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Reference)]
pub struct ReferenceJson {
    pub id: String,
    pub number: String,
    pub issue_date: String,
}

impl From<Reference> for ReferenceJson {
    fn from(reference: Reference) -> Self {
        let Reference { id, number, issue_date } = reference;
        Self { id: id.0, number, issue_date }
    }
}

/// VAT of one category and rate.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TaxSubtotal)]
pub struct TaxJson {
    #[serde(flatten)]
    pub rate: TaxRateJson,
    pub base: MoneyJson,
    pub tax: MoneyJson,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TaxRate)]
pub struct TaxRateJson {
    pub category: TaxCategory,
    /// Decimal text.
    pub percent: String,
    pub reason: Option<String>,
}

impl From<TaxRate> for TaxRateJson {
    fn from(rate: TaxRate) -> Self {
        let TaxRate { category, percent, reason } = rate;
        Self { category, percent: percent.to_string(), reason }
    }
}

/// A tax subtotal as the API shows it.
pub fn tax_json(tax: TaxSubtotal, currency: Currency) -> TaxJson {
    TaxJson {
        rate: tax.tax.into(),
        base: MoneyJson::of(tax.base_minor, currency),
        tax: MoneyJson::of(tax.tax_minor, currency),
    }
}

/// One line: `net` is `quantity × price ÷ base`, rounded once.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Line)]
pub struct LineJson {
    pub number: u32,
    pub category: Category,
    /// `usage`, `included`, `tier_fee`, `package`, `flat`, `one_off`, `minimum` or `cap`.
    pub kind: String,
    pub text: String,
    pub detail: Option<String>,
    /// First and last local day of the service.
    pub service_from: String,
    pub service_until: String,
    pub service_span: SpanJson,
    /// Decimal text, or a fraction where the decimals do not end.
    pub quantity: String,
    pub unit: String,
    /// UN/ECE Recommendation 20.
    pub unit_code: String,
    /// Net price for `base` units, decimal text.
    pub price: String,
    pub base: String,
    pub price_code: Option<String>,
    pub price_version: Option<String>,
    pub component: Option<String>,
    pub meter: Option<String>,
    pub offering: Option<String>,
    pub project: Option<String>,
    /// Units above `from`, up to and including `up_to`.
    pub tier: Option<TierJson>,
    pub tax: TaxRateJson,
    /// Exact amount in major units before rounding.
    pub exact: String,
    pub net: MoneyJson,
    pub corrects: Option<ReferenceJson>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Tier)]
pub struct TierJson {
    pub from: String,
    pub up_to: Option<String>,
}

/// A line as the API shows it.
pub fn line_json(line: Line, currency: Currency) -> LineJson {
    LineJson {
        number: line.number,
        category: line.category,
        kind: crate::store::codec::enum_text(&line.kind),
        text: line.text,
        detail: line.detail,
        service_from: line.service_from,
        service_until: line.service_until,
        service_span: line.service_span.into(),
        quantity: line.quantity.to_string(),
        unit: line.unit,
        unit_code: line.unit_code,
        price: line.price.to_string(),
        base: line.base.to_string(),
        price_code: line.price_code,
        price_version: line.price_version,
        component: line.component,
        meter: line.meter,
        offering: line.offering,
        project: line.project,
        tier: line.tier.map(|tier| TierJson {
            from: tier.from.to_string(),
            up_to: tier.up_to.map(|up_to| up_to.to_string()),
        }),
        tax: line.tax.into(),
        exact: line.exact.to_string(),
        net: MoneyJson::of(line.net_minor, currency),
        corrects: line.corrects.map(ReferenceJson::from),
    }
}

/// The net, cut four ways; each list sums to it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Breakdowns)]
pub struct BreakdownsJson {
    pub category: Vec<ShareJson>,
    pub project: Vec<ShareJson>,
    pub resource: Vec<ShareJson>,
    pub tag: Vec<ShareJson>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Share)]
pub struct ShareJson {
    pub key: String,
    pub label: String,
    pub net: MoneyJson,
}

/// A breakdown as the API shows it.
pub fn shares(entries: Vec<BreakdownEntry>, currency: Currency) -> Vec<ShareJson> {
    let share = |entry: BreakdownEntry| ShareJson {
        key: entry.key,
        label: entry.label,
        net: MoneyJson::of(entry.net_minor, currency),
    };
    entries.into_iter().map(share).collect()
}

/// A document, issued or a draft, as the API shows it.
pub fn invoice_json(document: InvoiceDocument, contact: Option<Contact>) -> InvoiceJson {
    let currency = document.currency;
    let money = |minor| MoneyJson::of(minor, currency);
    InvoiceJson {
        net: money(document.net_minor),
        tax: money(document.tax_minor),
        gross: money(document.gross_minor),
        payable: money(document.payable_minor),
        taxes: document.taxes.into_iter().map(|tax| tax_json(tax, currency)).collect(),
        lines: document.lines.into_iter().map(|line| line_json(line, currency)).collect(),
        breakdowns: BreakdownsJson {
            category: shares(document.breakdowns.category, currency),
            project: shares(document.breakdowns.project, currency),
            resource: shares(document.breakdowns.resource, currency),
            tag: shares(document.breakdowns.tag, currency),
        },
        id: document.id.0,
        number: document.number,
        kind: document.kind,
        seller_id: document.seller_id.0,
        customer_id: document.customer_id.0,
        agreement_id: document.agreement_id.0,
        seller: document.seller.into(),
        buyer: document.buyer.into(),
        contact: contact.map(ContactJson::from),
        issue_date: document.issue_date,
        due_date: document.due_date,
        period: document.period.label.to_string(),
        period_span: document.period.span.into(),
        time_zone: document.time_zone,
        owners: document.owners.iter().map(OwnerJson::from).collect(),
        corrects: document.corrects.map(ReferenceJson::from),
        reason: document.reason,
        known_at: instant(document.known_at),
        engine: document.engine,
    }
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct LineList {
    pub lines: Vec<LineJson>,
    pub meta: Meta,
}

#[derive(Serialize, utoipa::ToSchema)]
pub struct PartList {
    pub parts: Vec<PartJson>,
    pub meta: Meta,
}

/// One resource's part of a line. The parts of a line sum to its net.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ChargePart)]
pub struct PartJson {
    pub line: u32,
    pub ordinal: u32,
    pub owner: OwnerJson,
    pub project: Option<String>,
    pub account: Option<String>,
    pub meter: String,
    pub resource: String,
    pub resource_name: String,
    pub tags: Vec<String>,
    pub quantity: String,
    pub exact: String,
    pub net: MoneyJson,
    /// How many usage records are behind it, and the SHA-256 over them.
    pub record_count: u32,
    pub record_hash: String,
}

/// A part as the API shows it.
pub fn part_json(part: ChargePart, currency: Currency) -> PartJson {
    PartJson {
        line: part.line,
        ordinal: part.ordinal,
        owner: OwnerJson::from(&part.owner),
        project: part.project,
        account: part.account,
        meter: part.meter,
        resource: part.resource,
        resource_name: part.resource_name,
        tags: part.tags,
        quantity: part.quantity.to_string(),
        exact: part.exact.to_string(),
        net: MoneyJson::of(part.net_minor, currency),
        record_count: part.record_count,
        record_hash: part.record_hash,
    }
}

/// A page of issued documents within the scope, newest first, and the cursor of the next.
pub async fn load_page(
    conn: &mut Conn,
    scope: &Scope,
    query: InvoiceQuery,
    paging: &Paging,
) -> Result<(Vec<InvoiceRow>, Option<String>), ApiError> {
    let limit = paging.rows()?;
    let filter = InvoiceFilter {
        customer: query.customer.map(CustomerId),
        seller: query.seller.map(SellerId),
        period: query.period,
        after: paging.after()?,
        limit: limit + 1,
    };
    let mut rows = store::load_invoices(conn, scope, &filter).await?;
    let more = cut(&mut rows, limit);
    let last = rows.last().filter(|_| more);
    let next = last.map(|row| cursor_of(&(row.issued_at, row.id.as_str())));
    Ok((rows, next))
}

/// An issued document with its contact, or 404.
pub async fn load_one(
    conn: &mut Conn,
    scope: &Scope,
    id: &str,
) -> Result<(InvoiceDocument, Option<Contact>), ApiError> {
    let found = store::load_invoice(conn, scope, id).await?;
    found.ok_or_else(|| ApiError::not_found("invoice"))
}

/// Lists issued invoices and credit notes, newest first.
#[utoipa::path(
    get, path = "/api/v1/invoices", tag = "invoices", params(InvoiceQuery, Paging),
    responses((status = 200, body = InvoiceList), (status = 401, body = ErrorBody))
)]
pub async fn list(
    state: web::Data<State>,
    caller: Caller,
    query: web::Query<InvoiceQuery>,
    paging: web::Query<Paging>,
) -> Result<web::Json<InvoiceList>, ApiError> {
    let mut conn = state.app.db.read().await?;
    let (rows, next) = load_page(&mut conn, &caller.scope, query.into_inner(), &paging).await?;
    let invoices = rows.into_iter().map(InvoiceSummary::from).collect();
    Ok(web::Json(InvoiceList { invoices, meta: Meta { next } }))
}

/// Shows an issued document, by id or number.
#[utoipa::path(
    get, path = "/api/v1/invoices/{id}", tag = "invoices",
    params(("id" = String, Path, description = "Id or number")),
    responses((status = 200, body = InvoiceShown), (status = 404, body = ErrorBody))
)]
pub async fn show(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<web::Json<InvoiceShown>, ApiError> {
    let mut conn = state.app.db.read().await?;
    let (document, contact) = load_one(&mut conn, &caller.scope, &id).await?;
    Ok(web::Json(InvoiceShown { invoice: invoice_json(document, contact) }))
}

/// Lists the lines of a document.
#[utoipa::path(
    get, path = "/api/v1/invoices/{id}/lines", tag = "invoices",
    params(("id" = String, Path, description = "Id or number"), Paging),
    responses((status = 200, body = LineList), (status = 404, body = ErrorBody))
)]
pub async fn lines(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
    paging: web::Query<Paging>,
) -> Result<web::Json<LineList>, ApiError> {
    let (limit, after) = (paging.rows()?, paging.after::<u32>()?);
    let mut conn = state.app.db.read().await?;
    let (document, _) = load_one(&mut conn, &caller.scope, &id).await?;
    let currency = document.currency;
    let mut lines = document.lines;
    lines.retain(|line| after.is_none_or(|after| line.number > after));
    let more = cut(&mut lines, limit);
    let next = lines.last().filter(|_| more).map(|line| cursor_of(&line.number));
    let lines = lines.into_iter().map(|line| line_json(line, currency)).collect();
    Ok(web::Json(LineList { lines, meta: Meta { next } }))
}

/// Lists the parts of a document's lines: each resource's share.
#[utoipa::path(
    get, path = "/api/v1/invoices/{id}/parts", tag = "invoices",
    params(("id" = String, Path, description = "Id or number"), Paging),
    responses((status = 200, body = PartList), (status = 404, body = ErrorBody))
)]
pub async fn parts(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
    paging: web::Query<Paging>,
) -> Result<web::Json<PartList>, ApiError> {
    let (limit, after) = (paging.rows()?, paging.after::<(u32, u32)>()?);
    let mut conn = state.app.db.read().await?;
    let (document, _) = load_one(&mut conn, &caller.scope, &id).await?;
    let mut parts = store::load_parts(&mut conn, &document.seller_id, &document.id).await?;
    parts.retain(|part| after.is_none_or(|after| (part.line, part.ordinal) > after));
    let more = cut(&mut parts, limit);
    let next = parts.last().filter(|_| more).map(|part| cursor_of(&(part.line, part.ordinal)));
    let parts = parts.into_iter().map(|part| part_json(part, document.currency)).collect();
    Ok(web::Json(PartList { parts, meta: Meta { next } }))
}

/// The document's PDF.
#[utoipa::path(
    get, path = "/api/v1/invoices/{id}.pdf", tag = "invoices",
    params(("id" = String, Path, description = "Id or number")),
    responses(
        (status = 200, content_type = "application/pdf", body = Vec<u8>),
        (status = 404, body = ErrorBody)
    )
)]
pub async fn pdf(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let document = {
        let mut conn = state.app.db.read().await?;
        load_one(&mut conn, &caller.scope, &id).await?.0
    };
    let name = file_name(&document, "pdf");
    let bytes = file::pdf(&state.app, &document)
        .await
        .map_err(|error| ApiError::internal("make a PDF", &format!("{error:#}")))?;
    Ok(HttpResponse::Ok()
        .content_type("application/pdf")
        .insert_header((CONTENT_DISPOSITION, format!("inline; filename=\"{name}\"")))
        .body(bytes))
}

/// The document as a page that reads and prints alone.
#[utoipa::path(
    get, path = "/api/v1/invoices/{id}.html", tag = "invoices",
    params(("id" = String, Path, description = "Id or number")),
    responses(
        (status = 200, content_type = "text/html", body = String),
        (status = 404, body = ErrorBody)
    )
)]
pub async fn html(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let mut conn = state.app.db.read().await?;
    let (document, contact) = load_one(&mut conn, &caller.scope, &id).await?;
    let page = crate::web::pages::invoice::alone(&document, contact.as_ref());
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(page))
}

/// The document's lines as CSV.
#[utoipa::path(
    get, path = "/api/v1/invoices/{id}.csv", tag = "invoices",
    params(("id" = String, Path, description = "Id or number")),
    responses(
        (status = 200, content_type = "text/csv", body = String),
        (status = 404, body = ErrorBody)
    )
)]
pub async fn csv(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let mut conn = state.app.db.read().await?;
    let (document, _) = load_one(&mut conn, &caller.scope, &id).await?;
    let text = crate::present::csv::lines(&document);
    Ok(csv_response(&file_name(&document, "csv"), text))
}

/// The usage annex as CSV: each resource's part of each line.
#[utoipa::path(
    get, path = "/api/v1/invoices/{id}/annex.csv", tag = "invoices",
    params(("id" = String, Path, description = "Id or number")),
    responses(
        (status = 200, content_type = "text/csv", body = String),
        (status = 404, body = ErrorBody)
    )
)]
pub async fn annex(
    state: web::Data<State>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let mut conn = state.app.db.read().await?;
    let (document, _) = load_one(&mut conn, &caller.scope, &id).await?;
    let parts = store::load_parts(&mut conn, &document.seller_id, &document.id).await?;
    let text = crate::present::csv::annex(&document, &parts);
    Ok(csv_response(&file_name(&document, "annex.csv"), text))
}

fn csv_response(name: &str, text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8; header=present")
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .body(text)
}

/// A file's name from the document's number; only characters that every system takes.
fn file_name(document: &InvoiceDocument, ending: &str) -> String {
    let number = document.number.as_deref().unwrap_or(document.id.as_str());
    let usable = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    format!("{}.{ending}", number.chars().map(usable).collect::<String>())
}
