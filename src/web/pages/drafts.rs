//! `/billing/drafts`: what waits to be issued and what holds it; operators approve it here.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::{Page, Visitor, encode, filled};
use super::texts::{self, Text};
use crate::bill::document::DocumentKind;
use crate::bill::store::{Draft, DraftState};
use crate::money::Money;
use crate::present::format;
use crate::present::html::invoice as article;
use crate::scope::Scope;
use crate::web::api::drafts::{DraftQuery, approve_one, issue_one, load_one, load_page};
use crate::web::error::ApiError;
use crate::web::extract::Paging;
use crate::web::idempotency::Idempotency;
use crate::web::state::State;

/// Lists drafts.
pub async fn list(
    state: web::Data<State>,
    visitor: Visitor,
    query: web::Query<DraftQuery>,
    paging: web::Query<Paging>,
) -> HttpResponse {
    visitor.page(build_list(&state, &visitor, query.into_inner(), &paging).await)
}

/// Drafts are the seller's own business until they are issued.
pub fn check_staff(visitor: &Visitor) -> Result<(), ApiError> {
    match visitor.scope() {
        Scope::Provider | Scope::Sellers(_) => Ok(()),
        Scope::Owners { .. } => Err(ApiError::not_found("page")),
    }
}

async fn build_list(
    state: &State,
    visitor: &Visitor,
    query: DraftQuery,
    paging: &Paging,
) -> Result<Page, ApiError> {
    check_staff(visitor)?;
    let period = query.period.clone().unwrap_or_default();
    let mut conn = state.app.db.read().await?;
    let (rows, next) = load_page(&mut conn, visitor.scope(), query, paging).await?;
    let title = visitor.text(texts::DRAFTS).to_owned();
    let body = html! {
        h1 { (title) }
        @if rows.is_empty() {
            p.empty { (visitor.text(texts::NO_DRAFTS)) }
        } @else {
            (table(visitor, &rows))
            @if let Some(next) = &next {
                @let more = [("period", period.as_str()), ("cursor", next)];
                @let more = filled(&more);
                p { a rel="next" href=(visitor.link_with("/billing/drafts", &more)) {
                    (visitor.text(texts::MORE))
                } }
            }
        }
    };
    Ok(Page { title, body, live: false })
}

fn table(visitor: &Visitor, rows: &[Draft]) -> Markup {
    let language = visitor.language;
    let heads = [texts::CUSTOMER, texts::NUMBER, texts::PERIOD, texts::STATE];
    html! {
        table.list.stacked {
            (visitor.head(&heads, &[texts::NET, texts::GROSS]))
            tbody { @for draft in rows { tr {
                @let document = &draft.document;
                @let money = |minor| {
                    format::money(Money { minor, currency: document.currency }, language)
                };
                (visitor.cell(texts::CUSTOMER, &html! {
                    a href=(visitor.link(&address(draft))) { (document.buyer.name) }
                    @if document.kind == DocumentKind::CreditNote {
                        " " span.tag { (visitor.text(texts::CREDIT_NOTE)) }
                    }
                }))
                (visitor.cell(texts::NUMBER, &html! { (draft.customer_number) }))
                (visitor.cell(texts::PERIOD, &html! {
                    (format::month(document.period.label, language))
                }))
                (visitor.cell(texts::STATE, &html! {
                    span.tag data-state=(state_value(draft.state)) {
                        (visitor.text(state_text(draft.state)))
                    }
                    @for hold in &draft.holds { br; small.quiet { (hold) } }
                }))
                (visitor.number(texts::NET, &money(document.net_minor)))
                (visitor.number(texts::GROSS, &money(document.gross_minor)))
            } } }
        }
    }
}

fn address(draft: &Draft) -> String {
    format!("/billing/drafts/{}", encode(&draft.document.id.0))
}

fn state_value(state: DraftState) -> &'static str {
    match state {
        DraftState::Held => "held",
        DraftState::Ready => "ready",
        DraftState::Approved => "approved",
    }
}

fn state_text(state: DraftState) -> Text {
    match state {
        DraftState::Held => texts::STATE_HELD,
        DraftState::Ready => texts::STATE_READY,
        DraftState::Approved => texts::STATE_APPROVED,
    }
}

/// Shows a draft.
pub async fn show(
    state: web::Data<State>,
    visitor: Visitor,
    id: web::Path<String>,
) -> HttpResponse {
    visitor.page(build_one(&state, &visitor, &id).await)
}

async fn build_one(state: &State, visitor: &Visitor, id: &str) -> Result<Page, ApiError> {
    check_staff(visitor)?;
    let mut conn = state.app.db.read().await?;
    let draft = load_one(&mut conn, visitor.scope(), id).await?;
    let title = format!("{} {}", visitor.text(texts::DRAFT), draft.customer_number);
    let body = html! {
        p.crumbs { a href=(visitor.link("/billing/drafts")) { (visitor.text(texts::DRAFTS)) } }
        @if !draft.holds.is_empty() {
            section.notice.warning {
                h2 { (visitor.text(texts::HELD)) }
                ul { @for hold in &draft.holds { li { (hold) } } }
            }
        }
        @if visitor.is_operator() && draft.state != DraftState::Held {
            div.actions {
                @if draft.state == DraftState::Ready {
                    (change(visitor, &draft, "approve", texts::APPROVE))
                }
                (change(visitor, &draft, "issue", texts::ISSUE))
            }
        }
        (article(&draft.document, draft.contact.as_ref(), None))
    };
    Ok(Page { title, body, live: false })
}

fn change(visitor: &Visitor, draft: &Draft, what: &str, text: Text) -> Markup {
    html! {
        form.inline method="post" action=(visitor.link(&format!("{}/{what}", address(draft)))) {
            input type="hidden" name="csrf" value=(visitor.caller.csrf());
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            button.primary type="submit" { (visitor.text(text)) }
        }
    }
}

/// The token and the idempotency key of a page's form.
#[derive(Deserialize)]
pub struct ChangeForm {
    csrf: Option<String>,
    key: String,
}

impl ChangeForm {
    /// The key of a change, once the visitor may make it.
    fn once(
        &self,
        state: &State,
        visitor: &Visitor,
        request: &HttpRequest,
    ) -> Result<Idempotency, ApiError> {
        visitor.check_operator()?;
        visitor.caller.check_csrf(self.csrf.as_deref())?;
        Idempotency::of(request, &self.key, b"", &visitor.caller.actor().0, state.now())
    }
}

/// Approves a draft, and shows it again.
pub async fn approve(
    state: web::Data<State>,
    visitor: Visitor,
    request: HttpRequest,
    id: web::Path<String>,
    form: web::Form<ChangeForm>,
) -> HttpResponse {
    let made = async {
        let once = form.once(&state, &visitor, &request)?;
        approve_one(&state, &visitor.caller, &id, &once).await
    };
    match made.await {
        Ok(_) => visitor.lead_to(&format!("/billing/drafts/{}", encode(&id))),
        Err(error) => visitor.page(Err(error)),
    }
}

/// Issues a draft, and shows the document that it became.
pub async fn issue(
    state: web::Data<State>,
    visitor: Visitor,
    request: HttpRequest,
    id: web::Path<String>,
    form: web::Form<ChangeForm>,
) -> HttpResponse {
    let made = async {
        let once = form.once(&state, &visitor, &request)?;
        issue_one(&state, &visitor.caller, &id, &once).await
    };
    match made.await {
        Ok(_) => visitor.lead_to(&format!("/billing/invoices/{}", encode(&id))),
        Err(error) => visitor.page(Err(error)),
    }
}
