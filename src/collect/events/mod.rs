//! Events: what a source tells by itself, as it happens.
//!
//! They come at least once, in any order, and may be missing: what they tell becomes observations
//! like those of listings ([`intake`]), of which the same again adds nothing, and the next round
//! of listings makes good what never came. [`bus`] takes them from a message broker.

pub mod bus;
pub mod intake;
