//! Periods that were run before their usage came: they have no invoice, so that there is nothing
//! that a later invoice could correct. A run of a later period drafts their first invoice.

use super::store::changed_since;
use crate::customer::Agreement;
use crate::customer::store::load_mappings;
use crate::period::{BillingCycle, PeriodLabel, Span};
use crate::store::{Conn, StoreError};

/// Those of `labels` in which an owner of the agreement's customer has usage.
pub(super) async fn used(
    conn: &mut Conn,
    agreement: &Agreement,
    (cycle, known_at): (&BillingCycle, i64),
    labels: Vec<PeriodLabel>,
) -> Result<Vec<PeriodLabel>, StoreError> {
    let agreed = Span::new(agreement.from, agreement.until);
    let mut used = Vec::new();
    for label in labels {
        let period = cycle.period(label).map_err(|e| StoreError::Conflict(e.to_string()))?;
        if !agreed.overlaps(period.span) {
            continue;
        }
        let span = period.span.intersect(agreed);
        for mapping in load_mappings(conn, &agreement.customer, span, known_at).await? {
            let mapped = span.intersect(Span::new(mapping.from, mapping.until));
            if changed_since(conn, &mapping.owner, mapped, i64::MIN).await? {
                used.push(label);
                break;
            }
        }
    }
    Ok(used)
}
