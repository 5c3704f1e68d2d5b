//! `/billing/findings`: doubts that hold invoices; operators decide them here.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use super::shell::{Page, Visitor, encode};
use super::texts::{self, Text};
use crate::finding::decision::Decision;
use crate::finding::{Finding, FindingState};
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
    let title = visitor.text(texts::FINDINGS).to_owned();
    let body = html! {
        h1 { (title) }
        nav.tabs {
            @for other in STATES {
                a href=(visitor.link_with("/billing/findings", &[("state", state_value(other))]))
                    aria-current=[(other == shown).then_some("page")] {
                    (visitor.text(state_text(other)))
                }
                " "
            }
        }
        @if rows.is_empty() {
            p.quiet { (visitor.text(texts::NO_FINDINGS)) }
        } @else {
            (table(visitor, &rows))
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

/// Findings as a table.
pub fn table(visitor: &Visitor, findings: &[Finding]) -> Markup {
    let heads = [texts::WHAT, texts::METER, texts::SPAN, texts::STATE];
    html! {
        table.list {
            thead { tr { @for head in heads { th scope="col" { (visitor.text(head)) } } } }
            tbody {
                @for finding in findings {
                    @let address = format!("/billing/findings/{}", encode(&finding.id.0));
                    @let href = visitor.link(&address);
                    tr {
                        td {
                            // What a rating finds, such as a missing price, has no page of its own.
                            @if is_stored(finding) { a href=(href) { (finding.message) } }
                            @else { (finding.message) }
                        }
                        td { (format::meter(&finding.meter, visitor.language)) }
                        td { (format::instant(finding.span.from, visitor.language)) }
                        td { span.tag { (visitor.text(state_text(finding.state))) } }
                    }
                }
            }
        }
    }
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
    let title = format!("{} {}", visitor.text(texts::FINDING), finding.rule);
    let body = html! {
        p.crumbs { a href=(visitor.link("/billing/findings")) { (visitor.text(texts::FINDINGS)) } }
        h1 { (finding.message) }
        section.card {
            dl.facts {
                dt { (visitor.text(texts::RULE)) } dd { code { (finding.rule) } }
                dt { (visitor.text(texts::STATE)) }
                dd { span.tag { (visitor.text(state_text(finding.state))) } }
                dt { (visitor.text(texts::RESOURCE)) } dd { (finding.resource) }
                dt { (visitor.text(texts::METER)) } dd { (finding.meter) }
                dt { (visitor.text(texts::SPAN)) }
                dd {
                    (format::instant(finding.span.from, visitor.language)) " – "
                    (format::instant(finding.span.until, visitor.language))
                }
            }
            pre { (super::line::pretty(&finding.detail)) }
        }
        @if visitor.is_operator() && finding.state == FindingState::Open {
            (decision(visitor, &finding))
        }
    };
    Ok(Page { title, body, live: false })
}

fn decision(visitor: &Visitor, finding: &Finding) -> Markup {
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
            button.primary type="submit" name="decision" value="release" {
                (visitor.text(texts::RELEASE))
            }
            " "
            button type="submit" name="decision" value="reject" { (visitor.text(texts::REJECT)) }
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
        let verdict = Verdict { decision, reason: &form.reason };
        let actor = visitor.caller.actor();
        let once = Idempotency::of(&request, &form.key, &verdict.hashed(), &actor.0, state.now())?;
        decide_one(&state, &visitor.caller, &id, verdict, &once).await
    };
    match made.await {
        Ok(_) => visitor.lead_to(&format!("/billing/findings/{}", encode(&id))),
        Err(error) => visitor.page(Err(error)),
    }
}
