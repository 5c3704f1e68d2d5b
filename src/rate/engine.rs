//! The rating engine: matching, tiers, included units, minimum and cap. PURE.

use super::{Rating, RatingInput};

/// Rates metered quantities. A function of its input alone: same input, same charges.
pub fn rate(input: &RatingInput<'_>) -> Rating {
    let _ = input;
    todo!()
}
