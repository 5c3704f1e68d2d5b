//! Usage and live figures from observations, where the orchestrator reports states, not hours.
//!
//! Rounds of listings and events become stored observations ([`intake`]), observations of a
//! resource become intervals ([`interval`]), and intervals become usage records of whole days
//! ([`derive`]); of the time since then they are provisional ([`live`]). Invariants: observations
//! are only ever added, and any repeat adds nothing; what was not evidenced is not billed; better
//! evidence makes new revisions, never other rows.

pub mod derive;
pub mod excerpt;
pub mod intake;
pub mod interval;
pub mod live;
pub mod meters;
pub mod news;
pub mod round;
pub mod store;
