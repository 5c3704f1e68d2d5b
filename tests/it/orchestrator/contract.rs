//! What every orchestrator must keep to, told over the trait alone.
//!
//! Each way of metering that `capabilities` names must work, and each that it does not name must
//! be refused in plain words.

use std::collections::{BTreeMap, BTreeSet};

use billow::collect::observation::{Certainty, Observation};
use billow::meter::meter_of;
use billow::orchestrator::{
    Answer, Credential, ObservationAsk, Orchestrator, OrchestratorError, OwnerKind, ParsedRecord,
    RawObservations, RawPage, SignIn,
};
use billow::period::{Span, zone_of};

/// A user whom the orchestrator knows.
pub(crate) struct KnownUser {
    pub name: String,
    pub password: String,
    pub domain: String,
}

/// Checks an orchestrator that has usage in `window`, which lies before its present, and knows
/// `user`.
pub(crate) async fn holds(orchestrator: &dyn Orchestrator, window: Span, user: &KnownUser) {
    let can = orchestrator.capabilities();
    if can.windowed_usage {
        watermark(orchestrator, window).await;
        usage(orchestrator, window).await;
    } else {
        refused(orchestrator.fetch_watermark().await);
        refused(orchestrator.fetch_usage(window).await);
    }
    let owners = owners(orchestrator).await;
    if can.observations {
        observations(orchestrator, window, &owners).await;
    } else {
        let ask = ObservationAsk { now: window.until, since: None };
        refused(orchestrator.fetch_observations(ask).await);
    }
    assert!(can.windowed_usage || can.derived_usage, "nothing is metered");
    assert!(can.observations || !can.derived_usage, "derived of nothing");
    foreign_pages(orchestrator);
    catalog(orchestrator).await;
    inventory(orchestrator, &owners).await;
    sign_in(orchestrator, user, &owners).await;
    foreign_credentials(orchestrator).await;
    let checks = orchestrator.check().await;
    assert!(!checks.is_empty());
    for check in checks.iter().filter(|check| !check.ok) {
        assert!(!check.why.is_empty() && !check.mend.is_empty(), "{check:?}");
    }
}

/// What an orchestrator cannot do, it refuses, and says so.
fn refused<T: std::fmt::Debug>(answer: Answer<T>) {
    let error = answer.expect_err("it cannot do that");
    assert!(matches!(error, OrchestratorError::Refused { .. }), "{error:?}");
    assert!(!error.is_retryable());
}

async fn look(orchestrator: &dyn Orchestrator, ask: ObservationAsk) -> RawObservations {
    let raw = orchestrator.fetch_observations(ask).await.expect("a round");
    assert_eq!(raw.seen_at, ask.now);
    assert!(!raw.complete.is_empty(), "nothing was listed to its end");
    raw
}

fn parse(orchestrator: &dyn Orchestrator, raw: &RawObservations) -> Vec<Observation> {
    let mut all = Vec::new();
    for page in &raw.pages {
        for row in orchestrator.parse_observations(page, raw.seen_at).expect("a page") {
            assert!(orchestrator.raw_record(page, row.index).is_some(), "{row:?}");
            all.push(row.outcome.expect("an observation"));
        }
    }
    all
}

