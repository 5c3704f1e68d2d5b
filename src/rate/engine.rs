//! The rating engine: quantities into runs, runs into charges. PURE.
//!
//! How it counts: positions of tiers, included units, packages, minimum and cap belong to a pool
//! (price code and tier scope) and go on through the segments of the period and through the
//! versions of the price. They start anew with a version in which the price has changed and says
//! `tier_restart`, or in which its unit has changed, as hours are no position among months.

use std::cmp::Ordering;

use super::gather::gather;
use super::pool::Pools;
use super::{Rating, RatingInput};

/// Rates metered quantities. A function of its input alone: same input, same charges.
pub fn rate(input: &RatingInput<'_>) -> Rating {
    let mut gathered = gather(input);
    let pools = std::mem::take(&mut gathered.pools);
    gathered.runs.sort_unstable_by(|a, b| {
        let by_price = (a.segment, a.price).cmp(&(b.segment, b.price));
        by_price.then_with(|| {
            if a.pool == b.pool { Ordering::Equal } else { pools[a.pool].cmp(&pools[b.pool]) }
        })
    });
    gathered.pools = pools;
    let charges = Pools::new(input, &gathered).charges();
    Rating { charges, unpriced: gathered.unpriced, decisions: gathered.decisions }
}
