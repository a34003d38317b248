//! The Parley relay: accounts, chats as logs, offline buffers, topics and signals in one binary.
//!
//! Data walks one way: `routes` → `session` (one socket) → `dispatch` (the one match on a client's frame) → `chats`,
//! `topics`, `signals` → the log's writer (`store`, `log`) → `live` (fan-out to sessions). Around it stand `accounts`
//! (who may come in), `serve` (connections) and `server` (starting and stopping).

pub mod chats;
pub mod config;
pub mod files;
pub mod limits;
pub mod live;
pub mod logging;
pub mod relay;
pub mod session;
pub mod sessions;
pub mod store;
pub mod watched;
pub mod ws;

mod accounts;
mod address;
mod catch_up;
mod connections;
mod dispatch;
mod feeds;
mod frame_rates;
mod hello;
mod log;
mod mailbox;
mod metrics;
mod presence;
mod pulse;
mod rates;
mod routes;
mod serve;
mod server;
mod signals;
mod socket;
#[cfg(test)]
mod testing;
mod topics;

pub use accounts::{KeyError, StartError};
pub use server::{RunError, Server, database, invite, run};
