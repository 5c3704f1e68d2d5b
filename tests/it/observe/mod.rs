//! Observations: intervals to the second from events, listings, or both, and usage of them.

mod derived;
mod events;
mod intervals;
mod life;
mod live;
mod world;