/// Histories reach back, listings are of now, and both are of owners that are known.
async fn observations(orchestrator: &dyn Orchestrator, window: Span, owners: &BTreeSet<String>) {
    let ask = ObservationAsk { now: window.until, since: None };
    let all = parse(orchestrator, &look(orchestrator, ask).await);
    assert!(!all.is_empty(), "nothing is there");
    for one in &all {
        assert_eq!(&one.owner.source, orchestrator.source());
        assert!(owners.contains(&one.owner.id), "{one:?}");
        assert!(!one.resource.is_empty(), "{one:?}");
        assert!(one.at_micros <= window.until * 1_000_000, "{one:?}");
        assert!(one.state.is_none_or(|state| state.fits(one.kind)), "{one:?}");
        match one.certainty {
            Certainty::Seen => assert_eq!(one.at(), window.until, "{one:?}"),
            Certainty::Made => assert_eq!((one.state, one.attributes.len()), (None, 0), "{one:?}"),
            Certainty::Event | Certainty::Heard => {}
            Certainty::Missing => panic!("the core alone tells what is missing: {one:?}"),
        }
    }
    let inside = |one: &&Observation| window.contains(one.at());
    let told = |one: &&Observation| one.certainty == Certainty::Event;
    if orchestrator.capabilities().derived_usage {
        assert!(all.iter().filter(told).any(|one| inside(&one)), "no history in the window");
    }
    assert_eq!(all, parse(orchestrator, &look(orchestrator, ask).await), "read twice");
    // What changed since is a part of what there is.
    let since = ObservationAsk { now: window.until, since: Some(window.from) };
    let later = parse(orchestrator, &look(orchestrator, since).await);
    for one in later.iter().filter(|one| told(one) && inside(one)) {
        assert!(all.contains(one), "{one:?}");
    }
    let shown = |all: &[Observation]| -> BTreeSet<String> {
        let seen = all.iter().filter(|one| one.certainty == Certainty::Seen);
        seen.map(|one| format!("{:?} {}", one.kind, one.resource)).collect()
    };
    assert_eq!(shown(&all), shown(&later), "a listing is always whole");
}

async fn watermark(orchestrator: &dyn Orchestrator, window: Span) {
    let watermark = orchestrator.fetch_watermark().await.expect("a watermark");
    assert!(watermark.closed_until >= window.until, "{watermark:?}");
    assert!(watermark.window_seconds > 0);
    zone_of(&watermark.zone).expect("a zone of the IANA database");
}

async fn read(orchestrator: &dyn Orchestrator, window: Span) -> Vec<ParsedRecord> {
    let raw = orchestrator.fetch_usage(window).await.expect("a window");
    assert_eq!(raw.window, window);
    let mut all = Vec::new();
    for page in &raw.pages {
        let parsed = orchestrator.parse_usage(page).expect("a page");
        for (position, row) in parsed.iter().enumerate() {
            assert_eq!(row.index, position);
            assert!(orchestrator.raw_record(page, row.index).is_some(), "{row:?}");
        }
        assert_eq!(orchestrator.raw_record(page, parsed.len()), None);
        all.extend(parsed);
    }
    all
}

async fn usage(orchestrator: &dyn Orchestrator, window: Span) {
    let rows = read(orchestrator, window).await;
    assert!(!rows.is_empty(), "the window has no usage");
    let mut unknown = BTreeMap::new();
    for row in &rows {
        let record = row.outcome.as_ref().expect("a record");
        assert_eq!(&record.owner.source, orchestrator.source());
        assert!(!record.owner.id.is_empty());
        assert!(window.from <= record.span.from && record.span.until <= window.until);
        assert!(!record.span.is_empty(), "{record:?}");
        assert!(!record.quantity.is_negative(), "{record:?}");
        assert_eq!(record.identity.len(), 32, "{record:?}");
        assert!(!record.resource.is_empty() || row.disguise.is_some(), "{record:?}");
        if meter_of(&record.meter).is_none() {
            *unknown.entry(record.meter.clone()).or_insert(0) += 1;
        }
    }
    // What nobody knows is kept, and is the exception.
    assert!(unknown.values().sum::<usize>() * 20 <= rows.len(), "{unknown:?}");
    let text = |rows: &[ParsedRecord]| {
        let mut lines: Vec<String> = rows.iter().map(|row| format!("{:?}", row.outcome)).collect();
        lines.sort();
        lines
    };
    assert_eq!(text(&rows), text(&read(orchestrator, window).await), "read twice");
    let before = Span::new(86_400, 2 * 86_400);
    assert!(read(orchestrator, before).await.is_empty(), "usage in 1970");
}

