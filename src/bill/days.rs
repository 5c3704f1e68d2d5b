//! What each local day adds to a month, for charts. PURE.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::ids::OwnerRef;
use crate::money::Exact;
use crate::period::local_date;
use crate::rate::Charge;

/// Exact amount of one owner's charges on one local day, before rounding, in major units.
#[derive(Clone, Debug)]
pub struct DayAmount {
    /// `YYYY-MM-DD` in the customer's zone.
    pub day: String,
    /// `None` for charges of a pool as a whole (packages, tier fees, minimum, cap).
    pub owner: Option<OwnerRef>,
    pub amount: Exact,
}

/// Sums charges by day and owner, ascending by day. A charge counts on the day on which its use
/// began; one of a pool as a whole on the first day of its segment.
pub fn by_day(charges: &[Charge], zone: &TimeZone) -> Vec<DayAmount> {
    let mut sums: BTreeMap<(String, Option<OwnerRef>), Exact> = BTreeMap::new();
    for charge in charges {
        let resource = charge.resource.as_ref();
        let at = resource.map_or(charge.segment.from, |resource| resource.span.from);
        let Some(day) = local_date(at, zone) else { continue };
        let owner = resource.map(|resource| resource.facts.owner.clone());
        let sum = sums.entry((day.to_string(), owner)).or_insert(Exact::ZERO);
        sum.add_assign(&charge.amount());
    }
    let row = |((day, owner), amount)| DayAmount { day, owner, amount };
    sums.into_iter().map(row).collect()
}
