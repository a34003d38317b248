//! The Parley relay: accounts, chats as logs, offline buffers, topics and signals in one binary.
//!
//! Data walks one way: routes → `session` (one socket) → `dispatch` (the one match on a client's frame) → `chats`,
//! `topics`, `signals` → the log's writer (`store`, `log`) → `live` (fan-out to sessions).

pub mod limits;
pub mod live;
pub mod sessions;
pub mod store;

mod feeds;
mod log;
mod mailbox;