fn foreign_pages(orchestrator: &dyn Orchestrator) {
    for body in ["", "<html></html>", "{", "[]", "\u{0}", "{\"a\":1}"] {
        let page = RawPage { request: "foreign".to_owned(), page: 1, body: body.into() };
        let refused = orchestrator.parse_usage(&page);
        assert!(matches!(refused, Err(OrchestratorError::Malformed { .. })), "{body:?}");
        let refused = orchestrator.parse_observations(&page, 0);
        assert!(matches!(refused, Err(OrchestratorError::Malformed { .. })), "{body:?}");
        let refused = orchestrator.parse_event(body.as_bytes());
        assert!(matches!(refused, Err(OrchestratorError::Malformed { .. })), "{body:?}");
        assert_eq!(orchestrator.raw_record(&page, 0), None);
    }
}

async fn owners(orchestrator: &dyn Orchestrator) -> BTreeSet<String> {
    let owners = orchestrator.fetch_owners().await.expect("owners");
    let ids: BTreeSet<String> = owners.iter().map(|owner| owner.id.clone()).collect();
    assert_eq!(ids.len(), owners.len(), "an id twice");
    for owner in &owners {
        assert!(!owner.domain_path.is_empty(), "{owner:?}");
        if let Some(domain) = &owner.domain_id {
            assert!(ids.contains(domain), "{owner:?}");
        }
        assert!(owner.kind == OwnerKind::Domain || owner.domain_id.is_some(), "{owner:?}");
        if let Some(account) = &owner.account_id {
            assert!(owner.kind == OwnerKind::Project && ids.contains(account), "{owner:?}");
        }
    }
    assert!(owners.iter().any(|owner| owner.internal), "nobody is internal");
    ids
}

async fn catalog(orchestrator: &dyn Orchestrator) {
    let items = orchestrator.fetch_catalog().await.expect("a catalogue");
    assert!(!items.is_empty());
    let keys: BTreeSet<_> = items.iter().map(|item| (item.kind, &item.id)).collect();
    assert_eq!(keys.len(), items.len(), "an item twice");
}

async fn inventory(orchestrator: &dyn Orchestrator, owners: &BTreeSet<String>) {
    for item in orchestrator.fetch_inventory().await.expect("an inventory") {
        assert!(owners.contains(&item.owner), "{item:?}");
        assert!(meter_of(&item.meter).is_some(), "{item:?}");
        assert!(!item.resource.is_empty(), "{item:?}");
    }
}

async fn sign_in(orchestrator: &dyn Orchestrator, user: &KnownUser, owners: &BTreeSet<String>) {
    if !orchestrator.capabilities().password {
        return;
    }
    let login = |password: &str| Credential::Password {
        name: user.name.clone(),
        password: password.to_owned(),
        domain: user.domain.clone(),
        project: None,
        second_factor: None,
    };
    let wrong = orchestrator.sign_in(login("not the password")).await.expect("an answer");
    assert!(matches!(wrong, SignIn::Refused { .. }), "{wrong:?}");
    let right = orchestrator.sign_in(login(&user.password)).await.expect("an answer");
    let SignIn::Accepted(identity) = right else { panic!("{right:?}") };
    assert_eq!(&identity.source, orchestrator.source());
    assert_eq!(identity.user_name, user.name);
    assert!(identity.owners.contains(&identity.account_id));
    assert!(identity.owners.iter().all(|owner| owners.contains(owner)), "{identity:?}");
}

/// Credentials that nobody was given, of every kind, are refused: none is an error.
async fn foreign_credentials(orchestrator: &dyn Orchestrator) {
    for credential in [
        Credential::ConsoleSession { session: "something".to_owned(), key: String::new() },
        Credential::Token { token: "something".to_owned() },
        Credential::Token { token: String::new() },
    ] {
        let answer = orchestrator.sign_in(credential).await.expect("an answer");
        assert!(matches!(answer, SignIn::Refused { .. }), "{answer:?}");
    }
}
