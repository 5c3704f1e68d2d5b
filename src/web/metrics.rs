//! `/metrics` in Prometheus' text form: what the process counted, and how the data stands.

use std::fmt::Write as _;
use std::sync::Mutex;

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::store::{Figures, ObservedFigures};

static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// The process's recorder, installed at first use: there can be one only, whatever serves.
pub fn recorder() -> anyhow::Result<PrometheusHandle> {
    let mut slot = match RECORDER.lock() {
        Ok(slot) => slot,
        Err(poisoned) => poisoned.into_inner(),
    };
    if let Some(handle) = slot.as_ref() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        // Upper bounds of the request times, in seconds.
        .set_buckets(&[0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0])
        .and_then(PrometheusBuilder::install_recorder)
        .context("install the metrics recorder")?;
    *slot = Some(handle.clone());
    Ok(handle)
}

/// The counted figures and the data's, as text. `now` is the business clock's.
pub fn render(handle: &PrometheusHandle, figures: &Figures, now: i64) -> String {
    handle.run_upkeep();
    let mut text = handle.render();
    render_observed(&mut text, &figures.observed, now);
    let mut gauge = |name: &str, help: &str, rows: &[(String, i64)]| {
        write_metric(&mut text, (name, "gauge"), help, rows);
    };
    let by_source = |value: &dyn Fn(&super::store::SourceFigures) -> i64| {
        figures
            .sources
            .iter()
            .map(|source| (label("source", &source.source), value(source)))
            .collect::<Vec<_>>()
    };
    gauge(
        "billow_collect_lag_seconds",
        "Seconds of closed usage not collected yet.",
        &by_source(&|source| (source.orchestrator_until - source.collected_until).max(0)),
    );
    gauge(
        "billow_collect_age_seconds",
        "Seconds since the last collection that succeeded.",
        &by_source(&|source| (now - source.last_success_at).max(0)),
    );
    gauge(
        "billow_usage_complete_until_seconds",
        "Instant up to which usage is collected, unix time.",
        &by_source(&|source| source.collected_until),
    );
    let labelled = |name: &'static str, counts: &[(String, i64)]| {
        counts.iter().map(|(key, count)| (label(name, key), *count)).collect::<Vec<_>>()
    };
    gauge(
        "billow_findings_open",
        "Open findings by rule.",
        &labelled("rule", &figures.open_findings),
    );
    gauge("billow_drafts", "Drafts by state.", &labelled("state", &figures.drafts));
    gauge(
        "billow_documents_issued",
        "Issued invoices and credit notes.",
        &[(String::new(), figures.issued_documents)],
    );
    text
}

fn write_metric(text: &mut String, (name, kind): (&str, &str), help: &str, rows: &[(String, i64)]) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in rows {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

/// How current the sources are that are looked at or tell events.
fn render_observed(text: &mut String, observed: &[ObservedFigures], now: i64) {
    let mut write = |name, help, value: &dyn Fn(&ObservedFigures) -> Option<i64>| {
        let row = |one: &ObservedFigures| Some((label("source", &one.source), value(one)?));
        let rows: Vec<_> = observed.iter().filter_map(row).collect();
        write_metric(text, name, help, &rows);
    };
    let told = |one: &ObservedFigures| one.last_event_at > 0;
    write(
        ("billow_observe_age_seconds", "gauge"),
        "Seconds since the last look at all that the source has.",
        &|one| (one.last_round_at > 0).then(|| (now - one.last_round_at).max(0)),
    );
    write(("billow_events_age_seconds", "gauge"), "Seconds since the last event came.", &|one| {
        told(one).then(|| (now - one.last_event_at).max(0))
    });
    write(
        ("billow_events_delay_seconds", "gauge"),
        "Seconds from when the last event happened until it was stored.",
        &|one| told(one).then(|| (one.last_event_at - one.last_event_of).max(0)),
    );
    write(("billow_events_total", "counter"), "Events stored.", &|one| Some(one.events));
    write(
        ("billow_events_malformed_total", "counter"),
        "Messages that are no event and were kept as findings.",
        &|one| Some(one.events_malformed),
    );
}

fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{{{name}=\"{value}\"}}")
}
