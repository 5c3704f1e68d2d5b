//! `/billing/findings`: doubts that hold invoices; operators decide them here.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::{Page, Visitor, encode};
use super::texts::{self, Text};
use crate::bill::document::Language;
use crate::bill::stake::money_at_stake;
use crate::finding::decision::Decision;
use crate::finding::store::{PastDecision, load_alike, load_decisions};
use crate::finding::subject::{Subject, load_subjects};
use crate::finding::{Finding, FindingState, Repeated, repeated};
use crate::ids::FindingId;
use crate::money::Money;
use crate::period::Span;
use crate::present::format;
use crate::web::api::findings::{FindingQuery, Verdict, decide_one, load_one, load_page};
use crate::web::error::ApiError;
use crate::web::extract::Paging;
use crate::web::idempotency::Idempotency;
use crate::web::state::State;

/// Lists findings, the open ones unless another state is asked for.
pub async fn list(
    state: web::Data<State>,
    visitor: Visitor,
    query: web::Query<FindingQuery>,
    paging: web::Query<Paging>,
) -> HttpResponse {
    visitor.page(build_list(&state, &visitor, query.into_inner(), &paging).await)
}

async fn build_list(
    state: &State,
    visitor: &Visitor,
    query: FindingQuery,
    paging: &Paging,
) -> Result<Page, ApiError> {
    let shown = query.state.unwrap_or(FindingState::Open);
    let query = FindingQuery { state: Some(shown) };
    let mut conn = state.app.db.read().await?;
    let (rows, next) = load_page(&mut conn, visitor.scope(), &query, paging, state.now()).await?;
    let subjects = load_subjects(&mut conn, &rows, state.now()).await?;
    let names: BTreeMap<&FindingId, &Subject> =
        rows.iter().map(|row| &row.id).zip(&subjects).collect();
    let told: Vec<Row<'_>> = repeated(&rows)
        .into_iter()
        .map(|told| {
            let subject = names.get(&told.first.id);
            let customer = subject.and_then(|subject| subject.customer.as_ref());
            Row {
                told,
                customer: customer.map_or("", |customer| customer.name.as_str()),
                resource: subject.map_or("", |subject| subject.resource.as_str()),
            }
        })
        .collect();
    let title = visitor.text(texts::FINDINGS).to_owned();
    let body = html! {
        h1 { (title) }
        nav.tabs aria-label=(visitor.text(texts::STATE)) { ul {
            @for other in STATES { li {
                a href=(visitor.link_with("/billing/findings", &[("state", state_value(other))]))
                    aria-current=[(other == shown).then_some("page")] {
                    (visitor.text(state_text(other)))
                }
            } }
        } }
        @if rows.is_empty() {
            p.empty { (visitor.text(if shown == FindingState::Open {
                texts::NO_FINDINGS
            } else {
                texts::NO_SUCH_FINDINGS
            })) }
        } @else {
            (table(visitor, &told, visitor.is_staff()))
            @if let Some(next) = &next {
                @let more = [("state", state_value(shown)), ("cursor", next.as_str())];
                p { a rel="next" href=(visitor.link_with("/billing/findings", &more)) {
                    (visitor.text(texts::MORE))
                } }
            }
        }
    };
    Ok(Page { title, body, live: false })
}

const STATES: [FindingState; 4] =
    [FindingState::Open, FindingState::Released, FindingState::Rejected, FindingState::Repaired];

fn state_value(state: FindingState) -> &'static str {
    match state {
        FindingState::Open => "open",
        FindingState::Released => "released",
        FindingState::Rejected => "rejected",
        FindingState::Repaired => "repaired",
    }
}

fn state_text(state: FindingState) -> Text {
    match state {
        FindingState::Open => texts::OPEN,
        FindingState::Released => texts::RELEASED,
        FindingState::Rejected => texts::REJECTED,
        FindingState::Repaired => texts::REPAIRED,
    }
}

/// Findings that say the same, with the names of what they touch.
pub struct Row<'a> {
    pub told: Repeated<'a>,
    pub customer: &'a str,
    pub resource: &'a str,
}

