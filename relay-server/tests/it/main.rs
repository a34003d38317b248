//! Stories about a real relay, with a real database in a temporary folder: most on port 0, spoken to over HTTP and
//! WebSocket as any client would; those of delivery over in-memory pipes, whose size makes a reader slow.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::panic, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "one binary: whatever is shared is `pub`")]

mod relay;
mod support;

mod accounts;
mod authorisation;
mod chats;
mod configuration;
mod delivery;
mod devices;
mod disk;
mod http;
mod limits;
mod live;
mod membership;
mod open_chats;
mod secrecy;
mod sessions;
mod socket;
mod store;
mod tokens;
mod trimming;
