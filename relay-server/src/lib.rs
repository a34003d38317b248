//! The Parley relay: accounts, chats as logs, offline buffers, topics and signals in one binary.
//!
//! Data walks one way: routes → `session` (one socket) → `dispatch` (the one match on a client's frame) → `chats`,
//! `topics`, `signals` → the log's writer (`store`, `log`) → `live` (fan-out to sessions).

pub mod chats;
pub mod limits;
pub mod live;
pub mod relay;
pub mod session;
pub mod sessions;
pub mod store;
pub mod watched;
pub mod ws;

mod catch_up;
mod dispatch;
mod feeds;
mod frame_rates;
mod hello;
mod log;
mod mailbox;
mod presence;
mod signals;
mod topics;
