//! Parley's relay (partial).
mod address;
pub mod config;
pub mod limits;
mod metrics;
mod rates;
pub mod logging;
