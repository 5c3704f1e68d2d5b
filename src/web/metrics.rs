//! `/metrics` in Prometheus' text form: what the process counted, and how the data stands.

use std::fmt::Write as _;
use std::sync::Mutex;

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::store::Figures;

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
    let mut gauge = |name: &str, help: &str, rows: &[(String, i64)]| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in rows {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
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

fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{{{name}=\"{value}\"}}")
}