/// Findings as a table.
pub fn table(visitor: &Visitor, rows: &[Row<'_>], customers: bool) -> Markup {
    let heads = [texts::WHAT, texts::CUSTOMER, texts::RESOURCE, texts::METER, texts::SPAN];
    let heads: Vec<Text> = heads
        .into_iter()
        .filter(|head| customers || head.to(Language::En) != texts::CUSTOMER.to(Language::En))
        .collect();
    html! {
        table.list.stacked {
            (visitor.head(&heads, &[]))
            tbody { @for row in rows {
                @let finding = row.told.first;
                @let address = format!("/billing/findings/{}", encode(&finding.id.0));
                tr {
                    (visitor.cell(texts::WHAT, &html! {
                        // What a rating finds, such as a missing price, has no page of its own.
                        @if is_stored(finding) {
                            a href=(visitor.link(&address)) { (finding.message) }
                        } @else { (finding.message) }
                        @if row.told.count > 1 {
                            " " span.tag { (row.told.count) " ×" }
                        }
                    }))
                    @if customers {
                        (visitor.cell(texts::CUSTOMER, &html! { (or_dash(row.customer)) }))
                    }
                    (visitor.cell(texts::RESOURCE, &html! { (or_dash(row.resource)) }))
                    (visitor.cell(texts::METER, &html! {
                        (or_dash(&format::meter(&finding.meter, visitor.language)))
                    }))
                    (visitor.cell(texts::SPAN, &html! { (days(visitor, row.told.span)) }))
                }
            } }
        }
    }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

/// The days of a span in UTC: one date, or the first and the last.
fn days(visitor: &Visitor, span: Span) -> String {
    let day = |at: i64| {
        let at = jiff::Timestamp::from_second(at).unwrap_or(jiff::Timestamp::MAX);
        at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
    };
    format::date_range(&day(span.from), &day((span.until - 1).max(span.from)), visitor.language)
}

/// Findings that a rating made have ids of several words, those of the store have one.
fn is_stored(finding: &Finding) -> bool {
    !finding.id.0.contains(':')
}

/// Shows a finding, with the decision for who may make it.
pub async fn show(
    state: web::Data<State>,
    visitor: Visitor,
    id: web::Path<String>,
) -> HttpResponse {
    visitor.page(build_one(&state, &visitor, &id).await)
}

async fn build_one(state: &State, visitor: &Visitor, id: &str) -> Result<Page, ApiError> {
    let mut conn = state.app.db.read().await?;
    let finding = load_one(&mut conn, visitor.scope(), id, state.now()).await?;
    let found = load_subjects(&mut conn, std::slice::from_ref(&finding), state.now()).await?;
    let subject = found.into_iter().next().unwrap_or_default();
    let decisions = load_decisions(&mut conn, &finding.id).await?;
    // What others do and think is the staff's to know, and what a doubt would cost whom.
    let stake = match visitor.is_staff() {
        true => money_at_stake(&mut conn, &finding).await?,
        false => None,
    };
    let alike = load_alike(&mut conn, &finding).await?.len();
    let title = format!("{} {}", visitor.text(texts::FINDING), finding.rule);
    let body = html! {
        p.crumbs { a href=(visitor.link("/billing/findings")) { (visitor.text(texts::FINDINGS)) } }
        h1 { (finding.message) }
        section.card {
            (facts(visitor, &finding, &subject, stake))
            @if finding.detail.as_object().is_some_and(|detail| !detail.is_empty()) {
                details {
                    summary { (visitor.text(texts::DETAILS)) }
                    pre tabindex="0" { (super::line::pretty(&finding.detail)) }
                }
            }
        }
        @if visitor.is_staff() && !decisions.is_empty() { (history(visitor, &decisions)) }
        @if visitor.is_operator() && finding.state == FindingState::Open {
            (decision(visitor, &finding, alike))
        }
    };
    Ok(Page { title, body, live: false })
}

fn facts(visitor: &Visitor, finding: &Finding, subject: &Subject, stake: Option<Money>) -> Markup {
    let language = visitor.language;
    html! {
        dl.facts {
            dt { (visitor.text(texts::STATE)) }
            dd { span.tag data-state=(state_value(finding.state)) {
                (visitor.text(state_text(finding.state)))
            } }
            @if let Some(customer) = subject.customer.as_ref().filter(|_| visitor.is_staff()) {
                @let address = format!("/billing/customers/{}", encode(&customer.id.0));
                dt { (visitor.text(texts::CUSTOMER)) }
                dd { a href=(visitor.link(&address)) { (customer.name) } }
            }
            @if !subject.owner.is_empty() {
                dt { (visitor.text(texts::OWNER)) } dd { (subject.owner) }
            }
            @if !finding.resource.is_empty() {
                dt { (visitor.text(texts::RESOURCE)) }
                dd {
                    (subject.resource)
                    @if subject.resource != finding.resource {
                        " " small.quiet { (finding.resource) }
                    }
                }
            }
            @if !finding.meter.is_empty() {
                dt { (visitor.text(texts::METER)) }
                dd { (format::meter(&finding.meter, language)) }
            }
            dt { (visitor.text(texts::SPAN)) }
            dd {
                (format::instant(finding.span.from, language)) " – "
                (format::instant(finding.span.until, language))
            }
            @if let Some(stake) = stake {
                dt { (visitor.text(texts::AT_STAKE)) }
                dd.strong { (format::money(stake, language)) }
            }
            dt { (visitor.text(texts::RULE)) } dd { code { (finding.rule) } }
        }
    }
}

/// Who decided what, and why.
fn history(visitor: &Visitor, decisions: &[PastDecision]) -> Markup {
    let heads = [texts::STATE, texts::REASON, texts::BY, texts::DATE];
    let words = |decision: &str| match decision {
        "release" => texts::RELEASED,
        "reject" => texts::REJECTED,
        _ => texts::OPEN,
    };
    html! {
        section.card {
            h2 { (visitor.text(texts::DECISIONS)) }
            table.list.stacked {
                (visitor.head(&heads, &[]))
                tbody { @for one in decisions { tr {
                    (visitor.cell(texts::STATE, &html! { (visitor.text(words(&one.decision))) }))
                    (visitor.cell(texts::REASON, &html! { (one.reason) }))
                    (visitor.cell(texts::BY, &html! { (one.actor) }))
                    (visitor.cell(texts::DATE, &html! {
                        (format::instant(one.recorded_at, visitor.language))
                    }))
                } } }
            }
        }
    }
}

fn decision(visitor: &Visitor, finding: &Finding, alike: usize) -> Markup {
    let action = format!("/billing/findings/{}/decide", encode(&finding.id.0));
    html! {
        form.card method="post" action=(visitor.link(&action)) {
            p { (visitor.text(texts::RELEASE_HOW)) }
            input type="hidden" name="csrf" value=(visitor.caller.csrf());
            input type="hidden" name="key" value=(uuid::Uuid::new_v4());
            label {
                span { (visitor.text(texts::REASON)) }
                input name="reason" required maxlength="500";
            }
            @if alike > 1 {
                label.check {
                    input type="checkbox" name="alike" value="1";
                    " " (visitor.text(texts::ALIKE)) " (" (alike) ")"
                }
            }
            div.actions {
                button.primary type="submit" name="decision" value="release" {
                    (visitor.text(texts::RELEASE))
                }
                button type="submit" name="decision" value="reject" {
                    (visitor.text(texts::REJECT))
                }
            }
        }
    }
}

/// What the form sends.
#[derive(Deserialize)]
pub struct DecisionForm {
    csrf: Option<String>,
    key: String,
    /// `release` or `reject`: the button that was pressed.
    decision: String,
    reason: String,
    /// Present when the box was ticked.
    alike: Option<String>,
}

/// Decides a finding, and shows it again.
pub async fn decide(
    state: web::Data<State>,
    visitor: Visitor,
    request: HttpRequest,
    id: web::Path<String>,
    form: web::Form<DecisionForm>,
) -> HttpResponse {
    let made = async {
        visitor.check_operator()?;
        visitor.caller.check_csrf(form.csrf.as_deref())?;
        let decision = match form.decision.as_str() {
            "release" => Decision::Release,
            "reject" => Decision::Reject,
            _ => return Err(ApiError::invalid("decision", "is neither release nor reject")),
        };
        let alike = form.alike.is_some();
        let verdict = Verdict { decision, reason: &form.reason, alike };
        let actor = visitor.caller.actor();
        let once = Idempotency::of(&request, &form.key, &verdict.hashed(), &actor.0, state.now())?;
        decide_one(&state, &visitor.caller, &id, verdict, &once).await
    };
    match made.await {
        Ok(_) => visitor.lead_to(&format!("/billing/findings/{}", encode(&id))),
        Err(error) => visitor.page(Err(error)),
    }
}
