//! The Parley relay: accounts, chats as logs, offline buffers, topics and signals in one binary.
//!
//! Data walks one way: `routes` → `session` (one socket) → `dispatch` (the one match on a client's frame) → `chats`,
//! `topics`, `signals` → the log's writer (`store`, `log`) → `live` (fan-out to sessions). Around it stand `accounts`
//! (who may come in), `serve` (connections) and `server` (starting and stopping).

pub mod config;
pub mod limits;
pub mod live;
pub mod logging;
pub mod sessions;
pub mod store;

mod accounts;
mod address;
mod feeds;
mod log;
mod mailbox;
mod metrics;
mod rates;
mod relay;
mod routes;
mod serve;
mod server;
mod session;

pub use accounts::{KeyError, StartError};
pub use server::{RunError, Server, database, invite, run};
