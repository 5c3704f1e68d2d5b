//! Tests of money, periods, metering and rating.

mod history;
mod matching;
mod metering;
mod models;
mod money;
mod oracle;
mod period;
mod properties;
mod world;
